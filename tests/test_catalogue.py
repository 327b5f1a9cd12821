"""The whole way: products built into a catalogue, questions, and the answers by brute force.

The answers are looked for once more in the opened products, with the geometry of `ds.uvis`.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_catalogue_rows import turning

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.simulate import Window, observation

pytest.importorskip("distributed")
pytest.importorskip("duckdb")
pytestmark = pytest.mark.slow

KEYS = ["product", "window", "pic", "pixel"]

#: Fields of the geometry, and how a column has them.
FIELDS = ("lon", "lat", "alt", "sza", "ems", "phase", "lt", "ra", "dec")
WHOLE = {"lon", "lat", "alt"}
#: What is compared of the answers beside the keys.
VALUES = ("time", *FIELDS, "ring_radius", "quality", "counts")
PERIODS = {"lon": 360.0, "ra": 360.0, "ring_longitude": 360.0, "lt": 24.0}
BOUNDS = {
    **dict.fromkeys(("sza", "ems", "phase"), (0.0, 180.0)),
    **dict.fromkeys(("lat", "dec"), (-90.0, 90.0)),
    "ring_radius": (0.0, np.inf),
}


@pytest.fixture(scope="module")
def archive(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, list[tuple[Path, list[Path]]]]:
    """A catalogue, and labels with the kernels of each.

    Titan's limb and Saturn's aurora, at the same times, and Titan in the extreme ultraviolet; and
    what looks past Titan and away from it.
    """
    root = tmp_path_factory.mktemp("archive")
    drawn = {
        "limb": {"products": 3, "exposures": 12},
        "short": {"start": "2011-02-01T03:00:00", "exposures": 5, "exposure": 30.0, "seed": 3},
        "aurora": {"target": "SATURN", "start": "2008-05-01T00:00:00", "exposures": 8, "seed": 1},
        "binned": {
            "start": "2012-07-01T12:00:00",
            "exposures": 6,
            "window": Window(2, 0, 61, 1023, 3, 4),
            "seed": 2,
        },
        "extreme": {
            "channel": "EUV",
            "start": "2009-10-10T10:00:00",
            "exposures": 6,
            "slit": "HIGH_RESOLUTION",
            "seed": 4,
        },
        "turning": {"start": "2009-05-01T00:00:00", "products": 2, "exposures": 30, "seed": 5},
    }
    pairs = []
    catalogue = root / "catalogue"
    for name, options in drawn.items():
        made = observation(root / name, **options)
        labels, kernels = list(made.labels), list(made.kernels)
        if name == "turning":
            labels, kernels = labels[1:], turning(made, root)
        summary = uvisxr.catalogue.build(
            labels, catalogue, kernels=kernels, workers=2, progress=False
        )
        assert summary.ok
        pairs += [(label, kernels) for label in labels]
    return catalogue, pairs


@pytest.fixture(scope="module")
def opened(archive) -> pd.DataFrame:
    """Every spectrum of every product, in single precision as columns have it."""
    parts = []
    for label, kernels in archive[1]:
        ds = uvisxr.open_product(label).uvis.geometry(kernels)
        with warnings.catch_warnings():
            # That some are lost is drawn so.
            warnings.simplefilter("ignore", UvisWarning)
            flags = ds.uvis.rate()["quality"].values
        pic, pixel = (axis.ravel() for axis in np.indices(flags.shape))
        part = {
            "product": label.stem,
            "window": 0,
            "pic": pic,
            "pixel": pixel,
            "quality": flags.ravel(),
            "channel": ds.attrs["channel"],
            "slit": ds.attrs["slit"],
            "target": ds.attrs["target"],
            "line_bin": ds.attrs["line_bin"],
            "time": ds["time"].values.astype("M8[us]")[pic],
            "on_disk": ds["on_disk"].values.ravel() == 1,
        }
        # Where it rises from its beginning on, that is the lowest point of a line of sight: the
        # spacecraft, which is higher than all other such points.
        rising = (ds["on_disk"].values == 0) & (ds["ems"].values > 90.02)
        highest = np.where(rising, ds["alt"].values, np.inf).min(axis=1) * (1 - 1e-12)
        away = ds["alt"].values >= highest[:, None]
        away_corners = ds["alt_corners"].values >= highest[:, None, None]
        for name in (*FIELDS, "ring_radius"):
            values = ds[name].values if name in ds.variables else np.full(flags.shape, np.nan)
            if name == "ring_radius" and name in ds.variables:
                values = np.where(ds["ring_in_front"].values == 1, values, np.nan)
            elif name not in ("ra", "dec"):
                values = np.where(away, np.nan, values)
            part[name] = values.ravel().astype(np.float32).astype(float)
        for name in ("lat", "alt", "lon"):
            corners = np.where(away_corners, np.nan, ds[f"{name}_corners"].values)
            five = np.concatenate([ds[name].values[..., None], corners], axis=-1)
            part[f"{name}_all"] = [*five.reshape(-1, 5)]
        part["counts"] = ds["counts"].sum("wl", skipna=True).values.ravel()
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def question(rng: np.random.Generator, rows: pd.DataFrame) -> tuple[dict[str, object], np.ndarray]:
    """A random question of one to four parts, around a random spectrum, and its answer."""
    some = rows.iloc[rng.integers(len(rows))]
    keep = np.array(rows["quality"] == 0)
    given: dict[str, object] = {"mode": str(rng.choice(["center", "all"]))}
    names = [*FIELDS, "ring_radius", "channel", "target", "slit", "line_bin", "time", "on_disk"]
    for name in rng.choice(names, rng.integers(1, 5), replace=False):
        value = some[name]
        if name in ("channel", "target", "slit", "line_bin"):
            given[name] = value
            keep &= (rows[name] == value).to_numpy()
        elif name == "on_disk":
            given[name] = bool(value)
            keep &= (rows[name] == value).to_numpy()
        elif name == "time":
            days = np.timedelta64(int(rng.integers(1, 900) * 86400e6), "us")
            given[name] = (value.to_numpy() - days, value.to_numpy() + days)
            at = rows["time"].to_numpy()
            keep &= (at >= given[name][0]) & (at < given[name][1])
        elif not np.isnan(value):
            values = rows[name].to_numpy()
            if name in PERIODS:
                half = rng.uniform(0.02, 0.4) * PERIODS[name]
                low, high = (float((value + d) % PERIODS[name]) for d in (-half, half))
                inside = (values - low) % PERIODS[name] <= (high - low) % PERIODS[name]
            else:
                spread = float(np.nanstd(values) * rng.uniform(0.1, 1.5))
                # Ends that no value can have are not accepted.
                least, most = BOUNDS.get(name, (-np.inf, np.inf))
                low, high = max(float(value) - spread, least), min(float(value) + spread, most)
                inside = (values >= low) & (values <= high)
            given[name] = (low, high)
            with np.errstate(invalid="ignore"):
                keep &= inside
    if given["mode"] == "all":
        for name in WHOLE.intersection(given):
            keep &= whole(name, np.stack(rows[f"{name}_all"]), *given[name])
    return given, keep


def whole(name: str, five: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether all of a pixel is in a range: its centre and corners, (spectrum, 5)."""
    five = five.astype(np.float32).astype(float)
    five = np.where(np.isnan(five), five[:, :1], five)
    with np.errstate(invalid="ignore"):
        if name != "lon":
            return ((five >= low) & (five <= high)).all(axis=1)
        inside = ((five - low) % 360 <= (high - low) % 360).all(axis=1)
        # From one corner to the next the short way: around a pole that adds up to a turn.
        ring = five[:, [1, 2, 3, 4, 1]]
        turn = ((np.diff(ring, axis=1) + 180) % 360 - 180).sum(axis=1)
        return inside & (np.abs(turn) < 180)


