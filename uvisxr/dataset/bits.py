"""Names and bits of the quality flags; what asks for no dataset takes them without xarray."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from .. import checks

#: Names of the quality flags, in bit order.
QualityFlag = Literal["lost", "partial", "star", "dark_line", "user"]

#: Names and bits of the quality flags.
QUALITY_FLAGS: dict[QualityFlag, int] = {
    name: 1 << bit for bit, name in enumerate(get_args(QualityFlag))
}


def mask(flags: QualityFlag | Iterable[QualityFlag], argument: str = "exclude") -> np.uint8:
    """Bit mask of one or more flag names, given as an argument of that name.

    Raises
    ------
    ArgumentError
        A name is not a flag.
    """
    if not isinstance(flags, Iterable):
        raise checks.refused(argument, flags, "a quality flag, or several in a sequence")
    mask = 0
    for name in [flags] if isinstance(flags, str) else flags:
        checks.choice(argument, name, QualityFlag)
        mask |= QUALITY_FLAGS[name]
    return np.uint8(mask)
