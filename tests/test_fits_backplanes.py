"""FITS files of true backplanes: columns against scalar SPICE, and through a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spiceypy
import xarray as xr
from astropy.io import fits
from helpers import rayside, synthetic

import uvisxr
from uvisxr import batch
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded

#: Of float32: of angles up to 360 degrees, and relative.
ANGLE, RELATIVE = 4e-5, 2e-7

pytestmark = pytest.mark.filterwarnings(
    "ignore:the dataset has no radiances", "ignore:the slit moves"
)


@pytest.fixture(scope="module")
def phoebe(data: Path, tmp_path_factory) -> tuple[list[Path], xr.DataTree, Path]:
    files = synthetic.kernels(data, "phoebe")
    window = Window(2, 0, 61, 1023, line_bin=4, band_bin=512)
    ets = synthetic.PHOEBE_ET + 30.0 * np.arange(-1, 2)
    ds = synthetic.dataset(ets=ets, target="PHOEBE", window=window, exposure=30.0)
    ds = ds.assign_coords(product=("pic", np.full(3, "FUV2004_163_19_22")))
    tree = ds.uvis.backplanes(files)
    return files, tree, ds.uvis.to_fits(tmp_path_factory.mktemp("phoebe") / "p.fits", tree)


def test_columns_are_those_of_spice(phoebe):
    files, _, path = phoebe
    with fits.open(path) as found:
        craft, body, sky, ring = (
            found[name].data for name in ("SC_GEOM", "BODY_GEOM", "GENERAL_GEOM", "RING_GEOM")
        )
    names = [str(name).strip() for name in craft["NAME"]]
    assert {"SATURN", "PHOEBE"} <= set(names)
    seen = body[[str(name).strip() for name in body["NAME"]].index("PHOEBE")]
    with loaded(files):
        for name in ("SATURN", "PHOEBE"):
            row = craft[names.index(name)]
            radii = spiceypy.bodvrd(name, "RADII", 3)[1]
            for k, z in np.ndindex(row["SUB_SC_LON"].shape):
                et = float(sky["TIME_ET"][0, k, z])
                common = ("NEAR POINT/ELLIPSOID", name, et, rayside.frame(name), "CN+S", "CASSINI")
                for column, point in (
                    ("SUB_SC", spiceypy.subpnt(*common)[0]),
                    ("SUB_SOLAR", spiceypy.subslr(*common)[0]),
                ):
                    _, lon, lat = spiceypy.reclat(point)
                    normal = spiceypy.surfnm(*radii, point)
                    west = -np.rad2deg(lon) % 360
                    assert row[f"{column}_LON"][k, z] == pytest.approx(west, abs=ANGLE)
                    for kind, angle in (("CENTRIC", lat), ("GRAPHIC", np.arcsin(normal[2]))):
                        told = row[f"{column}_LAT_{kind}"][k, z]
                        assert told == pytest.approx(np.rad2deg(angle), abs=ANGLE)
                state, _ = spiceypy.spkezr(name, et, rayside.frame(name), "CN", "CASSINI")
                told = [row[c][k, z] for c in ("VX_SC", "VY_SC", "VZ_SC")]
                np.testing.assert_allclose(told, -state[:3], rtol=RELATIVE, atol=2e-3)
                told = [row[f"VEL_{c}_SC_RATE"][k, z] for c in "XYZ"]
                np.testing.assert_allclose(told, -state[3:], rtol=RELATIVE, atol=1e-6)
        hits = 0
        for index in np.ndindex(seen["LON"].shape):
            et = float(sky["TIME_ET"][0][index[:2]])
            ray = np.deg2rad([sky[name][0][index] for name in ("RA", "DEC")])
            hit = rayside.hit("PHOEBE", et, spiceypy.radrec(1.0, *ray))
            # RA and Dec are rounded, by half a metre at Phoebe; at its limb that decides.
            if hit is None or seen["RAYHEIGHT"][index] > 0 or seen["EMISSION_ANGLE"][index] > 70:
                continue
            hits += 1
            assert seen["DISTANCE"][index] == pytest.approx(hit.distance, abs=0.05)
        assert hits > 20
        assert np.isfinite(ring["RING_RADIUS"]).any()


def test_the_tree_comes_back(phoebe):
    _, tree, path = phoebe
    back = uvisxr.open_fits(path).backplanes
    assert list(back.children) == list(tree.children)
    for node in back.children.values():
        for name, found in node.data_vars.items():
            was = tree[node.name][name]
            if was.ndim and not found.ndim:
                was = was.isel({dim: size // 2 for dim, size in was.sizes.items()})
            np.testing.assert_allclose(
                found.transpose(*was.dims), was.values, rtol=RELATIVE, err_msg=str(name)
            )


@pytest.mark.slow
def test_through_a_batch(tmp_path):
    made = uvisxr.simulate.observation(
        tmp_path / "in", exposures=4, window=Window(2, 0, 61, 1023, 4, 64), stars=0
    )
    steps = [
        ("background", {"level": 4e-4}),
        ("calibrate", {"files": str(made.calibration)}),
        ("to_fits", {"backplanes": {"kernels": list(made.kernels), "times": "rule"}}),
    ]
    summary = batch.process(made.labels, steps, tmp_path / "out", workers=1)
    assert summary.done == 1, summary.failures
    (path,) = (tmp_path / "out").glob("*.fits")
    back, tree = uvisxr.open_fits(path)
    own = made.open().uvis.backplanes(made.kernels, times="rule")
    for name in ("sky/ra", "titan/lat", "saturn/sc_lon", "rings/ring_radius"):
        np.testing.assert_allclose(tree[name], own[name], rtol=RELATIVE, err_msg=name)
    assert (back.counts == made.open().counts).all() and np.isfinite(back.radiance).any()
    assert fits.getheader(path)["NT_RULE"] == "1px/sub, NT 3-33"
