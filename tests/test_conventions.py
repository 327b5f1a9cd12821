"""Attributes of variables."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from helpers import teams_fits
from helpers.products import write_product
from helpers.sunlight import series

import uvisxr
from uvisxr import simulate
from uvisxr.calibration.formats import package_data
from uvisxr.calibration.response import load
from uvisxr.dataset import conventions
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.dataset.fields import EPHEMERIS, FIELDS, ROWS, SIGHTLINE, sightline
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.instrument.detector import Window
from uvisxr.pds3.label import read_label
from uvisxr.stars.catalogue import read


def test_attributes_are_set_anew():
    ds = xr.Dataset({"rate": ("pic", np.ones(2), {"units": "count", "comment": "stale"})})
    out = conventions.apply(ds)
    assert out.rate.attrs["units"] == "count s-1"
    assert "comment" not in out.rate.attrs
    assert ds.rate.attrs["units"] == "count"
    assert "Conventions" not in ds.attrs


def test_unknown_variables_keep_their_attributes():
    ds = xr.Dataset({"mine": ("x", [1.0], {"units": "furlong"})})
    assert conventions.apply(ds).mine.attrs == {"units": "furlong"}


def test_only_present_variables_are_named():
    ds = xr.Dataset({"radiance": ("pic", [1.0]), "lon": ("pic", [1.0])})
    out = conventions.apply(ds)
    assert "ancillary_variables" not in out.radiance.attrs
    assert "bounds" not in out.lon.attrs
    ds = ds.assign(radiance_upper=ds.radiance, lon_corners=("corner", [1.0]))
    out = conventions.apply(ds)
    assert out.radiance.attrs["ancillary_variables"] == "radiance_upper"
    assert out.lon.attrs["bounds"] == "lon_corners"


def test_every_bounds_and_ancillary_variable_is_in_the_table():
    for variable in conventions.VARIABLES.values():
        for name in (*variable.ancillary, *([variable.bounds] if variable.bounds else [])):
            assert name in conventions.VARIABLES


@pytest.mark.parametrize(
    ("name", "bounds"), [(n, v.bounds) for n, v in conventions.VARIABLES.items() if v.bounds]
)
def test_bounds_have_the_attributes_of_what_they_bound(name, bounds):
    """They may have no others of those that they inherit: CF-1.11, section 7.1."""
    every = frozenset(conventions.VARIABLES)
    parent, own = (
        conventions.VARIABLES[n].attributes(every, lon_direction="east") for n in (name, bounds)
    )
    assert own == {key: parent[key] for key in ("long_name", "units") if key in parent}


def test_only_standard_names_give_units_to_what_has_no_dimension():
    """Plots of xarray would be labelled "[1]"; CF demands one of those with a standard name."""
    every = frozenset(conventions.VARIABLES)
    for name, known in conventions.VARIABLES.items():
        written = known.attributes(every).get("units")
        assert written != "1" or known.standard_name, name
    assert conventions.VARIABLES["n"].attributes(every)["units"] == "1"


@pytest.mark.parametrize("name", ["ra", "dec", "ra_corners", "dec_corners", "ra_bin", "target_ra"])
def test_directions_in_the_sky_are_called_apparent(name):
    assert ", apparent, J2000" in conventions.VARIABLES[name].long_name


def test_quality_bits_are_distinct():
    masks = list(QUALITY_FLAGS.values())
    assert sum(masks) == np.bitwise_or.reduce(masks) < 256


# The table against what the steps produce -------------------------------------------------------


def reduced(folder: Path, target: str) -> tuple[xr.Dataset, xr.Dataset]:
    """A small simulated observation with a geometry of two samples, opened and calibrated."""
    window = Window(20, 0, 29, 1023, band_bin=32)
    scene = simulate.observation(
        folder, target=target, exposures=4, window=window, stars=0, lost=0, partial=0
    )
    opened = scene.open().uvis.geometry(scene.kernels, samples=2)
    done = opened.uvis.background(4e-4, error=4e-5).uvis.predict_stars(read())
    return opened, done.uvis.calibrate(
        files=scene.calibration, evil_pixels="interpolate", errors="statistical"
    )


def edges(ds: xr.Dataset, name: str) -> list[float]:
    """One bin that holds every value of a field."""
    period = FIELDS[name].period
    low, high = float(ds[name].min()), float(ds[name].max())
    return [0.0, period] if period else [low - 1.0, high + 1.0]


#: Wavelengths with a sensitivity worth the name.
LIGHT = (1200.0, 1900.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the products of `results` are."""
    return tmp_path_factory.mktemp("conventions")


