"""FITS files of ours, of the team's writer and of its Titan library, damaged.

The numbers that come must be those that were written, or those that astropy finds in their place
in the file as it is now, where an undefined one is NaN or the largest of its type. Where astropy
does not read that place, and in the tree of the Titan library, they must stand anywhere in it.
"""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import xarray as xr
from astropy.io import fits
from helpers import teams_fits
from helpers.backplanes_tree import backplanes
from helpers.products import product_id, write_product

import uvisxr
from uvisxr.errors import UvisWarning
from uvisxr.fits import layout
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


#: Types, texts and shapes of which extras may say to be, for a few bytes.
_TYPES = (
    *("U500000000", "S1900000000", "V900000000", "O", "i4,i4", "c16", "M8[Y]", "f8", "u1", "?"),
    *("b1", None, [], "U", "M8[ns]", ">i8", "u1,(9999,9999)f8"),
)
_TEXTS = (["x" * 30000], ["x"], [""], [], ["x" * 9000, *[""] * 9000], [["x"]], "x", {"x": 1}, 3)
_SHAPES = (
    *([4], [500000], [2**33], [2**33, 2**33], [0, 2**62], [-1], [4.0], [], "4", [9001]),
    *([1] * 70, [True], [10**30], None, [100, 100, 100, 100]),
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
        match int(rng.integers(10)):
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
            case 9:
                for k in range(int(rng.choice([1, 1, 1, 900]))):
                    raw += _extra(rng, k)
    path.write_bytes(raw)
    return Case(path, kind)


def _extra(rng: np.random.Generator, number: int) -> bytes:
    """An HDU of four bytes that says to be something else."""
    shape = pick(rng, _SHAPES)
    axes = len(shape) if isinstance(shape, list) else 1
    what = {"dims": [f"a{k}" for k in range(axes)], "shape": shape, "coord": False, "attrs": {}}
    what |= {"texts": pick(rng, _TEXTS)} if rng.random() < 0.5 else {"dtype": pick(rng, _TYPES)}
    hdu = fits.ImageHDU(np.zeros(4, "u1"))
    hdu.header["EXTNAME"] = pick(rng, ("DS:", "BP:", "BP:sky/", "BP:x/")) + f"foo{number}"
    hdu.header["UVISXR"] = json.dumps(what)
    return hdu.header.tostring().encode() + bytes(BLOCK)


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
    stored = _Stored(case.path)
    for name in ("counts", "radiance"):
        if name in found.dataset and name in was.dataset:
            here = stored.of_dataset(name, found.dataset[name].shape)
            _check(name, found.dataset[name], was.dataset[name], raw, here)
    for node in found.backplanes.children.values():
        for name, array in node.data_vars.items():
            if node.name in was.backplanes.children and name in was.backplanes[node.name]:
                here = stored.of_node(str(node.name), array)
                _check(str(name), array, was.backplanes[node.name][name], raw, here)
    repr(found.dataset.uvis)
    return any(issubclass(one.category, UvisWarning) for one in caught)


class _Stored:
    """What astropy finds in the places of a file where values of the dataset and the tree are."""

    def __init__(self, path: Path) -> None:
        self._data: dict[str, np.ndarray] = {}
        try:
            with fits.open(path, memmap=False, lazy_load_hdus=False) as file:
                for hdu in file:
                    self._add(hdu)
        except Exception:
            # What the package reads and astropy does not has no places.
            return

    def _add(self, hdu: fits.hdu.base._BaseHDU) -> None:
        try:
            name = hdu.header.get("EXTNAME", "PRIMARY")
            if hdu.data is not None:
                self._data.setdefault(str(name), hdu.data)
        except Exception:
            return

    def of_dataset(self, name: str, shape: tuple[int, ...]) -> list[np.ndarray]:
        image = {"counts": "RAW_COUNTS", "radiance": "PRIMARY"}[name]
        column = {"counts": "RAWCOUNTS", "radiance": "UVIS_CALIBRATED"}[name]
        found = [self._data[key] for key in (f"DS:{name}", image) if key in self._data][:1]
        library = self._data.get("DATA")
        if library is not None and column in (library.dtype.names or ()):
            frames = library[column]
            middle = frames[:, frames.shape[1] // 2] if frames.ndim == 4 else frames
            cut = np.swapaxes(middle, -1, -2)
            found = [cut[tuple(slice(length) for length in shape)]]
        return [one for one in found if one.shape == shape]

    def of_node(self, node: str, array: xr.DataArray) -> list[np.ndarray]:
        extra = self._data.get(f"BP:{node}/{array.name}")
        if extra is not None:
            return [extra.reshape(array.shape)] if extra.size == array.size else []
        for table, columns in layout.TABLES.items():
            own = [column for column in columns if column.field == array.name]
            rows = self._data.get(table)
            if not own or rows is None:
                continue
            names = rows.dtype.names or ()
            if not {column.name for column in own} <= set(names) or len(own) not in (1, 3):
                return []
            bodies = [str(one).strip().lower() for one in rows["NAME"]] if "NAME" in names else []
            at = bodies.index(node) if node in bodies else 0
            if (bodies and node not in bodies) or at >= len(rows):
                continue
            cells = [_cell(rows, column, at) for column in own]
            cell = np.stack(cells, -1) if len(cells) == 3 else cells[0]
            return _as_in_tree(cell, array)
        return []


def _cell(rows: fits.FITS_rec, column: layout.Column, at: int) -> np.ndarray:
    """A cell of a table; of flags the bytes, as astropy takes all but T for false."""
    if column.letter != "L":
        return np.asarray(rows[column.name][at])
    stored = rows.view(np.ndarray)[column.name][at]
    return np.select([stored == ord("T"), stored == ord("F")], [1, 0], -1)


def _as_in_tree(cell: np.ndarray, array: xr.DataArray) -> list[np.ndarray]:
    """A cell with its dimensions as a field of the tree has them."""
    order = [dim for dim in ("instant", "pic", "pixel", "point", "axis") if dim in array.dims]
    if cell.shape != tuple(array.sizes[dim] for dim in order):
        return []
    found = xr.Variable(order, cell).transpose(*array.dims)
    if "point" in array.dims:
        points = [layout.POINTS.index(str(name)) for name in array["point"].values]
        found = found.isel(point=points)
    return [found.values]


def _check(
    name: str, found: xr.DataArray, was: xr.DataArray, raw: bytes, stored: list[np.ndarray]
) -> None:
    """Raise unless numbers are those that were, or those of the file, in their place if known."""
    values, before = found.values, was.values
    if values.shape == before.shape and _alike(values, before).all():
        return
    if stored:
        bad = ~np.any([_alike(values, one, _FORMS) for one in stored], axis=0)
        if values.shape == before.shape:
            bad &= ~_alike(values, before)
        if bad.any():
            at = tuple(int(k) for k in np.argwhere(bad)[0])
            raise Wrong(f"{name}{at}: {values[at]!r}, and {[one[at] for one in stored]} is there")
        return
    for value in values.ravel()[:20]:
        if not _is_there(value, raw):
            raise Wrong(f"{name}: {value!r} is not in the file")


#: Ratios of units.
_FORMS = (1, 15, 1 / 15, 10, 0.1, 1000, 1e-3)


def _alike(values: np.ndarray, others: np.ndarray, forms: tuple[float, ...] = (1,)) -> np.ndarray:
    """Where two arrays have the same number, or both none."""
    one, other = values.astype(float), np.asarray(others).astype(float)
    hole = (one != one) | (values.dtype.kind == "u") & np.isin(one, (65535, 2**32 - 1))
    found = hole & ((other != other) | (other < 0) | (other == one))
    with np.errstate(all="ignore"):
        for form in forms:
            same = abs(one - other * form) <= 2e-7 * abs(other * form)
            found |= same | (one == other * form)
    return found


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
