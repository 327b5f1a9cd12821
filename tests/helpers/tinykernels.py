"""Kernels of a few hundred bytes, for bodies and times of one's choice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import spiceypy

#: The constants of the leap-seconds kernel; one leap second suffices here.
LSK = """KPL/LSK
\\begindata
DELTET/DELTA_T_A = 32.184
DELTET/K = 1.657D-3
DELTET/EB = 1.671D-2
DELTET/M = ( 6.239996 1.99096871D-7 )
DELTET/DELTA_AT = ( 10, @1972-JAN-1, 32, @1999-JAN-1, 33, @2006-JAN-1 )
\\begintext
"""

#: A clock of Cassini that counts seconds of TDB past J2000.
SCLK = """KPL/SCLK
\\begindata
SCLK_KERNEL_ID = ( @2005-01-01 )
SCLK_DATA_TYPE_82 = ( 1 )
SCLK01_TIME_SYSTEM_82 = ( 1 )
SCLK01_N_FIELDS_82 = ( 2 )
SCLK01_MODULI_82 = ( 4294967296 256 )
SCLK01_OFFSETS_82 = ( 0 0 )
SCLK01_OUTPUT_DELIM_82 = ( 1 )
SCLK_PARTITION_START_82 = ( 0.0 )
SCLK_PARTITION_END_82 = ( 1.09951162777E+12 )
SCLK01_COEFFICIENTS_82 = ( 0.0 0.0 1.0 )
\\begintext
"""

#: What tells the other text kernels.
FRAMES = {
    "FRAME_CASSINI_SC_COORD": "-82000",
    "FRAME_CASSINI_UVIS_FUV": "-82840",
    "FRAME_CASSINI_UVIS_EUV": "-82842",
}
INSTRUMENT = {
    "INS-82840_FOV_FRAME": "'CASSINI_UVIS_FUV'",
    "INS-82842_FOV_FRAME": "'CASSINI_UVIS_EUV'",
}
CONSTANTS = {
    "BODY606_RADII": "( 2575.0 2575.0 2575.0 )",
    "BODY606_PM": "( 186.5855 22.5769768 0.0 )",
    "BODY699_RADII": "( 60268.0 60268.0 54364.0 )",
    "BODY699_PM": "( 38.90 810.7939024 0.0 )",
}


def text(path: Path, kind: str, **variables: str) -> Path:
    """Write a text kernel with some pool variables."""
    lines = [f"{name} = {value}" for name, value in variables.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([f"KPL/{kind}", "\\begindata", *lines, "\\begintext", ""]))
    return path


def spk(path: Path, *segments: tuple[int, int, float, float], x: float = 1e6) -> Path:
    """Write an SPK: (body, center, start, stop) each; bodies stand still at (x, 0, 0) km."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = spiceypy.spkopn(str(path), "tiny", 0)
    states = np.array([[x, 0, 0, 0, 0, 0]] * 2)
    for body, center, start, stop in segments:
        spiceypy.spkw08(
            handle, body, center, "J2000", start, stop, "tiny", 1, 2, states, start, stop - start
        )
    spiceypy.spkcls(handle)
    return path


def ck(path: Path, *intervals: tuple[float, float], frame: int = -82000) -> Path:
    """Write a CK with the identity within intervals of TDB s (ticks of `SCLK`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ticks = 256.0 * np.array(intervals).ravel()
    handle = spiceypy.ckopn(str(path), "tiny", 0)
    quaternions = np.array([[1.0, 0, 0, 0]] * ticks.size)
    spiceypy.ckw03(
        handle,
        ticks[0],
        ticks[-1],
        frame,
        "J2000",
        False,
        "tiny",
        ticks.size,
        ticks,
        quaternions,
        np.zeros((ticks.size, 3)),
        len(intervals),
        ticks[::2].copy(),
    )
    spiceypy.ckcls(handle)
    return path


def texts(folder: Path) -> list[Path]:
    """One text kernel of each set, in the order of kernels.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    lsk, sclk = folder / "naif0012.tls", folder / "cas00172.tsc"
    lsk.write_text(LSK)
    sclk.write_text(SCLK)
    return [
        lsk,
        sclk,
        text(folder / "cas_v43.tf", "FK", **FRAMES),
        text(folder / "cas_uvis_v07.ti", "IK", **INSTRUMENT),
        text(folder / "pck00010.tpc", "PCK", **CONSTANTS),
    ]
