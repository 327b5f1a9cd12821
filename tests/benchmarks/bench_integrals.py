"""Brightnesses of 69 x 60 spectra of 1,024 elements with their errors, and of bins."""

from __future__ import annotations

import numpy as np
from helpers import calfiles
from timing import best, compare

from uvisxr import integrals
from uvisxr.instrument.detector import Window

RANGES = ((1206.0, 1226.0), (1450.0, 1800.0))


def plain(ds, wl_range: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Sums over the elements of the range, half-widths in quadrature, as a user writes them."""
    wl, edges = ds["wl"].values, ds["wl_bounds"].values
    inside = (wl >= wl_range[0]) & (wl <= wl_range[1])
    width = np.diff(edges, axis=-1)[inside, 0]
    value = (ds["radiance"].values[..., inside] * width).sum(-1)
    upper, lower, common = (
        ds[f"radiance_{e}"].values[..., inside] * width for e in ("upper", "lower", "systematic")
    )
    return value, np.sqrt((upper**2).sum(-1)), np.sqrt((lower**2).sum(-1)), common.sum(-1)


def main() -> None:
    ds = calfiles.poisson(69, Window(2, 0, 61, 1023)).uvis.calibrate(
        flat_field=False, trend=False, evil_pixels="interpolate"
    )
    bins = ds.uvis.bin(pixels=[[(i, j) for i in range(69)] for j in range(60)])
    for data, what in ((ds, "69x60 spectra"), (bins, "60 mean spectra")):
        for wl_range in RANGES:
            ours = integrals.integrate(data, wl_range)
            np.testing.assert_allclose(ours.brightness, plain(data, wl_range)[0], rtol=0.1)
            compare(
                f"brightness of {what}, {wl_range[0]:.0f} to {wl_range[1]:.0f} Å, with errors",
                lambda data=data, wl_range=wl_range: plain(data, wl_range),
                lambda data=data, wl_range=wl_range: integrals.integrate(data, wl_range),
                repeat=5,
            )
    whole = best(lambda: integrals.integrate(ds, (1150.0, 1850.0)))
    parts = [best(lambda r=r: integrals.integrate(ds, r)) for r in RANGES]
    print(
        f"1150 to 1850 Å take {whole:.4f} s, the ranges {parts[0]:.4f} and {parts[1]:.4f} s: "
        "only what they touch is worked on"
    )
