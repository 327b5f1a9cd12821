"""How fine the cells of a drawn image are, and which gaps between footprints they show.

Cells as wide as a gap are empty in some rows and not in others, which draws a pattern of the grid,
not of the observation: a gap is either shown all along or closed. Where some of a picture's gaps
must be closed all are, or one part would look covered and the other not; only those stay that are
as wide as where an exposure is missing.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

#: Least and greatest number of cells across that are chosen.
_FEWEST, _MOST = 200, 500

#: Points of a screen per inch.
_SCREEN = 100.0

#: Cells over a gap between exposures from which on it is seen all along, and those over a footprint
#: from which on it fills some for the most part.
_GAP, _FILLS = 1.5, 2.0

#: Cells over a gap up to which it leaves none empty, and the part of a footprint's width from which
#: on it is more than one between exposures.
_NONE, _HOLE = 0.5, 0.5

#: About how many footprints tell how large they are.
_SOME = 500


def point(low: np.ndarray, high: np.ndarray, width: float, height: float) -> float:
    """What a point of a screen shows of a box between two corners, in their unit.

    Width and height are those that it is drawn in, inches.
    """
    across, up = np.abs(high - low) / np.array([width, height])
    return float(max(across, up)) / _SCREEN


def number(polygons: np.ndarray, width: float, point: float) -> int:
    """As many cells across as can be told apart, if there are gaps between exposures to be seen.

    Parameters
    ----------
    polygons : ndarray, (pic, pixel, 4, 2)
        Corners of footprints.
    width, point : float
        That all cells have together, and that a point of the screen has, in their unit.
    """
    some = polygons[:, [0, polygons.shape[1] // 2, -1]]
    if not (_gaps(some)[0] > 0).any():
        return _FEWEST
    return int(np.clip(np.ceil(width / point), _FEWEST, _MOST))


def closed(polygons: np.ndarray, cell: float) -> tuple[np.ndarray, bool]:
    """Footprints, of which those of successive exposures meet if there are too few cells between.

    Parameters
    ----------
    polygons : ndarray, (pic, pixel, 4, 2)
        Corners.
    cell : float
        Side of the cells, in their unit.

    Returns
    -------
    found : ndarray, (pic, pixel, 4, 2)
    closed : bool
        Whether there was any gap to speak of that is none now.
    """
    if not (_gaps(polygons[:, [0, polygons.shape[1] // 2, -1]])[0] > 0).any():
        return polygons, False
    gap, side = _gaps(polygons)
    narrow = (gap > 0) & (gap < _GAP * cell)
    told = bool((narrow & (gap > _NONE * cell)).any())
    if told:
        width = np.linalg.norm(polygons[:, :, 1] - polygons[:, :, 0], axis=-1)
        narrow |= (gap > 0) & (gap < _HOLE * np.fmin(width[1:], width[:-1]))
    # The way to what is not beside is not known.
    more = np.where(narrow[..., None], 0.5 * gap[..., None] * side, 0.0)
    on_right = (np.sum(side * (polygons[:-1, :, 1] - polygons[:-1, :, 0]), axis=-1) > 0)[..., None]
    found = polygons.copy()
    for which, move, ahead in (
        (slice(-1), more, on_right),
        (slice(1, None), -more, ~on_right),
    ):
        found[which][:, :, [1, 2]] += np.where(ahead, move, 0.0)[:, :, None]
        found[which][:, :, [0, 3]] += np.where(ahead, 0.0, move)[:, :, None]
    return found, told


def _gaps(polygons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Width of the gap between each exposure and the next, (pic - 1, pixel), and the way across it.

    NaN where the next is not beside it; negative where they overlap.
    """
    across = polygons[:, :, 1] - polygons[:, :, 0]
    width = np.hypot(across[..., 0], across[..., 1])
    # Of a whole slit, of which these may be some pixels.
    ends = polygons[:, -1, 3] - polygons[:, 0, 0]
    length = np.hypot(ends[:, 0], ends[:, 1])[:-1, None]
    with np.errstate(invalid="ignore"):
        side = (across / width[..., None])[:-1]
    step = np.diff(polygons.mean(axis=2), axis=0)
    over = np.sum(step * side, axis=-1)
    past = np.abs(step[..., 0] * side[..., 1] - step[..., 1] * side[..., 0])
    gap = np.abs(over) - 0.5 * (width[1:] + width[:-1])
    return np.where(past < length, gap, np.nan), np.sign(over)[..., None] * side


def filled(found: xr.DataArray, polygons: np.ndarray) -> xr.DataArray:
    """An image without cells that footprints, (n, 4, 2), cover for the smaller part.

    With them each footprint would be half a cell wider than it is. Of footprints that are no
    larger than cells all count.
    """
    cell = max(float(np.diff(found[name][:2]).max(initial=0.0)) for name in ("x", "y"))
    some = polygons[:: max(1, len(polygons) // _SOME)]
    sides = np.linalg.norm(some - np.roll(some, 1, axis=1), axis=-1)
    if np.median(sides.min(axis=1)) < _FILLS * cell:
        return found
    mostly = found["footprints"] >= 0.5
    return found.where(mostly) if bool((mostly & found.notnull()).any()) else found
