"""Rows of a catalogue: every column against the opened dataset's geometry, body by body."""

from __future__ import annotations

import math
import re
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import spiceypy
import xarray as xr
from helpers.products import write_product, write_spectrum

import uvisxr
from uvisxr.catalogue import looks, rows, schema
from uvisxr.catalogue.bands import BANDS
from uvisxr.catalogue.ranges import arcs
from uvisxr.errors import LabelError, ProductError
from uvisxr.instrument.detector import Bins
from uvisxr.kernels.session import loaded
from uvisxr.reader.sources import Product
from uvisxr.simulate import observation

#: Columns that are fields of `ds.uvis.geometry` under the same name, of periods.
FIELDS = {
    **dict.fromkeys(("lat", "alt", "sza", "ems", "phase"), 0.0),
    **dict.fromkeys(("lon", "ring_longitude"), 360.0),
    "lt": 24.0,
    "ring_radius": 0.0,
}
GEOMETRY = tuple(schema.SPECTRA)[
    tuple(schema.SPECTRA).index("on_disk") : tuple(schema.SPECTRA).index("counts")
]


def read(label: Path, kernels=None, **options) -> rows.Rows:
    return rows.of(Product.at(label), kernels, **options)


def column(table: pa.Table, name: str) -> np.ndarray:
    """A column with NaN for null."""
    values = table[name].combine_chunks()
    if pa.types.is_boolean(values.type):
        return np.array([np.nan if v is None else float(v) for v in values.to_pylist()])
    return values.to_numpy(zero_copy_only=False).astype(float)


def of(found: rows.Rows, window: int, body: str) -> pa.Table:
    """Rows of one window and one body."""
    table = found.spectra
    wanted = [
        w == window and b == body
        for w, b in zip(table["window"].to_pylist(), table["body"].to_pylist(), strict=True)
    ]
    return table.filter(pa.array(wanted))


def apart(a: np.ndarray, b: np.ndarray, period: float) -> np.ndarray:
    return abs((a - b + period / 2) % period - period / 2) if period else abs(a - b)


def narrowest(lons: list[float]) -> float:
    """Length of the shortest arc that holds some longitudes, by trying each as its beginning."""
    return min(max((lon - first) % 360 for lon in lons) for first in lons)


def check_body(table: pa.Table, ds: xr.Dataset) -> None:
    """All columns of a body against a dataset's geometry with it as its target."""
    at = {
        "pic": xr.DataArray(column(table, "pic").astype(int), dims="row"),
        "pixel": xr.DataArray(column(table, "pixel").astype(int), dims="row"),
    }
    ds = ds.isel(at)
    for name in ("ra", "dec"):
        assert apart(column(table, name), ds[name].values, 360 * (name == "ra")).max() < 2e-5
    # Altitudes rise along the line of sight from the spacecraft on; a tangent has 90 degrees.
    away = (ds["on_disk"].values == 0) & (ds["ems"].values > 90.005)
    for name, period in FIELDS.items():
        if name not in ds.variables:
            assert np.isnan(column(table, name)).all()
            continue
        unseen = ds["ring_in_front"].values == 0 if name.startswith("ring") else away
        found, expected = column(table, name), np.where(unseen, np.nan, ds[name].values)
        np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
        scale = np.maximum(1.0, abs(expected)) if name in ("alt", "ring_radius") else 360.0
        error = apart(found, expected, period) / scale
        assert np.nanmax(error, initial=0) < 2e-7, name
        if period:
            assert np.nanmax(found, initial=0) < period
    known = np.isfinite(ds["alt"].values)
    np.testing.assert_array_equal(
        column(table, "on_disk"), np.where(known, ds["on_disk"].values, np.nan)
    )
    for name in ("lon_min", "lon_max", "lat_min", "lat_max", "alt_min", "alt_max"):
        np.testing.assert_array_equal(np.isfinite(column(table, name)), known & ~away)
    # Ranges where some corners look away, and others do not, have a test of their own.
    mixed = ds["alt_corners"].values.max(axis=1) > 0.99 * ds["sc_alt"].values
    known &= ~(away | mixed)
    distance = column(table, "distance")
    assert np.nanmax(abs(distance / ds["target_distance"].values - 1), initial=0) < 1e-6
    for name in ("lat", "alt"):
        five = np.concatenate([ds[name].values[:, None], ds[f"{name}_corners"].values], axis=1)
        tolerance = 2e-5 + 2e-7 * abs(five).max(axis=1)
        low, high = column(table, f"{name}_min"), column(table, f"{name}_max")
        least, most = five.min(axis=1), five.max(axis=1)
        assert ((low < least + tolerance) & (high > most - tolerance) | ~known).all()
        wider = {-1: low < least - tolerance, 1: high > most + tolerance}
        if name == "alt":
            assert not (wider[-1] | wider[1])[known].any()
            continue
        # To a pole or an end of the limb, whose planetocentric latitude is that of a sphere nearly.
        beside = np.degrees(np.arccos(ds.attrs["target_radii"][0] / ds["target_distance"].values))
        for sign, end in {-1: low, 1: high}.items():
            limb = ds["sc_lat"].values + sign * beside
            at_end = (abs(end - limb) < 6) | (end == 90 * sign)
            assert (at_end | ~wider[sign] | ~known).all()
    low, high = column(table, "lon_min"), column(table, "lon_max")
    for k in np.flatnonzero(known):
        five = [float(ds["lon"].values[k]), *ds["lon_corners"].values[k].tolist()]
        if (low[k], high[k]) == (0.0, 360.0):
            assert 90.0 in (abs(column(table, "lat_min")[k]), abs(column(table, "lat_max")[k]))
            continue
        width = (high[k] - low[k]) % 360
        assert width == pytest.approx(narrowest(five), abs=1e-4) or narrowest(five) > 179.99
        assert all((lon - low[k] + 1e-4) % 360 <= width + 2e-4 for lon in five)


