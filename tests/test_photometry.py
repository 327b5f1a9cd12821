"""Whole disks: filling of pixels, background, and the phase curve of a Lambert sphere."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.sunlight import flat, series

from uvisxr.errors import ArgumentError, MissingStepError, UvisWarning
from uvisxr.geometry import views
from uvisxr.numerics.poisson import count_errors
from uvisxr.reflectance import disk

#: photon s-1 m-2 angstrom-1, at 1 au.
SUN = flat(1e14).assign_attrs(units="photon s-1 m-2 angstrom-1")

#: I/F of 1 kR/angstrom at 9 au.
TIMES = 1e13 / 4 / (1e14 / 81)

#: Of the sphere, km; pixels of 1.5 x 1, as the FUV's low-resolution slit has them, in 0.1 mrad: so
#: far away that all of the half that faces the spacecraft is seen, but for 0.0005 of the radius.
RADIUS, FAR = 50.0, 100_000.0
MRAD = 1e-4
WIDTH, HEIGHT = 1.5 * MRAD, MRAD

#: Albedo of the sphere.
WHITE = 0.3


def lambert(alpha: np.ndarray) -> np.ndarray:
    """I/F of the disk of a Lambert sphere at phase angles, rad: 2/3 of the albedo at full phase."""
    return 2 / 3 * WHITE * (np.sin(alpha) + (np.pi - alpha) * np.cos(alpha)) / np.pi


def brightness(x: np.ndarray, y: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """I/F of the sphere at offsets from its centre, rad, and whether it is there."""
    reach = RADIUS / np.sqrt(FAR**2 - RADIUS**2)
    seen = np.hypot(x, y) < reach
    along = np.stack([x, y, np.ones(x.shape)], axis=-1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    middle = FAR * along[..., 2]
    depth = middle - np.sqrt(np.maximum(RADIUS**2 - FAR**2 + middle**2, 0))
    normal = (depth[..., None] * along - [0, 0, FAR]) / RADIUS
    sun = np.array([np.sin(alpha), 0, -np.cos(alpha)])
    return WHITE * np.maximum(normal @ sun, 0) * seen, seen


def sphere(
    alpha: float, offsets: np.ndarray, rows: int = 24, up: float = 0.0, fine: int = 24
) -> tuple[xr.Dataset, np.ndarray]:
    """The sphere at a phase angle, rad, in exposures whose slit is at some offsets, rad; and how
    much of each pixel it fills, by points.

    The spacecraft looks along +y of J2000, with the slit along z, and the body's pole is z.
    """
    x = offsets[:, None, None] + WIDTH * np.array([-0.5, 0.5, 0.5, -0.5])
    y = ((np.arange(rows) - (rows - 1) / 2) * HEIGHT + up)[:, None]
    y = y + HEIGHT * np.array([-0.5, -0.5, 0.5, 0.5])
    x, y = np.broadcast_arrays(x, y[None])
    ra, dec = 90 - np.rad2deg(np.arctan(x)), np.rad2deg(np.arctan(y / np.hypot(1, x)))
    grid = (np.arange(fine) + 0.5) / fine - 0.5
    points = (
        offsets[:, None, None, None] + WIDTH * grid[:, None],
        y.mean(-1)[..., None, None] + HEIGHT * grid,
    )
    light, seen = brightness(*np.broadcast_arrays(*points), alpha)
    sza = np.where(seen, np.rad2deg(np.arccos(np.clip(light / WHITE, -1, 1))), 0)
    # Without light: past the terminator by how far the point is from it.
    corner_light, corner_seen = brightness(x, y, alpha)
    dark = corner_seen & (corner_light == 0)
    radiance = light.mean((-1, -2))[..., None] / TIMES * np.ones(3)
    n = len(offsets)
    pic = {name: ("pic", np.full(n, value)) for name, value in ON_PIC.items()}
    pic |= {
        "sub_solar_lon": ("pic", np.full(n, 180 - np.rad2deg(alpha))),
        "target_phase": ("pic", np.full(n, np.rad2deg(alpha))),
        "geometry_et": ("pic", np.arange(n) * 100.0),
        "sc_velocity": (("pic", "axis"), np.zeros((n, 3))),
    }
    ds = xr.Dataset(
        {"radiance": (("pic", "pixel", "wl"), radiance.astype(np.float32))},
        {
            **pic,
            "pic": np.arange(n),
            "pixel": np.arange(rows),
            "wl": [1500.0, 1501.0, 1502.0],
            "ra_corners": (("pic", "pixel", "corner"), ra),
            "dec_corners": (("pic", "pixel", "corner"), dec),
            "sza_corners": (("pic", "pixel", "corner"), np.where(dark, 170.0, 60.0)),
            "sza": (("pic", "pixel"), sza.mean((-1, -2))),
        },
        {
            "channel": "FUV",
            "slit": "LOW_RESOLUTION",
            "geometry_target": "BALL",
            "target_radii": [RADIUS] * 3,
            "lon_direction": "east",
        },
    )
    # Counts of 1e6 times the light, and a calibration that is wrong by 5 percent.
    part = np.sqrt(np.maximum(ds.radiance, 0) * 1e-6 / TIMES).astype(np.float32)
    return ds.assign_coords(
        radiance_upper=part + np.float32(1e-6),
        radiance_lower=part,
        radiance_systematic=(0.05 * ds.radiance).astype(np.float32),
    ), seen.mean((-1, -2))


ON_PIC = {
    **dict(target_ra=90.0, target_dec=0.0, pole_ra=0.0, pole_dec=90.0, prime_meridian=0.0),
    **dict(sub_solar_lat=0.0, target_distance=FAR, heliocentric_distance=9.0, exposure=240.0),
}

#: A scan whose exposures lie side by side.
SCAN = (np.arange(9) - 4) * WIDTH


@pytest.mark.parametrize("degrees", [0, 10, 42, 90, 120, 150])
def test_a_scan_gives_the_phase_curve_of_a_lambert_sphere(degrees):
    alpha = np.deg2rad(degrees)
    ds, _ = sphere(alpha, SCAN)
    found = ds.uvis.photometry(SUN, per="observation", background="sky")
    assert found.reflectance.dims == ("wl",)
    np.testing.assert_allclose(found.reflectance, lambert(alpha), rtol=2e-3, atol=2e-5)
    assert float(found.disk_share) == pytest.approx(1, abs=1e-9)
    assert float(found.target_phase) == pytest.approx(degrees)
    np.testing.assert_allclose(found.reflectance_removed, 0, atol=1e-12)


def test_parts_count_alike_from_wherever_they_are_seen(monkeypatch):
    """A scan from near and one from twice as far, of a quarter of the solid angle, brighter."""
    alpha = np.deg2rad(42)
    near, _ = sphere(alpha, SCAN)
    monkeypatch.setattr("test_photometry.FAR", 2 * FAR)
    far, _ = sphere(alpha, SCAN, fine=48)
    far = far.assign(radiance=3 * far.radiance)
    far = far.assign_coords(
        target_distance=("pic", np.full(SCAN.size, FAR)),
        target_phase=far.target_phase + 20,
        pic=np.arange(SCAN.size) + SCAN.size,
    )
    ds = xr.concat([near, far], "pic")
    found = ds.uvis.photometry(SUN, per="observation", background="none")
    np.testing.assert_allclose(found.reflectance, 2 * lambert(alpha), rtol=5e-3)
    assert float(found.disk_share) == pytest.approx(1, abs=1e-3)
    assert float(found.target_phase) == pytest.approx(52, abs=1e-3)


@pytest.mark.parametrize("up", [0.0, 0.3, 0.5])
def test_a_stare_at_a_small_body(up, monkeypatch):
    """The guide's example: a disk of 0.8 mrad fills 0.335 of a pixel of 1.5 x 1 mrad."""
    monkeypatch.setattr("test_photometry.RADIUS", 0.4 * MRAD * FAR)
    ds, _ = sphere(np.deg2rad(42), MRAD * np.array([0.2, 0.0]), rows=21, up=up * MRAD, fine=200)
    found = ds.uvis.photometry(SUN)
    np.testing.assert_allclose(found.reflectance, lambert(np.deg2rad(42)), rtol=0.01)
    np.testing.assert_allclose(found.filling.sum("pixel"), np.pi * 0.16 / 1.5, rtol=1e-5)
    np.testing.assert_allclose(found.filling.sum("pixel"), 0.335, atol=5e-4)
    np.testing.assert_allclose(found.disk_share, 1, rtol=1e-6)
    assert found.attrs["photometry_background"] == "sky"


