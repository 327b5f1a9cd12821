"""Files that one process holds, with locks of the system and without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest
from helpers import lockless

from uvisxr import locks


@pytest.fixture
def stream(tmp_path: Path):
    with (tmp_path / "it").open("ab") as opened:
        yield opened


def hold(stream: BinaryIO) -> locks.Hold:
    return locks.Hold(stream.fileno(), Path(stream.name))


class TestWithoutLocks:
    @pytest.fixture(autouse=True)
    def lockless(self, monkeypatch: pytest.MonkeyPatch):
        lockless.unknown(monkeypatch)

    def test_one_holds_it_until_it_lets_go(self, stream, tmp_path):
        first = hold(stream)
        assert first.is_kept()
        with pytest.raises(locks.HeldError) as told:
            hold(stream)
        assert told.value.who == locks.process()
        assert str(tmp_path / "it.held") in told.value.mend
        first.release()
        assert {*tmp_path.iterdir()} == {tmp_path / "it"}
        assert hold(stream).is_kept()

    def test_what_a_killed_process_left_is_removed(self, stream, tmp_path):
        code = (
            "import os, sys; from pathlib import Path; from uvisxr import locks\n"
            "locks._flock = lambda _: None\n"
            "it = open(sys.argv[1], 'ab'); locks.Hold(it.fileno(), Path(it.name))\n"
            "os.kill(os.getpid(), 9)"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "it")], check=False)
        assert (tmp_path / "it.held").exists()
        assert hold(stream).is_kept()

    @pytest.mark.parametrize("text", ["", "\0", f"{'0' * 16} process 7 of me on node\n", "x" * 999])
    def test_what_nobody_knows_to_have_ended_stays(self, stream, tmp_path, text):
        (tmp_path / "it.held").write_text(text)
        with pytest.raises(locks.HeldError) as told:
            hold(stream)
        assert told.value.who == ("process 7 of me on node" if text.startswith("0") else "")
        assert (tmp_path / "it.held").read_text() == text

    def test_of_two_at_once_one_gets_it(self, stream, monkeypatch, tmp_path):
        """Both see that nobody holds it."""
        refuse = locks.Hold._refuse
        other = iter([lambda: (tmp_path / "it.held").write_text("another"), lambda: None])
        monkeypatch.setattr(locks.Hold, "_refuse", lambda self: next(other)())
        with pytest.raises(locks.HeldError):
            hold(stream)
        monkeypatch.setattr(locks.Hold, "_refuse", refuse)
        assert (tmp_path / "it.held").read_text() == "another"

    @pytest.mark.parametrize("name", ["it", "it.held"])
    def test_it_is_lost_with_its_name(self, stream, tmp_path, name):
        mine = hold(stream)
        (tmp_path / name).unlink()
        (tmp_path / name).write_text("of another")
        assert not mine.is_kept()
        mine.release()
        assert (tmp_path / name).read_text() == "of another"


def test_a_lock_of_the_system_needs_no_file(stream, tmp_path):
    pytest.importorskip("fcntl")
    first = hold(stream)
    with (tmp_path / "it").open("ab") as second, pytest.raises(locks.HeldError) as told:
        locks.Hold(second.fileno(), tmp_path / "it")
    assert told.value.mend == ""
    assert first.is_kept()
    assert {*tmp_path.iterdir()} == {tmp_path / "it"}


def test_who_has_locks_minds_those_who_have_none(stream, tmp_path):
    (tmp_path / "it.held").write_text("from another computer")
    with pytest.raises(locks.HeldError):
        hold(stream)
