"""Outputs in the place of files that are there: damaged, foreign, links, or no files at all.

What uvisxr did not write, or what was added to since, stays as it is, to the byte. What it wrote
and was damaged since may stay or be replaced, by a whole file.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import netCDF4
import numpy as np
from click.testing import CliRunner
from helpers.products import write_product

import uvisxr
from uvisxr.cli import main
from uvisxr.errors import UvisError

from . import door_json, door_netcdf, sensitivities
from .harness import Door, Wrong

_PRODUCT = "FUV2005_230_15_16"

#: Most lines that a command may say.
_LINES = 3

#: The NetCDF that a command writes beside a summary.
_BESIDE = "beside.nc"


@dataclass(frozen=True)
class Case:
    """Where the output goes, what it may replace, and whether a command writes it."""

    path: Path
    ours: bool
    label: Path | None


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    if rng is None:
        return Case(door_netcdf.make(None, folder).path, True, None)
    label = _product() if rng.random() < 0.05 else None
    if rng.random() < 0.25:
        path, ours = door_json.make(rng, folder).path, True
        if rng.random() < 0.5:
            path.write_text(("{}", "[" * 10**6, '{"a":' * 10**5, "null", "")[int(rng.integers(5))])
            ours = False
        # A manifest is another file of ours, but no summary.
        ours &= path.name != "manifest.jsonl"
        path = path.rename(folder / "x.json")
    else:
        made = door_netcdf.make(rng, folder)
        path, ours = made.path, made.kind != "foreign"
        if ours and rng.random() < 0.1:
            path.write_bytes(made.was)
            with netCDF4.Dataset(path, "r+") as root:
                root.createVariable("mine", "f8")
            ours = False
    if rng.random() < 0.1:
        path, ours = _led_to(rng, path, folder), False
    return Case(path, ours, label)


@cache
def _product() -> Path:
    """A small product of the same counts as the dataset."""
    _FOLDERS.append(tempfile.TemporaryDirectory())
    counts = np.full((1, 4, 32), 500)
    return write_product(Path(_FOLDERS[0].name), _PRODUCT, counts, band_bin=32, lines=(30, 33))


#: Removed when the process ends.
_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def _led_to(rng: np.random.Generator, path: Path, folder: Path) -> Path:
    """What is no plain file, where one is expected."""
    other = path.rename(folder / f"other{path.suffix}")
    match int(rng.integers(5)):
        case 0:
            path.mkdir()
        case 1:
            os.mkfifo(path)
        case 2:
            path.symlink_to(path)
        case 3:
            path.symlink_to("/dev/zero")
        case 4:
            # Of ours: the link is replaced, what it led to stays.
            path.symlink_to(other)
    return path


def enter(case: Case) -> bool:
    before = _state(case.path.parent)
    try:
        _write(case)
    except UvisError:
        _same(before, case.path.parent)
        raise
    after = _state(case.path.parent)
    # A link of a name may be replaced, nothing else.
    was = before.pop(case.path.name)
    now = after.pop(case.path.name)
    after.pop(_BESIDE, None)
    if before != after:
        raise Wrong(f"other files: {before.keys() ^ after.keys() or 'changed'}")
    if not case.ours and isinstance(was, bytes) and not was.startswith(b"link"):
        raise Wrong(f"{len(was)} bytes of another are replaced")
    if not isinstance(now, bytes) or not _is_whole(case.path, now):
        raise Wrong("what was written is not whole")
    return False


def _write(case: Case) -> None:
    ds = sensitivities.dataset()
    is_json = case.path.suffix == ".json"
    if case.label is not None:
        netcdf = _BESIDE if is_json else case.path.name
        words = ["process", str(case.label), "-o", str(case.path.parent / netcdf)]
        words += ["--json", str(case.path)] if is_json else []
        words += ["--no-flat-field", "--no-trend", "--no-smooth"]
        done = CliRunner().invoke(main, words)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        lines = done.stderr.splitlines()
        if done.exit_code == 2 and lines[0].startswith("Usage: "):
            raise UvisError(lines[-1])
        if len(lines) > _LINES or "Traceback" in done.stderr or "Exception" in done.stderr:
            raise Wrong(f"the command says {done.stderr}")
        if done.exit_code:
            raise UvisError(done.stderr.removeprefix("uvisxr: ").strip())
    elif is_json:
        ds.uvis.to_json(case.path)
    else:
        ds.uvis.to_netcdf(case.path)


def _state(folder: Path) -> dict[str, bytes | str]:
    """What lies in a folder; of links where they lead."""
    found: dict[str, bytes | str] = {}
    for path in folder.iterdir():
        if path.is_symlink():
            found[path.name] = b"link to " + os.fsencode(path.readlink())
        else:
            found[path.name] = path.read_bytes() if path.is_file() else f"{path.lstat().st_mode:o}"
    return found


def _same(before: dict[str, bytes | str], folder: Path) -> None:
    if _state(folder) != before:
        raise Wrong("refused, but something is changed")


def _is_whole(path: Path, raw: bytes) -> bool:
    if path.suffix == ".json":
        return "uvisxr" in json.loads(raw)
    found = uvisxr.open_reduced(path)
    try:
        return bool((found["counts"] == sensitivities.dataset()["counts"].values.max()).all())
    finally:
        found.close()


DOOR = Door(make, enter)
