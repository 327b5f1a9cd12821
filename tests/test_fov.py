"""Pixel vectors against the instrument kernel as SPICE itself reads it."""

from __future__ import annotations

import numpy as np
import pytest
import spiceypy
from helpers import synthetic, tinykernels

from uvisxr.dataset.fields import CORNERS
from uvisxr.errors import ArgumentError, KernelError, LabelError
from uvisxr.geometry.fov import FieldOfView
from uvisxr.instrument.detector import Bins, Window
from uvisxr.kernels.session import loaded

FULL = Window(0, 0, 63, 1023).bins

SLITS = [
    ("FUV", "HIGH_RESOLUTION", "CASSINI_UVIS_FUV_HI", 0.75e-3),
    ("FUV", "LOW_RESOLUTION", "CASSINI_UVIS_FUV_LO", 1.5e-3),
    ("FUV", "OCCULTATION", "CASSINI_UVIS_FUV_OCC", 8e-3),
    ("EUV", "HIGH_RESOLUTION", "CASSINI_UVIS_EUV_HI", 1e-3),
    ("EUV", "LOW_RESOLUTION", "CASSINI_UVIS_EUV_LO", 2e-3),
    ("EUV", "OCCULTATION", "CASSINI_UVIS_EUV_OCC", 8e-3),
]


@pytest.fixture(params=SLITS, ids=[f"{c}-{s}" for c, s, *_ in SLITS])
def slit(request, data):
    channel, name, instrument, width = request.param
    with loaded(synthetic.kernels(data, "titan")):
        _, frame, _, _, bounds = spiceypy.getfov(spiceypy.bodn2c(instrument), 4)
        yield FieldOfView.of(channel, name), frame, np.array(bounds), width


@pytest.fixture
def view(data):
    with loaded(synthetic.kernels(data, "titan")):
        return FieldOfView.of("FUV", "LOW_RESOLUTION")


def test_the_field_of_view_is_the_instrument_kernels(slit):
    view, frame, bounds, width = slit
    assert view.frame == frame
    assert 2 * view.half_width == pytest.approx(width, rel=1e-5)
    assert pytest.approx(2 * view.half_length, rel=1e-8) == 64 * 1e-3
    vectors = view.pixel_vectors(FULL)
    outer = np.array([vectors[0, 1], vectors[0, 2], vectors[63, 3], vectors[63, 4]])
    bounds = bounds / np.linalg.norm(bounds, axis=1, keepdims=True)
    # The kernel's rectangle lies in a plane, the pixels' on a cylinder: 3e-7 rad apart.
    for corner in outer:
        assert np.linalg.norm(bounds - corner, axis=1).min() < 5e-7


def test_vectors_have_length_one_and_the_documented_form(view):
    vectors = view.pixel_vectors(FULL)
    assert vectors.shape == (64, 5, 3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, rtol=1e-15)
    phi, theta = 31.5e-3, 0.75e-3
    np.testing.assert_allclose(vectors[0, 0], [0, np.sin(-phi), np.cos(phi)], atol=1e-10)
    expected = [np.sin(theta) * np.cos(0.032), np.sin(0.032), np.cos(theta) * np.cos(0.032)]
    np.testing.assert_allclose(vectors[63, 3], expected, atol=1e-9)


def test_rows_run_along_the_y_axis_a_milliradian_each(view):
    along = np.arcsin(view.pixel_vectors(FULL)[:, 0, 1])
    np.testing.assert_allclose(np.diff(along), 1e-3, rtol=1e-7)
    assert along[0] == pytest.approx(-31.5e-3, rel=1e-7)


def test_corners_surround_the_centre_in_their_order(view):
    vectors = view.pixel_vectors(FULL)
    offset = np.sign(vectors[:, 1:, :2] - vectors[:, :1, :2])
    signs = {"lower_left": (-1, -1), "lower_right": (1, -1)}
    signs |= {"upper_right": (1, 1), "upper_left": (-1, 1)}
    for index, corner in enumerate(CORNERS):
        assert (offset[:, index] == signs[corner]).all()


