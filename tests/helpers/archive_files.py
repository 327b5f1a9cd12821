"""The files of a made archive, laid out as in real volumes: formatted text and numpy arrays."""

from __future__ import annotations

import bz2
import gzip
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from .archive import BANDS, LINES, MISSING, Area, Made
from .damages import CUT_PACKING, spoil
from .volume import index_row, write_index

_HEAD = """PDS_VERSION_ID                  = PDS3
RECORD_TYPE                     = FIXED_LENGTH
RECORD_BYTES                    = {record}
FILE_RECORDS                    = {samples}
PRODUCT_ID                      = "{name}"
SPACECRAFT_CLOCK_START_COUNT    = "UNK"
SPACECRAFT_CLOCK_STOP_COUNT     = "UNK"
START_TIME                      = {start}
STOP_TIME                       = {stop}
DATA_SET_ID                     = "CO-S-UVIS-2-CUBE-V1.2"
TARGET_NAME                     = "{target}"
INSTRUMENT_HOST_NAME            = "CASSINI_ORBITER"
INSTRUMENT_NAME                 = "ULTRAVIOLET IMAGING SPECTROGRAPH"
INSTRUMENT_ID                   = "UVIS"
OBSERVATION_ID                  = "UNK"
MISSION_PHASE_NAME              = TOUR
PRODUCT_CREATION_TIME           = {created}
INTEGRATION_DURATION            = {exposure:.3f} <SECOND>
COMPRESSION_TYPE                = "{compression}"
HI_VOLTAGE_POWER_SUPPLY_STATE   = {voltage}
OCCULTATION_PORT_STATE          = {port}
SLIT_STATE                      = {slit}
TEST_PULSE_STATE                = {pulse}
ODC_ID                          = "1,143"
{wild}DESCRIPTION                     = "
  The UVIS team made files with prose like this.  It says what = or
  END_OBJECT = QUBE could mean, and is no part of the data."

RIGHT_ASCENSION           = "UNK"
DECLINATION               = 17.305029 <DEGREE>
SC_PLANET_POSITION_VECTOR =
(-8.2e+08<KM>, 1165778.0<KM>, 351447.05<KM>)
"""

_QUBE = """^QUBE                           = "{name}.DAT"
OBJECT                          = QUBE
  AXES                          = 3
  AXIS_NAME                     = (BAND, LINE, SAMPLE)
  CORE_ITEMS                    = ({bands}, {lines}, {samples})
  CORE_ITEM_BYTES               = 2
  CORE_ITEM_TYPE                = MSB_UNSIGNED_INTEGER
  CORE_BASE                     = 0.0
  CORE_MULTIPLIER               = 1.0
  CORE_VALID_MINIMUM            = "N/A"
  CORE_NULL                     = -1
  CORE_NAME                     = RAW_DATA_NUMBER
  CORE_UNIT                     = COUNTS/BIN
  BAND_BIN_CENTER               = "N/A"
  SUFFIX_BYTES                  = 4
  SUFFIX_ITEMS                  = (0,0,0)
  UL_CORNER_LINE                = {ul_line}
  UL_CORNER_BAND                = {ul_band}
  LR_CORNER_LINE                = {lr_line}
  LR_CORNER_BAND                = {lr_band}
  BAND_BIN                      = {band_bin}
  LINE_BIN                      = {line_bin}
END_OBJECT                      = QUBE
END
"""

_SPECTRUM = """^SPECTRUM                       = "{name}.DAT"
OBJECT                          = SPECTRUM
  INTERCHANGE_FORMAT            = BINARY
  ROWS                          = {bands}
  COLUMNS                       = 1
  ROW_BYTES                     = 2
  UL_CORNER_SPATIAL             = {ul_line}
  UL_CORNER_SPECTRAL            = {ul_band}
  LR_CORNER_SPATIAL             = {lr_line}
  LR_CORNER_SPECTRAL            = {lr_band}
  BIN_SPATIAL                   = {line_bin}
  BIN_SPECTRAL                  = {band_bin}
  OBJECT                        = COLUMN
    NAME                        = SPECTRUM
    DATA_TYPE                   = MSB_UNSIGNED_INTEGER
    START_BYTE                  = 1
    BYTES                       = 2
  END_OBJECT                    = COLUMN
END_OBJECT                      = SPECTRUM
END
"""


