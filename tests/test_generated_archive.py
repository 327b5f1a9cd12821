"""A whole archive through `uvisxr info` and a batch: every product right, or refused by name.

The archive is drawn with the real one's targets, slits, bins and windows, and some of it damaged
(`helpers.archive`). What comes out is held against what was drawn, and formulas written out once
more (`helpers.formulas`); lines of sight have closed forms (`helpers.still`).
"""

from __future__ import annotations

import collections
import re
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import spiceypy
from click.testing import CliRunner
from helpers import archive, archive_files, calfiles, formulas, slow, still
from helpers.archive import LIT, MISSING, Made
from helpers.damages import DAMAGES, NULL

from uvisxr import batch, errors
from uvisxr.batch import manifest
from uvisxr.cli import main

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow

NUMBER = slow.products(500)

#: Targets that are no body, and names that SPICE has for others.
NO_BODY = ("SOLAR WIND", "STAR", "CALIB", "UNK", "N/A", "IPH")
ALIASES = {"S RINGS": "SATURN", "ATLAS:": "ATLAS", "DA": "DAPHNIS", "PO": "POLYDEUCES"}
ALIASES |= {"AG": "AEGAEON", "PL": "PALLENE", "ME": "METHONE"}

#: Detector rows without usable signal.
DARK = (0, 1, 61, 62, 63)

#: Bits of `quality`.
LOST, PARTIAL, DARK_LINE = 1, 2, 8


class Archive:
    """The archive on disk, and what was drawn."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = folder / "volumes"
        self.products = archive.draw(NUMBER)
        archive_files.write(self.root, self.products)
        self.by_label = {self.root / one.place: one for one in self.products}
        # The later copy counts, unless its data are damaged or its label does not say what it is.
        self.left_out = set()
        for one in self.products:
            if one.copies >= 0 and one.damage != "garbage label":
                self.left_out.add(one.number if one.damage else one.copies)

    def taken(self, damaged: bool) -> list[Made]:
        """What is to be opened, or what is to be refused, without copies."""
        return [
            one
            for one in self.products
            if one.number not in self.left_out and bool(one.damage not in ("", NULL)) == damaged
        ]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    folder = tmp_path_factory.mktemp("generated")
    with pytest.MonkeyPatch.context() as patch:
        # Packed data files are unpacked there.
        patch.setenv("UVISXR_CACHE", str(folder / "cache"))
        yield Archive(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def described(made: Archive) -> Any:
    """What `uvisxr info` says of the archive."""
    return CliRunner().invoke(main, ["info", str(made.root)])


@pytest.fixture(scope="module")
def kernels(made: Archive) -> Path:
    return still.write(made.folder / "kernels")


@pytest.fixture(scope="module")
def calibration(made: Archive) -> Path:
    folder = made.folder / "calibration"
    folder.mkdir()
    for channel in ("FUV", "EUV"):
        calfiles.folder(folder, channel)
    return folder


@pytest.fixture(scope="module")
def processed(made: Archive, kernels: Path, calibration: Path) -> tuple[Path, batch.Summary, str]:
    """Folder of the batch's outputs, its summary, and what it warned of."""
    steps = [
        ("geometry", {"kernels": str(kernels), "on_error": "keep"}),
        ("background", {"method": "rtg"}),
        ("calibrate", {"files": str(calibration), "trend": "evolution", "smooth": False}),
    ]
    out = made.folder / "out"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", errors.UvisWarning)
        summary = batch.process(made.root, steps, out, workers=2, progress=False)
    told = [str(w.message) for w in caught if issubclass(w.category, errors.UvisWarning)]
    return out, summary, "\n".join(told)


# --- info -------------------------------------------------------------------------------------


def row_of(one: Made) -> list[str]:
    """What `info` is to say of a product."""
    first, last = archive.utc_of(one.times(0)[0]), archive.utc_of(one.times(1)[-1])
    return [
        *(one.stem, one.channel, one.slit, one.target),
        *("" if time is None else str(time)[:23].ljust(23, "0") for time in (first, last)),
        f"{one.samples} x {one.exposure:g} s",
        " ".join("{}x{}".format(*area.shape) for area in one.areas),
        " ".join(f"{area.line_bin}x{area.band_bin}" for area in one.areas),
    ]


def test_info_describes_every_product_that_can_be_read(made: Archive, described):
    assert described.exit_code == 1
    _, *lines = described.stdout.splitlines()
    rows = {row[0]: row for row in (re.split(r"\s{2,}", line) for line in lines)}
    assert len(rows) == len(lines)
    for one in made.taken(damaged=False):
        found, expected = rows.pop(one.stem), row_of(one)
        # A leap second has no name here.
        at = [k for k, cell in enumerate(expected) if cell]
        assert [found[k] for k in at] == [expected[k] for k in at]
    # What is wrong with the data hides nothing of the label.
    with_label = {one.stem for one in made.taken(damaged=True) if ".DAT" in DAMAGES[one.damage]}
    assert set(rows) == with_label


