"""Settings of a session: kernels, calibration files, the cache, progress bars.

Each stands in for an argument that is not given, and goes before its environment variable::

    argument, option, environment variable, cache
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final

from . import calls, checks


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
    """

    kernels: tuple[str, ...] | None = None
    calibration: str | None = None
    cache: str | None = None
    progress: bool | None = None

    @property
    def read_from(self) -> list[str]:
        """Files and folders on which results depend."""
        return [*(self.kernels or ()), *filter(None, [self.calibration])]


class _Kept:
    """What says that an argument is not given, since None takes an option back."""

    def __repr__(self) -> str:
        return "unchanged"


_KEPT: Final = _Kept()

_current = Options()


def current() -> Options:
    """The settings that hold now."""
    return _current


@contextmanager
def applied(options: Options) -> Iterator[None]:
    """Let other settings hold in a `with` block, such as those of a batch in its workers."""
    global _current
    if options == _current:
        # Workers may be threads of the program, which can set options meanwhile.
        yield
        return
    before, _current = _current, options
    try:
        yield
    finally:
        _current = before


@calls.public("get_options")
def get_options() -> dict[str, Any]:
    """The settings made with `set_options`, by name; None where there is none.

    Examples
    --------
    >>> with uvisxr.set_options(progress=False):
    ...     uvisxr.get_options()["progress"]
    False
    """
    return asdict(_current)


@calls.constructor
class set_options:
    """Set options for the session, or in a `with` block.

    An option goes before its environment variable, an argument before the option. The workers of
    `uvisxr.batch.process` have the options of the program that started it. None takes an option
    back.

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

    Raises
    ------
    ArgumentError
        An option has a wrong value, or names kernels or a folder that do not exist.

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
    ) -> None:
        global _current
        given: dict[str, Any] = {}
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
        self._before = {name: getattr(_current, name) for name in given}
        _current = replace(_current, **given)

    def __enter__(self) -> None:
        return

    def __exit__(self, *exception: object) -> None:
        global _current
        _current = replace(_current, **self._before)

    def __repr__(self) -> str:
        there = ((f.name, getattr(_current, f.name)) for f in fields(Options))
        return f"<uvisxr options: {', '.join(f'{name}={value!r}' for name, value in there)}>"


def _path(name: str, value: object) -> str:
    """An absolute path."""
    if not isinstance(value, str | Path) or not str(value):
        raise checks.refused(name, value, "a path")
    return os.path.abspath(Path(value).expanduser())  # noqa: PTH100 - "a/.." is gone, links stay


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
