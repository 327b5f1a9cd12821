"""Which kernels products need, which of them are present, and downloading the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from .. import fetch
from ..errors import FetchError, KernelError
from ..pds3.label import Label
from ..timescales import et_to_utc
from . import spice
from .bodies import SPACECRAFT, SPACECRAFT_CODE, SPACECRAFT_FRAME, SUN, chosen
from .choose import (
    Kernels,
    Survey,
    describe_unpointed,
    given,
    nothing_offered,
    offered,
    select,
    span_text,
    survey,
    tree,
)
from .coverage import placed, pointing, spk_segments
from .listing import ArchiveFile, class_of, days, kernel_sets, locations
from .session import LOCK, check_file, closed, loaded, sets


@dataclass(frozen=True)
class Request:
    """What one product needs from the kernels: positions of bodies, and pointing, at its instants.

    Attributes
    ----------
    product : str
    ets : ndarray, (n,)
        Middle of each exposure, TDB s past J2000.
    codes : tuple of int
        NAIF codes of Cassini, the Sun and the target, if that is a body.
    """

    product: str
    ets: np.ndarray
    codes: tuple[int, ...]

    @classmethod
    def of(cls, label: Label, target: str | None = None) -> Request:
        """The request of a product; its data file is not needed.

        Parameters
        ----------
        label : Label
        target : str, optional
            In place of the label's.

        Raises
        ------
        LabelError
            The label gives no START_TIME.
        ArgumentError
            SPICE does not know `target`. If it does not know the label's, a UvisWarning says so.
        """
        # START_TIME is the end of the first exposure: see the users guide, chapter 2.
        ets = label.known_start().et + label.integration * (np.arange(label.shape[0]) - 0.5)
        body = chosen(label.target, target)
        codes = (SPACECRAFT_CODE, SUN, *(body[1:] if body else ()))
        return cls(label.path.stem, ets, codes)

    @property
    def target(self) -> int | None:
        """NAIF code of the target, if that is a body."""
        return self.codes[2] if len(self.codes) > 2 else None


@dataclass(frozen=True)
class Need:
    """One kernel that is needed.

    Attributes
    ----------
    kind : str
    name : str
        File name, on disk or in the archive.
    path : Path or None
        Where it is; None if it is missing.
    source : ArchiveFile or None
        What to download if it is missing; None if the archive has nothing.
    note : str
        Why it is missing from the archive, why it prevails over other files, or what it lacks.
    """

    kind: str
    name: str
    path: Path | None = None
    source: ArchiveFile | None = None
    note: str = ""


@dataclass
class Report:
    """What products need, and what there is.

    Attributes
    ----------
    needs : dict of str to Need
        By name, present and missing.
    unused : dict of Path to tuple of str
        Kind of files that would serve too, or that cannot be read, and why they are not used.
    """

    needs: dict[str, Need] = field(default_factory=dict)
    unused: dict[Path, tuple[str, str]] = field(default_factory=dict)

    @property
    def missing(self) -> list[Need]:
        """What is to be downloaded."""
        return [n for n in self.needs.values() if n.path is None and n.source is not None]

    @property
    def nowhere(self) -> list[Need]:
        """What is missing, and not in the archive."""
        return [n for n in self.needs.values() if n.path is None and n.source is None]


def check(requests: Iterable[Request], given: Iterable[Path], folders: Iterable[Path]) -> Report:
    """List what products need, and which of some kernel files provide it.

    Only what the geometry would miss is missing: SPICE itself is asked, with the files that the
    geometry would load.

    Parameters
    ----------
    requests : iterable of Request
    given : iterable of Path
        Files given by name.
    folders : iterable of Path

    Raises
    ------
    KernelError
        A file given by name cannot be read, or files place bodies relative to each other in a
        circle.
    """
    given, files = list(given), tree(folders)
    report = Report()
    for request in requests:
        with LOCK:
            found = survey(given, files, request.ets, request.codes, SPACECRAFT_FRAME)
            for need in _needs(request, found):
                report.needs.setdefault(need.name, need)
            for path, why in _unused(request, found):
                report.unused.setdefault(path, why)
    return report


def _needs(request: Request, found: Survey) -> list[Need]:
    needs = [*_text_needs(request, found), *_binary_needs(found)]
    ephemeris = _ephemeris_needs(request, found)
    if any(need.source is None for need in ephemeris):
        # There is no geometry then, whatever else might be downloaded.
        return [need for need in (*needs, *ephemeris) if need.path or need.source is None]
    return [*needs, *ephemeris, *_pointing_needs(request, found)]


def _ephemeris_needs(request: Request, found: Survey) -> list[Need]:
    """What the archive has beside the files chosen, if these do not place all bodies."""
    if placed(found.loaded_of("SPK"), request.ets, request.target):
        return []
    there = {path.name: path for path in found.readable("SPK")}
    offer = offered("ephemeris", request.ets, request.codes)
    why = nothing_offered("ephemeris")
    if offer:
        body = SPACECRAFT if request.target is None else spice.bodc2s(request.target)
        why = f"none of the archive's files places {body} at {span_text(request.ets)}"
        planets = [entry for entry in kernel_sets() if entry.kind == "planets"]
        offer = [*(set_.fetch for set_ in planets if not set_.ranked(there.values())), *offer]
    return _of_archive(request, "ephemeris", offer, there, why)


def _pointing_needs(request: Request, found: Survey) -> list[Need]:
    """What the archive has beside the files chosen, if these do not point at all instants."""
    if None in (found.texts.get(kind, Path()) for kind in ("leap seconds", "clock")):
        # Nobody can tell what pointing there is.
        utc, needs = et_to_utc(request.ets), []
        left = np.ones(utc.shape, bool)
        for path in found.readable("CK"):
            # The files are judged by their names; comparisons with NaT are False.
            start, stop = days(path.name)
            covered = (utc >= start) & (utc < stop)
            if covered.any():
                left &= ~covered
                needs.append(Need("pointing", path.name, path))
        if not left.any():
            return needs
        there = {path.name: path for path in found.readable("CK")}
        why = nothing_offered("pointing")
        offer = offered("pointing", request.ets[left])
        return [*needs, *_of_archive(request, "pointing", offer, there, why)]
    if not found.unpointed.size:
        return []
    offer = offered("pointing", found.unpointed)
    why = f"none of the archive's files has pointing at {span_text(found.unpointed)}"
    if not offer:
        why = nothing_offered("pointing")
    there = {path.name: path for path in found.readable("CK")}
    return _of_archive(request, "pointing", offer, there, why)


def _of_archive(
    request: Request,
    kind: str,
    offer: Iterable[ArchiveFile],
    there: dict[str, Path],
    why: str,
) -> list[Need]:
    """The archive's files that are not there, or why they do not help."""
    absent = [file for file in offer if file.name not in there]
    if not absent:
        return [Need(kind, f"{kind} of {request.product}", note=why)]
    return [Need(file.kind, file.name, None, file) for file in absent]


