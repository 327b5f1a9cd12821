"""What a batch says at its end, of the records that it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from uvisxr.batch.run import Summary


def done(name: str, *warnings: str, left_out: tuple[str, ...] = ()) -> dict[str, Any]:
    record: dict[str, Any] = {"product": name, "status": "done"}
    record |= {"left_out": list(left_out)} if left_out else {}
    return record | {"warnings": sorted((*warnings, *left_out))}


def failed(name: str, error: str = "it is torn") -> dict[str, Any]:
    record = {"product": name, "status": "failed", "step": "open", "error": error}
    return record | {"label": f"my data/{name}.LBL"}


@pytest.fixture
def summary() -> Summary:
    return Summary(Path("out/manifest.jsonl"))


def test_all_well(summary: Summary):
    summary.add(done("A"))
    assert (str(summary), list(summary.lines())) == ("1 done, 0 failed, 0 up to date", [])


def test_warnings_are_counted_and_told_once(summary: Summary):
    for name in "ABC":
        summary.add(done(name, "no pointing", *(["odd"] if name == "B" else [])))
    summary.add(done("D"))
    assert str(summary) == "4 done, 0 failed, 0 up to date; of those done: 3 have warnings"
    assert list(summary.lines()) == ["warning: A and 2 more: no pointing", "warning: B: odd"]
    assert summary.ok


def test_a_step_left_out_is_told_as_a_failure_is(summary: Summary):
    left = "step 'geometry' is left out: no kernels"
    summary.add(done("A", left_out=(left,)))
    summary.add(done("B", "odd", left_out=(left,)))
    summary.add(failed("C"))
    told = "of those done: 2 lack a step, 1 has warnings"
    assert str(summary) == f"2 done, 1 failed, 0 up to date; {told}"
    assert list(summary.lines()) == [
        "C: open: it is torn",
        f"A and 1 more: {left}",
        "warning: B: odd",
    ]


def test_what_is_all_told_names_no_manifest(summary: Summary):
    for k in range(20):
        summary.add(done(f"A{k}", f"at {k} o'clock", left_out=(f"step {k} is left out",)))
    assert len(list(summary.lines())) == 40


def test_failures_of_one_cause_are_one_line(summary: Summary):
    """With a command that can be run."""
    for name in "ABC":
        summary.add(failed(name, "no clock: run `uvisxr kernels fetch PRODUCT --to k`"))
    told = "open: no clock: run `uvisxr kernels fetch 'my data/A.LBL' --to k`"
    assert list(summary.lines()) == [f"A and 2 more: {told}"]
    assert summary.failed == 3


def test_of_many_steps_of_few_products_the_manifest_has_all(summary: Summary):
    for name in "ABC":
        summary.add(done(name, left_out=tuple(f"{name}{k} is left out" for k in range(7))))
    *told, last = summary.lines()
    assert len(told) == 20
    assert last == "... all steps left out, of 3 products: out/manifest.jsonl"


def test_of_many_the_manifest_has_all(summary: Summary):
    for k in range(100):
        summary.add(done(f"A{k}", f"at {k} o'clock", left_out=(f"step {k} is left out",)))
        summary.add(failed(f"B{k}", f"torn at {k}"))
    lines = list(summary.lines())
    assert len(lines) == 3 * 21
    assert [line for line in lines if line.startswith("...")] == [
        "... all 100 failures: out/manifest.jsonl",
        "... all steps left out, of 100 products: out/manifest.jsonl",
        "... all warnings, of 100 products: out/manifest.jsonl",
    ]
