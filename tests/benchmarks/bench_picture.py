"""The image of 69 x 60 footprints against a loop of matplotlib's contains_points; a long film."""

from __future__ import annotations

import resource
import sys
import tempfile
from io import BytesIO
from pathlib import Path as File

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path

sys.path.insert(0, str(File(__file__).parents[1]))

from helpers.flyby import flyby
from timing import best, compare

from uvisxr import image
from uvisxr.instrument.detector import Window
from uvisxr.numerics import compiled, raster
from uvisxr.plot import animation
from uvisxr.plot.picture import picture

_N = 200


def _footprints() -> tuple[np.ndarray, np.ndarray]:
    """69 exposures of 60 pixels, touching each other, in cells of a 200 x 200 grid; values."""
    ds = flyby(n_pic=69, step=1.5e-3)
    polygons = image.footprints(ds).reshape(-1, 4, 2)
    low, high = polygons.min(axis=(0, 1)), polygons.max(axis=(0, 1))
    values = ds.uvis.integrate().brightness.values.ravel()
    return (polygons - low) / (high - low) * _N, values


def _plain(polygons: np.ndarray, values: np.ndarray, boxed: bool = False) -> np.ndarray:
    """Mean of the footprints that hold the middle of each cell; of all cells, or those near."""
    middle = np.arange(_N) + 0.5
    points = np.stack(np.meshgrid(middle, middle), axis=-1)
    total, count = np.zeros((_N, _N)), np.zeros((_N, _N))
    whole = (slice(None), slice(None))
    for polygon, value in zip(polygons, values, strict=True):
        part = whole
        if boxed:
            low = np.maximum(np.floor(polygon.min(axis=0)).astype(int), 0)
            high = np.ceil(polygon.max(axis=0)).astype(int) + 1
            part = (slice(low[1], high[1]), slice(low[0], high[0]))
        near = points[part]
        inside = Path(polygon).contains_points(near.reshape(-1, 2)).reshape(near.shape[:2])
        total[part] += value * inside
        count[part] += inside
    with np.errstate(invalid="ignore"):
        return total / count


def _drawn() -> None:
    """The picture of 1200 exposures, saved, against matplotlib's pcolormesh of as many cells."""
    n = 1200
    ds = flyby(n_pic=n, step=1e-4, window=Window(2, 0, 61, 1023, band_bin=512))
    ds = ds.uvis.integrate()
    values = ds["brightness"].transpose("pixel", "pic").values
    x, y = np.meshgrid(np.arange(n + 1.0), np.arange(len(values) + 1.0))
    # Cells that lie as askew as footprints do.
    x, y = x + 0.3 * y, y - 0.1 * x

    def saved(figure: Figure) -> None:
        figure.savefig(BytesIO(), format="png")
        plt.close(figure)

    def plain() -> None:
        figure, ax = plt.subplots(layout="constrained")
        ax.set_aspect("equal")
        figure.colorbar(ax.pcolormesh(x, y, values))
        saved(figure)

    # The loops of the extra [fast], if it is installed: they come after some other work.
    compiled.loops(compiled.WORTH)
    compare(
        f"picture of {n}x{len(values)} footprints, drawn and saved, against matplotlib's "
        "`pcolormesh` of as many cells",
        plain,
        lambda: saved(picture(ds).figure),
    )


def _film(n: int) -> dict[int, float]:
    """Memory held, MiB, at some frames of a film of n small ones."""
    ds = flyby(n_pic=4, step=4e-3)
    ds = ds.isel(pic=np.arange(n) % 4).assign_coords(pic=np.arange(n))
    small = {"figsize": (2.0, 2.0), "dpi": 50, "bodies": (), "progress": False}
    held, draw = {}, animation.scene.draw

    def watched(ax, stage, index, *rest) -> None:
        draw(ax, stage, index, *rest)
        if index in (50, n // 2, n - 1):
            held[index + 1] = _memory()

    animation.scene.draw = watched
    try:
        with tempfile.TemporaryDirectory() as folder:
            animation.animate(ds, File(folder) / "film.gif", **small)
    finally:
        animation.scene.draw = draw
    return held


def _memory() -> float:
    pages = int(File("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def main() -> None:
    polygons, values = _footprints()
    shape = (_N, _N)
    found, covered = raster.average(polygons, values, shape)
    expected = _plain(polygons, values)
    # Ours are means over cells, the plain ones values at their middles.
    both = np.isfinite(found) & np.isfinite(expected)
    apart = np.abs(found - expected)[both]
    print(
        f"cells with a value: {np.isfinite(found).sum()} ours, {np.isfinite(expected).sum()} "
        f"plain; median difference {np.median(apart):.2g} kR of {np.ptp(values):.3g} kR"
    )
    areas = np.abs(raster.signed_areas(polygons)).sum()
    print(f"covered area / polygon area - 1 = {covered.sum() / areas - 1:.1e}")
    if np.median(apart) > 0.02 * np.ptp(values) or abs(covered.sum() / areas - 1) > 1e-3:
        raise SystemExit("ours and the plain image disagree")
    compare(
        "image of 69x60 footprints on 200x200 cells, against `Path.contains_points` in their boxes",
        lambda: _plain(polygons, values, boxed=True),
        lambda: raster.average(polygons, values, shape),
        seed=lambda: _plain(polygons, values),
    )

    ds = flyby(n_pic=69, step=1.5e-3)
    whole = best(lambda: image.image(ds, nx=_N, ny=_N, exclude=()))
    print(f"image of a dataset, with the integral over wavelength: {whole:.3f} s")

    _drawn()
    for frame, held in _film(1000).items():
        print(f"film of 1000 frames: {held:.0f} MiB held at frame {frame}")


if __name__ == "__main__":
    main()
