"""`uvisxr process`: from products to one calibrated file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..calibration.choices import Errors, EvilPixels, Filling, RecipeName
from ..checks import choices
from ..errors import warn_user
from ..files import same
from .options import COMPACT, OVERWRITE, TARGET, FilePath

if TYPE_CHECKING:
    import xarray as xr

_F = TypeVar("_F", bound=Callable[..., Any])

#: The background that is that of the date, as of `ds.uvis.background(method=...)`.
_RTG = "rtg"

#: Elements (exposure x pixel x wavelength) processed at once; bounds the memory of `process`.
_BLOCK_ELEMENTS = 2**20


#: Endings of names of NetCDF files.
_NETCDF = (".nc", ".nc4", ".cdf", ".netcdf")


class _Level(click.types.FloatParamType):
    """A number, or "rtg", which stands for the level of the date."""

    name = "level"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == _RTG:
            return value
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"{value!r} is neither a number nor {_RTG}.", param, ctx)


def _one_of(
    option: str,
    kind: Any,
    default: str,
    help: str | None = None,  # noqa: A002 - click's word
) -> Callable[[_F], _F]:
    """An option that takes one of the values of a literal type."""
    return click.option(
        option, type=click.Choice(choices(kind)), default=default, show_default=True, help=help
    )


@click.command()
@click.argument("product", nargs=-1, required=True, type=FilePath(path_type=Path))
@click.option("-o", "--output", required=True, type=FilePath(dir_okay=False, path_type=Path))
@click.option(
    "--json",
    "json_path",
    type=FilePath(dir_okay=False, path_type=Path),
    help="Write a JSON summary too; of several windows one each, NAME_window0.json and so on.",
)
@OVERWRITE
@COMPACT
@click.option(
    "--channel", type=click.Choice(["EUV", "FUV"], case_sensitive=False), help="Only this channel."
)
@TARGET
@click.option("--window", type=int, help="Which detector window, if a product has several.")
@click.option(
    "--kernels",
    multiple=True,
    type=FilePath(exists=True, path_type=Path),
    help="Add the geometry; may be given several times.",
)
@click.option(
    "--optics",
    type=click.Choice(["telescope", "solar_port"]),
    help="What the light came in through, for the geometry.  [default: what the label says]",
)
@click.option(
    "--background",
    "level",
    type=_Level(),
    metavar=f"LEVEL|{_RTG}",
    help="Background, count/s per detector pixel; none is subtracted without it. "
    f"{_RTG}: 4.64e-4 exp(-0.0247 (year - 2004)) +- 10 %, by figure 3.1 of the users guide.",
)
@click.option(
    "--calibration",
    "files",
    type=FilePath(exists=True, path_type=Path),
    help="Folder of the calibration files, or the label of a _CAL_n matrix.",
)
@_one_of("--recipe", RecipeName, "upyp")
@_one_of(
    "--evil-pixels",
    EvilPixels,
    "auto",
    "What becomes of bins that hold evil pixels: left out; summed by the response that these have; "
    "as if they were good; or left out in bins of one or two rows and columns, summed in others.",
)
@click.option(
    "--evil-response",
    type=FilePath(exists=True, path_type=Path),
    help="Table of the response of evil pixels in wide bins, of uvisxr.calibration.evil_response.",
)
@click.option("--flat-field/--no-flat-field", default=True, show_default=True)
@click.option("--trend/--no-trend", default=True, show_default=True)
@_one_of(
    "--nan-interp",
    Filling,
    "linear",
    "How elements with evil pixels are filled; 'shape' is right on emission lines too.",
)
@click.option(
    "--smooth/--no-smooth",
    default=None,
    show_default="where that is narrower than the slit's image",
)
@_one_of(
    "--errors",
    Errors,
    "statistical",
    "What the error bars hold: the counts' errors alone, or those of the calibration too.",
)
def process(
    product: tuple[Path, ...],
    output: Path,
    json_path: Path | None,
    overwrite: bool | None,
    compact: bool,
    channel: str | None,
    target: str | None,
    window: int | None,
    kernels: tuple[Path, ...],
    optics: str | None,
    level: float | str | None,
    files: Path | None,
    smooth: bool | None,
    **options: Any,
) -> None:
    """Calibrate products together, in time order, and write one NetCDF file.

    Of products with several windows it has a group for each. How many spectra are lost is told on
    stderr.
    """
    import xarray as xr

    from .. import export
    from ..dataset import inputs
    from ..dataset.forward import at_window, window_files, windows
    from ..dataset.lazy import check_scheduler
    from ..reader import observation
    from ..registration import register

    register()

    if optics is not None and not kernels:
        raise click.UsageError("--optics is for the geometry: give --kernels too")
    check_scheduler()
    if json_path is not None and same(output, json_path):
        raise click.UsageError(f"--json and --output name the same file, {output}")
    opened = observation.open_observation(*product, channel=channel, target=target, window=window)
    parts = dict(windows(opened)) if isinstance(opened, xr.DataTree) else {".": opened}
    summaries = {}
    if json_path is not None and isinstance(opened, xr.DataTree):
        summaries = {name: path for name, _, path in window_files(json_path, opened)}
    elif json_path is not None:
        summaries = {".": json_path}

    def check(read: Iterable[str | Path]) -> None:
        """All outputs before the work, and all before the first is written."""
        for path in summaries.values() or [None]:
            export.check(output, path, read, overwrite)

    def reduce(ds: xr.Dataset) -> xr.Dataset:
        if "counts" not in ds:
            return ds
        exposures = max(1, _BLOCK_ELEMENTS // (ds.sizes["pixel"] * ds.sizes["wl"]))
        ds = ds.assign(counts=ds.counts.chunk(pic=exposures))
        if kernels:
            ds = ds.uvis.geometry(kernels=kernels, optics=optics)
        if level == _RTG:
            ds = ds.uvis.background(method=_RTG)
        elif level is not None:
            ds = ds.uvis.background(level=level)
        calibrated: xr.Dataset = ds.uvis.calibrate(
            files=files, smooth="auto" if smooth is None else smooth, **options
        )
        return calibrated

    check([*product, *inputs.of(opened)])
    if output.suffix.lower() not in _NETCDF:
        warn_user(f"{output} will be a NetCDF file, whatever its name says: name it .nc")
    done = {name: at_window(reduce, name, ds) for name, ds in parts.items()}
    whole = done["."] if "." in done else xr.DataTree.from_dict(done)
    check(inputs.of(whole))
    click.echo(export.to_netcdf(whole, output, overwrite=overwrite, compact=compact))
    done = {name: _with_flags(ds, output, name) for name, ds in done.items()}
    for name, path in summaries.items():
        made = export.to_json(done[name], path, geometry=bool(kernels), overwrite=overwrite)
        click.echo(made)


def _with_flags(ds: xr.Dataset, path: Path, window: str) -> xr.Dataset:
    """A dataset with the flags that were found as it was written; warns of lost spectra."""
    from ..hdf5.handles import opened
    from ..quality import telling

    if "quality" not in ds.variables:
        return ds
    with opened(path) as root:
        root.set_auto_mask(False)
        flags = root[window].variables["quality"][:] if window != "." else root["quality"][:]
    telling.warn(flags, "" if window == "." else window)
    return ds.assign_coords(quality=ds["quality"].variable.copy(data=flags))