def test_info_names_every_damaged_product(made: Archive, described):
    lines = [x for x in described.stderr.splitlines() if not x.startswith("uvisxr: warning: ")]
    for one in made.taken(damaged=True):
        found = [x for x in lines if str(one.place.with_suffix("")) in x]
        (line,) = found
        assert re.search(DAMAGES[one.damage], line), (one.damage, line)
        lines.remove(line)
    assert not lines


def test_info_tells_of_copies_and_of_what_it_inferred(made: Archive, described):
    warned = [x for x in described.stderr.splitlines() if x.startswith("uvisxr: warning: ")]
    (copies,) = (x for x in warned if "holds the same exposures" in x)
    assert f"so are {len(made.left_out) - 1} more" in copies
    warned.remove(copies)
    for oddity, text in (("renamed", "is read instead"), ("bin unsaid", "does not give BAND_BIN")):
        odd = [one for one in made.taken(damaged=False) if oddity in one.oddities]
        assert len(odd) == sum(text in x for x in warned) > 0
        warned = [x for x in warned if text not in x]
    # What a label says against itself, or of the detector, is told too.
    told = ("COMPRESSION_TYPE is ", "HI_VOLTAGE_POWER_SUPPLY_STATE is ", "TEST_PULSE_STATE is ")
    assert all(sum(text in x for x in warned) > 0 for text in told)
    # Of those of which nothing was transmitted too.
    (*nothing,) = (x for x in warned if "exposures have no count" in x)
    empty = [one for one in made.taken(damaged=False) if one.damage == NULL]
    assert len(nothing) == len(empty) > 0
    told += ("exposures have no count",)
    assert not [x for x in warned if not any(text in x for text in told)]


# --- the batch --------------------------------------------------------------------------------


def test_batch_loses_nothing(made: Archive, processed):
    out, summary, told = processed
    records = list(manifest.latest(out).values())
    assert len(records) == NUMBER - len(made.left_out)
    copies = [x["label"] for x in manifest.read(out) if x["status"] == "copy"]
    assert len(records) + len(copies) == len(list(manifest.read(out))) == NUMBER
    left_out = {made.root / one.place for one in made.products if one.number in made.left_out}
    assert {Path(label) for label in copies} == left_out
    labels = {made.root / one.place for one in made.products if one.number not in made.left_out}
    assert {Path(record["label"]) for record in records} == labels
    assert f"so are {len(made.left_out) - 1} more" in told
    refused = made.taken(damaged=True)
    assert (summary.done, summary.failed) == (len(records) - len(refused), len(refused))
    good = {record["output"] for record in records if record["status"] == "done"}
    assert {path.name for path in out.iterdir()} == good | {manifest.NAME}


def test_batch_refuses_damaged_products_for_what_is_wrong(made: Archive, processed):
    failed = {
        made.by_label[Path(record["label"])].number: record
        for record in manifest.latest(processed[0]).values()
        if record["status"] == "failed"
    }
    assert failed.keys() == {one.number for one in made.taken(damaged=True)}
    for one in made.taken(damaged=True):
        record = failed[one.number]
        assert (record["step"], record["product"]) == ("open", one.stem)
        assert issubclass(getattr(errors, record["kind"]), errors.UvisError), record
        assert str(one.place.with_suffix("")) in record["error"]
        assert re.search(DAMAGES[one.damage], record["error"]), (one.damage, record["error"])


def test_every_output_is_what_was_drawn(
    made: Archive, processed, kernels: Path, calibration: Path, capsys: pytest.CaptureFixture
):
    out, _, _ = processed
    judge = Judge(kernels, calibration)
    tally: collections.Counter[str] = collections.Counter()
    for record in manifest.latest(out).values():
        one = made.by_label[Path(record["label"])]
        if record["status"] == "failed":
            tally[f"refused: {one.damage}"] += 1
            continue
        kind = judge.geometry(one)
        with netCDF4.Dataset(out / record["output"]) as root:
            root.set_auto_maskandscale(False)
            groups = [root] if len(one.areas) == 1 else list(root.groups.values())
            assert len(groups) == len(one.areas)
            for window, group in enumerate(groups):
                judge.product(one, window, group)
                judge.place(one, window, group, kind)
        judge.told(one, record, kind)
        tally[f"flagged: {NULL}" if one.damage else f"calibrated, {kind}"] += 1
    tally["copies taken once"] = len(made.left_out)
    with capsys.disabled():
        print(f"\n{NUMBER} products of a generated archive")
        for name, number in sorted(tally.items()):
            print(f"{number:6}  {name}")
    assert sum(tally.values()) == NUMBER
    assert min(tally[f"calibrated, {kind}"] for kind in judge.kinds) > 0


