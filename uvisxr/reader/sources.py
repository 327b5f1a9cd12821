"""What all doors open: products from any mixture of sources, the same exposures once.

Some products lie in two volumes of the archive, and many people have copies. Exposures are the same
if the labels agree on product, start, integration time and windows; in the archive such labels
differ only in PRODUCT_CREATION_TIME. The later volume counts. One may hold fewer exposures, or say
what controlled the pointing: FUV2006_015_15_51_PRIME is the product FUV2006_015_15_51.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import FetchError, UvisError, unwarned, warn_user
from ..files import opened
from ..pds3 import identifier, packed, pairs, sources
from ..pds3.label import Label, keywords, label_bytes, read_label
from ..pds3.sources import Filter, Product, Source
from ..scratch import Scratch, decoded, encoded

__all__ = ["Filter", "Found", "Product", "Source", "copies", "expand", "same", "tell", "volume"]

#: The identifier with which the name of a product begins; _PRIME and the like may follow.
_NAMED = re.compile(r"[A-Z]{3}\d{4}_\d{3}_\d\d_\d\d", re.IGNORECASE)

#: Parts of two data files that are compared, and bytes of each.
_PARTS, _PART = 32, 4096

#: Bytes of copies that are compared wholly, and those read at once.
_MOST_READ, _READ = 2**28, 2**20

#: How many keywords a warning lists.
_SHOWN = 4


class Found:
    """Products that were found: how many, and one after the other, each label once.

    They are kept on disk: an archive has 200,000 products.

    Attributes
    ----------
    lists : set of Path
        The batch files and index tables that they come from.
    left : dict of Path
        Labels that are left out, and those of the same exposures that are taken for them; without
        other names of the same files.
    """

    def __init__(self) -> None:
        self.lists: set[Path] = set()
        self.left: dict[Path, Path] = {}
        self._table = Scratch(
            "CREATE TABLE found"
            "(number INTEGER PRIMARY KEY, label BLOB UNIQUE, data BLOB, paired, url BLOB, fault,"
            " claim BLOB);"
            "CREATE INDEX claims ON found (claim)"
        )

    def __len__(self) -> int:
        return int(next(self._table.rows("SELECT count(*) FROM found"))[0])

    def __iter__(self) -> Iterator[Product]:
        return self._products("")

    def add(self, product: Product) -> None:
        """Add a product, if its label is not there."""
        self._table.run(
            "INSERT OR IGNORE INTO found VALUES (NULL, ?, ?, ?, ?, ?, ?)",
            encoded(str(product.label)),
            None if product.data is None else encoded(str(product.data)),
            product.paired,
            encoded(product.url),
            None if product.fault is None else encoded(str(product.fault)),
            encoded(_claim(product.label)),
        )

    def remove(self, label: Path) -> None:
        """Leave a product out."""
        self._table.run("DELETE FROM found WHERE label = ?", encoded(str(label)))

    def of_one_name(self) -> Iterator[Iterator[Product]]:
        """Products of which several say that they are the same, together."""
        claims = self._table.rows(
            "SELECT claim FROM found GROUP BY claim HAVING count(*) > 1 ORDER BY min(number)"
        )
        for (claim,) in claims:
            yield self._products("WHERE claim = ?", claim)

    def _products(self, which: str, *values: bytes) -> Iterator[Product]:
        chosen = f"SELECT label, data, paired, url, fault FROM found {which} ORDER BY number"
        for label, data, paired, url, fault in self._table.rows(chosen, *values):
            path = None if data is None else Path(decoded(data))
            error = None if fault is None else FetchError(decoded(fault))
            yield Product(Path(decoded(label)), path, bool(paired), decoded(url), error)


def expand(
    paths: str | Path | Iterable[Source],
    wanted: Filter | None = None,
    fetch: bool = False,
    failed: bool = False,
) -> Found:
    """Find the products in any mixture of sources, the same exposures once.

    Parameters, errors and order are those of `uvisxr.pds3.sources.expand`; `failed` is that of
    `uvisxr.pds3.sources.listed`. Everything is found before the first product comes. Products that
    are left out are named in one warning. A label that cannot be read is no copy of another.
    """
    found = Found()
    for product in sources.listed(paths, wanted, fetch, found.lists, failed):
        found.add(product)
    left: dict[Path, Path] = {}
    for members in found.of_one_name():
        left |= copies(_labels(members))
    tell(left)
    found.left = _others(left)
    for path in left:
        found.remove(path)
    return found


def copies(labels: Iterable[Label]) -> dict[Path, Path]:
    """Which labels to leave out, and which ones of the same exposures are taken for them.

    Of those of the same exposures, the one is taken whose data file is whole, as far as that is
    known without unpacking it; then the one with most exposures; then the one whose label leaves
    least to warn of; then that of the latest volume, if all are in volumes; then the one made last;
    then one that has the product's own name, as "Copy of ..." has not; then the first.
    """
    sets: dict[Hashable, list[Label]] = {}
    for label in labels:
        sets.setdefault(_exposures(label), []).append(label)
    left: dict[Path, Path] = {}
    for members in sets.values():
        if len(members) == 1:
            continue
        numbers = [volume(label.path) for label in members]
        if 0 in numbers:
            numbers = [0] * len(members)
        best = max(
            zip(members, numbers, strict=True),
            key=lambda one: (
                *(_whole(one[0]), one[0].shape[0], -_faults(one[0])),
                *(one[1], _created(one[0]), _is_own_name(one[0])),
            ),
        )[0]
        left |= {label.path: best.path for label in members if label is not best}
    return left


def same(first: Path, second: Path) -> Path | None:
    """Of two labels of the same exposures, the one that is taken; None if they differ."""
    left = copies(_labels(map(Product.at, (first, second))))
    return next(iter(left.values()), None)


def volume(path: Path) -> int:
    """Number of the volume that a file lies in, by the names of its folders; 0 if in none."""
    names = (re.fullmatch(r"COUVIS_(\d{4})", part, re.IGNORECASE) for part in path.parts)
    return next((int(match[1]) for match in names if match), 0)


def _claim(label: Path) -> str:
    """The product that a file says it is: by its name or, if that says nothing, by its label."""
    named = _NAMED.match(label.stem)
    if named is None:
        own = sources.stated(label, "PRODUCT_ID")
        named = _NAMED.match(own)
        if named is None:
            return identifier.key(own) if own else str(label)
    return named[0].upper()


def _labels(products: Iterable[Product]) -> list[Label]:
    """The labels that can be read; of one text only the first is parsed."""
    known: dict[bytes, Label] = {}
    found = []
    for product in products:
        if product.fault is not None:
            continue
        path = product.label
        try:
            # Other blanks than those of ASCII are none in labels.
            text = b" ".join(label_bytes(path).split())
            if text in known:
                data = product.data or path.with_suffix(".DAT")
                label = replace(known[text], path=path, data_path=data)
            else:
                with unwarned():
                    label = known[text] = product.read()
        except (UvisError, OSError):
            continue
        found.append(label)
    return found


def _exposures(label: Label) -> Hashable:
    return (
        identifier.key(label.product_id),
        label.start,
        label.integration,
        label.shape[1:],
        label.windows,
        label.dtype,
    )


def _whole(label: Label) -> int:
    """Whether the data file is whole: 0 no, 1 only unpacking it tells, 2 yes."""
    try:
        with unwarned():
            size = packed.size(label.data_path)
            packed.check_ends(label.data_path, label.size)
    except (UvisError, OSError):
        return 0
    return 1 if size is None else 2 * (size == label.size)


def _faults(label: Label) -> int:
    """How much of a label is doubtful or missing, in a number."""
    with warnings.catch_warnings(record=True) as said, suppress(UvisError, OSError):
        warnings.simplefilter("always")
        read_label(label.path)
    needed = (label.slit, label.target, label.compression, label.start)
    return len(said) + len(label.doubts) + sum(not one for one in needed)


def _created(label: Label) -> str:
    return str(label.keywords.get("PRODUCT_CREATION_TIME", ""))


def _is_own_name(label: Label) -> bool:
    return pairs.split(label.path)[0].upper() == label.product_id.upper()


def tell(left: dict[Path, Path]) -> None:
    """Warn of what is left out, but for other names of the same files."""
    told = [*_others(left).items()]
    if told:
        one, taken = told[0]
        others = len(told) - 1
        more = "" if not others else f"; so {'is 1 more' if others == 1 else f'are {others} more'}"
        unlike = _broken(told) or _differing(told)
        warn_user(f"{one} holds the same exposures as {taken} and is left out{more}{unlike}")


def _differing(told: list[tuple[Path, Path]]) -> str:
    """What to add of labels and data that are not those of what is taken in their place.

    That one was made later, and therefore taken, is no difference.
    """
    keys: dict[str, None] = {}
    unlike, read = 0, 0
    for one, taken in told:
        with suppress(UvisError, OSError):
            first, second = keywords(one), keywords(taken)
            if one.suffix.upper() == taken.suffix.upper():
                keys |= dict.fromkeys(_unequal(first, second))
                keys.pop("PRODUCT_CREATION_TIME", None)
        labels = _labels(map(Product.at, (one, taken)))
        with suppress(OSError):
            if len(labels) == 2:
                first_data, second_data = (label.data_path for label in labels)
                read += labels[0].size
                unlike += not _alike(first_data, second_data, read <= _MOST_READ)
    parts = []
    if keys:
        names = list(keys)
        parts.append(
            f"labels differ in {', '.join(names[:_SHOWN])}{', ...' * (len(names) > _SHOWN)}"
        )
    if unlike:
        parts.append("data files differ")
    which = " of some" if len(told) > 1 else ""
    return f"; the {' and the '.join(parts)}{which}: check which is sound" if parts else ""


def _unequal(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[str]:
    """The keywords of which two labels have different values, in blocks too."""
    for key in dict.fromkeys(str(name) for block in (first, second) for name, _ in block.items()):
        one, other = first.get(key), second.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            yield from _unequal(one, other)
        elif one != other:
            yield key


def _alike(first: Path, second: Path, wholly: bool) -> bool:
    """Whether two data files are the same, by sizes and contents; True if they are packed, or on
    servers.

    Unless `wholly`, of contents only parts are compared.
    """
    if packed.size_is_hidden(first) or packed.size_is_hidden(second):
        return True
    size = first.stat().st_size
    if size != second.stat().st_size:
        return False
    with opened(first) as one, opened(second) as other:
        while wholly and (block := one.read(_READ)):
            if block != other.read(_READ):
                return False
        for k in range(_PARTS + 1):
            for stream in (one, other):
                stream.seek(k * max(size - _PART, 0) // _PARTS)
            if one.read(_PART) != other.read(_PART):
                return False
    return True


def _others(left: dict[Path, Path]) -> dict[Path, Path]:
    """Those left out that are files of their own."""
    return {one: taken for one, taken in left.items() if not one.samefile(taken)}


def _broken(told: list[tuple[Path, Path]]) -> str:
    """What to add of those left out whose data files are damaged or missing."""
    labels = _labels(Product.at(one) for one, _ in told)
    broken = [label.data_path for label in labels if not _whole(label)]
    if not broken:
        return ""
    more = f" and {len(broken) - 1} others" if len(broken) > 1 else ""
    return f"; {broken[0]}{more} would not do: missing, or of another size than its label says"
