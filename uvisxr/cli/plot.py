"""`uvisxr plot`: a picture of each product, without kernels or calibration files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..checks import choices
from ..errors import ExportError, LabelError, MissingDependencyError, UvisError
from ..files import opened, refuse_foreign, whole_file
from .messages import complain
from .options import OVERWRITE, FilePath

if TYPE_CHECKING:
    import xarray as xr

    from ..reader.sources import Product

#: Formats of pictures.
Format = Literal["png", "pdf", "svg"]

#: What every picture says of its origin, so that a later run knows it for its own.
_ORIGIN = "uvisxr plot"

#: Where each format has room for that; no dates, so that the same data give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": _ORIGIN},
    "pdf": {"Creator": _ORIGIN, "CreationDate": None},
    "svg": {"Creator": _ORIGIN, "Date": None},
}

_SIZE = (10.0, 7.0)


@click.command()
@click.argument("product", nargs=-1, required=True, type=FilePath(path_type=Path))
@click.option(
    "--out",
    "-o",
    default=".",
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for the pictures; created if missing [default: the current one].",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(choices(Format)),
    default="png",
    show_default=True,
)
@OVERWRITE
@click.option(
    "--channel", type=click.Choice(["EUV", "FUV"], case_sensitive=False), help="Only this channel."
)
@click.option(
    "--wl-range",
    nargs=2,
    type=float,
    metavar="LOW HIGH",
    help="Wavelengths of the brightness, angstrom [default: all].",
)
def plot(
    product: tuple[Path, ...],
    out: Path,
    kind: Format,
    overwrite: bool | None,
    channel: str | None,
    wl_range: tuple[float, float] | None,
) -> None:
    """Draw each PRODUCT: brightness of every spectrum, quality, mean spectrum.

    The picture of NAME is NAME.png, one for each window if there are several. Products that cannot
    be drawn are named on stderr, and the exit code is then 1.
    """
    from ..progress import bar
    from ..reader import sources
    from ..registration import register

    register()
    found = sources.expand(product, sources.Filter(channel))
    out.mkdir(parents=True, exist_ok=True)
    made: set[Path] = set()
    failures = 0
    for one in bar(found, unit="product", total=len(found)):
        try:
            for window, ds in _windows(one):
                path = out / f"{one.name}{window}.{kind}"
                if path in made:
                    raise ExportError(f"{one.label}: another product has the same name, {one.name}")
                refuse_foreign(path, overwrite, _is_ours)
                _draw_product(one, ds, path, kind, wl_range)
                made.add(path)
                click.echo(path)
        except MissingDependencyError:
            raise
        except UvisError as error:
            complain(error)
            failures += 1
    if failures:
        sys.exit(1)


def _windows(product: Product) -> Iterator[tuple[str, xr.Dataset]]:
    """The windows of a product, and the ending of each one's name."""
    import xarray as xr

    from ..reader.observation import open_product

    data = product.data if product.paired else None
    opened = open_product(product.label if data is None else (product.label, data))
    if isinstance(opened, xr.DataTree):
        for name, node in opened.children.items():
            yield f"_{name}", node.to_dataset()
    else:
        yield "", opened


def _draw_product(
    product: Product,
    ds: xr.Dataset,
    path: Path,
    kind: Format,
    wl_range: tuple[float, float] | None,
) -> None:
    """Draw a window of a product; errors name the product."""
    from ..quality import losses, telling

    if "counts" not in ds.variables:
        raise LabelError(f"{product.label}: there are no spectra in it to draw")
    try:
        # Once: each panel would read the file again.
        ds = ds.assign(counts=ds["counts"].load())
        telling.warn(losses.found(ds).values, product.label)
        _draw(ds, path, kind, wl_range)
    except (MissingDependencyError, ExportError):
        raise
    except UvisError as error:
        raise type(error)(f"{product.label}: {error}") from error


def _draw(ds: xr.Dataset, path: Path, kind: Format, wl_range: tuple[float, float] | None) -> None:
    from ..accessor import UvisAccessor
    from ..dataset import inputs

    # It says what to install where there is no matplotlib.
    quicklook = UvisAccessor(ds).plot.quicklook
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    quicklook(wl_range, figure=figure)
    with whole_file(path, inputs.of(ds)) as part, mpl.rc_context({"svg.hashsalt": _ORIGIN}):
        figure.savefig(part, format=kind, metadata=_METADATA[kind])


def _is_ours(path: Path) -> bool:
    """Whether a file says that it is a picture of this command."""
    with opened(path) as stream:
        return _ORIGIN.encode() in stream.read()
