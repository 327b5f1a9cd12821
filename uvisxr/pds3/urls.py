"""Products named by the URL of their label or data file.

The label is downloaded into the cache, and the data file if that is asked for; else only where it
is is noted there (`uvisxr.pds3.elsewhere`). Below the folder `urls` of the cache they lie as on
their servers. That folder can be removed at any time.

Label and data must be of one version. Therefore the label comes again whenever the data are asked
for; what is whole in the cache, label and data, is left as it is until it is asked for whole again.
"""

from __future__ import annotations

import re
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote
from urllib.request import url2pathname

from .. import parts
from ..errors import ArgumentError, FetchError, LabelError, NotFoundError, ProductError, UvisError
from ..files import absolute, inside, is_folder, relative
from ..transfer import ChangedError, NoPartsError
from . import elsewhere, packed, pairs
from .archive import data_size
from .label import MAX_BYTES, keywords, read_label

# Letters of drives are no schemes.
_URL = re.compile(r"([a-z][a-z0-9+.-]+:)/+", re.IGNORECASE)

#: How often a product that changes while it comes is asked for again.
_AGAIN = 2

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
    path = local(url)
    if path is not None:
        label = pairs.label_of(path)
        if not pairs.is_file(label):
            raise NotFoundError(f"{url}: there is no file {label}; check the URL")
        return label
    given = _given(url)
    if given.file.suffix.lower() == ".zip" and not given.is_packed:
        raise ArgumentError(f"{url} is the URL of no product; {pairs.INSIDE}{url}")
    for _ in range(_AGAIN):
        # The label of a file that has just changed may have changed too.
        with suppress(ChangedError):
            return _downloaded(given, whole)
    return _downloaded(given, whole)


def _downloaded(given: _Given, whole: bool) -> Path:
    """As `download`."""
    label = given.place(given.label)
    before: int | None = None
    with suppress(OSError, UvisError):
        before = label.stat().st_mtime_ns
        size, files = _described(label, given)
        held = any(elsewhere.is_held(given.place(file), size, label) for file in files)
        if held and not whole and not given.is_near:
            return label
    url = given.beside(given.label)
    elsewhere.whole(url, label, check=_check, most=MAX_BYTES, anew=True)
    changed = before is not None and label.stat().st_mtime_ns != before
    size, files = _described(label, given)
    # Of what came earlier it is known where it is.
    files.sort(key=lambda file: not given.is_known(file))
    missing: list[NotFoundError] = []
    for file in files:
        try:
            _find(given.beside(file), given.place(file), size, label, whole, changed)
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


def label_place(url: str) -> Path:
    """Where in the cache the label of the product at a URL is, or would be; errors as of
    `download`."""
    given = _given(url)
    return given.place(given.label)


def local(url: str) -> Path | None:
    """The path of a file: URL, as `Path.as_uri` writes it or with its letters as they are."""
    if not url.lower().startswith("file:/"):
        return None
    plain = f"/{url[5:].lstrip('/')}"
    path = Path(url2pathname(plain))
    return path if is_folder(path.parent) or not is_folder(Path(plain).parent) else Path(plain)


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

    @property
    def is_packed(self) -> bool:
        """Whether packed data are named."""
        return pairs.split(self.file)[1] in pairs.PACKINGS

    @property
    def is_near(self) -> bool:
        """Whether it lies in an archive on this computer, which can be asked at any time."""
        return bool(self.after) and parts.is_local(self.after)

    @property
    def label(self) -> str:
        """The name of the label."""
        name, kind = pairs.split(self.file)
        ending = kind if kind in pairs.LABELS else pairs.LABELS[0]
        return f"{name}{ending.lower() if self._is_lower else ending}"

    def data(self, pointer: str) -> list[str]:
        """Names that the data file may have, of which `pointer` is the one in the label."""
        packings = [self.file.suffix] if self.is_packed else ["", *map(str.lower, pairs.PACKINGS)]
        data = f"{pairs.split(self.file)[0]}{'.dat' if self._is_lower else '.DAT'}"
        files = [f"{data}{packing}" for packing in packings]
        if pointer and not self.is_packed:
            files.insert(1, pointer)
        return files

    @property
    def _is_lower(self) -> bool:
        """Whether endings are in small letters."""
        ending = self.file.suffixes[-2] if self.is_packed else self.file.suffix
        return bool(pairs.split(self.file)[1]) and ending.islower()


def _given(url: str) -> _Given:
    url = _normal(url)
    place = elsewhere.place(url)
    first, archive = parts.chain(url)
    above, _, name = first.rpartition("/")
    quoted = parts.is_web(url)
    file = Path(unquote(name)) if quoted else Path(name)
    return _Given(f"{above}/", f"::{archive}" if archive else "", file, place.parent, quoted)


def _normal(url: str) -> str:
    """A URL that means the same wherever it is read."""
    first, archive = parts.chain(url)
    if not archive:
        return _restored(url)
    path = local(archive)
    if path is None and not is_url(archive):
        path = Path(archive).expanduser()
    return f"{_restored(first)}::{_normal(archive) if path is None else absolute(path)}"


def _restored(url: str) -> str:
    """A URL with the slashes that `pathlib` takes."""
    return _URL.sub(r"\1//", url, count=1)


def _find(url: str, file: Path, size: int, label: Path, whole: bool, changed: bool) -> None:
    """Find out where a data file is, or download it; what came packed is kept if it can be
    unpacked. `changed`: the label is another than before."""
    if packed.is_packed(file):
        check = partial(_check_packed, size, file.name)
        elsewhere.kept(url, file, check=check, label=label, anew=changed)
        return
    if not whole and not file.is_file():
        try:
            elsewhere.note(url, file, size)
            return
        except NoPartsError:
            elsewhere.kept(url, file, size, label=label)
            elsewhere.say_whole(url)
    else:
        elsewhere.kept(url, file, size, label=label, anew=changed)
    elsewhere.beside(file).unlink(missing_ok=True)


def _check_packed(size: int, name: str, path: Path) -> None:
    try:
        packed.check(path, size, name)
    except (ProductError, OSError) as error:
        raise FetchError(f"what came is not kept: {error}") from error


def _described(label: Path, given: _Given) -> tuple[int, list[str]]:
    """Bytes of the data file of a label, and the names that it may have.

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
                    f"the label {given.beside(given.label)} does not say how large its data are: "
                    f"{error}"
                ) from error
            return size, given.data("")
    pointer = read.pointer
    with suppress(ArgumentError):
        if "/" not in pointer and pairs.split(Path(relative(pointer)))[1] in _DATA:
            return read.size, given.data(pointer)
    return read.size, given.data("")


def _check(path: Path) -> None:
    """Refuse what is no whole label that can be read."""
    try:
        keywords(path)
    except LabelError as error:
        raise FetchError(f"what came is no whole PDS label ({error}); check the URL") from error
