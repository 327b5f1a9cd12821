"""Found spectra opened as one dataset, held against products opened and reduced one by one."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from helpers.loopback import folder, serve
from helpers.products import product_id, two_windows, write_product, write_spectrum
from helpers.slow import rest_slow

import uvisxr
from uvisxr import UvisError, UvisWarning, fetch, simulate
from uvisxr.batch import pipeline, work
from uvisxr.catalogue import labels as found_labels
from uvisxr.catalogue import layout, pieces
from uvisxr.errors import ArgumentError, LabelError, PipelineError, ProductError
from uvisxr.files import sha256
from uvisxr.pds3 import qube
from uvisxr.simulate import Simulation

FRAME = 64 * 1024 * 2


def table(rows: list[tuple[Path, int, int]], window: int = 0, **columns: Any) -> dict[str, Any]:
    """A table of spectra (label, pic, pixel)."""
    paths, pics, pixels = zip(*rows, strict=True)
    return {
        "product": [path.stem for path in paths],
        "label": [str(path) for path in paths],
        "window": [window] * len(rows),
        "pic": list(pics),
        "pixel": list(pixels),
        **columns,
    }


class Counter:
    """Bytes that are read of data files, by exposure."""

    def __init__(self) -> None:
        self.bytes = 0
        self.exposures: set[tuple[str, int]] = set()


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    counter, plain = Counter(), qube.opened

    class Stream:
        def __init__(self, stream: Any, path: Path) -> None:
            self._stream, self._path = stream, path

        def __enter__(self) -> Stream:
            self._stream.__enter__()
            return self

        def __exit__(self, *error: object) -> None:
            self._stream.__exit__(*error)

        def seek(self, place: int) -> int:
            return self._stream.seek(place)

        def readinto(self, buffer: memoryview) -> int:
            begin = self._stream.tell()
            size = self._stream.readinto(buffer)
            counter.bytes += size
            frames = range(begin // FRAME, (begin + size - 1) // FRAME + 1)
            counter.exposures |= {(self._path.stem, frame) for frame in frames}
            return size

    with monkeypatch.context() as patch:
        patch.setattr(qube, "opened", lambda path, *a, **k: Stream(plain(path, *a, **k), path))
        yield counter


def the_long_way(path: Path, steps: list[Any], window: int | None = None) -> xr.Dataset:
    """A product as a user opens and reduces it."""
    ds = uvisxr.open_product(path) if window is None else uvisxr.open_product(path, window=window)
    for name, given in steps:
        ds = getattr(ds.uvis, name)(**given)
    return ds.compute()


def check_equal(
    found: xr.Dataset, steps: list[Any], window: int | None = None, but: tuple[str, ...] = ()
) -> set[str]:
    """Each variable of each spectrum is that of its product; returns which were compared."""
    found = found.compute()
    own = {path: None for path in found["label_path"].values.tolist()}
    products = {path: the_long_way(Path(path), steps, window) for path in own}
    compared = set()
    for k, path in enumerate(found["label_path"].values.tolist()):
        whole = products[path]
        at = {"pic": int(found.pic[k]), "pixel": int(found.pixel[k])}
        for name in whole.variables.keys() & found.variables.keys() - {*but}:
            one = whole[name].variable
            expected = one.isel({dim: n for dim, n in at.items() if dim in one.dims}).values
            variable = found[name].variable
            values = (variable.isel(spectrum=k) if "spectrum" in variable.dims else variable).values
            np.testing.assert_array_equal(values, expected, f"{name} of {path} at {at}")
            compared.add(str(name))
    return compared


def drawn(
    paths: list[Path], exposures: int, pixels: int, each: tuple[int, int], seed: int = 0
) -> list[tuple[Path, int, int]]:
    """Spectra of every product, in order: of each so many exposures, and so many rows of these."""
    rng = np.random.default_rng(seed)
    return [
        (path, int(pic), int(pixel))
        for path in paths
        for pic in np.sort(rng.choice(exposures, each[0], replace=False))
        for pixel in np.sort(rng.choice(pixels, each[1], replace=False))
    ]


@pytest.fixture(scope="module")
def titan(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """A simulated observation of Titan's limb, 12 exposures in 3 products."""
    return simulate.observation(tmp_path_factory.mktemp("few"), exposures=12, products=3, seed=1)


