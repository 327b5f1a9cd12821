"""The dask cluster a batch runs on: local processes, or an existing one."""

from __future__ import annotations

import ast
import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import checks, options
from .._version import __version__
from ..errors import MissingDependencyError, UvisError, warn_user

if TYPE_CHECKING:
    from distributed import Client


@contextlib.contextmanager
def connect(client: Client | str | None, workers: int | None, retries: int) -> Iterator[Client]:
    """A client to work with, for the duration of a `with` block.

    Parameters
    ----------
    client : distributed.Client or str, optional
        A client, which stays open, or the address of a scheduler. By default single-threaded
        processes are started on this machine, and stopped afterwards.
    workers : int, optional
        Number of those processes; by default one per core.
    retries : int
        How many of those workers may die on a task before it is given up.

    Raises
    ------
    MissingDependencyError
        dask.distributed is not installed.
    UvisError
        The scheduler cannot be reached, or its workers have another version of uvisxr; or a script
        without a guard would be run again by the processes.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError(
            "a batch needs dask.distributed: pip install 'uvisxr[parallel]'"
        ) from error
    if client is None:
        _check_script()
        count = workers or options.cores()
        settings = {
            # The scheduler gives up on a product once more workers than that have died on it.
            "distributed.scheduler.allowed-failures": retries,
            # The scheduler runs in this process and would keep the last 1000 messages of each
            # connection.
            "distributed.admin.low-level-log-length": 20,
            # Nobody sees the hour of measurements that it would keep for its dashboard.
            "distributed.admin.system-monitor.log-length": 120,
            # dask makes workers return memory at once; arrays of this size come and go all the
            # time, and zeroing their pages afresh doubles the time of a calibration.
            "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
        }
        with (
            dask.config.set(settings),
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"extensions": _extensions()},
            ) as cluster,
            Client(cluster, set_as_default=False) as started,
        ):
            yield started
    elif isinstance(client, str):
        try:
            connected = Client(client, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UvisError(
                f"no scheduler answers at {client} ({error}); start one with 'dask scheduler' and "
                "workers with 'dask worker ADDRESS --nthreads 1'"
            ) from error
        with connected:
            if not connected.nthreads():
                warn_user(f"the scheduler at {client} has no workers yet: waiting for them")
            _same_version(connected)
            yield connected
    elif isinstance(client, Client):
        _same_version(client)
        yield client
    else:
        raise checks.refused("client", client, "a distributed.Client or the address of a scheduler")


def _extensions() -> dict[str, Any]:
    """Those of a scheduler, but that spans do not keep a record of each submitted task for ever."""
    import dask
    from distributed.scheduler import DEFAULT_EXTENSIONS
    from distributed.spans import SpansSchedulerExtension

    class Spans(SpansSchedulerExtension):
        def observe_tasks(self, *args: Any, **kwargs: Any) -> Any:
            return super().observe_tasks(*args, **kwargs | {"span_metadata": {}})

    extensions = DEFAULT_EXTENSIONS | {"spans": Spans}
    if not dask.config.get("distributed.scheduler.work-stealing"):
        del extensions["stealing"]
    return extensions


def forget_keys() -> None:
    """Drop the keys of tasks, of which dask remembers the last 100,000."""
    # A scheduler in this process asks for the prefix of each. It works it out again for the few
    # that it still needs.
    from dask.utils import key_split

    key_split.cache_clear()


def _check_script() -> None:
    """Raise if starting a process would run the script that asks for it again, without end.

    Processes that are spawned import the main script. What must not run then stands under an `if`
    that asks for `__name__`, or for the parent process.

    Raises
    ------
    UvisError
        The script calls from its own level, under no such `if`.
    """
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not (
        frame.f_code.co_name == "<module>" and frame.f_code.co_filename == script
    ):
        frame = frame.f_back
    if frame is None or not script or not script.endswith(".py"):
        return
    line = frame.f_lineno
    try:
        tree = ast.parse(Path(script).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return
    guarded = any(
        isinstance(node, ast.If)
        and node.lineno <= line <= (node.end_lineno or line)
        and re.search("__name__|parent_process", ast.unparse(node.test))
        for node in ast.walk(tree)
    )
    if not guarded:
        raise UvisError(
            f"{script}, line {line}: the processes of a batch run the script again: put this line, "
            'and all that it needs, under `if __name__ == "__main__":`'
        )


def _version() -> str:
    return __version__


def _same_version(client: Client) -> None:
    try:
        versions = client.run(_version)
    except Exception as error:
        raise UvisError(
            f"the workers of {getattr(client.scheduler, 'address', client)} cannot import uvisxr "
            f"({error}): install uvisxr {__version__} there"
        ) from error
    for worker, version in sorted(versions.items()):
        if version != __version__:
            raise UvisError(
                f"worker {worker} has uvisxr {version}, but this is {__version__}: install the "
                "same version"
            )
