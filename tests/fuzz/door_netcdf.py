"""NetCDF files of the package, damaged, and foreign ones, as outputs of a batch and by themselves.

What is read must be what was written, or stand in the file as it is now: the places of the
numbers in a file of HDF5 are not known here, but they are there as bytes. A sound file, which the
process has open all the time, is read after each, and opened once more after some: what HDF5 keeps
of a damaged one harms the next.
"""

from __future__ import annotations

import re
import struct
import tempfile
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

import uvisxr
from uvisxr.errors import UvisWarning

from . import sensitivities
from .harness import Door, Wrong
from .mutate import some_bytes

#: What sizes and addresses are replaced by.
_LONGS = (
    0,
    1,
    2,
    7,
    255,
    2**16,
    2**20,
    2**28,
    2**31 - 1,
    2**32 - 1,
    2**33,
    2**40,
    2**63,
    2**64 - 1,
)


@dataclass(frozen=True)
class Case:
    path: Path
    was: bytes
    kind: str
    way: int
    again: bool = False


@cache
def _content(kind: str) -> xr.DataTree:
    """What is written into a sound file."""
    ds = sensitivities.dataset()
    if kind == "tree":
        return xr.DataTree.from_dict({"/window0": ds, "/window1": ds})
    if kind == "compact":
        return _content("full")
    options = {"evil_pixels": "mask", "nan_interp": None, "smooth": False}
    return xr.DataTree(ds.uvis.calibrate(flat_field=False, trend=False, **options).load())


@cache
def _sound() -> dict[str, bytes]:
    files = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("full", "compact", "tree"):
            written = _content(kind) if kind == "tree" else _content(kind).to_dataset()
            path = Path(folder) / f"{kind}.nc"
            written.uvis.to_netcdf(path, compact=kind == "compact")
            if kind == "full":
                _check_plain(path, written)
            files[kind] = path.read_bytes()
    return files


def _check_plain(path: Path, written: xr.Dataset) -> None:
    """Raise unless the netCDF4 library finds the numbers that were written."""
    with netCDF4.Dataset(path) as root:
        root.set_auto_maskandscale(False)
        for name in ("counts", "radiance", "exposure", "line"):
            np.testing.assert_array_equal(root[name][...], written[name].values)


def _tree(found: xr.Dataset | xr.DataTree) -> xr.DataTree:
    return found if isinstance(found, xr.DataTree) else xr.DataTree(found)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    kinds = list(_sound())
    kind = "full" if rng is None else kinds[int(rng.integers(len(kinds)))]
    was = raw = _sound()[kind]
    path = folder / f"{kind}.nc"
    if rng is None:
        path.write_bytes(raw)
        return Case(path, was, kind, 0)
    way = int(rng.integers(3) if rng.random() < 0.95 else 3)
    match int(rng.integers(11)):
        case 0:
            raw = raw[: int(rng.integers(len(raw)))]
        case 1:
            raw = some_bytes(rng, raw)
        case 2 | 3:
            out = bytearray(raw)
            for _ in range(int(rng.integers(1, 5))):
                out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
            raw = bytes(out)
        case 4 | 5:
            out = bytearray(raw)
            at = int(rng.integers(len(out) - 8))
            value, size = _LONGS[int(rng.integers(len(_LONGS)))], int(rng.choice([2, 4, 8]))
            out[at : at + size] = (value % 256**size).to_bytes(size, "little")
            raw = bytes(out)
        case 6:
            raw = _where(rng, raw)
        case 7:
            raw = bytes(rng.integers(0, 256, int(rng.integers(1, 3000)), np.uint8))
            raw = (b"", b"\x89HDF\r\n\x1a\n", b"CDF\x01", b"CDF\x05")[int(rng.integers(4))] + raw
        case 8:
            marked = _foreign(rng, path)
            return Case(path, was, "marked" if marked else "foreign", way)
        case 9:
            block = 8 * int(rng.integers(1, 64))
            out = bytearray(raw)
            at = int(rng.integers(len(out)))
            out[at : at + block] = bytes(min(block, len(out) - at))
            raw = bytes(out)
        case 10:
            raw = _trees(rng, raw)
    path.write_bytes(raw)
    return Case(path, was, kind, way, bool(rng.random() < 0.1))


def _trees(rng: np.random.Generator, raw: bytes) -> bytes:
    """Damage the trees by which chunks are found, which have no checksum."""
    places = [match.start() for match in re.finditer(rb"TREE\x01", raw)]
    out = bytearray(raw)
    # Number of entries, and some keys with addresses.
    at = places[int(rng.integers(len(places)))] + 5 + int(rng.integers(100))
    out[at] = int(rng.integers(256))
    return bytes(out)


def _where(rng: np.random.Generator, raw: bytes) -> bytes:
    """Damage the structures of HDF5 themselves."""
    marks = (b"OHDR", b"OCHK", b"TREE", b"FRHP", b"FHDB", b"BTHD", b"BTLF", b"GCOL", b"\x89HDF")
    mark = marks[int(rng.integers(len(marks)))]
    places = [k for k in range(len(raw)) if raw.startswith(mark, k)]
    if not places:
        return raw
    out = bytearray(raw)
    at = places[int(rng.integers(len(places)))] + 4 + int(rng.integers(60))
    if rng.random() < 0.5:
        out[at : at + 1] = bytes([int(rng.integers(256))])
    else:
        value, size = _LONGS[int(rng.integers(len(_LONGS)))], int(rng.choice([2, 4, 8]))
        out[at : at + size] = (value % 256**size).to_bytes(size, "little")
    return bytes(out[: len(raw)])


