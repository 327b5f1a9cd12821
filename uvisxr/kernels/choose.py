"""Find the kernels that a geometry needs, choose them by coverage, and check them.

`select` returns the files to load, in order of increasing priority; `loaded` keeps them furnished,
and holds SPICE's lock, for the duration of a `with` block::

    paths = select(kernels, ets=ets, bodies=("CASSINI", "TITAN", "SUN"))
    with loaded(paths):
        ...spiceypy calls...

Kernels come from the first of these that is available: the argument `kernels` (a file, a folder,
which is searched recursively, a meta-kernel, or several of these); the environment variable
`UVISXR_KERNELS` (the same, separated as in PATH); the download cache; whatever the user has already
furnished in SPICE. Files and meta-kernels given by name are all loaded, in the order given. From a
folder, only the files needed for the times and bodies are chosen, reconstructed in preference to
predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import CoverageError, KernelError
from ..fetch import cache_dir
from ..timescales import parse_instant
from .bodies import BARYCENTRE, SPACECRAFT_CODE, SPACECRAFT_FRAME, code
from .coverage import Segment, connected, pointing, spk_segments
from .listing import ArchiveFile, archive_files, kernel_sets, may_cover, needed, priority
from .meta import expand
from .session import LOCK, check_file, loaded, user_kernels

#: Positions are wanted this much earlier too, s, if available: light takes 85 min from the Sun to
#: Saturn.
LIGHT_TIME = 7200.0

#: Number of files that a message names.
_LISTED = 6

#: J2000 (TDB), to the microsecond.
_J2000 = parse_instant("2000-01-01T11:58:55.816073")

Kernels = str | Path | Iterable[str | Path] | None


def select(
    kernels: Kernels = None,
    ets: np.ndarray | Sequence[float] = (),
    bodies: Iterable[str | int] = ("CASSINI", "SUN"),
    frame_id: int | None = SPACECRAFT_FRAME,
) -> list[Path]:
    """Choose the kernel files to load for a geometry, in order of increasing priority.

    Parameters
    ----------
    kernels : path or iterable of path, optional
        Files, folders, meta-kernels; see the module docstring for the default.
    ets : array_like, (n,)
        Instants that the kernels must cover, TDB s past J2000.
    bodies : iterable of str or int
        SPICE names or codes of all bodies whose positions are needed, including Cassini and the
        Sun.
    frame_id : int, optional
        Frame whose pointing is needed, if any. Instants without pointing are not an error here;
        `describe_unpointed` gives the text of the warning.

    Returns
    -------
    list of Path
        To be passed to `loaded`. Empty if the kernels that the user has furnished are to be used.

    Raises
    ------
    KernelError
        There are no kernels, a folder lacks one kind, a file is missing, corrupt or not a kernel,
        or a body is unknown.
    CoverageError
        A body has no position at any of the instants. The message names the body, the time, the
        archive's files that would cover it, and the command that downloads them.
    """
    ets = np.unique(np.asarray(ets, float).ravel())
    with LOCK:
        codes = {code(body): str(body) for body in bodies}
        paths, folders = sources(kernels)
        if folders:
            paths = [*_choose(folders, paths, ets, list(codes), frame_id), *paths]
        _check_ephemeris([*user_kernels(), *paths], ets, codes)
    return paths


def sources(kernels: Kernels) -> tuple[list[Path], list[Path]]:
    """Files given by name, meta-kernels expanded into what they list, and folders to search.

    Raises
    ------
    KernelError
        No kernels are given or furnished, or a path does not exist.
    """
    origin, entries = _entries(kernels)
    files: list[Path] = []
    folders: list[Path] = []
    for entry in entries:
        path = Path(entry).expanduser()
        if path.is_dir():
            folders.append(path)
        elif not path.exists():
            raise KernelError(f"{origin} names {path}, which does not exist")
        elif check_file(path) == "MK":
            files.extend(expand(path))
        else:
            files.append(path)
    return list(dict.fromkeys(files)), folders


def _entries(kernels: Kernels) -> tuple[str, list[str | Path]]:
    if isinstance(kernels, str | Path):
        return "kernels=", [kernels]
    if kernels is not None:
        entries = list(kernels)
        if not entries:
            raise KernelError("kernels= is empty: give kernel files, a folder or a meta-kernel")
        return "kernels=", entries
    variable = os.environ.get("UVISXR_KERNELS")
    if variable:
        return "UVISXR_KERNELS", [part for part in variable.split(os.pathsep) if part]
    cache = cache_dir("kernels")
    if any(tree([cache])):
        return "the cache", [cache]
    if user_kernels():
        return "SPICE", []
    raise KernelError(
        "no SPICE kernels: pass kernels= (files, a folder or a meta-kernel), set UVISXR_KERNELS, "
        "or run `uvisxr kernels fetch PRODUCT`"
    )


def tree(folders: Iterable[Path]) -> list[Path]:
    """Every file below some folders, sorted by name, each once.

    Links are followed, but not in circles. Hidden names are left out: downloads on their way have
    such.
    """
    found: list[Path] = []
    seen: set[str] = set()
    for folder in folders:
        for place, inner, names in os.walk(folder, followlinks=True):
            real = os.path.realpath(place)
            if real in seen:
                inner.clear()
                continue
            seen.add(real)
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted({os.path.realpath(path): path for path in found if path.is_file()}.values())


def _choose(
    folders: list[Path],
    named: list[Path],
    ets: np.ndarray,
    codes: list[int],
    frame_id: int | None,
) -> list[Path]:
    """Choose from folders the files needed for instants and bodies; `named` ones are loaded
    anyway."""
    files = [path for path in tree(folders) if path not in named]
    texts = text_kernels(files, named, folders)
    chosen = choose_spk(in_order(files, ".bsp", ets), ets, codes)
    if frame_id is not None:
        clocks = [path for path in (*texts, *named) if path.suffix.lower() in (".tls", ".tsc")]
        chosen += choose_ck(in_order(files, ".bc", ets), ets, frame_id, clocks)
    return [*texts, *chosen]


def in_order(files: Iterable[Path], ending: str, ets: np.ndarray) -> list[Path]:
    """The files with a given suffix that may cover the instants, in order of increasing
    priority."""
    if not ets.size:
        return []
    start, stop = utc(ets.min() - LIGHT_TIME), utc(ets.max())
    found = [path for path in files if path.suffix.lower() == ending]
    return sorted((path for path in found if may_cover(path.name, start, stop)), key=priority)


def text_kernels(files: list[Path], named: list[Path], folders: list[Path]) -> list[Path]:
    """One text kernel from each set of `kernels.yaml`.

    Raises
    ------
    KernelError
        A set has no file; the message says what to download.
    """
    chosen = []
    for entry in kernel_sets():
        if entry.kind == "planets" or entry.pick(named):
            continue
        best = entry.pick(files)
        if best is None:
            where = ", ".join(str(folder) for folder in folders)
            raise KernelError(
                f"no {entry.kind} kernel ({' or '.join(entry.choose)}) in {where}: run `uvisxr "
                f"kernels fetch PRODUCT`, which downloads {entry.fetch.name}"
            )
        chosen.append(best)
    return chosen


def choose_spk(files: Sequence[Path], ets: np.ndarray, codes: Iterable[int]) -> list[Path]:
    """Choose just those SPK files that place the bodies relative to the solar-system barycentre.

    Parameters
    ----------
    files : sequence of Path
        In order of increasing priority.
    ets : ndarray, (n,)
    codes : iterable of int
        NAIF codes.

    Returns
    -------
    list of Path
        In the same order. Bodies other than the spacecraft must be placed one light time earlier
        too.
    """
    times = np.concatenate([ets, ets - LIGHT_TIME])
    now = np.arange(times.size) < ets.size
    every = np.ones(times.shape, bool)
    missing = {code: now if code == SPACECRAFT_CODE else every for code in codes}
    segments = {path: spk_segments(path) for path in files}
    placed: dict[int, np.ndarray] = {}
    chosen: set[Path] = set()
    # A segment places a body relative to a centre that must be placed in turn, so repeat until
    # nothing more is found, each time from the best file down.
    progress = True
    while progress:
        progress = False
        for path in reversed(files):
            for segment in segments[path]:
                wanted = missing.get(segment.body)
                if wanted is None:
                    continue
                gain = wanted & segment.covers(times)
                gain &= ~placed.get(segment.body, np.zeros_like(gain))
                if not gain.any():
                    continue
                progress = True
                chosen.add(path)
                placed[segment.body] = placed.get(segment.body, np.zeros_like(gain)) | gain
                if segment.center != BARYCENTRE:
                    known = missing.get(segment.center, np.zeros_like(gain))
                    missing[segment.center] = known | gain
    return [path for path in files if path in chosen]


def choose_ck(
    files: Sequence[Path], ets: np.ndarray, frame_id: int, clocks: Iterable[Path]
) -> list[Path]:
    """Choose just those CK files that give the pointing of a frame at the instants.

    Parameters
    ----------
    files : sequence of Path
        In order of increasing priority.
    ets : ndarray, (n,)
    frame_id : int
    clocks : iterable of Path
        Leap-seconds and clock kernels.

    Returns
    -------
    list of Path
        In the same order.
    """
    left = np.ones(ets.shape, bool)
    chosen = []
    with loaded(clocks):
        for path in reversed(files):
            if not left.any():
                break
            gain = left & pointing([path], ets, frame_id)
            if gain.any():
                chosen.append(path)
                left &= ~gain
    return chosen[::-1]


def _check_ephemeris(paths: list[Path], ets: np.ndarray, codes: dict[int, str]) -> None:
    if not ets.size:
        return
    segments: list[Segment] = []
    for path in paths:
        if check_file(path) == "SPK":
            segments.extend(spk_segments(path))
    for number, name in codes.items():
        if not connected(segments, number, ets).any():
            names = [file.name for file in _archive_for(ets, "ephemeris", codes)]
            raise CoverageError(
                f"no position of {name} (NAIF {number}) at {span_text(ets)} in the SPK kernels "
                f"{_listed(path.name for path in paths if path.suffix.lower() == '.bsp')}; "
                f"{_mend(names)}"
            )


def describe_unpointed(ets: np.ndarray | Sequence[float]) -> str:
    """Describe instants without pointing: their span, and the archive's files that cover it.

    Parameters
    ----------
    ets : array_like, (n,)
        At least one instant without pointing, TDB s past J2000.

    Returns
    -------
    str
        Such as "no pointing at 3 times from ... to ...; the archive's 05223_05228ra.bc ...".
    """
    ets = np.asarray(ets, float).ravel()
    names = [file.name for file in _archive_for(ets, "pointing", ())]
    times = "1 time" if ets.size == 1 else f"{ets.size} times"
    return f"no pointing at {times}, {span_text(ets)}; {_mend(names)}"


def _archive_for(ets: np.ndarray, kind: str, codes: Iterable[int]) -> list[ArchiveFile]:
    files = needed(utc(ets.min()), utc(ets.max()), codes)
    return [file for file in files if file.kind == kind]


def _mend(names: list[str]) -> str:
    if not names:
        covered = [file for file in archive_files() if file.group == "trajectory"]
        first, last = min(file.start for file in covered), max(file.stop for file in covered)
        return f"the archive's files cover {first} to {last}: pass kernels= that cover the time"
    return (
        f"the archive's {_listed(names)} would cover it: run `uvisxr kernels fetch PRODUCT`, or "
        "pass kernels="
    )


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "(none)") + more


def span_text(ets: np.ndarray) -> str:
    """The first and last of some instants, in UTC."""
    first, last = utc_text(ets.min()), utc_text(ets.max())
    return first if first == last else f"{first} to {last}"


def utc_text(et: float) -> str:
    """UTC of an instant, to the millisecond."""
    text = np.datetime_as_string(utc(et) + np.timedelta64(500, "us"), unit="ms")
    return f"{text} UTC"


def utc(et: float) -> np.datetime64:
    """UTC of an instant, to within a microsecond."""
    guess = _J2000.plus(et)
    # TDB runs up to 2 ms ahead of or behind atomic time.
    return guess.plus(et - guess.et).utc
