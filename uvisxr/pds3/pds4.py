"""PDS4 labels of the archive's migrated products, as the keywords of their PDS3 labels.

The labels are those that the PDS Ring-Moon Systems Node makes of the raw data: an
`Array_3D_Spectrum` where the PDS3 label has a QUBE, a `Table_Binary` where it has a SPECTRUM, and
one `Detector_Window` per window (SETI, rms-data-projects, COUVIS/euv_fuv_data_raw_template.xml).
Element names are compared without their namespaces, which change with the version. What a label
says twice, or with other elements in it, it does not say: that is an error, whatever the values.
"""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np

from ..checks import shown
from ..errors import shortened
from ..timescales import parse_instant
from . import odl, plain

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

#: Where a label names the file that it describes, if that is one of FITS.
_FITS = re.compile(rb"<(?:\w+:)?file_name>\s*([^<>]{1,255}\.fits?)\s*</", re.IGNORECASE)

#: How the identifiers of the UVIS bundles, of the cruise and of Saturn, begin.
BUNDLE = "urn:nasa:pds:cassini_uvis"

_WINDOW = ("ul_corner_line", "ul_corner_band", "lr_corner_line", "lr_corner_band")
_BINS = ("band_bin", "line_bin")

#: Types of values as PDS3 calls them, and their sizes in bytes.
_TYPES = {"UnsignedMSB2": ("MSB_UNSIGNED_INTEGER", 2), "IEEE754MSBSingle": ("IEEE_REAL", 4)}

#: What an element of one value may have besides it: a unit, or why there is no value.
_ATTRIBUTES = {"unit", "nil", "nilReason"}

#: Elements by which numbers would have to be taken apart.
_PARTS = ("bit_mask", "Packed_Data_Fields", "Group_Field_Binary")

#: What counts that were not stored are: all bits are set, which PDS3 labels call -1.
_NULLS = (65535, -1)

#: The two forms of a start may differ by so much, as one may have whole seconds only.
_SECOND = np.timedelta64(1, "s")


def recognised(head: bytes) -> bool:
    """Whether a file that begins so is the PDS4 label of a product."""
    return b"<Product_Observational" in letters(head)


def fits_file(text: bytes) -> str:
    """The name of the FITS file that a label describes; empty if it is of anything else."""
    found = _FITS.search(letters(text))
    return found[1].decode("utf-8", "replace") if found else ""


