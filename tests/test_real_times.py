"""Times against a table of SPICE's, every 400,000 s from 2000 to 2017."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from uvisxr.timescales import day_of_year, parse_et, parse_utc, utc_to_et


def test_tdb_and_day_of_year_of_the_whole_mission(data: Path):
    rows = [
        line.split()
        for line in (data / "archive" / "utc_et_sclk.txt").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert len(rows) == 1397
    et = np.array([float(row[0]) for row in rows])
    np.testing.assert_allclose([parse_et(row[1]) for row in rows], et, rtol=0, atol=1e-5)
    utc = np.array([parse_utc(row[1]) for row in rows])
    np.testing.assert_allclose(utc_to_et(utc), et, rtol=0, atol=1e-5)
    assert [day_of_year(time)[1] for time in utc] == [int(row[2]) for row in rows]
    by_day = [f"{row[1][:4]}-{row[2]}{row[1][10:]}" for row in rows]
    np.testing.assert_array_equal([parse_utc(text) for text in by_day], utc)
