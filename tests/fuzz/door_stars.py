"""Star tables: CSV, the table of TD-1, the array of Cassini-UPyP; plain and packed with gzip."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from uvisxr.stars import catalogue

from .harness import Door, Wrong
from .mutate import pick, some_bytes

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")

_WORDS = (
    *(
        "inf",
        "-inf",
        "nan",
        "1e999",
        "1_0",
        "",
        "0x10",
        "-91",
        "90.5",
        "1e300",
        "9" * 400,
        "x" * 5000,
    ),
    *(
        "1,2",
        '"',
        '"a\nb"',
        "\x00",
        "\u00b2",
        "\u0661",
        "#",
        "1 2",
        " 7 ",
        "-0",
        "1e5",
        "\r",
        "--1",
    ),
    *("999", "*" * 6, "12345678", "1d3", "+5", "\x85", "360", "-10"),
)

_DTYPE = np.dtype(
    [(name, "<f8") for name in ("tyRA", "tyDE", "pmRA", "pmDE", "U")] + [("n", "<i4")]
)


@dataclass(frozen=True)
class Case:
    path: Path
    raw: bytes
    was: bytes


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    form = "csv" if rng is None else pick(rng, ["csv", "csv", "dat", "dat", "npy"])
    was = raw = _sound()[form]
    name = {"csv": "stars.csv", "dat": "catalog.dat", "npy": "stars.npy"}[form]
    packed = False
    if rng is not None:
        raw = _damaged(rng, raw, form)
        packed = rng.random() < 0.4
    path = folder / (f"{name}.gz" if packed else name)
    stored = gzip.compress(raw, 1, mtime=0) if packed else raw
    if rng is not None and packed:
        match int(rng.integers(6)):
            case 0 | 1:
                stored = some_bytes(rng, gzip.compress(was, 1, mtime=0))
            case 2:
                stored = stored[: int(rng.integers(len(stored)))]
            case 3 if rng.random() < 0.3:
                stored = _bomb(int(rng.integers(5)))
    path.write_bytes(stored)
    return Case(path, stored, was)


@cache
def _sound() -> dict[str, bytes]:
    rng = np.random.default_rng(4)
    n = 12
    ra, dec = np.round(rng.uniform(0, 360, n), 4), np.round(rng.uniform(-90, 90, n), 4)
    magnitude = np.round(rng.uniform(0, 9, n), 2)
    rows = [f"star {k},{ra[k]},{dec[k]},{magnitude[k]},{k - 3.5},{k},2000.0,V" for k in range(n)]
    csv = "\n".join(["# made up", "name,ra,dec,magnitude,pmra,pmdec,epoch,band", *rows]) + "\n"
    lines = []
    for k in range(n):
        line = f"{k + 1:5d} {k * 1000:6d}".ljust(40)
        line += f"{np.deg2rad(ra[k]):8.5f} {np.deg2rad(dec[k]):9.6f}".ljust(51)
        lines.append(line + f"{100 + 7 * k:6d}{3:5d}{-12:4d}")
    table = np.zeros(n, _DTYPE)
    for key, values in zip(_DTYPE.names or (), (ra, dec, ra / 9, dec / 9, magnitude), strict=False):
        table[key] = values
    stream = io.BytesIO()
    np.save(stream, table)
    return {
        "csv": csv.encode(),
        "dat": ("\n".join(lines) + "\n").encode(),
        "npy": stream.getvalue(),
    }


@cache
def _bomb(kind: int) -> bytes:
    """A small file of 300 MB: of zeros, of stars, lines or a name without end; of a false claim."""
    head = b"ra,dec,magnitude,name\n"
    block = (bytes(2**20), head + b"1,2,3,a\n" * 2**17, b"\n" * 2**20, b"1,2,3,a" + b"a" * 2**20)
    if kind == len(block):
        claim = _sound()["npy"][:128].replace(b"(12,)", b"(99999999,)")
        return gzip.compress(claim, mtime=0)
    worker = zlib.compressobj(1, zlib.DEFLATED, 31)
    parts = [worker.compress(head), *(worker.compress(block[kind]) for _ in range(300))]
    return b"".join((*parts, worker.flush()))


def _damaged(rng: np.random.Generator, raw: bytes, form: str) -> bytes:
    if form == "npy":
        if rng.random() < 0.4:
            old, new = _HEADERS[int(rng.integers(len(_HEADERS)))]
            return raw.replace(old, new)
        return some_bytes(rng, raw)
    match int(rng.integers(4)):
        case 0:
            return some_bytes(rng, raw)
        case 1 if form == "csv":
            lines = raw.decode().split("\n")
            k = int(rng.integers(1, len(lines) - 1))
            words = lines[k].split(",")
            words[int(rng.integers(len(words)))] = pick(rng, _WORDS)
            lines[k] = ",".join(words)
            return "\n".join(lines).encode()
        case 2:
            lines = raw.decode().split("\n")
            k = int(rng.integers(len(lines)))
            lines.insert(int(rng.integers(len(lines))), lines.pop(k))
            return "\n".join(lines).encode()
        case _:
            # As wide as it was, so that columns stay.
            begin = int(rng.integers(len(raw)))
            word = pick(rng, _WORDS).encode()[:8]
            return raw[:begin] + word + raw[begin + len(word) :]


#: Claims in the head of an array.
_HEADERS = (
    (b"(12,)", b"(13,)"),
    (b"(12,)", b"(99999999999,)"),
    (b"(12,)", b"(-1,)"),
    (b"(12,)", b"(3, 4)"),
    (b"(12,)", b"()"),
    (b"(12,)", b"(True,)"),
    (b"<f8", b">f8"),
    (b"'<f8'", b"'|S8'"),
    (b"'<f8'", b"'<i8'"),
    (b"'<f8'", b"'<U2'"),
    (b"'<f8'", b"'<M8'"),
    (b"'<f8'", b"'|O8'"),
    (b"'<f8'", b"'<c8'"),
    (b"False", b"True "),
    (b"'tyRA', '<f8'", b"'tyRA', ('<f4', (2,))"),
    (b"descr", b"DESCR"),
    (b"\x01\x00v", b"\x03\x00v"),
    (b"{", b"(" * 60 + b"{"),
)


def enter(case: Case) -> bool:
    found = catalogue.read(case.path)
    columns = {key: found[key].values for key in _COLUMNS}
    expected = [_sorted(_read(case.was, case.path.name))]
    raw = _unpacked(case.raw) if case.path.suffix == ".gz" else case.raw
    said = None if raw is None else _read(raw, case.path.name)
    if said is not None:
        expected = [_sorted(said)]
    for one in expected:
        if one is not None and all(_same(columns[key], one[key]) for key in _COLUMNS):
            return False
    raise Wrong(_changed(case.was, raw or b""))


def _changed(was: bytes, raw: bytes) -> str:
    k = next((k for k in range(min(len(was), len(raw))) if was[k] != raw[k]), 0)
    part = slice(max(k - 30, 0), k + 40)
    return f"{len(was)} -> {len(raw)} bytes, at {k}: {was[part]!r} -> {raw[part]!r}"


_COLUMNS = ("ra", "dec", "pmra", "pmdec", "epoch", "magnitude", "name")


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    if one.shape != other.shape or one.dtype.kind == "U":
        return np.array_equal(one, other)
    return np.allclose(one, other, rtol=1e-6, atol=1e-6, equal_nan=True)


def _sorted(columns: dict[str, np.ndarray] | None) -> dict[str, np.ndarray] | None:
    if columns is None:
        return None
    order = np.argsort(columns["magnitude"], kind="stable")
    return {key: values[order] for key, values in columns.items()}


def _unpacked(raw: bytes) -> bytes | None:
    try:
        with gzip.open(io.BytesIO(raw)) as stream:
            found = stream.read(2**20)
            return None if stream.read(1) else found
    except Exception:
        return None


def _read(raw: bytes, name: str) -> dict[str, np.ndarray] | None:
    reader = _npy if name.startswith("stars.npy") else _csv if ".csv" in name else _td1
    try:
        found = reader(raw)
    except (ValueError, IndexError):
        return None
    if found is None:
        return None
    numbers = [v for v in found.values() if v.dtype.kind == "f"]
    plain = all(np.isfinite(v).all() for v in numbers) and (abs(found["dec"]) <= 90).all()
    return found if plain else None


def _csv(raw: bytes) -> dict[str, np.ndarray] | None:
    text = raw.decode().replace("\r\n", "\n").replace("\r", "\n")
    if re.search(r'(?m)(^|,)\s*"', text) or re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text):
        return None
    lines = [x for x in text.split("\n") if x.strip() and x.strip()[0] != "#"]
    head, *rows = [[word.strip() for word in line.split(",")] for line in lines]
    head = [word.lower() for word in head]
    if len(set(head)) < len(head) or not {"ra", "dec", "magnitude"} <= set(head) or not rows:
        return None
    if any(len(row) != len(head) for row in rows):
        return None
    table = dict(zip(head, zip(*rows, strict=True), strict=True))
    found: dict[str, np.ndarray] = {"name": np.array(table.get("name", [""] * len(rows)))}
    for key, default in (*((k, None) for k in ("ra", "dec", "magnitude")), *_DEFAULTS):
        words = [w or default for w in table.get(key, [""] * len(rows))]
        if not all(w is not None and _NUMBER.fullmatch(w) for w in words):
            return None
        found[key] = np.array(words, float)
    return found


_DEFAULTS = (("pmra", "0"), ("pmdec", "0"), ("epoch", "2000"))


def _td1(raw: bytes) -> dict[str, np.ndarray] | None:
    rows, names = [], []
    for line in raw.decode("ascii").split("\n"):
        if not line.strip():
            continue
        if not 106 <= len(line) < 212 or line[5] != " " or line[48] != " ":
            return None
        places = ((0, 5), (6, 12), (40, 48), (49, 58), (91, 97), (97, 102), (102, 106))
        words = [line[begin:end].strip() or "0" for begin, end in places]
        if not all(_NUMBER.fullmatch(word) for word in words):
            return None
        if not all(re.fullmatch(r"-?\d+", words[k]) for k in (0, 1, 6)):
            return None
        td1, hd, ra, dec, flux, _, power = map(float, words)
        if not (abs(dec) <= np.pi / 2 and 0 <= ra <= 2 * np.pi and abs(power) < 100):
            return None
        if flux > 0:
            rows.append((ra, dec, flux * 10.0**power))
            names.append(f"HD {int(hd)}" if hd else f"TD1 {int(td1)}")
    ra, dec, density = np.array(rows).T
    place = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], -1)
    place = place @ _turn().T
    zeros = np.zeros(len(rows))
    return {
        "ra": np.rad2deg(np.arctan2(place[:, 1], place[:, 0])) % 360,
        "dec": np.rad2deg(np.arcsin(place[:, 2])),
        "pmra": zeros,
        "pmdec": zeros,
        "epoch": zeros + 1950.0,
        "magnitude": -48.6
        + 2.5 * np.log10(299792.458 * 1e13)
        - 2.5 * np.log10(density)
        - 5 * np.log10(1565.0),
        "name": np.array(names),
    }


@cache
def _turn() -> np.ndarray:
    import spiceypy

    return np.asarray(spiceypy.pxform("FK4", "J2000", 0.0))


def _npy(raw: bytes) -> dict[str, np.ndarray] | None:
    sound = _sound()["npy"]
    begin = len(sound) - 12 * _DTYPE.itemsize
    if raw[:begin] != sound[:begin] or len(raw) != len(sound):
        return None
    table = np.frombuffer(raw[begin:], _DTYPE)
    known = np.isfinite([table[key] for key in ("tyRA", "tyDE", "U")]).all(axis=0)
    table = table[known]
    keys = {"ra": "tyRA", "dec": "tyDE", "pmra": "pmRA", "pmdec": "pmDE", "magnitude": "U"}
    found = {key: table[field] for key, field in keys.items()}
    # An unknown proper motion may be given as NaN.
    for key in ("pmra", "pmdec"):
        if np.isinf(found[key]).any():
            return None
    zeros = np.zeros(len(table))
    return found | {"epoch": zeros + 2000.0, "name": np.full(len(table), "")}


DOOR = Door(make, enter)
