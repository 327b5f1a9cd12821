"""Calibration against the plain numpy and scipy that a user would write."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator
from scipy.stats import chi2
from timing import best, compare

import uvisxr
from uvisxr.calibration.files import Folder
from uvisxr.calibration.formats import package_lab, read_flat, read_modifier
from uvisxr.calibration.stored import Stored
from uvisxr.instrument.channel import FUV
from uvisxr.instrument.detector import Window
from uvisxr.numerics import along_wl, compiled, poisson
from uvisxr.timescales import clock_from_et

_WL = FUV.wavelength(np.arange(1024))
_KERNEL = np.array([1, 4, 6, 4, 1]) / 16
_ET0, _EXPOSURE = 190_000_000.0, 240.0


def observation(n_pic: int, window: Window) -> xr.Dataset:
    """A dataset as opened, of Poisson counts."""
    bins = window.bins
    wl, edges = bins.wavelengths(FUV)
    shape = (n_pic, *window.shape)
    counts = np.random.default_rng(1).poisson(3.0, shape).astype(np.uint16)
    return xr.Dataset(
        {"counts": (("pic", "pixel", "wl"), counts)},
        coords={
            "wl": wl,
            "wl_bounds": (("wl", "bnds"), edges),
            "band": ("wl", bins.band),
            "line": ("pixel", bins.line),
            "et": ("pic", _ET0 + _EXPOSURE * np.arange(n_pic)),
            "exposure": ("pic", np.full(n_pic, _EXPOSURE)),
        },
        attrs={
            "channel": "FUV",
            "slit": "LOW_RESOLUTION",
            "compression": "SQRT_9",
            **{k: getattr(window, k) for k in ("line_bin", "band_bin", "ul_line", "ul_band")},
            **{k: getattr(window, k) for k in ("lr_line", "lr_band")},
        },
    )


def calibration_folder(folder: Path) -> Path:
    """Flat field, modifiers and trend like the real ones, in their formats but for the trend."""
    rng = np.random.default_rng(2)
    flat = rng.uniform(0.7, 1.4, (64, 1024))
    flat[rng.random(flat.shape) < 0.145] = np.nan
    rows = "\n".join(" ".join(f"{v:.6g}" for v in row) for row in flat)
    (folder / "FLATFIELD_FUV_POSTBURN.txt").write_text(f"FLATFIELD_FUV_POSTBURN\n{rows}\n")
    start = float(clock_from_et(_ET0))
    for k, offset in enumerate((-3e7, 2e7)):
        name = f"FUV_{k}_ff_modifier_{int(start + offset)}.dat"
        rng.uniform(0.9, 1.1, (64, 1024)).astype("<f4").tofile(folder / name)
    return folder


def plain_calibrate(ds: xr.Dataset, folder: Path) -> list[np.ndarray]:
    """What a competent user of numpy writes: bounds from a table by count, constants worked out
    once, holes filled by precomputed weights, smoothing by five shifted sums."""
    flat = read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt") * 1.05
    flat[[2, 61]] = np.where(np.isnan(flat[[2, 61]]), np.nan, 1.0)
    epochs, paths = Folder.choose(folder).modifiers("FUV")
    modifiers = [read_modifier(path) for path in paths]
    lab = package_lab("FUV")
    scale = 0.7794 / 60 / 0.91
    base = PchipInterpolator(lab.wl, lab.sensitivity)(_WL).clip(0) * scale
    relative = PchipInterpolator(lab.wl, lab.error)(_WL).clip(0) * scale
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.where(base > 0, relative / base, 0.0)
    rows, counts = slice(2, 62), ds.counts.values
    inverse_flat = 1 / flat[rows]
    known = np.arange(int(counts.max()) + 1.0)
    upper = chi2.ppf(1 - poisson.TAIL, 2 * known + 2) / 2 - known
    lower = known - np.where(known > 0, chi2.ppf(poisson.TAIL, 2 * known) / 2, 0)
    upper_squared, lower_squared = upper**2, lower**2
    holes = _holes(np.isnan(inverse_flat) | (base <= 0))
    outputs = [np.empty(counts.shape, np.float32) for _ in range(3)]
    for i, t in enumerate(clock_from_et(ds.et.values)):
        x = (t - epochs[0]) / (epochs[1] - epochs[0])
        modifier = modifiers[0][rows] * (1 - x) + modifiers[1][rows] * x
        modifier[59] = 1
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = 1 / (base * modifier * inverse_flat) / float(ds.exposure[i])
        # What becomes infinite is a hole, and will be filled.
        factor[~np.isfinite(factor)] = np.nan
        c = counts[i]
        value = c * factor
        common = (value * relative) ** 2
        squared = factor**2
        planes = (value, upper_squared[c] * squared + common, lower_squared[c] * squared + common)
        for k, plane in enumerate(planes):
            _mend(plane, holes)
            smooth = _smoothed(plane, _KERNEL if k == 0 else _KERNEL**2)
            outputs[k][i] = smooth if k == 0 else np.sqrt(smooth)
    return outputs


def _holes(bad: np.ndarray) -> tuple[np.ndarray, ...]:
    """Rows and columns of holes, their known neighbours, and the weight of the later one."""
    column = np.arange(bad.shape[1])
    before = np.maximum.accumulate(np.where(bad, -1, column), axis=1)
    after = np.minimum.accumulate(np.where(bad, 2000, column)[:, ::-1], axis=1)[:, ::-1]
    row, here = np.nonzero(bad & (before >= 0) & (after < 2000))
    first, last = before[row, here], after[row, here]
    weight = (_WL[here] - _WL[first]) / (_WL[last] - _WL[first])
    beyond = np.nonzero(bad & ((before < 0) | (after == 2000)))
    return row, here, first, last, weight, *beyond


def _mend(plane: np.ndarray, holes: tuple[np.ndarray, ...]) -> None:
    row, here, first, last, weight, *beyond = holes
    plane[row, here] = plane[row, first] * (1 - weight) + plane[row, last] * weight
    plane[tuple(beyond)] = np.nan


def _smoothed(plane: np.ndarray, weights: np.ndarray) -> np.ndarray:
    padded = np.pad(plane, ((0, 0), (2, 2)))
    return sum(w * padded[:, k : k + plane.shape[1]] for k, w in enumerate(weights))


def loop_calibrate(ds: xr.Dataset, folder: Path) -> list[np.ndarray]:
    """Exposure by exposure and row by row, with everything worked out afresh, as in the scripts of
    the team."""
    flat = read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt") * 1.05
    flat[[2, 61]] = np.where(np.isnan(flat[[2, 61]]), np.nan, 1.0)
    epochs, paths = Folder.choose(folder).modifiers("FUV")
    modifiers = [read_modifier(path) for path in paths]
    lab = package_lab("FUV")
    rows, counts = slice(2, 62), ds.counts.values
    scale = 0.7794 / 60 / 0.91
    outputs = [np.full(counts.shape, np.nan, np.float32) for _ in range(3)]
    for i, t in enumerate(clock_from_et(ds.et.values)):
        base = PchipInterpolator(lab.wl, lab.sensitivity)(_WL).clip(0) * scale
        base_error = PchipInterpolator(lab.wl, lab.error)(_WL).clip(0) * scale
        x = (t - epochs[0]) / (epochs[1] - epochs[0])
        modifier = modifiers[0] * (1 - x) + modifiers[1] * x
        modifier[61] = 1
        frame = (modifier / flat)[rows]
        s, ds_ = base * frame, base_error * frame
        with np.errstate(divide="ignore", invalid="ignore"):
            m = np.where(s > 0, 1 / s, np.nan)
            dm = np.where(s > 0, ds_ / s**2, np.nan)
        c, time = counts[i], float(ds.exposure[i])
        upper = chi2.ppf(1 - poisson.TAIL, 2 * c + 2.0) / 2 - c
        lower = c - np.where(c > 0, chi2.ppf(poisson.TAIL, 2.0 * c) / 2, 0)
        rate = c / time
        planes = [
            rate * m,
            (upper / time * m) ** 2 + (rate * dm) ** 2,
            (lower / time * m) ** 2 + (rate * dm) ** 2,
        ]
        for k, (plane, kernel) in enumerate(
            zip(planes, (_KERNEL, _KERNEL**2, _KERNEL**2), strict=True)
        ):
            for j, row in enumerate(plane):
                bad = np.isnan(row)
                row[bad] = np.interp(_WL[bad], _WL[~bad], row[~bad], left=np.nan, right=np.nan)
                row = np.convolve(row, kernel, mode="same")
                outputs[k][i, j] = row if k == 0 else np.sqrt(row)
    return outputs


def whole(repeat: int = 5) -> None:
    window = Window(2, 0, 61, 1023)
    ds = observation(90, window)
    with tempfile.TemporaryDirectory() as name:
        folder = calibration_folder(Path(name))

        def ours() -> xr.Dataset:
            return ds.uvis.calibrate(files=folder, trend=False)

        theirs, result = plain_calibrate(ds, folder), ours()
        # np.convolve takes what lies beyond the ends of a spectrum as 0: compare the rest. Plain
        # half-widths in quadrature are other numbers.
        a, b = (array[..., 50:-8] for array in (theirs[0], result["radiance"].values))
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
        for kind in (loop_calibrate, plain_calibrate):
            for k in range(3):
                a = kind(ds, folder)[k][..., 50:-8]
                np.testing.assert_allclose(a, theirs[k][..., 50:-8], rtol=1e-5, atol=1e-7)
        compare(
            "calibrate 90x60x1024: value, errors from the counts, filling, smoothing",
            lambda: plain_calibrate(ds, folder),
            ours,
            seed=lambda: loop_calibrate(ds, folder),
        )
        seconds = best(ours, repeat)
        arrays = [result[n].values for n in ("radiance", "radiance_upper", "radiance_lower")]

        def write() -> None:
            for k, array in enumerate(arrays):
                array.tofile(Path(name) / f"out{k}")

        written = best(write, repeat)
        print(f"a bare write of the three outputs takes {written:.4f} s, ", end="")
        print(f"{100 * written / seconds:.0f} % of the {seconds:.4f} s of calibrate")


def loops(rounds: int = 7) -> None:
    """The compiled loops beside numpy, in turn, and beside a bare write of three results."""
    cases = {
        "filled, smoothed": {},
        "filled": {"smooth": False},
        "by themselves": {"smooth": False, "nan_interp": None},
    }
    ds = observation(69, Window(2, 0, 61, 1023))
    worth = compiled.WORTH
    with tempfile.TemporaryDirectory() as name:
        folder = calibration_folder(Path(name))
        for case, arguments in cases.items():
            cal = ds.uvis.calibrate(files=folder, trend=False, **arguments)
            stored = Stored.of(cal)

            def write(cal: xr.Dataset = cal) -> None:
                for k, array in enumerate(("radiance", "radiance_upper", "radiance_lower")):
                    cal[array].values.tofile(Path(name) / f"out{k}")

            def calibrate(arguments: dict[str, object] = arguments) -> None:
                ds.uvis.calibrate(files=folder, trend=False, **arguments)

            def radiances(stored: Stored = stored) -> None:
                stored.radiances()

            taken: dict[str, list[tuple[float, float]]] = {}
            for _ in range(rounds):
                for what, function, least, threads in (
                    ("write", write, 0, 1),
                    ("numpy: calibrate", calibrate, 2**60, 1),
                    ("compiled: calibrate", calibrate, 0, 1),
                    ("numpy: radiances alone", radiances, 2**60, 1),
                    ("compiled: radiances alone", radiances, 0, 1),
                    ("compiled: radiances alone, two threads", radiances, 0, 2),
                ):
                    compiled.WORTH = least
                    with uvisxr.set_options(threads=threads):
                        cpu, wall = time.process_time(), time.perf_counter()
                        function()
                        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                    taken.setdefault(what, []).append((cpu, wall))
            compiled.WORTH = worth
            floor = min(taken["write"])[0]
            for what, times in taken.items():
                cpu, wall = (min(column) for column in zip(*times, strict=True))
                print(
                    f"69x60x1024, {case}: {what:<40} {cpu:7.4f} s of CPU, {cpu / floor:5.1f} "
                    f"writes; {wall:7.4f} s"
                )


def intervals() -> None:
    counts = np.random.default_rng(3).poisson(3.0, (90, 60, 1024)).astype(np.uint16)
    part = counts[:10]

    def seed(c: np.ndarray = part) -> tuple[np.ndarray, np.ndarray]:
        c = c.astype(float)
        upper = chi2.ppf(1 - poisson.TAIL, 2 * c + 2) / 2 - c
        return upper, c - np.where(c > 0, chi2.ppf(poisson.TAIL, 2 * c) / 2, 0)

    def plain() -> tuple[np.ndarray, np.ndarray]:
        known, which = np.unique(part, return_inverse=True)
        upper, lower = seed(known)
        return upper[which].reshape(part.shape), lower[which].reshape(part.shape)

    for way in (seed, plain):
        for a, b in zip(way(), poisson.half_widths(part), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    compare(
        "Poisson bounds of 614,400 counts, against `np.unique` and `chi2.ppf`",
        plain,
        lambda: poisson.half_widths(part),
        seed=seed,
    )
    poisson.tables.cache_clear()
    seconds = best(poisson.tables.__wrapped__, 3)
    print(f"the tables are made once in {seconds:.3f} s")


def filling() -> None:
    rng = np.random.default_rng(4)
    mask = rng.random((60, 1024)) < 0.145
    spectra = rng.random((90, 60, 1024), np.float32)
    spectra[:, mask] = np.nan

    def seed() -> np.ndarray:
        out = spectra.copy()
        for exposure in out:
            for row in exposure:
                bad = np.isnan(row)
                row[bad] = np.interp(_WL[bad], _WL[~bad], row[~bad], left=np.nan, right=np.nan)
        return out

    def plain() -> np.ndarray:
        out = spectra.copy()
        row, here, first, last, weight, *_ = _holes(np.isnan(spectra[0]))
        known, later = out[:, row, first], out[:, row, last]
        out[:, row, here] = known + (later - known) * weight.astype(np.float32)
        return out

    def ours() -> np.ndarray:
        return along_wl.fill(spectra, _WL)

    for way in (seed, plain):
        np.testing.assert_allclose(way(), ours(), rtol=1e-5, atol=1e-6)
    compare("holes of 90x60x1024 filled, 14.5 % evil", plain, ours, seed=seed)


def main() -> None:
    intervals()
    filling()
    whole()
    loops()


if __name__ == "__main__":
    main()
