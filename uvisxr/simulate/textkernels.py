"""Text kernels of the simulation, newly written with the figures of NAIF's public kernels.

Each text names the kernel its figures come from. They contain only what the geometry of UVIS needs;
work on real products needs the real ones (`uvisxr kernels fetch`).
"""

from __future__ import annotations

import numpy as np

from ..timescales import CLOCK_KNOTS
from .flight import RADII, ROTATION

#: Dates of the leap seconds; TAI - UTC is 10 s from the first on.
_LEAPS = (
    *("1972-JAN-1", "1972-JUL-1", "1973-JAN-1", "1974-JAN-1", "1975-JAN-1", "1976-JAN-1"),
    *("1977-JAN-1", "1978-JAN-1", "1979-JAN-1", "1980-JAN-1", "1981-JUL-1", "1982-JUL-1"),
    *("1983-JUL-1", "1985-JUL-1", "1988-JAN-1", "1990-JAN-1", "1991-JAN-1", "1992-JUL-1"),
    *("1993-JUL-1", "1994-JUL-1", "1996-JAN-1", "1997-JUL-1", "1999-JAN-1", "2006-JAN-1"),
    *("2009-JAN-1", "2012-JUL-1", "2015-JUL-1", "2017-JAN-1"),
)


def _leap_seconds() -> str:
    table = "\n".join(f"{10 + n:24}, @{date}" for n, date in enumerate(_LEAPS))
    return f"""KPL/LSK

Leap seconds to 2017 (IERS bulletins C) and the constants of TDB - TT, as in
NAIF's naif0012.tls.

\\begindata
DELTET/DELTA_T_A  = 32.184
DELTET/K          = 1.657D-3
DELTET/EB         = 1.671D-2
DELTET/M          = ( 6.239996D0  1.99096871D-7 )
DELTET/DELTA_AT   = (
{table} )
\\begintext
"""


def _clock() -> str:
    knots, counts = CLOCK_KNOTS
    rates = np.diff(knots) / np.diff(counts)
    # The first rate holds from a count of zero on, the last one to the end.
    before = (0.0, knots[0] - counts[0] * rates[0], rates[0])
    rows = [before, *zip(256 * counts, knots, [*rates, rates[-1]], strict=True)]
    table = "\n".join(f"  {tick:.2f}  {et:.6f}  {rate:.12f}" for tick, et, rate in rows)
    return f"""KPL/SCLK

Cassini's clock by some knots of NAIF's cas00172.tsc, within 0.1 s of it from
launch to the end. Units of the fine count: 1/256 s.

\\begindata
SCLK_KERNEL_ID          = ( @2024-01-01 )
SCLK_DATA_TYPE_82       = ( 1 )
SCLK01_TIME_SYSTEM_82   = ( 1 )
SCLK01_N_FIELDS_82      = ( 2 )
SCLK01_MODULI_82        = ( 4294967296 256 )
SCLK01_OFFSETS_82       = ( 0 0 )
SCLK01_OUTPUT_DELIM_82  = ( 1 )
SCLK_PARTITION_START_82 = ( 0.0 )
SCLK_PARTITION_END_82   = ( 1.0995116277760E+12 )
SCLK01_COEFFICIENTS_82  = (
{table} )
\\begintext
"""


def _frame(name: str, code: int, angles: tuple[float, float, float]) -> str:
    return f"""
FRAME_{name} = {code}
FRAME_{code}_NAME     = '{name}'
FRAME_{code}_CLASS    = 4
FRAME_{code}_CLASS_ID = {code}
FRAME_{code}_CENTER   = -82
TKFRAME_{code}_SPEC     = 'ANGLES'
TKFRAME_{code}_RELATIVE = 'CASSINI_SC_COORD'
TKFRAME_{code}_ANGLES   = ( {angles[0]:.11f}, {angles[1]:.11f}, {angles[2]:.11f} )
TKFRAME_{code}_AXES     = ( 1, 2, 1 )
TKFRAME_{code}_UNITS    = 'DEGREES'
"""


def _frames() -> str:
    fuv = _frame("CASSINI_UVIS_FUV", -82840, (-90.0, 179.98854084310, 179.99427042161))
    euv = _frame("CASSINI_UVIS_EUV", -82842, (-90.0, 179.93125071716, 179.92552119261))
    return f"""KPL/FK

Frames of Cassini's bus and of the two channels of UVIS, with the angles of
14 October 2004 as in NAIF's cas_v43.tf.

\\begindata
FRAME_CASSINI_SC_COORD = -82000
FRAME_-82000_NAME      = 'CASSINI_SC_COORD'
FRAME_-82000_CLASS     = 3
FRAME_-82000_CLASS_ID  = -82000
FRAME_-82000_CENTER    = -82
CK_-82000_SCLK         = -82
CK_-82000_SPK          = -82
{fuv}{euv}
\\begintext
"""


def _view(code: int, channel: str, cross: float) -> str:
    return f"""
INS{code}_FOV_FRAME       = 'CASSINI_UVIS_{channel}'
INS{code}_FOV_SHAPE       = 'RECTANGLE'
INS{code}_BORESIGHT       = ( 0.0  0.0  1.0 )
INS{code}_FOV_CLASS_SPEC  = 'ANGLES'
INS{code}_FOV_REF_VECTOR  = ( 0.0  1.0  0.0 )
INS{code}_FOV_REF_ANGLE   = ( 1.83346495 )
INS{code}_FOV_CROSS_ANGLE = ( {cross} )
INS{code}_FOV_ANGLE_UNITS = 'DEGREES'
"""


def _fields_of_view() -> str:
    rows = (
        (-82840, "FUV", 0.02148592),
        (-82841, "FUV", 0.0429718347),
        (-82842, "FUV", 0.229183),
        (-82843, "EUV", 0.02864789),
        (-82844, "EUV", 0.05729578),
        (-82845, "EUV", 0.229183),
    )
    return f"""KPL/IK

Fields of view of the slits of UVIS, high resolution, low resolution and
occultation, half-angles as in NAIF's cas_uvis_v07.ti.

\\begindata
{"".join(_view(*row) for row in rows)}
\\begintext
"""


def _body(name: str, code: int) -> str:
    ra, dec, meridian, rate = ROTATION[name]
    a, b, c = RADII[name]
    return f"""
BODY{code}_RADII    = ( {a}  {b}  {c} )
BODY{code}_POLE_RA  = ( {ra}  0.0  0.0 )
BODY{code}_POLE_DEC = ( {dec}  0.0  0.0 )
BODY{code}_PM       = ( {meridian}  {rate}  0.0 )
"""


def _constants() -> str:
    return f"""KPL/PCK

Radii and rotation of Saturn, Titan and the Sun as in NAIF's pck00010.tpc,
without the slow drift of Saturn's pole.

\\begindata
{_body("SATURN", 699)}{_body("TITAN", 606)}
BODY10_RADII = ( 696000.0  696000.0  696000.0 )
\\begintext
"""


#: File name -> text. The names let `uvisxr.kernels.choose` recognise the kinds.
TEXTS = {
    "naif_simulated.tls": _leap_seconds(),
    "cas_simulated.tsc": _clock(),
    "cas_v0_simulated.tf": _frames(),
    "cas_uvis_v0_simulated.ti": _fields_of_view(),
    "pck0_simulated.tpc": _constants(),
}
