"""Find the calibration files of an observation and load them into one set.

They are the files of the folder `UVIS_cal_and_ff_modifiers` of the Cube Generator Software, and of
the `CALIB` folders of the PDS volumes.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import options
from ..errors import CalibrationError, warn_user
from ..fetch import cache_dir
from ..files import equal, from_variable, read_whole
from ..instrument.channel import Channel
from ..instrument.evil import BURN, Burn, burns, public_evil
from . import formats, known
from .evil import no_flat
from .formats import FETCH, Evolution, Lab, SpicaTrend
from .schedule import Epochs

_LOG = logging.getLogger(__name__)

#: Ranges of spacecraft clock in which the two flat fields of a channel are valid.
_FLATS: dict[Burn, tuple[float, float]] = {"PRE": (-np.inf, BURN), "POST": (BURN, np.inf)}

#: Bytes, more than any file of the public set has.
_LONGEST = 2_000_000

#: Where the folder is that nobody named.
_CACHE = "the cache"

#: Names of a channel's flat field, before or after the starburn, and of its time evolution.
_FLAT = "FLATFIELD_{}_{}BURN.txt"
_NO_TREND = "an IDL save file with the EUV trend arr_euv (there is no public one)"
_EVOLUTION = "{}_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT"

#: Years in s: how far modifiers of a folder of the user's own may be from the exposures, unless the
#: public ones are no nearer. Those are up to 2.4 years apart.
_YEAR = 365.25 * 86400
_FAR = 2 * _YEAR


@dataclass(frozen=True, eq=False)
class FlatField:
    """A flat field and the time range in which it is valid.

    Attributes
    ----------
    frame : ndarray, (64, 1024)
        As in the file, NaN at evil pixels.
    start, stop : float
        Spacecraft clock, s; `stop` is exclusive.
    """

    frame: np.ndarray
    start: float
    stop: float


@dataclass(frozen=True, eq=False)
class Modifiers:
    """Changes of the flat field: none before the first epoch; after the last, the last one applies.

    Attributes
    ----------
    sclk : ndarray, (epoch,)
        Spacecraft clock, s, ascending.
    frames : tuple of ndarray, (64, 1024)
        As in the files, one per epoch.
    """

    sclk: np.ndarray
    frames: tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class CalibrationSet:
    """Everything needed for the sensitivity of one channel at given times.

    Attributes
    ----------
    channel : Channel
    clock : ndarray, (pic,)
        Spacecraft clock of the exposures, s. The set contains only the flat fields and modifiers
        that apply at these times.
    lab : Lab
    trend : SpicaTrend or Evolution, optional
    flat_fields : tuple of FlatField
        Empty if no flat field is applied.
    evil : ndarray of bool, (64, 1024), optional
        Evil pixels, where no flat field is applied that says which they are.
    modifiers : Modifiers, optional
    files : tuple of Path
        The files read, not counting the package's own tables.
    """

    channel: Channel
    clock: np.ndarray
    lab: Lab
    trend: SpicaTrend | Evolution | None = None
    flat_fields: tuple[FlatField, ...] = ()
    evil: np.ndarray | None = None
    modifiers: Modifiers | None = None
    files: tuple[Path, ...] = ()


def load(
    channel: Channel,
    clock: np.ndarray,
    flat_field: bool,
    trend: str | None,
    path: str | Path | None = None,
) -> CalibrationSet:
    """Load what the sensitivity needs over an observation.

    Without flat field, trend and folder, these are the package's own tables, of the laboratory's
    sensitivity and of evil pixels, and no files are searched for.

    Parameters
    ----------
    channel : Channel
    clock : ndarray, (pic,)
        Spacecraft clock of the exposures, s.
    flat_field : bool
        Include flat fields and their modifiers. Without them the folder's flat fields, if it has
        any, still say which pixels are evil.
    trend : {"spica", "evolution"} or None
    path : path, optional
        Folder of the files; see `Folder.choose`.

    Returns
    -------
    CalibrationSet

    Raises
    ------
    CalibrationError
        The folder does not exist, or files in it are missing or malformed.

    Warns
    -----
    UvisWarning
        A file differs in part from the public one of its name. The folder lacks modifiers of the
        public set that it holds a part of, as after a download that was interrupted; or its own
        are years from the exposures, and public ones are nearer.
    """
    name = channel.name
    if not flat_field and trend is None and path is None:
        public, _ = _evil(None, name, clock)
        return CalibrationSet(channel, clock, formats.package_lab(name), evil=public)
    folder = Folder.choose(path)
    found = _find(folder, name, clock, flat_field, trend)
    if flat_field:
        _warn_of_absent(folder, name, found.epochs, clock)
    evil, telling = (None, []) if flat_field else _evil(folder, name, clock)
    lab = folder.lab(name)
    # What lies before the first epoch needs no file.
    entering = [i for i in bracket(found.epochs, clock)[0] if i >= 0]
    modified = [found.modifiers[i] for i in entering]
    files = (lab, found.trend, *found.flat_fields.values(), *telling, *modified)
    there = tuple(file for file in files if file is not None)
    names = ", ".join(file.name for file in there)
    _LOG.info("calibration files from %s (%s): %s", folder.path, folder.origin, names)
    loaded = CalibrationSet(
        channel=channel,
        clock=clock,
        lab=formats.package_lab(name) if lab is None else formats.read_lab(lab, name),
        trend=None if found.trend is None else _read_trend(found.trend, name, trend),
        flat_fields=tuple(
            FlatField(formats.read_flat(file), *_FLATS[burn])
            for burn, file in found.flat_fields.items()
        ),
        evil=evil,
        modifiers=Modifiers(found.epochs[entering], tuple(map(formats.read_modifier, modified)))
        if flat_field
        else None,
        files=there,
    )
    _warn_of_damaged(folder, there)
    return loaded


def _evil(folder: Folder | None, channel: str, clock: np.ndarray) -> tuple[np.ndarray, list[Path]]:
    """Evil pixels by the flat fields that apply, the folder's or else the public ones.

    Returns
    -------
    evil : ndarray of bool, (64, 1024)
    files : list of Path
        The flat fields read.
    """
    sets, files = [], []
    for burn in burns(clock):
        flat = None if folder is None else folder.flat(channel, burn)
        if flat is None:
            sets.append(public_evil(channel, burn))
        else:
            sets.append(no_flat(formats.read_flat(flat)))
            files.append(flat)
    return np.logical_or.reduce(sets), files


def _read_trend(path: Path, channel: str, kind: str | None) -> SpicaTrend | Evolution | None:
    return formats.read_spica(path, channel) if kind == "spica" else formats.read_evolution(path)


@dataclass(frozen=True)
class Folder:
    """A folder of calibration files; names match in upper or lower case.

    Attributes
    ----------
    path : Path
    origin : str
        Where the folder was specified, for messages.
    """

    path: Path
    origin: str

    @classmethod
    def choose(cls, path: str | Path | None = None) -> Folder:
        """The folder of the argument, the option, UVISXR_CALIBRATION, or the download cache.

        Raises
        ------
        CalibrationError
            What is given does not name a folder.
        """
        option = options.current().calibration
        if path is not None:
            chosen = cls(Path(path).expanduser(), "the argument files=")
        elif option is not None:
            chosen = cls(Path(option), "the option calibration of uvisxr.set_options")
        elif (folder := from_variable("UVISXR_CALIBRATION")) is not None:
            chosen = cls(folder, "the environment variable UVISXR_CALIBRATION")
        else:
            return cls(cache_dir("calibration"), _CACHE)
        if not chosen.path.is_dir():
            raise CalibrationError(
                f"{chosen.path}, given by {chosen.origin}, is not a folder: give the folder of the "
                f"calibration files, or download them with `{FETCH}`"
            )
        return chosen

    def _names(self) -> list[str]:
        return sorted(p.name for p in self.path.iterdir()) if self.path.is_dir() else []

    def find(self, name: str) -> Path | None:
        """Path of the file called `name`, or None.

        Raises
        ------
        CalibrationError
            Two are, in upper and lower case, and differ.
        """
        found = [self.path / n for n in self._names() if n.lower() == name.lower()]
        for path in found[1:]:
            _check_equal(found[0], path)
        return found[0] if found else None

    def lab(self, channel: str) -> Path | None:
        """The channel's laboratory table."""
        return self.find(f"{channel}_1999_Lab_Cal.dat")

    def flat(self, channel: str, burn: Burn) -> Path | None:
        """The channel's flat field before or after the starburn."""
        return self.find(_FLAT.format(channel, burn))

    def evolution(self, channel: str) -> Path | None:
        """The channel's exponential time evolution."""
        return self.find(_EVOLUTION.format(channel))

    def spica(self, channel: str) -> Path | None:
        """The IDL save file that holds the channel's Spica ratios."""
        saved = (self.path / n for n in self._names() if n.lower().endswith(".sav"))
        return next((p for p in saved if formats.read_spica(p, channel) is not None), None)

    def modifiers(self, channel: str) -> tuple[np.ndarray, list[Path]]:
        """Epochs (spacecraft clock, s, ascending) and paths of the channel's modifiers.

        Modifiers in a subfolder, as the team's archive unpacks, are found too.

        Raises
        ------
        CalibrationError
            Two of one time differ.
        """
        found: dict[int, Path] = {}
        for path in sorted((*self.path.glob("*.*"), *self.path.glob("*/*.*"))):
            match known.modifier(path.name):
                case (of, epoch) if of == channel:
                    _check_equal(found.setdefault(epoch, path), path)
        epochs = sorted(found)
        return np.array(epochs, float), [found[epoch] for epoch in epochs]