@pytest.fixture(scope="module")
def titan_rows(titan):
    return read(titan.labels[1], titan.kernels)


class TestTable:
    def test_every_column_of_titans_limb(self, titan, titan_rows):
        ds = uvisxr.open_product(titan.labels[1]).uvis.geometry(titan.kernels)
        check_body(of(titan_rows, 0, "TITAN"), ds)
        assert titan_rows.product["bodies"] == ["TITAN"]
        # Also where the slit is beyond the disk.
        assert set(titan_rows.spectra["body"].to_pylist()) == {"TITAN"}
        assert min(titan_rows.spectra["on_disk"].to_pylist()) is False

    def test_order_keys_and_types(self, titan_rows):
        table = titan_rows.spectra
        assert table.schema.equals(schema.of("spectra"), check_metadata=True)
        keys = list(
            zip(*(table[name].to_pylist() for name in ("window", "pic", "pixel")), strict=True)
        )
        assert keys == [(0, pic, pixel) for pic in range(15) for pixel in range(60)]
        assert set(table["primary"].to_pylist()) == {True}
        table.validate(full=True)

    def test_times_are_those_of_the_dataset(self, titan, titan_rows):
        ds = uvisxr.open_product(titan.labels[1])
        found = titan_rows.spectra["time"].to_numpy().reshape(15, 60)[:, 7]
        np.testing.assert_array_equal(found, ds["time"].values.astype("datetime64[us]"))
        product = titan_rows.product
        assert product["time_start"] == ds["time_start"].values[0].astype("datetime64[us]").item()
        assert product["time_stop"] - product["time_start"] == timedelta(seconds=15 * 240)
        assert column(titan_rows.spectra, "exposure").tolist() == [240.0] * 900

    def test_row_of_the_product_fits_the_schema(self, titan, titan_rows):
        row = titan_rows.product
        table = pa.Table.from_pylist([row], schema=schema.of("products"))
        assert set(row) == set(schema.PRODUCTS) - {"fingerprint", "indexed"}
        assert table["product"].to_pylist() == [titan.labels[1].stem]
        assert (row["status"], row["error"], row["warnings"]) == ("done", "", [])
        assert (row["pointing"], row["geometry_note"]) == ("all", "")
        assert (row["ul_line"], row["lr_line"], row["line_bin"]) == (2, 61, 1)
        assert row["spectra"] == 900 and row["has_data"] is True
        assert row["label"] == str(titan.labels[1]) and row["data"] == ""

    def test_names(self, titan):
        found = read(titan.labels[0], titan.kernels, name="other")
        assert found.product["product"] == "other"
        assert set(found.spectra["product"].to_pylist()) == {"other"}

    def test_rays_against_scalar_spice(self, titan, titan_rows):
        table = titan_rows.spectra
        et = uvisxr.open_product(titan.labels[1])["et"].values
        with loaded(titan.kernels):
            for k in range(0, 900, 37):
                row = table.slice(k, 1).to_pylist()[0]
                ra, dec = math.radians(row["ra"]), math.radians(row["dec"])
                sky = spiceypy.radrec(1.0, ra, dec)
                _, height, _, _, _, _ = spiceypy.tangpt(
                    *("ELLIPSOID", "TITAN", et[row["pic"]], "IAU_TITAN", "CN+S", "TANGENT POINT"),
                    *("CASSINI", "J2000", sky),
                )
                # The direction in single precision is right to 2e-7 rad, at 1e5 km.
                near = 0.1 + 3e-7 * row["distance"]
                if height > near:
                    assert row["alt"] == pytest.approx(height, abs=near)
                    assert row["on_disk"] is False
                    continue
                assert row["on_disk"] is True
                point, _, _ = spiceypy.sincpt(
                    *("ELLIPSOID", "TITAN", et[row["pic"]], "IAU_TITAN", "CN+S", "CASSINI"),
                    *("J2000", sky),
                )
                _, lon, lat = spiceypy.reclat(point)
                grazing = 0.02 / max(math.cos(math.radians(row["ems"])), 1e-3)
                assert row["lat"] == pytest.approx(math.degrees(lat), abs=grazing)
                assert apart(row["lon"], -math.degrees(lon), 360) < 4 * grazing


