"""`uvisxr fetch` and `uvisxr calibration fetch`: products and calibration files."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import ArgumentError


@click.command()
@click.argument("product_id", nargs=-1, required=True)
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files, side by side [default: the cache, laid out as the archive].",
)
@click.option("--matrix/--no-matrix", default=True, help="Get the calibration matrix too.")
def fetch(product_id: tuple[str, ...], to: Path | None, matrix: bool) -> None:
    """Download products of the PDS archive: label, data, calibration matrix.

    PRODUCT_ID: FUV2005_230_15_15, say. Prints the path of each label. What is there is not fetched
    again. UVISXR_URL_PRODUCTS names a mirror of the folder COUVIS_0xxx.

    The word "stars" instead of a product gets the ultraviolet star catalogue CDS II/59B;
    UVISXR_URL_STARS names a mirror of its folder.
    """
    from ..pds3.archive import Archive

    archive = Archive.default()
    for name in product_id:
        if name == "stars":
            from ..stars.catalogue import fetch_catalogue

            click.echo(fetch_catalogue(to))
            continue
        try:
            click.echo(archive.product(name, to, matrix)["label"])
        except ArgumentError as error:
            raise click.UsageError(str(error)) from error


@click.group()
def calibration() -> None:
    """The calibration files of the UVIS team."""


@calibration.command("fetch")
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the files [default: the cache, where `calibrate` looks].",
)
def fetch_calibration(to: Path | None) -> None:
    """Download flat fields, their modifiers, the FUV trend and the laboratory tables.

    What is there is not fetched again. UVISXR_URL_CALIBRATION names a mirror of the folder
    UVIS_cal_and_ff_modifiers.
    """
    from ..calibration import download

    paths = download.fetch_files(to)
    click.echo(f"{len(paths)} files in {paths[0].parent}")
