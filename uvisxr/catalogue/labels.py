"""The labels of found products, where they are now, as the catalogue read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import LabelError, ProductError, UvisError
from ..files import absolute, sha256
from ..pds3.label import Label, read_label
from ..pds3.urls import is_url
from ..reader import sources
from . import paths
from .listed import Entry

_AGAIN = "bring the catalogue up to date with 'uvisxr catalogue build', and search again"


def read(entries: Iterable[Entry], archive: Path | None = None) -> list[Label]:
    """Labels of products, each read once.

    Parameters
    ----------
    entries : iterable of Entry
    archive : Path, optional
        Folder below which products lie that are no longer where the table says: at the end of
        their paths, as long a part of them as is there.

    Raises
    ------
    LabelError, ProductError
        A label is missing, damaged, or not the one that the catalogue read, or is one of a
        calibration matrix.
    FetchError
        One with a URL cannot be had.
    """
    where = _Places(archive)
    return [_read(entry, where) for entry in entries]


def _read(entry: Entry, where: _Places) -> Label:
    entry = replace(entry, label=paths.meant(entry.label), data=paths.meant(entry.data))
    try:
        label = _of_url(entry) if is_url(entry.label) else _of_path(entry, where)
    except UvisError as error:
        kind = ProductError if isinstance(error, ProductError) else LabelError
        raise kind(f"{entry.name}: {error}") from error
    if entry.sha256 and sha256(label.path) != entry.sha256:
        raise LabelError(
            f"{entry.name}: {label.path} is not the label that the catalogue read, by its SHA-256: "
            f"{_AGAIN}; --verify finds also what kept its size and time"
        )
    if label.is_matrix:
        raise ProductError(f"{entry.name}: {label.path} is a calibration matrix, without spectra")
    return label


def _of_url(entry: Entry) -> Label:
    (product,) = sources.expand(entry.label)
    return product.read()


def _of_path(entry: Entry, where: _Places) -> Label:
    path = where.find(entry.label)
    if path is None:
        near = f", nor below {where.archive}" if where.archive else ""
        raise LabelError(
            f"there is no label {entry.label}{near}: if the archive has moved, give "
            f"archive=FOLDER; if the product is gone, {_AGAIN}"
        )
    data = where.find(entry.data) if entry.data else None
    if entry.data and data is None:
        return replace(read_label(path), data_path=Path(entry.data))
    return read_label(path, data)


class _Places:
    """Where files are that were elsewhere: what held for one is tried first for the next."""

    def __init__(self, archive: Path | None) -> None:
        self.archive = archive
        self._left_out = 0

    def find(self, name: str) -> Path | None:
        """The file of that name, or the one with the longest part of its path in the archive."""
        path = Path(name)
        if path.is_file():
            return absolute(path)
        if self.archive is None:
            return None
        parts = (PureWindowsPath(name) if "\\" in name else PurePosixPath(name)).parts
        for left_out in dict.fromkeys((self._left_out, *range(1, len(parts)))):
            moved = self.archive.joinpath(*parts[left_out:]) if left_out < len(parts) else None
            if left_out and moved is not None and moved.is_file():
                self._left_out = left_out
                return absolute(moved)
        return None