def test_fillings_are_the_areas_of_the_disk_in_the_pixels():
    ds, filled = sphere(0.5, SCAN, fine=100)
    found = ds.uvis.photometry(SUN).filling
    np.testing.assert_allclose(found, filled, atol=3e-3)
    assert ((found > 0) & (found < 1)).any()
    assert (found.values[filled == 1] == 1).all()


def test_fillings_of_an_ellipsoid_against_rays(made):
    """Titan as simulated, near by, aberration and all: rays through 40 x 40 points of pixels."""
    ds = made.open().uvis.geometry(kernels=made.kernels)
    ds = ds.assign_attrs(target_radii=[2300.0, 2575.0, 1900.0])
    part = disk._Filled.of(ds, np.ones((12, 60), bool))
    seen, corners = views.target(ds), views.corners(ds)
    u = (np.arange(40) + 0.5) / 40
    x, y = u[:, None, None], u[None, :, None]
    for n, pixel in np.argwhere((part.filling > 0.02) & (part.filling < 0.98)):
        a, b, c, d = corners[n, pixel]
        rays = (1 - x) * (1 - y) * a + x * (1 - y) * b + x * y * c + (1 - x) * y * d
        rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
        share = seen.at(n).hides(rays).mean()
        assert part.filling[n, pixel] == pytest.approx(share, abs=0.01)
    assert ((part.filling > 0.02) & (part.filling < 0.98)).sum() >= 8


