"""The label of a UVIS product: PDS3 text in, a typed and checked `Label` out.

Keywords and their meaning: Cassini/UVIS users guide, chapter 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, LabelError, ProductError, warn_user
from ..instrument.channel import N_BANDS, N_LINES, Optics, optics_of, slit_name
from ..instrument.detector import Window
from ..timescales import Instant, parse_instant
from . import odl, pairs

if TYPE_CHECKING:
    from pvl import PVLModule

#: How much of a file is searched for the signs of a UVIS label.
_SNIFF_BYTES = 4096

#: Longest credible exposure, s; those of UVIS last up to a few minutes.
_LONGEST = 1e6

#: Largest label that is read; those of UVIS have at most a few tens of kilobytes.
_MAX_BYTES = 2**20

_TYPES = MappingProxyType(
    {
        ("MSB_UNSIGNED_INTEGER", 2): ">u2",
        ("IEEE_REAL", 4): ">f4",
    }
)

#: Keywords of a window, with the spellings of older labels and of the users guide.
_CORNERS = MappingProxyType(
    {
        "ul_line": ("UL_CORNER_LINE", "UL_CORNER_SPATIAL"),
        "ul_band": ("UL_CORNER_BAND", "UL_CORNER_SPECTRAL"),
        "lr_line": ("LR_CORNER_LINE", "LR_CORNER_SPATIAL", "LR_SPATIAL"),
        "lr_band": ("LR_CORNER_BAND", "LR_CORNER_SPECTRAL", "LR_SPECTRAL"),
        "line_bin": ("LINE_BIN", "SPATIAL_BIN"),
        "band_bin": ("BAND_BIN", "SPECTRAL_BIN"),
    }
)

#: Keywords kept as text or numbers in a dataset's attributes.
_KEPT = (
    "DATA_SET_ID",
    "OBSERVATION_ID",
    "MISSION_PHASE_NAME",
    "PRODUCT_CREATION_TIME",
    "HI_VOLTAGE_POWER_SUPPLY_STATE",
    "OCCULTATION_PORT_STATE",
    "TEST_PULSE_STATE",
    "ODC_ID",
    "RIGHT_ASCENSION",
    "DECLINATION",
    "SUB_SOLAR_LATITUDE",
    "SUB_SOLAR_LONGITUDE",
    "SUB_SPACECRAFT_LATITUDE",
    "SUB_SPACECRAFT_LONGITUDE",
    "PHASE_ANGLE",
    "EMISSION_ANGLE",
    "INCIDENCE_ANGLE",
    "CENTRAL_BODY_DISTANCE",
    "SC_PLANET_POSITION_VECTOR",
    "SC_PLANET_VELOCITY_VECTOR",
    "SC_SUN_POSITION_VECTOR",
    "SC_SUN_VELOCITY_VECTOR",
    "SC_TARGET_POSITION_VECTOR",
    "SC_TARGET_VELOCITY_VECTOR",
    "PLANET_CENTER_POSITION_VECTOR",
    "PLANET_CENTER_VELOCITY_VECTOR",
)


@dataclass(frozen=True)
class Label:
    """What a UVIS label says.

    Attributes
    ----------
    path : Path
    product_id, channel, target, slit, compression : str
        `slit` and `compression` are empty if the label does not give them.
    start : Instant or None
        START_TIME (the end of the first exposure); None if unknown.
    clock : float
        SPACECRAFT_CLOCK_START_COUNT, s; NaN if unknown or invalid.
    integration : float
        Duration of one exposure, s.
    shape : tuple of int
        Samples, lines and bands of the data file; the last varies fastest.
    dtype : str
        numpy type of one value in the data file.
    windows : tuple of Window
    data_path : Path
        The data file; see `data_file`.
    keywords : mapping
        Further keywords, without those that are "UNK" or "N/A".
    """

    path: Path
    product_id: str
    channel: str
    target: str
    slit: str
    compression: str
    start: Instant | None
    clock: float
    integration: float
    shape: tuple[int, int, int]
    dtype: str
    windows: tuple[Window, ...]
    data_path: Path
    keywords: MappingProxyType[str, Any]

    def __getstate__(self) -> dict[str, Any]:
        # A mappingproxy cannot be pickled.
        return self.__dict__ | {"keywords": dict(self.keywords)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, keywords=MappingProxyType(state["keywords"]))

    @property
    def size(self) -> int:
        """Size of the data file in bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    def optics(self, target: str = "") -> Optics:
        """What the light came in through, judging by the label's target or a better one."""
        port = str(self.keywords.get("OCCULTATION_PORT_STATE", ""))
        return optics_of(self.channel, port, self.target, target)

    @property
    def is_matrix(self) -> bool:
        """Whether this is one of the archive's calibration matrices instead of counts."""
        return np.dtype(self.dtype).kind == "f"

    def known_start(self) -> Instant:
        """START_TIME; LabelError if the label does not give it."""
        if self.start is None:
            raise LabelError(
                f"{self.path} gives no START_TIME: download the label again from the archive"
            )
        return self.start


