"""Labels read at once have the values that pvl gives them, or are left to it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from uvisxr import simulate
from uvisxr.pds3 import odl, parser, plain
from uvisxr.simulate import Window

NUMBERS = ["0", "-1", "+12", "007", "1.", ".5", "-0.0", "8.2e+08", "1E5", "1e400", "-33.897520"]
WORDS = ["UNK", "ON", "TOUR", "COUNTS/BIN", "N/A", "A1_B2", "MSB_UNSIGNED_INTEGER", "ENDING", "E1"]
TEXTS = [
    *("UNK", "", "N/A", "1,143", "COUNTS/BIN", "FUV2005_230_15_15.DAT", "a (b, c) = {d} <e>"),
    *("1/1503069317.233", "/* no comment */", "it's", "#$%*+-./:;=?@[]^_`{|}~!"),
]
TIMES = ["2005-230T15:15:32.520", "2018-04-29T16:00:00", "2011-255", "2011-09-12"]
UNITS = ["SECOND", "KM", "KM/S", "DEGREE"]

#: What labels of the archive do not have; some of it no parser reads.
ODD = [
    *("TRUE", "false", "NULL", "Null", "16#FF#", "2#101#", "1_000", "1e", "--1", "1 2", "{A, B}"),
    *("(1, 2", "((1, 2), (3, 4))", "()", "(A B)", '"two\nlines"', '"folded-\n  word"', "'quoted'"),
    *('"tab\there"', '" blank"', '"blank "', '"ends-"', '"&amp;"', '"back\\slash"', '"\xe9"'),
    *("3 <M> <S>", "3 <m**2>", "3 <>", "A <KM>", "(1, 2) <KM>", "2005-230T15:15:60", "15:15:32"),
    *("2005-230T15:15:32Z", "2005-366", "2005-13-01", "END", "END_GROUP", "OBJECT", "Lower", "a-b"),
    *("1,143", "N/A/B", "", "-", ".", "+", "e5", "1.e5", "1.5.2", "inf", "nan", "0x1", "^A", "A:B"),
    *("INF", "NAN", "INFINITY", '"a  b"', '"a  b', "1" * 401, "1" * 5000, "1." + "1" * 401),
    *("\xa01", "1\xa0", "(1,\x1c2)", "1\x85", "\u0663", "(1, \u0663)"),
]


def typed(value: Any) -> Any:
    """A value by which numbers of another type differ, and NaN from nothing."""
    if isinstance(value, Mapping):
        return [(key, typed(item)) for key, item in value.items()]
    if isinstance(value, list):
        return [typed(item) for item in value]
    if hasattr(value, "units"):
        return "units", typed(value.value), value.units
    return type(value).__name__, str(value)


def same(text: str) -> bool:
    """Whether a text is read at once; it must then be what pvl makes of it."""
    text = odl.without_prose(text)
    found = plain.loads(text)
    if found is not None:
        assert typed(found) == typed(parser.parse(text)), text
    return found is not None


@pytest.mark.parametrize("digits", ["1" * 50_000, "1" * 50_000 + " x", "(" + "1" * 50_000 + " x)"])
def test_long_numbers_are_passed_over_quickly(digits: str):
    """In time that grows with their length, not with its square."""
    start = time.process_time()
    assert plain.loads(f"A = {digits}\nEND\n") is None
    assert time.process_time() - start < 1


class Labels:
    """Labels at random, of statements as the archive has them, and some others."""

    def __init__(self, seed: int, odd: float) -> None:
        self.rng = np.random.default_rng(seed)
        self.odd = odd

    def one(self, of: list[str]) -> str:
        return of[self.rng.integers(len(of))]

    def chance(self, of: float) -> bool:
        return bool(self.rng.random() < of)

    def number(self) -> str:
        if self.chance(0.5):
            return self.one(NUMBERS)
        return f"{self.rng.normal() * 10.0 ** self.rng.integers(-3, 10):.8g}"

    def item(self) -> str:
        kind = self.rng.integers(5)
        if kind == 0:
            return f'"{self.one(TEXTS)}"'
        if kind == 1:
            return self.one(WORDS)
        blank = self.one(["", " ", "  "])
        return self.number() + (f"{blank}<{self.one(UNITS)}>" if kind == 2 else "")

    def value(self) -> str:
        if self.chance(self.odd):
            return self.one(ODD)
        kind = self.rng.integers(6)
        if kind == 0:
            return self.one(TIMES)
        if kind == 1:
            comma = self.one([",", ", ", " ,", ",\r\n  "])
            return f"({comma.join(self.item() for _ in range(self.rng.integers(1, 5)))})"
        return self.item()

    def statement(self, k: int) -> str:
        key = f"{self.one(['', '^'])}{self.one(['KEY', 'X', 'CORE_'])}{k}"
        if self.chance(self.odd / 2):
            key = self.one(["key", "KEY0", "A:B", "END", "X Y", "1A", "NOTE"])
        equals = self.one(["=", " = ", "\t\t=  ", " =\r\n"])
        if self.chance(self.odd / 4):
            equals = self.one(["\n=", "=\n\n", " /* is */ = "])
        comment = self.one([" /* of it */", "/**/", ""]) if self.chance(0.1) else ""
        if self.chance(self.odd / 4):
            comment = self.one([" /* two\nlines */", " /* open", " * /", " ; no"])
        return f"{self.one(['', '  '])}{key}{equals}{self.value()}{comment}{self.one(['', ' '])}"

    def text(self) -> str:
        end = self.one(["\n", "\r\n"])
        lines = ["PDS_VERSION_ID = PDS3"]
        lines += [self.statement(k) for k in range(self.rng.integers(1, 5))]
        depth = self.rng.integers(0, 3)
        lines += [f"OBJECT = {name}" for name in ["QUBE", "COLUMN"][:depth]]
        lines += [self.statement(k + 5) for k in range(self.rng.integers(1, 4))]
        names = ["QUBE", "COLUMN"][:depth][::-1]
        if self.chance(self.odd / 4):
            names = self.one([["WRONG"], ["QUBE"], ["COLUMN", "QUBE", "QUBE"]])
        lines += [f"END_OBJECT = {name}" for name in names]
        if self.chance(0.1):
            lines.insert(self.rng.integers(len(lines)), "")
        last = self.one(["END", "END ", "END\r\n", "END\n\n  "])
        if self.chance(self.odd / 4):
            last = self.one(["end", "END\nX = 1", ""])
        return end.join([*lines, last])


@pytest.mark.parametrize("odd", [0.0, 0.05, 0.2])
def test_generated_labels(odd: float):
    labels = Labels(int(odd * 100), odd)
    read = sum(same(labels.text()) for _ in range(300))
    assert read == 300 if not odd else read > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_generated_labels(seed: int):
    labels = Labels(1000 + seed, [0.0, 0.02, 0.05, 0.1, 0.3][seed % 5])
    assert sum(same(labels.text()) for _ in range(1000)) > 20


@pytest.mark.parametrize("odd", ODD)
def test_odd_values_are_not_misread(odd: str):
    text = f"PDS_VERSION_ID = PDS3\nX = {odd}\nY = 1\nEND\n"
    found = plain.loads(text)
    if found is not None:
        assert typed(found) == typed(parser.parse(text))


@pytest.mark.slow
def test_labels_of_the_simulation_are_read_at_once(titan, tmp_path: Path):
    assert all(same(path.read_text()) for path in titan.labels)
    windows = (Window(0, 0, 29, 511), Window(30, 0, 59, 1023, line_bin=2))
    made = simulate.observation(tmp_path, exposures=2, window=windows)
    assert all(same(path.read_text()) for path in made.labels)
