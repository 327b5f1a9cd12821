"""The labels of found products, where they are now, as the catalogue read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

from .. import checks
from ..errors import LabelError, ProductError, UvisError, shortened, warn_user
from ..files import absolute, sha256
from ..pds3.label import Label, read_label
from ..pds3.urls import is_url
from ..reader import sources
from . import paths
from .listed import Entry

AGAIN = "bring the catalogue up to date with 'uvisxr catalogue build', and search again"


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

    Warns
    -----
    UvisWarning
        Products have other names than their labels.
    """
    where, entries = _Places(archive), [*entries]
    labels = [_read(entry, where) for entry in entries]
    false = [k for k, entry in enumerate(entries) if not _is_name(entry, labels[k])]
    if false:
        k = false[0]
        warn_user(
            f"{len(false)} of {len(entries)} products are called otherwise in the table than their "
            f"labels say, as {checks.shown(entries[k].name)} for {labels[k].product_id}, by "
            f"{labels[k].path}: correct the column product, or the column label"
        )
    return labels


def _is_name(entry: Entry, label: Label) -> bool:
    """Whether a product is called by its identifier or its label's file, marked or not."""
    name = entry.name.casefold()
    stem = PurePosixPath(entry.label.replace("\\", "/")).stem
    return any(own and own.casefold() in name for own in (label.product_id, stem))


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
            f"{AGAIN}; --verify finds also what kept its size and time"
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
            f"there is no label {shortened(entry.label, 500)}{near}: if the archive has moved, "
            f"give archive=FOLDER; if the product is gone, {AGAIN}"
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
        if _is_there(path):
            return absolute(path)
        if self.archive is None:
            return None
        parts = (PureWindowsPath(name) if "\\" in name else PurePosixPath(name)).parts
        for left_out in dict.fromkeys((self._left_out, *range(1, len(parts)))):
            moved = self.archive.joinpath(*parts[left_out:]) if left_out < len(parts) else None
            if left_out and moved is not None and _is_there(moved):
                self._left_out = left_out
                return absolute(moved)
        return None


def _is_there(path: Path) -> bool:
    """Whether there is a file; none has a name that the system refuses, as one too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
