"""What users write: type checkers take it, but for the lines that say what they find wrong.

`tests/test_types.py` gives it to mypy. It is never run.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import uvisxr
from uvisxr import simulate
from uvisxr.accessor import ArrayAccessor, TreeAccessor, UvisAccessor
from uvisxr.quality.flags import good
from uvisxr.spectra import fill_nan, smooth
from uvisxr.typing import UvisDataArray, UvisDataset, UvisDataTree

# --- an observation of one window, from counts to bins ----------------------------------------

ds = uvisxr.open_observation("FUV2006_015/", window=0, chunks={"pic": 10})
assert_type(ds, UvisDataset)
ds = (
    ds.uvis.geometry(kernels="kernels/")
    .uvis.background(alt_min=1500)
    .uvis.calibrate(files=Path("calibration"), trend="spica", smooth=False)
)
assert_type(ds, UvisDataset)

ds = ds.uvis.flag([(0, 12), (0, 13)]).uvis.flag(ds.alt > 3000, "star")
ds = ds.uvis.stars.load("stars.txt").uvis.predict_stars(faintest=6)
ds = ds.uvis.predict_stars(Path("stars.npy")).uvis.unflag(ds.uvis.flagged(["star", "user"]))
assert_type(ds.uvis.evil_share(), xr.DataArray)
ds = ds.isel(pic=slice(10, 20)).sel(wl=slice(1300, 1700)).uvis.fill_nan().uvis.smooth([1, 2, 1])
assert_type(ds, UvisDataset)

limb = ds.uvis.bin({"alt": range(600, 1500, 50), "lat": np.linspace(-90, 90, 7)}, exclude="star")
groups = ds.uvis.bin(pixels=[[(0, 1), (0, 2)], ds.sza < 30])
one_group = ds.uvis.bin(pixels=[(0, 1), (0, 2)])
assert_type(one_group, UvisDataset)
assert_type(limb.uvis.to_netcdf("limb.nc"), Path)
print(limb.uvis.integrate((1300, 1700), method="bins"))

assert_type(ds.uvis.plot.picture((1450, 1700), style={"limb": {"color": "red"}}), Axes)
assert_type(ds.uvis.image(nx=50), xr.DataArray)
profile = ds["radiance"].where(good(ds)).mean("pic")
assert_type(smooth(profile), xr.DataArray)
assert_type(fill_nan(ds), xr.Dataset)

# --- settings, and data to learn with -----------------------------------------------------------

with uvisxr.set_options(kernels=["kernels/", Path("more.bsp")], progress=False):
    learnt = uvisxr.tutorial.open("titan", chunks={"pic": 10}).uvis.rebin(pic=2, wl=4)
assert_type(learnt, UvisDataset)
assert_type(uvisxr.tutorial.open("windows").uvis.rebin(wl=2), UvisDataTree)
assert_type(uvisxr.tutorial.simulation("saturn"), simulate.Simulation)
assert_type(learnt.uvis.plot.quicklook((1300, 1700)), Figure)
assert_type(ds.uvis.plot.keogram((1450, 1700), by="lat"), Axes)
assert_type(ds.uvis.plot.limb((1450, 1700), by="lat", edges=[-90, 0, 90]), Axes)
assert_type(ds.uvis.plot.evolution((1450, 1700), panels=True), Figure | Path)
uvisxr.tutorial.open("tita")  # wrong: call-overload
uvisxr.set_options(kernel="kernels/")  # wrong: call-arg
learnt.uvis.rebin(pics=2)  # wrong: call-arg

# --- windows and outputs that may be several --------------------------------------------------

opened = uvisxr.open_product("FUV2005_230_15_15")
assert_type(opened, UvisDataset | xr.DataTree)
if isinstance(opened, xr.DataTree):
    windows = TreeAccessor(opened).rate().uvis.background(level=4e-4).uvis.calibrate(smooth=False)
    assert_type(windows, UvisDataTree)
    assert_type(windows.uvis.integrate((1300, 1700)).uvis.to_netcdf("windows.nc"), Path)
    assert_type(windows.uvis.stars.load("stars.txt").uvis.to_json("a.json"), dict[str, Path])
else:
    assert_type(opened.uvis.rate().isel(pic=0).uvis.calibrate(), UvisDataset)


def brightness(tree: UvisDataTree) -> UvisDataTree:
    """The brightness in every window."""
    return tree.uvis.calibrate(files="calibration").uvis.integrate((1300, 1700))


# --- single arrays ----------------------------------------------------------------------------


def light(spectra: UvisDataArray) -> UvisDataset:
    """The brightness in a range."""
    return spectra.uvis.fill_nan().uvis.smooth([1, 2, 1], force=True).uvis.integrate((1300, 1700))


assert_type(ArrayAccessor(ds["radiance"]).smooth(), UvisDataArray)
many = uvisxr.open_processed("out/")
if isinstance(many, xr.Dataset):
    assert_type(many, UvisDataset)
several = uvisxr.open_found({"product": [], "label": [], "pic": [], "pixel": []}, ["calibrate"])
if isinstance(several, xr.Dataset):
    assert_type(several, UvisDataset)

# --- functions of one's own, and datasets from elsewhere --------------------------------------


def profiles(ds: UvisDataset, step: float) -> UvisDataset:
    """Mean spectra by altitude."""
    return ds.uvis.bin({"alt": np.arange(0, 1500, step)})


profiles(ds, 100)
read = xr.open_dataset("limb.nc")
assert_type(UvisAccessor(read).rate().uvis.unflag([(0, 1)]), UvisDataset)
made = simulate.observation("somewhere", exposures=10)
made.open().uvis.geometry(kernels=made.kernels, samples=3).uvis.plot.geometry(pic=5)

# --- what is wrong ----------------------------------------------------------------------------

ds.uvis.calibrate(smoth=True)  # wrong: call-arg
ds.uvis.calibrate(recipe="upyp2")  # wrong: arg-type
ds.uvis.calibrate(trend="exponential")  # wrong: arg-type
ds.uvis.bin({"alt": [0, 100]}, mode="centre")  # wrong: arg-type
ds.uvis.flag([(0, 1)], "cosmic ray")  # wrong: arg-type
ds.uvis.integrate("1300-1700")  # wrong: arg-type
ds.uvis.smooth().uvis.fill_nan(methode="pchip")  # wrong: call-arg
ds.uvis.stars.save("stars.txt").uvis.rate()  # wrong: attr-defined
ds.uvis.plot.picture(wl_rang=(1450, 1700))  # wrong: call-arg
ds.uvis.calibrat()  # wrong: attr-defined
UvisAccessor(read).calibrate(smoth=True)  # wrong: call-arg
uvisxr.open_product("FUV2005_230_15_15", window="a")  # wrong: call-overload
uvisxr.open_product("FUV2005_230_15_15", star_time="start")  # wrong: call-overload
uvisxr.open_observation("FUV2006_015/", start_time="end")  # wrong: call-overload
uvisxr.open_prodcut("FUV2005_230_15_15")  # wrong: attr-defined
opened.uvis.rate(quantisation=False)  # wrong: call-arg
windows.uvis.calibrate(smoth=True)  # wrong: call-arg
windows.uvis.plot.bin()  # wrong: attr-defined
ArrayAccessor(ds["radiance"]).smooth(weihgts=[1, 2, 1])  # wrong: call-arg
ArrayAccessor(ds["radiance"]).calibrate()  # wrong: attr-defined
profiles(read, 100)  # wrong: arg-type
