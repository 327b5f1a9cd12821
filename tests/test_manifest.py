"""The manifest: append-only, survives torn lines, one batch at a time."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from uvisxr.batch import manifest
from uvisxr.batch.manifest import Known, Manifest
from uvisxr.errors import ExportError


def done(output: str, fingerprint: str = "f", size: int = 3) -> dict[str, Any]:
    return {
        "output": output,
        "label": f"/data/{output}.LBL",
        "status": "done",
        "fingerprint": fingerprint,
        "bytes": size,
    }


def failed(output: str) -> dict[str, Any]:
    return {"output": output, "label": "/data/x.LBL", "status": "failed", "fingerprint": "f"}


def test_what_is_appended_is_known_now_and_later(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with Manifest(tmp_path) as book:
        assert not book.is_current("a.nc", "f")
        book.append(done("a.nc"))
        assert book.is_current("a.nc", "f")
    with Manifest(tmp_path) as book:
        assert book.is_current("a.nc", "f")
        assert not book.is_current("a.nc", "g")
        assert not book.is_current("b.nc", "f")
        assert book.owner("a.nc") == "/data/a.nc.LBL"
        assert book.owner("b.nc") == ""


def test_an_output_that_is_gone_or_of_another_size_is_not_current(tmp_path: Path):
    with Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        assert not book.is_current("a.nc", "f")
        (tmp_path / "a.nc").write_bytes(b"ab")
        assert not book.is_current("a.nc", "f")


def test_the_last_line_of_an_output_counts(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        book.append(failed("a.nc"))
        assert not book.is_current("a.nc", "f")
        book.append(done("a.nc", fingerprint="g"))
        assert book.is_current("a.nc", "g")
    assert [record["status"] for record in manifest.read(tmp_path)] == ["done", "failed", "done"]
    assert manifest.latest(tmp_path)["a.nc"]["fingerprint"] == "g"


def test_an_output_that_lacks_a_step_is_not_current(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with Manifest(tmp_path) as book:
        book.append(done("a.nc") | {"left_out": ["geometry: no kernels"]})
        assert not book.is_current("a.nc", "f")
        assert book.owner("a.nc") == "/data/a.nc.LBL"


def test_reading_alone_writes_nothing(tmp_path: Path):
    assert Known(tmp_path / "none").owner("a.nc") == ""
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.nc").write_bytes(b"abc")
    with Manifest(tmp_path) as book:
        book.append(done("a.nc"))
        assert Known(tmp_path).is_current("a.nc", "f")


def test_a_record_of_another_form(tmp_path: Path):
    (tmp_path / manifest.NAME).write_text(
        '{"output": "a.nc", "status": "done", "fingerprint": null}\n{"output": [1]}\n'
    )
    with Manifest(tmp_path) as book:
        assert not book.is_current("a.nc", "f")


@pytest.mark.parametrize(
    "torn", [b'{"output": "b.nc", "sta', b'{"output": "b.nc"', b"\xff\x00", b"7"]
)
def test_a_torn_last_line_is_passed_over(tmp_path: Path, torn: bytes):
    (tmp_path / "a.nc").write_bytes(b"abc")
    with Manifest(tmp_path) as book:
        book.append(done("a.nc"))
    with (tmp_path / manifest.NAME).open("ab") as stream:
        stream.write(torn)
    with Manifest(tmp_path) as book:
        assert book.is_current("a.nc", "f")
        book.append(done("c.nc"))
    assert [record["output"] for record in manifest.read(tmp_path)] == ["a.nc", "c.nc"]


def test_two_batches_in_one_folder(tmp_path: Path):
    with Manifest(tmp_path), pytest.raises(ExportError, match="another batch is writing to"):
        Manifest(tmp_path)
    Manifest(tmp_path).__exit__()


def test_a_killed_batch_gives_the_folder_back(tmp_path: Path):
    code = (
        "import os, sys; from uvisxr.batch.manifest import Manifest; "
        "book = Manifest(sys.argv[1]); os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    with Manifest(tmp_path) as book:
        book.append(done("a.nc"))


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Full:
        def write(self, line: bytes) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def close(self) -> None:
            stream.close()

    with Manifest(tmp_path) as book:
        stream = book._stream
        monkeypatch.setattr(book, "_stream", Full())
        with pytest.raises(ExportError, match=r"manifest\.jsonl: No space left.*free some space"):
            book.append(done("a.nc"))


def test_a_line_written_in_part_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with Manifest(tmp_path) as book:
        stream = book._stream

        class Short:
            close = stream.close

            def write(self, line: bytes) -> int:
                return stream.write(line[:10])

        monkeypatch.setattr(book, "_stream", Short())
        with pytest.raises(ExportError, match="No space left"):
            book.append(done("a.nc"))
    with Manifest(tmp_path) as book:
        assert book.owner("a.nc") == ""


def test_folder_is_missing(tmp_path: Path):
    with pytest.raises(ExportError, match=r"cannot open .*manifest\.jsonl"):
        Manifest(tmp_path / "none")


def test_lines_of_someone_else_are_passed_over(tmp_path: Path):
    good = {"output": "a.nc", "label": "a.LBL", "status": "done"}
    lines = [{"output": 5, "status": "done"}, {"output": ["x"]}, good | {"label": 7}, [1], good]
    lines += [good | {"output": "a" * 300}]
    text = "".join(f"{json.dumps(line)}\n" for line in lines) + "[" * 100_000 + "\n"
    (tmp_path / manifest.NAME).write_text(text)
    assert manifest.latest(tmp_path) == {"a.nc": good}
    assert manifest.Known(tmp_path).owner("a.nc") == "a.LBL"


@pytest.mark.parametrize("output", ["", ".", "..", "/etc/x.nc", "../x.nc", "a/x.nc", 7, None])
def test_lines_that_name_files_elsewhere_are_passed_over(tmp_path: Path, output: object):
    (tmp_path / manifest.NAME).write_text(json.dumps({"output": output, "status": "done"}) + "\n")
    assert list(manifest.read(tmp_path)) == []
