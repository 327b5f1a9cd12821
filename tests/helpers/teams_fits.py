"""FITS files as the team's writer and its Titan library have them, made by astropy alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

#: Exposures, rows, columns, instants.
NZ, NY, NX, NT = 3, 4, 16, 3

TIMES, POINTS = (NT, NZ), (NT, NZ, NY, 5)

SC_GEOM = [
    *("SUB_SC_LAT_CENTRIC", "SUB_SC_LAT_GRAPHIC", "SUB_SC_LON", "SUB_SOLAR_LAT_CENTRIC"),
    *("SUB_SOLAR_LAT_GRAPHIC", "SUB_SOLAR_LON", "SC_ALTITUDE", "VEL_X_SC_RATE", "VEL_Y_SC_RATE"),
    *("VEL_Z_SC_RATE", "VX_SC", "VY_SC", "VZ_SC", "CENTER_RA", "CENTER_DEC", "CENTER_PHASE_ANGLE"),
    *("RAM_LONGITUDE", "RAM_LAT_CENTRIC", "RAM_LAT_GRAPHIC", "SUB_SC_LOCAL_TIME"),
]
BODY_GEOM = [
    *("LAT_CENTRIC", "LAT_GRAPHIC", "LON", "SOLAR_HOUR_ANGLE", "LOCAL_TIME", "EMISSION_ANGLE"),
    *("INCIDENCE_ANGLE", "PHASE_ANGLE", "DISTANCE", "RAYHEIGHT"),
]
HEADER = {
    "PROD_ID": "EUV2002_198_03_26",
    "CHANNEL": "EUV",
    "TARGET": "TITAN",
    "INT_TIME": 240.0,
    "OBS_ET": 8e7,
    "OBS_SCLK": "1/1405572559.096",
    "IMG_XMIN": 0,
    "IMG_XMAX": NX - 1,
    "IMG_YMIN": 10,
    "IMG_YMAX": 9 + NY,
    "IMG_XBIN": 1,
    "IMG_YBIN": 1,
    "UNIT": "kR/Angstrom",
    "PIPESTAT": "CALIBRATED",
}


def _column(name: str, values: np.ndarray, code: str) -> fits.Column:
    cell = values.shape[1:]
    dim = "(" + ",".join(str(n) for n in reversed(cell)) + ")" if cell else None
    count = int(np.prod(cell, dtype=int))
    return fits.Column(name=name, format=f"{count}{code}", array=values, dim=dim)


def _table(name: str, columns: Mapping[str, tuple[np.ndarray, str]]) -> fits.BinTableHDU:
    made = [
        fits.Column(name=key, format="A12", array=values)
        if code == "A"
        else _column(key, values, code)
        for key, (values, code) in columns.items()
    ]
    return fits.BinTableHDU.from_columns(made, name=name)


def product(
    path: Path, header: Mapping[str, Any] = HEADER, version: int = 2, unsigned: bool = False
) -> dict[str, np.ndarray]:
    """A file as the team's writer makes it, with random values where it knows some.

    What it does not know is zero: all columns but those that the result has. Of version 1 the
    order of HDUs and columns, and some names, are others. Old ones have unsigned counts.
    """
    rng = np.random.default_rng(1)
    known: dict[str, np.ndarray] = {
        "cube": rng.normal(size=(NZ, NY, NX)).astype("f4"),
        "raw": rng.integers(0, 3000, (NZ, NY, NX)),
        "factor": rng.uniform(1, 5, (NY, NX)).astype("f4"),
        "background": rng.uniform(1e-4, 1e-3, (NY, NX)).astype("f4"),
        "wl": np.linspace(561.2, 570.4, NX).astype("f4"),
        "et": 8e7 + 240 * (np.arange(NZ) + np.linspace(0, 1, NT)[:, None]),
        "LON": rng.uniform(0, 360, (1, *POINTS)).astype("f4"),
        "RA": rng.uniform(0, 360, (1, *POINTS)).astype("f4"),
        "SUB_SC_LON": rng.uniform(0, 360, (2, *TIMES)).astype("f4"),
        "VX_SC": rng.normal(size=(2, *TIMES)).astype("f4"),
        "VY_SC": rng.normal(size=(2, *TIMES)).astype("f4"),
        "VZ_SC": rng.normal(size=(2, *TIMES)).astype("f4"),
        "RING_SHADOW_FLAG": rng.integers(0, 2, (1, *POINTS)).astype(bool),
    }
    known["cube"][0, 0, 0] = np.nan
    known["factor"][1, 1] = -1000
    null = known["raw"].copy()
    null[1, 2, 3] = 65535 if unsigned else -1

    def filled(name: str, rows: int, cell: tuple[int, ...]) -> tuple[np.ndarray, str]:
        return known.get(name, np.zeros((rows, *cell), "f4")), "E"

    def flags(*cell: int) -> tuple[np.ndarray, str]:
        return np.zeros((1, *cell), bool), "L"

    primary = fits.PrimaryHDU(known["cube"])
    primary.header.update(header)
    primary.header["COMMENT"] = "Calibrated data array (NAXIS1=NX); see PDS4 label."
    raw = fits.ImageHDU(null.astype("u2" if unsigned else "i2"), name="RAW_COUNTS")
    if not unsigned:
        raw.header["BLANK"] = -1
    factor = fits.ImageHDU(known["factor"], name="CAL_FACTOR")
    factor.header["NULLVAL"] = -1000.0
    background = fits.ImageHDU(known["background"], name="BACKGROUND")
    names = (np.array(["TITAN", "SATURN"]), "A")
    spacecraft = {"NAME": names} | {name: filled(name, 2, TIMES) for name in SC_GEOM}
    spacecraft |= {k: filled(k, 2, ()) for k in ("PROJECTED_DIAMETER", "CENTER_Y", "CENTER_Z")}
    spacecraft["FULLY_INSIDE_FLAG"] = (np.zeros(2, bool), "L")
    body = {"NAME": (np.array(["TITAN"]), "A")} | {n: filled(n, 1, POINTS) for n in BODY_GEOM}
    body["RING_SHADOW_FLAG"] = (known["RING_SHADOW_FLAG"], "L")
    body["BEHIND_RING_FLAG"] = flags(*POINTS)
    general = {"TIME_ET": (known["et"][None], "D")}
    general |= {name: filled(name, 1, POINTS) for name in ("RA", "DEC")}
    if version == 1:
        spacecraft["PHI"] = filled("PHI", 2, TIMES)
        known["SATURN_LOCAL_TIME"] = np.full((2, *TIMES), 90, "f4")
        known["SUB_SC_LAT"] = np.full((2, *TIMES), -12.5, "f4")
        for name in ("SUB_SC_LAT", "SATURN_LOCAL_TIME"):
            spacecraft[name] = filled(name, 2, TIMES)
        del spacecraft["SUB_SC_LAT_CENTRIC"], spacecraft["SUB_SC_LOCAL_TIME"], body["LOCAL_TIME"]
        known["RESOLUTION_FINE"] = np.full((1, *POINTS), 7, "f4")
        body["RESOLUTION_FINE"] = filled("RESOLUTION_FINE", 1, POINTS)
        general = {name: general[name] for name in ("RA", "DEC", "TIME_ET")}
    kernels = fits.TableHDU.from_columns(
        [
            fits.Column(name="FILENAME", format="A32", array=np.array(["naif0012.tls", "x.bsp"])),
            fits.Column(name="KERNEL_TYPE", format="A4", array=np.array(["LSK", "SPK"])),
        ],
        name="KERNELS",
    )
    wavelength = fits.ImageHDU(known["wl"], name="WAVELENGTH")
    tables = [_table("SC_GEOM", spacecraft), _table("BODY_GEOM", body)]
    tables.append(_table("GENERAL_GEOM", general))
    if version == 1:
        hdus = [primary, raw, factor, wavelength, *tables, kernels]
    else:
        rings = {f"RING_{name}": (np.full(1, np.nan, "f4"), "E") for name in ("RADIUS", "EMISSION")}
        rings["IN_SATURN_SHADOW"] = (np.zeros(1, bool), "L")
        hdus = [primary, raw, factor, background, *tables, _table("RING_GEOM", rings)]
        hdus += [kernels, wavelength]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return known


def titan_library(path: Path, rows: int = 60, bands: int = 1024) -> dict[str, np.ndarray]:
    """A file of the Titan library: full frames with the window in their first corner."""
    rng = np.random.default_rng(2)
    known = {
        "raw": rng.integers(0, 90, (NZ, bands, rows)),
        "cube": rng.normal(size=(NZ, bands, rows)).astype("f4"),
        "factor": rng.uniform(1, 5, (bands, rows)).astype("f4"),
        "et": 1.9e8 + 240 * (np.arange(NZ)[:, None] + np.linspace(0, 1, NT)),
        "sc_lon": rng.uniform(0, 360, (NZ, NT)),
        "velocity": rng.normal(size=(3, NZ, NT)),
        "lat": rng.uniform(-90, 90, (NZ, NT, rows, 5)),
        "hours": rng.uniform(0, 24, (NZ, NT, rows, 5)),
        "height": rng.uniform(0, 900, (NZ, NT, rows)),
    }
    known["factor"][5, 5] = 0

    def frames(values: np.ndarray) -> np.ndarray:
        whole = np.zeros((NZ, NT, 1024, 64), "f4")
        whole[:, :, :bands, :rows] = values[:, None]
        return whole

    def slit(values: np.ndarray) -> np.ndarray:
        whole = np.zeros((NZ, NT, 64, *values.shape[3:]))
        whole[:, :, :rows] = values
        return whole

    primary = fits.PrimaryHDU()
    primary.header.update(
        {"PROD_ID": "FUV2006_015_17_00", "CHANNEL": "FUV", "TRGTNAME": "TITAN", "OBS_ID": "7"}
    )
    factor = np.zeros((1, 1024, 64), "f4")
    factor[0, :bands, :rows] = known["factor"]
    one = {"OBS_SECONDS": 1516000000, "IMG_XMIN": 0, "IMG_XMAX": bands - 1, "IMG_YMIN": 2}
    one |= {"IMG_YMAX": 1 + rows, "IMG_XBIN": 1, "IMG_YBIN": 1}
    config = [
        fits.Column(name=name, format="J", bzero=2**31, array=np.array([value], np.uint32))
        for name, value in one.items()
    ]
    config.append(fits.Column(name="INT_TIME", format="E", array=np.array([240.0])))
    wl = np.linspace(111.53485, 191.28659, 1024).astype("f4")
    utc = np.full((NZ, NT), "2006-01-15T17:00:00.000000")
    fov = {"LAT": (slit(known["lat"]), "D"), "SOLAR_HOUR_ANGLE": (slit(known["hours"]), "D")}
    fov |= {"RAYHEIGHT": (slit(known["height"]), "D")}
    spacecraft = {"SUB_SC_LON": (known["sc_lon"], "D"), "SC_ALTITUDE": (known["sc_lon"], "D")}
    spacecraft |= {
        f"VEL_{axis}_SC_RATE": (known["velocity"][k], "D") for k, axis in enumerate("XYZ")
    }
    hdus = [
        primary,
        _table("CAL", {"CAL_FACTOR": (factor, "E")}),
        fits.BinTableHDU.from_columns(config, name="CONFIG"),
        _table(
            "DATA",
            {
                "RAWCOUNTS": (frames(known["raw"]), "E"),
                "UVIS_CALIBRATED": (frames(known["cube"]), "E"),
            },
        ),
        _table("FOV_GEOM", fov),
        _table("SC_GEOM", spacecraft),
        fits.TableHDU.from_columns(
            [fits.Column(name="LS_KRN", format="A12", array=np.array(["naif0012.tls"]))],
            name="KERNELS",
        ),
        fits.BinTableHDU.from_columns(
            [
                _column("TIME_ET", known["et"], "D"),
                fits.Column(name="TIME_UTC", format="78A", dim="(26,3)", array=utc),
            ],
            name="TIME",
        ),
        fits.BinTableHDU.from_columns(
            [fits.Column(name="WAVELENGTH_FUV", format="E", array=wl)], name="WAVELENGTH"
        ),
    ]
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return known
