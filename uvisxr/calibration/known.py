"""The public set of calibration files: their names, and the times of the modifiers among them."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files as package_files

import yaml

_MODIFIER = re.compile(
    r"(?P<channel>EUV|FUV).*ff_modifier_(?P<sclk>[0-9]{1,12})\.dat", re.IGNORECASE
)


@cache
def names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the files that calibration needs, and of optional ones."""
    text = (package_files("uvisxr") / "data" / "calibration.yaml").read_text()
    content = yaml.safe_load(text)
    modifiers = (
        f"{channel}{name}" for channel in ("EUV", "FUV") for name in content["both_channels"]
    )
    return (*content["required"], *modifiers), tuple(content["optional"])


def modifier(name: str) -> tuple[str, int] | None:
    """Channel and spacecraft clock, s, of a modifier of the flat field; None of other files.

    Examples
    --------
    >>> modifier("FUV2005_295_ff_modifier_1508718035.dat")
    ('FUV', 1508718035)
    """
    match = _MODIFIER.fullmatch(name)
    return (match["channel"].upper(), int(match["sclk"])) if match else None


@cache
def modifiers(channel: str) -> dict[int, str]:
    """Names of a channel's modifiers by spacecraft clock, s."""
    of = {found: name for name in names()[0] if (found := modifier(name))}
    return {clock: name for (of_channel, clock), name in of.items() if of_channel == channel}
