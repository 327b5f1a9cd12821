"""Labels of products, and their cubes: what a damaged label means is read here anew."""

from __future__ import annotations

import datetime
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.errors import UvisWarning

from .harness import Door, Wrong
from .mutate import VALUES, a_line, changed, pick, some_bytes

#: What may be taken for a number, and what may not.
_VALUES = (
    *VALUES,
    *("2 <PIXEL>", "4 <pixels>", '"4"', '" 16 "', "(1, 2 <PIXEL>)", "30,000", "1,6", "2,0"),
    *("1-\r\n6", "1- \r\n6", "(1-\r\n6)", "3-", '"1-\r\n6"', "1.-\r\n5", "2 <PIX-\r\nEL>"),
)
#: Other ways to write a statement.
_FORMS = (
    *(
        "{small} = {value}",
        "CASSINI:{key} = {value}",
        "cassini:{small} = {value}",
        "{title}={value}",
    ),
    *(
        "GROUP = X\r\n{key} = {value}\r\nEND_GROUP = X",
        "group = x\r\n{small} = {value}\r\nend_group = x",
    ),
    *("OBJECT = X\r\n{key} = {value}\r\nEND_OBJECT = X", "GROUP = X\r\n{key} = {value}"),
)
#: Seconds from the time in its name that a start may be without a warning.
_NEAR = 900

#: Rows and columns of the frame in which everything lies.
_LINES, _BANDS = 64, 1024


@dataclass(frozen=True)
class Part:
    """One window of the detector, and the counts in it."""

    counts: np.ndarray
    band: np.ndarray
    line: np.ndarray

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Part)
            and np.array_equal(self.counts, other.counts)
            and np.array_equal(self.band, other.band)
            and np.array_equal(self.line, other.line)
        )


@dataclass(frozen=True)
class Meaning:
    """What a label and a cube say, as far as a reduction needs it."""

    parts: tuple[Part, ...]
    exposure: float
    start: datetime.datetime

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Meaning)
            and self.parts == other.parts
            and abs(self.exposure - other.exposure) <= 1e-9 * self.exposure
            and abs((self.start - other.start).total_seconds()) < 2e-3
        )


@dataclass(frozen=True)
class Case:
    """A damaged label, and what it meant before."""

    label: Path
    was: str
    before: Meaning
    bins: tuple[int, int]


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
                another = rng.random() < 0.15
                text = _written_otherwise(rng, text) if another else a_line(rng, text, _VALUES)
            raw = text.encode("latin-1", errors="replace")
        else:
            raw = some_bytes(rng, text.encode("latin-1"))
        label.write_bytes(raw)
        if rng.random() < 0.1:
            label.with_suffix(".DAT").write_bytes(some_bytes(rng, data, 2))
    return Case(label, was, before, (band_bin, line_bin))


def _written_otherwise(rng: np.random.Generator, text: str) -> str:
    """A statement in another form, in place of the one that there is or beside it."""
    lines = text.splitlines(keepends=True)
    there = [k for k, line in enumerate(lines) if line.split("=")[0].strip() in _NEEDED]
    if not there:
        return text
    k = there[int(rng.integers(len(there)))]
    key, _, value = (part.strip() for part in lines[k].partition("="))
    value = value if rng.random() < 0.5 else pick(rng, _VALUES)
    forms = {"key": key, "small": key.lower(), "title": key.title(), "value": value}
    line = pick(rng, _FORMS).format(**forms) + "\r\n"
    match int(rng.integers(3)):
        case 0:
            lines[k] = line
        case 1:
            lines.insert(k, line)
        case 2:
            lines.insert(int(rng.integers(len(lines))), line)
    return "".join(lines)


def enter(case: Case) -> bool:
    found, told = opened(case.label)
    text = case.label.read_bytes().decode("latin-1")
    data = case.label.with_suffix(".DAT").read_bytes()
    said = meaning(text, data, case.bins if told else ())
    if said is not None and found == said:
        if not told and abs((said.start - case.before.start).total_seconds()) > _NEAR + 60:
            raise Wrong(f"another start than its name has, without a warning: {said.start}")
        return told
    # What is not said, or in several ways, may be found out; then it is what it was, and told.
    here = case.before
    now = _window(data, here)
    if found == Meaning((now,), here.exposure, here.start):
        if told or said is None:
            return told
        raise Wrong(
            f"without a warning the label is not taken at its word: {changed(case.was, text)}"
        )
    raise Wrong(f"neither what the label says nor what it said: {changed(case.was, text)}")


