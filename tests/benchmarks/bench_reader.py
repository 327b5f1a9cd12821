"""Reading: what is asked for against `np.memmap` and the whole file, and labels against pvl."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pvl
from helpers.products import product_id, write_product
from timing import compare

import uvisxr
from uvisxr.pds3 import plain
from uvisxr.pds3.label import read_label

SAMPLES = 1151


def main() -> None:
    """Print the ratios."""
    with tempfile.TemporaryDirectory() as folder:
        label = _product(Path(folder))

        def mapped() -> np.ndarray:
            path = label.with_suffix(".DAT")
            return np.memmap(path, ">u2", "r", shape=(SAMPLES, 64, 1024))[:, :, :32]

        def whole() -> np.ndarray:
            frames = np.fromfile(label.with_suffix(".DAT"), ">u2").reshape(SAMPLES, 64, 1024)
            return frames[:, :, :32].astype(np.uint16)

        ds = uvisxr.open_product(label)
        np.testing.assert_array_equal(ds.counts[700], whole()[700])
        compare(
            "one exposure of a 151 MB product, with the opening, against `np.memmap`",
            plain=lambda: mapped()[700].astype(np.uint16),
            ours=lambda: uvisxr.open_product(label).counts[700].values,
        )
        compare(
            "one exposure of a 151 MB product, once opened, against `np.memmap`",
            plain=lambda: mapped()[700].astype(np.uint16),
            ours=lambda: ds.counts[700].values,
            seed=lambda: whole()[700],
        )
        np.testing.assert_array_equal(ds.counts[:, 30], whole()[:, 30])
        compare(
            "one pixel of 1,151 exposures, with the opening, against `np.memmap`",
            plain=lambda: mapped()[:, 30].astype(np.uint16),
            ours=lambda: uvisxr.open_product(label).counts[:, 30].values,
        )
        compare(
            "all counts of 1,151 exposures, with the opening, against `np.memmap`",
            plain=lambda: mapped().astype(np.uint16).sum(),
            ours=lambda: uvisxr.open_product(label).counts.sum().item(),
        )
        _labels(label)
        _many(Path(folder))


def _labels(label: Path) -> None:
    """A label with prose, as the archive has it, against pvl alone."""
    prose = "  A region of the detector in which data was taken is defined by its corners.\n" * 25
    text = label.read_text().replace("END_OBJECT", f'DESCRIPTION = "{prose}"\nEND_OBJECT', 1)
    label.write_text(text)
    window = read_label(label).windows[0]
    assert pvl.loads(text)["QUBE"]["BAND_BIN"] == window.band_bin
    compare(
        f"label of {len(text):,} bytes, against pvl",
        plain=lambda: pvl.loads(text),
        ours=lambda: read_label(label),
    )


def _many(folder: Path, n: int = 500) -> None:
    """Many small products with the labels of the archive, against reading these by pvl."""
    counts = np.zeros((1, 60, 32), np.uint16)
    labels = [write_product(folder / "many", product_id(k), counts, band_bin=32) for k in range(n)]
    quick = plain.loads

    def by_pvl() -> None:
        plain.loads = lambda text: None
        try:
            uvisxr.open_observation(labels)
        finally:
            plain.loads = quick

    compare(
        f"opening {n} products, against reading their labels by pvl",
        plain=by_pvl,
        ours=lambda: uvisxr.open_observation(labels),
        repeat=1,
    )


def _product(folder: Path) -> Path:
    counts = np.random.default_rng(0).poisson(1.0, (SAMPLES, 64, 32))
    return write_product(folder, "FUV2016_278_09_22", counts, band_bin=32, lines=(0, 63))
