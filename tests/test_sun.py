"""Spectra of the Sun, from arrays, files and a library."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import xarray as xr
from helpers.sunlight import flat, series

import uvisxr
from uvisxr.errors import ArgumentError, MissingDependencyError, UvisError, UvisWarning
from uvisxr.reflectance import sun

#: Energy of a photon of 1800 angstrom, J, from h and c (CODATA 2018) by hand.
PHOTON = 6.62607015e-34 * 299792458 / 1.8e-7

#: 2 mW m-2 nm-1 at 1800 angstrom, photon s-1 m-2 angstrom-1.
LEVEL = 2e-3 / 10 / PHOTON


def spectrum(units: str, level: float, wl: tuple[float, ...] = (170.0, 180.0, 190.0)) -> xr.Dataset:
    coords = {"wavelength": ("wavelength", list(wl), {"units": "nm"})}
    return xr.DataArray([level] * len(wl), coords, attrs={"units": units})


@pytest.mark.parametrize(
    ("units", "level"),
    [
        *((text, 2e-3) for text in ("W m-2 nm-1", "W/m^2/nm", "W/m2/nm", "W/(m2 nm)")),
        *((text, 2e-3) for text in ("W/(m^2*nm)", "watt / m**2 / nm", "J s-1 m-2 nm-1")),
        *(("mW m-2 nm-1", 2.0), ("W m-2 micron-1", 2.0), ("W/m2/um", 2.0), ("W m-3", 2e6)),
        *(("uW cm-2 nm-1", 0.2), ("erg s-1 cm-2 angstrom-1", 0.2), ("erg/s/cm^2/Å", 0.2)),
        *((text, LEVEL) for text in ("photon s-1 m-2 angstrom-1", "photons/s/m^2/angstrom")),
        *(("photons s-1 cm-2 nm-1", LEVEL * 1e-3), ("ph/cm2/s/A", LEVEL * 1e-4)),
    ],
)
def test_units(units, level):
    found = uvisxr.solar_spectrum(spectrum(units, level))
    assert float(found.sel(wl=1800)) == pytest.approx(LEVEL, rel=1e-9)
    assert found.attrs["units"] == "photon s-1 m-2 angstrom-1" and found.wl.values[0] == 1700


def test_energies_become_photons_by_their_wavelengths():
    found = uvisxr.solar_spectrum(spectrum("W m-2 nm-1", 2e-3))
    np.testing.assert_allclose(found / found[0], found.wl / found.wl[0], rtol=1e-12)


def test_series_and_orders():
    array = series().isel(time=slice(0, 4))
    found = uvisxr.solar_spectrum(array)
    assert found.dims == ("time", "wl")
    mixed = array.isel(time=[2, 0, 3, 1], wavelength=[1, 0]).transpose()
    xr.testing.assert_equal(uvisxr.solar_spectrum(mixed), found)
    assert not sun.of(array.isel(time=0, drop=True)).dated


HEADED = "wavelength (nm),irradiance (W/m^2/nm),uncertainty (unitless)\n"


@pytest.mark.parametrize(
    ("text", "units"),
    [
        (HEADED + "170.0,0.002,0.1\n180.0,0.002,0.1\n190.0,0.002,0.1\n", None),
        ("\ufeff# lead\n" + HEADED + "190,.002,1\n180,.002,1\n170,.002,1\n\n", None),
        ("# Wavelength (nm)  Irradiance (W/m2/nm)\n170 2e-3\n180 2e-3\n190 2e-3\n", None),
        ("no heading\n170 2e-3\n180 2e-3\n190 2e-3\n", ("nm", "W m-2 nm-1")),
        ("; IDL\n1700. .2\n1800. .2\n1900. .2", ("angstrom", "erg s-1 cm-2 angstrom-1")),
        ("irradiance (mW/m^2/nm), note, wavelength (um)\n2, 7, .17\n2,7,.18\n2, 7, .19\n", None),
    ],
)
def test_text_files(tmp_path, text, units):
    (tmp_path / "sun.csv").write_text(text, encoding="utf-8")
    found = uvisxr.solar_spectrum(tmp_path / "sun.csv", units)
    assert found.sizes == {"wl": 3}
    assert float(found.sel(wl=1800)) == pytest.approx(LEVEL, rel=1e-9)


@pytest.mark.parametrize(
    ("unit", "days"),
    [
        ("yyyyDDD", ("2005229", "2005230")),
        ("yyyyMMdd", ("20050817", "20050818")),
        ("Julian Date", ("2453600.0", "2453601.0")),
        ("days since 2003-01-24", ("936.5", "937.5")),
        ("seconds since 1970-01-01", ("1124280000", "1124366400")),
        ("yyyy-MM-dd'T'HH:mm:ss", ("2005-08-17T12:00:00", "2005-08-18T12:00:00Z")),
    ],
)
def test_text_files_of_series(tmp_path, unit, days):
    rows = [f"{day},{wl},{2e-3 * (k + 1)},0.1" for k, day in enumerate(days) for wl in (170, 180)]
    heading = f"time ({unit}),wavelength (nm),irradiance (W/m^2/nm),uncertainty (unitless)"
    (tmp_path / "sun.csv").write_text("\n".join([heading, *rows[::-1]]) + "\n")
    found = uvisxr.solar_spectrum(str(tmp_path / "sun.csv"))
    noons = np.array(["2005-08-17T12", "2005-08-18T12"], "datetime64[ns]")
    np.testing.assert_array_equal(found.time.values, noons)
    np.testing.assert_allclose(found.sel(wl=1800), [LEVEL, 2 * LEVEL], rtol=1e-9)


@pytest.mark.parametrize(
    "heading",
    [
        "wavelength (nm), uncertainty (W/m^2/nm), irradiance (W/m^2/nm)",
        "Wavelength (nm), irradiance error (W/m^2/nm), Spectral Irradiance (W/m^2/nm)",
        "bandwidth (nm), wavelength (nm), irradiance (W/m^2/nm)",
        "wavelength uncertainty (nm), WL (nm), F (W/m^2/nm)",
        "wavelength (nm), quiet (W/m^2/nm), SSI (W/m^2/nm)",
    ],
)
def test_names_of_columns_decide(tmp_path, heading):
    first = "0.1,{}" if "WL" in heading or "band" in heading else "{},1"
    rows = [first.format(wl) + ",.002" for wl in (170, 180, 190)]
    (tmp_path / "sun.csv").write_text("\n".join([heading, *rows]))
    found = uvisxr.solar_spectrum(tmp_path / "sun.csv")
    np.testing.assert_allclose(found.sel(wl=1800), LEVEL, rtol=1e-9)


@pytest.mark.parametrize(
    ("heading", "said"),
    [
        ("minimum wavelength (nm), maximum wavelength (nm), irradiance (W/m2/nm)", "same kind"),
        ("wavelength (nm), quiet (W/m^2/nm), active (W/m^2/nm)", "'quiet', 'active' are in units"),
        (
            "wavelength (nm), uncertainty (W/m^2/nm), irradiance (1)",
            "no heading tells which of its",
        ),
        ("time (Modified Julian Date), wavelength (nm), irradiance (W/m^2/nm)", "since 1858-11-17"),
        ("MJD (days), wavelength (nm), irradiance (W/m^2/nm)", "'MJD' has the unit 'days'"),
        ("date, wavelength (nm), irradiance (W/m^2/nm)", "the column 'date' has no unit"),
    ],
)
def test_columns_that_may_be_mistaken(tmp_path, heading, said):
    (tmp_path / "sun.csv").write_text(f"{heading}\n170,171,1\n180,181,1\n190,191,1\n")
    with pytest.raises(ArgumentError, match=said):
        uvisxr.solar_spectrum(tmp_path / "sun.csv")


def test_netcdf_files_with_an_uncertainty_alone(tmp_path):
    array = spectrum("W m-2 nm-1", 2e-3)
    xr.Dataset({"E": array, "E_uncertainty": 0.1 * array}).to_netcdf(tmp_path / "sun.nc")
    found = uvisxr.solar_spectrum(tmp_path / "sun.nc")
    np.testing.assert_allclose(found.sel(wl=1800), LEVEL, rtol=1e-9)


@pytest.mark.parametrize("beside", [False, True])
def test_netcdf_files(tmp_path, beside):
    """With wavelengths as a coordinate, or as TSIS has them: a variable beside the dimension."""
    array = spectrum("W m-2 nm-1", 2e-3).rename("SSI")
    ds = xr.Dataset({"SSI": array, "SSI_UNC": 0.1 * array, "flags": array.astype(int)})
    for name in ("SSI_UNC", "flags"):
        ds[name].attrs = {"units": "1"}
    if beside:
        ds = ds.rename(wavelength="Vacuum Wavelength")
        ds = ds.swap_dims({"Vacuum Wavelength": "n"}).reset_coords()
    ds.to_netcdf(tmp_path / "sun.nc")
    found = uvisxr.solar_spectrum(tmp_path / "sun.nc")
    np.testing.assert_allclose(found.sel(wl=1800), LEVEL, rtol=1e-9)
    assert found.attrs["source"] == "sun.nc"


def test_a_series_in_a_netcdf_file(tmp_path):
    array = series().isel(time=slice(0, 3)).rename("irradiance")
    array.to_netcdf(tmp_path / "sun.nc")
    xr.testing.assert_allclose(
        uvisxr.solar_spectrum(tmp_path / "sun.nc"), uvisxr.solar_spectrum(array)
    )


def test_a_spectrum_of_no_date_is_not_taken_without_a_word():
    said = r"solar= is not given: .* STIS of rms-solar, from 1195 .* each 10 angstrom, .* no date"
    with pytest.warns(UvisWarning, match=said) as told:
        found = uvisxr.solar_spectrum()
    assert len(told) == 1
    xr.testing.assert_identical(found, uvisxr.solar_spectrum("STIS"))


@pytest.mark.parametrize("name", ["STIS", "Colina"])
def test_spectra_of_rms_solar(name):
    """ASTM E490 (2000), another table, made of the same measurements but for Lyman-alpha's sides:
    W m-2 micron-1 at micron."""
    e490 = {0.1505: 0.0870, 0.1555: 0.2144, 0.1605: 0.1934, 0.1655: 0.4302, 0.1755: 1.079}
    found = uvisxr.solar_spectrum(name)
    assert found.wl.values[0] == pytest.approx(1195) and found.wl.values[-1] > 2000
    for micron, level in e490.items():
        photons = level * 1e-4 / (6.62607015e-34 * 299792458 / (micron * 1e-6))
        assert float(found.sel(wl=micron * 1e4)) == pytest.approx(photons, rel=0.15)


def test_without_the_library_an_error_says_what_to_give(monkeypatch):
    monkeypatch.setitem(sys.modules, "solar", None)
    with pytest.raises(MissingDependencyError, match=r"give solar=, a file or a .*uvisxr\[solar\]"):
        uvisxr.solar_spectrum()
    with pytest.raises(MissingDependencyError, match='solar="Colina" needs rms-solar'):
        uvisxr.solar_spectrum("Colina")


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (
            flat().assign_attrs(units="kR"),
            'kR. for the irradiance at 1 au: give the unit that they are in, such as "W',
        ),
        (
            flat().drop_attrs(),
            'for wavelengths: give the unit that they are in, such as "nm" or "ang',
        ),
        (flat().drop_vars("wl"), "it has no wavelengths"),
        (-flat(), "some are negative"),
        (flat() * 0, "or all are 0"),
        (flat() * np.nan, "it has no values"),
        (flat().astype(str), "expected numbers along wavelength"),
        (flat().expand_dims(orbit=2), "its dimensions are orbit, wl"),
        (flat().isel(wl=[0]), "two or more numbers above 0"),
        (flat(low=-50.0), "two or more numbers above 0"),
        (flat(low=float("inf")), "two or more numbers above 0"),
        (flat(low=210.0), "out of order, or some are there twice"),
        (series().isel(time=[0, 0]), "some of its dates are there twice"),
        (xr.DataArray(1.0), "expected numbers along wavelength"),
    ],
)
def test_what_is_no_spectrum(array, said):
    with xr.set_options(keep_attrs=True), pytest.raises(ArgumentError, match=said):
        uvisxr.solar_spectrum(array.assign_attrs(array.attrs or {}))


def test_missing_values():
    array = spectrum("W m-2 nm-1", 2e-3, tuple(np.arange(150.0, 200.0)))
    ends = array.where((array.wavelength > 160) & (array.wavelength < 190))
    assert uvisxr.solar_spectrum(ends).wl.values[[0, -1]].tolist() == [1610, 1890]
    with pytest.raises(ArgumentError, match="missing between 1620 and 1660 angstrom: fill them"):
        uvisxr.solar_spectrum(ends.where((array.wavelength < 162) | (array.wavelength > 166)))
    days = series().isel(time=slice(0, 5))
    with pytest.warns(UvisWarning, match="1 of its 5 dates lack values: left out"):
        found = uvisxr.solar_spectrum(days.where(days.time != days.time[2]))
    assert found.sizes["time"] == 4


@pytest.mark.parametrize("times", [1e-3, 10, 1e4])
def test_a_spectrum_far_from_the_suns_is_told(times):
    with pytest.warns(UvisWarning, match="times that of the Sun at 1 au: is it in W m-2 nm-1, and"):
        uvisxr.solar_spectrum(flat(2e-3 * times))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "a file that is there, or 'STIS' or 'Colina'"),
        ("a.csv", "", "it holds no columns of numbers"),
        (
            "a.csv",
            "nm;W/m2/nm\n170;1\n",
            "which commas, blanks or tabs separate, with dec",
        ),
        ("a.csv", "wavelength, irradiance\n1 2 3\n", "no heading tells which of its 3 columns"),
        ("a.csv", HEADED + "170,1,1\n180,oops,1\n", "after line 2: not 3 columns of numbers"),
        ("a.csv", HEADED + "170,1,1\n180\n", "after line 2: not 3 columns of numbers"),
        ("a.csv", b"\xff\xfe\x00", "cannot read"),
        ("a.nc", b"\x89HDF\r\n\x1a\n junk", "solar: cannot read"),
        ("a.nc", "text", "solar: cannot read"),
    ],
)
def test_files_that_hold_none(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UvisError, match=said):
        uvisxr.solar_spectrum(path)


@pytest.mark.parametrize(("name", "meant"), [("stis", "STIS"), ("colinna", "Colina")])
def test_names_like_those_of_spectra(name, meant):
    with pytest.raises(ArgumentError, match=f"'STIS' or 'Colina'; did you mean '{meant}'"):
        uvisxr.solar_spectrum(name)


def test_netcdf_files_of_which_none_is_meant(tmp_path):
    array = spectrum("W m-2 nm-1", 2e-3)
    xr.Dataset({"a": array, "b": array}).to_netcdf(tmp_path / "two.nc")
    with pytest.raises(ArgumentError, match=r"2 variables in units of .* give xarray.open_dataset"):
        uvisxr.solar_spectrum(tmp_path / "two.nc")
    xr.Dataset({"a": array.drop_attrs()}).to_netcdf(tmp_path / "none.nc")
    with pytest.raises(ArgumentError, match="no variable in units of"):
        uvisxr.solar_spectrum(tmp_path / "none.nc")


def test_dates_of_different_wavelengths(tmp_path):
    heading = "time (yyyyDDD),wavelength (nm),irradiance (W/m^2/nm)"
    rows = ["2005229,170,1", "2005229,180,1", "2005230,170,1", "2005230,181,1"]
    (tmp_path / "sun.csv").write_text("\n".join([heading, *rows]))
    with pytest.raises(ArgumentError, match="its dates have different wavelengths"):
        uvisxr.solar_spectrum(tmp_path / "sun.csv")


@pytest.mark.parametrize("units", ["nm", ("nm",), ("nm", 1), 3])
def test_units_that_are_none(units):
    with pytest.raises(ArgumentError, match="those of wavelength and irradiance"):
        uvisxr.solar_spectrum(flat(), units)
