"""The primary header of a file from a dataset, and what a dataset needs of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .._version import __version__
from ..backplanes.registry import UNKNOWN
from ..errors import ArgumentError
from ..instrument.detector import Window
from ..timescales import clock_from_et, et_to_utc
from . import layout
from .decode import keyword

if TYPE_CHECKING:
    from astropy.io.fits import Header

#: Keyword, beyond the layout, with the dataset's attributes as JSON: by it our files are known.
OURS = "UVISXR"

#: Ticks of the spacecraft clock in a second.
_TICKS = 256

#: Letters of a card with a line of the history, and what begins a card that goes on with one.
_LINE, _MORE = 70, "  "

#: Attributes of labels by keyword.
FROM_LABEL = {"OBS_ID": "observation_id", "MPHASE": "mission_phase_name"}
_ORBIT = ("orbit_number", "revolution_number")


def values(
    ds: xr.Dataset,
    window: Window,
    et: np.ndarray,
    *,
    filename: str,
    complete: bool,
    rule: str,
    slit_angle: float | None,
) -> dict[str, Any]:
    """Values of the keywords that are known, in the order of the layout.

    Parameters
    ----------
    ds : Dataset
    window : Window
    et : ndarray, (pic, instant)
    filename, complete, rule, slit_angle
        As the keywords FILENAME, PIPESTAT, NT_RULE and SLITANGL say.

    Raises
    ------
    ArgumentError
        The exposures are of several products, or of different lengths.
    """
    attrs = ds.attrs
    start, end = float(et.min()), float(et.max())
    clock = clocks(ds, start, end)
    utc = et_to_utc(np.array([start, end])).astype("datetime64[ms]").astype(str)
    wl = ds["wl"].values
    found: dict[str, Any] = {
        "FILENAME": ascii_of(filename),
        "PROD_ID": ascii_of(product_of(ds)),
        "DATE": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "MISSION": "Cassini",
        "INSTRUME": "UVIS",
        "VERSION": layout.VERSION,
        **{key: _text(attrs.get(name)) for key, name in FROM_LABEL.items()},
        "TARGET": _text(attrs.get("target")),
        "ORBNUM": next((_integer(attrs[k]) for k in _ORBIT if k in attrs), None),
        "OBS_ET": start,
        "END_ET": end,
        "OBS_UTC": str(utc[0]),
        "END_UTC": str(utc[1]),
        "OBS_SCLK": _count(clock[0]),
        "END_SCLK": _count(clock[1]),
        "CHANNEL": _text(attrs.get("channel")),
        "IMG_XMIN": window.ul_band,
        "IMG_XMAX": window.lr_band,
        "IMG_YMIN": window.ul_line,
        "IMG_YMAX": window.lr_line,
        "IMG_XBIN": window.band_bin,
        "IMG_YBIN": window.line_bin,
        "INT_TIME": integration(ds),
        "WAVEMIN": float(wl[0]),
        "WAVEMAX": float(wl[-1]),
        "WAVESTEP": float((wl[-1] - wl[0]) / (wl.size - 1)) if wl.size > 1 else None,
        "SLITANGL": slit_angle,
        "UNIT": "kR/Angstrom",
        "NT_RULE": rule,
        "PIPESTAT": layout.COMPLETE if complete else layout.SKELETON,
    }
    return {key: found[key] for key in layout.KEYWORDS if found[key] not in (None, "")}


def integration(ds: xr.Dataset) -> float:
    """The length of the exposures, s.

    Raises
    ------
    ArgumentError
        They have several.
    """
    lengths = np.unique(ds["exposure"].values)
    if lengths.size != 1:
        raise ArgumentError(
            "to_fits: exposures of different lengths, and a file holds those of one product: "
            f"{_APART}"
        )
    return float(lengths[0])


_APART = 'select them, as by ds.isel(pic=ds["product"] == "FUV2005_230_15_15"), and write each'


def product_of(ds: xr.Dataset) -> str:
    """The product of the exposures.

    Raises
    ------
    ArgumentError
        There are several, or none.
    """
    names = [str(name) for name in np.unique(ds["product"].values)]
    if len(names) != 1:
        raise ArgumentError(
            f"to_fits: exposures of {len(names)} products, and a file holds those of one: {_APART}"
        )
    return names[0]


def clocks(ds: xr.Dataset, start: float, end: float) -> tuple[float, float]:
    """Spacecraft clock at the start and the end, s."""
    if "sclk" not in ds.variables or not np.isfinite(ds["sclk"].values).all():
        first, last = clock_from_et(np.array([start, end]))
        return float(first), float(last)
    sclk = np.atleast_1d(ds["sclk"].values)
    return float(sclk.min()), float(sclk.max()) + integration(ds)


def _count(clock: float) -> str:
    """A time of the spacecraft clock as labels write it: partition, seconds, 1/256 s."""
    ticks = round(clock * _TICKS)
    return f"1/{ticks // _TICKS:010d}.{ticks % _TICKS:03d}"


def clock_of(text: str) -> float:
    """Seconds of such a text; NaN if it is none."""
    try:
        seconds, ticks = text.rpartition("/")[2].split(".")
        return int(seconds) + int(ticks) / _TICKS
    except ValueError:
        return float("nan")


def _text(value: Any) -> str | None:
    return None if value is None else ascii_of(str(value))


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | np.integer) else None


def ascii_of(text: str) -> str:
    """A text without what no card holds."""
    plain = text.encode("ascii", "backslashreplace").decode()
    return "".join(c if c.isprintable() else " " for c in plain)


def told(attrs: Mapping[Any, Any], tree: xr.DataTree) -> str:
    """Attributes of a dataset and of a tree as JSON; the dataset's history is apart."""
    own, root = plain(attrs), plain(tree.attrs)
    content = {
        "version": __version__,
        "attrs": {key: value for key, value in own.items() if key != "history"},
        # Most of a tree's are the dataset's, and the history of a node is the tree's.
        "tree": _beside(root, own),
        "nodes": {
            name: _beside(plain(node.attrs), root) | {"blank": _blank(node.to_dataset())}
            for name, node in tree.children.items()
        },
    }
    return json.dumps(content)


