"""Sources of products: labels, folders, batch files, globs and index tables, one product at a time.

Only a short mark of each product already seen is kept, so that a whole archive can be walked.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import numpy as np

from .. import checks
from ..errors import ArgumentError
from ..instrument.channel import ChannelName
from ..pds3 import index, odl
from ..pds3.pairs import data_of, split
from ..pds3.product import label_path
from ..timescales import Instant, parse_instant, parse_utc

#: Names of spectral products in the archive; calibration matrices do not count as products.
_PRODUCT = re.compile(r"(EUV|FUV)\d{4}_\d{3}_.*", re.IGNORECASE)
_MATRIX = re.compile(r".*_CAL_\d+", re.IGNORECASE)

#: Label keywords that filters need. They come before the data description.
_KEYWORD = re.compile(
    r"^\s*(START_TIME|TARGET_NAME|SLIT_STATE|PRODUCT_ID)\s*=\s*\"?([^\"\r\n]*)", re.MULTILINE
)


@dataclass(frozen=True)
class Product:
    """One product on disk.

    `data` is None if there is no data file beside the label. The label itself may be missing;
    opening the product then reports that.
    """

    label: Path
    data: Path | None

    @property
    def name(self) -> str:
        """The label's name without its suffix."""
        return self.label.stem


@dataclass(frozen=True)
class Filter:
    """Which products to accept.

    A product whose label cannot be read is accepted, so that its failure shows.

    Attributes
    ----------
    channel : str, optional
        EUV or FUV.
    target, slit : str, optional
        As written in the label, upper or lower case ("s rings", "low_resolution").
    after, before : str, optional
        Accept START_TIME from `after` (inclusive) to `before` (exclusive): 2005-230T15:15 or
        2005-08-18.

    Raises
    ------
    ArgumentError
        The channel is unknown, a time cannot be read, or `after` is later than `before`.
    """

    channel: str | None = None
    target: str | None = None
    slit: str | None = None
    after: str | None = None
    before: str | None = None
    _after: np.datetime64 | None = field(init=False, repr=False, compare=False)
    _before: np.datetime64 | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.channel is not None:
            checks.choice("channel", str(self.channel).upper(), ChannelName)
        after, before = self._limit("after"), self._limit("before")
        if after and before and after > before:
            raise ArgumentError(
                f"after {self.after} and before {self.before} leave no time between them: swap the "
                "two"
            )
        # Parsed once, not once per product; the class is frozen.
        object.__setattr__(self, "_after", after and after.utc)
        object.__setattr__(self, "_before", before and before.utc)

    def _limit(self, name: str) -> Instant | None:
        text = getattr(self, name)
        try:
            return None if text is None else parse_instant(str(text))
        except ArgumentError as error:
            raise ArgumentError(f"{name}: {error}") from None

    @property
    def empty(self) -> bool:
        """Whether everything is accepted."""
        return self == Filter()

    def takes(self, channel: str, target: str, slit: str, start: np.datetime64) -> bool:
        """Whether a product of this channel, target, slit and start is wanted."""

        def same(wanted: str | None, value: str) -> bool:
            return not wanted or _canonical(wanted) == _canonical(value)

        if not (same(self.channel, channel) and same(self.target, target)):
            return False
        if not same(self.slit, slit):
            return False
        # Comparisons with NaT are False, so an unknown start lies in no range.
        return (self._after is None or bool(start >= self._after)) and (
            self._before is None or bool(start < self._before)
        )


def expand(
    sources: str | Path | Iterable[str | Path], wanted: Filter | None = None
) -> Iterator[Product]:
    """Find the products in any mixture of sources, each once.

    Parameters
    ----------
    sources : path or iterable of paths
        Labels, data files or their common base path; folders (searched recursively); batch files
        (one source per line, relative to the file, # for comments); globs
        ("data/D2005_*/FUV*.LBL"); index tables (INDEX.LBL or INDEX.TAB of a volume).
    wanted : Filter, optional
        By default everything is accepted.

    Yields
    ------
    Product
        In the order given; within folders and globs, sorted by name.

    Raises
    ------
    ArgumentError
        A source does not exist or holds no product.
    LabelError
        An index table is malformed.
    """
    wanted = wanted or Filter()
    if isinstance(sources, str | os.PathLike):
        sources = [sources]
    paths = _checked(sources, Path.cwd())
    seen: set[int] = set()
    for path in paths:
        for product, known in _found(path, wanted):
            mark = hash(str(product.label))
            if mark in seen:
                continue
            seen.add(mark)
            if known or wanted.empty or _label_wanted(product, wanted):
                yield product


