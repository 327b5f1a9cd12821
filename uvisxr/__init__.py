"""Cassini/UVIS data as labelled, calibrated, georeferenced xarray datasets.

`open_product` and `open_observation` turn products into one `xarray.Dataset`: those of the FUV and
the EUV, with PDS3 or PDS4 labels, QUBE and SPECTRUM objects alike. The steps of a reduction are
methods of its accessor `.uvis`, and each returns a new dataset: see ``help(xarray.Dataset.uvis)``.
``ds.uvis`` itself shows which steps are done and which can come next; `ds.uvis.plot` has pictures:
`quicklook`, `picture`, `evolution`, `keogram`, `limb` and others. A product of several windows
is a tree, whose `.uvis` has the same methods and calls them for every window:
``help(xarray.DataTree.uvis)``. One array of radiances can be filled, smoothed and integrated:
``help(xarray.DataArray.uvis)``. Names are loaded when first used: importing uvisxr costs nothing
but what xarray costs. Where kernels, calibration files and the cache are can be set once, with
`uvisxr.set_options`. Of a catalogue of many products (`uvisxr.catalogue.build`) `uvisxr.search`
finds the spectra that looked somewhere. What steps, downloads and batches are doing goes to the
logger ``uvisxr``: ``logging.basicConfig(level="INFO")`` shows it.

This text defines every variable that the steps add to a dataset, with its unit, zero point and
sign; the attributes of the variables give the short version. What is a number without dimension has
the unit 1 here, and, as CF has it, no attribute `units`, but for numbers of observations and flags
with a standard name: plots of xarray would be labelled "[1]". All examples start from ``made``, a
simulated observation of Titan with its products, kernels and calibration files. (To try something,
``uvisxr.tutorial.open("titan")`` opens a larger one, which it keeps in the cache.) ::

    made = uvisxr.simulate.observation(directory="titan", exposures=12, seed=1)

>>> ds = made.open().uvis.geometry(kernels=made.kernels)
>>> ds = ds.uvis.background(alt_min=1500).uvis.calibrate(files=made.calibration)
>>> dict(ds.radiance.sizes)
{'pic': 12, 'pixel': 60, 'wl': 1024}
>>> limb = ds.uvis.bin(by={"alt": [0, 500, 1000, 1500, 2000]})
>>> limb.uvis.integrate((1450, 1800)).brightness.dims
('alt_bin',)

Dimensions
----------
pic
    Exposures, numbered from 0; in order of time unless opened with ``sort=False``.
pixel
    Pixels along the slit, numbered from 0 in the order of detector rows, which run along +Y of the
    instrument frame.
wl : angstrom
    Spectral elements. The coordinate is the mean wavelength of the detector columns in the element,
    from the grating equation; no Doppler shift is removed.
corner
    Corners of a pixel, in the order lower_left, lower_right, upper_right, upper_left. Left and
    right are -X and +X of the instrument frame, across the slit; lower and upper are -Y and +Y,
    along it.

Further dimensions have no coordinate: `bnds` (lower and upper bound), `axis` (x, y, z of J2000),
`term` (of the sensitivity), `sample` (instants within an exposure, after `pic`, if the geometry has
several), `member` (spectra in bins), `group` (bins made by hand), `spectrum` (of
`uvisxr.open_found`).

A selection keeps its numbers: after ``ds.isel(pic=[5])``, `pic` is 5. Exposures that
``ds.uvis.rebin`` merges have the number of the first.

Steps know these names, and need the numbers of exposures, rows and columns as they were. What
xarray renames, swaps, stacks, averages or drops before a step is an error that says how to mend it:
sum neighbours with `ds.uvis.rebin`, average spectra with `ds.uvis.bin`, or what `calibrate` gives.

Detector and window
-------------------
The detector has 64 rows and 1024 columns, of which a product holds a window. Its inclusive corners
are the attributes `ul_line`, `ul_band`, `lr_line`, `lr_band`. On board, `line_bin` rows and
`band_bin` columns were summed into each element; the last ones in a window may contain fewer.
``ds.uvis.rebin`` sums further, and adapts these numbers. The
slit illuminates rows 2 to 61. A product with several windows becomes a `DataTree` with one node per
window: ``tree.uvis.calibrate()`` calibrates all, ``tree["window0"].uvis`` is one of them.

line
    First detector row of each pixel, 0 to 63.
band
    First detector column of each element, 0 to 1023.
wl_bounds : angstrom
    Wavelengths at the edges of each element, (wl, bnds).

Times
-----
A label's START_TIME is the end of the first exposure (users guide, chapter 2), so the first
exposure begins one integration time earlier. With ``start_time="start"`` it is taken as the
beginning, as other tools do; the attribute `start_time` records the choice.

time, time_start, time_stop : UTC
    Middle, beginning and end of each exposure, at the spacecraft.
et : s
    Middle of each exposure, in barycentric dynamical time (TDB) past J2000, as in SPICE.
sclk : s
    Spacecraft clock at the beginning of each exposure.
exposure : s
    Integration time. In bins, the sum over the members.
product : 1
    Identifier of the product that contains the exposure.
window
    Of spectra along `spectrum`: window of their product, from 0.
setup : 1
    A number for the channel, slit, optics, compression, window and bins that the exposure was
    opened with, and for the counts that `ds.uvis.rebin` summed. The attribute `described_setup` is
    that of the dataset: steps refuse exposures of another, which `xarray.concat` puts together.
    Where that is lost, they refuse exposures of several.
utc : 1
    UTC of the exposure as text, 2005-230T15:15:04.141: from `ds.uvis.utc`.

Counts and radiances
--------------------
One kilorayleigh (kR) is 1e13 / (4 pi) photon m-2 s-1 sr-1. To UDUNITS, and so to other CF tools, R
is the roentgen; `uvisxr.units.registry` gives pint a rayleigh. Errors are half-widths of 68.27 %
intervals: `x_upper` extends upwards from `x`, `x_lower` downwards, both positive. Missing values
are NaN.

counts : count
    Photon counts of each element, (pic, pixel, wl). 65535 marks elements that were not transmitted.
    After ``ds.uvis.rebin`` sums of several elements, of 32 bits; 4294967295 marks those that lack
    one. In bins, the sum over the members, without those.
rate, rate_upper, rate_lower, rate_systematic : count s-1
    Counts divided by exposure, less n times the background where it is known, and its errors: those
    of the counts, and the systematic one, which is the background's, (pixel, wl).
radiance, radiance_upper, radiance_lower : kR angstrom-1
    Spectral radiance of each element, (counts / exposure - n background) / sensitivity with n the
    number of lit detector pixels in the element, and its errors: those of the counts, and with
    ``errors="total"`` the systematic ones as well. It is negative where there are fewer counts than
    expected from the background. In bins, the mean of the members.
radiance_systematic : kR angstrom-1
    1-sigma error of the calibration, the background and what was filled on emission lines. It does
    not average down.
radiance_background_error : kR angstrom-1
    The background's part of it, (pixel, wl).
counts_checksum : 1
    CRC-32 of the counts of each exposure, (pic,): in compact files only, where it shows whether
    the counts are still those of the radiances that are left out.
calibration_error : 1
    Relative 1-sigma error of the sensitivity, (pixel, wl). It falls with binning on board, as the
    errors of detector pixels are added in quadrature: their sum over the root of their number.
evil : 1
    1 where an element contains evil detector pixels, which respond poorly; else 0. (pixel, wl).
evil_share : 1
    Share of the lit detector pixels in an element that are evil: from `ds.uvis.evil_share`. On the
    detector, (64, 1024), `uvisxr.instrument.evil_pixels` has them.
response, response_error, response_scatter : 1
    In a table of `uvisxr.calibration.evil_response`: response of evil detector pixels to that of
    good ones, its standard error, common to all, and the scatter of single pixels around it. By
    ranges of columns, (band,), or for each pixel, (line, band).
last_band : 1
    Last detector column of such a range, which begins at `band`.
sensitivity : count s-1 kR-1 angstrom
    Count rate per radiance, as the terms of a sum, (term, pixel, wl), each with a weight that
    depends on time: see `calibrate_arguments`. `calibration_error` is its relative error. Of the
    joined outputs of a batch, that at the mean time of each product, (pic, pixel, wl).
calibration_setup : 1
    A number for how spectra were filled and smoothed, and for what their errors hold, (pic). Steps
    that go back to the counts refuse others than the attributes say, which `xarray.concat` puts
    together.
calibration_factor, calibration_factor_error : kR angstrom-1 s count-1
    Inverse of the sensitivity at each exposure, and its error: from `ds.uvis.calibration_factor`.
    Of a calibrated dataset, what its radiances were made with.
    From `uvisxr.open_fits`, that of the middle of the observation, (pixel, wl).
calibration_matrix : kR angstrom-1 count-1
    In place of counts, in calibration matrices of the archive, which include 1 / exposure.
background, background_error : count s-1
    The detector's own counts per second and lit detector pixel, uniform over rows 2..61: an element
    of n such pixels has n times that. Rows that the slit does not light see almost none.
background_rate : count s-1
    The same in each element, (pixel, wl), where a FITS file has one that differs from pixel to
    pixel: from `uvisxr.open_fits`.
`brightness*` : kR
    Integral of a radiance over the wavelengths `wl_bounds`, from `ds.uvis.integrate`.
    `brightness_upper`, `brightness_std` and so on are its counterparts of `radiance_upper`,
    `radiance_std` and so on.
brightness_per_count : kR
    Brightness of one more count.
brightness_filled, brightness_share, brightness_weighted_share : 1
    Shares of the range that were filled, and that are known where that is asked for.
brightness_variance, brightness_weighted_variance : kR2
    Of bins, as `radiance_variance`.

Reflectances
------------
From `ds.uvis.reflectance` and `ds.uvis.photometry`.

`reflectance*` : 1
    I/F, pi times the radiance over the Sun's irradiance at the target: 1 for a white Lambert
    surface with the Sun in the zenith. Not divided by the cosine of the incidence angle.
    `reflectance_upper`, `reflectance_systematic` and so on are its counterparts of
    `radiance_upper`, `radiance_systematic` and so on. Of `photometry`, the mean over the disk.
solar_irradiance : s-1 m-2 angstrom-1
    The Sun's irradiance at the target, photons, convolved with the slit's response and averaged
    over each element.
solar_time : UTC
    Date of the Sun's spectrum, at the Earth, where it comes from a series.
filling : 1
    Share of each pixel that the body's disk fills, its night side included, (pic, pixel), unless
    the exposures are taken together.
disk_share : 1
    Share of the body's disk that is in the pixels: of several exposures together, in any of them.
    Pixels without a value do not count; of spectra with NaN it is that at the wavelength where it
    is least.
reflectance_removed : 1
    I/F of the background that was taken off that of the disk.

Quality
-------
quality : 1
    Flags of each spectrum, (pic, pixel), as a sum of bits; 0 is good. Background, bins and pictures
    leave flagged spectra out unless told otherwise.

    lost : 1
        No counts, or no values, where there must have been some. This and `partial` are looked for
        by `ds.uvis.background` and, without a background, by `calibrate` and `rate`, which judge
        runs of zeros by the level of the date in the FUV (`uvisxr.background.rtg_level`), and not
        at all in the EUV: not on opening, when nothing is read.
    partial : 2
        Incomplete: values missing that its product has, no Lyman-alpha, or an impossibly long run
        of zeros.
    star : 4
        A star crossed the pixel.
    dark_line : 8
        None of its detector rows is usable: 0, 1, 62 and 63 are not illuminated, and row 61 has a
        wrong flat field.
    user : 16
        Set aside by the user.
flagged : 1
    Whether a spectrum carries any of some flags, (pic, pixel): from `ds.uvis.flagged`.

Line of sight
-------------
For the centre of each pixel, (pic, pixel), at mid-exposure. The *point* is where the line of sight
first meets the target's ellipsoid. If it misses, the point is the tangent point: the point of
minimum altitude on the line of sight or, with ``tangent="scaled"``, the one nearest the centre in
the space in which the ellipsoid is a sphere. Light time, aberration and the target's rotation are
applied ray by ray, as in SPICE's `sincpt` and `ilumin` with "CN+S". Angles are measured from the
normal of the ellipsoid at the point, or below it. Without pointing all are NaN, except those that
are 0 or 1. If the target is no body (SOLAR WIND, STAR, CALIB...), or has no known radii or rotation
(Hyperion, irregular moons), only `ra` and `dec` exist.

lon : degree
    Longitude of the point, 0 <= lon < 360, increasing westwards; eastwards with
    ``lon_direction="east"``. The dataset's attribute `lon_direction` records which, and the
    `long_name` of every longitude on the target says so.
lat : degree
    Planetocentric latitude of the point: that of its direction from the centre; north positive.
lat_graphic : degree
    Planetographic latitude of the point: that of the ellipsoid's normal; north positive.
alt : km
    Altitude of the tangent point above the ellipsoid, also where the line of sight meets the
    target: there it is negative.
sza : degree
    Solar zenith (incidence) angle at the point: 0 below the Sun, above 90 on the night side.
ems : degree
    Emission angle: between the normal and the direction to the spacecraft; about 90 at a tangent
    point.
phase : degree
    Angle at the point between the directions to the Sun and to the spacecraft.
lt : hour
    Local solar time of the point, 0 <= lt < 24, noon at 12, as SPICE's `et2lst` gives it.
on_disk : 1
    1 where the line of sight meets the ellipsoid; 0 elsewhere, and without pointing.
ra, dec : degree
    Right ascension, 0 <= ra < 360, and declination of the apparent direction, J2000: the pixel's
    vector rotated by the spacecraft's attitude, not corrected for aberration. To compare with a
    star catalogue, shift its positions by the aberration due to `sc_velocity`.
`tangent_*`
    The same at the tangent point everywhere, on the disk as well: `tangent_lon`, `tangent_alt`, ...
`*_corners`
    The same at the corners of each pixel, (pic, pixel, corner). If a pixel straddles the prime
    meridian, its corners lie on both sides of 360 and are left so.
row
    Detector rows, 0 to 63, with ``all_rows=True``.
`row_*`
    The same for every one of these, whatever was read out, (pic, row), and at its corners:
    `row_lon`, `row_tangent_alt`, `row_ra_corners`, ...

Rings
-----
Where the line of sight crosses the equatorial plane; giant planets only, whether or not there is a
ring. NaN if it does not cross the plane ahead of the spacecraft. Angles are measured from the
northern normal of the plane: above 90 the southern side is seen, or lit.

ring_radius : km
    Distance of the crossing from the planet's centre.
ring_longitude : degree
    Inertial longitude of the crossing, 0 <= ring_longitude < 360, prograde from the ascending node
    of the plane on the J2000 equator.
ring_emission, ring_incidence : degree
    Angles to the spacecraft and to the Sun.
ring_phase : degree
    Angle at the crossing between the directions to the Sun and to the spacecraft.
ring_in_front : 1
    1 where the plane is crossed and the planet is not met before; else 0.

Target and spacecraft
---------------------
One value per exposure, (pic). The target is the attribute `geometry_target`, its radii in km are
`target_radii`. With these, pictures need no kernels. If the target is no body, there are only
`sc_position`, `sc_velocity` and `sc_heliocentric_distance`; if it has no known radii or rotation,
the fields of its centre as well: `target_distance`, `target_phase`, `target_ra`, `target_dec` and
`heliocentric_distance`.

sc_lon, sc_lat : degree
    Longitude, counted as `lon`, and planetocentric latitude of the point of the ellipsoid nearest
    the spacecraft, as it appears from there.
sc_alt : km
    Altitude of the spacecraft above that point.
sc_sza, sc_phase, sc_ems : degree
    At that point: solar zenith angle; phase and emission angles towards the spacecraft. As it is
    seen along the normal, the emission angle is 0, and the phase angle is the zenith angle.
sc_lt : hour
    Local solar time of that point, as `lt`.
sub_solar_lon, sub_solar_lat : degree
    Longitude and latitude, counted alike, of the point with the Sun in the zenith when the light
    left it that the spacecraft receives; seen from the moving surface, as in SPICE's `subslr`.
target_distance : km
    Distance of the target's centre from the spacecraft, corrected for light time.
target_phase : degree
    Angle at the target's centre between the directions to the Sun and to the spacecraft.
heliocentric_distance : au
    Distance of the target's centre from the Sun.
sc_heliocentric_distance : au
    Distance of the spacecraft from the Sun, corrected for light time.
target_ra, target_dec : degree
    Apparent direction of the target's centre, J2000.
pole_ra, pole_dec : degree
    Direction of the target's north pole, J2000, when the light left its centre.
prime_meridian : degree
    Angle along the target's equator from its ascending node on the J2000 equator to the prime
    meridian, at the same time: W in the IAU reports.
sc_position : km
    Position of the spacecraft relative to the solar-system barycentre, J2000, (pic, axis).
sc_velocity : km s-1
    Velocity of the spacecraft relative to the solar-system barycentre, J2000, (pic, axis), which
    causes the aberration.
geometry_et : s
    Instants for which all this holds, counted as `et`; (pic, sample) with several per exposure.
geometry_time : UTC
    The same in UTC, to the microsecond, as `time`.
geometry_setup : 1
    A number for the target, the sense of longitudes and the kind of tangent, (pic). Steps that take
    the fields of all exposures as those of one body refuse others than the attributes say, which
    `xarray.concat` puts together.

Stars
-----
star_count : 1
    Number of catalogue stars in each pixel that the target does not hide, (pic, pixel).
star_magnitude : 1
    Magnitude of the brightest of them, NaN if there are none.

Backplanes
----------
`ds.uvis.backplanes` adds nothing to the dataset: it gives a tree, whose fields are those of lines
of sight, rings and spacecraft above and more, (pic, pixel, instant, point). The table in
`docs/howto/backplanes.md` defines each, and so does the attribute `comment` of every variable, such
as ``tree["rings/in_shadow"]``.

Images
------
From `ds.uvis.image`, in the plane through the target's centre that faces the spacecraft.

x, y : km
    Centres of the cells: to the right of the target's centre, and towards its north.
footprints : 1
    Number of footprints over each cell, (y, x).

Maps
----
From `ds.uvis.map`, over (lat, lon) or (lat, lt), or around a pole over (y, x). `lat`, `lon` and
`lt` are those of the middles of the cells, on a shell whose semi-axes are those of the target and
the attribute `map_altitude` each, km, with bounds or a `crs`. `x` and `y`, km, with bounds, are
places in Lambert's azimuthal equal-area projection about the pole, which is seen from above;
downwards is noon or the longitude 0. `footprints` is that of images. `ems`, `sza`, `phase`, and
`lt` or `lon` where it is not the place of the cell, are means over its footprints of the values at
the middles of the pixels, on that shell. `brightness_correlation` is the sum of the covariances of
a cell with all cells, each by its area, over its own area and variance. The attributes `map_*` are
the arguments, and the Sun's planetographic latitude and the spread of its longitudes, degrees.

spectra : 1
    Number of spectra whose footprints lie at least in part in the cell.
covered : 1
    Share of the cell that lies in any footprint. Of a region, the share of it that was seen.
mu : 1
    Mean cosine of the emission angle.
cell_area : km2
    Area of the cell on the shell.
crs : 1
    The projection as CF describes it, of maps around a pole by longitude.
photons : s-1
    What a region of a map emits, from `ds.uvis.power`, with errors like those of a brightness.
power : W
    The same times the energy of a photon, the attribute `photon_energy`, J.
area : km2
    What was seen of the region.

Bins
----
From `ds.uvis.bin`. The dimensions of the bins replace `pic` and `pixel`. Line-of-sight fields
become their means over the members, on the circle for those that wrap, and so do the fields of
target and spacecraft, from `sc_lon` to `sc_heliocentric_distance`.

`*_bin` : of the field
    Middle of each bin along a field: `lat_bin`, `alt_bin`, ...
`*_bin_bounds` : of the field
    Its edges: lower <= field < upper; the last bin includes its upper edge.
n : 1
    Number of spectra in each bin.
radiance_n, brightness_n : 1
    Number of finite values in each mean, at each wavelength.
radiance_std : kR angstrom-1
    Standard deviation of the members, with n - 1.
radiance_stderr : kR angstrom-1
    Standard error of the mean, from the scatter of the members.
radiance_weighted, radiance_weighted_upper, radiance_weighted_lower : kR angstrom-1
    Mean weighted by the inverse of the variances that members of one brightness would have, and its
    errors.
radiance_weighted_systematic, radiance_weighted_background_error : kR angstrom-1
    Its systematic error, and the background's part of it.
radiance_variance, radiance_weighted_variance : kR2 angstrom-2
    Statistical variances of the two means.
radiance_per_count, radiance_weighted_per_count : kR angstrom-1
    What one more count would add to the two means.
radiance_correlation : 1
    Sum of an element's covariances with all elements of its spectrum, over its variance: how much
    smoothing and filling tie neighbours together.
member_pic, member_pixel : 1
    `pic` and `pixel` of each member, in the order of the bins.
member_spectrum : 1
    In place of these, of spectra along `spectrum`: the index there.
member_bin : 1
    Index of its bin, counting through the bins in C order.

Attributes
----------
title
    Name, content and target in words.
name
    Of the observation, CHANNEL_YEAR_DOY[_PRIME][_ID]: FUV_2006_015_PRIME_1 has the prime instrument
    UVIS and the number 1.
channel, slit, slit_width, slit_dlambda
    FUV or EUV; HIGH_RESOLUTION, LOW_RESOLUTION or OCCULTATION; width of the slit, micrometre, and
    of its image in the spectrum, angstrom.
optics
    What the light came in through: telescope, or solar_port, the EUV's own port for the Sun, 20.07
    degrees off. As the label has it: target SUN and OCCULTATION_PORT_STATE open; or as
    ``geometry(optics=...)`` had it. Where it is lost, steps take what `setup` tells.
target, prime_instrument
    What was looked at, in capitals, as the label has it or ``open_observation(target=...)`` had it,
    and the instrument that controlled the pointing, if known: PRIME (UVIS itself), CIRS, VIMS or
    ISS. The geometry knows the archive's other names for bodies, and so do filters: `DA`, `PO`,
    `AG`, `AN`, `ME`, `PL` are Daphnis, Polydeuces, Aegaeon, Anthe, Methone, Pallene; `ATLAS:` is
    Atlas; `S RINGS` and `SATURN RINGS` are the same, and the planet stands for its rings. No bodies
    are SOLAR WIND, STAR, CALIB, SKY, IPH (interplanetary hydrogen), UNK, N/A and the like.
ul_line, ul_band, lr_line, lr_band, line_bin, band_bin
    The window; see above.
summed
    How many transmitted counts each one is the sum of, after ``ds.uvis.rebin``; the last of a
    product or a window may be of fewer.
summed_exposures
    How many exposures these are of, if several were summed: `map` tells where the slit moved on
    between them.
year, doy, start_time, compression
    Year and day of year (1 January is 1) of the first START_TIME; how that was taken; compression
    on board: SQRT_9 rounds counts above 128.
geometry_target, target_radii, lon_direction, tangent, kernels
    Of the geometry: target, empty if it is no body; its radii, km, if known; options; names of the
    kernels.
background_method, background_spectra, background_expected
    How the background was determined, and from how many spectra; the level that the users guide
    shows for the date of the exposures, count/s per detector pixel, where that is known.
described_setup
    A number for what the attributes say of the instrument: that of the exposures they describe.
recipe, calibrate_arguments, radiance_edited
    Of the calibration: the name of its recipe, or of the archive's matrix; its arguments, as JSON,
    with the `schedule` of the terms of the sensitivity and the choices that made that; what has
    changed the radiances since.
solar_spectrum, solar_error, photometry_background
    Of reflectances: the Sun's spectrum, its relative error, and the background that was taken off a
    disk, "sky", "night" or "none".
time_coverage_start, time_coverage_end
    Of bins: when the first exposure with a spectrum in any of them began, and when the last ended,
    UTC.
history
    One line per step: all its arguments, the version, names and sha256 of the files used.
left_out, left_out_comment, left_out_follows_from
    Names of the arrays that a compact file leaves out, where they are found, and the checksums of
    what they follow from.
pipeline
    The steps of a batch that produced the dataset, as JSON.
source, references
    The instrument and channel, and the paper that describes it.
Conventions
    The version of the CF conventions that names and units follow.

The label's other keywords are attributes in lower case, if all products agree on the value.
"""

