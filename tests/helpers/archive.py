"""An archive of thousands of products as various as the real one's, and what is true of each.

Nothing here comes from the package, so that what it reads can be held against what was drawn.
`archive_files` writes the files, `damages` spoils some.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from .damages import DAMAGES, NULL

#: TARGET_NAME of the observations of the real archive, and how many have it.
TARGETS = {
    "SATURN": 59949,
    "SOLAR WIND": 26316,
    "TITAN": 8299,
    "S RINGS": 6328,
    "ENCELADUS": 3276,
    "STAR": 1760,
    "IAPETUS": 1691,
    "RHEA": 1498,
    "DIONE": 1361,
    "JUPITER": 1335,
    "TETHYS": 951,
    "CALIB": 847,
    "MIMAS": 769,
    "UNK": 728,
    "HYPERION": 342,
    "N/A": 339,
    "SUN": 307,
    "EARTH": 172,
    "JANUS": 68,
    "PHOEBE": 56,
    "EPIMETHEUS": 39,
    "DA": 38,
    "HELENE": 36,
    "KIVIUQ": 36,
    "PO": 36,
    "ALBIORIX": 34,
    "ATLAS:": 28,
    "TELESTO": 22,
    "PANDORA": 21,
    "IJIRAQ": 16,
    "TARQEQ": 16,
    "AG": 16,
    "IO": 15,
    "TARVOS": 13,
    "CALYPSO": 8,
    "ERRIAPUS": 8,
    "PAN": 8,
    "PL": 6,
    "SIARNAQ": 6,
    "ME": 6,
    "BEBHIONN": 6,
    "SKATHI": 5,
    "PAALIAQ": 4,
    "PROMETHEUS": 2,
    "IPH": 2,
    "VENUS": 1,
}

#: Names of the slits, with the spellings of SLIT_STATE and how often each is drawn.
SLITS = {
    "LOW_RESOLUTION": {"LOW_RESOLUTION": 0.97, '"LOW RESOLUTION"': 0.03},
    "HIGH_RESOLUTION": {"HIGH_RESOLUTION": 0.97, '"HIGH RESOLUTION"': 0.03},
    "OCCULTATION": {"OCCULTATION": 0.5, "OCCLTATION": 0.5},
}

#: Bins along the columns and the rows, and how often each is drawn.
BAND_BINS = {1: 12, 2: 12, 3: 1, 4: 12, 5: 1, 8: 12, 16: 15, 20: 1, 32: 16, 64: 7, 100: 1}
BAND_BINS |= {128: 4, 256: 2, 512: 2, 1024: 2}
LINE_BINS = {1: 60, 2: 9, 3: 1, 4: 6, 5: 4, 8: 5, 10: 2, 16: 4, 20: 1, 32: 3, 60: 1, 64: 4}

#: Frames of the detector: rows, columns; and the rows that the slit lights.
LINES, BANDS = 64, 1024
LIT = range(2, 62)

MISSING = 65535

VOLUMES = 60

#: First days, year and day of the year, from which TAI - UTC has a value, s.
LEAPS = {(1999, 1): 32, (2006, 1): 33, (2009, 1): 34, (2012, 183): 35, (2015, 182): 36}
LEAPS |= {(2017, 1): 37}

#: Last day of the mission.
_END = (2017, 258)


@dataclass(frozen=True)
class Area:
    """A window of the detector: corners, inclusive, and bins."""

    ul_line: int
    ul_band: int
    lr_line: int
    lr_band: int
    line_bin: int
    band_bin: int

    @property
    def lines(self) -> list[range]:
        """Detector rows in each pixel."""
        return _parts(self.ul_line, self.lr_line, self.line_bin)

    @property
    def bands(self) -> list[range]:
        """Detector columns in each wavelength bin."""
        return _parts(self.ul_band, self.lr_band, self.band_bin)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.lines), len(self.bands)


def _parts(first: int, last: int, step: int) -> list[range]:
    return [range(k, min(k + step, last + 1)) for k in range(first, last + 1, step)]


@dataclass(frozen=True)
class Moment:
    """An instant of UTC, to a millisecond; `ms` of the day can reach into a leap second."""

    year: int
    doy: int
    ms: int

    @property
    def text(self) -> str:
        seconds, ms = divmod(self.ms, 1000)
        second = seconds - 86340 if seconds >= 86400 else seconds % 60
        minutes = min(seconds // 60, 1439)
        return f"{self.year}-{self.doy:03}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{ms:03}"

    @property
    def day(self) -> str:
        return f"{self.year}_{self.doy:03}"

    @property
    def tai(self) -> int:
        """TAI past 2000-01-01T12:00:00 TAI, ms."""
        return _midnight(self.year, self.doy) + self.ms + _leap(self.year, self.doy)

    @property
    def et(self) -> float:
        """TDB past J2000, s."""
        return float(et_of(self.tai))


def _midnight(year: int, doy: int) -> int:
    """Milliseconds of days of 86,400 s from 2000-01-01T12:00:00 to a midnight."""
    days = (np.datetime64(f"{year}-01-01") - np.datetime64("2000-01-01")).astype(int) + doy - 1
    return int(days) * 86_400_000 - 43_200_000


def _leap(year: int, doy: int) -> int:
    """TAI - UTC, ms."""
    return 1000 * next(value for day, value in reversed(LEAPS.items()) if day <= (year, doy))


def et_of(tai: float | np.ndarray) -> np.ndarray:
    """TDB s past J2000 of TAI ms: TT + 1.657e-3 sin E, with the eccentric anomaly of the Earth."""
    tt = np.asarray(tai) / 1000 + 32.184
    anomaly = 6.239996 + 1.99096871e-7 * tt
    return tt + 1.657e-3 * np.sin(anomaly + 1.671e-2 * np.sin(anomaly))


def utc_of(tai: float) -> np.datetime64 | None:
    """UTC of TAI ms; None within a leap second, for which numpy has no name."""
    for day in reversed(LEAPS):
        begin, offset = _midnight(*day) + _leap(*day), _leap(*day)
        if tai >= begin:
            break
        if tai >= begin - 1000:
            return None
    return np.datetime64("2000-01-01T12:00:00") + np.timedelta64(round((tai - offset) * 1000), "us")


@dataclass(frozen=True)
class Made:
    """A product as it was drawn.

    Attributes
    ----------
    number : int
        Seeds its counts.
    volume : int
    channel, slit, target : str
    spelling : str
        The slit in the label.
    start : Moment
        START_TIME, the end of the first exposure.
    exposure : float
        s.
    samples : int
    areas : tuple of Area
    rate : float
        Count/s of a lit detector pixel.
    form : {"frame", "packed", "spectrum"}
        The data: frames of the detector, cubes as large as the window, one SPECTRUM.
    oddities : frozenset of str
        What is unusual but no damage.
    damage : str
        What is wrong; "" if nothing.
    copies : int
        Number of the product whose exposures it holds too; -1 if of none.
    """

    number: int
    volume: int
    channel: str
    slit: str
    spelling: str
    target: str
    start: Moment
    exposure: float
    samples: int
    areas: tuple[Area, ...]
    rate: float
    form: str = "frame"
    oddities: frozenset[str] = field(default_factory=frozenset)
    damage: str = ""
    copies: int = -1

    @property
    def name(self) -> str:
        minutes = min(self.start.ms // 60000, 1439)
        return f"{self.channel}{self.start.day}_{minutes // 60:02}_{minutes % 60:02}"

    @property
    def stem(self) -> str:
        return f"{self.name}_PRIME" if "renamed" in self.oddities else self.name

    @property
    def place(self) -> Path:
        """The label below the folder of all volumes."""
        return Path(f"COUVIS_{self.volume:04}", "DATA", f"D{self.start.day}", f"{self.stem}.LBL")

    def times(self, part: float) -> np.ndarray:
        """TAI of the exposures, ms, at 0, their beginnings, to 1, their ends."""
        return self.start.tai + 1000 * self.exposure * (np.arange(self.samples) + part - 1)

    def _rng(self, *more: int) -> np.random.Generator:
        first = self.number if self.copies < 0 else self.copies
        return np.random.default_rng([20050818, first, *more])

    def counts(self, window: int = 0) -> np.ndarray:
        """Counts (exposure, pixel, wavelength); no lit element is without one but for losses."""
        area, rng = self.areas[window], self._rng(window)
        lit = np.array([sum(k in LIT for k in rows) for rows in area.lines])
        columns = np.array([len(columns) for columns in area.bands])
        mean = self.rate * self.exposure * np.outer(lit, columns)
        mean = mean * rng.uniform(0.5, 1.5, mean.shape[1])
        counts = rng.poisson(np.minimum(mean, 60000), (self.samples, *mean.shape))
        counts = np.where(mean > 0, counts + 1, 0)
        lost, partial = self.losses(window)
        counts[lost] = 0
        counts[partial, : counts.shape[2] // 3 + 1] = MISSING
        if "last bin null" in self.oddities:
            counts[..., -1] = MISSING
        return np.full_like(counts, MISSING) if self.damage == NULL else counts

    def losses(self, window: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Spectra without counts, and without some values, bool (exposure, pixel)."""
        area, rng = self.areas[window], self._rng(window, 1)
        lost, partial = np.zeros((2, self.samples, area.shape[0]), bool)
        if "losses" in self.oddities:
            good = [k for k, rows in enumerate(area.lines) if rows[0] >= 3 and rows[-1] <= 60]
            places = [(pic, pixel) for pic in range(self.samples) for pixel in good]
            one, two = rng.choice(len(places), 2, replace=False)
            lost[places[one]] = partial[places[two]] = True
        return lost, partial