@pytest.fixture(scope="module")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A hundred products of four exposures."""
    folder = tmp_path_factory.mktemp("hundred")
    return [write_product(folder, product_id(k), samples=4) for k in range(100)]


def labelled(given: dict[str, Any]) -> dict[str, Any]:
    return given | {"label_path": given["label"]}


def pipelines(titan: Simulation) -> dict[str, list[Any]]:
    calibrate = ("calibrate", {"files": titan.calibration})
    level = ("background", {"level": 4e-4, "error": 1e-5})
    bare = {"nan_interp": None, "smooth": False}
    return {
        "calibrated": [calibrate],
        "net": [level, calibrate],
        "bare": [("calibrate", {**calibrate[1], **bare})],
        "smoothed": [("calibrate", {**calibrate[1], **bare}), ("fill_nan", {}), ("smooth", {})],
        "integrated": [level, calibrate, ("integrate", {"wl_range": (1450.0, 1800.0)})],
        "total": [level, ("calibrate", {**calibrate[1], "errors": "total"})],
        "shape": [("calibrate", {**calibrate[1], "nan_interp": "shape"})],
        "rate": [level, ("rate", {})],
        "coarse": [("rebin", {"wl": 4}), level, calibrate],
    }


#: What they make.
NAMES = {
    **dict.fromkeys(("net", "smoothed", "shape"), "radiance"),
    "integrated": "brightness",
    "rate": "rate",
    **dict.fromkeys(("calibrated", "bare", "total", "coarse"), "radiance"),
}

#: Pipelines with steps that look at whole products.
WHOLE = {"total", "shape"}


@contextmanager
def maybe_told(name: str) -> Iterator[None]:
    if name in WHOLE:
        with pytest.warns(UvisWarning, match="looks at whole products"):
            yield
    else:
        yield


@pytest.mark.slow
def test_counts_and_no_more(hundred, monkeypatch):
    rows = drawn(hundred, 4, 60, (2, 5))
    assert len(rows) == 1000
    with counted(monkeypatch) as read:
        ds = uvisxr.open_found(labelled(table(rows)))
        assert read.bytes == 0
        ds = ds.compute(scheduler="synchronous")
    assert ds.counts.dims == ("spectrum", "wl") and ds.counts.dtype == np.uint16
    assert read.exposures == {(path.stem, pic) for path, pic, _ in rows}
    assert read.bytes <= 200 * FRAME
    for k, (path, pic, pixel) in enumerate(rows):
        frames = np.fromfile(path.with_suffix(".DAT"), ">u2").reshape(-1, 64, 1024)
        np.testing.assert_array_equal(ds.counts[k], frames[pic, 2 + pixel])
    assert ds.product.values.tolist() == [path.stem for path, _, _ in rows]
    compared = check_equal(ds.isel(spectrum=slice(0, None, 40)), [])
    assert {"counts", "time", "et", "exposure", "sclk", "quality", "line", "setup"} <= compared


def test_rows_alone_are_read(hundred, monkeypatch):
    """Of each exposure the rows from the first to the last that is wanted."""
    rows = [(hundred[0], 0, 10), (hundred[0], 0, 12), (hundred[0], 2, 30), (hundred[5], 1, 3)]
    with counted(monkeypatch) as read:
        uvisxr.open_found(table(rows)).load(scheduler="synchronous")
    assert read.bytes == (3 + 1 + 1) * 1024 * 2


@pytest.mark.parametrize("name", rest_slow(NAMES, 5))
def test_a_pipeline_gives_what_the_long_way_gives(titan, name):
    steps = pipelines(titan)[name]
    rows = drawn(list(titan.labels), 4, 60, (2, 4), seed=1)
    with maybe_told(name):
        ds = uvisxr.open_found(labelled(table(rows)), steps)
    wanted = NAMES[name]
    assert ds[wanted].dims[0] == "spectrum" and ds[wanted].chunks
    # What fills holes, and which spectra are lost, few exposures cannot tell.
    other = () if name in WHOLE else ("quality", f"{wanted}_systematic", "calibration_error")
    compared = check_equal(ds, steps, but=other)
    assert {wanted, f"{wanted}_upper", f"{wanted}_lower", "time", "product"} <= compared
    assert ds.attrs["pipeline"] == pipeline.load(steps).text


@pytest.mark.slow
@pytest.mark.parametrize("name", rest_slow(["net", "integrated", "coarse"], 1))
def test_whole_products_give_the_rest_too(titan, name):
    steps = pipelines(titan)[name]
    rows = drawn(list(titan.labels), 4, 60, (2, 4), seed=1)
    ds = uvisxr.open_found(labelled(table(rows)), steps, whole=True)
    compared = check_equal(ds, steps)
    assert {"quality", f"{NAMES[name]}_systematic"} <= compared


def test_steps_read_no_more(titan, monkeypatch):
    rows = drawn(list(titan.labels), 4, 60, (2, 4), seed=2)
    wanted = {(path.stem, pic) for path, pic, _ in rows}
    with counted(monkeypatch) as read:
        ds = uvisxr.open_found(table(rows), pipelines(titan)["net"])
        assert read.bytes == 0
        ds.radiance.load(scheduler="synchronous")
    assert read.exposures == wanted and read.bytes == len(wanted) * FRAME


@pytest.mark.slow
def test_a_measured_background(titan, monkeypatch):
    """Of every product, in all its exposures, above the atmosphere as the table need not say."""
    pixels = [(pic, pixel) for pic in range(4) for pixel in range(50, 58)]
    steps = [("background", {"pixels": pixels}), *pipelines(titan)["calibrated"]]
    rows = drawn(list(titan.labels), 4, 60, (2, 2), seed=3)
    with pytest.warns(UvisWarning, match=r"background looks at whole products: all 12 .* only the"):
        ds = uvisxr.open_found(labelled(table(rows)), steps)
    compared = check_equal(ds, steps)
    assert {"background", "background_error", "quality", "radiance_systematic"} <= compared
    assert np.unique(ds.background.values).size == 3
    assert not {"background_spectra", "background_expected"} & ds.attrs.keys()


@pytest.mark.slow
def test_geometry(titan):
    """In the calling thread, as SPICE has but one pool of kernels."""
    steps = [
        ("geometry", {"kernels": [str(k) for k in titan.kernels]}),
        *pipelines(titan)["net"],
    ]
    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=4)
    ds = uvisxr.open_found(labelled(table(rows)), steps)
    assert isinstance(ds.lat.variable._data, np.ndarray) and ds.radiance.chunks
    but = ("quality", "radiance_systematic", "calibration_error")
    compared = check_equal(ds, steps, but=but)
    assert {"lon", "lat_corners", "alt", "sc_lat", "radiance", "geometry_setup"} <= compared


def test_no_geometry_where_the_table_has_it(titan):
    """No kernels are looked for; places are those of the table."""
    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=4)
    n = len(rows)
    places = {name: np.linspace(0, 50, n).astype(np.float32) for name in ("lon", "lat", "alt")}
    steps = [("geometry", {}), *pipelines(titan)["net"]]
    given = table(rows, primary=[True] * n, body=["TITAN"] * n, **places)
    ds = uvisxr.open_found(given, steps)
    for name, values in places.items():
        np.testing.assert_array_equal(ds[name], values)
    assert ds.lat.attrs["units"] == "degree" and "west-positive" in ds.lon.attrs["long_name"]
    assert "left_out=['geometry']" in ds.attrs["history"]
    # Of another body than the target's, or for a later step that needs more, it is run.
    for other in (given | {"primary": [False] * n}, given):
        more = [("background", {"alt_min": 900.0})] if other is given else []
        wanted = [("geometry", {"kernels": "/nowhere/at/all"}), *more]
        with pytest.raises(UvisError, match="nowhere"):
            uvisxr.open_found(other, wanted)


@pytest.mark.slow
def test_reflectances_stand_in_the_place_of_counts(titan):
    """As in products: bins would be of counts, and not of I/F."""
    steps = [
        ("geometry", {"kernels": [str(k) for k in titan.kernels]}),
        *pipelines(titan)["calibrated"],
        ("reflectance", {}),
    ]
    with pytest.warns(UvisWarning, match="solar="):
        ds = uvisxr.open_found(table([(titan.labels[0], 1, 2)]), steps)
    assert "reflectance" in ds and "counts" not in ds
    with pytest.raises(UvisError, match="do this step before reflectance"):
        ds.uvis.bin({"alt": [0, 3000]})


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Simulation:
    """The same of no body, of a planet and of a moon."""
    made = simulate.observation(tmp_path_factory.mktemp("mixed"), exposures=12, products=3, seed=1)
    for path, target in zip(made.labels, ("STAR", "SATURN", "TITAN"), strict=True):
        path.write_text(path.read_text().replace('"TITAN"', f'"{target}"'))
    return made


@pytest.mark.slow
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_geometries_of_several_targets(mixed, order, tmp_path):
    """Whatever comes first, fields of some products are there, and no attribute is of one alone."""
    steps = [("geometry", {"kernels": [str(k) for k in mixed.kernels], "lon_direction": "east"})]
    rows = [(mixed.labels[k], pic, 20 + k) for k in order for pic in (3, 1)]
    n = len(rows)
    looks = {"lat": [1.0] * n, "lat_min": [0.0] * n, "lon_max": [9.0] * n, "distance": [1.0] * n}
    given = table(rows, body=["RHEA"] * n, counts_far=[7.0] * n, primary=[True] * n, **looks)
    ds = uvisxr.open_found(labelled(given), steps)
    assert {"ring_radius", "lat", "geometry_setup", "geometry_time"} <= check_equal(ds, steps)
    kind = np.repeat(order, 2)
    assert ds.body.values.tolist() == [("", "SATURN", "TITAN")[k] for k in kind]
    assert ds.target.values.tolist() == [("STAR", "SATURN", "TITAN")[k] for k in kind]
    np.testing.assert_array_equal(np.isfinite(ds.lat), kind > 0)
    np.testing.assert_array_equal(np.isfinite(ds.ring_emission_corners).any("corner"), kind == 1)
    assert np.unique(ds.geometry_setup).size == 3 and ds.geometry_setup.dtype == np.int32
    own = [uvisxr.open_product(p).uvis.geometry(mixed.kernels).attrs for p in mixed.labels]
    for k, values in zip(kind, ds.target_radii.values, strict=True):
        np.testing.assert_array_equal(values, own[k].get("target_radii", [np.nan] * 3))
    assert not {"geometry_target", "target_radii"} & ds.attrs.keys()
    assert ds.attrs["lon_direction"] == "east" and "kernels" in ds.attrs
    # Of the table comes what the geometry does not say otherwise.
    assert not {"lat_min", "lon_max", "distance", "primary"} & {*ds.variables}
    assert "counts_far" in ds.variables
    back = xr.load_dataset(ds.uvis.to_netcdf(tmp_path / "found.nc"))
    assert back.body.values.tolist() == ds.body.values.tolist()
    with pytest.raises(UvisError, match="another target"):
        ds.uvis.bin({"alt": [0, 1e9]})


def test_one_target(titan):
    """Its attributes are those of a product."""
    steps = [("geometry", {"kernels": [str(k) for k in titan.kernels]})]
    ds = uvisxr.open_found(table(drawn(list(titan.labels), 4, 60, (1, 1))), steps)
    own = uvisxr.open_product(titan.labels[0]).uvis.geometry(titan.kernels)
    for name in ("geometry_target", "target_radii", "tangent", "kernels", "lon_direction"):
        assert ds.attrs[name] == own.attrs[name]
    assert ds.body.values.tolist() == ["TITAN"] * 3 and "target_radii" not in ds.variables


def test_a_geometry_that_some_products_lack(mixed, tmp_path):
    """That of the first product fails, and is left out."""
    label = Path(shutil.copy(mixed.labels[0], tmp_path))
    shutil.copy(mixed.labels[0].with_suffix(".DAT"), tmp_path)
    label.write_text(label.read_text().replace('"STAR"', '"ENCELADUS"'))
    kept = {"kernels": [str(k) for k in mixed.kernels], "on_error": "keep"}
    rows = [(label, 1, 20), (mixed.labels[2], 1, 20)]
    with pytest.warns(UvisWarning, match="left out"):
        ds = uvisxr.open_found(table(rows), [("geometry", kept)])
    assert np.isnan(ds.lat[0]) and np.isfinite(ds.lat[1])
    assert np.isnat(ds.geometry_time[0]) and np.isnan(ds.geometry_setup[0])
    assert ds.body.values.tolist() == ["", "TITAN"] and ": geometry(" in ds.attrs["history"]


def test_a_lazy_step_that_some_products_lack(titan, monkeypatch):
    """What the first product has not is there of the others."""
    plain = uvisxr.accessor.UvisAccessor.rate

    def rate(self):
        if self._ds["product"].values[0] == titan.labels[0].stem:
            raise ProductError("no rate of this one")
        return plain(self)

    monkeypatch.setattr(uvisxr.accessor.UvisAccessor, "rate", rate)
    rows = [(path, 1, 20) for path in titan.labels[:2]]
    with pytest.warns(UvisWarning, match="no rate of this one"):
        ds = uvisxr.open_found(table(rows), [("rate", {"on_error": "keep"})]).compute()
    assert np.isnan(ds.rate[0]).all() and np.isfinite(ds.rate[1]).all()


@pytest.mark.parametrize("lacking", ["lon", "lat", "alt"])
def test_a_geometry_where_the_table_does_not_know(titan, lacking):
    """One place that is not known is enough, as in a catalogue that was built without kernels."""
    rows = drawn(list(titan.labels), 4, 60, (1, 1), seed=4)
    places = {name: np.linspace(1, 50, 3) for name in ("lon", "lat", "alt")}
    places[lacking][1] = np.nan
    given = table(rows, primary=[True] * 3, **places)
    ds = uvisxr.open_found(given, [("geometry", {"kernels": [str(k) for k in titan.kernels]})])
    assert "left_out" not in ds.attrs["history"].splitlines()[0] and np.isfinite(ds[lacking]).all()


def test_a_mean_spectrum_is_one_line(titan):
    rows = drawn(list(titan.labels), 4, 60, (2, 4), seed=5)
    steps = pipelines(titan)["net"]
    mean = uvisxr.open_found(table(rows), steps).radiance.mean("spectrum").compute()
    whole = {path: the_long_way(path, steps).radiance.values for path in titan.labels}
    own = np.array([whole[path][pic, pixel] for path, pic, pixel in rows])
    known = np.isfinite(own)
    with np.errstate(invalid="ignore"):
        expected = np.where(known, own, 0).sum(0) / known.sum(0)
    np.testing.assert_allclose(mean, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
def test_integrals_of_found_spectra(titan):
    """Those of the pipeline, which has the counts, have the right bounds, these nearly so."""
    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=6)
    steps = pipelines(titan)["net"]
    found = uvisxr.open_found(table(rows), steps).compute().uvis.integrate((1450.0, 1800.0))
    sooner = uvisxr.open_found(table(rows), [*steps, ("integrate", {"wl_range": (1450.0, 1800.0)})])
    for name in ("brightness", "brightness_upper", "brightness_lower"):
        np.testing.assert_allclose(found[name], sooner[name], rtol=0.1, err_msg=name)
    np.testing.assert_allclose(found.brightness, sooner.brightness, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, "net", "geometry"])
def test_any_order(titan, name):
    rows = drawn(list(titan.labels), 4, 60, (2, 4), seed=7)
    steps = None if name is None else pipelines(titan)["net"]
    if name == "geometry":
        steps = [("geometry", {"kernels": [str(k) for k in titan.kernels]}), *steps]
    mixed = [rows[k] for k in np.random.default_rng(1).permutation(len(rows))]
    number = {row: k for k, row in enumerate(rows)}
    straight = uvisxr.open_found(table(rows), steps).compute()
    found = uvisxr.open_found(table(mixed), steps).compute()
    order = [number[row] for row in mixed]
    xr.testing.assert_equal(found, straight.isel(spectrum=order))


@pytest.mark.slow
@pytest.mark.parametrize(
    "scheduler", ["threads", pytest.param("processes", marks=pytest.mark.slow)]
)
def test_schedulers(titan, scheduler):
    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=8)
    lazy = uvisxr.open_found(table(rows), pipelines(titan)["net"], chunks=4)
    assert lazy.radiance.chunks[0] == (3,) * 6
    expected = lazy.compute(scheduler="synchronous")
    xr.testing.assert_identical(lazy.compute(scheduler=scheduler), expected)


@pytest.mark.slow
def test_a_cluster(titan):
    from dask.distributed import Client, LocalCluster

    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=8)
    lazy = uvisxr.open_found(table(rows), pipelines(titan)["net"])
    expected = lazy.compute(scheduler="synchronous")
    with (
        LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster),
    ):
        xr.testing.assert_identical(lazy.compute(), expected)


def test_windows(tmp_path):
    label = write_product(tmp_path, product_id(1), samples=3)
    two_windows(label)
    rows = [(label, 0, 3), (label, 2, 10)]
    first, second = table(rows), table(rows, 1)
    both = {k: [*a, *b] for (k, a), b in zip(first.items(), second.values(), strict=True)}
    tree = uvisxr.open_found(labelled(both))
    assert [n.path for n in tree.leaves] == [
        "/FUV/LOW_RESOLUTION_30x1024",
        "/FUV/LOW_RESOLUTION_15x1024",
    ]
    for window, node in enumerate(tree.leaves):
        ds = node.to_dataset()
        assert ds.window.values.tolist() == [window] * 2
        assert "counts" in check_equal(ds, [], window, but=("window",))


def test_a_tree_of_what_does_not_agree(tmp_path):
    made = [
        write_product(tmp_path, product_id(1), samples=2),
        write_product(tmp_path, product_id(2), samples=2, band_bin=2),
        write_product(tmp_path, product_id(3), samples=2, lines=(3, 62)),
        write_product(tmp_path, product_id(4, "EUV"), samples=2),
        write_product(tmp_path, product_id(5), samples=2, slit="HIGH_RESOLUTION"),
    ]
    text = made[0].read_text().replace("SQRT_9", "NONE")
    plain = shutil.copy(made[0].with_suffix(".DAT"), tmp_path / "FUV2005_230_00_09.DAT")
    Path(plain).with_suffix(".LBL").write_text(text.replace(made[0].stem, Path(plain).stem))
    rows = [(path, 1, 5) for path in [*made, Path(plain).with_suffix(".LBL")]]
    with warnings.catch_warnings():
        # Of what the labels leave open nothing is asked here.
        warnings.simplefilter("ignore", UvisWarning)
        tree = uvisxr.open_found(labelled(table(rows)))
        assert {node.path for node in tree.leaves} == {
            "/FUV/LOW_RESOLUTION_60x1024_rows2to61_SQRT_9",
            "/FUV/LOW_RESOLUTION_60x1024_rows2to61_NONE",
            "/FUV/LOW_RESOLUTION_60x1024_rows3to62_SQRT_9",
            "/FUV/LOW_RESOLUTION_60x512",
            "/FUV/HIGH_RESOLUTION_60x1024",
            "/EUV",
        }
        for node in tree.leaves:
            assert "counts" in check_equal(node.to_dataset(), [])
    assert tree["EUV"].attrs["channel"] == "EUV"
    rates = uvisxr.open_found(table(rows[:2]), [("rate", {})])
    assert all("rate" in node for node in rates.leaves)


def test_the_columns_of_the_table(titan):
    rows = drawn(list(titan.labels), 4, 60, (2, 2), seed=9)
    n = len(rows)
    given = table(
        rows,
        lat=np.linspace(-5, 5, n),
        counts=np.arange(float(n)),
        quality=[4, *[0] * (n - 1)],
        ring_radius=[np.nan] * n,
        time=["1999-01-01"] * n,
        on_disk=[True] * n,
        body=["TITAN"] * n,
        mine=list("abcdefghijklmnop")[:n],
    )
    ds = uvisxr.open_found(given)
    assert ds.counts.dims == ("spectrum", "wl") and ds.total_counts[3] == 3
    assert ds.mine.values.tolist() == given["mine"] and ds.body[0] == "TITAN"
    assert ds.quality[0] & 4 and not ds.quality[1] & 4
    assert ds.lat.attrs["units"] == "degree" and ds.time.dtype.kind == "M"
    assert "ring_radius" not in ds.variables and ds.on_disk.dtype == np.int8
    assert str(ds.time.values[0])[:4] == "2008"


@pytest.mark.parametrize("kind", ["arrow", "pandas", "dataset", "found"])
def test_tables_of_any_kind(titan, kind):
    rows = drawn(list(titan.labels), 4, 60, (2, 2), seed=9)
    given = table(rows, lat=[None, *range(1, len(rows))], primary=[True] * len(rows))
    import pandas as pd
    import pyarrow as pa

    arrow = pa.table(given)
    coded = arrow.set_column(0, "product", arrow["product"].dictionary_encode())

    class Found:
        products = None

        def to_arrow(self, columns):
            assert {"product", "label", "pixel", "label_sha256"} <= {*columns}
            return coded

    made = {
        "arrow": coded,
        "pandas": pd.DataFrame(given).sample(frac=1.0, random_state=1).sort_index(),
        "dataset": xr.Dataset(
            {k: ("spectrum", np.array(v)) for k, v in given.items() if k != "lat"}
        ),
        "found": Found(),
    }
    ds = uvisxr.open_found(made[kind])
    assert ds.pixel.values.tolist() == given["pixel"]
    assert ds.product.values.tolist() == given["product"]
    if kind != "dataset":
        assert np.isnan(ds.lat[0]) and ds.lat[5] == 5


def test_spectra_are_taken_once(titan):
    rows = [(titan.labels[0], 3, 4), (titan.labels[0], 3, 5), (titan.labels[0], 3, 4)]
    with pytest.warns(UvisWarning, match="1 of 3 rows are of spectra that come before"):
        ds = uvisxr.open_found(table(rows, body=["TITAN", "TITAN", "SATURN"]))
    assert ds.pixel.values.tolist() == [4, 5] and ds.body.values.tolist() == ["TITAN"] * 2


def test_several_bodies_are_told(titan):
    """Once, with the numbers; of none there is no place to mistake."""
    rows = [(titan.labels[0], 3, pixel) for pixel in range(4)]
    bodies = ["SATURN", "TITAN", "", "TITAN"]
    with pytest.warns(UvisWarning, match=r"2 of TITAN, 1 of SATURN: .*body == 'TITAN'") as told:
        ds = uvisxr.open_found(table(rows, body=bodies))
    assert len(told) == 1
    assert ds.isel(spectrum=ds.body == "TITAN").pixel.values.tolist() == [1, 3]
    uvisxr.open_found(table(rows, body=["TITAN", "", "", "TITAN"]))


@pytest.mark.parametrize(
    ("target", "body", "said"),
    [("TITAN", "TITAN", "Titan"), ("S RINGS", "SATURN", "Saturn"), ("SATURN", "TITAN", "Titan")],
)
def test_profiles_name_the_body_that_places_are_on(titan, target, body, said):
    rows = [(titan.labels[0], 0, pixel) for pixel in range(20, 23)]
    given = table(rows, alt=np.array([100.0, 300.0, 500.0]), body=[body] * 3)
    ds = uvisxr.open_found(given, [("calibrate", {"files": titan.calibration})])
    bins = ds.assign_attrs(target=target).uvis.bin({"alt": [0, 200, 400, 600]})
    assert bins.uvis.plot.limb().get_title().startswith(f"{said}, ")


def test_an_archive_that_has_moved(titan, tmp_path):
    rows = drawn(list(titan.labels), 4, 60, (1, 2), seed=9)
    for path in titan.labels:
        for suffix in (".LBL", ".DAT"):
            there = tmp_path / "new" / "COUVIS_0022" / "DATA" / path.with_suffix(suffix).name
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path.with_suffix(suffix), there)
    gone = [f"/old/disk/COUVIS_0022/DATA/{path.name}" for path, _, _ in rows]
    given = table(rows) | {"label": gone}
    with pytest.raises(LabelError, match=r"FUV2008_070_10_04: there is no label .*archive=FOLDER"):
        uvisxr.open_found(given)
    with pytest.raises(LabelError, match="nor below"):
        uvisxr.open_found(given, archive=tmp_path / "elsewhere")
    ds = uvisxr.open_found(given, archive=tmp_path / "new")
    xr.testing.assert_equal(ds.compute(), uvisxr.open_found(table(rows)).compute())


def test_what_has_changed(titan, tmp_path):
    label = Path(shutil.copy(titan.labels[0], tmp_path))
    shutil.copy(titan.labels[0].with_suffix(".DAT"), tmp_path)
    given = table([(label, 1, 2)], label_sha256=["0" * 64])
    with pytest.raises(LabelError, match=r"FUV2008_070_10_04: .* is not the label .* build"):
        uvisxr.open_found(given)
    ds = uvisxr.open_found(table([(label, 1, 2)]))
    label.with_suffix(".DAT").write_bytes(b"")
    with pytest.raises(ProductError, match="changed since it was opened"):
        ds.load()
    with pytest.raises(ProductError, match=r"FUV2008_070_10_04: .* is empty"):
        uvisxr.open_found(table([(label, 1, 2)]))
    label.with_suffix(".DAT").unlink()
    with pytest.raises(ProductError, match=r"FUV2008_070_10_04: cannot read the data file"):
        uvisxr.open_found(table([(label, 1, 2)]))


@pytest.mark.parametrize("steps", [None, [("rate", {})]])
def test_counts_that_have_changed(titan, tmp_path, steps):
    """By the sums of a catalogue, of the spectra that are read; a table by hand may mean others."""
    label = Path(shutil.copy(titan.labels[0], tmp_path))
    data = Path(shutil.copy(titan.labels[0].with_suffix(".DAT"), tmp_path))
    sums = uvisxr.open_product(label).counts.values[[1, 2], 5].sum(axis=-1)
    given = table([(label, 1, 5), (label, 2, 5)], counts=sums.astype(float))
    by_catalogue = given | {"label_sha256": [sha256(label)] * 2}
    uvisxr.open_found(by_catalogue, steps).compute()
    unknown = by_catalogue | {"counts": [np.nan, sums[1]]}
    raw = np.fromfile(data, ">u2").reshape(-1, 64, 1024)
    raw[1, 2 + 5, 500] += 1
    raw.tofile(data)
    with pytest.raises(
        ProductError, match=r"^FUV2008_070_10_04: the counts .* pic 1, pixel 5 .* build.*touch"
    ):
        uvisxr.open_found(by_catalogue, steps).compute()
    for other in (given, unknown):
        uvisxr.open_found(other, steps).compute()


@pytest.mark.parametrize("wrong", [300, -1, np.inf, 0.5, "x"])
def test_flags_that_are_none(titan, wrong):
    given = table([(titan.labels[0], 1, 2), (titan.labels[0], 1, 3)])
    with pytest.raises(ArgumentError, match=r"found: quality=.*expected the sum of flags"):
        uvisxr.open_found(given | {"quality": np.array([4, wrong])})
    ds = uvisxr.open_found(given | {"quality": [4, None]})
    assert ds.quality[0] & 4 and not ds.quality[1] & 4


def test_names_that_are_none(titan):
    given = table([(titan.labels[0], 1, 2)])
    with pytest.raises(ArgumentError, match=r"row 0, of .* names no product"):
        uvisxr.open_found(given | {"product": [None]})
    with pytest.warns(UvisWarning, match=r"1 of 1 products .* 'WRONG' for FUV2008_070_10_04"):
        uvisxr.open_found(given | {"product": ["WRONG"]})
    uvisxr.open_found(given | {"product": [f"{titan.labels[0].stem}-0123abcd"]})


def test_a_label_of_a_name_that_no_system_takes(titan):
    given = table([(titan.labels[0], 1, 2)]) | {"label": ["x" * 5000]}
    for archive in (None, titan.labels[0].parent):
        with pytest.raises(LabelError, match=r"there is no label x+\.\.\.x+") as caught:
            uvisxr.open_found(given, archive=archive)
        assert len(str(caught.value)) < 1000


def test_what_pandas_does_not_know(titan):
    """Of its own types, that can be compared with nothing."""
    import pandas as pd

    rows = [(titan.labels[0], 1, pixel) for pixel in range(3)]
    given = pd.DataFrame(table(rows))
    given["on_disk"] = pd.array([True, None, False], "boolean")
    given["seen"] = pd.array([2**30 + 1, None, 3], "Int64")
    given["note"] = pd.array(["a", None, "b"], "string")
    ds = uvisxr.open_found(given)
    np.testing.assert_array_equal(ds.on_disk, [1, np.nan, 0])
    np.testing.assert_array_equal(ds.seen, [2**30 + 1, np.nan, 3])
    assert ds.note.values.tolist() == ["a", "", "b"]


def test_a_fault_of_a_step_names_the_product(titan):
    steps = [("geometry", {"kernels": [str(k) for k in titan.kernels[:1]]})]
    with pytest.raises(UvisError, match="FUV2008_070_10_04: "):
        uvisxr.open_found(table([(titan.labels[0], 1, 2)]), steps)
    kept = [("geometry", {"kernels": steps[0][1]["kernels"], "on_error": "keep"})]
    with pytest.warns(UvisWarning, match="left out"):
        ds = uvisxr.open_found(table([(titan.labels[0], 1, 2)]), kept)
    assert "counts" in ds and "lat" not in ds.variables


BAD = {
    "nothing": ({"product": [], "label": [], "pic": [], "pixel": []}, "no spectrum in it"),
    "no label": (
        {"product": ["a"], "pic": [0], "pixel": [0]},
        r"the table has no label: .*found\.to_pandas\(\[\.\.\., 'label'\]\)",
    ),
    "no label in a Dataset": (
        xr.Dataset({name: ("spectrum", [0]) for name in ("product", "pic", "pixel")}),
        r"the table has no label: .*found\.to_xarray\(\[\.\.\., 'label'\]\)",
    ),
    "no pic": ({"product": ["a"], "label": ["b"], "pixel": [0]}, "the table has no pic"),
    "no text": ({"product": ["a"], "label": [None], "pic": [0], "pixel": [0]}, "names no label"),
    "below": ({"product": ["a"], "label": ["b"], "pic": [-1], "pixel": [0]}, "pic=-1"),
    "parts": ({"product": ["a"], "label": ["b"], "pic": [0.5], "pixel": [0]}, "pic=0.5"),
    "lengths": ({"product": ["a"], "label": ["b"], "pic": [0, 1], "pixel": [0]}, "lengths"),
    "a number": (5, "found=5: expected what uvisxr.search gives"),
    "a text": ("catalogue/", "expected what uvisxr.search gives"),
}


@pytest.mark.parametrize("what", BAD)
def test_tables_that_are_none(what):
    given, said = BAD[what]
    with pytest.raises(ArgumentError, match=said):
        uvisxr.open_found(given)


@pytest.mark.parametrize(
    ("row", "window", "said"),
    [((99, 0), 0, "no pic 99, but 4"), ((0, 60), 0, "no pixel 60"), ((0, 0), 1, "no window 1")],
)
def test_spectra_that_are_not_there(titan, row, window, said):
    with pytest.raises(ArgumentError, match=f"FUV2008_070_10_04 has {said}"):
        uvisxr.open_found(table([(titan.labels[0], *row)], window))


@pytest.mark.parametrize(
    "steps",
    [
        [("bin", {"by": {"alt": [0, 1]}})],
        [("rebin", {"pic": 2})],
        [("open", {"window": 0}), "calibrate"],
        ["to_fits"],
        ["no_step"],
        [("calibrate", {"files": "/nowhere/at/all"})],
    ],
)
def test_steps_that_cannot_be(titan, steps):
    with pytest.raises(PipelineError):
        uvisxr.open_found(table([(titan.labels[0], 1, 2)]), steps)


@pytest.mark.slow
def test_products_in_many_blocks(titan, monkeypatch):
    """Large ones are read piece by piece, and whole ones computed block by block."""
    rows = drawn(list(titan.labels), 4, 60, (2, 3), seed=8)
    steps = pipelines(titan)["net"]
    once = [uvisxr.open_found(table(rows), steps, whole=whole).compute() for whole in (False, True)]
    for room in (pieces, layout):
        monkeypatch.setattr(room, "ELEMENTS", 60 * 1024)
    monkeypatch.setattr(work, "_BLOCK", 60 * 1024)
    for whole, expected in zip((False, True), once, strict=True):
        lazy = uvisxr.open_found(table(rows), steps, whole=whole)
        assert lazy.radiance.chunks[0] == ((6,) * 3 if whole else (3,) * 6)
        found = lazy.compute()
        # Here the mean spectrum of a product, and its mean time, are those of a piece.
        other = () if whole else ("_systematic", "_correlation", "_error")
        same = [name for name in expected.variables if not str(name).endswith(other)]
        assert "radiance_upper" in same
        for name in same:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=str(name))


def test_labels_on_a_server(tmp_path, monkeypatch):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(fetch, "download", partial(fetch.download, wait=0.01, timeout=0.5))
    path = write_product(tmp_path / "archive", product_id(3), samples=2, band_bin=32)
    with serve(folder(tmp_path / "archive")) as server:
        given = table([(path, 1, 7)]) | {"label": [f"{server.url}{path.name}"]}
        ds = uvisxr.open_found(given)
        expected = uvisxr.open_product(path).counts.values[1, 7]
        np.testing.assert_array_equal(ds.counts.values[0], expected)
    with pytest.raises(UvisError, match=rf"{path.stem}: "):
        uvisxr.open_found(given | {"label": ["http://127.0.0.1:9/x.LBL"]})


def test_starts(titan):
    given = table([(titan.labels[0], 1, 2)])
    later = uvisxr.open_found(given, [("open", {"start_time": "start"}), "rate"])
    assert later.et[0] - uvisxr.open_found(given).et[0] == pytest.approx(240.0)


def test_a_spectrum_and_a_matrix(tmp_path):
    values = np.arange(1024)
    label = write_spectrum(tmp_path, product_id(1), values)
    ds = uvisxr.open_found(table([(label, 0, 0)]))
    assert ds.counts.values[0].tolist() == values.tolist()


@pytest.mark.slow
def test_labels_are_read_once(hundred, monkeypatch):
    calls = []
    plain = found_labels.read_label
    monkeypatch.setattr(found_labels, "read_label", lambda *a: calls.append(a) or plain(*a))
    rows = drawn(hundred, 4, 60, (2, 2))
    uvisxr.open_found(table(rows), [("rate", {})]).load()
    assert len(calls) == 100


@pytest.mark.slow
def test_files_behind_it(titan, tmp_path):
    rows = drawn(list(titan.labels), 4, 60, (1, 2), seed=9)
    ds = uvisxr.open_found(table(rows), pipelines(titan)["net"])
    path = ds.uvis.to_netcdf(tmp_path / "found.nc")
    back = xr.load_dataset(path)
    np.testing.assert_array_equal(back.radiance, ds.radiance)
    with pytest.raises(UvisError):
        ds.uvis.to_netcdf(titan.labels[0], overwrite=True)
