"""Messages of all commands on stderr: one line per error or warning."""

from __future__ import annotations

from typing import TextIO

import click


def complain(error: Exception) -> None:
    """Print an error on one line."""
    click.echo(f"uvisxr: {' '.join(str(error).split())}", err=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning on one line, in place of `warnings.showwarning`."""
    click.echo(f"uvisxr: warning: {message}", err=True)