def _blank(node: xr.Dataset) -> list[str]:
    """The fields that are unknown everywhere, which a file would not tell from those not there."""
    return [
        str(name)
        for name, field in node.data_vars.items()
        if field.dtype.kind in "fi" and not (field.notnull() & (field != UNKNOWN)).any()
    ]


def _beside(attrs: dict[str, Any], others: dict[str, Any]) -> dict[str, Any]:
    """Attributes that others do not have, and the names of those that they have alike."""
    alike = [key for key, value in attrs.items() if key in others and others[key] == value]
    own = {key: value for key, value in attrs.items() if key not in alike}
    return {"alike": alike, "own": own}


def _joined(told: Any, others: dict[str, Any]) -> dict[str, Any]:
    """The attributes of which `_beside` has told."""
    alike = {str(key): others[key] for key in told["alike"] if key in others}
    return alike | lasting(told["own"])


def plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Attributes as JSON types, without what JSON has no form for."""
    kept = {}
    for key, value in attrs.items():
        listed = value.tolist() if isinstance(value, np.generic | np.ndarray) else value
        try:
            kept[str(key)] = json.loads(json.dumps(listed))
        except (TypeError, ValueError, RecursionError):
            continue
    return kept


@dataclass(frozen=True)
class Told:
    """What `told` said: attributes of the dataset, of the tree, and of its nodes by name.

    And by node the fields that are unknown everywhere.
    """

    dataset: dict[str, Any]
    tree: dict[str, Any]
    nodes: dict[str, dict[str, Any]]
    blank: dict[str, frozenset[str]]


def untold(header: Header) -> Told | None:
    """What `told` said in a file, with the history; None if it is not one of ours."""
    text = keyword(header, OURS, str)
    try:
        content = json.loads(text or "")
        attrs = lasting(content["attrs"])
        history = unfolded(str(line) for line in header.get("HISTORY", []))
        if history:
            attrs["history"] = history
        root = _joined(content["tree"], attrs)
        nodes = {str(name): _joined(of, root) for name, of in content["nodes"].items()}
        blank = {
            str(name): frozenset(map(str, of.get("blank", ())))
            for name, of in content["nodes"].items()
        }
        return Told(attrs, root, nodes, blank)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def lasting(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    """Those of some attributes for which NetCDF has a form, too."""
    return {str(key): value for key, value in attrs.items() if _is_plain(value)}


def _is_plain(value: Any) -> bool:
    """Whether an attribute is one that NetCDF has a form for, too."""
    items = value if isinstance(value, list) else [value]
    return all(isinstance(item, str | int | float) and not isinstance(item, bool) for item in items)


def folded(history: str) -> list[str]:
    """Lines of a history as cards, of which none ends in a blank that a card would lose."""
    cards = []
    for line in history.splitlines():
        rest, begin = ascii_of(line), ""
        while rest:
            cut = len(rest) if len(rest) <= _LINE - len(begin) else _LINE - len(begin)
            while cut > 1 and cut < len(rest) and rest[cut - 1] == " ":
                cut -= 1
            cards.append(begin + rest[:cut])
            rest, begin = rest[cut:], _MORE
    return cards


def unfolded(cards: Iterable[str]) -> str:
    """The history of such cards."""
    lines: list[str] = []
    for card in cards:
        if lines and card.startswith(_MORE):
            lines[-1] += card[len(_MORE) :]
        else:
            lines.append(card)
    return "\n".join(lines)
