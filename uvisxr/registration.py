"""Register `ds.uvis` at no cost until it is used.

Importing the accessor imports the whole package, so a descriptor takes its place until it is
needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from .accessor import UvisAccessor


def register() -> None:
    """Add `.uvis` to datasets."""
    import xarray as xr

    # xarray's class does not have the attribute before, for type checkers never.
    xr.Dataset.uvis = _Uvis()  # type: ignore[attr-defined]


class _Uvis:
    """`Dataset.uvis` is the accessor class, as usual in xarray; `ds.uvis` is an accessor.

    xarray's own descriptor needs the class in advance and caches an accessor with each dataset;
    ours has nothing worth caching.
    """

    def __get__(
        self, ds: xr.Dataset | None, owner: type[xr.Dataset]
    ) -> UvisAccessor | type[UvisAccessor]:
        try:
            from .accessor import UvisAccessor
        except AttributeError as error:
            # Raised by incompatible libraries; a dataset would take an AttributeError for its own.
            raise ImportError(f"cannot import the accessor .uvis: {error}") from error
        return UvisAccessor if ds is None else UvisAccessor(ds)
