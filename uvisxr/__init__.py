"""Cassini/UVIS data as labelled, calibrated, georeferenced xarray datasets.

A product becomes one `xarray.Dataset`, by `open_product` or `open_observation`. The steps of a
reduction are methods of its accessor `.uvis`, and each returns a new dataset: see
``help(xarray.Dataset.uvis)``; ``ds.uvis`` itself says what was done and what can be next. Names are
loaded when first used: importing uvisxr costs nothing but what xarray costs.

This text defines every variable that the steps leave in a dataset: its unit, where it counts from,
which way is positive. The variables' own attributes say the same in short. All examples start from
``made``, a simulated observation of Titan with its products, kernels and calibration files::

    made = uvisxr.simulate.observation("titan", exposures=12, seed=1)

>>> ds = made.open().uvis.geometry(kernels=made.kernels)
>>> ds = ds.uvis.background(alt_min=2000).uvis.calibrate(files=made.calibration)
>>> dict(ds.radiance.sizes)
{'pic': 12, 'pixel': 60, 'wl': 1024}
>>> limb = ds.uvis.bin(by={"alt": [0, 500, 1000, 1500, 2000]})
>>> limb.uvis.integrate((1450, 1800)).brightness.dims
('alt_bin',)

Dimensions
----------
pic : 1
    Exposures, in the order of time unless they were opened with ``sort=False``; numbered from 0.
pixel : 1
    Pixels along the slit, numbered from 0 in the order of detector rows, which run along +Y of
    the instrument's frame.
wl : angstrom
    Elements of a spectrum: the mean wavelength of the detector columns in the element, by the
    grating equation. No Doppler shift is taken out.
corner
    Corners of a pixel, in the order lower_left, lower_right, upper_right, upper_left. Left and
    right are -X and +X of the instrument's frame, across the slit; low and up are -Y and +Y,
    along it.

Further dimensions have no coordinate: `bnds` (lower and upper bound), `axis` (x, y, z of J2000),
`term` (of the sensitivity), `sample` (instants within an exposure, after `pic`, if the geometry was
asked for several), `member` (spectra in bins), `group` (bins made by hand).

A subset keeps its numbers: after ``ds.isel(pic=[5])``, `pic` is 5.

Detector and window
-------------------
The detector has 64 rows and 1024 columns. A product holds a window of it, whose inclusive corners
are the attributes `ul_line`, `ul_band`, `lr_line`, `lr_band`. On board `line_bin` rows and
`band_bin` columns were summed into one element; the last ones of a window may hold fewer. The slit
lights rows 2 to 61. A product of several windows is a `DataTree` with a node for each.

line : 1
    First detector row of each pixel, 0 to 63.
band : 1
    First detector column of each element, 0 to 1023.
wl_bounds : angstrom
    Wavelengths at the edges of each element, (wl, bnds).

Times
-----
A label's START_TIME is the end of the first exposure (users guide, chapter 2), so that the first
exposure begins one integration time before it. ``start_time="start"`` takes it for the beginning,
as other tools do; the attribute `start_time` says which was chosen.

time, time_start, time_stop : UTC
    Middle, beginning and end of each exposure, at the spacecraft.
et : s
    Middle of each exposure, barycentric dynamical time (TDB) past J2000, as SPICE counts.
sclk : s
    The spacecraft's clock at the beginning of each exposure.
exposure : s
    Integration time. In bins the sum over the members.
product : 1
    Identifier of the product that holds the exposure.

Counts and radiances
--------------------
One kilorayleigh (kR) is 1e13 / (4 pi) photon m-2 s-1 sr-1. Errors are half-widths of intervals of
68.27 %: `x_upper` reaches up from `x`, `x_lower` down, both positive. What is missing is NaN.

counts : count
    Photon counts of each element, (pic, pixel, wl). 65535 marks those that were not transmitted. In
    bins the sum over the members, without these.
rate, rate_upper, rate_lower : count s-1
    Counts over exposure, and their errors. No background is taken off.
radiance, radiance_upper, radiance_lower : kR angstrom-1
    Spectral radiance of each element, (counts / exposure - background n) / sensitivity with n the
    detector pixels in the element, and its errors: those of the counts, and with
    ``errors="total"`` those of background and calibration too. It is negative where there are
    fewer counts than the background's mean. In bins the mean of the members.
radiance_systematic : kR angstrom-1
    With ``errors="statistical"``: the 1-sigma error that background and calibration give to all
    spectra together. It does not average down.
calibration_error : 1
    Relative error of the sensitivity, 1 sigma, (pixel, wl).
evil : 1
    1 where an element holds evil detector pixels, which respond badly, else 0, (pixel, wl).
sensitivity, sensitivity_error : count s-1 kR-1 angstrom
    Count rate over radiance, and its error, as terms of a sum, (term, pixel, wl).
sensitivity_weight : 1
    What each term is multiplied by at the time of each exposure, (pic, term).
calibration_factor, calibration_factor_error : kR angstrom-1 s count-1
    One over the sensitivity at each exposure, and its error: from `ds.uvis.calibration_factor`.
calibration_matrix : kR angstrom-1 count-1
    Instead of counts, in a calibration matrix of the archive: it holds 1 / exposure too.
background, background_error : count s-1
    Counts the detector makes by itself, per second and detector pixel: an element of n detector
    pixels has n times it. It is the same all over the detector.
`brightness*` : kR
    The integral of a radiance over wavelengths: of ``wl_range``, angstrom. `brightness_upper`,
    `brightness_std` and so on are to it what `radiance_upper`, `radiance_std` are to the radiance.

Quality
-------
quality : 1
    Flags of each spectrum, (pic, pixel), as a sum of bits; 0 is good. Background, bins and pictures
    leave flagged spectra out unless told otherwise.

    lost : 1
        It holds no count, or no value, where some had to be.
    partial : 2
        It lacks a part: missing values, no Lyman-alpha, an impossible run of zeros.
    star : 4
        A star crossed the pixel.
    dark_line : 8
        All its detector rows are without usable signal: 0, 1, 62 and 63 are not lit, and the flat
        field of 61 is wrong.
    user : 16
        The user set it aside.

Line of sight
-------------
Of the middle of each pixel, (pic, pixel), at the middle of each exposure. The *point* is where the
line of sight first meets the target's ellipsoid. Where it misses, the point is the tangent point:
the one of least altitude on the line of sight, or, with ``tangent="scaled"``, the one nearest to
the centre in the space where the ellipsoid is a sphere. Light time, aberration and the target's
rotation are those of each ray, as in SPICE's `sincpt` and `ilumin` with "CN+S". Angles are against
the normal of the ellipsoid at the point, or below it. All are NaN without pointing, but those that
are 0 or 1.

lon : degree
    Longitude of the point, 0 <= lon < 360, west-positive; east-positive with
    ``lon_direction="east"``. The attribute `lon_direction` says which.
lat : degree
    Planetocentric latitude of the point: of its direction from the centre; north positive.
lat_graphic : degree
    Planetographic latitude of the point: of the normal of the ellipsoid.
alt : km
    Altitude of the tangent point above the ellipsoid, of lines of sight that meet the target too:
    there it is negative.
sza : degree
    Solar zenith angle (incidence) at the point: 0 under the Sun, above 90 on the night side.
ems : degree
    Emission angle: between the normal and the direction to the spacecraft. Some 90 at a tangent
    point.
phase : degree
    Angle at the point between the directions to the Sun and to the spacecraft.
lt : hour
    Local solar time of the point, 0 <= lt < 24, noon at 12, as SPICE's `et2lst` has it.
on_disk : 1
    1 where the line of sight meets the ellipsoid; 0 elsewhere, and without pointing.
ra, dec : degree
    Right ascension, 0 <= ra < 360, and declination of the apparent direction, J2000: the pixel's
    vector turned by the spacecraft's attitude, with no correction for aberration. The places of
    a catalogue have to be shifted by it: see `sc_velocity`.
`tangent_*`
    The same of the tangent point everywhere, on the disk too: `tangent_lon`, `tangent_alt`, ...
`*_corners`
    The same of the corners of each pixel, (pic, pixel, corner). Those of a pixel across the prime
    meridian lie on both sides of 360, unaltered.

Rings
-----
Where the line of sight crosses the plane of the equator, of giant planets only, whether a ring is
there or not; NaN where it is not crossed ahead of the spacecraft. Angles are against the northern
normal of the plane: above 90 the southern side is seen, or lit.

ring_radius : km
    Distance of the crossing from the planet's centre.
ring_longitude : degree
    Longitude of the crossing in inertial space, prograde from the ascending node of the plane on
    the equator of J2000, 0 <= ring_longitude < 360.
ring_emission, ring_incidence : degree
    Angles to the spacecraft and to the Sun.
ring_in_front : 1
    1 where the plane is crossed and the planet not met before; else 0.

Target and spacecraft
---------------------
One value an exposure, (pic). The target is the attribute `geometry_target`; its radii, km, are
`target_radii`. With these, pictures need no kernels.

sc_lon, sc_lat : degree
    The point of the ellipsoid nearest to the spacecraft, as it appears from there; planetocentric,
    in the sense of `lon` and `lat`.
sc_alt : km
    Altitude of the spacecraft above that point.
sub_solar_lon, sub_solar_lat : degree
    The point of the ellipsoid nearest to the Sun, when the light left that the spacecraft sees.
target_distance : km
    Of the target's centre from the spacecraft, corrected for light time.
heliocentric_distance : au
    Of the target's centre from the Sun.
target_ra, target_dec : degree
    Apparent direction of the target's centre, J2000.
pole_ra, pole_dec : degree
    Direction of the target's north pole, J2000, when the light left its centre.
prime_meridian : degree
    Angle along the target's equator, from its ascending node on that of J2000 to the prime
    meridian, at the same time: the W of the IAU's reports.
sc_velocity : km s-1
    Of the spacecraft against the barycentre of the solar system, J2000, (pic, axis): aberration
    comes from it.
geometry_et : s
    The instants that all this holds for, as `et`.

Stars
-----
star_count : 1
    Catalogue stars in each pixel that the target does not hide, (pic, pixel).
star_magnitude : 1
    Magnitude of the brightest of them, NaN without any.

Images
------
Of `ds.uvis.image`, on the plane through the target's centre that faces the spacecraft.

x, y : km
    Middles of the cells: to the right of the centre, and towards the target's north.
footprints : 1
    How many lie over each cell, (y, x).

Bins
----
Of `ds.uvis.bin`. The dimensions `pic` and `pixel` give way to those of the bins. Fields of the line
of sight become their means over the members, on the circle where they come round.

`*_bin` : of the field
    Middle of each bin along a field: `lat_bin`, `alt_bin`, ...
`*_bin_bounds` : of the field
    Its edges: lower <= field < upper. The last bin holds its upper edge too.
n : 1
    Spectra in each bin.
radiance_n : 1
    Finite values in each mean, at each wavelength.
radiance_std : kR angstrom-1
    Standard deviation of the members, with n - 1.
radiance_stderr : kR angstrom-1
    Standard error of the mean from the scatter of the members.
radiance_weighted, radiance_weighted_upper, radiance_weighted_lower : kR angstrom-1
    Mean with weights of one over the members' variances, and its errors.
member_pic, member_pixel : 1
    `pic` and `pixel` of each member, in the order of the bins.
member_bin : 1
    Index of its bin, counted through the bins in C order.

Attributes
----------
name
    Of the observation: channel, year and day of the year, prime instrument, number.
channel, slit, slit_width, slit_dlambda
    FUV or EUV; HIGH_RESOLUTION, LOW_RESOLUTION or OCCULTATION; its width, micrometre, and that of
    its image in the spectrum, angstrom.
target, prime_instrument
    The body, in capitals, and the instrument that steered the observation, if known.
ul_line, ul_band, lr_line, lr_band, line_bin, band_bin
    The window; see above.
year, doy, start_time, compression
    Year and day of the year (1 is 1 January) of the first START_TIME; what that means; how counts
    were packed on board: with SQRT_9 those above 128 are rounded.
geometry_target, target_radii, lon_direction, tangent, kernels
    Of the geometry: its target and radii, km, equatorial ones first; choices; names of the kernels.
background_method, background_spectra, background_expected
    How the background was found, in how many spectra; what the users guide expects, count/s per
    detector pixel.
recipe, calibrate_arguments, radiance_edited
    Of the calibration: its constants and arguments; what changed the radiances afterwards.
history
    A line for each step: all its arguments, the version, names and sha256 of the files used.
pipeline
    The steps of a batch that gave the dataset, as JSON.
Conventions
    The CF version that names and units follow.

The label's other keywords are attributes in lower case, as far as all products share the value.
"""

