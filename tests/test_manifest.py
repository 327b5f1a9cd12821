"""The manifest: append-only, survives torn lines and lines of any kind, one batch at a time."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from helpers import lockless

from uvisxr.batch import manifest
from uvisxr.errors import ExportError, UvisWarning

CONTENT = b"123"
DONE = {
    "output": "a.nc",
    "label": "first.LBL",
    "fingerprint": "f",
    "status": "done",
    "bytes": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.nc").write_bytes(CONTENT)
    return tmp_path


def lines(folder: Path, *given: bytes | dict) -> None:
    texts = [line if isinstance(line, bytes) else json.dumps(line).encode() for line in given]
    (folder / manifest.NAME).write_bytes(b"\n".join(texts) + b"\n")


def test_the_index_of_a_manifest(folder: Path):
    with manifest.Manifest(folder) as held:
        assert held.owner("a.nc") == ""
        held.claim("a.nc", "first.LBL")
        assert held.owner("a.nc") == "first.LBL"
        assert not held.is_written("a.nc")
        held.append(DONE | {"status": "failed"})
        assert not held.is_written("a.nc")
        held.append(DONE | {"left_out": ["geometry: no kernels"]})
        assert held.is_written("a.nc") and held.is_whole("a.nc")
        assert not held.is_current("a.nc", "f")
        held.append(DONE)
        assert held.is_current("a.nc", "f")
        # The file stays that of the record, whoever it belongs to from now on.
        held.claim("a.nc", "second.LBL")
        assert held.owner("a.nc") == "second.LBL"
        assert held.is_current("a.nc", "f")
        held.append(DONE | {"status": "failed"})
        assert held.is_whole("a.nc") and held.is_same("a.nc")
        assert not held.is_current("a.nc", "f")
    # A claim alone is forgotten.
    assert manifest.Known(folder).owner("a.nc") == "first.LBL"


def test_what_is_there_is_compared_with_what_was_written(folder: Path):
    lines(folder, DONE)
    known = manifest.Known(folder)
    assert known.is_whole("a.nc") and known.is_same("a.nc")
    # Whatever the time of modification says.
    state = (folder / "a.nc").stat()
    (folder / "a.nc").write_bytes(b"124")
    os.utime(folder / "a.nc", ns=(state.st_atime_ns, state.st_mtime_ns))
    assert known.is_whole("a.nc") and not known.is_same("a.nc")
    (folder / "a.nc").unlink()
    assert not known.is_whole("a.nc") and not known.is_same("a.nc")
    os.mkfifo(folder / "a.nc")
    assert not known.is_whole("a.nc")


def without(key: str) -> dict:
    return {name: value for name, value in DONE.items() if name != key}


@pytest.mark.parametrize(
    "line",
    [
        *(DONE | {"bytes": size} for size in (None, "3", 3.5, -3, 2**70, [3], True)),
        *(DONE | {"output": name} for name in (None, 5, ["a.nc"], {}, "", "..", "a", "a\0.nc")),
        *(DONE | {"output": name} for name in ("../a.nc", "/a.nc", "x" * 300 + ".nc", "\ud800.nc")),
        *(DONE | {"label": label} for label in (None, 5, "a\0b", "/x" * 5000, "\ud800")),
        *(DONE | {"fingerprint": mark} for mark in (None, 5, "\udcff", [])),
        *(DONE | {"status": status} for status in (None, 5, "ready", ["done"], True)),
        *(DONE | {"left_out": left} for left in (None, 5, "a step", [5], {"a": 1})),
        *(DONE | {"sha256": digest} for digest in (None, 5, "", "f" * 63, "g" * 64, "F" * 64)),
        *(
            DONE | {"fits": told}
            for told in (
                *(5, "a.fits", ["a.fits"], [{"name": "a.fits"}]),
                *(
                    [{"name": "a.fits", "bytes": 3, "sha256": "0" * 64} | other]
                    for other in (
                        *(
                            {"name": name}
                            for name in ("../a.fits", "a.nc", "a/b.xml", "\0.fits", 3)
                        ),
                        *({"bytes": size} for size in (-1, "3", True, None)),
                        {"sha256": "x"},
                    )
                ),
            )
        ),
        *map(without, DONE),
        *(b"null", b"5", b'"a.nc"', b"[]", b"{}", b"[" * 5000, b'{"a":' * 5000, b"9" * 5000),
        *(
            b"\xff\x00garbage",
            b"{'output': 'a.nc'}",
            b"\xef\xbb\xbf{}",
            json.dumps(DONE)[:40].encode(),
        ),
        *(b"x" * 10_000_000, b"[" + b"0," * 5_000_000, json.dumps(DONE).encode() + b" " * 2**21),
        json.dumps(DONE).encode() + json.dumps(DONE).encode(),
    ],
    ids=lambda line: str(line)[-40:],
)
def test_lines_of_any_kind(folder: Path, line: bytes | dict):
    """They are skipped, with a warning, wherever they stand; what stands before counts."""
    with pytest.warns(UvisWarning, match=r"manifest.jsonl: 1 line is not as uvisxr writes them"):
        lines(folder, line)
        assert not manifest.Known(folder).is_written("a.nc")
    assert list(manifest.read(folder)) == []
    with pytest.warns(UvisWarning, match="2 lines are not"):
        lines(folder, line, b"", DONE, line)
        known = manifest.Known(folder)
    assert known.is_current("a.nc", "f") and known.owner("a.nc") == "first.LBL"
    assert list(manifest.read(folder)) == [DONE]


def test_what_is_no_ordinary_file(tmp_path: Path):
    path = tmp_path / manifest.NAME
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/full")):
        make()
        for kind in (manifest.Known, manifest.Manifest):
            with pytest.raises(ExportError, match="no ordinary file"):
                kind(tmp_path)
        path.rmdir() if path.is_dir() else path.unlink()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_nothing_is_appended_to_a_file_of_another_name(tmp_path: Path, link: Callable):
    mine, path = tmp_path / "mine", tmp_path / "out" / manifest.NAME
    path.parent.mkdir()
    lines(tmp_path, DONE)
    (tmp_path / manifest.NAME).rename(mine)
    before = mine.read_bytes()
    link(path, mine)
    with pytest.raises(ExportError, match="it is a link, has other names too, or is no ordinary"):
        manifest.Manifest(path.parent)
    assert mine.read_bytes() == before
    # Those who read only may read it.
    assert list(manifest.read(path)) == [DONE]


def test_a_link_to_nothing_is_not_made_a_file(tmp_path: Path):
    (tmp_path / manifest.NAME).symlink_to(tmp_path / "mine")
    with pytest.raises(ExportError, match="it is a link"):
        manifest.Manifest(tmp_path)
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize("again", [False, True])
def test_one_that_is_gone_is_not_written(tmp_path: Path, again: bool):
    with manifest.Manifest(tmp_path) as held:
        held.append(DONE)
        (tmp_path / manifest.NAME).unlink()
        if again:
            (tmp_path / manifest.NAME).touch()
        with pytest.raises(ExportError, match="was deleted or replaced while the batch ran"):
            held.append(DONE)


def done(output: str, fingerprint: str = "f", size: int = 3) -> dict[str, Any]:
    return {
        "output": output,
        "label": f"/data/{output}.LBL",
        "status": "done",
        "fingerprint": fingerprint,
        "bytes": size,
        "sha256": hashlib.sha256(b"abc").hexdigest(),
    }


def failed(output: str) -> dict[str, Any]:
    return {"output": output, "label": "/data/x.LBL", "status": "failed", "fingerprint": "f"}


def test_what_is_appended_is_known_now_and_later(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with manifest.Manifest(tmp_path) as book:
        assert not book.is_current("a.nc", "f")
        book.append(done("a.nc"))
        assert book.is_current("a.nc", "f")
    with manifest.Manifest(tmp_path) as book:
        assert book.is_current("a.nc", "f")
        assert not book.is_current("a.nc", "g")
        assert not book.is_current("b.nc", "f")
        assert book.owner("a.nc") == "/data/a.nc.LBL"
        assert book.owner("b.nc") == ""


def test_an_output_that_is_gone_or_of_another_size_is_not_current(tmp_path: Path):
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        assert not book.is_current("a.nc", "f")
        (tmp_path / "a.nc").write_bytes(b"ab")
        assert not book.is_current("a.nc", "f")


def test_the_last_line_of_an_output_counts(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        book.append(failed("a.nc"))
        assert not book.is_current("a.nc", "f")
        book.append(done("a.nc", fingerprint="g"))
        assert book.is_current("a.nc", "g")
    assert [record["status"] for record in manifest.read(tmp_path)] == ["done", "failed", "done"]
    assert manifest.latest(tmp_path)["a.nc"]["fingerprint"] == "g"


def test_an_output_that_lacks_a_step_is_not_current(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc") | {"left_out": ["geometry: no kernels"]})
        assert not book.is_current("a.nc", "f")
        assert book.owner("a.nc") == "/data/a.nc.LBL"


def test_reading_alone_writes_nothing(tmp_path: Path):
    assert manifest.Known(tmp_path / "none").owner("a.nc") == ""
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.nc").write_bytes(b"abc")
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        assert manifest.Known(tmp_path).is_current("a.nc", "f")


@pytest.mark.parametrize(
    "torn", [b'{"output": "b.nc", "sta', b'{"output": "b.nc"', b"\xff\x00", b"7"]
)
def test_a_torn_last_line_is_passed_over(tmp_path: Path, torn: bytes):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc"))
    with (tmp_path / manifest.NAME).open("ab") as stream:
        stream.write(torn)
    with pytest.warns(UvisWarning, match="1 line is not as uvisxr writes them"):
        book = manifest.Manifest(tmp_path)
    with book:
        assert book.is_current("a.nc", "f")
        book.append(done("c.nc"))
    assert [record["output"] for record in manifest.read(tmp_path)] == ["a.nc", "c.nc"]


def test_two_batches_in_one_folder(tmp_path: Path):
    with (
        manifest.Manifest(tmp_path),
        pytest.raises(ExportError, match="another batch is writing to"),
    ):
        manifest.Manifest(tmp_path)
    manifest.Manifest(tmp_path).__exit__()


def test_two_batches_where_the_system_knows_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lockless.unknown(monkeypatch)
    beside = tmp_path / "manifest.jsonl.held"
    with manifest.Manifest(tmp_path) as book:
        with pytest.raises(ExportError, match=rf"process {os.getpid()} .*remove {beside}$"):
            manifest.Manifest(tmp_path)
        book.append(done("a.nc"))
        beside.write_text("of another")
        with pytest.raises(ExportError, match=r"or the lock beside it, was deleted or replaced"):
            book.append(done("b.nc"))
    # It is no longer this batch's to remove.
    assert beside.exists()
    beside.unlink()
    with manifest.Manifest(tmp_path) as book:
        assert book.is_written("a.nc")
    assert not beside.exists()


@pytest.mark.slow
def test_a_killed_batch_gives_the_folder_back(tmp_path: Path):
    code = (
        "import os, sys; from uvisxr.batch.manifest import Manifest; "
        "book = Manifest(sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    with manifest.Manifest(tmp_path) as book:
        book.append(done("a.nc"))


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Full:
        def __init__(self, stream: BinaryIO):
            self.fileno, self.close = stream.fileno, stream.close

        def write(self, line: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with manifest.Manifest(tmp_path) as book:
        monkeypatch.setattr(book, "_stream", Full(book._stream))
        with pytest.raises(ExportError, match=r"manifest\.jsonl: No space left.*free some space"):
            book.append(done("a.nc"))


def test_a_line_written_in_part_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with manifest.Manifest(tmp_path) as book:
        stream = book._stream

        class Short:
            fileno, close = stream.fileno, stream.close

            def write(self, line: bytes) -> int:
                return stream.write(line[:10])

        monkeypatch.setattr(book, "_stream", Short())
        with pytest.raises(ExportError, match="No space left"):
            book.append(done("a.nc"))
    with pytest.warns(UvisWarning, match="1 line is not as uvisxr writes them"):
        book = manifest.Manifest(tmp_path)
    with book:
        assert book.owner("a.nc") == ""


def test_folder_is_missing(tmp_path: Path):
    with pytest.raises(ExportError, match=r"cannot open .*manifest\.jsonl"):
        manifest.Manifest(tmp_path / "none")
