"""Calibration files: laboratory table, flat field, modifier, evolution, the archive's matrix."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from helpers.products import write_product

from uvisxr.errors import UvisWarning

from . import sensitivities
from .harness import Door, Wrong
from .mutate import VALUES, holed, pick, some_bytes
from .sensitivities import BANDS, EVOLUTION, FLAT, LAB, LINES, MODIFIERS, NAME, Said

_FILES = (LAB, FLAT, *MODIFIERS.values(), EVOLUTION)

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")

#: What stands in place of a number.
_WORDS = (
    *("inf", "-inf", "Infinity", "nan", "NaN", "-NaN", "1_0", "0x1p3", "1e999", "-1e999", "1e-999"),
    *(
        "0",
        "-1.5",
        "1e5",
        "",
        "1,5",
        "1d3",
        "9" * 400,
        "\x00",
        "\xb2",
        "1e",
        "--1",
        "1 2",
        "#",
        "1;",
    ),
    *("1\n2", "\f", "\x0b", "\x85", "<html>", "1.5.2"),
)

#: What labels may be written like is tried with products.
_PLAIN_VALUES = [
    value for value in VALUES if len(value) < 40 and not set(value) & set("/*=\n'(#_E")
]

_MATRIX = f"{NAME}_CAL_3"

_KEYS = (
    *("UL_CORNER_LINE", "UL_CORNER_BAND", "LR_CORNER_LINE", "LR_CORNER_BAND", "BAND_BIN"),
    *("LINE_BIN", "INTEGRATION_DURATION", "SLIT_STATE", "CORE_ITEMS", "CORE_ITEM_BYTES"),
    *("CORE_ITEM_TYPE", "PRODUCT_ID", "^QUBE", "INSTRUMENT_ID", "AXIS_NAME", "CORE_BASE"),
)


@dataclass(frozen=True)
class Case:
    """A folder of files, one of which is damaged, or one with a matrix."""

    folder: Path
    name: str


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    if rng is not None and rng.random() < 0.3:
        return _matrix(rng, folder)
    name = (
        LAB if rng is None else _FILES[int(rng.choice(len(_FILES), p=(0.4, 0.15, 0.1, 0.1, 0.25)))]
    )
    sensitivities.linked(folder, *(one for one in _FILES if one != name))
    raw = (sensitivities.sound()[0] / name).read_bytes()
    if rng is not None:
        raw = _words(rng, raw, name) if name in (LAB, FLAT) else _floats(rng, raw, name)
    (folder / name).write_bytes(raw)
    return Case(folder, name)


def _words(rng: np.random.Generator, raw: bytes, name: str) -> bytes:
    """Damage a table of numbers in text, half of the time where it counts."""
    if rng.random() < 0.3:
        return some_bytes(rng, raw)
    places = [match.span() for match in re.finditer(rb"\S+", raw)]
    first = next(k for k, (begin, _) in enumerate(places) if raw[begin:].strip()[:1].isdigit())
    k = int(rng.integers(len(places)))
    if name == FLAT and rng.random() < 0.8:
        k = first + 1024 * int(rng.choice(LINES)) + int(rng.choice(BANDS))
    begin, end = places[k]
    if rng.random() < 0.6:
        word = pick(rng, _WORDS).encode("latin-1")
    else:
        word = some_bytes(rng, raw[begin:end], 1)
    if rng.random() < 0.1:
        return raw[:begin]
    return raw[:begin] + word + raw[end:]


def _floats(rng: np.random.Generator, raw: bytes, name: str) -> bytes:
    """Damage binary numbers, half of the time where it counts."""
    if rng.random() < 0.3:
        return some_bytes(rng, raw)
    columns = int(rng.choice(BANDS))
    row = int(rng.integers(3)) if name == EVOLUTION else int(rng.choice(LINES))
    at = (8 if name == EVOLUTION else 0) + 4 * (1024 * row + columns) + int(rng.integers(4))
    if name == EVOLUTION and rng.random() < 0.2:
        at = int(rng.integers(8))
    out = bytearray(raw)
    out[at] = int(rng.integers(256))
    if rng.random() < 0.3:
        special = (np.nan, np.inf, -np.inf, 0, -1, 3e38, 1e-40)[int(rng.integers(7))]
        order = ">f4" if name == EVOLUTION else "<f4"
        at -= at % 4
        out[at : at + 4] = np.array(special, order).tobytes()
    return bytes(out)


def _matrix(rng: np.random.Generator, folder: Path) -> Case:
    label = write_product(folder, _MATRIX)
    text = label.read_bytes().decode().replace("MSB_UNSIGNED_INTEGER", "IEEE_REAL")
    text = re.sub(r"(CORE_ITEM_BYTES += )2", r"\g<1>4", text)
    data = _matrix_values().astype(">f4").tobytes()
    if rng.random() < 0.6:
        key = re.escape(pick(rng, _KEYS))
        value = pick(rng, _PLAIN_VALUES)
        text = re.sub(rf"(?m)^(\s*{key}\s*= )[^\r\n]*", lambda m: m[1] + value, text, count=1)
    else:
        data = _floats(rng, data, _MATRIX)
    label.write_bytes(text.encode("latin-1", errors="replace"))
    label.with_suffix(".DAT").write_bytes(data)
    return Case(folder, label.name)


def _matrix_values() -> np.ndarray:
    rng = np.random.default_rng(8)
    frame = rng.uniform(0.5, 2.0, (64, 1024))
    frame[LINES[0], BANDS[0]], frame[LINES[1], BANDS[1]], frame[LINES[1], BANDS[2]] = -1, 0, np.nan
    return frame


def enter(case: Case) -> bool:
    path = case.folder / case.name
    if case.name.startswith(_MATRIX):
        return _enter_matrix(path)
    raw = path.read_bytes()
    was = (sensitivities.sound()[0] / case.name).read_bytes()
    said = meaning(case.name, raw, was)
    return sensitivities.check(case.folder, said, "evolution", True, lambda: _changed(was, raw))


def meaning(name: str, raw: bytes, was: bytes) -> Said | None:
    """What the folder says with this file in it."""
    sound = sensitivities.sound()[1]
    place = np.ix_(LINES, BANDS)
    if holed(was, raw):
        return None
    if name == EVOLUTION:
        if len(raw) != len(was):
            return None
        t0 = float(np.frombuffer(raw[:8], ">f8")[0])
        a = np.frombuffer(raw[8:], ">f4").reshape(3, 1024).astype(float)
        # No detector ages within a day.
        plain = np.isfinite(a).all() and np.isfinite(t0) and (abs(a[1]) < 1e-5).all()
        return sensitivities.changed(sound, t0=t0, a=a[:, BANDS]) if plain else None
    if name in MODIFIERS.values():
        if len(raw) != len(was):
            return None
        frame = np.frombuffer(raw, "<f4").reshape(64, 1024)[place].astype(float)
        which = "before" if name == next(iter(MODIFIERS.values())) else "after"
        return sensitivities.changed(sound, **{which: frame})
    numbers = _table(raw, was)
    if name == FLAT:
        if numbers is None or numbers.size != 64 * 1024:
            return None
        return sensitivities.changed(sound, flat=numbers.reshape(64, 1024)[place])
    if numbers is None or numbers.size % 6 or numbers.size < 12:
        return None
    rows = numbers.reshape(-1, 6)
    lab = np.concatenate([rows[:, :3], rows[:, 3:]])
    plain = np.isfinite(lab).all() and (lab >= 0).all() and (np.diff(lab[:, 0]) > 0).all()
    return sensitivities.changed(sound, lab=lab) if plain else None


def _table(raw: bytes, was: bytes) -> np.ndarray | None:
    """Numbers of a text below the same title, if all are plain; NaN for NaN."""
    title, *rest = re.split(rb"\r\n|\n|\r", raw, maxsplit=1)
    if re.search(rb"\d", title) or not rest:
        return None
    try:
        text = rest[0].decode("ascii")
    except UnicodeDecodeError:
        return None
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text.replace("\r", "")):
        return None
    words = text.split()
    # Few are others than in the sound file, whose are plain.
    known = set(re.split(r"\r\n|\n|\r", was.decode(), maxsplit=1)[1].split())
    if not all(w in known or w.lower() == "nan" or _NUMBER.fullmatch(w) for w in words):
        return None
    found = np.array(words, float)
    return None if np.isinf(found).any() else found


def _enter_matrix(path: Path) -> bool:
    ds = sensitivities.dataset()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        out = ds.uvis.calibrate(evil_pixels="mask", nan_interp=None, smooth=False, files=path)
    found = out["radiance"].values[0]
    text = path.read_bytes().decode("latin-1")
    frame = np.frombuffer(path.with_suffix(".DAT").read_bytes(), ">f4").reshape(64, 1024)
    values = frame[np.ix_(LINES, BANDS)].astype(float)
    seconds = re.findall(r"(?m)^INTEGRATION_DURATION += (\d+\.?\d*|\.\d+)(?: <SECOND>)?\r?$", text)
    scale = float(seconds[0]) / 30.0 if len(seconds) == 1 else 1.0
    good = np.isfinite(values) & (values > 0)
    counts = ds["counts"].values[0].astype(float)
    with np.errstate(over="ignore"):
        expected = np.where(good, counts * values * scale, np.nan).astype(np.float32)
    if not np.allclose(found, expected, rtol=2e-5, atol=0, equal_nan=True):
        raise Wrong(f"{found.tolist()} in place of {expected.tolist()}: {_changed_label(text)}")
    told = any(issubclass(one.category, UvisWarning) for one in caught)
    for key, form in _ONE_BIN.items():
        # A bin that is not given is found from the data, and told.
        given = re.search(rf"(?m)^\s*{key}\s*=[ \t]*(.*?)\s*$", text)
        silent = given is None or given[1] in ("", "NULL", "UNK", "N/A", '"UNK"', '"N/A"')
        if not (silent and told and key.endswith("_BIN")) and (
            given is None or not re.fullmatch(form, _plain(given[1]))
        ):
            raise Wrong(f"taken in spite of {_changed_label(text)}")
    return told


#: What a label must say for the matrix to fit the dataset.
_ONE_BIN = {
    "BAND_BIN": r"1(?:\.0*)?",
    "LINE_BIN": r"1(?:\.0*)?",
    "UL_CORNER_LINE": r"[0-5]",
    "LR_CORNER_LINE": r"(?:[6-9]|[1-5]\d|6[0-3])",
    "CORE_ITEMS": r"\(1024, 64, 1\)",
    "SLIT_STATE": r"\"?LOW_RESOLUTION\"?",
}


def _plain(value: str) -> str:
    """A whole number without a fraction of 0, a pair of brackets around it alone, or its quotes."""
    found = re.fullmatch(r"\(?(\d+)(?:\.0*)?\)?|\"(\d+)\"", value)
    return found[1] or found[2] if found else value


def _changed_label(text: str) -> str:
    lines = [line.strip() for line in text.splitlines()]
    return " | ".join(line[:90] for line in lines if line.startswith(_KEYS))


def _changed(was: bytes, raw: bytes) -> str:
    k = next((k for k in range(min(len(was), len(raw))) if was[k] != raw[k]), 0)
    part = slice(max(k - 20, 0), k + 20)
    return f"{len(was)} -> {len(raw)} bytes, at {k}: {was[part]!r} -> {raw[part]!r}"


DOOR = Door(make, enter)
