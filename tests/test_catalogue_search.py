"""Questions to a catalogue, against brute force over the tables that it was made of."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from helpers import catalogues
from helpers.slow import rest_slow

import uvisxr
from uvisxr import files
from uvisxr.catalogue import engine, schema, search, store
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, CatalogueError, ExportError

KEYS = ["time", "product", "window", "pic", "pixel"]


def _second(table: pa.Table, seed: int) -> pa.Table:
    """Rows of another body, Saturn, that is in view beside Titan."""
    titan = np.asarray(table["body"].to_pylist()) == "TITAN"
    some = table.filter(pa.array(titan & (np.random.default_rng(seed).random(titan.size) < 0.5)))
    alt = np.random.default_rng(seed).normal(5e4, 3e4, some.num_rows)
    far = {
        "body": pa.array(["SATURN"] * some.num_rows).dictionary_encode(),
        "primary": pa.array([False] * some.num_rows),
        "alt": pa.array(alt, pa.float32()),
        "alt_min": pa.array(alt - 90, pa.float32()),
        "alt_max": pa.array(alt + 90, pa.float32()),
    }
    columns = [far.get(f.name, some[f.name]) for f in some.schema]
    arrays = [c if isinstance(c, pa.ChunkedArray) else pa.chunked_array([c]) for c in columns]
    return pa.table(arrays, schema=some.schema)


def _plain(table: pa.Table) -> pd.DataFrame:
    """A table of pandas with plain texts and plain objects, NaN where numbers are not known."""
    names = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    frame = table.to_pandas()
    return frame.astype(dict.fromkeys(names, object))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame, pd.DataFrame]:
    """A catalogue, and its two tables."""
    folder = tmp_path_factory.mktemp("made") / "catalogue"
    rows, products = [], []
    with store.Writer(folder) as writer:
        for k in range(3):
            own, spectra = catalogues.tables(60, 3, 20, seed=k, first=1000 * k)
            bins = own.schema.get_field_index("line_bin")
            values = np.random.default_rng(k).choice([1, 2, 4], 60)
            own = own.set_column(bins, own.schema.field(bins), pa.array(values, pa.int16()))
            both = [spectra, _second(spectra, k)]
            writer.commit(own, both)
            rows += both
            products.append(own)
    return folder, _plain(pa.concat_tables(rows)), _plain(pa.concat_tables(products))


def _between(x: np.ndarray, low: float | None, high: float | None) -> np.ndarray:
    # As numbers of the column's precision.
    low = -np.inf if low is None else np.float32(low)
    high = np.inf if high is None else np.float32(high)
    return (x >= low) & (x <= high)


def _around(x: np.ndarray, low: float, high: float, period: float) -> np.ndarray:
    if high - low >= period:
        return ~np.isnan(x)
    with np.errstate(invalid="ignore"):
        return (x - np.float64(low)) % period <= (high - low) % period


def _all_around(begin: np.ndarray, end: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether an arc from `low` to `high` holds others, by lengths along the circle."""
    begin, end = begin.astype(float), end.astype(float)
    length = np.where(end - begin >= 360, 360, (end - begin) % 360)
    if high - low >= 360:
        return ~np.isnan(length)
    return (begin - low) % 360 + length <= (high - low) % 360


def _question(rng: np.random.Generator, rows: pd.DataFrame, products: pd.DataFrame):
    """Random arguments, and which rows they are for."""
    given: dict[str, object] = {}
    flags = {"lost": 1, "partial": 2, "star": 4, "dark_line": 8, "user": 16}
    left_out = 31
    if rng.random() < 0.4:
        some = rng.choice(list(flags), rng.integers(0, 3), replace=False).tolist()
        given["exclude"] = some
        left_out = sum(flags[name] for name in some)
    keep = (rows["quality"].to_numpy() & left_out) == 0
    if rng.random() < 0.3:
        body = rng.choice(["TITAN", "SATURN", "Enceladus", "S RINGS"])
        given["body"] = str(body)
        keep &= rows["body"] == {"S RINGS": "SATURN"}.get(body, body.upper())
    else:
        keep &= rows["primary"].to_numpy()
    mode = given["mode"] = str(rng.choice(["center", "all"]))
    for name, period in (("lon", 360), ("ra", 360), ("ring_longitude", 360), ("lt", 24)):
        if rng.random() < 0.2:
            low, high = np.round(rng.uniform(0, period, 2), 2)
            if rng.random() < 0.2:
                low, high = -period / 4, period / 4
            if rng.random() < 0.1:
                low, high = 0.0, float(period)
            given[name] = float(low), float(high)
            if name == "lon" and mode == "all":
                arcs = (rows[key].to_numpy() for key in ("lon_min", "lon_max"))
                keep &= _all_around(*arcs, low, high)
            keep &= _around(rows[name].to_numpy(), low, high, period)
    for name in ("lat", "alt", "sza", "phase", "distance", "ring_radius", "dec", "exposure"):
        if rng.random() < 0.12:
            known = rows[name].dropna().to_numpy()
            ends = [float(one) for one in np.sort(rng.choice(known, 2))]
            ends = [None if rng.random() < 0.2 else one for one in ends]
            given[name] = tuple(ends)
            if ends == [None, None]:
                keep &= rows[name].notna()
            whole = mode == "all" and name in ("lat", "alt")
            for key in (f"{name}_min", f"{name}_max") if whole else (name,):
                keep &= _between(rows[key].to_numpy(), *ends) | (ends == [None, None])
    for name in ("target", "channel", "slit", "product"):
        if rng.random() < 0.2:
            # Of some rather than of all, lest most answers be empty.
            some = rng.choice(rows[name].unique(), 1 if name == "channel" else 2).tolist()
            given[name] = [one.lower() if name != "product" else one for one in some]
            keep &= rows[name].isin(some).to_numpy()
    if rng.random() < 0.3:
        start, stop = np.sort(rng.choice(rows["time"].to_numpy(), 2))
        given["time"] = (str(start), None) if rng.random() < 0.3 else (start, stop)
        keep &= rows["time"].to_numpy() >= start
        keep &= True if given["time"][1] is None else rows["time"].to_numpy() < stop
    if rng.random() < 0.2:
        given["on_disk"] = bool(rng.random() < 0.5)
        keep &= (rows["on_disk"] == given["on_disk"]).fillna(False).to_numpy(bool)
    if rng.random() < 0.2:
        given["line_bin"] = [1, 4]
        binned = products["product"][products["line_bin"].isin([1, 4])]
        keep &= rows["product"].isin(binned).to_numpy()
    if rng.random() < 0.3:
        given["where"] = "counts_long * 2 > counts_far + 30 OR ring_radius IS NOT NULL"
        with np.errstate(invalid="ignore"):
            keep &= (
                rows["counts_long"].to_numpy() * 2 > rows["counts_far"].to_numpy() + 30
            ) | rows["ring_radius"].notna().to_numpy()
    return given, np.asarray(keep, bool)


