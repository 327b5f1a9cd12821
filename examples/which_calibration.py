"""Which calibration? The same photons calibrated by every choice, as tables in Markdown.

    python examples/which_calibration.py [FOLDER] [--figure PICTURE.png]

FOLDER, or else the variable UVISXR_TEST_DATA, names a folder with the product
`products/FUV2005_230_15_15.LBL`, the rings of Saturn at BAND_BIN 2 (`uvisxr fetch`), and the
calibration files, `calibration/` (`uvisxr calibration fetch`). Without either, the photons are
simulated.

Counts are summed as the instrument does on board. The even exposures measure the response of evil
pixels, the odd ones are calibrated. What the tables mean: docs/howto/calibration.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import uvisxr
from uvisxr.calibration import evil_response
from uvisxr.drawing.style import in_style
from uvisxr.drawing.texts import heading
from uvisxr.errors import UvisWarning
from uvisxr.simulate import Window

#: Ranges compared, angstrom.
RANGES = ((1225, 1500), (1500, 1650), (1650, 1890))

#: Backgrounds taken off, count/s per detector pixel: none, and the users guide's of the date.
BACKGROUNDS = (0.0, 4.5e-4)

#: BAND_BIN and LINE_BIN.
BINNINGS = ((2, 1), (4, 1), (16, 1), (32, 1), (2, 2), (2, 4))

#: Those that stand in one row.
WIDE = (BINNINGS[0], (32, 1))

#: Detector rows compared: those with a flat field of their own, in whole bins.
FIRST_LINE, LAST_LINE = 4, 59

#: Lines of the choices in the picture, told apart in grey too.
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": "C0", "marker": "o"},
    {"color": "C1", "marker": "s", "linestyle": "--"},
    {"color": "C3", "marker": "^", "linestyle": ":"},
    {"color": "C2", "marker": "D", "mfc": "white", "linestyle": "-."},
)

#: The same in all calibrations compared. Smoothing, and the rounding of the compression, which sums
#: no longer have, would only blur the comparison.
SAME = {"recipe": "pds", "smooth": False, "quantization": False}

Calibrate = Callable[[xr.Dataset], xr.Dataset]

#: Ratios by background, choice and binning.
Found = dict[tuple[float, str, tuple[int, int]], list[float]]


@dataclass
class Data:
    """Exposures at BAND_BIN 2, the calibration files, and the archive's matrix if there is one."""

    ds: xr.Dataset
    files: Path
    matrix: Path | None = None

    @classmethod
    def real(cls, folder: Path) -> Data:
        label = folder / "products" / "FUV2005_230_15_15.LBL"
        matrix = label.with_name("FUV2005_230_15_15_CAL_3.LBL")
        ds = uvisxr.open_product(label).load()
        return cls(ds, folder / "calibration", matrix if matrix.exists() else None)

    @classmethod
    def simulated(cls, folder: Path) -> Data:
        made = uvisxr.simulate.observation(
            folder,
            exposures=24,
            exposure=600.0,
            window=Window(0, 0, 63, 1023, band_bin=2),
            background=BACKGROUNDS[1],
            stars=0,
            lost=0,
            partial=0,
        )
        return cls(made.open().load(), made.calibration)


