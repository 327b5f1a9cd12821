"""Spectra of the Sun at 1 au, whatever they come from, checked and in one unit.

All are turned into photons, which the detectors count: an irradiance in W of the wavelength wl is
wl / (h c) times as many photons. Between its samples a spectrum is a straight line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import xarray as xr

from .. import calls, checks, files
from ..dataset import scales
from ..dataset.conventions import CONVENTIONS
from ..errors import ArgumentError, MissingDependencyError, warn_user
from ..netcdf import reading
from ..numerics.constants import PLANCK, SPEED_OF_LIGHT
from . import tables

#: Spectra of rms-solar that reach into the far ultraviolet.
SolarModel = Literal["STIS", "Colina"]

#: A spectrum, a file of one, or the name of a model; None for the first of these.
Solar = xr.DataArray | str | Path | None

#: Units of the wavelengths and of the irradiance, where a file or an array does not say them.
SolarUnits = tuple[str, str] | None

PHOTONS = "photon s-1 m-2 angstrom-1"

#: What an irradiance may be measured in: photons, or the power that they carry.
_POWERS = ("W m-2 angstrom-1", "J s-1 m-2 angstrom-1")

#: Energy of a photon times its wavelength, J angstrom: h c.
_ENERGY = PLANCK * SPEED_OF_LIGHT * 1e3 * 1e10

#: Where units can be told to be wrong: photon s-1 m-2 angstrom-1 at angstrom, of ASTM E490 (2000),
#: 1.403 W m-2 micron-1 at 1775 angstrom; the Sun's cycle changes it by a tenth.
_KNOWN_WL, _KNOWN = 1775.0, 1.403e-4 * 1775.0 / _ENERGY

#: How far from it a spectrum may be, as a factor.
_FAR = 5.0

#: Names of files of NetCDF.
_NETCDF = (".nc", ".nc4", ".cdf", ".h5")

#: Names that variables with an irradiance have, in order of preference.
_NAMES = ("ssi", "irradiance", "solar_irradiance", "spectral_irradiance", "flux")

#: The most numbers of a spectrum: 20 years of daily ones, in a hundredth of angstrom.
_MOST = 1_000_000_000

_HOW = (
    "give solar=, a file or a DataArray of the Sun's irradiance at 1 au along wavelength, such as "
    "the days of SORCE SOLSTICE that LISIRD serves as CSV or NetCDF"
)


@dataclass(frozen=True, eq=False)
class Sun:
    """The Sun's irradiance at 1 au.

    Attributes
    ----------
    name : str
        Where it comes from.
    wl : ndarray, (n,)
        Angstrom, ascending.
    photons : ndarray, (time, n)
        photon s-1 m-2 angstrom-1.
    time : ndarray of datetime64, (time,)
        UTC at the Earth, ascending; of a spectrum without a date there is one, NaT.
    files : tuple of Path
        That it was read from.
    """

    name: str
    wl: np.ndarray
    photons: np.ndarray
    time: np.ndarray
    files: tuple[Path, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether it is known when the Sun was so."""
        return not bool(np.isnat(self.time).any())

    def array(self) -> xr.DataArray:
        """As users see it."""
        found = xr.DataArray(
            self.photons,
            dims=("time", "wl"),
            coords={
                "wl": ("wl", self.wl, {"units": "angstrom", "long_name": "wavelength"}),
                "time": ("time", self.time, {"long_name": "UTC at the Earth"}),
            },
            name="irradiance",
            attrs={
                "units": PHOTONS,
                "long_name": "spectral irradiance of the Sun at 1 au",
                "source": self.name,
                "Conventions": CONVENTIONS,
            },
        )
        return found if self.dated else found.isel(time=0, drop=True)


