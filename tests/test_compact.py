"""Compact files: without the arrays that follow from the counts, which come back bit for bit."""

from __future__ import annotations

import json
import pickle
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from helpers import calfiles
from helpers.slow import rest_slow

import uvisxr
from uvisxr.calibration import convert
from uvisxr.calibration.convert import OUTPUTS
from uvisxr.calibration.reduced import leave_out, restored
from uvisxr.errors import (
    ArgumentError,
    ExportError,
    MissingStepError,
    NoFileError,
    UvisError,
    UvisWarning,
)
from uvisxr.instrument.detector import Window
from uvisxr.netcdf import deflate

WINDOW = Window(10, 0, 29, 1023, 1, 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return calfiles.folder(tmp_path_factory.mktemp("calibration"))


@pytest.fixture(scope="module")
def opened() -> xr.Dataset:
    """Two products, of which counts are missing."""
    ds = calfiles.poisson(5, WINDOW, compression="SQRT_9")
    ds["counts"][1, 3, 20:24] = 65535
    ds["counts"][4, 7] = 65535
    return ds.assign_coords(product=("pic", np.array(["A", "A", "B", "B", "B"])))


@pytest.fixture(scope="module")
def calibrated(opened, folder) -> xr.Dataset:
    return opened.uvis.background(level=4e-4, error=1e-5).uvis.calibrate(
        files=folder, trend="evolution"
    )


def assert_the_same(a: xr.Dataset, b: xr.Dataset) -> None:
    """Identical, and to the last bit."""
    xr.testing.assert_identical(a, b)
    assert set(a.coords) == set(b.coords)
    for name, variable in a.variables.items():
        if variable.dtype.kind == "f":
            assert variable.dtype == b[name].dtype
            assert variable.values.tobytes() == b[name].values.tobytes(), name


@pytest.mark.parametrize("way", ["netCDF4 alone", "with [fast]"])
@pytest.mark.parametrize(
    "options",
    rest_slow(
        [
            {},
            {"smooth": False},
            {"smooth": True, "errors": "total"},
            {"nan_interp": None},
            {"nan_interp": "pchip", "fill_limit": None},
            {"nan_interp": "shape", "interval": "score", "smooth": False},
            {"quantization": True, "recipe": "pds", "trend": False},
            {"evil_pixels": "interpolate", "flat_field": False},
        ],
        4,
    ),
    ids=str,
)
@pytest.mark.parametrize("lazy", rest_slow([True, False], 1))
def test_everything_comes_back(opened, folder, tmp_path, monkeypatch, options, lazy, way):
    monkeypatch.setattr(deflate, "_LARGE", 0)
    if way == "netCDF4 alone":
        monkeypatch.setattr(deflate, "available", lambda: False)
    ds = opened.assign(counts=opened.counts.chunk(pic=2)) if lazy else opened
    options = {"files": folder, "trend": "evolution"} | options
    options = {"files": folder, "trend": "evolution"} | options
    ds = ds.uvis.background(level=4e-4, error=1e-5).uvis.calibrate(**options)
    blocks = {"counts": {"chunksizes": (2, *opened.counts.shape[1:])}}
    path = ds.uvis.to_netcdf(tmp_path / "a.nc", compact=True, encoding=blocks)
    back = uvisxr.open_reduced(path)
    for name in OUTPUTS:
        assert back[name].chunks[0] == (2, 2, 1)
    expected = opened.uvis.background(level=4e-4, error=1e-5).uvis.calibrate(**options)
    assert_the_same(back.load(), expected)


def test_what_others_see(calibrated, tmp_path):
    path = calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    whole = calibrated.uvis.to_netcdf(tmp_path / "b.nc")
    assert path.stat().st_size < 0.5 * whole.stat().st_size
    plain = xr.load_dataset(path)
    assert plain.attrs.pop("left_out") == " ".join(OUTPUTS)
    assert "uvisxr.open_reduced(path)" in plain.attrs.pop("left_out_comment")
    assert "counts" in plain.attrs.pop("left_out_follows_from")
    expected_sums = [zlib.crc32(counts.astype("<u2").tobytes()) for counts in plain.counts.values]
    assert plain.counts_checksum.values.tolist() == expected_sums
    plain = plain.drop_vars("counts_checksum")
    assert plain.attrs.pop("title") == "Cassini/UVIS: photon counts"
    expected = calibrated.drop_vars(OUTPUTS)
    assert expected.attrs.pop("title") == "Cassini/UVIS: spectral radiance"
    xr.testing.assert_identical(plain, expected)


def test_nothing_is_read_before_it_is_asked_for(calibrated, tmp_path, monkeypatch):
    path = calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True)

    def no(*args, **options):
        raise AssertionError("a radiance was computed")

    with monkeypatch.context() as patch:
        patch.setattr(convert.Conversion, "radiances", no)
        patch.setattr("uvisxr.calibration.reduced.Stored.of", no)
        back = uvisxr.open_reduced(path)
        assert back.radiance.attrs == calibrated.radiance.attrs
    # Neither does it carry the terms of its calibration, which many files would fill memory with.
    assert len(pickle.dumps(back.radiance.data.dask)) < 100_000
    one = back.radiance.isel(pic=[2], pixel=[4]).load()
    xr.testing.assert_identical(one, calibrated.radiance.isel(pic=[2], pixel=[4]))


