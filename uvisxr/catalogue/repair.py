"""Damaged files of a catalogue: known by their sums, and taken out with all that lay in them.

What rows a damaged file held it no longer tells for sure. So all products go that may have had some
in it, and a build makes them anew, like any that are not in the catalogue.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import tables
from .snapshot import File, Snapshot, fault

if TYPE_CHECKING:
    from .store import Writer


def damaged(snapshot: Snapshot) -> dict[Path, str]:
    """Files that are not as they were written, and how; all of them are read."""
    return {file.path: why for file in snapshot.files if (why := fault(file))}


def mend(writer: Writer) -> str | None:
    """Take damaged files out of a catalogue, with all products that may have had rows in them.

    Returns
    -------
    str or None
        What was taken out, if anything was.
    """
    before = writer.snapshot
    lost = damaged(before)
    if not lost:
        return None
    spectra = [file for file in before.spectra if file.path in lost]
    names, known = set(), set()
    sound = [file for file in before.products if file.path not in lost]
    for row in tables.records(sound, ["product", "channel", "bodies"]):
        known.add(row["product"])
        if any(_may_hold(one, row) for one in spectra):
            names.add(row["product"])
    if any(file.path in lost for file in before.products):
        for file in before.spectra:
            if file.path not in lost:
                for table in tables.rows(file, ["product"]):
                    names |= {*table["product"].unique().to_pylist()} - known
    writer.drop(lost, names)
    count = sum(file.rows for file in before.products)
    count -= sum(file.rows for file in writer.snapshot.products)
    files = "1 file is" if len(lost) == 1 else f"{len(lost)} files are"
    products = "1 product" if count == 1 else f"{count} products"
    return (
        f"{files} not as written and taken out of the catalogue, and {products} that may have had "
        f"rows there: those among the sources are read again ({'; '.join([*lost.values()][:3])}"
        f"{'; ...' if len(lost) > 3 else ''})"
    )


def _may_hold(file: File, product: dict[str, Any]) -> bool:
    """Whether a file of spectra may have had rows of a product."""
    name = product["product"]
    return (
        product["channel"] == file.channel
        and (not file.body or file.body in product["bodies"])
        and file.low.get("product", "") <= name <= file.high.get("product", name)
    )
