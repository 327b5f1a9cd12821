"""`uvisxr fetch` and `uvisxr calibration fetch`: products and calibration files."""

from __future__ import annotations

from pathlib import Path

import click

from ..errors import ArgumentError
from .messages import Commands
from .options import FilePath, patience


@click.command()
@click.argument("product_id", nargs=-1, required=True)
@click.option(
    "--to",
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for the files, side by side [default: the cache, laid out like the archive].",
)
@click.option("--matrix/--no-matrix", default=True, help="Download the calibration matrix too.")
@patience
def fetch(product_id: tuple[str, ...], to: Path | None, matrix: bool) -> None:
    """Download products from the PDS archive: label, data, calibration matrix.

    PRODUCT_ID: FUV2005_230_15_15, for example, also as OPUS writes it (co-uvis-fuv2005_230_15_15).
    Prints the path of each label. Of a product in two volumes the later one is taken. Files already
    present are not downloaded again. Set UVISXR_URL_PRODUCTS to use a mirror of the folder
    COUVIS_0xxx. The URL of a label names a product too, which is then read from the cache and no
    longer from its server.

    "stars" in place of a product downloads the 31,215 ultraviolet stars of CDS II/59B, which
    predict_stars then takes; without them it has the 60 brightest. Set UVISXR_URL_STARS to use a
    mirror of the catalogue's folder.
    """
    from ..pds3 import urls
    from ..pds3.archive import Archive

    archive = Archive.default()
    for name in dict.fromkeys(map(_canonical, product_id)):
        if name == "stars":
            from ..stars.catalogue import fetch_catalogue

            click.echo(fetch_catalogue(to))
            continue
        if urls.is_url(name):
            if to is not None:
                raise click.UsageError(
                    "--to is for identifiers: what a URL names goes to the cache"
                )
            click.echo(urls.download(name, whole=True))
            continue
        try:
            click.echo(archive.product(name, to, matrix)["label"])
        except ArgumentError as error:
            raise click.UsageError(str(error)) from error


def _canonical(text: str) -> str:
    """One text for all forms of an identifier, so that a product named twice is fetched once."""
    from ..pds3.identifier import product_id

    return product_id(text) or text


@click.group(cls=Commands)
def calibration() -> None:
    """Calibration files of the UVIS team."""


@calibration.command("fetch")
@click.option(
    "--to",
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for the files [default: the cache, where `calibrate` looks].",
)
@patience
def fetch_calibration(to: Path | None) -> None:
    """Download flat fields, their modifiers, the FUV trend and the laboratory tables.

    Files already present are not downloaded again. Set UVISXR_URL_CALIBRATION to use a mirror of
    the folder UVIS_cal_and_ff_modifiers.
    """
    from ..calibration import download

    paths = download.fetch_files(to)
    click.echo(f"{len(paths)} files in {paths[0].parent}")
