"""A catalogue of the archive: every product, and where each of its spectra looked.

The pieces: `schema` (the columns), `store` (the tables on disk), `rows` (what a product gives),
`building` (many products), `search` and `expression` (questions), `found` (the spectra found),
`pictures` and `exports` (what is drawn of it, and what others read).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["Info", "Summary", "build", "info"]

if TYPE_CHECKING:
    from .building import Summary, build
    from .contents import Info, info
else:
    # Questions need nothing of a batch, whose libraries take a second to import.
    def __getattr__(name):
        if name in ("Info", "info"):
            from . import contents

            return getattr(contents, name)
        if name in __all__:
            from . import building

            return getattr(building, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
