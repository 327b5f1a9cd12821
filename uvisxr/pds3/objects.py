"""What a label says its data file holds: a QUBE of exposures, or one SPECTRUM.

A QUBE is a series of frames (users guide, chapter 2). A SPECTRUM is a table of one column with a
row per band: one exposure, in which all rows of the window are summed into one pixel. Its label
has BIN_SPATIAL and BIN_SPECTRAL where that of a QUBE has LINE_BIN and BAND_BIN. 29 products of the
archive are of this kind (SETI, rms-data-projects, COUVIS/EUV_FUV_SPECTRUM_objects.txt; read as
there and in rms-oops).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..checks import shown as shown_plain
from ..errors import LabelError, ProductError, UnreadObjectError, shortened
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

#: Keywords that say what the numbers are, besides those of a window: none has two values.
_STRUCTURE = frozenset(
    {
        *("PRODUCT_ID", "INSTRUMENT_ID", "START_TIME", "SPACECRAFT_CLOCK_START_COUNT"),
        *("INTEGRATION_DURATION", "SLIT_STATE", "^QUBE", "^SPECTRUM", "QUBE", "SPECTRUM"),
        *("AXES", "AXIS_NAME", "CORE_ITEMS", "CORE_ITEM_BYTES", "CORE_ITEM_TYPE", "CORE_BASE"),
        *("CORE_MULTIPLIER", "CORE_NULL", "SUFFIX_ITEMS", "ROWS", "COLUMNS", "COLUMN"),
        *("DATA_TYPE", "BYTES", "ITEMS", "OFFSET", "SCALING_FACTOR"),
        *(spelling for spellings in _KEYS.values() for spelling in spellings),
    }
)

#: Keywords of a cube, wherever in it they stand.
_OF_CUBES = frozenset(
    {"AXIS_NAME", "SUFFIX_ITEMS", *(key for key in _STRUCTURE if key.startswith("CORE_"))}
    | {spelling for spellings in _KEYS.values() for spelling in spellings}
)

#: Units of what counts detector pixels.
_PIXELS = ("PIXEL", "PIXELS")

#: What labels call the value of what was not stored: all bits are set.
NULLS = (-1, 65535)


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
    repeated : tuple of str
        Further keywords that are given several times, with different values.
    """

    kind: str
    shape: tuple[int, int, int]
    dtype: str
    windows: tuple[dict[str, int | None], ...]
    pointer: str
    repeated: tuple[str, ...] = ()


def shown(value: Any) -> str:
    """A value as messages show it, with units as labels have them: 600.0 <SECOND>."""
    if hasattr(value, "units"):
        return shortened(f"{shown_plain(value.value)} <{value.units}>")
    return shown_plain(value)


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
    names = [name for name in read_as if isinstance(module.get(name), Mapping)]
    if not names:
        raise UnreadObjectError(_unread(module))
    if len(names) > 1:
        raise LabelError(f"it describes both a {names[0]} and a {names[1]}: expected one of them")
    name = names[0]
    block = module[name]
    repeated = [
        *require_single("the label", module, _STRUCTURE),
        *require_single(f"the {name}", block, _STRUCTURE),
    ]
    for key in sorted(_STRUCTURE):
        if key in module and key in block and module[key] != block[key]:
            values = shortened(f"{shown(module[key])} and {shown(block[key])}", 100)
            raise LabelError(f"the label gives {key} both outside and inside the {name}: {values}")
    for inner, value in block.items():
        hidden = sorted(_OF_CUBES.intersection(value)) if isinstance(value, Mapping) else []
        if hidden:
            raise LabelError(
                f"{hidden[0]} stands in {shown(str(inner))}, an object within the {name}: expected "
                f"it in the {name} itself"
            )
    pointer = _pointer(name, module.get(f"^{name}"))
    return DataObject(name, *read_as[name](block, module), pointer, tuple(repeated))


def require_single(
    where: str,
    block: Mapping[str, Any],
    needed: Iterable[str],
    repeated: Iterable[str] = (),
) -> list[str]:
    """Refuse `needed` keywords that a block gives several times with different values.

    Returns those that are neither needed nor rightly `repeated`; of these the first counts.

    Raises
    ------
    LabelError
    """
    keys = [str(key) for key, _ in block.items()]
    several = [key for key, count in Counter(keys).items() if count > 1 and key not in repeated]
    differing = [
        key
        for key in several
        for first, *others in [odl.every(block, key)]
        if isinstance(first, Mapping) or any(other != first for other in others)
    ]
    for key in differing:
        if key in needed:
            values = " and ".join(map(shown, odl.every(block, key)))
            raise LabelError(f"{where} gives {key} several times: {shortened(values, 100)}")
    return differing


