"""UTC of exposures as text."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.products import write_product

import uvisxr
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.timescales import parse_et


@pytest.fixture
def ds(tmp_path):
    """START_TIME, the end of the first of two exposures of 30 s, is half a leap second."""
    path = write_product(tmp_path, "FUV2016_366_23_59", samples=2)
    text = path.read_text().replace("2016-366T23:59:04.141", "2016-366T23:59:60.500")
    path.write_text(text)
    return uvisxr.open_product(path)


@pytest.mark.parametrize(
    ("when", "texts"),
    [
        ("start", ["2016-366T23:59:30.500", "2016-366T23:59:60.500"]),
        ("middle", ["2016-366T23:59:45.500", "2017-001T00:00:14.500"]),
        ("stop", ["2016-366T23:59:60.500", "2017-001T00:00:29.500"]),
    ],
)
def test_exposures_around_a_leap_second(ds, when, texts):
    found = ds.uvis.utc(when)
    assert found.dims == ("pic",) and found.values.tolist() == texts
    assert found.name == "utc" and "wl" not in found.coords
    halves = {"start": -0.5, "middle": 0.0, "stop": 0.5}[when]
    np.testing.assert_allclose(
        [parse_et(t) for t in texts], ds.et + halves * ds.exposure, atol=1e-6
    )


def test_one_exposure(ds):
    assert ds.isel(pic=1).uvis.utc().values.item() == "2017-001T00:00:14.500"


def test_what_is_no_time(ds):
    with pytest.raises(ArgumentError, match="when='end'"):
        ds.uvis.utc("end")
    with pytest.raises(MissingStepError, match="no exposure"):
        ds.drop_vars("exposure").uvis.utc()
