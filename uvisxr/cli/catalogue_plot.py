"""`uvisxr catalogue plot`: pictures of an archive, from its catalogue alone."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from ..files import opened, refuse_foreign, whole_file
from .options import OVERWRITE, End, FilePath, Number

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Formats of pictures, by the ending of the file.
_FORMATS = ("png", "pdf", "svg")

#: What every picture says of its origin, so that a later run knows it for its own.
_ORIGIN = "uvisxr catalogue plot"

#: Where each format has room for that; no dates, so that the same data give the same file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": _ORIGIN},
    "pdf": {"Creator": _ORIGIN, "CreationDate": None},
    "svg": {"Creator": _ORIGIN, "Date": None},
}

#: What both kinds of pictures can show: `totals.Amount` and `totals.Shown`.
_AMOUNTS = ("products", "spectra", "hours")
_SHOWN = ("count", "phase", "ems", "sza", "alt", "distance")


@click.command("plot")
@click.argument("catalogue", type=FilePath(path_type=Path))
@click.option("--coverage", is_flag=True, help="What was observed when, by target [default].")
@click.option("--looks", metavar="BODY", help="Where on this body spectra looked.")
@click.option(
    "--by",
    type=click.Choice([*_AMOUNTS, *_SHOWN]),
    help="What coverage counts: products [default], spectra, or hours of integration; what a map "
    "shows: the count of spectra [default], or the median of an angle, altitude or distance.",
)
@click.option(
    "--channel", type=click.Choice(["EUV", "FUV"], case_sensitive=False), help="Only this channel."
)
@click.option(
    "--part",
    type=click.Choice(["disk", "limb"]),
    help="Only lines of sight that meet, or pass, it.",
)
@click.option(
    "--alt",
    nargs=2,
    type=End(),
    metavar="LOW HIGH",
    help="Only altitudes of the tangent point in this range, km; - for an open end.",
)
@click.option("--pole", type=click.Choice(["north", "south"]), help="A map about this pole.")
@click.option(
    "--spacing",
    type=Number(min=0.1, max=30.0),
    help="Side of a cell of the map, degrees [default: 2, or more where spectra are few].",
)
@click.option(
    "--out",
    "-o",
    required=True,
    type=FilePath(dir_okay=False, path_type=Path),
    help="File that ends in .png, .pdf or .svg.",
)
@OVERWRITE
def plot(
    catalogue: Path,
    coverage: bool,
    looks: str | None,
    by: str | None,
    channel: str | None,
    part: Literal["disk", "limb"] | None,
    alt: tuple[float | None, float | None] | None,
    pole: Literal["north", "south"] | None,
    spacing: float | None,
    out: Path,
    overwrite: bool | None,
) -> None:
    """Draw what a CATALOGUE covers, or where on a body its spectra looked."""
    kind = out.suffix.lower().removeprefix(".")
    if kind not in _FORMATS:
        raise click.BadParameter("expected a name that ends in .png, .pdf or .svg", param_hint="-o")
    if coverage and looks is not None:
        raise click.UsageError("give either --coverage or --looks, not both")
    if by is not None and by not in (_AMOUNTS if looks is None else _SHOWN):
        wanted = _AMOUNTS if looks is None else _SHOWN
        raise click.BadParameter(f"here it is one of {', '.join(wanted)}", param_hint="--by")
    of_maps = {"--part": part, "--alt": alt, "--pole": pole, "--spacing": spacing}
    given = [name for name, value in of_maps.items() if value is not None]
    if looks is None and given:
        said = f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} of maps"
        raise click.UsageError(f"{said}: give --looks BODY, too")
    from ..catalogue import pictures

    refuse_foreign(out, overwrite, _is_ours)
    _without_windows()
    options: dict[str, Any] = {"channel": channel} | ({"by": by} if by else {})
    if looks is None:
        ax = pictures.coverage(catalogue, **options)
    else:
        options |= {"part": part, "alt": alt, "pole": pole, "spacing": spacing}
        ax = pictures.looks(catalogue, looks, **options)
    _save(ax.get_figure(root=True), out, kind)
    click.echo(out)


def _without_windows() -> None:
    """Have figures made for files; where there is no matplotlib, the picture says so."""
    with contextlib.suppress(ImportError):
        import matplotlib as mpl

        mpl.use("agg")


def _save(figure: Figure | None, path: Path, kind: str) -> None:
    import matplotlib as mpl

    with whole_file(path) as part, mpl.rc_context({"svg.hashsalt": _ORIGIN}):
        if figure is not None:
            figure.savefig(part, format=kind, metadata=_METADATA[kind])


def _is_ours(path: Path) -> bool:
    """Whether a file says that it is a picture of this command."""
    with opened(path) as stream:
        return _ORIGIN.encode() in stream.read()
