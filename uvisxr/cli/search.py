"""`uvisxr search`: the spectra of a catalogue by where they looked."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import ArgumentError
from ..files import same
from .messages import in_the_shell, say
from .options import OPEN, OVERWRITE, End, FilePath

if TYPE_CHECKING:
    from ..catalogue.search import Found

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


class _Search(click.Command):
    """A command whose --time may have one time, as the argument has."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put an empty second time where another option follows the first, or nothing."""
        place = next((k for k, one in enumerate(args) if one.partition("=")[0] == "--time"), None)
        if place is not None:
            second = place + (1 if "=" in args[place] else 2)
            follows = args[second : second + 1]
            if not follows or (follows[0].startswith("-") and follows[0] != OPEN):
                args = [*args[:second], "", *args[second:]]
        return super().parse_args(ctx, args)


def _ranges(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, text in reversed(_RANGES.items()):
        option = f"--{name.replace('_', '-')}"
        command = click.option(option, nargs=2, type=End(), metavar="LOW HIGH", help=text)(command)
    return command


@click.command(cls=_Search)
@click.argument("catalogue", type=FilePath(path_type=Path))
@click.option("--target", multiple=True, help="Targets, in any spelling; each its own --target.")
@click.option("--body", help="Body that coordinates are of [default: that of the target].")
@click.option("--channel", multiple=True, help="EUV or FUV.")
@click.option("--slit", multiple=True, help="HIGH_RESOLUTION, LOW_RESOLUTION, OCCULTATION, or low.")
@click.option("--product", multiple=True, help="Names or identifiers of products.")
@click.option(
    "--time",
    nargs=2,
    metavar="FROM [BEFORE]",
    help="Times from the first on and before the second: 2004 2010, 2005-230 2005-231T12:00; or a "
    "year, month or day alone, before another option.",
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
@click.option("--spectra", "list_spectra", is_flag=True, help="List spectra, the default.")
@click.option("--products", "list_products", is_flag=True, help="List the products they are of.")
@click.option("--count", is_flag=True, help="Say how many spectra there are.")
@click.option("--columns", help="Names of columns, with commas between them.")
@click.option(
    "-n",
    "--rows",
    type=click.IntRange(min=0),
    default=_ROWS,
    show_default=True,
    help="Rows of the table on stdout.",
)
@click.option("--csv", type=FilePath(dir_okay=False, path_type=Path), help="Write all to a .csv.")
@click.option(
    "--parquet", type=FilePath(dir_okay=False, path_type=Path), help="Write all to a .parquet."
)
@OVERWRITE
def search(
    catalogue: Path,
    list_spectra: bool,
    list_products: bool,
    count: bool,
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
    there are go to stdout, or all to the files of --csv and --parquet. The rows show what was asked
    about, too.
    """
    from ..catalogue import answers, question, schema
    from ..catalogue import search as questions

    _check(list_spectra, list_products, count, columns, csv, parquet)
    given = {name: value for name, value in asked.items() if value not in (None, ())}
    if "time" in given:
        start, stop = given["time"]
        given["time"] = start if not stop else _ends(start, stop)
    if all_flags:
        given["exclude"] = ()
    names = None if columns is None else [name.strip() for name in columns.split(",")]
    try:
        found = questions.search(catalogue, **given)
        for path, write in ((csv, found.to_csv), (parquet, found.to_parquet)):
            if path and list_products:
                answers.ending(path, ".csv" if path == csv else ".parquet")
                click.echo(found.write_products(path, names, overwrite))
            elif path:
                click.echo(write(path, names, overwrite))
        if csv or parquet:
            pass
        elif count:
            click.echo(len(found))
        elif list_products:
            table = found.products(names or _shown(_OF_PRODUCTS, found, schema.PRODUCTS))
            click.echo(_listed(table.slice(0, rows), table.num_rows, "product", "products"))
            if table.num_rows:
                return
        else:
            table = found.to_arrow(names or _shown(_OF_SPECTRA, found, question.COLUMNS), rows)
            more = found.flagged()
            flagged = f"; {more} more have quality flags (--all-flags)" if more else ""
            click.echo(f"{_listed(table, len(found), 'spectrum', 'spectra')}{flagged}")
        if not found:
            say(_why_none(found))
    except ArgumentError as error:
        raise click.UsageError(in_the_shell(re.sub(r"^search: ", "", str(error)))) from error


def _check(
    list_spectra: bool,
    list_products: bool,
    count: bool,
    columns: str | None,
    csv: Path | None,
    parquet: Path | None,
) -> None:
    """Refuse options that exclude each other."""
    asked = {"--spectra": list_spectra, "--products": list_products, "--count": count}
    several = [option for option, given in asked.items() if given]
    if len(several) > 1:
        raise click.UsageError(f"give one of {' and '.join(several)}")
    if (csv or parquet) and count:
        raise click.UsageError("--csv and --parquet write spectra or products: leave --count out")
    if csv and parquet and same(csv, parquet):
        raise click.UsageError(f"--csv and --parquet are one file, {csv}: give two")
    if count and columns:
        raise click.UsageError("--count has no --columns")


def _ends(*times: str) -> tuple[str | None, ...]:
    return tuple(None if time == OPEN else time for time in times)


def _shown(columns: tuple[str, ...], found: Found, known: Collection[str]) -> tuple[str, ...]:
    """Columns of a table, and those that were asked about."""
    return tuple(dict.fromkeys((*columns, *(name for name in found.asked() if name in known))))


def _why_none(found: Found) -> str:
    """Which conditions an empty answer is empty for, and which are not known to hold or not."""
    without = found.without()
    unknown = found.unknown()
    enough = [
        f"{count} without '{text}'" + (f" (not known of {unknown[text]})" if unknown[text] else "")
        for text, count in without.items()
        if count
    ]
    rest = [
        f"of {unknown[text]} spectra whether '{text}' holds"
        for text, count in without.items()
        if unknown[text] and not count
    ]
    parts = [f"there would be {' or '.join(enough)}"] if enough else []
    if rest:
        parts.append(
            f"it is not known {' or '.join(rest)} ('uvisxr catalogue info' counts products "
            "without pointing)"
        )
    if parts:
        return "; ".join(parts)
    if len(without) > 1:
        return "nothing is found without any one of the conditions either: leave out several"
    return "the catalogue has no spectra, or none but those of other bodies"


def _listed(table: Any, count: int, one: str, several: str) -> str:
    """Print rows, and say how many there are of what."""
    from ..catalogue.answers import lines

    if table.num_rows:
        for line in lines(table):
            click.echo(line)
    more = f", the first {table.num_rows} above" if 0 < table.num_rows < count else ""
    return f"{count} {one if count == 1 else several}{more}"
