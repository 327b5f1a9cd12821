"""Hostile input at every second door: nothing wrong, bare, endless or without bounds comes of it.

The other doors are in `test_fuzz_others.py`, which another worker takes.
"""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import pytest
from fuzz import harness, quick


@quick.CASES
@pytest.mark.parametrize("name", harness.doors()[::2])
def test_a_door(name: str, cases: int):
    quick.check(name, cases)


def test_what_waits_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Though it takes no CPU."""
    monkeypatch.setattr(harness, "SECONDS", 0.01)
    assert harness.attempt(sleeper(0), None, tmp_path)[0] == "right"
    assert harness.attempt(sleeper(0.5), None, tmp_path)[0] == "slow"


def sleeper(seconds: float) -> harness.Door:
    return harness.Door(lambda *_: None, lambda _: bool(time.sleep(seconds)))


def test_the_table_in_the_documentation_has_every_door():
    page = Path(__file__).parents[1] / "docs" / "project" / "hostile_input.md"
    rows = [line.split("|")[1:-1] for line in page.read_text().splitlines() if line[:2] == "| "]
    names, cases, *counts = ([row[k].strip() for row in rows[1:]] for k in range(len(rows[0])))
    assert names == harness.doors()
    assert min(int(number.replace(",", "")) for number in cases) >= 10_000
    assert [word.strip() for word in rows[0][2:]] == [*harness.GOOD, *harness.BAD]
    assert all(set(column) == {"0"} for column in counts[len(harness.GOOD) :])


def answered(monkeypatch: pytest.MonkeyPatch, *children: list[tuple[int, str, str]]):
    """The tally of children that answer so, one after the other."""
    turns = itertools.chain(children)
    monkeypatch.setattr(harness, "_in_child", lambda *_: next(turns))
    return harness.run("labels", 3)


def test_each_case_counts_once(monkeypatch: pytest.MonkeyPatch):
    """Also one after which its process ends badly; the rest is tried by the next."""
    first = [(0, "right", ""), (1, "refused", "no"), (1, "crash", "exit status -11")]
    tally = answered(monkeypatch, first, [(2, "warned", "")])
    assert tally.counts == {"right": 1, "crash": 1, "warned": 1}
    assert tally.bad == ["case 1: crash: exit status -11"]


def test_a_child_that_begins_no_case_is_an_error():
    with pytest.raises(RuntimeError, match=r"no case of nothing was begun.*No module named"):
        harness.run("nothing", 3)
