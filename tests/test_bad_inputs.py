"""Every public function, method, option and command, given what nobody means.

Both what is called and its arguments come from the signatures: what is new is tried by itself, and
asks here for arguments with which it runs. What comes must be a `UvisError` in one line, a warning,
or a result; of a command its exit code and a line.
"""

from __future__ import annotations

import inspect
import os
import shutil
import socket
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers import bad_inputs, catalogues
from helpers.backplanes_tree import backplanes

import uvisxr
from uvisxr import UvisError, accessor, options, plot
from uvisxr.batch import run as batch_run
from uvisxr.catalogue import store
from uvisxr.cli import main
from uvisxr.plot import PlotAccessor
from uvisxr.simulate import Simulation, Window
from uvisxr.stars.flag_files import StarFlags

#: Longest message.
MESSAGE = 500

#: Most lines that a command may say.
LINES = 10

#: Seconds that a call may take.
SECONDS = 10.0

#: With it, every argument gets every value; else each gets a part of them, others in turn.
ALL = "UVISXR_TEST_ALL" in os.environ

#: Of how many values one is given, by the beginning of what is called: pictures take long, and
#: trees call the methods of datasets.
SHARES = {"uvisxr.plot.": 60, "ds.uvis.plot.": 30, "tree.": 30, "uvisxr.simulate.": 20}
SHARES |= {"process": 25, "plot": 25}

#: What has no arguments of its own that users give: exceptions, and what functions return.
NOT_CALLED = ("UvisError", "UvisWarning", "Summary", "Simulation", "StarChecker", "PlotAccessor")
NOT_CALLED += ("Info",)


@dataclass(frozen=True)
class Scene:
    """What calls are made on."""

    made: Simulation
    opened: xr.Dataset
    ds: xr.Dataset
    bins: xr.Dataset
    mapped: xr.Dataset
    tree: xr.DataTree
    folder: Path
    values: dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    made = uvisxr.simulate.observation(
        tmp_path_factory.mktemp("bad"),
        exposures=3,
        seed=1,
        window=Window(26, 100, 33, 803, 2, 32),
        stars=0,
        lost=0,
        partial=0,
    )
    folder = tmp_path_factory.mktemp("values")
    opened = made.open().load()
    ds = opened.uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    ds = ds.uvis.calibrate(files=made.calibration).load()
    ds.isel(pic=[0]).uvis.to_netcdf(folder / "reduced.nc")
    ds.uvis.to_json(folder / "summary.json")
    ds.uvis.to_fits(folder / "x.fits")
    ds.uvis.flag([(1, 1)], "star").uvis.stars.save(folder / "stars.txt")
    (folder / "stars_window0.txt").write_text((folder / "stars.txt").read_text())
    (folder / "processed").mkdir()
    shutil.copy(folder / "reduced.nc", folder / "processed")
    (folder / "steps.yaml").write_text("- rate\n")
    with store.Writer(folder / "catalogue") as writer:
        products, spectra = catalogues.tables(5)
        writer.commit(products, [spectra])
    return Scene(
        made,
        opened,
        ds,
        ds.uvis.bin({"alt": [-3000, 0, 1000, 5000]}),
        ds.uvis.map(wl_range=(1300, 1400), spacing=30, altitude=2500, ems_max=90),
        xr.DataTree.from_dict({"window0": ds}),
        folder,
        bad_inputs.values(folder / "bad"),
    )