@pytest.mark.parametrize("seed", rest_slow(range(80), 12))
def test_random_questions(seed, made):
    folder, rows, products = made
    given, keep = _question(np.random.default_rng(seed), rows, products)
    found = uvisxr.search(folder, **given)
    expected = rows[keep].sort_values(KEYS).reset_index(drop=True)
    got = found.to_arrow()
    assert len(found) == got.num_rows == keep.sum(), given
    pd.testing.assert_frame_equal(_plain(got), expected, check_dtype=False)
    names = products["product"][products["product"].isin(expected["product"].unique())]
    assert {*found.products("product")["product"].to_pylist()} == {*names}


def test_random_questions_find_something(made):
    _, rows, products = made
    sizes = [_question(np.random.default_rng(k), rows, products)[1].sum() for k in range(80)]
    assert sum(size > 0 for size in sizes) >= 50
    assert sum(0 < size < rows.shape[0] / 20 for size in sizes) >= 30


def _one(tmp_path: Path, **columns: object) -> Path:
    """A catalogue of the spectra of one product, with some columns as given."""
    own, spectra = catalogues.tables(1, 1, len(next(iter(columns.values()))), seed=3)
    values = {"quality": [0] * spectra.num_rows, "body": ["TITAN"] * spectra.num_rows} | columns
    for name, value in values.items():
        field = schema.of("spectra").field(name)
        array = pa.array(value, pa.string() if name == "body" else field.type)
        array = array.dictionary_encode() if name == "body" else array
        spectra = spectra.set_column(spectra.schema.get_field_index(name), field, array)
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(own, [spectra])
    return tmp_path / "c"


@pytest.mark.parametrize(
    ("lon", "expected"),
    [
        ((350, 10), [0, 1, 4, 5]),
        ((-10, 10), [0, 1, 4, 5]),
        ((10, 350), [1, 2, 3, 4]),
        ((0, 360), [0, 1, 2, 3, 4, 5]),
        ((0, 0), [0]),
        ((340, 360), [0, 4, 5]),
        ((None, 180), [0, 1, 2]),
        ((180, None), [0, 2, 3, 4, 5]),
        ((None, None), [0, 1, 2, 3, 4, 5]),
        ((-180, 180), [0, 1, 2, 3, 4, 5]),
        ((-1e-20, 5), [0]),
        ((350, 370), [0, 1, 4, 5]),
        ((365, 375), [1]),
        ((-370.0 + 10, 5), [0, 1, 2, 3, 4, 5]),
        ((350, 369.9), [0, 4, 5]),
        ((700, 725 - 5), [0, 4, 5]),
    ],
)
def test_around_the_circle(lon, expected, tmp_path):
    folder = _one(tmp_path, lon=[0, 10, 180, 300, 350, 359.9, None])
    assert uvisxr.search(folder, lon=lon).to_arrow("pixel")["pixel"].to_pylist() == expected


@pytest.mark.parametrize(
    ("lon", "expected"),
    [
        ((350, 20), [0, 1, 4]),
        ((5, 20), [1]),
        ((340, 360), [4]),
        ((180, 0), [3, 4]),
        ((0, 360), [0, 1, 2, 3, 4]),
        ((1, 0.5), [1, 3, 4]),
    ],
)
def test_all_of_a_pixel_around_the_circle(lon, expected, tmp_path):
    """One that passes 0, one beside it, one with a pole, one far off, and one that ends at 360."""
    folder = _one(
        tmp_path,
        lon=[0, 10, 90, 290, 355],
        lon_min=[355, 8, 0, 280, 350],
        lon_max=[5, 12, 360, 300, 360],
    )
    found = uvisxr.search(folder, lon=lon, mode="all")
    assert found.to_arrow("pixel")["pixel"].to_pylist() == expected


def test_names_that_are_meant_are_in_the_catalogue(tmp_path):
    for target in ("S RINGS", "U RINGS"):
        folder = _products(tmp_path / target, target=[target] * 3)
        with pytest.raises(ArgumentError, match=f"did you mean '{target}'"):
            uvisxr.search(folder, target="rings")


def _with(table: pa.Table, name: str, texts: list[str]) -> pa.Table:
    """A table with other names in a column."""
    place = table.schema.get_field_index(name)
    names = pa.array(texts).dictionary_encode()
    return table.set_column(place, table.schema.field(place), names)


