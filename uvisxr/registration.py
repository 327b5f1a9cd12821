"""`ds.uvis` as soon as uvisxr and xarray are both imported, at no cost before it is used.

The accessor brings all of the package, so that a descriptor stands for it until it is asked for.
xarray itself takes half a second to import, which a command that only says its version would spend
in vain: where nobody has imported xarray yet, there is no dataset either, and its import is waited
for. Any order of the two imports gives the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from .accessor import UvisAccessor


def register() -> None:
    """Give datasets their `.uvis`, now or once xarray is imported."""
    waiting = _Finder()
    sys.meta_path.insert(0, waiting)
    # Only now, lest another thread begin the import in between.
    if "xarray" in sys.modules:
        sys.meta_path.remove(waiting)
        import xarray as xr

        _attach(xr)


def _attach(xarray: ModuleType) -> None:
    xarray.Dataset.uvis = _Uvis()


class _Uvis:
    """`Dataset.uvis` is the accessor's class, as xarray has it; `ds.uvis` the dataset's accessor.

    xarray's own descriptor needs the class beforehand, and keeps each accessor with its dataset;
    ours holds nothing that would be worth keeping.
    """

    def __get__(
        self, ds: xr.Dataset | None, owner: type[xr.Dataset]
    ) -> UvisAccessor | type[UvisAccessor]:
        try:
            from .accessor import UvisAccessor
        except AttributeError as error:
            # Of a library that does not fit another one: a dataset would take it for its own.
            raise ImportError(f"cannot import the accessor .uvis: {error}") from error
        return UvisAccessor if ds is None else UvisAccessor(ds)


class _Finder(MetaPathFinder):
    """Finds xarray as the other finders do, and has it loaded by `_Loader`."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "xarray":
            return None
        for finder in sys.meta_path:
            # As in the import statement itself, what has no find_spec finds nothing.
            find_spec = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find_spec and find_spec(fullname, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Loader(spec.loader, self)
                return spec
        return None


class _Loader(Loader):
    """Loads xarray as its own loader does, then gives datasets their `.uvis`."""

    def __init__(self, loader: Loader, finder: _Finder):
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        # What asks a module for its loader gets the one it would have without us.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _attach(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
