"""Messages of all commands on stderr: one line per error or warning."""

from __future__ import annotations

import re
from typing import TextIO

import click


def complain(error: Exception) -> None:
    """Print an error on one line."""
    click.echo(f"uvisxr: {in_the_shell(' '.join(str(error).split()))}", err=True)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning on one line, in place of `warnings.showwarning`."""
    click.echo(f"uvisxr: warning: {in_the_shell(str(message))}", err=True)


def in_the_shell(text: str) -> str:
    """A message with arguments such as trend=False as options of the command that runs."""
    for option in _options():
        if option.is_flag:
            for value, names in (("True", option.opts), ("False", option.secondary_opts)):
                if names:
                    text = re.sub(rf"\b{option.name}={value}\b", names[0], text)
        else:
            text = re.sub(rf"\b{option.name}=[\"'](\w+)[\"']", rf"{option.opts[0]} \1", text)
    return text


def _options() -> list[click.Option]:
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    command = context.command
    if isinstance(command, click.Group) and context.invoked_subcommand:
        command = command.commands[context.invoked_subcommand]
    return [option for option in command.params if isinstance(option, click.Option)]
