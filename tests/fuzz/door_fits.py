"""FITS files of ours, of the team's writer and of its Titan library, damaged.

The numbers that come must be those that were written, or stand in the file as it is now, where an
undefined one is NaN or the largest of its type.
"""

from __future__ import annotations

import re
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from helpers import teams_fits
from helpers.backplanes_tree import backplanes
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.fits.reading import FitsProduct

from .harness import Door, Wrong
from .mutate import a_hole, pick, some_bytes

BLOCK, CARD = 2880, 80

#: What values of cards are replaced by.
_VALUES = (
    *("0", "1", "2", "-1", "3", "7", "8", "16", "-32", "-64", "999", "1000000", "2147483648"),
    *("99999999999999999999", "1E5", "1E400", "1.5", "NaN", "T", "F", "", "''", "'X'", "'", "&"),
    *("'5E'", "'1D'", "'0E'", "'99999999999E'", "'P'", "'1QD(9)'", "'A99999999'", "'12X'", "'1C'"),
    *("'(3,3)'", "'(0)'", "'(9,9,9,9)'", "'(-1,3)'", "'{}'", "'{\"attrs\": 3}'", "/ 3", "(1, 2)"),
)


@dataclass(frozen=True)
class Case:
    path: Path
    kind: str


@cache
def _sound() -> dict[str, tuple[bytes, FitsProduct]]:
    """Files that nothing is wrong with, and what they hold."""
    with tempfile.TemporaryDirectory() as folder:
        label = write_product(Path(folder), product_id(1), samples=2, lines=(20, 25))
        ds = uvisxr.open_product(label).isel(wl=slice(500, 516)).load()
    options = {"evil_pixels": "mask", "nan_interp": None, "smooth": False}
    ds = ds.uvis.calibrate(flat_field=False, trend=False, **options).load()
    tree = backplanes(ds, bodies=["titan"])
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.fits"
        for kind in ("ours", "extras", "team", "draft", "titan"):
            if kind in ("ours", "extras"):
                ds.uvis.to_fits(path, tree, None, extras=kind == "extras", overwrite=True)
            elif kind == "titan":
                teams_fits.titan_library(path, rows=6, bands=8)
            else:
                teams_fits.product(path, version=2 if kind == "team" else 1)
            opened = uvisxr.open_fits(path)
            if kind in ("ours", "extras"):
                np.testing.assert_array_equal(opened.dataset.counts, ds.counts)
                np.testing.assert_array_equal(opened.dataset.radiance, ds.radiance)
            found[kind] = path.read_bytes(), opened
    return found


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    kinds = list(_sound())
    kind = "ours" if rng is None else kinds[int(rng.integers(len(kinds)))]
    raw = _sound()[kind][0]
    path = folder / "x.fits"
    if rng is not None:
        match int(rng.integers(9)):
            case 0:
                raw = raw[: int(rng.integers(len(raw)))]
            case 1:
                raw = some_bytes(rng, raw)
            case 2 | 3 | 4 | 5:
                for _ in range(int(rng.integers(1, 4))):
                    raw = _card(rng, raw)
            case 6:
                raw = a_hole(rng, raw)
            case 7:
                raw = _blocks(rng, raw)
            case 8:
                raw = pick(rng, ("", "SIMPLE  =", "SIMPLE  =" + " " * 20 + "T")).encode()
                raw += bytes(rng.integers(0, 256, int(rng.integers(1, 9000)), np.uint8))
    path.write_bytes(raw)
    return Case(path, kind)


@cache
def _cards(raw: bytes) -> list[int]:
    """Where cards of headers are, told by what they begin with."""
    places = range(0, len(raw) - CARD, CARD)
    return [k for k in places if re.match(rb"[A-Z0-9_-]{1,8} *= ", raw[k : k + CARD])]


def _card(rng: np.random.Generator, raw: bytes) -> bytes:
    """Damage a card of a header; half of the time one that tells of sizes."""
    places = _cards(raw)
    sizes = [k for k in places if re.match(rb"NAXIS|BITPIX|PCOUNT|T(FORM|DIM|FIELDS)", raw[k:])]
    among = sizes if sizes and rng.random() < 0.5 else places
    if not among:
        return raw
    at = among[int(rng.integers(len(among)))]
    card = raw[at : at + CARD]
    match int(rng.integers(5)):
        case 0 | 1 | 2:
            card = (card[:10] + pick(rng, _VALUES).encode()).ljust(CARD)[:CARD]
        case 3:
            card = b"COMMENT".ljust(CARD) if rng.random() < 0.5 else b"END".ljust(CARD)
        case 4:
            other = places[int(rng.integers(len(places)))]
            card = raw[other : other + CARD]
    return raw[:at] + card + raw[at + CARD :]


def _blocks(rng: np.random.Generator, raw: bytes) -> bytes:
    """Leave blocks out, repeat or exchange them."""
    blocks = [raw[k : k + BLOCK] for k in range(0, len(raw), BLOCK)]
    k, other = (int(rng.integers(len(blocks))) for _ in range(2))
    match int(rng.integers(3)):
        case 0:
            del blocks[k : k + int(rng.integers(1, 5))]
        case 1:
            blocks[k:k] = blocks[k : k + int(rng.integers(1, 5))]
        case 2:
            blocks[k], blocks[other] = blocks[other], blocks[k]
    return b"".join(blocks)


def enter(case: Case) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = uvisxr.open_fits(case.path)
    raw = case.path.read_bytes()
    was = _sound()[case.kind][1]
    for name in ("counts", "radiance"):
        if name in found.dataset and name in was.dataset:
            _check(name, found.dataset[name], was.dataset[name], raw)
    for node in found.backplanes.children.values():
        for name, array in node.data_vars.items():
            if node.name in was.backplanes.children and name in was.backplanes[node.name]:
                _check(str(name), array, was.backplanes[node.name][name], raw)
    repr(found.dataset.uvis)
    return any(issubclass(one.category, UvisWarning) for one in caught)


def _check(name: str, found: xr.DataArray, was: xr.DataArray, raw: bytes) -> None:
    """Raise unless numbers are those that were, or those of the file."""
    values, before = found.values, was.values
    if values.shape == before.shape:
        both_unknown = (values != values) & (before != before)
        values = values[~((values == before) | both_unknown)]
    for value in values.ravel()[:20]:
        if not _is_there(value, raw):
            raise Wrong(f"{name}: {value!r} is not in the file")


def _is_there(value: np.generic, raw: bytes) -> bool:
    if value != value or value.dtype.kind == "b" or value in (0, 65535, 2**32 - 1):
        return True
    # Hours are given as angles, and some columns have other units.
    forms = (value, value / 15, value / 10)
    kinds = (">f4", ">f8", ">i2", ">i4", ">i8", "u1")
    with np.errstate(all="ignore"):
        stored = [np.asarray(form).astype(kind).tobytes() for form in forms for kind in kinds]
    return any(one in raw for one in stored)


DOOR = Door(make, enter)