def test_exposures_of_parts_of_the_disk_have_their_own_means():
    alpha = np.deg2rad(42)
    ds, _ = sphere(alpha, SCAN)
    found = ds.uvis.photometry(SUN)
    assert found.reflectance.dims == ("pic", "wl")
    # The Sun is at +x: the exposures to that side are brighter.
    values = found.reflectance.isel(wl=0).values
    assert np.isnan(values[[0, 8]]).all()
    assert (np.diff(values[2:7]) > 0).all()
    share = found.disk_share.values
    mean = np.nansum(values * share) / share.sum()
    assert mean == pytest.approx(lambert(alpha), rel=4e-3)
    assert share.sum() == pytest.approx(1)
    assert found.filling.dims == ("pic", "pixel")
    together = ds.uvis.photometry(SUN, per="observation")
    assert "filling" not in together.coords
    assert float(together.disk_share) == pytest.approx(1)
    assert "that any of the pixels holds" in together.disk_share.attrs["long_name"]


# Background -------------------------------------------------------------------------------------


def test_the_sky_is_taken_off():
    ds, _ = sphere(0.5, SCAN)
    plain = ds.uvis.photometry(SUN, per="observation", background="none")
    glow = ds.assign(radiance=ds.radiance + np.float32(0.01))
    found = glow.uvis.photometry(SUN, per="observation", background="sky")
    np.testing.assert_allclose(found.reflectance, plain.reflectance, rtol=1e-4)
    pixels = np.pi * (RADIUS / FAR) ** 2 / (WIDTH * HEIGHT)
    touched = int((ds.uvis.photometry(SUN).filling > 0).sum())
    np.testing.assert_allclose(
        found.reflectance_removed, 0.01 * TIMES * touched / pixels, rtol=1e-3
    )
    left = glow.uvis.photometry(SUN, per="observation", background="none")
    assert (left.reflectance > plain.reflectance + 0.01 * TIMES).all()


