"""Maps at instants for which there is real pointing, against scalar SPICE.

The products at hand have none: exposures at other times stand in their place.
"""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from helpers import synthetic

from uvisxr.instrument.detector import Window
from uvisxr.kernels.session import loaded
from uvisxr.timescales import parse_et

SCENES = {
    "titan": ("TITAN", synthetic.TITAN_ET + np.arange(-300.0, 301.0, 60.0)),
    "2005-331": ("SATURN", parse_et("2005-331T05:45:00") + 60.0 * np.arange(60, 1000, 20)),
}


@pytest.mark.parametrize("name", SCENES)
def test_cells_are_lit_as_spice_has_it(data, name):
    """The incidence angle of a cell is a mean over footprints that meet it: on average that at its
    middle, and nowhere farther off than footprints reach."""
    target, ets = SCENES[name]
    files = synthetic.kernels(data, name)
    ds = synthetic.dataset(ets=ets, target=target, window=Window(2, 0, 61, 1023, band_bin=256))
    found = ds.uvis.geometry(kernels=files).uvis.map("sza", by="lt", ems_max=60.0)
    seen = np.argwhere(found.footprints.values > 0.9)
    assert len(seen) > 20
    middle, frame = ets[len(ets) // 2], f"IAU_{target}"
    apart = []
    with loaded(files):
        below = spiceypy.subslr("NEAR POINT/ELLIPSOID", target, middle, frame, "LT+S", "CASSINI")
        noon = np.arctan2(below[0][1], below[0][0])
        for i, j in seen[:: max(len(seen) // 200, 1)]:
            lon = noon + np.deg2rad(15.0 * (float(found.lt[j]) - 12.0))
            lat = np.deg2rad(float(found.lat[i]))
            point = spiceypy.srfrec(spiceypy.bodn2c(target), lon, lat)
            lit = spiceypy.ilumin("ELLIPSOID", target, middle, frame, "LT+S", "CASSINI", point)
            apart.append(float(found.sza[i, j]) - np.rad2deg(lit[3]))
    step = float(np.diff(found.lat)[0])
    assert abs(np.mean(apart)) < 0.2 * step
    assert np.abs(apart).max() < 3 * step
