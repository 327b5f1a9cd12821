"""The `uvisxr` command.

Exit codes: 0 success, 1 a fault in data or files (one line on stderr), 2 wrong usage, 130
interrupted.

To keep start-up fast, the command modules import only click and other light modules at the top;
each command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
import warnings
from io import TextIOWrapper

import click

from ..errors import UvisWarning
from .batch import batch
from .catalogue import catalogue
from .demo import demo
from .explore import explore
from .fetch import calibration, fetch
from .info import info
from .kernels import kernels
from .messages import Commands, show_warning
from .plot import plot
from .process import process
from .search import search
from .virtual import virtual


def _version(ctx: click.Context, param: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from .system import version_line

        click.echo(version_line())
        ctx.exit()


@click.group(cls=Commands)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show the versions of uvisxr, Python, xarray, numpy and spiceypy, and exit.",
)
@click.pass_context
def main(ctx: click.Context) -> None:
    """Turn Cassini/UVIS products into calibrated, georeferenced, binned spectra."""
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("always", UvisWarning)
    warnings.showwarning = show_warning
    if isinstance(sys.stdout, TextIOWrapper):
        # Names of files that are no UTF-8 go out as they are.
        sys.stdout.reconfigure(errors="surrogateescape")


for _command in (
    *(batch, calibration, catalogue, demo, explore, fetch, info, kernels, plot, process, search),
    virtual,
):
    main.add_command(_command)