def test_the_night_side_is_right_where_the_sky_is_brighter_than_the_disk():
    """A sky that the body hides, and a glow that the detector sees everywhere."""
    alpha = np.deg2rad(100)
    ds, filled = sphere(alpha, SCAN)
    hidden = 0.02 * (1 - filled)[..., None] + 0.005
    lit = ds.assign(radiance=(ds.radiance + hidden).astype(np.float32))
    found = lit.uvis.photometry(SUN, per="observation")
    assert found.attrs["photometry_background"] == "night"
    np.testing.assert_allclose(found.reflectance, lambert(alpha), atol=3e-4)
    wrong = lit.uvis.photometry(SUN, per="observation", background="sky")
    assert (wrong.reflectance < lambert(alpha) - 0.9 * 0.02 * TIMES).all()


def test_flagged_pixels_are_left_out():
    ds, _ = sphere(0.5, SCAN)
    expected = ds.uvis.photometry(SUN, per="observation")
    bad = (np.arange(9)[:, None] == 4) & (np.arange(24) == 12)
    spoilt = ds.assign(radiance=xr.where(xr.DataArray(bad, dims=("pic", "pixel")), 99, ds.radiance))
    flags = ("pic", "pixel"), np.where(bad, 4, 0).astype(np.uint8)
    found = spoilt.assign_coords(quality=flags).uvis.photometry(SUN, per="observation")
    np.testing.assert_allclose(found.reflectance, expected.reflectance, rtol=0.02)
    assert float(found.disk_share) < 0.99
    all_of_it = spoilt.assign_coords(quality=flags).uvis.photometry(SUN, exclude=())
    assert (all_of_it.reflectance > 1).any()


@pytest.mark.parametrize("per", ["exposure", "observation"])
def test_pixels_without_a_value_do_not_count(per):
    ds, filled = sphere(0.5, SCAN)
    bad = (np.arange(9)[:, None] == 4) & (np.arange(24) == 12)
    holes = xr.DataArray(bad[..., None] & (ds.wl.values == 1501), dims=("pic", "pixel", "wl"))
    whole, found = (
        one.uvis.photometry(SUN, per=per, background="none")
        for one in (ds, ds.assign(radiance=ds.radiance.where(~holes)))
    )
    lost = filled[bad].sum() * WIDTH * HEIGHT / (np.pi * (RADIUS / FAR) ** 2)
    assert lost > 0.01
    np.testing.assert_allclose((whole.disk_share - found.disk_share).sum(), lost, rtol=0.01)
    # Wavelengths without any value say nothing about the others.
    ds = ds.assign(radiance=ds.radiance.where(ds.wl != 1501))
    blind = ds.uvis.photometry(SUN, per=per, background="none")
    np.testing.assert_allclose(blind.disk_share, whole.disk_share)


# Errors -----------------------------------------------------------------------------------------


def test_errors_cover_the_truth():
    """Counts drawn from the light and a background: 68 % of the bands hold the truth."""
    rng = np.random.default_rng(5)
    alpha, worth, dark = np.deg2rad(42), 2e-3, 0.004
    ds, _ = sphere(alpha, SCAN, rows=40)
    wl = 1500 + np.arange(400.0)
    expected = np.repeat(ds.radiance.values[..., :1], wl.size, axis=-1) + dark
    counts = rng.poisson(expected / worth)
    upper, lower = count_errors(counts, "garwood", False, 1)
    shape = ("pic", "pixel", "wl")
    noisy = ds.drop_vars([*ds.data_vars, "wl", *(n for n in ds.coords if n.startswith("radiance"))])
    noisy = noisy.assign(radiance=(shape, (counts * worth).astype(np.float32)))
    noisy = noisy.assign_coords(
        wl=wl,
        radiance_upper=(shape, (upper * worth).astype(np.float32)),
        radiance_lower=(shape, (lower * worth).astype(np.float32)),
    )
    found = noisy.uvis.photometry(SUN, per="observation", background="sky")
    truth = lambert(alpha)
    above = found.reflectance - found.reflectance_lower <= truth
    below = truth <= found.reflectance + found.reflectance_upper
    assert float((above & below).mean()) == pytest.approx(0.683, abs=0.07)
    assert float(found.reflectance.mean()) == pytest.approx(truth, rel=0.01)


