"""Options that several commands have."""

from __future__ import annotations

import click

TARGET = click.option("--target", help="Body to look at in place of the label's target.")

OVERWRITE = click.option(
    "--overwrite/--no-overwrite",
    default=None,
    show_default="what uvisxr itself wrote",
    help="Whether to replace an existing output.",
)
