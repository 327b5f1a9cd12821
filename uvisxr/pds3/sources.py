"""Sources of products: labels, folders, batch files, globs, index tables, identifiers.

Products come one at a time. Only a short mark of each one already seen is kept, so that a whole
archive can be walked.
"""

from __future__ import annotations

import errno
import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np

from .. import checks, targets
from ..errors import (
    ArgumentError,
    FetchError,
    LabelError,
    NoMatchError,
    UnreadObjectError,
    shortened,
    warn_user,
)
from ..files import FITS, NETCDF, absolute, inside, read_beginning, real
from ..instrument.channel import FUV, ChannelName
from ..timescales import Instant, parse_beginning, parse_utc
from . import index, odl, pairs, urls
from .archive import Archive
from .identifier import product_id
from .label import Label, keywords, label_bytes, looks_like_uvis, pointed, read_label
from .product import label_path

#: How names and identifiers of spectral products begin, and how names of calibration matrices end,
#: which do not count as products. What a file is says its label; names tell where there is none.
_PRODUCT = re.compile(r"(EUV|FUV)\d{4}_\d{3}_.*", re.IGNORECASE)
_MATRIX = re.compile(r".*_CAL_\d+", re.IGNORECASE)

#: How much of a label is looked at first: what filters need comes early.
_HEAD = 2048

#: Label keywords that filters need, and the name of the data file.
_POINTERS = ("^QUBE", "^SPECTRUM")
_READ = ("START_TIME", "TARGET_NAME", "SLIT_STATE", "PRODUCT_ID", *_POINTERS)

#: Which filters ask for a keyword.
_ASKED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "PRODUCT_ID": ("channel",),
        "TARGET_NAME": ("target",),
        "SLIT_STATE": ("slit",),
        "START_TIME": ("after", "before"),
    }
)

#: The slits, as labels call them.
SLITS = tuple(FUV.slits)

#: How many values an error lists.
_SHOWN = 12

#: What a batch file may have: bytes, lines, and how many lists may lead to it, one in another.
_SIZE, _MOST, _DEEP = 2**25, 250_000, 20

#: What the system says of a path where nothing is.
_ABSENT = (errno.ENOENT, errno.ENOTDIR)

#: The batch files that are being read, each named in the one before.
_lists: ContextVar[frozenset[Path]] = ContextVar("_lists", default=frozenset())


@dataclass(frozen=True)
class Product:
    """One product on disk.

    `data`, which may be packed, is None if there is no data file for the label, be it of its name
    or the one that it names. The label itself may be missing; opening the product then reports
    that. `paired`: label and data were given together, whatever their names. `url` is that of the
    label, if it came from one into the cache. `fault`: why what a URL names cannot be had; the
    label is then an old one, or missing.
    """

    label: Path
    data: Path | None
    paired: bool = False
    url: str = ""
    fault: FetchError | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The label's name without its suffix."""
        return self.label.stem

    @classmethod
    def at(cls, path: Path) -> Product:
        """The product of a label, a data file or their common base path.

        The label of a data file is that of its name, or one beside it that names it.
        """
        return _product(path, {})

    @property
    def source(self) -> str:
        """The URL of the label, or else its path."""
        return self.url or str(self.label)

    def read(self) -> Label:
        """What the label says; errors as of `read_label`."""
        return read_label(self.label, self.data if self.paired else None)


