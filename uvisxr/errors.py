"""The errors and warnings of uvisxr.

Every failure a user can mend raises a subclass of `UvisError` whose message says what is wrong,
where (the file, body, time or argument), and the command or argument that mends it.
"""


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
