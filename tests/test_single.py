"""Mean spectra of spectra along one dimension, held against bins of their observation."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr import simulate
from uvisxr.dataset import single
from uvisxr.simulate import Simulation


@pytest.fixture(scope="module")
def titan(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A simulated observation of Titan's limb, 12 exposures in 3 products."""
    return simulate.observation(tmp_path_factory.mktemp("few"), exposures=12, products=3, seed=1)


def test_bins_of_found_spectra(titan):
    """Those of the same spectra in their observation, with its bounds."""
    steps = [
        ("background", {"level": 4e-4, "error": 1e-5}),
        ("calibrate", {"files": titan.calibration}),
    ]
    rows = [(path, pic, pixel) for path in titan.labels for pic in (0, 2) for pixel in (20, 21, 35)]
    alt = np.arange(18.0) % 3
    columns = zip(*((path.stem, str(path), pic, pixel) for path, pic, pixel in rows), strict=True)
    table = dict(zip(("product", "label", "pic", "pixel"), columns, strict=True))
    found = uvisxr.open_found(table | {"alt": alt}, steps)
    binned = found.uvis.bin({"alt": [-0.5, 1.5, 2.5]}, exclude=())
    assert binned.radiance.chunks and binned.n.values.tolist() == [12, 6]
    observed = uvisxr.open_observation(*titan.labels)
    for name, given in steps:
        observed = getattr(observed.uvis, name)(**given)
    pics = [4 * k + pic for k in range(3) for pic in (0, 2)]
    groups = [[(p, q) for p in pics for q in some] for some in ((20, 21), (35,))]
    whole = observed.uvis.bin(pixels=groups, exclude=())
    for name in ("", "_upper", "_lower", "_std", "_stderr", "_variance", "_background_error"):
        ours, theirs = (ds[f"radiance{name}"].values for ds in (binned, whole))
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-6, err_msg=name)
    # Spectra weigh by their exposures, not by the sensitivities of their rows too.
    np.testing.assert_allclose(binned.radiance_weighted, binned.radiance, rtol=1e-4, atol=1e-6)
    brightness = [ds.uvis.integrate((1450.0, 1800.0)) for ds in (binned, whole)]
    for name in ("brightness", "brightness_upper", "brightness_lower"):
        ours, theirs = (ds[name].values for ds in brightness)
        np.testing.assert_allclose(ours, theirs, rtol=0.02, err_msg=name)
    where = found.pixel.values[binned.member_spectrum.values]
    assert {*where[binned.member_bin.values == 1].tolist()} == {35}
    masked = found.uvis.bin(pixels=[xr.DataArray(alt == 2, dims="spectrum")], exclude=())
    np.testing.assert_array_equal(masked.radiance[0], binned.radiance[1])


def test_others_are_left_as_they_are(titan):
    ds = titan.open()
    assert single.as_exposures(ds) is ds
    assert single.masks([(1, 2)]) == [(1, 2)]