def test_neighbours_share_their_corners(view):
    vectors = view.pixel_vectors(FULL)
    np.testing.assert_allclose(vectors[:-1, 4], vectors[1:, 1], atol=1e-15)
    np.testing.assert_allclose(vectors[:-1, 3], vectors[1:, 2], atol=1e-15)


def test_a_window_is_a_part_of_the_slit(view):
    part = view.pixel_vectors(Window(5, 0, 12, 1023).bins)
    np.testing.assert_array_equal(part, view.pixel_vectors(FULL)[5:13])


def test_binned_rows_reach_from_the_first_to_the_last(view):
    rows = view.pixel_vectors(FULL)
    merged = view.pixel_vectors(Window(2, 0, 61, 1023, line_bin=8).bins)
    assert merged.shape == (8, 5, 3)
    np.testing.assert_allclose(merged[0, 1:3], rows[2, 1:3], atol=1e-15)
    np.testing.assert_allclose(merged[0, 3:], rows[9, 3:], atol=1e-15)
    # The last bin holds rows 58..61 only.
    np.testing.assert_allclose(merged[-1, 3:], rows[61, 3:], atol=1e-15)
    centre = np.arcsin(rows[[58, 61], 0, 1]).mean()
    assert np.arcsin(merged[-1, 0, 1]) == pytest.approx(centre, abs=1e-15)


def test_a_dataset_says_which_rows_its_pixels_hold(view):
    ds = synthetic.dataset(window=Window(0, 0, 63, 1023, band_bin=64)).isel(pixel=[7, 3])
    vectors = view.pixel_vectors(Bins.of(ds))
    np.testing.assert_array_equal(vectors, view.pixel_vectors(FULL)[[7, 3]])


def test_the_archives_misspelling_is_accepted(data):
    with loaded(synthetic.kernels(data, "titan")):
        wrong = FieldOfView.of("EUV", "OCCLTATION")
        assert wrong == FieldOfView.of("EUV", "OCCULTATION")


def test_the_port_for_the_sun(data):
    """Its frame is the instrument kernel's, its pixels are the slit's."""
    with loaded(synthetic.kernels(data, "titan")):
        _, frame, boresight, _, _ = spiceypy.getfov(-82848, 4)
        port = FieldOfView.of("EUV", "LOW_RESOLUTION", "solar_port")
        turn = spiceypy.pxform(frame, "CASSINI_UVIS_EUV", 0.0)
        with pytest.raises(ArgumentError, match="only the EUV"):
            FieldOfView.of("FUV", "LOW_RESOLUTION", "solar_port")
    assert port.frame == frame
    off = np.rad2deg(spiceypy.vsep(turn @ boresight, np.array([0.0, 0.0, 1.0])))
    assert off == pytest.approx(20.0746, abs=1e-4)
    telescope = FieldOfView("", port.half_width, port.half_length)
    np.testing.assert_array_equal(port.pixel_vectors(FULL), telescope.pixel_vectors(FULL))
    assert 2 * port.half_width == pytest.approx(2e-3, rel=1e-5)


def test_without_instrument_kernel(data):
    files = [f for f in synthetic.kernels(data, "titan") if f.suffix != ".ti"]
    with loaded(files), pytest.raises(KernelError, match=r"cas_uvis_v07\.ti"):
        FieldOfView.of("FUV", "LOW_RESOLUTION")


@pytest.mark.parametrize("angle", ["0", "-1", "( 1 2 )", "'x'", "95"])
def test_angles_that_cannot_be(data, tmp_path, angle):
    name = "INS-82841_FOV_REF_ANGLE"
    mine = tinykernels.text(tmp_path / "x.ti", "IK", **{name: angle})
    with (
        loaded([*synthetic.kernels(data, "titan"), mine]),
        pytest.raises(KernelError, match=r"INS-82841_FOV_(REF_ANGLE of .*x\.ti|\.\.\.)"),
    ):
        FieldOfView.of("FUV", "LOW_RESOLUTION")


def test_an_unknown_slit():
    with pytest.raises(LabelError, match="SLIT_STATE"):
        FieldOfView.of("FUV", "WIDE")
