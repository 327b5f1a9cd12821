"""The dask cluster a batch runs on: local processes, or an existing one."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .. import checks, options
from .._version import __version__
from ..errors import MissingDependencyError, UvisError, warn_user

if TYPE_CHECKING:
    from distributed import Client


#: Seconds within which a scheduler must answer, and those in which what was started is stopped.
_ANSWER, _END = 4, 3

#: Most bytes with which a scheduler greets.
_GREETING = 2**16

#: An address of a scheduler, as far as it can be told without asking.
_ADDRESS = re.compile(r"((tcp|tls|ws|wss|ucx)://)?(\[[0-9a-fA-F:.%]+\]|[\w.-]+):\d{1,5}", re.ASCII)


@contextlib.contextmanager
def connect(
    client: Client | str | None, workers: int | None, retries: int, apart: bool = False
) -> Iterator[Client]:
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
    apart : bool
        The workers must be other processes than this one.

    Raises
    ------
    MissingDependencyError
        dask.distributed is not installed.
    UvisError
        Processes cannot be started; the scheduler cannot be reached, or its workers have another
        version of uvisxr, or are threads of this process although they must not be; or a script
        without a guard would be run again by the processes.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError(
            'a batch needs dask.distributed: pip install "uvisxr[parallel]"'
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
            _silence(),
            contextlib.ExitStack() as stack,
        ):
            # An interrupt is for this process alone, which then ends the others.
            with _uninterrupted(), _starting():
                cluster = stack.enter_context(
                    _closing(
                        LocalCluster(
                            n_workers=count,
                            threads_per_worker=1,
                            processes=True,
                            host="127.0.0.1",
                            dashboard_address="127.0.0.1:0",
                            scheduler_kwargs={"extensions": _extensions()},
                            silence_logs=logging.CRITICAL,
                        )
                    )
                )
                started = stack.enter_context(_closing(Client(cluster, set_as_default=False)))
            yield started
    elif isinstance(client, str):
        with _silence():
            try:
                _knock(client)
                connected = Client(client, timeout=_ANSWER, set_as_default=False)
            except Exception as error:
                raise UvisError(
                    f"no scheduler answers at {client} ({error}); start one with 'dask scheduler' "
                    "and workers with 'dask worker ADDRESS --nthreads 1'"
                ) from error
            with _closing(connected):
                if not connected.nthreads():
                    warn_user(f"the scheduler at {client} has no workers yet: waiting for them")
                _same_version(connected)
                _apart(connected, apart)
                yield connected
    elif isinstance(client, Client):
        _same_version(client)
        _apart(client, apart)
        yield client
    else:
        raise checks.refused("client", client, "a distributed.Client or the address of a scheduler")


@contextlib.contextmanager
def _starting() -> Iterator[None]:
    """Turn what dask says of processes that did not start into a UvisError."""
    try:
        yield
    except (RuntimeError, OSError, TimeoutError) as error:
        first: BaseException = error
        while first.__cause__ is not None:
            first = first.__cause__
        raise UvisError(
            f"the processes of the batch could not be started ({str(first) or type(first).__name__}"
            "): one may have been killed, or lack memory; run the same command again, with fewer "
            "workers if this comes again"
        ) from error


@contextlib.contextmanager
def _closing(made: Any) -> Iterator[Any]:
    """Close a client or a cluster in the end.

    If anything went wrong, what workers that were started here are at is not waited for.
    """
    try:
        yield made
    except BaseException:
        _kill(made)
        raise
    finally:
        with _uninterrupted(), contextlib.suppress(OSError, TimeoutError):
            made.close(timeout=_END)


def _kill(cluster: Any) -> None:
    for nanny in getattr(cluster, "workers", {}).values():
        if nanny.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep quiet what dask logs: all that matters to a batch is told by the batch."""
    # Some have levels of their own, and some are made later.
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    logs = [logging.getLogger(name) for name in ("distributed", *names)]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off an interrupt to the end of a block, and keep it from what is started in the block.

    Threads and processes inherit which signals are blocked, and give it on to those that they
    start later.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if callable(before):
        signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    # Started later, it would unblock the signal in the thread that it is started from.
    resource_tracker.ensure_running()
    # Windows has no such masks.
    mask = getattr(signal, "pthread_sigmask", None)
    blocked = mask and mask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if mask:
            mask(signal.SIG_SETMASK, blocked)
        if callable(before):
            signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def check(client: Client | str | None) -> None:
    """Raise an UvisError if a text cannot be the address of a scheduler."""
    if isinstance(client, str) and not _ADDRESS.fullmatch(client):
        raise UvisError(
            f"{checks.shown(client)} is not the address of a scheduler: give tcp://HOST:8786, or "
            "whatever 'dask scheduler' says on starting"
        )


def _knock(address: str) -> None:
    """Raise if no scheduler answers at an address, or the way of talking to it is not set up.

    A client of dask that fails for such a reason keeps asking, waits, or is left half made.
    """
    from distributed.security import Security

    arguments = Security().get_connection_args("client")
    if address.startswith("tls:") and arguments.get("ssl_context") is None:
        raise ValueError("dask's configuration names no certificates for tls")
    # A notebook has a loop running in this thread.
    with ThreadPoolExecutor(1) as thread:
        try:
            answer = asyncio.wait_for(_answer(address, arguments), _ANSWER)
            kind = thread.submit(asyncio.run, answer).result()
        except TimeoutError as error:
            raise TimeoutError(f"no word in {_ANSWER} s") from error
    if kind != "Scheduler":
        raise ConnectionError("what listens there is no scheduler")


async def _answer(address: str, arguments: dict[str, Any]) -> str:
    """What a process of dask says to be; empty if it speaks of other things."""
    from distributed.comm.core import connect

    kind, _, place = address.rpartition("://")
    if kind in ("", "tcp"):
        # It speaks first, and begins with the length of what it says. What others begin with would
        # be taken for one too, and as much memory asked for.
        host, _, port = place.rpartition(":")
        reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
        try:
            head = await reader.read(8)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if len(head) < 8 or int.from_bytes(head, "little") > _GREETING:
            return ""
    comm = await connect(address, timeout=_ANSWER, **arguments)
    try:
        await comm.write({"op": "identity", "reply": True})
        return str((await comm.read()).get("type"))
    finally:
        comm.abort()


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
        The script calls from its own level, under no such `if`; or it is in no file that another
        process could read.
    """
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    if not _is_forked() and getattr(main, "__spec__", None) is None and not _is_readable(script):
        raise UvisError(
            f"{script}: the processes of a batch run the script again, and it is in no file that "
            "they can read, as one from stdin: save it as a file, with what it does under `if "
            '__name__ == "__main__":`, or work in this process, by '
            "client=distributed.Client(processes=False)"
        )
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


def _is_forked() -> bool:
    """Whether processes are copies of this one, which run nothing again."""
    import dask

    return bool(dask.config.get("distributed.worker.multiprocessing-method", "") == "fork")


def _is_readable(script: str | None) -> bool:
    """Whether a spawned process can read the main script, if there is one, again.

    Pipes can be read but once, and those of the shell, as in `python <(cat script.py)`, are this
    process's own.
    """
    return script is None or Path(script).is_file()


def _version() -> str:
    return __version__


def _place() -> tuple[str, int]:
    return socket.gethostname(), os.getpid()


def _apart(client: Client, needed: bool) -> None:
    if needed and _place() in client.run(_place).values():
        raise UvisError(
            "timeout= needs workers that are processes, which can be ended: these are threads of "
            "this process; make the cluster with processes=True"
        )


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
