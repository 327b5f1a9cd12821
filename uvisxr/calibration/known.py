"""The public set of calibration files: their names, and the times of the modifiers among them."""

from __future__ import annotations

import csv
import re
import zlib
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


@cache
def _parts() -> dict[str, tuple[str, ...]]:
    """Size and CRC-32 of each quarter of the files, by name in small letters."""
    text = (package_files("uvisxr") / "data" / "calibration_parts.csv").read_text()
    rows = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    return {name.lower(): tuple(rest) for name, *rest in rows}


def damaged(name: str, content: bytes) -> str:
    """Say what of a file is not as in the public one of its name and size.

    A file of which no quarter is the public one's is another, not a damaged copy.

    Parameters
    ----------
    name : str
        Of the file, without folders.
    content : bytes

    Returns
    -------
    str
        Empty if it is whole, or another file.

    Examples
    --------
    >>> damaged("FUV_1999_Lab_Cal.dat", bytes(1085))
    ''
    """
    size, *parts = _parts().get(name.lower(), ("", ""))
    n = len(content)
    if str(n) != size:
        return ""
    own = [zlib.crc32(content[k * n // 4 : (k + 1) * n // 4]) for k in range(4)]
    wrong = [k for k in range(4) if own[k] != int(parts[k], 16)]
    if len(wrong) in (0, 4):
        return ""
    return f"between bytes {wrong[0] * n // 4:,} and {(wrong[-1] + 1) * n // 4:,}"
