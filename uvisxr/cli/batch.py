"""`uvisxr batch`: run a pipeline on many products."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ..errors import ArgumentError, NoMatchError, PipelineError
from .messages import conclude, in_the_shell
from .options import COMPACT, FILTERS, WORKERS, FilePath, check_workers


def _plain(message: str) -> str:
    """A message without the function that it is of."""
    return re.sub(r"^batch\.(plan|process): (products=)?", "", message)


@click.command()
@click.argument("source", nargs=-1, required=True)
@click.option(
    "--pipeline",
    "-p",
    required=True,
    type=FilePath(exists=True, dir_okay=False, path_type=Path),
    help="YAML file with a list of steps.",
)
@click.option(
    "--out",
    "-o",
    required=True,
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for the outputs and the manifest.",
)
@WORKERS
@click.option(
    "--overwrite",
    is_flag=True,
    help="Process everything again, and replace files that uvisxr did not write.",
)
@COMPACT
@click.option(
    "--verify",
    is_flag=True,
    help="Read outputs that are there, and make those again that do not hold what was written.",
)
@click.option(
    "--dry-run", is_flag=True, help="List the products that would be processed; do nothing."
)
@FILTERS
def batch(
    source: tuple[str, ...],
    pipeline: Path,
    out: Path,
    scheduler: str | None,
    workers: int | None,
    retries: int,
    overwrite: bool,
    compact: bool,
    verify: bool,
    timeout: float | None,
    dry_run: bool,
    channel: str | None,
    target: str | None,
    slit: str | None,
    after: str | None,
    before: str | None,
) -> None:
    """Process many products; a second run does only what is missing or outdated.

    SOURCE: products, folders, batch files (one source per line), globs, index tables (the INDEX.LBL
    of a volume), or identifiers of products in the cache. The same exposures are taken once. One
    NetCDF file per product, and manifest.jsonl, go to the folder --out. What failed, steps that
    were left out and warnings are named on stderr; the manifest has all of them. The exit code is 1
    if any product failed, if a source holds no product, or if no product passes the filters.
    """
    from ..batch import run
    from ..reader.sources import Filter

    check_workers(scheduler, workers)
    try:
        wanted = Filter(channel, target, slit, after, before)
        if dry_run:
            for label, output in run.plan(
                source, pipeline, out, overwrite, wanted, compact=compact, verify=verify
            ):
                click.echo(f"{label} -> {out / output}")
            return
        summary = run.process(
            source,
            pipeline,
            out,
            client=scheduler,
            workers=workers,
            retries=retries,
            overwrite=overwrite,
            wanted=wanted,
            compact=compact,
            verify=verify,
            timeout=timeout,
        )
    except NoMatchError:
        raise
    except (ArgumentError, PipelineError) as error:
        # Nothing has started: the command line or the pipeline is wrong.
        raise click.UsageError(in_the_shell(_plain(str(error)))) from error
    conclude(summary)