@pytest.fixture(scope="module")
def turned(titan, tmp_path_factory) -> list[Path]:
    return turning(titan, tmp_path_factory.mktemp("turning"))


class TestLookingAway:
    """The lowest point of a line of sight that leads away from the body is the spacecraft."""

    @pytest.mark.slow
    def test_has_no_place(self, titan, turned):
        found = read(titan.labels[1], turned)
        table = of(found, 0, "TITAN")
        check_body(table, uvisxr.open_product(titan.labels[1]).uvis.geometry(turned))
        away = np.isnan(column(table, "alt"))
        assert 300 < away.sum() < 700
        for name in GEOMETRY:
            if not name.startswith("ring"):
                known = np.isfinite(column(table, name))
                is_told = name in ("on_disk", "distance")
                assert (known if is_told else known == ~away).all(), name
        assert not column(table, "on_disk")[away].any()
        assert np.nanmax(column(table, "ems")) < 90.005
        # It is known where they look.
        assert (found.product["pointing"], found.product["geometry_note"]) == ("all", "")

    @pytest.mark.parametrize("bin_", [4, 20])
    def test_against_scalar_spice(self, titan, turned, tmp_path, bin_):
        label = Path(shutil.copy(titan.labels[1], tmp_path))
        shutil.copy(titan.labels[1].with_suffix(".DAT"), tmp_path)
        text, number = re.subn(r"(LINE_BIN +=) 1\b", rf"\1 {bin_}", label.read_text())
        assert number == 1
        label.write_text(text)
        ds = uvisxr.open_product(label)
        et, bins = ds["et"].values, Bins.of(ds)
        at = looks.read(et, [bins], ("FUV", ds.attrs["slit"], "telescope"), turned, "TITAN")
        rays = at.view.pixel_vectors(bins) @ np.swapaxes(at.attitude, -1, -2)[:, None]
        table = of(read(label, turned), 0, "TITAN")
        part = 0
        with loaded(turned):
            for row in table.to_pylist():
                # Those at right angles to Titan, give or take the slit.
                if not 3 <= row["pic"] <= 9:
                    continue
                seen = [
                    spiceypy.tangpt(
                        *("ELLIPSOID", "TITAN", et[row["pic"]], "IAU_TITAN", "CN+S"),
                        *("TANGENT POINT", "CASSINI", "J2000", ray),
                    )
                    for ray in rays[row["pic"], row["pixel"]]
                ]
                height = np.array([one[1] for one in seen])
                ahead = np.array([one[2] > 0 for one in seen])
                assert (row["alt"] is not None) == ahead[0]
                if not ahead[0]:
                    assert row["alt_min"] is row["lon_max"] is row["lat_min"] is None
                    continue
                part += not ahead.all()
                near = {"rel": 1e-6, "abs": 0.1}
                assert row["alt_min"] == pytest.approx(height[ahead].min(), **near)
                assert row["alt_max"] == pytest.approx(height[ahead].max(), **near)
        assert part

    def test_ranges_are_of_what_does_not(self):
        low, high = arcs(np.array([350.0]), np.array([[np.nan, 5.0, 355.0, np.nan]]))
        assert (low[0], high[0]) == (350.0, 5.0)


