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
    """What a user would write: exposure by exposure, files read before."""
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


def whole(repeat: int = 3) -> None:
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
        compare("calibrate 90x60x1024", lambda: plain_calibrate(ds, folder), ours, repeat)
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

    def plain() -> tuple[np.ndarray, np.ndarray]:
        c = part.astype(float)
        upper = chi2.ppf(1 - poisson.TAIL, 2 * c + 2) / 2 - c
        return upper, c - np.where(c > 0, chi2.ppf(poisson.TAIL, 2 * c) / 2, 0)

    for a, b in zip(plain(), poisson.half_widths(part), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    compare("Poisson bounds, 614,400 counts", plain, lambda: poisson.half_widths(part), 5, 3)
    poisson.tables.cache_clear()
    seconds = best(poisson.tables.__wrapped__, 3)
    print(f"the tables are made once in {seconds:.3f} s")


def filling() -> None:
    rng = np.random.default_rng(4)
    mask = rng.random((60, 1024)) < 0.145
    spectra = rng.random((90, 60, 1024), np.float32)
    spectra[:, mask] = np.nan

    def plain() -> np.ndarray:
        out = spectra.copy()
        for exposure in out:
            for row in exposure:
                bad = np.isnan(row)
                row[bad] = np.interp(_WL[bad], _WL[~bad], row[~bad], left=np.nan, right=np.nan)
        return out

    def ours() -> np.ndarray:
        return along_wl.fill(spectra, _WL)

    np.testing.assert_allclose(plain(), ours(), rtol=1e-6, atol=1e-7)
    compare("NaN fill 90x60x1024, 14.5 % evil", plain, ours, 7, 3)


def main() -> None:
    intervals()
    filling()
    whole()
    loops()


if __name__ == "__main__":
    main()