@dataclass(frozen=True)
class Filter:
    """Which products to accept.

    A product whose label cannot be read is accepted, so that its failure shows.

    Attributes
    ----------
    channel : str, optional
        EUV or FUV.
    target : str, optional
        The label's target in any of its spellings (`uvisxr.targets`): "s rings" takes what labels
        call S RINGS and Saturn Rings, "Daphnis" what they call DA.
    slit : str, optional
        One of the three, as in labels, or its beginning, upper or lower case ("low").
    after, before : str, optional
        Accept START_TIME from `after` (inclusive) to `before` (exclusive): 2005-230T15:15,
        2005-08-18, or 2005-08 and 2005, which are where they begin.

    Raises
    ------
    ArgumentError
        The channel or slit is unknown, a time cannot be read, or `after` is later than `before`.
    """

    channel: str | None = None
    target: str | None = None
    slit: str | None = None
    after: str | None = None
    before: str | None = None
    _slit: str | None = field(init=False, repr=False, compare=False)
    _after: np.datetime64 | None = field(init=False, repr=False, compare=False)
    _before: np.datetime64 | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.channel is not None:
            checks.choice("channel", str(self.channel).upper(), ChannelName)
        # As some labels have it.
        slit = self.slit and re.sub("(?i)occltation", "OCCULTATION", str(self.slit))
        after, before = self._limit("after"), self._limit("before")
        if after and before and after > before:
            raise ArgumentError(
                f"after {self.after} and before {self.before} leave no time between them: swap the "
                "two"
            )
        # Parsed once, not once per product; the class is frozen.
        object.__setattr__(self, "_slit", slit and checks.begun("slit", slit, SLITS))
        object.__setattr__(self, "_after", after and after.utc)
        object.__setattr__(self, "_before", before and before.utc)

    def _limit(self, name: str) -> Instant | None:
        text = getattr(self, name)
        try:
            return None if text is None else parse_beginning(str(text))
        except ArgumentError as error:
            said = str(error).removeprefix(f"{text!r} ")
            raise ArgumentError(f"{name}={text!r} {said}") from None

    @property
    def empty(self) -> bool:
        """Whether everything is accepted."""
        return self == Filter()

    def takes(self, channel: str, target: str, slit: str, start: np.datetime64) -> bool:
        """Whether a product of this channel, target, slit and start is wanted."""

        def same(wanted: str | None, value: str) -> bool:
            return not wanted or _canonical(wanted) == _canonical(value)

        if self.target:
            # A label may name several.
            named = map(targets.canonical, [target, *target.split(",")])
            if targets.canonical(self.target) not in named:
                return False
        if not same(self.channel, channel):
            return False
        if not same(self._slit, slit):
            return False
        # Comparisons with NaT are False, so an unknown start lies in no range.
        return (self._after is None or bool(start >= self._after)) and (
            self._before is None or bool(start < self._before)
        )


#: What names products: a path, or a label and a data file as one product.
Source = str | Path | tuple[str | Path, str | Path]


def expand(
    sources: str | Path | Iterable[Source],
    wanted: Filter | None = None,
    fetch: bool = False,
    read: set[Path] | None = None,
) -> Iterator[Product]:
    """Find the products in any mixture of sources, each file once.

    Parameters
    ----------
    sources : path or iterable of paths
        Labels, data files or their common base path; a pair of a label and a data file, in either
        order, which are one product whatever their names; a label followed by a data file of
        another name that has no label of its own; folders (searched with all folders below, through
        links); batch files (one source per line, relative to the file, # for comments); globs
        ("data/D2005_*/FUV*.LBL"); index tables (INDEX.LBL or INDEX.TAB of a volume, or those of the
        Ring-Moon Systems Node); identifiers of products in the current folder, or in the list's, or
        in the cache (see `uvisxr.pds3.identifier`); URLs (see `uvisxr.pds3.urls`).
        A file of that name goes before a glob or an identifier.
    wanted : Filter, optional
        By default everything is accepted.
    fetch : bool
        Download products that are named by identifiers or URLs and are not in the cache.
    read : set of Path, optional
        The batch files and index tables that products come from are added to it.

    Yields
    ------
    Product
        In the order given; within folders and globs, sorted by name.

    Raises
    ------
    ArgumentError
        A source does not exist or holds no product, or there is no source.
    NoMatchError
        None of the products is wanted.
    LabelError
        An index table is malformed.
    FetchError
        A download failed.
    """
    seen: set[int] = set()
    for product in listed(sources, wanted, fetch, read):
        mark = hash(str(product.label))
        if mark not in seen:
            seen.add(mark)
            yield product


def listed(
    sources: str | Path | Iterable[Source],
    wanted: Filter | None = None,
    fetch: bool = False,
    read: set[Path] | None = None,
    failed: bool = False,
) -> Iterator[Product]:
    """As `expand`, but a file comes as often as it is listed, so that nothing is remembered.

    `failed`: URLs of which nothing can be had come too, as products with a `fault`.
    """
    if isinstance(sources, str | bytes | os.PathLike):
        sources = [sources]
    sieve = _Sieve(wanted or Filter(), set() if read is None else read)
    given = [_source(one, Path(), fetch) for one in sources]
    if not given:
        raise ArgumentError("no sources of products: the list of paths is empty")
    for source in _checked(given):
        for product in source.products(sieve):
            if product.fault is not None and not failed:
                raise product.fault
            yield product
    sieve.check()


