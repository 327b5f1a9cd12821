"""What a calibrated dataset holds of its calibration, for the steps that go back to the counts.

`calibrate` leaves the terms of the sensitivity in the dataset, and says in its arguments when they
count. A new background, integrals and bins need them again: the weights of the counts in what they
make are known only here. No file is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import xarray as xr

from .. import checks, options
from ..dataset import conventions, products, setups
from ..dataset.checking import attributes
from ..dataset.conventions import SMOOTHED, SUMMED
from ..dataset.lazy import apart, unsplit
from ..errors import ArgumentError, MissingStepError, UvisError
from ..instrument.channel import channel, slit_name
from ..instrument.detector import Bins
from ..numerics.along_wl import neighbours
from ..numerics.poisson import Interval
from ..timescales import clock_from_et
from . import fast
from .choices import Errors, Filling
from .convert import OUTPUTS, Conversion, Shapes, valid_elements
from .mean_spectrum import Exposures, mean_spectrum
from .schedule import Schedule

#: Attribute that marks radiances changed after the calibration.
EDITED = "radiance_edited"

FRAME = ("pic", "pixel", "wl")

#: Where `calibrate_arguments` has the choices that the sensitivity was made by.
SENSITIVITY = setups.OF_SENSITIVITY

#: What smoothing was done to.
_MEANS = ("radiance", "radiance_weighted")

#: What `calibrate` leaves of its arguments: the choices for each, or a number.
_ARGUMENTS: dict[str, Any] = {
    "nan_interp": Filling | None,
    "smooth": bool | Literal["auto"],
    "fill_limit": Literal["auto"] | None,
    "interval": Interval,
    "quantization": bool,
    "errors": Errors,
}

#: What all exposures share, if it is there.
_DARK = ("background", "background_error")

_NEEDED = ("counts", "exposure", "et", "sensitivity", "calibration_error")


def is_calibrated(ds: xr.Dataset) -> bool:
    """Whether a dataset holds counts and terms of a calibration."""
    return all(name in ds.variables for name in _NEEDED) and "calibrate_arguments" in ds.attrs


def has_terms(ds: xr.Dataset) -> bool:
    """Whether a dataset holds its counts and the terms of its calibration."""
    if not is_calibrated(ds):
        return False
    # Joining datasets gives terms of their own to each exposure, which no step can tell apart.
    single = "pic" not in ds["sensitivity"].dims and not is_of_mean_times(ds)
    dark = [ds[n].values for n in _DARK if n in ds.variables]
    single = single and all(np.unique(values).size <= 1 for values in dark)
    return single and set(ds["counts"].dims) <= set(FRAME)


def is_stored(ds: xr.Dataset) -> bool:
    """Whether a dataset's radiances are those of its counts and of the calibration it holds."""
    return has_terms(ds) and EDITED not in ds.attrs


def is_of_mean_times(ds: xr.Dataset) -> bool:
    """Whether the sensitivity is that at the mean time of each product, without terms."""
    try:
        return "schedule" in (told := arguments(ds)) and told["schedule"] is None
    except ArgumentError:
        return False


def without_schedule(ds: xr.Dataset) -> str:
    """The attribute `calibrate_arguments` of datasets joined of several products."""
    return json.dumps(arguments(ds) | {"schedule": None}, sort_keys=True)


def arguments(ds: xr.Dataset) -> dict[str, Any]:
    """Those of `calibrate`, as far as they concern its results; none if it was not called."""
    if "calibrate_arguments" not in ds.attrs:
        return {}
    try:
        found: dict[str, Any] = json.loads(ds.attrs["calibrate_arguments"])
        missing = {*_ARGUMENTS, "schedule"} - found.keys()
    except (TypeError, ValueError, AttributeError, RecursionError):
        missing = {*_ARGUMENTS, "schedule"}
    if missing:
        raise _not_left(f"it lacks {', '.join(sorted(missing))}")
    limit = found["fill_limit"]
    known = {
        **{key: checks.is_one(found[key], checks.choices(_ARGUMENTS[key])) for key in _ARGUMENTS},
        "schedule": found["schedule"] is None or _is_schedule(found["schedule"]),
    }
    known["fill_limit"] |= checks.is_number(limit) and 0 <= limit < np.inf
    if wrong := sorted(key for key in known if not known[key]):
        raise _not_left(f"it has other values of {', '.join(wrong)}")
    return found


def _not_left(why: str) -> ArgumentError:
    return ArgumentError(
        f"the attribute calibrate_arguments is not what calibrate has left ({why}): call "
        "ds.uvis.calibrate() again"
    )


def _is_schedule(value: Any) -> bool:
    """Whether a value is what `Schedule.plain` gives."""
    try:
        found = Schedule.of(**value)
        return found.plain() == value and found.weights(np.zeros(1)).size > 0
    except (TypeError, ValueError, IndexError, KeyError, AttributeError):
        return False


