"""Exports of a catalogue: against the published standards, and against its rows, one by one.

What the standards ask for is written here by hand, from the IVOA Recommendation EPN-TAP 2.0
(2022-08-22) and the schemas ssys and view 1.1.0 of STAC extensions; the schemas of STAC's core are
those that pystac carries.
"""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers import catalogues

from uvisxr.catalogue import epncore, exports, granules, stac, store
from uvisxr.catalogue.database import Tables, opened
from uvisxr.cli import catalogue_export, main
from uvisxr.errors import ArgumentError, ExportError, UvisWarning
from uvisxr.instrument.channel import FUV

#: Columns that every table of EPN-TAP has (REC 2.0, section 3), with unit and UCD.
MANDATORY = """
granule_uid - meta.id
granule_gid - meta.id
obs_id - meta.id;obs
dataproduct_type - meta.code.class
target_name - meta.id;src
target_class - src.class
time_min d time.start;obs
time_max d time.end;obs
time_sampling_step_min s time.resolution;stat.min
time_sampling_step_max s time.resolution;stat.max
time_exp_min s time.duration;obs.exposure;stat.min
time_exp_max s time.duration;obs.exposure;stat.max
spectral_range_min Hz em.freq;stat.min
spectral_range_max Hz em.freq;stat.max
spectral_sampling_step_min Hz em.freq;spect.binSize;stat.min
spectral_sampling_step_max Hz em.freq;spect.binSize;stat.max
spectral_resolution_min - spect.resolution;stat.min
spectral_resolution_max - spect.resolution;stat.max
c1min deg pos.bodyrc.lon;stat.min
c1max deg pos.bodyrc.lon;stat.max
c2min deg pos.bodyrc.lat;stat.min
c2max deg pos.bodyrc.lat;stat.max
c3min km pos.bodyrc.alt;stat.min
c3max km pos.bodyrc.alt;stat.max
s_region - pos.outline;obs.field
c1_resol_min deg pos.angResolution;stat.min
c1_resol_max deg pos.angResolution;stat.max
c2_resol_min deg pos.angResolution;stat.min
c2_resol_max deg pos.angResolution;stat.max
c3_resol_min km pos.resolution;stat.min
c3_resol_max km pos.resolution;stat.max
spatial_frame_type - meta.code.class;pos.frame
incidence_min deg pos.incidenceAng;stat.min
incidence_max deg pos.incidenceAng;stat.max
emergence_min deg pos.emergenceAng;stat.min
emergence_max deg pos.emergenceAng;stat.max
phase_min deg pos.phaseAng;stat.min
phase_max deg pos.phaseAng;stat.max
instrument_host_name - meta.id;instr.obsty
instrument_name - meta.id;instr
measurement_type - meta.ucd
processing_level - meta.calibLevel
creation_date - time.creation
modification_date - time.processing
release_date - time.release
service_title - meta.title
"""

#: Those of them that have a value in every row.
VALUED = (
    *("granule_uid", "granule_gid", "obs_id", "dataproduct_type", "target_class"),
    *("spatial_frame_type", "service_title", "creation_date", "modification_date", "release_date"),
)

#: Classes of targets, of both standards.
CLASSES = (
    *("asteroid", "dwarf_planet", "planet", "satellite", "comet", "exoplanet", "sample", "sky"),
    *("interplanetary_medium", "spacecraft", "spacejunk", "star", "calibration"),
)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables(*catalogues.tables(120))


@pytest.fixture(scope="module")
def table(tables) -> pa.Table:
    return exports.epn_tap(tables, "a_title", "/archive", "https://pds.example/data/")


def with_column(table: pa.Table, name: str, values: list) -> pa.Table:
    place = table.column_names.index(name)
    field = table.schema.field(name)
    return table.set_column(place, field, pa.array(values, field.type))


# EPN-TAP -----------------------------------------------------------------------------------------


