"""When the exposures of a product were, by its label."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import ArgumentError, LabelError
from ..pds3.doubts import CLOCK_TOLERANCE
from ..pds3.label import Label
from ..timescales import add_seconds, clock_from_et

#: What START_TIME means: the end of the first exposure, or its start.
StartTime = Literal["end_of_first", "start"]


def times(label: Label, start_time: StartTime = "end_of_first") -> dict[str, np.ndarray]:
    """Times of the exposures of one product.

    Parameters
    ----------
    label : Label
    start_time : {"end_of_first", "start"}
        As in `open_product`.

    Returns
    -------
    dict of str to ndarray, (pic,)
        `time`, `time_start`, `time_stop`, `et`, `exposure`, `sclk` and `product` as in a dataset.

    Raises
    ------
    LabelError
        The label gives no START_TIME, or the exposures would take centuries.
    """
    start = label.known_start()
    n, t = label.shape[0], label.integration
    # START_TIME is the end of the first exposure: see the users guide, chapter 2.
    first = -t if start_time == "end_of_first" else 0.0
    elapsed = first + t * np.arange(n)
    et = start.et
    clock = float(clock_from_et(et))
    if abs(label.clock - clock) <= CLOCK_TOLERANCE:
        clock = label.clock
    try:
        middle, begin, end = (add_seconds(start, elapsed + part * t) for part in (0.5, 0.0, 1.0))
    except ArgumentError as error:
        raise LabelError(f"{label.path}: {n} exposures of {t:g} s: {error}") from error
    return {
        "time": middle,
        "time_start": begin,
        "time_stop": end,
        "et": et + elapsed + t / 2,
        "exposure": np.full(n, t),
        "sclk": clock + elapsed,
        "product": np.full(n, label.product_id),
    }
