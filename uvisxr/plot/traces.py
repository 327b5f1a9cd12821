"""Which spectra a picture shows, what they are called, and how they are told apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.lines import Line2D

from .. import checks
from ..dataset.conventions import VARIABLES
from ..drawing.colours import colour_bar, ordered
from ..drawing.style import Style
from ..drawing.texts import degrees_of_latitude, edge, unit
from ..errors import ArgumentError
from ..quality import flags as quality_flags

#: Where one spectrum is: the position along each dimension except wl.
Trace = dict[str, int]

#: The most spectra drawn unless they are selected one by one, and the most of those in an order.
_MOST, _MOST_ORDERED = 12, 40

#: Fewer spectra are told apart by a legend even if they have an order.
_FEW = 3

#: Room between a legend and spectra below it, of the height of the axes.
_BELOW = 0.02

#: Lines of spectra that differ in a second dimension.
_STROKES: tuple[Any, ...] = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1.5, 1, 1.5)))


def traces(ds: xr.Dataset, values: xr.DataArray, select: Iterable[Any] | None) -> list[Trace]:
    """Positions of the spectra that are asked for.

    Raises
    ------
    ArgumentError
        A spectrum is not in the dataset, or there are too many and none is selected.
    """
    dims = [str(d) for d in values.dims if d != "wl"]
    sizes = [values.sizes[d] for d in dims]
    if not values.size:
        raise ArgumentError("no spectrum is left to draw: select at least one element of each dim")
    if select is None:
        many = int(np.prod(sizes, dtype=int))
        if many > (_MOST_ORDERED if sum(size > 1 for size in sizes) == 1 else _MOST):
            raise ArgumentError(
                f"{many} spectra are too many for one picture: select some with select="
            )
        return [dict(zip(dims, place, strict=True)) for place in np.ndindex(*sizes)]
    is_one = isinstance(select, Mapping) or _is_pair(select)
    chosen: list[Any] = [select] if is_one else list(select)
    if not chosen:
        raise checks.refused("select", select, "at least one spectrum")
    if all(isinstance(place, Mapping) for place in chosen):
        return [_position(place, dims, values) for place in chosen]
    if set(dims) != set(quality_flags.DIMS):
        raise ArgumentError(
            f"the spectra are over {', '.join(dims)}: select them by mappings such as "
            f"{ {d: 0 for d in dims} }"
        )
    return [{"pic": int(i), "pixel": int(j)} for i, j in quality_flags.select(ds, chosen)]


def _is_pair(select: Any) -> bool:
    return (
        isinstance(select, Sequence)
        and len(select) == 2
        and all(isinstance(v, int | np.integer) for v in select)
    )


def _position(place: Mapping[str, int], dims: list[str], values: xr.DataArray) -> Trace:
    if set(place) != set(dims):
        raise ArgumentError(f"{dict(place)!r} must give a position along {', '.join(dims)}")
    for dim, index in place.items():
        if not 0 <= index < values.sizes[dim]:
            raise ArgumentError(
                f"no {dim} {index}: positions run from 0 to {values.sizes[dim] - 1}"
            )
    return {str(dim): int(index) for dim, index in place.items()}


def named(ds: xr.Dataset, place: Trace) -> str:
    """What a spectrum is called: its exposure and pixel, or the edges of its bin."""
    parts = []
    for dim, index in place.items():
        bounds = ds.get(f"{dim}_bounds")
        if bounds is not None:
            ends = [float(v) for v in bounds.isel({dim: index}).values]
            units = unit(ds[dim].attrs.get("units", ""))
            field = dim.removesuffix("_bin")
            if field == "lat" and np.isfinite(ends).all():
                parts.append(f"lat {degrees_of_latitude(*ends)}")
                continue
            low, high = map(edge, ends)
            space = "" if units == "°" else " "
            parts.append(f"{field} {low} to {high}{space}{units}".rstrip())
        elif dim in ds.coords:
            parts.append(f"{dim} {ds[dim].values[index]}")
        else:
            parts.append(f"{dim} {index}")
    return ", ".join(parts)


def in_common(ds: xr.Dataset, places: list[Trace]) -> str:
    """What all of some spectra have in common, as `named` says it."""
    shared = {d: i for d, i in places[0].items() if all(place[d] == i for place in places)}
    # Those of which one was selected before are no longer dimensions.
    alone = [d for d in quality_flags.DIMS if d in ds.coords and not ds[d].ndim]
    parts = [*(f"{d} {ds[d].item()}" for d in alone), named(ds, shared)]
    return ", ".join(part for part in parts if part)


def _differing(places: list[Trace]) -> list[str]:
    """Dimensions along which spectra lie at different places."""
    return [d for d in places[0] if len({place[d] for place in places}) > 1]


@dataclass(frozen=True)
class Key:
    """How spectra are told apart.

    Attributes
    ----------
    looks : list of dict
        Properties of each one's line.
    bar : ScalarMappable or None
        Colours of those that have an order, along `dim`, with the edges of the steps.
    dim, edges
    legend : list of (str, dict)
        What else is to be said, and with which line.
    """

    looks: list[dict[str, Any]]
    legend: list[tuple[str, dict[str, Any]]]
    bar: ScalarMappable | None = None
    dim: str = ""
    edges: tuple[float, ...] = ()

    @classmethod
    def of(cls, ds: xr.Dataset, places: list[Trace], paper: Any, look: Style) -> Key:
        """Colours along the bins' order, strokes along a second one; or else colours by turns."""
        differ = _differing(places)
        differ.sort(key=lambda d: -len({place[d] for place in places}))
        by_colour = differ[0] if differ else ""
        rest = differ[1:]
        second = sorted({place[rest[0]] for place in places}) if rest else []
        bounds = _bounds(ds, by_colour, places)
        many = len({place[by_colour] for place in places}) if by_colour else 0
        # Of a diagonal, each differs in both from all others.
        is_table = not rest or len(places) > many
        if bounds is None or many < _FEW or not is_table or len(rest) > 1:
            return cls._by_turns(ds, places)
        if len(second) > len(_STROKES):
            return cls._by_turns(ds, places)
        first = min(place[by_colour] for place in places)
        found, bar = ordered(bounds, look["map"]["cmap"], paper)
        if bounds.ndim == 1:
            taken = sorted({place[by_colour] for place in places})
            colours = {index: found[k] for k, index in enumerate(taken)}
            edges: tuple[float, ...] = tuple(bounds)
        else:
            colours = {first + k: one for k, one in enumerate(found)}
            edges = (*bounds[:, 0], bounds[-1, 1])
        strokes = {index: _STROKES[k] for k, index in enumerate(second)}
        looks = [
            {"color": colours[place[by_colour]]}
            | ({"linestyle": strokes[place[rest[0]]]} if rest else {})
            for place in places
        ]
        ink = mpl.rcParams["text.color"]
        legend = [
            (named(ds, {rest[0]: index}), {"color": ink, "linestyle": stroke})
            for index, stroke in strokes.items()
        ]
        return cls(looks, legend, bar, by_colour, edges)

    @classmethod
    def _by_turns(cls, ds: xr.Dataset, places: list[Trace]) -> Key:
        cycle = mpl.rcParams["axes.prop_cycle"].by_key().get("color", ["black"])
        looks = [
            {
                "color": cycle[k % len(cycle)],
                # Some colours are alike in grey.
                "linestyle": _STROKES[k % len(_STROKES)],
            }
            for k in range(len(places))
        ]
        differ = _differing(places)
        texts = [named(ds, {d: place[d] for d in differ}) for place in places]
        return cls(looks, [(t, one) for t, one in zip(texts, looks, strict=True) if t])

    def draw_legend(self, ax: Axes, top: float, above: bool) -> None:
        """Draw the legend, if there are several, below a part of the axes' height.

        Spectra that fill the axes leave no room: for a legend `above` them some is made.
        """
        if len(self.legend) < 2:
            return
        handles = [Line2D([], [], label=text, **one) for text, one in self.legend]
        place = {"handles": handles, "bbox_to_anchor": (0, 0, 1, top)}
        if not above:
            ax.legend(loc="best", **place)
            return
        found = ax.legend(loc="upper center", ncols=len(handles), **place)
        share = found.get_window_extent().height / ax.bbox.height + _BELOW
        if found.get_window_extent().width > ax.bbox.width or share > 0.5 * top:
            found.remove()
            ax.legend(loc="best", **place)
            return
        scale = ax.yaxis.get_transform()
        low, high = scale.transform(np.array(ax.get_ylim()))
        wide = np.array([low, low + (high - low) * top / (top - share)])
        ax.set_ylim(*scale.inverted().transform(wide))

    def draw_bar(self, ax: Axes, ds: xr.Dataset) -> None:
        """Draw the colour bar."""
        if self.bar is not None:
            known = VARIABLES.get(self.dim.removesuffix("_bin"))
            name = known.long_name if known else self.dim.removesuffix("_bin")
            bar = colour_bar(self.bar, ax, name, (known.units or "") if known else "")
            _label(bar, self.edges, self.bar)


