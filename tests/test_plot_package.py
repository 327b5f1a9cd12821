"""The accessor of the pictures: lazy, documented, and clear about what it lacks."""

from __future__ import annotations

import inspect
import sys

import pytest
from helpers.flyby import flyby
from helpers.interpreter import python

import uvisxr.plot
from uvisxr.drawing.style import style
from uvisxr.errors import ArgumentError, MissingDependencyError


@pytest.mark.slow
def test_without_matplotlib_the_error_says_what_to_install():
    said = python(
        "-c",
        "import sys; sys.modules['matplotlib'] = None\n"
        "import xarray as xr, uvisxr\n"
        "try:\n"
        "    xr.Dataset().uvis.plot\n"
        "except uvisxr.errors.MissingDependencyError as error:\n"
        "    print(error)\n",
    )
    assert 'pip install "uvisxr[plot]"' in said


def test_other_import_errors_pass_through(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvisxr.plot", None)
    with pytest.raises(ImportError) as caught:
        _ = flyby(n_pic=1).uvis.plot
    assert not isinstance(caught.value, MissingDependencyError)


@pytest.mark.parametrize("name", [n for n in uvisxr.plot.__all__ if n[0].islower()])
def test_every_picture_is_a_documented_method(name):
    function = getattr(uvisxr.plot, name)
    bound = getattr(uvisxr.plot.PlotAccessor, name)
    assert bound.__doc__ == function.__doc__
    assert "Returns" in function.__doc__
    ours, theirs = inspect.signature(bound), inspect.signature(function)
    assert list(ours.parameters)[1:] == list(theirs.parameters)[1:]


def test_style_overrides_single_properties_and_leaves_the_rest():
    plain, changed = style(), style({"limb": {"color": "red"}})
    assert changed["limb"] == plain["limb"] | {"color": "red"}
    assert changed["disk"] == plain["disk"]
    assert style()["limb"] == plain["limb"]


def test_style_follows_rcparams():
    import matplotlib as mpl

    with mpl.rc_context({"axes.edgecolor": "#123456"}):
        assert style()["limb"]["color"] == "#123456"


def test_style_refuses_what_it_does_not_know():
    with pytest.raises(ArgumentError, match="'limbo'"):
        style({"limbo": {}})
    with pytest.raises(ArgumentError, match="properties of matplotlib"):
        style({"limb": "red"})