def _checked(sources: Iterable[str | Path], folder: Path) -> list[Path]:
    """Check that every source holds a product, so that a missing one shows before work starts."""
    paths = [folder / Path(source).expanduser() for source in sources]
    for path in paths:
        if next(_found(path, Filter()), None) is None:
            is_there = path.exists() or glob.has_magic(str(path))
            raise ArgumentError(
                f"no product in {path}{'' if is_there else ', which does not exist'}; give labels, "
                "folders, globs, a batch file or an INDEX.LBL"
            )
    return paths


def _found(path: Path, wanted: Filter) -> Iterator[tuple[Product, bool]]:
    """Products of one source, each with True if it has already passed the filter."""
    if path.is_dir():
        yield from ((product, False) for product in _folder(path))
    elif _is_index(path):
        yield from ((product, True) for product in _index(path, wanted))
    elif glob.has_magic(str(path)) and not path.exists():
        # Path.glob rejects absolute patterns.
        for match in sorted(glob.glob(str(path), recursive=True)):  # noqa: PTH207
            if not _MATRIX.fullmatch(Path(match).stem):
                yield from _found(Path(match), wanted)
    elif path.is_file() and not split(path)[1]:
        yield from _batch_file(path, wanted)
    else:
        product = _product(path)
        if product.label.is_file() or product.data:
            yield product, False


def _folder(path: Path) -> Iterator[Product]:
    for place, folders, files in os.walk(path):
        folders.sort()
        folders[:] = [name for name in folders if not name.startswith(".")]
        stems: dict[str, dict[str, Path]] = {}
        for name in sorted(files):
            file = Path(place) / name
            if file.suffix.upper() in (".LBL", ".DAT") and not _MATRIX.fullmatch(file.stem):
                stems.setdefault(file.stem.upper(), {}).setdefault(file.suffix.upper(), file)
        for found in stems.values():
            label, data = found.get(".LBL"), found.get(".DAT")
            file = label or found[".DAT"]
            if _is_product(file):
                label = label or file.with_suffix(".LBL")
                yield Product(label.absolute(), data and data.absolute())


def _is_product(file: Path) -> bool:
    if _PRODUCT.fullmatch(file.stem):
        return True
    # Even a renamed product still identifies itself.
    return file.suffix.upper() == ".LBL" and bool(
        _PRODUCT.fullmatch(_keywords(file).get("PRODUCT_ID", ""))
    )


def _batch_file(path: Path, wanted: Filter) -> Iterator[tuple[Product, bool]]:
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise ArgumentError(
            f"{path} is not text: a batch file has one product per line, and data files end in .DAT"
        ) from error
    entries = (line.partition("#")[0].strip() for line in lines)
    for entry in _checked(filter(None, entries), path.resolve().parent):
        yield from _found(entry, wanted)


def _is_index(path: Path) -> bool:
    return (
        path.is_file()
        and (path.suffix.upper() == ".TAB" or "INDEX" in path.stem.upper())
        and path.suffix.upper() in (".TAB", ".LBL")
    )


def _index(path: Path, wanted: Filter) -> Iterator[Product]:
    root, channels = path.resolve().parent.parent, get_args(ChannelName)
    for row in index.read(path):
        if row.channel in channels and wanted.takes(row.channel, row.target, row.slit, row.start):
            # The table is in VOLUME/INDEX or, if cumulative, beside the volumes.
            places = (root / Path(*row.path.parts[1:]), root / row.path, path.parent / row.path)
            found = (_product(place) for place in places)
            yield next((p for p in found if p.label.is_file() or p.data), _product(places[0]))


def _product(path: Path) -> Product:
    """The label and data file that belong to a path."""
    label = label_path(path.absolute())
    return Product(label, data_of(label))


def _label_wanted(product: Product, wanted: Filter) -> bool:
    values = _keywords(product.label)
    if not values:
        return True
    channel = values.get("PRODUCT_ID", product.name)[:3].upper()
    text = odl.known(values.get("START_TIME"))
    start: np.datetime64 = np.datetime64("NaT", "ns")
    try:
        start = parse_utc(text) if text else start
    except ArgumentError:
        # Opening it will say what is wrong.
        wanted = replace(wanted, after=None, before=None)
    return wanted.takes(
        channel,
        values.get("TARGET_NAME", ""),
        values.get("SLIT_STATE", ""),
        start,
    )


def _keywords(label: Path) -> dict[str, str]:
    """The few keywords a filter needs, without parsing the label, as there may be 50,000 of
    them."""
    try:
        with label.open("rb") as stream:
            head = stream.read(8192).decode("latin-1")
    except OSError:
        return {}
    return {key: value.strip() for key, value in reversed(_KEYWORD.findall(head))}


def _canonical(text: str) -> str:
    text = re.sub(r"[\s_]+", " ", text.strip().upper())
    return text.replace("OCCLTATION", "OCCULTATION")
