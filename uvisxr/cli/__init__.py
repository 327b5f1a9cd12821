"""The `uvisxr` command.

Exit codes: 0 success, 1 a fault in data or files (one line on stderr), 2 wrong usage.

To keep start-up fast, the command modules import only click and other light modules at the top;
each command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any

import click

from .._version import __version__
from ..errors import UvisError, UvisWarning
from .batch import batch
from .demo import demo
from .fetch import calibration, fetch
from .info import info
from .kernels import kernels
from .messages import complain, show_warning
from .plot import plot
from .process import process


class _Group(click.Group):
    """A group whose commands turn an error in data or files into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (UvisError, OSError) as error:
            complain(error)
            sys.exit(1)


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="uvisxr")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Turn Cassini/UVIS products into calibrated, georeferenced, binned spectra."""
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("always", UvisWarning)
    warnings.showwarning = show_warning


for _command in (batch, calibration, demo, fetch, info, kernels, plot, process):
    main.add_command(_command)
