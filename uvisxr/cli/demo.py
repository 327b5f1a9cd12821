"""`uvisxr demo`: run the demonstration and print its results."""

from __future__ import annotations

from pathlib import Path

import click

from .options import FilePath


@click.command()
@click.argument(
    "directory",
    default="uvisxr-demo",
    type=FilePath(file_okay=False, path_type=Path),
)
@click.option("--seed", default=1, show_default=True, help="Seed of the simulation.")
def demo(directory: Path, seed: int) -> None:
    """Simulate a flyby of Titan, reduce it, and compare with the truth.

    Everything is written to DIRECTORY [default: uvisxr-demo]. No network, kernels or data are
    needed.
    """
    from .demonstration import demonstrate

    made = demonstrate(directory, seed, lambda text: click.echo(f"{text} ...", err=True))
    click.echo(made.table())
    click.echo()
    width = max(len(str(path)) for path in made.files)
    for path, what in made.files.items():
        click.echo(f"{str(path).ljust(width)}  {what}")
    if made.note:
        click.echo(f"\n{made.note}")
