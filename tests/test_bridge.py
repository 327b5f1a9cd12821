"""docs/howto/from_cassini_upyp.md: every old name has a row, and every new call exists."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
import xarray as xr

import uvisxr
from uvisxr import bridge
from uvisxr.accessor import ArrayAccessor, UvisAccessor
from uvisxr.cli import main
from uvisxr.dataset.conventions import VARIABLES
from uvisxr.plot import PlotAccessor
from uvisxr.stars.flag_files import StarFlags

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "howto" / "from_cassini_upyp.md").read_text("utf-8")

#: Arguments, attributes and methods that the documentation of Cassini-UPyP 1.3.3 names.
DOCUMENTED = """
UVIS_Observation files batch target prime_instrument ID name sort YEAR DOY channel prime n_pics
n_pixels n_wl slit slit_width slit_dlambda WL counts cps cps_bg_removed data uncertainty_sup
uncertainty_inf calibration calibration_error geometry pixel_LOS spacecraft_position HD
pixel_stars_mask pixel_corrupted evil_pixels evil_pixels_binned background_level background_error
ET_start ET_middle ET_stop UTC_start UTC_middle UTC_stop time_exposition is_calibrated
calibration_set is_bkg_removed is_smoothed instrument pds_data integrate_radiance wl_range method
get_radiance_uncertainty smooth force smoothing_kernel get_calibration interp flat_field
set_calibration calibrate wl_interp nan_interp get_geometry ET set_geometry et_range
plot_all_geometry folder out_format duration UV_picture add_pixel_stars_from_file
plot_radiance_evolution output_path check_stars cmap save_stars filepath get_background alt_limit
mode parallel set_background bg bg_uncertainty bin_pixels pixels keys bin_boundaries modulo save
overwrite save_JSON load load_JSON UVIS_Bin average bin_mean_spectrum bin_stddev_spectrum
bin_stderr_spectrum bin_wmean_spectrum bin_u_sup_spectrum bin_u_inf_spectrum integrate uncertainty
integrated_data integrated_uncertainty_sup integrated_uncertainty_inf binned_integrated_data
binned_integrated_uncertainty_sup binned_integrated_uncertainty_inf bin_stddev bin_stderr
integrated_avrg_data integrated_avrg_data_w integrated_avrg_stddev integrated_avrg_stderr
integrated_avrg_uncertainty_sup integrated_avrg_uncertainty_inf plot_bin show Geometry meta_kernel
other_bodies main u offset UTC_time target_center target_limb terminator night_side
angular_diameter used_pixels pixels_LOS used_pixels_LOS Geometer LOS_tangent alt_circles vmin vmax
levels nx ny interpol ax annotate xlim ylim plot orf_center savename scale RA_range DEC_range
pixel_notes dpi metakernel stars_pickles PDSRawData filename file2 no_extract Instrument pds_lbl
pds_dat poisson_error bound sigma correction_factor UVIS_WL bin integrate_spectrum
interpolate_nans smooth_spectrum uvis_lab_calibration get_cal_time_variation get_ff_time_variation
read_spica_ff gaps histogram gap_histogram bg_fit max_gap yd_to_et ckernel_covers_yd
ckernel_covers_et spkernel_covers_et t_lon t_lat t_sza t_phase t_ems t_lt calibration_dir
star_file kernels_dir ik_path lsk_path pck_path
"""


@dataclass(frozen=True)
class Row:
    """One row of a table: the code of each of its cells."""

    old: tuple[str, ...]
    new: tuple[str, ...]
    note: str


def code(cell: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", cell))


def rows() -> Iterator[Row]:
    for line in PAGE.splitlines():
        if line.startswith("| `"):
            old, new, note = [cell.strip() for cell in line.strip("|").split(" |")]
            yield Row(code(old), code(new), note)


ROWS = list(rows())
CALLS = sorted({span for row in ROWS for span in row.new})


@pytest.fixture(scope="module")
def attributes(made) -> set[str]:
    """Attributes that a calibrated dataset has."""
    ds = made.open().uvis.geometry(kernels=made.kernels)
    return set(ds.uvis.calibrate(files=made.calibration).attrs)


def test_the_page_is_read():
    assert len(ROWS) > 90 and all(row.old and row.new for row in ROWS)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\w+", DOCUMENTED))))
def test_every_documented_name_has_a_row(name):
    assert any(name in row.old for row in ROWS)


@pytest.mark.parametrize("call", CALLS)
def test_every_new_call_exists(call, attributes):
    command = re.fullmatch(r"uvisxr ([a-z ]+)", call)
    if command:
        assert_command(command[1].split())
    else:
        resolve(ast.parse(call, mode="eval").body, attributes)


@pytest.mark.parametrize(
    "call",
    [
        "ds.uvis.background(alt_limit=5)",
        "ds.uvis.bin_pixels()",
        "ds.radiances",
        'ds.attrs["nam"]',
        "uvisxr.open_prodcut(path)",
        "uvisxr.open_product(path, path)",
        "ds.radiance.uvis.calibrate()",
        "ds.isel(pic=[0]).uvis.plot.pictures()",
    ],
)
def test_what_does_not_exist_would_be_found(call, attributes):
    with pytest.raises((AssertionError, TypeError, AttributeError)):
        resolve(ast.parse(call, mode="eval").body, attributes)


@pytest.mark.parametrize("step", bridge.ARGUMENTS)
def test_messages_and_page_agree_on_arguments(step):
    for old, new in bridge.ARGUMENTS[step].items():
        found = [row for row in ROWS if old in row.old]
        assert found or old in ("kernel", "sctime"), old
        keyword = re.match(r"(\w+)=", new)
        if found and keyword:
            assert any(shows(row, keyword[1]) for row in found)


def shows(row: Row, keyword: str) -> bool:
    """Whether a row shows an argument; some are given without a name, or to another call."""
    unnamed = ("path", "times", "bodies", "colormaps", "pic")
    return keyword in unnamed or f"{keyword}=" in " ".join(row.new)


@pytest.mark.parametrize("name", bridge.NAMES)
def test_messages_and_page_agree_on_names(name):
    said = re.match(r"[\w.]+", bridge.NAMES[name])[0].rpartition(".")[2]
    assert any(said in span for row in ROWS if name in row.old for span in row.new)


def assert_command(words: list[str]) -> None:
    command: Any = main
    for word in words:
        command = command.get_command(click.Context(command), word)
        assert command is not None, word


def resolve(node: ast.expr, attributes: set[str]) -> Any:
    """What an expression of the page is: a module, a class standing for its instances, a function.

    Fails where a name, an argument or an attribute does not exist.
    """
    match node:
        case ast.Name("ds" | "bins" | "light"):
            return xr.Dataset
        case ast.Name("uvisxr"):
            return uvisxr
        case ast.Name("xarray"):
            return xr
        case ast.Subscript(ast.Attribute(ast.Name("ds"), "attrs"), ast.Constant(name)):
            assert name in attributes
            return str
        case ast.Subscript(ast.Attribute(ast.Name("ds"), "sizes"), ast.Constant(name)):
            assert name in ("pic", "pixel", "wl")
            return int
        case ast.Attribute(value, name):
            return attribute(resolve(value, attributes), name)
        case ast.Call(function, args, keywords):
            called = resolve(function, attributes)
            mine = [None] if next(iter(inspect.signature(called).parameters)) == "self" else []
            names = {keyword.arg: None for keyword in keywords}
            inspect.signature(called).bind(*mine, *[None for _ in args], **names)
            return xr.Dataset
    raise AssertionError(ast.unparse(node))


def attribute(owner: Any, name: str) -> Any:
    accessors = {xr.Dataset: UvisAccessor, xr.DataArray: ArrayAccessor}
    if owner in accessors and name == "uvis":
        return accessors[owner]
    if owner is UvisAccessor and name in ("plot", "stars"):
        return {"plot": PlotAccessor, "stars": StarFlags}[name]
    if isinstance(owner, ModuleType) or hasattr(owner, name):
        return getattr(owner, name)
    assert owner is xr.Dataset, name
    assert name in VARIABLES, name
    return xr.DataArray
