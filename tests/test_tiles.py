"""Sums that are kept change no mean."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from helpers.handmade import located, sky
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.bins import statistics, tiles
from uvisxr.bins.binning import bin as bin_spectra
from uvisxr.bins.tiles import Means
from uvisxr.instrument.detector import Window

WINDOW = Window(2, 500, 11, 524, band_bin=2)  # 10 rows, 13 elements
N_PIC, N_PIXEL = 150, 10

#: Names of statistics, and of what `bin` makes of them.
NAMES = {
    "mean": "radiance",
    "std": "radiance_std",
    "weighted": "radiance_weighted",
    "weighted_upper": "radiance_weighted_upper",
    "weighted_lower": "radiance_weighted_lower",
    "weighted_systematic": "radiance_weighted_systematic",
}


@pytest.fixture(scope="module")
def scene() -> xr.Dataset:
    """With elements that no spectrum has, some that one lacks, and an error without end."""
    rng = np.random.default_rng(4)
    ds = located(sky(rng, n_pic=N_PIC, rate=2e-2, window=WINDOW))
    shape = ds.counts.shape
    scale, counts = rng.uniform(0.3, 0.6, shape), ds.counts.values
    arrays = {"radiance": scale * counts - 0.5}
    arrays["radiance_upper"] = scale * np.sqrt(counts + 1.3)
    arrays["radiance_lower"] = scale * np.sqrt(counts * 1.0)
    arrays["radiance_systematic"] = 0.1 * abs(arrays["radiance"])
    arrays["radiance"][..., -2:] = np.nan
    arrays["radiance"][rng.random(shape) < 0.01] = np.nan
    arrays["radiance_upper"][70, 3, 5] = np.inf
    made = {k: (ds.counts.dims, a.astype(np.float32)) for k, a in arrays.items()}
    return ds.assign(made).assign(exposure=("pic", rng.uniform(100, 300, N_PIC)))


def box(ends: tuple[int, int, int, int]) -> np.ndarray:
    a, b, c, d = ends
    mask = np.zeros((N_PIC, N_PIXEL), bool)
    mask[min(a, b) : max(a, b) + 1, min(c, d) : max(c, d) + 1] = True
    return mask


exposure, pixel = st.integers(0, N_PIC - 1), st.integers(0, N_PIXEL - 1)
boxes = st.tuples(exposure, exposure, pixel, pixel).map(box)


@given(
    masks=st.lists(boxes, min_size=1, max_size=2),
    before=st.lists(boxes, max_size=3),
    flagged=st.lists(st.tuples(exposure, pixel), max_size=5),
)
def test_any_selection_is_as_bins_have_it(scene, masks, before, flagged):
    """Whatever was selected before, with other flags."""
    means, usable = Means(scene), np.ones((N_PIC, N_PIXEL), bool)
    for mask in before:
        means.of([mask], usable)
    for at in flagged:
        usable[at] = False
    masks = [mask & usable for mask in masks]
    if not any(mask.any() for mask in masks):
        return
    found = means.of(masks, usable)
    coords = {dim: scene[dim] for dim in ("pic", "pixel")}
    expected = bin_spectra(
        scene, pixels=[xr.DataArray(mask, coords, ("pic", "pixel")) for mask in masks], exclude=()
    )
    for name, variable in NAMES.items():
        np.testing.assert_allclose(
            found[name], expected[variable], rtol=2e-5, atol=2e-6, err_msg=name
        )


def test_what_is_kept_is_not_summed_again(scene, monkeypatch):
    summed = []
    over = statistics.Aggregation.over

    def counted(self, members, *given, **named):
        summed.append(members.spectrum.size)
        return over(self, members, *given, **named)

    monkeypatch.setattr(statistics.Aggregation, "over", counted)
    means, deep = Means(scene), tiles._DEEP

    def spectra(mask: np.ndarray) -> int:
        summed.clear()
        means.of([mask], usable)
        return sum(summed)

    usable = box((0, N_PIC, 0, N_PIXEL))
    means.prepare(usable)
    assert sum(summed) == N_PIC * N_PIXEL + deep
    # The tile with the error that has no end is not kept.
    assert spectra(usable) == deep
    # Whole tiles, and two exposures beyond.
    assert spectra(box((0, deep + 1, 4, 9))) == 2 * 6
    # Of what is flagged one tile holds less than before, once.
    usable[3, 8] = False
    assert spectra(usable) == deep - 1 + deep
    assert spectra(usable) == deep
    assert spectra(box((0, deep - 1, 8, 8))) == deep
    assert spectra(box((0, deep - 1, 8, 8)) & usable) == 0


def test_what_overflows_has_no_bounds(scene):
    huge = {name: scene[name] * np.float32(1e25) for name in ("radiance", "radiance_upper")}
    everything = box((0, N_PIC, 0, N_PIXEL))
    found = Means(scene.assign(huge)).of([everything], everything)
    known = np.isfinite(found["n"]) & (found["n"] > 0)
    assert np.isfinite(found["mean"][known]).all()


def test_sums_that_were_interrupted_are_not_those_of_other_spectra(scene):
    """As by Ctrl-C in a notebook, between one step and the next."""

    class Interrupted(np.ndarray):
        def __setitem__(self, key, value):
            super().__setitem__(key, value)
            raise KeyboardInterrupt

    means, usable = Means(scene), box((0, N_PIC, 0, N_PIXEL))
    few = usable & ~box((3, 9, 2, 5))
    (before,) = means.of([usable], usable)["weighted"]
    sums = means._sums
    means._sums = sums.view(Interrupted)
    with pytest.raises(KeyboardInterrupt):
        means.of([few], few)
    means._sums = sums
    (after,) = means.of([usable], usable)["weighted"]
    np.testing.assert_allclose(after, before, rtol=1e-5)