def looks_like_uvis(path: str | Path) -> bool:
    """Whether a file begins like a UVIS product label; False if it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(_SNIFF_BYTES)
    except OSError:
        return False
    return b"PDS_VERSION_ID" in head and re.search(rb'INSTRUMENT_ID\s*=\s*"?UVIS', head) is not None


def read_label(path: str | Path) -> Label:
    """Read the label of a UVIS spectral product.

    Parameters
    ----------
    path : path
        A detached PDS3 label.

    Returns
    -------
    Label

    Raises
    ------
    LabelError
        The file is missing, is not a PDS3 label, or does not describe a UVIS spectral product.
    ProductError
        A window lies outside the detector, or sizes in the label contradict each other.
    """
    path = Path(path)
    module = _parse(path)
    _require_uvis(module, path)
    qube = _qube(module, path)
    try:
        return _typed(module, qube, path)
    except ProductError as error:
        raise ProductError(f"{path}: {error}") from error
    except (LabelError, ValueError, TypeError) as error:
        raise LabelError(f"{path}: {error}; download the label again from the archive") from error


def _parse(path: Path) -> PVLModule:
    try:
        size = path.stat().st_size
        text = path.read_bytes() if size <= _MAX_BYTES else b""
    except OSError as error:
        raise LabelError(
            f"cannot read the label {path}: {error.strerror or error}; it must be beside the data "
            "file, with the same name and the suffix .LBL"
        ) from error
    if b"PDS_VERSION_ID" not in text[:_SNIFF_BYTES]:
        raise LabelError(
            f"{path} is not a PDS3 label (no PDS_VERSION_ID in it): give the .LBL file of a UVIS "
            "product"
        )
    try:
        return odl.loads(text.decode("latin-1"))
    except ValueError as error:
        raise LabelError(
            f"{path} is not a readable PDS3 label ({error}): download it again from the archive"
        ) from error


def _require_uvis(module: PVLModule, path: Path) -> None:
    instrument = str(module.get("INSTRUMENT_ID", "no instrument"))
    if instrument.strip() != "UVIS":
        raise LabelError(
            f"{path} is a label of {module.get('INSTRUMENT_HOST_NAME', 'an unknown host')}, "
            f"{instrument}: uvisxr reads Cassini/UVIS products"
        )


def _qube(module: PVLModule, path: Path) -> Any:
    qube = module.get("QUBE")
    if qube is None:
        kinds = ", ".join(k for k, v in module.items() if isinstance(v, dict)) or "none"
        raise LabelError(
            f"{path} does not describe a spectral QUBE (objects: {kinds}): uvisxr does not read "
            "HSP and HDAC time series; give an FUV or EUV product"
        )
    return qube


def _typed(module: PVLModule, qube: Any, path: Path) -> Label:
    product_id = str(_need(module, "PRODUCT_ID"))
    return Label(
        path=path,
        product_id=product_id,
        channel=_channel(product_id),
        target=str(odl.plain(module.get("TARGET_NAME")) or ""),
        slit=_slit(module),
        compression=str(odl.known(module.get("COMPRESSION_TYPE")) or ""),
        start=_start(odl.known(module.get("START_TIME"))),
        clock=_clock(odl.known(module.get("SPACECRAFT_CLOCK_START_COUNT"))),
        integration=_integration(module),
        shape=_shape(qube),
        dtype=_dtype(qube),
        windows=_windows(qube),
        data_path=data_file(path, _pointer(module)),
        keywords=MappingProxyType(
            {key: value for key in _KEPT if (value := odl.plain(module.get(key))) is not None}
        ),
    )


def _need(block: Any, key: str) -> Any:
    value = odl.known(block.get(key))
    if value is None:
        raise LabelError(f"{key} is missing")
    return value


def _channel(product_id: str) -> str:
    channel = product_id[:3].upper()
    if channel not in ("FUV", "EUV"):
        raise LabelError(
            f"PRODUCT_ID {product_id!r} belongs to neither FUV nor EUV, the channels that uvisxr "
            "reads"
        )
    return channel


def _slit(module: PVLModule) -> str:
    state = odl.known(module.get("SLIT_STATE"))
    return slit_name(state) if state is not None else ""


def _start(value: Any) -> Instant | None:
    try:
        return None if value is None else parse_instant(str(value))
    except ArgumentError as error:
        raise LabelError(f"START_TIME: {error}") from error


def _clock(value: Any) -> float:
    """Seconds in a clock count "1/SSSSSSSSSS.TTT"; NaN for anything else.

    TTT counts 1/256 s, without leading zeros. What is greater than 255 is no such count but a
    decimal fraction, as in labels that were made with another program.
    """
    match = re.fullmatch(r"\s*1/(\d+)(?:[.:](\d+))?\s*", str(value or ""))
    if not match:
        return float("nan")
    fraction = match[2] or "0"
    fine = int(fraction) / 256 if int(fraction) < 256 else float(f"0.{fraction}")
    return int(match[1]) + fine


def _integration(module: PVLModule) -> float:
    given = _need(module, "INTEGRATION_DURATION")
    value, units = odl.plain(given), str(getattr(given, "units", "SECOND"))
    if not (isinstance(value, int | float) and 0 < value <= _LONGEST):
        raise LabelError(f"INTEGRATION_DURATION = {value!r} is not a positive duration")
    if units.upper() not in ("S", "SECOND", "SECONDS"):
        raise LabelError(f"INTEGRATION_DURATION is in {units}: expected SECOND")
    return float(value)


def _whole(value: Any) -> int:
    if int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def _shape(qube: Any) -> tuple[int, int, int]:
    axes = [str(axis) for axis in _need(qube, "AXIS_NAME")]
    if axes != ["BAND", "LINE", "SAMPLE"]:
        raise LabelError(f"AXIS_NAME = {axes}: expected (BAND, LINE, SAMPLE)")
    items = [_whole(n) for n in _need(qube, "CORE_ITEMS")]
    if len(items) != 3 or min(items) < 1:
        raise LabelError(f"CORE_ITEMS = {items}: expected three positive numbers")
    if items[0] > N_BANDS or items[1] > N_LINES:
        raise ProductError(
            f"CORE_ITEMS = {items} exceed the detector's {N_BANDS} bands x {N_LINES} lines: the "
            "label is damaged; download it again from the archive"
        )
    if any(int(n) for n in odl.known(qube.get("SUFFIX_ITEMS")) or ()):
        raise LabelError("SUFFIX_ITEMS is not zero, but UVIS cubes have no suffixes")
    for key, expected in (("CORE_BASE", 0), ("CORE_MULTIPLIER", 1)):
        value = odl.known(qube.get(key))
        if value is not None and value != expected:
            raise LabelError(f"{key} = {value}: UVIS values are not scaled, expected {expected}")
    return items[2], items[1], items[0]


def _dtype(qube: Any) -> str:
    kind, size = str(_need(qube, "CORE_ITEM_TYPE")), int(_need(qube, "CORE_ITEM_BYTES"))
    try:
        return _TYPES[kind, size]
    except KeyError:
        known = ", ".join(f"{k} of {n} bytes" for k, n in _TYPES)
        raise LabelError(
            f"CORE_ITEM_TYPE {kind} of {size} bytes is unknown: expected {known}"
        ) from None


def _windows(qube: Any) -> tuple[Window, ...]:
    columns = {}
    for name, spellings in _CORNERS.items():
        found = (odl.known(qube.get(key)) for key in spellings)
        value = next((v for v in found if v is not None), None)
        if value is None:
            if not name.endswith("_bin"):
                raise LabelError(f"{spellings[0]} is missing")
            value = 1
        columns[name] = [_whole(v) for v in (value if isinstance(value, list) else [value])]
        largest = N_LINES if "line" in name else N_BANDS
        if max(columns[name]) > largest:
            raise ProductError(
                f"{spellings[0]} = {max(columns[name])} exceeds the detector's {largest}: the "
                "label is damaged; download it again from the archive"
            )
    count = max(len(column) for column in columns.values())
    for name, column in columns.items():
        if len(column) == 1:
            columns[name] = column * count
        elif len(column) != count:
            raise LabelError(f"{_CORNERS[name][0]} has {len(column)} values for {count} windows")
    return tuple(
        Window(**{name: column[k] for name, column in columns.items()}) for k in range(count)
    )


def _pointer(module: PVLModule) -> str:
    value = module.get("^QUBE", "")
    return str(value[0] if isinstance(value, list | tuple) else value)


def data_file(label: Path, pointer: str = "") -> Path:
    """Find a label's data file: the one with the same name, else the one named by ^QUBE.

    Products are often renamed (to `..._PRIME`, for example) without changing their labels. If the
    file of the label's name is not the one named by ^QUBE, a UvisWarning says so.

    Parameters
    ----------
    label : Path
    pointer : str
        Value of ^QUBE.

    Returns
    -------
    Path
        The existing file, plain or packed, or where it should be.
    """
    own = pairs.data_of(label)
    if own is None:
        named = label.with_name(pointer) if pointer else label
        if pointer and named.is_file():
            return named
        return (pointer and pairs.data_of(named)) or label.with_suffix(".DAT")
    if pointer and Path(pointer).stem.upper() != pairs.split(own)[0].upper():
        warn_user(f"{label} names the data file {pointer}; {own.name} beside it is read instead")
    return own
