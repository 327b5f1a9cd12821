"""Small products on disk: a label and a data file of the archive's layout, with given counts."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

LABEL = """PDS_VERSION_ID                  = PDS3
RECORD_TYPE                     = FIXED_LENGTH
RECORD_BYTES                    = 131072
FILE_RECORDS                    = {samples}
PRODUCT_ID                      = "{name}"
SPACECRAFT_CLOCK_START_COUNT    = "{clock}"
SPACECRAFT_CLOCK_STOP_COUNT     = "UNK"
START_TIME                      = {start}
STOP_TIME                       = "UNK"
DATA_SET_ID                     = "CO-S-UVIS-2-CUBE-V1.2"
TARGET_NAME                     = "{target}"
INSTRUMENT_HOST_NAME            = "CASSINI_ORBITER"
INSTRUMENT_NAME                 = "ULTRAVIOLET IMAGING SPECTROGRAPH"
INSTRUMENT_ID                   = "UVIS"
MISSION_PHASE_NAME              = TOUR
INTEGRATION_DURATION            = {exposure:.3f} <SECOND>
COMPRESSION_TYPE                = "SQRT_9"
SLIT_STATE                      = {slit}
ODC_ID                          = 1114
^QUBE                           = "{name}.DAT"
OBJECT                          = QUBE
  AXES                          = 3
  AXIS_NAME                     = (BAND, LINE, SAMPLE)
  CORE_ITEMS                    = (1024, 64, {samples})
  CORE_ITEM_BYTES               = 2
  CORE_ITEM_TYPE                = MSB_UNSIGNED_INTEGER
  CORE_BASE                     = 0.0
  CORE_MULTIPLIER               = 1.0
  CORE_NULL                     = -1
  CORE_NAME                     = RAW_DATA_NUMBER
  CORE_UNIT                     = "COUNTS/BIN"
  SUFFIX_BYTES                  = 4
  SUFFIX_ITEMS                  = (0,0,0)
  UL_CORNER_LINE                = {lines[0]}
  UL_CORNER_BAND                = 0
  LR_CORNER_LINE                = {lines[1]}
  LR_CORNER_BAND                = 1023
  BAND_BIN                      = {band_bin}
  LINE_BIN                      = {line_bin}
END_OBJECT                      = QUBE
END
"""


def product_id(number: int, channel: str = "FUV") -> str:
    """Identifier of the product that starts `number` minutes into 2005-230."""
    return f"{channel}2005_{230 + number // 1440:03}_{number // 60 % 24:02}_{number % 60:02}"


def write_product(
    folder: Path,
    name: str,
    counts: np.ndarray | None = None,
    samples: int = 1,
    band_bin: int = 1,
    line_bin: int = 1,
    lines: tuple[int, int] = (2, 61),
    exposure: float = 30.0,
    slit: str = "LOW_RESOLUTION",
    target: str = "SATURN",
) -> Path:
    """Write NAME.LBL and NAME.DAT; returns the label's path.

    `counts` (sample, line, band), of the binned window, are by default Poisson counts that depend
    on the name alone.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_lines = -(-(lines[1] - lines[0] + 1) // line_bin)
    n_bands = -(-1024 // band_bin)
    if counts is None:
        rng = np.random.default_rng(list(name.encode()))
        counts = rng.poisson(2.0 * band_bin * line_bin, (samples, n_lines, n_bands))
    samples = counts.shape[0]
    frame = np.full((samples, 64, 1024), 65535, ">u2")
    frame[:, lines[0] : lines[0] + n_lines, :n_bands] = counts
    day, hour, minute = name[8:11], name[12:14], name[15:17]
    clock = "1/1503070990.64" if name[3:17] == "2005_230_15_15" else "UNK"
    label = folder / f"{name}.LBL"
    label.write_text(
        LABEL.format(
            name=name,
            clock=clock,
            samples=samples,
            start=f"{name[3:7]}-{day}T{hour}:{minute}:04.141",
            target=target,
            exposure=exposure,
            slit=slit,
            lines=lines,
            band_bin=band_bin,
            line_bin=line_bin,
        ).replace("\n", "\r\n"),
        newline="",
    )
    label.with_suffix(".DAT").write_bytes(frame.tobytes())
    return label


def two_windows(label: Path) -> None:
    """Make the one window of a product two, one below the other, the second in bins of two rows."""
    text = label.read_text()
    for key, was, new in (
        ("UL_CORNER_LINE", "2", "(2, 32)"),
        ("LR_CORNER_LINE", "61", "(31, 61)"),
        ("LINE_BIN", "1", "(1, 2)"),
    ):
        text = re.sub(rf"(?m)^( *{key} += ){was}\b", rf"\g<1>{new}", text)
    label.write_text(text)
    frames = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(-1, 64, 1024)
    frames[:, 47:62] = 65535
    frames.tofile(label.with_suffix(".DAT"))


SPECTRUM = """^SPECTRUM                       = "{name}.DAT"
OBJECT                          = SPECTRUM
  INTERCHANGE_FORMAT            = BINARY
  ROWS                          = {rows}
  COLUMNS                       = 1
  ROW_BYTES                     = 2
  UL_CORNER_SPATIAL             = {lines[0]}
  UL_CORNER_SPECTRAL            = 0
  LR_CORNER_SPATIAL             = {lines[1]}
  LR_CORNER_SPECTRAL            = 1023
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


def write_spectrum(
    folder: Path,
    name: str,
    values: np.ndarray,
    lines: tuple[int, int] = (0, 63),
    line_bin: object = 64,
    band_bin: object = 1,
) -> Path:
    """Write a product that holds one SPECTRUM, `values` (row,); returns the label's path."""
    label = write_product(folder, name, lines=lines)
    head, _, _ = label.read_text().partition("^QUBE")
    end = SPECTRUM.format(
        name=name, rows=values.size, lines=lines, line_bin=line_bin, band_bin=band_bin
    )
    label.write_text(head + end)
    label.with_suffix(".DAT").write_bytes(values.astype(">u2").tobytes())
    return label
