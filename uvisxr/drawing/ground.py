"""What lies beneath the lines of a picture: they are light over the dark, and dark over the light.

A line in one colour is lost somewhere on an image that runs from black to white; a halo around it
draws the eye from the data.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.text import Text

from .style import LUMINANCE, is_dark

#: Colours over light and over dark ground.
INKS = ("#1a1a1a", "#f5f5f5")


@dataclass(frozen=True)
class Ground:
    """An image on paper.

    Attributes
    ----------
    paper : bool
        Whether the paper is dark.
    x, y : ndarray, (columns,) and (rows,)
        Centres of cells, evenly spaced.
    dark : ndarray of bool, (rows, columns)
        Whether the cells are.
    """

    paper: bool
    x: np.ndarray
    y: np.ndarray
    dark: np.ndarray

    @classmethod
    def of(cls, ax: Axes, found: xr.DataArray | None, scale: ScalarMappable | None) -> Ground:
        """The image, if there is one, in its colours on axes."""
        paper = is_dark(ax.get_facecolor()[:3])
        if found is None or scale is None:
            return cls(paper, np.zeros(1), np.zeros(1), np.full((1, 1), paper))
        seen = np.isfinite(found.values)
        rgb = np.asarray(scale.to_rgba(np.ma.masked_invalid(found.values)))[..., :3]
        dark = np.where(seen, rgb @ LUMINANCE <= 0.5, paper)
        return cls(paper, found["x"].values, found["y"].values, dark)

    def under(self, points: np.ndarray) -> np.ndarray:
        """Whether it is dark at points (n, 2), bool (n,)."""
        found = np.full(len(points), self.paper)
        known = np.isfinite(points).all(axis=1)
        places = [
            np.rint((points[known, k] - axis[0]) / (axis[1] - axis[0] if axis.size > 1 else 1.0))
            for k, axis in enumerate((self.x, self.y))
        ]
        inside = (places[0] >= 0) & (places[0] < self.x.size)
        inside &= (places[1] >= 0) & (places[1] < self.y.size)
        column, row = (place[inside].astype(int) for place in places)
        found[np.flatnonzero(known)[inside]] = self.dark[row, column]
        return found

    def runs(self, curve: np.ndarray) -> tuple[list[np.ndarray], list[str]]:
        """Parts of a curve (n, 2), which NaN may break, and the colour of each."""
        known = np.isfinite(curve).all(axis=1)
        # Each step between two points is of the colour at its middle.
        step = known[:-1] & known[1:]
        kind = np.where(step, self.under(0.5 * (curve[:-1] + curve[1:])).astype(int), -1)
        bounds = np.flatnonzero(np.diff(kind)) + 1
        starts, stops = np.append(0, bounds), np.append(bounds, kind.size)
        parts = [(a, b) for a, b in zip(starts, stops, strict=True) if b > a and kind[a] >= 0]
        return [curve[a : b + 1] for a, b in parts], [INKS[kind[a]] for a, _ in parts]

    def draw(
        self,
        ax: Axes,
        curves: Iterable[np.ndarray],
        gid: str,
        look: Mapping[str, Any],
        zorder: float,
    ) -> LineCollection:
        """Draw curves (n, 2), in the colour of `look` if it has one."""
        lines, colors = [], []
        for curve in curves:
            if len(curve) > 1:
                parts, inks = self.runs(curve)
                lines += parts
                colors += inks
        options = {"colors": colors} | {_PLURAL.get(k, k): v for k, v in look.items()}
        # Round ends would close the gaps of dots and dashes.
        drawn = LineCollection(lines, gid=gid, zorder=zorder, capstyle="butt", **options)
        ax.add_collection(drawn, autolim=False)
        return drawn

    def ink(self, text: Text, point: np.ndarray, look: Mapping[str, Any]) -> None:
        """Give a text the colour that is read at a point, with a thin rim of the other."""
        dark = bool(self.under(np.asarray(point, float)[None])[0])
        color = look.get("color", INKS[dark])
        rim = patheffects.withStroke(linewidth=1.6, foreground=INKS[is_dark(color)])
        text.set(color=color, path_effects=[rim])


#: What lines call their properties, and what collections call them.
_PLURAL = {"color": "colors", "linewidth": "linewidths", "linestyle": "linestyles"}
