"""Counts to radiance: the team's files, the sensitivity they make, radiances and errors.

Beside the steps of the accessor: `evil_response` measures how strongly evil pixels respond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .measure_evil import evil_response
else:

    def __getattr__(name):
        # The command line takes names from this package, and cannot wait for scipy.
        if name != "evil_response":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .measure_evil import evil_response

        return evil_response


__all__ = ["evil_response"]


def __dir__() -> list[str]:
    return __all__
