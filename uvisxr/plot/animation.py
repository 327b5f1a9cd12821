"""The scene at every exposure, frame by frame, in constant memory."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal, cast

import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .. import calls, checks
from ..dataset import inputs
from ..drawing.style import drawing
from ..drawing.style import style as styled
from ..errors import ArgumentError, ExportError, MissingDependencyError, warn_user
from ..files import check_target, whole_file
from ..progress import bar as progress_bar
from . import scene
from .stage import Stage

#: Formats: films, pages, and single pictures.
Format = Literal["png", "pdf", "gif", "mp4"]

#: Formats of files that hold all frames.
_WHOLE = ("gif", "mp4", "pdf")

#: Metadata of PDF without the time of day, so that the same frames give the same file.
_UNDATED: dict[str, Any] = {"CreationDate": None}

#: Shortest and longest time of a frame in a GIF, s. It is a 16-bit number of hundredths, and
#: browsers take less than two of them for ten.
_SHORTEST, _LONGEST = 0.02, 655.35


@calls.public("plot.animate")
@drawing
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
    figsize: tuple[float, float] | None = None,
    dpi: float = 100.0,
    progress: bool | None = None,
    style: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Draw the scene at every exposure, as a film, as pages, or as one picture per frame.

    Frames are written as they are drawn. All share the same limits, those of the widest.

    Parameters
    ----------
    ds : Dataset
        With geometry.
    path : path
        File to write, .gif, .mp4 or .pdf, the latter with a page per frame; or a folder, there
        already or named without a suffix, to fill with `0000.png`, ...
    format : {"png", "pdf", "gif", "mp4"}, optional
        Whatever the suffix of `path`; "png" and, if that is not .pdf, "pdf" fill a folder. Default:
        what the suffix says.
    fps : float
        Frames per second of a film. A GIF counts in hundredths of a second: its frames take turns
        so that the mean is right, up to 50 a second, beyond which viewers fall back to 10.
    mode, center, xlim, ylim, annotate, kernels, bodies, stars, style
        As in `geometry`.
    figsize, dpi
        Size of a frame, inches, and dots per inch. Default: the size of `geometry`.
    progress : bool, optional
        Show a progress bar; by default in terminals and notebooks.

    Returns
    -------
    Path
        `path`. Films and pictures appear under their names only when complete.

    Raises
    ------
    ArgumentError
        An unknown format or suffix, a `fps` that is not positive, or as in `geometry`.
    MissingDependencyError
        mp4 needs the program ffmpeg.
    ExportError
        The file cannot be written, or is one that the dataset was read from.
    MissingStepError, KernelError, CoverageError
        As in `geometry`.

    Warns
    -----
    UvisWarning
        A GIF cannot have so many frames per second and is slower; or as in `geometry`.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels)
    >>> film = ds.isel(pic=[0, 6]).uvis.plot.animate("scan.gif", fps=2, bodies=(), progress=False)
    >>> film.name
    'scan.gif'
    """
    path = Path(path).expanduser()
    checks.choice("format", format, Format | None)
    kind = format or _format(path)
    checks.number("fps", fps, "a number of frames per second", above=0)
    checks.number("dpi", dpi, "a number of dots per inch", above=0)
    if figsize is not None:
        checks.pair("figsize", figsize, "numbers, inches", ascending=False)
    if kind == "gif":
        fps = _gif_rate(fps)
    if kind == "mp4" and shutil.which("ffmpeg") is None:
        raise MissingDependencyError(
            'mp4 needs the program ffmpeg, which is not installed: install it, or use format="gif"'
        )
    framing = scene.Framing(mode, center, xlim, ylim, annotate)
    look = styled(style)
    stage = Stage.of(ds, kernels, bodies, stars)
    framing = _widest(stage, framing)
    bar = progress_bar(range(len(stage.used)), progress, desc=path.name, unit="frame")
    size = figsize or scene.figsize(stage, 0, framing)
    figure = Figure(figsize=size, dpi=dpi, layout="constrained")
    canvas = FigureCanvasAgg(figure)

    def frames() -> Iterator[FigureCanvasAgg]:
        for index in bar:
            figure.clear()
            ax = figure.add_subplot()
            scene.draw(ax, stage, index, framing, look)
            yield canvas

    keep = inputs.of(ds)
    try:
        if kind == "gif":
            _write_gif(path, frames(), fps, keep)
        elif kind == "mp4":
            _write_mp4(path, frames(), fps, keep)
        elif kind == "pdf" and path.suffix.lower() == ".pdf":
            _write_pages(path, frames(), keep)
        else:
            _write_pictures(path, frames(), kind, keep)
    except OSError as error:
        raise ExportError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _format(path: Path) -> Format:
    """The format that a path asks for by its suffix.

    Raises
    ------
    ArgumentError
        There is no such format.
    """
    ending = path.suffix[1:].lower()
    if ending in _WHOLE:
        return cast(Format, ending)
    if path.suffix and not path.is_dir():
        raise ArgumentError(
            f"path={str(path)!r}: all frames go into one file that ends in .gif, .mp4 or .pdf; "
            'or each into one of a folder, named without a suffix, or with format="png" or "pdf"'
        )
    return "png"


