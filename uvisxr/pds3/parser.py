"""The one place that imports `pvl`.

On import pvl issues warnings that concern only its developers: about an optional library that is
absent, and a class that was renamed. Those two are silenced, and nothing else.
"""

from __future__ import annotations

import warnings
from typing import NoReturn

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The multidict library is not present", ImportWarning)
    warnings.filterwarnings(
        "ignore", r"The pvl\.collections\.Units object", PendingDeprecationWarning
    )
    import pvl
    from pvl.decoder import OmniDecoder
    from pvl.grammar import OmniGrammar


class _Decoder(OmniDecoder):  # type: ignore[misc]  # pvl has no types
    """Leaves times as text: trying every value as a time takes `pvl` most of its time."""

    def decode_datetime(self, value: str) -> NoReturn:
        raise ValueError(value)


def parse(text: str) -> pvl.PVLModule:
    """Parse a label; errors are those of `pvl`."""
    grammar = OmniGrammar()
    return pvl.loads(text, grammar=grammar, decoder=_Decoder(grammar))