def test_systematic_errors_do_not_average_down():
    ds, _ = sphere(0.5, SCAN)
    found = ds.uvis.photometry(SUN, per="observation", solar_error=0.12)
    np.testing.assert_allclose(found.reflectance_systematic / found.reflectance, 0.13, rtol=1e-3)
    # The error of a background that is the same everywhere goes as that is taken off.
    level = (("pixel", "wl"), np.full((24, 3), 0.01, np.float32))
    both = np.hypot(ds.radiance_systematic, 0.01).astype(np.float32)
    common = ds.assign_coords(radiance_background_error=level, radiance_systematic=both)
    off, on = (
        common.uvis.photometry(SUN, per="observation", background=b) for b in ("sky", "none")
    )
    np.testing.assert_allclose(off.reflectance_systematic / off.reflectance, 0.05, rtol=0.01)
    assert (on.reflectance_systematic > 0.01 * TIMES).all()


# An atmosphere ----------------------------------------------------------------------------------


def hazy(target: str) -> xr.Dataset:
    """The sphere at 42 degrees in a haze of I/F 0.05 up to 45 km, and altitudes of all corners."""
    ds, _ = sphere(np.deg2rad(42), SCAN)
    ra, dec = (np.deg2rad(ds[f"{name}_corners"]) for name in ("ra", "dec"))
    off = np.arccos(np.clip(np.cos(dec) * np.cos(ra - np.pi / 2), -1, 1))
    alt = (np.tan(off) * FAR - RADIUS).assign_attrs(units="km")
    # Off the ball, even where it reaches in between corners.
    haze = (alt.min("corner") < 45.0) & (alt.min("corner") > 2.0)
    bright = ds.radiance + xr.where(haze, 0.05 / TIMES, 0.0).astype(np.float32)
    return (
        ds.assign(radiance=bright)
        .assign_coords(alt_corners=alt)
        .assign_attrs(geometry_target=target)
    )


def test_an_atmosphere_is_none_of_the_sky(monkeypatch):
    monkeypatch.setitem(disk._ATMOSPHERES, "TITAN", 46.0)
    truth = lambert(np.deg2rad(42))
    options = {"per": "observation", "background": "sky"}
    # The light of pixels that the limb cuts is that of the ball alone.
    for ds, given in ((hazy("TITAN"), None), (hazy("Titan"), None), (hazy("BALL"), 46.0)):
        found = ds.uvis.photometry(SUN, margin=given, **options)
        np.testing.assert_allclose(found.reflectance, truth, rtol=2e-3)
        np.testing.assert_allclose(found.reflectance_removed, 0, atol=1e-7)
    for ds, given in ((hazy("TITAN"), 0.0), (hazy("BALL"), None)):
        found = ds.uvis.photometry(SUN, margin=given, **options)
        assert (found.reflectance_removed > 0.02).all()
    with pytest.raises(ArgumentError, match=r"2 pixels and 500 km: .*margin= of less than 500"):
        hazy("TITAN").uvis.photometry(SUN, margin=500, **options)
    bare = hazy("TITAN").drop_vars("alt_corners")
    bare.uvis.photometry(SUN, margin=0, **options)
    with pytest.raises(MissingStepError, match="Titan's atmosphere, 46 km, needs alt_corners"):
        bare.uvis.photometry(SUN, **options)
    with pytest.raises(MissingStepError, match="margin=46 needs alt_corners"):
        bare.uvis.photometry(SUN, margin=46, **options)


def test_less_than_no_light_is_told_of():
    """A sky that is taken off but does not lie behind the disk, which is at 0.2 of its light."""
    ds, seen = sphere(np.deg2rad(42), SCAN)
    bright = xr.where(xr.DataArray(seen, dims=("pic", "pixel")) > 0, 0, 0.3 / TIMES)
    ds = ds.assign(radiance=ds.radiance + bright.astype(np.float32))
    with pytest.warns(UvisWarning, match=r"goes down to -0\..*1500 to 1502 angstrom, .*margin="):
        ds.uvis.photometry(SUN, per="observation", background="sky")
    with pytest.warns(UvisWarning, match=r"goes down to -0\.\d+, more than 5 of its errors"):
        ds.isel(wl=slice(0, 2)).uvis.photometry(SUN, (1500.2, 1500.8), per="observation")


