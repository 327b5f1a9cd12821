"""The table of bins and the spectra: what is drawn, labelled and refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.bins import bins
from uvisxr.plot.spectrum import LINES, spectrum


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
        assert written[j + 0.5, i + 0.5] == str(number)


def test_edges_are_at_the_ticks(binned):
    ax = bins(binned)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["-90", "-30", "30", "90"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["-3000", "0", "500", "∞"]
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


# Spectra -----------------------------------------------------------------------------------------


def test_a_spectrum_with_its_band(ds):
    ax = spectrum(ds, [(2, 30)])
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_ydata(), ds["radiance"].values[2, 30])
    (band,) = ax.collections
    low = ds["radiance"].values[2, 30] - ds["radiance_lower"].values[2, 30]
    assert band.get_paths()[0].vertices[:, 1].min() == pytest.approx(low.min())
    assert ax.get_xlabel() == "Wavelength (Å)"
    assert ax.get_ylabel() == "Spectral radiance (kR/Å)"
    assert ax.get_legend().get_texts()[0].get_text() == "pic 2, pixel 30"


def test_missing_counts_are_gaps_and_those_of_bins_any_number(ds):
    counts = np.full(ds["counts"].shape, 7, np.uint16)
    counts[2, 30, [1, 5]] = 65535
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"]).assign(
        counts=(ds["counts"].dims, counts)
    )
    (line,) = spectrum(raw, (2, 30)).lines
    assert np.flatnonzero(np.isnan(line.get_ydata())).tolist() == [1, 5]
    assert np.nanmax(line.get_ydata()) == 7
    many = raw.assign(counts=xr.full_like(raw["counts"], 60_000))
    (line,) = spectrum(many.uvis.bin(pixels=[[(0, 1), (0, 2)]])).lines
    assert (line.get_ydata() == 120_000).all()


def test_one_pair_without_a_list_and_without_band(ds):
    ax = spectrum(ds, (2, 30), band=False)
    assert len(ax.lines) == 1
    assert not ax.collections


def test_numbers_name_spectra_of_a_subset(ds):
    part = ds.isel(pic=[4, 5], pixel=slice(10, 20))
    ax = spectrum(part, [(5, 12)])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), ds["radiance"].values[5, 12])


def test_spectra_of_bins(binned):
    ax = spectrum(binned, [{"lat_bin": 1, "alt_bin": 0}, {"lat_bin": 1, "alt_bin": 2}])
    np.testing.assert_allclose(ax.lines[0].get_ydata(), binned["radiance"].values[1, 0])
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["lat -30 to 30°, alt -3000 to 0 km", "lat -30 to 30°, alt 500 to inf km"]
    assert len(spectrum(binned).lines) == 9
    assert "Weighted" in spectrum(binned, variable="radiance_weighted").get_ylabel()


def test_counts(ds):
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"])
    ax = spectrum(raw, [(0, 0)])
    assert ax.get_ylabel() == "Photon counts (count)"


def test_lines_in_the_range_are_marked(ds):
    ax = spectrum(ds, [(0, 0)], lines=True)
    low, high = float(ds.wl.min()), float(ds.wl.max())
    inside = {name for name, wl in LINES.items() if low <= wl <= high}
    assert {t.get_text().strip() for t in ax.texts} == inside
    mine = spectrum(ds, [(0, 0)], lines={"here": 1500.0, "not here": 100.0})
    assert [line.get_xdata()[0] for line in mine.lines[1:]] == [1500.0]


def test_a_single_spectrum_has_no_legend(ds):
    one = ds.isel(pic=0, pixel=0)
    ax = spectrum(one)
    assert len(ax.lines) == 1
    assert ax.get_legend() is None


def test_given_axes(ds):
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert spectrum(ds, [(0, 0)], ax=ax) is ax
    assert plt.get_fignums() == before


@pytest.mark.parametrize("dim", ["pic", "pixel"])
def test_no_spectrum_is_left(ds, dim):
    with pytest.raises(ArgumentError, match="no spectrum is left to draw"):
        ds.isel({dim: []}).uvis.plot.spectrum()


def test_spectra_refused(ds, binned):
    with pytest.raises(ArgumentError, match="360 spectra are too many"):
        spectrum(ds)
    with pytest.raises(ArgumentError, match="at least one spectrum"):
        spectrum(ds, [])
    with pytest.raises(ArgumentError, match="no spectrum"):
        spectrum(ds, [(0, 99)])
    with pytest.raises(ArgumentError, match="mappings"):
        spectrum(binned, [(0, 1)])
    with pytest.raises(ArgumentError, match="must give a position along lat_bin, alt_bin"):
        spectrum(binned, [{"lat_bin": 0}])
    with pytest.raises(ArgumentError, match="run from 0 to 2"):
        spectrum(binned, [{"lat_bin": 0, "alt_bin": 7}])
    with pytest.raises(ArgumentError, match="variable='rate'"):
        spectrum(ds, [(0, 0)], variable="rate")
    with pytest.raises(MissingStepError, match="no spectra"):
        spectrum(ds.drop_vars(["radiance", "counts"]))


def _spectra(values: np.ndarray, name: str = "FUV") -> xr.Dataset:
    """Radiances of one pixel at 1 angstrom intervals from 1130 (FUV) or 560 (EUV)."""
    wl = {"FUV": 1130.5, "EUV": 560.5}[name] + np.arange(values.size)
    return xr.Dataset(
        {"radiance": ("wl", values, {"units": "kR angstrom-1"})}, {"wl": wl}, {"channel": name}
    )


def test_limits_are_those_where_the_channel_is_sensitive():
    values = np.ones(770)
    values[:20], values[400] = 300.0, 3.0
    ax = spectrum(_spectra(values))
    assert ax.get_yscale() == "linear"
    low, high = ax.get_ylim()
    assert -0.5 < low <= 0 and 3 < high < 3.5


def test_a_line_that_towers_makes_the_scale_logarithmic():
    values = np.ones(770)
    values[85] = 100.0
    plain, named = (spectrum(_spectra(values), lines=lines) for lines in (False, True))
    for ax in (plain, named):
        assert ax.get_yscale() == "log"
        assert 0.3 < ax.get_ylim()[0] < 1
    assert 100 < plain.get_ylim()[1] < 150 < named.get_ylim()[1]


def test_noise_does_not_reach_below_its_own_size_on_a_logarithmic_axis():
    rng = np.random.default_rng(5)
    values = 2.0 + np.zeros(600)
    values[:250], values[300] = rng.normal(0, 0.5, 250), 500.0
    ax = spectrum(_spectra(values, "EUV"))
    assert ax.get_yscale() == "log"
    assert 0.4 < ax.get_ylim()[0] < 0.6
    # Where noise is all there is, half of it would be cut off.
    values[250:] = rng.normal(0, 0.5, 350)
    values[300] = 500.0
    assert spectrum(_spectra(values, "EUV")).get_yscale() == "linear"


def test_names_of_lines_lie_beside_them_and_above_the_spectrum():
    values = np.ones(770)
    values[[4, 85]] = 20.0
    ax = spectrum(_spectra(values), lines={"at the frame": 1131.0, "H I Ly α": 1215.67})
    ax.figure.canvas.draw()
    frame = ax.get_window_extent()
    first, second = (text.get_window_extent() for text in ax.texts)
    x = ax.transData.transform([(1131.0, 20.0), (1215.67, 20.0)])
    assert x[0, 0] < first.x0
    assert second.x1 < x[1, 0]
    assert min(first.y0, second.y0) > x[0, 1]
    assert all(frame.x0 < box.x0 and box.x1 < frame.x1 for box in (first, second))


def test_lines_where_there_are_no_values_are_not_marked():
    values = np.ones(770)
    values[:30] = np.nan
    assert "N I 1134" not in {
        t.get_text().strip() for t in spectrum(_spectra(values), lines=True).texts
    }
