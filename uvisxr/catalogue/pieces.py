"""Found spectra piece by piece: the counts of a few exposures, and what a pipeline makes of them.

A piece is what one task of dask reads: spectra of one product, or of several that are small. Of
counts, only the rows of the spectra are read; steps get whole exposures, those with such spectra
alone where they make the same of them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import dask
import numpy as np
import xarray as xr

from .. import options
from ..batch.pipeline import Pipeline, Step
from ..batch.work import blocks
from ..calibration.stored import Stored, has_terms, without_schedule
from ..dataset import conventions
from ..dataset.forward import at_window
from ..dataset.single import DIM
from ..errors import PipelineError, ProductError
from ..numerics import poisson
from ..options import Options
from ..pds3.label import Label
from ..pds3.qube import QubeFile
from ..reader.observation import of_labels
from ..reader.times import StartTime
from .labels import AGAIN

#: Elements of the exposures that a piece reads, about: as of the blocks of a batch.
ELEMENTS = 4 * 2**20

#: Steps that make one spectrum, or image, of many.
_MERGING = frozenset({"bin", "image", "map", "power", "photometry"})

#: Steps that may call SPICE.
_WITH_SPICE = frozenset({"geometry", "predict_stars", "reflectance"})


def _fills(given: Mapping[str, Any]) -> bool:
    """Whether `calibrate` fills holes along wl, with these arguments."""
    return given.get("nan_interp", "linear") is not None


#: Steps that make the same of an exposure whatever others there are, by their arguments. The flags
#: of lost and partial spectra, which `background` finds too, are not meant, nor what holes add to
#: the systematic error, which follows from the mean spectrum of the product.
_OF_EXPOSURES: Mapping[str, Callable[[Mapping[str, Any]], bool]] = MappingProxyType(
    {
        "background": lambda given: given.get("level") is not None,
        "calibrate": lambda given: (
            not _fills(given)
            or (given.get("nan_interp") != "shape" and given.get("errors") != "total")
        ),
        **dict.fromkeys(
            ("geometry", "rate", "fill_nan", "smooth", "integrate", "rebin", "reflectance"),
            lambda given: True,
        ),
    }
)

#: Steps that need nothing of the geometry, by their arguments.
_WITHOUT_GEOMETRY: Mapping[str, Callable[[Mapping[str, Any]], bool]] = MappingProxyType(
    {
        "background": lambda given: given.get("alt_min") is None,
        **dict.fromkeys(
            ("rate", "calibrate", "fill_nan", "smooth", "integrate", "rebin"), lambda given: True
        ),
    }
)

#: What steps find of a product as a whole, attributes that do not hold for several.
_OF_PRODUCT = ("background_spectra", "background_expected")

#: Only one large product at a time is computed block by block.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, eq=False)
class Part:
    """Found spectra of one window of one product.

    Attributes
    ----------
    name : str
        Of the product, for messages.
    label : Label
    file : QubeFile
    pic, pixel : ndarray of int, (spectrum,)
        Exposures in ascending order.
    total : ndarray, (spectrum,), optional
        Sums of the counts that the catalogue read, NaN where they are not known.
    """

    name: str
    label: Label
    file: QubeFile
    pic: np.ndarray
    pixel: np.ndarray
    total: np.ndarray | None = None

    def check(self, found: np.ndarray) -> None:
        """Check counts of the spectra, (spectrum, wl), by their sums.

        Raises
        ------
        ProductError
            They are not those that the catalogue read.
        """
        if self.total is None:
            return
        sums = np.where(poisson.missing(found), 0, found).sum(axis=-1, dtype=float)
        other = np.flatnonzero(np.isfinite(self.total) & (sums != self.total))
        if other.size:
            k = int(other[0])
            raise ProductError(
                f"the counts in {self.label.data_path} are not those that the catalogue read: of "
                f"pic {self.pic[k]}, pixel {self.pixel[k]} their sum is {sums[k]:.0f}, not "
                f"{self.total[k]:.0f}: {AGAIN}; a file that kept its size and time needs another "
                "time first ('touch FILE')"
            )


Piece = tuple[Part, ...]

#: Shape of a variable for each spectrum, and its type.
Kind = tuple[tuple[int, ...], Any]


def counts(piece: Piece) -> list[np.ndarray]:
    """Counts of the spectra, (spectrum, wl): of each exposure the rows that are needed."""
    return [np.concatenate([at_window(_counts, part.name, part) for part in piece])]


def _counts(part: Part) -> np.ndarray:
    file = part.file
    found = np.empty((part.pic.size, file.shape[1]), np.dtype(file.dtype).newbyteorder("="))
    exposures, of = np.unique(part.pic, return_inverse=True)
    ends = np.stack([np.full(exposures.size, file.shape[0]), np.full(exposures.size, -1)])
    np.minimum.at(ends[0], of, part.pixel)
    np.maximum.at(ends[1], of, part.pixel)
    # Exposures of the same rows are read together, for they may follow each other.
    rows, kind = np.unique(ends, axis=1, return_inverse=True)
    kind = kind.ravel()
    for number, (first, last) in enumerate(rows.T.tolist()):
        alike = np.flatnonzero(kind == number)
        read = file.read(exposures[alike], slice(first, last + 1))
        here = kind[of] == number
        found[here] = read[np.searchsorted(alike, of[here]), part.pixel[here] - first]
    part.check(found)
    return found


@dataclass(frozen=True)
class Reduction:
    """What is done to the exposures of found spectra.

    Attributes
    ----------
    pipeline : Pipeline
        Without what is `left_out`.
    settings : Options
        Those of the program that opens the spectra.
    left_out : tuple of str
        Steps whose results the table of the spectra has.
    window : int
    whole : bool
        Whether steps see all exposures of a product, and not those of the found spectra alone.
    """

    pipeline: Pipeline
    settings: Options
    left_out: tuple[str, ...] = ()
    window: int = 0
    whole: bool = False

    @classmethod
    def of(cls, pipeline: Pipeline, located: bool, whole: bool) -> Reduction:
        """Check a pipeline.

        Parameters
        ----------
        pipeline : Pipeline
        located : bool
            Whether the table says where each spectrum's own body was seen: then no step `geometry`
            is run for that alone.
        whole : bool
            Whether steps are to see whole products in any case.

        Raises
        ------
        PipelineError
            It makes something else of spectra than spectra, or opens them in another way.
        """
        for name in ("window", "chunks"):
            if name in pipeline.open:
                raise PipelineError(f"open: leave {name} out: the found spectra say what is opened")
        if pipeline.fits is not None:
            raise PipelineError(f"leave {pipeline.fits.name} out: found spectra are no product")
        for step in pipeline.steps:
            if step.name in _MERGING or _merges(step):
                raise PipelineError(
                    f"step '{step.name}' makes one of several spectra, and which of them was found "
                    "is lost: leave it out, and do it with what open_found gives"
                )
        pipeline.check_paths()
        pipeline = pipeline.resolved()
        needless = located and all(
            step.arguments.keys() <= {"kernels"}
            if step.name == "geometry"
            else _holds(_WITHOUT_GEOMETRY, step)
            for step in pipeline.steps
        )
        left_out = [s.name for s in pipeline.steps if needless and s.name == "geometry"]
        steps = tuple(s for s in pipeline.steps if s.name not in left_out)
        found = cls(replace(pipeline, steps=steps), options.current(), tuple(left_out))
        return replace(found, whole=whole or bool(found.wholly))

    @property
    def wholly(self) -> list[str]:
        """The steps that need all exposures of a product."""
        return [s.name for s in self.pipeline.steps if not _holds(_OF_EXPOSURES, s)]

    @property
    def with_spice(self) -> bool:
        """Whether a step may call SPICE, which dask's threads must not."""
        return any(s.name in _WITH_SPICE for s in self.pipeline.steps)

    @property
    def start_time(self) -> StartTime:
        """What START_TIME means."""
        found: StartTime = self.pipeline.open.get("start_time", "end_of_first")
        return found

    def opened(self, part: Part) -> xr.Dataset:
        """The product of a part, lazy, before the steps."""
        return of_labels([part.label], [part.file], self.window, self.start_time)

    def part(self, part: Part, lazy: bool) -> xr.Dataset:
        """What the steps make of the spectra of a part, (spectrum, wl)."""
        return at_window(self._part, part.name, part, lazy)

    def _part(self, part: Part, lazy: bool) -> xr.Dataset:
        opened = self.opened(part)
        where = part.pic
        if not self.whole:
            exposures, where = np.unique(part.pic, return_inverse=True)
            opened = opened.isel(pic=exposures)
        if lazy:
            pieces = _apart(opened.sizes["pic"], where, opened.sizes["pixel"] * opened.sizes["wl"])
            opened = opened.assign(counts=opened["counts"].variable.chunk({"pic": pieces}))
        elif self.whole:
            opened = blocks(opened)
        else:
            opened["counts"].load()
            part.check(opened["counts"].values[where, part.pixel])
        reduced = self.pipeline.apply(opened)
        _check_frame(opened, reduced)
        reduced = _with_correlation(reduced)
        gone = {"sensitivity", *(name for name, v in reduced.variables.items() if "term" in v.dims)}
        gone |= {"counts"} if _same_grid(opened, reduced) else set()
        reduced = reduced.drop_vars(gone, errors="ignore")
        if not self.whole:
            # Which spectra are lost, few exposures cannot tell.
            reduced = reduced.drop_vars("quality", errors="ignore")
        at = {"pic": xr.Variable(DIM, where), "pixel": xr.Variable(DIM, part.pixel)}
        return reduced.isel({dim: at[dim] for dim in at if dim in reduced.dims})

    def values(self, piece: Piece, kinds: Mapping[str, Kind]) -> list[Any]:
        """Arrays (spectrum, ...) of the variables of these names and kinds, computed.

        What no step made of a product, as one that failed and is left out, is NaN, or nothing.
        """
        settings = replace(self.settings, threads=self.settings.threads or 1)
        with options.applied(settings), self._alone(piece):
            made = [self.part(part, lazy=False).compute() for part in piece]
        sizes = [part.pic.size for part in piece]
        return [
            np.concatenate([of_name(ds, name, n, *kind) for ds, n in zip(made, sizes, strict=True)])
            for name, kind in kinds.items()
        ]

    @contextmanager
    def _alone(self, piece: Piece) -> Iterator[None]:
        """Compute whole products in blocks one after the other, if they are too large for one."""
        elements = (int(np.prod((part.label.shape[0], *part.file.shape))) for part in piece)
        if not self.whole or max(elements) <= ELEMENTS:
            yield
            return
        # Inside a worker, dask would spread the blocks over the whole cluster, and wait for them.
        with _ONE_AT_A_TIME, dask.config.set(scheduler="synchronous"):
            yield