@dataclass
class _Sieve:
    """A filter, and what it met, so that one that nothing passes can say what there is."""

    wanted: Filter
    read: set[Path] = field(default_factory=set)
    lists: set[Path] = field(default_factory=set)
    passed: int = 0
    refused: int = 0
    unread: list[Path] = field(default_factory=list)
    _there: dict[str, set[str]] = field(default_factory=dict)

    def takes(self, channel: str, target: str, slit: str, start: np.datetime64) -> bool:
        if self.wanted.takes(channel, target, slit, start):
            self.passed += 1
            return True
        self.refused += 1
        if not self.passed:
            there = {"channel": channel, "target": target, "slit": slit, "start": str(start)[:19]}
            for name, value in there.items():
                self._there.setdefault(name, set()).add(value or "unknown")
        return False

    def takes_label(self, product: Product) -> bool:
        given = self._asked
        asked = [key for key, names in _ASKED.items() if any(map(given.get, names))]
        values = _keywords(product.label, *asked) if asked else {}
        if not values:
            # All are wanted, or the label cannot be read: then its failure is to show.
            if asked:
                self.unread.append(product.label)
            else:
                self.passed += 1
            return True
        text = odl.known(values.get("START_TIME"))
        # What cannot be known does not count: opening it will say what is wrong.
        lost = [key for key in asked if key not in values]
        start: np.datetime64 = np.datetime64("NaT", "ns")
        try:
            start = parse_utc(text) if text else start
        except ArgumentError:
            lost.append("START_TIME")
        anyhow = {name: None for key in lost for name in _ASKED[key]}
        sieve = replace(self, wanted=replace(self.wanted, **anyhow)) if anyhow else self
        taken = sieve.takes(
            (values.get("PRODUCT_ID") or product.name)[:3].upper(),
            values.get("TARGET_NAME", ""),
            values.get("SLIT_STATE", ""),
            start,
        )
        self.passed, self.refused = sieve.passed, sieve.refused
        return taken

    def check(self) -> None:
        """Raise if products were found, and none was wanted; warn of those that nobody can tell."""
        if not self.refused:
            return
        if self.unread:
            count, first = len(self.unread), self.unread[0]
            what = "1 label cannot" if count == 1 else f"{count} labels cannot"
            kept = (
                f"{what} be read, and what they are of is taken whatever is asked for, so that it "
                f"shows: {first}{', ...' if count > 1 else ''}"
            )
            warn_user(kept if self.passed else f"{self._none()}; {kept}")
        elif not self.passed:
            raise NoMatchError(self._none())

    def _none(self) -> str:
        """What to say if no product is wanted."""
        parts = [
            f"{name}={value!r} (there: {self._range(name, str(value))})"
            for name, value in self._asked.items()
        ]
        return f"no product passes the filter, of {self.refused} found: {' and '.join(parts)}"

    @property
    def _asked(self) -> dict[str, str]:
        """What is asked for, by the names of the filters."""
        names = (name for names in _ASKED.values() for name in names)
        return {name: v for name in names if (v := getattr(self.wanted, name)) is not None}

    def _range(self, name: str, value: str) -> str:
        if name in ("after", "before"):
            starts = sorted(self._there["start"])
            return f"{starts[0]} to {starts[-1]}"
        there = sorted(self._there[name])
        near = ""
        if name == "target" and targets.canonical(value) not in map(targets.canonical, there):
            near = checks.nearest(targets.canonical(value), there)
        return ", ".join(there[:_SHOWN]) + (", ..." if len(there) > _SHOWN else "") + near