class Judge:
    """Holds an output against what was drawn."""

    #: What a geometry can give, by the target and what the kernels cover.
    kinds = (
        *("all fields", "body without rotation", "no body", "no pointing"),
        *("no kernels for the time", "no kernels for the body"),
    )

    def __init__(self, kernels: Path, calibration: Path):
        self.sensitivity = {
            channel: formulas.Sensitivity.of(calibration, channel) for channel in ("FUV", "EUV")
        }
        self.turn = {c: still.turn(kernels, c) for c in ("FUV", "EUV", "SOLAR")}

    def product(self, one: Made, window: int, group: netCDF4.Dataset) -> None:
        """Counts, places on the detector, times, names, flags, background and radiances."""
        area, counts = one.areas[window], one.counts(window)
        np.testing.assert_array_equal(group["counts"][:], counts, err_msg=one.name)
        lines, bands = area.lines, area.bands
        np.testing.assert_array_equal(group["line"][:], [k[0] for k in lines])
        np.testing.assert_array_equal(group["band"][:], [k[0] for k in bands])
        centres = formulas.wavelengths(one.channel, np.arange(area.ul_band, area.lr_band + 1))
        wl = np.add.reduceat(centres, [k[0] - area.ul_band for k in bands]) / [*map(len, bands)]
        np.testing.assert_allclose(group["wl"][:], wl, rtol=1e-12)
        edges = np.array([(k[0] - 0.5, k[-1] + 0.5) for k in bands])
        edges = formulas.wavelengths(one.channel, edges)
        np.testing.assert_allclose(group["wl_bounds"][:], edges, rtol=1e-12)
        self._times(one, group)
        said = {key: getattr(area, key) for key in archive.Area.__annotations__}
        sun = one.channel == "EUV" and one.target == "SUN"
        said |= {
            "name": f"{one.channel}_{one.start.day}",
            "channel": one.channel,
            "slit": one.slit,
            "target": "" if one.target in ("UNK", "N/A") else one.target,
            "optics": "solar_port" if sun else "telescope",
            "compression": "SQRT_8" if "other compression" in one.oddities else "SQRT_9",
            "start_time": "end_of_first",
        }
        assert {key: group.getncattr(key) for key in said} == said
        self._flags(one, window, group)
        level = formulas.level(one.start)
        np.testing.assert_allclose(float(group["background"][...]), level, rtol=1e-5)
        pic = one.number % one.samples
        self._radiance(one, window, group, pic, counts[pic])

    def _times(self, one: Made, group: netCDF4.Dataset) -> None:
        et = archive.et_of(one.times(0.5))
        np.testing.assert_allclose(group["et"][:], et, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(group["exposure"][:], one.exposure)
        assert list(group["product"][:]) == [one.name] * one.samples
        clock = formulas.clock(archive.et_of(one.times(0)))
        np.testing.assert_allclose(group["sclk"][:], clock, rtol=0, atol=60)
        for name, part in (("time_start", 0), ("time", 0.5), ("time_stop", 1)):
            unit, _, origin = group[name].units.partition(" since ")
            assert origin == "1970-01-01"
            short = {"milliseconds": "ms", "microseconds": "us", "nanoseconds": "ns"}[unit]
            found = group[name][:].astype(f"datetime64[{short}]")
            for time, expected in zip(found, map(archive.utc_of, one.times(part)), strict=True):
                assert expected is None or time == expected, one

    def _flags(self, one: Made, window: int, group: netCDF4.Dataset) -> None:
        if one.damage:
            return
        lost, partial = one.losses(window)
        dark = [all(k in DARK for k in rows) for rows in one.areas[window].lines]
        expected = DARK_LINE * np.array(dark) + LOST * lost + PARTIAL * partial
        np.testing.assert_array_equal(group["quality"][:], expected, err_msg=one.name)

    def _radiance(
        self, one: Made, window: int, group: netCDF4.Dataset, pic: int, counts: np.ndarray
    ) -> None:
        area = one.areas[window]
        count = formulas.clock(archive.et_of(one.times(0.5)[pic]))
        sensitivity, evil = self.sensitivity[one.channel].summed(one.slit, float(count), area)
        np.testing.assert_array_equal(group["evil"][:], evil > 0)
        found = group["radiance"][pic]
        rows = [sum(k in LIT for k in rows) for rows in area.lines]
        lit = np.outer(rows, [len(columns) for columns in area.bands])
        rate = np.where(counts == MISSING, np.nan, counts) / one.exposure
        dark = formulas.level(one.start) * lit
        with np.errstate(divide="ignore", invalid="ignore"):
            expected = (rate - dark) / sensitivity
            tolerance = 1e-5 * (rate + dark) / sensitivity
        # What a few good pixels hold in a bin, or none, is filled in from its neighbours.
        known = (evil < 0.3) & (sensitivity > 0)
        np.testing.assert_array_equal(np.isnan(found[known]), np.isnan(expected[known]))
        assert np.isnan(found[lit == 0]).all()
        assert np.isnan(found[counts == MISSING]).all()
        known &= counts != MISSING
        assert (np.abs(found - expected)[known] <= tolerance[known]).all(), one.name

    def geometry(self, one: Made) -> str:
        """Which of the kinds the geometry of a product is."""
        et = archive.et_of(one.times(0.5))
        start, stop = (moment.et for moment in still.POSITIONS)
        if not ((et > start) & (et < stop)).any():
            return "no kernels for the time"
        body = body_of(one)
        if body and body not in (*still.BODIES, "SUN"):
            return "no kernels for the body"
        if not any(a.et < t < b.et for t in et for a, b in still.POINTING):
            return "no pointing"
        if not body:
            return "no body"
        return "body without rotation" if body in (*still.TURNLESS, "SUN") else "all fields"

    def place(self, one: Made, window: int, group: netCDF4.Dataset, kind: str) -> None:
        """Directions and distances."""
        names, body = group.variables.keys(), body_of(one)
        if kind.startswith("no kernels"):
            assert not {"ra", "sc_position", "target_distance"} & names
            return
        assert {"ra", "dec", "sc_position", "sc_heliocentric_distance"} <= names
        assert ("target_distance" in names) == bool(body)
        assert ("alt" in names) == (body in still.BODIES and body not in still.TURNLESS)
        if body:
            origin = still.CASSINI if body == "SUN" else still.place(body) - still.CASSINI
            np.testing.assert_allclose(
                group["target_distance"][:], np.linalg.norm(origin), rtol=1e-9
            )
        assert np.isnan(group["ra"][:]).all() == (kind == "no pointing")
        if kind == "no pointing":
            return
        frame = "SOLAR" if group.getncattr("optics") == "solar_port" else one.channel
        sky = still.directions(self.turn[frame], one.areas[window].lines)
        ra = np.rad2deg(np.arctan2(sky[:, 1], sky[:, 0])) % 360
        for name, expected in (("ra", ra), ("dec", np.rad2deg(np.arcsin(sky[:, 2])))):
            found = group[name][:]
            np.testing.assert_allclose(found, np.tile(expected, (len(found), 1)), atol=1e-9)
        if kind == "all fields":
            expected = still.altitudes(body, sky)
            found = group["alt"][:]
            np.testing.assert_allclose(found, np.tile(expected, (len(found), 1)), atol=1e-3)
            np.testing.assert_array_equal(group["on_disk"][0], expected < 0)

    def told(self, one: Made, record: dict[str, Any], kind: str) -> None:
        """What the manifest says of a product that was processed."""
        words = " ".join(record["warnings"])
        left = record.get("left_out", [])
        assert bool(left) == kind.startswith("no kernels"), (one, record)
        if left:
            (why,) = left
            name = "CASSINI" if kind.endswith("time") else body_of(one)
            assert why.startswith("step 'geometry' is left out: "), why
            assert name in why, why
        for text, due in {
            "is the level of": True,
            "TEST_PULSE_STATE is ON": "pulse" in one.oddities,
            "HI_VOLTAGE_POWER_SUPPLY_STATE is OFF": "off" in one.oddities,
            "COMPRESSION_TYPE is SQRT_8": "other compression" in one.oddities,
            "is read instead": "renamed" in one.oddities,
            "does not give BAND_BIN": "bin unsaid" in one.oddities,
            "the line-of-sight fields for": kind == "no pointing",
            "no rotation": not left and body_of(one) in (*still.TURNLESS, "SUN"),
        }.items():
            assert (text in words) == due, (text, one, words)
        if one.damage:
            assert re.search(DAMAGES[one.damage], words), words


def body_of(one: Made) -> str:
    """SPICE's name of a target; empty if it is no body or SPICE does not know it."""
    if one.target in NO_BODY:
        return ""
    name = ALIASES.get(one.target, one.target)
    try:
        spiceypy.bods2c(name)
    except spiceypy.NotFoundError:
        return ""
    return name