# As a step --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def titan(made) -> xr.Dataset:
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    ds = ds.uvis.flag(made.truth.star > 0, "star")
    return ds.uvis.calibrate(files=made.calibration).load()


@pytest.mark.slow
def test_a_star_in_the_sky_is_told_of(titan, made):
    ds = titan.uvis.unflag(made.truth.star > 0, "star")
    with pytest.warns(UvisWarning, match="Where they hold a star"):
        ds.uvis.photometry(flat())


def test_a_range_of_wavelengths(titan):
    found = titan.uvis.photometry(flat(), (1700, 1850))
    light = titan.uvis.integrate((1700, 1850)).uvis.photometry(flat())
    assert found.reflectance.dims == ("pic",)
    np.testing.assert_array_equal(found.reflectance, light.reflectance)
    spectra = titan.uvis.photometry(flat()).reflectance.sel(wl=slice(1700, 1850)).mean("wl")
    np.testing.assert_allclose(found.reflectance[1:-1], spectra[1:-1], rtol=0.05)


@pytest.mark.slow
def test_blocks_files_dask_and_windows(titan, tmp_path, monkeypatch):
    expected = titan.uvis.photometry(series(), per="observation")
    lazy = titan.chunk(pic=4)
    monkeypatch.setattr(disk, "_BLOCK", 60 * 1024 * 3)
    found = lazy.uvis.photometry(series(), per="observation")
    xr.testing.assert_allclose(found, expected, rtol=1e-6)
    path = found.uvis.to_netcdf(tmp_path / "disk.nc")
    with xr.open_dataset(path) as back:
        xr.testing.assert_identical(back.load(), found)
    tree = xr.DataTree.from_dict({"window0": titan}).uvis.photometry(flat())
    assert tree["window0"].reflectance.dims == ("pic", "wl")
    ax = expected.uvis.plot.spectrum()
    assert ax.get_ylabel().startswith("I/F")
    assert "bands: errors of the counts" in ax.get_title().replace("\xa0", " ").replace("\n", " ")
    assert "bands" not in expected.uvis.plot.spectrum(band=False).get_title()
    assert "photometry (" not in repr(expected.uvis) and "photometry" in repr(expected.uvis)


def test_the_history_says_what_was_taken(titan):
    line = titan.uvis.photometry(flat()).attrs["history"].splitlines()[-1]
    assert "photometry(solar='an array', wl_range=None, body=None, per='exposure'" in line
    assert "background='sky'" in line


@pytest.mark.parametrize("body", [None, "titan", "TITAN", "Titan"])
def test_the_body_is_that_of_the_geometry(titan, body):
    titan.isel(pic=[4, 5]).uvis.photometry(flat(), (1700, 1800), body)


@pytest.mark.parametrize(
    ("change", "arguments", "error", "said"),
    [
        (None, {"body": "Rhea"}, ArgumentError, "that of TITAN: call ds.uvis.geometry.target='RHE"),
        (None, {"background": "night"}, ArgumentError, "wholly on the disk and beyond 100 degrees"),
        (None, {"background": "dusk"}, ArgumentError, "one of 'auto', 'night', 'sky', 'none'"),
        (None, {"per": "pixel"}, ArgumentError, "'exposure' or 'observation'"),
        ("radiance", {}, MissingStepError, "no radiance"),
        ("ra_corners", {}, MissingStepError, r"no ra_corners: call ds.uvis.geometry\(\) first"),
        ("target_ra", {}, MissingStepError, "no view of its target"),
    ],
)
def test_what_is_wrong_is_said(titan, change, arguments, error, said):
    ds = titan.isel(pic=[5, 6], pixel=slice(0, 10))
    ds = ds if change is None else ds.drop_vars(change)
    with pytest.raises(error, match=said):
        ds.uvis.photometry(**{"solar": flat(), **arguments})