def _apart(exposures: int, wanted: np.ndarray, elements: int) -> tuple[int, ...]:
    """Sizes of blocks of exposures that are either wanted or not, none larger than a piece."""
    most = max(1, ELEMENTS // max(1, elements))
    inside = np.zeros(exposures, bool)
    inside[wanted] = True
    ends = [0, *(np.flatnonzero(np.diff(inside)) + 1).tolist(), exposures]
    return tuple(
        min(most, end - start) for begin, end in pairwise(ends) for start in range(begin, end, most)
    )


def of_name(ds: xr.Dataset, name: str, size: int, shape: tuple[int, ...], dtype: Any) -> Any:
    """A variable of spectra as an array (spectrum, ...), also if it is one value for all."""
    if name not in ds.variables:
        # Times are "NaT" then; flags of what is not known are 0, as of exposures without pointing.
        kind = np.dtype(dtype).kind
        nothing = np.nan if kind == "f" else np.array("NaT" if kind in "mM" else 0, dtype)
        return np.full((size, *shape), "" if kind == "U" else nothing, dtype)
    variable = ds.variables[name]
    if DIM not in variable.dims:
        variable = variable.set_dims({DIM: size, **variable.sizes})
    data = variable.transpose(DIM, ...).data
    return data if data.dtype.kind == "U" else data.astype(dtype, copy=False)


def has_left_out(made: xr.Dataset) -> bool:
    """Whether a step failed, and was left out, by the history."""
    return ": left_out(" in str(made.attrs.get("history", ""))


def _holds(rules: Mapping[str, Callable[[Mapping[str, Any]], bool]], step: Step) -> bool:
    return step.name in rules and rules[step.name](step.arguments)


def _merges(step: Step) -> bool:
    given = (step.arguments.get(dim) for dim in ("pic", "pixel"))
    return step.name == "rebin" and any(n not in (None, 1) for n in given)


def _check_frame(opened: xr.Dataset, reduced: xr.Dataset) -> None:
    lost = [d for d in ("pic", "pixel") if reduced.sizes.get(d) != opened.sizes[d]]
    if lost:
        raise PipelineError(
            f"the steps keep no value for each {' and '.join(lost)}, and which of them was found "
            "is lost: leave out the step that does so"
        )


def _same_grid(opened: xr.Dataset, reduced: xr.Dataset) -> bool:
    return "wl" not in reduced.dims or reduced.sizes["wl"] == opened.sizes["wl"]


def _with_correlation(ds: xr.Dataset) -> xr.Dataset:
    """A calibrated dataset with what integrals need in place of its terms, as bins have it."""
    if "radiance" not in ds.variables or not has_terms(ds):
        return ds
    sums, variances = Stored.of(ds).covariances()
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.where(variances > 0, sums / variances, np.nan).astype(np.float32)
    ds = ds.assign_coords(radiance_correlation=(("pixel", "wl"), found))
    return conventions.apply(ds)


def attributes(made: xr.Dataset, opened: xr.Dataset, several: bool) -> dict[str, Any]:
    """Attributes that the steps have added or changed, those of `several` products alone."""
    found = {k: v for k, v in made.attrs.items() if k not in opened.attrs or opened.attrs[k] != v}
    if several:
        found = {k: v for k, v in found.items() if k not in _OF_PRODUCT}
        if "calibrate_arguments" in found:
            found["calibrate_arguments"] = without_schedule(made)
    return found