# First of all: from here on Ctrl-C ends the command in one line.
from . import command as _command

# isort: split
import logging
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from . import registration as _registration
from ._version import __version__
from .errors import UvisError, UvisWarning

if TYPE_CHECKING:
    from . import batch, calibration, catalogue, fits, instrument, simulate, tutorial, units
    from .batch import joining
    from .catalogue import found
    from .catalogue.search import search
    from .export import load_json
    from .fits.reading import open_fits
    from .netcdf import reading
    from .options import get_options, set_options
    from .reader import observation
    from .references import virtual
    from .reflectance.sun import solar_spectrum
    from .typing import opener

    open_found = opener(found.open_found)
    open_observation = opener(observation.open_observation)
    open_processed = opener(joining.open_processed)
    open_product = opener(observation.open_product)
    open_reduced = opener(reading.open_reduced)
else:
    #: Where each name that is not here yet comes from.
    _SOURCES = {
        "get_options": ".options",
        "load_json": ".export",
        "open_fits": ".fits.reading",
        "open_found": ".catalogue.found",
        "open_observation": ".reader.observation",
        "open_processed": ".batch.joining",
        "open_product": ".reader.observation",
        "open_reduced": ".netcdf.reading",
        "search": ".catalogue.search",
        "set_options": ".options",
        "solar_spectrum": ".reflectance.sun",
        "virtual": ".references",
    }
    _MODULES = (
        *("batch", "calibration", "catalogue", "fits", "instrument", "simulate"),
        *("tutorial", "typing", "units"),
    )

    # Out of sight of type checkers, for whom any name would then exist.
    def __getattr__(name):
        if name not in (*_SOURCES, *_MODULES):
            said = f"module {__name__!r} has no attribute {name!r}"
            # Python asks for modules before it imports them.
            if name.startswith("_") or find_spec(f"{__name__}.{name}"):
                raise AttributeError(said)
            from .bridge import MODULE, NAMES
            from .calls import missing
            from .errors import NoSuchNameError

            raise NoSuchNameError(said + missing(name, __all__, {**NAMES, **MODULE}))
        # A script of the command's name, which knows no accessor yet, may be anybody's.
        _registration.register()
        if name in _SOURCES:
            return getattr(import_module(_SOURCES[name], __name__), name)
        return import_module(f".{name}", __name__)


# What the steps say of their work appears if a program asks for it: logging.basicConfig does.
logging.getLogger("uvisxr").addHandler(logging.NullHandler())

__all__ = [
    "UvisError",
    "UvisWarning",
    "__version__",
    "batch",
    "calibration",
    "catalogue",
    "fits",
    "get_options",
    "instrument",
    "load_json",
    "open_fits",
    "open_found",
    "open_observation",
    "open_processed",
    "open_product",
    "open_reduced",
    "search",
    "set_options",
    "simulate",
    "solar_spectrum",
    "tutorial",
    "units",
    "virtual",
]


def __dir__() -> list[str]:
    return __all__


# The command says its version or help without xarray, which takes half a second to import; what it
# runs then registers the accessor itself.
if not _command.is_this():
    _registration.register()
