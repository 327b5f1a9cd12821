"""Manifests of a batch: what a line that is damaged says of an output is read here anew."""

from __future__ import annotations

import json
import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uvisxr import batch
from uvisxr.batch import manifest
from uvisxr.errors import UvisWarning

from .harness import Door, Wrong
from .mutate import some_bytes

#: What no value of a record should be taken for.
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 3.5, 2**63, 2**70, 10**400, "", "done", "failed", "a.nc", "../a.nc"),
    *("x" * 300, "/x" * 3000, "a\0b", "\ud800", "\udcff", [], {}, [1], {"a": 1}, ["done"]),
    *(["step 'rate' is left out"], "0" * 64, "F" * 64, float("nan"), float("inf")),
)
_LINES = (
    *(b"", b"null", b"[]", b"{}", b"\xff\x00", b"[" * 3000, b'{"a":' * 3000, b"9" * 5000, b"\r"),
    *(b"x" * 2**21, b"[" + b"1," * 2**20, b'"a.nc"', b"NaN", b"{'output': 'a.nc'}"),
)
_STEPS = ["rate"]
#: The record of an output as it should be, of which only what depends on the folder is missing.
_NAMES = tuple(f"FUV2005_230_00_0{k}" for k in range(4))


@dataclass(frozen=True)
class Case:
    """A folder of labels and one of outputs, with the fingerprints that are now right."""

    labels: tuple[Path, ...]
    out: Path
    marks: dict[str, str]


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    source, out = folder / "in", folder / "out"
    source.mkdir()
    out.mkdir()
    labels = []
    for name in _NAMES:
        label = source / f"{name}.LBL"
        label.write_text(f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{name}"\nEND\n')
        labels.append(label)
    marks = _fingerprints(labels, out)
    lines = []
    for number, label in enumerate(labels):
        name, content = f"{label.stem}.nc", b"\x89HDF\r\n\x1a\n" + bytes(number)
        (out / name).write_bytes(content)
        record = {
            "product": label.stem,
            "label": str(label),
            "output": name,
            "fingerprint": marks[name],
            "version": "1",
            "status": "done",
            "sha256": "0" * 64,
            "bytes": len(content),
        }
        lines.append(json.dumps(record).encode())
    if rng is not None:
        _damage(rng, lines, out)
    (out / manifest.NAME).write_bytes(b"".join(line + b"\n" for line in lines))
    if rng is not None and rng.random() < 0.4:
        path = out / manifest.NAME
        path.write_bytes(some_bytes(rng, path.read_bytes()))
    if rng is not None and rng.random() < 0.1:
        path = out / manifest.NAME
        path.unlink()
        match int(rng.integers(4)):
            case 0:
                path.mkdir()
            case 1:
                os.mkfifo(path)
            case 2:
                path.symlink_to("/dev/zero")
            case 3:
                path.symlink_to(path)
    return Case(tuple(labels), out, marks)


def _fingerprints(labels: list[Path], out: Path) -> dict[str, str]:
    """What marks the labels as they are; only that these are equal or not has a meaning here."""
    from uvisxr.batch import pipeline, run, work

    jobs: list[work.Job] = []
    held = run._Batch(pipeline.load(_STEPS), manifest.Known(out), Path(), False)
    jobs += [job for job, _ in held.jobs(map(run.sources.Product.at, labels))]
    return {job.output: job.fingerprint for job in jobs}


def _damage(rng: np.random.Generator, lines: list[bytes], out: Path) -> None:
    for _ in range(int(rng.integers(1, 4))):
        k = int(rng.integers(len(lines)))
        match int(rng.integers(7)):
            case 0 | 1 | 2:
                try:
                    record = json.loads(lines[k])
                except (ValueError, RecursionError):
                    continue
                if isinstance(record, dict) and record:
                    keys = [*record, "left_out", "step"]
                    key = keys[int(rng.integers(len(keys)))]
                    record[key] = _VALUES[int(rng.integers(len(_VALUES)))]
                    line = json.dumps(record).encode()
                    if rng.random() < 0.5:
                        lines[k] = line
                    else:
                        lines.insert(int(rng.integers(len(lines) + 1)), line)
            case 3:
                lines.insert(k, _LINES[int(rng.integers(len(_LINES)))])
            case 4:
                lines[k] = some_bytes(rng, lines[k])
            case 5:
                lines.append(lines[k].replace(b'"done"', b'"failed"'))
            case 6:
                path = out / f"{_NAMES[int(rng.integers(len(_NAMES)))]}.nc"
                match int(rng.integers(3)):
                    case 0:
                        path.is_file() and path.unlink()
                    case 1:
                        path.is_file() and path.write_bytes(path.read_bytes()[:-1])
                    case 2:
                        path.is_file() and path.unlink()
                        path.mkdir(exist_ok=True)


def enter(case: Case) -> bool:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        planned = dict(batch.plan(case.labels, _STEPS, case.out))
    told = [str(w.message) for w in caught if issubclass(w.category, UvisWarning)]
    last, skipped = _read(case.out / manifest.NAME)
    for label in case.labels:
        name = f"{label.stem}.nc"
        record, path = last.get(name), case.out / name
        current = (
            record is not None
            and record["status"] == "done"
            and not record.get("left_out")
            and record["fingerprint"] == case.marks[name]
            and path.is_file()
            and path.stat().st_size == record["bytes"]
        )
        refused = any(f"{label} will fail" in text for text in told)
        if current == (str(label) in planned or refused):
            raise Wrong(f"{name} is {'not ' * (not current)}up to date: {record}")
    if (skipped > 0) != any("not as uvisxr writes them" in text for text in told):
        raise Wrong(f"{skipped} lines are no records, and it says {told}")
    return bool(told)


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The last record of each output, and how many lines are none."""
    last: dict[str, dict[str, Any]] = {}
    skipped = 0
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            record = json.loads(line) if len(line) < 2**20 else None
        except (ValueError, RecursionError):
            record = None
        if _is_record(record):
            last[record["output"]] = record
        else:
            skipped += 1
    return last, skipped


def _is_record(record: Any) -> bool:
    if not isinstance(record, dict):
        return False
    match record:
        case {"output": str(output), "label": str(label), "fingerprint": str(mark)}:
            texts = (output, label, mark)
        case _:
            return False
    try:
        raw = [text.encode("utf-8", "surrogateescape") for text in texts]
    except UnicodeEncodeError:
        return False
    plain = re.fullmatch(rb"[^/\0]{0,252}\.nc", raw[0], re.DOTALL)
    if (
        not plain
        or b"\0" in raw[1]
        or len(raw[1]) > 4096
        or not re.fullmatch(rb"[\1-\x7f]*", raw[2])
    ):
        return False
    if record.get("status") == "failed":
        return True
    left = record.get("left_out", [])
    size = record.get("bytes")
    return (
        record.get("status") == "done"
        and isinstance(left, list)
        and all(isinstance(text, str) for text in left)
        and isinstance(size, int)
        and not isinstance(size, bool)
        and 0 <= size < 2**63
        and bool(re.fullmatch("[0-9a-f]{64}", str(record.get("sha256"))))
    )


DOOR = Door(make, enter)