def _check_equal(first: Path, second: Path) -> None:
    if first != second and not equal(first, second):
        raise CalibrationError(
            f"{first} and {second} stand for the same, and differ: remove the one that is wrong"
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """Paths of the requested files: the flat fields by burn, the modifiers by epoch, the trend."""

    flat_fields: dict[Burn, Path]
    epochs: np.ndarray
    modifiers: list[Path]
    trend: Path | None


def _find(
    folder: Folder, channel: str, clock: np.ndarray, flat_field: bool, trend: str | None
) -> _Found:
    """Find the files; raise a single error that lists all missing ones."""
    missing: list[str] = []
    without: list[str] = []
    flats: dict[Burn, Path] = {}
    epochs, modifiers = folder.modifiers(channel) if flat_field else (np.empty(0), [])
    if flat_field:
        for burn in burns(clock):
            flat = folder.flat(channel, burn)
            if flat is None:
                missing.append(_FLAT.format(channel, burn))
            else:
                flats[burn] = flat
        if not modifiers:
            missing.append(f"{channel}*_ff_modifier_<clock>.dat")
        if missing:
            without.append("flat_field=False")
    path = None
    if trend == "spica":
        path = folder.spica(channel)
        if path is None:
            missing.append("spica_variability4_data.sav" if channel == "FUV" else _NO_TREND)
            other = folder.evolution(channel) is not None
            without.append("trend=False" + (' (or trend="evolution")' if other else ""))
    elif trend == "evolution":
        path = folder.evolution(channel)
        if path is None:
            missing.append(_EVOLUTION.format(channel))
            without.append("trend=False")
    if missing:
        get = "" if missing == [_NO_TREND] else f"Get them with `{FETCH}`, name"
        raise CalibrationError(
            f"calibration files are missing from {folder.path} ({folder.origin}): "
            f"{', '.join(missing)}. {get or 'If you have one, name'} "
            f"{'their' if get else 'its'} folder with files= or UVISXR_CALIBRATION, or do without: "
            f"{', '.join(without)}"
        )
    return _Found(flats, epochs, modifiers, path)


def _warn_of_absent(folder: Folder, channel: str, epochs: np.ndarray, clock: np.ndarray) -> None:
    """Warn of modifiers of the public set that would count at the exposures and are not there."""
    public = known.modifiers(channel)
    every = np.union1d(epochs, [*public])
    absent = [every[k] for k in bracket(every, clock)[0] if k >= 0 and every[k] not in epochs]
    if not absent:
        return
    away, nearer = (
        np.min(abs(np.subtract.outer(clock, some)), axis=-1) for some in (epochs, absent)
    )
    far = (away > _FAR) & (nearer < away)
    if not (np.isin(epochs, [*public]).any() or far.any()):
        return
    lost = [public[int(epoch)] for epoch in absent]
    more = f" and {len(lost) - 2} more" if len(lost) > 2 else ""
    to = "" if folder.origin == _CACHE else f" --to {shlex.quote(str(folder.path))}"
    warn_user(
        f"{folder.path} ({folder.origin}) lacks modifiers of the flat field for the time of the "
        f"exposures, {', '.join(lost[:2])}{more}: the nearest one there is up to "
        f"{away.max() / _YEAR:.1f} years away, and radiances may be wrong by tens of per cent; run "
        f"`{FETCH}{to}`"
    )


def _warn_of_damaged(folder: Folder, paths: Iterable[Path]) -> None:
    """Warn of files that are those of the public set but for a part of them."""
    for path in paths:
        try:
            where = known.damaged(path.name, read_whole(path, _LONGEST))
        except OSError:
            # None of them is as long; whether it can be read, its reader has said.
            continue
        if where:
            to = "" if folder.origin == _CACHE else f" --to {shlex.quote(str(folder.path))}"
            warn_user(
                f"{path} is not the public file of that name and size, but differs from it {where},"
                " as one does that was damaged in a copy, and radiances go with it: move it away "
                f"and run `{FETCH}{to}`, unless it was changed on purpose"
            )


def bracket(epochs: np.ndarray, times: np.ndarray) -> tuple[list[int], Epochs]:
    """Which epochs are used by linear interpolation, and when each of them counts.

    Index -1 stands for "before the first epoch"; after the last epoch, the last one applies.
    """
    if not epochs.size:
        return [-1], Epochs()
    low = np.searchsorted(epochs, times, side="right") - 1
    high = np.minimum(low + 1, epochs.size - 1)
    between = (low >= 0) & (high > low) & (times > epochs[np.maximum(low, 0)])
    used = np.union1d(low, high[between]).tolist()
    return used, Epochs(tuple(-np.inf if i < 0 else float(epochs[i]) for i in used), linear=True)
