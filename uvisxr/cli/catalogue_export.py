"""`uvisxr catalogue export`: a catalogue as others read it."""

from __future__ import annotations

from pathlib import Path

import click

from .options import OVERWRITE, FilePath

#: What a service or collection is called: `exports.NAME`.
_NAME = "cassini_uvis"


@click.command("export")
@click.argument("catalogue", type=FilePath(path_type=Path))
@click.option(
    "--epn-tap",
    type=FilePath(dir_okay=False, path_type=Path),
    help="Table of EPN-TAP 2.0 to write: ends in .parquet, .csv or .vot.",
)
@click.option(
    "--stac",
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for a STAC collection and its items; made if missing.",
)
@click.option("--name", default=_NAME, show_default=True, help="Of the service or collection.")
@click.option(
    "--served",
    nargs=2,
    type=str,
    metavar="FOLDER URL",
    help="What lies in FOLDER, as the catalogue names it, is served at URL.",
)
@OVERWRITE
def export(
    catalogue: Path,
    epn_tap: Path | None,
    stac: Path | None,
    name: str,
    served: tuple[str, str] | None,
    overwrite: bool | None,
) -> None:
    """Write the products of a CATALOGUE for the Virtual Observatory, or as STAC items."""
    if epn_tap is None and stac is None:
        raise click.UsageError("give --epn-tap FILE or --stac FOLDER, or both")
    from ..catalogue import exports

    if epn_tap is not None and epn_tap.suffix.lower() not in exports.ENDINGS:
        wanted = f"{', '.join(exports.ENDINGS[:-1])} or {exports.ENDINGS[-1]}"
        raise click.BadParameter(f"expected a name that ends in {wanted}", param_hint="--epn-tap")
    folder, url = served or (None, None)
    if epn_tap is not None:
        click.echo(exports.write_epn_tap(catalogue, epn_tap, name, folder, url, overwrite))
    if stac is not None:
        for path in exports.write_stac(catalogue, stac, name, folder, url, overwrite):
            click.echo(path)