def test_columns_are_those_of_the_recommendation(table):
    for line in MANDATORY.split("\n")[1:-1]:
        name, unit, ucd = line.split()
        field = table.schema.field(name)
        told = {key.decode(): value.decode() for key, value in field.metadata.items()}
        assert told["ucd"] == ucd
        assert told.get("units", "-") == unit
        double = name in ("time_min", "time_max")
        number = unit != "-" or "resolution" in name
        kind = pa.float64() if double else pa.float32() if number else pa.string()
        assert field.type == (pa.int32() if name == "processing_level" else kind), name
    assert table.schema.metadata[b"utype"] == b"ivo://ivoa.net/std/epntap#table-2.0"
    assert tuple(sorted(epncore.REQUIRED, key=VALUED.index)) == VALUED


def test_rows_have_what_every_row_must_have(table, tables):
    assert table.num_rows == tables.products.num_rows
    for name in VALUED:
        assert table[name].null_count == 0, name
    assert len(set(table["granule_uid"].to_pylist())) == table.num_rows
    assert set(table["target_class"].to_pylist()) <= set(CLASSES)
    assert set(table["spatial_frame_type"].to_pylist()) == {"body", "celestial", "none"}
    for name in epncore.TIMESTAMPS:
        for date in table[name].to_pylist():
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", date)
    for low in [name for name in table.column_names if name.endswith("min")]:
        high = table[low[:-3] + "max"].to_pandas()
        if low != "c1min":
            assert ((table[low].to_pandas() <= high) | high.isna()).all(), low
        assert (table[low].to_pandas().isna() == high.isna()).all()
    for text in (c for c in table.columns if c.type == pa.string()):
        assert not [one for one in text.to_pylist() if one is not None and re.search(r"['\"]", one)]


def test_times_are_julian_dates(table, tables):
    from astropy.time import Time

    rows = {row["product"]: row for row in tables.products.to_pylist()}
    for name, start, stop in zip(
        *(table[column].to_pylist() for column in ("granule_uid", "time_min", "time_max")),
        strict=True,
    ):
        row = rows[name]
        for found, time in ((start, row["time_start"]), (stop, row["time_stop"])):
            # JD as a double has steps of 40 microseconds.
            assert found == pytest.approx(Time(time, scale="utc").jd, abs=1e-9)
    assert table["time_min"].to_pylist() == sorted(table["time_min"].to_pylist())


def seen(tables: Tables, product: str):
    rows = tables.spectra.to_pandas()
    rows = rows[(rows["product"] == product) & rows["primary"]]
    return rows[(rows["quality"].to_numpy() & 9) == 0]


def test_ranges_are_those_of_the_spectra(table, tables):
    for row in table.slice(0, 60).to_pylist():
        rows = seen(tables, row["granule_uid"])
        if row["spatial_frame_type"] != "body":
            assert row["incidence_min"] is row["phase_max"] is row["c3min"] is None
            continue
        assert row["c2min"] == rows["lat_min"].min()
        assert row["c2max"] == rows["lat_max"].max()
        assert row["c3min"] == max(rows["alt_min"].min(), 0)
        assert row["c3max"] == max(rows["alt_max"].max(), 0)
        for name, column in (("incidence", "sza"), ("emergence", "ems"), ("phase", "phase")):
            ends = (row[f"{name}_min"], row[f"{name}_max"])
            assert ends == (rows[column].min(), rows[column].max())
        rows = rows.dropna(subset="lon_min")
        widths = (rows["lon_max"].to_numpy() - rows["lon_min"].to_numpy()) % 360
        assert row["c1_resol_min"] == pytest.approx(widths.min(), rel=1e-4)
        assert row["c1_resol_max"] == pytest.approx(widths.max(), rel=1e-4)


def test_what_looks_away_counts_for_no_place(table, tables):
    """Not in the ranges of what looks at the body too; if all does, the sky is where it looks."""
    rows = {name: seen(tables, name) for name in tables.products["product"].to_pylist()}
    away = {name: of["lat"].isna() & (of["body"] != "") for name, of in rows.items()}
    kinds = set()
    for row in table.to_pylist():
        here = away[row["granule_uid"]]
        if not here.any():
            continue
        kinds.add((row["spatial_frame_type"], bool(here.all())))
        assert row["target_distance_max"] == rows[row["granule_uid"]]["distance"].max()
        if not here.all():
            assert row["c2max"] == rows[row["granule_uid"]]["lat_max"][~here].max()
    assert kinds == {("body", False), ("celestial", True)}