def term_weights(ds: xr.Dataset) -> np.ndarray:
    """Weights of a calibrated dataset's terms at its exposures, (pic, term)."""
    clock = clock_from_et(framed(ds, "et", ("pic",)).values)
    told = arguments(ds)["schedule"]
    if told is None or len(told["terms"]) != ds.sizes.get("term", 1):
        raise _not_left("it has another number of terms")
    return Schedule.of(**told).weights(clock)


def holds_total(ds: xr.Dataset) -> bool:
    """Whether the bounds of a dataset hold the systematic error too."""
    return arguments(ds).get("errors") == "total"


def single_interval(ds: xr.Dataset) -> Interval:
    """Confidence interval of a dataset's elements: only single counts have another than Garwood."""
    interval: Interval = arguments(ds).get("interval", "garwood")
    single = is_calibrated(ds) and EDITED not in ds.attrs and smoothing_weights(ds).size == 1
    return interval if single else "garwood"


def smoothing_weights(ds: xr.Dataset | xr.DataArray) -> np.ndarray:
    """Weights by which radiances were smoothed, a single 1 if they were not.

    An array of radiances keeps what its dataset may have lost.
    """
    told = [ds.attrs]
    if isinstance(ds, xr.Dataset):
        told += [ds.variables[name].attrs for name in _MEANS if name in ds.variables]
    found = next((attrs[SMOOTHED] for attrs in told if SMOOTHED in attrs), "1")
    try:
        weights = np.array(str(found).split(), float)
    except ValueError:
        weights = np.empty(0)
    if not weights.any() or not np.isfinite(weights).all():
        raise ArgumentError(
            f"the attribute {SMOOTHED} is {checks.shown(found)}, not the weights that smooth has "
            "left, numbers in a text: calibrate and smooth again"
        )
    return weights


def mark_smoothed(ds: xr.Dataset, weights: Sequence[float] | np.ndarray) -> xr.Dataset:
    """A dataset that says that it was smoothed once more."""
    both = np.convolve(smoothing_weights(ds), weights)
    text = " ".join(f"{w:.9g}" for w in both)
    return conventions.apply(setups.with_calibration(ds.assign_attrs({SMOOTHED: text})))


def mark_filled(ds: xr.Dataset, method: str) -> xr.Dataset:
    """A dataset that says that its holes, however wide, were filled."""
    if "calibrate_arguments" not in ds.attrs:
        return ds
    told = arguments(ds) | {"nan_interp": method, "fill_limit": None}
    return setups.with_calibration(
        ds.assign_attrs(calibrate_arguments=json.dumps(told, sort_keys=True))
    )


