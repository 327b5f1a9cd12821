"""SPICE kernels: what a damaged text, DAF or meta-kernel means is read here anew.

What the sound ones give, and those that are whole but say something else, is worked out by SPICE,
one ray at a time.
"""

from __future__ import annotations

import atexit
import math
import re
import shutil
import struct
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from spiceypy.utils.exceptions import NotFoundError, SpiceyError

from uvisxr import simulate
from uvisxr.errors import UvisError, UvisWarning
from uvisxr.kernels import requirements
from uvisxr.pds3.label import read_label

from . import looking
from .harness import Door, Wrong
from .mutate import VALUES, a_hole, a_line, holed, pick, some_bytes

#: A number or a date, and a string, of a text kernel.
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[EDed][+-]?\d+)?|@[\w:./-]+"
_STRING = r"'(?:[^'\n]|'')*'"
_VALUE = rf"(?:{_NUMBER}|{_STRING})"
_NAME = r"[A-Z][A-Z0-9_/+-]*"
_ONE = re.compile(
    rf"\s*({_NAME})[ \t]*=\s*(?:({_VALUE})|\(((?:[\s,]*{_VALUE}(?=[\s,)]))+[\s,]*)\))[ \t]*\n"
)

#: What kernels in particular should not hold.
_VALUES = (
    *VALUES,
    *("( 1 2", "1 )", "()", "( )", "( 'a' 1 )", "( 1, , 2 )", "'J2000'", "-82", "10", "606", "699"),
    *("( 0.0 0.0 0.0 )", "( 1E300 1E300 1E300 )", "( -1 -1 -1 )", "@2008-MAR-10", "@x", "1.0D0"),
    *("( 'a' ( 'b' )", "( ( 1 ) )", "( " + "''" * 45 + " ( 'a' )", "'" * 99, "( " + "'a'''" * 25),
    *("( " + "''\n" * 3000 + "( 1 )", "1" * 50_000 + "x", "." + "1" * 50_000, "1." + "1" * 50_000),
    *("'" + "x" * 78 + "+'\n" + "'y" * 45, "( " + ("'" + "x" * 78 + "+'\n") * 60 + "'' )"),
    *("'KM'", "4", "3", "( 1, 2, 3 )", "( 1, 1, 1 )", "( 4294967296 256 )", "'CASSINI_UVIS_FUV'"),
)

#: Doubles that a summary or the data of a segment should not hold.
_DOUBLES = (0.0, -1.0, 1.0, 2.0, 3.0, 1e6, 2.0**31, 2.0**40, 1e300, math.inf, -math.inf, math.nan)
_INTEGERS = (0, 1, -1, 2, 3, 5, 6, 8, 9, 10, 13, 606, 699, -82, 10**8, 2**30, 2**31 - 1, -(2**31))

_FIELDS = tuple(looking.TOLERANCES)


@dataclass(frozen=True)
class Sound:
    """Files of which nothing is wrong, and what comes of them."""

    kernels: tuple[Path, ...]
    label: Path
    ds: xr.Dataset
    fields: dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """Kernels as they are given, the one that is damaged, and whether `kernels check` is tried."""

    given: list[Path]
    damaged: Path
    was: bytes
    check: bool = True


@cache
def sound() -> Sound:
    folder = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = simulate.observation(folder, exposures=2, seed=1, stars=0, lost=0, partial=0)
    ds = made.open().isel(pixel=[0, 20, 40]).load()
    located = ds.uvis.geometry(kernels=made.kernels)
    fields = {name: located[name].values for name in _FIELDS}
    right = looking.fields(made.kernels, ds["et"].values, ds["line"].values)
    # All of them, or what follows is held against nothing.
    if wrong := looking.differences(fields, right):
        raise RuntimeError(f"the sound kernels give other fields than by SPICE: {wrong}")
    return Sound(made.kernels, made.labels[0], ds, fields)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    kernels = [Path(shutil.copy(path, folder)) for path in sound().kernels]
    meta = folder / "all.tm"
    names = "\n".join(f"  '$AB/{path.name}'" for path in kernels)
    # The first symbol begins the second.
    symbols = f"PATH_SYMBOLS = ( 'A' 'AB' )\nPATH_VALUES = ( '/nowhere'\n '{folder}' )\n"
    meta.write_text(f"KPL/MK\n\\begindata\n{symbols}KERNELS_TO_LOAD = (\n{names} )\n\\begintext\n")
    if rng is None:
        return Case([meta], meta, meta.read_bytes())
    damaged = [*kernels, meta, *kernels[-2:]][int(rng.integers(len(kernels) + 3))]
    was = damaged.read_bytes()
    binary = damaged.suffix in (".bsp", ".bc")
    damaged.write_bytes(_numbers(rng, was) if binary else _text(rng, was))
    if damaged == meta:
        return Case([meta], meta, was)
    meta.unlink()
    given = kernels if rng.random() < 0.5 else [folder]
    return Case(given, damaged, was, check=bool(rng.random() < 0.3))