def opened(label: Path) -> tuple[Meaning, bool]:
    """What the package takes a label to mean, and whether it had a warning to give."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        product = uvisxr.open_product(label)
        nodes = [product] if isinstance(product, xr.Dataset) else [*product.leaves]
        found = Meaning(
            tuple(Part(ds["counts"].values, ds["band"].values, ds["line"].values) for ds in nodes),
            float(nodes[0]["exposure"].values[0]),
            nodes[0]["time_stop"].values[0].astype("datetime64[us]").astype(datetime.datetime),
        )
    return found, any(issubclass(warning.category, UvisWarning) for warning in caught)


def meaning(text: str, data: bytes, bins: tuple[int, ...] = ()) -> Meaning | None:
    """What a label says, where it says all that is needed once and clearly; else None.

    `bins` are taken for those that are not given.
    """
    statements = _statements(text)
    if statements is None:
        return None

    def only(key: str, form: str) -> str | None:
        values = set(statements.get(key, []))
        found = re.fullmatch(form, *values) if len(values) == 1 else None
        return found[1] if found else None

    core = only("CORE_ITEMS", r"\(1024, ?64, ?(\d{1,6})\)")
    given = [*zip(("BAND_BIN", "LINE_BIN"), bins, strict=False)]
    statements |= {
        key: [str(usual)] for key, usual in given if all(map(_unknown, statements.get(key, [])))
    }
    columns = [_whole(only(key, "(.*)")) for key in _WINDOW]
    duration = only("INTEGRATION_DURATION", r"(\d+(?:\.\d*)?|\.\d+)(?: ?<(?i:SECOND)>)?")
    based = _whole(only("INTEGRATION_DURATION", r"(\d+#.*#)"))
    started = only("START_TIME", r"(\d{4}-\d{3}T\d\d:\d\d:\d\d\.\d{1,6})\d*Z?")
    exposure = float(duration) if duration else float(based[0]) if based else 0.0
    if core is None or not exposure or started is None:
        return None
    try:
        start = datetime.datetime.strptime(started, "%Y-%jT%H:%M:%S.%f")
    except ValueError:
        return None
    count = max((len(column) for column in columns if column), default=1)
    whole = [column * count if column and len(column) == 1 else column for column in columns]
    samples = int(core)
    if not samples or len(data) < samples * _LINES * _BANDS * 2:
        return None
    frames = np.frombuffer(data, ">u2", samples * _LINES * _BANDS).reshape(-1, _LINES, _BANDS)
    parts = []
    for number in range(count):
        if any(column is None or len(column) != count for column in whole):
            return None
        top, left, bottom, right, band_bin, line_bin = (column[number] for column in whole)
        if not (top <= bottom < _LINES and left <= right < _BANDS and band_bin and line_bin):
            return None
        band = np.arange(left, right + 1, band_bin)
        line = np.arange(top, bottom + 1, line_bin)
        counts = frames[:, top : top + line.size, left : left + band.size]
        parts.append(Part(counts, band, line))
    return Meaning(tuple(parts), exposure, start)


_WINDOW = (
    *("UL_CORNER_LINE", "UL_CORNER_BAND", "LR_CORNER_LINE", "LR_CORNER_BAND"),
    *("BAND_BIN", "LINE_BIN"),
)


def _unknown(value: str) -> bool:
    return value.strip("\"' ") in ("", "UNK", "N/A", "NULL")


def _whole(text: str | None) -> list[int] | None:
    """One whole number or a list of some, decimal, quoted, of pixels, or as 16#FF#; None if it is
    another thing."""
    found = []
    inside = re.fullmatch(r"\((.*)\)", text or "")
    for item in inside[1].split(",") if inside else [text or ""]:
        item = re.sub(r"^\s*([\"'])\s*(\d+)\s*\1\s*$|^\s*(\d+)\s*<(?i:PIXELS?)>\s*$", r"\2\3", item)
        item = re.sub(r"^(\s*\d{1,2})[eE]([0-3])(\s*)$", lambda m: f"{m[1]}{'0' * int(m[2])}", item)
        match = re.fullmatch(r"\s*(?:(\d{1,5})(?:\.0*)?|(2|8|16)#([0-9A-Fa-f]{1,5})#)\s*", item)
        if match is None:
            return None
        try:
            found.append(int(match[1]) if match[1] else int(match[3], int(match[2])))
        except ValueError:
            return None
    return found


def _window(data: bytes, before: Meaning) -> Part:
    """The counts of the product as it was, of what its file holds now."""
    (was,) = before.parts
    samples, n_line, n_band = was.counts.shape
    size = samples * _LINES * _BANDS
    if len(data) < 2 * size:
        return Part(np.empty(0), was.band, was.line)
    frames = np.frombuffer(data, ">u2", size).reshape(samples, _LINES, _BANDS)
    top, left = was.line[0], was.band[0]
    return Part(frames[:, top : top + n_line, left : left + n_band], was.band, was.line)


_KEY = r"\^?(?:[A-Za-z][A-Za-z0-9_]*:)?[A-Za-z][A-Za-z0-9_]*"
_VALUE = (
    r"\"[^\"]*\"|'[^'\n]*'|\((?:[^()\"'/{}=]|\([^()\"'/{}=]*\))*\)|\{[^()\"'/{}=]*\}"
    r"|[^\s\"'(){}<>=,;/]+(?:/[^\s\"'(){}<>=,;/*]+)*"
)
#: A statement, with the unit of its value, up to the end of its line or to the next statement.
_STATEMENT = re.compile(
    rf"({_KEY})[ \t]*=\s*(?:/\*[^\n*]*\*/\s*)?({_VALUE})(?:[ \t]*(<[^<>\n]*>))?"
    rf"[ \t]*(?:/\*[^\n*]*\*/[ \t]*)?(?=\n|\Z|{_KEY}[ \t]*=)"
)


def _statements(text: str) -> dict[str, list[str]] | None:
    """Values by keyword of a label; None if it is not clear which statements it has.

    Lines that are no statement say nothing, as long as they cannot hide others.
    """
    # Control characters say nothing.
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", " ", text.replace("\r\n", "\n"))
    found: dict[str, list[str]] = {}
    # Outside of the cube that they are of, or inside: they count if they contradict the others.
    strays: list[tuple[str, str]] = []
    depth = groups = at = 0
    while at < len(text):
        at = re.compile(r"\s*").match(text, at).end()
        line = text[at : text.find("\n", at) if "\n" in text[at:] else len(text)]
        if re.fullmatch(r"(?i:END)\s*", line):
            for key, value in strays:
                if key in found or key in _WINDOW:
                    found.setdefault(key, []).append(value)
            return None if depth or groups or text[at + len(line) :].strip() else found
        match = _STATEMENT.match(text, at)
        if match is None:
            # A text or a list without end hides no more than its line.
            alone = re.fullmatch(rf"{_KEY} *= *[\"(][^\"/(){{}}'-]*", line)
            odd = re.search(r"/\*|\*/|[(){}']|-\s*$", line) or line.count('"') % 2
            if odd and not alone:
                return None
            # Whatever it is of a needed keyword, it is not clear.
            for key in re.findall(_KEY, line):
                found.setdefault(_plainly(key), []).append("")
            at += len(line)
            continue
        at = match.end()
        key, value = _plainly(match[1]), match[2]
        if key in ("OBJECT", "END_OBJECT"):
            depth += 1 if key == "OBJECT" else -1
            if value != "QUBE" or depth not in (0, 1):
                return None
        elif key in ("GROUP", "END_GROUP"):
            # What is in one is said where it stands.
            groups += 1 if key == "GROUP" else -1
            if value not in ("X", "x") or groups not in (0, 1):
                return None
        elif re.search(r"OBJECT|GROUP", key):
            return None
        else:
            if value.endswith("-"):
                return None
            value += f" {match[3]}" if match[3] else ""
            if key in _NEEDED and (key in (*_WINDOW, "CORE_ITEMS")) != depth:
                strays.append((key, value))
            else:
                found.setdefault(key, []).append(value)
    return None


def _plainly(key: str) -> str:
    """A keyword in capitals, without a namespace."""
    return key.upper().rpartition(":")[2]


_NEEDED = (*_WINDOW, "CORE_ITEMS", "START_TIME", "INTEGRATION_DURATION")


DOOR = Door(make, enter)