def test_targets_that_labels_do_not_say(tmp_path):
    own, spectra = catalogues.tables(1, 1, 10)
    none = pa.array([""] * 10).dictionary_encode()
    for name in ("target", "body"):
        place = spectra.schema.get_field_index(name)
        spectra = spectra.set_column(place, spectra.schema.field(place), none)
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(own, [spectra])
    for target in ("UNK", "n/a", "Unknown"):
        assert len(uvisxr.search(tmp_path / "c", target=target, exclude=())) == 10


@pytest.mark.slow
def test_spellings_are_those_of_arguments_in_conditions_too(tmp_path):
    tables = []
    for table in catalogues.tables(30, 1, 4):
        texts = ["" if text == "STAR" else text for text in table["target"].to_pylist()]
        tables.append(_with(table, "target", texts))
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(tables[0], [tables[1]])
    for column, text in (
        *(("target", text) for text in ("n/a", "UNK", "Saturn_Rings")),
        *(("body", text) for text in ("S RINGS", "699", "Titan:")),
    ):
        expected = len(uvisxr.search(tmp_path / "c", **{column: text}))
        found = uvisxr.search(tmp_path / "c", where=f"{column} IN ('{text}', 'x')")
        assert len(found) == expected > 0


def test_names_of_several_lines(tmp_path):
    own, spectra = (_with(t, "product", ["a\nb"] * len(t)) for t in catalogues.tables(1, 1, 4))
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(own, [spectra])
    found = uvisxr.search(tmp_path / "c", product="a\nb", exclude=())
    assert len(found) == 4 and "\n" not in repr(found)


def test_truths_of_numpy(made):
    for value in (True, False):
        found, same = (uvisxr.search(made[0], on_disk=one) for one in (np.bool_(value), value))
        assert str(found._question) == str(same._question)


def test_a_number_is_that_of_the_column(tmp_path):
    """0.1 is no float32, and is found where it is the float32 nearest to it."""
    folder = _one(tmp_path, lat=[0.1, 0.2, 0.3])
    assert len(uvisxr.search(folder, lat=(0.1, 0.1))) == 1
    assert len(uvisxr.search(folder, lat=(0.1, 0.3))) == 3
    assert len(uvisxr.search(folder, where="lat = 0.1")) == 1


def test_times(tmp_path):
    times = ["2004-12-31T23:59:59.999999", "2005-01-01", "2005-08-18T12:00", "2006-01-01"]
    folder = _one(tmp_path, time=np.array(times, "M8[us]"))

    def pixels(time: object) -> list[int]:
        return uvisxr.search(folder, time=time).to_arrow("pixel")["pixel"].to_pylist()

    assert pixels("2005") == [1, 2]
    assert pixels(("2005", "2006")) == [1, 2]
    assert pixels(("2005", None)) == [1, 2, 3]
    assert pixels((None, "2005-230")) == [0, 1]
    assert pixels("2005-230") == pixels("2005-08-18") == pixels("2005-08") == [2]
    assert pixels((np.datetime64("2005"), pd.Timestamp("2005-08-18T12:00"))) == [1]
    assert pixels((None, None)) == [0, 1, 2, 3]


@pytest.mark.parametrize("body", [606, "606", " 606", "Titan:", "TITAN"])
def test_bodies_by_their_codes(made, body):
    """As labels may have them, whose bodies are filed by name."""
    expected = uvisxr.search(made[0], body="TITAN").to_arrow()
    found = uvisxr.search(made[0], body=body)
    assert found.to_arrow().equals(expected) and len(found) > 0
    assert "body TITAN" in repr(found)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"body": "6"}, "body='SATURN BARYCENTER'"),
        ({"body": "98765"}, "body='98765'"),
        ({"target": "Enceladis"}, "did you mean 'ENCELADUS'"),
        ({"body": "Titn"}, "body='TITN'.*did you mean 'TITAN'"),
        ({"target": []}, "not none"),
        ({"body": "star"}, "which that is not"),
        ({"channel": "HSP"}, "one of FUV, EUV"),
        ({"slit": "x"}, "one of HIGH_RESOLUTION"),
        ({"alt": (1000, 800)}, "the lower end first"),
        ({"alt": 800}, "two ends of a range, km"),
        ({"alt": (1, 2, 3)}, "two ends"),
        ({"alt": (True, 2)}, "an end of a range, km"),
        ({"lon": (0, 800)}, "-360 to 720"),
        ({"lt": (0, np.nan)}, "-24 to 48"),
        ({"lat": (60, 95)}, r"lat=95: expected an end of a range, degree, -90 to 90"),
        ({"dec": (-91, None)}, "-90 to 90"),
        ({"phase": (200, 300)}, "phase=200: expected .* 0 to 180"),
        ({"distance": (-1, 5)}, "0 or more"),
        (
            {"product": "FUV0000"},
            "no such product in the catalogue; did you mean 'FUV0000[0-9]{3}'",
        ),
        ({"product": ["nope"]}, "product='nope': there is no such product in the catalogue$"),
        ({"time": "soon"}, "is not a time"),
        ({"time": "2005-230T12:00"}, "of other times two"),
        ({"time": ("2006", "2005")}, "the earlier time first"),
        (
            {"time": ("2008-12-31T23:59:60", "2009")},
            "2009-01-01T00:00:00 is not before 2009-01-01T00:00:00 .a leap second is read",
        ),
        ({"time": (np.datetime64("300000-01-01"), None)}, "time='300000-01-01': .*1678 to 2262"),
        ({"time": (None, np.datetime64("-0020-01-01"))}, "time='-0?020-01-01': .*1678 to 2262"),
        ({"alt": {800, 1000}}, "two ends of a range, km"),
        ({"alt": {800: "low", 1000: "high"}}, "two ends of a range, km"),
        ({"alt": dict.fromkeys((800, 1000)).keys()}, "two ends of a range, km"),
        ({"product": "a\0"}, "a name, or several"),
        ({"product": "\udcff"}, "a name, or several"),
        ({"time": 2005}, "two times"),
        ({"exclude": "bad"}, "did you mean|one of"),
        ({"mode": "some"}, "'center' or 'all'"),
        ({"on_disk": 1}, "True or False"),
        ({"line_bin": 0}, "1 to 1024"),
        ({"where": "altt > 1"}, "did you mean 'alt'"),
        ({"where": "latitude > 1"}, "there is no column 'latitude'; did you mean 'lat'"),
        ({"where": "qqqq > 1"}, "there is no column 'qqqq'; docs/howto/catalogue.md lists"),
        ({"altitude": (1, 2)}, "there is no argument altitude=; did you mean alt="),
        ({"longitude": (1, 2)}, "there is no argument longitude=; did you mean lon="),
    ],
)
def test_wrong_questions(given, says, made):
    with pytest.raises(ArgumentError, match=says):
        uvisxr.search(made[0], **given)


