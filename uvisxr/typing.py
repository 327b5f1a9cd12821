"""Types for annotations: a dataset as type checkers see it, with its `.uvis`.

xarray finds the accessor at run time, where no type checker looks: ``ds.uvis`` of a plain Dataset
may be anything to them. Of what `uvisxr.open_product`, `open_observation`, `open_found`,
`open_processed`, `open_reduced` and every step return they know it: they show the arguments of
``ds.uvis.calibrate(``, and flag ``ds.uvis.calibrate(smoth=True)``. In annotations of your own such
a dataset is a `UvisDataset`::

    from uvisxr.typing import UvisDataset


    def limb(ds: UvisDataset) -> UvisDataset:
        return ds.uvis.calibrate().uvis.bin({"alt": range(600, 1500, 50)})

A tree of several windows is a `UvisDataTree`, an array a `UvisDataArray`: so are what the steps on
them return.

For a dataset from elsewhere, such as `xarray.open_dataset`, write ``UvisAccessor(ds).calibrate()``,
with `uvisxr.accessor.UvisAccessor`, or ``typing.cast(UvisDataset, ds)``; for a tree that was
opened, or an array of a dataset, likewise with `TreeAccessor` and `ArrayAccessor`. At run time the
three types are xarray's own classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Never, ParamSpec

    import xarray as xr
    from typing_extensions import TypeVar

    from .accessor import UvisDataArray, UvisDataset, UvisDataTree

    _P = ParamSpec("_P")
    _T = TypeVar("_T", default=Never)

    def opener(function: Callable[_P, xr.Dataset | _T]) -> Callable[_P, UvisDataset | _T]:
        """A function that opens datasets, under the type that it has for users."""
else:
    from xarray import DataArray as UvisDataArray
    from xarray import Dataset as UvisDataset
    from xarray import DataTree as UvisDataTree

__all__ = ["UvisDataArray", "UvisDataTree", "UvisDataset"]
