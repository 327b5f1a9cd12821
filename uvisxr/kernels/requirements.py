"""Which kernels products need, which of them are present, and downloading the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from .. import fetch
from ..errors import FetchError, KernelError
from ..pds3.label import Label
from .bodies import SPACECRAFT_CODE, SPACECRAFT_FRAME, SUN, named
from .choose import (
    LIGHT_TIME,
    Kernels,
    choose_ck,
    choose_spk,
    describe_unpointed,
    in_order,
    select,
    utc,
)
from .coverage import Segment, connected, pointing, spk_segments
from .listing import ArchiveFile, kernel_sets, locations, needed
from .session import LOCK, check_file, loaded


@dataclass(frozen=True)
class Request:
    """What one product needs from the kernels: positions of bodies, and pointing, at its instants.

    Attributes
    ----------
    product : str
    ets : ndarray, (n,)
        Middle of each exposure, TDB s past J2000.
    codes : tuple of int
        NAIF codes of Cassini, the target and the Sun.
    """

    product: str
    ets: np.ndarray
    codes: tuple[int, ...]

    @classmethod
    def of(cls, label: Label) -> Request:
        """The request of a product; its data file is not needed.

        Raises
        ------
        LabelError
            The label gives no START_TIME.
        ArgumentError
            SPICE does not know the target.
        """
        # START_TIME is the end of the first exposure: see the users guide, chapter 2.
        ets = label.known_start().et + label.integration * (np.arange(label.shape[0]) - 0.5)
        with LOCK:
            _, target = named(label.target)
        return cls(label.path.stem, ets, (SPACECRAFT_CODE, target, SUN))

    def archive_files(self) -> tuple[ArchiveFile, ...]:
        """The archive's files that serve the request, judging by their names."""
        return needed(utc(self.ets.min()), utc(self.ets.max()), self.codes)


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
    """

    kind: str
    name: str
    path: Path | None = None
    source: ArchiveFile | None = None


def check(requests: Iterable[Request], files: Iterable[Path]) -> list[Need]:
    """List what products need, and which of some kernel files provide it.

    Parameters
    ----------
    requests : iterable of Request
    files : iterable of Path
        Kernel files that are present.

    Returns
    -------
    list of Need
        Each kernel once. If the files cover all instants, only those that do so; if not, also the
        archive's files for that time, present or missing.

    Raises
    ------
    KernelError
        A file is corrupt.
    """
    requests = list(requests)
    files = list(files)
    found: dict[str, Need] = {}
    texts = []
    for entry in kernel_sets():
        if entry.kind == "planets":
            continue
        path = entry.pick(files)
        name = path.name if path else entry.fetch.name
        found[name] = Need(entry.kind, name, path, entry.fetch)
        texts.append(path)
    # The sets begin with the leap seconds and the clock, without which no CK tells its times.
    clocks = texts[:2]
    for request in requests:
        for need in (*_ephemeris(request, files), *_pointing(request, files, clocks)):
            found.setdefault(need.name, need)
    return list(found.values())


def _ephemeris(request: Request, files: Sequence[Path]) -> list[Need]:
    spk = in_order(files, ".bsp", request.ets)
    chosen = choose_spk(spk, request.ets, request.codes)
    here = [Need("ephemeris", path.name, path) for path in chosen]
    if _placed(request, [segment for path in chosen for segment in spk_segments(path)]):
        return here
    return here + _of_archive(request, ("planets", "ephemeris"), files)


def _placed(request: Request, segments: list[Segment]) -> bool:
    """Whether every body is placed at every instant, and at the time when its light left."""
    times = np.concatenate([request.ets, request.ets - LIGHT_TIME])
    return all(
        connected(segments, code, request.ets if code == SPACECRAFT_CODE else times).all()
        for code in request.codes
    )


def _pointing(request: Request, files: Sequence[Path], clocks: list[Path | None]) -> list[Need]:
    there = [path for path in clocks if path is not None]
    if len(there) < len(clocks):
        return _of_archive(request, ("pointing",), files)
    cks = in_order(files, ".bc", request.ets)
    chosen = choose_ck(cks, request.ets, SPACECRAFT_FRAME, there)
    here = [Need("pointing", path.name, path) for path in chosen]
    with loaded(there):
        if pointing(chosen, request.ets, SPACECRAFT_FRAME).all():
            return here
    return here + _of_archive(request, ("pointing",), files)


def _of_archive(request: Request, kinds: tuple[str, ...], files: Sequence[Path]) -> list[Need]:
    there = {path.name: path for path in files}
    wanted = [file for file in request.archive_files() if file.kind in kinds]
    for kind in kinds:
        if not any(file.kind == kind for file in wanted):
            name = f"{kind} of {request.product}"
            return [Need(kind, name)]
    return [Need(file.kind, file.name, there.get(file.name), file) for file in wanted]


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
    got = []
    for need in needs:
        if need.path is not None or need.source is None:
            continue
        path = folder / need.source.path
        address = url(need.source)
        if path.exists():
            _check(f"{path} is there, but", "move it away, or choose another folder", path)
        mend = "nothing of it was kept; check the address, or set UVISXR_URL_* to a mirror"
        check = partial(_check, address, mend)
        got.append(fetch.download(address, path, check=check))
    return got


def _check(what: str, mend: str, path: Path) -> None:
    try:
        check_file(path)
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
    return paths, describe_unpointed(lost) if lost.size else ""