def test_longitudes_are_the_shortest_arc_that_holds_all():
    """On whole degrees, against all ways to cut the circle; arcs are few and narrow, or many."""
    rng = np.random.default_rng(5)
    number, each = 300, 7
    first = rng.integers(0, 360, (number, each))
    length = rng.integers(0, rng.choice([2, 20, 80, 200], number)[:, None], (number, each))
    # All at one place in some, so that there is one gap.
    first[:50] = first[:50, :1]
    tables = Tables(*catalogues.tables(number, 1, each, seed=3))
    spectra, rows = tables.spectra, number * each
    for name, values in {
        "lon_min": first.ravel().astype(float).tolist(),
        "lon_max": ((first + length) % 360).ravel().astype(float).tolist(),
        "quality": [0] * rows,
    }.items():
        spectra = with_column(spectra, name, values)
    with opened(tables._replace(spectra=spectra)) as connection:
        found = {row["product"]: row for row in granules.of(connection).to_pylist()}
    wholes = 0
    for k, name in enumerate(tables.products["product"].to_pylist()):
        row = found[name]
        covered = np.zeros(720, bool)
        for start, span in zip(first[k], length[k], strict=True):
            covered[np.arange(2 * start, 2 * (start + span) + 1) % 720] = True
        runs = "".join("#" if one else "." for one in [*covered, *covered]).split("#")
        gap = max(len(run) for run in runs) + 1
        if gap == 1:
            assert (row["lon_first"], row["lon_last"]) == (0.0, 360.0)
            wholes += 1
            continue
        spanned = (row["lon_last"] - row["lon_first"]) % 360
        assert spanned == 360.0 - gap / 2
        for end in (*first[k], *(first[k] + length[k])):
            assert (end - row["lon_first"]) % 360 <= spanned
    assert 10 < wholes < 250


def test_pixels_that_hold_a_pole_make_the_circle_whole(tables):
    rows = tables.spectra.num_rows
    spectra = with_column(tables.spectra, "lon_min", [0.0] * rows)
    spectra = with_column(spectra, "lon_max", [360.0] * rows)
    found = exports.epn_tap(tables._replace(spectra=spectra))
    body = [row for row in found.to_pylist() if row["spatial_frame_type"] == "body"]
    assert {(row["c1min"], row["c1max"], row["c1_resol_max"]) for row in body} == {
        (0.0, 360.0, 360.0)
    }


def test_longitudes_count_to_the_east(tables):
    assert [float(v[0]) for v in epncore.eastward(np.array([10.0]), np.array([30.0]))] == [330, 350]
    with opened(tables) as connection:
        west = {row["product"]: row for row in granules.of(connection).to_pylist()}
    for row in exports.epn_tap(tables).to_pylist():
        if row["spatial_frame_type"] == "body":
            of = west[row["granule_uid"]]
            assert (row["c1min"] + of["lon_last"]) % 360 == pytest.approx(0, abs=1e-3) or (
                row["c1min"] + of["lon_last"]
            ) % 360 == pytest.approx(360, abs=1e-3)


def test_what_looks_at_the_sky_is_told_by_right_ascension(table, tables):
    sky = [row for row in table.to_pylist() if row["spatial_frame_type"] == "celestial"]
    assert sky
    for row in sky:
        rows = seen(tables, row["granule_uid"])
        assert (row["c2min"], row["c2max"]) == (rows["dec"].min(), rows["dec"].max())
        ra = np.unique(rows["ra"].to_numpy())
        gaps = [(b - a) % 360 for a, b in pairwise([*ra, ra[0] + np.float32(360)])]
        place = int(np.argmax(gaps))
        assert row["c1max"] == pytest.approx(ra[place], abs=1e-3)
        assert row["c1min"] == pytest.approx(ra[(place + 1) % ra.size], abs=1e-3)


