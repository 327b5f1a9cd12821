"""The archive's kernels as listed in `kernels.yaml`: which exist, and the days their names
cover."""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..errors import ArgumentError
from ..timescales import date_of

_DAYS = re.compile(r"(\d{2})(\d{3})_(\d{2})(\d{3})", re.ASCII)
#: What comes after the stem of a file's name, in small letters, when it is saved once more.
_COPY = re.compile(r"(?:[ _-]*\(\d{1,3}\)|(?: -)?[ _-]copy(?:[ _]*\(?\d{1,3}\)?)?)$", re.ASCII)
_DELIVERY = re.compile(r"^(\d{6})([A-Z]*)_", re.ASCII)

#: Bytes by which a file is known as a copy of the archive's.
_BEGINNING = 256

#: The days of a file with no time limits.
_ALWAYS = np.datetime64("NaT", "D")

#: Classes of CK files, best first, with the mark that follows YYDDD_YYDDD in their names.
POINTING_CLASSES = ("reconstructed", "navigated", "predicted", "gapfill")
#: The ranks of binary kernels in words, worst first.
_CK_CLASSES = ("gapfill", "predicted", "navigated or unknown", "reconstructed")
_SPK_CLASSES = ("planets", "planets", "satellites", "predicted or unknown", "reconstructed")
_CK_LETTERS = {"r": "reconstructed", "c": "navigated", "p": "predicted"}

#: Saturn's small inner satellites (610..618, 632..635, 649, 653), and those in the trajectory
#: files.
_INNER = frozenset({*range(610, 619), *range(632, 636), 649, 653})
_MAIN = frozenset({*range(601, 613), 615, 616, 617})


@dataclass(frozen=True)
class ArchiveFile:
    """One public kernel file.

    Attributes
    ----------
    kind : str
        The name of its set in `kernels.yaml`, or "pointing" or "ephemeris".
    location : str
        Name of the base URL.
    path : str
        Path below that URL.
    group : str
        Its class within the kind.
    start, stop : datetime64[D]
        First day covered, and the day after the last; NaT for files with no time limits.
    size : int, optional
        Bytes, if known.
    sha256 : str, optional
        If known.
    begins : str, optional
        sha256 of its first 256 bytes.
    """

    kind: str
    location: str
    path: str
    group: str = ""
    start: np.datetime64 = _ALWAYS
    stop: np.datetime64 = _ALWAYS
    size: int | None = None
    sha256: str | None = None
    begins: str | None = None

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def overlaps(self, start: np.datetime64, stop: np.datetime64) -> bool:
        """Whether the days in the name overlap a span of UTC."""
        return bool(self.start <= stop and self.stop > start)


@dataclass(frozen=True)
class KernelSet:
    """A kind of kernel of which one file is needed.

    Attributes
    ----------
    kind : str
    choose : tuple of str
        Patterns of the names of such files, best first.
    gives : frozenset of str
        Pool variables that every such file sets, whatever its name; none for binary files.
    fetch : ArchiveFile
        What to download.
    """

    kind: str
    choose: tuple[str, ...]
    gives: frozenset[str]
    fetch: ArchiveFile

    def ranked(self, paths: Iterable[Path]) -> list[Path]:
        """Those of some files whose names are of this kind, the best first."""
        left = [(path, path.name.lower()) for path in paths]
        found: list[Path] = []
        for pattern in self.choose:
            is_match = _matcher(pattern)
            matches = [path for path, name in left if is_match(name)]
            matches.sort(key=lambda path: (_natural(path.name), str(path)), reverse=True)
            found += [path for path in matches if path not in found]
        return found


