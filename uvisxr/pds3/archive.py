"""The PDS archive of UVIS: where a product is, and how to get it.

Layout, below the folder of the volume set COUVIS_0xxx:

- COUVIS_nnnn/DATA/Dyyyy_ddd/NAME.LBL and .DAT: the products;
- COUVIS_nnnn/CALIB/VERSION_k/Dyyyy_ddd/NAME_CAL_k.LBL and .DAT: their calibration matrices;
- COUVIS_nnnn/INDEX/INDEX.LBL and .TAB: what the volume holds.

Volumes 1 to 60 follow the mission in time; only its index says which products a volume holds.
Neighbours share up to three days, and some products: the later volume counts.
"""

from __future__ import annotations

import contextlib
import datetime
import difflib
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from .. import fetch
from ..errors import (
    ArgumentError,
    FetchError,
    LabelError,
    NotFoundError,
    ProductError,
    UnreadObjectError,
    UvisError,
    shortened,
    unwarned,
    warn_user,
)
from ..files import inside
from . import identifier, packed, pairs
from .again import advice
from .index import Row, described
from .index import read as read_index
from .label import MAX_BYTES, is_whole, keywords, label_text, read_label

#: The volume set at the PDS Ring-Moon Systems Node.
_PUBLIC = "https://pds-rings.seti.org/holdings/volumes/COUVIS_0xxx/"

#: Volumes of the set COUVIS_0xxx.
VOLUMES = range(1, 61)

#: Highest version of the calibration matrices; a volume has one or more of versions 1 to 5.
MATRIX_VERSION = 5

#: The folder of a volume's index.
_INDEX = "INDEX"

#: Days that consecutive volumes may share: 2005-272 to 274 are in COUVIS_0012 and _0013.
_SHARED_DAYS = 3

_MATRIX = re.compile(r"(EUV|FUV).*_CAL_\d")

#: Bytes that an index table may have, and the data of a product: a million exposures.
_LONGEST_TABLE, _LARGEST = 2**28, 131072 * 10**6

_PRODUCT_ID = re.compile(r"(EUV|FUV|HSP|HDAC)(?P<day>\d{4}_\d{3})_\d\d_\d\d(_\d\d)?")


