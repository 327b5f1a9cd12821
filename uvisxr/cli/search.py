"""`uvisxr search`: the spectra of a catalogue by where they looked."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..errors import ArgumentError
from .messages import in_the_shell
from .options import OVERWRITE, FilePath, Number

#: Rows of the table on stdout, by default.
_ROWS = 20

#: Columns of the two tables, by default.
_OF_SPECTRA = (
    *("product", "window", "pic", "pixel", "time", "target", "body"),
    *("lon", "lat", "alt", "sza", "ems", "phase", "lt"),
)
_OF_PRODUCTS = ("product", "channel", "slit", "target", "time_start", "exposures", "exposure")

#: Options with ranges, and what they are of.
_RANGES = {
    "lon": "Longitudes, degrees west, from the first to the second, through 360 if need be.",
    "lat": "Planetocentric latitudes, degrees.",
    "alt": "Altitudes of the tangent point, km.",
    "sza": "Solar zenith angles, degrees.",
    "ems": "Emission angles, degrees.",
    "phase": "Phase angles, degrees.",
    "lt": "Local solar times, hours, through 24 if need be.",
    "distance": "Distances of the spacecraft from the body's centre, km.",
    "ring_radius": "Where the ring plane is crossed, km.",
    "ring_longitude": "Longitudes there, degrees.",
    "ra": "Right ascensions, degrees.",
    "dec": "Declinations, degrees.",
    "exposure": "Integration times, s.",
}

#: What stands for an open end.
_OPEN = "-"


class _End(Number):
    """A number, or "-" for an open end."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return None if value in (None, _OPEN) else super().convert(value, param, ctx)


def _ranges(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text in reversed(_RANGES.items()):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, nargs=2, type=_End(), metavar="LOW HIGH", help=text)(command)
    return command


@click.command()
@click.argument("catalogue", type=FilePath(path_type=Path))
@click.option("--target", multiple=True, help="Targets, in any spelling; each its own --target.")
@click.option("--body", help="Body that coordinates are of [default: that of the target].")
@click.option("--channel", multiple=True, help="EUV or FUV.")
@click.option("--slit", multiple=True, help="HIGH_RESOLUTION, LOW_RESOLUTION, OCCULTATION, or low.")
@click.option("--product", multiple=True, help="Names of products.")
@click.option(
    "--time",
    nargs=2,
    metavar="FROM BEFORE",
    help="Times from the first on and before the second: 2004 2010, 2005-230 2005-231T12:00.",
)
@_ranges
@click.option("--on-disk/--off-disk", default=None, help="Whether the body is met.")
@click.option("--line-bin", type=int, multiple=True, help="Rows in a bin.")
@click.option("--band-bin", type=int, multiple=True, help="Columns in a bin.")
@click.option("--all-flags", is_flag=True, help="Take spectra with quality flags too.")
@click.option(
    "--mode",
    type=click.Choice(["center", "all"]),
    default="center",
    show_default=True,
    help="Whether lon, lat and alt are of a pixel's centre or of all of it.",
)
@click.option("--where", help="A condition on columns: 'counts > 100 AND ems < 60'.")
@click.option(
    "--spectra",
    "what",
    flag_value="spectra",
    help="List spectra, the default.",
)
@click.option("--products", "what", flag_value="products", help="List the products they are of.")
@click.option("--count", "what", flag_value="count", help="Say how many spectra there are.")
@click.option("--columns", help="Names of columns, with commas between them.")
@click.option(
    "-n",
    "--rows",
    type=click.IntRange(min=0),
    default=_ROWS,
    show_default=True,
    help="Rows of the table on stdout.",
)
@click.option("--csv", type=FilePath(dir_okay=False, path_type=Path), help="Write all to a file.")
@click.option(
    "--parquet", type=FilePath(dir_okay=False, path_type=Path), help="Write all to a file."
)
@OVERWRITE
def search(
    catalogue: Path,
    what: str | None,
    columns: str | None,
    rows: int,
    csv: Path | None,
    parquet: Path | None,
    overwrite: bool | None,
    all_flags: bool,
    **asked: Any,
) -> None:
    """Find spectra of a CATALOGUE by where they looked, when and how.

    All that is given must hold. "-" stands for an open end of a range. The first rows and how many
    there are go to stdout, or all to the files of --csv and --parquet.
    """
    from ..catalogue import search as questions

    if what in ("products", "count") and (csv or parquet):
        raise click.UsageError(f"--csv and --parquet write spectra: leave --{what} out")
    if what == "count" and columns:
        raise click.UsageError("--count has no --columns")
    given = {name: value for name, value in asked.items() if value not in (None, ())}
    if "time" in given:
        given["time"] = tuple(None if end == _OPEN else end for end in given["time"])
    if all_flags:
        given["exclude"] = ()
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    try:
        found = questions.search(catalogue, **given)
        for path, write in ((csv, found.to_csv), (parquet, found.to_parquet)):
            if path:
                click.echo(write(path, names, overwrite))
        if csv or parquet:
            return
        if what == "count":
            click.echo(len(found))
        elif what == "products":
            table = found.products(names or _OF_PRODUCTS)
            _print(table.slice(0, rows), table.num_rows, "products")
        else:
            _print(found.to_arrow(names or _OF_SPECTRA, rows), len(found), "spectra")
    except ArgumentError as error:
        raise click.UsageError(in_the_shell(re.sub(r"^search: ", "", str(error)))) from error


def _print(table: Any, count: int, what: str) -> None:
    from ..catalogue.answers import lines

    if table.num_rows:
        for line in lines(table):
            click.echo(line)
    more = f", the first {table.num_rows} above" if 0 < table.num_rows < count else ""
    click.echo(f"{count} {what}{more}")
