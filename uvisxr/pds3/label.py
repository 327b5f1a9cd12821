"""The label of a UVIS product: PDS3 or PDS4 text in, a typed and checked `Label` out.

Keywords and their meaning: Cassini/UVIS users guide, chapter 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..checks import is_number, shown
from ..errors import (
    ArgumentError,
    LabelError,
    ProductError,
    UnreadObjectError,
    shortened,
    warn_user,
)
from ..files import inside, read_beginning, real, utf16
from ..instrument.channel import Optics, optics_of, slit_name
from ..instrument.detector import Window
from ..timescales import FLIGHT, Instant, parse_instant
from . import again, doubts, objects, odl, pairs, pds4, unsaid

#: How much of a file is searched for the signs of a UVIS label.
_SNIFF_BYTES = 4096

#: Shortest and longest credible exposure, s; those of UVIS last from 1/8 s to a few minutes.
_SHORTEST, _LONGEST = 1e-3, 1e6

#: What names of products consist of.
_NAME = re.compile(r"[\w.-]{1,80}", re.ASCII)

#: What a whole PDS3 label ends with.
_END = re.compile(rb"(?:^|[\r\n])[ \t]*END[ \t]*(?:$|[\r\n;\0]|/\*)", re.IGNORECASE)

#: Traces of programs that labels are not made for: spreadsheets and word processors.
_EDITED = MappingProxyType(
    {
        rb'(?m)^"[A-Z_^]+ *=': "its statements are in quotes, as spreadsheets write them",
        rb"(?m)^[A-Z_]+ *[,;] *PDS3": "it has commas in place of equals signs, as of a spreadsheet",
        rb"(?m)^[A-Z_]+ *[,;]=[,;]": "it has separators around equals signs, as of a spreadsheet",
        rb"(?m)^END *[,;]+ *$": "its lines end in separators, as of a spreadsheet",
        rb"=[ \t]*\(?(?:\xe2\x80[\x98-\x9f]|[\x91-\x94])": (
            "it has typographic quotes in place of plain ones"
        ),
    }
)

#: Longest name of a data file, in bytes; a packing may come after it.
_LONGEST_NAME = 240

#: Largest label that is read; those of UVIS have at most a few tens of kilobytes.
MAX_BYTES = 2**17

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
    kind : {"QUBE", "SPECTRUM"}
        The data object: a series of exposures, or one that is summed over the rows of its window.
    shape : tuple of int
        Samples, lines and bands of the data file; the last varies fastest.
    dtype : str
        numpy type of one value in the data file.
    windows : tuple of Window
    data_path : Path
        The data file; see `data_file`.
    pointer : str
        The data file's name by the label; empty if it gives none.
    keywords : mapping
        Further keywords, without those that are "UNK" or "N/A".
    doubts : mapping
        What contradicts the rest of the label, by keyword; see `uvisxr.pds3.doubts`.
    samples : mapping
        Numbers of exposures by keywords other than that of the shape.
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
    kind: str
    shape: tuple[int, int, int]
    dtype: str
    windows: tuple[Window, ...]
    data_path: Path
    pointer: str
    keywords: MappingProxyType[str, Any]
    doubts: Mapping[str, str] = field(default_factory=dict)
    samples: Mapping[str, int] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        # A mappingproxy cannot be pickled.
        proxies = ("keywords", "doubts", "samples")
        return self.__dict__ | {name: dict(getattr(self, name)) for name in proxies}

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
            raise LabelError(f"{self.path} gives no START_TIME: {again.advice(self.path)}")
        return self.start


def looks_like_uvis(path: str | Path) -> bool:
    """Whether a file begins like a UVIS product label; False if it cannot be read."""
    try:
        head, _ = read_beginning(path, _SNIFF_BYTES)
    except (OSError, ValueError):
        # What has a null in it is no name of a file.
        return False
    if pds4.recognised(head):
        return pds4.BUNDLE.encode() in pds4.letters(head)
    return (
        b"PDS_VERSION_ID" in head.upper()
        and re.search(rb"(?i:INSTRUMENT_ID)\s*=\s*[\"']?UVIS", head) is not None
    )


def read_label(path: str | Path, data: Path | None = None) -> Label:
    """Read the label of a UVIS spectral product.

    Parameters
    ----------
    path : path
        A detached PDS3 label, or the PDS4 label of a migrated product.
    data : Path, optional
        Its data file, if that is not the one that `data_file` finds.

    Returns
    -------
    Label

    Raises
    ------
    LabelError
        The file is missing or breaks off, is not a PDS label, or does not describe a UVIS spectral
        product: then, if it describes something else, an UnreadObjectError says what.
    ProductError
        A window lies outside the detector, or sizes in the label contradict each other.
    """
    path = Path(path)
    module = keywords(path)
    _require_uvis(module, path)
    try:
        return _typed(module, path, data)
    except UnreadObjectError as error:
        raise UnreadObjectError(f"{path} {error}") from None
    except ProductError as error:
        raise ProductError(
            f"{path}: {error}; the label is damaged: {again.advice(path)}"
        ) from error
    except (LabelError, ValueError, TypeError, OverflowError) as error:
        _require_unedited(path, error)
        raise LabelError(f"{path}: {error}; {again.advice(path)}") from error


def label_text(path: Path) -> str:
    """The text of a label; LabelError if it cannot be read or is none."""
    return label_bytes(path).decode("latin-1")


def label_bytes(path: Path) -> bytes:
    """What a label holds.

    LabelError if it cannot be read, or is no file or too long a one; UnreadObjectError if it is
    that of a FITS file, however long.
    """
    try:
        text, size = read_beginning(path, MAX_BYTES)
    except OSError as error:
        why = pairs.wrong(path) or (
            f"{error.strerror or error}; it must be beside the data file, with the same name and "
            "the suffix .LBL, or where an index names it, below its volume"
        )
        raise LabelError(f"cannot read the label {path}: {why}") from error
    if pds4.recognised(text[:_SNIFF_BYTES]) and (name := pds4.fits_file(text)):
        raise UnreadObjectError(
            f"{path} is the label of the FITS file {name}, and not of a product: open the file "
            f"with uvisxr.open_fits({str(path.with_name(Path(name).name))!r})"
        )
    if size > MAX_BYTES:
        raise LabelError(
            f"{path} holds {size} bytes, more than any label: give the .LBL or .xml file of a UVIS "
            "product"
        )
    return text


def keywords(path: Path) -> Mapping[str, Any]:
    """All that a label says, of PDS3 or PDS4; LabelError if it is none, or breaks off."""
    text = label_bytes(path)
    xml = pds4.recognised(text[:_SNIFF_BYTES])
    if not xml and b"PDS_VERSION_ID" not in text[:_SNIFF_BYTES].upper():
        raise LabelError(f"{path} is not a PDS label {_instead(path, text[:_SNIFF_BYTES])}")
    if not xml and not _END.search(text):
        _require_unedited(path)
        raise LabelError(
            f"{path} is damaged, as it breaks off before its END: {again.advice(path)}"
        )
    try:
        return pds4.loads(text) if xml else odl.loads(text.decode("latin-1"))
    except ValueError as error:
        raise LabelError(
            f"{path} is not a readable PDS label ({shortened(str(error), 160)}): "
            f"{again.advice(path)}"
        ) from error


def _instead(path: Path, head: bytes) -> str:
    """What a file is that is no label, by its beginning, and what helps."""
    if not head.strip():
        return f"but empty: {again.advice(path)}"
    if re.search(rb"<html|<!doctype html", head, re.IGNORECASE):
        return f"but a web page, as servers send in place of a file: {again.advice(path)}"
    wide = next((n for n in (3, 1) if (b"\0" * n).join((b"P", b"D", b"S")) in head), 0)
    if wide or utf16(head):
        form = "UTF-32" if wide == 3 else "UTF-16"
        return (
            f"but text in {form}, as some editors save it: save it as plain text, or "
            f"{again.advice(path)}"
        )
    return (
        "(neither PDS_VERSION_ID nor Product_Observational in it): give the .LBL or .xml file of a "
        "UVIS product"
    )


def _edited(path: Path) -> str:
    """What another program has made of a PDS3 label; empty if nothing is seen of that."""
    text = label_bytes(path)
    found = (what for pattern, what in _EDITED.items() if re.search(pattern, text))
    return next(found, "")


def _require_unedited(path: Path, error: Exception | None = None) -> None:
    """Say of a label that is not understood what another program has made of it, if any has."""
    if what := _edited(path):
        raise LabelError(
            f"{path} was saved by another program: {what}; mend a copy of it in an editor for "
            f"plain text, or {again.advice(path)}"
        ) from error


def _require_uvis(module: Mapping[str, Any], path: Path) -> None:
    instrument = str(module.get("INSTRUMENT_ID", "no instrument"))
    if instrument.strip() != "UVIS":
        _require_unedited(path)
        raise LabelError(
            f"{path} is a label of "
            f"{shortened(str(module.get('INSTRUMENT_HOST_NAME', 'an unknown host')))}, "
            f"{shortened(instrument)}: uvisxr reads Cassini/UVIS products"
        )


def _typed(module: Mapping[str, Any], path: Path, data: Path | None) -> Label:
    described = objects.read(module)
    product_id = str(objects.need(module, "PRODUCT_ID"))
    if not _NAME.fullmatch(product_id):
        raise LabelError(
            f"PRODUCT_ID = {shown(product_id)}: expected letters, digits, _, - and ., at most 80"
        )
    if described.repeated:
        warn_user(
            f"{path} gives {', '.join(described.repeated)} several times, with different values: "
            "the first that is in no group counts"
        )
    data_path = data or data_file(path, described.pointer)
    start = _start(odl.known(module.get("START_TIME")))
    clock = _clock(odl.known(module.get("SPACECRAFT_CLOCK_START_COUNT")))
    integration = _integration(module)
    return Label(
        path=path,
        product_id=product_id,
        channel=_channel(product_id),
        target=odl.words(module.get("TARGET_NAME")),
        slit=_slit(module),
        compression="_".join(str(odl.known(module.get("COMPRESSION_TYPE")) or "").upper().split()),
        start=start,
        clock=clock,
        integration=integration,
        kind=described.kind,
        shape=described.shape,
        dtype=described.dtype,
        windows=unsaid.windows(described, data_path),
        data_path=data_path,
        pointer=described.pointer,
        keywords=MappingProxyType(
            {key: value for key in _KEPT if (value := odl.plain(module.get(key))) is not None}
        ),
        doubts=doubts.found(module, described, start, clock, integration),
        samples=doubts.samples(module, described, start, integration),
    )


def _channel(product_id: str) -> str:
    channel = product_id[:3].upper()
    if channel not in ("FUV", "EUV"):
        raise LabelError(
            f"PRODUCT_ID {product_id!r} belongs to neither FUV nor EUV, the channels that uvisxr "
            "reads"
        )
    return channel


def _slit(module: Mapping[str, Any]) -> str:
    state = odl.known(module.get("SLIT_STATE"))
    return slit_name(state) if state is not None else ""


def _start(value: Any) -> Instant | None:
    try:
        start = None if value is None else parse_instant(str(value))
    except ArgumentError as error:
        raise LabelError(f"START_TIME: {error}") from error
    if start is not None and not FLIGHT[0] <= start.utc < FLIGHT[1]:
        raise LabelError(
            f"START_TIME: {value} lies outside the flight of Cassini, {FLIGHT[0]} to {FLIGHT[1]}"
        )
    if start is not None and ":" not in str(value):
        raise LabelError(f"START_TIME: {value} is a day: expected the time of the day too")
    return start


def _clock(value: Any) -> float:
    """Seconds in a clock count "1/SSSSSSSSSS.TTT"; NaN for anything else.

    TTT counts 1/256 s, without leading zeros. What is greater than 255 is no such count but a
    decimal fraction, as in labels that were made with another program.
    """
    match = re.fullmatch(r"\s*1/([0-9]{1,12})(?:[.:]([0-9]{1,12}))?\s*", str(value or ""))
    if not match:
        return float("nan")
    fraction = match[2] or "0"
    fine = int(fraction) / 256 if int(fraction) < 256 else float(f"0.{fraction}")
    return int(match[1]) + fine


def _integration(module: Mapping[str, Any]) -> float:
    given = objects.need(module, "INTEGRATION_DURATION")
    # A comma is no part of a number that the counts are divided by.
    value = odl.known(getattr(given, "value", given))
    units = str(getattr(given, "units", "SECOND"))
    if not (is_number(value) and _SHORTEST <= value <= _LONGEST):
        raise LabelError(
            f"INTEGRATION_DURATION = {shown(value)} is not the duration of an exposure: expected "
            f"{_SHORTEST:g} to {_LONGEST:g} s"
        )
    if units.upper() not in ("S", "SECOND", "SECONDS"):
        raise LabelError(f"INTEGRATION_DURATION is in {shortened(units)}: expected SECOND")
    return float(value)


def is_whole(path: Path) -> bool:
    """Whether a PDS3 label ends as it must; False if it cannot be read."""
    try:
        return _END.search(label_bytes(path)) is not None
    except LabelError:
        return False


def pointed(label: Path, pointer: str) -> Path | None:
    """The data file, plain or packed, that a label names, if it is there.

    Parameters are those of `data_file`; ValueError if the pointer is no name of a file beside the
    label, or leads elsewhere by a link.
    """
    if not pointer:
        return None
    if len(pointer.encode()) > _LONGEST_NAME or not pointer.isprintable():
        raise ValueError(f"{shown(pointer)} is no name of a file")
    if ".." in Path(pointer).parts or Path(pointer).is_absolute():
        raise ValueError(f"the data file that it names, {shown(pointer)}, leads out of its folder")
    if len(Path(pointer).parts) != 1 or pointer.endswith("/"):
        raise ValueError(f"{shown(pointer)} is no name of a file beside it")
    behind = real(label)
    is_link = label.is_symlink() and not behind.is_symlink()
    named = label.with_name(pointer)
    if pairs.is_link(named) and pairs.wrong(named):
        # Nothing is there that could be followed; looking for the data will say so.
        return None
    forms = (named.with_name(name) for name in (pointer, pointer.upper(), pointer.lower()))
    try:
        inside(label.parent, pointer)
        found = (
            named if pairs.is_file(named) else next(filter(None, map(pairs.data_of, forms)), None)
        )
        if found is not None:
            inside(found.parent, found.name)
    except ArgumentError:
        if not is_link:
            raise
        found = None
    return pointed(behind, pointer) if found is None and is_link else found


def data_file(label: Path, pointer: str = "") -> Path:
    """Find a label's data file: the one with the same name, else the one that the label names.

    Products are often renamed (to `..._PRIME`, for example) without changing their labels. If the
    file of the label's name is not the one that the label names, a UvisWarning says so.

    Parameters
    ----------
    label : Path
    pointer : str
        Value of ^QUBE or ^SPECTRUM.

    Returns
    -------
    Path
        The existing file, plain or packed, or where it should be.
    """
    own = pairs.data_of(label)
    if own is None:
        return pointed(label, pointer) or label.with_suffix(".DAT")
    if pointer and Path(pointer).stem.upper() != pairs.split(own)[0].upper():
        warn_user(f"{label} names the data file {pointer}; {own.name} beside it is read instead")
    return own
