"""Damaged files of a catalogue: known by their sums, and taken out with all that lay in them.

What rows a damaged file held it no longer tells for sure. So all products go that may have had some
in it, and a build makes them anew, like any that are not in the catalogue. So do products of which
there are not as many spectra as they say, whatever has become of these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import tables
from .snapshot import File, Snapshot, fault

if TYPE_CHECKING:
    from .store import Writer


def damaged(snapshot: Snapshot) -> dict[Path, str]:
    """Files that are not as they were written, and how; all of them are read."""
    return {file.path: why for file in snapshot.files if (why := fault(file))}


def miscounted(products: Iterable[File], spectra: Iterable[File]) -> set[str]:
    """Products of which there are more or fewer spectra than they say, or that are not there."""
    told = {
        row["product"]: row["spectra"] or 0
        for row in tables.records(products, ["product", "spectra"])
    }
    found: Counter[str] = Counter()
    for file in spectra:
        for table in tables.rows(file, ["product", "primary"]):
            # Each spectrum has one primary row.
            counts = table.group_by("product").aggregate([("primary", "sum")])
            names, numbers = (counts[name].to_pylist() for name in ("product", "primary_sum"))
            found.update(dict(zip(names, numbers, strict=True)))
    return {name for name in told.keys() | found.keys() if told.get(name) != found[name]}


def odd(snapshot: Snapshot) -> list[str]:
    """What is wrong with a catalogue of sound files: other spectra than its products have."""
    names = miscounted(snapshot.products, snapshot.spectra)
    return [_odd(names)] if names else []


def _odd(names: set[str]) -> str:
    return (
        f"{_products(len(names))} of which there are not as many spectra as the table of products "
        f"says, such as {min(names)}"
    )


def mend(writer: Writer) -> str | None:
    """Take damaged files out of a catalogue, with all products that may have had rows in them.

    Returns
    -------
    str or None
        What was taken out, if anything was.
    """
    before = writer.snapshot
    lost = damaged(before)
    spectra = [file for file in before.spectra if file.path in lost]
    sound = [file for file in before.products if file.path not in lost]
    names = miscounted(sound, (file for file in before.spectra if file.path not in lost))
    if not lost and not names:
        return None
    for row in tables.records(sound, ["product", "channel", "bodies"]):
        if any(_may_hold(one, row) for one in spectra):
            names.add(row["product"])
    writer.drop(lost, names)
    if not lost:
        return f"{_odd(names)}, taken out: those among the sources are read again"
    count = sum(file.rows for file in before.products)
    count -= sum(file.rows for file in writer.snapshot.products)
    files = "1 file is" if len(lost) == 1 else f"{len(lost)} files are"
    return (
        f"{files} not as written and taken out of the catalogue, and {_products(count)} that may "
        "have had rows there: those among the sources are read again "
        f"({'; '.join([*lost.values()][:3])}{'; ...' if len(lost) > 3 else ''})"
    )


def _products(count: int) -> str:
    return "1 product" if count == 1 else f"{count} products"


def _may_hold(file: File, product: dict[str, Any]) -> bool:
    """Whether a file of spectra may have had rows of a product."""
    name = product["product"]
    return (
        product["channel"] == file.channel
        and (not file.body or file.body in product["bodies"])
        and file.low.get("product", "") <= name <= file.high.get("product", name)
    )