@calls.public("solar_spectrum")
def solar_spectrum(
    solar: xr.DataArray | str | Path | None = None, units: SolarUnits = None
) -> xr.DataArray:
    """A spectrum of the Sun as `ds.uvis.reflectance` takes it, checked and in photons.

    Parameters
    ----------
    solar : DataArray, path or {"STIS", "Colina"}, optional
        The Sun's irradiance at 1 au.

        - A DataArray along wavelength, whose coordinate and values have the attribute `units`:
          angstrom, nm or micron; W, erg/s or photons by area and wavelength. With a dimension of
          datetime64 (UTC) it is a series, such as daily spectra.
        - A text file of columns, with or without commas, whose heading has names with units, as
          those of LISIRD have: "wavelength (nm), irradiance (W/m^2/nm)". With a column of the unit
          yyyyDDD, yyyyMMdd, yyyy-MM-dd, Julian Date or "days since 2003-01-24", it is a series.
        - A NetCDF file with one variable of such a unit.
        - A spectrum of rms-solar, which `pip install "uvisxr[solar]"` installs: 1195 angstrom on,
          one value each 10 angstrom, for no date. Without `solar`, STIS.
    units : (str, str), optional
        Of the wavelengths and of the irradiance, for a text file or an array that does not say.

    Returns
    -------
    DataArray
        (wl,) or (time, wl), photon s-1 m-2 angstrom-1 at 1 au; `wl` ascending, angstrom.

    Raises
    ------
    ArgumentError
        It cannot be read, or is none: out of order, negative, with values missing in between, or
        without units.
    MissingDependencyError
        No `solar`, and rms-solar is not installed.

    Warns
    -----
    UvisWarning
        STIS is taken, for want of `solar`. The spectrum is far from what the Sun is at 1775
        angstrom; or days of a series lack values and are left out.

    Examples
    --------
    >>> with open("sun.csv", "w") as file:
    ...     print("wavelength (nm), irradiance (W/m^2/nm)", file=file)
    ...     print("170.0, 6.6e-4", file=file)
    ...     print("180.0, 1.8e-3", file=file)
    >>> sun = uvisxr.solar_spectrum("sun.csv")
    >>> sun.wl.values, sun.attrs["units"]
    (array([1700., 1800.]), 'photon s-1 m-2 angstrom-1')
    """
    return of(solar, units).array()


def of(solar: Solar, units: SolarUnits = None) -> Sun:
    """The spectrum that arguments mean; see `solar_spectrum`."""
    pair = isinstance(units, tuple | list) and len(units) == 2
    if units is not None and not (pair and all(isinstance(unit, str) for unit in units)):
        raise checks.refused(
            "units", units, 'those of wavelength and irradiance, ("nm", "W m-2 nm-1")'
        )
    if solar is None or (isinstance(solar, str) and solar in get_args(SolarModel)):
        if units is not None:
            raise checks.refused("units", units, "none, as those of rms-solar are known")
        return _of_model(str(solar or get_args(SolarModel)[0]), given=solar is not None)
    if isinstance(solar, xr.DataArray):
        return _of_array(solar, units, "solar")
    if not isinstance(solar, str | os.PathLike):
        raise checks.refused("solar", solar, "a DataArray, a file, or the name of a spectrum")
    files.check_name("solar", solar)
    path = Path(solar).expanduser()
    if not files.is_file(path):
        names = " or ".join(map(repr, get_args(SolarModel)))
        near = checks.close(str(solar).upper(), [name.upper() for name in get_args(SolarModel)])
        meant = [name for name in get_args(SolarModel) if name.upper() == near]
        more = f"; did you mean {meant[0]!r}?" if meant else f"; {_HOW}"
        raise checks.refused("solar", str(solar), f"a file that is there, or {names}{more}")
    read = _of_netcdf if path.suffix.lower() in _NETCDF else _of_text
    return read(path, units)


def _of_model(name: str, given: bool) -> Sun:
    """A spectrum of rms-solar, of the PDS Ring-Moon Systems Node."""
    try:
        import solar
    except ImportError as error:
        way = f'solar="{name}" needs rms-solar' if given else f"{_HOW}; or install rms-solar"
        raise MissingDependencyError(f'{way}: pip install "uvisxr[solar]"') from error
    found = solar.flux_density(name, units="W/m^2/nm", xunits="nm")
    sun = _checked(
        f"{name} of rms-solar",
        np.asarray(found.x, float),
        np.asarray(found.y, float)[None],
        None,
        ("nm", "W m-2 nm-1"),
        "solar",
    )
    if not given:
        step = np.median(np.diff(sun.wl[sun.wl < 2000.0]))
        warn_user(
            f"solar= is not given: the Sun's spectrum is {sun.name}, from {sun.wl[0]:.0f} angstrom "
            f"on, one value each {step:.0f} angstrom, which is of no date: wrong by the solar "
            'cycle, most of all in lines. Give a measured one of the date, or solar="'
            f'{name}" to take this one knowingly'
        )
    return sun