def test_frequencies_are_those_of_the_wavelengths():
    found = epncore.spectral("FUV", "LOW_RESOLUTION", 0, 1023, 1)
    light = 299_792_458.0
    edges = FUV.wavelength(np.array([-0.5, 1023.5])) * 1e-10
    assert found.range == pytest.approx((light / edges[1], light / edges[0]), rel=1e-12)
    # df = c dlam / lam², as the recommendation has it, of elements 0.78 angstrom wide.
    for step, wl in zip(found.step, edges[::-1], strict=True):
        assert step == pytest.approx(light * 0.78e-10 / wl**2, rel=0.01)
    # The image of the slit is 4.8 angstrom wide.
    assert found.power == pytest.approx((1115.35 / 4.8, 1912.87 / 4.8), rel=1e-4)
    wide = epncore.spectral("EUV", "HIGH_RESOLUTION", 0, 1023, 64)
    assert wide.power[1] < 1200 / (60 * 0.6)
    assert epncore.spectral("EUV", "HIGH_RESOLUTION", 5, 4, 1) is None
    assert epncore.spectral("EUV", "HIGH_RESOLUTION", 0, 1023, 0) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("TITAN", ("Titan", "satellite", None)),
        ("Saturn_Rings", ("Saturn", "planet", "rings")),
        ("SUN", ("Sun", "star", None)),
        ("PLUTO", ("Pluto", "dwarf_planet", None)),
        ("SOLAR WIND", (None, "interplanetary_medium", None)),
        ("CALIBRATION", (None, "calibration", None)),
        ("SKY", (None, "sky", None)),
        ("MASURSKY", ("Masursky", "asteroid", None)),
        ("", (None, "sky", None)),
    ],
)
def test_targets_have_their_names_and_classes(name, expected):
    assert epncore.target(name) == expected


def test_data_files_are_beside_their_labels_and_where_they_are_served(table):
    for row in table.to_pylist():
        name = f"{row['granule_uid']}.DAT"
        assert row["access_url"] == f"https://pds.example/data/{name}"
        assert row["file_name"] == name
        # Four exposures of 64 by 1024 words.
        assert row["access_estsize"] == 4 * 64 * 1024 * 2 // 1024
        assert row["access_format"] == "application/octet-stream"
        assert row["service_title"] == "a_title"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("A.DAT", "application/octet-stream"),
        ("A.DAT.bz2", "application/x-bzip2"),
        ("A.dat.gz", "application/gzip"),
        ("A.DAT.zip", "application/zip"),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_data_files_are_those_that_lie_there(name, kind, apart, tmp_path):
    """Packed ones too, and those of another tree."""
    one = Tables(*catalogues.tables(1))
    trees = ("LABEL", "DATA") if apart else ("DATA", "DATA")
    label, data = (tmp_path / tree / "D2005_230" for tree in trees)
    for folder in (label, data):
        folder.mkdir(parents=True, exist_ok=True)
    (label / "A.LBL").write_text("PDS_VERSION_ID = PDS3")
    (data / name).write_bytes(bytes(5000))
    here = with_column(one.products, "label", [str(label / "A.LBL")])
    served = (tmp_path, "https://pds.example")
    (row,) = exports.epn_tap(one._replace(products=here), "a", *served).to_pylist()
    assert row["access_url"] == f"https://pds.example/DATA/D2005_230/{name}"
    assert (row["file_name"], row["access_format"], row["access_estsize"]) == (name, kind, 5)
    paths = exports.write_stac(one._replace(products=here), tmp_path / "out", "a", *served)
    asset = json.loads(paths[1].read_text())["assets"]["data"]
    assert (asset["href"], asset["type"]) == (row["access_url"], kind)


def test_sizes_of_packed_data_on_servers_are_not_known():
    one = Tables(*catalogues.tables(1))
    products = with_column(one.products, "data", ["https://pds.example/A.DAT.gz"])
    (row,) = exports.epn_tap(one._replace(products=products)).to_pylist()
    assert row["access_url"] == "https://pds.example/A.DAT.gz"
    assert (row["access_format"], row["access_estsize"]) == ("application/gzip", None)


def test_products_without_data_have_no_address(tables):
    products = with_column(tables.products, "has_data", [False] * tables.products.num_rows)
    found = exports.epn_tap(tables._replace(products=products))
    for name in ("access_url", "access_format", "access_estsize"):
        assert found[name].null_count == found.num_rows


def test_products_that_failed_are_left_out(tables):
    status = ["failed", *["done"] * (tables.products.num_rows - 1)]
    products = with_column(tables.products, "status", status)
    found = exports.epn_tap(tables._replace(products=products))
    assert found.num_rows == tables.products.num_rows - 1
    assert exports.epn_tap(Tables([], [])).num_rows == 0


