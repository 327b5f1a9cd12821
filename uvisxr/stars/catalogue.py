"""Star catalogues: small datasets of positions, proper motions and magnitudes.

The package contains the 60 stars brightest at 1565 angstrom, to magnitude 3.1: pointed anywhere,
one low-resolution slit in 2,300 holds one of them. The survey that they are from has 31,215, one in
every 4 or 5 such slits: CDS catalogue II/59B, Thompson et al. 1978, Catalogue of Stellar
Ultraviolet Fluxes, measured by the satellite TD-1 at 2740, 2365, 1965 and 1565 angstrom. The CDS
gives it for scientific use, with citation, and leaves other use to the rights of its origin [VR]:
so all of it cannot be in the package, whose licence allows any use. `fetch_catalogue` downloads it
once, and `predict_stars` finds it then, without a network.

Catalogues of your own are read from CSV, and that of Cassini-UPyP from its `stars.npy`: stars of
Pickles & Depagne 2010 (PASP 122, 1437) brighter than 10 in U, with the places and proper motions of
Tycho-2 [LG].

Sources
-------
.. [VR] Rules of usage of VizieR data, https://cds.unistra.fr/vizier-org/licences_vizier.html
.. [LG] Le Guennic 2026, Cassini-UPyP 1.3.3, documentation, External resources: the fields of the
   structured array and their units.
"""

from __future__ import annotations

import csv
import io
import math
import re
import tokenize
import zlib
from array import array
from collections.abc import Iterator
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import xarray as xr

from .. import checks, fetch
from ..errors import ArgumentError, FetchError, shortened, warn_user
from ..files import read_whole
from ..kernels import spice
from ..kernels.session import LOCK
from ..numerics import sphere
from ..numerics.constants import SPEED_OF_LIGHT

#: Columns of II/59B, from 0: number in the survey, Henry Draper number, right ascension and
#: declination in radians, flux at 1565 angstrom, its error, and their common power of ten.
#: erg / (s cm2 angstrom) = cW / (m2 nm).
_TD1 = {
    "td1": slice(0, 5),
    "hd": slice(6, 12),
    "ra": slice(40, 48),
    "dec": slice(49, 58),
    "flux": slice(91, 97),
    "error": slice(97, 102),
    "power": slice(102, 106),
}

#: Lines of II/59B.
_SURVEY = 31_215

#: Letters of a line up to the power of ten: of twice as many a line break is lost.
_TD1_LENGTH = 106

#: Largest power of ten that a flux may have.
_POWERS = 99

_TD1_BAND, _TD1_WAVELENGTH = "TD1 1565", 1565.0

#: Equinox and epoch of the positions in II/59B: B1950.
_TD1_EPOCH = 1950.0

#: AB magnitude of 1 erg / (s cm2 angstrom) at 1 angstrom (Oke & Gunn 1983, ApJ 266, 713):
#: -48.60 - 2.5 log10(1 / c), c in angstrom/s.
_AB_ZERO = -48.60 + 2.5 * np.log10(SPEED_OF_LIGHT * 1e13)

#: Where `fetch_catalogue` finds II/59B: the catalogue's folder at the CDS, and the file in it.
_PUBLIC = "https://cdsarc.cds.unistra.fr/ftp/II/59B/"
_FILE = "catalog.dat.gz"

#: Fields of the structured array in stars.npy. Of its magnitudes, U comes nearest to the detector.
_NPY = {"ra": "tyRA", "dec": "tyDE", "pmra": "pmRA", "pmdec": "pmDE", "magnitude": "U"}
_NPY_MAGIC = b"\x93NUMPY"

#: Longest catalogue, unpacked, in bytes; most stars, and longest line.
_MOST, _STARS, _LINE = 2**26, 500_000, 2000

#: Longest name of a star or band: an array gives each as many letters as the longest has.
_NAME = 40

#: Numbers as tables write them; Python's float() also takes inf, nan and 1_000.
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")

#: Those of stars, and powers of ten.
_WHOLE = re.compile(r"-?[0-9]+")

#: What no line of a table has within it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

#: What the stars are called that come with the package.
_PACKAGED = "the 60 brightest of the 31,215 stars of TD-1"