@pytest.fixture(autouse=True)
def alone(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No network, no processes, no folder but its own, and nothing that takes long."""

    def refuse(*_: object) -> None:
        raise OSError("no network")

    def only_given(client: Any, *rest: Any, **named: Any) -> Any:
        if client is None or isinstance(client, str):
            raise UvisError("no processes here")
        return connect(client, *rest, **named)

    connect = batch_run.connect
    monkeypatch.setattr(batch_run, "connect", only_given)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(uvisxr.tutorial, "_ARGUMENTS", {n: _TINY for n in uvisxr.tutorial.NAMES})
    monkeypatch.setattr(options, "_session", [])
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with uvisxr.set_options(kernels=scene.made.kernels, calibration=scene.made.calibration):
        yield


_TINY = {
    "exposures": 1,
    "window": Window(30, 0, 31, 1023, 1, 64),
    "stars": 0,
    "lost": 0,
    "partial": 0,
}

Call = Callable[..., object]

#: Arguments with which calls run, where they need some.
SOUND: dict[str, Callable[[Scene], dict[str, Any]]] = {
    "uvisxr.load_json": lambda s: {"path": s.folder / "summary.json"},
    "uvisxr.open_observation": lambda s: {"paths": s.made.labels},
    "uvisxr.open_found": lambda s: {"found": _found(s)},
    "uvisxr.open_fits": lambda s: {"path": s.folder / "x.fits"},
    "uvisxr.open_product": lambda s: {"path": s.made.labels[0]},
    "uvisxr.open_reduced": lambda s: {"path": s.folder / "reduced.nc"},
    "uvisxr.open_processed": lambda s: {"out_dir": s.folder / "processed"},
    "uvisxr.batch.open_processed": lambda s: {"out_dir": s.folder / "processed"},
    "uvisxr.batch.plan": lambda s: _batch(s),
    "uvisxr.batch.process": lambda s: _batch(s),
    "uvisxr.catalogue.build": lambda s: {"sources": s.made.labels, "out": "c"},
    "uvisxr.catalogue.info": lambda s: {"catalogue": s.folder / "catalogue"},
    "uvisxr.virtual": lambda s: {"paths": s.made.labels, "out": s.folder / "x.json"},
    "uvisxr.calibration.evil_response": lambda s: {"ds": _unbinned(s)},
    "uvisxr.fits.smear": lambda s: {"backplanes": backplanes(s.ds)},
    "uvisxr.fits.subsampling": lambda s: {"smear": 6.2},
    "uvisxr.instrument.evil_pixels": lambda s: {"channel": "FUV", "clock": 1.4e9},
    "uvisxr.search": lambda s: {"catalogue": s.folder / "catalogue"},
    "uvisxr.simulate.Window": lambda s: dict(ul_line=2, ul_band=0, lr_line=61, lr_band=1023),
    "uvisxr.simulate.observation": lambda s: {"directory": "made", **_TINY},
    "ds.uvis.background": lambda s: {"level": 4e-4},
    "ds.uvis.flag": lambda s: {"pixels": [(1, 1)]},
    "ds.uvis.unflag": lambda s: {"pixels": [(1, 1)]},
    "ds.uvis.bin": lambda s: {"pixels": [(1, 1)]},
    "ds.uvis.to_netcdf": lambda s: {"path": "x.nc", "overwrite": True},
    "ds.uvis.to_json": lambda s: {"path": "x.json", "overwrite": True},
    "ds.uvis.to_fits": lambda s: {"path": "x.fits", "overwrite": True},
    "ds.uvis.stars.load": lambda s: {"path": s.folder / "stars.txt"},
    "ds.uvis.stars.save": lambda s: {"path": "stars.txt"},
    "ds.uvis.image": lambda s: {"nx": 5},
    "ds.uvis.map": lambda s: {"spacing": 30, "altitude": 2500, "ems_max": 90},
    "ds.uvis.photometry": lambda s: {"background": "none"},
    "ds.uvis.plot.animate": lambda s: {"path": "x.gif", "dpi": 20, "bodies": ()},
    "ds.uvis.plot.picture": lambda s: {"nx": 5},
    "ds.uvis.plot.spectrum": lambda s: {"select": [(1, 1)]},
    "ds.uvis.plot.evolution": lambda s: {"pixels": [1]},
    "ds.uvis.plot.keogram": lambda s: {"by": "lat"},
}


def _unbinned(scene: Scene) -> xr.Dataset:
    """Counts of elements of one column, whose evil pixels can be told."""
    ds = scene.opened
    wl = xr.DataArray(np.linspace(1300, 1500, ds.sizes["wl"]), dims="wl")
    ds = ds.drop_vars("wl_bounds").assign_coords(wl=wl, band=("wl", 200 + np.arange(wl.size)))
    return ds.assign_attrs(band_bin=1, line_bin=1)


def _batch(scene: Scene) -> dict[str, Any]:
    return {"products": scene.made.labels, "pipeline": scene.folder / "steps.yaml", "out_dir": "o"}


def _found(scene: Scene) -> dict[str, Any]:
    label = str(scene.made.labels[0])
    return {"product": ["one"], "label": [label], "pic": [0], "pixel": [0]}


#: What says that a call runs, though it does not here.
STUBBED = dict.fromkeys(("uvisxr.batch.process", "uvisxr.catalogue.build"), "no processes here")


def sound(name: str, scene: Scene) -> dict[str, Any]:
    """Arguments with which a call runs."""
    if name.startswith("uvisxr.plot."):
        of_method = sound(f"ds.uvis.plot.{name.rpartition('.')[2]}", scene)
        special = {"bins": scene.bins, "map": scene.mapped}
        return {"ds": special.get(name.rpartition(".")[2], scene.ds), **of_method}
    made = SOUND.get(name) or SOUND.get(name.replace("tree.", "ds."))
    return made(scene) if made else {}


def calls() -> dict[str, Callable[[Scene], Call]]:
    """How every public function and method is had, by the words it is called with."""
    found: dict[str, Callable[[Scene], Call]] = {}
    rooms = [uvisxr, plot, *(v for n in uvisxr.__all__ if _is_module(v := getattr(uvisxr, n)))]
    for room in rooms:
        names = getattr(room, "__all__", None) or [
            name
            for name, value in vars(room).items()
            if not name.startswith("_") and getattr(value, "__module__", "") == room.__name__
        ]
        for name in names:
            value = getattr(room, name)
            if callable(value) and name not in NOT_CALLED and not _is_module(value):
                found[f"{room.__name__}.{name}"] = lambda scene, value=value: value
    holders: dict[str, tuple[type, Callable[[Scene], object]]] = {
        "ds.uvis": (accessor.UvisAccessor, lambda s: s.ds.uvis),
        "tree.uvis": (accessor.TreeAccessor, lambda s: s.tree.uvis),
        "array.uvis": (accessor.ArrayAccessor, lambda s: s.ds.radiance.uvis),
        "ds.uvis.stars": (StarFlags, lambda s: s.ds.uvis.stars),
        "tree.uvis.stars": (accessor.TreeStarFlags, lambda s: s.tree.uvis.stars),
        "ds.uvis.plot": (PlotAccessor, lambda s: s.ds.uvis.plot),
    }
    others: dict[str, Callable[[Scene], object]] = {
        "ds.uvis.plot.bins": lambda s: s.bins.uvis.plot,
        "ds.uvis.plot.map": lambda s: s.mapped.uvis.plot,
        "ds.uvis.power": lambda s: s.mapped.uvis,
        "tree.uvis.power": lambda s: xr.DataTree.from_dict({"window0": s.mapped}).uvis,
        # It writes whatever there is.
        "ds.uvis.to_netcdf": lambda s: s.opened.uvis,
        "tree.uvis.to_netcdf": lambda s: xr.DataTree.from_dict({"window0": s.opened}).uvis,
    }
    for words, (kind, holder) in holders.items():
        for name in dir(kind):
            if inspect.isfunction(getattr(kind, name)) and not name.startswith("_"):
                of = others.get(f"{words}.{name}", holder)
                found[f"{words}.{name}"] = lambda s, of=of, name=name: getattr(of(s), name)
    return found


def _is_module(value: object) -> bool:
    return isinstance(value, ModuleType)


CALLS = calls()


@pytest.mark.slow
def test_all_rooms_are_entered():
    rooms = {name.rpartition(".")[0] for name in CALLS}
    assert rooms == {
        *("uvisxr", "uvisxr.plot", "uvisxr.batch", "uvisxr.calibration", "uvisxr.instrument"),
        *("uvisxr.fits", "uvisxr.simulate", "uvisxr.tutorial", "uvisxr.units"),
        "uvisxr.catalogue",
        *("ds.uvis", "ds.uvis.plot", "ds.uvis.stars", "tree.uvis", "tree.uvis.stars"),
        "array.uvis",
    }
    assert len(CALLS) > 70


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::uvisxr.UvisWarning")
# Plots are given what is odd by their names of the accessor, too.
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if ".plot." in name else []) for name in CALLS],
)
def test_a_call(name, scene):
    """It runs with what is meant, and with anything else it runs too or says what is wrong."""
    call = CALLS[name](scene)
    try:
        result = given(call, sound(name, scene))
        plt.close("all")
    except UvisError as error:
        result = error
    assert not isinstance(result, UvisError) or name in STUBBED, (
        f"give {name} in SOUND arguments with which it runs: {result}"
    )
    bad = [
        f"{name}({key}={what}): {said}"
        for k, key in enumerate(inspect.signature(call).parameters)
        for what, value in some(scene.values, name, k)
        if (said := attempt(call, sound(name, scene) | {key: value}))
    ]
    assert not bad, f"{len(bad)}:\n" + "\n".join(bad)


def some(values: dict[str, Any], name: str, turn: int) -> list[tuple[str, Any]]:
    """Those values that are to be tried, others for each argument."""
    share = next((n for begin, n in SHARES.items() if name.startswith(begin)), 8)
    items = list(values.items())
    return items if ALL else items[(turn + len(name)) % share :: share]


def given(call: Call, arguments: dict[str, Any]) -> object:
    """Call with arguments by name, whatever their kind."""
    positional, named = [], {}
    for key, parameter in inspect.signature(call).parameters.items():
        if key not in arguments:
            continue
        value = arguments[key]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            positional += value if isinstance(value, tuple) else [value]
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD:
            words = isinstance(value, dict) and all(isinstance(key, str) for key in value)
            named |= value if words else {"x": value}
        elif parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            named[key] = value
    result = call(*positional, **named)
    return list(result) if isinstance(result, Iterator) else result


def attempt(call: Call, arguments: dict[str, Any]) -> str:
    """What is bad about what comes of a call; nothing if it is well."""
    try:
        with warnings.catch_warnings(), bad_inputs.within(SECONDS):
            warnings.simplefilter("error")
            # matplotlib's own are of this kind too.
            warnings.simplefilter("ignore", UserWarning)
            given(call, arguments)
    except UvisError as error:
        return wordy(str(error))
    except bad_inputs.Hang:
        return f"no end in {SECONDS} s"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} ({last.filename}:{last.lineno})"
    finally:
        plt.close("all")
    return ""


def wordy(text: str) -> str:
    if len(text) > MESSAGE:
        return f"a message of {len(text)} characters: {text[:100]}"
    return f"a message of several lines: {text[:100]}" if "\n" in text else ""


#: What reads each variable of the environment.
OF_VARIABLES = {
    "UVISXR_CACHE": (
        lambda scene: scene.opened.uvis.geometry(),
        lambda scene: scene.opened.uvis.calibrate(),
        lambda scene: scene.ds.uvis.predict_stars(),
        lambda scene: uvisxr.tutorial.open(),
        lambda scene: uvisxr.open_product("FUV2005_230_15_15", fetch=True),
    ),
    "UVISXR_KERNELS": (lambda scene: scene.opened.uvis.geometry(),),
    "UVISXR_CALIBRATION": (lambda scene: scene.opened.uvis.calibrate(),),
    "UVISXR_URL_PRODUCTS": (lambda scene: uvisxr.open_product("FUV2005_230_15_15", fetch=True),),
}


@pytest.mark.parametrize("what", bad_inputs.TEXTS)
@pytest.mark.parametrize("variable", OF_VARIABLES)
def test_an_environment_variable(variable, what, scene, monkeypatch):
    value = bad_inputs.TEXTS[what]
    if "\0" in value:
        pytest.skip("no environment holds it")
    monkeypatch.setenv(variable, value)
    with uvisxr.set_options(kernels=None, calibration=None, cache=None):
        for call in OF_VARIABLES[variable]:
            assert not attempt(call, {"scene": scene})


@pytest.mark.filterwarnings("ignore::uvisxr.UvisWarning")
@pytest.mark.parametrize(
    "wrong",
    [
        lambda checker: checker + 1,
        lambda checker: 1 - checker,
        lambda checker: checker < checker,
        lambda checker: checker[0],
        lambda checker: checker(),
        lambda checker: list(checker),
        lambda checker: checker.mean("pic"),
        lambda checker: checker.toggle(None, 10**400),
    ],
)
def test_a_checker_is_no_dataset(wrong, scene):
    with scene.ds.uvis.check_stars() as checker, pytest.raises(UvisError):
        wrong(checker)


def test_a_label_and_its_data_in_a_list(scene):
    label = scene.made.labels[0]
    ds = uvisxr.open_observation([(label, label.with_suffix(".DAT"))])
    assert ds.counts.equals(scene.opened.counts)


def commands(group: click.Group, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of all commands."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name)


def command_of(words: tuple[str, ...]) -> click.Command:
    found: click.Command = main
    for word in words:
        assert isinstance(found, click.Group)
        found = found.commands[word]
    return found


#: What a command needs besides the argument that is tried.
NEEDED = {
    "catalogue": lambda s: [str(s.folder / "catalogue")],
    "product": lambda s: [str(s.made.labels[0])],
    "source": lambda s: [str(s.made.labels[0])],
    "product_id": lambda s: ["FUV2005_230_15_15"],
    "pipeline": lambda s: ["-p", str(s.folder / "steps.yaml")],
    "out": lambda s: ["-o", "out"],
    "output": lambda s: ["-o", "out.nc"],
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::uvisxr.UvisWarning")
@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_a_command(words, scene, monkeypatch):
    monkeypatch.setattr(uvisxr.simulate, "observation", _refuse)
    command = command_of(words)
    texts = bad_inputs.TEXTS | {
        name: str(path) for name, path in bad_inputs.files(scene.folder / "bad").items()
    }
    bad = []
    for k, parameter in enumerate(command.params):
        needed = [
            word
            for p in command.params
            if p is not parameter and p.required
            for word in NEEDED[p.name](scene)
        ]
        for what, text in some(texts, " ".join(words), k):
            flag = isinstance(parameter, click.Option) and parameter.is_flag
            own = [text] if isinstance(parameter, click.Argument) else [parameter.opts[-1]]
            if own[0] != text and not flag:
                own += [text] * parameter.nargs
            said = run([*words, *needed, *own])
            bad += [f"{' '.join(words)} {parameter.name} ({what}): {said}"] if said else []
    assert not bad, "\n".join(bad)


def _refuse(*_: object, **__: object) -> None:
    raise UvisError("not here")


def run(arguments: list[str]) -> str:
    """What is bad about what a command does; nothing if it is well."""
    try:
        with bad_inputs.within(SECONDS):
            done = CliRunner().invoke(main, arguments)
    except bad_inputs.Hang:
        return f"no end in {SECONDS} s"
    finally:
        plt.close("all")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        last = traceback.extract_tb(done.exception.__traceback__)[-1]
        return f"{done.exception!r:.200} ({last.filename}:{last.lineno})"
    if done.exit_code == 2:
        return "" if done.stderr.startswith("Usage: ") else f"no usage: {done.stderr[:100]}"
    if done.exit_code == 1 and "uvisxr: " not in done.stderr:
        return f"no fault in {done.stderr[:100]}"
    return wordy_stderr(done.stderr) if done.exit_code in (0, 1) else f"exit code {done.exit_code}"


def wordy_stderr(text: str) -> str:
    """What is bad about all that a command says."""
    for bare in ("Traceback (most recent call last)", "Exception ignored"):
        if bare in text:
            return f"{bare}: {text[-300:]}"
    lines = text.splitlines()
    if len(lines) > LINES:
        return f"{len(lines)} lines: {text[:300]}"
    parts = [part for line in lines for part in line.split("\r")]
    return next((said for part in parts if (said := wordy(part.removeprefix("uvisxr: ")))), "")


def test_all_of_stderr_is_judged():
    assert wordy_stderr("uvisxr: no such file\n") == ""
    assert "several" not in wordy_stderr("uvisxr: a\nuvisxr: b\n")
    assert "11 lines" in wordy_stderr("uvisxr: a\n" * 11)
    assert "501" in wordy_stderr("uvisxr: a\n" + "x" * 501)
    assert "Exception ignored" in wordy_stderr("Exception ignored in: <x>\nuvisxr: a\n")
    assert "Traceback" in wordy_stderr("uvisxr: a\nTraceback (most recent call last):\n")
