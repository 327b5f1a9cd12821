"""Optical constants of the channels."""

from __future__ import annotations

import numpy as np
import pytest

from uvisxr.errors import LabelError, UvisError
from uvisxr.instrument.channel import CHANNELS, EUV, FUV, channel, slit_name


@pytest.mark.parametrize(
    ("ch", "first", "last"), [(FUV, 1115.3485, 1912.8659), (EUV, 561.2286, 1181.5368)]
)
def test_wavelengths_of_the_outermost_columns(ch, first, last):
    np.testing.assert_allclose(ch.wavelength([0, 1023]), [first, last], atol=6e-5)


@pytest.mark.parametrize("ch", CHANNELS.values(), ids=CHANNELS)
def test_wavelength_grows_along_the_detector(ch):
    assert np.all(np.diff(ch.wavelength(np.arange(1024))) > 0)


@pytest.mark.parametrize(("ch", "printed"), [(FUV, 31.18), (EUV, 24.20)])
def test_dispersion_of_the_users_guide(ch, printed):
    """The guide's for the EUV is 0.2 % less than that of its own wavelengths."""
    assert ch.dispersion == pytest.approx(printed, rel=3e-3)
    assert ch.dispersion * 0.025 == pytest.approx(np.diff(ch.wavelength(np.arange(1024))).mean())


def test_wavelengths_agree_with_the_archive(data):
    """The archive lists the centres of the unbinned columns to 0.01 angstrom."""
    text = (data / "products" / "FUV2005_230_15_15_CAL_3.LBL").read_text()
    listed = text.split("BAND_BIN_CENTER")[1].split("(", 1)[1].split(")", 1)[0]
    centres = np.array([float(value) for value in listed.split(",")])
    np.testing.assert_allclose(FUV.wavelength(np.arange(centres.size)), centres, atol=0.0051)


def test_slits():
    assert [slit.width for slit in FUV.slits.values()] == [75, 150, 800]
    assert [slit.width for slit in EUV.slits.values()] == [100, 200, 800]
    # The ratio is the width of LOW over the slit's own width.
    for ch in (FUV, EUV):
        low = ch.slits["LOW_RESOLUTION"].width
        for slit in ch.slits.values():
            assert slit.ratio == pytest.approx(low / slit.width)


def test_names_of_slits():
    assert slit_name("OCCLTATION") == slit_name(" occultation ") == "OCCULTATION"
    assert slit_name("LOW RESOLUTION") == "LOW_RESOLUTION"
    with pytest.raises(LabelError, match=r"SLIT_STATE 'WIDE'.*LOW_RESOLUTION"):
        slit_name("WIDE")


def test_names_of_channels():
    assert channel("fuv") is FUV
    with pytest.raises(UvisError, match="HSP"):
        channel("HSP")
