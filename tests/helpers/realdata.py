"""Where the real products, calibration files and kernels are."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def real_data() -> Path | None:
    """Folder of the real products, calibration files and kernels, or None."""
    folder = Path(os.environ.get("UVISXR_TEST_DATA") or ROOT.parent / "shared" / "data")
    return folder if (folder / "products").is_dir() else None
