"""5,400 spectra of 1,024 elements into 9 x 17 x 2 bins, with every statistic."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from scipy.special import gammaln
from timing import compare

from uvisxr.binning import DEFAULT_EDGES, bin_pixels

sys.path.insert(0, str(Path(__file__).parents[1]))
import handmade

PERIODS = {"lon": 360, "lt": 24}
FIELDS = ("lon", "lat", "alt", "sza", "phase", "ems", "lt")


def dataset():
    rng = np.random.default_rng(1)
    ds = handmade.sky(rng, n_pic=90)
    span = {"lon": (0, 360), "lat": (-90, 90), "alt": (-100, 2000), "lt": (0, 24)}
    fields = {name: rng.uniform(*span.get(name, (0, 180)), (90, 60)) for name in FIELDS}
    ds = handmade.located(ds, **fields)
    counts = ds.counts.astype(np.float32)
    return ds.assign(radiance=0.7 * counts).assign_coords(
        radiance_upper=0.7 * np.sqrt(counts + 1),
        radiance_lower=0.7 * np.sqrt(counts + 0.25),
        radiance_systematic=0.1 * counts,
        quality=ds.quality.where(False, 0).astype(np.uint8),
    )


def structured(ds) -> np.ndarray:
    """Line-of-sight fields of centre and corners as the reference keeps them, (pic, pixel, 5)."""
    los = np.empty((*ds.quality.shape, 5), [(name, float) for name in FIELDS])
    for name in FIELDS:
        los[name][..., 0], los[name][..., 1:] = ds[name].values, ds[f"{name}_corners"].values
    return los


def interval(value: float, edges: list[float]) -> int | None:
    for i in range(len(edges) - 1):
        if edges[i] <= value < edges[i + 1]:
            return i
    return None


def circular_mean(values: list[float], period: float) -> float:
    angle = np.asarray(values) * (2 * np.pi / period)
    mean = np.arctan2(np.sin(angle).mean(), np.cos(angle).mean())
    return mean * (period / (2 * np.pi)) % period


def reference(
    arrays: dict[str, np.ndarray], los: np.ndarray, exposure: np.ndarray
) -> dict[str, np.ndarray]:
    """Lists of index pairs filled pixel by pixel, then one stack of spectra a bin."""
    shape = tuple(len(edges) - 1 for edges in DEFAULT_EDGES.values())
    pairs = np.empty(shape, object)
    for index in np.ndindex(shape):
        pairs[index] = []
    n_pic, n_pixel, n_wl = arrays["radiance"].shape
    for i in range(n_pic):
        for j in range(n_pixel):
            index = []
            for name, edges in DEFAULT_EDGES.items():
                found = interval(los[name][i, j, 0], edges)
                if found is None:
                    break
                index.append(found)
            else:
                pairs[tuple(index)].append((i, j))
    keys = ("", "_std", "_stderr", "_upper", "_lower", "_systematic")
    keys += ("_weighted", "_weighted_upper", "_weighted_lower")
    result = {f"radiance{key}": np.full((*shape, n_wl), np.nan) for key in keys}
    result |= {name: np.full(shape, np.nan) for name in FIELDS}
    result |= {"n": np.zeros(shape, int), "exposure": np.zeros(shape)}
    result["counts"] = np.zeros((*shape, n_wl), int)
    for k in np.ndindex(shape):
        members = pairs[k]
        if not members:
            continue
        for name in FIELDS:
            values = [los[i, j, 0][name] for i, j in members]
            if name in PERIODS:
                result[name][k] = circular_mean(values, PERIODS[name])
            else:
                result[name][k] = np.mean(values)
        result["exposure"][k] = sum(exposure[i] for i, _ in members)
        x, upper, lower, common, counts = (
            np.array([arrays[name][i, j, :] for i, j in members]) for name in arrays
        )
        n = result["n"][k] = len(members)
        result["radiance"][k] = x.mean(axis=0)
        if n > 1:
            std = x.std(axis=0, ddof=1)
            c4 = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
            result["radiance_std"][k] = std
            result["radiance_stderr"][k] = std / c4 / np.sqrt(n)
        result["radiance_upper"][k] = np.sqrt(np.square(upper).sum(axis=0)) / n
        result["radiance_lower"][k] = np.sqrt(np.square(lower).sum(axis=0)) / n
        weight = 1 / np.square(0.5 * (upper + lower))
        total = weight.sum(axis=0)
        result["radiance_weighted"][k] = (weight * x).sum(axis=0) / total
        for name, bound in (("upper", upper), ("lower", lower)):
            spread = np.sqrt(np.square(weight * bound).sum(axis=0)) / total
            result[f"radiance_weighted_{name}"][k] = spread
        result["radiance_systematic"][k] = common.mean(axis=0)
        result["counts"][k] = counts.sum(axis=0)
    members = np.array([pair for k in np.ndindex(shape) for pair in pairs[k]])
    result["member_pic"], result["member_pixel"] = members.T
    return result


def main() -> None:
    ds = dataset()
    names = ("radiance", "radiance_upper", "radiance_lower", "radiance_systematic")
    arrays = {name: ds[name].values.astype(float) for name in names}
    arrays["counts"] = ds["counts"].values
    los, exposure = structured(ds), ds["exposure"].values
    ours = bin_pixels(ds)
    for name, values in reference(arrays, los, exposure).items():
        np.testing.assert_allclose(ours[name].values, values, rtol=1e-6, atol=1e-7, err_msg=name)
    compare(
        "5,400 x 1,024 into 9 x 17 x 2 bins, all statistics",
        lambda: reference(arrays, los, exposure),
        lambda: bin_pixels(ds),
        repeat=5,
        plain_repeat=5,
    )
