"""Radiances to I/F, with their errors."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.sunlight import flat, series

import uvisxr
from uvisxr.dataset import overview
from uvisxr.errors import ArgumentError, MissingStepError, UvisWarning
from uvisxr.reflectance import facing
from uvisxr.timescales import et_to_utc

#: photon s-1 m-2 angstrom-1 at all wavelengths.
SUN = 1e14


def photons(level: float = SUN) -> xr.DataArray:
    return flat(level).assign_attrs(units="photon s-1 m-2 angstrom-1")


@pytest.fixture(scope="module")
def calibrated(made) -> xr.Dataset:
    ds = made.open().isel(pic=[4, 5, 6]).uvis.geometry(kernels=made.kernels)
    return ds.uvis.background(4e-4, error=4e-5).uvis.calibrate(files=made.calibration).load()


def test_by_hand(calibrated):
    """1 kR/angstrom is 1e13/(4 pi) photon m-2 s-1 sr-1 angstrom-1; pi of it over 1e14/10^2."""
    ds = calibrated.assign(radiance=xr.ones_like(calibrated.radiance))
    found = ds.uvis.reflectance(photons(), distance=10.0)
    np.testing.assert_allclose(found.reflectance, 1e13 / 4 / (1e14 / 100), rtol=1e-6)
    np.testing.assert_allclose(found.solar_irradiance, 1e12, rtol=1e-9)
    assert "radiance" not in found.variables and "counts" not in found.variables
    assert found.reflectance.attrs["long_name"] == "I/F"
    assert found.attrs["title"].endswith(": I/F of TITAN")


def test_the_distance_is_that_of_the_geometry(calibrated):
    near, far = calibrated.uvis.reflectance(photons(), distance=1.0), calibrated
    found = far.uvis.reflectance(photons())
    ratio = (found.reflectance / near.reflectance).mean(("pixel", "wl"))
    np.testing.assert_allclose(ratio, calibrated.heliocentric_distance**2, rtol=1e-6)


def test_errors_go_with_their_values(calibrated):
    found = calibrated.uvis.reflectance(photons(), distance=9.0)
    times = 1e13 / 4 / (SUN / 81)
    for end in ("", "_upper", "_lower", "_systematic", "_background_error"):
        np.testing.assert_allclose(
            found[f"reflectance{end}"].transpose(*calibrated[f"radiance{end}"].dims),
            times * calibrated[f"radiance{end}"],
            rtol=1e-6,
        )
        assert found[f"reflectance{end}"].dtype == np.float32


@pytest.mark.parametrize(
    ("step", "arguments"),
    [
        ("bin", {"pixels": [(1, 1), (1, 2)]}),
        ("integrate", {"wl_range": (1300, 1700)}),
        ("background", {"level": 4e-4}),
        ("calibrate", {}),
        ("smooth", {}),
        ("image", {"nx": 5}),
        ("reflectance", {"solar": flat()}),
        ("photometry", {"solar": flat()}),
        ("plot.evolution", {}),
        ("plot.quicklook", {}),
        ("plot.picture", {}),
        ("plot.keogram", {"by": "lat"}),
        ("plot.limb", {}),
    ],
)
def test_what_reflectances_are_no_longer_good_for_comes_before(calibrated, step, arguments):
    spectra = calibrated.uvis.reflectance(flat())
    band = calibrated.uvis.integrate((1300, 1700)).uvis.reflectance(flat())
    for ds in (spectra, band):
        call = ds.uvis
        for name in step.split("."):
            call = getattr(call, name)
        with pytest.raises(MissingStepError, match=f"^{step}: .* do this step before reflectance"):
            call(**arguments)
    assert list(overview.done(spectra))[-2:] == ["calibrate", "reflectance"]
    assert list(overview.done(band))[-3:] == ["calibrate", "integrate", "reflectance"]
    assert "integrate" not in overview.done(spectra.isel(wl=3))


def test_the_suns_error_is_systematic(calibrated):
    plain = calibrated.uvis.reflectance(photons(), distance=9.0)
    found = calibrated.uvis.reflectance(photons(), distance=9.0, solar_error=0.1)
    expected = np.hypot(plain.reflectance_systematic, 0.1 * plain.reflectance)
    np.testing.assert_allclose(found.reflectance_systematic, expected, rtol=1e-5)
    np.testing.assert_array_equal(found.reflectance_upper, plain.reflectance_upper)


def test_total_errors_hold_the_suns(made, calibrated):
    total = calibrated.uvis.calibrate(files=made.calibration, errors="total")
    plain = total.uvis.reflectance(photons(), distance=9.0)
    found = total.uvis.reflectance(photons(), distance=9.0, solar_error=0.1)
    expected = np.hypot(plain.reflectance_lower, 0.1 * plain.reflectance)
    np.testing.assert_allclose(found.reflectance_lower, expected, rtol=1e-5)


def test_bins_have_all_their_means_and_errors(calibrated):
    bins = calibrated.uvis.bin(by={"alt": [-3000, 0, 1000]})
    found = bins.uvis.reflectance(photons(), distance=9.0)
    times = 1e13 / 4 / (SUN / 81)
    names = [str(n) for n in bins.variables if str(n).startswith("radiance")]
    assert len(names) > 12
    for name in names:
        power = 2 if name.endswith("_variance") else 0 if name.endswith(("_n", "_corr")) else 1
        power = 0 if name.endswith("_correlation") else power
        new = found[name.replace("radiance", "reflectance")].transpose(*bins[name].dims)
        np.testing.assert_allclose(new, times**power * bins[name], rtol=2e-6, err_msg=name)


@pytest.mark.filterwarnings("ignore:integrate. the dataset has lost the sensitivity")
def test_the_range_of_an_integral_is_one_element(calibrated):
    """A body of I/F 0.25 under a Sun that rises eightfold has 0.25 in the whole range too."""
    rising = xr.DataArray(
        np.exp(np.linspace(0, np.log(8), 50)) * 5e13,
        {"wl": ("wl", np.linspace(1400, 1800, 50), {"units": "angstrom"})},
        attrs={"units": "photon s-1 m-2 angstrom-1"},
    )
    rising = rising.interp(wl=np.linspace(1100, 2000, 300), kwargs={"fill_value": "extrapolate"})
    rising = rising.clip(1e13, None).assign_attrs(units="photon s-1 m-2 angstrom-1")
    rising.wl.attrs["units"] = "angstrom"
    per_light = calibrated.uvis.reflectance(rising, distance=9.0).solar_irradiance
    grey = xr.zeros_like(calibrated.radiance) + 0.25 * per_light / (1e13 / 4)
    ds = calibrated.assign(radiance=grey.astype(np.float32)).assign_attrs(radiance_edited="by hand")
    light = ds.drop_vars(["counts", "sensitivity"]).uvis.integrate((1450, 1750))
    found = light.uvis.reflectance(rising, distance=9.0)
    assert found.reflectance.dims == ("pic", "pixel")
    np.testing.assert_allclose(found.reflectance.isel(pixel=30), 0.25, rtol=2e-3)
    assert "brightness" not in found.variables
    each = ds.uvis.reflectance(rising, distance=9.0).reflectance
    np.testing.assert_allclose(each.sel(wl=slice(1450, 1750)), 0.25, rtol=1e-6)


def test_part_of_the_wavelengths_has_the_same_values(calibrated):
    rng = np.random.default_rng(1)
    wl = np.linspace(1100, 2000, 2000)
    rough = xr.DataArray(
        1e14 * rng.uniform(0.1, 2, wl.size),
        {"wl": ("wl", wl, {"units": "angstrom"})},
        attrs={"units": "photon s-1 m-2 angstrom-1"},
    )
    whole = calibrated.uvis.reflectance(rough)
    part = calibrated.sel(wl=slice(1500, 1600)).uvis.reflectance(rough)
    xr.testing.assert_allclose(part.reflectance, whole.reflectance.sel(wl=slice(1500, 1600)))


def test_beyond_the_suns_spectrum_nothing_is_known(calibrated):
    found = calibrated.uvis.reflectance("STIS")
    wl = found.wl.values
    known = np.isfinite(found.reflectance).any(("pic", "pixel")).values
    assert not known[wl < 1199].any()
    assert known[(wl > 1201) & (wl < 1880)].all()
    np.testing.assert_array_equal(np.isfinite(found.solar_irradiance[0]), wl > 1195 + 4.8 + 0.39)


# Series -----------------------------------------------------------------------------------------


def day_of(found: xr.Dataset) -> np.ndarray:
    """The date that the level of `series` tells, days since 2000."""
    level = found.solar_irradiance.isel(wl=300) / 1e14
    return np.atleast_1d(level - 1) * 1e6


def test_the_spectrum_is_of_the_date_when_the_earth_saw_that_face(calibrated):
    found = calibrated.uvis.reflectance(series(), distance=1.0)
    days = (found.solar_time.values - np.datetime64("2000-01-01")) / np.timedelta64(1, "D")
    np.testing.assert_allclose(day_of(found), days, atol=1e-3)
    position = facing.planet("SATURN", calibrated.et.values)
    expected = et_to_utc(facing.at_earth(calibrated.et.values, position))
    apart = (found.solar_time.values - expected) / np.timedelta64(1, "D")
    # The simulated flight has its own place for Saturn, but for whole turns.
    assert np.ptp(apart) < 1e-4
    assert np.abs(found.solar_time.values - calibrated.time.values).max() < np.timedelta64(14, "D")


def test_or_of_the_date_itself(calibrated):
    found = calibrated.uvis.reflectance(series(), rotate=False)
    apart = found.solar_time.values - calibrated.time.values
    light_time = -calibrated.target_distance.values / 299792.458
    np.testing.assert_allclose(apart / np.timedelta64(1, "s"), light_time, atol=1e-3)


def test_bins_and_spectra_without_geometry_know_their_planet(made, calibrated):
    bins = calibrated.uvis.bin(by={"alt": [-3000, 0, 1000]}).uvis.reflectance(series())
    expected = calibrated.drop_vars("sc_position").uvis.reflectance(series())
    middle = expected.solar_time.values[1]
    assert abs(bins.solar_time.values - middle) < np.timedelta64(60, "s")
    opened = made.open().isel(pic=[5]).uvis.calibrate(files=made.calibration)
    bare = opened.uvis.reflectance(series(), distance=9.0)
    assert abs(bare.solar_time.values[0] - middle) < np.timedelta64(60, "s")
    with pytest.raises(MissingStepError, match="which face of the Sun lit SKY"):
        opened.assign_attrs(target="SKY").uvis.reflectance(series(), distance=9.0)
    opened.assign_attrs(target="SKY").uvis.reflectance(series(), distance=9.0, rotate=False)


def test_a_series_must_hold_the_date(calibrated):
    with pytest.raises(ArgumentError, match=r"has dates from 2009-01-01 to .* needed of 2008-"):
        calibrated.uvis.reflectance(series("2009-01-01", "2010-01-01"))
    with pytest.warns(UvisWarning, match="has no spectrum for up to 40 days around"):
        calibrated.uvis.reflectance(series("2007-01-01", "2010-01-01", 40))
    one = series("2008-03-01", "2008-03-02")
    time = calibrated.uvis.reflectance(series()).solar_time.values[:1]
    found = calibrated.uvis.reflectance(one.assign_coords(time=time))
    assert np.isfinite(found.reflectance).any()


def test_without_a_date_nothing_is_known(calibrated):
    """An exposure without a position is not that of the first date of a series."""
    names = ("sc_position", "target_distance", "heliocentric_distance")
    there = xr.DataArray(np.arange(calibrated.sizes["pic"]) != 1, dims="pic")
    ds = calibrated.assign_coords({n: calibrated[n].where(there) for n in names})
    expected = calibrated.uvis.reflectance(series(), distance=9.0)
    with pytest.warns(UvisWarning, match=r"of 1 of \d+ exposures .* which spectrum"):
        found = ds.uvis.reflectance(series(), distance=9.0)
    assert np.isnat(found.solar_time.values[1]) and found.reflectance[1].isnull().all()
    for pic in np.flatnonzero(there):
        xr.testing.assert_allclose(found.reflectance[pic], expected.reflectance[pic])
    # Without a distance from the Sun it is not known anyhow; the date of the exposure is.
    assert ds.uvis.reflectance(series()).reflectance[1].isnull().all()
    plain = ds.uvis.reflectance(series(), distance=9.0, rotate=False)
    assert plain.reflectance[1].notnull().any() and plain.solar_time[1] == ds.time[1]
    one = series("2008-03-01", "2008-03-02").assign_coords(time=expected.solar_time.values[:1])
    with pytest.warns(UvisWarning, match="which spectrum"):
        single = ds.uvis.reflectance(one, distance=9.0)
    assert single.reflectance[1].isnull().all() and single.reflectance[0].notnull().any()


def test_wavelengths_that_a_spectrum_skips_are_told(calibrated):
    wl = np.arange(1000.0, 2001.0)
    values = xr.DataArray(np.full(wl.size, 1e14), {"wl": wl}, attrs=photons().attrs)
    values["wl"].attrs["units"] = "angstrom"
    hole = values.sel(wl=(wl < 1400) | (wl > 1700))
    with pytest.warns(UvisWarning, match="between 1399 and 1701 angstrom, but one each 1 "):
        calibrated.uvis.reflectance(hole)
    # Where it is not used, or as coarse as all of it, nothing is said.
    calibrated.sel(wl=slice(1200, 1380)).uvis.reflectance(hole)
    calibrated.uvis.reflectance(values[::50])


# As a step --------------------------------------------------------------------------------------


def test_lazy_is_the_same(calibrated):
    eager = calibrated.uvis.reflectance(series(), solar_error=0.05)
    lazy = calibrated.chunk(pic=1).uvis.reflectance(series(), solar_error=0.05)
    assert lazy.reflectance.chunks is not None
    xr.testing.assert_allclose(eager, lazy.compute(), rtol=1e-6)


def test_files_keep_it(calibrated, tmp_path):
    found = calibrated.uvis.reflectance(series())
    path = found.uvis.to_netcdf(tmp_path / "reflectance.nc")
    with xr.open_dataset(path) as back:
        xr.testing.assert_identical(back.load(), found)


def test_the_history_names_the_spectrum(calibrated, tmp_path):
    flat().rename("irradiance").to_netcdf(tmp_path / "sun.nc")
    line = calibrated.uvis.reflectance(tmp_path / "sun.nc").attrs["history"].splitlines()[-1]
    assert "reflectance(solar='sun.nc', distance=None" in line and "using sun.nc sha256:" in line
    line = calibrated.uvis.reflectance("STIS").attrs["history"].splitlines()[-1]
    assert "solar='STIS of rms-solar'" in line


def test_windows_and_pictures(calibrated):
    tree = xr.DataTree.from_dict({"window0": calibrated, "window1": calibrated})
    found = tree.uvis.reflectance(photons())["window1"].to_dataset()
    expected = calibrated.uvis.reflectance(photons())
    xr.testing.assert_identical(found.reflectance, expected.reflectance)
    ax = found.uvis.plot.spectrum(select=[(4, 30)])
    assert ax.get_ylabel().startswith("I/F")


@pytest.mark.parametrize(
    ("change", "arguments", "error", "said"),
    [
        (lambda d: d.drop_vars("radiance"), {}, MissingStepError, "no radiance"),
        (
            lambda d: d.drop_vars("heliocentric_distance"),
            {},
            MissingStepError,
            r"no heliocentric_distance: call ds.uvis.geometry\(\) before",
        ),
        (lambda d: d.assign_attrs(slit=""), {}, ArgumentError, "the attribute slit is unknown"),
        (
            lambda d: d.assign_coords(wl_bounds=d.wl_bounds.expand_dims(orbit=2)),
            {},
            ArgumentError,
            r"wl_bounds has the dimension orbit .* ds.isel\(orbit=0\)",
        ),
        *(
            (lambda d: d, {"distance": far}, ArgumentError, "distance from the Sun, au, 0.5 to 20")
            for far in (0.0, 0.05, 1.37e9)
        ),
        (lambda d: d, {"solar_error": -1}, ArgumentError, "a relative error, 0 to 10"),
        (lambda d: d, {"rotate": 1}, ArgumentError, "True or False"),
        (lambda d: d, {"solar": flat(low=200.0)}, ArgumentError, "reaches from 2000.00 to 2100.00"),
        (
            lambda d: d.uvis.integrate((1500, 1600)).drop_vars("wl_bounds"),
            {},
            MissingStepError,
            "the brightness has lost wl_bounds",
        ),
    ],
)
def test_what_is_wrong_is_said(calibrated, change, arguments, error, said):
    with pytest.raises(error, match=said):
        change(calibrated).uvis.reflectance(**{"solar": photons(), **arguments})


def test_pipelines_take_it(made, tmp_path):
    flat().rename("irradiance").to_netcdf(tmp_path / "sun.nc")
    steps = [
        {"calibrate": {"files": str(made.calibration)}},
        {"reflectance": {"solar": str(tmp_path / "sun.nc"), "distance": 9.0}},
    ]
    loaded = uvisxr.batch.pipeline.load(steps)
    assert [step.name for step in loaded.steps] == ["calibrate", "reflectance"]