def test_what_flags_leave_out(made):
    folder, rows, _ = made
    titan = (rows["target"] == "TITAN") & rows["primary"]
    flagged = (titan & (rows["quality"] > 0)).sum()
    found = uvisxr.search(folder, target="TITAN")
    assert found.flagged() == flagged > 0
    assert f"; {flagged:,} more have quality flags>" in repr(found)
    some = uvisxr.search(folder, target="TITAN", exclude="star")
    assert some.flagged() == (titan & (rows["quality"] == 4)).sum()
    every = uvisxr.search(folder, target="TITAN", exclude=())
    assert every.flagged() == 0 and "flags" not in repr(every)


def test_which_condition_empties_an_answer(made):
    folder, rows, _ = made
    sound = rows["quality"] == 0
    titan = sound & (rows["target"] == "TITAN") & rows["primary"]
    found = uvisxr.search(folder, target="TITAN", alt=(1e9, None))
    told = {"target TITAN": 0, "alt 1e+09.. km": titan.sum(), "no quality flags": 0}
    assert found.without() == told
    # Without a body each spectrum counts once.
    found = uvisxr.search(folder, body="RHEA", channel="FUV")
    primary = sound & rows["primary"] & (rows["channel"] == "FUV")
    assert found.without()["body RHEA"] == primary.sum() > 0


def _products(tmp_path: Path, **columns: list[str]) -> Path:
    """A catalogue of three products, the second of which has failed, with columns as given."""
    own, spectra = catalogues.tables(3, 1, 10)
    columns = {"status": ["done", "failed", "done"], "error": ["", "cut off", ""]} | columns
    told = spectra["product"].cast("string").to_pylist()
    first = own["product"].cast("string").to_pylist()
    for name, values in columns.items():
        place = own.schema.get_field_index(name)
        array = pa.array(values).cast(own.schema.field(place).type)
        own = own.set_column(place, own.schema.field(place), array)
    spectra = spectra.filter(pa.array([name != first[1] for name in told]))
    if "product" in columns:
        new = dict(zip(first, columns["product"], strict=True))
        names = pa.array([new[name] for name in spectra["product"].to_pylist()])
        field = spectra.schema.field("product")
        spectra = spectra.set_column(0, field, names.dictionary_encode().cast(field.type))
    with store.Writer(tmp_path / "c") as writer:
        writer.commit(own, [spectra])
    return tmp_path / "c"


def test_products_that_failed(tmp_path):
    folder = _products(tmp_path)
    for where in ("status = 'failed'", "error = 'cut off' AND channel IS NOT NULL"):
        found = uvisxr.search(folder, where=where)
        assert len(found) == 0
        assert found.products("error")["error"].to_pylist() == ["cut off"]
    assert run(folder, "--products", "--where", "status = 'FAILED'").endswith("1 product\n")
    # Where it is also asked about spectra, there are none; all others have some.
    assert not uvisxr.search(folder, where="status = 'failed' AND pic = 0").products().num_rows
    assert uvisxr.search(folder, exclude=()).products().num_rows == 2
    assert uvisxr.search(folder, where="status = 'done'", exclude=()).products().num_rows == 2


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("FUV2008_070_10_04", [0]),
        ("fuv2008_070_10_04", [0]),
        ("FUV2008_070_10_04-0123ABCD", [1]),
        ("co-uvis-fuv2008_070_10_04", [0, 1]),
        ("2008_070_10_04_fuv", [0, 1]),
        ("COUVIS_0022/DATA/D2008_070/EUV2008_070_10_04.LBL", [2]),
        (["euv2008_070_10_04_prime", "Fuv2008_070_10_04"], [0, 2]),
    ],
)
def test_products_by_their_identifiers(given, found, tmp_path):
    names = ["FUV2008_070_10_04", "FUV2008_070_10_04-0123abcd", "EUV2008_070_10_04_PRIME"]
    ids = ["FUV2008_070_10_04"] * 2 + ["EUV2008_070_10_04"]
    folder = _products(tmp_path, product=names, product_id=ids)
    answer = uvisxr.search(folder, product=given, exclude=())
    # The second has no spectra.
    expected = {names[k] for k in found if k != 1}
    assert {*answer.to_arrow("product")["product"].to_pylist()} == expected
    for wrong, meant in (("FUV2008_070", names[0]), ("euv2008_070_10_05", names[2])):
        with pytest.raises(ArgumentError, match=f"no such product.*did you mean '{meant}'"):
            uvisxr.search(folder, product=wrong)


