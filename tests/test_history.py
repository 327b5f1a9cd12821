"""Provenance lines: what a step's decorator records of its calls."""

from __future__ import annotations

import hashlib
import inspect
import itertools
import os
import re
import typing
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.sunlight import flat

import uvisxr
from uvisxr.accessor import UvisAccessor
from uvisxr.calibration.recipe import RECIPES
from uvisxr.dataset import history
from uvisxr.dataset.history import record, sha256, step, used
from uvisxr.errors import ArgumentError, UvisWarning
from uvisxr.stars import catalogue, flag_files

STARTED = xr.Dataset({"x": ("t", [1.0, 2.0])}, attrs={"history": "opened"})


@step("turn")
def turn(
    ds: xr.Dataset | xr.DataArray,
    by: Any = 1,
    files: str | Path | Iterable[str | Path] | None = None,
    *,
    also: Any = None,
) -> xr.Dataset | xr.DataArray:
    """Turn it."""
    return ds.assign_attrs(seen=[list(v) if isinstance(v, list) else v for v in (by, also)])


@step("read")
def read(path: str | Path, chunks: int | None = None) -> xr.Dataset | xr.DataTree:
    ds = used(STARTED.drop_attrs(), files=[path], took={"path": [Path(path)]})
    return ds if chunks is None else xr.DataTree.from_dict({"window0": ds, "window1": ds})


def last(ds: xr.Dataset) -> str:
    """The last line's call."""
    return ds.attrs["history"].splitlines()[-1].removeprefix(f"uvisxr {uvisxr.__version__}: ")


def said(value: Any) -> str:
    """What a line says of an argument."""
    line = last(turn(STARTED, value))
    return line.removeprefix("turn(by=").removesuffix(", files=None, also=None)")


class TestCall:
    def test_every_argument_in_the_signatures_order(self):
        done = turn(STARTED, also="b")
        assert done.attrs["history"] == (
            f"opened\nuvisxr {uvisxr.__version__}: turn(by=1, files=None, also='b')"
        )
        assert STARTED.attrs == {"history": "opened"}

    def test_the_function_keeps_its_face(self):
        assert turn.__name__ == "turn" and turn.__doc__ == "Turn it."
        assert inspect.signature(turn) == inspect.signature(inspect.unwrap(turn))
        assert list(inspect.signature(turn).parameters) == ["ds", "by", "files", "also"]

    def test_wrong_arguments_are_refused_with_what_may_be_meant(self):
        with pytest.raises(ArgumentError, match=r"^turn: there is no argument bye=; .* by=\?$"):
            turn(STARTED, bye=1)

    def test_arrays_have_no_history(self):
        found = turn(STARTED.x, 2)
        assert isinstance(found, xr.DataArray) and "history" not in found.attrs

    def test_arguments_without_an_end_are_refused(self):
        endless: list[Any] = []
        endless.append(endless)
        with pytest.raises(ArgumentError, match="turn: an argument contains itself"):
            turn(STARTED, endless)

    def test_lines_are_short_and_the_same_in_every_run(self):
        assert said({i: i for i in range(99)}) == said({i: i for i in range(98)})
        assert said("x" * 1000) == "'" + "x" * 199 + "..."
        assert said(object()) == "<object>"
        assert "\n" not in said(STARTED)

    def test_a_step_within_a_step_leaves_no_line(self):
        @step("outer")
        def outer(ds: xr.Dataset, angle: float) -> xr.Dataset:
            return turn(turn(ds, angle), angle)

        assert outer(STARTED, 3.0).attrs["history"].splitlines()[1:] == [
            f"uvisxr {uvisxr.__version__}: outer(angle=3.0)"
        ]

    def test_what_is_not_said(self):
        @step("open", unsaid=["chunks"])
        def opened(path: str, chunks: int) -> xr.Dataset:
            return xr.Dataset()

        assert last(opened("a", 3)) == "open(path='a')"