def _text(rng: np.random.Generator, was: bytes) -> bytes:
    text = was.decode("ascii")
    match int(rng.integers(8)):
        case 0:
            return was[: int(rng.integers(len(was)))]
        case 1 | 2:
            return some_bytes(rng, was)
        case 3:
            # One number or word for another.
            words = list(re.finditer(r"[^\s=()]+", text))
            word = words[int(rng.integers(len(words)))]
            return (text[: word.start()] + pick(rng, _VALUES) + text[word.end() :]).encode(
                "latin-1", "replace"
            )
        case _:
            for _ in range(int(rng.integers(1, 3))):
                text = a_line(rng, text, _VALUES)
            return text.replace("\r\n", "\n").encode("latin-1", "replace")


def _numbers(rng: np.random.Generator, was: bytes) -> bytes:
    """Damage a DAF, mostly where its structure is."""
    out = bytearray(was)
    segments = _segments(was)
    assert segments
    (first,) = struct.unpack_from("<i", was, 76)
    record = 1024 * (first - 1)
    match int(rng.integers(12)):
        case 0:
            return some_bytes(rng, was)
        case 11:
            return _repeated(out, first, segments)
        case 1:
            struct.pack_into("<i", out, pick_int(rng, (8, 12, 76, 80, 84)), pick_integer(rng))
        case 2:
            out[int(rng.integers(100))] = int(rng.integers(256))
        case 3:
            struct.pack_into("<d", out, record + 8 * int(rng.integers(3)), pick_double(rng))
        case 4:
            at = record + 24 + 40 * int(rng.integers(len(segments))) + 8 * int(rng.integers(2))
            struct.pack_into("<d", out, at, pick_double(rng))
        case 5 | 6:
            at = record + 40 + 40 * int(rng.integers(len(segments))) + 4 * int(rng.integers(6))
            struct.pack_into("<i", out, at, pick_integer(rng))
        case 7 | 8:
            # The last numbers of a segment tell how it is divided.
            *_, end = segments[int(rng.integers(len(segments)))].summary
            at = 8 * (int(end) - 1 - int(rng.integers(5)))
            struct.pack_into("<d", out, at, pick_double(rng))
        case 9:
            begin, end = segments[int(rng.integers(len(segments)))].summary[-2:]
            at = 8 * (int(rng.integers(int(begin), int(end) + 1)) - 1)
            struct.pack_into("<d", out, at, pick_double(rng))
        case 10:
            return a_hole(rng, was)
    return bytes(out)


