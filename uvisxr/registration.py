"""`ds.uvis` at no cost before it is used.

The accessor brings all of the package, so that a descriptor stands for it until it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from .accessor import UvisAccessor


def register() -> None:
    """Give datasets their `.uvis`."""
    import xarray as xr

    # xarray's class does not have the attribute before, for type checkers never.
    xr.Dataset.uvis = _Uvis()  # type: ignore[attr-defined]


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
