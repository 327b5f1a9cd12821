"""Wrong calls: what is said of arguments and names that are not there."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr import accessor, batch, bridge, calls, plot
from uvisxr.errors import ArgumentError, NoSuchNameError
from uvisxr.plot import PlotAccessor
from uvisxr.stars.flag_files import StarFlags

ACCESSORS = (
    accessor.UvisAccessor,
    accessor.TreeAccessor,
    accessor.TreeStarFlags,
    accessor.ArrayAccessor,
    PlotAccessor,
    StarFlags,
)


@calls.public("turn")
def turn(ds, by=1, *, path: str | None = None):
    """Turn it."""
    return ds, by, path


def public() -> dict[str, object]:
    """Every function and method that users call, by the words they call it with."""
    found = {
        f"{kind.__name__}.{name}": value
        for kind in ACCESSORS
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }
    rooms = (uvisxr, uvisxr.batch, uvisxr.calibration, uvisxr.instrument, uvisxr.simulate, plot)
    for room in rooms:
        names = [name for name in room.__all__ if name not in ("PlotAccessor", "StarChecker")]
        found |= {
            f"{room.__name__}.{name}": getattr(room, name)
            for name in names
            if inspect.isfunction(getattr(room, name))
        }
    return found | {
        "Window": uvisxr.simulate.Window,
        "set_options": uvisxr.set_options,
        "tutorial.simulation": uvisxr.tutorial.simulation,
    }


@pytest.mark.parametrize("call", public().values(), ids=public())
def test_no_public_function_raises_a_bare_type_error(call):
    with pytest.raises(ArgumentError, match=r"there is no argument no_such_argument=; it takes"):
        call(*[_Holder()][: "self" in inspect.signature(call).parameters], no_such_argument=1)


class _Holder:
    """What accessor methods ask of their instance."""

    _ds = xr.Dataset()
    _tree = xr.DataTree.from_dict({"window0": xr.Dataset({"x": 1})})


class TestBind:
    def test_right_calls_pass(self):
        assert turn("ds", 2, path="a") == ("ds", 2, "a")
        assert turn.__doc__ == "Turn it."
        assert str(inspect.signature(turn)) == "(ds, by=1, *, path: 'str | None' = None)"

    @pytest.mark.parametrize(
        "args, kwargs, message",
        [
            ((1,), {"bye": 1}, "turn: there is no argument bye=; did you mean by=?"),
            ((1,), {"zzz": 1}, "turn: there is no argument zzz=; it takes by=, path="),
            ((), {}, "turn: missing a required argument: 'ds'; it takes by=, path="),
            ((1, 2, 3), {}, "turn: too many positional arguments; it takes by=, path="),
            ((1, 2), {"by": 3}, "turn: multiple values for argument 'by'; it takes by=, path="),
            ((1,), {"path": 5}, "turn: path=5: expected text"),
        ],
    )
    def test_wrong_calls_do_not(self, args, kwargs, message):
        with pytest.raises(ArgumentError) as raised:
            turn(*args, **kwargs)
        assert str(raised.value) == message

    def test_steps_called_as_functions_ask_for_a_dataset(self):
        with pytest.raises(ArgumentError, match=r"evil_response: ds=5: expected a dataset"):
            uvisxr.calibration.evil_response(5)


class TestNames:
    def test_nearest(self):
        with pytest.raises(NoSuchNameError, match=r"^ds.uvis has no 'calibrat'.* 'calibrate'\?$"):
            _ = xr.Dataset().uvis.calibrat
        with pytest.raises(NoSuchNameError, match=r"^ds.uvis.plot has .* 'picture'\?$"):
            _ = xr.Dataset().uvis.plot.pictur

    def test_of_cassini_upyp(self):
        with pytest.raises(NoSuchNameError, match=r"calls bin_pixels is ds.uvis.bin\(\) here$"):
            _ = xr.Dataset().uvis.bin_pixels
        with pytest.raises(NoSuchNameError, match=r"is uvisxr.open_observation here$"):
            _ = uvisxr.UVIS_Observation

    def test_python_may_ask(self):
        found = xr.Dataset().uvis
        assert not hasattr(found, "set_geometry") and not hasattr(found, "_repr_png_")
        assert copy.copy(found)._ds.equals(found._ds)
        assert isinstance(pickle.loads(pickle.dumps(found)), accessor.UvisAccessor)


@pytest.mark.parametrize("value", [np.True_, np.False_])
def test_truths_of_numpy_are_those_of_python(value):
    def asked(overwrite: bool | None, all_rows: bool = False) -> None:
        """As of functions whose annotations are texts."""

    bound = calls.bind("asked", inspect.signature(asked), (value,), {"all_rows": value})
    assert [type(one) for one in bound.args] == [bool, bool]
    assert bound.args == (bool(value), bool(value))


class TestBridge:
    def test_every_step_of_the_table_is_one(self):
        names = {name.rpartition(".")[2] for name in public()}
        assert {step.rpartition(".")[2] for step in bridge.ARGUMENTS} <= names

    @pytest.mark.parametrize("step", bridge.ARGUMENTS)
    def test_old_arguments_are_none_here_and_new_ones_are(self, step):
        found = {**public(), "stars.load": StarFlags.load, "stars.save": StarFlags.save}
        (call, *_) = [v for k, v in found.items() if f".{k}".endswith(f".{step}")]
        parameters = inspect.signature(call).parameters
        for old, new in bridge.ARGUMENTS[step].items():
            assert old not in parameters
            if " of " not in new and "=" in new and not new.startswith(bridge.NEEDLESS):
                assert new.partition("=")[0] in parameters or new.startswith(bridge.MISSING)

    def test_in_a_pipeline_too(self):
        with pytest.raises(uvisxr.UvisError, match=r"alt_limit is alt_min= here"):
            list(batch.plan([], [("background", {"alt_limit": 1500})], "out"))
