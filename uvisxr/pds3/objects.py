"""What a label says its data file holds: a QUBE of exposures, or one SPECTRUM.

A QUBE is a series of frames (users guide, chapter 2). A SPECTRUM is a table of one column with a
row per band: one exposure, in which all rows of the window are summed into one pixel. Its label
has BIN_SPATIAL and BIN_SPECTRAL where that of a QUBE has LINE_BIN and BAND_BIN. 29 products of the
archive are of this kind (SETI, rms-data-projects, COUVIS/EUV_FUV_SPECTRUM_objects.txt; read as
there and in rms-oops).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..errors import LabelError, ProductError, UnreadObjectError
from ..instrument.channel import N_BANDS, N_LINES
from . import odl

_TYPES = MappingProxyType(
    {
        ("MSB_UNSIGNED_INTEGER", 2): ">u2",
        ("IEEE_REAL", 4): ">f4",
    }
)

#: More exposures than any product has: a day of the shortest ones would have 700,000, in a file of
#: 90 GB.
_MOST_SAMPLES = 10**6

#: Keywords of a window, with the spellings of older labels and of the users guide.
_KEYS = MappingProxyType(
    {
        "ul_line": ("UL_CORNER_LINE", "UL_CORNER_SPATIAL"),
        "ul_band": ("UL_CORNER_BAND", "UL_CORNER_SPECTRAL"),
        "lr_line": ("LR_CORNER_LINE", "LR_CORNER_SPATIAL", "LR_SPATIAL"),
        "lr_band": ("LR_CORNER_BAND", "LR_CORNER_SPECTRAL", "LR_SPECTRAL"),
        "line_bin": ("LINE_BIN", "SPATIAL_BIN", "BIN_SPATIAL"),
        "band_bin": ("BAND_BIN", "SPECTRAL_BIN", "BIN_SPECTRAL"),
    }
)


@dataclass(frozen=True)
class DataObject:
    """The data object of a label.

    Attributes
    ----------
    kind : {"QUBE", "SPECTRUM"}
    shape : tuple of int
        Samples, lines and bands of the data file; the last varies fastest.
    dtype : str
        numpy type of one value in the data file.
    windows : tuple of dict
        Keyword arguments of each `Window`; a bin that the label leaves unsaid is None.
    pointer : str
        Name of the data file; "" if the label does not give it.
    """

    kind: str
    shape: tuple[int, int, int]
    dtype: str
    windows: tuple[dict[str, int | None], ...]
    pointer: str


def need(block: Any, key: str) -> Any:
    """The value of a keyword; LabelError if it is missing or unknown."""
    value = odl.known(block.get(key))
    if value is None:
        raise LabelError(f"{key} is missing")
    return value


def read(module: Mapping[str, Any]) -> DataObject:
    """The object that a parsed label describes.

    Raises
    ------
    UnreadObjectError
        It is neither a QUBE nor a SPECTRUM.
    LabelError
        A keyword is missing or has no valid value.
    ProductError
        Sizes contradict each other or the detector.
    """
    read_as = {"QUBE": _qube, "SPECTRUM": _spectrum}
    name = next((name for name in read_as if isinstance(module.get(name), Mapping)), None)
    if name is None:
        raise UnreadObjectError(_unread(module))
    value = module.get(f"^{name}", "")
    pointer = str(value[0] if isinstance(value, list | tuple) else value)
    return DataObject(name, *read_as[name](module[name]), pointer)


def _unread(module: Mapping[str, Any]) -> str:
    kinds = ", ".join(key for key, value in module.items() if isinstance(value, Mapping))
    instrument = re.match("[A-Z]*", str(module.get("PRODUCT_ID", "")).upper())
    of = f" of the {instrument[0]}" if instrument and instrument[0] else ""
    what = f"holds the object {kinds}" if kinds else "describes no data object"
    return (
        f"{what}{of}: uvisxr reads the objects QUBE and SPECTRUM of FUV and EUV; give such a "
        "product"
    )


_Parts = tuple[tuple[int, int, int], str, tuple[dict[str, int | None], ...]]


def _qube(qube: Any) -> _Parts:
    kind = str(need(qube, "CORE_ITEM_TYPE")), _whole(need(qube, "CORE_ITEM_BYTES"))
    return _shape(qube), _dtype(*kind), _windows(qube)


def _spectrum(spectrum: Any) -> _Parts:
    if _whole(odl.known(spectrum.get("COLUMNS")) or 1) != 1:
        raise LabelError(f"SPECTRUM with COLUMNS = {spectrum['COLUMNS']}: expected 1")
    column = spectrum.get("COLUMN")
    if not isinstance(column, Mapping):
        raise LabelError("the SPECTRUM has no COLUMN")
    dtype = _dtype(str(need(column, "DATA_TYPE")), _whole(need(column, "BYTES")))
    _require_unscaled(column, "OFFSET", "SCALING_FACTOR")
    if _whole(odl.known(column.get("ITEMS")) or 1) != 1:
        raise LabelError(f"COLUMN with ITEMS = {column['ITEMS']}: expected 1")
    bands = _whole(need(spectrum, "ROWS"))
    if not 1 <= bands <= N_BANDS:
        raise ProductError(
            f"ROWS = {bands}: a SPECTRUM has at most the detector's {N_BANDS} bands; the label is "
            "damaged, download it again from the archive"
        )
    windows = _windows(spectrum)
    for window in windows:
        first, last, given = (window[key] for key in ("ul_line", "lr_line", "line_bin"))
        rows = (last or 0) - (first or 0) + 1
        # PDS4 labels have 1 whatever was summed.
        if given is not None and 1 < given < rows:
            raise ProductError(
                f"{_KEYS['line_bin'][2]} = {given}, but the one line of a SPECTRUM sums all of "
                f"rows {first}..{last}"
            )
        window["line_bin"] = max(rows, 1)
    return (1, 1, bands), dtype, windows


def _require_unscaled(block: Mapping[str, Any], base: str, factor: str) -> None:
    for key, expected in ((base, 0), (factor, 1)):
        value = odl.known(block.get(key))
        if value is not None and value != expected:
            raise LabelError(f"{key} = {value}: UVIS values are not scaled, expected {expected}")


def _whole(value: Any) -> int:
    if int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _shape(qube: Any) -> tuple[int, int, int]:
    axes = [str(axis) for axis in need(qube, "AXIS_NAME")]
    if axes != ["BAND", "LINE", "SAMPLE"]:
        raise LabelError(f"AXIS_NAME = {axes}: expected (BAND, LINE, SAMPLE)")
    items = [_whole(n) for n in need(qube, "CORE_ITEMS")]
    if len(items) != 3 or min(items) < 1:
        raise LabelError(f"CORE_ITEMS = {items}: expected three positive numbers")
    if items[0] > N_BANDS or items[1] > N_LINES:
        raise ProductError(
            f"CORE_ITEMS = {items} exceed the detector's {N_BANDS} bands x {N_LINES} lines: the "
            "label is damaged; download it again from the archive"
        )
    if any(int(n) for n in odl.known(qube.get("SUFFIX_ITEMS")) or ()):
        raise LabelError("SUFFIX_ITEMS is not zero, but UVIS cubes have no suffixes")
    _require_unscaled(qube, "CORE_BASE", "CORE_MULTIPLIER")
    if items[2] > _MOST_SAMPLES:
        raise ProductError(
            f"CORE_ITEMS = {items}: no product has more than {_MOST_SAMPLES} exposures; the label "
            "is damaged, download it again from the archive"
        )
    return items[2], items[1], items[0]


def _dtype(kind: str, size: int) -> str:
    try:
        return _TYPES[kind, size]
    except KeyError:
        known = ", ".join(f"{k} of {n} bytes" for k, n in _TYPES)
        raise LabelError(
            f"values of type {kind} of {size} bytes are unknown: expected {known}"
        ) from None


def _windows(block: Any) -> tuple[dict[str, int | None], ...]:
    columns: dict[str, list[int | None]] = {}
    for name, spellings in _KEYS.items():
        found = (odl.known(block.get(key)) for key in spellings)
        value = next((v for v in found if v is not None), None)
        if value is None:
            if not name.endswith("_bin"):
                raise LabelError(f"{spellings[0]} is missing")
            columns[name] = [None]
            continue
        numbers = [_whole(v) for v in (value if isinstance(value, list) else [value])]
        largest = N_LINES if "line" in name else N_BANDS
        if max(numbers) > largest:
            raise ProductError(
                f"{spellings[0]} = {max(numbers)} exceeds the detector's {largest}: the label is "
                "damaged; download it again from the archive"
            )
        columns[name] = [*numbers]
    count = max(len(column) for column in columns.values())
    for name, column in columns.items():
        if len(column) == 1:
            columns[name] = column * count
        elif len(column) != count:
            raise LabelError(f"{_KEYS[name][0]} has {len(column)} values for {count} windows")
    return tuple({name: column[k] for name, column in columns.items()} for k in range(count))
