"""Options that several commands have."""

from __future__ import annotations

import click

OVERWRITE = click.option(
    "--overwrite/--no-overwrite",
    default=None,
    show_default="what uvisxr itself wrote",
    help="Whether to replace an existing output.",
)
