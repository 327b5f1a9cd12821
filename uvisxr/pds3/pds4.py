"""PDS4 labels of the archive's migrated products, as the keywords of their PDS3 labels.

The labels are those that the PDS Ring-Moon Systems Node makes of the raw data: an
`Array_3D_Spectrum` where the PDS3 label has a QUBE, a `Table_Binary` where it has a SPECTRUM, and
one `Detector_Window` per window (SETI, rms-data-projects, COUVIS/euv_fuv_data_raw_template.xml).
Element names are compared without their namespaces, which change with the version.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

#: Keywords of the mission's own part of the label, by the elements that hold them.
_OWN = {
    "mission_phase_name": "MISSION_PHASE_NAME",
    "compression_type": "COMPRESSION_TYPE",
    "high_voltage_power_supply_state": "HI_VOLTAGE_POWER_SUPPLY_STATE",
    "observation_id": "OBSERVATION_ID",
    "occultation_port_state": "OCCULTATION_PORT_STATE",
    "odc_id": "ODC_ID",
    "slit_state": "SLIT_STATE",
    "test_pulse_state": "TEST_PULSE_STATE",
}

#: How the identifiers of the UVIS bundles, of the cruise and of Saturn, begin.
BUNDLE = "urn:nasa:pds:cassini_uvis"

_WINDOW = ("ul_corner_line", "ul_corner_band", "lr_corner_line", "lr_corner_band")
_BINS = ("band_bin", "line_bin")

_TYPES = {"UnsignedMSB2": ("MSB_UNSIGNED_INTEGER", 2), "IEEE754MSBSingle": ("IEEE_REAL", 4)}


def recognised(head: bytes) -> bool:
    """Whether a file that begins so is the PDS4 label of a product."""
    return b"<Product_Observational" in head


def loads(text: bytes) -> dict[str, Any]:
    """The keywords of a label.

    Parameters
    ----------
    text : bytes
        A whole label.

    Returns
    -------
    dict
        As `odl.loads` returns them, "QUBE" and "SPECTRUM" among them; what the label does not say
        is left out. The target is the first of those named.

    Raises
    ------
    ValueError
        The text is not XML, or describes data in a form that no UVIS product has.
    """
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    for element in root.iter():
        # Comments have a function for a tag.
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    found = {
        "INSTRUMENT_HOST_NAME": _text(root, "Observing_System/name"),
        "INSTRUMENT_ID": _instrument(root),
        "TARGET_NAME": (_text(root, "Target_Identification/name") or "").upper(),
        "START_TIME": _text(root, "start_time_doy") or _text(root, "start_date_time"),
        "SPACECRAFT_CLOCK_START_COUNT": _clock(root),
        "INTEGRATION_DURATION": _duration(root),
        **_source(root),
        **{key: _number(_text(root, name)) for name, key in _OWN.items()},
    }
    area = root.find(".//File_Area_Observational")
    found |= {} if area is None else _data(area, root)
    return {key: value for key, value in found.items() if value not in (None, "")}


def _all(root: ElementTree.Element, path: str) -> Iterator[ElementTree.Element]:
    return iter(root.findall(f".//{path}"))


def _text(root: ElementTree.Element, path: str) -> str | None:
    found = root.findtext(f".//{path}")
    return None if found is None else " ".join(found.split())


def _number(text: str | None) -> Any:
    try:
        value = float(text or "")
    except ValueError:
        return text
    return int(value) if value.is_integer() else value


def _duration(root: ElementTree.Element) -> Any:
    """The number alone if it is in seconds, as it must be, or in no stated unit."""
    element = root.find(".//integration_duration")
    unit = "s" if element is None else element.get("unit", "s").strip()
    if unit.lower() not in ("s", "second", "seconds"):
        raise ValueError(f"integration_duration is in {unit}: expected s")
    return _number(_text(root, "integration_duration"))


def _instrument(root: ElementTree.Element) -> str:
    identifier = _text(root, "logical_identifier") or "no instrument"
    return "UVIS" if identifier.startswith(BUNDLE) else identifier


def _source(root: ElementTree.Element) -> dict[str, str | None]:
    """The identifiers of the PDS3 product, DATA_SET_ID:PRODUCT_ID; by the name of the file else."""
    given = _text(root, "external_source_product_identifier") or ""
    data_set, _, product = given.rpartition(":")
    if not product:
        parts = (_text(root, "file_name") or "").partition(".")[0].upper().split("_")
        # Migrated files are called 2005_230_15_15_fuv.
        product = parts[-1] + "_".join(parts[:-1]) if parts[-1].isalpha() else "_".join(parts)
    return {"DATA_SET_ID": data_set, "PRODUCT_ID": product}


def _clock(root: ElementTree.Element) -> str | None:
    count = _text(root, "spacecraft_clock_start_count")
    partition = _text(root, "spacecraft_clock_count_partition") or "1"
    return count and f"{partition}/{count}"


def _data(area: ElementTree.Element, root: ElementTree.Element) -> dict[str, Any]:
    """The data object, under the name it has in a PDS3 label, and the pointer to its file."""
    windows = list(_all(root, "Detector_Window"))
    block: dict[str, Any] = {
        key.upper(): [_number(_text(window, key)) for window in windows]
        for key in (*_WINDOW, *_BINS)
        if windows
    }
    array, table = area.find("Array_3D_Spectrum"), area.find("Table_Binary")
    if array is not None:
        name, block = "QUBE", block | _array(array)
    elif table is not None:
        name, block = _table(table, block)
    else:
        return {child.tag: {} for child in area if child.tag != "File"}
    return {name: block, f"^{name}": _text(area, "file_name")}


def _array(array: ElementTree.Element) -> dict[str, Any]:
    _at_the_start(array)
    if _text(array, "axis_index_order") not in (None, "Last Index Fastest"):
        raise ValueError("axis_index_order is not Last Index Fastest")
    axes = sorted(
        _all(array, "Axis_Array"), key=lambda axis: float(_text(axis, "sequence_number") or "nan")
    )
    kind, size = _type(_text(array, "Element_Array/data_type"))
    return {
        # The first index of PDS3 is the last of PDS4.
        "AXIS_NAME": [(_text(axis, "axis_name") or "").upper() for axis in reversed(axes)],
        "CORE_ITEMS": [_number(_text(axis, "elements")) for axis in reversed(axes)],
        "CORE_ITEM_TYPE": kind,
        "CORE_ITEM_BYTES": size,
        "CORE_BASE": _number(_text(array, "Element_Array/value_offset")),
        "CORE_MULTIPLIER": _number(_text(array, "Element_Array/scaling_factor")),
    }


def _table(table: ElementTree.Element, block: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A SPECTRUM; a table without a detector window is a photometer's time series."""
    if not block:
        return "TIME_SERIES", {}
    _at_the_start(table)
    kind, size = _type(_text(table, "Field_Binary/data_type"))
    return "SPECTRUM", block | {
        "ROWS": _number(_text(table, "records")),
        "COLUMNS": _number(_text(table, "Record_Binary/fields")),
        "COLUMN": {
            "DATA_TYPE": kind,
            "BYTES": size,
            "OFFSET": _number(_text(table, "Field_Binary/value_offset")),
            "SCALING_FACTOR": _number(_text(table, "Field_Binary/scaling_factor")),
        },
    }


def _at_the_start(described: ElementTree.Element) -> None:
    offset = _number(_text(described, "offset") or "0")
    if offset != 0:
        raise ValueError(f"offset = {offset}: UVIS data begin with their file")


def _type(name: str | None) -> tuple[str, int]:
    return _TYPES.get(name or "", (str(name), 0))