@dataclass(frozen=True)
class _Source:
    """One source: as it was given, and as a path.

    Attributes
    ----------
    text : str
        Relative to where it was given, if it lies below.
    path : Path
        Absolute.
    fetch : bool
        As of `expand`.
    data : Path, optional
        The data file of another name that was given with the label `path`.
    line : int
        Its line in a batch file, from 1.
    known : dict
        What the batch files hold that were read on the way to it and for it.
    _got : list of Product
        That of a URL, once its server was asked.
    """

    text: str
    path: Path
    fetch: bool
    data: Path | None = None
    line: int = 0
    known: dict[Path, list[_Source]] = field(default_factory=dict, compare=False, repr=False)
    _got: list[Product] = field(default_factory=list, compare=False, repr=False)

    def products(self, sieve: _Sieve) -> Iterator[Product]:
        """The wanted products."""
        if _is_index(self.path):
            sieve.read.update(index.files(self.path))
            yield from _index(self.path, sieve)
        else:
            if self._is_list():
                # However often others name it.
                if self.path in sieve.lists:
                    return
                sieve.lists.add(self.path)
                sieve.read.add(self.path)
            for found in self._found():
                if isinstance(found, _Source):
                    yield from found.products(sieve)
                elif sieve.takes_label(found):
                    yield found

    def _is_list(self) -> bool:
        return pairs.is_file(self.path) and not pairs.split(self.path)[1]

    def _of_url(self) -> Product:
        """The product of a URL, or why it cannot be had."""
        try:
            label = urls.download(self.text, self.fetch)
        except FetchError as error:
            label = urls.label_place(self.text)
            return Product(label, None, url=urls.beside(self.text, label.name), fault=error)
        return replace(Product.at(label), url=urls.beside(self.text, label.name))

    def _found(self) -> Iterable[Product | _Source]:
        """Products, or further sources that hold them."""
        path = self.path
        if urls.is_url(self.text):
            if not self._got:
                self._got.append(self._of_url())
            return self._got
        if self.data is not None:
            return [Product(path, self.data, paired=True)]
        if path.is_dir():
            return _folder(path)
        if self._is_list():
            return _batch_file(path, self.fetch, self.known)
        product = Product.at(path)
        if pairs.is_file(product.label) or product.data:
            return [product]
        if glob.has_magic(str(path)):
            matches = sorted(glob.glob(_pattern(path), recursive=True))  # noqa: PTH207
            found = (Path(match) for match in matches)
            return (
                _Source(str(match), match, self.fetch, known=self.known)
                for match in found
                if _is_wanted(match)
            )
        return self._identified()

    def _identified(self) -> list[Product]:
        name = product_id(self.text)
        if name is None or not _PRODUCT.fullmatch(name):
            return []
        here = _beside(self.path.parent, name)
        if here is not None:
            return [here]
        archive = Archive.default()
        label = archive.cached(name)
        if self.fetch and not (label and archive.is_whole(label)):
            label = archive.product(name, matrix=False)["label"]
        own = stated(label, "PRODUCT_ID") if label else ""
        if own and (product_id(own) or own) != name:
            raise ArgumentError(
                f"{label} is the label of {own}, not of {name}: `uvisxr fetch {name}` downloads "
                "the right one, and so does fetch=True on opening"
            )
        return [] if label is None else [Product.at(label)]

    def none(self) -> NoMatchError:
        """What to say if it holds no product."""
        name = product_id(self.text)
        if name is not None and not _PRODUCT.fullmatch(name):
            return NoMatchError(
                f"{name} is not a product of FUV or EUV, the channels that uvisxr reads: give one "
                "of theirs"
            )
        if name is not None:
            return NoMatchError(
                f"no product {name} in {self.path.parent} or in the cache: `uvisxr fetch {name}` "
                "downloads it, and so does fetch=True on opening"
            )
        if pairs.exists_otherwise(self.path) and not self.path.is_dir():
            return NoMatchError(
                f"{shortened(str(self.path))} is a pipe, a socket or a device, and no product"
            )
        is_there = self.path.exists() or glob.has_magic(str(self.path))
        if is_there and (fits := _a_fits_file(self.path)):
            return NoMatchError(
                f"no product in {shortened(str(self.path))}, but FITS files such as {fits}: open "
                "each with uvisxr.open_fits"
            )
        others = _others(self.path)
        absent = f", which does not exist{_in_other_letters(self.path)}"
        note = f", which holds some of {others}, channels that are not read" if others else ""
        return NoMatchError(
            f"no product in {shortened(str(self.path))}"
            f"{note if is_there else absent}; give labels, folders, globs, a "
            "batch file, an INDEX.LBL or identifiers"
        )


def _in_other_letters(path: Path) -> str:
    """What to add of a file whose name differs in capitals only."""
    names = (file.name for file in _files(path.parent))
    found = next((name for name in names if name.lower() == path.name.lower()), None)
    return f": there is {found}, in other letters" if found else ""


