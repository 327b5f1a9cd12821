"""What a dataset is, what was done to it and what can be next, in a few lines.

All of it is seen from names, attributes and small coordinates: no dask array is computed, and no
spectrum is read.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import xarray as xr

from ..errors import MissingStepError
from ..instrument.detector import Bins
from .bits import QUALITY_FLAGS
from .fields import FIELDS
from .single import STEPS, is_list

_SPECTRA = ("reflectance", "radiance", "radiance_weighted", "rate", "counts")

#: How a field of backplanes is drawn.
DRAWN = 'tree["sky/front"].sel(instant="mid", point="center").plot()'

#: Steps that find lost and partial spectra.
_LOOKED_FOR_LOSSES = frozenset({"background", "calibrate", "rate", "rebin"})


def text(ds: xr.Dataset) -> str:
    """The overview as lines of text."""
    return _lines(overview(ds))


def _lines(rows: dict[str, str]) -> str:
    width = max(map(len, rows), default=0)
    return "\n".join(["<uvisxr>", *(f"{name:<{width}}  {said}" for name, said in rows.items())])


def of_array(array: xr.DataArray) -> str:
    """What an array is and what can be done with it, as lines of text."""
    of = str(array.attrs.get("long_name", "")) or str(array.name or "an array")
    units = f", {array.attrs['units']}" if str(array.attrs.get("units", "")) else ""
    sizes = " x ".join(f"{size} {dim}" for dim, size in array.sizes.items())
    rows = {"array": f"{of}{units}", "size": sizes or "1"}
    if "wl" in array.dims:
        rows["next"] = "fill_nan, smooth, integrate"
    return _lines(rows)


def of_backplanes(tree: xr.DataTree) -> str:
    """What a tree of backplanes is and what can be done with it, as lines of text."""
    nodes = [path for path, node in tree.subtree_with_keys if node.data_vars and path != "."]
    sizes: dict[str, int] = {}
    for node in tree.subtree:
        sizes |= {str(dim): size for dim, size in node.sizes.items()}
    shown = [f"{sizes[dim]} {dim}" for dim in ("pic", "pixel", "instant", "point") if dim in sizes]
    rows = {
        "backplanes": ", ".join(nodes) or str(tree.name or "one node"),
        "size": " x ".join(shown),
        "next": "ds.uvis.to_fits(backplanes=tree), uvisxr.fits.smear(tree), tree.to_netcdf(path)",
        "pictures": DRAWN,
    }
    return _lines(rows)


def html(ds: xr.Dataset) -> str:
    """The overview as a table of HTML, in the colours of the page that shows it."""
    cell = 'style="text-align: left; vertical-align: top"'
    rows = "".join(
        f'<tr><th scope="row" {cell}>{escape(name)}</th><td {cell}>{escape(said)}</td></tr>'
        for name, said in overview(ds).items()
    )
    return f"<table>{rows}</table>"


def overview(ds: xr.Dataset) -> dict[str, str]:
    """What is known of a dataset: the heading and the words of each line.

    Parameters
    ----------
    ds : Dataset
        Of any step, or any other.

    Returns
    -------
    dict of str to str
        `name`, `instrument`, `target`, `exposures`, `window`, `spectra`, `left out`, `done`,
        `next`, `pictures`; lines of which the dataset says nothing are left out.
    """
    lines: dict[str, Callable[[xr.Dataset], str]] = {
        "name": lambda ds: str(ds.attrs.get("name", "")),
        "instrument": _instrument,
        "target": _target,
        "exposures": _exposures,
        "window": _window,
        "spectra": _spectra,
        "left out": _left_out,
        "done": lambda ds: ", ".join(f"{k} ({how})" if how else k for k, how in done(ds).items()),
        "next": lambda ds: ", ".join(next_steps(ds)),
        "pictures": lambda ds: ", ".join(f"plot.{name}" for name in pictures(ds)),
    }
    said = {name: _line(line, ds) for name, line in lines.items()}
    return {name: words for name, words in said.items() if words}


def _line(line: Callable[[xr.Dataset], str], ds: xr.Dataset) -> str:
    """Words in one line; none where the dataset holds something odd, for a repr never fails."""
    try:
        return " ".join(line(ds).split())
    except (KeyError, ValueError, TypeError, IndexError, OverflowError, OSError):
        return ""


def _left_out(ds: xr.Dataset) -> str:
    names = str(ds.attrs.get("left_out", ""))
    return f"{names}: uvisxr.open_reduced(path) gives them back" if names else ""


def looked_for_losses(ds: xr.Dataset) -> bool:
    """Whether a step was done that finds lost and partial spectra."""
    return bool(_LOOKED_FOR_LOSSES & done(ds).keys())


def done(ds: xr.Dataset) -> dict[str, str]:
    """Steps that a dataset has behind it, each with a word on how.

    Told from variables and attributes, which a dataset keeps that has lost its history.
    """
    attrs, names = ds.attrs, set(map(str, ds.variables))
    edited = str(attrs.get("radiance_edited", ""))
    light = any(name.startswith(("radiance", "brightness", "reflectance")) for name in names)
    # What is left of a map, or of its power, tells what it was made of.
    mapped, summed = "map_projection" in attrs, "power_rule" in attrs
    light |= summed
    light |= bool(attrs.get("left_out"))
    # Bins of exposures with several levels have none of their own.
    merged = mapped or {"n", "member_bin"} <= names
    how_calibrated = str(attrs.get("calibrate_arguments", ""))
    steps = {
        "open": {"counts", "calibration_matrix"} & names or "start_time" in attrs,
        "rebin": "summed" in attrs,
        # Several targets have no attribute.
        "geometry": ("geometry_target" in attrs or "geometry_et" in names)
        and (mapped or FIELDS.keys() & names),
        "background": "background" in names or (merged and "background_method" in attrs),
        "predict_stars": "star_count" in names,
        "calibrate": "recipe" in attrs and light,
        "smooth": "smoothing_weights" in attrs and '"smooth": false' in how_calibrated and light,
        edited.partition("(")[0]: edited and light,
        "calibration_factor": "calibration_factor" in names,
        "rate": "rate" in names,
        "bin": {"n", "member_bin"} <= names,
        "integrate": _is_integrated(ds) or summed,
        "map": mapped,
        "power": summed,
        "reflectance": "reflectance" in names and "disk_share" not in names,
        "photometry": "disk_share" in names,
    }
    how = {
        "open": "calibration matrix" if "calibration_matrix" in names else "",
        "geometry": _geometry(ds),
        "rebin": _summed(ds),
        "background": _background(ds),
        "calibrate": str(attrs.get("recipe", "")),
        "calibration_factor": str(attrs.get("recipe", "")),
    }
    return {step: how.get(step, "") for step, was in steps.items() if was}


def next_steps(ds: xr.Dataset) -> list[str]:
    """Methods of `ds.uvis` for which the dataset holds what they need, and which it has not had."""
    names, pixels = set(map(str, ds.variables)), {"pic", "pixel"} <= set(ds.dims)
    window = {"line", "band", "et", "exposure"} <= names
    counts, spectra = (_has_spectra(ds, name) for name in ("counts", "radiance"))
    seen, integrated = _has_geometry(ds) and not _is_blind(ds), "brightness" in names
    lit = "heliocentric_distance" in names and {"channel", "slit"} <= ds.attrs.keys()
    listed, did = is_list(ds), done(ds)
    whole = not {"radiance", "rate", "lon", "ra", "star_count"} & names
    can = {
        "rebin": window and counts and pixels and whole,
        "geometry": window and "channel" in ds.attrs,
        "backplanes": window and "channel" in ds.attrs,
        "background": window and counts and pixels,
        "predict_stars": seen and pixels,
        "calibrate": window and counts,
        "calibration_factor": window and counts,
        "rate": counts
        and "exposure" in names
        and ("background" not in did or (window and not listed)),
        "flag": pixels,
        "fill_nan": spectra,
        "smooth": spectra and "smoothing_weights" not in ds.attrs,
        "integrate": spectra,
        "image": (spectra or integrated) and seen and pixels and _has_body(ds),
        "map": (spectra or integrated) and seen and pixels and _has_body(ds),
        "power": _is_map(ds) and integrated and "wl_bounds" in ds.variables,
        "reflectance": (spectra or integrated) and lit,
        "photometry": (spectra or integrated) and lit and seen and pixels and _has_body(ds),
        "bin": (counts or spectra or integrated) and (pixels or listed),
        "explore": (spectra or (counts and "exposure" in names)) and pixels,
        "to_netcdf": True,
        "to_json": {"time_start", "product", "pixel"} <= names,
        "to_fits": window and counts and pixels and {"wl", "product"} <= names,
    }
    there = STEPS if listed else can.keys()
    return [name for name, ready in can.items() if ready and name in there and name not in did]


def pictures(ds: xr.Dataset) -> list[str]:
    """Methods of `ds.uvis.plot` for which the dataset holds what they need."""
    pixels = {"pic", "pixel"} <= set(ds.dims)
    seen = pixels and _has_geometry(ds) and _has_body(ds)
    light = "radiance" in ds or "brightness" in ds
    signal = pixels and (_has_spectra(ds, "radiance", "counts") or "brightness" in ds)
    placed = seen and {"line", "band"} <= set(ds.variables)
    # Bodies and what is near them are drawn without pointing too.
    seen = seen and not _is_blind(ds)
    can = {
        "quicklook": signal,
        "geometry": placed,
        "animate": placed,
        "picture": seen and light,
        "evolution": signal,
        "keogram": seen and light,
        "limb": light and (seen or "alt_bin" in ds.dims),
        "map": _is_map(ds),
        "check_stars": signal,
        "bins": {"n", "member_bin"} <= set(ds.variables),
        "spectrum": _has_spectra(ds, *_SPECTRA) and not is_list(ds),
    }
    return [name for name, ready in can.items() if ready]


def _has_spectra(ds: xr.Dataset, *names: str) -> bool:
    """Whether one of the variables is there and has wavelengths."""
    return any(name in ds and "wl" in ds[name].dims for name in names)


def _has_geometry(ds: xr.Dataset) -> bool:
    """Whether the dataset says where its pixels look: not as means of bins."""
    return "geometry" in done(ds) and "ra_corners" in ds.variables


def _is_blind(ds: xr.Dataset) -> bool:
    """Whether no exposure has pointing, as far as that is told without computing it."""
    ra = _values(ds, "ra")
    return ra is not None and ra.size > 0 and not np.isfinite(ra).any()


def _is_integrated(ds: xr.Dataset) -> bool:
    """Whether the dataset holds integrals over wavelength, or I/F of them."""
    # What isel leaves of spectra keeps its detector column.
    one = "wl" not in ds.dims and "band" not in ds.variables
    return "brightness" in ds.variables or ("reflectance" in ds.variables and one)


def _is_map(ds: xr.Dataset) -> bool:
    """Whether the dataset is a map of a body."""
    return "map_projection" in ds.attrs and "cell_area" in ds.variables


def _has_body(ds: xr.Dataset) -> bool:
    """Whether the geometry's target has a shape, to be drawn."""
    return "target_radii" in ds.attrs