def test_columns(made):
    found = uvisxr.search(made[0], target="TITAN", channel="FUV")
    table = found.to_arrow(["label", "alt", "product", "alt"], first=3)
    assert table.column_names == ["label", "alt", "product"]
    assert table.num_rows == 3
    assert table["label"].to_pylist()[0] == f"/archive/{table['product'][0]}.LBL"
    assert table.schema.field("alt").metadata[b"units"] == b"km"
    counts = found.to_arrow(["counts", "counts_far"], first=3).schema
    assert {counts.field(name).metadata[b"units"] for name in counts.names} == {b"count"}
    assert found.to_arrow().schema.equals(schema.of("spectra"))
    assert found.products().schema.equals(schema.of("products"))
    with pytest.raises(ArgumentError, match="did you mean 'alt'"):
        found.to_arrow("altt")


@pytest.mark.slow
def test_how_many_are_not_known(made):
    folder, rows, _ = made
    sound = (rows["quality"] == 0) & (rows["channel"] == "FUV") & rows["primary"]
    rings = rows["ring_radius"]
    least = float(rings[sound].max()) + 1
    for given, text in (
        ({"ring_radius": (least, None)}, f"ring_radius {least:g}.. km"),
        ({"where": f"ring_radius > {least!r}"}, f"where ring_radius > {least!r}"),
    ):
        found = uvisxr.search(folder, channel="FUV", **given)
        assert found.without()[text] == sound.sum()
        assert found.unknown()[text] == (sound & rings.isna()).sum() > 0
        assert found.unknown()["channel FUV"] == 0
        assert {*found.asked()} == {"channel", "ring_radius"}


@pytest.fixture(scope="module")
def unpointed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """A catalogue of products without pointing, and its spectra."""
    folder = tmp_path_factory.mktemp("unpointed") / "catalogue"
    products, spectra = catalogues.tables(60, 3, 20, seed=1)
    products = products.filter(pc.equal(products["pointing"], "none"))
    spectra = spectra.filter(pc.is_null(spectra["ra"]))
    with store.Writer(folder) as writer:
        writer.commit(products, [spectra])
    return folder, _plain(spectra)


@pytest.mark.parametrize("what", [{"body": "SATURN"}, {"target": "SATURN"}, {"channel": "FUV"}])
def test_what_is_not_known_for_want_of_pointing(unpointed, what):
    folder, rows = unpointed
    good = rows["quality"] == 0
    assert good.any() and rows["ra"].isna().all() and {*rows["body"]} == {""}
    for name in {*what} - {"body"}:
        good &= rows[name] == what[name]
    found = uvisxr.search(folder, **what, alt=(0, 5000), lat=(0, None))
    assert len(found) == 0 and sum(found.without().values()) == 0
    of_place = {"alt 0..5000 km", "lat 0.. degree", *(["body SATURN"] if "body" in what else [])}
    unknown = {text: n for text, n in found.unknown().items() if n}
    assert unknown == dict.fromkeys(of_place, good.sum())


def test_what_is_not_known_of_some(made):
    folder, rows, _ = made
    low, high = 1e5, 2e5
    found = uvisxr.search(folder, body="SATURN", alt=(low, high), dec=(None, 0), exclude=())
    nowhere = (rows["body"] == "") & rows["target"].isin(["SATURN", "S RINGS"])
    may = rows["primary"] & (rows["body"] != "SATURN") & (rows["ra"].isna() | nowhere)
    low_dec, of_saturn = ~(rows["dec"] > 0), rows["body"] == "SATURN"
    may_alt = rows["alt"].isna() | rows["alt"].between(low, high)
    assert found.unknown() == {
        "body SATURN": (may & low_dec).sum(),
        "alt 100000..200000 km": ((may | of_saturn) & rows["alt"].isna() & low_dec).sum(),
        "dec ..0 degree": ((may | of_saturn) & may_alt & rows["dec"].isna()).sum(),
    }
    assert min(found.unknown().values()) > 0


def test_the_command_says_that_there_is_no_pointing(unpointed):
    folder, rows = unpointed
    number = (rows["quality"] == 0).sum()
    told = run(folder, "--body", "saturn", "--alt", 0, 5000).splitlines()
    assert told[0] == "0 spectra"
    assert told[1] == (
        f"uvisxr: it is not known of {number} spectra whether 'body SATURN' holds or of {number} "
        "spectra whether 'alt 0..5000 km' holds ('uvisxr catalogue info' counts products without "
        "pointing)"
    )


def test_an_empty_answer(made):
    found = uvisxr.search(made[0], alt=(1e9, None))
    assert len(found) == 0 and not found
    assert found.to_arrow().num_rows == found.products().num_rows == 0
    assert list(found.batches()) == []
    assert found.to_xarray().sizes == {"spectrum": 0}
    assert found.to_pandas().empty


def test_an_empty_catalogue(tmp_path):
    with store.Writer(tmp_path / "c"):
        pass
    found = uvisxr.search(tmp_path / "c", target="TITAN", alt=(0, 1), line_bin=1)
    assert len(found) == 0 and found.to_arrow().num_rows == found.products().num_rows == 0


def test_batches_are_the_table(made):
    found = uvisxr.search(made[0], channel="FUV")
    batches = list(found.batches(["product", "alt", "kernels"], rows=1000))
    assert max(batch.num_rows for batch in batches) <= 1000
    whole = pa.Table.from_batches(batches)
    assert whole.to_pylist() == found.to_arrow(["product", "alt", "kernels"]).to_pylist()


