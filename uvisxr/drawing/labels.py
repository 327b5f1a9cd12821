"""Texts that must not lie over one another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.text import Text
from matplotlib.transforms import Bbox

#: Properties of a text at another place: `position`, for annotations the offset in points, and
#: alignments.
Place = Mapping[str, Any]

#: Least room between two texts, screen pixels.
_ROOM = 1.0


class Labels:
    """Texts of some axes, kept apart from one another.

    Where each is on the canvas is asked when it is added: the axes' limits and layout must be
    final.
    """

    def __init__(self, ax: Axes) -> None:
        self._ax = ax
        self._taken: list[Bbox] = []

    def keep(self, artists: Iterable[Artist]) -> None:
        """Take the room of texts and others that stay where they are, whatever is there."""
        for artist in artists:
            box = artist.get_window_extent()
            if np.isfinite(box.get_points()).all():
                self._taken.append(box.padded(_ROOM))

    def avoid(self, areas: np.ndarray) -> None:
        """Take the room of small polygons (n, k, 2), screen pixels."""
        known = areas[np.isfinite(areas).all(axis=(1, 2))]
        self._taken += [
            Bbox([low, high]) for low, high in zip(known.min(1), known.max(1), strict=True)
        ]

    def add(self, texts: Iterable[Text], elsewhere: Sequence[Place] = ()) -> None:
        """Keep each text where it is, or at the first other place that is free, or take it away.

        Parameters
        ----------
        texts : iterable of Text
            The most important first.
        elsewhere : sequence of mapping
            Other places of each.
        """
        for text in texts:
            for place in ({}, *elsewhere):
                text.set(**place)
                if self._is_free(text.get_window_extent()):
                    self.keep([text])
                    break
            else:
                text.remove()

    def _is_free(self, box: Bbox) -> bool:
        points = box.get_points()
        if not np.isfinite(points).all():
            return False
        frame = self._ax.bbox.padded(-_ROOM)
        inside = all(frame.contains(x, y) for x, y in points)
        return inside and not any(box.overlaps(other) for other in self._taken)