@pytest.mark.parametrize("seed", range(30))
def test_questions_answered_by_the_opened_products(seed, archive, opened):
    given, keep = question(np.random.default_rng(seed), opened)
    found = uvisxr.search(archive[0], **given).to_pandas([*KEYS, *VALUES])
    expected = opened[keep].sort_values(["time", *KEYS], ignore_index=True)
    assert found[KEYS].astype(object).equals(expected[KEYS].astype(object)), given
    assert (found["time"].to_numpy() == expected["time"].to_numpy()).all()
    for name in VALUES:
        if name != "time":
            np.testing.assert_allclose(
                found[name].to_numpy(float), expected[name].to_numpy(float), rtol=2e-7, atol=0
            )


def test_the_questions_are_of_all_kinds(opened):
    drawn = [question(np.random.default_rng(seed), opened) for seed in range(30)]
    assert sum(0 < keep.sum() < len(opened) for _, keep in drawn) > 20
    wrapped = [
        given
        for given, _ in drawn
        if any(name in given and given[name][0] > given[name][1] for name in PERIODS)
    ]
    assert len(wrapped) >= 2


def test_what_looks_away_is_not_found(archive, opened):
    """Be its altitude that of the spacecraft; nor are rings behind their planet."""
    away = opened["alt"].isna() & opened["ra"].notna()
    assert 200 < away.sum() < 800
    beside = uvisxr.search(archive[0], alt=(None, None), on_disk=False, exclude=())
    assert len(beside) == (opened["alt"].notna() & ~opened["on_disk"]).sum()
    looking = uvisxr.search(archive[0], where="on_disk IS FALSE AND alt IS NULL", exclude=())
    assert len(looking) == away.sum()
    saturn = opened["target"] == "SATURN"
    rings = uvisxr.search(archive[0], target="SATURN", ring_radius=(0, None), exclude=())
    assert 0 < len(rings) == opened["ring_radius"].notna().sum() < saturn.sum()


def test_what_is_found_is_opened(archive, opened):
    found = uvisxr.search(archive[0], target="titan", channel="FUV", alt=(0, 1500), line_bin=1)
    assert len(found) > 100
    ds = uvisxr.open_found(found)
    labels = {label.stem: label for label, _ in archive[1]}
    for name in np.unique(ds["product"].values):
        mine = ds.isel(spectrum=ds["product"].values == name)
        whole = uvisxr.open_product(labels[str(name)])["counts"].values
        at = mine["pic"].values, mine["pixel"].values
        np.testing.assert_array_equal(mine["counts"].values, whole[at])
