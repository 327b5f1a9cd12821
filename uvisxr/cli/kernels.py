"""`uvisxr kernels`: which SPICE kernels products need; download them; list them for other
programs."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import KernelError, LabelError, ProductError, UvisError, bounded, warn_user
from .messages import Commands, say
from .options import KERNELS, OVERWRITE, TARGET, FilePath, patience

if TYPE_CHECKING:
    from ..kernels.requirements import Request

#: Longest list of products that a message repeats.
_WORDS = 200

_PRODUCT = click.argument("product", nargs=-1, required=True, type=FilePath(path_type=Path))


@click.group(cls=Commands)
def kernels() -> None:
    """SPICE kernels: find out what products need, and download it."""


def _requests(product: tuple[Path, ...], target: str | None) -> list[Request]:
    from ..kernels.requirements import Request
    from ..pds3.product import qube_file
    from ..reader import sources

    requests: list[Request] = []
    faults: list[UvisError] = []
    for found in sources.expand(product):
        try:
            label = found.read()
            if found.data is not None:
                # How long an observation was is not taken from a label that contradicts its data.
                qube_file(label)
            requests.append(Request.of(label, target))
        except (LabelError, ProductError) as error:
            faults.append(error)
    if not requests:
        raise faults[0]
    for fault in faults:
        warn_user(f"left out: {fault}")
    return requests


@kernels.command()
@_PRODUCT
@KERNELS
@TARGET
def check(product: tuple[Path, ...], kernels: tuple[Path, ...], target: str | None) -> None:
    """List the kernels that PRODUCT... need, and whether they are present or missing.

    Files that would serve too but are not used are listed with what prevails over them. The exit
    code is 1 if the geometry would miss anything. The data files need not be present.
    """
    from ..kernels import choose, requirements

    files, folders = _given(kernels)
    report = requirements.check(_requests(product, target), files, folders)
    for need in report.needs.values():
        note = f" ({need.note})" if need.note else ""
        state = f"present  {need.path}" if need.path else "missing"
        click.echo(bounded(f"{need.kind:<16} {need.name:<34} {state}{note}"))
    for path, (kind, why) in report.unused.items():
        click.echo(bounded(f"{kind:<16} {path.name:<34} unused   {path} ({why})"))
    if report.missing:
        count = len(report.missing)
        what, them = ("1 kernel", "it") if count == 1 else (f"{count} kernels", "them")
        command = choose.fetch_command(_given_again(product), folders)
        faults = [path for path, (kind, _) in report.unused.items() if kind == "unreadable"]
        away = choose.away(faults, [need.name for need in report.missing])
        how = f"{away}run `{command}`, which" if away else f"`{command}`"
        say(f"{what} missing: {how} downloads {them}")
    for need in report.nowhere:
        say(f"no {need.name}: {need.note}; pass --kernels that have it")
    if report.missing or report.nowhere:
        sys.exit(1)


def _given_again(product: tuple[Path, ...]) -> str:
    """Products as words of another command; of many only what stands for them."""
    words = " ".join(shlex.quote(str(path)) for path in product)
    return words if len(words) <= _WORDS else "PRODUCT..."


def _given(kernels: tuple[Path, ...]) -> tuple[list[Path], list[Path]]:
    """Files given by name, and folders."""
    from .. import options
    from ..fetch import cache_dir
    from ..kernels import choose as files

    set_before = options.current().kernels or os.environ.get("UVISXR_KERNELS")
    if not kernels and not set_before:
        return [], [cache_dir("kernels")]
    return files.sources(kernels or None)


@kernels.command()
@_PRODUCT
@click.option(
    "--to",
    type=FilePath(file_okay=False, path_type=Path),
    help="Folder for all the kernels [default: the cache].",
)
@TARGET
@click.option("--dry-run", is_flag=True, help="Print the URLs; download nothing.")
@patience
def fetch(product: tuple[Path, ...], to: Path | None, target: str | None, dry_run: bool) -> None:
    """Download the kernels that PRODUCT... need and that are not yet in the folder.

    Where the archive has no pointing, the rest is downloaded; where it has no ephemeris, there is
    no geometry, and the exit code is 1.
    """
    from ..fetch import cache_dir
    from ..kernels import requirements

    folder = to or cache_dir("kernels")
    requests = _requests(product, target)
    report = requirements.check(requests, [], [folder])
    if dry_run:
        requirements.check_places(report.missing, folder)
        for need in report.missing:
            if need.source is not None:
                click.echo(requirements.url(need.source))
    else:
        for path in requirements.get(report.missing, folder):
            click.echo(path)
        # What the files hold shows only now.
        report = requirements.check(requests, [], [folder])
    for need in report.nowhere:
        if need.kind == "pointing":
            warn_user(f"no {need.name}: {need.note}")
    lost = [f"no {need.name}: {need.note}" for need in report.nowhere if need.kind != "pointing"]
    if lost:
        raise KernelError("; ".join(lost))
    variable = os.environ.get("UVISXR_KERNELS")
    if variable and to is None and not dry_run:
        warn_user(
            f"UVISXR_KERNELS is set to {variable}, which is used in place of the cache: unset it, "
            f"or pass kernels={str(folder)!r}"
        )


@kernels.command()
@_PRODUCT
@KERNELS
@TARGET
@click.option("-o", "--output", required=True, type=FilePath(dir_okay=False, path_type=Path))
@OVERWRITE
def metakernel(
    product: tuple[Path, ...],
    kernels: tuple[Path, ...],
    target: str | None,
    output: Path,
    overwrite: bool | None,
) -> None:
    """Write a meta-kernel that loads what PRODUCT... need, for any SPICE program."""
    from ..files import check_target
    from ..kernels import choose, requirements
    from ..kernels.meta import metakernel as write

    # What lists the kernels or the products is an input too.
    check_target(output, [*product, *choose.given(kernels or None)])
    paths, unpointed = requirements.for_products(_requests(product, target), kernels or None)
    click.echo(write(paths, output, overwrite))
    if unpointed:
        warn_user(unpointed)
