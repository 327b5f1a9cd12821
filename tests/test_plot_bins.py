"""The table of bins: what is drawn, labelled and refused."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.flyby import flyby

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.bins import bins


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=6, step=8e-3)


@pytest.fixture(scope="module")
def binned(ds):
    edges = {"lat": [-90, -30, 30, 90], "alt": [-3000, 0, 500, np.inf]}
    return ds.uvis.bin(by=edges)


def _artists(ax, gid: str) -> list:
    return list(dict.fromkeys(ax.findobj(lambda artist: artist.get_gid() == gid)))


# The table ---------------------------------------------------------------------------------------


def test_cells_hold_the_numbers(binned):
    ax = bins(binned)
    (mesh,) = _artists(ax, "bins")
    expected = binned["n"].transpose("alt_bin", "lat_bin").values
    np.testing.assert_array_equal(mesh.get_array().filled(0), expected)
    written = {tuple(t.get_position()): t.get_text() for t in _artists(ax, "value")}
    for (i, j), number in np.ndenumerate(expected):
        assert written.get((j + 0.5, i + 0.5), "0") == str(number)
    assert len(written) == np.count_nonzero(expected)
    assert f"in {len(written)} of {expected.size} bins" in ax.get_title()


def test_edges_are_at_the_ticks(binned):
    ax = bins(binned)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["−90", "−30", "30", "90"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["−3000", "0", "500", "∞"]
    assert ax.get_xlabel() == "Planetocentric latitude (°)"
    assert ax.get_ylabel().endswith("(km)")


def test_axes_are_chosen_by_field(binned):
    ax = bins(binned, x="alt", y="lat", values=False)
    assert ax.get_xlabel().startswith("Altitude")
    assert not _artists(ax, "value")


def test_further_dimensions_are_summed(ds):
    edges = {"lat": [-90, 0, 90], "alt": [-3000, 0, np.inf], "lt": [0, 12, 24]}
    binned = ds.uvis.bin(by=edges)
    ax = bins(binned)
    expected = binned["n"].sum("lt_bin").transpose("alt_bin", "lat_bin").values
    np.testing.assert_array_equal(_artists(ax, "bins")[0].get_array().filled(0), expected)
    assert ax.get_title().endswith("summed over local solar time")


def test_empty_bins_stay_blank(ds):
    binned = ds.uvis.bin(by={"lat": [-90, 0, 90], "alt": [-9000, -8000, 0, 9000]})
    assert (binned["n"].sum("lat_bin").values == 0).any()
    assert all(t.get_text() != "0" for t in _artists(bins(binned), "value"))


def test_a_logarithmic_bar_tells_plain_numbers(binned):
    ax = bins(binned, norm="log")
    ax.figure.canvas.draw()
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    texts = [t.get_text() for t in bar.get_yticklabels() if t.get_text()]
    assert texts and all(text.isdigit() for text in texts)


def test_many_edges_are_turned_and_end_at_their_ticks(ds):
    ax = bins(ds.uvis.bin(by={"lat": np.linspace(-90, 90, 10), "alt": [-3000, 0, 500]}))
    ax.figure.canvas.draw()
    for text, place in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True):
        x = ax.transData.transform((place, 0))[0]
        assert abs(text.get_window_extent().x1 - x) < 12


def test_one_dimension_and_groups(ds):
    ax = bins(ds.uvis.bin(by={"lon": [350, 120, 240, 350]}))
    assert len(_artists(ax, "value")) == 3
    ax = bins(ds.uvis.bin(pixels=[[(0, 1), (0, 2)], [(1, 1)]]))
    assert [t.get_text() for t in _artists(ax, "value")] == ["2", "1"]
    assert ax.get_xlabel().startswith("Group")


def test_table_refuses_what_it_cannot_draw(ds, binned):
    with pytest.raises(MissingStepError, match="bin"):
        bins(ds)
    with pytest.raises(ArgumentError, match="x='lon': expected 'lat' or 'alt'"):
        bins(binned, x="lon")
    with pytest.raises(ArgumentError, match="two fields"):
        bins(binned, x="lat", y="lat")


def test_bins_without_spectra_have_no_colour_bar(binned):
    for n, axes in ((0, 1), (5000, 2)):
        ax = bins(binned.assign(n=binned["n"] * 0 + n))
        assert len(ax.figure.axes) == axes
    assert "45,000 spectra in 9 of 9 bins" in ax.get_title()
