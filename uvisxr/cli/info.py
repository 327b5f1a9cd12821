"""`uvisxr info`: describe products."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UvisError
from .messages import complain
from .options import FilePath

if TYPE_CHECKING:
    from ..pds3.label import Label


@click.command()
@click.argument("product", nargs=-1, required=True, type=FilePath(path_type=Path))
def info(product: tuple[Path, ...]) -> None:
    """Describe each PRODUCT in one line.

    Start and stop are those of the first and the last exposure, according to the label. Missing or
    damaged labels and data files are named on stderr, and the exit code is then 1.
    """
    from ..pds3.product import qube_file
    from ..reader import sources

    head = ("product", "channel", "slit", "target", "start", "stop", "exposures", "shape", "bins")
    rows: list[tuple[str, ...]] = []
    failures = 0
    for found in sources.expand(product):
        try:
            label = found.read()
            rows.append(_row(label))
            for window in range(len(label.windows)):
                qube_file(label, window)
        except UvisError as error:
            complain(error)
            failures += 1
    if rows:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
    if failures:
        sys.exit(1)


def _row(label: Label) -> tuple[str, ...]:
    from ..reader import observation

    times = observation.times(label)
    return (
        label.path.stem,
        label.channel,
        label.slit or "-",
        label.target or "-",
        str(times["time_start"][0])[:23],
        str(times["time_stop"][-1])[:23],
        f"{label.shape[0]} x {label.integration:g} s",
        " ".join(f"{lines}x{bands}" for lines, bands in (w.shape for w in label.windows)),
        " ".join(f"{w.line_bin}x{w.band_bin}" for w in label.windows),
    )
