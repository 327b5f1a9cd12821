"""Progress bars: in terminals as text, in notebooks as widgets, elsewhere none."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import options

if TYPE_CHECKING:
    from tqdm import tqdm


def shown(progress: bool | None = None) -> bool:
    """Whether progress is shown.

    Parameters
    ----------
    progress : bool, optional
        The caller's wish; without it the option of `uvisxr.set_options` holds, and without that it
        is shown if stderr is a terminal, or in a notebook.
    """
    wished = options.current().progress if progress is None else progress
    if wished is not None:
        return wished
    return _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())


def bar(
    over: Iterable[Any] | None = None, progress: bool | None = None, **settings: Any
) -> tqdm[Any]:
    """A progress bar.

    Parameters
    ----------
    over : iterable, optional
        What it goes through; without it, it is told.
    progress : bool, optional
        As in `shown`.
    **settings
        As in `tqdm.tqdm`: give a `total` if `over` has no length.
    """
    with warnings.catch_warnings():
        # A notebook without ipywidgets shows the bar as text.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm
    return tqdm(over, disable=not shown(progress), **settings)


def _in_notebook() -> bool:
    """Whether a notebook's kernel runs this; tqdm asks the same."""
    ipython = sys.modules.get("IPython")
    running = ipython.get_ipython() if ipython is not None else None
    return running is not None and "IPKernelApp" in running.config