class TestValues:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "None"),
            (True, "True"),
            ("up", "'up'"),
            (4e-4, "0.0004"),
            (np.float64(0.5), "0.5"),
            (np.array(0.5), "0.5"),
            (xr.DataArray(3), "3"),
            (np.zeros((2, 3)), "<array 2x3>"),
            (xr.DataArray(np.zeros(4) > 0), "<array 4>"),
            (Path("/home/someone/table.dat"), "'table.dat'"),
            (RECIPES["pds"], "'pds'"),
            (replace(RECIPES["pds"], name="mine"), "'mine'"),
            (np.datetime64("2005-08-18T18:14"), "'2005-08-18T18:14'"),
            (datetime(2005, 8, 18, 18, 14), "'2005-08-18T18:14:00'"),
            (np.timedelta64(5, "s"), "'5 seconds'"),
            ((1, 2.5), "[1, 2.5]"),
            ({"lat": np.arange(3), "alt": (0, 5)}, "{'lat': <array 3>, 'alt': [0, 5]}"),
            ({"star", "lost", "partial"}, "['lost', 'partial', 'star']"),
            (range(600, 1500, 50), "range(600, 1500, 50)"),
            (list(range(100)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...]"),
            (xr.Dataset(attrs={"source": "td1.csv"}), "'td1.csv'"),
            (xr.Dataset(), "<dataset>"),
            ("two\nlines", r"'two\nlines'"),
        ],
    )
    def test_text(self, value, text):
        assert said(value) == text

    def test_texts_that_may_be_paths_lose_their_folder(self):
        for given, text in (
            ("/home/someone/calibration/", "'calibration'"),
            (["/a/b.tls", Path("c/d.bsp")], "['b.tls', 'd.bsp']"),
            (".", "'.'"),
        ):
            assert last(turn(STARTED, files=given)) == f"turn(by=1, files={text}, also=None)"
        assert last(turn(STARTED, by="a/b")) == "turn(by='a/b', files=None, also=None)"

    def test_an_iterator_is_run_through_once(self):
        drawn = []

        def draw(n: int) -> Iterable[int]:
            for i in range(n):
                drawn.append(i)
                yield i

        done = turn(STARTED, draw(3), also=[draw(2), (5, 6)])
        assert drawn == [0, 1, 2, 0, 1]
        assert done.attrs["seen"][0] == [0, 1, 2]
        assert last(done) == "turn(by=[0, 1, 2], files=None, also=[[0, 1], [5, 6]])"

    def test_an_endless_iterator_is_refused(self, monkeypatch):
        monkeypatch.setattr(history, "_MOST", 100)
        with pytest.raises(ArgumentError, match="more than 100 values"):
            turn(STARTED, itertools.count())

    def test_other_arguments_come_as_they_were_given(self):
        got = []

        @step("keep")
        def keep(ds: xr.Dataset, *values: Any) -> xr.Dataset:
            got.extend(values)
            return ds

        given = ([1, 2], (3, 4), {"a": [5]}, np.zeros(2), {6}, range(3))
        keep(STARTED, *given)
        assert got == [*given] and all(type(a) is type(b) for a, b in zip(got, given, strict=True))


