"""`uvisxr catalogue`: index where every spectrum of many products looked."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Literal

import click

from ..errors import ArgumentError, NoMatchError, bounded
from .catalogue_export import export
from .catalogue_plot import plot
from .messages import Commands, conclude, in_the_shell
from .options import FILTERS, KERNELS, WORKERS, FilePath, check_workers


@click.group(cls=Commands)
def catalogue() -> None:
    """A catalogue of spectra: build it, see what is in it, draw and export it."""


for _command in (export, plot):
    catalogue.add_command(_command)


@catalogue.command()
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--out",
    "-o",
    required=True,
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder of the catalogue.",
)
@KERNELS
@WORKERS
@click.option(
    "--missing",
    type=click.Choice(["remove", "keep", "remove_all"]),
    default="remove",
    help="What becomes of products whose labels are no longer in a folder among the sources; "
    "remove_all takes out also those whose own folder is empty or gone [default: remove].",
)
@click.option(
    "--verify",
    is_flag=True,
    help="Read all files of the catalogue, and make the products anew of which some are damaged.",
)
@FILTERS
def build(
    source: tuple[str, ...],
    out: Path,
    kernels: tuple[Path, ...],
    scheduler: str | None,
    workers: int | None,
    retries: int,
    timeout: float | None,
    missing: Literal["remove", "keep", "remove_all"],
    verify: bool,
    channel: str | None,
    target: str | None,
    slit: str | None,
    after: str | None,
    before: str | None,
) -> None:
    """Index where every spectrum of products looked; a second run follows what has changed.

    SOURCE: products, folders, batch files (one source per line), globs, index tables (the INDEX.LBL
    of a volume), or identifiers of products in the cache. The same exposures are taken once. What
    failed and warnings are named on stderr; the table of products has all of them. The exit code is
    1 if any product failed, if a source holds no product, or if no product passes the filters.
    """
    from ..catalogue import building
    from ..reader.sources import Filter

    check_workers(scheduler, workers)
    try:
        summary = building.build(
            source,
            out,
            kernels or None,
            client=scheduler,
            workers=workers,
            retries=retries,
            wanted=Filter(channel, target, slit, after, before),
            missing=missing,
            verify=verify,
            timeout=timeout,
        )
    except NoMatchError:
        raise
    except ArgumentError as error:
        # Nothing has started: the command line is wrong.
        said = re.sub(r"^catalogue\.build: (sources=)?", "", str(error))
        raise click.UsageError(in_the_shell(said)) from error
    conclude(summary)


@catalogue.command()
@click.argument("catalogue", type=FilePath(path_type=Path))
@click.option("--verify", is_flag=True, help="Read all files, and name those that are damaged.")
def info(catalogue: Path, verify: bool) -> None:
    """Say what is in a catalogue: products, spectra, bodies, times, size, failures.

    With --verify, the exit code is 1 if any file is not as it was written.
    """
    from ..catalogue import contents

    told = contents.info(catalogue, verify)
    for line in told.lines():
        click.echo(bounded(line))
    if told.damaged:
        sys.exit(1)