def test_tables_read_back_as_they_were_written(tables, table, tmp_path):
    paths = {
        ending: exports.write_epn_tap(
            tables, tmp_path / f"a{ending}", "a_title", "/archive", "https://pds.example/data/"
        )
        for ending in exports.ENDINGS
    }
    assert pq.read_table(paths[".parquet"]).equals(table, check_metadata=True)
    with paths[".csv"].open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["granule_uid"] for row in rows] == table["granule_uid"].to_pylist()
    assert [float(row["time_min"]) for row in rows] == table["time_min"].to_pylist()


def test_votables_tell_units_and_ucds(tables, table, tmp_path):
    from astropy.io.votable import parse, validate

    path = exports.write_epn_tap(tables, tmp_path / "a.vot", "a_title")
    with (tmp_path / "said").open("w") as said:
        assert validate(path, output=said), (tmp_path / "said").read_text()
    (found,) = parse(path).iter_tables()
    assert found.utype == "ivo://ivoa.net/std/epntap#table-2.0"
    assert [field.name for field in found.fields] == table.column_names
    for field in found.fields:
        told = table.schema.field(field.name).metadata
        assert field.ucd == told[b"ucd"].decode()
        assert str(field.unit or "") == told.get(b"units", b"").decode()
        assert (field.xtype == "timestamp") == (field.name in epncore.TIMESTAMPS)
    array = found.array
    times = np.asarray(array["time_min"])
    np.testing.assert_array_equal(times, table["time_min"].to_numpy())
    unknown = table["c1min"].is_null().to_numpy()
    assert (
        np.ma.getmaskarray(array["c1min"]) | np.isnan(array["c1min"].filled(np.nan))
    ).tolist() == unknown.tolist()


# STAC --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def written(tables, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stac")
    paths = exports.write_stac(tables, folder, folder="/archive", url="https://pds.example/data")
    assert [path.name for path in paths] == ["collection.json", "items.ndjson"]
    collection = json.loads(paths[0].read_text())
    return collection, [json.loads(line) for line in paths[1].read_text().splitlines()]


@pytest.mark.slow
def test_items_and_collection_are_of_the_schemas_of_the_core(written):
    pystac = pytest.importorskip("pystac")
    pytest.importorskip("jsonschema")
    from pystac.validation import stac_validator

    validator = stac_validator.JsonSchemaSTACValidator()
    collection, items = written
    for told, kind in ((collection, "COLLECTION"), *((item, "ITEM") for item in items)):
        of = getattr(pystac.STACObjectType, kind)
        assert validator.validate_core(told, of, "1.1.0")
    assert pystac.Collection.from_dict(collection).extent.temporal.intervals
    read = [pystac.Item.from_dict(item) for item in items]
    assert len({item.id for item in read}) == len(read)


def test_items_are_of_the_schemas_of_their_extensions(written):
    _, items = written
    for item in items:
        told, extensions = item["properties"], item["stac_extensions"]
        assert stac.SOLAR_SYSTEM in extensions
        fields = {name for name in told if name.startswith("ssys:")}
        assert fields == {"ssys:targets", "ssys:target_class"}
        assert told["ssys:targets"]
        assert all(isinstance(one, str) and one for one in told["ssys:targets"])
        assert told["ssys:target_class"] in CLASSES
        views = {name for name in told if name.startswith("view:")}
        assert views <= {"view:incidence_angle", "view:sun_elevation"}
        assert (stac.VIEW in extensions) == bool(views)
        assert 0 <= told.get("view:incidence_angle", 0) <= 90
        assert -90 <= told.get("view:sun_elevation", 0) <= 90
    assert any(stac.VIEW in item["stac_extensions"] for item in items)