@pytest.fixture(scope="module")
def results(folder: Path) -> dict[str, xr.Dataset]:
    """What the steps give, on Titan and Saturn; of a bin along every field of the line of sight."""
    found = {}
    for target in ("TITAN", "SATURN"):
        opened, done = reduced(folder / target, target)
        found |= {f"{target} opened": opened, f"{target} calibrated": done}
    done = found["SATURN calibrated"]
    for name in SIGHTLINE:
        found[f"bin {name}"] = done.uvis.bin(by={name: edges(done, name)})
    files = {"files": folder / "SATURN" / "calibration", "evil_pixels": "interpolate"}
    found |= {
        "rebinned": found["TITAN opened"].uvis.rebin(wl=2),
        "rate": done.uvis.rate(),
        "calibration_factor": done.uvis.calibration_factor(**files),
        "brightness": done.uvis.integrate(LIGHT, skipna=True),
        "brightness of bins": found["bin alt"].uvis.integrate(LIGHT, skipna=True),
        "bins of brightness": done.uvis.integrate(LIGHT).uvis.bin(pixels=[[(0, 3), (1, 4)]]),
        "groups": done.uvis.bin(pixels=[[(0, 3)], [(1, 4)]]),
        "flagged": done.uvis.flagged("star").to_dataset(),
        "utc": done.uvis.utc().to_dataset(),
        "reflectance": found["bin alt"].uvis.reflectance(series()),
        "photometry": done.uvis.photometry(series(), background="none"),
        "evil_share": done.uvis.evil_share().to_dataset(),
        "all rows": done.uvis.geometry(folder / "SATURN" / "kernels", all_rows=True),
        "response": load(package_data("evil_response_fuv.csv")),
    }
    (label,) = (folder / "SATURN").rglob("*.LBL")
    row = {"product": [label.stem], "label": [str(label)], "pic": [0], "pixel": [3], "alt": [5.0]}
    opened = uvisxr.open_found(row, [("calibrate", files | {"evil_pixels": "interpolate"})])
    found["found"] = opened.compute()
    del found["found"].attrs["pipeline"]
    found["bins of found spectra"] = found["found"].uvis.bin({"alt": [0.0, 10.0]}, exclude=())
    matrix = write_product(folder, "FUV2005_230_15_15_CAL_3", band_bin=32)
    text = matrix.read_text().replace("MSB_UNSIGNED_INTEGER", "IEEE_REAL")
    matrix.write_text(re.sub(r"(CORE_ITEM_BYTES += )2", r"\g<1>4", text))
    np.zeros((64, 1024), ">f4").tofile(matrix.with_suffix(".DAT"))
    found["matrix"] = uvisxr.open_product(matrix)
    teams_fits.product(folder / "team.fits")
    found["of a FITS file"] = uvisxr.open_fits(folder / "team.fits").dataset
    compact = found["TITAN calibrated"].uvis.to_netcdf(folder / "compact.nc", compact=True)
    found["compact"] = xr.load_dataset(compact)
    return found


def test_every_entry_is_produced_by_some_step(results):
    produced = set().union(*(ds.variables for ds in results.values()))
    assert conventions.VARIABLES.keys() - produced == set()


def test_every_variable_of_a_step_is_in_the_table(results):
    for name, ds in results.items():
        assert set(ds.variables) - conventions.VARIABLES.keys() == set(), name


def test_the_geometry_gives_the_fields_of_the_registry(results):
    los = {*SIGHTLINE, *(f"{name}_corners" for name in SIGHTLINE)}
    for target in ("TITAN", "SATURN"):
        ds = results[f"{target} opened"]
        of_planets = {n for n in los if FIELDS[n.removesuffix("_corners")].needs == "planet"}
        expected = {*los, *EPHEMERIS} - (of_planets if target == "TITAN" else set())
        over_samples = {name for name, v in ds.variables.items() if "sample" in v.dims}
        assert over_samples - {"geometry_et", "geometry_time"} == expected
        for name in expected:
            is_sightline = FIELDS[name.removesuffix("_corners")].kind == "sightline"
            assert is_sightline == ("pixel" in ds[name].dims)


@pytest.mark.parametrize("name", SIGHTLINE)
def test_every_field_of_the_line_of_sight_can_be_binned(results, name):
    binned, done = results[f"bin {name}"], results["SATURN calibrated"]
    finite = np.isfinite(done[name].mean("sample")) & (done.quality == 0)
    assert binned.n.dims == (f"{name}_bin",)
    assert binned.n.item() == finite.sum() > 0
    assert binned[name].attrs.get("units") == binned[f"{name}_bin"].attrs.get("units")


