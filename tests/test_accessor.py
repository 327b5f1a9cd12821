"""The accessor: its help, and what it says of a dataset."""

from __future__ import annotations

import doctest
import inspect
import pydoc
from html.parser import HTMLParser

import dask
import pytest
import xarray as xr
from helpers.products import write_product
from helpers.slow import rest_slow
from helpers.sunlight import flat

import uvisxr
from uvisxr import UvisError
from uvisxr.accessor import UvisAccessor
from uvisxr.dataset import overview
from uvisxr.plot import PlotAccessor
from uvisxr.reader.counts import QubeArray
from uvisxr.simulate import Simulation, Window
from uvisxr.stars.catalogue import read
from uvisxr.stars.flag_files import StarFlags

ACCESSORS = (UvisAccessor, PlotAccessor, StarFlags)
METHODS_OF = {
    accessor: {
        name: function
        for name, function in vars(accessor).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }
    for accessor in ACCESSORS
}
METHODS = {
    f"{accessor.__name__}.{name}": function
    for accessor, methods in METHODS_OF.items()
    for name, function in methods.items()
}
FUNCTIONS = (
    uvisxr.open_product,
    uvisxr.open_observation,
    uvisxr.open_processed,
    uvisxr.load_json,
    uvisxr.simulate.observation,
    uvisxr.batch.process,
    uvisxr.batch.plan,
)


# Help -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_called_as_they_are_found(name):
    assert METHODS[name].__name__ == name.partition(".")[2]


@pytest.mark.parametrize("function", [*METHODS.values(), *FUNCTIONS], ids=lambda f: f.__name__)
def test_docstrings_end_with_an_example_that_runs(function):
    text = inspect.getdoc(function)
    _, examples = text.split("\nExamples\n--------\n")
    found = doctest.DocTestParser().get_examples(examples)
    assert found
    assert not any(example.options for example in found)


@pytest.mark.parametrize("accessor", ACCESSORS)
def test_help_of_an_accessor_says_what_each_method_does(accessor):
    text = pydoc.plain(pydoc.render_doc(accessor(xr.Dataset())))
    for name in METHODS_OF[accessor]:
        assert f"{name}(" in text
        assert f"`{name}`" in inspect.getdoc(accessor)


# What it says of a dataset ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def stages(made: Simulation, tmp_path_factory) -> dict[str, xr.Dataset]:
    """Two exposures after each step."""
    opened = made.open().isel(pic=[5, 6])
    seen = opened.uvis.geometry(kernels=made.kernels)
    calibrated = seen.uvis.background(level=4e-4).uvis.calibrate(files=made.calibration)
    bins = calibrated.uvis.bin(by={"alt": [0, 500, 1000]})
    folder = tmp_path_factory.mktemp("stages")
    calibrated.uvis.to_netcdf(folder / "calibrated.nc")
    return {
        "opened": opened,
        "geometry": seen,
        "background": opened.uvis.background(level=4e-4),
        "calibrated": calibrated,
        "read back": xr.open_dataset(folder / "calibrated.nc"),
        "undecoded": xr.open_dataset(folder / "calibrated.nc", decode_times=False),
        "joined": uvisxr.open_processed(folder),
        "smoothed": calibrated.uvis.smooth(force=True),
        "predicted": seen.uvis.predict_stars(read()),
        "rate": opened.uvis.rate(),
        "factor": opened.uvis.calibration_factor(files=made.calibration),
        "one exposure": calibrated.isel(pic=0),
        "bins": bins,
        "bins of counts": seen.uvis.bin(by={"alt": [0, 500, 1000]}),
        "light of bins": bins.uvis.integrate(),
        "light": calibrated.uvis.integrate((1300, 1700)),
        "map": calibrated.uvis.map(wl_range=(1300, 1700), spacing=10),
        "groups": calibrated.uvis.bin(pixels=[[(5, 30), (6, 30)]]),
        "truth": made.truth.isel(pic=[5, 6]),
        "foreign": xr.Dataset({"a": ("x", [1.0])}),
        "empty": xr.Dataset(),
    }


STAGES = (
    *("opened", "geometry", "background", "calibrated", "read back", "joined", "smoothed"),
    *(
        "predicted",
        "rate",
        "factor",
        "one exposure",
        "bins",
        "bins of counts",
        "light",
        "light of bins",
    ),
    *("map", "groups", "truth", "foreign", "empty"),
)