@pytest.mark.slow
def test_items_tell_when_where_and_how(written, tables):
    collection, items = written
    rows = {row["product"]: row for row in tables.products.to_pylist()}
    granule = {row["granule_uid"]: row for row in exports.epn_tap(tables).to_pylist()}
    starts = []
    for item in items:
        row, told = rows[item["id"]], item["properties"]
        start = datetime.fromisoformat(told["start_datetime"])
        starts.append(start)
        assert abs((start - row["time_start"].replace(tzinfo=UTC)).total_seconds()) <= 1e-3
        assert told["datetime"] is None
        assert set(item["assets"]) == {"data", "label"}
        assert item["assets"]["label"]["href"] == f"https://pds.example/data/{item['id']}.LBL"
        where = granule[item["id"]]
        assert (item["geometry"] is None) == (where["spatial_frame_type"] != "body")
        assert (item["geometry"] is None) == ("bbox" not in item)
        mine = seen(tables, item["id"])
        disk = mine[mine["on_disk"].eq(True)]
        if len(disk):
            assert told["view:incidence_angle"] == pytest.approx(disk["ems"].median(), abs=1e-4)
            assert told["view:sun_elevation"] == pytest.approx(90 - disk["sza"].median(), abs=1e-4)
    assert starts == sorted(starts)
    begin, end = collection["extent"]["temporal"]["interval"][0]
    assert begin == items[0]["properties"]["start_datetime"]
    assert end == max(item["properties"]["end_datetime"] for item in items)


def test_boxes_hold_all_places_and_are_cut_where_they_hold_180_degrees(written, tables):
    _, items = written
    kinds = set()
    for item in items:
        if item["geometry"] is None:
            continue
        west, south, east, north = item["bbox"]
        assert -180 <= west <= 180
        assert -180 <= east <= 180
        kinds.add(item["geometry"]["type"])
        assert (item["geometry"]["type"] == "MultiPolygon") == (west > east)
        parts = item["geometry"]["coordinates"]
        rings = [parts[0]] if item["geometry"]["type"] == "Polygon" else [one[0] for one in parts]
        for ring in rings:
            assert ring[0] == ring[-1]
            x, y = np.array(ring).T
            # Exterior rings go around to the left.
            assert np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) > 0
        spectra = seen(tables, item["id"]).dropna(subset="lat")
        for lon, lat in zip(-spectra["lon"].to_numpy(), spectra["lat"].to_numpy(), strict=True):
            at = (lon + 180) % 360 - 180
            assert south - 1e-3 <= lat <= north + 1e-3
            held = [ring[0][0] - 1e-3 <= at <= ring[1][0] + 1e-3 for ring in rings]
            assert any(held)
    assert kinds == {"Polygon", "MultiPolygon"}


def test_a_box_around_the_body_is_whole():
    row = {"lat_least": 60.0, "lat_most": 90.0, "lon_first": 0.0, "lon_last": 360.0}
    assert stac._box(row) == [-180.0, 60.0, 180.0, 90.0]
    assert stac._geometry(stac._box(row))["type"] == "Polygon"


# Files, and the command --------------------------------------------------------------------------


@pytest.mark.slow
def test_own_files_are_replaced_and_others_stay(tables, tmp_path):
    few = Tables(*catalogues.tables(3))
    for ending in exports.ENDINGS:
        path = tmp_path / f"a{ending}"
        for of in (tables, few):
            exports.write_epn_tap(of, path)
        other = tmp_path / f"other{ending}"
        other.write_bytes(b"something else")
        with pytest.raises(ExportError, match="did not write it"):
            exports.write_epn_tap(few, other)
        assert other.read_bytes() == b"something else"
        exports.write_epn_tap(few, other, overwrite=True)
    for of in (tables, few):
        paths = exports.write_stac(of, tmp_path / "stac")
    assert len(paths[1].read_text().splitlines()) == 3
    paths[0].write_text("{}")
    with pytest.raises(ExportError, match="did not write it"):
        exports.write_stac(few, tmp_path / "stac")


@pytest.mark.parametrize("ending", exports.ENDINGS)
def test_a_catalogue_without_products_gives_a_table_without_rows(tables, tmp_path, ending):
    from astropy.io.votable import parse

    none = Tables(tables.products[:0], tables.spectra[:0])
    path = exports.write_epn_tap(none, tmp_path / f"a{ending}")
    names = list(epncore.COLUMNS)
    if ending == ".vot":
        full = parse(exports.write_epn_tap(tables, tmp_path / "full.vot")).get_first_table()
        read = parse(path, verify="exception").get_first_table()
        assert len(read.array) == 0
        for one, other in zip(read.fields, full.fields, strict=True):
            known = (other.name, other.datatype, other.arraysize)
            assert (one.name, one.datatype, one.arraysize) == known
    elif ending == ".csv":
        assert next(csv.reader(path.read_text().splitlines())) == names
    else:
        assert pq.read_table(path).num_rows == 0


