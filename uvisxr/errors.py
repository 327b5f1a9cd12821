"""The errors and warnings of uvisxr.

Every failure that a user can fix raises a subclass of `UvisError` whose message says what is wrong,
where (the file, body, time or argument), and which command or argument fixes it. Warnings point to
the line of the user's own code that caused them.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

#: Longest message, and the longest word in one that is too long, in characters.
_MOST, _WORD = 500, 80


def shortened(text: str, most: int = _WORD) -> str:
    """A text of at most so many characters; what is too much is left out in the middle.

    Examples
    --------
    >>> from uvisxr.errors import shortened
    >>> shortened("what begins so and ends so", 15)
    'what b...nds so'
    """
    if len(text) <= most:
        return text
    kept = most - 3
    return f"{text[: kept - kept // 2]}...{text[len(text) - kept // 2 :]}"


def bounded(message: str) -> str:
    """A message in one line of at most 500 characters that shows no control characters.

    Of one that is longer the longest words are shortened in the middle, such as values and paths,
    then the whole: its end says what helps.
    """
    if not message.isprintable():
        line = " ".join(message.split())
        message = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    excess = len(message) - _MOST
    if excess <= 0:
        return message
    words = message.split(" ")
    for k in sorted(range(len(words)), key=lambda k: -len(words[k])):
        if excess <= 0 or len(words[k]) <= _WORD:
            break
        word = shortened(words[k], max(_WORD, len(words[k]) - excess))
        excess -= len(words[k]) - len(word)
        words[k] = word
    return shortened(" ".join(words), _MOST)


class UvisError(Exception):
    """Base class of all errors that uvisxr raises on purpose; their messages are `bounded`.

    Read the message to its end: it names the argument or the command that helps.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(bounded(arg) if isinstance(arg, str) else arg for arg in args))


class LabelError(UvisError):
    """A PDS label is missing, unreadable, or does not describe a UVIS spectral product.

    Pass the product's label (`.LBL`, or `.xml`), its data file or its identifier; of a damaged
    label, `uvisxr fetch PRODUCT` gets a whole copy.
    """


class UnreadObjectError(LabelError):
    """A label describes what uvisxr does not read, such as a photometer's time series.

    Leave the product out: only spectra, QUBE and SPECTRUM, are read. Folders and lists pass over
    such labels by themselves.
    """


class ProductError(UvisError):
    """A data file is missing or disagrees with its label, or products do not fit together.

    Put the data file beside its label, or fetch both anew (`uvisxr fetch PRODUCT`); open products
    of different channels, slits or windows one by one, or with a filter such as `channel="FUV"`.
    """


class CalibrationError(UvisError):
    """A calibration file is missing or malformed, or does not fit the observation.

    Get the files with `uvisxr calibration fetch`, or name their folder with `files=`; without them,
    `flat_field=False, trend=False`.
    """


class KernelError(UvisError):
    """A SPICE kernel is missing, unreadable or of the wrong kind, or SPICE itself failed.

    `uvisxr kernels check PRODUCT` says which kernels are needed, missing and damaged, and
    `uvisxr kernels fetch PRODUCT` gets them.
    """


class CoverageError(KernelError):
    """The loaded kernels do not cover a body or frame at the requested time.

    Add the kernels of that time, which the message names where the archive has some. Where it has
    none, as before March 2001, pass kernels from elsewhere.
    """


class FetchError(UvisError):
    """A download failed, was cut off, or does not match its checksum.

    Try again: a download goes on where it stopped. If the server stays away, name a mirror by the
    variable that the message tells, such as `UVISXR_URL_PRODUCTS`.
    """


class NotFoundError(FetchError):
    """The server has no such file.

    Check the identifier, or the address in `UVISXR_URL_...`: the archive may have it in another
    form.
    """


class ExportError(UvisError):
    """A file could not be written or read back.

    Choose another path, or free space; of a file that uvisxr did not write, `overwrite=True`
    replaces it. What cannot be read back must be written anew.
    """