# Over the whole of the channel, whose ends are next to blind.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:one count at", "ignore:the dataset has no radiances")
@pytest.mark.parametrize("stage", rest_slow(STAGES, len(STAGES) // 2))
def test_what_can_be_next_can_be_and_nothing_else(stage, stages, made, tmp_path):
    ds, steps = stages[stage], overview.next_steps(stages[stage])
    calls = {
        "rebin": {"wl": 2, "pixel": 2},
        "geometry": {"kernels": made.kernels},
        "backplanes": {"kernels": made.kernels, "times": "mid"},
        "background": {"level": 4e-4},
        "predict_stars": {"stars": read()},
        "calibrate": {"files": made.calibration},
        "calibration_factor": {"files": made.calibration},
        "rate": {},
        "flag": {"pixels": [(5, 30)]},
        "fill_nan": {},
        "smooth": {},
        "integrate": {},
        "reflectance": {"solar": flat()},
        "photometry": {"solar": flat(), "background": "none"},
        "image": {"nx": 5},
        "map": {"spacing": 10},
        "power": {},
        "bin": {"pixels": [[(5, 30)]]},
        "explore": {},
        "to_netcdf": {"path": tmp_path / "x.nc"},
        "to_json": {"path": tmp_path / "x.json"},
        "to_fits": {"path": tmp_path / "x.fits"},
    }
    assert (
        calls.keys() | {"unflag", "flagged", "evil_share", "utc"} == METHODS_OF[UvisAccessor].keys()
    )
    for name, arguments in calls.items():
        call = getattr(ds.uvis, name)
        if name in steps:
            call(**arguments)
        elif name not in overview.done(ds):
            with pytest.raises(UvisError):
                call(**arguments)


# Over the whole of the channel, whose ends are next to blind.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:one count at")
@pytest.mark.parametrize(
    "stage",
    rest_slow(sorted(STAGES, key=lambda stage: stage not in ("calibrated", "bins")), 2),
)
def test_pictures_named_can_be_drawn_and_no_others(stage, stages, made, tmp_path):
    ds, named = stages[stage], overview.pictures(stages[stage])
    wl = {"wl_range": None}
    dims = [dim for dim in ds.dims if dim in ("pic", "pixel", "alt_bin", "group")]
    calls = {
        "quicklook": {},
        "geometry": {"kernels": made.kernels, "bodies": ()},
        "animate": {"path": tmp_path / "x", "bodies": (), "dpi": 20, "progress": False},
        "picture": {"nx": 5},
        "evolution": wl | {"pixels": [30]},
        "keogram": {"by": "lat"},
        "limb": {},
        "map": {},
        "check_stars": wl,
        "bins": {},
        "spectrum": {"select": [dict.fromkeys(dims, 0)]},
    }
    assert calls.keys() == METHODS_OF[PlotAccessor].keys()
    for name, arguments in calls.items():
        call = getattr(ds.uvis.plot, name)
        if name in named:
            call(**arguments)
        else:
            with pytest.raises(UvisError):
                call(**arguments)


def test_text_of_a_reduction(stages):
    assert repr(stages["opened"].uvis).splitlines() == [
        "<uvisxr>",
        "name        FUV_2008_070",
        "instrument  FUV, slit LOW_RESOLUTION, optics telescope, compression SQRT_9",
        "target      TITAN",
        "exposures   2 of 240 s, 2008-03-10T10:20:00 to 2008-03-10T10:28:00 UTC",
        "window      rows 2..61, columns 0..1023, bins of 1 x 1, 60 pixels, "
        "1024 wavelengths, 1115.3 to 1912.9 angstrom",
        "spectra     120, 100% lit, 118 good, lost and partial not looked for, 0 star, "
        "2 dark_line, 0 user",
        "done        open",
        "next        rebin, geometry, backplanes, background, calibrate, calibration_factor, rate, "
        "flag, bin, explore, to_netcdf, to_json, to_fits",
        "pictures    plot.quicklook, plot.evolution, plot.check_stars, plot.spectrum",
    ]


def test_steps_that_were_done(stages):
    steps = {name: overview.done(ds) for name, ds in stages.items()}
    assert list(steps["calibrated"]) == ["open", "geometry", "background", "calibrate"]
    assert steps["calibrated"] == {
        "open": "",
        "geometry": "TITAN",
        "background": "by hand 0.0004 count/s per detector pixel",
        "calibrate": "upyp",
    }
    assert steps["read back"] == steps["calibrated"]
    assert list(steps["smoothed"]) == [*steps["calibrated"], "smooth"]
    assert list(steps["bins"]) == [*steps["calibrated"], "bin"]
    assert list(steps["light of bins"]) == [*steps["bins"], "integrate"]
    assert list(steps["factor"]) == ["open", "calibration_factor"]
    assert list(steps["predicted"]) == ["open", "geometry", "predict_stars"]
    assert steps["foreign"] == steps["empty"] == {}


def test_steps_are_told_without_the_history(stages):
    for ds in stages.values():
        bare = ds.drop_attrs(deep=False).assign_attrs(
            {name: value for name, value in ds.attrs.items() if name != "history"}
        )
        assert repr(bare.uvis) == repr(ds.uvis)


def test_flags_and_lit_rows_are_counted(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, "FUV2005_230_15_15", lines=(0, 63), samples=3))
    ds = ds.uvis.flag([(0, 30), (1, 30)]).uvis.flag([(1, 30)], "star")
    said = overview.overview(ds)["spectra"]
    # 60 rows of 64 are lit; of 192 spectra 3 x 5 are of dark lines.
    there = "192, 94% lit, 175 good, {}, 1 star, 15 dark_line, 2 user"
    assert said == there.format("lost and partial not looked for")
    assert overview.overview(ds.uvis.rate())["spectra"] == there.format("0 lost, 0 partial")
    assert "100% lit" in overview.overview(ds.isel(pixel=slice(2, 62)))["spectra"]
    assert "0% lit" in overview.overview(ds.isel(pixel=[0, 1]))["spectra"]


def test_lit_rows_of_bins_are_counted(tmp_path):
    """Rows 0..63 in bins of 16: of the first 14 rows are lit, of the last 14 (48..61)."""
    label = write_product(tmp_path, "FUV2005_230_15_15", lines=(0, 63), line_bin=16, samples=1)
    ds = uvisxr.open_product(label)
    for pixel, share in enumerate(("88%", "100%", "100%", "88%")):
        assert f"1, {share} lit" in overview.overview(ds.isel(pixel=[pixel]))["spectra"]


def test_nothing_lazy_is_computed(made, tmp_path):
    made.open().uvis.background(level=4e-4).uvis.to_netcdf(tmp_path / "FUV2008_070_10_04.nc")
    joined = uvisxr.open_processed(tmp_path)
    lazy = made.open(chunks={"pic": 1}).uvis.background(level=4e-4)
    assert lazy.quality.chunks is not None

    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    rates = joined.uvis.rate()
    with dask.config.set(scheduler=refuse):
        for ds in (joined, lazy, rates):
            assert "flags not computed yet" in repr(ds.uvis)
            assert "flags not computed yet" in ds.uvis._repr_html_()


def test_no_count_is_read(made, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("read")

    ds = made.open()
    monkeypatch.setattr(QubeArray, "__getitem__", refuse)
    assert "720, 100% lit, 708 good" in repr(ds.uvis)
    with pytest.raises(AssertionError, match="read"):
        ds.counts.load()


class Cells(HTMLParser):
    """Texts of the cells of a table, and the tags and attributes met."""

    def __init__(self, html: str):
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {f"{name}={value}" for name, value in attrs}
        if tag in ("th", "td"):
            self.cells.append("")

    def handle_data(self, data):
        self.cells[-1] += data


def test_html_says_the_same_in_the_colours_of_the_page(stages):
    for ds in stages.values():
        parsed = Cells(ds.uvis._repr_html_())
        lines = overview.overview(ds)
        assert parsed.cells == [text for line in lines.items() for text in line]
        assert parsed.tags == {"table", "tr", "th", "td"}
        assert not any("color" in attribute for attribute in parsed.attributes)


def test_html_escapes_what_files_say(stages):
    bad = "<script>alert('&')</script>"
    ds = stages["calibrated"].assign_attrs(
        name=bad, target=bad, slit=bad, geometry_target=bad, recipe=bad, background_method=bad
    )
    text = ds.uvis._repr_html_()
    assert "<script" not in text
    assert Cells(text).cells[1] == bad


@pytest.mark.parametrize("drop", [["line"], ["wl"], ["time_start"], ["exposure"], ["quality"]])
def test_what_is_lost_is_not_told(stages, drop):
    for name in ("opened", "calibrated"):
        assert repr(stages[name].drop_vars(drop).uvis)


@pytest.mark.parametrize(
    ("choice", "count"),
    [
        ({"pic": []}, "0"),
        ({"pixel": []}, "2 of 240 s"),
        ({"wl": []}, "2 of 240 s"),
        ({"pic": 0, "pixel": 3}, "1 of 240 s"),
        ({"wl": 5}, "2 of 240 s"),
    ],
)
def test_any_subset_is_told(stages, choice, count):
    for name in ("opened", "calibrated", "smoothed"):
        lines = overview.overview(stages[name].isel(choice))
        assert lines["name"] == "FUV_2008_070"
        assert lines["done"].startswith("open")
        assert lines["exposures"].split(",")[0] == count


def test_times_not_decoded_are_not_told(stages):
    assert overview.overview(stages["undecoded"])["exposures"] == "2 of 240 s"


@pytest.mark.parametrize("attrs", [{"line_bin": "x"}, {"ul_band": None}, {"target": ["a\nb"]}])
def test_odd_attributes_are_told_in_one_line_or_not_at_all(stages, attrs):
    usual = repr(stages["opened"].uvis).splitlines()
    text = repr(stages["opened"].assign_attrs(attrs).uvis)
    assert "exposures" in text and len(text.splitlines()) in (len(usual), len(usual) - 1)


def test_the_window_of_several_is_told(tmp_path):
    windows = (Window(2, 0, 30, 1023), Window(40, 100, 61, 1023, band_bin=2))
    made = uvisxr.simulate.observation(
        tmp_path, exposures=2, window=windows, stars=0, lost=0, partial=0
    )
    tree = made.open()
    said = overview.overview(tree["window1"].to_dataset())["window"]
    assert said.startswith("rows 40..61, columns 100..1023, bins of 1 x 2, 22 pixels, 462 wave")