def _values(ds: xr.Dataset, name: str, kind: str = "iuf") -> np.ndarray | None:
    """A small variable as an array; None if it is not there, of another kind, or not computed."""
    variable = ds.variables.get(name)
    if variable is None or variable.dtype.kind not in kind or variable.chunks is not None:
        return None
    return np.atleast_1d(variable.values)


def _summed(ds: xr.Dataset) -> str:
    return f"up to {ds.attrs.get('summed', 1)} transmitted counts in each"


def _geometry(ds: xr.Dataset) -> str:
    said = [str(ds.attrs.get("geometry_target", "")), "no pointing" if _is_blind(ds) else ""]
    return ", ".join(word for word in said if word)


def _background(ds: xr.Dataset) -> str:
    said = str(ds.attrs.get("background_method", ""))
    level = _values(ds, "background")
    if level is not None and level.size == 1:
        said += f" {level.item():.3g} count/s per detector pixel"
    return said.strip()


def _instrument(ds: xr.Dataset) -> str:
    parts = [str(ds.attrs.get("channel", ""))]
    if ds.attrs.get("slit"):
        parts.append(f"slit {ds.attrs['slit']}")
    if ds.attrs.get("optics"):
        parts.append(f"optics {ds.attrs['optics']}")
    if ds.attrs.get("compression"):
        parts.append(f"compression {ds.attrs['compression']}")
    return ", ".join(part for part in parts if part)