class TestCounts:
    def test_sums_in_bands(self, titan, titan_rows):
        ds = uvisxr.open_product(titan.labels[1])
        counts, bounds = ds["counts"].values.astype(float), ds["wl_bounds"].values
        for name, band in BANDS.items():
            found = column(titan_rows.spectra, f"counts_{name}")
            if band.channel == "EUV":
                assert np.isnan(found).all()
                continue
            expected = np.zeros(counts.shape[:2])
            for k, (low, high) in enumerate(bounds):
                inside = max(0.0, min(high, band.high) - max(low, band.low))
                expected += counts[..., k] * inside / (high - low)
            np.testing.assert_allclose(found, expected.ravel(), rtol=1e-12)
        np.testing.assert_array_equal(
            column(titan_rows.spectra, "counts"), counts.sum(axis=-1).ravel()
        )
        assert titan_rows.product["counts"] == counts.sum()

    def test_flags_are_those_that_rate_finds(self, titan, titan_rows):
        ds = uvisxr.open_product(titan.labels[1])
        flags = ds.uvis.rate()["quality"].values
        np.testing.assert_array_equal(column(titan_rows.spectra, "quality"), flags.ravel())
        row = titan_rows.product
        assert row["lost"] == (flags & 1 > 0).sum() > 0
        assert row["partial"] == (flags & 2 > 0).sum()
        assert row["dark_line"] == (flags & 8 > 0).sum() == 15

    def test_blocks_give_the_same(self, titan, titan_rows, monkeypatch):
        monkeypatch.setattr("uvisxr.catalogue.sums._BLOCK", 4 * 60 * 1024)
        monkeypatch.setattr("uvisxr.catalogue.looks._BLOCK", 500)
        found = read(titan.labels[1], titan.kernels)
        assert found.spectra.equals(titan_rows.spectra) and found.product == titan_rows.product

    @pytest.mark.parametrize("block", [2**22, 2 * 60 * 1024])
    def test_missing_counts(self, tmp_path, monkeypatch, block):
        monkeypatch.setattr("uvisxr.catalogue.sums._BLOCK", block)
        counts = np.random.default_rng(1).poisson(3.0, (4, 60, 1024))
        # Never sent; lost in one exposure, beyond all bands and within one.
        counts[:, :, 1000] = 65535
        counts[1, 5, 1010] = 65535
        counts[2, 6, 300] = 65535
        counts[3, 7] = 65535
        label = write_product(tmp_path, "FUV2005_230_15_15", counts)
        found = read(label)
        total = column(found.spectra, "counts").reshape(4, 60)
        far = column(found.spectra, "counts_far").reshape(4, 60)
        lyman = column(found.spectra, "counts_lyman_alpha").reshape(4, 60)
        sent = np.where(counts == 65535, 0, counts)
        unknown = {(1, 5), (2, 6), (3, 7)}
        for at in np.ndindex(4, 60):
            assert np.isnan(total[at]) == (at in unknown)
            assert at in unknown or total[at] == sent[at].sum()
        assert set(zip(*np.nonzero(np.isnan(far)), strict=True)) == {(2, 6), (3, 7)}
        assert set(zip(*np.nonzero(np.isnan(lyman)), strict=True)) == {(3, 7)}
        assert found.product["counts"] == sent.sum()
        flags = column(found.spectra, "quality").reshape(4, 60)
        assert flags[1, 5] == flags[2, 6] == 2 and flags[3, 7] == 1
        assert (found.product["lost"], found.product["partial"]) == (1, 2)
        expected = uvisxr.open_product(label).uvis.rate()["quality"].values
        np.testing.assert_array_equal(flags, expected)

    def test_bands_beyond_the_window_are_unknown(self, tmp_path):
        made = observation(
            tmp_path, exposures=2, window=uvisxr.simulate.Window(2, 512, 61, 1023), seed=2
        )
        table = read(made.labels[0], made.kernels).spectra
        assert table["counts_lyman_alpha"].null_count == table.num_rows
        assert table["counts_long"].null_count == 0

    def test_label_alone(self, titan, tmp_path, titan_rows):
        label = shutil.copy(titan.labels[1], tmp_path)
        found = read(label, titan.kernels)
        for name in found.spectra.column_names:
            if name.startswith("counts"):
                assert found.spectra[name].null_count == 900
            elif name != "quality":
                assert found.spectra[name].equals(titan_rows.spectra[name]), name
        assert set(column(found.spectra, "quality")) == {0.0, 8.0}
        row = found.product
        assert row["has_data"] is False and row["dark_line"] == 15
        assert row["counts"] is row["lost"] is row["partial"] is None
        same = set(schema.PRODUCTS) - {"has_data", "counts", "lost", "partial", "label"}
        for key in same - {"fingerprint", "indexed"}:
            assert row[key] == titan_rows.product[key], key


