"""What the steps of a pipeline read besides the product, so that changes of it show.

An argument that is not given stands for an option, an environment variable or the cache; a folder
for the files in it, a meta-kernel for those that it lists, a calibration matrix for its label and
its data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..calibration import matrix
from ..calibration.files import Folder
from ..errors import UvisError, unwarned
from ..fetch import cache_dir
from ..files import below, is_file, is_folder
from ..kernels import choose
from ..kernels.meta import expand
from ..kernels.session import check_file
from ..pds3.sources import Product

#: Arguments of steps for what there is without them too, and where that is then.
_ELSEWHERE: Mapping[str, Callable[[], list[Path]]] = {
    "kernels": lambda: choose.given(None),
    "files": lambda: [Folder.choose().path],
    "stars": lambda: [cache_dir("stars")],
}


def states(name: str, value: Any, start: Path) -> list[str]:
    """Name, size and time of each file that an argument for paths leads to, sorted.

    Parameters
    ----------
    name : str
        Of the argument.
    value
        A path, a list of them, or None if the argument is not given.
    start : Path
        Where relative paths start.

    Raises
    ------
    ArgumentError
        A folder holds more than 200,000 files.
    """
    if value is None:
        # What is wrong with a path, the step itself will say.
        named: list[Path] = []
        with suppress(UvisError):
            named = _ELSEWHERE.get(name, list)()
    else:
        named = list(paths(value, start))
    files = {file for path in named for file in _files(path)}
    return [_state(file) for file in sorted(files)]


def paths(value: Any, start: Path) -> Iterator[Path]:
    """The paths in an argument's value; parameters as of `states`."""
    if isinstance(value, list):
        for item in value:
            yield from paths(item, start)
    elif isinstance(value, str):
        # The home of an unknown user.
        with suppress(RuntimeError):
            yield start / Path(value).expanduser()


def _files(path: Path) -> Iterable[Path]:
    if is_folder(path):
        return below(path)
    # Warnings of meta-kernels come again with the step.
    with suppress(UvisError), unwarned():
        if matrix.is_product(path):
            product = Product.at(path)
            return [path, product.label, product.data or path]
        # A named pipe would be waited for.
        if is_file(path) and check_file(path) == "MK":
            return [path, *expand(path)]
    return [path]


def _state(file: Path) -> str:
    try:
        there = file.stat()
    except OSError:
        # A link to nothing, for example.
        return f"{file.name} missing"
    return f"{file.name} {there.st_size} {there.st_mtime_ns}"
