"""Names in questions: targets, bodies and products, as far as a catalogue has them."""

from __future__ import annotations

import bisect
import difflib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from .. import checks, targets
from ..errors import ArgumentError
from ..pds3 import identifier
from . import tables
from .store import Snapshot

#: Names on each side of an unknown one, in order, that it may be meant for.
_BESIDE = 30

#: Letters of an identifier up to its day, FUV2008_070.
_DAY = 11


def check(snapshot: Snapshot, argument: str, names: Sequence[str]) -> None:
    """Refuse targets or bodies that uvisxr does not know, nor the catalogue.

    Parameters
    ----------
    snapshot : Snapshot
    argument : {"target", "body"}
    names : sequence of str
        Those that uvisxr does not know.

    Raises
    ------
    ArgumentError
    CatalogueError
        The catalogue cannot be read.
    """
    if not names:
        return
    there = {file.body for file in snapshot.spectra if file.body}
    if argument == "target":
        there = {target for (target,) in _columns(snapshot, "target") if target}
    for name in names:
        if name not in there:
            raise ArgumentError(
                f"{argument}={name!r}: nothing in the catalogue is of that"
                f"{_rings(argument, name) or _like(name, there)}"
            )


def _rings(argument: str, name: str) -> str:
    """What to say of rings that are taken for a body."""
    if argument != "body" or "RING" not in name.upper():
        return ""
    return "; rings are asked for by their planet and where its ring plane is crossed: give " + (
        "body='SATURN' and ring_radius=(74500, 140000)"
    )


def _like(name: str, there: Collection[str]) -> str:
    """A question that suggests what is most like an unknown name, in the catalogue first."""
    near = [one for one in (checks.close(name, there), targets.like(name)) if one]
    # Of equals the first.
    best = max(near, key=partial(_likeness, name), default=None)
    return f"; did you mean {best!r}?" if best else ""


def _likeness(name: str, other: str) -> float:
    return difflib.SequenceMatcher(None, other, name).ratio()


def products(snapshot: Snapshot, given: Sequence[str]) -> tuple[str, ...]:
    """Products of a catalogue by their names, or by identifiers in any of their forms.

    Parameters
    ----------
    snapshot : Snapshot
    given : sequence of str
        A name is that of one product, in any case; an identifier stands for all products that have
        it.

    Returns
    -------
    tuple of str
        Names in the catalogue.

    Raises
    ------
    ArgumentError
        There is no such product.
    CatalogueError
        The catalogue cannot be read.
    """
    there = {name for (name,) in _columns(snapshot, "product")}
    if there.issuperset(given):
        return tuple(dict.fromkeys(given))
    by_case: dict[str, list[str]] = defaultdict(list)
    by_key: dict[str, list[str]] = defaultdict(list)
    for name, stated in _columns(snapshot, "product", "product_id"):
        by_case[name.upper()].append(name)
        for key in {identifier.key(name), identifier.key(stated or name)}:
            by_key[key].append(name)
    found: dict[str, None] = {}
    for name in given:
        plain = name.strip()
        own = [plain] if plain in there else by_case.get(plain.upper())
        fit = own or by_key.get(identifier.key(plain))
        if not fit:
            raise ArgumentError(
                f"product={checks.shown(name)}: there is no such product in the catalogue"
                f"{_meant(identifier.key(plain), sorted(by_case), by_case)}"
            )
        found |= dict.fromkeys(sorted(fit))
    return tuple(found)


def _meant(key: str, names: Sequence[str], by_case: dict[str, list[str]]) -> str:
    """A question that suggests one of the names next to an unknown one."""
    place = bisect.bisect(names, key)
    beside = names[max(place - _BESIDE, 0) : place + _BESIDE]
    # Of a right day and a wrong time, a time of that day is meant.
    of_day = [name for name in beside if name.startswith(key[:_DAY])]
    near = checks.close(key, of_day or beside)
    return f"; did you mean {by_case[near][0]!r}?" if near else ""


def _columns(snapshot: Snapshot, *names: str) -> Iterator[tuple[str, ...]]:
    """Values of columns of the table of products, "" for null."""
    for file in snapshot.products:
        for table in tables.rows(file, list(names)):
            yield from zip(
                *(table[name].cast("string").fill_null("").to_pylist() for name in names),
                strict=True,
            )
