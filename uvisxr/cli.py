"""The `uvisxr` command.

Exit codes: 0 all went well, 1 the data or files at fault (one line on stderr), 2 wrong usage.
"""

from __future__ import annotations

import sys
import warnings

import click

from . import __version__
from .errors import UvisError


class _Group(click.Group):
    """A group whose commands turn a UvisError into one line and exit code 1."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except UvisError as error:
            click.echo(f"uvisxr: {' '.join(str(error).split())}", err=True)
            sys.exit(1)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    click.echo(f"uvisxr: warning: {message}", err=True)


@click.group(cls=_Group)
@click.version_option(__version__)
def main() -> None:
    """Cassini/UVIS products to calibrated, located, binned spectra."""
    warnings.showwarning = _show_warning
