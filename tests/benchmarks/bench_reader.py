"""Reading: what is asked for against the whole file, and labels against their text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from products import write_product
from timing import compare

import uvisxr

SAMPLES = 1151


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        label = _product(Path(folder))

        def whole() -> np.ndarray:
            frames = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(SAMPLES, 64, 1024)
            return frames[:, :, :32].astype(np.uint16)

        ds = uvisxr.open_product(label)
        np.testing.assert_array_equal(ds.counts[700], whole()[700])
        compare(
            "one exposure of 1151 (150 MB)",
            plain=lambda: whole()[700],
            ours=lambda: uvisxr.open_product(label).counts[700].values,
        )
        compare(
            "all counts of 1151 exposures (150 MB)",
            plain=lambda: whole().sum(),
            ours=lambda: uvisxr.open_product(label).counts.sum().item(),
            plain_repeat=3,
        )


def _product(folder: Path) -> Path:
    counts = np.random.default_rng(0).poisson(1.0, (SAMPLES, 64, 32))
    return write_product(folder, "FUV2016_278_09_22", counts, band_bin=32, lines=(0, 63))
