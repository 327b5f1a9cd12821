"""Star catalogues: small datasets of positions, proper motions and magnitudes.

The package contains the stars brightest at 1565 angstrom. Whole surveys are read from CSV, or from
the fixed-width table of the CDS catalogue II/59B: Thompson et al. 1978, Catalogue of Stellar
Ultraviolet Fluxes, the sky survey of the TD-1 satellite in bands at 2740, 2365, 1965 and 1565
angstrom.
"""

from __future__ import annotations

import csv
import gzip
from importlib.resources import files as package_files
from pathlib import Path

import numpy as np
import spiceypy
import xarray as xr

from .. import checks, fetch
from ..errors import ArgumentError
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
_TD1_BAND, _TD1_WAVELENGTH = "TD1 1565", 1565.0

#: Equinox and epoch of the positions in II/59B: B1950.
_TD1_EPOCH = 1950.0

#: AB magnitude of 1 erg / (s cm2 angstrom) at 1 angstrom (Oke & Gunn 1983, ApJ 266, 713):
#: -48.60 - 2.5 log10(1 / c), c in angstrom/s.
_AB_ZERO = -48.60 + 2.5 * np.log10(SPEED_OF_LIGHT * 1e13)

#: Where `fetch_catalogue` finds II/59B: the catalogue's folder at the CDS, and the file in it.
_PUBLIC = "https://cdsarc.cds.unistra.fr/ftp/II/59B/"
_FILE = "catalog.dat.gz"

_NUMBERS = {"ra": None, "dec": None, "magnitude": None, "pmra": 0.0, "pmdec": 0.0, "epoch": 2000.0}
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
        A CSV file, or the table `catalog.dat` of CDS II/59B, also compressed with gzip. Default:
        the 60 brightest stars of that survey, which come with the package.

        The first line of a CSV file that is not a comment (#) names its columns: `ra` and `dec`,
        degrees, J2000; `magnitude`; and, if any, `name`, `band`, `pmra` and `pmdec`
        (milliarcsecond per year, the former times cos dec; default 0) and `epoch` (Julian year;
        default 2000).
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
    """
    if faintest is not None:
        checks.number("faintest", faintest, "a magnitude")
    name = "the embedded catalogue" if path is None else str(path)
    text = _text(path)
    is_csv = path is None or ".csv" in "".join(Path(path).suffixes).lower()
    columns = _read_csv(text, name) if is_csv else _read_td1(text, name)
    if not (np.abs(columns["dec"]) <= 90).all() or not np.isfinite(columns["ra"]).all():
        raise ArgumentError(f"{name}: ra and dec must be degrees, dec from -90 to 90")
    keep = np.argsort(columns["magnitude"], kind="stable")
    if faintest is not None:
        keep = keep[columns["magnitude"][keep] <= faintest]
    variables = {}
    for key, (units, long_name) in _ATTRS.items():
        attrs = {"long_name": long_name} | ({"units": units} if units else {})
        variables[key] = ("star", columns[key][keep], attrs)
    return xr.Dataset(variables, attrs={"source": name if path is None else Path(path).name})


def fetch_catalogue(folder: str | Path | None = None) -> Path:
    """Download the table of CDS II/59B, 31,215 stars, for `read`.

    Parameters
    ----------
    folder : path, optional
        By default the cache's folder for star catalogues. `UVISXR_URL_STARS` names a mirror.

    Raises
    ------
    FetchError
        The file cannot be downloaded.
    """
    target = Path(folder) if folder else fetch.cache_dir("stars")
    return fetch.download(fetch.base_url("stars", _PUBLIC) + _FILE, target / _FILE)


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


def _text(path: str | Path | None) -> str:
    if path is None:
        return (package_files("uvisxr") / "data" / "stars.csv").read_text(encoding="utf-8")
    path = Path(path).expanduser()
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ArgumentError(
            f"cannot read the star catalogue {path}: {error}; `uvisxr fetch stars` downloads one"
        ) from None


def _read_csv(text: str, name: str) -> dict[str, np.ndarray]:
    numbered = [
        (i, line)
        for i, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    rows = list(csv.reader((line for _, line in numbered), skipinitialspace=True))
    head = [column.strip().lower() for column in rows[0]] if rows else []
    missing = [key for key, default in _NUMBERS.items() if default is None and key not in head]
    if missing or len(rows) < 2:
        raise ArgumentError(
            f"{name} is not a star catalogue: its first line must name the columns ra, dec and "
            f"magnitude ({', '.join(missing) or 'stars'} missing)"
        )
    body = rows[1:]
    for (line, _), row in zip(numbered[1:], body, strict=True):
        if len(row) != len(head):
            raise ArgumentError(f"{name}, line {line}: {len(row)} columns instead of {len(head)}")
    table = dict(zip(head, zip(*body, strict=True), strict=True))
    lines = [line for line, _ in numbered[1:]]
    found: dict[str, np.ndarray] = {}
    for key, default in _NUMBERS.items():
        values = table.get(key, [""] * len(body))
        found[key] = np.array(
            [_number(v, default, name, i, key) for v, i in zip(values, lines, strict=True)]
        )
    for key, text_default in _TEXTS.items():
        found[key] = np.array([v.strip() for v in table.get(key, [text_default] * len(body))])
    return found


def _number(text: str, default: float | None, name: str, line: int, key: str) -> float:
    if default is not None and not text.strip():
        return default
    try:
        return float(text)
    except ValueError:
        raise ArgumentError(f"{name}, line {line}: {key} = {text!r} is not a number") from None


def _read_td1(text: str, name: str) -> dict[str, np.ndarray]:
    rows = []
    for i, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            rows.append([float(line[where] or 0) for where in _TD1.values()])
        except ValueError:
            raise ArgumentError(
                f"{name}, line {i}: not a line of CDS II/59B; the name of a CSV file must end "
                "in .csv"
            ) from None
    if not rows:
        raise ArgumentError(f"{name} holds no stars: `uvisxr fetch stars` downloads a catalogue")
    td1, hd, ra, dec, flux, _, power = np.array(rows).T
    # A flux below its error may be zero or negative; such stars are left out.
    seen = flux > 0
    td1, hd, ra, dec, flux, power = (v[seen] for v in (td1, hd, ra, dec, flux, power))
    old = sphere.vectors(np.rad2deg(ra), np.rad2deg(dec))
    with LOCK:
        turn = spiceypy.pxform("FK4", "J2000", 0.0)
    place = old @ np.asarray(turn).T
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
