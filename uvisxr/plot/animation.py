"""The scene at every exposure, frame by frame, in constant memory."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal, cast, get_args

import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .. import checks
from ..dataset import inputs
from ..errors import ExportError, MissingDependencyError
from ..files import check_target, whole_file
from ..progress import bar as progress_bar
from . import scene
from .style import style as styled

#: Formats: films, and single pictures.
Format = Literal["png", "gif", "mp4"]


def animate(
    ds: xr.Dataset,
    path: str | Path,
    format: Format | None = None,  # noqa: A002 - the usual name
    fps: float = 10.0,
    mode: scene.SceneMode = "target",
    center: tuple[float, float] | None = None,
    xlim: scene.Limits | None = None,
    ylim: scene.Limits | None = None,
    annotate: str | None = None,
    kernels: str | Path | Iterable[str | Path] | None = None,
    bodies: Iterable[str] | None = None,
    stars: xr.Dataset | None = None,
    figsize: tuple[float, float] = (6.4, 6.0),
    dpi: float = 100.0,
    progress: bool | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Draw the scene at every exposure, as a film or as one picture per frame.

    Frames are written as they are drawn. All share the same limits, those of the widest.

    Parameters
    ----------
    ds : Dataset
        With geometry.
    path : path
        File to write, .gif or .mp4; for single pictures the folder to fill with `0000.png`, ...
    format : {"png", "gif", "mp4"}, optional
        Default: taken from the suffix of `path`, else "png".
    fps : float
        Frames per second.
    mode, center, xlim, ylim, annotate, kernels, bodies, stars, style
        As in `geometry`.
    figsize, dpi
        Size of a frame, inches, and dots per inch.
    progress : bool, optional
        Show a progress bar; by default in terminals and notebooks.

    Returns
    -------
    Path
        `path`. Films and pictures appear under their names only when complete.

    Raises
    ------
    ArgumentError
        An unknown format, a `fps` that is not positive, or as in `geometry`.
    MissingDependencyError
        mp4 needs the program ffmpeg.
    ExportError
        The file cannot be written, or is one that the dataset was read from.
    MissingStepError, KernelError, CoverageError
        As in `geometry`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> film = ds.isel(pic=[0, 6]).uvis.plot.animate("scan.gif", fps=2, bodies=(), progress=False)
    >>> film.name
    'scan.gif'
    """
    path = Path(path).expanduser()
    ending = path.suffix[1:].lower()
    checks.choice("format", format, Format | None)
    kind = format or (ending if ending in get_args(Format) else "png")
    checks.number("fps", fps, "a number of frames per second", above=0)
    if kind == "mp4" and shutil.which("ffmpeg") is None:
        raise MissingDependencyError(
            'mp4 needs the program ffmpeg, which is not installed: install it, or use format="gif"'
        )
    framing = scene.Framing(mode, center, xlim, ylim, annotate)
    look = styled(style)
    stage = scene.Stage.of(ds, kernels, bodies, stars)
    framing = _widest(stage, framing)
    bar = progress_bar(range(len(stage.used)), progress, desc=path.name, unit="frame")
    figure = Figure(figsize=figsize, dpi=dpi, layout="constrained")
    canvas = FigureCanvasAgg(figure)

    def frames() -> Iterator[np.ndarray]:
        for index in bar:
            figure.clear()
            ax = figure.add_subplot()
            scene.draw(ax, stage, index, framing, look)
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[..., :3]

    write = {"png": _write_png, "gif": _write_gif, "mp4": _write_mp4}[kind]
    try:
        write(path, frames(), fps, inputs.of(ds))
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _widest(stage: scene.Stage, framing: scene.Framing) -> scene.Framing:
    """The framing, with limits that enclose those of every exposure if none are given."""
    found = [scene.limits(stage, i, framing)[1:] for i in range(len(stage.used))]
    x, y = (np.array(side) for side in zip(*found, strict=True))
    return replace(
        framing,
        xlim=(x.max(), x.min()) if framing.xlim is None else framing.xlim,
        ylim=(y.min(), y.max()) if framing.ylim is None else framing.ylim,
    )


def _write_png(path: Path, frames: Iterator[np.ndarray], fps: float, keep: Sequence[str]) -> None:
    from PIL import Image

    if not path.is_dir():
        check_target(path, keep)
    path.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        with whole_file(path / f"{number:04d}.png", keep) as part:
            Image.fromarray(frame).save(part, format="PNG")


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float, keep: Sequence[str]) -> None:
    """Write a looping GIF frame by frame; Pillow's own writer keeps all frames in memory.

    GIF89a: header and logical screen without a colour table, the NETSCAPE2.0 block that makes it
    loop, frames with their own colour tables, trailer.
    """
    from PIL import GifImagePlugin, Image

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, keep) as part, part.open("wb") as file:
        for number, frame in enumerate(frames):
            if number == 0:
                height, width = frame.shape[:2]
                file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0))
                file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", 0, 0))
            picture = Image.fromarray(frame).quantize(256)
            for block in GifImagePlugin.getdata(
                picture, duration=1000.0 / fps, include_color_table=True
            ):
                file.write(block)
        file.write(b";")


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float, keep: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, keep) as part:
        first = next(frames)
        height, width = first.shape[:2]
        command = [
            *("ffmpeg", "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"),
            *("-s", f"{width}x{height}", "-r", f"{fps}", "-i", "-", "-an"),
            # H.264 in the pixel format that all players support needs even sizes.
            *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"),
            *("-f", "mp4", str(part)),
        ]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as encoder:
            pictures, messages = (cast(IO[bytes], p) for p in (encoder.stdin, encoder.stderr))
            try:
                pictures.write(first.tobytes())
                for frame in frames:
                    pictures.write(frame.tobytes())
                pictures.close()
            except BrokenPipeError:
                pass
            message = messages.read().decode(errors="replace").strip()
        if encoder.returncode:
            raise ExportError(f"ffmpeg could not write {path}: {message}")
