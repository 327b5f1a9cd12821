"""`uvisxr virtual`: references to the bytes of products, as Zarr."""

from __future__ import annotations

from pathlib import Path

import click

from .options import OVERWRITE, FilePath


@click.command()
@click.argument("product", nargs=-1, required=True, type=FilePath(path_type=Path, pipes=True))
@click.option(
    "-o",
    "--out",
    required=True,
    type=FilePath(path_type=Path),
    help="File to write, which ends in .json; or folder, for a file for each observation, named "
    "after its first product and its last.",
)
@click.option(
    "--base",
    help="What to write in place of the folder that holds the data: the URL where others find "
    "them, or . for paths relative to where readers work.",
)
@click.option(
    "--channel", type=click.Choice(["EUV", "FUV"], case_sensitive=False), help="Only this channel."
)
@OVERWRITE
def virtual(
    product: tuple[Path, ...],
    out: Path,
    base: str | None,
    channel: str | None,
    overwrite: bool | None,
) -> None:
    """Write references by which any xarray opens PRODUCT... as Zarr, without uvisxr.

    The data stay where they are, on disk or on a server, and are not read. Products of one channel,
    slit and window are one observation. In a folder, a file that holds other products is replaced
    with --overwrite alone. Prints the paths of the files; docs/howto/remote.md says how they are
    opened.
    """
    from .. import references

    channel = channel.upper() if channel else None
    if out.suffix.lower() == ".json" and not out.is_dir():
        files = [
            references.virtual(product, out=out, base=base, channel=channel, overwrite=overwrite)
        ]
    else:
        files = references.virtual_each(product, out, base, overwrite, channel)
    for file in files:
        click.echo(file)
