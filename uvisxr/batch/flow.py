"""The flow of products through the workers: handed out, watched, and taken back."""

from __future__ import annotations

import contextlib
import itertools
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import UvisError
from . import work
from .cluster import forget_keys

if TYPE_CHECKING:
    from distributed import Client, Future

#: What workers are given: each its own, and all the same.
_Job = TypeVar("_Job", bound=work.Task)
_Shared = TypeVar("_Shared")

#: Products in flight per worker thread: one runs, the others are queued.
AHEAD = 3

#: How many keys of tasks dask may remember.
REMEMBERED = 500

#: Seconds between two looks at the workers while no product is finished, and those for which a
#: worker may be paused and do nothing.
_LOOK, _PATIENCE = 1.0, 10.0

#: Seconds that a scheduler has for an answer, and one of a cluster that was started here.
_ANSWER, _ANSWER_HERE = 4.0, 8.0

#: Seconds for which the latter is asked again while it runs: on a busy machine its turn comes late.
_BUSY = 600.0

_AGAIN = "run the same command again: finished products are not repeated"


def stream(
    client: Client,
    function: Callable[[_Job, _Shared], dict[str, Any]],
    jobs: Iterator[_Job],
    steps: _Shared,
    retries: int,
) -> Iterator[dict[str, Any]]:
    """Records of the jobs as they finish, with a bounded number of jobs at the scheduler.

    `steps` is what the function is given besides each job.

    When a worker dies, the jobs queued on it come under suspicion too. Jobs that the scheduler
    gives up for that reason are tried once more at the end, one at a time.

    Raises
    ------
    UvisError
        The scheduler is lost, or no worker can go on.
    """
    from distributed import KilledWorker

    # One common key prefix for all tasks, as the scheduler keeps statistics for each prefix.
    name, numbers = f"uvisxr-{uuid.uuid4().hex[:12]}", itertools.count()
    running: dict[tuple[str, int], tuple[_Job, Future[dict[str, Any]]]] = {}
    finished: queue.SimpleQueue[tuple[str, int]] = queue.SimpleQueue()
    suspects: list[_Job] = []
    cleared: set[str] = set()
    watch = _Watch(client)

    def submit(source: Iterator[_Job], count: int) -> None:
        for job in itertools.islice(source, count):
            key = (name, next(numbers))
            future = client.submit(function, job, steps, key=key, pure=False, retries=retries)
            running[key] = job, future
            future.add_done_callback(lambda future: finished.put(future.key))

    def room() -> int:
        threads: int = max(1, sum(worker["nthreads"] for worker in _workers(client).values()))
        return max(0, threads * AHEAD - len(running))

    def next_key() -> tuple[str, int]:
        while True:
            try:
                return finished.get(timeout=_LOOK)
            except queue.Empty:
                watch.look()

    try:
        submit(jobs, room())
        while running:
            key = next_key()
            job, future = running.pop(key)
            try:
                record: dict[str, Any] | None = watch.result(future)
            except KilledWorker as error:
                record = work.ended(job)
                if record is None and job.output in cleared:
                    record = _failure(job, error)
            except UvisError:
                raise
            except Exception as error:
                record = _failure(job, error)
            if record is None:
                suspects.append(job)
            else:
                watch.relax()
                yield record
            # Dropping the future lets the scheduler forget the result.
            future.release()
            submit(jobs, room())
            if key[1] % REMEMBERED == 0:
                forget_keys()
            if not running and suspects:
                cleared.add(suspects[-1].output)
                submit(iter([suspects.pop()]), 1)
    finally:
        if running and client.status == "running":
            with contextlib.suppress(OSError, TimeoutError):
                client.cancel([future for _, future in running.values()], force=True)


class _Watch:
    """Sees that the scheduler answers, and that workers that stand still do not stop a batch."""

    def __init__(self, client: Client):
        self.client = client
        self.since: dict[str, float] = {}
        self.restarted = 0

    def result(self, future: Future[dict[str, Any]]) -> dict[str, Any]:
        """What a task that is finished gave, or raised; the worker that has it may die just now."""
        from distributed import CancelledError

        while True:
            try:
                return future.result(timeout=_LOOK)
            except TimeoutError:
                self.look()
            except CancelledError as error:
                raise _lost(self.client) from error

    def relax(self) -> None:
        """Note that something was finished."""
        self.restarted = 0

    def look(self) -> None:
        """Restart workers that have been paused for long; raise if there is nothing to hope for."""
        client = self.client
        workers, now = _workers(client), time.monotonic()
        still = {address for address, worker in workers.items() if _stands_still(worker)}
        self.since = {address: self.since.get(address, now) for address in still}
        long = sorted(key for key, first in self.since.items() if now - first > _PATIENCE)
        if not long:
            return
        if client.cluster is not None and self.restarted < len(workers):
            self.restarted += len(long)
            self.since = {}
            client.restart_workers(long, timeout=30, raise_for_error=False)
        elif len(long) == len(workers):
            limit = min(worker["memory_limit"] or 0 for worker in workers.values())
            raise UvisError(
                f"all workers ({len(workers)}) are paused, as they hold more memory than 80 % of "
                f"the {limit / 1e6:.0f} MB of each, with nothing to do: give fewer workers or more "
                f"memory, and {_AGAIN}"
            )


def _workers(client: Client) -> dict[str, Any]:
    """What the scheduler tells of its workers; a UvisError if it does not in time."""
    answer = _ANSWER if client.cluster is None else _ANSWER_HERE
    failed: float | None = None
    while True:
        if client.status != "running" or client.scheduler is None:
            raise _lost(client)
        try:
            told = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=answer)
        except (OSError, TimeoutError) as error:
            now = time.monotonic()
            failed = now if failed is None else failed
            if not _runs_here(client) or now - failed >= _BUSY:
                raise _lost(client) from error
            time.sleep(_LOOK)
        else:
            workers: dict[str, Any] = told["workers"]
            return workers


def _runs_here(client: Client) -> bool:
    """Whether the scheduler is one of a cluster that was started here, and has not ended."""
    scheduler = getattr(client.cluster, "scheduler", None)
    return getattr(getattr(scheduler, "status", None), "name", "") == "running"


def _stands_still(worker: dict[str, Any]) -> bool:
    counts = worker["metrics"].get("task_counts", {})
    return worker["status"] == "paused" and not counts.get("executing")


def _lost(client: Client) -> UvisError:
    address = getattr(client.scheduler, "address", "")
    return UvisError(f"lost the scheduler {address}".rstrip() + f": {_AGAIN}")


def _failure(job: work.Task, error: BaseException) -> dict[str, Any]:
    from distributed import KilledWorker

    if isinstance(error, work.Unexpected):
        step, kind, message = error.args
    elif isinstance(error, KilledWorker):
        step, kind = "worker", "KilledWorker"
        message = (
            "each process that worked on it died: it crashed, or took more memory than a worker may"
        )
        if kernels := work.kernels_in_work(job):
            message = f"a worker died when SPICE read {kernels}: replace these kernels ({message})"
    else:
        # The scheduler's own error.
        step, kind, message = "worker", type(error).__name__, str(error)
    return job.record() | work.failed(step, kind, message)
