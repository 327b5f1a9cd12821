"""Lists of products: which labels a list names, one a line, is read here anew."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import numpy as np

from uvisxr.errors import UvisWarning
from uvisxr.pds3 import sources

from .harness import Door, Wrong
from .mutate import pick, some_bytes

_NAMES = tuple(f"FUV2005_230_00_0{k}" for k in range(5))
_LINES = (
    *("FUV2005_230_00_00.LBL", "./FUV2005_230_00_01.LBL", "FUV2005_230_00_01", "# nothing", ""),
    *("FUV2005_230_00_02.LBL # the best", "  FUV2005_230_00_03.LBL\t", "below", "below/", "b.txt"),
    *("list.txt", "c.txt", "d0.txt", "FUV*.LBL", "below/*", "**/*.LBL", "none*", "none.LBL", "..x"),
    *(
        "~",
        "~/none.LBL",
        "~nobody-at-all/x",
        "http://127.0.0.1:1/x.LBL",
        "ftp://x/y.LBL",
        "file:///etc",
    ),
    *("/etc/passwd", "/dev/zero", "/dev/null", "fifo", "dangling", "loop", "data.bin", "nofile.NC"),
    *(
        "a\0b",
        "x" * 300,
        "x" * 5000,
        "../" * 500 + "none",
        "\ufeff",
        "FUV2005_230_00_00.lbl",
        "\\",
        "[",
        "*",
    ),
    *(
        "FUV2005_230_00_04.DAT",
        "FUV2005_230_23_59",
        "HSP2005_230_00_00",
        "%s",
        "-o",
        "$HOME",
        "'a'",
    ),
)


@dataclass(frozen=True)
class Case:
    path: Path


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    for place in (folder, folder / "below"):
        place.mkdir(exist_ok=True)
    for k, name in enumerate(_NAMES):
        place = folder if k < 4 else folder / "below"
        text = f'PDS_VERSION_ID = PDS3\nPRODUCT_ID = "{name}"\nEND\n'
        (place / f"{name}.LBL").write_text(text)
        (place / f"{name}.DAT").write_bytes(b"\1\2")
    lines = ["# products", f"{_NAMES[0]}.LBL", f"below/{_NAMES[4]}.LBL", "b.txt"]
    (folder / "b.txt").write_text(f"{_NAMES[1]}.LBL\n")
    if rng is not None:
        os.mkfifo(folder / "fifo")
        (folder / "dangling").symlink_to("nowhere")
        (folder / "loop").symlink_to("loop")
        (folder / "below" / "up").symlink_to("..")
        (folder / "data.bin").write_bytes(bytes(range(256)) * 40)
        (folder / "nofile.NC").write_bytes(b"\x89HDF\r\n\x1a\n")
        (folder / "c.txt").write_text("list.txt\n")
        for k in range(12):
            (folder / f"d{k}.txt").write_text(f"d{k + 1}.txt\n" * 9 + f"{_NAMES[2]}.LBL\n")
        (folder / "d12.txt").write_text(f"{_NAMES[3]}.LBL\n" * 9)
        for _ in range(int(rng.integers(0, 3))):
            lines.insert(int(rng.integers(len(lines) + 1)), pick(rng, _LINES))
    raw = "\n".join(lines).encode("utf-8", "surrogatepass") + b"\n"
    if rng is not None:
        match int(rng.integers(16)):
            case 0 | 1 | 2 | 3 | 4:
                raw = some_bytes(rng, raw)
            case 5:
                name = pick(rng, ("utf-16", "utf-8-sig", "utf-32", "cp037"))
                raw = raw.decode().encode(name, "replace")
            case 6:
                raw = raw.replace(b"\n", (b"\r\n", b"\r", b"\n\n", b"\x0c")[int(rng.integers(4))])
            case 7 if rng.random() < 0.05:
                raw *= 10**6 // len(lines)
        # Whoever names the root has all of it searched, which takes its time.
        split = raw.split(b"\n")
        if len(split) < 1000:
            raw = b"\n".join(line for line in split if not _leads_out(line, folder))
    os.environ["HOME"] = str(folder / "below")
    path = folder / "list.txt"
    path.write_bytes(raw)
    return Case(path)


def _leads_out(line: bytes, folder: Path) -> bool:
    """Whether a line may name a folder, or several, outside of the case's."""
    entry = os.fsdecode(line.partition(b"#")[0].strip()).replace("\0", "")
    place = Path(os.path.realpath(folder / entry[:4000]))
    outside = not place.is_relative_to(folder)
    return outside and ("*" in entry or "[" in entry or "?" in entry or os.path.isdir(place))  # noqa: PTH112


def enter(case: Case) -> bool:
    with (
        warnings.catch_warnings(record=True) as caught,
        # Servers that are none are asked several times.
        mock.patch("time.sleep"),
    ):
        warnings.simplefilter("always")
        found = [product.label for product in sources.expand(case.path)]
    for label in found:
        if Path(os.path.realpath(label)).parent not in (
            *(case.path.parent, case.path.parent / "below"),
        ):
            raise Wrong(f"{label} lies elsewhere")
    said = named(case.path, ())
    if said is not None and sorted({*map(os.path.realpath, found)}) != sorted({*said}):
        raise Wrong(f"{[p.name for p in found]} for {[Path(p).name for p in said]}")
    return any(issubclass(warning.category, UvisWarning) for warning in caught)


def named(path: Path, above: tuple[Path, ...]) -> list[str] | None:
    """The labels of a list of plain lines; None if there are others, or a list that is above."""
    labels: list[str] = []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    if path in above or len(above) > 2 or len(text) > 10_000:
        return None
    for line in text.splitlines():
        entry = line.split("#")[0].strip()
        place = path.parent / entry
        if not entry:
            continue
        if not entry.isascii() or re.search(r"[\0*?\[]", entry) or len(entry) > 200:
            return None
        if place.suffix == ".LBL":
            labels.append(os.path.realpath(place))
        elif place.suffix == ".txt":
            inner = named(place, (*above, path)) if place.is_file() else None
            if inner is None:
                return None
            labels += inner
        else:
            return None
    return labels


DOOR = Door(make, enter)
