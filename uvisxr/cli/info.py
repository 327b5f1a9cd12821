"""`uvisxr info`: describe products."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import UvisError, warn_user
from .messages import complain
from .options import FilePath

if TYPE_CHECKING:
    from ..pds3.label import Label
    from ..pds3.qube import QubeFile


@click.command()
@click.argument("product", nargs=-1, type=FilePath(path_type=Path, pipes=True))
@click.option(
    "--system",
    is_flag=True,
    help="Describe the installation instead, for bug reports: versions, threads, and where "
    "kernels, calibration files and the cache are, with ~ for your home folder.",
)
def info(product: tuple[Path, ...], system: bool) -> None:
    """Describe each PRODUCT in one line.

    Start and stop are those of the first and the last exposure, according to the label. UNK and N/A
    are the label's own words, "-" is what it does not give. What is missing or damaged is named on
    stderr, and the exit code is then 1. So are exposures without a count in data that are not
    packed, as lost ones are, which is no error.
    """
    if system == bool(product):
        raise click.UsageError("give either products or --system")
    if system:
        _describe_system()
        return

    from ..pds3.product import qube_file
    from ..reader import sources, states

    head = ("product", "channel", "slit", "target", "start", "stop", "exposures", "shape", "bins")
    rows: list[tuple[str, ...]] = []
    there = [path for path in product if _is_there(path)]
    failures = len(product) - len(there)
    for found in sources.expand(there) if there else ():
        try:
            label = found.read()
            rows.append(_row(label))
            files = [qube_file(label, window) for window in range(len(label.windows))]
            states.warn([label])
            for file in () if label.is_matrix else files:
                _warn_of_lost(file)
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


def _describe_system() -> None:
    from .system import report

    rows = list(report())
    width = max(len(name) for name, _ in rows)
    for name, said in rows:
        click.echo(f"{name.ljust(width)}  {said}")


def _warn_of_lost(file: QubeFile) -> None:
    """Warn of exposures that have no count where others have many."""
    from ..pds3 import again, packed, uncounted

    # Unpacking takes long, and keeps a file for it; and what is on a server stays there.
    if packed.is_packed(file.path) or file.remote:
        return
    lost = uncounted.exposures(file)
    if lost.size:
        warn_user(
            f"{file.path}: {lost.size} of {file.frame[0]} exposures have no count, the first of "
            f"them pic={lost[0]}: they were lost in the telemetry, or in this copy; in that case "
            f"{again.advice(file.path, file.pointer)}"
        )


def _is_there(path: Path) -> bool:
    """Whether a source holds a product; if not, the error is printed."""
    from ..pds3 import sources

    try:
        with warnings.catch_warnings():
            # They come again with the table.
            warnings.simplefilter("ignore")
            next(sources.expand(path))
    except UvisError as error:
        complain(error)
        return False
    return True


def _row(label: Label) -> tuple[str, ...]:
    from ..pds3.sources import stated
    from ..reader.times import times

    when = times(label)
    return (
        label.path.stem,
        label.channel,
        label.slit or stated(label.path, "SLIT_STATE") or "-",
        label.target or stated(label.path, "TARGET_NAME") or "-",
        str(when["time_start"][0])[:23],
        str(when["time_stop"][-1])[:23],
        f"{label.shape[0]} x {label.integration:g} s",
        " ".join(f"{lines}x{bands}" for lines, bands in (w.shape for w in label.windows)),
        " ".join(f"{w.line_bin}x{w.band_bin}" for w in label.windows),
    )