def _gif_rate(fps: float) -> float:
    """Frames per second that a GIF can have; a warning says if these are fewer than asked for."""
    checks.number("fps", fps, "a number of frames per second of a GIF", least=1 / _LONGEST)
    if fps > 1 / _SHORTEST:
        warn_user(
            f"fps={fps:g}: viewers of GIFs show no more than {1 / _SHORTEST:g} frames per second, "
            "and so many are written; for more, write .mp4"
        )
    return min(fps, 1 / _SHORTEST)


def _widest(stage: Stage, framing: scene.Framing) -> scene.Framing:
    """The framing, with limits that enclose those of every exposure if none are given."""
    found = [scene.limits(stage, i, framing)[1:] for i in range(len(stage.used))]
    x, y = (np.array(side) for side in zip(*found, strict=True))
    return replace(
        framing,
        xlim=(x.max(), x.min()) if framing.xlim is None else framing.xlim,
        ylim=(y.min(), y.max()) if framing.ylim is None else framing.ylim,
    )


def _pixels(canvas: FigureCanvasAgg) -> np.ndarray:
    """A frame as (row, column, RGB)."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3]


#: Frames drawn one after the other on the same canvas.
_Frames = Iterator[FigureCanvasAgg]


def _write_pictures(path: Path, frames: _Frames, kind: Format, keep: Sequence[str]) -> None:
    from PIL import Image

    if not path.is_dir():
        check_target(path, keep)
    path.mkdir(parents=True, exist_ok=True)
    for number, canvas in enumerate(frames):
        with whole_file(path / f"{number:04d}.{kind}", keep) as part:
            if kind == "png":
                Image.fromarray(_pixels(canvas)).save(part, format="PNG")
            else:
                canvas.figure.savefig(part, format=kind, metadata=_UNDATED)


def _write_pages(path: Path, frames: _Frames, keep: Sequence[str]) -> None:
    from matplotlib.backends.backend_pdf import PdfPages

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, keep) as part, PdfPages(part, metadata=_UNDATED) as pages:
        for canvas in frames:
            pages.savefig(canvas.figure)


def _write_gif(path: Path, frames: _Frames, fps: float, keep: Sequence[str]) -> None:
    """Write a looping GIF frame by frame; Pillow's own writer keeps all frames in memory.

    GIF89a: header and logical screen without a colour table, the NETSCAPE2.0 block that makes it
    loop, frames with their own colour tables, trailer.
    """
    from PIL import GifImagePlugin, Image

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, keep) as part, part.open("wb") as file:
        for number, canvas in enumerate(frames):
            frame = _pixels(canvas)
            if number == 0:
                height, width = frame.shape[:2]
                file.write(b"GIF89a" + struct.pack("<HHBBB", width, height, 0x70, 0, 0))
                file.write(b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<HB", 0, 0))
            picture = Image.fromarray(frame).quantize(256)
            # Hundredths of a second, as many as take this frame's end to the nearest one.
            lasts = round(100 * (number + 1) / fps) - round(100 * number / fps)
            for block in GifImagePlugin.getdata(
                picture, duration=10 * lasts, include_color_table=True
            ):
                file.write(block)
        file.write(b";")


def _write_mp4(path: Path, frames: _Frames, fps: float, keep: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path, keep) as part:
        first = _pixels(next(frames))
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
                for canvas in frames:
                    pictures.write(_pixels(canvas).tobytes())
                pictures.close()
            except BrokenPipeError:
                pass
            message = messages.read().decode(errors="replace").strip()
        if encoder.returncode:
            raise ExportError(f"ffmpeg could not write {path}: {message}")
