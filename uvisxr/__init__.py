"""Cassini/UVIS data as labelled, calibrated, georeferenced xarray datasets.

Names are loaded when first used: importing uvisxr costs nothing but what xarray costs.
"""

import sys
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from . import registration as _registration
from ._version import __version__
from .errors import UvisError, UvisWarning

if TYPE_CHECKING:
    from . import batch, simulate
    from .batch.joining import open_processed
    from .export import load_json
    from .reader.observation import open_observation, open_product
else:
    #: Where each name that is not here yet comes from.
    _SOURCES = {
        "load_json": ".export",
        "open_observation": ".reader.observation",
        "open_processed": ".batch.joining",
        "open_product": ".reader.observation",
    }
    _ROOMS = ("batch", "simulate")

    # Out of sight of type checkers, for whom any name would then exist.
    def __getattr__(name):
        if name in _SOURCES:
            return getattr(import_module(_SOURCES[name], __name__), name)
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "UvisError",
    "UvisWarning",
    "__version__",
    "batch",
    "load_json",
    "open_observation",
    "open_processed",
    "open_product",
    "simulate",
]


def __dir__() -> list[str]:
    return __all__


# The command says its version or help without xarray, which takes half a second to import; what it
# runs then registers the accessor itself.
if PurePath(*sys.argv[:1]).stem != "uvisxr":
    _registration.register()
