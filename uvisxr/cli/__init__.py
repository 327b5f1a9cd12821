"""The `uvisxr` command.

Exit codes: 0 all went well, 1 the data or files at fault (one line on stderr), 2 wrong usage.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import click
import xarray as xr

from .. import export
from .._version import __version__
from ..calibration.recipe import RECIPES
from ..errors import ArgumentError, UvisError, UvisWarning
from ..pds3.label import Label, read_label
from ..pds3.product import qube_file
from ..reader import observation, sources
from .batch import batch
from .demo import command as demo_command
from .fetch import calibration, fetch
from .kernels import kernels


class _Group(click.Group):
    """A group whose commands turn an error of data or files into one line and exit code 1."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (UvisError, OSError) as error:
            _complain(error)
            sys.exit(1)


def _complain(error: Exception) -> None:
    click.echo(f"uvisxr: {' '.join(str(error).split())}", err=True)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    click.echo(f"uvisxr: warning: {message}", err=True)


@click.group(cls=_Group)
@click.version_option(__version__)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Cassini/UVIS products to calibrated, located, binned spectra."""
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("always", UvisWarning)
    warnings.showwarning = _show_warning


@main.command()
@click.argument("product", nargs=-1, required=True, type=click.Path(path_type=Path))
def info(product: tuple[Path, ...]) -> None:
    """Say what PRODUCT... are: one line a product.

    Start and stop are those of the first and the last exposure, by the label. A label or a data
    file that is missing or damaged is named on stderr; the exit code is then 1.
    """
    head = ("product", "channel", "slit", "target", "start", "stop", "exposures", "shape", "bins")
    rows, failures = [], 0
    for found in sources.expand(product):
        try:
            label = read_label(found.label)
            rows.append(_row(label))
            for window in range(len(label.windows)):
                qube_file(label, window)
        except UvisError as error:
            _complain(error)
            failures += 1
    if rows:
        widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
        for row in (head, *rows):
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            click.echo("  ".join(cells).rstrip())
    if failures:
        sys.exit(1)


def _row(label: Label) -> tuple[str, ...]:
    times = observation.times(label)
    return (
        label.path.stem,
        label.channel,
        label.slit or "-",
        label.target or "-",
        str(times["time_start"][0])[:23],
        str(times["time_stop"][-1])[:23],
        f"{label.shape[0]} x {label.integration:g} s",
        " ".join(f"{lines}x{bands}" for lines, bands in (w.shape for w in label.windows)),
        " ".join(f"{w.line_bin}x{w.band_bin}" for w in label.windows),
    )


#: Elements (exposure x pixel x wavelength) worked on at once: bounds the memory of `process`.
_BLOCK_ELEMENTS = 2**20


@main.command()
@click.argument("product", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write a summary."
)
@click.option("--window", type=int, help="Which detector window, where a product has several.")
@click.option("--kernels", type=click.Path(exists=True, path_type=Path), help="Add the geometry.")
@click.option("--background", type=float, help="Background, count/s per detector pixel.")
@click.option(
    "--calibration",
    type=click.Path(exists=True, path_type=Path),
    help="Folder of the calibration files, or the label of a _CAL_n matrix.",
)
@click.option("--recipe", type=click.Choice(list(RECIPES)), default="upyp", show_default=True)
@click.option(
    "--evil-pixels",
    type=click.Choice(["mask", "interpolate"]),
    default="mask",
    show_default=True,
    help="Mask bins with evil pixels, or interpolate over the pixels before binning.",
)
@click.option("--flat-field/--no-flat-field", default=True, show_default=True)
@click.option("--trend/--no-trend", default=True, show_default=True)
@click.option("--smooth/--no-smooth", default=True, show_default=True)
@click.option("--errors", type=click.Choice(["total", "statistical"]), default="total")
def process(
    product: tuple[Path, ...],
    output: Path,
    json_path: Path | None,
    window: int | None,
    kernels: Path | None,
    background: float | None,
    calibration: Path | None,
    **options,
) -> None:
    """Calibrate PRODUCT... (together, in time order) and write one NetCDF file."""

    def reduce(ds: xr.Dataset) -> xr.Dataset:
        if "counts" not in ds:
            return ds
        exposures = max(1, _BLOCK_ELEMENTS // (ds.sizes["pixel"] * ds.sizes["wl"]))
        ds = ds.assign(counts=ds.counts.chunk(pic=exposures))
        if kernels is not None:
            ds = ds.uvis.geometry(kernels=kernels)
        if background is not None:
            ds = ds.uvis.background(level=background)
        return ds.uvis.calibrate(files=calibration, **options)

    opened = observation.open_observation(product, window=window)
    if isinstance(opened, xr.DataTree):
        if json_path is not None:
            raise ArgumentError("a summary is of one window: choose one with --window")
        click.echo(export.to_netcdf(opened.map_over_datasets(reduce), output))
        return
    ds = reduce(opened)
    click.echo(export.to_netcdf(ds, output))
    if json_path is not None:
        click.echo(export.to_json(ds, json_path))


main.add_command(batch)
main.add_command(fetch)
main.add_command(calibration)
main.add_command(kernels)
main.add_command(demo_command)