class TestFiles:
    def test_names_and_sums(self, tmp_path):
        path = tmp_path / "table.dat"
        path.write_bytes(b"abc")
        digest = hashlib.sha256(b"abc").hexdigest()
        assert read(path).attrs["history"] == (
            f"uvisxr {uvisxr.__version__}: read(path=['table.dat'], chunks=None)"
            f" using table.dat sha256:{digest}"
        )

    def test_files_that_were_not_read_have_a_size(self, tmp_path):
        (tmp_path / "big.DAT").write_bytes(bytes(10))

        @step("open")
        def opened(path: Path) -> xr.Dataset:
            return used(xr.Dataset(), unread=[path, path])

        assert last(opened(tmp_path / "big.DAT")).endswith(" using big.DAT 10 bytes")

    def test_every_node_of_a_tree_has_the_line(self, tmp_path):
        (tmp_path / "a").write_bytes(b"")
        tree = read(tmp_path / "a", 1)
        lines = {last(node.to_dataset()) for node in tree.leaves}
        assert len(lines) == 1 and lines.pop().startswith("read(path=['a'], chunks=1) using a sha")
        assert not tree.attrs

    def test_the_same_on_every_machine(self, tmp_path):
        """Neither the folders nor links to other places change the line."""

        @step("load")
        def load(ds: xr.Dataset, kernels: list[str | Path]) -> xr.Dataset:
            return used(ds, kernels)

        flat, deep, store = (tmp_path / name for name in ("flat", "deep", "store"))
        for place in (flat, deep / "z", deep / "a", store):
            place.mkdir(parents=True)
        for number, name in enumerate(("a.tls", "b.bsp")):
            (flat / name).write_text(name)
            (store / f"{9 - number}").write_text(name)
        (deep / "z" / "a.tls").symlink_to(store / "9")
        (deep / "a" / "b.bsp").symlink_to(store / "8")
        one = load(STARTED, [flat / "a.tls", str(flat / "b.bsp")])
        other = load(STARTED, [deep / "z" / "a.tls", deep / "a" / "b.bsp"])
        assert one.attrs == other.attrs
        assert str(tmp_path) not in one.attrs["history"]

    def test_nothing_of_it_stays_with_the_data(self, tmp_path):
        (tmp_path / "a").write_bytes(b"")
        assert set(read(tmp_path / "a").encoding) == {"sources"}
        ds = STARTED.copy()
        used(ds, [tmp_path / "a"])
        assert not ds.encoding

    def test_threads_do_not_mix_their_files(self, tmp_path):
        start = Barrier(2)

        @step("slow")
        def slow(ds: xr.Dataset, path: Path) -> xr.Dataset:
            ds = used(ds, [path])
            start.wait(10)
            return ds

        paths = [tmp_path / name for name in ("one", "two")]
        for path in paths:
            path.write_text(path.name)
        with ThreadPoolExecutor(2) as pool:
            found = list(pool.map(lambda path: last(slow(STARTED, path)), paths))
        for path, line in zip(paths, found, strict=True):
            assert line == f"slow(path='{path.name}') using {path.name} sha256:{sha256(path)}"

    def test_digest_follows_the_file(self, tmp_path):
        path = tmp_path / "a"
        path.write_bytes(b"1")
        before = sha256(path)
        path.write_bytes(b"22")
        assert sha256(path) != before


def test_a_line_by_hand():
    made = record(STARTED, "simulate", {"seed": 1, "folder": Path("a/b")})
    assert made.attrs["history"].splitlines()[0] == "opened"
    assert last(made) == "simulate(seed=1, folder='b')"


# Steps of the accessor ---------------------------------------------------------------------------

#: Calls of the accessor's steps on the opened products, or on the result of the one named first.
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "rebin": ("", {"wl": 2}),
    "geometry": ("", {}),
    "backplanes": ("", {"times": "mid"}),
    "background": ("", {"level": 4e-4}),
    "flag": ("", {"pixels": iter([(0, 5), (1, 6)])}),
    "unflag": ("flag", {"pixels": [(0, 5)]}),
    "calibrate": ("", {"recipe": RECIPES["pds"]}),
    "calibration_factor": ("", {}),
    "rate": ("", {}),
    "fill_nan": ("calibrate", {}),
    "smooth": ("calibrate", {"weights": np.array([1, 2, 1]), "force": True}),
    "predict_stars": ("geometry", {}),
    "bin": ("calibrate", {"pixels": ([(0, i)] for i in range(5, 7))}),
    "integrate": ("bin", {"wl_range": (1300, 1700)}),
    "map": ("calibrated", {"spacing": 10, "wl_range": (1300, 1700), "altitude": 1500}),
    "power": ("map", {"region": {"lat": (-90, 90)}}),
    "reflectance": ("bin", {"solar": flat(), "distance": 9.0}),
    "photometry": ("seen", {"solar": flat(), "background": "none"}),
    "stars.load": ("", {}),
}

#: Methods that give no dataset.
NO_STEPS = {"image", "explore", "flagged", "evil_share", "utc", "to_netcdf", "to_json", "to_fits"}


def steps() -> dict[str, Callable[..., xr.Dataset]]:
    """Every step of the accessor by name."""
    methods = {
        name: value
        for name, value in vars(UvisAccessor).items()
        if inspect.isfunction(value) and not name.startswith("_") and name not in NO_STEPS
    }
    return methods | {"stars.load": flag_files.load}