def _pointer(name: str, value: Any) -> str:
    """The name of the data file; LabelError if the data do not begin with a file of their own."""
    value = odl.known(value)
    if value is None:
        return ""
    file, *offset = value if isinstance(value, list) and value else [value]
    first = [1 if getattr(one, "value", one) == 1 else 0 for one in offset]
    if not isinstance(file, str) or first not in ([], [1]):
        raise LabelError(
            f"^{name} = {shown(value)}: expected the name of the data file, with which the data "
            "begin"
        )
    return file


def _unread(module: Mapping[str, Any]) -> str:
    named = (str(key) for key, value in module.items() if isinstance(value, Mapping))
    kinds = shortened(", ".join(named))
    instrument = re.match("[A-Z]*", str(module.get("PRODUCT_ID", "")).upper())
    of = f" of the {instrument[0]}" if instrument and instrument[0] else ""
    what = f"holds the object {kinds}" if kinds else "describes no data object"
    return (
        f"{what}{of}: uvisxr reads the objects QUBE and SPECTRUM of FUV and EUV; give such a "
        "product"
    )


_Parts = tuple[tuple[int, int, int], str, tuple[dict[str, int | None], ...]]


def _qube(qube: Any, module: Mapping[str, Any]) -> _Parts:
    kind = str(need(qube, "CORE_ITEM_TYPE")), _needed(qube, "CORE_ITEM_BYTES")
    return _shape(qube), _dtype(*kind), _windows(qube, module)


def _spectrum(spectrum: Any, module: Mapping[str, Any]) -> _Parts:
    if whole("COLUMNS", odl.known(spectrum.get("COLUMNS")) or 1) != 1:
        raise LabelError(f"SPECTRUM with COLUMNS = {shown(spectrum['COLUMNS'])}: expected 1")
    column = spectrum.get("COLUMN")
    if not isinstance(column, Mapping):
        raise LabelError("the SPECTRUM has no COLUMN")
    dtype = _dtype(str(need(column, "DATA_TYPE")), _needed(column, "BYTES"))
    require_single("the COLUMN", column, _STRUCTURE)
    _require_unscaled(column, "OFFSET", "SCALING_FACTOR")
    if whole("ITEMS", odl.known(column.get("ITEMS")) or 1) != 1:
        raise LabelError(f"COLUMN with ITEMS = {shown(column['ITEMS'])}: expected 1")
    bands = _needed(spectrum, "ROWS")
    if not 1 <= bands <= N_BANDS:
        raise ProductError(
            f"ROWS = {shown(bands)}: a SPECTRUM has at most the detector's {N_BANDS} bands"
        )
    windows = _windows(spectrum, module)
    for window in windows:
        first, last, given = (window[key] for key in ("ul_line", "lr_line", "line_bin"))
        rows = (last or 0) - (first or 0) + 1
        # PDS4 labels have 1 whatever was summed.
        if given is not None and 1 < given < rows:
            raise ProductError(
                f"{_KEYS['line_bin'][2]} = {shown(given)}, but the one line of a SPECTRUM sums "
                f"all of rows {first}..{last}"
            )
        window["line_bin"] = max(rows, 1)
    return (1, 1, bands), dtype, windows


def _require_unscaled(block: Mapping[str, Any], base: str, factor: str) -> None:
    for key, expected in ((base, 0), (factor, 1)):
        value = odl.known(block.get(key))
        if value is not None and value != expected:
            raise LabelError(
                f"{key} = {shown(value)}: UVIS values are not scaled, expected {expected}"
            )