def test_fields_that_come_round():
    round_ = {name: field.period for name, field in SIGHTLINE.items() if field.period}
    degrees = dict.fromkeys(("lon", "tangent_lon", "ra", "ring_longitude"), 360.0)
    assert round_ == degrees | {"lt": 24.0, "tangent_lt": 24.0}


def test_longitudes_that_follow_lon_direction():
    directed = {name for name, field in FIELDS.items() if field.directed}
    assert directed == {"lon", "tangent_lon", "sc_lon", "sub_solar_lon"}


@pytest.mark.parametrize("direction", ["west", "east"])
def test_longitudes_say_which_way_they_increase(results, folder, tmp_path, direction):
    done = results["SATURN calibrated"].uvis.geometry(
        folder / "SATURN" / "kernels", lon_direction=direction
    )
    edges = [0.0, 180.0, 360.0]
    steps = {
        "geometry": done,
        "rate": done.uvis.rate(),
        "brightness": done.uvis.integrate(LIGHT),
        "bins": done.uvis.bin(by={"lon": edges, "tangent_lon": edges, "ring_longitude": edges}),
    }
    counted = set()
    for step, ds in steps.items():
        with xr.open_dataset(ds.uvis.to_netcdf(tmp_path / f"{step}.nc")) as back:
            for name in ds.variables:
                said = f", {direction}-positive"
                stem = re.sub("_(corners|bin|bin_bounds)$", "", name)
                directed = stem in FIELDS and FIELDS[stem].directed
                counted |= {name} if directed else set()
                for text in (ds[name].attrs["long_name"], back[name].attrs["long_name"]):
                    assert text.endswith(said) == directed
                    assert ("-positive" in text) == directed
    of_pixels = ("lon", "tangent_lon")
    endings = ("", "_corners", "_bin", "_bin_bounds")
    assert counted == {
        *(f"{name}{ending}" for name in of_pixels for ending in endings),
        "sc_lon",
        "sub_solar_lon",
    }


def test_longitudes_of_unknown_sense_say_none():
    ds = xr.Dataset({"lon": ("pic", [1.0])})
    assert conventions.apply(ds).lon.attrs["long_name"] == "longitude"


@pytest.mark.parametrize(
    ("result", "title"),
    [
        ("TITAN opened", "photon counts of TITAN"),
        ("SATURN calibrated", "spectral radiance of SATURN"),
        ("brightness", "brightness of SATURN"),
        ("bin alt", "spectral radiance of SATURN, in bins"),
        ("brightness of bins", "brightness of SATURN, in bins"),
    ],
)
def test_titles_name_observation_content_and_target(results, result, title):
    ds = results[result]
    assert ds.attrs["title"] == f"Cassini/UVIS {ds.attrs['name']}: {title}"


def test_title_of_what_has_no_name():
    counts = xr.Dataset({"counts": ("pic", [1.0])})
    assert conventions.apply(counts).attrs["title"] == "Cassini/UVIS: photon counts"
    mine = xr.Dataset({"mine": ("pic", [1.0])}, attrs={"title": "my own"})
    assert conventions.apply(mine).attrs["title"] == "my own"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("tangent_ra", "ra"),
        ("tangent_ring_radius", "ring_radius"),
        ("altitude", "alt"),
        ("latitude", "lat or lat_graphic"),
        ("emission", "ems"),
        ("lon_", "lon"),
    ],
)
def test_a_name_that_is_no_field_is_told_those_near(results, name, near):
    said = rf"by='{name}': expected a field .*; did you mean .*\b{near}\b"
    with pytest.raises(ArgumentError, match=said):
        results["SATURN calibrated"].uvis.bin(by={name: [0, 1]})
    assert name not in conventions.VARIABLES


def test_a_name_like_no_field_is_told_all():
    with pytest.raises(ArgumentError, match=f"one of {', '.join(SIGHTLINE)}"):
        sightline("colour", "annotate")


def test_a_field_of_planets_says_so_where_it_is_missing(results):
    with pytest.raises(MissingStepError, match=r"no ring_radius: call .* with a giant planet"):
        results["TITAN calibrated"].uvis.bin(by={"ring_radius": [0, 1e6]})


