"""Options that several commands have."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ..errors import ArgumentError
from ..files import NO_FILE, check_name


class FilePath(click.Path):
    """A path whose ~ stands for the home folder, also where the shell leaves it: in quotes."""

    def __init__(self, *args: Any, pipes: bool = False, **kwargs: Any):
        """`pipes`: leave it to the command to refuse what is no file, as it takes several."""
        super().__init__(*args, **kwargs)
        self._pipes = pipes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("expected a path, and this is empty", param, ctx)
        if value == "-":
            self.fail("'-': no command reads or writes a pipe; give a name", param, ctx)
        try:
            check_name("path", value)
        except ArgumentError as error:
            # Of which option it is, click says.
            said = str(error).removeprefix("path=")
            if not (self._pipes and said.endswith(NO_FILE)):
                self.fail(said, param, ctx)
        value = Path(value).expanduser()
        return super().convert(value, param, ctx)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _to_downloads(ctx: click.Context, param: click.Parameter, value: float | None) -> None:
    """Give downloads of the command a setting of `uvisxr.fetch`, before its variable."""
    if value is not None:
        ctx.with_resource(_environment(f"UVISXR_FETCH_{str(param.name).upper()}", str(value)))


class Number(click.FloatRange):
    """A number in a range, which nan is in none of, though click takes it for one in all."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        found: float = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not in the range {self._describe_range()}.", param, ctx)
        return found


#: What stands for an open end.
OPEN = "-"


class End(click.types.FloatParamType):
    """A number, or "-" for an open end."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value in (None, OPEN):
            return None
        found = super().convert(value, param, ctx)
        if math.isnan(found):
            self.fail(f"{value!r} is not a valid number.", param, ctx)
        return found


def patience(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of commands that download."""
    longest = click.option(
        "--longest",
        type=Number(min=0),
        expose_value=False,
        callback=_to_downloads,
        help="Give up a file after this time, s [default: UVISXR_FETCH_LONGEST, or never].",
    )
    floor = click.option(
        "--floor",
        type=Number(min=0),
        expose_value=False,
        callback=_to_downloads,
        help="Give up a server that sends fewer bytes a second [default: UVISXR_FETCH_FLOOR, or "
        "500].",
    )
    return floor(longest(command))


def _together(*options: Callable[..., Any]) -> Callable[..., Any]:
    """Options that commands have together, in this order."""

    def added(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return added


#: What many products are worked on with.
WORKERS = _together(
    click.option("--scheduler", help="Address of a dask scheduler, tcp://HOST:8786."),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Processes on this machine [default: one per core].",
    ),
    click.option(
        "--retries",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        help="Retries after a lost worker or an unexpected error.",
    ),
    click.option(
        "--timeout",
        type=Number(min=0, min_open=True, max=1e6),
        help="Longest time for a product, s; one that takes longer fails. Includes the imports of "
        "a worker's first product.",
    ),
)


def check_workers(scheduler: str | None, workers: int | None) -> None:
    """Refuse options of which one leaves no room for the other."""
    if scheduler and workers:
        raise click.UsageError(
            "--workers starts processes here and cannot be combined with --scheduler"
        )


#: Kernels for the geometry.
KERNELS = click.option(
    "--kernels",
    multiple=True,
    type=FilePath(exists=True, path_type=Path),
    help="File, folder or meta-kernel; may be repeated [default: UVISXR_KERNELS, or the cache].",
)

#: Which of many products are taken.
FILTERS = _together(
    click.option(
        "--channel",
        type=click.Choice(["EUV", "FUV"], case_sensitive=False),
        help="Only this channel.",
    ),
    click.option(
        "--target",
        help="Only products whose label has this target, in any spelling: Daphnis is DA too.",
    ),
    click.option(
        "--slit", help="Only this slit: HIGH_RESOLUTION, LOW_RESOLUTION, OCCULTATION or low."
    ),
    click.option(
        "--after",
        help="Only products that start at or after this time: 2005-230, 2005-08-18T15:15, 2005.",
    ),
    click.option("--before", help="Only products that start before this time."),
)

TARGET = click.option("--target", help="Body to look at in place of the label's target.")

COMPACT = click.option(
    "--compact",
    is_flag=True,
    help="Leave out the radiances that follow from the counts in the file: an eighth to a "
    "thirtieth of the size of whole products, a fifth to two thirds of few exposures or with "
    "geometry. "
    "uvisxr.open_reduced and uvisxr.open_processed give them back.",
)

OVERWRITE = click.option(
    "--overwrite/--no-overwrite",
    default=None,
    show_default="what uvisxr itself wrote",
    help="Whether to replace an existing output.",
)
