"""Settings of a session: kernels, calibration files, the cache, progress bars.

Each stands in for an argument that is not given, and goes before its environment variable::

    argument, option, environment variable, cache

A call of `set_options` sets them for the session, a `with` block for its own thread or task.
Threads that a program or dask starts know nothing of the block they were started in: in them, the
blocks of the main thread hold too, as far as they have none of their own.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, fields
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

from . import calls, checks
from .errors import ArgumentError
from .files import absolute


@dataclass(frozen=True)
class Options:
    """All settings; None where there is none.

    Attributes
    ----------
    kernels : tuple of str, optional
        Absolute paths, as the workers of a batch may run in another folder.
    calibration, cache : str, optional
        Absolute paths.
    progress : bool, optional
    threads : int, optional
    """

    kernels: tuple[str, ...] | None = None
    calibration: str | None = None
    cache: str | None = None
    progress: bool | None = None
    threads: int | None = None


class _Kept:
    """What says that an argument is not given, since None takes an option back."""

    def __repr__(self) -> str:
        return "unchanged"


_KEPT: Final = _Kept()

#: Some options by name.
_Layer = dict[str, Any]

_LOCK = threading.Lock()

#: What calls have set for the session, in their order. Whether a call is followed by a block, which
#: takes it back, is not known as long as what it returned is there.
_session: list[tuple[weakref.ref[set_options] | None, _Layer]] = []

#: What blocks have set, the innermost last: of this thread or task, and of the main thread.
_blocks: ContextVar[tuple[_Layer, ...]] = ContextVar("_blocks", default=())
_of_main_thread: tuple[_Layer, ...] = ()


def current() -> Options:
    """The settings that hold now, in this thread."""
    main = () if _in_main_thread() else _of_main_thread
    with _LOCK:
        session = [layer for _, layer in _session]
    return Options(**reduce(or_, (*session, *main, *_blocks.get()), {}))


def threads() -> int:
    """How many threads may work on an array in memory."""
    return current().threads or cores()


def cores() -> int:
    """How many cores this process may use."""
    # Not all systems can tell the cores that a process may use from those there are.
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


@contextmanager
def applied(options: Options) -> Iterator[None]:
    """Let other settings hold in a `with` block, such as those of a batch in its workers."""
    layer = asdict(options)
    _enter(layer)
    try:
        yield
    finally:
        _exit(layer)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _enter(layer: _Layer) -> None:
    """Begin a block."""
    global _of_main_thread
    _blocks.set((*_blocks.get(), layer))
    if _in_main_thread():
        with _LOCK:
            _of_main_thread = (*_of_main_thread, layer)


def _exit(layer: _Layer) -> None:
    """End a block; tasks of the main thread may end theirs in any order."""
    global _of_main_thread
    _blocks.set(_without(_blocks.get(), layer))
    if _in_main_thread():
        with _LOCK:
            _of_main_thread = _without(_of_main_thread, layer)


def _without(layers: tuple[_Layer, ...], layer: _Layer) -> tuple[_Layer, ...]:
    """All but the last that is this very one."""
    at = max((k for k, one in enumerate(layers) if one is layer), default=len(layers))
    return layers[:at] + layers[at + 1 :]


@calls.public("get_options")
def get_options() -> dict[str, Any]:
    """The settings made with `set_options`, by name; None where there is none.

    Examples
    --------
    >>> with uvisxr.set_options(progress=False):
    ...     uvisxr.get_options()["progress"]
    False
    """
    return asdict(current())


@calls.constructor
class set_options:
    """Set options for the session, or in a `with` block.

    An option goes before its environment variable, an argument before the option. The workers of
    `uvisxr.batch.process` have the options of the program that started it. None takes an option
    back.

    A block holds in its own thread or asyncio task, before what is set for the session meanwhile;
    that of the main thread also in other threads, such as dask's, which have none of their own.

    Parameters
    ----------
    kernels : path or iterable of paths, optional
        What `ds.uvis.geometry` and others take for `kernels=` where that is not given: kernel
        files, folders or meta-kernels. Before `UVISXR_KERNELS`.
    calibration : path, optional
        Folder that `ds.uvis.calibrate` takes for `files=`. Before `UVISXR_CALIBRATION`.
    cache : path, optional
        Folder of downloads, unpacked products and tutorial data. Before `UVISXR_CACHE`.
    progress : bool, optional
        Whether progress bars are shown; without it, in terminals and notebooks.
    threads : int, optional
        How many threads may calibrate or bin one array in memory and compress what is written of
        it, with the extra `fast`, or check what a compact file leaves out; by default as many as
        there are cores, and one in the workers of a batch. dask has settings of its own.

    Raises
    ------
    ArgumentError
        An option has a wrong value, or names kernels or a folder that do not exist, or a path that
        cannot.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> with uvisxr.set_options(kernels=made.kernels, calibration=made.calibration):
    ...     ds = made.open().uvis.geometry().uvis.calibrate()
    >>> ds.attrs["geometry_target"], ds.radiance.attrs["units"]
    ('TITAN', 'kR angstrom-1')

    For the rest of the session:

    >>> before = uvisxr.set_options(progress=False)
    >>> _ = uvisxr.set_options(progress=None)
    """

    def __init__(
        self,
        *,
        kernels: str | Path | Iterable[str | Path] | _Kept | None = _KEPT,
        calibration: str | Path | _Kept | None = _KEPT,
        cache: str | Path | _Kept | None = _KEPT,
        progress: bool | _Kept | None = _KEPT,
        threads: int | _Kept | None = _KEPT,
    ) -> None:
        given: _Layer = {}
        if not isinstance(kernels, _Kept):
            given["kernels"] = kernels if kernels is None else _kernels(kernels)
        if not isinstance(calibration, _Kept):
            folder = calibration if calibration is None else _path("calibration", calibration)
            if folder is not None and not Path(folder).is_dir():
                expected = "the folder of the calibration files; it does not exist"
                raise checks.refused("calibration", str(calibration), expected)
            given["calibration"] = folder
        if not isinstance(cache, _Kept):
            given["cache"] = cache if cache is None else _path("cache", cache)
        if not isinstance(progress, _Kept):
            checks.choice("progress", progress, bool | None)
            given["progress"] = progress
        if not isinstance(threads, _Kept):
            if threads is not None:
                threads = checks.whole("threads", threads, least=1, what="a number of threads")
            given["threads"] = threads
        self._given = given
        with _LOCK:
            # Those before that nobody can enter any more are one.
            settled: _Layer = {}
            while _session and not (_session[0][0] and _session[0][0]()):
                settled |= _session.pop(0)[1]
            _session.insert(0, (None, settled))
            _session.append((weakref.ref(self), given))

    def __enter__(self) -> None:
        with _LOCK:
            _session[:] = [(call, layer) for call, layer in _session if layer is not self._given]
        _enter(self._given)

    def __exit__(self, *exception: object) -> None:
        _exit(self._given)

    def __repr__(self) -> str:
        now = current()
        there = ((f.name, getattr(now, f.name)) for f in fields(Options))
        return f"<uvisxr options: {', '.join(f'{name}={value!r}' for name, value in there)}>"


def _path(name: str, value: object) -> str:
    """An absolute path."""
    if not isinstance(value, str | Path) or not str(value):
        raise checks.refused(name, value, "a path")
    try:
        here = absolute(Path(value).expanduser())
        path = os.path.abspath(here)  # noqa: PTH100 - "a/.." is gone, links stay
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except ArgumentError as error:
        raise ArgumentError(f"{name}: {error}") from error
    except (OSError, RuntimeError, ValueError) as error:
        # A name that is too long, an unknown user's home, a folder that must not be looked into.
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise checks.refused(name, value, f"a path; {reason}") from error
    return path


def _kernels(given: str | Path | Iterable[str | Path]) -> tuple[str, ...]:
    """Absolute paths of kernels that exist."""
    several = [given] if isinstance(given, str | Path) else given
    if not isinstance(several, Iterable):
        raise checks.refused("kernels", given, "kernel files, folders or meta-kernels")
    paths = tuple(_path("kernels", one) for one in several)
    missing = [path for path in paths if not Path(path).exists()]
    if missing or not paths:
        raise checks.refused(
            "kernels",
            missing[0] if missing else given,
            "kernel files, folders or meta-kernels that exist",
        )
    return paths
