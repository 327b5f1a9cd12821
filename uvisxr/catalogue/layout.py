"""How found spectra are read: those of one set-up of the instrument, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from operator import itemgetter
from typing import Any, Literal
from uuid import uuid4

import numpy as np

from ..instrument.detector import Window
from ..pds3.label import Label
from ..pds3.qube import QubeFile
from .pieces import ELEMENTS, Kind, Part, Piece

#: Whether products are kept apart in pieces: not; each in its own; each in one.
Apart = Literal["no", "products", "whole"]


@dataclass(frozen=True, eq=False)
class Group:
    """Spectra of one set-up of the instrument.

    Attributes
    ----------
    rows : ndarray of int, (spectrum,)
        In the table.
    names : list of str
        Of the products.
    labels : list of Label
    files : list of QubeFile
    of : ndarray of int, (spectrum,)
        Product of each row, among these.
    window : int
    total : ndarray, (spectrum,), optional
        Sums of the counts that the catalogue read, NaN where they are not known.
    """

    rows: np.ndarray
    names: list[str]
    labels: list[Label]
    files: list[QubeFile]
    of: np.ndarray
    window: int
    total: np.ndarray | None = None

    @property
    def area(self) -> Window:
        """The window and its bins."""
        return self.labels[0].windows[self.window]


@dataclass(frozen=True, eq=False)
class Layout:
    """How found spectra are read: in the order of their exposures, piece by piece.

    Attributes
    ----------
    pieces : list of Piece
    sizes : tuple of int
        Spectra in each.
    place : ndarray of int, (spectrum,), optional
        Where the spectra of the table are among those of all pieces, unless in their order.
    """

    pieces: list[Piece]
    sizes: tuple[int, ...]
    place: np.ndarray | None

    @classmethod
    def of(
        cls, group: Group, pic: np.ndarray, pixel: np.ndarray, chunks: int | None, apart: Apart
    ) -> Layout:
        """A layout; `apart` if each product has pieces of its own, or one piece."""
        _, begins, of = np.unique(group.of, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(begins))[of.ravel()]
        # In the order of the table as far as exposures are whole and in order.
        order = np.lexsort((np.arange(pic.size), pic, rank))
        product, exposure = group.of[order], pic[order]
        new = np.ones(order.size, bool)
        new[1:] = (product[1:] != product[:-1]) | (exposure[1:] != exposure[:-1])
        starts = np.append(np.flatnonzero(new), order.size)
        most = max(1, ELEMENTS // max(1, int(np.prod(group.area.shape))))
        cuts = [0]
        used = 0
        for k in range(starts.size - 1):
            begin, end = int(starts[k]), int(starts[k + 1])
            other = apart != "no" and begin and product[begin] != product[begin - 1]
            full = used == most or (chunks is not None and end - cuts[-1] > chunks)
            if begin > cuts[-1] and (other or (full and apart != "whole")):
                cuts.append(begin)
                used = 0
            used += 1
        cuts.append(order.size)
        pieces = [tuple(_parts(group, order[a:b], pic, pixel)) for a, b in pairwise(cuts)]
        same = bool((order == np.arange(order.size)).all())
        return cls(pieces, tuple(np.diff(cuts).tolist()), None if same else np.argsort(order))

    def arrays(
        self, function: Callable[[Piece], list[Any]], kinds: Mapping[str, Kind]
    ) -> dict[str, Any]:
        """Lazy arrays (spectrum, ...), by name, of what a function gives of each piece in turn."""
        import dask.array as da
        from dask.highlevelgraph import HighLevelGraph

        task = f"open_found-{uuid4().hex}"
        # Called without arguments: dask would look for tasks in them.
        made: dict[Any, Any] = {
            (task, k): (partial(function, piece),) for k, piece in enumerate(self.pieces)
        }
        found = {}
        for number, (name, (shape, dtype)) in enumerate(kinds.items()):
            own, rest = f"{task}-{name}", (0,) * len(shape)
            part: dict[Any, Any] = {
                (own, k, *rest): (itemgetter(number), (task, k)) for k in range(len(self.pieces))
            }
            layers: Any = {task: made, own: part}
            graph = HighLevelGraph(layers, {task: set(), own: {task}})
            chunks = (self.sizes, *((n,) for n in shape))
            array: Any = da.Array(graph, own, chunks, dtype=dtype)
            found[name] = array if self.place is None else array[self.place]
        return found

    def ordered(self, values: Sequence[Any]) -> Any:
        """Arrays of each piece as one, in the order of the table; lazy if any of them is."""
        if all(isinstance(one, np.ndarray) for one in values):
            whole: Any = np.concatenate(values)
        else:
            import dask.array as da

            whole = da.concatenate([da.asarray(one) for one in values])
        return whole if self.place is None else whole[self.place]


def _parts(group: Group, rows: np.ndarray, pic: np.ndarray, pixel: np.ndarray) -> Iterator[Part]:
    product = group.of[rows]
    for some in np.split(rows, np.flatnonzero(np.diff(product)) + 1):
        k = int(group.of[some[0]])
        total = None if group.total is None else group.total[some]
        yield Part(group.names[k], group.labels[k], group.files[k], pic[some], pixel[some], total)