def test_lazy_radiances_are_not_computed(opened, folder, tmp_path):
    """Nor are the counts that they would be computed from, but to be written, and for checksums."""
    computed = []

    def block(values):
        computed.append(values.shape)
        return values

    counts = da.from_array(opened.counts.values, chunks=(2, -1, -1))
    counts = counts.map_blocks(block, dtype=counts.dtype, meta=counts._meta, name="counted")
    ds = opened.assign(counts=(opened.counts.dims, counts, opened.counts.attrs))
    ds = ds.uvis.calibrate(files=folder, trend="evolution")
    computed.clear()
    path = ds.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    assert len(computed) == 2 * 3
    assert_the_same(uvisxr.open_reduced(path).load(), ds.load())


def halved(ds: xr.Dataset) -> xr.Dataset:
    return ds.assign(radiance=ds.radiance.copy(data=ds.radiance / 2))


def one_bit(ds: xr.Dataset) -> xr.Dataset:
    ds = ds.copy(deep=True)
    ds["radiance_lower"].values.reshape(-1).view(np.uint32)[5000] ^= 1
    return ds


def worded(ds: xr.Dataset) -> xr.Dataset:
    ds = ds.copy()
    ds["radiance"] = ds["radiance"].assign_attrs(comment="mine", mask=np.arange(3))
    return ds


