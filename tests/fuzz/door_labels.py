"""Labels of products, and their cubes: what a damaged label means is read here anew."""

from __future__ import annotations

import datetime
import difflib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.errors import UvisWarning

from .harness import Door, Wrong
from .mutate import a_line, some_bytes

#: Rows and columns of the frame in which everything lies.
_LINES, _BANDS = 64, 1024


@dataclass(frozen=True)
class Meaning:
    """What a label and a cube say, as far as a reduction needs it."""

    counts: np.ndarray
    band: np.ndarray
    line: np.ndarray
    exposure: float
    start: datetime.datetime

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Meaning)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.band, other.band)
            and np.array_equal(self.line, other.line)
            and abs(self.exposure - other.exposure) <= 1e-9 * self.exposure
            and abs((self.start - other.start).total_seconds()) < 2e-3
        )


@dataclass(frozen=True)
class Case:
    """A damaged label, and what it meant before."""

    label: Path
    was: str
    before: Meaning


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    source = np.random.default_rng(5) if rng is None else rng
    band_bin, line_bin = int(source.choice([1, 2, 32])), int(source.choice([1, 1, 1, 4]))
    label = write_product(
        folder,
        product_id(int(source.integers(1000))),
        samples=int(source.integers(1, 4)),
        band_bin=band_bin,
        line_bin=line_bin,
        exposure=float(source.choice([30.0, 240.0, 0.125])),
    )
    was = text = label.read_bytes().decode("latin-1")
    data = label.with_suffix(".DAT").read_bytes()
    before = meaning(text, data)
    assert before is not None
    if rng is not None:
        if rng.random() < 0.65:
            for _ in range(int(rng.integers(1, 3))):
                text = a_line(rng, text)
            raw = text.encode("latin-1", errors="replace")
        else:
            raw = some_bytes(rng, text.encode("latin-1"))
        label.write_bytes(raw)
        if rng.random() < 0.1:
            label.with_suffix(".DAT").write_bytes(some_bytes(rng, data, 2))
    return Case(label, was, before)


def enter(case: Case) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = uvisxr.open_product(case.label)
        if not hasattr(ds, "data_vars") or "counts" not in ds:
            raise Wrong(f"no dataset of counts: {type(ds).__name__}")
        found = Meaning(
            ds["counts"].values,
            ds["band"].values,
            ds["line"].values,
            float(ds["exposure"].values[0]),
            ds["time_stop"].values[0].astype("datetime64[us]").astype(datetime.datetime),
        )
    told = any(issubclass(warning.category, UvisWarning) for warning in caught)
    text = case.label.read_bytes().decode("latin-1")
    data = case.label.with_suffix(".DAT").read_bytes()
    said = meaning(text, data)
    if said is not None and found == said:
        return told
    # What is not said, or in several ways, may be found out; then it is what it was, and told.
    here = case.before
    now = _window(data, here)
    if found == Meaning(now, here.band, here.line, here.exposure, here.start):
        if told or said is None:
            return told
        raise Wrong(
            f"without a warning the label is not taken at its word: {_changed(case.was, text)}"
        )
    raise Wrong(f"neither what the label says nor what it said: {_changed(case.was, text)}")


def meaning(text: str, data: bytes) -> Meaning | None:
    """What a label says, where it says all that is needed once, in the plain form; else None."""
    statements = _statements(text)
    if statements is None:
        return None

    def only(key: str, form: str) -> str | None:
        values = statements.get(key, [])
        found = re.fullmatch(form, values[0]) if len(values) == 1 else None
        return found[1] if found else None

    core = only("CORE_ITEMS", r"\(1024, 64, (\d{1,6})\)")
    whole = {
        key: only(key, r"(\d{1,5})")
        for key in (
            *("UL_CORNER_LINE", "UL_CORNER_BAND", "LR_CORNER_LINE", "LR_CORNER_BAND"),
            *("BAND_BIN", "LINE_BIN"),
        )
    }
    duration = only("INTEGRATION_DURATION", r"(\d+(?:\.\d*)?)(?: <SECOND>)?")
    started = only("START_TIME", r"(\d{4}-\d{3}T\d\d:\d\d:\d\d\.\d{1,6})")
    if core is None or duration is None or started is None or None in whole.values():
        return None
    top, left, bottom, right, band_bin, line_bin = (int(v or 0) for v in whole.values())
    try:
        start = datetime.datetime.strptime(started, "%Y-%jT%H:%M:%S.%f")
    except ValueError:
        return None
    if not (top <= bottom < _LINES and left <= right < _BANDS and band_bin and line_bin):
        return None
    band = np.arange(left, right + 1, band_bin)
    line = np.arange(top, bottom + 1, line_bin)
    samples = int(core)
    if not samples or len(data) < samples * _LINES * _BANDS * 2:
        return None
    frames = np.frombuffer(data, ">u2", samples * _LINES * _BANDS).reshape(-1, _LINES, _BANDS)
    counts = frames[:, top : top + line.size, left : left + band.size]
    return Meaning(counts, band, line, float(duration), start)


def _window(data: bytes, before: Meaning) -> np.ndarray:
    """The counts of the product as it was, of what its file holds now."""
    samples = before.counts.shape[0]
    size = samples * _LINES * _BANDS
    if len(data) < 2 * size:
        return np.empty(0)
    frames = np.frombuffer(data, ">u2", size).reshape(samples, _LINES, _BANDS)
    top, left = before.line[0], before.band[0]
    n_line, n_band = before.counts.shape[1:]
    part: np.ndarray = frames[:, top : top + n_line, left : left + n_band]
    return part


def _statements(text: str) -> dict[str, list[str]] | None:
    """Values by keyword of a label of one statement a line; None if it is anything else."""
    lines = text.replace("\r\n", "\n").split("\n")
    found: dict[str, list[str]] = {}
    depth = 0
    for number, line in enumerate(lines):
        if not line.strip():
            continue
        if line.strip() == "END":
            rest = "".join(lines[number + 1 :]).strip("\x00 \t")
            return None if depth or rest else found
        match = re.fullmatch(
            r"\s*(\^?[A-Z][A-Z0-9_]*)\s*=\s*(\S(?:[^\"=]*\S)?|\"[^\"]*\")\s*", line
        )
        if match is None or re.search(r"/\*|\*/|[\x00-\x1f\x7f-\xff]", line.replace("\t", " ")):
            return None
        key, value = match[1], match[2]
        if key in ("OBJECT", "END_OBJECT"):
            depth += 1 if key == "OBJECT" else -1
            if value != "QUBE" or depth not in (0, 1):
                return None
            continue
        found.setdefault(key, []).append(value)
    return None


def _changed(was: str, text: str) -> str:
    lines = difflib.unified_diff(was.splitlines(), text.splitlines(), n=0, lineterm="")
    return " | ".join(line[:100] for line in list(lines)[3:9])


DOOR = Door(make, enter)
