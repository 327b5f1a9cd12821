"""Attributes of variables."""

from __future__ import annotations

import numpy as np
import xarray as xr

from uvisxr.dataset import conventions


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


def test_quality_bits_are_distinct():
    masks = list(conventions.QUALITY_FLAGS.values())
    assert sum(masks) == np.bitwise_or.reduce(masks) < 256