def whole(key: str, value: Any) -> int:
    """The value of a keyword as a whole number; LabelError if it is none."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise LabelError(f"{key} = {shown(value)}: expected a whole number")


def _numbers(key: str, value: Any) -> list[int]:
    # The unit may be that of a whole list.
    value = _bare(value)
    if isinstance(value, list) and not value:
        raise LabelError(f"{key} is an empty list: expected whole numbers")
    items = value if isinstance(value, list) else [value]
    return [whole(key, _bare(one)) for one in items]


def _bare(value: Any) -> Any:
    """Numbers of pixels without their unit or quotes, "2", 2 <PIXEL> or (2, 3) <PIXEL>; all else as
    it is."""
    if str(getattr(value, "units", "")).upper() in _PIXELS:
        return value.value
    if isinstance(value, str) and re.fullmatch(r" *[0-9]{1,9} *", value):
        return int(value)
    return value


def _needed(block: Any, key: str) -> int:
    return whole(key, need(block, key))


def _shape(qube: Any) -> tuple[int, int, int]:
    axes = need(qube, "AXIS_NAME")
    if axes != ["BAND", "LINE", "SAMPLE"]:
        raise LabelError(f"AXIS_NAME = {shown(axes)}: expected (BAND, LINE, SAMPLE)")
    count = odl.known(qube.get("AXES"))
    if count is not None and whole("AXES", count) != len(axes):
        raise LabelError(f"AXES = {shown(count)}: expected {len(axes)}, as AXIS_NAME has")
    null = odl.known(qube.get("CORE_NULL"))
    if null is not None and null not in NULLS:
        raise LabelError(
            f"CORE_NULL = {shown(null)}: expected {NULLS[0]}, that all bits are set, as UVIS "
            "marks what was not stored"
        )
    items = _numbers("CORE_ITEMS", need(qube, "CORE_ITEMS"))
    if len(items) != 3 or min(items) < 1:
        raise LabelError(f"CORE_ITEMS = {shown(items)}: expected three positive numbers")
    if items[0] > N_BANDS or items[1] > N_LINES:
        raise ProductError(
            f"CORE_ITEMS = {shown(items)} exceed the detector's {N_BANDS} bands x {N_LINES} lines"
        )
    suffixes = odl.known(qube.get("SUFFIX_ITEMS"))
    if suffixes is not None and any(_numbers("SUFFIX_ITEMS", suffixes)):
        raise LabelError("SUFFIX_ITEMS is not zero, but UVIS cubes have no suffixes")
    _require_unscaled(qube, "CORE_BASE", "CORE_MULTIPLIER")
    if items[2] > _MOST_SAMPLES:
        raise ProductError(
            f"CORE_ITEMS = {shown(items)}: no product has more than {_MOST_SAMPLES} exposures"
        )
    return items[2], items[1], items[0]


def _dtype(kind: str, size: int) -> str:
    try:
        return _TYPES[kind, size]
    except KeyError:
        known = ", ".join(f"{k} of {n} bytes" for k, n in _TYPES)
        raise LabelError(
            f"values of type {shortened(kind)} of {shown(size)} bytes are unknown: expected {known}"
        ) from None


def _windows(block: Any, module: Mapping[str, Any]) -> tuple[dict[str, int | None], ...]:
    """What a block says of its windows, or the label around it where the block does not."""
    columns: dict[str, list[int | None]] = {}
    for name, spellings in _KEYS.items():
        found = {
            key: value
            for key in spellings
            for value in [odl.known(block.get(key, module.get(key)))]
            if value is not None
        }
        if not found:
            if not name.endswith("_bin"):
                raise LabelError(f"{spellings[0]} is missing")
            columns[name] = [None]
            continue
        given = {key: _numbers(key, value) for key, value in found.items()}
        key, numbers = next(iter(given.items()))
        if any(other != numbers for other in given.values()):
            raise LabelError(f"{' and '.join(given)} have different values: expected one of them")
        least, most = (int(name.endswith("_bin")), N_LINES if "line" in name else N_BANDS)
        if not least <= min(numbers) <= max(numbers) <= most:
            above = max(numbers) > most
            limit = f"exceeds the detector's {most}" if above else f"is less than {least}"
            raise ProductError(f"{key} = {shown(found[key])} {limit}")
        columns[name] = [*numbers]
    count = max(len(column) for column in columns.values())
    for name, column in columns.items():
        if len(column) == 1:
            columns[name] = column * count
        elif len(column) != count:
            raise LabelError(f"{_KEYS[name][0]} has {len(column)} values for {count} windows")
    return tuple({name: column[k] for name, column in columns.items()} for k in range(count))
