"""The `.uvis` accessors: methods of datasets, trees and arrays, each one call into a module.

They store only the data. State kept here would be lost on `assign` and stale after `isel`, so
everything that a later step needs is in the dataset's variables and attributes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import xarray as xr

from . import background, calls, export, image, integrals, rebin, spectra
from .backplanes.smear import SPACING
from .backplanes.tree import backplanes as backplanes_of
from .bins import binning
from .calibration import evil_share, radiance
from .dataset import overview
from .dataset.forward import (
    array_method,
    at_window,
    each_window,
    is_backplanes,
    method,
    window_files,
    windows,
)
from .dataset.utc import utc as utc_texts
from .errors import MissingDependencyError, MissingStepError, OneWindowError
from .explore.starting import explore
from .fits import writing as fits_writing
from .geometry import los
from .instrument.channel import Optics
from .maps import mapping, power
from .netcdf.encodings import Encoding
from .quality import flags as quality_flags
from .reflectance import disk
from .reflectance import step as reflectance_step
from .stars import predict
from .stars.flag_files import StarFlags

if TYPE_CHECKING:
    from .explore.session import Session
    from .plot import PlotAccessor, StarChecker
    from .stars.flag_files import Columns

    class UvisDataset(xr.Dataset):
        """What every dataset is at run time, one with `.uvis`."""

        @property
        def uvis(self) -> UvisAccessor: ...

    class UvisDataTree(xr.DataTree):
        """The same of a tree of datasets."""

        @property
        def uvis(self) -> TreeAccessor: ...

    class UvisDataArray(xr.DataArray):
        """The same of an array."""

        @property
        def uvis(self) -> ArrayAccessor: ...
else:
    UvisDataset, UvisDataTree, UvisDataArray = xr.Dataset, xr.DataTree, xr.DataArray


class UvisAccessor(calls.Helpful):
    """Steps of a UVIS reduction; each returns a new dataset.

    `ds.uvis` by itself shows what the dataset is, what was done to it and what can be next. What
    the variables mean, with their units and signs, is in `help(uvisxr)`.

    Before all others:
        `rebin`: neighbouring exposures, rows and columns summed, as on board.
    Where, and what to leave out:
        `geometry`: where each pixel looks, and from where.
        `backplanes`: the same of every body and of the rings, at several times in each exposure.
        `background`: the counts the detector makes by itself; lost and partial spectra.
        `flag`, `unflag`: set and clear quality flags of spectra.
        `flagged`: which spectra carry some flags.
        `predict_stars`: which pixels catalogue stars fall into.
        `check_stars`: a map of all spectra on which clicks set star flags.
        `explore`: linked views in a browser or notebook; spectra selected and flagged by the mouse.
        `stars`: star flags in text files.
        `utc`: when the exposures were, as text.
    From counts to spectra:
        `calibrate`: radiances with upper and lower errors.
        `calibration_factor`: what count rates would be multiplied by.
        `evil_share`: which elements hold evil detector pixels, without calibrating.
        `rate`: count rates with their errors.
        `fill_nan`, `smooth`: holes filled, noise smoothed, along wavelength.
    From spectra to results:
        `bin`: mean spectra of similar geometry, or of groups of your own.
        `integrate`: brightness in a range of wavelengths.
        `reflectance`: I/F, radiances over those of a white sheet in full sun.
        `photometry`: I/F of a body's whole disk.
        `image`: brightness on the plane of the sky.
        `map`: brightness on the body, at the altitude of the emission.
        `power`: what a region of a map emits.
        `plot`: pictures.
        `to_netcdf`, `to_json`: files.
        `to_fits`: the team's FITS layout, with backplanes and a PDS4 label.
    """

    _where = "ds.uvis"

    def __init__(self, ds: xr.Dataset) -> None:
        self._ds = cast("UvisDataset", ds)

    def __repr__(self) -> str:
        return overview.text(self._ds)

    def _repr_html_(self) -> str:
        return overview.html(self._ds)

    rebin = method(rebin.rebin)
    geometry = method(los.geometry)
    backplanes = method(backplanes_of)
    background = method(background.background)
    flag = method(quality_flags.flag)
    unflag = method(quality_flags.unflag)
    flagged = method(quality_flags.flagged, step="flagged")
    utc = method(utc_texts, step="utc")
    calibrate = method(radiance.calibrate)
    calibration_factor = method(radiance.calibration_factor)
    evil_share = method(evil_share.evil_share, step="evil_share")
    rate = method(spectra.rate)
    fill_nan = method(spectra.fill_nan)
    smooth = method(spectra.smooth)
    integrate = method(integrals.integrate)
    reflectance = method(reflectance_step.reflectance)
    photometry = method(disk.photometry)
    image = method(image.image, step="image")
    map = method(mapping.map)
    power = method(power.power)
    predict_stars = method(predict.predict_stars)
    bin = method(binning.bin)
    explore = method(explore, step="explore")
    to_netcdf = method(export.to_netcdf)
    to_json = method(export.to_json, step="to_json")
    to_fits = method(fits_writing.to_fits, step="to_fits")

    @property
    def check_stars(self) -> Callable[..., StarChecker]:
        """A map of all spectra on which clicks set star flags: `ds.uvis.plot.check_stars`.

        >>> with made.open().uvis.check_stars() as checker:
        ...     checker.toggle(3, 40)  # as a click does
        >>> int(checker.dataset.quality[3, 40])
        4
        """
        return self.plot.check_stars

    @property
    def stars(self) -> StarFlags[UvisDataset]:
        """Star flags in text files: `ds.uvis.stars.load(path)`, `ds.uvis.stars.save(path)`.

        >>> ds = made.open().uvis.flag([(3, 40)], "star")
        >>> made.open().uvis.stars.load(ds.uvis.stars.save("stars.txt")).quality.equals(ds.quality)
        True
        """
        return StarFlags(self._ds)

    @property
    def plot(self) -> PlotAccessor:
        """Pictures: `ds.uvis.plot.picture()` and others; needs matplotlib.

        >>> ds = made.open()
        >>> ax = ds.isel(pic=[0], pixel=[30]).uvis.plot.spectrum()
        >>> ax.get_xlabel()
        'Wavelength (Å)'
        """
        try:
            from .plot import PlotAccessor
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "matplotlib":
                raise
            raise MissingDependencyError(
                'pictures need matplotlib: pip install "uvisxr[plot]"'
            ) from error
        return PlotAccessor(self._ds)


class TreeAccessor(calls.Helpful):
    """Steps of a reduction on every window of a product, or on every dataset of a tree.

    Each method is that of a dataset, called with the same arguments for every node that holds data:
    help is that of `xarray.Dataset.uvis`. What comes is a tree again; an error says in which window
    it was. `tree["window0"].uvis` is one window alone, which has pictures too.

    Before all others:
        `rebin`.
    Where, and what to leave out:
        `geometry`, `backplanes`, `background`, `flag`, `unflag`, `flagged`, `predict_stars`, `utc`;
        `stars`: one text file for each window.
    From counts to spectra:
        `calibrate`, `calibration_factor`, `evil_share`, `rate`, `fill_nan`, `smooth`.
    From spectra to results:
        `bin`, `integrate`, `reflectance`, `photometry`, `image`, `map`, `power`; `plot`,
        `check_stars` and `explore`, of one window; `to_netcdf`: one file with a group for each
        window; `to_json`, `to_fits`: one file for each.
    """

    _where = "tree.uvis"

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    def __repr__(self) -> str:
        if is_backplanes(self._tree):
            return overview.of_backplanes(self._tree)
        nodes = [(path, node.to_dataset()) for path, node in self._tree.subtree_with_keys]
        texts = [
            overview.text(ds) if path == "." else f"{path} {overview.text(ds)}"
            for path, ds in nodes
            if ds.data_vars
        ]
        return "\n".join(texts) or "<uvisxr> no node of the tree holds data"

    rebin = each_window(rebin.rebin, UvisDataTree)
    geometry = each_window(los.geometry, UvisDataTree)

    @calls.public("backplanes")
    def backplanes(
        self,
        kernels: str | Path | Iterable[str | Path] | None = None,
        bodies: str | Iterable[str] = "auto",
        times: float | str | Iterable[float | str] = ("start", "mid", "stop"),
        lon_direction: los.LonDirection = "west",
        optics: Optics | None = None,
        pixels_per_subsample: float = SPACING,
    ) -> xr.DataTree:
        """Backplanes of each window, as a tree below its name.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open().isel(pic=[0])})
        >>> found = tree.uvis.backplanes(kernels=made.kernels, times="mid")
        >>> list(found["window0"].children)
        ['sky', 'saturn', 'titan', 'rings']
        """
        made = partial(
            backplanes_of,
            kernels=kernels,
            bodies=bodies,
            times=times,
            lon_direction=lon_direction,
            optics=optics,
            pixels_per_subsample=pixels_per_subsample,
        )
        nodes = {window: at_window(made, window, ds) for window, ds in windows(self._tree)}
        if "." in nodes:
            return nodes["."]
        named = {
            f"/{window}/{node.relative_to(found)}": node.to_dataset(inherit=False)
            for window, found in nodes.items()
            for node in found.subtree
        }
        return xr.DataTree.from_dict(named, name=self._tree.name)

    background = each_window(background.background, UvisDataTree)
    flag = each_window(quality_flags.flag, UvisDataTree)
    unflag = each_window(quality_flags.unflag, UvisDataTree)
    flagged = each_window(quality_flags.flagged, UvisDataTree, step="flagged")
    utc = each_window(utc_texts, UvisDataTree, step="utc")
    calibrate = each_window(radiance.calibrate, UvisDataTree)
    calibration_factor = each_window(radiance.calibration_factor, UvisDataTree)
    evil_share = each_window(evil_share.evil_share, UvisDataTree, step="evil_share")
    rate = each_window(spectra.rate, UvisDataTree)
    fill_nan = each_window(spectra.fill_nan, UvisDataTree)
    smooth = each_window(spectra.smooth, UvisDataTree)
    integrate = each_window(integrals.integrate, UvisDataTree)
    reflectance = each_window(reflectance_step.reflectance, UvisDataTree)
    photometry = each_window(disk.photometry, UvisDataTree)
    image = each_window(image.image, UvisDataTree, step="image")
    map = each_window(mapping.map, UvisDataTree)
    power = each_window(power.power, UvisDataTree)
    predict_stars = each_window(predict.predict_stars, UvisDataTree)
    bin = each_window(binning.bin, UvisDataTree)

    @calls.public("to_netcdf")
    def to_netcdf(
        self,
        path: str | Path | None = None,
        complevel: int = 1,
        *,
        overwrite: bool | None = None,
        encoding: Encoding | None = None,
        group: str | None = None,
        compact: bool = False,
        compute: bool = True,
    ) -> Path:
        """Write a NetCDF file with one group for each node; see `uvisxr.export.to_netcdf`.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> path = tree.uvis.rate().uvis.to_netcdf("titan.nc")
        >>> list(xr.load_datatree(path).children)
        ['window0']
        """
        write: Any = export.to_netcdf
        options: dict[str, Any] = {"overwrite": overwrite, "encoding": encoding, "group": group}
        # With compute=False, what writes it later; a second signature would say no more than this.
        options |= {"compact": compact, "compute": compute}
        return cast(Path, write(self._tree, path, complevel, **options))

    @calls.public("to_json")
    def to_json(
        self,
        path: str | Path | None = None,
        *,
        geometry: bool = False,
        overwrite: bool | None = None,
    ) -> dict[str, Path]:
        """Write the summary of each window: that of window0 into titan_window0.json.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> tree.uvis.to_json("titan.json")["window0"].name
        'titan_window0.json'
        """
        path = export.target(self._tree, path, ".json")
        write = partial(export.to_json, geometry=geometry, overwrite=overwrite)
        return {
            window: at_window(write, window, ds, file)
            for window, ds, file in window_files(path, self._tree)
        }

    @calls.public("to_fits")
    def to_fits(
        self,
        path: str | Path | None = None,
        backplanes: xr.DataTree | None = None,
        label: fits_writing.LabelKind | None = "pds4",
        *,
        extras: bool = False,
        pixels_per_subsample: float = fits_writing.SPACING,
        overwrite: bool | None = None,
    ) -> dict[str, Path]:
        """Write one FITS file for each window, with the suffix A, B, ... if there are several.

        `backplanes` is a tree with a node for each window; see `uvisxr.fits.writing.to_fits`.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> ds = made.open().uvis.calibrate(files=made.calibration)
        >>> tree = xr.DataTree.from_dict({"window0": ds})
        >>> tree.uvis.to_fits("titan.fits")["window0"].name
        'titan.fits'
        """
        options: dict[str, Any] = {"extras": extras, "pixels_per_subsample": pixels_per_subsample}
        return fits_writing.to_fits_each(
            self._tree, path, backplanes, label=label, overwrite=overwrite, **options
        )

    @property
    def plot(self) -> PlotAccessor:
        """Pictures of the one window: `tree["window0"].uvis.plot.picture()`; needs matplotlib.

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> tree["window0"].isel(pic=[0], pixel=[30]).uvis.plot.spectrum().get_xlabel()
        'Wavelength (Å)'
        """
        return self._one("plot").plot

    @property
    def check_stars(self) -> Callable[..., StarChecker]:
        """A map of the spectra of the one window, as of `UvisAccessor`.

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> with tree["window0"].uvis.check_stars() as checker:
        ...     ds = checker.dataset
        """
        return self._one("check_stars(...)").check_stars

    @property
    def explore(self) -> Callable[..., Session]:
        """Linked views of the one window: `ds.uvis.explore`.

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> tree.uvis.explore().work.exposures
        (0, 11)
        """
        return self._one("explore(...)").explore

    def _one(self, wanted: str) -> UvisAccessor:
        """The one window; an error says how to call what is wanted of each of several."""
        try:
            found = dict(windows(self._tree))
        except MissingStepError as error:
            raise OneWindowError(str(error)) from error
        if len(found) > 1:
            raise OneWindowError(
                f"pictures are of one window, and there are {len(found)}: "
                + " or ".join(f"tree[{window!r}].uvis.{wanted}" for window in found)
            )
        return UvisAccessor(*found.values())

    @property
    def stars(self) -> TreeStarFlags:
        """Star flags in text files, one for each window.

        `tree.uvis.stars.save("stars.txt")` writes those of window0 into stars_window0.txt, and
        `tree.uvis.stars.load("stars.txt")` reads them there.

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> paths = tree.uvis.flag([(3, 40)], "star").uvis.stars.save("stars.txt")
        >>> paths["window0"].name
        'stars_window0.txt'
        >>> int(tree.uvis.stars.load("stars.txt")["window0"].quality[3, 40])
        4
        """
        return TreeStarFlags(self._tree)


class TreeStarFlags(calls.Helpful):
    """Star flags in text files, one for each window of a tree: see `uvisxr.stars.flag_files`.

    `load` adds the flags of the files to those of the windows, `save` writes them.
    """

    _where = "tree.uvis.stars"

    def __init__(self, tree: xr.DataTree) -> None:
        self._tree = tree

    @calls.public("stars.load")
    def load(self, path: str | Path, columns: Columns | None = None) -> UvisDataTree:
        """Flag the spectra that the files list: those of window0 in stars_window0.txt.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> paths = tree.uvis.flag([(3, 40)], "star").uvis.stars.save("stars.txt")
        >>> int(tree.uvis.stars.load("stars.txt")["window0"].quality[3, 40])
        4
        """
        loaded = {
            f"/{window.strip('.')}": at_window(UvisAccessor(ds).stars.load, window, file, columns)
            for window, ds, file in window_files(path, self._tree)
        }
        return cast("UvisDataTree", xr.DataTree.from_dict(loaded, name=self._tree.name))

    @calls.public("stars.save")
    def save(
        self,
        path: str | Path,
        columns: Columns = "exposure pixel",
        overwrite: bool | None = None,
    ) -> dict[str, Path]:
        """Write the spectra flagged as crossed by a star: of window0 into stars_window0.txt.

        Examples
        --------
        With the simulated observation ``made`` of `help(uvisxr)`, here of one window:

        >>> import xarray as xr
        >>> tree = xr.DataTree.from_dict({"window0": made.open()})
        >>> tree.uvis.stars.save("stars.txt")["window0"].name
        'stars_window0.txt'
        """
        return {
            window: at_window(UvisAccessor(ds).stars.save, window, file, columns, overwrite)
            for window, ds, file in window_files(path, self._tree)
        }


class _NotOfArraysError(MissingStepError, AttributeError):
    """An array is asked for a step of datasets; to Python, an attribute that it does not have."""


class ArrayAccessor(calls.Helpful):
    """What can be done with one array of radiances: `ds.radiance.uvis`, or a mean of it.

    Its errors are the coordinates `radiance_upper`, `radiance_lower`, ... that came with it. All
    else needs the dataset.

    `fill_nan`, `smooth`: holes filled, noise smoothed, along wavelength.
    `integrate`: brightness in a range of wavelengths, a dataset.
    """

    _where = "array.uvis"

    def __init__(self, array: xr.DataArray) -> None:
        self._ds = array

    def __repr__(self) -> str:
        return overview.of_array(self._ds)

    fill_nan = array_method(spectra.fill_nan, UvisDataArray)
    smooth = array_method(spectra.smooth, UvisDataArray)
    integrate = array_method(integrals.integrate, UvisDataset)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if hasattr(UvisAccessor, name) and not name.startswith("_"):
                array = self._ds.name or "the array"
                raise _NotOfArraysError(
                    f"{name} is of datasets, not of one of their arrays: call ds.uvis.{name}, ds "
                    f"being the dataset that {array} is of"
                )
            return super().__getattr__(name)
