"""Find the kernels that a geometry needs, choose them by coverage, and check them.

`select` returns the files to load, in order of increasing priority; `loaded` keeps them furnished,
and holds SPICE's lock, for the duration of a `with` block::

    paths = select(kernels, ets=ets, bodies=("CASSINI", "TITAN", "SUN"))
    with loaded(paths):
        ...spiceypy calls...

Kernels come from the first of these that is available: the argument `kernels` (a file, a folder,
which is searched recursively, a meta-kernel, or several of these); the option `kernels` of
`uvisxr.set_options`; the environment variable `UVISXR_KERNELS` (the same, separated as in PATH);
the download cache; whatever the user has already furnished in SPICE. Files and meta-kernels given
by name are all loaded, in the order given, after those of folders, so that they prevail; a text
kernel may thus change a single variable of those of the folders. From a folder, one text kernel of
each kind is chosen, and only those binary ones that are needed beside the named ones for the times
and bodies, reconstructed in preference to predicted; what else is there, even if it cannot be read,
does not matter.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import options
from ..errors import ArgumentError, CoverageError, KernelError, shortened, warn_user
from ..fetch import cache_dir
from ..files import below, check_name, equal, is_file, read_beginning
from ..timescales import et_to_utc
from . import daf, spice
from .bodies import BARYCENTRE, SPACECRAFT_CODE, SPACECRAFT_FRAME, SUN, code
from .coverage import Segment, connected, placed, pointing, spk_segments
from .listing import ArchiveFile, KernelSet, extent, kernel_sets, may_cover, needed, priority
from .meta import expand, own
from .session import LOCK, check_file, loaded, sets, user_kernels

_LOG = logging.getLogger(__name__)

#: Positions are wanted this much earlier too, s, if available: light takes 85 min from the Sun to
#: Saturn.
LIGHT_TIME = 7200.0

#: Usual endings of the binary kernels.
_ENDINGS = {"SPK": ".bsp", "CK": ".bc"}

#: Variables of leap seconds and clocks.
_CLOCK = re.compile("DELTET/|SCLK")

#: Number of files that a message names.
_LISTED = 6

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
    ArgumentError
        `kernels` holds something else than paths.
    KernelError
        There are no kernels, a folder lacks one kind, a file given by name is missing, corrupt or
        not a kernel, one of a folder that may hold what is missing cannot be read, a body is
        unknown, or bodies are placed relative to each other in a circle.
    CoverageError
        A body has no position at any of the instants. The message names the body, the time, the
        archive's files that would cover it, and the command that downloads them.

    Warns
    -----
    UvisWarning
        Some instants have no pointing or no positions, and a file of a folder that may have them
        cannot be read; or two files of folders have one name, and differ.
    """
    ets = np.unique(np.asarray(ets, float).ravel())
    with LOCK:
        codes = {number: spice.bodc2s(number) for number in map(code, bodies)}
        named, folders = sources(kernels)
        # Files given by name are loaded in any case, so there is nothing to choose among them.
        frame = frame_id if folders else None
        found = survey(named, tree(folders), ets, list(codes), frame)
        if folders:
            _check_texts(found, folders)
        _warn_of_twins(found)
        _check_ephemeris(found, ets, codes, folders)
        if (faults := found.faults_of("SPK")) and not _placed(found, ets, codes):
            warn_user(
                f"positions are missing for {span_text(ets)}, which may be in a file that cannot "
                f"be read: {faults[0]}; move it away to have it downloaded again"
            )
        if found.unpointed.size and (faults := found.faults_of("CK")):
            warn_user(
                f"no pointing at {span_text(found.unpointed)}, which may be in a file that cannot "
                f"be read: {faults[0]}; move it away to have it downloaded again"
            )
    return found.paths


