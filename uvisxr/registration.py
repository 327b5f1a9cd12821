"""Register `.uvis` of datasets, trees and arrays at no cost until it is used.

Importing the accessors imports the whole package, so a descriptor takes their place until they are
needed.
"""

from __future__ import annotations

from typing import Any, Literal


def register() -> None:
    """Add `.uvis` to datasets, to trees of them, and to arrays."""
    import xarray as xr

    # xarray's classes do not have the attribute before, for type checkers never.
    xr.Dataset.uvis = _Uvis("Dataset")  # type: ignore[attr-defined]
    xr.DataTree.uvis = _Uvis("DataTree")  # type: ignore[attr-defined]
    xr.DataArray.uvis = _Uvis("DataArray")  # type: ignore[attr-defined]


class _Uvis:
    """`Dataset.uvis` is the accessor class, as usual in xarray; `ds.uvis` is an accessor.

    xarray's own descriptor needs the class in advance and caches an accessor with each dataset;
    ours has nothing worth caching.
    """

    def __init__(self, of: Literal["Dataset", "DataTree", "DataArray"]) -> None:
        self._of = of

    def __get__(self, data: object, owner: type) -> Any:
        try:
            from .accessor import ArrayAccessor, TreeAccessor, UvisAccessor
        except AttributeError as error:
            # Raised by incompatible libraries; a dataset would take an AttributeError for its own.
            raise ImportError(f"cannot import the accessor .uvis: {error}") from error
        kind = {"Dataset": UvisAccessor, "DataTree": TreeAccessor, "DataArray": ArrayAccessor}[
            self._of
        ]
        return kind if data is None else kind(data)