def letters(head: bytes) -> bytes:
    """The beginning of a file with one byte a letter, also where it is UTF-16."""
    return head.replace(b"\0", b"")


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
        The text is not XML, describes data in a form that no UVIS product has, or holds an element
        several times of which there is one.
    """
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        # An encoding that Python knows, but not for texts, is a LookupError.
        raise ValueError(str(error)) from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    area = _one(root, "File_Area_Observational")
    target = root.find(".//Target_Identification")
    found = {
        "INSTRUMENT_HOST_NAME": _text(root, "Observing_System/name"),
        "INSTRUMENT_ID": _instrument(root),
        "TARGET_NAME": "" if target is None else (_text(target, "name") or "").upper(),
        "START_TIME": _start(root),
        "STOP_TIME": _text(root, "stop_time_doy") or _text(root, "stop_date_time"),
        "FILE_SIZE": None if area is None else _size(area),
        "SPACECRAFT_CLOCK_START_COUNT": _clock(root),
        "INTEGRATION_DURATION": _duration(root),
        **_source(root, area),
        **{key: _number(root, name) for name, key in _OWN.items()},
    }
    found |= {} if area is None else _data(area, root)
    return {key: value for key, value in found.items() if value not in (None, "")}


def _one(root: ElementTree.Element, path: str) -> ElementTree.Element | None:
    """The element of a path, or None; ValueError if there are several."""
    found = root.findall(f".//{path}")
    if len(found) > 1:
        raise ValueError(f"{path} is given {len(found)} times: expected one")
    return found[0] if found else None


def _text(root: ElementTree.Element, path: str) -> str | None:
    """The text of the one element of a path, with single blanks; None without one."""
    element = _one(root, path)
    if element is None:
        return None
    attributes = {key.rpartition("}")[2] for key in element.attrib}
    if len(element) or not attributes <= _ATTRIBUTES:
        raise ValueError(f"{path} holds more than a text: expected nothing else")
    return " ".join(re.findall(r"[^ \t\r\n]+", element.text or ""))


def _number(root: ElementTree.Element, path: str) -> Any:
    """The number in an element, or its text if that is none."""
    text = _text(root, path)
    try:
        value = plain.number(text or "")
    except ValueError:
        return text
    return int(value) if float(value).is_integer() else value


def _require(root: ElementTree.Element, path: str, *expected: int, needed: bool = False) -> None:
    """Refuse the element of a path if it is not the number that it is of all UVIS data."""
    value = _number(root, path)
    if value not in expected and (value is not None or needed):
        raise ValueError(f"{path} = {shown(value)}: expected {expected[0]}")


def _start(root: ElementTree.Element) -> str | None:
    """The start, which is given by day of year and by date."""
    names = ("start_time_doy", "start_date_time")
    given = [text for name in names if (text := odl.known(_text(root, name)))]
    if len(given) == 2:
        first, second = (parse_instant(text).utc for text in given)
        if abs(first - second) > _SECOND:
            raise ValueError(f"{' and '.join(names)} differ: {' and '.join(map(shown, given))}")
    return given[0] if given else None


def _duration(root: ElementTree.Element) -> Any:
    """The number alone if it is in seconds, as it must be, or in no stated unit."""
    value = _number(root, "integration_duration")
    element = _one(root, "integration_duration")
    unit = "s" if element is None else element.get("unit", "s").strip()
    if unit.lower() not in ("s", "second", "seconds"):
        raise ValueError(f"integration_duration is in {shortened(unit)}: expected s")
    return value


def _instrument(root: ElementTree.Element) -> str:
    identifier = _text(root, "logical_identifier") or "no instrument"
    return "UVIS" if identifier.startswith(BUNDLE) else identifier


def _source(root: ElementTree.Element, area: ElementTree.Element | None) -> dict[str, str | None]:
    """The identifiers of the PDS3 product, DATA_SET_ID:PRODUCT_ID; by the name of the file else."""
    given = _text(root, "external_source_product_identifier") or ""
    data_set, _, product = given.rpartition(":")
    if not product and area is not None:
        parts = (_text(area, "file_name") or "").partition(".")[0].upper().split("_")
        # Migrated files are called 2005_230_15_15_fuv.
        product = parts[-1] + "_".join(parts[:-1]) if parts[-1].isalpha() else "_".join(parts)
    return {"DATA_SET_ID": data_set, "PRODUCT_ID": product}


def _clock(root: ElementTree.Element) -> str | None:
    count = _text(root, "spacecraft_clock_start_count")
    partition = _text(root, "spacecraft_clock_count_partition") or "1"
    return count and f"{partition}/{count}"


def _size(area: ElementTree.Element) -> Any:
    """Bytes of the data file; of a table also by the number of records that its file has."""
    size, records = _number(area, "File/file_size"), _number(area, "File/records")
    length = _number(area, "Table_Binary/Record_Binary/record_length")
    if size is None and isinstance(records, int) and isinstance(length, int):
        return records * length
    return size


def _data(area: ElementTree.Element, root: ElementTree.Element) -> dict[str, Any]:
    """The data object, under the name it has in a PDS3 label, and the pointer to its file."""
    windows = root.findall(".//Detector_Window")
    block: dict[str, Any] = {
        key.upper(): [_number(window, key) for window in windows]
        for key in (*_WINDOW, *_BINS)
        if windows
    }
    described = [child for child in area if child.tag != "File"]
    tags = [child.tag for child in described]
    # A table without a detector window is a photometer's time series.
    if "Table_Binary" in tags and not windows:
        return {"TIME_SERIES": {}}
    if not {"Array_3D_Spectrum", "Table_Binary"}.intersection(tags):
        return {tag: {} for tag in tags}
    if len(described) > 1:
        raise ValueError(f"it describes {shortened(' and '.join(tags))}: expected one of them")
    (data,) = described
    _require(data, "offset", 0, needed=True)
    for name in _PARTS:
        if data.find(f".//{name}") is not None:
            raise ValueError(f"it has a {name}, as no UVIS data have")
    name, more = ("QUBE", _array(data)) if tags[0] != "Table_Binary" else ("SPECTRUM", _table(data))
    return {name: block | more, f"^{name}": _text(area, "file_name")}


def _array(array: ElementTree.Element) -> dict[str, Any]:
    _require(array, "axes", 3, needed=True)
    order = _text(array, "axis_index_order")
    if order != "Last Index Fastest":
        raise ValueError(f"axis_index_order = {shown(order)}: expected Last Index Fastest")
    axes = array.findall(".//Axis_Array")
    numbers = [_number(axis, "sequence_number") for axis in axes]
    if len(axes) != 3 or set(numbers) != {1, 2, 3}:
        raise ValueError(f"sequence_number = {shown(numbers)}: expected 1, 2 and 3")
    # The first index of PDS3 is the last of PDS4.
    turned = [axes[numbers.index(number)] for number in (3, 2, 1)]
    kind, size = _values(array)
    return {
        "AXIS_NAME": [(_text(axis, "axis_name") or "").upper() for axis in turned],
        "CORE_ITEMS": [_number(axis, "elements") for axis in turned],
        "CORE_ITEM_TYPE": kind,
        "CORE_ITEM_BYTES": size,
        "CORE_UNIT": _text(array, "Element_Array/unit"),
    }


def _table(table: ElementTree.Element) -> dict[str, Any]:
    kind, size = _values(table)
    _require(table, "fields", 1, needed=True)
    _require(table, "groups", 0)
    _require(table, "field_location", 1, needed=True)
    _require(table, "field_length", size)
    _require(table, "record_length", size, needed=True)
    column = {"DATA_TYPE": kind, "BYTES": size}
    return {"ROWS": _number(table, "records"), "COLUMNS": 1, "COLUMN": column}


def _values(data: ElementTree.Element) -> tuple[str, int]:
    """Type and size of the values, which nothing may say mean anything but themselves."""
    name = _text(data, "data_type") or ""
    if name not in _TYPES:
        raise ValueError(f"data_type = {shown(name)}: expected {' or '.join(_TYPES)}")
    _require(data, "scaling_factor", 1)
    _require(data, "value_offset", 0)
    if name == "UnsignedMSB2":
        for element in data.iter():
            if element.tag.endswith(("_constant", "_saturation")):
                _require(data, element.tag, *_NULLS)
    return _TYPES[name]
