"""What Cassini-UPyP calls things: its names, and what they are here.

For messages only: who types a name of Cassini-UPyP (version 1.3.3) is told the one to type instead.
docs/howto/from_cassini_upyp.md has all of them, with what differs in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: How what needs no argument begins, and what there is not.
NEEDLESS, MISSING = "needless: ", "not here: "

_TIMES = f"{NEEDLESS}select exposures, ds.isel(pic=slice(5, 20))"
_PATH = "path="
_SHOW = f"{NEEDLESS}call matplotlib's plt.show()"
_SCENE = {
    "orf_center": "center=",
    "RA_range": "xlim=",
    "DEC_range": "ylim=",
    "pixel_notes": "annotate=",
    "other_bodies": "bodies=",
    "other_targets": "bodies=",
    "pixel_numbers": f"{NEEDLESS}the ends of the slit are numbered",
    "date": f"{NEEDLESS}the title has the instant that is drawn",
    "plot": f"{NEEDLESS}to draw is all that it does",
    "meta_kernel": "kernels=",
    "scale": "xlim= and ylim=",
}
_LAB = {
    "interp": "wl_interp=",
    "smoothing_kernel": "weights= of ds.uvis.smooth",
    "evil_pixels_binned": "ds.uvis.evil_share()",
    "sctime": f"{NEEDLESS}each exposure has its own time",
}

#: Arguments by the name of the step or function that takes them, as in `uvisxr.calls`: what to
#: write instead, or why nothing is needed.
ARGUMENTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "open_observation": {
            "ID": "id=",
            "prime": "prime_instrument=",
            "files": "the paths themselves, without a name",
        },
        "open_product": {"filename": _PATH, "file2": "path=(label, data)"},
        "geometry": {
            "et_range": "times=",
            "ET": "times=",
            "meta_kernel": "kernels=",
            "other_bodies": "bodies= of ds.uvis.plot.geometry",
            "u": f"{NEEDLESS}the dataset knows its instrument",
            "offset": f"{MISSING}shift the kernels, or ds.assign_coords(alt=...)",
        },
        "background": {
            "alt_limit": "alt_min=",
            "mode": 'method="gaps" for "simulate", method="mean" for "average"',
            "bg": "level=",
            "bg_uncertainty": "error=",
            "parallel": f"{NEEDLESS}nothing is simulated",
        },
        "calibrate": _LAB,
        "calibration_factor": _LAB,
        "smooth": {"smoothing_kernel": "weights=", "kernel": "weights="},
        "integrate": {"uncertainty": f"{NEEDLESS}the errors always come with the brightness"},
        "bin": {
            "keys": 'by={"lat": edges, "alt": edges}',
            "bin_boundaries": 'by={"lat": edges, "alt": edges}',
            "modulo": f"{NEEDLESS}lon and lt wrap by themselves",
        },
        "image": {"interpol": "interpolate=", "alt_circles": "altitudes= of ds.uvis.plot.picture"},
        "to_netcdf": {"filepath": _PATH},
        "to_json": {"filepath": _PATH},
        "load_json": {"filepath": _PATH},
        "stars.load": {"file": _PATH},
        "stars.save": {"filepath": _PATH},
        "plot.geometry": {
            **_SCENE,
            "ET": "pic=",
            "show": _SHOW,
            "save": f"{NEEDLESS}ax.figure.savefig(path)",
            "savename": f"{NEEDLESS}ax.figure.savefig(path)",
            "dpi": f"{NEEDLESS}ax.figure.savefig(path, dpi=dpi)",
        },
        "plot.animate": {
            **_SCENE,
            "folder": _PATH,
            "out_format": "format=",
            "duration": "fps=: frames per second, 1 / duration",
        },
        "plot.picture": {"interpol": "interpolate=", "alt_circles": "altitudes="},
        "plot.evolution": {"output_path": _PATH},
        "plot.check_stars": {
            "color_scale": f"{NEEDLESS}the figure has sliders",
            "exp_range": _TIMES,
        },
        "plot.bins": {"show": _SHOW},
    }
)

#: Values that stand for another one here, of whatever argument.
VALUES: Mapping[str, str] = MappingProxyType(
    {
        "simulate": "gaps",
        "average": "mean",
        "trapz": "trapezoid",
        "FOV": "fov",
    }
)

#: Methods and attributes of its observations and bins.
NAMES: Mapping[str, str] = MappingProxyType(
    {
        "set_geometry": "ds.uvis.geometry()",
        "get_geometry": "ds.uvis.geometry(times=...)",
        "set_background": "ds.uvis.background()",
        "get_background": "ds.uvis.background()",
        "set_calibration": "ds.uvis.calibration_factor()",
        "get_calibration": "ds.uvis.calibration_factor()",
        "get_radiance_uncertainty": "radiance_upper and radiance_lower of ds.uvis.calibrate()",
        "integrate_radiance": "ds.uvis.integrate()",
        "bin_pixels": "ds.uvis.bin()",
        "average": "ds.uvis.bin(), which averages at once",
        "plot_bin": "ds.uvis.plot.bins()",
        "plot_all_geometry": "ds.uvis.plot.animate(path)",
        "UV_picture": "ds.uvis.plot.picture()",
        "plot_radiance_evolution": "ds.uvis.plot.evolution()",
        "check_stars": "ds.uvis.plot.check_stars()",
        "add_pixel_stars_from_file": 'ds.uvis.stars.load(path, columns="pixel exposure")',
        "save_stars": "ds.uvis.stars.save(path)",
        "save": "ds.uvis.to_netcdf()",
        "load": "xarray.load_dataset(path)",
        "save_JSON": "ds.uvis.to_json()",
        "load_JSON": "uvisxr.load_json(path)",
        "prime": 'ds.attrs["prime_instrument"]',
        "is_prime": 'ds.attrs["prime_instrument"]',
        "YEAR": 'ds.attrs["year"]',
        "DOY": 'ds.attrs["doy"]',
        "n_pics": 'ds.sizes["pic"]',
        "n_pixels": 'ds.sizes["pixel"]',
        "n_wl": 'ds.sizes["wl"]',
        "spat_bin": 'ds.attrs["line_bin"]',
        "spec_bin": 'ds.attrs["band_bin"]',
        "spat_start": 'ds.attrs["ul_line"]',
        "spat_stop": 'ds.attrs["lr_line"]',
        "spec_start": 'ds.attrs["ul_band"]',
        "spec_stop": 'ds.attrs["lr_band"]',
        "WL": "ds.wl, with the edges ds.wl_bounds",
        "counts": "ds.counts",
        "expo_time": "ds.exposure",
        "cps": "ds.uvis.rate()",
        "cps_bg_removed": "ds.uvis.rate(), after ds.uvis.background()",
        "ET_start": "ds.et - ds.exposure / 2",
        "ET_middle": "ds.et",
        "ET_stop": "ds.et + ds.exposure / 2",
        "UTC_start": 'ds.uvis.utc("start")',
        "UTC_middle": "ds.uvis.utc()",
        "UTC_stop": 'ds.uvis.utc("stop")',
        "UTC_time": "ds.geometry_time",
        "sctime_sec_start": "ds.sclk",
        "raw_files": "ds.product",
        "data": "ds.radiance",
        "uncertainty_sup": "ds.radiance_upper",
        "uncertainty_inf": "ds.radiance_lower",
        "evil_pixels": 'uvisxr.instrument.evil_pixels("FUV", ds.sclk)',
        "evil_pixels_binned": "ds.uvis.evil_share()",
        "integrate_spectrum": "ds.uvis.integrate()",
        "interpolate_nans": "ds.uvis.fill_nan()",
        "smooth_spectrum": "ds.uvis.smooth()",
        "UVIS_WL": "ds.wl",
        "poisson_error": 'ds.uvis.rate(interval="garwood")',
        "pixel_LOS": "ds.lon, ds.lat, ds.alt and others, after ds.uvis.geometry()",
        "used_pixels_LOS": "ds.lon, ds.lat, ds.alt and others, after ds.uvis.geometry()",
        "LOS_tangent": "ds.lon, ds.lat, ds.alt and others, after ds.uvis.geometry()",
        "sub_sc_point": "ds.sc_lon and ds.sc_lat",
        "HD": "ds.sc_heliocentric_distance",
        "target_HD": "ds.heliocentric_distance",
        "background_level": "ds.background",
        "background_error": "ds.background_error",
        "pixel_corrupted": 'ds.uvis.flagged(["lost", "partial"])',
        "pixel_stars": 'ds.uvis.flagged("star")',
        "pixel_stars_mask": 'ds.uvis.flagged("star")',
        "pixel_star_geometry": "ds.star_count, after ds.uvis.predict_stars()",
        "bin_mean_spectrum": "radiance of ds.uvis.bin()",
        "bin_stddev_spectrum": "radiance_std of ds.uvis.bin()",
        "bin_stderr_spectrum": "radiance_stderr of ds.uvis.bin()",
        "bin_wmean_spectrum": "radiance_weighted of ds.uvis.bin()",
        "number_per_bin": "n of ds.uvis.bin()",
        "integrated_data": "ds.uvis.integrate().brightness",
    }
)

#: Names of its modules, as of `uvisxr` itself.
MODULE: Mapping[str, str] = MappingProxyType(
    {
        "UVIS_Observation": "uvisxr.open_observation",
        "UVIS_Bin": "ds.uvis.bin",
        "PDSRawData": "uvisxr.open_product",
        "Geometry": "ds.uvis.geometry",
    }
)


def argument(step: str, name: str) -> str:
    """What to write for an argument of Cassini-UPyP; empty if it has none of that name there."""
    return ARGUMENTS.get(step, {}).get(name, "")