class TestWindows:
    @pytest.mark.slow
    def test_windows_follow_each_other(self, tmp_path):
        made = observation(
            tmp_path,
            exposures=3,
            window=(
                uvisxr.simulate.Window(2, 0, 61, 511, band_bin=2),
                uvisxr.simulate.Window(2, 512, 61, 1023, line_bin=4, band_bin=8),
            ),
            seed=1,
        )
        found = read(made.labels[0], made.kernels)
        tree = uvisxr.open_product(made.labels[0])
        assert found.spectra["window"].to_pylist() == [0] * 180 + [1] * 45
        assert (found.product["windows"], found.product["pixels"]) == (2, 75)
        assert found.product["elements"] == 256 and found.product["spectra"] == 225
        total = 0
        for k in range(2):
            ds = tree[f"window{k}"].to_dataset().uvis.geometry(made.kernels)
            check_body(of(found, k, "TITAN"), ds)
            total += ds["counts"].values.sum()
        assert found.product["counts"] == total

    def test_a_spectrum_object(self, tmp_path):
        label = write_spectrum(tmp_path, "FUV2005_230_15_15", np.full(1024, 3))
        found = read(label)
        assert found.spectra.num_rows == 1 and column(found.spectra, "counts") == [3072]


class TestWithoutGeometry:
    def test_no_kernels(self, titan, monkeypatch, titan_rows, tmp_path):
        monkeypatch.delenv("UVISXR_KERNELS", raising=False)
        with uvisxr.set_options(cache=tmp_path):
            found = read(titan.labels[1])
        row = found.product
        assert row["pointing"] == "none" and row["geometry_note"].startswith("no SPICE kernels")
        assert row["bodies"] == row["kernels"] == row["warnings"] == []
        for name in ("ra", "dec", *GEOMETRY):
            assert found.spectra[name].null_count == 900
        assert set(found.spectra["body"].to_pylist()) == {""}
        assert set(found.spectra["primary"].to_pylist()) == {True}
        for name in ("time", "counts", "quality", "counts_far"):
            assert found.spectra[name].equals(titan_rows.spectra[name])

    def test_pointing_of_some(self, titan, tmp_path):
        kernels, pointed = without_half_of_the_pointing(titan, tmp_path)
        found = read(titan.labels[1], kernels)
        with pytest.warns(uvisxr.UvisWarning, match="no pointing"):
            ds = uvisxr.open_product(titan.labels[1]).uvis.geometry(kernels)
        known = np.isfinite(ds["ra"].values)
        assert 0 < known.sum() < known.size and pointed
        table = of(found, 0, "TITAN")
        assert table.num_rows == 900
        for name in ("ra", "dec", *GEOMETRY):
            if not name.startswith("ring"):
                np.testing.assert_array_equal(
                    np.isfinite(column(table, name)), known.ravel(), err_msg=name
                )
        check = found.product
        assert check["pointing"] == "some" and "no pointing" in check["geometry_note"]
        assert any("no pointing" in text for text in check["warnings"])

    def test_a_warning_of_what_is_known_is_no_reason(self, titan, tmp_path):
        half, _ = without_half_of_the_pointing(titan, tmp_path)
        for kernels, pointing in ((titan.kernels, "all"), (half, "some")):
            folder = tmp_path / pointing
            folder.mkdir()
            for kernel in kernels:
                shutil.copy(kernel, folder)
            (kernel,) = folder.glob("*.tls")
            (folder / "other").mkdir()
            (folder / "other" / kernel.name).write_bytes(kernel.read_bytes() + b"\nAnother.\n")
            row = read(titan.labels[1], folder).product
            assert row["pointing"] == pointing
            assert [text for text in row["warnings"] if "have one name but differ" in text]
            assert ("no pointing" in row["geometry_note"]) == (pointing == "some")
            assert bool(row["geometry_note"]) == (pointing == "some")

    def test_pointing_of_none(self, titan, tmp_path):
        kernels = [path for path in titan.kernels if path.suffix != ".bc"]
        found = read(titan.labels[1], kernels)
        assert found.product["pointing"] == "none" and found.product["bodies"] == []
        assert "no pointing" in found.product["geometry_note"]
        assert found.product["kernels"] == [path.name for path in kernels]
        assert set(found.spectra["body"].to_pylist()) == {""}
        assert found.spectra["ra"].null_count == found.spectra["distance"].null_count == 900

    def test_target_that_the_kernels_do_not_place(self, titan, tmp_path):
        label = retargeted(titan.labels[1], tmp_path, "RHEA")
        found = read(label, titan.kernels)
        assert found.product["target"] == "RHEA" and found.product["pointing"] == "all"
        assert "RHEA" in found.product["geometry_note"]
        primary = of(found, 0, "")
        assert primary.num_rows == 900 and primary["ra"].null_count == 0
        assert found.product["bodies"] == ["TITAN"]
        ds = uvisxr.open_product(titan.labels[1]).uvis.geometry(titan.kernels)
        check_body(of(found, 0, "TITAN"), ds)

    @pytest.mark.parametrize("target", ["STAR", "UNK", "SKY", "N/A"])
    def test_target_that_is_no_body(self, titan, tmp_path, target, titan_rows):
        label = retargeted(titan.labels[1], tmp_path, target)
        found = read(label, titan.kernels)
        assert found.product["geometry_note"] == "" and found.product["bodies"] == ["TITAN"]
        assert found.product["target_name"] == ("" if target in ("UNK", "N/A") else target)
        primary, titans = of(found, 0, ""), of(found, 0, "TITAN")
        assert set(primary["primary"].to_pylist()) == {True}
        assert primary["lon"].null_count == 900
        for name in ("ra", "dec"):
            assert primary[name].equals(titan_rows.spectra[name])
        assert set(titans["primary"].to_pylist()) == {False}
        # Each spectrum's primary row comes first.
        keys = [
            tuple(row)
            for row in zip(
                found.spectra["pic"].to_pylist(),
                found.spectra["pixel"].to_pylist(),
                [body != "" for body in found.spectra["body"].to_pylist()],
                strict=True,
            )
        ]
        assert keys == sorted(keys)

    def test_unknown_target_is_said(self, titan, tmp_path):
        found = read(retargeted(titan.labels[1], tmp_path, "VULCAN"), titan.kernels)
        assert "VULCAN" in found.product["geometry_note"] and of(found, 0, "").num_rows == 900


