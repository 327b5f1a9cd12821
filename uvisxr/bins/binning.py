"""Mean spectra of bins: spectra of like geometry, or groups named by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr
from scipy.sparse import csr_array

from .. import checks
from ..calibration.joined import Joined, warn_of_unknown
from ..calibration.stored import Stored, has_terms, holds_total, single_interval
from ..dataset import conventions, history, single
from ..dataset.bits import QUALITY_FLAGS, QualityFlag
from ..dataset.fields import EPHEMERIS, SIGHTLINE, sightline
from ..errors import ArgumentError, MissingStepError
from ..numerics.sphere import wrap
from ..quality.flags import DIMS, Pixels, is_where, kept, select
from . import statistics
from .edges import Edges
from .members import Members, Shared

if TYPE_CHECKING:
    from .statistics import Array

#: Whether the centre of a pixel decides, or all its corners must lie in the same bin.
BinMode = Literal["center", "all"]

#: Weights of the weighted mean: from the variances that equal spectra would have, or from those
#: that each spectrum's own counts suggest.
Weights = Literal["expected", "observed"]

#: Fields of which bins hold means: those of the spectra, and those of their exposures.
_AVERAGED = {**SIGHTLINE, **{name: field for name, field in EPHEMERIS.items() if field.summary}}

#: What can be averaged.
QUANTITIES = ("radiance", "brightness")

#: Elements of all bins: statistics of some 6 GB.
_MOST = 4e7

#: Bins of the reference package: planetocentric latitude, altitude, local time.
DEFAULT_EDGES: dict[str, tuple[float, ...]] = {
    "lat": tuple(range(-90, 91, 20)),
    "alt": (0, 50, *range(150, 1551, 100), np.inf),
    "lt": (0, 12, 24),
}


@history.step("bin")
def bin(  # noqa: A001 - what users type
    ds: xr.Dataset,
    by: Mapping[str, Sequence[float] | np.ndarray] | None = None,
    pixels: Pixels | Iterable[Pixels] | None = None,
    mode: BinMode = "center",
    exclude: QualityFlag | Iterable[QualityFlag] = tuple(QUALITY_FLAGS),
    weights: Weights = "expected",
) -> xr.Dataset:
    """Average the spectra that lie in the same bin.

    Parameters
    ----------
    ds : Dataset
        With `radiance` or `counts`, or with the `brightness` of `integrate`; of exposures of
        pixels, or along `spectrum`, as of `uvisxr.open_found`.
    by : mapping of str to edges, optional
        Line-of-sight fields and the ascending edges of their bins [a, b); the last bin holds its
        upper edge too. Longitudes, right ascension (degrees) and local time (hours) wrap:
        {"lon": [350, 10, 30]} are two bins. By default latitude -90, -70, ..., 90, altitude
        0, 50, 150, ..., 1550, inf km and local time 0, 12, 24.
    pixels : iterable of groups, optional
        Instead of `by`: each group a list of (pic, pixel) pairs or a boolean DataArray. One list
        of pairs is one group, as is an array of `np.argwhere`; the two arrays of `np.where` are
        refused. A spectrum may be in several. Of spectra along `spectrum`, arrays along it.
    mode : {"center", "all"}
        Whether the centre of a pixel decides, or all its corners must lie in the same bin.
    exclude : str or iterable of str
        Quality flags whose spectra are left out: all by default, `()` for none.
    weights : {"expected", "observed"}
        Of the weighted mean: the inverse of the variances that spectra of one brightness would
        have, which go as exposure times sensitivity, so that the mean is the sum of the counts over
        the sum of these; or 1/sigma^2, sigma half the sum of each spectrum's own bounds, as the
        reference package has it. The latter is biased low: at 0.1, 1 and 10 counts by 64, 54 and
        9 %, since fewer counts have smaller bounds.

    Returns
    -------
    Dataset
        Dims: one `<field>_bin` for each field, or `group`; and `wl`. The bin coordinates hold
        the middles, `<field>_bin_bounds` the edges.

        ======================================= ===============================================
        radiance                                mean of the finite values, kR/angstrom
        radiance_upper, _lower                  its statistical errors: those of the members'
                                                counts
        radiance_std                            standard deviation of the members (ddof 1)
        radiance_stderr                         standard error of the mean from the scatter:
                                                std / (c4(n) sqrt(n))
        radiance_weighted, _upper, _lower       weighted mean, see `weights`, and its errors
        radiance_systematic                     common error of the mean, which does not average
                                                down
        radiance_weighted_systematic            the same of the weighted mean
        radiance_background_error, ...          the part of these that is the background's
        radiance_variance, _per_count, ...      the statistical variance, and what one more count
                                                would add, of either mean: `integrate` needs them
        radiance_n                              finite values in each mean
        radiance_correlation                    how much neighbours along wl have in common, which
                                                `integrate` needs
        brightness, brightness_upper, ...       the same of brightnesses, without wl
        counts, exposure                        sums over the members, count and s
        n                                       members of each bin
        member_pic, member_pixel, member_bin    which spectrum went where; member_bin counts
                                                through the bins in C order, so that
                                                np.unravel_index(member_bin, n.shape) gives the
                                                position along each dim; along `spectrum`, in
                                                place of the first two, member_spectrum
        lines of sight, sc_lon, ...             means of their fields over the members, on the
                                                circle where a field comes round
        ======================================= ===============================================

        Empty bins have n = 0 and NaN; a bin of one spectrum has NaN in std and stderr. Bounds are
        those of weighted sums of counts (`uvisxr.numerics.weighted_sums`), which the bounds of the
        members tell. After calibrate(errors="total") they hold the common error of the mean too.
        The scatter of the brightness of spectra is that of their integrals: integrate first, then
        bin. Lazy arrays stay lazy.

    Raises
    ------
    ArgumentError
        Edges out of order, an unknown field, mode or flag, a spectrum that is not in the dataset,
        or no spectrum in any bin.
    MissingStepError
        A field of the geometry is needed that the dataset does not hold, or it has neither
        radiance nor counts.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> ds = ds.uvis.background(alt_min=2000).uvis.calibrate(files=made.calibration)
    >>> limb = ds.uvis.bin(by={"alt": [0, 500, 1000, 1500, 2000]})
    >>> limb.alt_bin.values
    array([ 250.,  750., 1250., 1750.])
    >>> light = limb.uvis.integrate((1450, 1800)).brightness
    >>> print(*(f"{kilorayleigh:.1f}" for kilorayleigh in light))
    1.4 0.2 0.1 0.0

    Two groups by hand, of two spectra and of three:

    >>> groups = ds.uvis.bin(pixels=[[(5, 30), (5, 31)], [(6, 30), (6, 31), (6, 32)]])
    >>> groups.n.values
    array([2, 3], dtype=int32)
    """
    checks.only_one(by=by, pixels=pixels)
    listed = single.is_list(ds)
    if listed:
        pixels = None if pixels is None else single.masks(ds, pixels)
        ds = single.as_exposures(ds)
    checks.choice("mode", mode, BinMode)
    checks.choice("weights", weights, Weights)
    if not {*QUANTITIES, "counts"} & set(ds.variables):
        raise MissingStepError("neither radiance nor counts to bin: call ds.uvis.calibrate()")
    keep = kept(ds, exclude)
    took: dict[str, Any] = {}
    fields: Mapping[str, Sequence[float] | np.ndarray] = {}
    if pixels is None:
        fields = DEFAULT_EDGES if by is None else by
        coords, shape, spectrum, place = _by_geometry(ds, fields, mode, keep)
    else:
        took["pixels"] = groups = _groups(pixels)
        coords, shape, spectrum, place = _by_hand(ds, groups, keep)
    if not spectrum.size:
        raise ArgumentError(
            f"no spectrum in any bin: of {keep.size}, {keep.sum()} are not flagged"
            + (f"; {_ranges(ds, fields, keep)}" if fields else "")
        )

    n_bins = int(np.prod(shape, dtype=float))
    if n_bins * ds.sizes.get("wl", 1) > _MOST:
        raise ArgumentError(
            f"{n_bins} bins, most of them empty, do not fit into memory: give fewer edges, or the "
            "fields one by one, or integrate before"
        )
    dims = tuple(coords)
    members = Members.of(spectrum, place, n_bins)
    variables = _values(ds, members, dims, shape, weights)
    variables |= _means(ds, members, dims, shape)
    variables["n"] = (dims, members.count.reshape(shape).astype(np.int32))
    variables |= _members(ds, members)
    coordinates = _coordinates(ds, coords)
    for name in (*_AVERAGED, *_BOUNDS):
        if name in variables:
            coordinates[name] = variables.pop(name)
    if listed:
        variables[f"member_{single.DIM}"] = variables.pop("member_pic")
        del variables["member_pixel"]
    attrs = ds.attrs | _coverage(ds, members)
    if body := single.only_body(ds):
        attrs.setdefault("geometry_target", body)
    result = xr.Dataset(variables, coordinates, attrs)
    return history.used(conventions.apply(result), took=took)


def _coverage(ds: xr.Dataset, members: Members) -> dict[str, str]:
    """When the first exposure with a spectrum in a bin began, and the last ended, UTC."""
    pics = np.unique(members.spectrum // ds.sizes["pixel"])
    found = {}
    for end, name in (("start", "time_start"), ("end", "time_stop")):
        if name in ds.variables:
            times = np.broadcast_to(ds[name].values, ds.sizes["pic"])[pics]
            # They may be undecoded; no number follows from them.
            times = times[~np.isnat(times)] if times.dtype.kind == "M" else times[:0]
            if times.size:
                first = times.min() if end == "start" else times.max()
                found[f"time_coverage_{end}"] = f"{np.datetime_as_string(first, 'ms')}Z"
    return found


_BOUNDS = tuple(
    f"{quantity}{name}"
    for quantity in QUANTITIES
    for name in (
        *("_upper", "_lower", "_weighted_upper", "_weighted_lower"),
        *("_variance", "_per_count", "_weighted_variance", "_weighted_per_count"),
        *("_systematic", "_weighted_systematic", "_background_error", "_correlation"),
        *("_weighted_background_error", "_filled"),
    )
)


def _by_geometry(
    ds: xr.Dataset,
    by: Mapping[str, Sequence[float] | np.ndarray],
    mode: BinMode,
    keep: np.ndarray,
) -> tuple[Mapping[str, Edges | None], tuple[int, ...], np.ndarray, np.ndarray]:
    """Coordinates and shape of the bins; spectrum and bin of each member."""
    if not isinstance(by, Mapping) or not by:
        raise checks.refused("by", by, "fields and their edges, such as {'alt': [0, 500, 1000]}")
    edges = {name: Edges(sightline(name, "by").name, values) for name, values in by.items()}
    shape = tuple(len(e) for e in edges.values())
    inside, place = keep.copy(), np.zeros(keep.shape, int)
    for name, edge in edges.items():
        index = _index(ds, name, edge, mode)
        inside &= index >= 0
        place = place * len(edge) + index
    spectrum = np.flatnonzero(inside)
    coords = {f"{name}_bin": edge for name, edge in edges.items()}
    return coords, shape, spectrum, place.ravel()[spectrum]


def _index(ds: xr.Dataset, name: str, edges: Edges, mode: BinMode) -> np.ndarray:
    """Bin of each pixel along one field, int (pic, pixel), -1 for none."""
    if mode == "center":
        return edges.index(_mean(_field(ds, name), edges.period))
    index = edges.index(_field(ds, f"{name}_corners"))
    return np.where((index == index[..., :1]).all(-1), index[..., 0], -1)


def _field(ds: xr.Dataset, name: str) -> np.ndarray:
    """A field as (pic, pixel, ...): corners and samples within an exposure in one last axis."""
    if name not in ds.variables:
        raise MissingStepError(
            f"the dataset has no {name}: {SIGHTLINE[name.removesuffix('_corners')].remedy}"
            + (", or take mode='center'" if name.endswith("_corners") else "")
        )
    variable = ds.variables[name]
    extra = [dim for dim in variable.dims if dim not in DIMS]
    sizes = {dim: ds.sizes[dim] for dim in DIMS}
    values = variable.set_dims(sizes | {dim: ds.sizes[dim] for dim in extra})
    found: np.ndarray = values.transpose(*DIMS, *extra).values
    return found.reshape(*sizes.values(), -1)


def _mean(values: np.ndarray, turn: float | None) -> np.ndarray:
    """Mean over the last axis, on the circle of circumference `turn` if there is one."""
    if values.shape[-1] == 1:
        return values[..., 0]
    if turn is None:
        mean: np.ndarray = values.mean(-1)
        return mean
    angle = values * (2 * np.pi / turn)
    return _angle(np.sin(angle).mean(-1), np.cos(angle).mean(-1), turn)


def _angle(sine: np.ndarray, cosine: np.ndarray, turn: float) -> np.ndarray:
    """Position on a circle, 0 <= position < turn."""
    return wrap(np.arctan2(sine, cosine) * (turn / (2 * np.pi)), turn)


def _groups(pixels: Pixels | Iterable[Pixels]) -> list[Pixels]:
    """The groups, one list of pairs being one group."""
    if isinstance(pixels, xr.DataArray) or is_where(pixels):
        whole: Any = pixels
        return [whole]
    try:
        groups: list[Any] = [] if isinstance(pixels, range) else list(pixels)
    except TypeError:
        groups = []
    if not groups:
        raise checks.refused("pixels", pixels, "groups of (pic, pixel) pairs, at least one")
    single = all(np.ndim(g) == 1 and len(g) == 2 and np.ndim(g[0]) == 0 for g in groups)
    if single:
        return [pixels if isinstance(pixels, np.ndarray) else groups]
    return groups


def _by_hand(
    ds: xr.Dataset, groups: list[Pixels], keep: np.ndarray
) -> tuple[Mapping[str, Edges | None], tuple[int, ...], np.ndarray, np.ndarray]:
    """As `_by_geometry`, for groups of spectra."""
    spectra = []
    for number, group in enumerate(groups):
        try:
            where = select(ds, group)
        except ArgumentError as error:
            raise ArgumentError(f"group {number}: {error}") from None
        flat = np.unique(np.ravel_multi_index(where.T, keep.shape))
        spectra.append(flat[keep.ravel()[flat]])
    place = np.repeat(np.arange(len(groups)), [s.size for s in spectra])
    return {"group": None}, (len(groups),), np.concatenate(spectra), place


def _ranges(ds: xr.Dataset, fields: Iterable[str], keep: np.ndarray) -> str:
    texts = []
    for name in fields:
        values = _field(ds, name)[keep]
        values = values[np.isfinite(values)]
        text = f"{values.min():g} to {values.max():g}" if values.size else "NaN throughout"
        texts.append(f"{name} {text}")
    return ", ".join(texts)


def _values(
    ds: xr.Dataset,
    members: Members,
    dims: tuple[str, ...],
    shape: tuple[int, ...],
    weights: Weights,
) -> dict[str, tuple[Any, ...]]:
    """Statistics of radiances and brightnesses, and sums of the counts."""
    result: dict[str, tuple[Any, ...]] = {}

    def shaped(array: Array, variable: xr.Variable) -> tuple[tuple[str, ...], Array]:
        if "wl" in variable.dims:
            return (*dims, "wl"), array.reshape(*shape, array.shape[-1])
        return dims, array.reshape(shape)

    stored, joined = calibration(ds)
    if stored is None and "radiance" in ds.variables:
        warn_of_unknown(ds, "bin")
    for quantity in [q for q in QUANTITIES if q in ds.variables]:
        variable = ds.variables[quantity]
        found = statistics.statistics(members, measured(ds, quantity, stored, joined, weights))
        result[f"{quantity}_n"] = shaped(found.pop("n").astype(np.int32), variable)
        result[quantity] = shaped(found.pop("mean"), variable)
        result |= {f"{quantity}_{name}": shaped(a, variable) for name, a in found.items()}
    if "radiance" in result and "wl" in ds.variables["radiance"].dims:
        correlation = _correlation(ds, stored, joined, members)
        if correlation is not None:
            result["radiance_correlation"] = shaped(correlation, ds.variables["radiance"])
    if "counts" in ds:
        counts = ds.variables["counts"]
        result["counts"] = shaped(statistics.count_sums(members, _data(counts)), counts)
    return result


def calibration(ds: xr.Dataset) -> tuple[Stored | None, Joined | None]:
    """What a dataset holds of its calibration: of one, or of several that were joined."""
    stored = Stored.of(ds) if has_terms(ds) else None
    joined = Joined.of(ds) if stored is None and "radiance" in ds.variables else None
    return stored, joined


def measured(
    ds: xr.Dataset, quantity: str, stored: Stored | None, joined: Joined | None, weights: Weights
) -> statistics.Measured:
    """A quantity of a dataset (pic, pixel, ...), and what is known of it for its means."""
    return statistics.Measured(
        _arrays(ds, quantity, joined, weights),
        _shared(ds, quantity, stored, joined, weights),
        total=holds_total(ds),
        interval=single_interval(ds) if quantity == "radiance" else "garwood",
    )


def _arrays(
    ds: xr.Dataset, quantity: str, joined: Joined | None, weights: Weights
) -> dict[str, Array]:
    """A quantity, its errors and weights, those that are known, (pic, pixel, wl)."""
    names = {"value": quantity, "upper": f"{quantity}_upper", "lower": f"{quantity}_lower"}
    if not {names["upper"], names["lower"]} <= set(ds.variables):
        del names["upper"], names["lower"]
    if f"{quantity}_systematic" in ds.variables:
        names["systematic"] = f"{quantity}_systematic"
        background = f"{quantity}_background_error"
        if background in ds.variables and "pic" in ds.variables[background].dims:
            names["background"] = background
    found = {key: _data(ds.variables[name]) for key, name in names.items()}
    if joined is not None and quantity == "radiance" and weights == "expected" and "upper" in names:
        seconds = xr.Variable(DIMS, _seconds(ds).astype(np.float32))
        found["weight"] = _data(joined.light() * seconds)
    return found


def _data(variable: xr.Variable) -> Array:
    """A variable as an array (pic, pixel, wl), of size 1 where it has no wavelengths."""
    whole = variable if "wl" in variable.dims else variable.set_dims({"wl": 1, **variable.sizes})
    array: Array = whole.transpose(*DIMS, "wl").data
    return array


def _seconds(ds: xr.Dataset) -> np.ndarray:
    """Exposure time of each spectrum, s, (pic, pixel); 1 where it is not known."""
    sizes = {dim: ds.sizes[dim] for dim in DIMS}
    if "exposure" not in ds.variables:
        return np.ones(tuple(sizes.values()))
    found: np.ndarray = ds.variables["exposure"].set_dims(sizes).values
    return found


def _shared(
    ds: xr.Dataset,
    quantity: str,
    stored: Stored | None,
    joined: Joined | None,
    weights: Weights,
) -> dict[str, Shared]:
    """Weights of a quantity's spectra, and the part of their errors that is the background's."""
    shared = {}
    upper, systematic = f"{quantity}_upper", f"{quantity}_systematic"
    each = joined is not None and quantity == "radiance"
    if weights == "expected" and upper in ds.variables and not each:
        shared["weight"] = _light(ds, quantity, stored)
    background = f"{quantity}_background_error"
    common = background in ds.variables and "pic" not in ds.variables[background].dims
    if common and systematic in ds.variables:
        dims = ("pixel", "wl") if quantity == "radiance" else ("pixel",)
        sizes = {dim: ds.sizes.get(dim, 1) for dim in dims}
        planes = ds.variables[background].set_dims(sizes).transpose(*dims)
        n_pic, n_pixel = ds.sizes["pic"], ds.sizes["pixel"]
        row = np.tile(np.arange(n_pixel), n_pic)
        shared["background"] = Shared(
            planes.values.reshape(n_pixel, -1).astype(np.float32), row, np.ones(row.size)
        )
    return shared


def _light(ds: xr.Dataset, quantity: str, stored: Stored | None) -> Shared:
    """Inverse of the variance that a spectrum of the same brightness as all others would have.

    Where the sensitivity is not known, it goes as the exposure.
    """
    sizes = {dim: ds.sizes[dim] for dim in DIMS}
    seconds = _seconds(ds)
    if quantity == "brightness" and "brightness_per_count" in ds.variables:
        return Shared.along_wl(1 / ds.variables["brightness_per_count"].set_dims(sizes).values)
    if quantity == "brightness" or stored is None:
        return Shared.along_wl(seconds)
    planes, plane = stored.light()
    row = plane[:, None] * sizes["pixel"] + np.arange(sizes["pixel"])
    return Shared(planes.reshape(-1, planes.shape[-1]), row.ravel(), seconds.ravel())


def _correlation(
    ds: xr.Dataset, stored: Stored | None, joined: Joined | None, members: Members
) -> Array | None:
    """How much the errors of neighbours in mean spectra have in common, see the registry."""
    seconds = _seconds(ds)
    if joined is not None:
        sums, variances = map(_data, joined.covariances())
        return statistics.correlation(members, sums, variances, 1 / seconds)
    if stored is None and "radiance_correlation" in ds.variables:
        own = ds.variables["radiance_correlation"]
        known = own.notnull()
        sums, there = _data(own.where(known, 0.0)), _data(known.astype(np.float32))
        return statistics.correlation(members, sums, there, 1 / seconds)
    if stored is None:
        return None
    sums, variances = stored.covariances()
    pixel = members.spectrum % sums.shape[0]
    weight = 1 / seconds.ravel()[members.spectrum]
    share = csr_array((weight, (members.place, pixel)), (members.n_bins, sums.shape[0]))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((share @ sums) / (share @ variances), np.float32)


def _means(
    ds: xr.Dataset, members: Members, dims: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, tuple[Any, ...]]:
    """Means of the fields of each spectrum and its exposure, and the sum of the exposures."""
    result = {}
    matrix = members.matrix(ds.sizes["pic"] * ds.sizes["pixel"])
    for name, field in _AVERAGED.items():
        if name not in ds.variables:
            continue
        turn = field.period
        values = _mean(_field(ds, name), turn).ravel()
        finite = np.isfinite(values)
        values = np.where(finite, values, 0.0)
        n = matrix @ finite.astype(float)
        n = np.where(n > 0, n, np.nan)
        if turn is None:
            mean = (matrix @ values) / n
        else:
            angle = values * (2 * np.pi / turn)
            sine, cosine = (matrix @ (finite * f(angle)) / n for f in (np.sin, np.cos))
            mean = _angle(sine, cosine, turn)
        result[name] = (dims, mean.reshape(shape))
    if "brightness_filled" in ds.variables:
        filled = _field(ds, "brightness_filled").ravel()
        share = (matrix @ filled) / np.where(members.count > 0, members.count, np.nan)
        result["brightness_filled"] = (dims, share.reshape(shape))
    if "exposure" in ds.variables:
        seconds = _field(ds, "exposure").ravel()
        result["exposure"] = (dims, (matrix @ seconds).reshape(shape))
    return result


def _members(ds: xr.Dataset, members: Members) -> dict[str, tuple[Any, ...]]:
    """Names of the members' spectra and the bin of each, in the order of the bins."""
    where = np.unravel_index(members.spectrum, [ds.sizes[dim] for dim in DIMS])
    result = {}
    for dim, at in zip(DIMS, where, strict=True):
        names = ds[dim].values[at] if dim in ds.coords else at
        result[f"member_{dim}"] = ("member", names.astype(np.int32))
    result["member_bin"] = ("member", members.place.astype(np.int32))
    return result


def _coordinates(ds: xr.Dataset, coords: Mapping[str, Edges | None]) -> dict[str, object]:
    """Coordinates of the bins, those of the wavelengths, and the scalar ones."""
    result: dict[str, object] = {
        name: ds.coords[name].variable
        for name in ("wl", "wl_bounds", "band", "background", "background_error")
        if name in ds.coords and set(ds.coords[name].dims) <= {"wl", "bnds"}
    }
    for dim, edges in coords.items():
        if edges is not None:
            result[dim] = (dim, edges.centres)
            result[f"{dim}_bounds"] = ((dim, "bnds"), edges.bounds)
    return result
