"""IDL save files with the trend of the sensitivity, plain and compressed."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import sensitivities
from .harness import Door
from .mutate import some_bytes

#: What counts, lengths and codes are replaced by.
_LONGS = (-2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 15, 18, 36, 255, 1024, 2**16, 2**24, 2**31 - 1)


@dataclass(frozen=True)
class Case:
    folder: Path
    was: bytes


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    was = raw = (sensitivities.sound()[0] / sensitivities.SAVE).read_bytes()
    if rng is not None:
        head = raw.index(b"SCTIME_SEC_START") + 200
        match int(rng.integers(8)):
            case 0 | 1 | 2:
                # Records, descriptions of arrays and structures.
                out = bytearray(raw)
                for _ in range(int(rng.integers(1, 3))):
                    at = 4 * int(rng.integers(1, head // 4))
                    out[at : at + 4] = struct.pack(">i", _LONGS[int(rng.integers(len(_LONGS)))])
                raw = bytes(out)
            case 3:
                out = bytearray(raw)
                out[int(rng.integers(head))] ^= 1 << int(rng.integers(8))
                raw = bytes(out)
            case 4:
                raw = some_bytes(rng, raw)
            case 5:
                raw = raw[: int(rng.integers(len(raw)))]
            case 6:
                out = bytearray(raw)
                at = head - 200 + int(rng.integers(len(raw) - head))
                out[at] = int(rng.integers(256))
                raw = bytes(out)
            case 7:
                raw = _repeated(rng, raw)
        if rng.random() < 0.2:
            raw = _compressed(rng, raw)
    sensitivities.linked(folder, sensitivities.LAB)
    (folder / sensitivities.SAVE).write_bytes(raw)
    return Case(folder, was)


def _repeated(rng: np.random.Generator, raw: bytes) -> bytes:
    """A file with more records: repeated, of other kinds, pointers to themselves."""
    end = raw[-16:]
    kind = int(rng.choice([0, 1, 2, 3, 6, 10, 12, 13, 14, 15, 16, 17, 19, 20, 99]))
    body = rng.integers(0, 3, int(rng.integers(0, 40)) * 4, np.uint8).tobytes()
    if kind == 16:
        body = struct.pack(">6i", 1, 0, 10, 0, 7, 1)
    added = struct.pack(">iIIi", kind, len(raw) + len(body), 0, 0) + body
    if rng.random() < 0.3:
        added = struct.pack(">iIIi", kind, 4, 0, 0)
    return raw[:-16] + added + end


def _compressed(rng: np.random.Generator, raw: bytes) -> bytes:
    """The same records, compressed one by one; now and then one that grows without bounds."""
    out, at = b"SR\x00\x06", 4
    while at + 16 <= len(raw):
        kind, low, _, _ = struct.unpack(">iIIi", raw[at : at + 16])
        if kind == 6 or not at < low <= len(raw):
            break
        body = zlib.compress(raw[at + 16 : low])
        if rng.random() < 0.1:
            body = _bomb()
        if rng.random() < 0.1:
            body = some_bytes(rng, body)
        out += struct.pack(">iIIi", kind, len(out) + 16 + len(body), 0, 0) + body
        at = low
    return out + struct.pack(">iIIi", 6, 0, 0, 0)


_BOMB: list[bytes] = []


def _bomb() -> bytes:
    if not _BOMB:
        _BOMB.append(zlib.compress(bytes(300 * 2**20), 1))
    return _BOMB[0]


def enter(case: Case) -> bool:
    raw = (case.folder / sensitivities.SAVE).read_bytes()
    return sensitivities.check(
        case.folder, meaning(raw, case.was), "spica", False, lambda: _changed(case.was, raw)
    )


def meaning(raw: bytes, was: bytes) -> sensitivities.Said | None:
    """What a file says, if nothing but its numbers and the words of its records are others."""
    if raw[:4] == b"SR\x00\x06":
        raw = _expanded(raw) or b""
    size = 5 * sensitivities.ROW.itemsize
    begin = len(was) - 16 - size
    if len(raw) != len(was) or raw[:begin] != was[:begin] or raw[-16:-12] != was[-16:-12]:
        return None
    rows = np.frombuffer(raw[begin:-16], sensitivities.ROW.newbyteorder(">"))
    ratio = rows["ratio"][:, sensitivities.BANDS].astype(float)
    if np.isinf(rows["ratio"]).any():
        return None
    clock = rows["desc"]["sctime_sec_start"].astype(float)
    return sensitivities.changed(sensitivities.sound()[1], clock=clock, ratio=ratio)


def _expanded(raw: bytes) -> bytes | None:
    out, at = b"SR\x00\x04", 4
    try:
        while True:
            kind, low, high, rest = struct.unpack(">iIIi", raw[at : at + 16])
            if kind == 6:
                return out + struct.pack(">iIIi", 6, 0, 0, 0)
            if high or not at + 16 < low < len(raw):
                return None
            worker = zlib.decompressobj()
            body = worker.decompress(raw[at + 16 : low], 2**20)
            if not worker.eof or worker.unused_data:
                return None
            out += struct.pack(">iIIi", kind, len(out) + 16 + len(body), high, rest) + body
            at = low
    except (struct.error, zlib.error):
        return None


def _changed(was: bytes, raw: bytes) -> str:
    places = [k for k in range(min(len(was), len(raw))) if was[k] != raw[k]]
    shown = ", ".join(f"{k}: {was[k]:02x} -> {raw[k]:02x}" for k in places[:6])
    return f"{len(was)} -> {len(raw)} bytes, {len(places)} others, {shown}"


DOOR = Door(make, enter)