@dataclass(frozen=True, eq=False)
class Stored:
    """A calibrated dataset's counts and how they become radiances.

    Attributes
    ----------
    ds : Dataset
        With its spectra in one chunk each.
    conversion : Conversion
    """

    ds: xr.Dataset
    conversion: Conversion

    @classmethod
    def of(cls, ds: xr.Dataset) -> Stored:
        """What a dataset holds.

        Raises
        ------
        MissingStepError
            The dataset is not calibrated.
        """
        missing = [name for name in _NEEDED if name not in ds.variables]
        if missing or "calibrate_arguments" not in ds.attrs:
            raise MissingStepError(
                f"the dataset has no {', '.join(missing) or 'attribute calibrate_arguments'}: "
                "call ds.uvis.calibrate() first"
            )
        if not has_terms(ds):
            for name in _DARK:
                scalar(ds, name)
            raise UvisError(
                "the dataset was joined of several observations, or stacked, after calibration: "
                "do this step with each of them before"
            )
        attributes.check_attrs(ds, "radiance", ("channel", "slit", *attributes.WINDOW_ATTRS))
        ds = unsplit(ds, "pixel", "wl", "term")
        return cls(ds, conversion_of(ds))

    def map(
        self,
        function: Callable[..., tuple[np.ndarray, ...]],
        dims: Sequence[Sequence[str]],
        dtypes: Sequence[type],
    ) -> tuple[xr.Variable, ...]:
        """Call `function(counts, weight, exposure, shapes)` block by block of exposures.

        Parameters
        ----------
        function : callable
            Gives arrays whose first dimension is `pic`.
        dims : sequence of sequence of str
            Further dimensions of each.
        dtypes : sequence of type

        Returns
        -------
        tuple of Variable
            Lazy where the counts are.
        """
        ds = self.ds
        counts = framed(ds, "counts")
        product, mean, noise = self.shapes()

        given = [
            apart(counts, "radiances"),
            xr.Variable(("pic", "term"), term_weights(ds)),
            seconds(ds),
            *(product, mean, noise),
        ]
        if not counts.size:
            # dask has no blocks of nothing.
            given = [variable.compute() for variable in given]
        found = xr.apply_ufunc(
            partial(_called, function),
            *given,
            input_core_dims=[["pixel", "wl"], ["term"], [], [], *[["product_", "wl"]] * 2],
            output_core_dims=[list(d) for d in dims],
            dask="parallelized",
            output_dtypes=list(dtypes),
        )
        return found if isinstance(found, tuple) else (found,)

    def around(self, part: slice) -> tuple[Stored, slice]:
        """What the values in a part of the spectra are made of, and where the part is in that."""
        whole = self.conversion.around(part)
        near = Stored(self.ds.isel(wl=whole), self.conversion.within(whole))
        return near, slice(part.start - whole.start, part.stop - whole.start)

    def radiances(self) -> dict[str, xr.Variable]:
        """Radiances and their errors from the counts."""
        dims, types = [("pixel", "wl")] * len(OUTPUTS), [np.float32] * len(OUTPUTS)
        # The blocks of lazy arrays are shared out by dask.
        threads = options.threads() if self.ds["counts"].chunks is None else 1
        work = partial(fast.radiances, conversion=self.conversion, threads=threads)
        planes = self.map(work, dims, types)
        there = self.ds["counts"].dims
        return {name: squeezed(p, there) for name, p in zip(OUTPUTS, planes, strict=True)}

    def light(self) -> tuple[np.ndarray, np.ndarray]:
        """Sensitivities (plane, pixel, wl), and the plane of each exposure (pic,)."""
        return self.conversion.light(term_weights(self.ds))

    def covariances(self) -> tuple[np.ndarray, np.ndarray]:
        """Sum of the covariances of each element with its spectrum, and its variance.

        Returns
        -------
        sums, variances : ndarray, (pixel, wl)
            At equal radiances of all elements, in the same unit; 0 where there is no radiance.
        """
        return self.conversion.covariances(term_weights(self.ds).mean(0))

    def shapes(self) -> tuple[xr.Variable, xr.Variable, xr.Variable]:
        """Product of each exposure; mean spectra of the products and their errors."""
        counts = framed(self.ds, "counts")
        n_pic, n_wl = counts.sizes["pic"], counts.sizes["wl"]
        if not self.conversion.fills:
            flat = xr.Variable(("product_", "wl"), np.ones((1, n_wl)))
            return xr.Variable("pic", np.zeros(n_pic, int)), flat, flat
        product, spectra = mean_spectra(self.ds, counts)
        conversion, weight = self.conversion, term_weights(self.ds)
        rows = [
            xr.apply_ufunc(
                partial(spectrum_of, conversion, weight, exposures),
                xr.Variable(("sum", "pixel", "wl"), sums),
                input_core_dims=[["sum", "pixel", "wl"]],
                output_core_dims=[["moment", "wl"]],
                dask="parallelized",
                dask_gufunc_kwargs={"output_sizes": {"moment": 2}},
                output_dtypes=[float],
            )
            for exposures, sums in spectra
        ]
        both = xr.Variable.concat(rows, "product_")
        mean, noise = both.isel(moment=0), both.isel(moment=1)
        if mean.chunks is not None:
            mean, noise = mean.chunk(product_=-1), noise.chunk(product_=-1)
        return xr.Variable("pic", product), mean, noise


def conversion_of(ds: xr.Dataset) -> Conversion:
    """How the counts of a calibrated dataset become radiances; it need not hold them."""
    sensitivity = framed(ds, "sensitivity", ("term", "pixel", "wl")).values.astype(float)
    # Where it was filled, nothing is made of it.
    relative = np.where(valid_elements(sensitivity), _relative(ds), np.nan)
    return replace(
        rules_of(ds, sensitivity, relative),
        background=scalar(ds, "background"),
        background_error=scalar(ds, "background_error"),
    )


def rules_of(ds: xr.Dataset, sensitivity: np.ndarray, relative: np.ndarray) -> Conversion:
    """A conversion (term, pixel, wl) by the rules of a dataset's calibration, of no background."""
    told = arguments(ds)
    bins, smoothing = Bins.of(ds), smoothing_weights(ds)
    return Conversion(
        sensitivity=sensitivity,
        relative=relative,
        n=bins.lit_pixels.astype(float),
        background=0.0,
        background_error=0.0,
        interval=told["interval"],
        quantization=told["quantization"] and ds.attrs.get("compression") == "SQRT_9",
        summed=int(ds.attrs.get(SUMMED, 1)),
        total=holds_total(ds),
        fill=told["nan_interp"],
        fill_limit=fill_limit_of(ds, told["fill_limit"]),
        smoothing=tuple(smoothing) if smoothing.size > 1 else None,
        wl=np.atleast_1d(ds["wl"].values).astype(float),
        joined=neighbours(np.stack([bins.band, bins.band + bins.n_band], axis=-1)),
    )


