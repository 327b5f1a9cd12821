"""The JSON summary of an observation, and the manifest of a batch."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

import uvisxr
from uvisxr.batch import manifest

from .harness import Door, Wrong
from .mutate import pick, some_bytes

_VALUES = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "9" * 5000,
        "1" + "0" * 30,
        "null",
        "true",
    ),
    *(
        "[]",
        "{}",
        "[[]]",
        "[1, [2]]",
        '"x"',
        '"1"',
        '"\\ud800"',
        '"\\u0000"',
        '"../../x"',
        "-1",
        "1.5",
    ),
    *(
        "[" * 5000,
        "[" * 900 + "]" * 900,
        '{"a": 1, "a": 2}',
        '"' + "x" * 5000 + '"',
        "[null, null]",
    ),
    *('["pic", "pic"]', '["pic", "pixel", "wl"]', '[1, 2, "3"]', "", "/* */", "'x'", "1_0", "0x1"),
)

_SUMMARY: dict[str, Any] = {
    "uvisxr": "0.1.0",
    "name": "FUV_2005_230",
    "channel": "FUV",
    "year": 2005,
    "frames": 2,
    "products": ["FUV2005_230_15_15"],
    "integration_time": 30.0,
    "background": None,
    "wavelength": [1215.5, 1300.25],
    "geometry": {
        "target": "TITAN",
        "kernels": ["naif0012.tls"],
        "fields": {
            "alt": {"dims": ["pic", "pixel"], "units": "km", "values": [[1.5, None], [3.0, 4.0]]},
            "et": {"dims": ["pic"], "units": "s", "values": [1.0, 2.0]},
        },
    },
}


@dataclass(frozen=True)
class Case:
    path: Path


@cache
def _text(kind: str) -> str:
    if kind == "summary":
        return json.dumps(_SUMMARY, indent=1) + "\n"
    lines = [
        {
            "product": f"FUV2005_230_15_1{k}",
            "label": f"/data/FUV2005_230_15_1{k}.LBL",
            "output": f"FUV2005_230_15_1{k}.nc",
            "status": "done",
            "fingerprint": f"{k:064x}",
            "bytes": 10 + k,
            "sha256": f"{k:064x}",
        }
        for k in range(4)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    kind = "summary" if rng is None or rng.random() < 0.6 else "manifest"
    text = _text(kind)
    raw = text.encode()
    if rng is not None:
        if rng.random() < 0.6:
            places = [
                m.span(1) for m in re.finditer(r'[:,\[] *("[^"]*"|[\d.]+|null|\[[^\]]*\])', text)
            ]
            begin, end = places[int(rng.integers(len(places)))]
            raw = (text[:begin] + pick(rng, _VALUES) + text[end:]).encode()
        else:
            raw = some_bytes(rng, raw)
    path = folder / ("titan.json" if kind == "summary" else manifest.NAME)
    path.write_bytes(raw)
    return Case(path)


def enter(case: Case) -> bool:
    raw = case.path.read_bytes()
    if case.path.name == manifest.NAME:
        found = manifest.Known(case.path.parent)
        _check_manifest(found, raw)
        return False
    content = uvisxr.load_json(case.path)
    try:
        said = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_none_such)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"taken, though {error}") from None
    _compare(content, said, ())
    return False


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name is there twice")
    return dict(pairs)


def _none_such(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _compare(found: Any, said: Any, place: tuple[str, ...]) -> None:
    if len(place) == 3 and place[:2] == ("geometry", "fields"):
        if not isinstance(found, xr.DataArray):
            raise Wrong(f"{place} is no field")
        values = np.array(_reals(said["values"]), float)
        same = found.dims == tuple(said["dims"]) and found.attrs["units"] == said["units"]
        if not (same and np.array_equal(found.values, values, equal_nan=True)):
            raise Wrong(f"{place}: {found.values} in place of {said}")
    elif isinstance(said, dict) and isinstance(found, dict) and found.keys() == said.keys():
        for key, value in said.items():
            _compare(found[key], value, (*place, key))
    elif type(found) is not type(said) or found != said or said in (float("inf"), float("-inf")):
        raise Wrong(f"{place}: {str(found)[:100]} in place of {str(said)[:100]}")


def _reals(values: Any) -> Any:
    """Nested lists of numbers, NaN for None; nothing else."""
    if isinstance(values, list):
        return [_reals(value) for value in values]
    if values is None:
        return np.nan
    if isinstance(values, bool) or not isinstance(values, int | float):
        raise Wrong(f"{values!r} is taken for a number")
    return float(values)


def _check_manifest(known: manifest.Known, raw: bytes) -> None:
    """What is current must be by a whole line, its last, that says so."""
    last: dict[str, dict[str, Any]] = {}
    for line in raw.split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("output"), str):
            last[record["output"]] = record
    for k in range(4):
        output = f"FUV2005_230_15_1{k}.nc"
        (known.path.parent / output).write_bytes(bytes(10 + k))
        record = last.get(output, {})
        good = (
            record.get("status") == "done"
            and not record.get("left_out")
            and record.get("bytes") == 10 + k
            and record.get("fingerprint") == f"{k:064x}"
        )
        if known.is_current(output, f"{k:064x}") and not good:
            raise Wrong(f"{output} is taken as done by {str(record)[:200]}")
        known.owner(output)
    for record in manifest.latest(known.path.parent).values():
        if "/" in record["output"] or "\0" in record["output"]:
            raise Wrong(f"an output outside of the folder: {record['output']!r}")


DOOR = Door(make, enter)
