"""The dask cluster a batch runs on: local processes, or an existing one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

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
        The scheduler cannot be reached, or its workers have another version of uvisxr.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError(
            "a batch needs dask.distributed: pip install 'uvisxr[parallel]'"
        ) from error
    if client is None:
        count = workers or _cores()
        settings = {
            # The scheduler gives up on a product once more workers than that have died on it.
            "distributed.scheduler.allowed-failures": retries,
            # The scheduler runs in this process and would keep the last 1000 messages of each
            # connection.
            "distributed.admin.low-level-log-length": 20,
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
    else:
        _same_version(client)
        yield client


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


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