@dataclass
class Archive:
    """The archive at a base URL, with a cache of what was downloaded.

    Attributes
    ----------
    url : str
        URL of the folder COUVIS_0xxx, ending in a slash.
    cache : Path
        Folder that mirrors the archive.
    """

    url: str
    cache: Path
    _tables: dict[int, dict[str, PurePosixPath]] = field(default_factory=dict, repr=False)
    #: Volumes whose tables were in the cache before.
    _old: set[int] = field(default_factory=set, repr=False)

    @classmethod
    def default(cls) -> Archive:
        """The archive at the environment variable UVISXR_URL_PRODUCTS, or that of the PDS Rings
        Node."""
        return cls(fetch.base_url("products", _PUBLIC), fetch.cache_dir() / "products")

    def locate(self, product: str) -> PurePosixPath:
        """Find the path of a product's label below COUVIS_0xxx.

        Index tables are downloaded, from the likely volume outwards, until one holds the product
        or the day. If two volumes hold it, the later one counts. Tables that were in the cache
        before, and do not hold it, are downloaded again.

        Parameters
        ----------
        product : str
            Identifier, in any form that `uvisxr.pds3.identifier` knows.

        Raises
        ------
        ArgumentError
            The text is not a product identifier.
        FetchError
            No volume holds the product, there is no index of any, or one cannot be downloaded.
        """
        name = identified(product)
        near: set[str] = set()
        path = self._found(name, near)
        if path is None and self._refresh():
            path = self._found(name, near)
        if path is not None:
            return path
        if not any(self._tables.values()):
            raise FetchError(
                f"there is no index of any volume below {self.url}, such as "
                "COUVIS_0001/INDEX/INDEX.LBL: set UVISXR_URL_PRODUCTS to the folder COUVIS_0xxx of "
                "a mirror"
            )
        close = difflib.get_close_matches(name, sorted(near), n=3)
        hint = f"; for that day there are {', '.join(close)}" if close else ""
        raise FetchError(
            f"no volume below {self.url} holds {name}{hint}; check the identifier, or set "
            "UVISXR_URL_PRODUCTS to another mirror"
        )

    def _found(self, name: str, near: set[str]) -> PurePosixPath | None:
        """The path of a product's label by the tables; products of its day are added to `near`."""
        day = _day(name)
        guess = _likely_volume(day)
        left = list(VOLUMES)
        while left:
            number = min(left, key=lambda volume: abs(volume - guess))
            table = self._table(number)
            if name in table:
                later = number + 1 in VOLUMES and _may_hold(number + 1, number, table, day)
                return (self._table(number + 1) if later else table).get(name, table[name])
            near.update(key for key in table if day in key)
            left = [v for v in left if v != number and _may_hold(v, number, table, day)]
        return None

    def _refresh(self) -> bool:
        """Download again the tables that were in the cache before; whether there were any."""
        old, self._old = sorted(self._old), set()
        for number in old:
            # What is there is better than nothing.
            with contextlib.suppress(FetchError):
                self._tables[number] = self._read(number, again=True)
        return bool(old)

    def cached(self, product: str) -> Path | None:
        """Label of a product in the cache, if its data are there too; of the latest volume."""
        return next(filter(pairs.data_of, self._cached(identified(product))), None)

    def is_whole(self, label: Path) -> bool:
        """Whether a label in the cache is that of the product it is named after, and its data, if
        they are not packed, are of the size that it says."""
        data = pairs.data_of(label)
        try:
            _check_label(label, label.stem, label)
        except FetchError:
            return False
        if data is None:
            return False
        return packed.is_packed(data) or data.stat().st_size == data_size(label)

    def _cached(self, name: str) -> list[Path]:
        """Labels of a product in the cache, that of the latest volume first."""
        found = self.cache.glob(f"COUVIS_*/DATA/D{_day(name)}/{name}.LBL")
        return sorted(found, reverse=True)

    def _table(self, number: int) -> dict[str, PurePosixPath]:
        """Labels of one volume's products; empty if the archive has no such volume."""
        if number not in self._tables:
            if self._place(_index(number).with_suffix(".TAB")).is_file():
                self._old.add(number)
            known = self._optional(_index(number)) is not None
            self._tables[number] = self._read(number) if known else {}
        return self._tables[number]

    def _read(self, number: int, again: bool = False) -> dict[str, PurePosixPath]:
        label = self._get(_index(number), again=again)
        check = partial(_check_table, label=label, volume=label.parent.parent.name)
        try:
            self._get(_index(number).with_suffix(".TAB"), check=check, again=again)
        except FetchError:
            # The label may be of another version of the table.
            label.unlink(missing_ok=True)
            raise
        return _rows(read_index(label))

    def _get(
        self,
        path: PurePosixPath,
        folder: Path | None = None,
        check: Callable[[Path], object] | None = None,
        again: bool = False,
    ) -> Path:
        """One file of the archive, from the cache unless it is bad, or wanted `again`.

        The cache repairs itself; files in the user's own folder are left alone.
        """
        place = self._place(path, folder)
        if identifier.product_id(path.stem) or _MATRIX.fullmatch(path.stem):
            check = partial(_check_label, name=path.stem, kept=place)
        elif path.suffix == ".LBL":
            check = _check_index
        return fetch.download(
            f"{self.url}{quote(str(path))}",
            place,
            check=partial(_check_new, place=place, check=check) if again and check else check,
            replace=folder is None,
            kind="products",
            most=MAX_BYTES if path.suffix == ".LBL" else _LONGEST_TABLE,
        )

    def _place(self, path: PurePosixPath, folder: Path | None = None) -> Path:
        """Where a file goes: to a folder, or to the cache, which is laid out like the archive.

        Of an index nothing but the address says whose it is.
        """
        if folder:
            return inside(folder, path.name)
        if path.parent.name == _INDEX:
            mark = hashlib.sha256(self.url.encode(errors="surrogateescape")).hexdigest()[:16]
            return inside(self.cache, PurePosixPath("indexes", mark, path))
        return inside(self.cache, path)

    def _optional(self, path: PurePosixPath, folder: Path | None = None) -> Path | None:
        """The same; None if the archive has no such file."""
        try:
            return self._get(path, folder)
        except NotFoundError:
            return None

    def product(
        self, product: str, folder: Path | None = None, matrix: bool = True
    ) -> dict[str, Path]:
        """Download a product: label, data and calibration matrix.

        Parameters
        ----------
        product : str
            Identifier, as of `locate`.
        folder : Path, optional
            Where the files go, side by side; by default the cache, laid out like the archive.
        matrix : bool
            Download the calibration matrix too, in its highest version.

        Returns
        -------
        dict of Path
            "label" and "data", and "matrix" (its label) if there is one.

        Raises
        ------
        ArgumentError, FetchError
        """
        cached = self._cached(identified(product))
        path = PurePosixPath(cached[0].relative_to(self.cache)) if cached else self.locate(product)
        label = self._get(path, folder)
        found = {"label": label, "data": self._data(path, label, folder)}
        if matrix and path.stem[:3] in ("EUV", "FUV"):
            matrix_label = self._matrix(path, folder)
            if matrix_label is None:
                warn_user(f"{path.parts[0]} has no calibration matrix for {path.stem}")
            else:
                found["matrix"] = matrix_label
        return found

    def _matrix(self, path: PurePosixPath, folder: Path | None) -> Path | None:
        places = [
            PurePosixPath(
                path.parts[0],
                "CALIB",
                f"VERSION_{version}",
                path.parent.name,
                f"{path.stem}_CAL_{version}.LBL",
            )
            for version in range(MATRIX_VERSION, 0, -1)
        ]
        # One already on disk saves asking for higher versions, which rarely exist.
        there = [p for p in places if self._place(p, folder).is_file()]
        for place in there or places:
            label = self._optional(place, folder)
            if label is not None:
                self._data(place, label, folder)
                return label
        return None

    def _data(self, path: PurePosixPath, label: Path, folder: Path | None) -> Path:
        """The data file of a label, checked against the size the label gives."""
        target = path.with_suffix(".DAT")
        return fetch.download(
            f"{self.url}{quote(str(target))}",
            self._place(target, folder),
            size=data_size(label),
            replace=folder is None,
            kind="products",
            most=_LARGEST,
        )


