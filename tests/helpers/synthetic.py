"""Opened products at chosen times, made without files, and the real kernel sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from uvisxr.dataset import conventions
from uvisxr.instrument.channel import channel as channel_of
from uvisxr.instrument.detector import Window

from .handmade import observation

_J2000 = np.datetime64("2000-01-01T12:00:00", "ns")

#: Kernels every set needs, relative to the kernel folder of the real data.
_COMMON = (
    "spk/de421.bsp",
    "lsk/naif0012.tls",
    "sclk/cas00172.tsc",
    "fk/cas_v43.tf",
    "ik/cas_uvis_v07.ti",
    "pck/pck00010.tpc",
)

_SETS = {
    "titan": (
        "ck/05357_05362ra_0_sliced_-82000.bc",
        "ck/05357_05362ra_1_sliced_-82000.bc",
        "spk/v1514284191_1_vis_isis_0.bsp",
        "spk/v1514284191_1_vis_isis_1.bsp",
    ),
    "enceladus": ("ck/11344_11349ra_sliced-82000.bc", "spk/N1702360370_1.bsp"),
    "phoebe": (
        "ck/04135_04171pc_psiv2.bc",
        "spk/020514_SE_SAT105.bsp",
        "spk/030201AP_SK_SM546_T45.bsp",
        "spk/981005_PLTEPH-DE405S.bsp",
        "spk/sat128.bsp",
    ),
    "2005-331": ("ck/05331_05331ra.bc", "spk/051122AP_SCPSE_05326_05333.bsp"),
    "2005-232": ("ck/05232_05233ra.bc", "spk/050922R_SCPSE_05225_05245.bsp"),
    "2016": ("ck/16275_16305ca_ISS.bc", "spk/170228R_SCPSE_16262_16282.bsp"),
    "2005": ("ck/05213_05243ca_ISS.bc", "spk/050922R_SCPSE_05225_05245.bsp"),
}

#: An instant with pointing in each set but the last two, TDB s past J2000: the Titan set at
#: 2005-360T08:50, Enceladus at 2011-346T05:00, Phoebe at 2004-163T19:00 UTC.
TITAN_ET, ENCELADUS_ET, PHOEBE_ET = 188859064.184, 376938066.183, 140252464.184


def kernels(data: Path, name: str) -> list[Path]:
    """Real kernels of a set, in the order to load them."""
    return [data / "kernels" / file for file in _COMMON + _SETS[name]]


def dataset(
    channel: str = "FUV",
    slit: str = "LOW_RESOLUTION",
    ets: np.ndarray | list[float] = (TITAN_ET,),
    exposure: float = 10.0,
    window: Window | None = None,
    target: str = "TITAN",
) -> xr.Dataset:
    """An opened product whose exposures are centred on `ets`, TDB s past J2000; counts are zero.

    `window` defaults to the lit rows 2..61, with the columns binned by 64 to keep it small. Times
    in UTC hold from 1999 to 2012 to the leap seconds of 2006 and 2009.
    """
    window = window or Window(2, 0, 61, 1023, band_bin=64)
    ets = np.atleast_1d(np.asarray(ets, float))
    leap = 64.184 + (ets > 189345664.0) + (ets > 284040065.0)
    mid = _J2000 + ((ets - leap) * 1e9).round().astype("timedelta64[ns]")
    half = np.timedelta64(round(exposure * 5e8), "ns")
    ds = observation(np.zeros((ets.size, *window.shape), np.uint16), window, channel, exposure)
    ds = ds.assign_coords(
        time=("pic", mid),
        time_start=("pic", mid - half),
        time_stop=("pic", mid + half),
        et=("pic", ets),
    ).assign_attrs(
        slit=slit,
        slit_width=channel_of(channel).slits[slit].width,
        target=target,
        name=f"{channel}_synthetic",
        history="",
    )
    return conventions.apply(ds)