def test_wrong_arguments_are_said(tables, tmp_path):
    with pytest.raises(ArgumentError, match="parquet"):
        exports.write_epn_tap(tables, tmp_path / "a.txt")
    for call in (exports.epn_tap, exports.write_epn_tap, exports.write_stac):
        with pytest.raises(ArgumentError, match="there is no argument no_such_argument="):
            call(tables, no_such_argument=1)
    with pytest.raises(ArgumentError, match="url="):
        exports.epn_tap(tables, folder="/archive")
    with pytest.raises(ArgumentError, match="url="):
        exports.write_stac(tables, tmp_path, url="https://pds.example")


def test_what_is_served_is_there(tmp_path, monkeypatch):
    """Else addresses are of this machine, and nobody notices."""
    tables = Tables(*catalogues.tables(12))
    with pytest.raises(ArgumentError, match=r"none of the 24 files .* such as /archive/"):
        exports.epn_tap(tables, folder="/nowhere", url="https://pds.example")
    with pytest.raises(ArgumentError, match=r"none of the 24 files"):
        exports.write_stac(tables, tmp_path / "stac", folder="/nowhere", url="https://pds.example")
    assert not (tmp_path / "stac").exists()
    with pytest.raises(ArgumentError, match="url='x': expected an address"):
        exports.epn_tap(tables, folder="/archive", url="x")
    labels = [*tables.products["label"].to_pylist()[:-1], "/other/A.LBL"]
    some = tables._replace(products=with_column(tables.products, "label", labels))
    with pytest.warns(UvisWarning, match=r"2 of 24 files do not lie in /archive, such as /other/"):
        found = exports.epn_tap(some, folder="/archive", url="https://pds.example")
    assert sum(url.startswith("file:") for url in found["access_url"].to_pylist()) == 1
    monkeypatch.chdir("/")
    near = exports.epn_tap(tables, folder="archive", url="https://pds.example")
    assert near.equals(exports.epn_tap(tables, folder="/archive", url="https://pds.example"))
    elsewhere = [f"s3://bucket/{k}.LBL" for k in range(len(labels))]
    remote = tables._replace(products=with_column(tables.products, "label", elsewhere))
    exports.epn_tap(remote, folder="/archive", url="https://pds.example")


def test_items_are_read_as_the_page_says(tables, tmp_path, monkeypatch):
    pytest.importorskip("pystac")
    page = (Path(__file__).parent.parent / "docs" / "howto" / "archive_pictures.md").read_text()
    (code,) = re.findall(r"```python\n(import json.*?)```", page, re.DOTALL)
    exports.write_stac(tables, tmp_path / "stac")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert len(list(names["collection"].get_items())) == tables.products.num_rows


def test_the_command_exports_a_catalogue(tables, tmp_path):
    with store.Writer(tmp_path / "catalogue") as writer:
        writer.commit(tables.products, [tables.spectra])
    words = ["catalogue", "export", str(tmp_path / "catalogue")]
    out, folder = tmp_path / "a.parquet", tmp_path / "stac"
    more = ["--served", "/archive", "https://pds.example", "--name", "here"]
    found = CliRunner().invoke(main, [*words, "--epn-tap", str(out), "--stac", str(folder), *more])
    assert found.exit_code == 0, found.output
    expected = [out, folder / "collection.json", folder / "items.ndjson"]
    assert found.output.split() == [str(path) for path in expected]
    table = exports.epn_tap(tables, "here", "/archive", "https://pds.example")
    assert pq.read_table(out).equals(table)
    assert CliRunner().invoke(main, words).exit_code == 2
    found = CliRunner().invoke(main, [*words, "--epn-tap", str(tmp_path / "a.txt")])
    assert found.exit_code == 2 and ".parquet, .csv or .vot" in found.output
    assert catalogue_export._NAME == exports.NAME