#: What may become of radiances, and which of the arrays are then in the file.
CHANGES: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], set[str]]] = {
    "nothing": (lambda ds: ds, set()),
    "in blocks": (lambda ds: ds.chunk(pic=2), set()),
    "flagged": (lambda ds: ds.uvis.flag([(0, 3)], "star"), set()),
    "another background": (lambda ds: ds.uvis.background(level=6e-4), set()),
    "fewer pixels": (lambda ds: ds.isel(pixel=slice(3, 9)), {"radiance_systematic"}),
    "other order": (lambda ds: ds.transpose("wl", "pixel", "pic", ...), set(OUTPUTS)),
    "smoothed": (lambda ds: ds.uvis.smooth(), {"radiance"}),
    "smoothed twice": (lambda ds: ds.uvis.smooth().uvis.smooth(force=True), set(OUTPUTS)),
    "filled": (lambda ds: ds.uvis.fill_nan("pchip"), set(OUTPUTS)),
    "halved": (halved, {"radiance"}),
    "one bit": (one_bit, {"radiance_lower"}),
    "attributes": (worded, {"radiance"}),
    "errors as data": (lambda ds: ds.reset_coords("radiance_upper"), {"radiance_upper"}),
    "double": (lambda ds: ds.assign(radiance=ds.radiance.astype(float)), {"radiance"}),
    "no counts": (lambda ds: ds.drop_vars("counts"), set(OUTPUTS)),
    "no wavelengths": (lambda ds: ds.isel(wl=slice(50, 150)), {"radiance_systematic"}),
    "no lines": (lambda ds: ds.drop_vars("line"), set(OUTPUTS)),
    "one exposure": (lambda ds: ds.isel(pic=1), {"radiance_systematic"}),
    "no arguments": (lambda ds: ds.assign_attrs(calibrate_arguments="{}"), set(OUTPUTS)),
    "bins": (lambda ds: ds.uvis.bin(pixels=[[(0, 1), (1, 3)], [(2, 5)]]), {"radiance"}),
    "integral": (lambda ds: ds.uvis.integrate((1300, 1700)), set()),
    "counts alone": (lambda ds: ds.drop_vars(OUTPUTS), set()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_would_come_back_otherwise_is_written(calibrated, tmp_path, recwarn, change):
    function, kept = CHANGES[change]
    ds = function(calibrated)
    recwarn.clear()
    path = ds.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    with xr.open_dataset(path) as plain:
        there = set(OUTPUTS) & set(plain.variables)
    if change in ("fewer pixels", "no wavelengths", "one exposure"):
        # Whether their values depend on what was left off is theirs to say.
        kept = there
    assert there >= kept
    told = [str(w.message) for w in recwarn if "compact file keeps" in str(w.message)]
    assert bool(told) == bool(there)
    assert_the_same(uvisxr.open_reduced(path).load(), ds.load())


def test_trees_and_groups(calibrated, tmp_path):
    tree = xr.DataTree.from_dict({"/window0": calibrated, "/window1": calibrated.isel(pixel=[0])})
    path = tree.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    back = uvisxr.open_reduced(path)
    assert back["window0"].radiance.chunks is not None
    xr.testing.assert_identical(back.load(), tree)
    path = calibrated.uvis.to_netcdf(tmp_path / "b.nc", compact=True, group="fuv")
    assert_the_same(uvisxr.open_reduced(path)["fuv"].to_dataset().load(), calibrated)


def test_a_file_that_is_not_compact(calibrated, tmp_path):
    path = calibrated.uvis.to_netcdf(tmp_path / "a.nc")
    assert_the_same(uvisxr.open_reduced(path).load(), calibrated)


def test_later_steps_on_what_others_see(calibrated, folder, tmp_path):
    """They are those of counts, and what is left out stays so, until there are radiances again."""
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    with pytest.raises(MissingStepError, match=r"leaves it out.*uvisxr\.open_reduced\(path\)"):
        plain.uvis.integrate((1300, 1700))
    again = plain.uvis.calibrate(files=folder, trend="evolution")
    assert not [name for name in again.attrs if name.startswith("left_out")]
    flagged = plain.uvis.flag([(0, 3)], "star")
    back = uvisxr.open_reduced(flagged.uvis.to_netcdf(tmp_path / "b.nc"))
    expected = calibrated.assign_coords(quality=flagged.quality.variable).radiance
    assert "counts_checksum" not in back.variables
    xr.testing.assert_identical(back.radiance.load(), expected)
    binned = plain.uvis.bin(pixels=[[(0, 1), (1, 3)], [(2, 5)]])
    with pytest.warns(UvisWarning, match=r"holds no radiance, .*nor can they be given back"):
        path = binned.uvis.to_netcdf(tmp_path / "c.nc")
    back = uvisxr.open_reduced(path)
    assert not [name for name in back.attrs if name.startswith("left_out")]


def test_a_file_whose_counts_are_gone(calibrated, tmp_path):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    less = plain.drop_vars("counts")
    less.to_netcdf(tmp_path / "b.nc")
    with pytest.warns(UvisWarning, match=r"b\.nc leaves out radiance, .*are gone"):
        back = uvisxr.open_reduced(tmp_path / "b.nc")
    xr.testing.assert_equal(back.load(), less)


def test_what_was_left_out_before_stays_so(calibrated):
    once, why = leave_out(one_bit(calibrated))
    assert "radiance_lower" in why
    mended = once.assign_coords(radiance_lower=calibrated.radiance_lower)
    mended = mended.assign(radiance=calibrated.radiance)
    less, why = leave_out(mended)
    assert (less.attrs["left_out"], why) == (" ".join(OUTPUTS), "")
    assert_the_same(restored(less), calibrated)


def test_writing_later(calibrated, tmp_path):
    path = tmp_path / "a.nc"
    later = calibrated.uvis.to_netcdf(path, compact=True, compute=False)
    assert later.compute() == path
    assert_the_same(uvisxr.open_reduced(path).load(), calibrated)


def test_encodings_of_what_radiances_follow_from(calibrated, tmp_path):
    path = tmp_path / "a.nc"
    lossy: dict[str, Any] = {"dtype": "float32"}
    lossless = {"zlib": True, "complevel": 9}
    tree = xr.DataTree.from_dict({"/window0": calibrated})
    for ds, nested in ((calibrated, False), (tree, True)):
        given = {"sensitivity": lossy}
        with pytest.raises(ArgumentError, match=r"encoding\['sensitivity'\].*compact=True"):
            ds.uvis.to_netcdf(path, compact=True, encoding={"/window0": given} if nested else given)
    given = {"sensitivity": lossless, "evil": {"dtype": "int16"}}
    calibrated.uvis.to_netcdf(path, compact=True, encoding=given)
    assert_the_same(uvisxr.open_reduced(path).load(), calibrated)


def test_wrong_calls(calibrated, tmp_path):
    path = calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    with pytest.raises(ArgumentError, match="compact='yes'"):
        calibrated.uvis.to_netcdf(tmp_path / "b.nc", compact="yes")
    with pytest.raises(NoFileError, match="there is no file"):
        uvisxr.open_reduced(tmp_path / "c.nc")
    with pytest.raises(ArgumentError, match="chunks='some'"):
        uvisxr.open_reduced(path, chunks="some")
    (tmp_path / "d.nc").write_text("notes")
    with pytest.raises(ExportError, match=r"cannot read .*d\.nc"):
        uvisxr.open_reduced(tmp_path / "d.nc")


def test_a_file_whose_terms_are_damaged(calibrated, tmp_path):
    path = calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    broken = xr.load_dataset(path).assign_attrs(calibrate_arguments="{}")
    broken.to_netcdf(tmp_path / "b.nc")
    with pytest.raises(ExportError, match="calibrate_arguments is not as written"):
        uvisxr.open_reduced(tmp_path / "b.nc")


def joined_anew(ds: xr.Dataset) -> xr.Dataset:
    """Cut by exposures and joined in another order."""
    parts = [ds.isel(pic=slice(2, None)), ds.isel(pic=slice(0, 2))]
    return xr.concat(parts, "pic", data_vars="minimal", coords="minimal", compat="override")


def two_and_two(ds: xr.Dataset) -> xr.Dataset:
    """Exposures averaged in pairs by plain xarray."""
    names = ["counts", "et", "exposure"]
    sums = ds["counts_checksum"][:2]
    ds = ds.drop_vars(["product", "counts_checksum"])
    less = ds[names].isel(pic=slice(0, 4)).coarsen(pic=2).sum()
    counts = less["counts"].astype(ds["counts"].dtype)
    return (
        ds.isel(pic=slice(0, 2))
        .assign({n: less[n] for n in names} | {"counts": counts})
        .assign_coords(counts_checksum=sums)
    )


#: What plain xarray may make of a compact file, and what then is not as it was written.
BY_OTHERS: dict[str, tuple[Callable[[xr.Dataset], xr.Dataset], str]] = {
    "exposures": (lambda ds: ds.isel(pic=slice(1, 4)), "counts .*, et"),
    "one exposure": (lambda ds: ds.isel(pic=2), "counts .*, et"),
    "an exposure of two products": (lambda ds: ds.isel(pic=[0, 4]), "counts .*, et"),
    "pixels": (
        lambda ds: ds.isel(pixel=slice(3, 9)),
        r"calibration_error \(pixel=20 .*, now pixel=6 .*, line",
    ),
    "wavelengths": (lambda ds: ds.sel(wl=slice(1300, 1700)), "band"),
    "pairs": (two_and_two, "counts .*, et"),
    "wide pixels": (
        lambda ds: (
            ds.drop_vars(["quality", "product", "counts_checksum"])
            .coarsen(pixel=2)
            .sum()
            .drop_encoding()
        ),
        "lost counts_checksum|calibration_error .*, counts",
    ),
    "another order": (joined_anew, "et, product are"),
    "backwards": (lambda ds: ds.isel(wl=slice(None, None, -1)), "band, .*wl"),
    "transposed": (lambda ds: ds.transpose("wl", "pixel", "pic", ...), "counts"),
    "no background": (lambda ds: ds.drop_vars("background"), "background is"),
    "another background": (lambda ds: ds.assign_coords(background=1e-3), "background is"),
    "masked": (
        lambda ds: ds.assign(counts=ds.counts.where(ds.counts < 9)),
        r"counts \(.*, now .*\) is",
    ),
    "another exposure time": (lambda ds: ds.assign_coords(exposure=ds.exposure * 2), "exposure is"),
    "no product": (lambda ds: ds.drop_vars("product"), "product is"),
    "shifted": (lambda ds: ds.assign_coords(wl=ds.wl + 0.1), "wl is"),
    "fewer terms": (lambda ds: ds.isel(term=slice(0, 2)), "sensitivity .* is"),
    "another compression": (lambda ds: ds.assign_attrs(compression="NONE"), "compression is"),
    "two files": (
        lambda ds: xr.concat([ds, ds], "pic", coords="all", data_vars="all", compat="equals"),
        r"band \(wl=256, now pic=10 wl=256\)",
    ),
    "no checksums": (
        lambda ds: ds.assign_attrs(left_out_follows_from=""),
        "lost its attribute left_out_follows_from",
    ),
    "radiance": (lambda ds: ds.assign(radiance=ds.counts * 1.0), "it holds radiance too"),
}


@pytest.mark.parametrize("change", BY_OTHERS)
def test_files_that_others_changed_give_no_other_radiances(calibrated, tmp_path, change):
    function, differs = BY_OTHERS[change]
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    function(plain).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(
        ExportError, match=rf"b\.nc: .*{differs}.*what uvisxr\.open_reduced\(path\)"
    ):
        uvisxr.open_reduced(tmp_path / "b.nc")


@pytest.mark.parametrize("text", ["", "5", "[]", '{"wl": 5}', "[" * 50_000])
def test_checksums_of_another_form(calibrated, tmp_path, text):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    plain.assign_attrs(left_out_follows_from=text).to_netcdf(tmp_path / "b.nc")
    with pytest.raises(ExportError, match="lost its attribute left_out_follows_from"):
        uvisxr.open_reduced(tmp_path / "b.nc")


@pytest.mark.parametrize("name", ["sensitivity", "calibration_error"])
def test_terms_are_checked_when_they_are_read(calibrated, tmp_path, name):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    plain[name][..., 10, 100] *= 1.5
    plain.to_netcdf(tmp_path / "b.nc")
    back = uvisxr.open_reduced(tmp_path / "b.nc")
    with pytest.raises(UvisError, match=rf"b\.nc: {name} is not as written"):
        back.radiance.load()


def test_files_that_others_only_copied_come_back(calibrated, tmp_path):
    """Or to which they added what radiances do not follow from."""
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    mine = plain.assign_attrs(title="mine").assign(mean=plain.counts.mean("pic"))
    mine.to_netcdf(tmp_path / "b.nc")
    back = uvisxr.open_reduced(tmp_path / "b.nc").load()
    for name in OUTPUTS:
        xr.testing.assert_identical(back[name].variable, calibrated[name].variable)


def rolled(counts: xr.DataArray) -> xr.DataArray:
    return counts.roll(pic=1)


def averaged(counts: xr.DataArray) -> xr.DataArray:
    return counts.rolling(pic=3, min_periods=1).mean().round().astype(counts.dtype)


@pytest.mark.parametrize("change", [rolled, averaged])
def test_counts_that_others_changed_are_not_converted(calibrated, tmp_path, change):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    with xr.set_options(keep_attrs=True):
        plain["counts"] = change(plain.counts)
    plain.to_netcdf(tmp_path / "b.nc")
    words = "the counts of . exposures are not as written"
    with pytest.raises(UvisError, match=rf"b\.nc: {words}"):
        uvisxr.open_reduced(tmp_path / "b.nc").load()
    with pytest.raises(UvisError, match=words):
        restored(plain)


def test_types_that_others_gave(calibrated, tmp_path):
    """Equal numbers in other types give the same radiances."""
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    types = {"band": "u2", "line": "u1", "exposure": "f4"}
    plain.to_netcdf(tmp_path / "b.nc", encoding={n: {"dtype": t} for n, t in types.items()})
    back = uvisxr.open_reduced(tmp_path / "b.nc").load()
    for name in OUTPUTS:
        xr.testing.assert_identical(back[name].variable, calibrated[name].variable)


def test_unsigned_lines_and_bands(opened, folder):
    """As of files, whose types others chose."""
    odd = opened.assign_coords(line=opened.line.astype("u2"), band=opened.band.astype("u2"))
    options = {"files": folder, "trend": "evolution", "evil_pixels": "mask"}
    found, expected = (ds.uvis.calibrate(**options) for ds in (odd, opened))
    for name in OUTPUTS:
        xr.testing.assert_identical(found[name].variable, expected[name].variable)


def test_another_version_is_told(calibrated, tmp_path):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    seal = json.loads(plain.attrs["left_out_follows_from"]) | {"uvisxr": "0.0.1"}
    plain.assign_attrs(left_out_follows_from=json.dumps(seal)).to_netcdf(tmp_path / "b.nc")
    with pytest.warns(UvisWarning, match=r"uvisxr 0\.0\.1 left out radiance"):
        uvisxr.open_reduced(tmp_path / "b.nc")


def test_blocks_that_were_changed_in_memory_are_kept(opened, folder, tmp_path):
    lazy = opened.assign(counts=opened.counts.chunk(pic=2))
    ds = lazy.uvis.calibrate(files=folder, trend="evolution").persist()

    def change(block):
        block[:, 5, 60:70] = 0
        return block

    ds.radiance.data.map_blocks(change, meta=ds.radiance.data._meta).compute()
    with pytest.warns(UvisWarning, match=r"keeps radiance: not as the calibration"):
        path = ds.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    assert_the_same(uvisxr.open_reduced(path).load(), ds.load())


def test_radiances_written_into_a_compact_dataset_are_not_called_left_out(calibrated, tmp_path):
    plain = xr.load_dataset(calibrated.uvis.to_netcdf(tmp_path / "a.nc", compact=True))
    mine = plain.assign({name: calibrated[name].variable * 2 for name in OUTPUTS})
    back = uvisxr.open_reduced(mine.uvis.to_netcdf(tmp_path / "b.nc")).load()
    xr.testing.assert_identical(back.radiance.variable, mine.radiance.variable)
    assert not [name for name in back.attrs if name.startswith("left_out")]


@pytest.mark.parametrize("one", [{"pixel": 4}, {"pic": 1}, {"wl": 9}, {"pic": 1, "pixel": 4}])
@pytest.mark.parametrize("lazy", rest_slow([True, False], 1))
def test_parts_of_which_nothing_is_filled(opened, folder, tmp_path, one, lazy):
    ds = opened.assign(counts=opened.counts.chunk(pic=2)) if lazy else opened
    ds = ds.uvis.calibrate(files=folder, trend="evolution", nan_interp=None, smooth=False)
    part = ds.isel(one)
    path = part.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    assert xr.load_dataset(path).attrs["left_out"].split()[0] == "radiance"
    assert_the_same(uvisxr.open_reduced(path).load(), part.load())


def test_no_exposures(calibrated, tmp_path):
    none = calibrated.isel(pic=slice(0, 0))
    path = none.uvis.to_netcdf(tmp_path / "a.nc", compact=True)
    assert_the_same(uvisxr.open_reduced(path).load(), none)


def test_an_encoding_of_what_is_left_out_is_not_used(calibrated, tmp_path):
    short = {"dtype": "int16", "scale_factor": 0.01, "_FillValue": -1}
    tree = xr.DataTree.from_dict({"/window0": calibrated})
    with pytest.warns(UvisWarning, match="leaves out radiance: its encoding is not used"):
        tree.uvis.to_netcdf(
            tmp_path / "a.nc", compact=True, encoding={"/window0": {"radiance": short}}
        )
    xr.testing.assert_identical(uvisxr.open_reduced(tmp_path / "a.nc").load(), tree)


def test_a_warning_says_what_is_kept(calibrated, tmp_path):
    with pytest.warns(UvisWarning, match=r"keeps the radiances, which were changed.*smooth\("):
        calibrated.uvis.smooth().uvis.smooth(force=True).uvis.to_netcdf(
            tmp_path / "a.nc", compact=True
        )