@dataclass
class Survey:
    """What files given by name, and those of folders, offer for some instants and bodies.

    Attributes
    ----------
    named : list of Path
        They are loaded whatever they are, after all others, so that they prevail.
    files : list of Path
        The files of the folders, without the named ones.
    texts : dict of str to Path or None
        The folders' best text kernel of each kind; None if there is none, and the named ones do not
        give what it would.
    chosen : list of Path
        The folders' binary kernels to be loaded, in order of increasing priority.
    candidates : dict of str to list of Path
        The folders' files of each type, "SPK" and "CK", that may cover the instants, in the same
        order.
    faults : dict of Path to str
        Files of the folders found unreadable, and why.
    unpointed : ndarray
        Instants without pointing, if that is asked for and there is a clock.
    """

    named: list[Path]
    files: list[Path]
    texts: dict[str, Path | None] = field(default_factory=dict)
    chosen: list[Path] = field(default_factory=list)
    candidates: dict[str, list[Path]] = field(default_factory=dict)
    faults: dict[Path, str] = field(default_factory=dict)
    unpointed: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def paths(self) -> list[Path]:
        """The files to load, in order of increasing priority."""
        texts = [path for path in self.texts.values() if path is not None]
        return [*texts, *self.chosen, *self.named]

    @property
    def clocks(self) -> list[Path]:
        """The text kernels that may tell leap seconds and the clock."""
        return [path for path in self.paths if any(map(_CLOCK.match, sets(path)))]

    def loaded_of(self, kind: str) -> list[Path]:
        """The files to load of one type."""
        return [path for path in self.paths if check_file(path) == kind]

    def readable(self, kind: str) -> list[Path]:
        """The files of one type that may cover the instants, the named ones, and no faulty ones."""
        paths = (*self.candidates.get(kind, ()), *self.named)
        return [path for path in paths if path not in self.faults]

    def faults_of(self, kind: str) -> list[str]:
        """Why files cannot be read that, by their names, are of one type."""
        return [why for path, why in self.faults.items() if path.suffix.lower() == _ENDINGS[kind]]


def survey(
    named: list[Path],
    files: Iterable[Path],
    ets: np.ndarray,
    codes: Sequence[int],
    frame_id: int | None,
) -> Survey:
    """Choose from the files of folders those that serve some instants and bodies beside named ones.

    What is missing, and files that cannot be read, are not errors here.

    Parameters
    ----------
    named : list of Path
        Files given by name.
    files : iterable of Path
        Files of folders.
    ets : ndarray, (n,)
        Instants, TDB s past J2000.
    codes : sequence of int
        NAIF codes of all bodies.
    frame_id : int or None
        Frame whose pointing is needed, if any.

    Raises
    ------
    KernelError
        A named file cannot be read.
    """
    files = list(files)
    if named:
        known = {os.path.realpath(path) for path in named}
        files = [path for path in files if os.path.realpath(path) not in known]
    found = Survey(named, files)
    _choose_texts(found, codes)
    spk = [*_candidates(found, files, "SPK", ets), *found.loaded_of("SPK")]
    chosen = choose_spk(spk, ets, codes, found.faults)
    ck: list[Path] = []
    if frame_id is not None:
        pointing = [*_candidates(found, files, "CK", ets), *found.loaded_of("CK")]
        with loaded(found.clocks, soon=found.paths):
            if spice.expool("DELTET/K") and spice.expool("SCLK_DATA_TYPE_82"):
                ck, found.unpointed = choose_ck(pointing, ets, frame_id, found.faults)
    found.chosen = [path for path in (*chosen, *ck) if path not in named]
    return found


def there(kernels: Kernels, ets: np.ndarray, among: Iterable[int]) -> list[int]:
    """Which of some bodies kernels place at any of some instants, by their NAIF codes, in order.

    Parameters
    ----------
    kernels : path or iterable of path, optional
        As for `select`, which takes what is found here among its `bodies`.
    ets : ndarray, (n,)
        TDB s past J2000.
    among : iterable of int
        NAIF codes.

    Raises
    ------
    ArgumentError, KernelError
        As `sources`.
    """
    with LOCK:
        named, folders = sources(kernels)
        found = survey(named, tree(folders), ets, (), None)
        paths = [path for path in user_kernels() if check_file(path) == "SPK"]
        # The named ones last, as they prevail.
        paths += [path for path in found.candidates.get("SPK", ()) if path not in named]
        paths += found.loaded_of("SPK")
        segments: list[Segment] = []
        for path in paths:
            # What cannot be read does not place anything.
            with contextlib.suppress(KernelError):
                segments += spk_segments(path)
        codes = sorted({segment.body for segment in segments}.intersection(among))
        return [one for one in codes if connected(segments, one, ets).any()]


