"""`uvisxr kernels`: which SPICE kernels products need; download them; list them for other
programs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..errors import KernelError, warn_user

if TYPE_CHECKING:
    from ..kernels.requirements import Request

_PRODUCT = click.argument("product", nargs=-1, required=True, type=click.Path(path_type=Path))
_KERNELS = click.option(
    "--kernels",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="File, folder or meta-kernel; may be repeated [default: UVISXR_KERNELS, or the cache].",
)


@click.group()
def kernels() -> None:
    """SPICE kernels: find out what products need, and download it."""


def _requests(product: tuple[Path, ...]) -> list[Request]:
    from ..kernels.requirements import Request
    from ..pds3.label import read_label
    from ..reader import sources

    return [Request.of(read_label(found.label)) for found in sources.expand(product)]


@kernels.command()
@_PRODUCT
@_KERNELS
def check(product: tuple[Path, ...], kernels: tuple[Path, ...]) -> None:
    """List the kernels that PRODUCT... need, and whether they are present or missing.

    The exit code is 1 if any is missing. The data files need not be present.
    """
    from ..kernels import requirements

    needs = requirements.check(_requests(product), _present(kernels))
    for need in needs:
        state = f"present  {need.path}" if need.path else "missing"
        click.echo(f"{need.kind:<16} {need.name:<34} {state}".rstrip())
    missing = sum(need.path is None for need in needs)
    if missing:
        click.echo(
            f"uvisxr: {missing} kernels missing: `uvisxr kernels fetch` downloads them", err=True
        )
        sys.exit(1)


def _present(kernels: tuple[Path, ...]) -> list[Path]:
    from ..fetch import cache_dir
    from ..kernels import choose as files

    if not kernels and not os.environ.get("UVISXR_KERNELS"):
        return files.tree([cache_dir("kernels")])
    named, folders = files.sources(kernels or None)
    return [*files.tree(folders), *named]


@kernels.command()
@_PRODUCT
@click.option(
    "--to",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for all the kernels [default: the cache].",
)
@click.option("--dry-run", is_flag=True, help="Print the URLs; download nothing.")
def fetch(product: tuple[Path, ...], to: Path | None, dry_run: bool) -> None:
    """Download the kernels that PRODUCT... need and that are not yet in the folder."""
    from ..fetch import cache_dir
    from ..kernels import choose as files
    from ..kernels import requirements

    folder = to or cache_dir("kernels")
    needs = requirements.check(_requests(product), files.tree([folder]))
    missing = [need for need in needs if need.path is None]
    nowhere = [need.name for need in missing if need.source is None]
    if dry_run:
        for need in missing:
            if need.source is not None:
                click.echo(requirements.url(need.source))
    else:
        for path in requirements.get(missing, folder):
            click.echo(path)
    if nowhere:
        raise KernelError(f"the archive has no kernels for the {', '.join(nowhere)}")
    variable = os.environ.get("UVISXR_KERNELS")
    if variable and to is None and not dry_run:
        warn_user(
            f"UVISXR_KERNELS is set to {variable}, which is used in place of the cache: unset it, "
            f"or pass kernels={str(folder)!r}"
        )


@kernels.command()
@_PRODUCT
@_KERNELS
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def metakernel(product: tuple[Path, ...], kernels: tuple[Path, ...], output: Path) -> None:
    """Write a meta-kernel that loads what PRODUCT... need, for any SPICE program."""
    from ..kernels import requirements
    from ..kernels.meta import metakernel as write

    paths, unpointed = requirements.for_products(_requests(product), kernels or None)
    click.echo(write(paths, output))
    if unpointed:
        warn_user(unpointed)
