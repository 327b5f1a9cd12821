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
from uvisxr.errors import UvisWarning
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.timescales import parse_et

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


#: The last instant of pointing before a gap of 17 minutes, TDB s past J2000.
GAP = parse_et("2005-232T19:25:48")


def test_what_lacks_pointing_is_unknown(data, tmp_path):
    """Before, across, in and after a gap; and in the gap alone."""
    files = synthetic.kernels(data, "2005-232")
    window = Window(2, 0, 61, 1023, line_bin=12, band_bin=512)
    ets = GAP + np.array([-350.0, -20.0, 300.0, 700.0, 1400.0])
    ds = synthetic.dataset(ets=ets, target="SATURN", window=window, exposure=60.0)
    ds = ds.assign_coords(product=("pic", np.full(5, "FUV2005_232_19_00")))
    with pytest.warns(UvisWarning, match="no pointing"):
        tree = ds.uvis.backplanes(files)
    path = ds.uvis.to_fits(tmp_path / "gap.fits", tree)
    back = uvisxr.open_fits(path).backplanes
    with fits.open(path) as file:
        general, body, ring = (file[f"{name}_GEOM"].data for name in ("GENERAL", "BODY", "RING"))
        pointed = np.isfinite(general["RA"][0])
        assert [pointed[:, pic].all() for pic in range(5)] == [True, False, False, False, True]
        assert pointed[:, 1].any()
        saturn = body[[str(name).strip() for name in body["NAME"]].index("SATURN")]
        rows = {"saturn": saturn, "rings": ring[0]}
        for node, column, name in (
            ("saturn", "RING_SHADOW_FLAG", "in_ring_shadow"),
            ("saturn", "BEHIND_RING_FLAG", "behind_rings"),
            ("rings", "IN_SATURN_SHADOW", "in_shadow"),
            ("rings", "IN_FRONT_OF_SATURN", "in_front"),
        ):
            values = np.array(rows[node].array.view(np.ndarray)[column][rows[node].row])
            assert ((values == 0) == ~pointed).all(), column
            flag = back[node][name].transpose("instant", "pic", "pixel", "point")
            assert ((flag == -1).values.any(axis=-1) == ~pointed.all(axis=-1)).all(), name
            assert flag.attrs["flag_meanings"] == "unknown no yes"
        # Known to miss the plane of the rings.
        missed = pointed & np.isnan(ring["RING_RADIUS"][0])
        assert missed.any()
        # The middle exposure has none; the nearest that has is that before.
        assert file[0].header["SLITANGL"] == tree["sky/slit_angle"].values[1, 0]
    assert back["sky/slit_angle"] == tree["sky/slit_angle"].values[1, 0]
    nothing = ds.isel(pic=[2, 3])
    with pytest.warns(UvisWarning, match="no pointing"):
        tree = nothing.uvis.backplanes(files)
    path = nothing.uvis.to_fits(tmp_path / "none.fits", tree)
    with fits.open(path) as file:
        craft = file["SC_GEOM"].data
        assert np.isnan(craft["CENTER_Y"]).all() and "SLITANGL" not in file[0].header
        assert (craft.view(np.ndarray)["FULLY_INSIDE_FLAG"].view(np.uint8) == 0).all()
    assert uvisxr.open_fits(path).backplanes["saturn/inside"] == -1


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
