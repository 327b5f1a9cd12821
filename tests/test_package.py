"""The package as a whole: what importing it does, and what it must not."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import xarray as xr

import uvisxr
from uvisxr import errors
from uvisxr.dataset.forward import method


def test_import_is_light():
    """Heavy, optional libraries load only where they are used."""
    code = (
        "import sys, uvisxr; "
        "print([m for m in ('matplotlib', 'distributed', 'pooch', 'requests') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_error_is_a_uvis_error():
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, Exception) and name != "UvisWarning":
            assert issubclass(kind, uvisxr.UvisError), name


def test_accessor_methods_show_the_functions_text_and_arguments():
    def twice(ds, factor=2, *, name="a"):
        """Twice."""
        return ds, factor, name

    class Accessor:
        def __init__(self, ds):
            self._ds = ds

        double = method(twice)

    assert Accessor("ds").double(3, name="b") == ("ds", 3, "b")
    assert Accessor.double.__doc__ == "Twice."
    assert str(inspect.signature(Accessor("ds").double)) == "(factor=2, *, name='a')"


def test_accessor_keeps_only_the_dataset():
    ds = xr.Dataset()
    assert vars(ds.uvis) == {"_ds": ds}


@pytest.mark.parametrize("name", uvisxr.__all__)
def test_public_names_exist(name):
    assert hasattr(uvisxr, name)