def sources(kernels: Kernels) -> tuple[list[Path], list[Path]]:
    """Files given by name, meta-kernels as what they set and list, and folders to search.

    Raises
    ------
    ArgumentError
        `kernels` holds something else than paths.
    KernelError
        No kernels are given or furnished, or a path does not exist or cannot be read.
    """
    origin, entries = origin_and_entries(kernels)
    _LOG.info("kernels from %s: %s", origin, ", ".join(map(str, entries)))
    files: list[Path] = []
    folders: list[Path] = []
    for entry in entries:
        path = _named_path(origin, entry)
        if path.is_dir():
            folders.append(path)
        elif check_file(path) == "MK":
            files += [*own(path), *expand(path)]
        else:
            files.append(path)
    return list(dict.fromkeys(files)), folders


def given(kernels: Kernels) -> list[Path]:
    """Files, meta-kernels and folders as they are given; errors as of `sources`."""
    origin, entries = origin_and_entries(kernels)
    return [_named_path(origin, entry) for entry in entries]


def _named_path(origin: str, entry: object) -> Path:
    if not isinstance(entry, str | Path):
        raise ArgumentError(
            f"{origin} has {entry!r}: give names of files or folders as str or Path"
        )
    try:
        path = Path(entry).expanduser()
        path.stat()
    except FileNotFoundError:
        raise KernelError(f"{origin} names {path}, which does not exist") from None
    except (OSError, RuntimeError, ValueError) as error:
        # A name too long, without permission, of no user's home, or with a null.
        why = getattr(error, "strerror", None) or error
        raise KernelError(
            f"{origin} names {shortened(str(entry))!r}, which cannot be read: {why}"
        ) from None
    return path


