"""Times against a table of SPICE's, every 400,000 s from 2000 to 2017."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from uvisxr.timescales import clock_from_et, day_of_year, et_to_doy, parse_et, parse_utc, utc_to_et


@pytest.fixture
def rows(data: Path) -> list[list[str]]:
    """TDB, UTC, day of the year, and the clock by the last and by an old clock kernel."""
    lines = (data / "archive" / "utc_et_sclk.txt").read_text().splitlines()
    found = [line.split() for line in lines if not line.startswith("#")]
    assert len(found) == 1397
    return found


def test_the_clock_of_the_whole_mission(rows: list[list[str]]):
    et, clock = (np.array([float(row[column]) for row in rows]) for column in (0, 3))
    np.testing.assert_allclose(clock_from_et(et), clock, rtol=0, atol=0.12)


def test_counts_of_real_index_rows(data: Path):
    with (data / "archive" / "COUVIS_0xxx_duplicates.csv").open() as table:
        found = [
            (parse_et(row["START_TIME"]), row["SPACECRAFT_CLOCK_START_COUNT"].split("."))
            for row in csv.DictReader(table)
        ]
    counts = [int(whole.removeprefix("1/")) + int(fine) / 256 for _, (whole, fine) in found]
    np.testing.assert_allclose(clock_from_et([et for et, _ in found]), counts, rtol=0, atol=0.3)


def test_tdb_and_day_of_year_of_the_whole_mission(rows: list[list[str]]):
    et = np.array([float(row[0]) for row in rows])
    np.testing.assert_allclose([parse_et(row[1]) for row in rows], et, rtol=0, atol=1e-5)
    utc = np.array([parse_utc(row[1]) for row in rows])
    np.testing.assert_allclose(utc_to_et(utc), et, rtol=0, atol=1e-5)
    assert [day_of_year(time)[1] for time in utc] == [int(row[2]) for row in rows]
    by_day = [f"{row[1][:4]}-{row[2]}{row[1][10:]}" for row in rows]
    np.testing.assert_array_equal([parse_utc(text) for text in by_day], utc)
    # The table's fractions of a second may be longer than a label's.
    np.testing.assert_array_equal(et_to_doy(et), [text[:21].ljust(21, "0") for text in by_day])
