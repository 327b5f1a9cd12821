"""5,400 spectra of 1,024 elements into 9 x 17 x 2 bins, with every statistic."""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np
from helpers import handmade
from scipy.special import gammaln
from timing import compare

import uvisxr
from uvisxr.bins import binning
from uvisxr.bins.binning import DEFAULT_EDGES
from uvisxr.numerics import compiled
from uvisxr.quality.flags import good

PERIODS = {"lon": 360, "lt": 24}
FIELDS = ("lon", "lat", "alt", "sza", "phase", "ems", "lt")


def dataset():
    rng = np.random.default_rng(1)
    ds = handmade.sky(rng, n_pic=90)
    span = {"lon": (0, 360), "lat": (-90, 90), "alt": (-100, 2000), "lt": (0, 24)}
    fields = {name: rng.uniform(*span.get(name, (0, 180)), (90, 60)) for name in FIELDS}
    ds = handmade.located(ds, **fields)
    counts = ds.counts.astype(np.float32).drop_attrs()
    return ds.assign(radiance=0.7 * counts).assign_coords(
        radiance_upper=0.7 * np.sqrt(counts + 1),
        radiance_lower=0.7 * np.sqrt(counts + 0.25),
        radiance_systematic=0.1 * counts,
        quality=ds.quality.where(False, 0).astype(np.uint8),
    )


def structured(ds) -> np.ndarray:
    """Line-of-sight fields of centre and corners as Cassini-UPyP keeps them, (pic, pixel, 5)."""
    los = np.empty((*ds.quality.shape, 5), [(name, float) for name in FIELDS])
    for name in FIELDS:
        los[name][..., 0], los[name][..., 1:] = ds[name].values, ds[f"{name}_corners"].values
    return los


def interval(value: float, edges: tuple[float, ...]) -> int | None:
    """Linear search in edges that become an array at each call, as in Cassini-UPyP."""
    edges = np.array(edges)
    if not edges[0] <= value < edges[-1]:
        return None
    return next(i for i in range(len(edges) - 1) if edges[i] <= value < edges[i + 1])


