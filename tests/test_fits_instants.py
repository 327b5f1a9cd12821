"""How many instants of an exposure need backplanes, by the numbers of the team's rule."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr
from helpers.backplanes_tree import POINTS

import uvisxr
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.fits import instants


@pytest.mark.parametrize(("smear", "count"), [(0, 3), (1.5, 3), (6.2, 8), (9.6, 11), (1e6, 33)])
def test_one_pixel_apart(smear, count):
    assert uvisxr.fits.subsampling(smear) == count


@pytest.mark.parametrize(
    ("smear", "spacing", "most", "count"),
    [(6.2, 0.5, 65, 14), (6.2, 4.0, 33, 3), (9.6, 0.5, 33, 21), (9.6, 4.0, 33, 4), (100, 1, 5, 5)],
)
def test_other_rules(smear, spacing, most, count):
    assert uvisxr.fits.subsampling(smear, spacing, most) == count


@pytest.mark.parametrize(
    "wrong", [{"smear": -1}, {"smear": np.nan}, {"pixels_per_subsample": 0}, {"most": 2}]
)
def test_what_is_no_rule(wrong):
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        uvisxr.fits.subsampling(**{"smear": 1.0, **wrong})


def test_the_rule_as_text():
    assert instants.rule() == "1px/sub, NT 3-33"
    assert instants.rule(0.5, 65) == "0.5px/sub, NT 3-65"


def slewing(rate: float, dec: float = 0.0, count: int = 3, wide: float = 0.25) -> xr.DataTree:
    """Two pixels of `wide` degrees by half a degree that move along right ascension, a degree an
    instant times `rate`, the second exposure half as fast."""
    corners = {"center": (0, 0), "lower_left": (-1, -1), "lower_right": (1, -1)}
    corners |= {"upper_right": (1, 1), "upper_left": (-1, 1)}
    at = np.array([corners[point] for point in POINTS])
    speed = np.array([rate, rate / 2])[:, None, None, None]
    ra = 359.9 + (speed * np.arange(count)[:, None] + at[:, 0] * wide / 2) / np.cos(np.radians(dec))
    ra = np.broadcast_to(ra, (2, 2, count, 5)) % 360
    dims = ("pic", "pixel", "instant", "point")
    sky = xr.Dataset(
        {"ra": (dims, ra), "dec": (dims, np.broadcast_to(dec + at[:, 1] * 0.25, ra.shape))},
        {"point": list(POINTS)},
    )
    return xr.DataTree.from_dict({"/sky": sky})


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.2])
def test_smear_is_the_way_over_the_shorter_side(rate):
    """Of the faster exposure: two steps of `rate` degrees over a quarter of a degree."""
    assert uvisxr.fits.smear(slewing(rate)) == pytest.approx(2 * rate / 0.25, rel=1e-4)
    assert uvisxr.fits.smear(slewing(rate, wide=2.0)) == pytest.approx(2 * rate / 0.5, rel=1e-4)


def test_smear_at_high_declination_and_without_pointing():
    assert uvisxr.fits.smear(slewing(0.05, dec=60)) == pytest.approx(0.4, rel=0.01)
    tree = slewing(0.1)
    tree["sky"]["ra"][0] = np.nan
    assert uvisxr.fits.smear(tree) == pytest.approx(0.4, rel=1e-4)
    tree["sky"]["ra"][:] = np.nan
    assert uvisxr.fits.smear(tree) == 0.0


def test_smear_needs_the_sky():
    with pytest.raises(MissingStepError, match="backplanes"):
        uvisxr.fits.smear(xr.DataTree())
    tree = slewing(0.1)
    tree["sky"] = tree["sky"].to_dataset().isel(point=[0])
    with pytest.raises(MissingStepError, match="corners"):
        uvisxr.fits.smear(tree)


@pytest.mark.parametrize(
    ("way", "count", "spacing", "said"),
    [
        (
            119.9,
            3,
            1.0,
            r"3 instants, 60\.0 pixels apart: .* asks for 33, 3\.7 pixels apart; .*=.rule.\)",
        ),
        (32.0, 3, 1.0, r"16\.0 pixels apart: .* asks for 33; call"),
        (
            5.0,
            3,
            1.0,
            r"2\.5 pixels apart: the rule, 1 pixel apart .* asks for 6; .*: rule` ",
        ),
        (5.0, 3, 0.5, r"the rule, 0\.5 pixels apart but at most 33 instants, asks for 11; "),
        (
            5.0,
            3,
            0.5,
            r"=.rule., pixels_per_subsample=0\.5\), or",
        ),
    ],
)
def test_what_is_said_of_too_few_instants(way, count, spacing, said):
    told = instants.shortfall(way, count, spacing)
    assert re.search(said, told) and "times: rule" in told
    assert instants.shortfall(way, 33, spacing) == ""


@pytest.mark.parametrize(
    ("when", "rate", "spacing", "told"),
    [
        ((0, 0.5, 1), 0.2, 1, "1px/sub, NT 3-33"),
        ((0, 0.25, 0.5, 0.75, 1), 0.2, 1, "1px/sub, NT 3-33"),
        ((0, 0.5, 1), 0.4, 1, "NT 3"),
        ((0, 0.5, 1), 0.4, 2, "2px/sub, NT 3-33"),
        ((0, 0.1, 0.2, 0.3, 1), 0.1, 1, "NT 5"),
        (np.linspace(0, 1, 34), 0.01, 1, "NT 34"),
        (np.linspace(0, 1, 33), 9.0, 1, "1px/sub, NT 3-33"),
    ],
)
def test_a_file_names_the_rule_only_where_it_holds(when, rate, spacing, told):
    tree = slewing(rate, count=len(when))
    times = 1e8 + 240.0 * np.array([[0], [1]]) + 240.0 * np.asarray(when)
    tree["sky"]["et"] = xr.DataArray(times, dims=("pic", "instant"))
    assert instants.kept(tree, spacing) == told


def test_backplanes_by_the_rule(made):
    ds = made.open().isel(pic=[4, 7])
    tree = ds.uvis.backplanes(made.kernels, times="rule")
    count = tree.sizes["instant"]
    assert count == uvisxr.fits.subsampling(uvisxr.fits.smear(tree)) > 3
    assert tree["instant"].values[[0, -1]].tolist() == [0, 1]
    assert instants.kept(tree) == "1px/sub, NT 3-33"
    fine = ds.uvis.backplanes(made.kernels, times="rule", pixels_per_subsample=0.5)
    asked = uvisxr.fits.subsampling(uvisxr.fits.smear(fine), pixels_per_subsample=0.5)
    assert fine.sizes["instant"] == asked > count
    each = xr.DataTree.from_dict({"w0": ds.isel(pixel=[0]), "w1": ds.isel(pixel=[1])})
    found = each.uvis.backplanes(made.kernels, times="rule", pixels_per_subsample=2)
    assert found["w1/sky"].sizes["instant"] < count
    with pytest.raises(ArgumentError, match="pixels_per_subsample"):
        ds.uvis.backplanes(made.kernels, times="rule", pixels_per_subsample=0)
    with pytest.raises(ArgumentError, match="rule"):
        ds.uvis.backplanes(made.kernels, times="rules")