def _label(bar: Any, edges: tuple[float, ...], scale: ScalarMappable) -> None:
    """Write edges at the steps of a colour bar, or positions in their middles."""
    places = np.asarray(scale.norm.boundaries)  # type: ignore[attr-defined]
    if len(places) > len(edges):
        places = 0.5 * (places[1:] + places[:-1])
    every = -(-len(edges) // 14)
    bar.set_ticks(list(places[::every]), labels=[edge(v) for v in edges[::every]])
    bar.ax.minorticks_off()


def _bounds(ds: xr.Dataset, dim: str, places: list[Trace]) -> np.ndarray | None:
    """What the spectra along a dimension are of if it has an order: edges, (n, 2), or numbers."""
    if not dim:
        return None
    taken = sorted({place[dim] for place in places})
    edges = ds.get(f"{dim}_bounds")
    if edges is not None:
        found = edges.transpose(dim, ...).values[taken[0] : taken[-1] + 1].astype(float)
        joined = np.array_equal(found[1:, 0], found[:-1, 1]) and (found[:, 1] > found[:, 0]).all()
        return found if joined else None
    if dim not in quality_flags.DIMS:
        return None
    numbers = np.atleast_1d(ds[dim].values)[taken].astype(float)
    return numbers if (np.diff(numbers) > 0).all() else None
