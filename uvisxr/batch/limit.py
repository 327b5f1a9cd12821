"""End a process that takes too long over a product, and leave word of it."""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

#: What Python writes when the time is up, after the steps that were entered.
_ENDED = "Timeout ("


class Overrun(NamedTuple):
    """A product that took too long: the step that it was in, and the time that it had, s."""

    step: str
    seconds: float


@contextlib.contextmanager
def limited(seconds: float | None, folder: Path, name: str) -> Iterator[Callable[[str], None]]:
    """End this process if the block takes longer; even if it never comes back to Python.

    Parameters
    ----------
    seconds : float, optional
        By default there is no limit.
    folder : Path
        Where word is left.
    name : str
        Of what is done.

    Yields
    ------
    callable
        To be called with the name of each step as it begins.
    """
    if seconds is None:
        yield lambda step: None
        return
    path = note(folder, name, "steps")
    with path.open("w", buffering=1, encoding="utf-8") as stream:
        stream.write(f"{seconds!r}\n")
        faulthandler.dump_traceback_later(seconds, exit=True, file=stream)
        try:
            yield lambda step: print(step, file=stream)
        finally:
            faulthandler.cancel_dump_traceback_later()
    path.unlink(missing_ok=True)


def overrun(folder: Path, name: str) -> Overrun | None:
    """Whether a process was ended for its time while it was at something."""
    try:
        lines = note(folder, name, "steps").read_text("utf-8").splitlines()
    except OSError:
        return None
    ends = [k for k, line in enumerate(lines) if line.startswith(_ENDED)]
    return Overrun(lines[ends[0] - 1], float(lines[0])) if ends and ends[0] > 1 else None


def note(folder: Path, name: str, kind: str) -> Path:
    """A file for word of some kind of what is at work."""
    # The name itself may be as long as names can be.
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return folder / f"{mark}.{kind}"