class CatalogueError(UvisError):
    """A catalogue of spectra is missing, damaged, in use, or of another version.

    `uvisxr catalogue info --verify FOLDER` says what is damaged, `uvisxr catalogue build --verify`
    makes those rows anew; wait for another build that is at work.
    """


class PipelineError(UvisError):
    """A batch pipeline is malformed.

    Correct the entry that the message gives by its number: the reference of pipelines lists steps,
    arguments and values.
    """


class MissingDependencyError(UvisError, ImportError):
    """A library is not installed, or cannot be loaded.

    Install what the message names, such as `pip install "uvisxr[plot]"`.
    """


class ArgumentError(UvisError, ValueError):
    """An argument has a wrong value, or names something that the dataset does not contain.

    Pass one of the values that the message lists, or a name that the dataset has.
    """


class NoFileError(ArgumentError, FileNotFoundError):
    """A file that was to be read is not there; `filename` and `errno` are as of Python's own.

    Correct the path: relative ones begin at the current folder.
    """

    def __init__(self, message: str, filename: str | os.PathLike[str]) -> None:
        OSError.__init__(self, errno.ENOENT, bounded(message), os.fspath(filename))

    def __str__(self) -> str:
        return str(self.strerror)

    def __reduce__(self) -> tuple[type[NoFileError], tuple[str, str]]:
        return type(self), (str(self), self.filename)


class NoMatchError(ArgumentError):
    """A source holds no product, or none of those found passes a filter.

    Loosen the filter, or name another folder; the message says what was found.
    """


class NoSuchNameError(UvisError, AttributeError):
    """A step or function of that name does not exist.

    The message has the nearest name, or what a name of Cassini-UPyP is called here.
    """


class MissingStepError(UvisError):
    """A step needs variables that an earlier step would have added.

    Call the step that the message names first; `ds.uvis` by itself shows which were done, and which
    can come next.
    """


class OneWindowError(UvisError, AttributeError):
    """A tree of several windows, or of none, does not have what each of them has.

    Take one window: `tree["window0"].uvis`.
    """


class UvisWarning(UserWarning):
    """A result is usable, but there is something the user should know.

    Look at what the message names. To take a warning for an error:
    `warnings.simplefilter("error", uvisxr.UvisWarning)`.
    """


class LeftOutWarning(UvisWarning):
    """A step of a pipeline failed and was left out, as its `on_error: keep` asks.

    The output lacks what the step would have added, and its history says so; without
    `on_error: keep` the product fails instead.
    """


_PACKAGE = f"{Path(__file__).parent}{os.sep}"

#: Libraries that may come between a user's line and our warning: xarray opens products through our
#: engine, dask computes our blocks in threads, and the standard library enters our `with` blocks
#: and walks through folders.
_BETWEEN = frozenset(
    {"xarray", "dask", "distributed", "contextlib", "functools", "concurrent", "threading", "os"}
)


def warn_user(message: str, category: type[Warning] = UvisWarning) -> None:
    """Warn at the line of the user's code that led here, however deep the call stack.

    Parameters
    ----------
    message : str
        Given in the form of `bounded`.
    category : type of Warning
    """
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_users(frame):
        frame = frame.f_back
    # If no frame is the user's, as in a dask thread, use the caller's.
    frame = frame or sys._getframe(1)
    warnings.warn_explicit(
        bounded(message),
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        # Without a module the warning would vanish.
        frame.f_globals.get("__name__") or "<unknown>",
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


@contextmanager
def unwarned() -> Iterator[None]:
    """A context in which nothing is warned of: what comes later will do so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UvisWarning)
        yield


def _is_users(frame: FrameType) -> bool:
    library = str(frame.f_globals.get("__name__")).partition(".")[0]
    return library not in _BETWEEN and not frame.f_code.co_filename.startswith(_PACKAGE)
