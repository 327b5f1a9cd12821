"""`uvisxr process` on the archive's products: files that any NetCDF reader understands."""

from __future__ import annotations

import netCDF4
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.units import WITHOUT_UNITS

from uvisxr.cli import main


def process(label, out, *options) -> None:
    arguments = ["process", str(label), "-o", str(out), *map(str, options)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


def check_file(path) -> None:
    """A name on every variable and units on all but numbers and texts, as in `ncdump -h`."""
    with netCDF4.Dataset(path) as raw:
        assert raw.Conventions == "CF-1.11"
        for name, variable in raw.variables.items():
            wanted = {"long_name"} if name in WITHOUT_UNITS else {"long_name", "units"}
            assert wanted <= set(variable.ncattrs()), name
        assert raw["radiance"].units == "kR angstrom-1"
        assert raw["radiance"].filters()["zlib"]


@pytest.mark.parametrize("recipe", ["upyp", "pds"])
def test_rings(data, tmp_path, recipe):
    out = tmp_path / "rings.nc"
    label = data / "products" / "FUV2005_230_15_15.LBL"
    process(label, out, "--calibration", data / "calibration", "--recipe", recipe)
    check_file(out)
    with xr.open_dataset(out) as ds:
        assert ds.radiance.shape == (25, 64, 512)
        assert int(ds.counts.sum()) == 7_671_819
        assert ds.attrs["recipe"] == recipe
        assert np.isfinite(ds.radiance[:, 2:61, 30:500]).all()


@pytest.mark.slow
def test_aurora(data, aurora_label, tmp_path):
    out = tmp_path / "aurora.nc"
    process(aurora_label, out, "--calibration", data / "calibration")
    check_file(out)
    with xr.open_dataset(out) as ds:
        assert ds.radiance.shape == (1151, 64, 32)
        # Below 1150 angstrom the laboratory found no sensitivity: the first bin has none.
        assert np.isfinite(ds.radiance[:, 2:61, 1:]).all()
        assert np.isnan(ds.radiance[:, [0, 1, 62, 63]]).all()