def origin_and_entries(kernels: Kernels) -> tuple[str, list[str | Path]]:
    """What names the kernels, and the files and folders it names: argument, option or variable.

    Raises
    ------
    KernelError
        None are named, and the cache has none.
    """
    if isinstance(kernels, str | Path):
        return "kernels=", [kernels]
    if kernels is not None:
        if isinstance(kernels, bytes) or not isinstance(kernels, Iterable):
            kernels = [kernels]
        entries = list(kernels)
        if not entries:
            raise KernelError("kernels= is empty: give kernel files, a folder or a meta-kernel")
        return "kernels=", entries
    option = options.current().kernels
    if option is not None:
        return "the option kernels of uvisxr.set_options", list(option)
    variable = os.environ.get("UVISXR_KERNELS")
    if variable:
        parts: list[str | Path] = [part for part in variable.split(os.pathsep) if part]
        for part in parts:
            check_name("UVISXR_KERNELS", part)
        return "UVISXR_KERNELS", parts
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

    Raises
    ------
    ArgumentError
        A folder holds more than 200,000 files.

    Warns
    -----
    UvisWarning
        A folder cannot be read.
    """

    wanted = list(folders)
    known = _trees.get()
    key = tuple(map(os.fspath, wanted))
    if known is not None and key in known:
        return list(known[key])

    def unread(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            warn_user(f"left out the folder {error.filename}: {error.strerror or error}")

    below_all = [path for folder in wanted for path in below(folder, unread, hidden=False)]
    places: dict[str, str] = {}
    found = sorted({_real(path, places): path for path in below_all if is_file(path)}.values())
    if known is not None:
        known[key] = found
    return list(found)


def _real(path: Path, places: dict[str, str]) -> str:
    """The path behind all links; `places` takes up what folders are."""
    folder, name = os.path.split(path)
    if folder not in places:
        places[folder] = os.path.realpath(folder)
    # Of thousands of files `Path` would be slow.
    within = os.path.join(places[folder], name)  # noqa: PTH118
    return os.path.realpath(within) if os.path.islink(within) else within  # noqa: PTH114


#: Files below folders that were looked through in a `with walked_once()` block.
_trees: ContextVar[dict[tuple[str, ...], list[Path]] | None] = ContextVar("_trees", default=None)


@contextlib.contextmanager
def walked_once() -> Iterator[None]:
    """Look through each folder but once in a `with` block, of calls that belong together."""
    token = _trees.set({})
    try:
        yield
    finally:
        _trees.reset(token)


def _candidates(found: Survey, files: Iterable[Path], kind: str, ets: np.ndarray) -> list[Path]:
    """Files of one type that may cover the instants, in order of increasing priority.

    The type is that which SPICE sees in a file; the ending of a name serves for what is no kernel.
    """
    if not ets.size:
        return []
    start, stop = utc(ets.min() - LIGHT_TIME), utc(ets.max())
    candidates = []
    for path in files:
        if not may_cover(path.name, start, stop):
            continue
        if path.suffix.lower() != _ENDINGS[kind] and not _is_binary(path):
            continue
        try:
            if check_file(path) == kind:
                candidates.append(path)
        except KernelError as error:
            found.faults[path] = str(error)
    found.candidates[kind] = sorted(candidates, key=lambda path: priority(path, kind))
    return found.candidates[kind]


def _is_binary(path: Path) -> bool:
    try:
        return read_beginning(path, 8)[0].startswith(daf.WORDS)
    except OSError:
        return False


def _choose_texts(found: Survey, codes: Iterable[int]) -> None:
    """Choose the best text kernel of each set of `kernels.yaml`."""
    codes = list(codes)
    for entry in kernel_sets():
        if not entry.gives:
            continue
        best = _best(entry, found)
        if best is not None or lacking(entry, found.named, codes):
            found.texts[entry.kind] = best


def _best(entry: KernelSet, found: Survey) -> Path | None:
    """The folders' best text kernel of a kind that is whole."""
    for path in entry.ranked(found.files):
        try:
            absent = entry.gives - sets(path)
        except KernelError as error:
            found.faults[path] = str(error)
            continue
        if not absent:
            return path
        found.faults[path] = (
            f"the kernel {path} does not set {', '.join(sorted(absent))}: it is truncated, or no "
            f"{entry.kind} kernel"
        )
    for path in found.files:
        with contextlib.suppress(KernelError):
            if entry.gives <= sets(path):
                return path
    return None


def lacking(entry: KernelSet, paths: Iterable[Path], codes: Iterable[int]) -> frozenset[str]:
    """Variables of a kind that a geometry needs and that some files do not set.

    Parameters
    ----------
    entry : KernelSet
    paths : iterable of Path
        Text kernels, and others.
    codes : iterable of int
        NAIF codes of the bodies. The constants that are needed are those of the ones looked at;
        the archive's files have what is known of them.
    """
    paths = list(paths)
    wanted = entry.gives
    if entry.kind == "constants":
        if entry.ranked(paths):
            return frozenset()
        shaped = set(codes) - {SPACECRAFT_CODE, SUN, BARYCENTRE}
        wanted = frozenset(f"BODY{code}_{name}" for code in shaped for name in ("RADII", "PM"))
    return wanted.difference(*map(sets, paths))


def _check_texts(found: Survey, folders: list[Path]) -> None:
    for entry in kernel_sets():
        if found.texts.get(entry.kind, Path()) is not None:
            continue
        where = ", ".join(str(folder) for folder in folders)
        faults = {path: why for path, why in found.faults.items() if entry.ranked([path])}
        raise KernelError(
            f"no {entry.kind} kernel ({' or '.join(entry.choose)}) in {where}: {_moved(faults)}run "
            f"`{fetch_command('PRODUCT', folders)}`, which downloads {entry.fetch.name}"
            + "".join(f"; {why}" for why in faults.values())
        )


