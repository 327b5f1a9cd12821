"""Star flags in text files: which spectra a star crossed."""

from __future__ import annotations

from pathlib import Path
from typing import Generic, Literal, TypeVar

import numpy as np
import xarray as xr

from .. import checks
from ..dataset import conventions, history, inputs
from ..dataset.conventions import QUALITY_FLAGS
from ..dataset.forward import method
from ..errors import ArgumentError
from ..files import write_text
from ..quality.flags import DIMS, changed, flags_of, select

_D = TypeVar("_D", bound=xr.Dataset)

#: Meaning of the first and second number on a line.
Columns = Literal["exposure pixel", "pixel exposure"]


@history.step("stars.load")
def load(ds: xr.Dataset, path: str | Path, columns: Columns = "exposure pixel") -> xr.Dataset:
    """Flag the spectra a text file lists as crossed by a star.

    Parameters
    ----------
    ds : Dataset
    path : path
    columns : {"exposure pixel", "pixel exposure"}
        Meaning of the first and second number on a line.

    Returns
    -------
    Dataset
        With the flag `star` added; existing flags are kept.

    Raises
    ------
    ArgumentError
        The file is missing, a line is not two whole numbers or names a spectrum not in the dataset,
        or `columns` is unknown.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> with open("stars.txt", "w") as file:
    ...     print("# exposure | pixel", file=file)
    ...     print("  3          40", file=file)
    ...     print("  4          40", file=file)
    >>> ds = made.open().uvis.stars.load("stars.txt")
    >>> ds.quality[2:6, 40].values.tolist()
    [0, 4, 4, 0]
    """
    order = _order(columns)
    path = Path(path).expanduser()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"cannot read the star file {path}: {error}") from None
    rows = [(i, line.split()) for i, line in enumerate(lines[1:], start=2) if line.strip()]
    pairs = []
    for number, words in rows:
        try:
            first, second = (int(word) for word in words)
            pair = (first, second)[order[0]], (first, second)[order[1]]
            select(ds, [pair])
        except ArgumentError as error:
            raise ArgumentError(
                f"{path}, line {number}: {error} (read as {columns!r}: is the order of the "
                "columns right?)"
            ) from None
        except ValueError:
            raise ArgumentError(
                f"{path}, line {number}: {' '.join(words)!r} is not two whole numbers"
            ) from None
        pairs.append(pair)
    return history.used(conventions.apply(changed(ds, pairs, "star", True)), [path])


def save(ds: xr.Dataset, path: str | Path, columns: Columns = "exposure pixel") -> Path:
    """Write the spectra flagged as crossed by a star.

    Parameters
    ----------
    ds : Dataset
    path : path
        Not that of a file which was loaded: `history` names it.
    columns : {"exposure pixel", "pixel exposure"}
        Meaning of the first and second number on a line; also stated in the header.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        `columns` is unknown.
    ExportError
        The file cannot be written, or is one that the dataset was read from.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.flag([(3, 40), (4, 40)], "star")
    >>> path = ds.uvis.stars.save("stars.txt")
    >>> [line.split() for line in path.read_text().splitlines()[1:]]
    [['3', '40'], ['4', '40']]
    """
    order = _order(columns)
    flags = flags_of(ds)
    where = np.argwhere((flags.values & np.uint8(QUALITY_FLAGS["star"])) != 0)
    pairs = [
        flags.indexes[dim].to_numpy()[at] if dim in flags.indexes else at
        for dim, at in zip(DIMS, where.T, strict=True)
    ]
    rows = np.stack([pairs[order[0]], pairs[order[1]]], axis=1)
    text = f"# {columns.replace(' ', ' | ')}\n"
    text += "".join(f"  {first:<9} {second}\n" for first, second in rows.astype(int))
    return write_text(path, text, inputs.of(ds))


def _order(columns: Columns) -> tuple[int, int]:
    """Column positions of (exposure, pixel); the permutation is its own inverse."""
    checks.choice("columns", columns, Columns)
    return (0, 1) if columns == "exposure pixel" else (1, 0)


class StarFlags(Generic[_D]):
    """Star flags in text files: one header line, then two whole numbers per line.

    `load` adds the flags of a file to those of the dataset, `save` writes them.

    The reference package writes the pixel first under a header that says "exposure | pixel":
    its files need `columns="pixel exposure"`.
    """

    def __init__(self, ds: _D) -> None:
        self._ds = ds

    load = method(load)
    save = method(save, step="stars.save")