def _checked(sources: Iterable[_Source], listed: Path | None = None) -> list[_Source]:
    """Check that every source holds a product, so that a missing one shows before work starts.

    `listed` is the batch file that they come from; errors then say which line is wrong.
    """
    given = []
    for source in _paired(sources):
        with _at_line(listed, source.line):
            if next(source.products(_Sieve(Filter())), None) is None:
                raise source.none()
        given.append(source)
    return given


_NOTE = "; the file was read as a list of products, one a line"


@contextmanager
def _at_line(listed: Path | None, line: int) -> Iterator[None]:
    try:
        yield
    except ArgumentError as error:
        if listed is None:
            raise
        told = str(error)
        # A list in a list says it of itself.
        note = "" if told.endswith(_NOTE) else _NOTE
        kind = NoMatchError if isinstance(error, NoMatchError) else ArgumentError
        raise kind(f"{listed}, line {line}: {shortened(told, 300)}{note}") from error


def _beside(folder: Path, name: str) -> Product | None:
    """The product in a folder that is named by an identifier, in any of its forms."""
    parts = ((file, *pairs.split(file)) for file in _files(folder))
    named = [
        (base.upper() != name, kind not in pairs.LABELS, file)
        for file, base, kind in parts
        if kind and product_id(base) == name
    ]
    return Product.at(min(named)[-1]) if named else None