def _target(ds: xr.Dataset) -> str:
    prime = ds.attrs.get("prime_instrument")
    return f"{ds.attrs.get('target', '')}" + (f", led by {prime}" if prime else "")


def _exposures(ds: xr.Dataset) -> str:
    if "pic" not in ds.variables and "pic" not in ds.dims:
        return ""
    number = _number_of_exposures(ds)
    said = "" if number is None else str(number)
    seconds = _values(ds, "exposure")
    if seconds is not None and seconds.size:
        low, high = seconds.min(), seconds.max()
        said += f" of {low:g} s" if low == high else f" of {low:g} to {high:g} s"
    start, stop = _values(ds, "time_start", "M"), _values(ds, "time_stop", "M")
    if start is not None and stop is not None and start.size:
        first, last = np.datetime_as_string([start.min(), stop.max()], unit="s")
        said += f", {first} to {last} UTC"
    return said


def _number_of_exposures(ds: xr.Dataset) -> int | None:
    """How many exposures the spectra are of; None if nobody knows."""
    if "pic" in ds.dims or not ds.variables["pic"].dims:
        return ds.sizes.get("pic", 1)
    # Spectra along another dimension may be of the same one: exposures have their own times.
    times = _values(ds, "et")
    return None if times is None or not times.size else np.unique(times).size


