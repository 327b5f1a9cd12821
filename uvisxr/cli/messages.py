"""What every command says on stderr: one line for an error, one for a warning."""

from __future__ import annotations

from typing import TextIO

import click


def complain(error: Exception) -> None:
    """Say what went wrong, in one line."""
    click.echo(f"uvisxr: {' '.join(str(error).split())}", err=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Say a warning in one line, in place of `warnings.showwarning`."""
    click.echo(f"uvisxr: warning: {message}", err=True)
