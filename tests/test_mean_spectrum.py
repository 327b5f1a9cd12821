"""Mean spectra of products: the same bits in any blocks, none of which waits for another."""

from __future__ import annotations

import weakref
from fractions import Fraction

import dask
import numpy as np
import pytest
import xarray as xr
from helpers import calfiles

from uvisxr.calibration import mean_spectrum
from uvisxr.calibration.mean_spectrum import Exposures
from uvisxr.dataset import lazy
from uvisxr.instrument.detector import Window
from uvisxr.netcdf import deflate

#: No whole numbers in binary.
SECONDS = np.array([0.1, 18.001, 240.3, 7.7, 7.7, 1e-3, 120.0])


@pytest.fixture
def counts() -> xr.Variable:
    values = np.random.default_rng(3).poisson(2.0, (7, 4, 9)).astype(np.uint16)
    values[2, 1, 3:5] = 65535
    values[:, 2, 0] = 65535
    values[5] = 65535
    return xr.Variable(("pic", "pixel", "wl"), values)


def exposures() -> Exposures:
    return Exposures(np.arange(7), SECONDS)


@pytest.mark.parametrize("chunks", [1, 2, 3, (1, 6), 7])
@pytest.mark.parametrize("at_once", [1, 2**18])
def test_sums_do_not_depend_on_blocks(counts, monkeypatch, chunks, at_once):
    whole = exposures().sums(counts)
    monkeypatch.setattr(mean_spectrum, "_BLOCK", at_once)
    assert exposures().sums(counts).tobytes() == whole.tobytes()
    lazy = exposures().sums(counts.chunk(pic=chunks))
    assert lazy.compute().tobytes() == whole.tobytes()


def test_sums_are_those_of_what_is_there(counts):
    total, lost = exposures().sums(counts)
    there = counts.values != 65535
    np.testing.assert_array_equal(total, np.where(there, counts.values, 0).sum(0))
    times = exposures().times(lost)
    for place in np.ndindex(4, 9):
        exact = sum(map(Fraction, SECONDS[there[:, *place]]), Fraction(0))
        assert times[place] == pytest.approx(float(exact), rel=1e-14, abs=0)
    assert times[2, 0] == 0
    full = exposures().times(np.zeros((4, 9)))
    assert set(full.ravel()) == {sum(SECONDS.tolist())}


def test_a_product_among_others(counts):
    product = np.array([0, 1, 0, 0, 1, 1, 0])
    for lazily in (False, True):
        given = counts.chunk(pic=3) if lazily else counts
        for some in Exposures.of_products(product, SECONDS):
            found, _ = np.asarray(some.sums(given))
            part = counts.values[some.place]
            np.testing.assert_array_equal(found, np.where(part == 65535, 0, part).sum(0))


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("fast", [False, True])
def test_no_block_of_counts_waits_for_others(tmp_path, monkeypatch, compact, fast):
    """Though mean spectra and what was never sent follow from all of them; of large arrays."""
    monkeypatch.setattr(lazy, "_SMALL", 0)
    if not fast:
        monkeypatch.setattr(deflate, "available", lambda: False)
    ds = calfiles.poisson(24, Window(10, 0, 29, 1023, 1, 4))
    alive, most = 0, []

    def gone() -> None:
        nonlocal alive
        alive -= 1

    def block(values: np.ndarray) -> np.ndarray:
        nonlocal alive
        made = values.copy()
        # Views of it keep it too.
        weakref.finalize(made, gone)
        alive += 1
        most.append(alive)
        return made

    counts = ds.counts.chunk(pic=1).data.map_blocks(
        block, dtype="u2", meta=np.empty((0, 0, 0), "u2")
    )
    ds = ds.assign(counts=(ds.counts.dims, counts, ds.counts.attrs))
    with dask.config.set(scheduler="synchronous"):
        ds = ds.uvis.calibrate(flat_field=False, trend=False)
        ds.uvis.to_netcdf(tmp_path / "a.nc", compact=compact)
    assert len(most) >= 48
    assert max(most) <= 3