def test_a_dataset(made):
    found = uvisxr.search(made[0], target=["titan", "star"], channel="fuv")
    ds = found.to_xarray()
    table = found.to_arrow()
    assert ds.sizes == {"spectrum": table.num_rows}
    assert ds.alt.attrs["units"] == "km" and ds.lon.attrs["long_name"].endswith("west-positive")
    assert "flag_masks" in ds.quality.attrs and ds.counts.attrs["units"] == "count"
    for name in ("alt", "counts_far", "pixel"):
        np.testing.assert_array_equal(ds[name], table[name].to_pandas().to_numpy())
    assert set(ds.data_vars) == {name for name in schema.SPECTRA if name.startswith("counts")}
    unknown = np.array([value is None for value in table["on_disk"].to_pylist()])
    assert unknown.any()
    np.testing.assert_array_equal(np.isnan(ds.on_disk), unknown)
    assert ds.product.values[0] == table["product"][0].as_py()


def test_what_it_says_of_itself(made):
    found = uvisxr.search(made[0], target="TITAN", alt=(800, None), where="counts < 5e3")
    assert f"{len(found):,} spectra" in repr(found)
    assert "target TITAN, alt 800.. km, where counts < 5e3" in repr(found)
    assert "where counts &lt; 5e3" in found._repr_html_()


def test_files(made, tmp_path):
    found = uvisxr.search(made[0], target="TITAN", lat=(0, 30))
    columns = ["product", "time", "alt", "on_disk", "warnings"]
    path = found.to_parquet(tmp_path / "x.parquet")
    # By the label it can be opened.
    every = [*schema.SPECTRA, "label"]
    assert pq.read_table(path).to_pylist() == found.to_arrow(every).to_pylist()
    assert found.to_parquet(path, columns) == path
    text = found.to_csv(tmp_path / "x.csv", columns)
    read = pyarrow.csv.read_csv(text)
    assert read.column_names == columns
    np.testing.assert_array_equal(read["alt"].cast("float32"), found.to_arrow()["alt"])
    found.to_csv(text)
    assert pyarrow.csv.read_csv(text).column_names == every
    for wrong in (found.to_csv, found.to_parquet, found.write_products):
        with pytest.raises(ArgumentError, match=r"path='x\.txt': expected a name that ends in"):
            wrong(tmp_path / "x.txt")
    text.write_text("my notes\n")
    with pytest.raises(ExportError, match="uvisxr did not write it"):
        found.to_csv(text)
    inside = next(made[0].glob("products/*.parquet"))
    (tmp_path / "link").symlink_to(made[0] / "products")
    for path in (inside, made[0] / "x.csv", tmp_path / "link/x.csv"):
        with pytest.raises(ExportError, match="lies in the catalogue"):
            found.to_parquet(path, overwrite=True)
        with pytest.raises(ExportError, match="lies in the catalogue"):
            found.to_csv(path)
    (tmp_path / "link").unlink()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["x.csv", "x.parquet"]


@pytest.mark.parametrize(
    "header", ["time,lat,lon", '"time","lat","lon"', "product,pic,pixel", '"","product","pic"']
)
def test_tables_of_others_stay(made, tmp_path, header):
    """Also those whose columns are called as some of a catalogue."""
    found = uvisxr.search(made[0], target="TITAN", lat=(0, 30))
    path = tmp_path / "mine.csv"
    path.write_text(f"{header}\n1,2,3\n")
    with pytest.raises(ExportError, match="uvisxr did not write it"):
        found.to_csv(path, ["product", "time", "lat"])
    assert path.read_text() == f"{header}\n1,2,3\n"
    found.to_csv(path, ["product", "time", "lat"], overwrite=True)
    assert path.read_text().startswith('"product","time","lat"\n')


@pytest.mark.parametrize("name", ["catalogue.lock", "x.csv", "spectra/x.csv"])
def test_nothing_is_written_into_the_catalogue(made, tmp_path, name):
    found = uvisxr.search(made[0], target="TITAN", lat=(0, 30))
    link = tmp_path / "link"
    link.symlink_to(made[0])
    before = sorted(made[0].rglob("*"))
    for folder in (made[0], link):
        with pytest.raises(ExportError, match="lies in the catalogue"):
            found.to_csv(folder / name, overwrite=True)
    assert sorted(made[0].rglob("*")) == before


def test_a_catalogue_that_is_changed_meanwhile(tmp_path):
    folder = tmp_path / "c"
    with store.Writer(folder) as writer:
        own, spectra = catalogues.tables(5, 1, 10)
        writer.commit(own, [spectra])
        found = uvisxr.search(folder, exclude=())
        assert len(found) == 50
        for k in range(1, 4):
            writer.commit(own, [spectra])
            more, others = catalogues.tables(1, 1, 10, first=100 * k)
            writer.commit(more, [others])
    # The files of then are gone, and the catalogue of now has 30 spectra more.
    assert found.to_arrow().num_rows == 80 and len(found) == 80
    shutil.rmtree(folder / "spectra")
    with pytest.raises(CatalogueError):
        found.to_arrow()


def test_files_that_cannot_be_opened(tmp_path, monkeypatch):
    folder = tmp_path / "c"
    with store.Writer(folder) as writer:
        own, spectra = catalogues.tables(5, 1, 10)
        writer.commit(own, [spectra])
    found = uvisxr.search(folder)
    path = store.read(folder).spectra[0].path

    def refusing(name, *more, **named):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(name))

    path.write_bytes(b"")  # DuckDB would not be refused where tests are run as root
    monkeypatch.setattr(files, "opened", refusing)
    with pytest.raises(CatalogueError, match=r"Permission denied; this does not mean.*damaged"):
        found.to_arrow()


