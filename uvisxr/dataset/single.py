"""Spectra along one dimension, as of `uvisxr.open_found`."""

from __future__ import annotations

#: The dimension of found spectra.
DIM = "spectrum"