#: What columns of stars may hold; the fastest star moves by 10,400 mas in a year.
_RANGES = {
    "ra": (-180.0, 360.0, "degrees"),
    "dec": (-90.0, 90.0, "degrees"),
    "pmra": (-1e5, 1e5, "milliarcseconds a year"),
    "pmdec": (-1e5, 1e5, "milliarcseconds a year"),
    "epoch": (1500.0, 2500.0, "Julian years"),
}

_NUMBERS = {"ra": None, "dec": None, "magnitude": None, "pmra": 0.0, "pmdec": 0.0, "epoch": 2000.0}
#: What a catalogue must contain.
NEEDED = {*_NUMBERS}
_TEXTS = {"name": "", "band": ""}

_ATTRS = {
    "ra": ("degree", "right ascension, J2000, at the epoch"),
    "dec": ("degree", "declination, J2000, at the epoch"),
    "pmra": ("mas year-1", "proper motion in right ascension, times cos(declination)"),
    "pmdec": ("mas year-1", "proper motion in declination"),
    "epoch": ("year", "Julian year of the place"),
    "magnitude": ("1", "magnitude in the band"),
    "band": (None, "photometric band of the magnitude"),
    "name": (None, "name of the star"),
}


def read(path: str | Path | None = None, faintest: float | None = None) -> xr.Dataset:
    """Read a star catalogue.

    Parameters
    ----------
    path : path, optional
        A CSV file; the table `catalog.dat` of CDS II/59B; or the `stars.npy` of Cassini-UPyP; any
        of them also compressed with gzip. Default: the 60 brightest of the 31,215 stars of II/59B,
        which come with the package.

        The first line of a CSV file that is not a comment (#) names its columns: `ra` and `dec`,
        degrees, J2000; `magnitude`; and, if any, `name`, `band`, `pmra` and `pmdec`
        (milliarcsecond per year, the former times cos dec; default 0) and `epoch` (Julian year;
        default 2000).

        Of a `stars.npy` the magnitudes are those in U. Stars without place or magnitude are left
        out, as are those of II/59B without a positive flux at 1565 angstrom.
    faintest : float, optional
        Leave out fainter stars.

    Returns
    -------
    Dataset
        `ra`, `dec`, `pmra`, `pmdec`, `epoch`, `magnitude`, `band`, `name` over `star`, the
        brightest first.

    Raises
    ------
    ArgumentError
        The file is missing or is not a catalogue (the message names file and line), or `faintest`
        is not a number.

    Warns
    -----
    UvisWarning
        A text that is not packed may have been cut short: its last line has no end, or there are
        fewer than the lines of II/59B.

    Examples
    --------
    >>> stars = read(faintest=1.0)
    >>> stars.sizes["star"], stars.name[1].item()
    (6, 'HD 116658')
    """
    if faintest is not None:
        checks.number("faintest", faintest, "a magnitude")
    name = _PACKAGED if path is None else str(path)
    raw, packed = _bytes(path)
    is_csv = path is None or ".csv" in "".join(Path(path).suffixes).lower()
    if raw.startswith(_NPY_MAGIC):
        columns = _read_npy(raw, name)
    else:
        columns = (_read_csv if is_csv else _read_td1)(_decoded(raw, name), name)
        if not packed:
            _warn_if_cut(raw, name, _SURVEY if not is_csv else 0)
    for key, (least, most, what) in _RANGES.items():
        # An unknown proper motion, NaN, counts as zero.
        values = np.nan_to_num(columns[key]) if key.startswith("pm") else columns[key]
        if not ((values >= least) & (values <= most)).all():
            raise ArgumentError(f"{name}: {key} must be {what} from {least:g} to {most:g}")
    keep = np.argsort(columns["magnitude"], kind="stable")
    if faintest is not None:
        keep = keep[columns["magnitude"][keep] <= faintest]
    variables = {}
    for key, (units, long_name) in _ATTRS.items():
        attrs = {"long_name": long_name} | ({"units": units} if units else {})
        variables[key] = ("star", columns[key][keep], attrs)
    return xr.Dataset(variables, attrs={"source": name if path is None else Path(path).name})


def downloaded() -> Path | None:
    """The table of CDS II/59B in the cache, if `fetch_catalogue` has put it there."""
    path = fetch.cache_dir("stars") / _FILE
    return path if path.is_file() else None


