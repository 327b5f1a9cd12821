"""The one place that imports `pvl`.

On import pvl issues warnings that concern only its developers: about an optional library that is
absent, and a class that was renamed. Those two are silenced, and nothing else.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping
from typing import Any, NoReturn

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The multidict library is not present", ImportWarning)
    warnings.filterwarnings(
        "ignore", r"The pvl\.collections\.Units object", PendingDeprecationWarning
    )
    import pvl
    from pvl.decoder import OmniDecoder
    from pvl.grammar import OmniGrammar
    from pvl.parser import OmniParser

from .plain import number

#: Texts in quotes, comments, and hyphens that end a line.
_HYPHEN = re.compile(r'"[^"]*"|/\*.*?\*/|-(?=[\n\r\f])', re.DOTALL)


class _Decoder(OmniDecoder):  # type: ignore[misc]  # pvl has no types
    """Leaves times as text, as trying every value as a time takes `pvl` most of its time, and what
    Python takes for numbers but no label does."""

    def decode_datetime(self, value: str) -> NoReturn:
        raise ValueError(value)

    def decode_decimal(self, value: str) -> int | float:
        # Tokens of `pvl` are texts that convert themselves by this.
        return number(str(value))

    def decode_non_decimal(self, value: str) -> int | float:
        found: int = super().decode_non_decimal(value)
        return found if abs(found) < 2**63 else math.inf * (1 if found > 0 else -1)


class _Parser(OmniParser):  # type: ignore[misc]
    """Ends where `pvl` would take up one and the same token for ever, as in ``600.000 = 5``.

    Joins no lines but of words in quotes: a number that ends with a hyphen would become another.
    """

    def parse(self, s: str) -> pvl.PVLModule:
        self._reached = -1
        return super().parse(_HYPHEN.sub(_unjoined, s))

    def parse_module_post_hook(self, module: Any, tokens: Any) -> tuple[Any, bool]:
        token = next(tokens, None)
        if token is not None:
            tokens.send(token)
            if token.pos == self._reached:
                raise ValueError(f"no statement at {token}")
            self._reached = token.pos
        found: tuple[Any, bool] = super().parse_module_post_hook(module, tokens)
        return found


def _unjoined(match: re.Match[str]) -> str:
    """The same with a blank after hyphens, which joins no lines, but in words and comments."""
    text = match[0]
    words = text.startswith("/") or re.search("[A-Za-z]", text)
    return text if words else re.sub(r"-(?=[\n\r\f]|\Z)", "- ", text)


def parse(text: str) -> Mapping[str, Any]:
    """Parse a label; errors are those of `pvl`."""
    grammar = OmniGrammar()
    decoder = _Decoder(grammar)
    parser = _Parser(grammar=grammar, decoder=decoder)
    module: Mapping[str, Any] = _plainly_named(pvl.loads(text, parser, grammar, decoder))
    return module


def _plainly_named(block: Any) -> Any:
    """A block with keywords in capitals and without namespaces, what is in groups after its own.

    What is said twice so is found to be; groups only put statements together.
    """
    found: list[tuple[str, Any]] = []
    grouped: list[tuple[str, Any]] = []
    for key, value in block.items():
        if isinstance(value, Mapping):
            value = _plainly_named(value)
        if isinstance(value, pvl.PVLGroup):
            grouped.extend(value.items())
        else:
            pointer = "^" if str(key).startswith("^") else ""
            found.append((pointer + re.split("[:^]", str(key))[-1].upper(), value))
    return type(block)(found + grouped)