def _warn_of_twins(found: Survey) -> None:
    """Warn of files of folders that are called like one that is chosen, and hold something else."""
    alike: dict[str, list[Path]] = {}
    for path in found.files:
        alike.setdefault(path.name.lower(), []).append(path)
    for path in set(found.paths).difference(found.named):
        for twin in alike.get(path.name.lower(), ()):
            if twin == path or equal(twin, path):
                continue
            with contextlib.suppress(KernelError):
                check_file(twin)
                warn_user(
                    f"{path} and {twin} have one name but differ: the first is used; remove the "
                    "one that is wrong, or name the right one in kernels="
                )


def choose_spk(
    files: Sequence[Path], ets: np.ndarray, codes: Iterable[int], faults: dict[Path, str]
) -> list[Path]:
    """Choose just those SPK files that place the bodies relative to the solar-system barycentre.

    Parameters
    ----------
    files : sequence of Path
        In order of increasing priority.
    ets : ndarray, (n,)
    codes : iterable of int
        NAIF codes.
    faults : dict of Path to str
        Takes up the files that cannot be read, and why.

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
    segments = {}
    for path in files:
        try:
            segments[path] = spk_segments(path)
        except KernelError as error:
            faults[path] = str(error)
    placed: dict[int, np.ndarray] = {}
    chosen: set[Path] = set()
    # A segment places a body relative to a centre that must be placed in turn, so repeat until
    # nothing more is found, each time from the best file down.
    progress = True
    while progress:
        progress = False
        for path in reversed(segments):
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
    files: Sequence[Path], ets: np.ndarray, frame_id: int, faults: dict[Path, str]
) -> tuple[list[Path], np.ndarray]:
    """Choose just those CK files that give the pointing of a frame at the instants.

    The leap-seconds and spacecraft-clock kernels must be loaded.

    Parameters
    ----------
    files : sequence of Path
        In order of increasing priority.
    ets : ndarray, (n,)
    frame_id : int
    faults : dict of Path to str
        Takes up the files that cannot be read, and why.

    Returns
    -------
    chosen : list of Path
        In the same order.
    unpointed : ndarray
        The instants without pointing.
    """
    left = np.ones(ets.shape, bool)
    chosen = []
    for path in reversed(files):
        if not left.any():
            break
        try:
            gain = left & pointing([path], ets, frame_id)
        except KernelError as error:
            faults[path] = str(error)
            continue
        if gain.any():
            chosen.append(path)
            left &= ~gain
    return chosen[::-1], ets[left]


def _check_ephemeris(
    found: Survey, ets: np.ndarray, codes: dict[int, str], folders: list[Path]
) -> None:
    if not ets.size:
        return
    paths = [path for path in user_kernels() if check_file(path) == "SPK"]
    paths += found.loaded_of("SPK")
    segments = [segment for path in paths for segment in spk_segments(path)]
    for number, name in codes.items():
        if not connected(segments, number, ets).any():
            raise CoverageError(
                f"no position of {name} (NAIF {number}) at {span_text(ets)} in the SPK kernels "
                f"{_listed(path.name for path in paths)}; "
                + "".join(f"{why}; " for why in found.faults_of("SPK"))
                + mend("ephemeris", ets, [number], found.readable("SPK"), folders, found.faults)
            )


def describe_unpointed(
    ets: np.ndarray | Sequence[float], there: Iterable[Path] = (), folders: Iterable[Path] = ()
) -> str:
    """Describe instants without pointing: their span, and the archive's files that cover it.

    Parameters
    ----------
    ets : array_like, (n,)
        At least one instant without pointing, TDB s past J2000.
    there : iterable of path
        Files that have been used, and will not help.
    folders : iterable of path
        Those that were searched.

    Returns
    -------
    str
        Such as "no pointing at 3 times from ... to ...; the archive's 05223_05228ra.bc ...".
    """
    ets = np.asarray(ets, float).ravel()
    times = "1 time" if ets.size == 1 else f"{ets.size} times"
    return f"no pointing at {times}, {span_text(ets)}; {mend('pointing', ets, (), there, folders)}"


def mend(
    kind: str,
    ets: np.ndarray,
    codes: Iterable[int] = (),
    there: Iterable[Path] = (),
    folders: Iterable[Path] = (),
    faults: Iterable[Path] = (),
) -> str:
    """Which of the archive's files would help beside those that are there, or that it has none.

    Faulty files are told to be moved away first: what is there is not downloaded again.
    """
    files = offered(kind, ets, codes)
    if not files:
        return f"{nothing_offered(kind)}: pass kernels= that cover the time"
    known = {path.name for path in there}
    absent = [file.name for file in files if file.name not in known]
    if not absent:
        return "none of the archive's files has it: pass kernels= that have it"
    return (
        f"the archive's {_listed(absent)} would cover it: {away(faults, absent)}run "
        f"`{fetch_command('PRODUCT', folders)}`, or pass kernels="
    )


def away(faults: Iterable[Path], names: Iterable[str]) -> str:
    """What to do first about faulty files that have the names of files to be downloaded."""
    names = set(names)
    return _moved(path for path in faults if path.name in names)


def _moved(paths: Iterable[Path]) -> str:
    listed = _listed(map(str, paths), "")
    # What is there is not downloaded again.
    return f"move {listed} away and " if listed else ""


def fetch_command(product: str, folders: Iterable[Path] = ()) -> str:
    """The command that downloads what is missing to the first of some folders, or to the cache.

    Examples
    --------
    >>> fetch_command("PRODUCT"), fetch_command("PRODUCT", [Path("my kernels")])
    ('uvisxr kernels fetch PRODUCT', "uvisxr kernels fetch PRODUCT --to 'my kernels'")
    """
    folder = next(iter(folders), cache_dir("kernels"))
    words = ["uvisxr", "kernels", "fetch", *product.split()]
    if folder != cache_dir("kernels"):
        words += ["--to", shlex.quote(str(folder))]
    return " ".join(words)


def offered(kind: str, ets: np.ndarray, codes: Iterable[int] = ()) -> list[ArchiveFile]:
    """The archive's files of pointing or ephemeris for some instants, judging by their names.

    None of ephemeris without Cassini's trajectory, as satellites alone are of no use.
    """
    files = needed(utc(ets.min()), utc(ets.max()), codes)
    found = [file for file in files if file.kind == kind]
    if kind == "ephemeris" and not any(file.group == "trajectory" for file in found):
        return []
    return found


def nothing_offered(kind: str) -> str:
    """Say that the archive has no pointing or ephemeris, and which times it covers."""
    first, after = extent(kind)
    what = "pointing" if kind == "pointing" else "trajectory of Cassini"
    return f"the archive has no {what} for that, its files cover {first} to {after - 1}"


def _placed(found: Survey, ets: np.ndarray, codes: Iterable[int]) -> bool:
    """Whether SPICE gives every position, if those for a geometry are asked for."""
    codes = set(codes)
    if not {SPACECRAFT_CODE, SUN} <= codes:
        return True
    targets: list[int | None] = [*(codes - {SPACECRAFT_CODE, SUN})]
    spk = found.loaded_of("SPK")
    return all(placed(spk, ets, target) for target in targets or [None])


def _listed(names: Iterable[str], none: str = "(none)") -> str:
    names = list(names)
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or none) + more


def span_text(ets: np.ndarray) -> str:
    """The first and last of some instants, in UTC."""
    first, last = utc_text(ets.min()), utc_text(ets.max())
    return first if first == last else f"{first} to {last}"


def utc_text(et: float) -> str:
    """UTC of an instant, to the millisecond."""
    text = np.datetime_as_string(utc(et) + np.timedelta64(500, "us"), unit="ms")
    return f"{text} UTC"


def utc(et: float) -> np.datetime64:
    """UTC of an instant."""
    (found,) = et_to_utc(np.array([et]))
    return np.datetime64(found)
