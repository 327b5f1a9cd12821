"""Pipelines: what the plain ones of YAML mean is read here anew; the others may only be refused."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from uvisxr.batch import pipeline

from .harness import Door, Wrong
from .mutate import pick, some_bytes

_SOUND = """# Rates, and what they are of.
- background: {level: 4e-4}
- calibrate:
    trend: false
    recipe: upyp
- rate
- integrate: {wl_range: [1200, 1250.5]}
- geometry: {times: 2005-230T15:15}
"""
#: Names of steps and arguments, with what they take.
_TAKE: dict[str, dict[str, tuple[type, ...]]] = {
    "background": {"level": (int, float, type(None))},
    "calibrate": {"trend": (bool,), "recipe": (str,)},
    "rate": {},
    "integrate": {"wl_range": (list,)},
    "geometry": {"times": (object,)},
    "open": {"window": (int, type(None)), "chunks": (object,)},
}
_RECIPES = ("upyp", "pds")
_DEEP, _WIDE = 3000, ",".join(["*a"] * 9)
_PIECES = (
    *("- nonsense\n", "- rate: {level: 1}\n", "- __class__\n", "- to_netcdf: {path: /tmp/x}\n"),
    *(
        "- 5\n",
        "- null\n",
        "- true\n",
        "- [rate]\n",
        "- [rate, {}]\n",
        "- {rate: {}, smooth: {}}\n",
    ),
    *("- [[[[rate]]]]\n", "- rate: 5\n", "- rate: [1]\n", "- &a [*a]\n", "- bin: &a {by: *a}\n"),
    *("- background: {level: &a [*a]}\n", "- *a\n", "- &a rate\n- *a\n", "- <<: {rate: {}}\n"),
    '- !!python/object/apply:os.system ["false"]\n',
    *("- calibrate: {recipe: !!python/name:os.system }\n", "- !!set {rate}\n", "- !!binary aGk=\n"),
    *(
        f"- background: {{level: {level}}}\n"
        for level in (
            *(
                "true",
                "'1'",
                "1:30",
                "010",
                "0x1F",
                "1_0",
                ".nan",
                ".inf",
                "-.inf",
                "9" * 400,
                "1e999",
            ),
            *(
                "9" * 5000,
                "[1]",
                "{a: 1}",
                "2005-08-18",
                "~",
                "",
                "1e",
                "+1",
                "-0",
                "1.",
                ".5",
                "5e3",
            ),
        )
    ),
    *(f"- calibrate: {{trend: {trend}}}\n" for trend in ("no", "off", "0", "null", "maybe", "[]")),
    *(
        f"- calibrate: {{recipe: {one}}}\n"
        for one in ("upy", "5", '"\\ud800"', '"a\\0b"', "x" * 3000)
    ),
    *(
        "- calibrate: " + kind + "{" + ",".join(f"{k:x}{value}" for k in range(count)) + "}\n"
        for kind, value, count in (("", "x", 11_000), ("", "x: 1", 7000), ("!!set ", "x", 11_000))
    ),
    "".join(f"{k:x}x:\n" for k in range(9000)),
    *("- calibrate: {files: " + "x" * 10000 + "}\n", '- calibrate: {files: "a\\0b"}\n'),
    *("- background: {level: 1, level: 2}\n", "- geometry: {times: {a: [1]}}\n", "- 5: {a: 1}\n"),
    *("- open: {chunks: {pic: 1}}\n", "- open: {window: '0'}\n", "- open: {path: /etc/passwd}\n"),
    *(
        "- on_error: keep\n",
        "- on_error: 5\n",
        "- rate: {on_error: keep}\n",
        "- rate: {on_error: []}\n",
    ),
    *(
        "- " + "[" * _DEEP + "]" * _DEEP + "\n",
        "- " + "[" * 30000 + "\n",
        "- " + "{a: " * _DEEP + "\n",
    ),
    "- &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"- &b{k} [{_WIDE.replace('a', f'b{k - 1}' if k else 'a')}]\n" for k in range(8)),
    "- integrate:\n    wl_range: &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(
        f"    x{k}: &b{k} [{_WIDE.replace('a', f'b{k - 1}' if k else 'a')}]\n" for k in range(8)
    ),
    *(
        "---\n",
        "...\n",
        "\t",
        "\ufeff",
        "\x00",
        "%YAML 9.9\n",
        "- rate\n" * 5000,
        "# " + "x" * 2**20,
    ),
    *(
        "- rate: {a: " + "'" * 3000 + "}\n",
        "? [a]\n: b\n",
        "- ? {a: 1}\n  : b\n",
        "-\n",
        "- |\n  rate\n",
    ),
)


@dataclass(frozen=True)
class Case:
    path: Path


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    text = _SOUND
    raw = text.encode()
    if rng is not None:
        lines = text.splitlines(keepends=True)
        for _ in range(int(rng.integers(0, 3))):
            k = int(rng.integers(len(lines) + 1))
            match int(rng.integers(4)):
                case 0 | 1:
                    lines.insert(k, pick(rng, _PIECES))
                case 2:
                    lines[k : k + 1] = []
                case 3:
                    lines[k:k] = lines[:k]
        raw = "".join(lines).encode("utf-8", "surrogatepass")
        if rng.random() < 0.3:
            raw = pick(rng, _PIECES).encode("utf-8", "surrogatepass")
        if rng.random() < 0.5:
            raw = some_bytes(rng, raw)
    path = folder / "pipeline.yaml"
    path.write_bytes(raw)
    return Case(path)


def enter(case: Case) -> bool:
    loaded = pipeline.load(case.path)
    loaded.digest()
    json_text = re.sub(r"(?<=[:\[ ])(-?)\.inf(?=[,\]}])", r"\1Infinity", loaded.text)
    found = json.loads(json_text)
    raw = case.path.read_bytes()
    try:
        said = meaning(raw.decode())
    except UnicodeDecodeError:
        raise Wrong("what is no text is taken") from None
    if said is None:
        # Not of the plain form: at least nothing may be in it that no step takes.
        for entry in found:
            _check(entry)
    elif found != said:
        raise Wrong(f"{found} for {said}")
    return False


def _check(entry: Any) -> None:
    ((name, arguments),) = entry.items()
    if name not in _TAKE:
        return
    for key, value in arguments.items():
        kinds = _TAKE[name].get(key)
        if kinds is None:
            continue
        right = object in kinds or type(value) in kinds
        if not right or (key == "recipe" and value not in _RECIPES):
            raise Wrong(f"{name}: {key}={str(value)[:80]!r}")


def meaning(text: str) -> list[dict[str, Any]] | None:
    """The steps of a pipeline in the plain form: a step with its arguments in a line; else None."""
    entries: list[dict[str, Any]] = []
    block: dict[str, Any] | None = None
    for line in text.split("\n"):
        if not line.strip(" ") or line.startswith("#"):
            continue
        start = re.fullmatch(r"- ([a-z_]+)(:)?(?: \{(.*)\})?", line)
        more = re.fullmatch(r"    ([a-z_]+): (\S+)", line)
        if start:
            name, colon, inner = start.groups()
            if (inner is not None) and not colon:
                return None
            block = {} if colon and inner is None else None
            arguments: dict[str, Any] = {} if block is None else block
            for part in re.split(r", (?![^\[]*\])", inner) if inner else ():
                pair = re.fullmatch(r"([a-z_]+): (\S.*)", part)
                if pair is None or pair[1] in arguments:
                    return None
                arguments[pair[1]] = _value(pair[2])
            entries.append({name: arguments})
        elif more and block is not None and more[1] not in block:
            block[more[1]] = _value(more[2])
        else:
            return None
    if any(
        value is None for entry in entries for args in entry.values() for value in args.values()
    ):
        return None
    if not all(
        name in _TAKE and set(args) <= set(_TAKE[name]) for e in entries for name, args in e.items()
    ):
        return None
    return entries


def _value(text: str) -> Any:
    """A number, a truth value, a word, a list of numbers; None for anything else."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    if re.fullmatch(r"-?\d{1,9}(\.\d{1,9})?(e[+-]?\d{1,2})?", text) and not re.match(
        r"-?0\d", text
    ):
        return float(text)
    if re.fullmatch(r"[a-z]{3,20}|\d{4}-\d{3}T\d\d:\d\d", text) and text not in (
        "yes",
        "off",
        "null",
    ):
        return text
    items = re.fullmatch(r"\[(\S+(?:, \S+)*)\]", text)
    if items:
        values = [_value(item) for item in items[1].split(", ")]
        return None if any(type(value) not in (int, float) for value in values) else values
    return None


DOOR = Door(make, enter)
