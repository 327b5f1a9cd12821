"""What a product costs that goes into a catalogue: CPU time, and of it the shares of the parts.

Short products cost what is done once for each, long ones what is done for each spectrum. The
kernels are those of the simulations, a few files; choosing among a folder of all of the archive's
adds some 50 ms to each product.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

from timing import best

from uvisxr import simulate
from uvisxr.catalogue import looks, rows, sums
from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import keep_for_good
from uvisxr.reader.sources import Product

#: Functions by the part that they are; none calls another.
PARTS: dict[str, tuple[tuple[Any, str], ...]] = {
    "label": ((Product, "read"), (rows, "window_of")),
    "counts": ((sums, "of"),),
    "kernels": ((looks, "read"),),
    "rays": ((looks, "fields_of"), (looks, "directions")),
    "arrow": ((rows, "_table"),),
}

SATURN = Window(0, 0, 63, 1023, band_bin=32)
MADE: dict[str, dict[str, Any]] = {
    "three exposures of Titan": {"exposures": 3},
    "60 exposures of Titan": {"exposures": 60},
    "1151 of Saturn, bins of 32": {
        "target": "SATURN",
        "start": "2016-278T09:22:00",
        "exposures": 1151,
        "exposure": 8.0,
        "window": SATURN,
    },
}


def main() -> None:
    keep_for_good()
    spent: Counter[str] = Counter()
    for part, functions in PARTS.items():
        for owner, name in functions:
            setattr(owner, name, _timed(getattr(owner, name), part, spent))
    with tempfile.TemporaryDirectory() as name:
        for number, (what, arguments) in enumerate(MADE.items()):
            made = simulate.observation(Path(name, str(number)), seed=1, **arguments)
            product = Product.at(made.labels[0])
            read = partial(rows.of, product, made.kernels)
            number_of = read().product["spectra"]
            cpu = best(read, 5)
            spent.clear()
            begun = time.process_time()
            for _ in range(5):
                read()
            total = time.process_time() - begun
            shares = ", ".join(f"{part} {spent[part] / total:.0%}" for part in PARTS)
            print(
                f"{what:<27} {cpu * 1e3:6.1f} ms, {cpu / number_of * 1e6:6.1f} us a spectrum: "
                f"{shares}, rest {1 - sum(spent.values()) / total:.0%}"
            )


def _timed(function: Callable[..., Any], part: str, spent: Counter[str]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*args: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return function(*args, **options)
        finally:
            spent[part] += time.process_time() - begun  # type: ignore[assignment]

    return timed


if __name__ == "__main__":
    main()