def summed(ds: xr.Dataset, band_bin: int, line_bin: int) -> xr.Dataset:
    """The dataset that the instrument would have made of the same photons with wider bins."""
    k, n = band_bin // ds.attrs["band_bin"], line_bin // ds.attrs["line_bin"]
    pics, pixels, bands = ds.counts.shape
    parts = ds.counts.values.reshape(pics, pixels // n, n, bands // k, k)
    # A bin that lacks a part of its counts lacks them all.
    counts = np.where((parts == 65535).any((2, 4)), 65535, parts.sum((2, 4)))
    bounds = ds.wl_bounds.values.reshape(bands // k, -1)[:, [0, -1]]
    out = ds.isel(pixel=slice(None, None, n), wl=slice(None, None, k))
    return (
        out.assign(counts=(ds.counts.dims, counts.astype(ds.counts.dtype), ds.counts.attrs))
        .assign_coords(
            wl=("wl", bounds.mean(1), ds.wl.attrs),
            wl_bounds=(ds.wl_bounds.dims, bounds, ds.wl_bounds.attrs),
        )
        .assign_attrs(band_bin=band_bin, line_bin=line_bin)
    )


def with_background(ds: xr.Dataset, level: float) -> xr.Dataset:
    """The dataset with a background to be taken off, or without one."""
    found: xr.Dataset = ds.uvis.background(level=level) if level else ds
    return found


def by_the_guide(ds: xr.Dataset, files: Path) -> xr.Dataset:
    """What chapter 4 of the users guide does.

    With bins of more than two columns or rows, the factor between counts and radiance is
    interpolated over the evil pixels of single columns, averaged over each bin and divided by its
    columns; the radiance is multiplied by 1.10.
    """
    if max(ds.attrs["band_bin"], ds.attrs["line_bin"]) <= 2:
        narrow: xr.Dataset = ds.uvis.calibrate(evil_pixels="mask", files=files, **SAME)
        return narrow
    n, first = ds.attrs["band_bin"], int(ds.band[0])
    columns = np.arange(first, first + n * ds.sizes["wl"])
    # The factor follows from the columns; these are the wavelengths of columns, or nearly so.
    low, high = ds.wl_bounds.values[0, 0], ds.wl_bounds.values[-1, 1]
    single = (
        ds.isel(wl=np.repeat(np.arange(ds.sizes["wl"]), n))
        .drop_vars("wl_bounds")
        .assign_coords(band=("wl", columns), wl=np.linspace(low, high, columns.size))
        .assign_attrs(band_bin=1)
    )
    found = single.uvis.calibration_factor(recipe="pds", evil_pixels="mask", files=files)
    single_factor = found.calibration_factor.astype(float).interpolate_na("wl")
    factor = single_factor.coarsen(wl=n).mean() / n
    dark = float(ds.get("background", 0.0)) * n * ds.attrs["line_bin"]
    rate = ds.counts.where(ds.counts < 65535) / ds.exposure - dark
    return ds.assign(radiance=rate * factor.values * 1.10)


def choices(files: Path, table: xr.Dataset) -> dict[str, Calibrate]:
    """Calibrations by the names in the tables."""

    def choice(evil_pixels: str, evil_response: xr.Dataset | None = None) -> Calibrate:
        def calibrate(ds: xr.Dataset) -> xr.Dataset:
            found: xr.Dataset = ds.uvis.calibrate(
                evil_pixels=evil_pixels, evil_response=evil_response, files=files, **SAME
            )
            return found

        return calibrate

    return {
        '`"mask"`': choice("mask"),
        '`"auto"`, the default': choice("auto"),
        '`"auto"`, own table': choice("auto", table),
        '`"interpolate"`': choice("interpolate"),
        "users guide": lambda ds: by_the_guide(ds, files),
    }


def light(ds: xr.Dataset, first: np.ndarray) -> np.ndarray:
    """Brightness between each of the detector columns `first` and the next, mean exposure and row.

    NaN where not every element is known from at least one row.
    """
    rows = (ds.line >= FIRST_LINE) & (ds.line + ds.attrs["line_bin"] - 1 <= LAST_LINE)
    spectrum = ds.radiance.mean("pic").where(rows).mean("pixel")
    width = ds.wl_bounds.diff("bnds").squeeze("bnds").values
    found: np.ndarray = np.add.reduceat(
        spectrum.values.astype(float) * width, np.searchsorted(ds.band.values, first)
    )
    return found


def inside(ds: xr.Dataset, limits: tuple[float, float]) -> np.ndarray:
    """Elements that lie within a range, bool (wl,)."""
    low, high = ds.wl_bounds.values.T
    return np.asarray((low >= limits[0]) & (high <= limits[1]))


def ratios(ds: xr.Dataset, reference: xr.Dataset) -> list[float]:
    """Brightness over that of the reference, in each range."""
    first = ds.band.values
    one, other = light(ds, first), light(reference, first)
    return [float(one[part].sum() / other[part].sum()) for part in (inside(ds, r) for r in RANGES)]


def markdown(head: Iterable[str], rows: Iterable[Iterable[str | float]]) -> str:
    """A table; what is unknown has a dash."""

    def cell(value: str | float) -> str:
        if isinstance(value, str):
            return value
        return "–" if np.isnan(value) else f"{value:.3f}"

    lines = [list(head), *([cell(v) for v in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compare(data: Data) -> tuple[Found, dict[float, xr.Dataset]]:
    """The ratios, and the table of the response measured with each background."""
    found: Found = {}
    tables = {}
    for level in BACKGROUNDS:
        ds = with_background(data.ds, level)
        even, odd = (ds.isel(pic=slice(start, None, 2)) for start in (0, 1))
        tables[level] = evil_response(even, files=data.files)
        coarse = {binning: summed(odd, *binning) for binning in BINNINGS}
        reference = None
        for name, calibrate in choices(data.files, tables[level]).items():
            for binning, counts in coarse.items():
                one = calibrate(counts)
                reference = one if reference is None else reference
                found[level, name, binning] = ratios(one, reference)
    return found, tables


def recipes(data: Data) -> list[list[str | float]]:
    """Rows: brightness by each recipe over that by "pds", at BAND_BIN 2."""
    same = {"evil_pixels": "mask", "files": data.files} | SAME
    changes: dict[str, dict[str, object]] = {
        '`"upyp"`': {"recipe": "upyp"},
        '`"upyp"`, `wl_interp="linear"`': {"recipe": "upyp", "wl_interp": "linear"},
        '`"pds"`, `trend="evolution"`': {"trend": "evolution"},
        "the archive's matrix": {"files": data.matrix},
    }
    if data.matrix is None:
        for name in list(changes)[2:]:
            del changes[name]
    reference = data.ds.uvis.calibrate(**same)
    return [
        [name, *ratios(data.ds.uvis.calibrate(**(same | change)), reference)]
        for name, change in changes.items()
    ]


def tools(data: Data) -> list[list[str | float]]:
    """Rows: brightness by each tool over that by the package's defaults, in the same bins."""
    ds = with_background(data.ds, BACKGROUNDS[1])

    def choice(**arguments: object) -> Calibrate:
        def calibrate(ds: xr.Dataset) -> xr.Dataset:
            found: xr.Dataset = ds.uvis.calibrate(**({"files": data.files} | SAME | arguments))
            return found

        return calibrate

    default = choice(recipe="upyp")
    others = {
        "Cassini-UPyP": choice(recipe="upyp", evil_pixels="mask"),
        "IDL cube generator": choice(evil_pixels="mask"),
        "users guide": lambda ds: by_the_guide(ds, data.files),
        "uvisaurorae": choice(evil_pixels="interpolate"),
    }
    rows: list[list[str | float]] = []
    for name, calibrate in others.items():
        rows.append([name])
        for binning in WIDE:
            counts = summed(ds, *binning)
            rows[-1] += ratios(calibrate(counts), default(counts))
    if data.matrix is not None:
        archive = ratios(choice(files=data.matrix, evil_pixels="mask")(ds), default(ds))
        rows.append(["archive's matrix CAL_3", *archive, *[np.nan] * len(RANGES)])
    return rows


@in_style()
def picture(data: Data, tables: dict[float, xr.Dataset], path: Path) -> None:
    """Response of evil pixels, and what becomes of the spectrum at BAND_BIN 32."""
    figure, axes = plt.subplot_mosaic(
        [["response", "response"], [*BACKGROUNDS]], figsize=(9, 6.8), layout="constrained"
    )
    figure.suptitle(heading(data.ds))
    top = axes["response"]
    # On either side of their wavelength, so that neither hides the other.
    sides = ((-3, "left", {"marker": "o", "mfc": "white"}), (3, "right", {"marker": "s"}))
    for (level, table), (shift, side, mark) in zip(tables.items(), sides, strict=True):
        kept = table.sel(band=table.wl > RANGES[0][0])
        top.errorbar(
            kept.wl + shift,
            kept.response,
            kept.response_error,
            color="k",
            linestyle="none",
            markersize=4,
            linewidth=0.9,
            label=f"Background taken off: {level_name(level)} (drawn 3 Å to the {side})",
            **mark,
        )
    top.axhline(0.38, color="0.7", zorder=0, label="0.38: 15 % of the pixels, and a factor of 0.91")
    top.set(xlabel="Wavelength (Å)", ylabel="Response of evil pixels", ylim=(-0.4, 0.6))
    top.legend(loc="lower right")
    for level, table in tables.items():
        odd = with_background(data.ds, level).isel(pic=slice(1, None, 2))
        coarse = summed(odd, 32, 1)
        part = inside(coarse, (RANGES[0][0], RANGES[-1][1]))
        first, wl = coarse.band.values, coarse.wl[part]
        axis = axes[level]
        with_mask, *others = choices(data.files, table).items()
        reference = light(with_mask[1](odd), first)
        for (name, calibrate), look in zip(others, LOOKS, strict=True):
            ratio = light(calibrate(coarse), first) / reference
            name = name.replace("`", "")
            label = name[:1].upper() + name[1:]
            axis.plot(wl, ratio[part], label=label, markersize=4.5, **look)
        axis.axhline(1, color="0.7", zorder=0)
        axis.set(xlabel="Wavelength (Å)", title=f"Background taken off: {level_name(level)}")
    left, right = (axes[level] for level in BACKGROUNDS)
    left.sharey(right)
    left.set_ylabel('BAND_BIN 32 over\nBAND_BIN 2 with "mask"')
    handles, labels = right.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def bins(band_bin: int, line_bin: int) -> str:
    """What a binning is called."""
    return f"BAND_BIN {band_bin}" if line_bin == 1 else f"LINE_BIN {line_bin}"


def level_name(level: float) -> str:
    """What a background is called."""
    return f"{level:.1e} count/s".replace("e-0", "e-") if level else "none"


def main(arguments: list[str] | None = None) -> None:
    """Print the tables, and draw the picture if one is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = os.environ.get("UVISXR_TEST_DATA")
    parser.add_argument("folder", nargs="?", type=Path, default=folder and Path(folder))
    parser.add_argument("--figure", type=Path)
    given = parser.parse_args(arguments)
    if given.folder is None:
        print("Without real data: these photons are simulated.\n")
    elif not (given.folder / "products").is_dir() or not (given.folder / "calibration").is_dir():
        parser.error(f"{given.folder} has no folders products/ and calibration/")
    with tempfile.TemporaryDirectory(prefix="uvisxr-") as temporary, warnings.catch_warnings():
        # "mask" leaves nothing of wide bins: the tables show it.
        warnings.filterwarnings("ignore", "only .* hold evil", UvisWarning)
        data = Data.real(given.folder) if given.folder else Data.simulated(Path(temporary) / "sim")
        found, tables = compare(data)
        ranges = [f"{low}–{high} Å" for low, high in RANGES]
        titles = [f"{bins(*binning)}, {r}" for binning in WIDE for r in ranges]
        rows: list[list[str | float]] = [
            [level_name(level), name, *(v for one in WIDE for v in found[level, name, one])]
            for level, name, binning in found
            if binning == WIDE[0]
        ]
        print('Brightness over that with "mask" at BAND_BIN 2\n')
        print(markdown(["background", "`evil_pixels`", *titles], rows))
        rows = [
            [level_name(level), name, bins(*binning), *values]
            for (level, name, binning), values in found.items()
            if binning not in WIDE
        ]
        print("\nThe same in other bins\n")
        print(markdown(["background", "`evil_pixels`", "bins", *ranges], rows))
        print('\nBrightness over that of recipe "pds", BAND_BIN 2\n')
        print(markdown(["recipe", *ranges], recipes(data)))
        print(
            f"\nBrightness over that by uvisxr's defaults, {level_name(BACKGROUNDS[1])} taken off\n"
        )
        print(markdown(["tool", *titles], tools(data)))
        if given.figure is not None:
            picture(data, tables, given.figure)


if __name__ == "__main__":
    main()