def fetch_catalogue(folder: str | Path | None = None) -> Path:
    """Download the table of CDS II/59B, 31,215 stars, for `read`.

    Parameters
    ----------
    folder : path, optional
        By default the cache's folder for star catalogues, where `predict_stars` finds it.
        `UVISXR_URL_STARS` names a mirror.

    Raises
    ------
    FetchError
        The file cannot be downloaded, or what came is not the table.
    """
    target = Path(folder) if folder else fetch.cache_dir("stars")
    url = fetch.base_url("stars", _PUBLIC) + _FILE
    return fetch.download(
        url, target / _FILE, check=_check_table, replace=folder is None, kind="stars", most=_MOST
    )


def _check_table(path: Path) -> None:
    """Refuse what is no whole table of CDS II/59B, packed with gzip."""
    mend = f"nothing of it was kept; try again, or set {fetch.variable('stars')} to a mirror"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        raw = unpacker.decompress(path.read_bytes(), _MOST)
        if not unpacker.eof or unpacker.unused_data:
            raise FetchError(f"the file is cut, or holds more than the table: {mend}")
        _read_td1(_decoded(raw, _FILE), _FILE)
    except (zlib.error, ValueError, OverflowError) as error:
        raise FetchError(f"this is not the table of CDS II/59B ({error}): {mend}") from error


def check(stars: object) -> xr.Dataset:
    """A catalogue, if it is one; ArgumentError if it is not."""
    if not isinstance(stars, xr.Dataset) or not set(stars.variables) >= NEEDED:
        raise checks.refused(
            "stars", stars, "a catalogue of uvisxr.stars.catalogue.read(path), or its path"
        )
    return stars


def directions(stars: xr.Dataset, year: float | np.ndarray) -> np.ndarray:
    """Unit vectors of stars, J2000, moved to a Julian year.

    Parameters
    ----------
    stars : Dataset
        A catalogue.
    year : float or ndarray (star,)

    Returns
    -------
    ndarray, (star, 3)
        Not corrected for parallax or aberration.
    """
    ra, dec = stars["ra"].values, stars["dec"].values
    place, east = sphere.vectors(ra, dec), sphere.east(ra)
    north = np.cross(place, east)
    # An unknown proper motion counts as zero.
    motion = [np.nan_to_num(stars[key].values) for key in ("pmra", "pmdec")]
    along, up = (np.deg2rad(m / 3.6e6)[:, None] for m in motion)
    years = (year - stars["epoch"].values)[:, None]
    return sphere.unit(place + years * (along * east + up * north))


def julian_year(et: np.ndarray) -> np.ndarray:
    """Julian year of TDB seconds past J2000."""
    return 2000.0 + np.asarray(et) / (365.25 * 86400.0)


def _bytes(path: str | Path | None) -> tuple[bytes, bool]:
    """What a file holds, and whether it was packed."""
    if path is None:
        return (package_files("uvisxr") / "data" / "stars.csv").read_bytes(), False
    path = Path(path).expanduser()
    try:
        raw = read_whole(path, _MOST)
        packed = raw.startswith(b"\x1f\x8b")
        return _unpacked(raw) if packed else raw, packed
    except (OSError, zlib.error) as error:
        raise _unreadable(path, error) from None


def _warn_if_cut(raw: bytes, name: str, least: int) -> None:
    """Warn of a text that no sum says to be whole, if its end or some of its lines are missing."""
    lines = raw.count(b"\n")
    if not raw.endswith((b"\n", b"\r")):
        what = "its last line has no end"
    elif lines < least:
        what = f"it has {lines} of the table's {least} lines"
    else:
        return
    warn_user(f"{name}: {what}: if the file was cut short, stars are missing")


def _unpacked(raw: bytes) -> bytes:
    """What a file of gzip holds, which may have several members.

    Raises
    ------
    OSError, zlib.error
        It is damaged, or holds too much.
    """
    found = b""
    while raw.strip(b"\0"):
        worker = zlib.decompressobj(wbits=31)
        found += worker.decompress(raw, _MOST + 1 - len(found))
        if len(found) > _MOST:
            raise OSError(f"unpacked it is longer than {_MOST} bytes")
        if not worker.eof:
            raise OSError("it breaks off")
        raw = worker.unused_data
    return found


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(name, error) from None