def place(los: np.ndarray, lost: np.ndarray, star: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A list of (pic, pixel) for each bin and its length, filled pixel by pixel."""
    shape = tuple(len(edges) - 1 for edges in DEFAULT_EDGES.values())
    pairs, n = np.empty(shape, object), np.zeros(shape, int)
    for k in np.ndindex(shape):
        pairs[k] = []
    for i, j in np.ndindex(lost.shape):
        if lost[i, j] or star[i, j]:
            continue
        centre = [los[name][i, j, 0] for name in DEFAULT_EDGES]
        index = []
        for value, edges in zip(centre, DEFAULT_EDGES.values(), strict=True):
            found = interval(value, edges)
            if found is None:
                break
            index.append(found)
        else:
            pairs[tuple(index)].append((i, j))
            n[tuple(index)] += 1
    return pairs, n


def circular_mean(values: list[np.ndarray], period: float) -> float:
    angle = np.asarray(values) * (2 * np.pi / period)
    mean = np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())
    return mean * (period / (2 * np.pi)) % period


def field_means(los: np.ndarray, pairs: np.ndarray, periods: dict[str, float]) -> dict:
    """Means over centre and corners of the members, one field of one member at a time."""
    means = np.full(pairs.shape, np.nan, los.dtype)
    for k in np.ndindex(pairs.shape):
        if not pairs[k]:
            continue
        for name in los.dtype.names:
            values = [los[i, j, :][name] for i, j in pairs[k]]
            if name in periods:
                means[k][name] = circular_mean(values, periods[name])
            else:
                means[k][name] = np.mean(values)
    return {name: means[name] for name in los.dtype.names}


def divided(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.divide(a, b, out=np.full(b.shape, np.nan), where=b > 0)


def reference(
    arrays: dict[str, np.ndarray],
    los: np.ndarray,
    lost: np.ndarray,
    star: np.ndarray,
    exposure: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Bins in the manner of Cassini-UPyP (Le Guennic et al. 2026), and its amount of work.

    Copies of all spectra in double precision, as the package holds them, lists of index pairs
    filled pixel by pixel, and for each bin a stack of its radiances and of their bounds, every
    statistic an array operation over the wavelengths. Bounds are half-widths in quadrature, weights
    those of the members' own bounds.

    With `exposure` also what `ds.uvis.bin` gives and the package does not, in the same manner:
    circular means, bounds of the plain mean, systematic errors, sums and the table of members.
    """
    further = exposure is not None
    los = np.copy(los)
    spectra = [np.copy(arrays[f"radiance{key}"]) for key in ("", "_upper", "_lower")]
    pairs, n = place(los, lost, star)
    result = {"n": n, **field_means(los, pairs, PERIODS if further else {})}
    keys = ["", "_std", "_stderr", "_weighted", "_weighted_upper", "_weighted_lower"]
    if further:
        keys += ["_upper", "_lower", "_systematic"]
        result |= {"exposure": np.zeros(n.shape)}
        result |= {"counts": np.zeros((*n.shape, spectra[0].shape[2]), int)}
    result |= {f"radiance{key}": np.full((*n.shape, spectra[0].shape[2]), np.nan) for key in keys}
    for k in np.ndindex(n.shape):
        members = pairs[k]
        if not members:
            continue
        x, upper, lower = (np.array([a[i, j, :] for i, j in members]) for a in spectra)
        size = len(members)
        result["radiance"][k] = x.mean(axis=0)
        if size > 1:
            std = x.std(axis=0, ddof=1)
            c4 = np.sqrt(2 / (size - 1)) * np.exp(gammaln(size / 2) - gammaln((size - 1) / 2))
            result["radiance_std"][k] = std
            result["radiance_stderr"][k] = std / c4 / np.sqrt(size)
        weight = 1 / np.square(0.5 * (upper + lower))
        total = weight.sum(axis=0)
        result["radiance_weighted"][k] = divided((weight * x).sum(axis=0), total)
        for name, bound in (("upper", upper), ("lower", lower)):
            spread = np.sqrt(np.square(weight * bound).sum(axis=0))
            result[f"radiance_weighted_{name}"][k] = divided(spread, total)
        if not further:
            continue
        result["radiance_upper"][k] = np.sqrt(np.square(upper).sum(axis=0)) / size
        result["radiance_lower"][k] = np.sqrt(np.square(lower).sum(axis=0)) / size
        common, counts = (
            np.array([arrays[name][i, j, :] for i, j in members])
            for name in ("radiance_systematic", "counts")
        )
        result["radiance_systematic"][k] = common.mean(axis=0)
        result["counts"][k] = counts.sum(axis=0)
        result["exposure"][k] = sum(exposure[i] for i, _ in members)
    if further:
        members = np.array([pair for k in np.ndindex(n.shape) for pair in pairs[k]])
        result["member_pic"], result["member_pixel"] = members.T
    return result


def in_turn(ds, rounds: int = 9) -> None:
    """Print the least wall and CPU time of one and two threads, all spectra in one bin."""
    taken = {1: [], 2: []}
    for _ in range(rounds):
        for threads, times in taken.items():
            with uvisxr.set_options(threads=threads):
                cpu, wall = time.process_time(), time.perf_counter()
                binning.bin(ds, by={"lat": [-90, 90]})
                times.append((time.perf_counter() - wall, time.process_time() - cpu))
    for threads, times in taken.items():
        wall, cpu = (1e3 * min(column) for column in zip(*times, strict=True))
        print(f"5,400 spectra into one bin, {threads} threads: {wall:.0f} ms, CPU {cpu:.0f} ms")


def main() -> None:
    ds = dataset()
    names = ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic")
    arrays = {name: ds[name].values.astype(float) for name in names}
    arrays["counts"] = ds["counts"].values
    los, exposure = structured(ds), ds["exposure"].values
    lost, star = (~good(ds, flags).values for flags in (("lost", "partial"), "star"))
    ours = binning.bin(ds, weights="observed")
    own = reference(arrays, los, lost, star)
    for found in (own, reference(arrays, los, lost, star, exposure)):
        for name, values in found.items():
            # Plain means of what comes round, and half-widths in quadrature, are other numbers.
            if (found is own and name in PERIODS) or name.endswith(("_upper", "_lower")):
                continue
            np.testing.assert_allclose(
                ours[name].values, values, rtol=1e-6, atol=1e-7, err_msg=name
            )
    worth = compiled.WORTH
    for way, least in {"": 2**60, ", by `[fast]`": 0}.items():
        if not least and find_spec("numba") is None:
            continue
        compiled.WORTH = least
        for title, extra in (("the package's statistics", ()), ("all statistics", (exposure,))):
            with uvisxr.set_options(threads=1):
                compare(
                    f"5,400 spectra into 9x17x2 bins{way}, {title}, against the steps of "
                    "Cassini-UPyP",
                    lambda extra=extra: reference(arrays, los, lost, star, *extra),
                    lambda: binning.bin(ds),
                    repeat=5,
                )
    if find_spec("numba") is not None:
        in_turn(ds)
    compiled.WORTH = worth
