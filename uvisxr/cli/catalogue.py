"""`uvisxr catalogue`: every spectrum of many products by where it looked."""

from __future__ import annotations

import click

from .catalogue_export import export
from .catalogue_plot import plot


@click.group()
def catalogue() -> None:
    """Build a catalogue of products and spectra, draw and export it."""


for _command in (export, plot):
    catalogue.add_command(_command)