def _others(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_hostile_catalogues(tmp_path):
    own, spectra = catalogues.tables(3, 1, 10)
    folder = tmp_path / "c"
    with store.Writer(folder) as writer:
        writer.commit(own, [spectra])
    file = store.read(folder).spectra[0].path
    sound = file.read_bytes()
    size = len(sound)

    def table(**columns: pa.Array) -> bytes:
        made = pq.read_table(file)
        for name, value in columns.items():
            made = made.set_column(made.column_names.index(name), name, value)
        pq.write_table(made, tmp_path / "x.parquet")
        return (tmp_path / "x.parquet").read_bytes()

    n = pq.read_table(file).num_rows
    damages = [
        sound[: size // 2],
        bytes(size),
        b"PAR1" + os.urandom(0) + bytes(size - 8) + b"PAR1",
        table(alt=pa.array(["'; DROP TABLE x; --"] * n)),
        table(primary=pa.array([[1]] * n)),
        table(product=pa.array(range(n))),
    ]
    listed = json.loads((folder / "catalogue.json").read_text())
    for damage in damages:
        file.write_bytes(damage)
        told = json.loads(json.dumps(listed))
        for one in told["spectra"]:
            if (folder / one["path"]) == file:
                one["bytes"] = len(damage)
        (folder / "catalogue.json").write_text(json.dumps(told))
        before = _others(folder)
        found = None
        try:
            found = uvisxr.search(folder, alt=(0, 5000), exclude=()).to_arrow()
        except CatalogueError as error:
            assert "\n" not in str(error) and len(str(error)) <= 500
        assert found is None or found.schema.equals(schema.of("spectra"))
        assert _others(folder) == before


@pytest.mark.parametrize("name", ["a*b", "a?[b]", "a;'\"--", "a b", "ü", "a{b,c}", "%20"])
def test_names_of_folders(name, tmp_path):
    with store.Writer(tmp_path / name) as writer:
        own, spectra = catalogues.tables(3, 1, 10)
        writer.commit(own, [spectra])
    assert len(uvisxr.search(tmp_path / name, exclude=())) == 30
    assert uvisxr.search(tmp_path / name, exclude=()).to_arrow("label").num_rows == 30


def test_nothing_else_can_be_read(made, tmp_path):
    import duckdb

    (tmp_path / "secret.csv").write_text("a\n1\n")
    files = [file.path for file in store.read(made[0]).spectra]
    with engine.opened(files[:1]) as connection:
        for statement in (
            f"SELECT * FROM read_csv('{tmp_path / 'secret.csv'}')",
            f"SELECT * FROM '{files[1]}'",
            f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
            "INSTALL httpfs",
            "LOAD httpfs",
            "SET enable_external_access = true",
            "SET memory_limit = '100GB'",
            f"ATTACH '{tmp_path / 'x.db'}'",
            "SELECT getenv('HOME')",
            "SELECT * FROM files",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["secret.csv"]


def test_a_temporary_folder_is_removed(made, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = uvisxr.search(made[0])
    assert len(found) and found.to_arrow().num_rows
    next(found.batches(rows=10))
    with (
        pytest.raises(CatalogueError),
        search._reading(store.read(made[0])),
        engine.opened([]) as connection,
    ):
        connection.execute("SELECT no_such_column")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_larger_than_memory(tmp_path, monkeypatch):
    """What is sorted goes to the temporary folder."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(engine, "_MEMORY", "150MB")
    with store.Writer(tmp_path / "c") as writer:
        for own, spectra in catalogues.many(600_000, at_once=100):
            writer.commit(own, [spectra])
    found = uvisxr.search(tmp_path / "c", exclude=())
    times, rows = [], 0
    for batch in found.batches(rows=50_000):
        times += [batch["time"][0].value, batch["time"][-1].value]
        rows += batch.num_rows
    assert rows == len(found) == 600_000 and times == sorted(times)
    assert [one.name for one in tmp_path.iterdir()] == ["c"]


def run(*words: object, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["search", *map(str, words)])
    assert result.exit_code == code, result.output
    return result.output


def test_the_command_says_what_is_not_known(made):
    none = run(made[0], "--target", "star", "--ring-radius", 90000, 120000).splitlines()[1]
    rings = r"(\d+) without 'ring_radius 90000..120000 km' \(not known of (\d+)\)$"
    (both,) = re.findall(rings, none)
    assert both[0] == both[1]


def test_the_table_shows_what_was_asked(made):
    words = [made[0], "--ring-radius", 0, "-", "--dec", -90, 90, "--line-bin", 1, "-n", 1]
    assert run(*words).split("\n")[0].split()[-3:] == ["line_bin", "dec", "ring_radius"]
    assert run(*words, "--products").split("\n")[0].split()[-1] == "line_bin"


def test_products_in_files(made, tmp_path):
    found = uvisxr.search(made[0], target="TITAN")
    for name in ("x.csv", "x.parquet"):
        out = tmp_path / name
        words = [made[0], "--target", "titan", "--products", f"--{out.suffix[1:]}", out]
        assert run(*words) == f"{out}\n"
    assert pq.read_table(tmp_path / "x.parquet").to_pylist() == found.products().to_pylist()
    read = pyarrow.csv.read_csv(tmp_path / "x.csv")
    assert read.column_names == [*schema.PRODUCTS]
    assert read["product"].to_pylist() == found.products()["product"].to_pylist()
    says = run(made[0], "--products", "--csv", tmp_path / "x.parquet", code=2)
    assert "expected a name that ends in .csv" in says


@pytest.mark.slow
def test_command(made, tmp_path):
    folder = made[0]
    found = uvisxr.search(folder, target=["TITAN", "STAR"], lat=(-60, 60), time=("2004", "2012"))
    words = [folder, "--target", "titan", "--target", "star", "--lat", -60, 60]
    words += ["--time", "2004", "2012"]
    assert run(*words, "--count") == f"{len(found)}\n"
    listed = run(*words, "-n", 7).splitlines()
    assert len(listed) == 9 and listed[0].split()[:3] == ["product", "window", "pic"]
    more = found.flagged()
    assert listed[-1] == (
        f"{len(found)} spectra, the first 7 above; {more} more have quality flags (--all-flags)"
    )
    products = run(*words, "--products", "--columns", "product,label").splitlines()
    assert products[1].split()[0] == found.products("product")["product"][0].as_py()
    assert products[-1].startswith(f"{found.products().num_rows} products")
    out = tmp_path / "x.parquet"
    assert run(*words, "--parquet", out, "--columns", "alt,label") == f"{out}\n"
    assert pq.read_table(out).equals(found.to_arrow(["alt", "label"]))
    run(*words, "--csv", tmp_path / "x.csv")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == len(found) + 1
    assert run(folder, "--alt", "-", "1e9", "--all-flags", "--count") == (
        f"{len(uvisxr.search(folder, alt=(None, 1e9), exclude=()))}\n"
    )
    empty = run(folder, "--where", "alt > 1e9").splitlines()
    assert empty[0] == "0 spectra"
    assert empty[1].startswith("uvisxr: there would be ")
    assert re.search(r" without 'where alt > 1e9' \(not known of \d+\)$", empty[1])
    for words in (["--time", "2008", "--count"], ["--time=2008", "--count"], ["--time", "2008"]):
        assert run(folder, *words, "--count").splitlines()[-1] == (
            f"{len(uvisxr.search(folder, time='2008'))}"
        )
    assert run("--time", "2008", "-", folder, "--count") == (
        f"{len(uvisxr.search(folder, time=('2008', None)))}\n"
    )
    one = uvisxr.search(folder).products("product")["product"][0].as_py()
    assert run(folder, "--product", one.lower(), "--products").splitlines()[-1] == "1 product"
    options = run("--help")
    assert "None" not in options and "LOW HIGH" in options


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--lat", "5", "-5"], "--lat 5.0 -5.0: expected the lower end first"),
        (["--lat", "x", "5"], "not a valid number"),
        (["--where", "1"], "expected what is true or false"),
        (["--columns", "x"], "--columns x"),
        (["--count", "--csv", "x.csv"], "leave --count out"),
        (["--count", "--columns", "lat"], "has no --columns"),
        (["--count", "--products"], "give one of --products and --count"),
        (["--csv", "x.out", "--parquet", "./x.out"], "--csv and --parquet are one file, x.out"),
        (["--alt", "nan", "5"], "'nan' is not a valid number."),
        (["--time", "2010", "2004"], "--time 2010 2004: expected the earlier time first"),
        (["--lat", "-", "95"], "--lat 95.0: expected"),
        (["--csv", "x.txt"], "'x.txt': expected a name that ends in .csv"),
        (["--parquet", "x.txt"], "'x.txt': expected a name that ends in .parquet"),
        (["--body", "rings"], "give --body SATURN and --ring-radius 74500 140000"),
        (["--columns", "latitude"], "there is no such column; did you mean 'lat'?"),
    ],
)
def test_wrong_commands(words, says, made):
    assert says in run(made[0], *words, code=2)


def test_where_duckdb_has_no_progress_bar(made, monkeypatch):
    """As in a notebook without ipywidgets; nobody is told that the catalogue is damaged."""
    import duckdb

    class Without:
        def __init__(self, connection):
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self._connection.close()

        def execute(self, words, *values):
            if "enable_progress_bar" in words:
                raise duckdb.InvalidInputException("progress bar output is not possible")
            return self._connection.execute(words, *values)

    connect = duckdb.connect
    monkeypatch.setattr(duckdb, "connect", lambda *a, **k: Without(connect(*a, **k)))
    assert len(uvisxr.search(made[0])) > 0


def test_a_count_imports_what_it_needs(made):
    """And so is there at once: xarray and pandas alone take most of a second."""
    code = (
        "import sys; sys.argv[:1] = ['uvisxr', 'search']\n"
        "sys.modules |= dict.fromkeys(('xarray', 'pandas', 'scipy', 'dask', 'sqlglot'))\n"
        "from uvisxr.cli import main; main()"
    )
    words = [str(made[0]), "--target", "titan", "--alt", "800", "1000", "--count"]
    said = subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=True
    ).stdout
    assert int(said) == len(uvisxr.search(made[0], target="titan", alt=(800, 1000))) > 0


def test_no_catalogue(tmp_path):
    with pytest.raises(CatalogueError, match="there is no catalogue"):
        uvisxr.search(tmp_path)
    assert "there is no catalogue" in run(tmp_path, code=1)


@pytest.mark.slow
def test_without_the_libraries(made):
    code = (
        "import sys; sys.modules['duckdb'] = None\n"
        "import uvisxr\n"
        "try: uvisxr.search(sys.argv[1], alt=(1, 2))\n"
        "except uvisxr.UvisError as error: print(type(error).__name__, error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(made[0])], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("MissingDependencyError") and "uvisxr[catalogue]" in said
