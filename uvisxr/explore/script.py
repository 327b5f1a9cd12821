"""What was done in the viewer, as Python that does it without."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from ..errors import shortened
from .blocks import Block, blocks
from .darkness import error_of, is_subtracted

if TYPE_CHECKING:
    from .sky import Sky
    from .work import Work

#: Blocks in a line.
_IN_A_LINE = 3

_SPECTRA = '''
def spectra(*blocks):
    """Spectra by their positions: exposures from, to; pixels from, to; the ends left out."""
    mask = xr.zeros_like(ds.uvis.flagged().compute())
    for pic, pixel in blocks:
        mask[{"pic": slice(*pic), "pixel": slice(*pixel)}] = True
    return mask
'''


def script(
    source: Sequence[str],
    before: Work,
    now: Work,
    sky: Sky | str,
    ds: xr.Dataset,
    usable: np.ndarray,
) -> str:
    """A script of what was done, or a cell for a notebook where there is no source.

    Parameters
    ----------
    source : sequence of str
        Lines that make `ds`.
    before, now : Work
        At the beginning, and as it is.
    sky : Sky or str
        Whether there is a picture.
    ds : Dataset
        As it was given.
    usable : ndarray of bool, (pic, pixel)
        Spectra without a flag.
    """
    name = _harmless(str(ds.attrs.get("name", ""))) or "an observation"
    head = [f"# {name}, as explored with uvisxr."]
    if not source:
        head += ["# Make `ds` before: the dataset that the viewer was opened with."]
    head += ["import matplotlib.pyplot as plt", "import xarray as xr"]
    lines = [*head, "", "import uvisxr  # gives datasets their .uvis", "", *source]
    flags = _flags(before, now)
    chosen = [(key, mask) for key, mask in _selections(now) if mask.any()]
    if flags or chosen:
        lines += [*([""] if source else []), *_SPECTRA.splitlines(), "", ""]
    lines += flags
    if now.level is not None:
        lines.append(f"ds = ds.uvis.background(level={now.level!r}, error={error_of(ds)!r})")
    for key, mask in chosen:
        lines += _named(key, mask)
    if chosen and not any((mask & usable).any() for _, mask in chosen):
        lines += ["", "# All spectra that are selected have a flag: there is no mean."]
    elif chosen:
        names = ", ".join(key for key, _ in chosen)
        lines += ["", f"bins = ds.uvis.bin(pixels=[{names}])"]
        lines += [*_means(ds), "means.uvis.plot.spectrum()"]
    low, high = now.wl_range
    first, last = now.exposures
    part = "ds" if (first, last) == (0, ds.sizes["pic"] - 1) else "shown"
    lines.append("")
    if part == "shown":
        lines.append(f"shown = ds.isel(pic=slice({first}, {last + 1}))")
    looks = f"cmap={json.dumps(now.cmap)}" + (', norm="log"' if now.log else "")
    if now.limits is not None:
        for end, limit in zip(("vmin", "vmax"), now.limits, strict=True):
            # Below 0, logarithmic colours have none.
            looks += f", {end}={limit!r}" if limit > 0 or not now.log else ""
    lines.append(f"{part}.uvis.plot.evolution(({low!r}, {high!r}), {looks})")
    if not isinstance(sky, str) and "radiance" in ds.data_vars:
        overlap = 'overlap="latest"'
        lines.append(f"{part}.uvis.plot.picture(({low!r}, {high!r}), {overlap}, {looks})")
    lines += ["plt.show()", ""]
    return "\n".join(lines)


def _means(ds: xr.Dataset) -> list[str]:
    """Lines that make mean spectra of `bins`."""
    if "radiance" in ds.data_vars:
        return ["means = bins"]
    if not is_subtracted(ds):
        return ["means = bins.uvis.rate()"]
    # Nobody takes the background off counts that are binned.
    return [
        'held = bins.drop_vars(["background", "background_error"], errors="ignore")',
        'held.attrs.pop("background_method", None)',
        "means = held.uvis.rate()  # with the background, as in the map",
    ]


def _harmless(text: str) -> str:
    """A text for a comment, which ends none, and which no interpreter looks into.

    In the first lines of a file, "coding:" and "coding=" say how Python decodes it.
    """
    plain = "".join(one if one.isprintable() and one not in ":=" else " " for one in text)
    return shortened(" ".join(plain.split()))


def _selections(now: Work) -> list[tuple[str, np.ndarray]]:
    return [("first", now.first), ("second", now.second)]


def _flags(before: Work, now: Work) -> list[str]:
    lines: list[str] = []
    for name in ("star", "user"):
        was, is_now = getattr(before, name), getattr(now, name)
        for step, mask in (("flag", is_now & ~was), ("unflag", was & ~is_now)):
            if mask.any():
                lines += _named("changed", mask)
                lines.append(f'ds = ds.uvis.{step}(changed, "{name}")')
    return lines


def _named(name: str, mask: np.ndarray) -> list[str]:
    """Lines that give a mask a name."""
    found = blocks(mask)
    if len(found) == 1:
        return [f"{name} = spectra({_written(found[0])})"]
    lines = [f"{name} = spectra("]
    for at in range(0, len(found), _IN_A_LINE):
        lines.append(f"    {', '.join(map(_written, found[at : at + _IN_A_LINE]))},")
    return [*lines, ")"]


def _written(block: Block) -> str:
    (a, b), (c, d) = block
    return f"(({a}, {b}), ({c}, {d}))"
