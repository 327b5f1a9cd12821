"""`uvisxr explore`: products in the browser."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import click

from .messages import say
from .options import FilePath, Number

#: Letters that a token must have.
_LEAST = 12


def _is_local(address: str) -> bool:
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


@click.command()
@click.argument("product", nargs=-1, type=FilePath(path_type=Path))
@click.option(
    "--catalogue",
    type=FilePath(path_type=Path),
    help="Folder of a catalogue, in place of PRODUCT: a page to find products, each of which a "
    "click opens.",
)
@click.option(
    "--kernels",
    multiple=True,
    type=FilePath(path_type=Path),
    help="SPICE kernels: a file, a folder or a meta-kernel; may be given several times. Without "
    "any, those of the settings, or no picture of the sky.",
)
@click.option(
    "--calibration",
    type=FilePath(path_type=Path),
    help="Folder of the calibration files. Without it, that of the settings, or count rates.",
)
@click.option(
    "--background",
    "level",
    type=Number(min=0.0),
    help="Background, count/s per detector pixel.  [default: none]",
)
@click.option("--window", type=int, help="Which detector window, if a product has several.")
@click.option(
    "--stars",
    type=FilePath(dir_okay=False, path_type=Path),
    help="File of star flags: those in it are set, and it is written with each change.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Of the page.  [default: a free one]"
)
@click.option("--browser/--no-browser", default=True, help="Open a browser.  [default: yes]")
@click.option(
    "--address",
    default="127.0.0.1",
    show_default=True,
    help="Where to serve it: with any but this computer's own, who opens it must know --token.",
)
@click.option(
    "--token",
    envvar="UVISXR_EXPLORE_TOKEN",
    help=f"Password of the page, of {_LEAST} letters or more; or in UVISXR_EXPLORE_TOKEN.",
)
def explore(
    product: tuple[Path, ...],
    catalogue: Path | None,
    kernels: tuple[Path, ...],
    calibration: Path | None,
    level: float | None,
    window: int | None,
    stars: Path | None,
    port: int,
    browser: bool,
    address: str,
    token: str | None,
) -> None:
    """Explore PRODUCT... with the mouse, on a page in the browser.

    Products of one observation are opened together. With --catalogue, the page finds products by
    where their spectra looked, and opens them one by one. Only this computer reaches the page.
    Ctrl-C ends it, and prints the code that makes the same figures and numbers.
    """
    from ..explore.starting import check_libraries
    from ..registration import register

    if not _is_local(address) and token is None:
        raise click.UsageError(f"--address {address} lets others in: give a --token too")
    if token is not None and len(token) < _LEAST:
        raise click.UsageError(f"--token is too easily guessed: take {_LEAST} letters or more")
    if ":" in address:
        raise click.UsageError(f"--address {address}: give one of IPv4, or a name")
    if catalogue is None and not product:
        raise click.UsageError("give PRODUCT..., or --catalogue DIR")
    if catalogue is not None:
        of_products = {"PRODUCT": product, "--window": window, "--stars": stars}
        for name, value in of_products.items():
            if value not in (None, ()):
                raise click.UsageError(f"--catalogue and {name} exclude each other")
    check_libraries()
    register()
    from ..explore.opening import Opening, absolute
    from ..explore.serving import free_port, serve

    given = (
        [absolute(one) for one in kernels],
        None if calibration is None else absolute(calibration),
    )
    if catalogue is not None:
        from ..catalogue.explorer import pages as of_catalogue

        pages, codes = of_catalogue(catalogue, *given, level)
    else:
        from ..explore.page import in_browser

        opening = Opening([absolute(one) for one in product], *given, level, window)
        session, without = opening.open(stars)
        for text in without:
            say(text)
        pages, codes = {"/": lambda: in_browser(session)}, lambda: [session.code]
    if not port:
        port = free_port()
    click.echo(f"http://{address}:{port}")
    serve(pages, port, browser, address, token)
    for code in codes():
        click.echo(code)