def _of_text(path: Path, units: SolarUnits) -> Sun:
    table = tables.read(path, units, is_wl, is_irradiance)
    return _checked(path.name, *table, str(path), (path,))


def _of_netcdf(path: Path, units: SolarUnits) -> Sun:
    if units is not None:
        raise checks.refused("units", units, f"none, as {path.name} has attributes for them")
    try:
        tree = reading.tree(path, None, "give a NetCDF file that is whole")
    except ArgumentError:
        raise
    except Exception as error:
        raise ArgumentError(f"solar: {error}") from error
    try:
        ds = tree.to_dataset()
        array = ds[_variable(ds, path)]
        if array.size > _MOST:
            raise ArgumentError(f"{path}: {array.name} has {array.size} values, too many")
        array = _with_wavelengths(array.load(), ds)
    finally:
        tree.close()
    found = _of_array(array, None, str(path))
    return Sun(path.name, found.wl, found.photons, found.time, (path,))


def _variable(ds: xr.Dataset, path: Path) -> str:
    """The one variable that is an irradiance, or the one of them with its usual name."""
    found = {
        str(name): variable.ndim
        for name, variable in ds.data_vars.items()
        if is_irradiance(str(variable.attrs.get("units", "")))
        and 0 < variable.ndim < 3
        and not tables.is_error(str(name))
    }
    usual = [name for name in found if name.lower() in _NAMES]
    names = usual if len(usual) == 1 else list(found)
    if len(names) != 1:
        said = f"{len(found)} variables" if found else "no variable"
        raise ArgumentError(
            f"solar: {path} has {said} in units of an irradiance by wavelength, such as W m-2 nm-1:"
            " give xarray.open_dataset(path)[name], the array that is meant"
        )
    return names[0]


def _with_wavelengths(array: xr.DataArray, ds: xr.Dataset) -> xr.DataArray:
    """The array with wavelengths as a coordinate, that are a variable beside it in some files."""
    lacking = [dim for dim in array.dims if dim not in array.coords]
    for dim in lacking:
        for name, other in ds.variables.items():
            called = "wave" in str(name).lower() or str(name).lower() in ("wl", "lambda")
            if called and other.dims == (dim,) and is_wl(str(other.attrs.get("units", ""))):
                return array.assign_coords({dim: (dim, other.values, other.attrs)})
    return array


def _of_array(array: xr.DataArray, units: SolarUnits, what: str) -> Sun:
    if array.dtype.kind not in "iuf" or not 0 < array.ndim < 3 or array.size > _MOST:
        raise checks.refused(
            what, array, "numbers along wavelength, or along wavelength and dates (datetime64)"
        )
    dates = [d for d in array.dims if d in array.coords and array[d].dtype.kind == "M"]
    others = [dim for dim in array.dims if dim not in dates]
    if len(others) != 1:
        raise ArgumentError(
            f"{what}: its dimensions are {', '.join(map(str, array.dims))}: give an array along "
            "wavelength, or along wavelength and dates, which are of the type datetime64"
        )
    (dim,) = others
    if dim not in array.coords or array[dim].dtype.kind not in "iuf":
        raise ArgumentError(
            f"{what}: it has no wavelengths: give them with array.assign_coords({dim}=...), and "
            f'their unit with array.{dim}.attrs["units"] = "nm" (or "angstrom")'
        )
    if units is None:
        units = str(array[dim].attrs.get("units", "")), str(array.attrs.get("units", ""))
    values = array.transpose(*dates, dim).values.astype(float)
    time = array[dates[0]].values if dates else None
    name = str(array.attrs.get("source") or array.name or "an array")
    wl = array[dim].values.astype(float)
    return _checked(name, wl, np.atleast_2d(values), time, units, what)


def is_wl(unit: str) -> bool:
    """Whether wavelengths may be in that unit."""
    return scales.factor(unit, "angstrom") is not None


def is_irradiance(unit: str) -> bool:
    """Whether the irradiance by wavelength may be in that unit."""
    return _to_photons(unit) is not None


