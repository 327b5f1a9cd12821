"""Spectra: what is drawn, labelled and refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.flyby import flyby
from helpers.slow import rest_slow
from matplotlib.colors import to_hex
from matplotlib.text import Text

from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.spectrum import spectrum


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=6, step=8e-3)


@pytest.fixture(scope="module")
def binned(ds):
    edges = {"lat": [-90, -30, 30, 90], "alt": [-3000, 0, 500, np.inf]}
    return ds.uvis.bin(by=edges)


def _artists(ax, gid: str) -> list:
    return list(dict.fromkeys(ax.findobj(lambda artist: artist.get_gid() == gid)))


def _spectra_of(ax) -> list[np.ndarray]:
    return [steps.get_data().values for steps in _artists(ax, "spectrum")]


def test_a_spectrum_with_its_band(ds):
    ax = spectrum(ds, [(2, 30)])
    (line,), (band,) = _artists(ax, "spectrum"), _artists(ax, "band")
    np.testing.assert_allclose(line.get_data().values, ds["radiance"].values[2, 30])
    low = ds["radiance"].values[2, 30] - ds["radiance_lower"].values[2, 30]
    np.testing.assert_allclose(band.get_data().baseline, low)
    assert ax.get_xlabel() == "Wavelength (Å)"
    assert ax.get_ylabel() == "Spectral radiance (kR/Å)"
    assert ax.get_title().endswith("pic 2, pixel 30")
    assert ax.get_legend() is None


def test_missing_counts_are_gaps_and_those_of_bins_any_number(ds):
    counts = np.full(ds["counts"].shape, 7, np.uint16)
    counts[2, 30, [1, 5]] = 65535
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"]).assign(
        counts=(ds["counts"].dims, counts)
    )
    (line,) = _spectra_of(spectrum(raw, (2, 30)))
    assert np.flatnonzero(np.isnan(line)).tolist() == [1, 5]
    assert np.nanmax(line) == 7
    many = raw.assign(counts=xr.full_like(raw["counts"], 60_000))
    (line,) = _spectra_of(spectrum(many.uvis.bin(pixels=[[(0, 1), (0, 2)]])))
    assert (line == 120_000).all()


def test_one_pair_without_a_list_and_without_band(ds):
    ax = spectrum(ds, (2, 30), band=False)
    assert len(_spectra_of(ax)) == 1
    assert not _artists(ax, "band")


def test_numbers_name_spectra_of_a_subset(ds):
    part = ds.isel(pic=[4, 5], pixel=slice(10, 20))
    ax = spectrum(part, [(5, 12)])
    np.testing.assert_allclose(_spectra_of(ax)[0], ds["radiance"].values[5, 12])


@pytest.mark.slow
def test_spectra_of_bins(binned):
    ax = spectrum(binned, [{"lat_bin": 1, "alt_bin": 0}, {"lat_bin": 1, "alt_bin": 2}])
    np.testing.assert_allclose(_spectra_of(ax)[0], binned["radiance"].values[1, 0])
    texts = [t.get_text() for t in ax.get_legend().get_texts()]
    assert texts == ["alt −3000 to 0 km", "alt 500 to ∞ km"]
    assert ax.get_title().endswith("lat 30° S–30° N")
    held = np.isfinite(binned["radiance"].values).any(axis=-1)
    assert len(_spectra_of(spectrum(binned))) == held.sum()
    assert "Weighted" in spectrum(binned, variable="radiance_weighted").get_ylabel()


def test_counts(ds):
    raw = ds.drop_vars(["radiance", "radiance_upper", "radiance_lower"])
    ax = spectrum(raw, [(0, 0)])
    assert ax.get_ylabel() == "Photon counts (count)"


def test_lines_in_the_range_are_marked(ds):
    ax = spectrum(ds, [(0, 0)], lines=True)
    assert {"H I Ly α", "N I 1493", "N₂ LBH"} <= {t.get_text() for t in ax.texts}
    mine = spectrum(ds, [(0, 0)], lines={"here": 1500.0, "not here": 100.0})
    assert [t.get_text() for t in mine.texts] == ["here"]
    (marks,) = _artists(mine, "emission")
    assert marks.get_xdata()[0] == 1500.0


def test_a_single_spectrum_has_no_legend(ds):
    one = ds.isel(pic=0, pixel=0)
    ax = spectrum(one)
    assert len(_spectra_of(ax)) == 1
    assert ax.get_legend() is None


@pytest.mark.slow
def test_the_title_names_what_spectra_have_in_common_and_their_time(ds):
    half = (0.5e9 * ds["exposure"].values).astype("m8[ns]")
    begun, ended = ds["time"].values - half, ds["time"].values + half
    title = spectrum(ds, [(p, 30) for p in range(2, 5)]).get_title()
    assert title.endswith("pixel 30")
    one = spectrum(ds, [(2, 30)]).get_title()
    assert f"{str(begun[2])[11:19]}\N{EN DASH}{str(ended[2])[11:19]}" in one
    assert str(begun[0])[11:19] not in one
    assert spectrum(ds.isel(pic=2, pixel=30)).get_title() == one
    with_turns = spectrum(ds, [(0, 30), (3, 30)])
    assert [t.get_text() for t in with_turns.get_legend().get_texts()] == ["pic 0", "pic 3"]


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


@pytest.mark.slow
def test_limits_are_those_where_the_channel_is_sensitive():
    values = np.ones(770)
    values[:20], values[400] = 300.0, 3.0
    ax = spectrum(_spectra(values))
    assert ax.get_yscale() == "linear"
    assert ax.get_xlim() == (1165, 1900)
    low, high = ax.get_ylim()
    assert -0.5 < low <= 0 and 3 < high < 3.5
    assert spectrum(_spectra(values), xlim="all").get_xlim() == (1130, 1900)
    assert spectrum(_spectra(values), xlim=(1400, 1500)).get_xlim() == (1400, 1500)
    seen = spectrum(_spectra(values), xlim=(1400, 1500))
    assert seen.get_ylim()[1] < 1.2


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
    assert spectrum(_spectra(values, "EUV")).get_yscale() == "symlog"


@pytest.mark.parametrize("figsize", [(7.0, 4.0), (4.0, 3.0)])
def test_names_of_lines_lie_apart_and_above_the_spectrum(figsize):
    values = np.ones(770)
    values[[50, 85]] = 20.0
    lines = {"at the frame": 1166.0, "H I Ly α": 1215.67, "next": 1216.0}
    lines["bands"] = (1300.0, 1350.0, 1400.0)
    _, ax = plt.subplots(figsize=figsize, layout="constrained")
    spectrum(_spectra(values), lines=lines, ax=ax)
    ax.figure.canvas.draw()
    frame = ax.get_window_extent()
    assert {t.get_text() for t in ax.texts} == set(lines)
    # Of the text alone: an annotation's own extent has its leader too.
    boxes = [Text.get_window_extent(text) for text in ax.texts]
    top = ax.transData.transform((1215.67, 20.0))[1]
    for k, box in enumerate(boxes):
        assert frame.x0 < box.x0 and box.x1 < frame.x1 and top < box.y0 and box.y1 < frame.y1
        assert not any(box.overlaps(other) for other in boxes[k + 1 :])
    ax.set_xlim(1210, 1220)
    ax.figure.canvas.draw()
    close = [Text.get_window_extent(t) for t in ax.texts if t.get_text() in ("H I Ly α", "next")]
    assert not close[0].overlaps(close[1])


def test_lines_where_there_are_no_values_are_not_marked():
    values = np.ones(770)
    values[:70] = np.nan
    drawn = spectrum(_spectra(values), lines="titan", xlim="all")
    names = {t.get_text() for t in drawn.texts}
    assert "H I Ly α" in names and "N I 1177" not in names


def _with_sensitivity(values: np.ndarray, profile: np.ndarray) -> xr.Dataset:
    ds = _spectra(values)
    return ds.assign(sensitivity=(("term", "wl"), np.stack([profile, 0 * profile])))


def test_the_range_is_where_the_sensitivity_is_above_a_share_of_its_maximum():
    profile = np.full(770, 5.0)
    profile[:100], profile[700:] = 0.02, 0.0
    ax = spectrum(_with_sensitivity(np.ones(770), profile))
    assert ax.get_xlim() == (1230, 1830)
    # Wavelengths may descend.
    ax = spectrum(_with_sensitivity(np.ones(770), profile).isel(wl=slice(None, None, -1)))
    assert ax.get_xlim() == (1230, 1830)
    np.testing.assert_array_equal(np.diff(_artists(ax, "spectrum")[0].get_data().edges), 1.0)


def test_a_band_does_not_set_the_scale():
    ds = _spectra(np.ones(770))
    ds = ds.assign(radiance_lower=ds.radiance * 50, radiance_upper=ds.radiance * 50)
    assert spectrum(ds).get_ylim()[1] < 1.5


def _bins(n: int, empty: tuple[int, ...] = ()) -> xr.Dataset:
    """Bins of altitude, 100 km each, with radiances of 1, 2, ..., and none where they are empty."""
    values = np.ones((n, 770)) * np.arange(1.0, n + 1)[:, None]
    values[list(empty)] = np.nan
    edges = 100.0 * np.arange(n + 1)
    return xr.Dataset(
        {
            "radiance": (("alt_bin", "wl"), values, {"units": "kR angstrom-1"}),
            "n": ("alt_bin", np.isfinite(values[:, 0]).astype(int)),
        },
        {
            "wl": 1130.5 + np.arange(770),
            "alt_bin": ("alt_bin", edges[:-1] + 50, {"units": "km"}),
            "alt_bin_bounds": (("alt_bin", "bnds"), np.stack([edges[:-1], edges[1:]], axis=1)),
        },
        {"channel": "FUV"},
    )


def test_neither_lines_nor_modest_bands_leave_the_axes():
    values = np.linspace(1, 2, 770)[12::24]
    ds = xr.Dataset({"radiance": ("wl", values)}, {"wl": 1152.5 + 24 * np.arange(values.size)})
    ds["radiance"][-1] = 50.0
    sides = {f"radiance_{side}": ("wl", np.full(values.size, 0.2)) for side in ("lower", "upper")}
    ax = spectrum(ds.assign(sides).assign_attrs(channel="FUV"))
    low, high = ax.get_xlim()
    top = ax.get_ylim()[1]
    shown = values[(ds.wl.values + 12 > low) & (ds.wl.values - 12 < high)]
    assert shown.max() + 0.2 < top < 3


def test_names_stay_apart_when_drawn_after_the_style_was_left():
    lines = {"N I 1168": 1168.0, "N I 1177": 1177.0, "N I 1200": 1200.0}
    with plt.rc_context({"font.size": 20}):
        ax = spectrum(_spectra(np.ones(770)), lines=lines)
    ax.figure.canvas.draw()
    names = [Text.get_window_extent(name).intervalx for name in _artists(ax, "emission_name")]
    ends = np.array(sorted(map(tuple, names)))
    assert len(ends) == 3
    assert (ends[1:, 0] - ends[:-1, 1] > 2).all()


def test_names_of_bands_lie_on_few_lines():
    lines = {"bands": (1400.0, 1410.0, 1420.0), "a": 1390.0, "b": 1380.0, "c": 1370.0}
    ax = spectrum(_spectra(np.ones(770)), lines=lines)
    (name,) = _artists(ax, "bands_name")
    box = name.get_window_extent()
    at = ax.transData.transform([(wl, 0) for wl in (1390, 1380, 1370)])[:, 0]
    assert not ((box.x0 < at) & (at < box.x1)).any()
    # So few are marked as far down as lines are.
    assert {1400.0, 1420.0} <= {line.get_xdata()[0] for line in _artists(ax, "emission")}


def test_names_of_bands_go_between_lines_where_both_sides_are_taken():
    lines = {"N LBH": (1250.0, 1500.0, 1800.0), "a": 1235.0, "b": 1400.0, "c": 1815.0}
    ax = spectrum(_spectra(np.ones(770)), lines=lines)
    (name,) = _artists(ax, "bands_name")
    box = name.get_window_extent()
    at = ax.transData.transform([(wl, 0) for wl in (1235, 1400, 1815)])[:, 0]
    assert not ((box.x0 - 1 < at) & (at < box.x1 + 1)).any()
    assert at[1] < box.x0 and box.x1 < at[2]


def test_a_pair_of_bands_has_one_upright_name_that_leads_to_both():
    ax = spectrum(_spectra(np.ones(770)), lines={"pair": (1400.0, 1420.0), "beside": 1430.0})
    ax.figure.canvas.draw()
    assert not _artists(ax, "bands_name")
    name, beside = _artists(ax, "emission_name")
    (second,) = _artists(ax, "emission_leader")
    assert (name.get_text(), name.xy[0], second.xy[0]) == ("pair", 1400.0, 1420.0)
    box = Text.get_window_extent(name)
    assert not box.overlaps(Text.get_window_extent(beside))
    # It stands between them, and what leads to the second begins where it ends.
    middle = ax.transData.transform([(1410.0, 0.0)])[0, 0]
    assert abs(0.5 * (box.x0 + box.x1) - middle) < 12
    assert second.arrow_patch.get_path().vertices[0, 0] == pytest.approx(
        0.5 * (box.x0 + box.x1), abs=2
    )


def test_small_axes_name_the_first_lines_alone():
    lines: dict = {f"N I {wl}": float(wl) for wl in range(1200, 1700, 25)}
    lines["row"] = (1200.0, 1500.0, 1850.0)
    _, ax = plt.subplots(figsize=(2.4, 3.0), layout="constrained")
    spectrum(_spectra(np.ones(770)), lines=lines, ax=ax)
    names = [t.get_text() for t in ax.texts]
    assert 3 <= len(names) <= 10
    assert names == list(lines)[: len(names)]
    assert len(_artists(ax, "emission")) == len(names)


@pytest.mark.slow
def test_bands_end_below_the_names_and_are_marked_there():
    ds = _spectra(np.ones(770))
    wide = np.full(770, 0.1)
    wide[400] = 30.0
    sides = {f"radiance_{side}": ("wl", wide) for side in ("lower", "upper")}
    ax = spectrum(ds.assign(sides), lines={"N I 1493": 1492.6})
    ax.figure.canvas.draw()
    (band,) = _artists(ax, "band")
    (name,) = _artists(ax, "emission_name")
    assert band.clipbox is not None
    assert band.get_clip_box().y1 < Text.get_window_extent(name).y0
    (mark,) = _artists(ax, "band_beyond")
    assert mark.get_xdata().tolist() == [ds.wl.values[400]]
    assert "errors off the scale" in ax_title(ax)
    ax = spectrum(
        ds.assign({name: ("wl", 0.1 + 0 * wide) for name in sides}), lines={"N I": 1492.6}
    )
    assert not _artists(ax, "band_beyond")
    assert "scale" not in ax.get_title()


def test_spectra_without_values_are_named(ds):
    empty = ds.assign(radiance=ds["radiance"] * np.nan)
    assert ax_title(spectrum(empty, [(2, 10), (2, 20)])).endswith("pic 2, pixel 10; pixel 20")


def ax_title(ax: plt.Axes) -> str:
    return ax.get_title().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.slow
def test_ordered_bins_have_sequential_colours_and_a_colour_bar():
    ax = spectrum(_bins(20))
    assert ax.get_legend() is None
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    assert bar.get_ylabel().endswith("(km)")
    texts = [t.get_text() for t in bar.get_yticklabels()]
    assert texts[0] == "0" and 5 < len(texts) <= 14 and int(texts[1]) == 200
    colours = np.array([steps.get_edgecolor()[:3] for steps in _artists(ax, "spectrum")])
    luminance = colours @ [0.299, 0.587, 0.114]
    # From dark to light: told apart in grey too.
    assert (np.diff(luminance) > 0).all()


def test_the_last_edge_may_be_infinite():
    ds = _bins(4)
    bounds = ds["alt_bin_bounds"].values.copy()
    bounds[-1, 1] = np.inf
    ax = spectrum(ds.assign_coords(alt_bin_bounds=(("alt_bin", "bnds"), bounds)))
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["0", "100", "200", "300", "∞"]


def test_empty_bins_are_left_out_and_counted():
    ax = spectrum(_bins(5, empty=(0, 3)))
    assert [v[0] for v in _spectra_of(ax)] == [2, 3, 5]
    assert ax.get_title().endswith("2 of 5 bins empty")
    said = [t.get_text() for t in spectrum(_bins(5, empty=tuple(range(5)))).texts]
    assert said == ["no value"]


def test_a_second_dimension_has_strokes(ds):
    edges = {"alt": [-3000, 0, 500, 1000, 1500], "lat": [-90, 0, 90]}
    binned = ds.uvis.bin(by=edges)
    chosen = [{"alt_bin": i, "lat_bin": j} for i in (1, 2, 3) for j in (0, 1)]
    ax = spectrum(binned, chosen, band=False)
    steps = _artists(ax, "spectrum")
    if len(steps) == 6:
        assert len({to_hex(s.get_edgecolor()) for s in steps}) == 3
    assert {t.get_text() for t in ax.get_legend().get_texts()} <= {"lat 0–90° S", "lat 0–90° N"}


def test_pixels_in_order_have_a_colour_bar_with_their_numbers(ds):
    ax = spectrum(ds, [(2, 10), (2, 20), (2, 40)])
    (bar,) = [a for a in ax.figure.axes if a is not ax]
    assert [t.get_text() for t in bar.get_yticklabels()] == ["10", "20", "40"]


@pytest.mark.parametrize(("offset", "moved"), [(7.0, [1, 9, 17]), (False, [1, 2, 3])])
def test_spectra_are_drawn_one_above_the_other(offset, moved):
    ax = spectrum(_bins(3), offset=offset)
    assert [v[0] for v in _spectra_of(ax)] == moved
    assert ("each + 7 from the one before" in ax.get_title()) == bool(offset)
    assert ax.get_ylim()[1] > moved[-1]


@pytest.mark.slow
@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_many_spectra_are_set_apart_by_default_and_the_axis_says_so(yscale):
    ds = _bins(8)
    # Each towers in a place of its own, and they are of very different height.
    shape = 1 + np.exp(-0.5 * ((np.arange(770) - 90 * np.arange(8)[:, None]) / 60) ** 2)
    ds["radiance"] = ("alt_bin", "wl"), shape * np.array([1, 2, 90, 3, 1, 7, 2, 1])[:, None]
    ax = spectrum(ds, yscale=yscale)
    drawn = np.array(_spectra_of(ax))[:, 40:-10]
    assert np.mean(np.diff(drawn, axis=0) > 0) > 0.97
    assert ax.get_ylim()[0] < drawn.min()
    assert ax.get_ylabel().endswith("× offset" if yscale == "log" else "+ offset")
    assert not _artists(ax, "band")
    over = spectrum(ds, yscale=yscale, offset=False)
    np.testing.assert_array_equal(_spectra_of(over), ds["radiance"])
    assert "offset" not in over.get_ylabel()
    assert "offset" not in spectrum(ds.isel(alt_bin=slice(5))).get_ylabel()


@pytest.mark.slow
@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_spectra_are_set_apart_by_equal_steps_that_few_elements_do_not_set(yscale):
    ds = _bins(6)
    steps = []
    for factor in (1.0, 20.0):
        # Each has one element above all others, and not where the next has one.
        values = ds["radiance"].values.copy()
        values[np.arange(6), 100 + 50 * np.arange(6)] *= factor
        one = ds.assign(radiance=ds["radiance"].copy(data=values))
        drawn = np.array(_spectra_of(spectrum(one, yscale=yscale, offset=True)))
        moved = drawn / values if yscale == "log" else drawn - values
        found = np.diff(np.log10(moved) if yscale == "log" else moved, axis=0)
        np.testing.assert_allclose(found, found[0, 0])
        steps.append(found[0, 0])
    assert steps[1] == pytest.approx(steps[0])


@pytest.mark.slow
@pytest.mark.parametrize("yscale", ["linear", "log"])
def test_lines_of_spectra_that_are_set_apart_do_not_nest(yscale):
    ds = _bins(8)
    lines = 1 + 5 * (np.arange(770) % 60 < 6)
    ds["radiance"] = ("alt_bin", "wl"), lines * np.linspace(0.9, 1.1, 8)[:, None]
    drawn = np.array(_spectra_of(spectrum(ds, yscale=yscale)))[:, 40:-10]
    # All of one lies below all of the next.
    assert (drawn[:-1].max(axis=1) < drawn[1:].min(axis=1)).all()


def test_legends_lie_above_spectra_that_are_set_apart():
    parts = [_bins(4).assign_coords(lat_bin=k) for k in (0, 1)]
    ds = xr.concat(parts, "lat_bin", data_vars=["radiance", "n"], coords="minimal")
    ax = spectrum(ds, offset=True)
    ax.figure.canvas.draw()
    below = ax.get_legend().get_window_extent().y0
    highest = max(values.max() for values in _spectra_of(ax))
    assert ax.transData.transform((0, highest))[1] < below


@pytest.mark.slow
def test_on_a_logarithmic_scale_the_offset_is_a_factor():
    ax = spectrum(_bins(3), offset=10.0, yscale="log")
    assert [v[0] for v in _spectra_of(ax)] == [1, 20, 300]
    assert "each × 10 from the one before" in ax.get_title()
    set_apart = [v[0] for v in _spectra_of(spectrum(_bins(3), offset=True, yscale="log"))]
    assert set_apart[1] >= 1.5 * set_apart[0] and set_apart[2] > 1.5 * set_apart[1]


@pytest.mark.slow
def test_many_bins_of_one_dimension_need_no_selection():
    assert len(_spectra_of(spectrum(_bins(40)))) == 40
    with pytest.raises(ArgumentError, match="41 spectra are too many"):
        spectrum(_bins(41))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"lines": "mars"}, "lines='mars': expected one of 'titan'"),
        ({"lines": "Titan"}, "lines='Titan'.*'titan'"),
        ({"lines": 3}, "lines=3"),
        ({"lines": {"x": -1.0}}, r"lines\['x'\]=-1.0"),
        ({"lines": {"x": ()}}, r"lines\['x'\]"),
        ({"lines": {"x": "1216"}}, r"lines\['x'\]"),
        ({"xlim": (1, 2)}, "no wavelength in xlim"),
        ({"xlim": (1500, 1400)}, "xlim"),
        ({"xlim": "some"}, "xlim='some'"),
        ({"yscale": "cubic"}, "yscale='cubic'"),
        ({"offset": 0}, "offset=0"),
        ({"offset": "much"}, "offset='much'"),
    ],
)
def test_wrong_arguments(arguments, said):
    with pytest.raises(ArgumentError, match=said):
        spectrum(_bins(3), **arguments)


@pytest.mark.parametrize("yscale", [None, "linear", "log", "symlog"])
@pytest.mark.parametrize("value", rest_slow([0.0, np.nan, -3.0, 5.0, np.inf], 2))
@pytest.mark.parametrize("offset", rest_slow([False, True, 2], 1))
def test_spectra_of_one_value_are_drawn_on_any_scale(yscale, value, offset):
    ds = _bins(3)
    ds["radiance"] = ds["radiance"] * 0 + value
    ax = spectrum(ds, yscale=yscale, offset=offset, lines="all")
    ax.figure.canvas.draw()
    assert np.isfinite(ax.get_ylim()).all()


def test_a_scale_with_noise_and_a_line_is_linear_in_the_noise():
    values = np.random.default_rng(7).normal(0, 1, 770)
    values[85] = 1000.0
    ax = spectrum(_spectra(values))
    assert ax.get_yscale() == "symlog"
    assert ax.yaxis.get_transform().linthresh == 10.0
    assert ax.get_ylabel().endswith(", linear below 10")
    assert {line.get_ydata()[0] for line in _artists(ax, "linear_below")} == {10.0, -10.0}
    ax.set_ylim(-12, 1500)
    ticks = [t.get_text() for t in ax.get_yticklabels()]
    assert ticks == ["−10", "−5", "0", "5", "10", "100", "1000"]
    ax.set_ylim(-1, 3)
    assert len(ax.get_yticks()) > 2
    # Without a line that towers it is linear throughout.
    values[85] = 12.0
    assert spectrum(_spectra(values)).get_yscale() == "linear"
