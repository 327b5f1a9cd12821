"""SPICE kernels of the invented flight: text kernels, trajectory (SPK) and pointing (CK)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import ExportError
from ..files import whole_file, write_text
from ..instrument.channel import ChannelName
from ..instrument.channel import channel as find_channel
from ..kernels import spice
from ..kernels.bodies import BARYCENTRE, SPACECRAFT_CODE, SPACECRAFT_FRAME, SUN
from ..kernels.session import LOCK, loaded, spice_reason
from . import flight
from .flight import Scan
from .textkernels import TEXTS

#: NAIF codes: the barycentre of Saturn's system, Saturn, Titan.
_SATURN_BARYCENTRE, _SATURN, _TITAN = 6, 699, 606

#: Light takes up to 85 min from the Sun to Saturn, so ephemerides start this much earlier, s.
_BEFORE, _AFTER = 3 * 3600.0, 3600.0

#: The pointing extends this far before and after the exposures, s.
_POINTED = 60.0

#: Steps of trajectories and pointing, s.
_BODY_STEP, _CRAFT_STEP, _POINTING_STEP = 1800.0, 60.0, 10.0

#: SPK type 13, Hermite polynomials, of this degree.
_DEGREE = 7


def write(folder: Path, scan: Scan, channel: ChannelName) -> list[Path]:
    """Write every kernel that a geometry of the scan needs.

    Parameters
    ----------
    folder : Path
        Created if need be; kernels of an earlier simulation in it are replaced.
    scan : Scan
    channel : {"FUV", "EUV"}
        The channel whose slit follows the scan; the other channel's is 0.1 degrees off.

    Returns
    -------
    list of Path
        In loading order.

    Raises
    ------
    ExportError
        A file cannot be written.
    """
    spk, ck = folder / "simulated_trajectory.bsp", folder / "simulated_pointing.bc"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        texts = [folder / name for name in TEXTS]
        for path in texts:
            write_text(path, TEXTS[path.name])
        with loaded(texts):
            with whole_file(spk) as temporary:
                _write_spk(temporary, scan)
            with whole_file(ck) as temporary:
                _write_ck(temporary, scan, find_channel(channel).spice_frame)
    except spice.SpiceyError as error:
        raise ExportError(f"cannot write kernels in {folder}: {spice_reason(error)}") from error
    except OSError as error:
        raise ExportError(f"cannot write kernels in {folder}: {error}") from error
    return [*texts, spk, ck]


def _grid(first: float, last: float, step: float) -> np.ndarray:
    return np.linspace(first, last, int(np.ceil((last - first) / step)) + 1)


def _write_spk(path: Path, scan: Scan) -> None:
    span = scan.start - _BEFORE, scan.stop + _AFTER
    slow, fast = _grid(*span, _BODY_STEP), _grid(*span, _CRAFT_STEP)
    rest = np.zeros((slow.size, 6))
    centre = _TITAN if scan.flight.target == "TITAN" else _SATURN
    segments = (
        (SUN, BARYCENTRE, slow, rest),
        (_SATURN_BARYCENTRE, SUN, slow, flight.states(flight.saturn, slow)),
        (_SATURN, _SATURN_BARYCENTRE, slow, rest),
        (_TITAN, _SATURN_BARYCENTRE, slow, flight.states(flight.titan, slow)),
        (SPACECRAFT_CODE, centre, fast, flight.states(scan.flight.position, fast)),
    )
    with LOCK:
        handle = spice.spkopn(str(path), "Simulated by uvisxr", 0)
        try:
            for body, center, et, states in segments:
                name = f"{body} from {center}, simulated"
                spice.spkw13(
                    handle, body, center, "J2000", *span, name, _DEGREE, et.size, states, et
                )
        finally:
            spice.spkcls(handle)


def _write_ck(path: Path, scan: Scan, frame: str) -> None:
    et = _grid(scan.start - _POINTED, scan.stop + _POINTED, _POINTING_STEP)
    with LOCK:
        # From J2000 to the bus through the instrument's frame, which is fixed to it.
        bus = spice.pxform(frame, "CASSINI_SC_COORD", 0.0) @ scan.axes(et)
        quaternions = np.array([spice.m2q(matrix) for matrix in bus])
        ticks = np.array([spice.sce2c(SPACECRAFT_CODE, t) for t in et])
        handle = spice.ckopn(str(path), "Simulated by uvisxr", 0)
        try:
            spice.ckw03(
                handle,
                ticks[0],
                ticks[-1],
                SPACECRAFT_FRAME,
                "J2000",
                False,
                "Scan of the slit, simulated",
                ticks.size,
                ticks,
                quaternions,
                np.zeros((ticks.size, 3)),
                1,
                [ticks[0]],
            )
        finally:
            spice.ckcls(handle)