def label_of(one: Made) -> str:
    """The text of a label, without the damage."""
    odd = one.oddities
    lines, bands = (LINES, BANDS) if one.form == "frame" else one.areas[0].shape
    values = {}
    for key in Area.__annotations__:
        row = [str(getattr(area, key)) for area in one.areas]
        single = len(row) == 1 or (key.endswith("bin") and len({*row}) == 1)
        values[key] = row[0] if single else f"({', '.join(row)})"
    if "bin unsaid" in odd:
        values["band_bin"] = '"UNK"'
    text = _HEAD + (_SPECTRUM if one.form == "spectrum" else _QUBE)
    filled = text.format(
        **values,
        name=one.name,
        record=2 * lines * bands,
        samples=one.samples,
        lines=lines,
        bands=bands,
        start=one.start.text,
        stop="2005-400T61:00" if "no stop" in odd else '"UNK"',
        target=one.target,
        created=f"2011-{258 + (one.copies >= 0)}",
        exposure=one.exposure,
        compression="SQRT 8" if "other compression" in odd else "SQRT_9",
        voltage="OFF" if "off" in odd else "ON",
        port="OPEN" if "sun port" in odd or one.target == "SUN" else "CLOSED",
        slit=one.spelling,
        pulse="ON" if "pulse" in odd else "OFF",
        wild="NEW_KEYWORD = (what, ) is <this>\n" if "wild line" in odd else "",
    )
    return filled if "unix" in odd else filled.replace("\n", "\r\n")


def data_of(one: Made) -> np.ndarray:
    """What a data file holds."""
    if one.form != "frame":
        return one.counts().astype(">u2")
    frame = np.full((one.samples, LINES, BANDS), MISSING, ">u2")
    for k, area in enumerate(one.areas):
        lines, bands = area.shape
        rows, columns = (slice(a, a + n) for a, n in ((area.ul_line, lines), (area.ul_band, bands)))
        frame[:, rows, columns] = one.counts(k)
    return frame


def write(root: Path, products: list[Made]) -> None:
    """Write the volumes; beside the products there are tables, matrices and other channels."""
    volumes: dict[int, list[Made]] = {}
    for one in products:
        volumes.setdefault(one.volume, []).append(one)
        label = root / one.place
        label.parent.mkdir(parents=True, exist_ok=True)
        text, data = spoil(one.damage, label_of(one).encode("ascii"), data_of(one).tobytes())
        label.write_bytes(text)
        if one.damage == CUT_PACKING:
            label.with_suffix(".DAT.gz").write_bytes(gzip.compress(data, 1)[:-20])
        elif data is not None:
            _write_data(label.with_suffix(".DAT"), data, one.oddities)
    for volume, members in volumes.items():
        name = f"COUVIS_{volume:04}"
        rows = [
            index_row(name, one.name, TARGET_NAME=one.target, START_TIME=one.start.text)
            for one in members
        ]
        write_index(root / name, rows)
        _write_others(root / name, members[0])


def _write_data(path: Path, data: bytes, oddities: frozenset[str]) -> None:
    if "gz" in oddities:
        path.with_suffix(".DAT.gz").write_bytes(gzip.compress(data, 1))
    elif "bz2" in oddities:
        path.with_suffix(".DAT.bz2").write_bytes(bz2.compress(data, 1))
    elif "zip" in oddities:
        with zipfile.ZipFile(path.with_suffix(".DAT.zip"), "w") as archive:
            archive.writestr(path.name, data)
    else:
        path.write_bytes(data)


def _write_others(volume: Path, one: Made) -> None:
    """A matrix and a series of the photometer, which are no spectral products."""
    matrix = volume / "CALIB" / "VERSION_3" / f"D{one.start.day}" / f"{one.name}_CAL_3.LBL"
    matrix.parent.mkdir(parents=True, exist_ok=True)
    text = label_of(replace(one, areas=(Area(0, 0, 63, 1023, 1, 1),), form="frame", samples=1))
    for old, new in (
        (f"{one.name}", f"{one.name}_CAL_3"),
        ("CORE_ITEM_BYTES               = 2", "CORE_ITEM_BYTES = 4"),
        ("MSB_UNSIGNED_INTEGER", "IEEE_REAL"),
    ):
        text = text.replace(old, new)
    matrix.write_text(text, newline="")
    matrix.with_suffix(".DAT").write_bytes(np.ones((64, 1024), ">f4").tobytes())
    series = volume / "DATA" / f"D{one.start.day}" / f"HSP{one.name[3:]}.LBL"
    head, _, _ = label_of(one).replace(one.name, series.stem).partition("^QUBE")
    block = "OBJECT = TIME_SERIES\n  ROWS = 10\n  COLUMNS = 1\nEND_OBJECT = TIME_SERIES\nEND\n"
    series.write_text(f'{head}^TIME_SERIES = "{series.stem}.DAT"\n{block}', newline="")
    series.with_suffix(".DAT").write_bytes(bytes(20))