def _text_needs(request: Request, found: Survey) -> Iterator[Need]:
    for entry in kernel_sets():
        if entry.kind in found.texts:
            path = found.texts[entry.kind]
            name = path.name if path else entry.fetch.name
            note = _shapeless(request, found) if path and entry.kind == "constants" else ""
            yield Need(entry.kind, name, path, entry.fetch, note)


def _shapeless(request: Request, found: Survey) -> str:
    """What the constants lack of the target, if the geometry has no fields on it therefore."""
    if request.target in (None, SUN):
        return ""
    given = frozenset().union(*map(sets, found.paths))
    words = {"radii": f"BODY{request.target}_RADII", "rotation": f"BODY{request.target}_PM"}
    lacks = " and no ".join(word for word, name in words.items() if name not in given)
    body = spice.bodc2s(request.target)
    return f"no {lacks} of {body}, so no fields on it" if lacks else ""


#: What the lists call the types of kernel.
_KINDS = {"SPK": "ephemeris", "CK": "pointing"}


def _binary_needs(found: Survey) -> Iterator[Need]:
    for path in found.chosen:
        yield Need(_KINDS[check_file(path)], path.name, path)
    for path in found.named:
        kind = check_file(path)
        kinds = [entry.kind for entry in kernel_sets() if entry.gives & sets(path)]
        words = _KINDS.get(kind) or ", ".join(kinds) or kind
        yield Need(words, path.name, path, note="given by name, so above all that folders have")