@cache
def _matcher(pattern: str) -> Callable[[str], re.Match[str] | None]:
    return re.compile(fnmatch.translate(pattern)).match


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts v10 after v9."""
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", name.lower())]


@cache
def _document() -> dict[str, Any]:
    packed = resources.files("uvisxr") / "data" / "kernels.yaml"
    # In a checkout the file is at the top level, where people look for it; in a wheel it is inside
    # the package.
    source = packed if packed.is_file() else Path(__file__).parents[2] / "kernels.yaml"
    document: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
    return document


def locations() -> dict[str, str]:
    """Base URL of each location."""
    return dict(_document()["locations"])


@cache
def kernel_sets() -> tuple[KernelSet, ...]:
    """The kinds of kernel of which one file each is needed."""
    return tuple(
        KernelSet(
            kind,
            tuple(entry["choose"]),
            frozenset(entry.get("gives", ())),
            ArchiveFile(kind, **entry["fetch"]),
        )
        for kind, entry in _document()["sets"].items()
    )


def altered(name: str, content: bytes) -> str:
    r"""Say that a text kernel is a damaged or edited copy of the archive's file of that name.

    Copies with other line ends are whole, and so are files that begin otherwise: they are others.

    Parameters
    ----------
    name : str
        Of the file, without folders.
    content : bytes

    Returns
    -------
    str
        Empty if it is not.

    Examples
    --------
    >>> altered("cas00172.tsc", b"KPL/SCLK\n\\begindata\n")
    ''
    """
    for file in (entry.fetch for entry in kernel_sets()):
        if file.begins is None or file.name != _original(name.lower()):
            continue
        plain = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        beginning = hashlib.sha256(plain[:_BEGINNING]).hexdigest()
        if beginning == file.begins and hashlib.sha256(plain).hexdigest() != file.sha256:
            return (
                f"it begins as the archive's file {file.name} does, and is another, of "
                f"{len(plain)} bytes instead of {file.size}"
            )
    return ""


def _original(name: str) -> str:
    """The name of a file, in small letters, that browsers and desktops have saved once more."""
    stem, dot, ending = name.rpartition(".")
    return _COPY.sub("", stem) + dot + ending


@cache
def archive_files() -> tuple[ArchiveFile, ...]:
    """Every pointing and ephemeris file in the archive, by class from best to worst."""
    found = []
    for kind, folder, ending in (("pointing", "ck", "bc"), ("ephemeris", "spk", "bsp")):
        for group, names in _document()[kind].items():
            for name in names.split():
                start, stop = days(name)
                path = f"{folder}/{name}.{ending}"
                found.append(ArchiveFile(kind, "kernels", path, group, start, stop))
    return tuple(found)


@cache
def _by_name() -> dict[str, ArchiveFile]:
    return {file.name: file for file in archive_files()}


def may_cover(name: str, start: np.datetime64, stop: np.datetime64) -> bool:
    """Whether a file, judging by its name, may cover part of a span of UTC.

    False only for archive names whose days do not overlap the span: such files need not be opened.
    One day of margin allows for the difference of time scales and for late hand-overs.
    """
    file = _by_name().get(name)
    day = np.timedelta64(1, "D")
    return file is None or file.overlaps(start - day, stop + day)


def days(name: str) -> tuple[np.datetime64, np.datetime64]:
    """First day, and day after the last, from YYDDD_YYDDD in a file name; NaT if there is none.

    Two-digit years from 57 on belong to the twentieth century, as in SPICE.
    """
    match = _DAYS.search(name)
    if match is None:
        return _ALWAYS, _ALWAYS
    year1, day1, year2, day2 = (int(part) for part in match.groups())
    try:
        return date_of(_four_digits(year1), day1), date_of(_four_digits(year2), day2) + 1
    except ArgumentError:
        return _ALWAYS, _ALWAYS


def _four_digits(year: int) -> int:
    return year + (1900 if year >= 57 else 2000)


def needed(
    start: np.datetime64, stop: np.datetime64, codes: Iterable[int] = ()
) -> tuple[ArchiveFile, ...]:
    """Archive files that a geometry over a span of UTC needs, in order of increasing priority.

    Parameters
    ----------
    start, stop : datetime64
    codes : iterable of int
        NAIF codes of the bodies observed, to find satellites outside the trajectory files.

    Returns
    -------
    tuple of ArchiveFile
        One of each set; the trajectories; the reconstructed pointing or, for parts of the span that
        no such file claims, the best class that does. Empty kinds are left out.
    """
    sets = [entry.fetch for entry in kernel_sets()]
    files = [file for file in archive_files() if file.overlaps(start, stop)]
    pointing: list[ArchiveFile] = []
    for group in POINTING_CLASSES:
        # Navigated pointing exists only around images, whatever days the name states.
        if group != "navigated" and not _claims(pointing, start, stop):
            of_group = [file for file in files if file.group == group]
            pointing = [*of_group, *pointing]
    groups = _ephemeris_groups(frozenset(codes))
    ephemeris = [file for group in groups for file in files if file.group == group]
    return (*sets, *ephemeris, *pointing)


def _claims(files: list[ArchiveFile], start: np.datetime64, stop: np.datetime64) -> bool:
    """Whether the days in the file names cover the whole span."""
    span = np.arange(start.astype("datetime64[D]"), stop.astype("datetime64[D]") + 1)
    claimed = np.zeros(span.shape, bool)
    for file in files:
        claimed |= (span >= file.start) & (span < file.stop)
    return bool(claimed.all())


def _ephemeris_groups(codes: frozenset[int]) -> list[str]:
    satellites = {code for code in codes if 600 < code < 699 or 65000 < code < 66000}
    groups = []
    if satellites & _MAIN:
        groups.append("satellites before the tour")
    if satellites & _INNER:
        groups.append("inner satellites")
    if satellites - _INNER - _MAIN:
        groups.append("irregular satellites")
    return [*groups, "trajectory"]


def extent(kind: str) -> tuple[np.datetime64, np.datetime64]:
    """First day, and day after the last, of the archive's reconstructed pointing, or of Cassini's
    trajectory in its ephemeris."""
    group = {"pointing": "reconstructed", "ephemeris": "trajectory"}[kind]
    files = [file for file in archive_files() if file.group == group]
    return min(file.start for file in files), max(file.stop for file in files)


def priority(path: Path, kind: str = "") -> tuple[Any, ...]:
    """Sort key of a binary kernel, "SPK" or "CK", from its name: later ones are preferred.

    CK: by class, then version letter. SPK: generic planetary ephemerides (de*) first, then
    satellites and planets, predicted and unknown trajectories, reconstructed trajectories; then by
    delivery date. Navigated pointing and unknown names rank between predicted and reconstructed.
    """
    name = path.name
    if (kind or _kind(path)) == "CK":
        return (*_ck_rank(name), str(path))
    return (*_spk_rank(name), str(path))


def class_of(path: Path, kind: str = "") -> str:
    """What a binary kernel, "SPK" or "CK", holds by its name, in words."""
    if (kind or _kind(path)) == "CK":
        return _CK_CLASSES[_ck_rank(path.name)[0]]
    return _SPK_CLASSES[_spk_rank(path.name)[0]]


def _kind(path: Path) -> str:
    return "CK" if path.suffix.lower() == ".bc" else "SPK"


def _ck_rank(name: str) -> tuple[Any, ...]:
    match = re.match(r"\d{5}_\d{5}([a-z])([a-z])", name)
    if match is None:
        return (2, "", name)
    group = "gapfill" if "gapfill" in name else _CK_LETTERS.get(match[1], "predicted")
    rank = {"gapfill": 0, "predicted": 1, "navigated": 2, "reconstructed": 3}[group]
    return (rank, match[2], name)


def _spk_rank(name: str) -> tuple[Any, ...]:
    if re.match(r"de\d+", name.lower()):
        return (0, "", name)
    delivery = _DELIVERY.match(name)
    if "PLTEPH" in name or "_PE" in name:
        return (1, _delivered(delivery), name)
    if re.match(r"sat\d+", name.lower()) or re.search(r"_(SE|RE|IRRE)_", name):
        return (2, _delivered(delivery), name)
    if delivery and "R" in delivery[2]:
        return (4, _delivered(delivery), name)
    return (3, _delivered(delivery), name)


def _delivered(match: re.Match[str] | None) -> str:
    """Delivery date with its century, and version, as sortable text."""
    if match is None:
        return ""
    date, version = match.groups()
    return f"{_four_digits(int(date[:2]))}{date[2:]}{version}"
