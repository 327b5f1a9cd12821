"""Products named by the URL of their label or data file.

The label is downloaded once, into the cache, and the data file if that is asked for; else only
where it is is noted there (`uvisxr.pds3.elsewhere`). Below the folder `urls` of the cache they lie
as on their servers. That folder can be removed at any time.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote

from .. import parts
from ..errors import FetchError, LabelError, NotFoundError, ProductError, UvisError
from ..files import inside
from ..transfer import NoPartsError
from . import elsewhere, packed, pairs
from .archive import data_size
from .label import MAX_BYTES, keywords, read_label

# Letters of drives are no schemes.
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/+", re.IGNORECASE)

#: Kinds of data files.
_DATA = (".DAT", *pairs.PACKINGS)


def is_url(source: str) -> bool:
    """Whether a source is written as a URL, also if `pathlib` took one of its slashes."""
    return _URL.match(source) is not None


def download(url: str, whole: bool = False) -> Path:
    """Label of the product at a URL, after downloading it; of its data, only where they are.

    Parameters
    ----------
    url : str
        Of the label, the data file, plain or packed, or their common base path. Endings of the
        other file are asked for in the same case. Where there is no data file of the label's name,
        the one that the label names is asked for, and then packed ones, which are downloaded whole.
    whole : bool
        Download the data file too, if it is not in the cache.

    Raises
    ------
    ArgumentError
        This is no URL of a file, or it has a password in it.
    FetchError
        A download failed, or what came is no label, or no data of it.
    """
    given = _given(url)
    name, kind = pairs.split(given.file)
    is_packed = kind in pairs.PACKINGS
    ending = given.file.suffixes[-2] if is_packed else given.file.suffix
    lower = bool(kind) and ending.islower()
    ending = kind if kind in pairs.LABELS else pairs.LABELS[0]
    file = f"{name}{ending.lower() if lower else ending}"
    label = elsewhere.whole(given.beside(file), given.place(file), check=_check, most=MAX_BYTES)
    size, pointer = _described(label, given.beside(file))
    data = ".dat" if lower else ".DAT"
    endings = [given.file.suffix] if is_packed else ["", *map(str.lower, pairs.PACKINGS)]
    files = [f"{name}{data}{ending}" for ending in endings]
    if pointer and not is_packed:
        files.insert(1, pointer)
    # What came earlier is not asked for again.
    files.sort(key=lambda file: not given.is_known(file))
    missing: list[NotFoundError] = []
    for file in files:
        try:
            _find(given.beside(file), given.place(file), size, whole)
        except NotFoundError as error:
            missing.append(error)
        else:
            return label
    raise missing[0]


def beside(url: str, name: str) -> str:
    """The URL of the file of a name that lies in the folder of another."""
    return _given(url).beside(name)


def of_data(url: str, data: Path) -> str:
    """The URL of a data file that the cache has, or says where it is, by that of the label.

    Errors are those of `elsewhere.url_of`.
    """
    return elsewhere.url_of(data) or beside(url, data.name)


@dataclass(frozen=True)
class _Given:
    """A URL in parts.

    Attributes
    ----------
    above, after : str
        What comes before the name of the file and after it.
    file : Path
        The name.
    folder : Path
        Of the cache, for it.
    quoted : bool
        Whether names are written as on web servers.
    """

    above: str
    after: str
    file: Path
    folder: Path
    quoted: bool

    def beside(self, file: str) -> str:
        """The URL of a file in the same folder."""
        return f"{self.above}{quote(file) if self.quoted else file}{self.after}"

    def place(self, file: str) -> Path:
        """Its place in the cache."""
        return inside(self.folder, file)

    def is_known(self, file: str) -> bool:
        place = self.place(file)
        return place.is_file() or elsewhere.beside(place).is_file()


def _given(url: str) -> _Given:
    url, chained, archive = url.partition("::")
    url, archive = _restored(url), _restored(archive)
    place = elsewhere.place(f"{url}{chained}{archive}")
    above, _, name = url.rpartition("/")
    quoted = parts.is_web(url)
    file = Path(unquote(name)) if quoted else Path(name)
    return _Given(f"{above}/", f"{chained}{archive}", file, place.parent, quoted)


def _restored(url: str) -> str:
    """A URL with the slashes that `pathlib` takes."""
    slashes = "///" if url.lower().startswith("file:") else "//"
    return _URL.sub(rf"\1{slashes}", url, count=1)


def _find(url: str, file: Path, size: int, whole: bool) -> None:
    """Find out where a data file is, or download it; what came packed is kept if it can be
    unpacked."""
    if packed.is_packed(file):
        if not file.is_file():
            # What was unpacked once is not unpacked again to see that it can be.
            elsewhere.whole(url, file, check=partial(_check_packed, size, file.name))
        return
    if not whole and not file.is_file():
        try:
            elsewhere.note(url, file, size)
            return
        except NoPartsError:
            elsewhere.whole(url, file, size)
            elsewhere.say_whole(url)
    elsewhere.whole(url, file, size)
    elsewhere.beside(file).unlink(missing_ok=True)


def _check_packed(size: int, name: str, path: Path) -> None:
    try:
        packed.check(path, size, name)
    except (ProductError, OSError) as error:
        raise FetchError(f"what came is not kept: {error}") from error


def _described(label: Path, url: str) -> tuple[int, str]:
    """Bytes of the data file of a label, and the name that it has for it.

    Raises
    ------
    FetchError
        The label does not say how many.
    """
    with warnings.catch_warnings():
        # Opening it will give them.
        warnings.simplefilter("ignore")
        try:
            read = read_label(label)
        except UvisError as error:
            size = data_size(label)
            if size is None:
                raise FetchError(
                    f"the label {url} does not say how large its data are: {error}"
                ) from error
            return size, ""
    is_name = "/" not in read.pointer and pairs.split(Path(read.pointer))[1] in _DATA
    return read.size, read.pointer if is_name else ""


def _check(path: Path) -> None:
    """Refuse what is no whole label that can be read."""
    try:
        keywords(path)
    except LabelError as error:
        raise FetchError(f"what came is no whole PDS label ({error}); check the URL") from error
