"""How often the error bars hold the truth, for every quantity, channel, binning and brightness."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path

from helpers.coverage import (
    BACKGROUND,
    Case,
    Cell,
    background_cells,
    bias,
    calibration_folder,
    cells,
    records,
)

COUNTS = (0.02, 0.1, 1.0, 5.0, 20.0, 100.0)
BINNINGS = (1, 2, 32)

#: Exposures of a product, and of each where the background is drawn.
N_PIC, N_PIC_DRAWN = 96, 12

#: Standard errors of the simulation by which a cell may lie outside the criteria.
TOLERANCE = 2.0

#: Classes of counts in the short table.
CLASSES = {"below 1": (0, 1), "1 to 10": (1, 10), "10 to 100": (10, 100), "above 100": (100, 1e9)}


def flat_cases() -> Iterator[Case]:
    """Flat spectra, with and without a background known to 10 %."""
    for channel, band_bin, counts, smooth in product(
        ("FUV", "EUV"), BINNINGS, COUNTS, (False, True)
    ):
        yield Case(channel, band_bin, counts, smooth)
        yield Case(channel, band_bin, counts, smooth, BACKGROUND, BACKGROUND, BACKGROUND / 10)


def further_cases() -> Iterator[Case]:
    """Lines, and members of uneven exposure times."""
    for channel, band_bin, counts in product(("FUV", "EUV"), BINNINGS, COUNTS[1:]):
        yield Case(channel, band_bin, counts, smooth=counts == 1.0, lines=True)
        yield Case(channel, band_bin, counts, smooth=counts == 5.0, uneven=True)


def background_cases() -> Iterator[Case]:
    """A background that is not quite what the reduction assumes."""
    for channel, band_bin, errors in product(("FUV", "EUV"), (1, 32), ("beside", "total")):
        yield Case(
            channel,
            band_bin,
            1.0,
            assumed=BACKGROUND,
            assumed_error=BACKGROUND / 10,
            errors=errors,
        )


def spread(figures: list[float]) -> str:
    low, high = f"{min(figures):.2f}", f"{max(figures):.2f}"
    return low if low == high else f"{low}..{high}"


def table(
    found: Iterable[Cell],
    row: Callable[[Cell], tuple[str, ...]],
    column: Callable[[Cell], str],
    head: list[str],
    columns: list[str],
) -> str:
    """A Markdown table: coverage, and pull scatter from ten counts on."""
    places: dict[tuple[str, ...], dict[str, list[Cell]]] = {}
    for cell in found:
        places.setdefault(row(cell), {}).setdefault(column(cell), []).append(cell)
    lines = [head + columns, ["---"] * (len(head) + len(columns))]
    for key, by_column in places.items():
        line = list(key)
        for name in columns:
            here = by_column.get(name, [])
            text = spread([cell.coverage[0] for cell in here]) if here else ""
            pulls = [cell.pull[0] for cell in here if cell.counts >= 10]
            line.append(text + (f" ({spread(pulls)})" if pulls else ""))
        lines.append(line)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_class(cell: Cell) -> str:
    return next(name for name, (low, high) in CLASSES.items() if low <= cell.counts < high)


def kind(cell: Cell) -> str:
    """The quantity, and the bounds where they are not the statistical ones."""
    errors = {"statistical": "", "beside": " with `_systematic`", "total": ' of errors="total"'}
    return cell.quantity + errors[cell.case.errors]


def print_bias(folder: Path) -> None:
    print("\nBias of means of eight spectra, with the standard error of the simulation:\n")
    print("| case | quantity | bias |\n| --- | --- | --- |")
    for channel, counts, uneven in product(("FUV", "EUV"), (0.1, 1.0, 10.0), (False, True)):
        case = Case(channel, 1 if channel == "FUV" else 32, counts, uneven=uneven)
        for name, record in records(case, folder, 2 * N_PIC, seed=5).items():
            if "mean" in name:
                value, error = bias(record)
                wrong = "" if abs(value) < max(0.01, 2 * error) else ", WRONG"
                print(f"| {case} | {name} | {value:+.2%} +- {error:.2%}{wrong} |")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = calibration_folder(Path(name))
        found = [
            cell
            for seed, case in enumerate([*flat_cases(), *further_cases()])
            for cell in cells(case, folder, N_PIC, seed)
        ]
        for seed, case in enumerate(background_cases()):
            found += background_cells(case, folder, N_PIC_DRAWN, seed=1000 * seed)
        found.sort(key=kind)
        print("Coverage, and in brackets the pull scatter, over all that is done alike:\n")
        levels = [f"{counts:g} an element" for counts in COUNTS]
        print(
            table(
                found,
                lambda cell: (kind(cell), cell.case.channel, str(cell.case.band_bin)),
                lambda cell: f"{cell.case.counts:g} an element",
                ["quantity", "channel", "BAND_BIN"],
                levels,
            )
        )
        print("\nBy the counts in the quantity:\n")
        print(table(found, lambda cell: (kind(cell),), in_class, ["quantity"], list(CLASSES)))
        print_bias(folder)
    outside = [(cell, faults) for cell in found if (faults := cell.faults(TOLERANCE))]
    print(f"\n{len(outside)} of {len(found)} cells outside the criteria:\n")
    for cell, faults in outside:
        print(f"- {cell}: {'; '.join(faults)}")
