"""One product: its label, its data file, and the array of values they hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import checks
from ..errors import ProductError
from ..instrument.channel import N_BANDS, N_LINES
from . import again, packed, pairs
from .label import Label, read_label
from .qube import QubeFile


def label_path(path: str | Path) -> Path:
    """Find a product's label from its label, its data file, or their common base path.

    Parameters
    ----------
    path : path
        Suffixes in upper or lower case; the data may be packed.

    Returns
    -------
    Path
        The existing label, or where it should be. Of a PDS3 and a PDS4 label of the same name, that
        of PDS3, unless the other is given.
    """
    return pairs.label_of(Path(path).expanduser())


def choose_windows(label: Label, window: int | None) -> tuple[int, ...]:
    """Numbers of the requested windows: one, or all.

    Raises
    ------
    ArgumentError
        The product has no window of that number.
    """
    count = len(label.windows)
    if window is None:
        return tuple(range(count))
    return (checks.whole("window", window, 0, count - 1, f"a window of {label.path}"),)


def qube_file(label: Label, window: int = 0) -> QubeFile:
    """The part of a product's data file that a window fills, after checking the file's size.

    Raises
    ------
    ProductError
        The data file is missing or has the wrong size, or the window does not fit in its frames.
    """
    return promised_file(label, window).checked()


def has_data(label: Label) -> bool:
    """Whether something lies where a label's data file should be, be it no file."""
    return pairs.is_file(label.data_path) or pairs.exists_otherwise(label.data_path)


def promised_file(label: Label, window: int = 0) -> QubeFile:
    """The same by the label alone, whether or not there is such a file.

    Raises
    ------
    ProductError
        The window does not fit in the frames of the data file, or the label says two sizes, one of
        which is that of the file.
    """
    area = label.windows[window]
    corner = []
    for name, size, here, whole in zip(
        ("line", "band"), area.shape, label.shape[1:], (N_LINES, N_BANDS), strict=True
    ):
        if here == whole:
            corner.append(getattr(area, f"ul_{name}"))
        elif here == size and len(label.windows) == 1:
            # A cube smaller than the detector, for example of one line, holds only the window.
            corner.append(0)
        else:
            raise ProductError(
                f"{label.path}: {here} {name}s hold neither the detector's {whole} nor one window "
                f"of {size} (number of windows: {len(label.windows)}): the label is damaged; "
                f"{again.advice(label.path)}"
            )
    whole_frames = label.shape[1:] == (N_LINES, N_BANDS) and not label.is_matrix
    whole_bins = (
        (area.lr_line - area.ul_line + 1) // area.line_bin,
        (area.lr_band - area.ul_band + 1) // area.band_bin,
    )
    held = ((one.ul_line, one.ul_band, *one.shape) for one in label.windows if whole_frames)
    file = QubeFile(
        label.data_path,
        label.shape,
        tuple(corner),
        area.shape,
        label.dtype,
        label.pointer,
        tuple(held),
        () if label.is_matrix else whole_bins,
    )
    _check_samples(label, file)
    return file


def _check_samples(label: Label, file: QubeFile) -> None:
    """Raise if the size of the data file is what the label says elsewhere, and not by its cube."""
    if packed.size_is_hidden(file.path) or not pairs.is_file(file.path):
        return
    size = file.path.stat().st_size
    number = size * label.shape[0] / file.size
    told = [key for key, samples in label.samples.items() if samples == number]
    if number != label.shape[0] and told:
        raise ProductError(
            f"{label.path} contradicts itself: its CORE_ITEMS say {label.shape[0]} exposures, but "
            f"{' and '.join(told)} and the {size} bytes of {file.path.name} say {number:.0f}; "
            f"{again.advice(file.path, file.pointer, 'the label')}"
        )


def read_matrix(path: str | Path, window: int = 0) -> tuple[Label, np.ndarray]:
    """Read one of the archive's calibration matrices, a product `*_CAL_n`.

    Parameters
    ----------
    path : path
        Label, data file or base path.
    window : int
        Which detector window.

    Returns
    -------
    label : Label
    matrix : ndarray of float32, (pixel, wl)
        NaN outside the detector's valid columns, -1 at evil pixels, 0 where there is no
        sensitivity.

    Raises
    ------
    LabelError, ProductError
        The product is unreadable, or holds counts instead of a matrix.
    ArgumentError
        The product has no window of that number.
    """
    label = read_label(label_path(path))
    if not label.is_matrix:
        raise ProductError(
            f"{label.path} holds counts, not a calibration matrix: give a product named _CAL_n"
        )
    if label.shape[0] != 1:
        raise ProductError(
            f"{label.path} claims {label.shape[0]} exposures: a calibration matrix has one; "
            f"{again.advice(label.path)}"
        )
    (number,) = choose_windows(label, window)
    return label, qube_file(label, number).read(np.array([0]))[0]