class TestInView:
    def test_as_in_backplanes(self, titan, tmp_path):
        label = retargeted(titan.labels[2], tmp_path, "STAR")
        found = read(label, titan.kernels)
        tree = uvisxr.open_product(label).uvis.backplanes(titan.kernels, times=["mid"])
        assert [n.upper() for n in tree.attrs["bodies"].split() if n != "saturn"] == [
            name for name in found.product["bodies"] if name != "SATURN"
        ]


class TestRefused:
    def test_a_matrix(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        text = label.read_text()
        for old, new in (
            ("MSB_UNSIGNED_INTEGER", "IEEE_REAL"),
            ("CORE_ITEM_BYTES               = 2", "CORE_ITEM_BYTES               = 4"),
        ):
            assert old in text
            text = text.replace(old, new)
        label.write_text(text)
        with pytest.raises(ProductError, match="is a calibration matrix"):
            read(label)

    def test_a_damaged_label(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        label.write_text(label.read_text()[:700])
        with pytest.raises(LabelError, match="breaks off"):
            read(label)

    def test_data_cut_short(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        with label.with_suffix(".DAT").open("r+b") as stream:
            stream.truncate(1000)
        with pytest.raises(ProductError, match="truncated"):
            read(label)

    def test_a_folder_in_the_place_of_data(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        label.with_suffix(".DAT").unlink()
        label.with_suffix(".DAT").mkdir()
        with pytest.raises(ProductError, match="no ordinary file"):
            read(label)

    def test_a_window_beyond_the_frame_without_data(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        label.with_suffix(".DAT").unlink()
        assert read(label).product["has_data"] is False
        two_lines = re.sub(r"\(1024, 64, 1\)", "(1024, 2, 1)", label.read_text())
        label.write_text(two_lines)
        with pytest.raises(ProductError, match="the label is damaged"):
            read(label)

    def test_pairs_say_their_data(self, tmp_path):
        label = write_product(tmp_path, "FUV2005_230_15_15")
        data = label.with_suffix(".DAT").rename(tmp_path / "other.dat")
        found = rows.of(Product(label, data, paired=True))
        assert found.product["data"] == str(data) and found.product["has_data"] is True


class TestArcs:
    @pytest.mark.parametrize("lon", range(0, 360, 15))
    def test_against_trying_all(self, lon):
        rng = np.random.default_rng(lon)
        corners = (lon + rng.normal(0, 50, (200, 4))) % 360
        low, high = arcs(np.full(200, float(lon)), corners)
        for k in range(200):
            assert (high[k] - low[k]) % 360 == pytest.approx(narrowest([lon, *corners[k]]))

    def test_unknown(self):
        low, high = arcs(np.array([np.nan]), np.full((1, 4), np.nan))
        assert np.isnan([low[0], high[0]]).all()


def retargeted(label: Path, folder: Path, target: str) -> Path:
    """A copy of a product with another target."""
    shutil.copy(label.with_suffix(".DAT"), folder)
    text, number = re.subn(
        r"(?m)^(TARGET_NAME +=).*?(\r?)$", rf'\g<1> "{target}"\2', label.read_text()
    )
    assert number == 1
    copy = folder / label.name
    copy.write_text(text)
    return copy


def turning(titan, folder: Path) -> list[Path]:
    """The kernels of a simulation that looks elsewhere in the second product: along the slit
    through what is at right angles to Titan, and away from it."""
    et = uvisxr.open_product(titan.labels[1])["et"].values
    (old,) = [path for path in titan.kernels if path.suffix == ".bc"]
    new = folder / old.name
    angles = np.radians([0, 30, 60, 87, 88, 89, 90, 91, 92, 93, 120, 150, 180, 270, 300])
    with loaded(titan.kernels):
        ticks = np.array([spiceypy.sce2c(-82, one) for one in et])
        # A little more time at both ends, for rounding.
        ticks[[0, -1]] += [-1.0, 1.0]
        turns = [
            spiceypy.m2q(
                spiceypy.rotate(angle, 1) @ spiceypy.pxform("J2000", "CASSINI_SC_COORD", one)
            )
            for angle, one in zip(angles, et, strict=True)
        ]
        handle = spiceypy.ckopn(str(new), "turning", 0)
        spiceypy.ckw03(
            handle,
            *(ticks[0], ticks[-1], -82000, "J2000", False, "turning", ticks.size, ticks),
            *(np.array(turns), np.zeros((ticks.size, 3)), 1, [ticks[0]]),
        )
        spiceypy.ckcls(handle)
    return [*(path for path in titan.kernels if path != old), new]


def without_half_of_the_pointing(titan, folder: Path) -> tuple[list[Path], bool]:
    """The kernels of a simulation with pointing for part of the second product."""
    et = uvisxr.open_product(titan.labels[1])["et"].values
    (old,) = [path for path in titan.kernels if path.suffix == ".bc"]
    others = [path for path in titan.kernels if path != old]
    new = folder / old.name
    with loaded(titan.kernels):
        ticks = np.array([spiceypy.sce2c(-82, one) for one in np.linspace(et[0] - 60, et[6], 40)])
        turns = [
            spiceypy.m2q(spiceypy.pxform("J2000", "CASSINI_SC_COORD", spiceypy.sct2e(-82, tick)))
            for tick in ticks
        ]
        handle = spiceypy.ckopn(str(new), "half", 0)
        spiceypy.ckw03(
            handle,
            *(ticks[0], ticks[-1], -82000, "J2000", False, "half", ticks.size, ticks),
            *(np.array(turns), np.zeros((ticks.size, 3)), 1, [ticks[0]]),
        )
        spiceypy.ckcls(handle)
    return [*others, new], True
