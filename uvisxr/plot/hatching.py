"""Hatching of spectra in maps that are left out or lost, and dots where there are none."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.patches import Patch, Rectangle

from ..dataset.bits import QUALITY_FLAGS
from ..drawing.colours import has_paper
from ..drawing.style import Style
from ..drawing.texts import flagged_for, tied


def rectangles(
    left: np.ndarray, right: np.ndarray, low: np.ndarray, high: np.ndarray
) -> list[np.ndarray]:
    """Corners of rectangles, each (4, 2)."""
    corners = np.stack([left, low, right, low, right, high, left, high], axis=-1)
    return list(corners.reshape(-1, 4, 2))


def hatch(ax: Axes, cells: list[np.ndarray], look: Style) -> None:
    """Hatch cells that are left out or lost."""
    grey = {**look["flagged"], "facecolor": look["no_value"]["color"]}
    ax.add_collection(PolyCollection(cells, gid="left out", **grey), autolim=False)


def dot(
    ax: Axes,
    scale: ScalarMappable,
    look: Style,
    area: Patch | None = None,
    papers: Iterable[Any] = (),
) -> str:
    """Dot the paper under a map, if some value has its colour; what the title says of that.

    Or else an area that has the colours `papers`.
    """
    if not any(has_paper(scale.cmap, paper) for paper in papers or [ax.get_facecolor()[:3]]):
        return ""
    paper = Rectangle((0, 0), 1, 1, transform=ax.transAxes, zorder=0) if area is None else area
    paper.set(gid="no data", in_layout=False, **look["no_data"])
    ax.add_artist(paper)
    return tied("dotted: no data")


def of_table(which: np.ndarray) -> list[np.ndarray]:
    """Cells of a map whose axes are positions of exposures and pixels, of bool (pic, pixel)."""
    pic, pixel = np.nonzero(which)
    return rectangles(pic - 0.5, pic + 0.5, pixel - 0.5, pixel + 0.5)


def why_hatched(flags: np.ndarray, wanted: Container[str] = QUALITY_FLAGS) -> str:
    """What a title says of hatched spectra with these flags; "" if there are none."""
    return tied(f"hatched: {flagged_for(flags, wanted) or 'no value'}") if flags.size else ""
