"""The meaning of every variable: one table of units and names, applied at the end of each step.

Attributes follow CF-1.11. xarray keeps attributes through arithmetic, so that a rate made from
counts would still say "count": `apply` resets them from the table, whatever they were before. What
depends on the dataset, such as the sense of a longitude, it takes from the dataset's attributes.
The entries for the geometry come from `fields`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import xarray as xr

from .bits import QUALITY_FLAGS
from .fields import EPHEMERIS, ROWS, SIGHTLINE
from .texts import Texts

CONVENTIONS = "CF-1.11"

#: What CF tools must be told of every unit with kR: to UDUNITS, R is the roentgen.
KILORAYLEIGH = "1 kR (kilorayleigh) is 1e13 / (4 pi) photon m-2 s-1 sr-1; R is not the roentgen"


@dataclass(frozen=True)
class Variable:
    """The fixed attributes of one variable.

    `units` is None for times, whose units xarray keeps in the encoding, and for numbers of
    exposures, pixels, rows and columns. Of these, and of what has "1" and no standard name,
    datasets have no attribute `units`: plots of xarray would be labelled "[1]", and CF needs none
    of what has no dimension.
    `ancillary` and `bounds` name variables that are mentioned only if the
    dataset has them. A longitude is `directed`: its long name says which way it increases, if that
    is known.
    """

    units: str | None
    long_name: str
    standard_name: str | None = None
    ancillary: tuple[str, ...] = ()
    bounds: str | None = None
    directed: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    def attributes(
        self, present: frozenset[str], lon_direction: str | None = None
    ) -> dict[str, Any]:
        """Attributes in a dataset that holds the variables `present`."""
        sense = f", {lon_direction}-positive" if self.directed and lon_direction else ""
        attrs: dict[str, Any] = {"long_name": self.long_name + sense}
        if self.standard_name:
            attrs["standard_name"] = self.standard_name
        if self.units is not None and (self.units != "1" or self.standard_name):
            attrs["units"] = self.units
            if "kR" in self.units:
                attrs["comment"] = KILORAYLEIGH
        ancillary = [name for name in self.ancillary if name in present]
        if ancillary:
            attrs["ancillary_variables"] = " ".join(ancillary)
        if self.bounds in present:
            attrs["bounds"] = self.bounds
        both = [some["comment"] for some in (attrs, self.extra) if "comment" in some]
        return attrs | self.extra | ({"comment": "; ".join(both)} if both else {})


#: Unit of radiances.
RADIANCE = "kR angstrom-1"
_ANGSTROM = "angstrom"
_COUNT_RATE = "count s-1"

# Each of our days has 86400 s, as in datetime64: CF-1.11, section 4.4.
_UTC = {"units_metadata": "leap_seconds: none"}

VARIABLES: dict[str, Variable] = {
    "counts": Variable("count", "photon counts", ancillary=("quality",)),
    "rate": Variable(
        _COUNT_RATE,
        "count rate, without the background where it is known",
        ancillary=("rate_upper", "rate_lower", "rate_systematic", "quality"),
    ),
    "rate_upper": Variable(_COUNT_RATE, "upper 1-sigma half-width of the count rate"),
    "rate_lower": Variable(_COUNT_RATE, "lower 1-sigma half-width of the count rate"),
    "rate_systematic": Variable(
        _COUNT_RATE, "systematic 1-sigma error of the count rate: of the background taken off"
    ),
    "wl": Variable(_ANGSTROM, "wavelength", "radiation_wavelength", bounds="wl_bounds"),
    "wl_bounds": Variable(_ANGSTROM, "wavelength"),
    "band": Variable(None, "first detector column of the wavelength bin"),
    "pic": Variable(None, "exposure index"),
    "pixel": Variable(None, "pixel index along the slit"),
    "line": Variable(None, "first detector row of the pixel"),
    "window": Variable(None, "window of the detector, from 0"),
    # xarray keeps the units of times in the encoding.
    "time": Variable(None, "UTC at mid exposure", "time", extra=_UTC),
    "time_start": Variable(None, "UTC at the start of the exposure", extra=_UTC),
    "time_stop": Variable(None, "UTC at the end of the exposure", extra=_UTC),
    "et": Variable("s", "barycentric dynamical time past J2000 at mid exposure"),
    "exposure": Variable("s", "integration time"),
    "sclk": Variable("s", "spacecraft clock at the start of the exposure"),
    "product": Variable("1", "PDS product identifier"),
    "setup": Variable(
        "1",
        "set-up of the instrument",
        extra={"comment": "a number for channel, slit, optics, compression, window, bins and sums"},
    ),
    "geometry_setup": Variable(
        "1",
        "set-up of the geometry",
        extra={"comment": "a number for the target and the sense of its longitudes and altitudes"},
    ),
    "calibration_setup": Variable(
        "1",
        "set-up of the calibration",
        extra={
            "comment": "a number for how spectra were filled and smoothed, and for their errors"
        },
    ),
    "utc": Variable("1", "UTC of the exposure, year-day of year"),
    "quality": Variable(
        "1",
        "quality flags",
        "quality_flag",
        extra={
            "flag_masks": np.array(list(QUALITY_FLAGS.values()), np.uint8),
            "flag_meanings": " ".join(QUALITY_FLAGS),
        },
    ),
    "flagged": Variable("1", "whether the spectrum carries any of the flags asked for"),
    "background": Variable(_COUNT_RATE, "background per lit detector pixel"),
    "background_error": Variable(_COUNT_RATE, "standard error of the background"),
    "background_rate": Variable(_COUNT_RATE, "background in the element"),
    "radiance": Variable(
        RADIANCE,
        "spectral radiance",
        ancillary=("radiance_upper", "radiance_lower", "radiance_systematic", "quality"),
    ),
    "radiance_upper": Variable(RADIANCE, "upper 1-sigma half-width of the spectral radiance"),
    "radiance_lower": Variable(RADIANCE, "lower 1-sigma half-width of the spectral radiance"),
    "radiance_systematic": Variable(
        RADIANCE, "systematic 1-sigma error: calibration, background and filling"
    ),
    "radiance_background_error": Variable(
        RADIANCE, "the background's part of the systematic 1-sigma error"
    ),
    "radiance_weighted_background_error": Variable(
        RADIANCE, "the background's part of the systematic 1-sigma error of the weighted mean"
    ),
    "radiance_std": Variable(RADIANCE, "standard deviation of the spectra of a bin"),
    "radiance_stderr": Variable(RADIANCE, "standard error of the mean from the spectra's scatter"),
    "radiance_weighted": Variable(
        RADIANCE,
        "weighted mean of the spectral radiance",
        ancillary=(
            *("radiance_weighted_upper", "radiance_weighted_lower"),
            "radiance_weighted_systematic",
        ),
    ),
    "radiance_weighted_systematic": Variable(
        RADIANCE, "systematic 1-sigma error of the weighted mean"
    ),
    "radiance_weighted_upper": Variable(RADIANCE, "upper 1-sigma half-width of the weighted mean"),
    "radiance_weighted_lower": Variable(RADIANCE, "lower 1-sigma half-width of the weighted mean"),
    "radiance_n": Variable("1", "finite values in each mean", "number_of_observations"),
    "radiance_variance": Variable("kR2 angstrom-2", "statistical variance of the mean"),
    "radiance_weighted_variance": Variable(
        "kR2 angstrom-2", "statistical variance of the weighted mean"
    ),
    "radiance_per_count": Variable(RADIANCE, "spectral radiance that one more count would add"),
    "radiance_weighted_per_count": Variable(
        RADIANCE, "weighted mean of the spectral radiance that one more count would add"
    ),
    "radiance_correlation": Variable(
        "1", "sum of the covariances of an element with all of its spectrum, over its variance"
    ),
    "brightness_n": Variable("1", "finite values in each mean", "number_of_observations"),
    "brightness_variance": Variable("kR2", "statistical variance of the mean brightness"),
    "brightness_weighted_variance": Variable(
        "kR2", "statistical variance of the weighted mean brightness"
    ),
    "brightness_share": Variable("1", "share of the integral's range that is known"),
    "brightness_weighted_share": Variable(
        "1", "share of the range that is known, of the weighted mean"
    ),
    "brightness_filled": Variable("1", "share of the integral's range that was filled"),
    "n": Variable("1", "spectra in the bin", "number_of_observations"),
    "member_pic": Variable("1", "exposure index of a spectrum in a bin"),
    "member_pixel": Variable("1", "pixel index of a spectrum in a bin"),
    "member_spectrum": Variable("1", "index of a spectrum in a bin, along its dimension"),
    "member_bin": Variable("1", "index of its bin, counted through the bins in C order"),
    "counts_checksum": Variable(
        "1", "CRC-32 of the counts of an exposure", extra={"comment": "of the bytes, little-endian"}
    ),
    "calibration_error": Variable(
        "1",
        "relative error of the calibration",
        extra={
            "comment": "errors of detector pixels added in quadrature over those of an element: it "
            "falls with binning on board, as in the team's programs; the part that all pixels "
            "share does not"
        },
    ),
    "evil": Variable("1", "whether the element holds evil detector pixels: 1 yes, 0 no"),
    "evil_share": Variable("1", "share of the element's lit detector pixels that are evil"),
    "response": Variable("1", "response of evil detector pixels to that of good ones"),
    "response_error": Variable("1", "standard error of the response, common to its pixels"),
    "response_scatter": Variable("1", "standard deviation of single pixels around the response"),
    "last_band": Variable("1", "last detector column of a range"),
    "sensitivity": Variable(
        "count s-1 kR-1 angstrom",
        "sensitivity",
        extra={"comment": "along the dimension term, if it has it, terms of its time dependence"},
    ),
    "calibration_factor": Variable("kR angstrom-1 s count-1", "radiance per count rate"),
    "calibration_factor_error": Variable("kR angstrom-1 s count-1", "error of the factor"),
    "calibration_matrix": Variable(
        "kR angstrom-1 count-1", "radiance per count, calibration matrix of the archive"
    ),
    "star_count": Variable("1", "catalogue stars in the pixel that the target does not hide"),
    "star_magnitude": Variable("1", "magnitude of the brightest catalogue star in the pixel"),
    "geometry_et": Variable("s", "barycentric dynamical time past J2000 of the geometry"),
    "geometry_time": Variable(None, "UTC of the geometry", extra=_UTC),
    "solar_irradiance": Variable(
        # Photons, which UDUNITS does not know, are numbers.
        "s-1 m-2 angstrom-1",
        "spectral photon irradiance of the Sun at the target",
        extra={"comment": "convolved with the slit's response and averaged over each element"},
    ),
    "solar_time": Variable(None, "UTC at the Earth of the spectrum of the Sun", extra=_UTC),
    "filling": Variable("1", "share of the pixel that the body's disk fills"),
    "disk_share": Variable("1", "share of the body's disk that any of the pixels holds"),
    "reflectance_removed": Variable("1", "I/F of the background that was taken off the disk's"),
    "row": Variable(None, "detector row"),
    "corner": Variable(None, "corner of the pixel"),
}

for _name, _field in EPHEMERIS.items():
    VARIABLES[_name] = Variable(_field.units, _field.long_name, directed=_field.directed)

# CF-1.11 requires of corners and edges the long name of what they bound (section 7.1).
for _name, _field in {**SIGHTLINE, **ROWS}.items():
    _parts = [(_name, "corners", _field.long_name)]
    if _name in SIGHTLINE:
        _parts.append((f"{_name}_bin", "bounds", f"{_field.long_name}, in bins"))
    for _part, _ending, _text in _parts:
        _variable = Variable(_field.units, _text, directed=_field.directed)
        VARIABLES[_part] = replace(_variable, bounds=f"{_part}_{_ending}")
        VARIABLES[f"{_part}_{_ending}"] = _variable

# Integrals of radiances have the names and texts of the radiances, with other units.
for _name, _variable in [v for v in VARIABLES.items() if v[1].units == RADIANCE]:
    VARIABLES[_name.replace("radiance", "brightness", 1)] = Variable(
        "kR",
        _variable.long_name.replace("spectral radiance", "brightness"),
        ancillary=tuple(a.replace("radiance", "brightness", 1) for a in _variable.ancillary),
    )

# So have reflectances, but for the unit.
for _name, _variable in list(VARIABLES.items()):
    if _name.startswith("radiance"):
        VARIABLES[_name.replace("radiance", "reflectance", 1)] = replace(
            _variable,
            units="1",
            long_name=_variable.long_name.replace("spectral radiance", "I/F"),
            ancillary=tuple(a.replace("radiance", "reflectance", 1) for a in _variable.ancillary),
        )
VARIABLES["reflectance"] = replace(
    VARIABLES["reflectance"],
    long_name="I/F",
    extra={
        "comment": "pi times the radiance over the Sun's irradiance at the target; not divided by "
        "the cosine of the incidence angle"
    },
)

#: What a title says that a dataset contains: the first of these variables that it has.
_CONTENTS = {
    "reflectance": "I/F",
    "brightness": "brightness",
    "radiance": "spectral radiance",
    "rate": "count rate",
    "counts": "photon counts",
    "calibration_factor": "calibration factor",
    "calibration_matrix": "calibration matrix",
}


#: Attribute with the weights along wl that smoothed the radiances: of a dataset, and of its
#: radiances, which arrays taken from it keep.
SMOOTHED = "smoothing_weights"

#: Attribute with the number of transmitted counts in the fullest that `rebin` made.
SUMMED = "summed"

#: And with the number of exposures in it.
SUMMED_EXPOSURES = "summed_exposures"


def apply(ds: xr.Dataset) -> xr.Dataset:
    """Set the attributes of every variable in the table, and the dataset's title.

    Parameters
    ----------
    ds : Dataset
        Left as it is.

    Returns
    -------
    Dataset
        A shallow copy. Attributes of variables in the table are replaced, those of others kept.
    """
    ds = _with_names(ds.copy(deep=False))
    present = frozenset(map(str, ds.variables))
    for name in present & VARIABLES.keys():
        attributes = VARIABLES[name].attributes(present, ds.attrs.get("lon_direction"))
        ds.variables[name].attrs = attributes
    for name in {"radiance", "radiance_weighted"} & present:
        if SMOOTHED in ds.attrs:
            ds.variables[name].attrs[SMOOTHED] = ds.attrs[SMOOTHED]
    ds.attrs |= _title(ds.attrs, present) | {"Conventions": CONVENTIONS}
    return ds


def retitled(ds: xr.Dataset, before: xr.Dataset) -> xr.Dataset:
    """A dataset with a title of its own, if `before`, from which it comes, has that of `apply`."""
    was, title = (_title(d.attrs, frozenset(map(str, d.variables))) for d in (before, ds))
    return ds.assign_attrs(title) if was == {"title": before.attrs.get("title")} else ds


def _with_names(ds: xr.Dataset) -> xr.Dataset:
    """The dataset with names of products that `coarsen` can average."""
    product = ds.coords.variables.get("product")
    if product is None or product.dtype.kind != "U" or not product.ndim or product.chunks:
        return ds
    # As it is, for the usual way makes it an array of numpy's own.
    names = xr.Variable(
        product.dims, product.values.view(Texts), product.attrs, product.encoding, fastpath=True
    )
    return ds.assign_coords(product=names)


def _title(attrs: Mapping[Any, Any], present: frozenset[str]) -> dict[str, str]:
    """The attribute `title`: which observation this is, and what of it."""
    content = next((text for name, text in _CONTENTS.items() if name in present), None)
    if content is None:
        return {}
    said = (attrs.get(key, "") for key in ("name", "target"))
    name, target = (text if isinstance(text, str) else "" for text in said)
    observation = f"Cassini/UVIS {name}".strip()
    target = f" of {target}" if target else ""
    return {"title": f"{observation}: {content}{target}" + (", in bins" if "n" in present else "")}
