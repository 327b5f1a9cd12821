"""Which kernels a geometry uses: found, chosen by what they cover, and checked.

`select` answers with the files to load, in order of rising priority; `loaded` holds them, and
SPICE's lock, for the length of a `with` block::

    paths = select(kernels, ets=ets, bodies=("CASSINI", "TITAN", "SUN"))
    with loaded(paths):
        ...spiceypy calls...

Kernels come from the first of these that is given: the argument `kernels` (a file, a folder that
is searched as a tree, a meta-kernel, or several of them); the environment variable
`UVISXR_KERNELS` (the same, separated as in PATH); the fetched cache; what the user furnished in
SPICE before. Files and meta-kernels named are loaded as they are, in the order given. From a
folder the files that the times and bodies need are chosen, reconstructed before predicted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..errors import CoverageError, KernelError
from ..fetch import cache_dir
from ..timescales import parse_instant
from .bodies import BARYCENTRE, SPACECRAFT_CODE, code
from .coverage import Segment, connected, pointing, spk_segments
from .listing import archive_files, kernel_sets, may_cover, needed, priority
from .meta import expand
from .session import LOCK, check_file, loaded, user_kernels

#: Bodies are wanted this long before, s, if to be had: light takes 85 min from the Sun to Saturn.
LIGHT_TIME = 7200.0

#: J2000, TDB, to the microsecond.
_J2000 = parse_instant("2000-01-01T11:58:55.816073")

Kernels = str | Path | Iterable[str | Path] | None


def select(
    kernels: Kernels = None,
    ets: np.ndarray | Sequence[float] = (),
    bodies: Iterable[str | int] = ("CASSINI", "SUN"),
    frame_id: int | None = -82000,
) -> list[Path]:
    """Kernel files to load for a geometry, in order of rising priority.

    Parameters
    ----------
    kernels : path or iterable of path, optional
        Files, folders, meta-kernels; see the module's docstring for what holds without it.
    ets : array_like, (n,)
        Instants, TDB s past J2000, that the kernels must serve.
    bodies : iterable of str or int
        SPICE names or codes of all bodies whose position is asked for, with Cassini and the Sun.
    frame_id : int, optional
        Frame whose pointing is wanted; None for none. Instants without pointing are no error
        here: `describe_unpointed` words the warning.

    Returns
    -------
    list of Path
        For `loaded`. Empty if the kernels the user furnished before are to be used.

    Raises
    ------
    KernelError
        There are no kernels, a kind is missing in a folder, a file is missing, corrupt or no
        kernel, or a body is unknown.
    CoverageError
        Some body has no position at any of the instants; names it, the time, the files of the
        archive that would cover it, and the command that gets them.
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
    """Files named, with meta-kernels replaced by what they list, and folders to choose from.

    Raises
    ------
    KernelError
        Nothing is named anywhere and nothing is furnished, or a name does not exist.
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
            raise KernelError("kernels= is empty: name kernel files, a folder or a meta-kernel")
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
    """Every file below some folders, in order of name."""
    return [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def _choose(
    folders: list[Path],
    named: list[Path],
    ets: np.ndarray,
    codes: list[int],
    frame_id: int | None,
) -> list[Path]:
    """The files of some folders that serve instants and bodies; `named` ones are loaded anyway."""
    files = [path for path in tree(folders) if path not in named]
    texts = text_kernels(files, named, folders)
    chosen = choose_spk(in_order(files, ".bsp", ets), ets, codes)
    if frame_id is not None:
        clocks = [path for path in (*texts, *named) if path.suffix.lower() in (".tls", ".tsc")]
        chosen += choose_ck(in_order(files, ".bc", ets), ets, frame_id, clocks)
    return [*texts, *chosen]


def in_order(files: Iterable[Path], ending: str, ets: np.ndarray) -> list[Path]:
    """Those of some files with an ending that may serve instants, in order of rising priority."""
    if not ets.size:
        return []
    start, stop = utc(ets.min() - LIGHT_TIME), utc(ets.max())
    found = [path for path in files if path.suffix.lower() == ending]
    return sorted((path for path in found if may_cover(path.name, start, stop)), key=priority)


def text_kernels(files: list[Path], named: list[Path], folders: list[Path]) -> list[Path]:
    """One text kernel of each set of `kernels.yaml`.

    Raises
    ------
    KernelError
        A set has no file; names what to fetch.
    """
    chosen = []
    for entry in kernel_sets():
        if entry.kind == "planets" or entry.pick(named):
            continue
        best = entry.pick(files)
        if best is None:
            where = ", ".join(str(folder) for folder in folders)
            raise KernelError(
                f"no {entry.kind} kernel ({' or '.join(entry.choose)}) in {where}: run "
                f"`uvisxr kernels fetch PRODUCT`, which gets {entry.fetch.name}"
            )
        chosen.append(best)
    return chosen


def choose_spk(files: Sequence[Path], ets: np.ndarray, codes: Iterable[int]) -> list[Path]:
    """SPK files that place bodies relative to the solar-system barycentre, and no more.

    Parameters
    ----------
    files : sequence of Path
        In order of rising priority.
    ets : ndarray, (n,)
    codes : iterable of int
        NAIF codes.

    Returns
    -------
    list of Path
        In the same order. Bodies other than the spacecraft are wanted a light time earlier too.
    """
    times = np.concatenate([ets, ets - LIGHT_TIME])
    now = np.arange(times.size) < ets.size
    every = np.ones(times.shape, bool)
    missing = {code: now if code == SPACECRAFT_CODE else every for code in codes}
    segments = {path: spk_segments(path) for path in files}
    placed: dict[int, np.ndarray] = {}
    chosen: set[Path] = set()
    # A file that places a body may name a centre that must be placed in turn: go on until nothing
    # more is found, each time from the best file down.
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
    """CK files that hold the pointing of a frame at instants, and no more.

    Parameters
    ----------
    files : sequence of Path
        In order of rising priority.
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
    """Words for instants without pointing: their span, and the archive's files that cover it.

    Parameters
    ----------
    ets : array_like, (n,)
        The instants without pointing, TDB s past J2000, at least one.

    Returns
    -------
    str
        Such as "no pointing at 3 times from ... to ...; the archive's 05223_05228ra.bc ...".
    """
    ets = np.asarray(ets, float).ravel()
    names = [file.name for file in _archive_for(ets, "pointing", ())]
    times = "1 time" if ets.size == 1 else f"{ets.size} times"
    return f"no pointing at {times}, {span_text(ets)}; {_mend(names)}"