def _foreign(rng: np.random.Generator, path: Path) -> bool:
    """A file of another program, with claims that it does not fill; whether it has our mark."""
    form = ("NETCDF4", "NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_DATA")
    with netCDF4.Dataset(path, "w", format=form[int(rng.integers(5))]) as root:
        root.set_fill_off()
        # Those of the older forms are filled, however large.
        large = (10**6, 2**29) if root.data_model.startswith("NETCDF4") else (10**3, 10**4)
        size = int(rng.choice([1, 3, *large]))
        root.createDimension("pic", size if size < 4 or rng.random() < 0.7 else None)
        name = ("pic", "counts", "time")[int(rng.integers(3))]
        options = {}
        if root.data_model.startswith("NETCDF4"):
            options = {"zlib": bool(rng.integers(2)), "chunksizes": (min(size, 2**27),)}
            if not options["zlib"] and not root.dimensions["pic"].isunlimited():
                options = {"contiguous": True} if size < 2**20 else options
        root.createVariable(name, "f8", ("pic",), **options)
        if rng.random() < 0.3:
            root.variables[name].units = "seconds since 1e400-01-01"
        if rng.random() < 0.3:
            root.variables[name].scale_factor = "x"
        marked = bool(rng.random() < 0.3)
        if marked:
            root.createDimension("written_by_uvisxr", 2)
        if rng.random() < 0.3:
            root.left_out = "radiance"
    if path.stat().st_size > 2**22:
        # Of a file with nothing in it, the beginning.
        with path.open("r+b") as stream:
            stream.truncate(2**16)
    return marked


@cache
def _beside() -> xr.DataTree:
    """A sound file that stays open."""
    _FOLDERS.append(tempfile.TemporaryDirectory())
    path = Path(_FOLDERS[0].name) / "sound.nc"
    path.write_bytes(_sound()["full"])
    return _tree(uvisxr.open_reduced(path))


#: Removed when the process ends.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def enter(case: Case) -> bool:
    try:
        return _enter(case)
    finally:
        kept = _beside()
        path = Path(_FOLDERS[0].name) / "sound.nc"
        for found in (kept, _tree(uvisxr.open_reduced(path))) if case.again else (kept,):
            if not np.array_equal(found["counts"].values, _content("full")["counts"].values):
                raise Wrong("a sound file beside it is read otherwise")


def _enter(case: Case) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if case.way == 3:
            xr.open_dataset(case.path, engine="uvis")
            raise Wrong("the engine takes a file that is no product")
        if case.kind in ("foreign", "marked"):
            _read_foreign(case)
        elif case.way == 2:
            found = _tree(uvisxr.open_processed(case.path.parent)).load()
            _compare_joined(case, found)
        else:
            found = _tree(uvisxr.open_reduced(case.path, chunks=({}, {"pic": 1})[case.way])).load()
            _compare(case, found)
    return any(issubclass(one.category, UvisWarning) for one in caught)


def _read_foreign(case: Case) -> None:
    if case.way < 2:
        _tree(uvisxr.open_reduced(case.path)).load()
    else:
        _tree(uvisxr.open_processed(case.path.parent)).load()
        if case.kind == "foreign":
            raise Wrong("what uvisxr did not write is taken for an output")


def _compare_joined(case: Case, found: xr.DataTree) -> None:
    """Of a folder of one file, the datasets of the file, under other names."""
    datasets = [node.to_dataset() for node in found.subtree if node.data_vars]
    expected = [node.to_dataset() for node in _content(case.kind).subtree if node.data_vars]
    raw = case.path.read_bytes()
    for ds in datasets:
        for name, variable in ds.variables.items():
            known = [other.variables[name] for other in expected if name in other.variables]
            if not known:
                raise Wrong(f"a variable {name!r} that was not there")
            _check(str(name), variable, known[0], raw)
    kept = {name for ds in datasets for name in ds.variables}
    lost = {name for ds in expected for name in ds.variables} - kept - {"sensitivity"}
    if lost:
        raise Wrong(f"lost without a word: {lost}")


def _compare(case: Case, found: xr.DataTree) -> None:
    raw = case.path.read_bytes()
    expected = _content(case.kind)
    if [node.path for node in found.subtree] != [node.path for node in expected.subtree]:
        raise Wrong("other groups")
    for node, other in zip(found.subtree, expected.subtree, strict=True):
        if set(node.variables) != set(other.variables):
            raise Wrong(f"other variables: {set(node.variables) ^ set(other.variables)}")
        for name, variable in node.variables.items():
            _check(str(name), variable, other.variables[name], raw)


def _check(name: str, found: xr.Variable, was: xr.Variable, raw: bytes) -> None:
    if found.dims != was.dims or found.shape != was.shape:
        raise Wrong(f"{name}: {found.dims}, {found.shape} in place of {was.dims}, {was.shape}")
    one, other = found.values, was.values
    if one.dtype.kind == "U" and other.dtype.kind == "U":
        strange = {str(word) for word in one.ravel()} - {str(word) for word in other.ravel()}
        if all(word.encode() in raw for word in strange):
            return
    elif one.dtype == other.dtype:
        differ = ~((one == other) | ((one != one) & (other != other)))
        if all(_is_there(value, raw) for value in one[differ].ravel()[:20]):
            return
    raise Wrong(f"{name}: {str(one.ravel()[:5])[:150]} in place of {str(other.ravel()[:5])[:150]}")


def _is_there(value: np.generic, raw: bytes) -> bool:
    return value.tobytes() in raw or struct.pack("<d", float(value)) in raw  # type: ignore[arg-type]


DOOR = Door(make, enter)
