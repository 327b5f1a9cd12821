"""Values that users, scripts and damaged disks give where others are meant."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import ITIMER_REAL, SIGALRM, setitimer, signal
from typing import Any

import numpy as np
import xarray as xr

#: Bytes of memory that a call may take.
MEMORY = 2**29

#: How a picture, a label, an index, a NetCDF file and YAML may begin that go wrong later.
_FILES = {
    "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(60),
    "empty": b"",
    "empty.LBL": b"",
    "junk.LBL": b"PDS_VERSION_ID = PDS3\r\n= = (\r\n\x00\xff",
    "junk.xml": b"<?xml version='1.0'?><a><b></a>",
    "junk.nc": b"\x89HDF\r\n\x1a\n" + bytes(range(256)),
    "junk.json": b'{"a": [1, NaN',
    "junk.yaml": b"- calibrate: {files: [&a *a]}\n",
    "junk.tab": b"\xff\xfe\n1,2\n",
    "junk.txt": b"3 40 x\n\x00",
    "junk.bsp": b"DAF/SPK " + bytes(100),
    "junk.tls": b"KPL/LSK\n\\begindata\nA = (",
    "junk.dat.gz": b"\x1f\x8b\x08\0\0\0\0\0\0\0junk",
    "other.suffix": b"one\n",
}


def files(folder: Path) -> dict[str, Path]:
    """Paths that lead to nothing good, or nowhere, by what they are."""
    folder.mkdir(exist_ok=True)
    for name, content in _FILES.items():
        (folder / name).write_bytes(content)
    (folder / "folder").mkdir(exist_ok=True)
    (folder / "pipe").unlink(missing_ok=True)
    os.mkfifo(folder / "pipe")
    for name, target in {"dangling": "nowhere", "loop": "loop", "dangling.LBL": "none.LBL"}.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)
    named = {name: folder / name for name in (*_FILES, "folder", "pipe", "dangling", "loop")}
    return {
        **named,
        "dangling.LBL": folder / "dangling.LBL",
        "nothing there": folder / "none" / "none",
        "below a file": folder / "empty" / "x",
        "device": Path("/dev/null"),
        "endless": Path("/dev/zero"),
        "letters that are none": folder / os.fsdecode(b"\xff\xfe"),
    }


TEXTS = {
    "no text": "",
    "a blank": " ",
    "a word": "x",
    "long": "x" * 5000,
    "long path": "x/" * 3000,
    "NUL": "a\x00b",
    "nobody": "~nobody-at-all",
    "below nobody": "~nobody-at-all/x",
    "surrogate": "\udcff",
    "lines": "a\nb\n",
    "format": "%s{0}{a!r}\\",
    "option": "--help",
    "number": "1e999",
    "nan": "nan",
    "up": "../../x",
    "address": "http://127.0.0.1:9/x",
    "pattern": "[!",
    "stars": "**",
}


def values(folder: Path) -> dict[str, Any]:
    """Values of every kind, by what they are."""
    loop: list[Any] = []
    loop.append(loop)
    found: dict[str, Any] = {
        "None": None,
        "object": object(),
        "bytes": b"x",
        "True": True,
        "False": False,
        **{repr(n): n for n in (0, 1, -1, 7, 2.5, 1e308, 2**63, 1j, float("nan"), float("inf"))},
        "-inf": -float("inf"),
        "huge": 10**400,
        "huge below": -(10**400),
        **TEXTS,
        "list": [],
        "tuple": (),
        "mapping": {},
        "set": set(),
        "None in a list": [None],
        "two None": (None, None),
        "object in a list": [object()],
        "nested": [[[[1]]]],
        "ragged": [[1, 2], [3]],
        "itself": loop,
        "two huge": (10**400, 10**401),
        "two below": (-5, -3),
        "two nan": (float("nan"), 1.0),
        "two texts": ("a", "b"),
        "two far": (1e300, 1e308),
        "many": list(range(2000)),
        "mapping of texts": {"a": "b"},
        "mapping of lists": {"alt": [0, "b"]},
        "mapping of None": {None: None},
        "mapping of mappings": {"limb": {"color": object()}},
        "empty array": np.array([]),
        "array of texts": np.array(["a"]),
        "array of two dimensions": np.zeros((2, 2)),
        "array of dates": np.array(["NaT"], "M8[ns]"),
        "array of objects": np.array([object(), None]),
        "date": np.datetime64("NaT"),
        "scalar": np.float64("nan"),
        "function": len,
        "class": int,
        "dataset": xr.Dataset(),
        "array of one": xr.DataArray([1.0, 2.0]),
    }
    paths = files(folder)
    found |= {f"{name} as a path": path for name, path in paths.items()}
    several = ("junk.LBL", "pipe", "folder", "dangling", "below a file")
    found |= {f"{name} in a list": [str(paths[name])] for name in several}
    return found | {f"{name} in a list": [TEXTS[name]] for name in ("long", "NUL", "nobody")}


class Hang(BaseException):
    """A call took far too long."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let a call last no longer, and take no more than `MEMORY`; what ends it is `Hang`."""

    def end(*_: object) -> None:
        raise Hang

    before = signal(SIGALRM, end)
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, limits[1]))
    setitimer(ITIMER_REAL, seconds)
    try:
        yield
    finally:
        setitimer(ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        signal(SIGALRM, before)