def _files(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing if it cannot be read."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _source(given: Source, folder: Path, fetch: bool, line: int = 0) -> _Source:
    if isinstance(given, tuple) and len(given) == 2:
        first, second = (_source(one, folder, fetch, line) for one in given)
        pair = _pair(first, second, meant=True)
        if pair is None:
            raise ArgumentError(
                f"{first.path} and {second.path} are no pair: give one label (.LBL, .xml) and one "
                "data file (.DAT, .DAT.gz) that are there"
            )
        return pair
    if isinstance(given, bytes | os.PathLike):
        given = os.fsdecode(given)
    if not str(given).strip():
        raise ArgumentError("the path of a product is empty; the current folder is '.'")
    given = urls.local(str(given)) or given
    if urls.is_url(str(given)):
        return _Source(str(given), Path(given), fetch, line=line)
    try:
        path = absolute(folder / Path(given).expanduser())
    except TypeError:
        raise ArgumentError(f"{given!r} is not the path of a product") from None
    except RuntimeError as error:
        raise ArgumentError(f"{given}: {error}") from error
    try:
        path.stat()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise ArgumentError(f"{shortened(str(given))}: {error.strerror}") from error
    except ValueError as error:
        raise ArgumentError(
            f"{checks.shown(str(given))} is not the path of a product: {error}"
        ) from error
    # xarray makes paths absolute before its engines get them, identifiers too.
    with suppress(ArgumentError):
        folder = absolute(folder)
    text = path.relative_to(folder) if path.is_relative_to(folder) else given
    return _Source(str(text), path, fetch, line=line)


def _paired(sources: Iterable[_Source]) -> Iterator[_Source]:
    """The sources, with a label and a data file beside it in the list as one product.

    Of another name, without a label of its own, the data file can be of no other product.
    """
    before: _Source | None = None
    for source in sources:
        pair = _pair(before, source) if before else None
        if pair is not None:
            yield pair
        elif before is not None:
            yield before
        before = None if pair else source
    if before is not None:
        yield before


def _pair(first: _Source, second: _Source, meant: bool = False) -> _Source | None:
    """A label and a data file as one product, if they are; `meant`: given as a pair."""
    if first.data or second.data:
        return None
    kinds = [pairs.split(source.path)[1] for source in (first, second)]
    turned = kinds[1] in pairs.LABELS
    label, data = (second, first) if turned else (first, second)
    if sum(kind in pairs.LABELS for kind in kinds) != 1 or "" in kinds:
        return None
    if not (pairs.is_file(label.path) and pairs.is_file(data.path)):
        return None
    # After a data file, a label with data of its own begins another product.
    apart = pairs.is_file(pairs.label_of(data.path)) or (turned and pairs.data_of(label.path))
    if apart and not meant:
        return None
    return replace(label, path=absolute(label.path), data=absolute(data.path))


def _pattern(path: Path) -> str:
    """A glob in which folders that are there stand for themselves, whatever is in their names."""
    there = Path(path.anchor)
    rest = list(path.parts[1:])
    while rest and (there / rest[0]).exists():
        there /= rest.pop(0)
    return str(Path(glob.escape(str(there)), *rest))


def _product(path: Path, known: dict[Path, dict[str, Path]]) -> Product:
    """As `Product.at`; `known` keeps which data files the labels of a folder name."""
    label = label_path(absolute(path))
    data = pairs.data_of(label)
    if data is not None and not pairs.is_file(label):
        label = _naming(data, known) or label
    elif data is None:
        data = _named(label)
    return Product(label, data)


def _named(label: Path) -> Path | None:
    """The data file that a label names, if it is there."""
    try:
        return pointed(label, _pointer(label))
    except ValueError:
        # Opening it will say what is wrong.
        return None


def _pointer(label: Path) -> str:
    return next(filter(None, (stated(label, key) for key in _POINTERS)), "")


def _naming(data: Path, known: dict[Path, dict[str, Path]]) -> Path | None:
    """The label without data of its own name that names a data file; the first of several."""
    for folder in pairs.label_folders(data):
        if folder not in known:
            known[folder] = {}
            for label in _files(folder):
                if pairs.split(label)[1] in pairs.LABELS and not pairs.data_of(label):
                    base = pairs.split(Path(_pointer(label)))[0].upper()
                    known[folder].setdefault(base, label)
        found = known[folder].get(pairs.split(data)[0].upper())
        if found is not None:
            return found
    return None


def _folder(path: Path) -> Iterator[Product]:
    known: dict[Path, dict[str, Path]] = {}
    for place, names in _walk(path):
        stems: dict[str, list[tuple[str, str, str]]] = {}
        for name in names:
            base, kind = pairs.split(Path(name))
            if kind:
                stems.setdefault(base.upper(), []).append((base, kind, name))
        try:
            described = dict.fromkeys(
                _product(place / n, known) for found in stems.values() for n in _described(found)
            )
        except OSError as error:
            _left_out(error, place)
            continue
        yield from (x for x in described if _is_product(x) and _is_meant(x))


def _described(found: list[tuple[str, str, str]]) -> list[str]:
    """Which files stand for products, of those whose names differ in endings and capitals only.

    Labels, those of PDS4 where there is none of PDS3 of that name; a data file where there is no
    label.
    """
    labels = [one for one in found if one[1] in pairs.LABELS]
    first = {base for base, kind, _ in labels if kind == pairs.LABELS[0]}
    named = [name for base, kind, name in labels if kind == pairs.LABELS[0] or base not in first]
    return named or [found[0][2]]


def _walk(path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Folders with the names of their files, sorted; first those below, then those behind links.

    Each folder comes once, so that links that lead back up end nowhere.
    """

    seen: set[tuple[int, int]] = set()
    roots = [absolute(path)]
    for root in roots:
        for place, folders, files in os.walk(root, onerror=_left_out):
            try:
                state = Path(place).stat()
            except OSError as error:
                folders[:] = []
                _left_out(error)
                continue
            mark = (state.st_dev, state.st_ino)
            names = [name for name in sorted(folders) if not name.startswith(".")]
            folders[:] = []
            if mark in seen:
                continue
            seen.add(mark)
            links = {name for name in names if pairs.is_link(Path(place, name))}
            folders[:] = [name for name in names if name not in links]
            roots.extend(Path(place) / name for name in names if name in links)
            yield Path(place), sorted(files)


def _a_fits_file(path: Path) -> str:
    """The name of one FITS file in a folder or of a glob; empty if there is none."""
    found: Iterable[Path]
    if path.is_dir():
        found = (place / name for place, names in _walk(path) for name in names)
    else:
        found = map(Path, sorted(glob.glob(_pattern(path), recursive=True)))  # noqa: PTH207
    return next((file.name for file in found if file.is_file() and _is_fits(file)), "")


def _others(path: Path) -> str:
    """Channels in a folder that are not read, by the names of files."""
    names = (Path(name).stem for _, files in _walk(path) for name in files) if path.is_dir() else ()
    known = {name for name in map(product_id, names) if name and not _PRODUCT.fullmatch(name)}
    return " and ".join(sorted({name.rstrip("_0123456789") for name in known}))


def _left_out(error: OSError, folder: Path | None = None) -> None:
    warn_user(
        f"cannot read the folder {folder or error.filename}: {error.strerror}; what it holds is "
        "left out"
    )


def _is_product(product: Product) -> bool:
    """Whether a label, or a data file without one, is that of a spectral product."""
    # Even a renamed product still identifies itself.
    # The label is read only where its name says nothing.
    names = (product_id(product.name) or "", product.name)
    known = any(map(_PRODUCT.fullmatch, names))
    return known or _PRODUCT.fullmatch(stated(product.label, "PRODUCT_ID")) is not None


def _is_meant(product: Product) -> bool:
    """Whether what a folder or a glob holds is asked for: neither a matrix nor anything else.

    Without a label, only a whole name tells: the names of the team's calibration files begin like
    those of products.
    """
    known = pairs.is_file(product.label) or product_id(product.name) is not None
    return known and not _is_matrix(product) and not _is_of_fits(product)


def _is_wanted(match: Path) -> bool:
    """Whether what a glob finds may hold products: as of `_is_meant`, or as a list or a folder."""
    if pairs.split(match)[1]:
        return _is_meant(Product.at(match))
    return not (match.is_file() and _is_fits(match))


def _is_of_fits(product: Product) -> bool:
    """Whether the label is that of a FITS file, beside a product or without one."""
    if product.label.suffix.upper() != ".XML":
        return False
    try:
        label_bytes(product.label)
    except UnreadObjectError:
        # A data file without another label shows.
        return product.data is None or pairs.label_of(product.data) != product.label
    except LabelError:
        pass
    return False


def _is_fits(path: Path) -> bool:
    """Whether a file begins as those of FITS do."""
    try:
        return read_beginning(path, len(FITS))[0] == FITS
    except OSError:
        return False


def _is_matrix(product: Product) -> bool:
    """Whether this is a calibration matrix, by its label, or by its name without one."""
    named = bool(_MATRIX.fullmatch(product.name))
    if not named and not _mentions(product.label, b"IEEE"):
        return False
    kind = stated(product.label, "CORE_ITEM_TYPE")
    return kind == "IEEE_REAL" if kind else named


def _mentions(label: Path, word: bytes) -> bool:
    """Whether a word is in a label; without it, nothing of what labels say with it is."""
    try:
        return word in label_bytes(label)
    except LabelError:
        return False


def _batch_file(path: Path, fetch: bool, known: dict[Path, list[_Source]]) -> list[_Source]:
    above = _lists.get()
    here = real(path)
    if here in known:
        return known[here]
    if here in above:
        raise ArgumentError(f"{path} is a list that leads back to itself")
    if len(above) >= _DEEP:
        raise ArgumentError(f"{path} is a list in more than {_DEEP} others, one in another")
    before = _lists.set(above | {here})
    try:
        known[here] = _checked(_entries(path, fetch, known), path)
    finally:
        _lists.reset(before)
    return known[here]


def _entries(path: Path, fetch: bool, known: dict[Path, list[_Source]]) -> Iterator[_Source]:
    folder = real(path).parent
    for number, line in enumerate(_lines(path), 1):
        entry = line.partition("#")[0].strip()
        if entry:
            with _at_line(path, number):
                source = replace(_source(entry, folder, fetch, number), known=known)
            yield source


def _lines(path: Path) -> list[str]:
    if pairs.packed_otherwise(path):
        more = f"; {pairs.INSIDE}{path}" if path.suffix.lower() == ".zip" else ""
        raise ArgumentError(f"{path} {pairs.UNPACK}{more}")
    try:
        raw, size = read_beginning(path, _SIZE)
        if raw.startswith(NETCDF):
            raise ArgumentError(
                f"{path} is a NetCDF file, not a product: open it with uvisxr.open_reduced, or "
                "with xarray if uvisxr has not written it"
            )
        if raw.startswith(FITS):
            raise ArgumentError(
                f"{path} is a FITS file, not a product: open it with uvisxr.open_fits"
            )
        text = b"\0" not in raw
        if text and (size > _SIZE or raw.count(b"\n") > _MOST):
            raise ArgumentError(
                f"{path} has more than {_MOST} lines or {_SIZE} bytes: as a list of products, "
                "divide it"
            )
        if text:
            return raw.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise ArgumentError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        pass
    raise ArgumentError(
        f"{path} is not text: a batch file has one product per line, and data files end in .DAT"
    )


def _is_index(path: Path) -> bool:
    return (
        pairs.is_file(path)
        and (path.suffix.upper() == ".TAB" or "INDEX" in path.stem.upper())
        and path.suffix.upper() in (".TAB", ".LBL")
        # Names may have anything in them: my_index_of_titan.LBL.
        and not _PRODUCT.fullmatch(stated(path, "PRODUCT_ID"))
    )


def _index(path: Path, sieve: _Sieve) -> Iterator[Product]:
    volumes = _Volumes(real(path).parent)
    for row in index.read(path):
        if row.channel not in get_args(ChannelName):
            continue
        target = str(odl.known(row.target) or "")
        if not target or not row.slit or row.start is None or np.isnat(row.start):
            # What the table does not say, the label may.
            product = volumes.product(row)
            if not _is_matrix(product) and sieve.takes_label(product):
                yield product
        elif sieve.takes(row.channel, target, row.slit, row.start):
            product = volumes.product(row)
            if not _is_matrix(product):
                yield product


@dataclass
class _Volumes:
    """Where the volumes are whose products an index table lists.

    The table is in INDEX below its volume or, if cumulative, beside the volumes; those of the
    Ring-Moon Systems Node are in holdings/metadata/COUVIS_0xxx/VOLUME, and the volumes in
    holdings/volumes/COUVIS_0xxx.
    """

    folder: Path
    _known: dict[str, list[Path]] = field(default_factory=dict)

    def product(self, row: index.Row) -> Product:
        """The product of a row; if it is nowhere, in its volume beside the table's folder."""
        volume, *rest = row.path.parts
        below = Path(*rest)
        roots = self._roots(volume)
        places = [*((root, below) for root in roots), (self.folder, Path(below.name))]
        found = (Product.at(inside(*place)) for place in places)
        there = next((p for p in found if pairs.is_file(p.label) or p.data), None)
        likely = roots[0] if roots[0].name == volume else self.folder.parent / volume
        return there or Product.at(inside(likely, below))

    def _roots(self, volume: str) -> list[Path]:
        """Folders that may be the volume, the likeliest first."""
        if volume not in self._known:
            above = [self.folder, *self.folder.parents]
            ways = ("", "COUVIS_0xxx", "volumes", "volumes/COUVIS_0xxx")
            named = [folder / way / volume for folder in above for way in ways]
            there = [place for place in named if (place / "DATA").is_dir()]
            # A volume may have been renamed, or be what is left of one.
            self._known[volume] = [*there, self.folder.parent, self.folder, self.folder / volume]
        return self._known[volume]


def stated(label: Path, keyword: str) -> str:
    """A keyword of `_READ`, or the type of the cube's values; empty if the label gives none."""
    return _keywords(label, keyword).get(keyword, "")


def _keywords(label: Path, *wanted: str) -> Mapping[str, str]:
    """A few keywords of a label, those wanted at least, "" if it does not give them.

    Labels are read no further than that takes, as there may be 200,000 of them. What cannot be read
    is left out.
    """
    try:
        if label.suffix.upper() == ".XML":
            return _texts(keywords(label)) if looks_like_uvis(label) else {}
        head, _ = read_beginning(label, _HEAD)
    except (LabelError, OSError):
        return {}
    found = _texts(odl.beginning(head.decode("latin-1")))
    if not found.keys() >= {*wanted}:
        with suppress(LabelError):
            return dict.fromkeys(wanted, "") | _texts(keywords(label))
    return found


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    """The keywords of a parsed label, and the type of what its cube holds."""
    found: dict[str, str] = {}
    for key in _READ:
        value = values.get(key)
        if key in _POINTERS and isinstance(value, list | tuple):
            value = value[0] if value else ""
        if value is not None:
            found[key] = value if isinstance(value, str) else odl.words(value)
    cube = values.get("QUBE")
    if isinstance(cube, Mapping) and "CORE_ITEM_TYPE" in cube:
        found["CORE_ITEM_TYPE"] = str(cube["CORE_ITEM_TYPE"])
    return found


def _canonical(text: str) -> str:
    text = re.sub(r"[\s_]+", " ", text.strip().upper())
    return text.replace("OCCLTATION", "OCCULTATION")