@pytest.fixture(scope="module")
def results(titan, tmp_path_factory) -> dict[str, xr.Dataset]:
    """The result of each call."""
    flags = tmp_path_factory.mktemp("stars") / "flags.txt"
    flags.write_text("# uvisxr star flags: exposure pixel\n0 3\n")
    own = {
        "geometry": {"kernels": [str(path) for path in titan.kernels]},
        "backplanes": {"kernels": [str(path) for path in titan.kernels]},
        "calibrate": {"files": str(titan.calibration)},
        "calibration_factor": {"files": titan.calibration},
        "predict_stars": {"stars": catalogue.read()},
        "stars.load": {"path": str(flags)},
    }
    found = {"": titan.open().isel(pic=[0, 1])}
    located = found[""].uvis.geometry(kernels=titan.kernels).uvis.background(level=4e-4)
    found["calibrated"] = located.uvis.calibrate(files=titan.calibration)
    # The slit begins beside the disk, and ends on it.
    final = titan.open().isel(pic=[-1]).uvis.calibrate(files=titan.calibration)
    found["seen"] = final.uvis.geometry(**own["geometry"])
    for name, (before, arguments) in CALLS.items():
        method: Any = found[before].uvis
        for part in name.split("."):
            method = getattr(method, part)
        found[name] = method(**arguments, **own.get(name, {}))
    return found


def test_every_step_is_called_here():
    assert CALLS.keys() == steps().keys()


@pytest.mark.parametrize("name", CALLS)
def test_a_step_adds_one_line_with_all_its_arguments(results, name):
    before = results[CALLS[name][0]].attrs["history"]
    line = results[name].attrs["history"].removeprefix(f"{before}\n")
    assert "\n" not in line
    call, _, rest = line.removeprefix(f"uvisxr {uvisxr.__version__}: {name}(").partition(" using ")
    parameters = list(inspect.signature(steps()[name]).parameters)[1:]
    places = [re.search(rf"(^|, ){parameter}=", call) for parameter in parameters]
    assert None not in places
    assert [p.start() for p in places] == sorted(p.start() for p in places)
    reading = ("geometry", "backplanes", "calibrate", "calibration_factor", "stars.load")
    assert bool(rest) == (name in reading)


def test_no_line_names_a_folder(results, titan):
    for ds in results.values():
        assert str(titan.calibration.parent) not in ds.attrs["history"]
        assert os.sep not in ds.attrs["history"]


def test_generators_name_what_they_gave(results):
    assert last(results["flag"]) == "flag(pixels=[[0, 5], [1, 6]], flag='user')"
    assert "bin(by=None, pixels=[[[0, 5]], [[0, 6]]], mode='center'" in last(results["bin"])
    assert "smooth(weights=[0.25, 0.5, 0.25], force=True)" in last(results["smooth"])


def test_every_parameter_that_takes_paths_is_known_for_one():
    """The decorator goes by the words of the annotations; here by what they mean."""

    def takes_path(hint: Any) -> bool:
        is_path = isinstance(hint, type) and issubclass(hint, os.PathLike)
        return is_path or any(map(takes_path, typing.get_args(hint)))

    openers = {"product": uvisxr.open_product, "observation": uvisxr.open_observation}
    for name, function in (steps() | openers).items():
        hints = typing.get_type_hints(inspect.unwrap(function))
        for parameter in inspect.signature(function).parameters.values():
            hint = hints.get(parameter.name)
            assert takes_path(hint) == ("Path" in str(parameter.annotation)), (name, parameter)


def test_opening_is_recorded_with_its_arguments(titan):
    first = titan.labels[0]
    call = last(uvisxr.open_observation(str(first.parent), id=2, chunks={"pic": 1}))
    names = [path.name for path in titan.labels]
    assert call.startswith(
        f"open_observation(paths={names}, batch=None, channel=None, target=None, "
        "prime_instrument=None, id=2, name=None, sort=True, window=None, "
        f"start_time='end_of_first') using {names[0]} sha256:"
    )
    call = last(uvisxr.open_product(first.with_suffix("")))
    assert call.startswith(
        f"open_product(path='{first.stem}', window=None, start_time='end_of_first') using "
    )


def test_warnings_point_at_the_users_line(results):
    for call in (
        lambda: results[""].uvis.background(1.0),
        lambda: results[""].uvis.background(method="rtg"),
    ):
        with pytest.warns(UvisWarning) as caught:
            call()
        assert caught[0].filename == __file__
