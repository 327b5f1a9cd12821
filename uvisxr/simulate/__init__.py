"""Simulated observations: products, kernels and calibration files, and the truth behind them.

::

    made = uvisxr.simulate.observation(directory="titan", exposures=12, seed=1)

>>> ds = made.open().uvis.geometry(kernels=made.kernels)
>>> ds = ds.uvis.background(alt_min=2000).uvis.calibrate(files=made.calibration)
>>> residual = ds.radiance - made.truth.radiance

The pieces: `flight` (who moves where), `kernels` and `textkernels` (SPICE), `calibration_files`
and `idlsave`, `vibronic` and `spectrum` (what light), `emission` (where it shines), `counts` (what
the detector makes of it), `labels` and `observation` (the products).
"""

from ..instrument.detector import Window
from .observation import Simulation, observation

__all__ = ["Simulation", "Window", "observation"]
