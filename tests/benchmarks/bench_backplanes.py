"""Backplanes of all bodies at three times, against the geometry of one body at one time."""

from __future__ import annotations

import numpy as np
from helpers import synthetic
from helpers.realdata import real_data
from timing import compare, once

from uvisxr.backplanes.tree import backplanes
from uvisxr.geometry.los import geometry

#: With shape, rotation and place in the kernels of Phoebe's flyby; Saturn comes by itself.
MOONS = (
    *("MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "IAPETUS", "PHOEBE", "JANUS"),
    *("EPIMETHEUS", "HELENE", "TELESTO", "CALYPSO", "ATLAS", "PROMETHEUS", "PANDORA", "PAN"),
)


def one_by_one(ds, files) -> None:
    """Geometries of all bodies at all times, as one would do without."""
    for name in ("SATURN", *MOONS):
        for share in (-0.5, 0.0, 0.5):
            geometry(ds, files, target=name, times=ds["et"] + share * ds["exposure"])


def main() -> None:
    data = real_data()
    if data is None:
        print("skipped: no real kernels (UVISXR_TEST_DATA)")
        return
    files = synthetic.kernels(data, "phoebe")
    ets = synthetic.PHOEBE_ET + np.linspace(-300, 300, 90)
    ds = synthetic.dataset(ets=ets, target="PHOEBE", exposure=6.0)
    backplanes(ds, files, MOONS)
    for name, bodies in (("all 18 bodies", MOONS), ("the bodies in view", "auto")):
        pairs = [
            (
                once(lambda bodies=bodies: backplanes(ds, files, bodies)),
                once(lambda: geometry(ds, files)),
            )
            for _ in range(7)
        ]
        ratio = float(np.median([tree / single for tree, single in pairs]))
        print(f"{name}, 90x60 pixels x 5 points x 3 times: {ratio:.1f} geometries of one body")
    compare(
        "backplanes of 18 bodies at 3 times, 90x60 pixels with corners, against as many geometries",
        lambda: one_by_one(ds, files),
        lambda: backplanes(ds, files, MOONS),
        repeat=3,
    )
