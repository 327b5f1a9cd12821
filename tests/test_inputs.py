"""The files behind a dataset stay known from step to step, and stay out of what is written."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest
import xarray as xr
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.dataset import inputs
from uvisxr.errors import ExportError
from uvisxr.simulate import Simulation
from uvisxr.stars.catalogue import read

NAME = "FUV2005_230_15_15"

STEPS = {
    "geometry": lambda ds, made: ds.uvis.geometry(kernels=made.kernels),
    "background": lambda ds, made: ds.uvis.background(level=4e-4),
    "flag": lambda ds, made: ds.uvis.flag([(0, 3)], "user"),
    "calibrate": lambda ds, made: ds.uvis.calibrate(files=made.calibration),
    "calibration_factor": lambda ds, made: ds.uvis.calibration_factor(files=made.calibration),
    "rate": lambda ds, made: ds.uvis.rate(),
    "smooth": lambda ds, made: ds.uvis.smooth(force=True),
    "fill_nan": lambda ds, made: ds.uvis.fill_nan(),
    "predict_stars": lambda ds, made: ds.uvis.predict_stars(read()),
    "bin": lambda ds, made: ds.uvis.bin(by={"alt": [-3000, 0, 3000]}),
    "bin by hand": lambda ds, made: ds.uvis.bin(pixels=[[(0, 3), (20, 3)]]),
    "integrate": lambda ds, made: ds.uvis.integrate((1300, 1700)),
    "integral of bins": lambda ds, made: STEPS["bin"](ds, made).uvis.integrate((1300, 1700)),
    # xarray's own.
    "selection": lambda ds, made: ds.isel(pic=[1], pixel=slice(3)),
    "arithmetic": lambda ds, made: ds * 2,
    "mean": lambda ds, made: ds.mean("pic"),
    "chunks": lambda ds, made: ds.chunk(pic=1),
    "load": lambda ds, made: ds.load(),
    "pickle": lambda ds, made: pickle.loads(pickle.dumps(ds)),
    "one variable": lambda ds, made: ds.radiance.to_dataset(),
}


@pytest.fixture(scope="module")
def written(titan: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reduction in a NetCDF file, to read again."""
    ds = titan.open().isel(pic=[0, 20])
    ds = ds.uvis.geometry(kernels=titan.kernels).uvis.calibrate(files=titan.calibration)
    return ds.uvis.to_netcdf(tmp_path_factory.mktemp("written") / "a.nc")


@pytest.mark.parametrize("step", STEPS)
def test_every_step_remembers_what_was_read(titan, written, step):
    with xr.open_dataset(written) as ds:
        result = STEPS[step](ds, titan)
        assert str(written) in inputs.of(result)
        with pytest.raises(ExportError, match=r"a\.nc: the data were read from it"):
            result.uvis.to_netcdf(written)


def test_products_and_what_steps_use_are_known(titan):
    ds = titan.open()
    products = {str(p.with_suffix(e)) for p in titan.labels for e in (".LBL", ".DAT")}
    assert set(inputs.of(ds)) == products
    located = ds.uvis.geometry(kernels=titan.kernels)
    assert set(inputs.of(located)) == products | {str(path) for path in titan.kernels}
    used = set(inputs.of(ds.uvis.calibrate(files=titan.calibration))) - products
    assert len(used) > 3
    assert {Path(path).parent for path in used} == {titan.calibration}
    with pytest.raises(ExportError, match="were read from it"):
        located.uvis.to_netcdf(titan.kernels[-1])


def test_every_window_knows_its_product(tmp_path):
    label = write_product(tmp_path, NAME)
    two_windows(label)
    tree = uvisxr.open_product(label)
    assert isinstance(tree, xr.DataTree)
    assert inputs.of(tree) == sorted([str(label), str(label.with_suffix(".DAT"))])
    assert inputs.of(tree["window1"].to_dataset()) == inputs.of(tree)


def test_the_backend_and_xarray_agree(tmp_path):
    label = write_product(tmp_path, NAME)
    with xr.open_dataset(label, engine="uvis") as ds:
        assert inputs.of(ds) == sorted([str(label), str(label.with_suffix(".DAT"))])


def test_adding_leaves_the_dataset_as_it_is(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, NAME))
    before = inputs.of(ds)
    more = inputs.add(ds, [tmp_path / "x", "relative"])
    assert inputs.of(ds) == before
    assert set(inputs.of(more)) == {*before, str(tmp_path / "x"), str(Path("relative").absolute())}
    xr.testing.assert_identical(more, ds)


def test_outputs_do_not_depend_on_the_folder(tmp_path):
    label = write_product(tmp_path / "a", NAME)
    shutil.copytree(tmp_path / "a", tmp_path / "other" / "place")
    written = []
    for number, folder in enumerate((label.parent, tmp_path / "other" / "place")):
        ds = uvisxr.open_product(folder / label.name)
        ds = ds.uvis.calibrate(flat_field=False, trend=False, evil_pixels="interpolate")
        written.append(ds.uvis.to_netcdf(tmp_path / f"{number}.nc").read_bytes())
    assert written[0] == written[1]
    assert str(tmp_path).encode() not in written[0]


def test_xarray_writes_a_dataset_as_it_did(tmp_path):
    ds = uvisxr.open_product(write_product(tmp_path, NAME))
    ds.to_netcdf(tmp_path / "plain.nc", encoding={"counts": {"zlib": True}})
    with xr.open_dataset(tmp_path / "plain.nc") as back:
        xr.testing.assert_equal(back.counts, ds.counts)


def test_a_meta_kernel_is_an_input(titan: Simulation, tmp_path: Path):
    path = tmp_path / "a.tm"
    names = "\n".join(f"'{kernel}'" for kernel in titan.kernels)
    text = f"KPL/MK\n\\begindata\nKERNELS_TO_LOAD = (\n{names}\n)\n"
    path.write_text(text)
    ds = titan.open().isel(pic=[0]).uvis.geometry(kernels=path)
    assert str(path) in inputs.of(ds)
    with pytest.raises(ExportError, match=r"a\.tm"):
        ds.uvis.to_netcdf(path, overwrite=True)
    assert path.read_text() == text


def test_a_list_is_an_input_by_every_door(tmp_path: Path):
    label = write_product(tmp_path, NAME, band_bin=32)
    inner, outer = tmp_path / "inner.txt", tmp_path / "outer.txt"
    inner.write_text(f"{label}\n")
    outer.write_text("inner.txt\n")
    opened = (
        uvisxr.open_product(outer),
        uvisxr.open_observation(outer),
        xr.open_dataset(outer, engine="uvis"),
    )
    for ds in opened:
        assert {str(inner), str(outer), str(label)} <= set(inputs.of(ds))
        with pytest.raises(ExportError, match="the data were read from it"):
            ds.uvis.to_netcdf(inner, overwrite=True)