def _repeated(out: bytearray, first: int, segments: list[Segment]) -> bytes:
    """The same file with thousands of summaries more, of the longest segment."""
    summary = struct.pack("<2d6i", *max(segments, key=lambda one: len(one.data)).summary)
    out += bytes(-len(out) % 1024)
    begin, records = len(out) // 1024 + 1, 200
    struct.pack_into("<d", out, 1024 * (first - 1), begin)
    struct.pack_into("<i", out, 80, begin + records - 1)
    struct.pack_into("<i", out, 84, len(out) // 8 + 128 * records + 1)
    for k in range(records):
        after = begin + k + 1 if k < records - 1 else 0
        record = struct.pack("<3d", after, begin + k - 1 if k else first, 25) + 25 * summary
        out += record.ljust(1024, b"\0")
    return bytes(out)


def pick_int(rng: np.random.Generator, things: tuple[int, ...]) -> int:
    return things[int(rng.integers(len(things)))]


def pick_integer(rng: np.random.Generator) -> int:
    return pick_int(rng, _INTEGERS)


def pick_double(rng: np.random.Generator) -> float:
    return _DOUBLES[int(rng.integers(len(_DOUBLES)))]


def enter(case: Case) -> bool:
    known = sound()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        located = refused = None
        try:
            located = known.ds.uvis.geometry(kernels=case.given)
        except UvisError as error:
            refused = error
        told = any(issubclass(warning.category, UvisWarning) for warning in caught)
        complete = located is not None and not told
        report = _report(case, complete) if case.check else None
    if refused is not None:
        raise refused
    assert located is not None
    if complete and report is not None and (report.missing or report.nowhere) and not _lost(case):
        raise Wrong("`kernels check` misses something where the geometry does not")
    found = {name: located[name].values for name in _FIELDS if name in located}
    if any(np.isinf(located[name].values).any() for name in found):
        raise Wrong("infinite")
    same = found.keys() == known.fields.keys() and all(
        np.allclose(found[name], known.fields[name], rtol=1e-9, atol=1e-9, equal_nan=True)
        for name in found
    )
    if same:
        return told
    if not told and holed(case.was, case.damaged.read_bytes()):
        raise Wrong("a hole in a kernel, without a word")
    if _values_changed(case):
        if not told and not np.isfinite(found["ra"]).all():
            raise Wrong("no pointing, without a word")
        if not told and (wrong := _by_spice(case, found)):
            raise Wrong(f"not as by SPICE: {wrong}")
        return told
    for name, values in found.items():
        right = np.isclose(values, known.fields[name], rtol=1e-9, atol=1e-9, equal_nan=True)
        if not (told and (right | np.isnan(values)).all()):
            raise Wrong(f"{name} is {values.ravel()[:3]} for {known.fields[name].ravel()[:3]}")
    return told


def _by_spice(case: Case, found: dict[str, np.ndarray]) -> list[str]:
    """What SPICE itself gives otherwise; nothing if it gives nothing."""
    if case.damaged.suffix == ".bsp":
        # At speeds of no body, light times depend on how often they are corrected.
        return []
    known = sound()
    kernels = [case.damaged.parent / path.name for path in known.kernels]
    try:
        right = looking.fields(kernels, known.ds["et"].values, known.ds["line"].values)
    except (SpiceyError, NotFoundError):
        return []
    return looking.differences(found, right)


def _report(case: Case, complete: bool) -> requirements.Report | None:
    """What `kernels check` says; errors only where the geometry has any."""
    request = requirements.Request.of(read_label(sound().label))
    folders = [path for path in case.given if path.is_dir()]
    files = [path for path in case.given if path.is_file() and path.suffix != ".tm"]
    if not folders and not files:
        return None
    try:
        return requirements.check([request], files, folders)
    except UvisError:
        if complete:
            raise Wrong("`kernels check` refuses what the geometry does not") from None
        return None


def _lost(case: Case) -> bool:
    """Whether a text may not set all it did.

    `kernels check` asks for what whole ones of a kind set; the geometry of one channel, with files
    by name, can do without some of it.
    """
    if case.damaged.suffix in (".bsp", ".bc"):
        return False
    before, after = _variables(case.was), _variables(case.damaged.read_bytes())
    return after is None or before is None or not before.keys() <= after.keys()


def _values_changed(case: Case) -> bool:
    """Whether a damaged file is whole, and says something else than it did."""
    now = case.damaged.read_bytes()
    if case.damaged.suffix == ".tm":
        return False
    if case.damaged.suffix in (".bsp", ".bc"):
        segments = _segments(now)
        return segments is not None and segments != _segments(case.was)
    before, after = _variables(case.was), _variables(now)
    assert before
    if after is None:
        return False
    # One that is no more says nothing else.
    return any(before.get(name) != value for name, value in after.items())


def _variables(content: bytes) -> dict[str, tuple[str, ...]] | None:
    """Values by variable of a text kernel in the plain form; None if it is anything else."""
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        return None
    match = re.fullmatch(r"KPL/\w+\n[^\\]*\n\\begindata\n(.*)\n\\begintext\n+", text, re.DOTALL)
    if match is None or "\\" in match[1] or re.search(r"[^\n]{133}|[^\n -~\t]", text):
        return None
    found: dict[str, tuple[str, ...]] = {}
    rest, at = match[1] + "\n", 0
    while rest[at:].strip():
        one = _ONE.match(rest, at)
        if one is None:
            return None
        found[one[1]] = tuple(re.findall(_VALUE, one[2] or one[3]))
        at = one.end()
    return found


@dataclass(frozen=True)
class Segment:
    """A summary, and the data that it points to."""

    summary: tuple[float, ...]
    data: bytes


def _segments(content: bytes) -> list[Segment] | None:
    """Segments of a little-endian DAF of one summary record; None if it is not a whole one."""
    if len(content) < 3072 or content[88:96] != b"LTL-IEEE":
        return None
    kind = content[:8]
    nd, ni = struct.unpack_from("<2i", content, 8)
    first, last, free = struct.unpack_from("<3i", content, 76)
    if kind not in (b"DAF/SPK ", b"DAF/CK  ") or (nd, ni) != (2, 6):
        return None
    if not (2 <= first == last and 1024 * first <= len(content) and 8 * (free - 1) <= len(content)):
        return None
    after, before, count = struct.unpack_from("<3d", content, 1024 * (first - 1))
    if (after, before) != (0.0, 0.0) or count not in range(1, 26):
        return None
    found = []
    for k in range(int(count)):
        summary = struct.unpack_from("<2d6i", content, 1024 * (first - 1) + 24 + 40 * k)
        start, stop, *_, begin, end = summary
        if not (-1e15 < start <= stop < 1e15 and 256 < begin <= end < free):
            return None
        data = np.frombuffer(content, "<f8", int(end - begin + 1), 8 * int(begin - 1))
        whole = _hermite(summary, data) if kind[4:5] == b"S" else _pointing(summary, data)
        if not whole:
            return None
        found.append(Segment(summary, data.tobytes()))
    return found


def _hermite(summary: tuple[float, ...], data: np.ndarray) -> bool:
    """Whether a segment of type 13 holds states at rising times: states, times, directory, two."""
    if summary[5] != 13 or not np.isfinite(data).all():
        return False
    window, n = data[-2], int(min(data[-1], data.size))
    if n != data[-1] or n < 2 or data.size != 7 * n + (n - 1) // 100 + 2:
        return False
    times, directory = data[6 * n : 7 * n], data[7 * n : -2]
    # Hermite polynomials of degree 2 (window + 1) - 1, 27 at most.
    return bool(
        (np.diff(times) > 0).all()
        and (directory == times[99 : n - 1 : 100]).all()
        and window in range(14)
        and window + 1 <= n
        and times[0] <= summary[0]
        and summary[1] <= times[-1]
    )


def _pointing(summary: tuple[float, ...], data: np.ndarray) -> bool:
    """Whether a segment of type 3 holds quaternions at rising times within intervals."""
    if summary[4] != 3 or summary[5] not in (0, 1) or not np.isfinite(data).all():
        return False
    starts, n = (int(min(value, data.size)) for value in data[-2:])
    if [starts, n] != list(data[-2:]) or not 1 <= starts <= n:
        return False
    width = 7 if summary[5] else 4
    sizes = (width * n, n, (n - 1) // 100, starts, (starts - 1) // 100, 2)
    if data.size != sum(sizes):
        return False
    quaternions, times, directory, begins, begun, _ = np.split(data, np.cumsum(sizes)[:-1])
    norms = np.linalg.norm(quaternions.reshape(n, width)[:, :4], axis=1)
    return bool(
        (np.diff(times) > 0).all()
        and (np.abs(norms - 1) < 1e-3).all()
        and (directory == times[99 : n - 1 : 100]).all()
        and np.isin(begins, times).all()
        and (np.diff(begins) > 0).all()
        and (begun == begins[99 : starts - 1 : 100]).all()
        and begins[0] == times[0]
        and times[0] <= summary[0]
        and summary[1] <= times[-1]
    )


DOOR = Door(make, enter)
