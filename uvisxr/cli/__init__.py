"""The `uvisxr` command.

Exit codes: 0 all went well, 1 the data or files at fault (one line on stderr), 2 wrong usage.

So that the command line starts at once, the modules of the commands import nothing at their heads
but click and what is as light; each command imports what it works with.
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
from .process import process


class _Group(click.Group):
    """A group whose commands turn an error of data or files into one line and exit code 1."""

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
    """Cassini/UVIS products to calibrated, located, binned spectra."""
    ctx.with_resource(warnings.catch_warnings())
    warnings.simplefilter("always", UvisWarning)
    warnings.showwarning = show_warning


for _command in (batch, calibration, demo, fetch, info, kernels, process):
    main.add_command(_command)
