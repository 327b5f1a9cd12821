"""The outputs of a batch as one lazy dataset or tree."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
import xarray as xr
from helpers.products import product_id, write_product
from helpers.slow import rest_slow

import uvisxr
from uvisxr.batch import manifest, pipeline, work
from uvisxr.errors import ArgumentError, ExportError, UvisError, UvisWarning

STEPS = [
    ("background", {"level": 4e-4}),
    ("calibrate", {"flat_field": False, "trend": False, "evil_pixels": "interpolate"}),
]


def process(
    tmp_path: Path, name: str, steps: list[Any] = STEPS, *, compact: bool = False, **product: Any
) -> Path:
    """One output in tmp_path/out, made as a batch makes it."""
    label = write_product(tmp_path / "in", name, **{"band_bin": 32} | product)
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    job = work.Job(str(label), f"{name}.nc", str(out), str(out), "f", compact=compact)
    record = work.attempt(job, pipeline.load(steps))
    with manifest.Manifest(out) as book:
        book.append(record)
    return out / job.output


def test_products_that_fit_are_one_dataset_in_time_order(tmp_path: Path):
    numbers, samples = (20, 0, 10), (1, 2, 3)
    for number, count in zip(numbers, samples, strict=True):
        process(tmp_path, product_id(number), samples=count)
    joined = uvisxr.open_processed(tmp_path / "out")
    assert joined.sizes["pic"] == 6
    assert (np.diff(joined.time) > np.timedelta64(0)).all()
    np.testing.assert_array_equal(joined.pic, np.arange(6))
    names = [product_id(n) for n in (0, 0, 10, 10, 10, 20)]
    np.testing.assert_array_equal(joined["product"], names)
    parts = [xr.open_dataset(tmp_path / "out" / f"{product_id(n)}.nc") for n in (0, 10, 20)]
    for name in ("counts", "radiance", "radiance_upper", "quality", "exposure"):
        expected = np.concatenate([part[name].values for part in parts])
        np.testing.assert_array_equal(joined[name], expected, err_msg=name)
    np.testing.assert_array_equal(joined.wl, parts[0].wl)
    for part in parts:
        part.close()


@pytest.mark.slow
@pytest.mark.parametrize("blocks", rest_slow([False, True], 1))
def test_compact_outputs_are_joined_as_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blocks: bool
):
    if blocks:
        # As of a large product, whose radiances are never in memory as a whole.
        monkeypatch.setattr(work, "_BLOCK", 5000)
    joined, figures = [], []
    for compact in (False, True):
        folder = tmp_path / str(compact)
        for number in (0, 10):
            path = process(folder, product_id(number), samples=3, compact=compact)
            with xr.open_dataset(path) as ds:
                assert ("radiance" in ds) is not compact
        records = manifest.latest(folder / "out").values()
        figures.append([record["figures"] for record in records])
        joined.append(uvisxr.open_processed(folder / "out"))
    xr.testing.assert_identical(*joined)
    assert joined[1].radiance.chunks is not None
    for whole, less in zip(*figures, strict=True):
        assert whole.keys() == less.keys()
        np.testing.assert_allclose(*([f[k] for k in whole] for f in (whole, less)), rtol=1e-6)


def test_a_compact_output_that_is_damaged(tmp_path: Path):
    path = process(tmp_path, product_id(0), compact=True)
    with xr.open_dataset(path) as ds:
        broken = ds.load().drop_encoding()
    path.unlink()
    (path.parent / manifest.NAME).unlink()
    broken.drop_vars("line").to_netcdf(path)
    with pytest.raises(ExportError, match=rf"{path.name}: .*line is not as written.*run the batch"):
        uvisxr.open_processed(tmp_path / "out")
    broken["sensitivity"][:, 3] *= 2
    broken.to_netcdf(path)
    ds = uvisxr.open_processed(tmp_path / "out")
    with pytest.raises(UvisError, match=rf"{path.name}: sensitivity is not as written"):
        ds.radiance.load()


def test_the_same_exposures_are_joined_once(tmp_path: Path):
    """Of the later volume; and none is taken for another for its name alone."""
    out = tmp_path / "out"
    for number in (0, 10):
        process(tmp_path, product_id(number), samples=2)
    for volume, name in (("COUVIS_0013", "again"), ("COUVIS_0012", "early")):
        place = tmp_path / volume / "DATA" / "D2005_230"
        label = write_product(place, product_id(0), samples=2, band_bin=32)
        label.with_suffix(".DAT").write_bytes(bytes(label.with_suffix(".DAT").stat().st_size))
        record = work.attempt(
            work.Job(str(label), f"{name}.nc", str(out), str(out), name), pipeline.load(STEPS)
        )
        with manifest.Manifest(out) as book:
            book.append(record)
    with pytest.warns(UvisWarning, match=rf"left out of {product_id(0)}, early"):
        joined = uvisxr.open_processed(out)
    assert joined["product"].values.tolist() == [product_id(n) for n in (0, 0, 10, 10)]
    # The one in the later volume was written with counts of 0.
    np.testing.assert_array_equal(joined.counts.sum(("pixel", "wl"))[:2], 0)


def test_exposures_that_files_share_in_part(tmp_path: Path):
    paths = [process(tmp_path, product_id(number), samples=2) for number in (0, 10)]
    (tmp_path / "out" / manifest.NAME).unlink()
    with xr.open_dataset(paths[0]) as first:
        first.load().isel(pic=[1]).to_netcdf(tmp_path / "out" / "part.nc")
    with pytest.warns(UvisWarning, match="left out of "):
        joined = uvisxr.open_processed(tmp_path / "out")
    assert joined.sizes["pic"] == 4
    assert (np.diff(joined.et) > 0).all()


def test_nothing_is_computed_on_opening(tmp_path: Path):
    for number in (0, 10):
        process(tmp_path, product_id(number))
    joined = uvisxr.open_processed(tmp_path / "out")
    for name in ("counts", "radiance", "radiance_upper", "calibration_error", "sensitivity"):
        assert joined[name].chunks is not None
    assert joined.attrs["channel"] == "FUV"
    assert joined.radiance.attrs["units"] == "kR angstrom-1"


#: Where elements with evil pixels were filled.
FILLED = (1450.0, 1700.0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[xr.Dataset, list[xr.Dataset]]:
    """Joined outputs of two products with filled elements, and each of them."""
    folder = tmp_path_factory.mktemp("filled")
    steps = [("background", {"level": 4e-4, "error": 5e-5}), ("calibrate", dict(STEPS[1][1]))]
    steps[1][1]["evil_pixels"] = "mask"
    paths = [process(folder, product_id(n), steps, samples=3, band_bin=2) for n in (0, 10)]
    apart = [uvisxr.open_reduced(path) for path in paths]
    return uvisxr.open_processed(folder / "out"), apart


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:one count at")
@pytest.mark.parametrize(
    "wl_range", [FILLED, *(pytest.param(r, marks=pytest.mark.slow) for r in ((1206, 1226), None))]
)
def test_joined_outputs_are_integrated_as_each_of_them(filled, wl_range):
    joined, apart = filled
    found = joined.uvis.integrate(wl_range)
    expected = [ds.uvis.integrate(wl_range) for ds in apart]
    assert found.brightness_upper.chunks is not None
    for name in ("", "_upper", "_lower", "_systematic", "_per_count", "_background_error"):
        values = np.concatenate(
            [ds[f"brightness{name}"].broadcast_like(ds.brightness) for ds in expected]
        )
        np.testing.assert_allclose(found[f"brightness{name}"], values, rtol=2e-3, err_msg=name)
    share = expected[0].brightness_filled.values
    np.testing.assert_allclose(found.brightness_filled, np.tile(share, (6, 1)), rtol=1e-6)
    assert (share > 0.05).any()


def test_the_bounds_of_joined_outputs_whose_radiances_were_changed(filled):
    """They are made of the bounds of elements, with what neighbours have in common."""
    joined, apart = filled
    found = joined.assign(radiance=2 * joined.radiance).uvis.integrate(FILLED)
    expected = [ds.assign(radiance=2 * ds.radiance).uvis.integrate(FILLED) for ds in apart]
    upper = np.concatenate([ds.brightness_upper for ds in expected])
    np.testing.assert_allclose(found.brightness_upper, upper, rtol=1e-4)


@pytest.mark.slow
def test_joined_outputs_are_binned_as_each_of_them(filled):
    """One bin of both: means that weigh by exposure time and sensitivity."""
    joined, apart = filled
    rows = [(k, row) for k in range(3) for row in range(5, 40)]
    for ds, some in zip(apart, (slice(0, 3), slice(3, 6)), strict=True):
        expected = ds.uvis.bin(pixels=rows)
        found = joined.isel(pic=some).assign_coords(pic=range(3)).uvis.bin(pixels=rows)
        for name in expected.variables:
            if str(name).startswith("radiance"):
                np.testing.assert_allclose(found[name], expected[name], rtol=1e-3, err_msg=name)
        assert (abs(expected.radiance_weighted / expected.radiance - 1) > 1e-3).any()
    whole = joined.uvis.bin(pixels=[(k + 3 * n, row) for k, row in rows for n in (0, 1)])
    parts = [ds.uvis.bin(pixels=rows) for ds in apart]
    for name in ("radiance_weighted", "radiance_correlation"):
        mean = sum(ds[name].values for ds in parts) / 2
        np.testing.assert_allclose(whole[name], mean, rtol=1e-3, err_msg=name)
    assert (whole.radiance_correlation > 1.2).any()


def test_joined_integrals_are_binned_as_each_of_them(filled):
    joined, apart = filled
    rows = [(k, row) for k in range(3) for row in range(5, 40)]
    found = joined.isel(pic=slice(3)).uvis.integrate(FILLED).uvis.bin(pixels=rows)
    expected = apart[0].uvis.integrate(FILLED).uvis.bin(pixels=rows)
    for name in ("", "_weighted", "_weighted_upper", "_weighted_background_error", "_filled"):
        np.testing.assert_allclose(
            found[f"brightness{name}"], expected[f"brightness{name}"], rtol=2e-3, err_msg=name
        )


def test_one_exposure_of_joined_outputs(filled):
    joined, apart = filled
    found = joined.isel(pic=4).uvis.integrate(FILLED)
    expected = apart[1].isel(pic=1).uvis.integrate(FILLED)
    np.testing.assert_allclose(found.brightness_upper, expected.brightness_upper, rtol=2e-3)


def test_joined_outputs_are_calibrated_anew(filled):
    joined, apart = filled
    assert joined.background.dims == ()
    again = {**STEPS[1][1], "recipe": "pds"}
    found = joined.uvis.calibrate(**again).radiance
    expected = np.concatenate([ds.uvis.calibrate(**again).radiance for ds in apart])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_one_output_keeps_the_terms_of_its_calibration(tmp_path: Path):
    path = process(tmp_path, product_id(0))
    xr.testing.assert_identical(uvisxr.open_processed(tmp_path / "out"), uvisxr.open_reduced(path))


def test_products_that_are_calibrated_by_other_rules_are_nodes(tmp_path: Path):
    """Also without the pipelines of a batch."""
    for number, errors in ((0, "total"), (10, "statistical")):
        steps = [STEPS[0], ("calibrate", {**STEPS[1][1], "errors": errors})]
        path = process(tmp_path, product_id(number), steps)
        with xr.open_dataset(path) as ds:
            plain = ds.load().assign_attrs(pipeline="same")
        plain.to_netcdf(path)
    (tmp_path / "out" / manifest.NAME).unlink()
    tree = uvisxr.open_processed(tmp_path / "out")
    assert set(tree["FUV"].children) == {product_id(0), product_id(10)}


def test_bounds_of_joined_outputs_hold_the_systematic_error(tmp_path: Path):
    steps = [STEPS[0], ("calibrate", {**STEPS[1][1], "errors": "total"})]
    paths = [process(tmp_path, product_id(number), steps) for number in (0, 10)]
    found = uvisxr.open_processed(tmp_path / "out").uvis.integrate(FILLED)
    expected = [uvisxr.open_reduced(path).uvis.integrate(FILLED) for path in paths]
    upper = np.concatenate([ds.brightness_upper for ds in expected])
    np.testing.assert_allclose(found.brightness_upper, upper, rtol=1e-3)


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("chunks", [None, {"pic": 1}, "auto"])
def test_times_and_the_like_are_in_memory(tmp_path: Path, compact: bool, chunks):
    for number in (0, 10):
        path = process(tmp_path, product_id(number), compact=compact)
    together = uvisxr.open_processed(tmp_path / "out", chunks)
    for ds in (together, uvisxr.open_reduced(path, chunks)):
        assert {"et", "exposure", "time", "product", "wl", "line", "band"} <= set(ds.coords)
        for name, coord in ds.coords.items():
            assert coord.chunks is None or coord.ndim > 1, name

        def refuse(*args, **options):
            raise AssertionError("something was computed")

        with dask.config.set(scheduler=refuse):
            assert len(ds.uvis.utc()) == ds.sizes["pic"]
            assert str(ds.uvis)
            assert ds.isel(pic=[0]).uvis.rate().rate.chunks is not None
        assert ds.counts.chunks is not None
        assert ds.et.encoding["source"]


def test_what_belongs_to_a_product_is_spread_over_its_exposures(tmp_path: Path):
    for number, level in ((0, 1e-4), (10, 2e-4)):
        steps = [("background", {"level": level}), *STEPS[1:]]
        path = process(tmp_path, product_id(number), steps, samples=2)
        with xr.open_dataset(path) as ds:
            # As if one pipeline had measured different backgrounds.
            changed = ds.load().assign_attrs(pipeline="same")
        changed.to_netcdf(path)
    (tmp_path / "out" / manifest.NAME).unlink()
    joined = uvisxr.open_processed(tmp_path / "out")
    np.testing.assert_array_equal(joined.background, [1e-4, 1e-4, 2e-4, 2e-4])
    assert joined.background.dims == ("pic",)
    assert joined.calibration_error.dims == ("pic", "pixel", "wl")
    assert joined.wl_bounds.dims == ("wl", "bnds")
    assert joined.sensitivity.dims == ("pic", "pixel", "wl")


def test_backgrounds_of_the_date(tmp_path: Path):
    steps = [("background", {"method": "rtg"}), *STEPS[1:]]
    for name in ("FUV2015_183_12_00", "FUV2005_183_12_00"):
        process(tmp_path, name, steps, samples=2)
    joined = uvisxr.open_processed(tmp_path / "out")
    level = 4.64e-4 * np.exp(-0.0247 * np.array([1.5, 1.5, 11.5, 11.5]))
    np.testing.assert_allclose(joined.background, level, rtol=1e-5)
    np.testing.assert_allclose(joined.background_error, 0.1 * level, rtol=1e-5)
    # They differ, so neither holds for all.
    assert "background_expected" not in joined.attrs


def test_channels_are_nodes(tmp_path: Path):
    for number in (0, 1):
        process(tmp_path, product_id(number, "FUV"))
        process(tmp_path, product_id(number, "EUV"))
    tree = uvisxr.open_processed(tmp_path / "out")
    assert isinstance(tree, xr.DataTree)
    assert list(tree.children) == ["EUV", "FUV"]
    assert tree["FUV"].sizes["pic"] == tree["EUV"].sizes["pic"] == 2
    assert tree["EUV"].ds.wl.max() < 1200 < tree["FUV"].ds.wl.max()


@pytest.mark.slow
def test_what_does_not_fit_has_its_own_node(tmp_path: Path):
    for number in (0, 1):
        process(tmp_path, product_id(number))
    process(tmp_path, product_id(2), band_bin=16)
    process(tmp_path, product_id(3), slit="HIGH_RESOLUTION")
    process(tmp_path, product_id(4), lines=(10, 20))
    tree = uvisxr.open_processed(tmp_path / "out")
    assert set(tree["FUV"].children) == {
        "LOW_RESOLUTION_60x32",
        product_id(2),
        product_id(3),
        product_id(4),
    }
    assert tree["FUV/LOW_RESOLUTION_60x32"].sizes["pic"] == 2
    assert tree[f"FUV/{product_id(2)}"].sizes["wl"] == 64


def test_other_pipelines_do_not_mix(tmp_path: Path):
    process(tmp_path, product_id(0))
    process(tmp_path, product_id(1), [STEPS[0], ("calibrate", {**STEPS[1][1], "smooth": False})])
    tree = uvisxr.open_processed(tmp_path / "out")
    assert set(tree["FUV"].children) == {product_id(0), product_id(1)}


def test_results_without_exposures_are_nodes(tmp_path: Path):
    steps = [*STEPS, ("bin", {"pixels": [[0, 0], [0, 1]]})]
    for number in (0, 1):
        process(tmp_path, product_id(number), steps)
    tree = uvisxr.open_processed(tmp_path / "out")
    assert set(tree["FUV"].children) == {product_id(0), product_id(1)}


def test_failures_and_foreign_files_are_left_out(tmp_path: Path):
    for number in (0, 1):
        process(tmp_path, product_id(number))
    out = tmp_path / "out"
    failed = manifest.latest(out)[f"{product_id(1)}.nc"] | {"status": "failed"}
    with manifest.Manifest(out) as book:
        book.append(failed)
    (out / "notes.nc").write_bytes(b"not mine")
    said = (
        rf"1 of the 2 products of .*{manifest.NAME} failed .*: {product_id(1)}; 'step' and 'error'"
    )
    unnamed = r"1 NetCDF file .* says nothing .*: notes.nc; run the batch again"
    with pytest.warns(UvisWarning, match=said), pytest.warns(UvisWarning, match=unnamed):
        assert uvisxr.open_processed(out).sizes["pic"] == 1
    # Without a manifest every file counts.
    (out / manifest.NAME).unlink()
    with pytest.warns(UvisWarning, match=r"left out: cannot read .*notes\.nc"):
        assert uvisxr.open_processed(out).sizes["pic"] == 2
    (out / "notes.nc").unlink()
    assert uvisxr.open_processed(out).sizes["pic"] == 2


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "dangling"])
def test_a_manifest_that_is_no_file(tmp_path: Path, kind: str):
    """As the batch itself refuses it; else all outputs would count, those that failed, too."""
    process(tmp_path, product_id(0))
    book = tmp_path / "out" / manifest.NAME
    book.unlink()
    make = {
        "pipe": os.mkfifo,
        "device": lambda path: path.symlink_to("/dev/zero"),
        "folder": os.mkdir,
        "dangling": lambda path: path.symlink_to("nowhere"),
    }
    make[kind](book)
    with pytest.raises(ExportError, match=rf"cannot read {book}: it is no ordinary file"):
        uvisxr.open_processed(tmp_path / "out")


def test_empty_folder(tmp_path: Path):
    with pytest.raises(ExportError, match=f"no outputs in {tmp_path}"):
        uvisxr.open_processed(tmp_path)
    path = tmp_path / "x.nc"
    path.write_bytes(b"CDF")
    with pytest.raises(ExportError, match=r"is a file, .* uvisxr.open_reduced"):
        uvisxr.open_processed(path)


def test_no_output_of_the_batch_is_replaced(tmp_path: Path):
    paths = [process(tmp_path, product_id(number)) for number in (0, 10)]
    before = [path.read_bytes() for path in paths]
    joined = uvisxr.open_processed(tmp_path / "out")
    for path in paths:
        with pytest.raises(ExportError, match="were read from it"):
            joined.uvis.to_netcdf(path)
    assert [path.read_bytes() for path in paths] == before


@pytest.mark.parametrize("spelt", ["_PRIME", "_33"])
def test_exposures_of_one_product_in_two_spellings(tmp_path: Path, spelt: str):
    process(tmp_path, product_id(0), samples=2)
    name = f"{product_id(0)}{spelt}"
    process(tmp_path, name, samples=2)
    with pytest.warns(UvisWarning, match="left out of "):
        joined = uvisxr.open_processed(tmp_path / "out")
    assert joined.sizes["pic"] == 2


def test_outputs_that_are_gone_are_told(tmp_path: Path):
    paths = [process(tmp_path, product_id(number)) for number in (0, 10, 20)]
    paths[1].unlink()
    with pytest.warns(UvisWarning, match=rf"1 of the 3 good .*: {paths[1].name}; run the batch"):
        assert uvisxr.open_processed(tmp_path / "out").sizes["pic"] == 2


def _cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-300])


def _overwritten(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def _pipe(path: Path, other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _damaged(path: Path, other: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("harm", [_cut, _overwritten, _pipe, _damaged])
def test_outputs_that_are_not_as_written_are_left_out(tmp_path: Path, harm):
    """Be they cut, of another product or none: the others are opened, and the remedy is told."""
    samples = (1, 3) if harm is _overwritten else (1, 1)
    first, second = (
        process(tmp_path, product_id(number), samples=count)
        for number, count in zip((0, 10), samples, strict=True)
    )
    harm(second, first)
    with pytest.warns(UvisWarning, match=rf"left out.*{second.name}.*run the batch again"):
        joined = uvisxr.open_processed(tmp_path / "out")
    assert joined["product"].values.tolist() == [product_id(0)]


def test_an_output_of_the_same_size_with_another_product(tmp_path: Path):
    first, second = (process(tmp_path, product_id(number)) for number in (0, 10))
    second.write_bytes(first.read_bytes())
    book = tmp_path / "out" / manifest.NAME
    sizes = [record["bytes"] for record in manifest.read(book)]
    book.write_text(book.read_text().replace(f'"bytes": {sizes[1]}', f'"bytes": {sizes[0]}'))
    with pytest.warns(UvisWarning, match=rf"another product .*: {second.name}; move them away"):
        assert uvisxr.open_processed(tmp_path / "out").sizes["pic"] == 1


def test_products_that_have_other_names_than_their_labels(tmp_path: Path):
    """Their outputs are as they were written, be the names what they will."""
    process(tmp_path, product_id(0))
    book = tmp_path / "out" / manifest.NAME
    book.write_text(book.read_text().replace(f'"product": "{product_id(0)}"', '"product": "mine"'))
    assert uvisxr.open_processed(tmp_path / "out").sizes["pic"] == 1


@pytest.mark.parametrize("how", ["cut", "never written", "upper case"])
def test_outputs_of_which_no_line_tells_are_named(tmp_path: Path, how: str):
    """As where the driver was killed between an output and its line."""
    paths = [process(tmp_path, product_id(number)) for number in (0, 10)]
    book = tmp_path / "out" / manifest.NAME
    lines = book.read_text().splitlines(keepends=True)
    digest = list(manifest.read(book))[1]["sha256"]
    last = {"cut": lines[1][:-300], "upper case": lines[1].replace(digest, digest.upper())}
    book.write_text(lines[0] + last.get(how, ""))
    with pytest.warns(UvisWarning) as caught:
        assert uvisxr.open_processed(tmp_path / "out").sizes["pic"] == 1
    said = [str(one.message) for one in caught]
    assert any(f"says nothing is left out: {paths[1].name}; run the batch" in one for one in said)
    assert any("1 line is not as uvisxr writes them" in one for one in said) == (
        last.get(how) is not None
    )


def test_outputs_of_a_batch_that_failed(tmp_path: Path):
    out = tmp_path / "out"
    for number in (0, 10):
        process(tmp_path, product_id(number))
    with manifest.Manifest(out) as book:
        for record in manifest.latest(out).values():
            book.append(record | {"status": "failed"})
    with pytest.raises(ExportError, match=r"^2 outputs in .*, none marked good in manifest"):
        uvisxr.open_processed(out)


@pytest.mark.parametrize("chunks", ["x", {"pic": "x"}, {"pic": -3}])
def test_chunks_that_are_none(tmp_path: Path, chunks):
    process(tmp_path, product_id(0))
    with pytest.raises(ArgumentError, match=r"^chunks=") as caught:
        uvisxr.open_processed(tmp_path / "out", chunks=chunks)
    assert "remove" not in str(caught.value)
