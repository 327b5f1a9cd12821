"""All of a product at a glance."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.products import write_product
from helpers.slow import rest_slow
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure

import uvisxr
from uvisxr.drawing.style import style
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.plot.axes import signal
from uvisxr.simulate import Simulation


@pytest.fixture
def opened(made: Simulation) -> xr.Dataset:
    return made.open()


@pytest.fixture(scope="module")
def calibrated(made: Simulation) -> xr.Dataset:
    ds = made.open().uvis.flag(made.truth.star == 1, "star").uvis.background(level=4e-4)
    return ds.uvis.calibrate(files=made.calibration)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title() for ax in figure.axes if ax.get_title()]


def drawn(figure: Figure, gid: str) -> np.ndarray:
    """Values of a map, (pic, pixel, ...)."""
    (image,) = [im for ax in figure.axes for im in ax.images if im.get_gid() == gid]
    return np.swapaxes(np.ma.filled(image.get_array().astype(float), np.nan), 0, 1)


def mean(figure: Figure) -> np.ndarray:
    (line,) = [ln for ax in figure.axes for ln in ax.lines if ln.get_gid() == "mean"]
    return line.get_ydata()


def legend(figure: Figure) -> dict[str, int]:
    (box,) = [ax.get_legend() for ax in figure.axes if ax.get_legend()]
    pairs = [text.get_text().split(": ") for text in box.get_texts()]
    return {name: int(number) for name, number in pairs}


@pytest.mark.slow
def test_counts_are_drawn_as_they_are(opened):
    figure = opened.uvis.plot.quicklook()
    expected = opened.counts.sum("wl").values / 240
    np.testing.assert_allclose(drawn(figure, "brightness"), expected)
    assert titles(figure)[:2] == ["Count rate, 1115–1913\N{NO-BREAK SPACE}Å", "Quality"]


@pytest.mark.slow
def test_the_mean_is_of_spectra_without_flags(opened):
    opened = opened.uvis.flag([(3, 20)], "user")
    figure = opened.uvis.plot.quicklook()
    good = figure_flags(figure) == "good"
    expected = opened.counts.values[good].sum(0) / (240 * good.sum())
    np.testing.assert_allclose(mean(figure), expected)
    assert titles(figure)[2] == f"Mean of {good.sum()} spectra, without flags"
    assert not good[3, 20]


def figure_flags(figure: Figure) -> np.ndarray:
    """Names of what is shown of each spectrum, (pic, pixel)."""
    picture, look = drawn(figure, "quality"), style()
    names = [n.removeprefix("quality_") for n in look if n.startswith("quality_")]
    colours = np.array([to_rgb(look[f"quality_{n}"]["color"]) for n in names])
    which = np.abs(picture[:, :, None] - colours).sum(-1).argmin(-1)
    return np.array(names)[which]


@pytest.mark.slow
def test_lost_and_partial_spectra_show_before_any_step(opened, made: Simulation):
    figure = opened.uvis.plot.quicklook()
    shown = figure_flags(figure)
    for flag in ("lost", "partial"):
        np.testing.assert_array_equal(shown == flag, made.truth[flag].values == 1)
    np.testing.assert_array_equal(shown == "dark_line", np.tile(np.arange(60) == 59, (12, 1)))
    assert legend(figure) == {"good": 690, "lost": 12, "partial": 6, "dark line": 12}


@pytest.mark.slow
def test_spectra_are_good_where_runs_of_zeros_can_be_judged(tmp_path):
    # The level of the date is not known in the EUV.
    for channel, said in (("FUV", "good"), ("EUV", "not flagged")):
        path = write_product(tmp_path, f"{channel}2005_230_15_15", band_bin=32)
        ds = uvisxr.open_product(path)
        assert next(iter(legend(ds.uvis.plot.quicklook()))) == said
        assert next(iter(legend(ds.uvis.background(level=4e-4).uvis.plot.quicklook()))) == "good"


def test_lost_and_partial_spectra_are_hatched_in_both_maps(opened, made: Simulation):
    figure = opened.uvis.plot.quicklook()
    left, right = figure.axes[:2]
    lost, partial = (made.truth[name].values == 1 for name in ("lost", "partial"))
    for gid, ax, which in (
        ("left out", left, lost | partial),
        ("lost", right, lost),
        ("partial", right, partial),
    ):
        (cells,) = [c for c in ax.collections if c.get_gid() == gid]
        assert cells.get_hatch()
        middles = [path.vertices[:4].mean(0) for path in cells.get_paths()]
        np.testing.assert_allclose(middles, np.argwhere(which))


def test_good_spectra_are_near_the_paper_in_any_style(opened):
    for paper in ("white", "black"):
        with plt.rc_context({"axes.facecolor": paper, "axes.edgecolor": "0.5"}):
            good = to_rgb(style()["quality_good"]["color"])
        assert 0.02 < abs(good[0] - to_rgb(paper)[0]) < 0.2


@pytest.mark.slow
def test_spectra_that_lack_counts_are_hatched_in_every_map(opened, made: Simulation):
    lost, partial = (int(made.truth[name].sum()) for name in ("lost", "partial"))
    checker = opened.uvis.plot.check_stars()
    for figure in (opened.uvis.plot.evolution(), checker.figure):
        (cells,) = [c for c in figure.axes[0].collections if c.get_gid() == "left out"]
        assert len(cells.get_paths()) == lost + partial
    xr.testing.assert_identical(checker.dataset, opened)


@pytest.mark.slow
def test_the_title_says_how_it_was_observed(opened):
    title = opened.uvis.plot.quicklook()._suptitle.get_text().splitlines()[1]
    assert title == "FUV, low-resolution slit, 12 × 240 s, bins of 1 × 1"


@pytest.mark.slow
@pytest.mark.parametrize("size", rest_slow([10, 13, 16], 1))
def test_names_of_lines_lie_above_the_spectrum(calibrated, size):
    with plt.rc_context({"font.size": size}):
        figure = calibrated.uvis.plot.quicklook()
        figure.canvas.draw()
    (ax,) = [ax for ax in figure.axes if ax.get_title().startswith("Mean")]
    names = [t for t in ax.texts if t.get_gid() in ("emission_name", "bands_name")]
    assert names or size == 16
    known = ax.lines[0].get_xydata()
    known = known[np.isfinite(known).all(1) & (known[:, 0] > 1165)]
    spectrum = ax.transData.transform(known)
    for box in (text.get_window_extent() for text in names):
        assert not (np.array([box.contains(x, y) for x, y in spectrum])).any()


@pytest.mark.slow
def test_the_gravest_flag_is_shown_and_each_is_counted(opened):
    opened = opened.uvis.flag([(0, 1), (0, 2)], "user").uvis.flag([(0, 2), (0, 3)], "star")
    figure = opened.uvis.plot.quicklook()
    assert figure_flags(figure)[0, 1:4].tolist() == ["user", "star", "star"]
    assert {"star": 2, "user": 2}.items() <= legend(figure).items()


@pytest.mark.slow
def test_calibrated_it_is_the_brightness(calibrated):
    figure = calibrated.uvis.plot.quicklook((1300, 1700))
    light = calibrated.uvis.integrate((1300, 1700)).brightness
    np.testing.assert_allclose(drawn(figure, "brightness"), light)
    assert titles(figure)[0] == "Brightness, 1300–1700\N{NO-BREAK SPACE}Å"
    good = (calibrated.quality == 0).values
    spectra = calibrated.radiance.values[good].astype(float)
    known = np.isfinite(spectra)
    with np.errstate(invalid="ignore"):
        expected = np.where(known, spectra, 0).sum(0) / known.sum(0)
    np.testing.assert_allclose(mean(figure), expected, rtol=1e-4)


@pytest.mark.slow
def test_radiances_without_errors(made: Simulation):
    figure = made.truth.uvis.plot.quicklook((1300, 1700))
    known = made.truth.radiance.values.mean((0, 1))
    assert np.isfinite(mean(figure)).sum() == np.isfinite(known).sum()


@pytest.mark.slow
def test_radiances_by_default_where_the_channel_is_sensitive(calibrated):
    assert titles(calibrated.uvis.plot.quicklook())[0] == "Brightness, 1165–1905\N{NO-BREAK SPACE}Å"
    part = calibrated.sel(wl=slice(1400, 1500))
    assert titles(part.uvis.plot.quicklook())[0] == "Brightness, 1400–1500\N{NO-BREAK SPACE}Å"


@pytest.mark.slow
def test_the_mean_does_not_leave_the_axes(calibrated):
    (ax,) = [a for a in calibrated.uvis.plot.quicklook().axes if a.get_title()[:4] == "Mean"]
    x, y = ax.lines[0].get_xydata().T
    low, high = ax.get_xlim()
    assert (low, high) == pytest.approx((1165, 1905), abs=1)
    assert np.nanmax(y[(x > low) & (x < high)]) < ax.get_ylim()[1]


def test_what_is_integrated_has_no_spectrum(calibrated):
    figure = calibrated.uvis.integrate((1205, 1226)).uvis.plot.quicklook()
    assert titles(figure) == ["Brightness, 1205–1226\N{NO-BREAK SPACE}Å", "Quality"]


def test_one_exposure_and_one_pixel(opened):
    figure = opened.isel(pic=[3], pixel=[30]).uvis.plot.quicklook()
    assert drawn(figure, "brightness").shape == (1, 1)


@pytest.mark.slow
def test_numbers_are_those_of_the_dataset(opened):
    figure = opened.isel(pic=slice(4, 9), pixel=slice(20, 50)).uvis.plot.quicklook()
    figure.canvas.draw()
    ax = figure.axes[0]
    assert ax.get_xaxis().get_major_formatter()(0, None) == "4"
    assert ax.get_yaxis().get_major_formatter()(10, None) == "30"


@pytest.mark.slow
@pytest.mark.parametrize("band_bin", rest_slow([1, 1024], 1))
@pytest.mark.parametrize("channel", ["FUV", "EUV"])
def test_any_channel_and_binning(tmp_path, channel, band_bin):
    ds = uvisxr.open_product(
        write_product(tmp_path, f"{channel}2005_230_15_15", samples=3, band_bin=band_bin)
    )
    ds.uvis.plot.quicklook().savefig(tmp_path / "a.png")
    done = ds.uvis.calibrate(flat_field=False, trend=False, evil_pixels="interpolate")
    done.uvis.plot.quicklook().savefig(tmp_path / "a.png")


@pytest.mark.slow
def test_what_was_not_transmitted_is_no_count(tmp_path):
    counts = np.ones((2, 60, 1024), int)
    counts[0, 10, 500:] = 65535
    counts[1, 20] = 65535
    ds = uvisxr.open_product(write_product(tmp_path, "FUV2005_230_15_15", counts, exposure=2.0))
    for one in (ds, ds.uvis.rebin(wl=2)):
        rate = signal(one, None)
        assert np.isnan(rate[0, 10]) and np.isnan(rate[1, 20])
        assert signal(one, (1200, 1400))[0, 10] > 0
        assert (rate == 512).sum() == 118
        values = drawn(one.uvis.plot.quicklook(), "brightness")
        np.testing.assert_array_equal(values, rate)
    np.testing.assert_allclose(mean(ds.uvis.plot.quicklook()), 0.5)


@pytest.mark.slow
def test_a_bright_star_makes_the_scale_logarithmic(opened):
    opened = opened.load()
    opened.counts[3, 20:25] = 2000
    figure = opened.uvis.plot.quicklook()
    (image,) = [im for ax in figure.axes for im in ax.images if im.get_gid() == "brightness"]
    assert isinstance(image.norm, LogNorm)


@pytest.mark.slow
def test_all_flagged(opened):
    figure = opened.uvis.flag(opened.pixel >= 0).uvis.plot.quicklook()
    assert titles(figure)[2] == "Mean of 720 spectra, all flagged"


@pytest.mark.slow
def test_into_a_figure_of_the_users(opened):
    figure = Figure(layout="constrained")
    assert opened.uvis.plot.quicklook(figure=figure) is figure
    assert not plt.get_fignums()


@pytest.mark.slow
def test_style(opened):
    figure = opened.uvis.plot.quicklook(style={"quality_lost": {"color": "black"}})
    assert (drawn(figure, "quality") == 0).all(-1).sum() == 12


@pytest.mark.slow
def test_without_attributes_the_flags_are_the_datasets(calibrated):
    figure = calibrated.drop_attrs().drop_vars(["counts", "sensitivity"]).uvis.plot.quicklook()
    assert legend(figure)["lost"] == 12


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda ds: ds.uvis.bin(pixels=[[(1, 2)]]), MissingStepError, "binned already"),
        (lambda ds: ds.drop_vars("counts"), MissingStepError, "neither radiance nor counts"),
        (lambda ds: ds.isel(pic=0), MissingStepError, r"isel\(pic=\[0\]\)"),
    ],
)
def test_what_it_cannot_draw(opened, change, error, said):
    with pytest.raises(error, match=said):
        change(opened).uvis.plot.quicklook()


def test_a_range_beyond_the_data(opened):
    with pytest.raises(ArgumentError, match="no wavelength in wl_range"):
        opened.uvis.plot.quicklook((100, 200))


@pytest.mark.slow
def test_radiances_where_every_row_has_values(calibrated):
    end = float(calibrated.wl_bounds[900, 1])
    ragged = calibrated.assign(
        radiance=calibrated.radiance.where((calibrated.pixel < 30) | (calibrated.wl < end))
    )
    figure = ragged.uvis.plot.quicklook()
    assert titles(figure)[0] == f"Brightness, 1165–{end:.0f}\N{NO-BREAK SPACE}Å"
    good = (calibrated.quality == 0).values
    assert np.isfinite(drawn(figure, "brightness")[good]).all()


@pytest.mark.slow
def test_the_title_counts_good_spectra_without_a_value(calibrated):
    outside = (calibrated.pixel != 20) | (abs(calibrated.wl - 1500) > 3)
    holed = calibrated.assign(radiance=calibrated.radiance.where(outside))
    figure = holed.uvis.plot.quicklook()
    n = int((calibrated.quality[:, 20] == 0).sum())
    assert titles(figure)[0] == f"Brightness, 1165–1905\N{NO-BREAK SPACE}Å; {n} spectra lack a part"


@pytest.mark.slow
def test_a_range_within_a_wide_element(tmp_path):
    path = write_product(tmp_path, "FUV2005_230_15_15", samples=3, band_bin=32)
    figure = uvisxr.open_product(path).uvis.plot.quicklook((1216, 1226))
    assert titles(figure)[0] == "Count rate, 1215–1240\N{NO-BREAK SPACE}Å"


def test_what_is_no_figure(opened):
    with pytest.raises(ArgumentError, match="figure=3: expected a figure of matplotlib"):
        opened.uvis.plot.quicklook(figure=3)


def test_of_one_wavelength_the_dimension_is_asked_for(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, "FUV2005_230_15_15", band_bin=32)).load()
    with pytest.raises(MissingStepError, match=r"isel\(wl=\[0\]\)"):
        ds.isel(wl=5).uvis.plot.quicklook()
    figure = ds.isel(wl=[5]).uvis.plot.quicklook()
    assert figure.axes
    plt.close(figure)


@pytest.mark.slow
def test_lines_without_room_for_their_names_are_left_out(calibrated):
    for size, names in (((10.0, 7.0), True), ((4.5, 4.0), False)):
        figure = plt.figure(figsize=size, layout="constrained")
        calibrated.uvis.plot.quicklook(figure=figure)
        marks = figure.findobj(lambda artist: artist.get_gid() in ("emission", "emission_name"))
        assert bool(marks) is names


@pytest.mark.slow
def test_a_narrow_figure_has_its_legend_below(calibrated):
    figure = plt.figure(figsize=(3.0, 3.6), layout="constrained")
    calibrated.uvis.plot.quicklook(figure=figure)
    figure.canvas.draw()
    (legend,) = figure.legends
    assert legend.get_window_extent().y1 < min(ax.bbox.y0 for ax in figure.axes)
    assert all(ax.bbox.width > 50 for ax in figure.axes if ax.get_title())
