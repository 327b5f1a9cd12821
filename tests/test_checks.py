"""Argument checks: what they take, and what they say of the rest."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from uvisxr import checks
from uvisxr.errors import ArgumentError

Kind = Literal["minimum", "scaled"]
Trend = bool | Literal["spica", "evolution"]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind, ("minimum", "scaled")),
        (Kind | None, ("minimum", "scaled", None)),
        (bool, (True, False)),
        (Trend, (True, False, "spica", "evolution")),
        (Literal[Kind, "other"], ("minimum", "scaled", "other")),
    ],
)
def test_choices_come_from_the_annotation(kind: Any, values: tuple[Any, ...]):
    assert checks.choices(kind) == values
    for value in values:
        checks.choice("kind", value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (
            "minimal",
            Kind,
            "kind='minimal': expected 'minimum' or 'scaled'; did you mean 'minimum'?",
        ),
        ("x", Kind, "kind='x': expected 'minimum' or 'scaled'"),
        (None, Kind, "kind=None: expected 'minimum' or 'scaled'"),
        (["scaled"], Kind, "kind=['scaled']: expected 'minimum' or 'scaled'"),
        (np.array(["scaled"] * 2), Kind, "expected 'minimum' or 'scaled'"),
        ("low", Kind | None, "expected one of 'minimum', 'scaled', None"),
        (1, Trend, "kind=1: expected one of True, False, 'spica', 'evolution'"),
        (0, bool, "kind=0: expected True or False"),
        ("True", bool, "kind='True': expected True or False"),
    ],
)
def test_no_choice(value: Any, kind: Any, message: str):
    with pytest.raises(ArgumentError) as caught:
        checks.choice("kind", value, kind)
    assert str(caught.value).endswith(message)


def test_names_of_a_table_and_what_else_would_do():
    table = {"alt": 1, "lat": 2}
    checks.one_of("field", np.str_("alt"), table)
    with pytest.raises(ArgumentError, match="field='lot': expected one of 'alt', 'lat', a dim"):
        checks.one_of("field", "lot", table, other="a dim")


def test_two_that_exclude_each_other():
    checks.only_one(by=None, pixels=[])
    checks.only_one(by=None, pixels=None)
    with pytest.raises(ArgumentError, match="give either by= or pixels=, not both"):
        checks.only_one(by={}, pixels=[])


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(0, 5))
def test_whole_numbers_of_a_range(value: int, least: int, room: int):
    for given_ in (value, np.int16(value)):
        if least <= value <= least + room:
            found = checks.whole("n", given_, least, least + room)
            assert found == value and type(found) is int
        else:
            with pytest.raises(ArgumentError, match=f"n={value}: .* {least} to {least + room}"):
                checks.whole("n", given_, least, least + room)


@pytest.mark.parametrize("value", [True, np.True_, 1.0, "1", None, [1], np.array([1, 2])])
def test_no_whole_numbers(value: Any):
    with pytest.raises(ArgumentError, match=r"nx=.*: expected a number of cells, 1 or more"):
        checks.whole("nx", value, 1, what="a number of cells")


@pytest.mark.parametrize("value", [2, 2.0, np.float32(2), np.int8(2), np.array(2), xr.DataArray(2)])
def test_numbers_of_any_kind(value: Any):
    found = checks.number("level", value, "a rate", least=2, most=2)
    assert found == 2 and type(found) is float


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        (np.nan, {}, "level=nan: expected a rate, count/s, finite"),
        (np.inf, {"least": 0}, "level=inf: expected a rate, count/s, 0 or more"),
        (np.float64(-1), {"least": 0}, "level=-1.0: expected a rate, count/s, 0 or more"),
        (0, {"above": 0}, "level=0: expected a rate, count/s, above 0"),
        (7, {"above": 0, "most": 5.5}, "level=7: expected a rate, count/s, above 0, at most 5.5"),
        (7, {"least": 0, "most": 5.5}, "level=7: expected a rate, count/s, 0 to 5.5"),
        ("1", {}, "level='1': expected a rate, count/s, finite"),
        (True, {}, "level=True: expected a rate, count/s, finite"),
        (None, {}, "level=None: expected a rate, count/s, finite"),
        (1j, {}, "level=1j: expected a rate, count/s, finite"),
        ([1.0], {}, "level=[1.0]: expected a rate, count/s, finite"),
        (np.datetime64(1, "s"), {}, "expected a rate, count/s, finite"),
    ],
)
def test_no_number(value: Any, bounds: dict[str, float], message: str):
    with pytest.raises(ArgumentError) as caught:
        checks.number("level", value, "a rate, count/s", **bounds)
    assert str(caught.value).endswith(message)


def test_sequences_of_numbers():
    assert checks.numbers("altitudes", [1, 2.5], "heights, km", above=0) == (1.0, 2.5)
    assert checks.numbers("altitudes", (), "heights, km", above=0) == ()
    for value in ([1, -1], [np.nan], 3, "12", [[1, 2]], ["a"], [[1], [1, 2]], None):
        with pytest.raises(ArgumentError, match=r"altitudes=.*: expected heights, km, above 0"):
            checks.numbers("altitudes", value, "heights, km", above=0)


@pytest.mark.parametrize("value", [[True, 2.0], (1.0, np.True_), [True, False]])
def test_true_is_none_of_several_numbers(value: Any):
    with pytest.raises(ArgumentError, match=r"radii=.*True.*: expected radii, km"):
        checks.numbers("radii", value, "radii, km", above=0)


def test_pairs():
    for value in ((1, 2.5), [1, 2.5], np.array([1, 2.5]), xr.DataArray([1, 2.5])):
        assert checks.pair("wl_range", value, "wavelengths, angstrom") == (1.0, 2.5)
    for value in ((2, 1), (1, 1), (1,), (1, 2, 3), 5, "ab", ("1", "2"), (0, np.nan), (0, np.inf)):
        with pytest.raises(ArgumentError, match=r"wl_range=.* two ascending wavelengths, ang"):
            checks.pair("wl_range", value, "wavelengths, angstrom")
    assert checks.pair("xlim", (2, 1), "numbers, degrees", ascending=False) == (2.0, 1.0)
    with pytest.raises(ArgumentError, match="xlim=5: expected two numbers, degrees"):
        checks.pair("xlim", 5, "numbers, degrees", ascending=False)


def test_long_values_are_cut():
    ds = xr.Dataset({"counts": (("pic", "wl"), np.zeros((50, 50)))})
    for value in (np.zeros((50, 50)), ds, "x" * 1000):
        text = str(checks.refused("stars", value, "a catalogue"))
        assert len(text) < 150 and "\n" not in text and text.endswith(": expected a catalogue")
        assert "..." in text


def test_values_whose_repr_fails():
    class Odd:
        def __repr__(self) -> str:
            raise ValueError

    assert str(checks.refused("by", Odd(), "a number")).startswith("by=<Odd>: ")


@pytest.mark.parametrize(
    "value",
    [
        np.ma.masked,
        np.ma.array([1.0, 2.0], mask=[False, True]),
        [np.ma.masked, 1.0],
        {"alt": np.ma.array([0, 900, 2000.0], mask=[0, 1, 0])},
        [[(np.ma.masked, 1)]],
    ],
)
def test_masked_values_are_refused(value: Any):
    with pytest.raises(ArgumentError, match=r"x.*: 1 of its [123] values is masked"):
        checks.plain("x", value)


def test_what_is_not_masked_is_an_array():
    found = checks.plain("x", np.ma.array([1.0, 2.0]))
    assert type(found) is np.ndarray
    assert found.tolist() == [1.0, 2.0]


def test_a_series_is_its_values():
    found = checks.plain("x", {"alt": pd.Series([0.0, 1.0, 2.0])[1:]})
    assert found["alt"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("value", [[1, [2, (3, 4)]], {"a": [1]}, "text", None, range(3)])
def test_all_else_stays(value: Any):
    assert checks.plain("x", value) is value


def test_endless_nesting():
    value: list[Any] = []
    value.append(value)
    assert checks.plain("x", value) is value


@pytest.mark.parametrize("size", [10**6, 10**12, 10**30])
def test_no_array_is_made_of_a_long_range(size: int):
    with pytest.raises(ArgumentError, match="expected two"):
        checks.pair("x", range(size), "wavelengths")