def _unreadable(path: str | Path, error: Exception) -> ArgumentError:
    return ArgumentError(
        f"cannot read the star catalogue {path}: {error}; `uvisxr fetch stars` downloads one"
    )


def _read_npy(raw: bytes, name: str) -> dict[str, np.ndarray]:
    table = _table(raw, name)
    fields = table.dtype.names or ()
    missing = [field for field in _NPY.values() if field not in fields]
    if missing or table.ndim != 1:
        lacks = f"no {', '.join(missing)}" if missing else f"the shape {table.shape}"
        raise ArgumentError(
            f"{name} is not the stars.npy of Cassini-UPyP, a structured array of one dimension "
            f"with the fields {', '.join(_NPY.values())}: it has {lacks}; write other catalogues "
            "as CSV"
        )
    odd = [field for field in _NPY.values() if table.dtype[field].kind not in "fiu"]
    if odd:
        raise ArgumentError(f"{name}: {', '.join(odd)} must be a number for each star")
    numbers = {key: np.asarray(table[field], float) for key, field in _NPY.items()}
    known = np.isfinite([numbers[key] for key in ("ra", "dec", "magnitude")]).all(axis=0)
    if not known.any():
        raise ArgumentError(f"{name} holds no star with a place and a magnitude in U")
    if any(np.isinf(numbers[key][known]).any() for key in ("pmra", "pmdec")):
        raise ArgumentError(f"{name}: a proper motion is infinite")
    count = int(known.sum())
    return {key: values[known] for key, values in numbers.items()} | {
        "epoch": np.full(count, 2000.0),
        "band": np.full(count, "U"),
        "name": np.full(count, ""),
    }


def _table(raw: bytes, name: str) -> np.ndarray:
    """The array of a .npy file, whose claims are held against its bytes before it is made."""
    head = np.lib.format
    stream = io.BytesIO(raw)
    try:
        version = head.read_magic(stream)
        read = {(1, 0): head.read_array_header_1_0, (2, 0): head.read_array_header_2_0}[version]
        shape, by_column, dtype = read(stream)
        size, begin = math.prod(shape) * dtype.itemsize, stream.tell()
        if not all(type(n) is int and n >= 0 for n in shape) or dtype.hasobject:
            raise ValueError("it holds Python objects, or has an odd shape")
        if size != len(raw) - begin:
            raise ValueError(f"it claims {size} bytes and has {len(raw) - begin}")
        found = np.frombuffer(raw, dtype, math.prod(shape), begin)
        return found.reshape(shape, order="F" if by_column else "C")
    except (
        *(ValueError, TypeError, KeyError, OverflowError, RecursionError, MemoryError),
        *(SyntaxError, tokenize.TokenError),
    ) as error:
        raise _unreadable(name, error) from None


def _lines(text: str, name: str) -> Iterator[tuple[int, str]]:
    """Numbered lines with something in them."""
    for i, line in enumerate(io.StringIO(text, newline=None), start=1):
        if len(line) > _LINE:
            raise ArgumentError(f"{name}, line {i} has more than {_LINE} letters")
        if _CONTROLS.search(line):
            raise ArgumentError(f"{name}, line {i} has control characters: it is damaged")
        if line.strip():
            yield i, line