def _choose(rng: np.random.Generator, weights: dict) -> object:
    keys, p = list(weights), np.array(list(weights.values()), float)
    return keys[rng.choice(len(keys), p=p / p.sum())]


#: How many products an archive has at least, so that there are some of most kinds.
FEWEST = 60


def draw(number: int, seed: int = 1) -> list[Made]:
    """Draw products: 3 % are damaged, or of 500 and more so many that each way is among them, and
    1 % copies in the next volume.

    They are in order of time, and the copies, two at least, come last.
    """
    if number < FEWEST:
        raise ValueError(f"an archive has {FEWEST} products at least, not {number}")
    rng = np.random.default_rng(seed)
    spoilt = max(round(0.03 * number), len(DAMAGES) if number >= 500 else 0)
    twice = max(2, round(0.01 * number))
    moments = _moments(rng, number - twice)
    found = [
        replace(_one(rng, *moment), number=k, volume=1 + k * VOLUMES // len(moments))
        for k, moment in enumerate(moments)
    ]
    plain = [
        k
        for k, one in enumerate(found)
        if one.volume < VOLUMES
        and (one.form, len(one.areas)) == ("frame", 1)
        and one.oddities <= {"unix"}
    ]
    chosen = rng.choice(plain, spoilt + twice, replace=False)
    for j, k in enumerate(chosen[:spoilt]):
        found[k] = _spoilt(found[k], list(DAMAGES)[j % len(DAMAGES)])
    copies = [
        replace(found[k], number=number - twice + j, volume=found[k].volume + 1, copies=int(k))
        for j, k in enumerate(chosen[spoilt:])
    ]
    # Of one the later copy is cut off, of one the label is none.
    copies[0] = replace(copies[0], damage="truncated")
    copies[1] = replace(copies[1], damage="garbage label")
    return found + copies


def _spoilt(one: Made, damage: str) -> Made:
    """A product so large that a damage shows: of one exposure of one value, null may be a bin."""
    if damage == "bin unknown, data null":
        whole = Area(0, 0, LINES - 1, BANDS - 1, 1, 4)
        return replace(one, damage=damage, areas=(whole,), samples=1)
    return replace(one, damage=damage)


def _moments(rng: np.random.Generator, number: int) -> list[tuple[str, Moment]]:
    """Channel and START_TIME, no two in the same minute; leap seconds and leap days among them."""
    edges = (
        ("FUV", 2016, 366, 86400500), ("EUV", 2016, 366, 86399900), ("EUV", 2012, 182, 86399000),
        ("FUV", 2005, 365, 86395000), ("EUV", 2004, 366, 43200000), ("FUV", 2008, 366, 86399999),
    )  # fmt: skip
    found = {(c, y, d, ms // 60000): (c, Moment(y, d, ms)) for c, y, d, ms in edges}
    while len(found) < number:
        year = int(rng.integers(1999, _END[0] + 1))
        days = _END[1] if year == _END[0] else 366 if year % 4 == 0 else 365
        moment = Moment(year, int(rng.integers(1, days + 1)), int(rng.integers(86_400_000)))
        # Both channels often observe together.
        both = [("FUV", "EUV")[int(rng.integers(2))]] if rng.random() < 0.4 else ["FUV", "EUV"]
        for channel in both[: number - len(found)]:
            key = channel, year, moment.doy, moment.ms // 60000
            found.setdefault(key, (channel, moment))
    return sorted(found.values(), key=lambda one: (one[1].tai, one[0]))


def _one(rng: np.random.Generator, channel: str, start: Moment) -> Made:
    slit = str(_choose(rng, {"LOW_RESOLUTION": 60, "HIGH_RESOLUTION": 25, "OCCULTATION": 15}))
    # One in ten has any of them, or the rarest would have none.
    rare = rng.random() < 0.1
    target = str(_choose(rng, dict.fromkeys(TARGETS, 1) if rare else TARGETS))
    areas = _areas(rng)
    samples = int(_choose(rng, {1: 64, 2: 20, 3: 9, 4: 4, 6: 2, 9: 1}))
    form = "frame"
    if len(areas) == 1 and rng.random() < 0.006:
        first, last = areas[0].ul_line, areas[0].lr_line
        areas, samples, form = (replace(areas[0], line_bin=last - first + 1),), 1, "spectrum"
    elif len(areas) == 1 and rng.random() < 0.05:
        form = "packed"
    pixels = np.mean([area.line_bin * area.band_bin for area in areas])
    exposure = float(_choose(rng, {240.0: 40, 120.0: 20, 30.0: 15, 8.0: 5, 600.0: 8, 12.5: 5}))
    # From some counts in an element to some thousand, and rarely more than 15 bits hold.
    mean = 40000 if rng.random() < 0.005 else 10 ** rng.uniform(0.5, 3.0)
    return Made(
        number=0,
        volume=0,
        channel=channel,
        slit=slit,
        spelling=str(_choose(rng, SLITS[slit])),
        target=target,
        start=start,
        exposure=exposure,
        samples=samples,
        areas=areas,
        rate=mean / pixels / exposure,
        form=form,
        oddities=frozenset(_oddities(rng, areas, samples, form)),
    )


def _areas(rng: np.random.Generator) -> tuple[Area, ...]:
    band_bin, line_bin = int(_choose(rng, BAND_BINS)), int(_choose(rng, LINE_BINS))
    if rng.random() < 0.01:
        # Two or three windows, one above the other, each with bins of its own.
        edges = np.sort(rng.choice(np.arange(4, 60), int(rng.integers(1, 3)), replace=False))
        starts, stops = [2, *edges + 1], [*edges, 61]
        return tuple(
            Area(int(a), 0, int(b), BANDS - 1, int(rng.integers(1, 6)), band_bin)
            for a, b in zip(starts, stops, strict=True)
        )
    first, last = 0, LINES - 1
    if rng.random() < 0.27:
        first, last = [(2, 61), (19, 43), (10, 30), (31, 32), (40, 40)][int(rng.integers(5))]
        if rng.random() < 0.3:
            first, last = np.sort(rng.integers(1, 63, 2))
    left, right = (0, BANDS - 1) if rng.random() < 0.98 else np.sort(rng.integers(0, BANDS, 2))
    return (Area(int(first), int(left), int(last), int(right), line_bin, band_bin),)


def _oddities(
    rng: np.random.Generator, areas: tuple[Area, ...], samples: int, form: str
) -> list[str]:
    """What is unusual of a product, and no damage."""
    found = []
    area = areas[0]
    rare = rng.random(7).tolist()
    spectra = samples * sum(rows[0] >= 3 and rows[-1] <= 60 for rows in area.lines)
    uneven = (area.lr_band + 1 - area.ul_band) % area.band_bin
    if form == "frame" and len(areas) == 1:
        if uneven and area.shape[1] > 1 and rare[0] < 0.5:
            found.append("last bin null")
        elif rare[1] < 0.05 and spectra > 8 and area.shape[1] > 3:
            found.append("losses")
        elif rare[2] < 0.01 and area.shape[1] * area.band_bin == BANDS:
            found.append("bin unsaid")
    if rare[3] < 0.015:
        found.append(("gz", "bz2", "zip")[int(rng.integers(3))])
    found += ["renamed"] * (rare[4] < 0.01) + ["unix"] * (rare[5] < 0.1)
    state = ("pulse", "off", "other compression", "no stop", "wild line", "sun port")
    found += [state[int(rng.integers(len(state)))]] * (rare[6] < 0.1)
    return found
