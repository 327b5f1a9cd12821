"""Messages of all commands on stderr: each a line of at most 500 characters."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

import click

from ..errors import UvisError, bounded

if TYPE_CHECKING:
    from ..batch.run import Summary

#: Where a command keeps the warnings that it has printed.
_SAID = f"{__name__}.said"
#: How click asks for the help of a group without a command; older versions print it.
_HELP: tuple[type[Exception], ...] = (
    (click.exceptions.NoArgsIsHelpError,) if hasattr(click.exceptions, "NoArgsIsHelpError") else ()
)
#: What helps where memory is short.
_LESS = "raise its limit (ulimit), or end other programs"


class Commands(click.Group):
    """A group whose commands turn an error in data or files into one line and exit code 1.

    So they do with an interrupt, and exit code 130. What click says of wrong usage is bounded.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the options of the group itself."""
        with _usage():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was asked for."""
        try:
            with _usage():
                return super().invoke(ctx)
        except (UvisError, OSError) as error:
            complain(error)
            sys.exit(1)
        except MemoryError as error:
            said = f": {error}" if str(error) else ""
            say(f"the memory does not suffice{said}; {_LESS}")
            sys.exit(1)
        except ImportError as error:
            say(
                f"a library cannot be loaded: {error}; if memory is short, {_LESS}, else install "
                "uvisxr anew"
            )
            sys.exit(1)
        except KeyboardInterrupt:
            again = "; what is finished stays, and the same command goes on from there"
            batch = ctx.invoked_subcommand == "batch"
            say(f"interrupted{again if batch else ''}")
            sys.exit(130)


@contextmanager
def _usage() -> Iterator[None]:
    try:
        yield
    except _HELP:
        # A group without a command: its help, in lines.
        raise
    except click.UsageError as error:
        raise click.UsageError(bounded(error.format_message()), error.ctx) from error


def say(text: str) -> None:
    """Print a message on one line, with arguments as options."""
    # Options may be longer than arguments.
    click.echo(bounded(f"uvisxr: {in_the_shell(text)}"), err=True)


def conclude(summary: Summary) -> None:
    """Tell what became of many products; the exit code is 1 if any failed."""
    for line in summary.lines():
        say(line)
    click.echo(f"{summary}; {summary.manifest}")
    if not summary.ok:
        sys.exit(1)


def complain(error: Exception) -> None:
    """Print an error on one line."""
    say(str(error))


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning on one line, in place of `warnings.showwarning`, once in a command."""
    context = click.get_current_context(silent=True)
    said = context.find_root().meta.setdefault(_SAID, set()) if context else set()
    if str(message) not in said:
        said.add(str(message))
        say(f"warning: {message}")


def in_the_shell(text: str) -> str:
    """A message with arguments such as trend=False as options of the command that runs."""
    for option in _options():
        if option.is_flag:
            for value, names in (("True", option.opts), ("False", option.secondary_opts)):
                if names:
                    text = re.sub(rf"\b{option.name}={value}\b", names[0], text)
        else:
            # Not in a call, which is Python's: geometry(target=...).
            value = r"(['\"])(.*?)\1|\(([-+\w.:, '\"]*)\)|(?=([\w.-]))|"
            argument = rf"(?<![\w(.]){option.name}=(?:{value})"
            text = re.sub(argument, partial(_written, option.opts[0]), text)
    return text


def _written(option: str, argument: re.Match[str]) -> str:
    """An argument with its value, or with one to be given, as an option."""
    _, value, several, follows = argument.groups()
    if several is not None:
        # None is an open end.
        ends = (end.strip(" '\"") for end in several.split(",") if end.strip())
        return " ".join([option, *("-" if end == "None" else shlex.quote(end) for end in ends)])
    if value is None:
        return f"{option} " if follows else option
    return f"{option} {shlex.quote(value)}"


def _options() -> list[click.Option]:
    context = click.get_current_context(silent=True)
    if context is None:
        return []
    command = context.command
    if isinstance(command, click.Group) and context.invoked_subcommand:
        command = command.commands[context.invoked_subcommand]
    return [option for option in command.params if isinstance(option, click.Option)]
