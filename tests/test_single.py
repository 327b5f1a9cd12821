"""Mean spectra of spectra along one dimension, held against bins of their observation."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import uvisxr
from uvisxr import simulate
from uvisxr.dataset import overview, single
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.simulate import Simulation


@pytest.fixture(scope="module")
def titan(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A simulated observation of Titan's limb, 12 exposures in 3 products."""
    return simulate.observation(tmp_path_factory.mktemp("few"), exposures=12, products=3, seed=1)


@pytest.mark.slow
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


LEVEL = ("background", {"level": 4e-4, "error": 1e-5})


@pytest.fixture(scope="module")
def found(titan):
    """Spectra at each stage: of 6 exposures, 3 of each."""
    rows = [(path, pic, pixel) for path in titan.labels for pic in (0, 2) for pixel in (20, 21, 35)]
    columns = zip(*((path.stem, str(path), pic, pixel) for path, pic, pixel in rows), strict=True)
    table = dict(zip(("product", "label", "pic", "pixel"), columns, strict=True))
    table |= {"phase": np.arange(18.0)}
    bare = ("calibrate", {"files": titan.calibration, "smooth": False})
    level = [LEVEL, bare]
    stages = {
        "counts": None,
        "net": [LEVEL],
        "rate": [("rate", {})],
        "radiance": level,
        "brightness": [*level, ("integrate", {"wl_range": (1450.0, 1800.0)})],
    }
    return {name: uvisxr.open_found(table, steps) for name, steps in stages.items()}


CALLS = {
    "bin": lambda ds: ds.uvis.bin(pixels=xr.DataArray(np.ones(18, bool), dims="spectrum")),
    "integrate": lambda ds: ds.uvis.integrate((1450.0, 1800.0)),
    "rate": lambda ds: ds.uvis.rate(),
    "fill_nan": lambda ds: ds.uvis.fill_nan(),
    "smooth": lambda ds: ds.uvis.smooth(),
}

#: What is shown to be next, and what more there is of exposures and pixels.
NEXT = {
    "counts": {"bin", "rate"},
    "net": {"bin"},
    "rate": {"bin"},
    "radiance": {"bin", "integrate", "fill_nan", "smooth"},
    "brightness": {"bin"},
}


@pytest.mark.parametrize("stage", NEXT)
def test_what_is_shown_to_be_next_can_be_done(found, stage):
    ds = found[stage]
    shown = overview.next_steps(ds)
    assert {*shown} == NEXT[stage] | {"to_netcdf"}
    assert overview.pictures(ds) == []
    for name in NEXT[stage]:
        CALLS[name](ds)


def test_exposures_are_those_of_the_spectra(found):
    assert "exposures   6 of 240 s, 2008" in repr(found["counts"].uvis)
    one = found["counts"].isel(spectrum=[0, 1])
    assert "exposures   1 of 240 s" in repr(one.uvis)
    assert "exposures   of 240 s" in repr(one.drop_vars("et").uvis)


@pytest.mark.parametrize("step", ["geometry", "calibrate", "background", "flag", "rebin"])
def test_steps_of_exposures_are_given_to_open_found(found, step):
    given = {"flag": ([(0, 0)],)}.get(step, ())
    with pytest.raises(ArgumentError, match=rf"^{step}: .*'spectrum'.*open_found\(found, steps\)"):
        getattr(found["counts"].uvis, step)(*given)


def test_others_are_of_products(found, tmp_path):
    with pytest.raises(ArgumentError, match=r"plot\.spectrum: .* merge them with ds\.uvis\.bin"):
        found["radiance"].uvis.plot.spectrum()
    with pytest.raises(ArgumentError, match=r"to_json: .*uvisxr\.open_observation"):
        found["radiance"].uvis.to_json(tmp_path / "a.json")


def test_what_is_stacked_by_hand_is_told_so(titan):
    ds = titan.open().stack(spectrum=("pic", "pixel"))
    with pytest.raises(ArgumentError, match="pic and pixel were stacked"):
        ds.uvis.calibrate(files=titan.calibration)


def test_bins_keep_their_background(found):
    """It was taken off of the radiances, and is in the counts, from which it cannot be taken."""
    for stage in ("net", "radiance"):
        binned = CALLS["bin"](found[stage])
        assert overview.done(binned)["background"] == "by hand"
        assert "rate" not in overview.next_steps(binned)
        with pytest.raises(MissingStepError, match="rate: the spectra are binned already"):
            binned.uvis.rate()
    plain = CALLS["bin"](found["counts"])
    assert "background" not in overview.done(plain)
    assert "rate" in plain.uvis.rate()


@pytest.mark.parametrize(
    "pixels",
    [
        [np.ones(18, bool)],
        np.ones(18, bool),
        [(0, 20), (0, 21)],
        [[(0, 0)]],
        [],
        xr.DataArray(np.arange(18), dims="spectrum"),
        [xr.DataArray(np.ones(18, bool), dims="pic")],
    ],
)
def test_spectra_are_chosen_by_masks_alone(found, pixels):
    """Pairs would be those of another frame than the coordinates."""
    with pytest.raises(ArgumentError, match="a boolean DataArray over spectrum"):
        found["counts"].uvis.bin(pixels=pixels)


def test_masks_are_of_all_spectra(found):
    with pytest.raises(ArgumentError, match="of 17 spectra, and the dataset of 18"):
        found["counts"].uvis.bin(pixels=xr.DataArray(np.ones(17, bool), dims="spectrum"))