def _window(ds: xr.Dataset) -> str:
    parts = []
    ends = [ds.attrs.get(f"{end}_{axis}") for axis in ("line", "band") for end in ("ul", "lr")]
    if None not in ends:
        parts.append("rows {}..{}, columns {}..{}".format(*ends))
        parts.append(f"bins of {ds.attrs.get('line_bin')} x {ds.attrs.get('band_bin')}")
    parts += [
        f"{size} {'pixels' if dim == 'pixel' else dim}"
        for dim, size in ds.sizes.items()
        if dim in ("pixel", "group") or str(dim).endswith("_bin")
    ]
    integrated = _is_integrated(ds)
    span = _values(ds, "wl_bounds" if integrated else "wl")
    if span is not None and span.size:
        what = "integrated over" if integrated else f"{span.size} wavelengths,"
        parts.append(f"{what} {span.min():.1f} to {span.max():.1f} angstrom")
    elif integrated:
        parts.append("integrated over wavelength")
    return ", ".join(parts)


def _spectra(ds: xr.Dataset) -> str:
    if "member_bin" in ds.variables:
        return f"{ds.sizes['member']} in bins"
    quality = ds.variables.get("quality")
    if quality is None:
        return ""
    parts = [str(quality.size)]
    lit = _lit(ds)
    if lit is not None:
        parts.append(f"{lit:.0%} lit")
    flags = _values(ds, "quality", "iu")
    if flags is None:
        return ", ".join([*parts, "flags not computed yet"])
    number = {name: np.count_nonzero(flags & bit) for name, bit in QUALITY_FLAGS.items()}
    tallies = [f"{count} {name}" for name, count in number.items()]
    if not (number["lost"] or number["partial"] or looked_for_losses(ds)):
        tallies[:2] = ["lost and partial not looked for"]
    return ", ".join([*parts, f"{np.count_nonzero(flags == 0)} good", *tallies])


def _lit(ds: xr.Dataset) -> float | None:
    """Share of the detector rows in the dataset's pixels that the slit lights."""
    if _values(ds, "line") is None or _values(ds, "band") is None:
        return None
    try:
        bins = Bins.of(ds)
    except MissingStepError:
        return None
    rows = bins.n_line.sum()
    return float(bins.lit_lines.sum() / rows) if rows else None