def _unused(request: Request, found: Survey) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Files of the folders that would serve too, with what prevails over them, and faulty ones."""
    for entry in kernel_sets():
        ranked = entry.ranked(found.files) if entry.gives else []
        winner = found.texts.get(entry.kind)
        for path in ranked:
            if winner is not None and path not in (winner, *found.faults):
                yield path, (entry.kind, f"{_told(winner, path)} is preferred")
    for kind in ("SPK", "CK"):
        used = [*(path for path in found.chosen if check_file(path) == kind)]
        used += [path for path in found.named if check_file(path) == kind]
        for path in found.candidates.get(kind, []):
            if path in used or path in found.faults:
                continue
            rival = _rival(request, found, kind, path, used)
            if rival is not None:
                yield path, (_KINDS[kind], _reason(found, kind, path, rival))
    for path, why in found.faults.items():
        yield path, ("unreadable", why)


def _rival(request: Request, found: Survey, kind: str, path: Path, used: list[Path]) -> Path | None:
    """The best of the files used that gives what another gives at some of the instants."""
    for rival in reversed(used):
        if kind == "CK":
            with loaded(found.clocks):
                gives = [pointing([file], request.ets, SPACECRAFT_FRAME) for file in (path, rival)]
        elif not (both := _bodies(path) & _bodies(rival) & set(request.codes)):
            continue
        else:
            gives = [_held(file, both, request.ets) for file in (path, rival)]
        if (gives[0] & gives[1]).any():
            return rival
    return None


def _bodies(path: Path) -> set[int]:
    return {segment.body for segment in spk_segments(path)}


def _held(path: Path, codes: set[int], ets: np.ndarray) -> np.ndarray:
    """Whether an SPK file has one of some bodies at each instant."""
    held = np.zeros(ets.shape, bool)
    for segment in spk_segments(path):
        if segment.body in codes:
            held |= segment.covers(ets)
    return held


def _reason(found: Survey, kind: str, path: Path, rival: Path) -> str:
    name = _told(rival, path)
    if rival in found.named:
        return f"{name}, given by name, prevails"
    classes = class_of(rival, kind), class_of(path, kind)
    if classes[0] != classes[1]:
        return f"{name} ({classes[0]}) prevails over this one ({classes[1]})"
    if rival.name == path.name:
        return f"{name}, of the same name, prevails"
    return f"{name}, later of the same class ({classes[0]}), prevails"


def _told(rival: Path, path: Path) -> str:
    """The name of the file that prevails, with its folder if the names are the same."""
    return rival.name if rival.name != path.name else str(rival)


def get(needs: Iterable[Need], folder: Path) -> list[Path]:
    """Download those kernels that are missing; nothing already there is replaced or removed.

    Parameters
    ----------
    needs : iterable of Need
    folder : Path
        Files go to its subfolders lsk, ck, spk..., as in the archive.

    Returns
    -------
    list of Path

    Raises
    ------
    FetchError
        A file cannot be downloaded, or what arrived, or is there, is not a kernel.
    """
    needs = list(needs)
    check_places(needs, folder)
    got = []
    for need in needs:
        if need.path is not None or need.source is None:
            continue
        path = folder / need.source.path
        address = url(need.source)
        mirror = fetch.variable(need.source.location)
        mend = f"nothing of it was kept; check the address, or set {mirror} to a mirror"
        check = partial(_check_kernel, "this", mend)
        source = need.source
        got.append(
            fetch.download(
                *(address, path, source.sha256, source.size), check=check, kind=source.location
            )
        )
    return got


def check_places(needs: Iterable[Need], folder: Path) -> None:
    """Check that nothing stands where missing kernels go but kernels; errors as of `get`."""
    for need in needs:
        if need.path is None and need.source is not None:
            path = folder / need.source.path
            if path.exists():
                mend = "move it away, or choose another folder"
                _check_kernel(f"{path} is there, but", mend, path)


def _check_kernel(what: str, mend: str, path: Path) -> None:
    try:
        if not closed(path):
            raise KernelError(f"the kernel {path} is truncated: it ends in its data")
    except KernelError as error:
        raise FetchError(f"{what} is not a kernel, or not a whole one: {mend}") from error


def url(file: ArchiveFile) -> str:
    """URL of one of the archive's files."""
    return fetch.base_url(file.location, locations()[file.location]) + file.path


def for_products(requests: Iterable[Request], kernels: Kernels = None) -> tuple[list[Path], str]:
    """Kernels for several products at once, and a description of the exposures without pointing.

    Parameters
    ----------
    requests : iterable of Request
    kernels : path or iterable of path, optional
        As for `select`.

    Returns
    -------
    paths : list of Path
    unpointed : str
        Empty if every exposure has its pointing.

    Raises
    ------
    KernelError, CoverageError
        As `select`, for any of the products.
    """
    requests = list(requests)
    for request in requests:
        # For its errors alone: the pointing is chosen below, for all of them.
        select(kernels, request.ets, request.codes, frame_id=None)
    ets = np.concatenate([request.ets for request in requests])
    codes = dict.fromkeys(code for request in requests for code in request.codes)
    paths = select(kernels, ets, codes)
    with loaded(paths):
        cks = [path for path in paths if check_file(path) == "CK"]
        lost = ets[~pointing(cks, ets, SPACECRAFT_FRAME)]
    if not lost.size:
        return paths, ""
    folders = [path for path in given(kernels) if path.is_dir()]
    return paths, describe_unpointed(lost, paths, folders)
