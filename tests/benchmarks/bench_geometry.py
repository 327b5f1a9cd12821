"""Geometry: vectorised rays against scalar SPICE calls, and against loading kernels each time."""

from __future__ import annotations

import numpy as np
import spiceypy
from helpers import synthetic
from helpers.realdata import real_data
from timing import best, compare

from uvisxr.geometry.fov import FieldOfView
from uvisxr.geometry.los import geometry
from uvisxr.instrument.detector import Bins
from uvisxr.kernels.session import loaded

TARGET, FRAME = "TITAN", "IAU_TITAN"


FIELDS = ("lon", "lat", "lat_graphic", "sza", "phase", "ems", "lt")


def scalar(ds, files) -> dict[str, np.ndarray]:
    """The same fields as a user would write them: SPICE calls ray by ray, kernels loaded once."""
    with loaded(files):
        view = FieldOfView.of(ds.attrs["channel"], ds.attrs["slit"])
        vectors = view.pixel_vectors(Bins.of(ds))
        code, radii = spiceypy.bods2c(TARGET), spiceypy.bodvrd(TARGET, "RADII", 3)[1]
        shape = (ds.sizes["pic"], *vectors.shape[:2])
        names = (*FIELDS, *(f"tangent_{name}" for name in FIELDS), "alt", "ra", "dec")
        out = {name: np.full(shape, np.nan) for name in names}

        def place(prefix, at, common, epoch, point, below):
            _, _, phase, sza, ems = spiceypy.ilumin(*common, "CASSINI", below)
            _, lon, lat = spiceypy.reclat(point)
            _, _, graphic = spiceypy.reclat(spiceypy.surfnm(*radii, below))
            hour, minute, second, _, _ = spiceypy.et2lst(epoch, code, lon, "PLANETOCENTRIC")
            degrees = np.rad2deg([-lon % (2 * np.pi), lat, graphic, sza, phase, ems])
            values = (*degrees, hour + minute / 60 + second / 3600)
            for name, value in zip(FIELDS, values, strict=True):
                out[prefix + name][at] = value

        for i, et in enumerate(ds["et"].values):
            turn = spiceypy.pxform(view.frame, "J2000", et)
            common = ("ELLIPSOID", TARGET, et, FRAME, "CN+S")
            for index in np.ndindex(shape[1:]):
                at = (i, *index)
                sky = turn @ vectors[index]
                _, ra, dec = spiceypy.recrad(sky)
                out["ra"][at], out["dec"][at] = np.rad2deg([ra, dec])
                try:
                    point, epoch, _ = spiceypy.sincpt(*common, "CASSINI", "J2000", sky)
                    place("", at, common, epoch, point, point)
                except spiceypy.NotFoundError:
                    pass
                point, out["alt"][at], _, below, epoch, _ = spiceypy.tangpt(
                    *common, "TANGENT POINT", "CASSINI", "J2000", sky
                )
                place("tangent_", at, common, epoch, point, below)
    return out


def agree(ds, files) -> None:
    """Stop if the scalar loop and ours differ."""
    theirs, ours = scalar(ds, files), geometry(ds, files)
    hit = np.isfinite(theirs["lon"][..., 0])
    assert np.array_equal(hit, ours["on_disk"].values == 1)
    np.testing.assert_allclose(ours["ra"], theirs["ra"][..., 0], atol=1e-7)
    for name in ("lon", "lat", "lat_graphic", "sza", "phase", "ems"):
        np.testing.assert_allclose(ours[name].values[hit], theirs[name][..., 0][hit], atol=1e-5)
    np.testing.assert_allclose(ours["alt"].values[~hit], theirs["alt"][..., 0][~hit], atol=1e-3)


def exposure_by_exposure(ds, files) -> None:
    """A loop over exposures, each of which loads and clears the kernels."""
    for i in range(ds.sizes["pic"]):
        geometry(ds.isel(pic=[i]), files)


def main() -> None:
    data = real_data()
    if data is None:
        print("skipped: no real kernels (UVISXR_TEST_DATA)")
        return
    files = synthetic.kernels(data, "titan")
    centre = synthetic.TITAN_ET

    def exposures(n: int):
        return synthetic.dataset(ets=centre + np.linspace(-300, 300, n))

    ds = exposures(90)
    agree(exposures(3), files)
    compare(
        "geometry of 90x60 pixels with corners, against SPICE ray by ray",
        lambda: scalar(ds, files),
        lambda: geometry(ds, files),
        repeat=3,
    )
    compare(
        "the same, against uvisxr with kernels loaded for each exposure",
        lambda: exposure_by_exposure(ds, files),
        lambda: geometry(ds, files),
        repeat=3,
    )
    for n in (10, 100, 1000):
        many = exposures(n)
        seconds = best(lambda many=many: geometry(many, files))
        print(f"{n:5d} exposures: {seconds:.3f} s, {1e3 * seconds / n:.3f} ms an exposure")