def test_plain_plots_have_labels_without_a_unit_of_one():
    import matplotlib.pyplot as plt

    ds = conventions.apply(
        xr.Dataset(
            {"radiance": (("pic", "pixel", "wl"), np.ones((2, 3, 4)))},
            {
                "pic": [0, 1],
                "pixel": [0, 1, 2],
                "wl": np.linspace(1200.0, 1203.0, 4),
                "line": ("pixel", [2, 3, 4]),
            },
        )
    )
    ds["radiance"].isel(pic=0, drop=True).plot()
    said = [plt.gca().get_xlabel(), plt.gca().get_ylabel()]
    ds["radiance"].isel(wl=0, pixel=1, drop=True).plot(ax=plt.figure().add_subplot())
    said += [plt.gca().get_title(), plt.gca().get_xlabel()]
    assert said[1] == "pixel index along the slit"
    assert not [text for text in said if "[1]" in text]


# The text of the package against the table ------------------------------------------------------

TERM = re.compile(r"^( *)(`?[\w*]+`?(?:, `?[\w*]+`?)*)(?: : (.+))?\n\1    \S", re.M)


def defined(section: str | None = None) -> dict[str, str | None]:
    """Names that `help(uvisxr)` defines, all or those of one section, with their units."""
    text = uvisxr.__doc__
    if section is not None:
        _, text = text.split(f"\n{section}\n{'-' * len(section)}\n")
        text = re.split(r"\n\n.+\n---+\n", text)[0]
    found: dict[str, str | None] = {}
    for _, names, unit in TERM.findall(text):
        for name in names.replace("`", "").split(", "):
            assert name not in found, f"{name} is defined twice"
            found[name] = unit or None
    return found


@pytest.mark.parametrize("name", conventions.VARIABLES)
def test_the_text_of_the_package_defines_every_variable_and_its_unit(name):
    terms, units = defined(), conventions.VARIABLES[name].units
    if name.startswith("time") or name in ("geometry_time", "solar_time"):
        units = "UTC"
    if name in {f"{n}{ending}" for n in ROWS for ending in ("", "_corners")}:
        assert "row_*" in terms
        name = name.removeprefix("row_")
    for ending in ("_bin", "_bin_bounds", "_corners"):
        stem = name.removesuffix(ending)
        if stem in FIELDS and stem != name:
            # In the units of the field, which the text says.
            assert f"*{ending}" in terms
            name = stem
    if name.startswith("tangent_"):
        assert "tangent_*" in terms
        name = name.removeprefix("tangent_")
    if name.startswith("brightness") and name not in terms:
        assert (terms["brightness*"], units) == ("kR", "kR")
        name, units = name.replace("brightness", "radiance"), "kR angstrom-1"
    if name.startswith("reflectance") and name not in terms:
        assert (terms["reflectance*"], units) == ("1", "1")
        name = name.replace("reflectance", "radiance")
        units = conventions.VARIABLES[name].units
    assert terms[name] == units


def test_the_text_of_the_package_defines_the_flags_by_their_bits():
    said = defined("Quality").items() - {("quality", "1"), ("flagged", "1")}
    bits = {name: int(unit) for name, unit in said}
    assert bits == QUALITY_FLAGS


def test_the_text_of_the_package_defines_the_attributes(results, folder):
    found = set().union(*(ds.attrs for ds in results.values()))
    rare = {"radiance_edited", "pipeline", "summed_exposures"}
    terms = defined("Attributes").keys() - rare
    assert terms <= found
    labels = [read_label(path) for path in folder.rglob("*.LBL")]
    assert found - terms == {key.lower() for label in labels for key in label.keywords}


def test_the_text_of_the_package_defines_nothing_else():
    images = {"x": "km", "y": "km", "footprints": "1"}
    assert defined("Images") == images
    maps = {"spectra": "1", "covered": "1", "mu": "1", "cell_area": "km2", "crs": "1"}
    maps |= {"photons": "s-1", "power": "W", "area": "km2"}
    assert defined("Maps") == maps
    others = {*images, *maps, *defined("Attributes"), *QUALITY_FLAGS}
    patterns = {"tangent_*", "row_*", "*_corners", "*_bin", "*_bin_bounds", "brightness*"}
    patterns.add("reflectance*")
    assert defined().keys() - others - patterns <= conventions.VARIABLES.keys()


def test_the_package_and_the_attributes_give_the_kilorayleigh():
    """1 R is 1e10 photons m-2 s-1 from a column, over the whole sphere (Hunten et al. 1956)."""
    for text in (uvisxr.__doc__, conventions.KILORAYLEIGH):
        (value,) = re.findall(r"\(k\w+\) is (\S+) / \(4 pi\) photon m-2 s-1 sr-1", text)
        assert float(value) == 1e3 * 1e10