def _to_photons(unit: str) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """What makes photons of numbers in a unit, given their wavelengths too."""
    plain = re.sub(
        r"/\s*\(([^()]*)\)", lambda m: "".join(f"/{t}" for t in re.split(r"[\s*·]+", m[1])), unit
    )
    # Numbers per area are those of photons.
    for number in (PHOTONS, PHOTONS.removeprefix("photon ")):
        times = scales.factor(plain, number)
        if times is not None:
            return partial(_scaled, times)
    for power in _POWERS:
        times = scales.factor(plain, power)
        if times is not None:
            return partial(_counted, times)
    return None


def _scaled(times: float, values: np.ndarray, wl: np.ndarray) -> np.ndarray:
    return np.asarray(values * times)


def _counted(times: float, values: np.ndarray, wl: np.ndarray) -> np.ndarray:
    return np.asarray(values * (times / _ENERGY) * wl)


def _checked(
    name: str,
    wl: np.ndarray,
    values: np.ndarray,
    time: np.ndarray | None,
    units: tuple[str, str],
    what: str,
    read: tuple[Path, ...] = (),
) -> Sun:
    """A spectrum of wavelengths (n,) and values (time, n) in some units, if it is one."""
    to_angstrom, to_photons = scales.factor(units[0], "angstrom"), _to_photons(units[1])
    if to_angstrom is None or to_photons is None:
        said = f"the unit {units[0]!r} for" if to_angstrom is None else f"{units[1]!r} for"
        of_what = "wavelengths" if to_angstrom is None else "the irradiance at 1 au"
        examples = '"nm" or "angstrom"', '"W m-2 nm-1" or "photon s-1 cm-2 angstrom-1"'
        raise ArgumentError(
            f"{what}: it has {said} {of_what}: give the unit that they are in, such as "
            f"{examples[to_angstrom is not None]}, as the attribute units of an array, or with "
            "solar_units=(of the wavelengths, of the irradiance) (units= of solar_spectrum)"
        )
    wl = wl * to_angstrom
    if wl.size < 2 or not np.isfinite(wl).all() or not (wl > 0).all():
        raise ArgumentError(f"{what}: its wavelengths are not two or more numbers above 0")
    rising = np.diff(wl)
    if not ((rising > 0).all() or (rising < 0).all()):
        raise ArgumentError(
            f"{what}: its wavelengths are out of order, or some are there twice: sort them"
        )
    if rising[0] < 0:
        wl, values = wl[::-1], values[:, ::-1]
    wl, values, time = _whole(wl, values, time, what)
    photons = np.asarray(to_photons(values, wl))
    if not np.isfinite(photons).all() or (photons < 0).any() or not photons.any():
        raise ArgumentError(
            f"{what}: its values are no irradiance: some are negative, or all are 0"
        )
    if wl[0] < _KNOWN_WL < wl[-1]:
        there = float(np.interp(_KNOWN_WL, wl, photons.mean(axis=0))) / _KNOWN
        if not 1 / _FAR < there < _FAR:
            warn_user(
                f"{what}: the irradiance at {_KNOWN_WL:g} angstrom is {there:.2g} times that of the"
                f" Sun at 1 au: is it in {units[1]}, and the wavelength in {units[0]}?"
            )
    if time is None:
        return Sun(name, wl, photons, np.array(["NaT"], "datetime64[ns]"), read)
    order = np.argsort(time)
    return Sun(name, wl, photons[order], time[order], read)


def _whole(
    wl: np.ndarray, values: np.ndarray, time: np.ndarray | None, what: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """What has no value missing: without the ends that lack them, and without such days."""
    known = np.isfinite(values)
    there = np.flatnonzero(known.any(axis=0))
    if not there.size:
        raise ArgumentError(f"{what}: it has no values")
    part = slice(there[0], there[-1] + 1)
    wl, values, known = wl[part], values[:, part], known[:, part]
    if time is not None:
        time = np.asarray(time).astype("datetime64[ns]")
        whole = known.all(axis=1) & ~np.isnat(time)
        if np.unique(time[whole]).size < whole.sum():
            raise ArgumentError(f"{what}: some of its dates are there twice")
        if not whole.all() and whole.any():
            warn_user(f"{what}: {(~whole).sum()} of its {whole.size} dates lack values: left out")
            values, known, time = values[whole], known[whole], time[whole]
    if not known.all():
        gap = wl[~known.all(axis=0)]
        raise ArgumentError(
            f"{what}: values are missing between {gap[0]:g} and {gap[-1]:g} angstrom: fill them, "
            "with array.interpolate_na, or leave these wavelengths out"
        )
    return wl, values, time
