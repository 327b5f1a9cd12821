"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ..errors import ArgumentError
from ..files import check_name


class FilePath(click.Path):
    """A path whose ~ stands for the home folder, also where the shell leaves it: in quotes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        name = param.opts[0] if param is not None and param.opts else "path"
        try:
            check_name(name, value)
        except ArgumentError as error:
            self.fail(str(error), param, ctx)
        value = Path(value).expanduser()
        return super().convert(value, param, ctx)


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