def _archive_for(ets: np.ndarray, kind: str, codes: Iterable[int]) -> list:
    files = needed(utc(ets.min()), utc(ets.max()), codes)
    return [file for file in files if file.kind == kind]


def _mend(names: list[str]) -> str:
    if not names:
        covered = [file for file in archive_files() if file.group == "trajectory"]
        first, last = min(file.start for file in covered), max(file.stop for file in covered)
        return f"the archive's files cover {first} to {last}: pass kernels= that cover it"
    return (
        f"the archive's {_listed(names)} would cover it: run `uvisxr kernels fetch PRODUCT`, or "
        "pass kernels="
    )


def _listed(names: Iterable[str], most: int = 6) -> str:
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "(none)") + more


def span_text(ets: np.ndarray) -> str:
    """First and last of some instants in UTC."""
    first, last = utc_text(ets.min()), utc_text(ets.max())
    return first if first == last else f"{first} to {last}"


def utc_text(et: float) -> str:
    """UTC of an instant to the millisecond."""
    text = np.datetime_as_string(utc(et) + np.timedelta64(500, "us"), unit="ms")
    return f"{text} UTC"


def utc(et: float) -> np.datetime64:
    """UTC of an instant, within a microsecond."""
    guess = _J2000.plus(et)
    # TDB runs up to 2 ms before or behind atomic time.
    return guess.plus(et - guess.et).utc