def _read_csv(text: str, name: str) -> dict[str, np.ndarray]:
    numbers: list[int] = []

    def counted() -> Iterator[str]:
        for i, line in _lines(text, name):
            if not line.lstrip().startswith("#"):
                numbers.append(i)
                yield line

    rows = csv.reader(counted(), skipinitialspace=True)
    try:
        head = [column.strip().lower() for column in next(rows, [])]
    except csv.Error as error:
        raise _unreadable(name, error) from None
    missing = [key for key, default in _NUMBERS.items() if default is None and key not in head]
    known = [column for column in head if column in _NUMBERS or column in _TEXTS]
    if missing or len(set(known)) < len(known) or not all(map(str.isprintable, head)):
        wrong = f"{', '.join(missing)} missing" if missing else "each of them once, in one line"
        raise ArgumentError(
            f"{name} is not a star catalogue: its first line must name the columns ra, dec and "
            f"magnitude ({wrong})"
        )
    place = {column: k for k, column in enumerate(head)}
    found = {key: array("d") for key in _NUMBERS}
    texts: dict[str, list[str]] = {key: [] for key in _TEXTS}
    try:
        for row in rows:
            line = numbers[-1]
            if len(row) != len(head):
                raise ArgumentError(
                    f"{name}, line {line}: {len(row)} columns instead of {len(head)}"
                )
            if len(found["ra"]) >= _STARS:
                raise ArgumentError(f"{name} has more than {_STARS} stars: leave out faint ones")
            for key, default in _NUMBERS.items():
                word = row[place[key]] if key in place else ""
                found[key].append(_number(word, default, name, line, key))
            for key, text_default in _TEXTS.items():
                texts[key].append(row[place[key]].strip() if key in place else text_default)
    except csv.Error as error:
        raise _unreadable(name, error) from None
    if not found["ra"]:
        raise ArgumentError(
            f"{name} is not a star catalogue: below the names of its columns are stars missing"
        )
    longest = max(map(len, texts["name"] + texts["band"]))
    if longest > _NAME:
        raise ArgumentError(f"{name}: a name or band has {longest} letters, more than {_NAME}")
    if not all(map(str.isprintable, texts["name"] + texts["band"])):
        raise ArgumentError(f"{name}: a name or band is not printable: a quote is left open")
    return {key: np.array(values) for key, values in found.items()} | {
        key: np.array(words) for key, words in texts.items()
    }


def _number(text: str, default: float | None, name: str, line: int, key: str) -> float:
    if default is not None and not text.strip():
        return default
    value = _finite(text)
    if value is None:
        raise ArgumentError(f"{name}, line {line}: {key} = {shortened(text, 40)!r} is not a number")
    return value


def _finite(text: str) -> float | None:
    """The number that a text is, if it is one."""
    found = float(text) if _DECIMAL.fullmatch(text.strip(" \t")) else math.inf
    return found if math.isfinite(found) else None


def _read_td1(text: str, name: str) -> dict[str, np.ndarray]:
    rows: list[list[float | None]] = []
    for i, line in _lines(text, name):
        words = [line[where].strip() or "0" for where in _TD1.values()]
        values = [_finite(word) for word in words]
        whole = all(_WHOLE.fullmatch(word) for word in (*words[:2], words[-1]))
        long_enough = _TD1_LENGTH <= len(line.rstrip("\n")) < 2 * _TD1_LENGTH
        if None in values or not (whole and long_enough) or line[5] + line[48] != "  ":
            raise ArgumentError(
                f"{name}, line {i}: not a line of CDS II/59B; the name of a CSV file must end "
                "in .csv"
            )
        if len(rows) >= _STARS:
            raise ArgumentError(f"{name} has more than {_STARS} stars")
        rows.append(values)
    if not rows:
        raise ArgumentError(f"{name} holds no stars: `uvisxr fetch stars` downloads a catalogue")
    td1, hd, ra, dec, flux, _, power = np.array(rows, float).T
    if (abs(dec) > np.pi / 2).any() or not ((ra >= 0) & (ra <= 2 * np.pi)).all():
        raise ArgumentError(f"{name}: right ascension and declination must be radians")
    # A flux below its error may be zero or negative; such stars are left out.
    seen = flux > 0
    td1, hd, ra, dec, flux, power = (v[seen] for v in (td1, hd, ra, dec, flux, power))
    old = sphere.vectors(np.rad2deg(ra), np.rad2deg(dec))
    with LOCK:
        turn = spice.pxform("FK4", "J2000", 0.0)
    place = old @ np.asarray(turn).T
    if (abs(power) > _POWERS).any():
        raise ArgumentError(f"{name}: a flux has a power of ten beyond {_POWERS}")
    density = flux * 10.0**power
    zeros = np.zeros(len(flux))
    return {
        "ra": sphere.longitude(place),
        "dec": sphere.latitude(place),
        "pmra": zeros,
        "pmdec": zeros,
        "epoch": np.full(len(flux), _TD1_EPOCH),
        "magnitude": _AB_ZERO - 2.5 * np.log10(density) - 5 * np.log10(_TD1_WAVELENGTH),
        "band": np.full(len(flux), _TD1_BAND),
        "name": np.array(
            [f"HD {int(h)}" if h else f"TD1 {int(t)}" for h, t in zip(hd, td1, strict=True)]
        ),
    }
