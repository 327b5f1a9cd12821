"""Cassini/UVIS data as labelled, calibrated, georeferenced xarray datasets."""

from . import accessor as _accessor  # noqa: F401  registers .uvis
from . import simulate
from ._version import __version__
from .batch.joining import open_processed
from .errors import UvisError, UvisWarning
from .export import load_json
from .reader.observation import open_observation, open_product

__all__ = [
    "UvisError",
    "UvisWarning",
    "__version__",
    "load_json",
    "open_observation",
    "open_processed",
    "open_product",
    "simulate",
]