import sys
from importlib import import_module
from pathlib import PurePath
from typing import TYPE_CHECKING

from . import registration as _registration
from ._version import __version__
from .errors import UvisError, UvisWarning

if TYPE_CHECKING:
    from . import batch, simulate
    from .batch.joining import open_processed
    from .export import load_json
    from .reader.observation import open_observation, open_product
else:
    #: Where each name that is not here yet comes from.
    _SOURCES = {
        "load_json": ".export",
        "open_observation": ".reader.observation",
        "open_processed": ".batch.joining",
        "open_product": ".reader.observation",
    }
    _ROOMS = ("batch", "simulate")

    # Out of sight of type checkers, for whom any name would then exist.
    def __getattr__(name):
        if name in _SOURCES:
            return getattr(import_module(_SOURCES[name], __name__), name)
        if name in _ROOMS:
            return import_module(f".{name}", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "UvisError",
    "UvisWarning",
    "__version__",
    "batch",
    "load_json",
    "open_observation",
    "open_processed",
    "open_product",
    "simulate",
]


def __dir__() -> list[str]:
    return __all__


# The command says its version or help without xarray, which takes half a second to import; what it
# runs then registers the accessor itself.
if PurePath(*sys.argv[:1]).stem != "uvisxr":
    _registration.register()
