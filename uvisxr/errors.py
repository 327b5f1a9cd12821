"""The errors and warnings of uvisxr.

Every failure a user can mend raises a subclass of `UvisError` whose message says what is wrong,
where (the file, body, time or argument), and the command or argument that mends it. Warnings name
the line of the user's own code that they come from.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from types import FrameType


class UvisError(Exception):
    """Root of all errors raised on purpose by uvisxr."""


class LabelError(UvisError):
    """A PDS3 label is missing, unreadable, or not of a UVIS spectral product."""


class ProductError(UvisError):
    """A data file is missing or disagrees with its label, or products do not fit together."""


class CalibrationError(UvisError):
    """A calibration file is missing or malformed, or does not fit the observation."""


class KernelError(UvisError):
    """A SPICE kernel is missing, unreadable or of the wrong kind, or SPICE itself failed."""


class CoverageError(KernelError):
    """The loaded kernels say nothing about a body or frame at the time asked for."""


class FetchError(UvisError):
    """A download failed, was cut short, or does not match its checksum."""


class NotFoundError(FetchError):
    """The server has no such file."""


class ExportError(UvisError):
    """A file could not be written or read back."""


class PipelineError(UvisError):
    """A batch pipeline is malformed."""


class MissingDependencyError(UvisError, ImportError):
    """An optional library is not installed."""


class ArgumentError(UvisError, ValueError):
    """An argument has a wrong value, or names what the dataset does not hold."""


class MissingStepError(UvisError):
    """A step needs variables that an earlier step would have added."""


class UvisWarning(UserWarning):
    """Something is usable, but a user should know of it."""


_PACKAGE = f"{Path(__file__).parent}{os.sep}"

#: Who may stand between a user's line and a warning of ours: xarray opens products through our
#: engine, dask computes our blocks in threads, and the standard library enters our `with` blocks.
_BETWEEN = frozenset(
    {"xarray", "dask", "distributed", "contextlib", "functools", "concurrent", "threading"}
)


def warn_user(message: str, category: type[Warning] = UvisWarning) -> None:
    """Warn at the line of the user's code that led here, however deep the caller stands.

    Parameters
    ----------
    message : str
    category : type of Warning
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame):
        frame = frame.f_back
    # Without any line of the user's, as in a thread of dask's, the caller's has to do.
    frame = frame or sys._getframe(1)
    warnings.warn_explicit(
        message,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__"),
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_users(frame: FrameType) -> bool:
    library = str(frame.f_globals.get("__name__")).partition(".")[0]
    return library not in _BETWEEN and not frame.f_code.co_filename.startswith(_PACKAGE)
