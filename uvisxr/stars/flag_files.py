"""Star flags in text files: which spectra a star crossed."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, Literal, TypeVar, get_args

import numpy as np
import xarray as xr

from .. import calls, checks
from ..dataset import conventions, history, inputs
from ..dataset.bits import QUALITY_FLAGS
from ..dataset.forward import method
from ..errors import ArgumentError
from ..files import check_target, opened, read_whole, refuse_foreign, write_text
from ..quality.flags import DIMS, changed, flags_of, select

_T = TypeVar("_T")
_D = TypeVar("_D", bound=xr.Dataset)

#: Meaning of the first and second number on a line.
Columns = Literal["exposure pixel", "pixel exposure"]

#: Beginning of the one line above the rows; the columns follow.
_HEADER = "# uvisxr star flags:"

#: Words that name columns.
_NAMES = [re.compile(rf"\b({name})s?\b", re.IGNORECASE) for name in ("exposure|pic", "pixel")]

_NUMBER = re.compile(r"\d")

#: What lies between the two numbers of a line: blanks, tabs, or one comma or semicolon.
_BETWEEN = re.compile(r"\s*[,;]\s*|\s+")

#: A line without values, as spreadsheets write one.
_NOTHING = re.compile(r"[\s,;]*")

#: Longest file, in bytes.
MOST = 2**24

#: Bytes of a first line that are read to know it.
_LONGEST = 80


@history.step("stars.load")
def load(ds: xr.Dataset, path: str | Path, columns: Columns | None = None) -> xr.Dataset:
    """Flag the spectra a text file lists as crossed by a star.

    Parameters
    ----------
    ds : Dataset
    path : path
        Two whole numbers per line, with blanks, a tab, a comma or a semicolon between them; what
        begins with # is a comment. A heading in the first line may do without.
    columns : {"exposure pixel", "pixel exposure"}, optional
        Meaning of the first and second number on a line. By default what the header of `save`
        says, or "exposure pixel" in a file whose comments name no columns. Cassini-UPyP writes the
        pixel first under a header that says "exposure | pixel": such a header is not believed, and
        its files need `columns="pixel exposure"`.

    Returns
    -------
    Dataset
        With the flag `star` added; existing flags are kept.

    Raises
    ------
    ArgumentError
        The file is missing, or one of `save` that was cut short; its header is not one of `save`
        and names columns, and `columns` is not given, or is one of `save` and says otherwise than
        `columns`; a line is not two whole numbers or names a spectrum not in the dataset; or
        `columns` is unknown.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> with open("stars.txt", "w") as file:
    ...     print("# seen by eye", file=file)
    ...     print("3 40", file=file)
    ...     print("4 40", file=file)
    >>> ds = made.open().uvis.stars.load("stars.txt")
    >>> ds.quality[2:6, 40].values.tolist()
    [0, 4, 4, 0]
    """
    checks.choice("columns", columns, Columns | None)
    path = Path(path).expanduser()
    try:
        text = read_whole(path, MOST).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ArgumentError(f"cannot read the star file {path}: {error}") from None
    lines = [
        (i, line)
        for i, line in enumerate(text.splitlines(), start=1)
        if not _NOTHING.fullmatch(line)
    ]
    order: Columns = columns or "exposure pixel"
    if lines and _said(lines[0][1]) and not text.endswith("\n"):
        raise ArgumentError(f"{path}: its last line has no end: it was cut short; save it again")
    rows = []
    for number, line in lines:
        heading = number == lines[0][0] and not _NUMBER.search(line)
        try:
            if heading or _is_comment(line):
                order = _header(ds, line, columns, lines) or order
            else:
                rows.append((number, _row(line, order), order))
        except ArgumentError as error:
            raise ArgumentError(f"{path}, line {number}: {error}") from None
    try:
        found = conventions.apply(changed(ds, [pair for _, pair, _ in rows], "star", True))
    except ArgumentError:
        _find_stranger(ds, path, rows)
        raise
    return history.used(found, [path], took={"columns": order})


@calls.public("stars.save")
def save(
    ds: xr.Dataset,
    path: str | Path,
    columns: Columns = "exposure pixel",
    overwrite: bool | None = None,
) -> Path:
    """Write the spectra flagged as crossed by a star.

    Parameters
    ----------
    ds : Dataset
    path : path
        Not that of a file which was loaded: `history` names it.
    columns : {"exposure pixel", "pixel exposure"}
        Meaning of the first and second number on a line. The header says it, so `load` needs not be
        told. Cassini-UPyP reads files of "pixel exposure".
    overwrite : bool, optional
        Whether an existing file is replaced: by default if it has the header of `save`; True: any;
        False: none.

    Returns
    -------
    Path

    Raises
    ------
    ArgumentError
        `columns` is unknown.
    ExportError
        The file cannot be written, exists and must stay, or is one that the dataset was read from.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.flag([(3, 40), (4, 40)], "star")
    >>> path = ds.uvis.stars.save("stars.txt")
    >>> print(path.read_text(), end="")
    # uvisxr star flags: exposure pixel
      3         40
      4         40
    """
    checks.choice("columns", columns, Columns)
    return write(ds, path, columns, overwrite)


def write(
    ds: xr.Dataset,
    path: str | Path,
    columns: Columns = "exposure pixel",
    overwrite: bool | None = None,
    comments: Sequence[str] = (),
) -> Path:
    """What `save` writes, and comments below it, which `load` passes over."""
    flags = flags_of(ds)
    where = np.argwhere((flags.values & np.uint8(QUALITY_FLAGS["star"])) != 0)
    pairs = [
        flags.indexes[dim].to_numpy()[at] if dim in flags.indexes else at
        for dim, at in zip(DIMS, where.T, strict=True)
    ]
    rows = np.stack(_turned(pairs, columns), axis=1)
    text = f"{_HEADER} {columns}\n"
    text += "".join(f"  {first:<9} {second}\n" for first, second in rows.astype(int))
    text += "".join(f"# {comment}\n" for comment in comments)
    check_target(path, inputs.of(ds))
    refuse_foreign(path, overwrite, _is_ours)
    return write_text(path, text, inputs.of(ds))


def _header(
    ds: xr.Dataset, line: str, columns: Columns | None, lines: Sequence[tuple[int, str]]
) -> Columns | None:
    """The columns that a comment names for the rows after it; None if it does not matter.

    Raises
    ------
    ArgumentError
        It contradicts what the user says, or names columns and is not to be believed.
    """
    said = _said(line)
    if said is not None and columns not in (None, said):
        raise ArgumentError(f"the header says {said!r}, not {columns!r}: leave columns= out")
    if said is None and columns is None and all(name.search(line) for name in _NAMES):
        raise ArgumentError(_ambiguous(ds, line, lines))
    return said


def _row(line: str, order: Columns) -> tuple[int, int]:
    """Exposure and pixel of a line."""
    try:
        return _pair(line, order)
    except ValueError:
        raise ArgumentError(
            f"{' '.join(line.split())!r} is not two whole numbers, such as 3 40, with blanks, a "
            "tab, a comma or a semicolon between them; comments begin with #"
        ) from None


def _find_stranger(
    ds: xr.Dataset, path: Path, rows: Sequence[tuple[int, tuple[int, int], Columns]]
) -> None:
    """Raise at the first line whose spectrum the dataset does not hold."""
    for number, pair, order in rows:
        try:
            select(ds, [pair])
        except ArgumentError as error:
            (other,) = {*get_args(Columns)} - {order}
            raise ArgumentError(
                f"{path}, line {number}: {error} (read as {order!r}: if the columns are the other "
                f'way round, give columns="{other}")'
            ) from None


def _turned(pair: Sequence[_T], columns: Columns) -> Sequence[_T]:
    """From (exposure, pixel) to the order of the columns, or back."""
    return pair if columns == "exposure pixel" else pair[::-1]


def _pair(line: str, columns: Columns) -> tuple[int, int]:
    """Exposure and pixel of a line; ValueError if it is not two whole numbers."""
    words = _BETWEEN.split(line.strip())
    # Python's int() also takes 1_0, and thousands of digits.
    if not all(word.isascii() and word.lstrip("-").isdigit() for word in words):
        raise ValueError
    first, second = _turned([int(word) for word in words], columns)
    return first, second


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _said(line: str) -> Columns | None:
    """The columns that a header of `save` names; None if the line is no such header."""
    return next((one for one in get_args(Columns) if line.strip() == f"{_HEADER} {one}"), None)


def _is_ours(path: Path) -> bool:
    with opened(path) as stream:
        return _said(stream.readline(_LONGEST).decode("utf-8")) is not None


def _ambiguous(ds: xr.Dataset, header: str, lines: Sequence[tuple[int, str]]) -> str:
    """Why a header is not believed, what may be meant, and how much of each the dataset holds."""
    rows = [line for _, line in lines if _NUMBER.search(line) and not _is_comment(line)]
    flags = flags_of(ds)
    pics, pixels = (
        set(flags.indexes[dim] if dim in flags.indexes else range(flags.sizes[dim])) for dim in DIMS
    )

    def holds(columns: Columns) -> str:
        inside = 0
        for row in rows:
            with contextlib.suppress(ValueError):
                pic, pixel = _pair(row, columns)
                inside += pic in pics and pixel in pixels
        return f'columns="{columns}" (the dataset holds {inside} of {len(rows)} spectra)'

    return (
        f"{header.strip()!r} is not a header of uvisxr, and Cassini-UPyP writes '# exposure | "
        f"pixel' over rows of pixel and exposure: give {holds('pixel exposure')} if the first "
        f"number of a row is the pixel, as in its files, or {holds('exposure pixel')} if it is the "
        "exposure"
    )


class StarFlags(calls.Helpful, Generic[_D]):
    """Star flags in text files: one header line, then two whole numbers per line.

    `load` adds the flags of a file to those of the dataset, `save` writes them.

    Files of Cassini-UPyP are loaded with `columns="pixel exposure"`, and written for it alike.
    """

    _where = "ds.uvis.stars"

    def __init__(self, ds: _D) -> None:
        self._ds = ds

    load = method(load)
    save = method(save, step="stars.save")