def _relative(ds: xr.Dataset) -> np.ndarray:
    """Relative error of the sensitivity, (pixel, wl)."""
    if "pic" not in ds["calibration_error"].dims:
        return framed(ds, "calibration_error", ("pixel", "wl")).values.astype(float)
    # Joined observations of one calibration have it at several times, between which it changes by
    # less than is known of it.
    values = framed(ds, "calibration_error", FRAME).values.astype(float)
    return np.asarray(values.mean(0))


def mean_spectra(
    ds: xr.Dataset, counts: xr.Variable
) -> tuple[np.ndarray, list[tuple[Exposures, Any]]]:
    """Product of each exposure, and of each product what its mean spectrum is made of."""
    product = products.numbers(ds)
    several = Exposures.of_products(product, seconds(ds).values)
    return product, [(exposures, exposures.sums(counts)) for exposures in several]


def seconds(ds: xr.Dataset) -> xr.Variable:
    """Exposure times in double precision, (pic,): files may have them in another."""
    return framed(ds, "exposure", ("pic",)).astype(float)


def spectrum_of(
    conversion: Conversion, weight: np.ndarray, exposures: Exposures, sums: np.ndarray
) -> np.ndarray:
    """Mean spectrum of a product and its standard error, (2, wl), by weights (pic, term)."""
    mean = weight[exposures.place].mean(0)
    sensitivity = np.einsum("t,tpw->pw", mean, conversion.sensitivity)
    return mean_spectrum(sums, exposures, sensitivity, conversion.background * conversion.n)


def _called(
    function: Callable[..., tuple[np.ndarray, ...]],
    counts: np.ndarray,
    weight: np.ndarray,
    exposure: np.ndarray,
    *shapes: np.ndarray,
) -> np.ndarray | tuple[np.ndarray, ...]:
    found = function(counts, weight, exposure, Shapes(*shapes))
    # As xarray expects it.
    return found if len(found) > 1 else found[0]


def smooths(ds: xr.Dataset, smooth: bool | str) -> bool:
    """Whether radiances are smoothed: "auto" where the weights are narrower than the slit's image.

    They are 2.4 elements wide, half way up; the image's width is that of an extended source.
    """
    if smooth != "auto":
        return bool(smooth)
    if ds.attrs["channel"] != "FUV":
        return False
    _, edges = Bins.of(ds).wavelengths(channel(ds.attrs["channel"]))
    return bool(2.4 * np.abs(np.diff(edges)).max() < _slit_image(ds))


def fill_limit_of(ds: xr.Dataset, limit: float | str | None) -> float | None:
    """Widest hole that is filled, angstrom: "auto" is twice the slit's image; None for any."""
    return 2 * _slit_image(ds) if limit == "auto" else None if limit is None else float(limit)


def _slit_image(ds: xr.Dataset) -> float:
    """Width of the slit's image in the spectrum, angstrom."""
    return channel(ds.attrs["channel"]).slits[slit_name(ds.attrs["slit"])].dlambda


def scalar(ds: xr.Dataset, name: str) -> float:
    """A value that all exposures share; 0 if there is none.

    Raises
    ------
    UvisError
        It differs between exposures.
    """
    if name not in ds.variables:
        return 0.0
    # Joined observations still have its dimension.
    values = np.unique(ds[name].values)
    if values.size > 1:
        raise UvisError(
            f"{name} differs between exposures, {values.min():.4g} to {values.max():.4g}, as after "
            "joining observations: do this step with each of them, as in the pipeline of a batch, "
            "and join what it gives"
        )
    return float(values[0]) if values.size else 0.0


def framed(ds: xr.Dataset, name: str, dims: tuple[str, ...] = FRAME) -> xr.Variable:
    """A variable with these dimensions, those that a selection has dropped with size 1.

    Raises
    ------
    ArgumentError
        It has others.
    """
    variable: xr.Variable = ds[name].variable
    other = [str(dim) for dim in variable.dims if dim not in dims]
    if other:
        raise ArgumentError(
            f"{name} has the dimension {', '.join(map(repr, other))} besides {', '.join(dims)}: "
            "keep it as ds.uvis.calibrate() gives it"
        )
    whole = variable.set_dims({d: ds.sizes.get(d, 1) for d in dims})
    framed: xr.Variable = whole.transpose(*dims)
    return framed


def squeezed(variable: xr.Variable, dims: Iterable[Hashable]) -> xr.Variable:
    """Without the dimensions that the dataset's counts do not have."""
    squeezed: xr.Variable = variable.squeeze([d for d in variable.dims if d not in dims])
    return squeezed