@pytest.mark.parametrize("background", ["auto", "sky", "night", "none"])
def test_a_disk_that_is_flagged_as_a_whole(background):
    ds, _ = sphere(0.0, SCAN)
    touched = ds.uvis.photometry(SUN).filling > 0
    ds = ds.assign_coords(quality=touched.astype(np.uint8) * 4)
    with pytest.raises(ArgumentError, match=r"no pixel of the disk is left unflagged, of the \d+ "):
        ds.uvis.photometry(SUN, background=background)
    found = ds.uvis.photometry(SUN, background="none", exclude="lost")
    assert np.isfinite(found.reflectance).any()


def test_without_pointing_nothing_is_known(titan):
    blind = titan.ra_corners.where(titan.pic != 5)
    found = titan.assign_coords(ra_corners=blind).uvis.photometry(flat(), (1700, 1800))
    known = np.isfinite(found.reflectance.values)
    assert not known[5] and known[[4, 6]].all()
    with pytest.raises(ArgumentError, match="no unflagged pixel is off the disk"):
        titan.assign_coords(ra_corners=titan.ra_corners * np.nan).uvis.photometry(flat())


@pytest.mark.parametrize("per", ["exposure", "observation"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda ds: ds.assign_coords(ra_corners=ds.ra_corners + 5), "touches none of the 120 pix"),
        (lambda ds: ds.assign_coords(ra_corners=ds.ra_corners * np.nan), "knows no pointing"),
        (lambda ds: ds.assign(radiance=ds.radiance * np.nan), "has a value: see solar=, wl_range"),
    ],
)
def test_exposures_without_the_disk_are_told_of(titan, change, why, per):
    ds = change(titan.isel(pic=[5, 6]))
    with pytest.warns(UvisWarning, match=f"no exposure holds any of the disk of TITAN.*: .*{why}"):
        found = ds.uvis.photometry(flat(), (1700, 1800), per=per, background="none")
    assert not np.isfinite(found.reflectance).any()
    assert not found.disk_share.any()


# What is seen several times ----------------------------------------------------------------------


def test_the_share_of_a_disk_is_that_of_what_was_seen_at_all():
    """Shares of the same strip were added: a scan taken twice held twice the disk."""
    ds, _ = sphere(np.deg2rad(60), SCAN)

    def seen(ds: xr.Dataset) -> xr.Dataset:
        return ds.uvis.photometry(SUN, per="observation", background="none")

    once = ds.uvis.photometry(SUN, background="none").disk_share.values
    whole = seen(ds)
    assert float(whole.disk_share) == pytest.approx(once.sum(), abs=1e-9)
    stare = seen(ds.isel(pic=[4] * 5).assign_coords(pic=range(5)))
    assert float(stare.disk_share) == pytest.approx(once[4], abs=1e-3)
    np.testing.assert_allclose(stare.reflectance, seen(ds.isel(pic=[4])).reflectance, rtol=1e-6)
    twice = seen(xr.concat([ds, ds.isel(pic=slice(None, None, -1))], "pic"))
    assert float(twice.disk_share) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(twice.reflectance, whole.reflectance, rtol=1e-6)
    parts = seen(ds.isel(pic=[2, 3, 3, 4]))
    assert float(parts.disk_share) == pytest.approx(once[2:5].sum(), abs=1e-3)


def test_exposures_that_overlap_by_half():
    ds, _ = sphere(np.deg2rad(60), (np.arange(17) - 8) * WIDTH / 2)
    found = ds.uvis.photometry(SUN, per="observation", background="none")
    assert float(found.disk_share) == pytest.approx(1, abs=2e-3)


def test_the_share_is_that_of_the_wavelength_at_which_least_was_seen():
    ds, _ = sphere(np.deg2rad(60), SCAN)
    once = ds.uvis.photometry(SUN, background="none").disk_share.values
    both = xr.concat([ds, ds.assign_coords(pic=ds.pic + 9)], "pic")
    # In both scans exposure 4 lacks the last wavelength, and one of the first of them the first.
    lost = ((both.pic % 9 == 4) & (both.wl == 1502)) | ((both.pic == 3) & (both.wl == 1500))
    both["radiance"] = both.radiance.where(~lost)
    found = both.uvis.photometry(SUN, per="observation", background="none")
    assert float(found.disk_share) == pytest.approx(1 - once[4], abs=2e-3)
