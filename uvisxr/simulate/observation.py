"""Simulate an observation and write it in the archive's format."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from .. import calls, checks
from ..calibration.choices import Trend
from ..calibration.files import Folder
from ..dataset import conventions, history
from ..errors import ExportError
from ..export import to_netcdf
from ..files import whole_file
from ..geometry.los import geometry
from ..instrument.channel import N_BANDS, N_LINES, ChannelName, SlitName
from ..instrument.channel import channel as find_channel
from ..instrument.detector import DARK_LINES, Window
from ..kernels import choose as kernel_files
from ..kernels.session import loaded
from ..numerics.constants import MISSING
from ..reader.observation import open_observation
from ..timescales import format_doy
from ..typing import UvisDataset
from . import calibration_files, counts, emission, kernels, labels, places
from .flight import Scan, flyby
from .setup import (
    EVIL,
    LOSSES,
    NOISE,
    STARS,
    Compression,
    Setup,
    instant,
    to_millisecond,
    windows,
)

#: Rows and columns usually read out in observations of Titan.
_WINDOW = Window(2, 0, 61, 1023)

#: Most exposures.
_MOST = 100_000


@dataclass(frozen=True, eq=False)
class Simulation:
    """What a simulation has written, and the truth.

    Attributes
    ----------
    labels : tuple of Path
        The products' labels, in time order.
    kernels : tuple of Path or the argument `kernels`
        For `ds.uvis.geometry(kernels=...)`.
    calibration : Path
        Folder of the calibration files, for `ds.uvis.calibrate(files=...)`.
    truth : Dataset or DataTree
        `radiance` (pic, pixel, wl), kR/angstrom: the result of a perfect calibration, without
        stars; `expected_counts`, the mean of the counts before noise and losses; `background`;
        where `star`, `lost`, `partial` (pic, pixel) are 1. A tree with one node per window if there
        are several. Attributes: `limb_peak` (km), `stars` (JSON) and the arguments.
    """

    labels: tuple[Path, ...]
    kernels: str | Path | tuple[str | Path, ...]
    calibration: Path
    truth: xr.Dataset | xr.DataTree

    def open(self, **options: Any) -> UvisDataset | xr.DataTree:
        """Open the products; options as in `uvisxr.open_observation`."""
        opened: UvisDataset | xr.DataTree = open_observation(*self.labels, **options)
        return opened


@calls.public("simulate.observation")
def observation(
    directory: str | Path,
    *,
    channel: ChannelName = "FUV",
    slit: SlitName = "LOW_RESOLUTION",
    target: str = "TITAN",
    start: str | np.datetime64 = "2008-03-10T10:00:00",
    exposures: int = 60,
    exposure: float = 240.0,
    products: int = 1,
    window: Window | Sequence[Window] = _WINDOW,
    compression: Compression = "SQRT_9",
    background: float = 4e-4,
    stars: int = 3,
    lost: int = 12,
    partial: int = 6,
    kernels: str | Path | Iterable[str | Path] | None = None,
    calibration: str | Path | None = None,
    seed: int = 0,
    aurora_altitude: float = 0.0,
) -> Simulation:
    """Simulate an observation of Titan, Saturn or, on real kernels, any body.

    The counts are Poisson random numbers with mean t (sum of S L + B n): radiances L of airglow,
    aurora, sunlight, sky and stars seen through the slit, sensitivity S on that date, background B.
    Evil detector pixels have a response of their own, 0 to 1, with a mean that rises from 0.25 at
    the first column to 0.45 at the last and a scatter of 0.15: S is as much lower there. Their
    background is like that of the others, though in real data they seem to lose it too
    (docs/howto/calibration.md).
    The same arguments give the same files, byte for byte.

    Parameters
    ----------
    directory : path
        Receives the folders `products`, `kernels` and `calibration` and the file `truth.nc`. Those
        of an earlier simulation are replaced.
    channel : {"FUV", "EUV"}
    slit : {"HIGH_RESOLUTION", "LOW_RESOLUTION", "OCCULTATION"}
    target : str
        TITAN: airglow over the limb. SATURN: aurora around the north pole. With `kernels`, any body
        they contain; all others have only a sunlit disk.
    start : datetime64 or str
        UTC at which the first exposure begins.
    exposures : int
    exposure : float
        Integration time, s.
    products : int
        Number of products to divide the exposures among, starting at least one minute apart.
    window : Window or sequence of Window
        Rows and columns read out, and their binning.
    compression : {"SQRT_9", "NONE"}
    background : float
        count/s per detector pixel.
    stars, lost, partial : int
        Stars in the field of view; spectra lost, and lost in part, by the telemetry.
    kernels : path or iterable of paths, optional
        Real kernels, as in `ds.uvis.geometry`. By default, kernels of an invented flight are
        written.
    calibration : path, optional
        Folder of real calibration files, or that of another simulation, for the same detector. By
        default, files of an invented detector are written, and beside them the table
        `simulated_evil_response_<channel>.nc` of the responses of its evil pixels, which can be
        given to `calibrate(evil_response=...)`.
    seed : int
        Seed for detector, stars, losses and noise; with real calibration files, for the responses
        of their evil pixels.
    aurora_altitude : float
        Of Saturn's aurora above the ellipsoid, km: of a shell whose semi-axes are as much longer.

    Returns
    -------
    Simulation

    Raises
    ------
    ArgumentError
        An argument has a wrong value.
    KernelError, CalibrationError
        Real kernels or calibration files are missing or do not cover the time.
    ExportError
        A file cannot be written, or a file of that name exists that no simulation wrote; then
        nothing is written.

    Examples
    --------
    >>> made = uvisxr.simulate.observation(directory="titan", exposures=12, seed=1)
    >>> [label.name for label in made.labels]
    ['FUV2008_070_10_04.LBL']
    >>> ds = made.open()
    >>> ds.counts.sizes == made.truth.radiance.sizes
    True
    """
    checks.choice("channel", channel, ChannelName)
    checks.choice("slit", slit, SlitName)
    checks.choice("compression", compression, Compression)
    setup = Setup(
        channel=find_channel(channel),
        slit=slit,
        target=" ".join(str(target).upper().split()),
        start=instant(start),
        exposures=checks.whole("exposures", exposures, 1, _MOST),
        exposure=checks.number("exposure", exposure, "an integration time, s", above=0),
        products=checks.whole("products", products, 1, _MOST),
        windows=windows(window),
        compression=compression,
        background=checks.number(
            "background", background, "a rate, count/s per detector pixel", least=0
        ),
        stars=checks.whole("stars", stars, 0),
        lost=checks.whole("lost", lost, 0),
        partial=checks.whole("partial", partial, 0),
        seed=checks.whole("seed", seed, 0),
        aurora_altitude=checks.number(
            "aurora_altitude", aurora_altitude, "an altitude, km", least=0.0, most=1e4
        ),
    )
    setup.check(kernels is not None)
    root = Path(directory)
    try:
        return _simulate(root, setup, kernels, calibration)
    except OSError as error:
        raise ExportError(f"cannot write the simulation to {root}: {error}") from error


def _simulate(
    root: Path,
    setup: Setup,
    kernels_given: str | Path | Iterable[str | Path] | None,
    calibration: str | Path | None,
) -> Simulation:
    places.check(_named_as_real(root, setup, calibration is None))
    root.mkdir(parents=True, exist_ok=True)
    if kernels_given is None:
        last = setup.begin + setup.exposures * setup.exposure
        scan = Scan(flyby(setup.target, (setup.begin + last) / 2), setup.begin, last)
        written_kernels = kernels.write(root / "kernels", scan, setup.channel.name)
        found: str | Path | tuple[str | Path, ...] = tuple(written_kernels)
    else:
        found = kernels_given if isinstance(kernels_given, str | Path) else tuple(kernels_given)
    if calibration is None:
        folder = root / "calibration"
        calibration_files.write(folder, setup.channel.name, setup.seed)
    else:
        folder = Path(calibration)

    rows = geometry(_frame(setup), kernels=found)
    shining = emission.sources(rows, setup.aurora_altitude)
    stars = emission.choose_stars(rows, setup.stars, setup.rng(STARS))
    light = emission.starlight(rows, stars)
    trend = _trend(folder, setup.channel.name)
    sensitivity = counts.sensitivity(setup.channel, setup.slit, setup.et, folder, trend)
    factor = counts.misbehave(sensitivity, setup.channel.name, folder, setup.rng(EVIL))

    recorded, truths = [], []
    for number, window in enumerate(setup.windows):
        detector = counts.Detector(window.bins, setup.channel, setup.slit)
        rate = detector.rate([*shining, light], sensitivity, factor)
        expected = setup.exposure * (rate + setup.background * window.bins.lit_pixels)
        values = np.random.Generator.poisson(setup.rng(NOISE, number), expected)
        if setup.compression == "SQRT_9":
            values = counts.quantize(values)
        values, lost, partial = counts.lose(
            values,
            ~window.bins.dark,
            setup.lost,
            setup.partial,
            setup.rng(LOSSES, number),
        )
        recorded.append(np.minimum(values, MISSING - 1))
        truths.append(
            {
                "radiance": detector.radiance(shining).astype(np.float32),
                "expected_counts": expected.astype(np.float32),
                "star": _crossed(light.amplitude, window),
                "lost": lost,
                "partial": partial,
            }
        )
    written = _write_products(root / "products", setup, recorded, found)
    attrs: dict[str, Any] = {
        "stars": json.dumps([vars(star) for star in stars]),
        "trend": trend or "none",
    }
    if setup.target == "TITAN":
        attrs["limb_peak"] = emission.TITAN.limb_peak
    truth = _truth(setup, written, truths, attrs)
    to_netcdf(truth, root / "truth.nc")
    return Simulation(tuple(written), found, folder, truth)


def _named_as_real(root: Path, setup: Setup, calibration: bool) -> Iterator[Path]:
    """The files to write whose names say nothing of a simulation."""
    yield root / "truth.nc"
    for product in _products(setup):
        for ending in (".LBL", ".DAT"):
            yield root / "products" / f"{product.name}{ending}"
    if calibration:
        yield from calibration_files.named_as_real(root / "calibration", setup.channel.name)


def _frame(setup: Setup) -> xr.Dataset:
    """The exposures with one pixel per detector row, for the geometry."""
    window = Window(0, 0, N_LINES - 1, 0)
    coords = {
        "line": ("pixel", window.bins.line),
        "band": ("wl", window.bins.band),
        "et": ("pic", setup.et),
        "exposure": ("pic", np.full(setup.exposures, setup.exposure)),
    }
    attrs = {name: getattr(window, name) for name in window.__dataclass_fields__}
    attrs |= {"channel": setup.channel.name, "slit": setup.slit, "target": setup.target}
    return xr.Dataset(coords=coords, attrs=attrs)


def _trend(folder: Path, channel: str) -> Trend | None:
    """The trend available in a folder; none is public for the EUV."""
    return "spica" if Folder.choose(folder).spica(channel) else None


def _crossed(amplitude: np.ndarray, window: Window) -> np.ndarray:
    """Pixels (pic, pixel) with starlight in any of their rows."""
    lit = np.isin(np.arange(N_LINES), DARK_LINES, invert=True)
    bins = window.bins
    hit = np.add.accumulate((amplitude > 0) & lit, axis=-1, dtype=int)
    hit = np.concatenate([np.zeros_like(hit[:, :1]), hit], axis=-1)
    return hit[:, bins.line + bins.n_line] > hit[:, bins.line]


def _write_products(
    folder: Path,
    setup: Setup,
    recorded: list[np.ndarray],
    kernels_used: str | Path | tuple[str | Path, ...],
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    products = list(_products(setup))
    ets = np.array([product.start.et for product in products])
    files = kernel_files.select(kernels_used, ets=ets, bodies=("CASSINI", setup.target, "SUN"))
    written = []
    for product, part in zip(products, setup.parts(), strict=True):
        with loaded(files):
            text = labels.text(product)
        path = folder / f"{product.name}.LBL"
        with (
            whole_file(path.with_suffix(".DAT"), archive=True) as temporary,
            temporary.open("wb") as stream,
        ):
            stream.writelines(_frames(setup, recorded, part))
        with whole_file(path, archive=True) as temporary:
            temporary.write_bytes(text.encode("ascii"))
        written.append(path)
    return written


def _products(setup: Setup) -> Iterator[labels.Facts]:
    for part in setup.parts():
        begin = setup.start.plus(part[0] * setup.exposure)
        # START_TIME is the end of the first exposure: see the users guide, chapter 2.
        start = to_millisecond(begin.plus(setup.exposure))
        day = format_doy(start)
        yield labels.Facts(
            name=f"{setup.channel.name}{day[:4]}_{day[5:8]}_{day[9:11]}_{day[12:14]}",
            target=setup.target,
            slit=setup.slit,
            compression=setup.compression,
            channel=setup.channel,
            start=start,
            samples=part.size,
            exposure=setup.exposure,
            windows=setup.windows,
            seed=setup.seed,
        )


def _frames(setup: Setup, recorded: list[np.ndarray], part: np.ndarray) -> Iterator[bytes]:
    """A data file, exposure by exposure; bins are packed in the upper-left corner of their
    window."""
    frame = np.full((N_LINES, N_BANDS), MISSING, ">u2")
    for pic in part:
        for window, values in zip(setup.windows, recorded, strict=True):
            n_line, n_band = window.shape
            rows = slice(window.ul_line, window.ul_line + n_line)
            frame[rows, window.ul_band : window.ul_band + n_band] = values[pic]
        yield frame.tobytes()


def _truth(
    setup: Setup,
    written: list[Path],
    truths: list[dict[str, np.ndarray]],
    attrs: dict[str, Any],
) -> xr.Dataset | xr.DataTree:
    nodes = []
    for number, values in enumerate(truths):
        opened = open_observation(written, window=number).drop_vars("counts")
        data = {
            name: (("pic", "pixel", "wl")[: array.ndim], array)
            for name, array in values.items()
            if array.dtype != bool
        }
        flags = {
            name: (("pic", "pixel"), array.astype(np.uint8))
            for name, array in values.items()
            if array.dtype == bool
        }
        ds = opened.assign(data).assign_coords(flags | {"background": setup.background})
        ds = conventions.apply(ds.assign_attrs(attrs))
        nodes.append(history.record(ds, places.STEP, setup.arguments()))
    if len(nodes) == 1:
        return nodes[0]
    return xr.DataTree.from_dict({f"window{k}": node for k, node in enumerate(nodes)})
