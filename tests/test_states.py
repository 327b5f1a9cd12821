"""Warnings of states in which counts are no measure of light, or are rounded in an unknown way."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from helpers.products import write_product

import uvisxr
from uvisxr.errors import UvisWarning

NAME = "FUV2005_230_15_15"


def product(folder, *lines: str, compression: str = '"SQRT_9"', name: str = NAME):
    path = write_product(folder, name)
    text = path.read_text().replace(
        'COMPRESSION_TYPE                = "SQRT_9"', f"COMPRESSION_TYPE = {compression}"
    )
    path.write_text(text.replace("ODC_ID", "\n".join([*lines, "ODC_ID"])))
    return path


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("TEST_PULSE_STATE = ON", "pulses of the electronics' test"),
        ('TEST_PULSE_STATE = "on"', "pulses of the electronics' test"),
        ("HI_VOLTAGE_POWER_SUPPLY_STATE = OFF", "the detector counts no photons"),
    ],
)
def test_states_without_light(tmp_path, line, meaning):
    path = product(tmp_path, line)
    with pytest.warns(
        UvisWarning, match=rf"{NAME}\.LBL: {line.split()[0]} is .*{meaning}"
    ) as found:
        uvisxr.open_product(path)
    assert [w.filename for w in found] == [__file__]


@pytest.mark.parametrize("compression", ['"SQRT_8"', '"UNK"', "LOSSLESS"])
def test_compression_whose_rounding_is_not_known(tmp_path, compression):
    path = product(tmp_path, compression=compression)
    with pytest.warns(UvisWarning, match=r"COMPRESSION_TYPE is .*their errors do not hold it"):
        ds = uvisxr.open_product(path)
    known = uvisxr.open_product(product(tmp_path / "known", compression="NONE"))
    np.testing.assert_array_equal(ds.uvis.rate().rate_upper, known.uvis.rate().rate_upper)


@pytest.mark.parametrize("compression", ['"SQRT_9"', "SQRT_9", '"SQRT 9"', '"NONE"', "none"])
def test_what_is_usual_is_not_said(tmp_path, compression):
    states = ("TEST_PULSE_STATE = OFF", "HI_VOLTAGE_POWER_SUPPLY_STATE = ON")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        uvisxr.open_product(product(tmp_path, *states, compression=compression))
        uvisxr.open_product(product(tmp_path, 'TEST_PULSE_STATE = "N/A"', compression=compression))


def test_said_once_for_all_products(tmp_path):
    for k in range(3):
        product(tmp_path, "TEST_PULSE_STATE = ON", name=f"FUV2005_230_1{k}_15")
    with pytest.warns(UvisWarning) as caught:
        uvisxr.open_observation(tmp_path)
    (warning,) = caught
    assert "10_15.LBL and 2 more: TEST_PULSE_STATE is ON" in str(warning.message)


def test_matrix_has_no_counts(tmp_path):
    path = product(tmp_path, compression='"UNK"')
    text = path.read_text().replace("= MSB_UNSIGNED_INTEGER", "= IEEE_REAL")
    text = text.replace("= 131072", "= 262144")
    path.write_text(text.replace("CORE_ITEM_BYTES               = 2", "CORE_ITEM_BYTES = 4"))
    np.ones((1, 64, 1024), ">f4").tofile(path.with_suffix(".DAT"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        uvisxr.open_product(path)