def identified(product: str) -> str:
    """The PRODUCT_ID of an identifier in any form.

    Raises
    ------
    ArgumentError
        The text is not a product identifier.
    """
    name = identifier.product_id(product)
    if name is None:
        raise ArgumentError(
            f"{product!r} is not a UVIS product identifier: these look like FUV2005_230_15_15"
        )
    return name


def _day(name: str) -> str:
    match = _PRODUCT_ID.fullmatch(name)
    return match["day"] if match else ""


def _may_hold(volume: int, seen: int, table: dict[str, PurePosixPath], day: str) -> bool:
    """Whether a volume may hold a day, going by the table of one already searched."""
    days = [_date(found) for name in table if (found := _day(name))]
    if not days:
        return True
    shared = datetime.timedelta(_SHARED_DAYS - 1)
    if volume < seen:
        return _date(day) <= min(days) + shared
    return _date(day) >= max(days) - shared


def _date(day: str) -> datetime.date:
    """The date of a year and day of year; one that is none, such as day 366 of 2005, runs on.

    Years long before or after the mission stand for its first and last.
    """
    year, number = map(int, day.split("_"))
    return datetime.date(min(max(year, 1997), 2018), 1, 1) + datetime.timedelta(number - 1)


def _likely_volume(day: str) -> int:
    """One volume per quarter from 2005 on, starting with the tenth; fewer before."""
    year, number = map(int, day.split("_"))
    return min(max(10 + 4 * (year - 2005) + (number - 1) * 4 // 366, VOLUMES[0]), VOLUMES[-1])


def _check_label(path: Path, name: str, kept: Path | None = None) -> None:
    """Refuse what is no whole label, is that of another product, or does not size its data.

    What is `kept` from an earlier download, or lay there before, is refused too if it cannot be
    opened: what the archive has may be better. Whatever the archive has is taken.

    Raises
    ------
    FetchError
    """
    try:
        values = keywords(path)
    except LabelError as error:
        raise FetchError(
            f"this is no whole PDS label ({_said(error, path)}); try again later"
        ) from error
    found = str(values.get("PRODUCT_ID", "nothing")).strip().upper()
    if (identifier.product_id(found) or found) != name.upper():
        raise FetchError(
            f"this is the label of {shortened(found, 60)}, not of {name}; try again later"
        )
    size = data_size(path)
    if size is None:
        raise FetchError(
            "the label does not say how large its data are (RECORD_BYTES, FILE_RECORDS); try again "
            "later"
        )
    if path != kept:
        return
    try:
        with unwarned():
            label = read_label(path)
    except UnreadObjectError:
        return
    except (LabelError, ProductError) as error:
        raise FetchError(f"it cannot be opened: {_said(error, path)}") from error
    if label.size != size:
        raise FetchError(f"it says both {size} and {label.size} bytes of data")


def _said(error: UvisError, path: Path) -> str:
    """What is wrong with a label, without its path and what to do about it."""
    said = str(error).removeprefix(f"{path}: ").partition(advice(path))[0].rstrip(";: ")
    return said.removesuffix("; the label is damaged")


def _check_index(path: Path) -> None:
    """Refuse what is no whole label of an index."""
    if not is_whole(path):
        raise FetchError("this is no whole PDS label; try again later")
    described(path)


def _index(number: int) -> PurePosixPath:
    return PurePosixPath(f"COUVIS_{number:04}", _INDEX, "INDEX.LBL")


def _rows(rows: Iterable[Row]) -> dict[str, PurePosixPath]:
    """Labels of products by their identifiers."""
    return {row.product: row.path for row in rows if _PRODUCT_ID.fullmatch(row.product)}


def _check_new(path: Path, place: Path, check: Callable[[Path], object]) -> None:
    """Refuse what is in its place already, and what the check refuses."""
    if path == place:
        raise FetchError("it may have changed")
    check(path)


def _check_table(path: Path, label: Path, volume: str) -> None:
    """Refuse what is no table as its label says, or names no product of the volume."""
    with unwarned():
        products = _rows(read_index(label, path))
    if not any(place.parts[0].upper() == volume for place in products.values()):
        raise FetchError(f"this table names no product of {volume}; try again later")


def data_size(label: Path) -> int | None:
    """Size in bytes of the data file that a detached label describes; None if it does not say."""
    try:
        text = label_text(label)
    except LabelError:
        return None
    numbers = [
        re.findall(rf"^[ \t]*{key}[ \t]*=[ \t]*(\d{{1,12}})(?![\d.])", text, re.MULTILINE)
        for key in ("RECORD_BYTES", "FILE_RECORDS")
    ]
    found = [int(number[0]) for number in numbers if len(set(number)) == 1]
    size = found[0] * found[1] if len(found) == 2 else 0
    return size if 0 < size <= _LARGEST else None
