"""Write a dataset and its backplanes as a FITS file of the team's layout, with a PDS4 label."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
import xarray as xr

from .. import calls, checks, targets
from ..dataset import inputs, needs
from ..dataset.forward import at_window, windows
from ..errors import ArgumentError, ExportError, UvisError, unwarned, warn_user
from ..files import check_target, refuse_foreign, whole_file
from . import extras as extra_hdus
from . import header, instants, layout, pds4_label, planes, reading, science, seen, selection
from .decode import astropy_fits
from .layout import Column
from .structure import BLOCK, NotFitsError, first_header

if TYPE_CHECKING:
    from astropy.io.fits import Header

#: Labels that a file can have.
LabelKind = Literal["pds4"]

#: By default the instants of an exposure are so many pixels apart.
SPACING = instants.SPACING

#: Endings of compressed files, which these are not.
_COMPRESSED = (
    *(".gz", ".bz2", ".xz", ".z", ".zip", ".zst", ".zstd", ".lz", ".lz4", ".lzma", ".7z"),
    *(".br", ".fz", ".tgz"),
)

#: Bytes of an array that are put in the file at a time.
_PIECE = 2**24


@calls.public("to_fits")
def to_fits(
    ds: xr.Dataset,
    path: str | Path | None = None,
    backplanes: xr.DataTree | None = None,
    label: LabelKind | None = "pds4",
    *,
    extras: bool = False,
    pixels_per_subsample: float = SPACING,
    overwrite: bool | None = None,
) -> Path:
    """Write a FITS file of the UVIS team's layout, v0.5, and its PDS4 label.

    The HDUs are those of the layout in its order: the calibrated cube, raw counts, calibration
    factor, background, the geometry of spacecraft, bodies, sky and rings, kernels and wavelengths.
    docs/howto/fits.md says what each column holds, and which of it is our choice where the layout
    leaves it open. Rows of bodies are found by their `NAME`: `SC_GEOM` has one for each body,
    Saturn's always, `BODY_GEOM` those of the target and of what is in or near the field, if they
    are a pixel across. A dataset without radiances becomes a file of geometry alone, as the layout
    has it: then no counts are in it.

    Parameters
    ----------
    ds : Dataset
        Spectra of one product, as opened or after any step but `bin`: a whole window of the
        detector, or a range of one.
    path : path, optional
        File to write. By default the name of the product with the ending .fits, in the current
        folder. The label has the same name with the ending .xml.
    backplanes : DataTree, optional
        What `ds.uvis.backplanes` returns. Without it, the file has the geometry that the dataset
        has from `ds.uvis.geometry`: of one body, and in the middle of each exposure unless it was
        called with `samples`.
    label : "pds4" or None
        Whether to write a label.
    extras : bool
        Append what the layout has no place for, such as errors, flags and all other fields of the
        backplanes, as HDUs after those of the layout, so that `uvisxr.open_fits` gives everything
        back, but what the layout has a column for as float32.
    pixels_per_subsample : float
        The rule for the number of instants of an exposure, as `uvisxr.fits.subsampling` has it. The
        keyword NT_RULE gives it if the backplanes have as many, and else the number that they have.
    overwrite : bool, optional
        Whether to replace existing files: True, any; False, none; by default those that uvisxr
        wrote, but no label of a file of another name. What the dataset was read from is never
        replaced.

    Returns
    -------
    Path
        The FITS file.

    Raises
    ------
    ArgumentError
        The exposures are of several products or lengths, the window has holes, or `backplanes` are
        of other exposures, pixels, rows, optics or pointing, or of fewer than three instants;
        `path` has the ending of a compressed file, such as .gz; or another argument has a wrong
        value.
    MissingStepError
        The dataset lacks counts or a dimension of spectra.
    ExportError
        A file cannot be written, or is there and must stay. No partial file is left.
    MissingDependencyError
        astropy or lxml is not installed.

    Warns
    -----
    UvisWarning
        There are no radiances; or the backplanes are of fewer instants than the rule asks for.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`:

    >>> ds = made.open().uvis.geometry(kernels=made.kernels).uvis.calibrate(files=made.calibration)
    >>> path = ds.uvis.to_fits("titan.fits")
    >>> from astropy.io import fits
    >>> with fits.open(path) as file:
    ...     rows = file["BODY_GEOM"].data
    ...     titan = rows[rows["NAME"] == "TITAN"][0]
    ...     print(file["PRIMARY"].shape, titan["LAT_CENTRIC"].shape)
    (12, 60, 1024) (3, 12, 60, 5)
    """
    checks.choice("label", label, LabelKind | None)
    checks.choice("extras", extras, bool)
    checks.number("pixels_per_subsample", pixels_per_subsample, "pixels", above=0)
    if backplanes is not None:
        instants.require_tree(backplanes)
    # By whichever door it came in.
    needs.check(ds, "to_fits")
    file = _target(ds, path)
    xml = file.with_suffix(".xml") if label else None
    read = [*inputs.of(ds), *(inputs.of(backplanes) if backplanes is not None else [])]
    _check_outputs(file, xml, read, overwrite)
    tree = seen.tree(ds) if backplanes is None else selection.part(backplanes, ds)
    hdus, title = _hdus(ds, tree, file.name, pixels_per_subsample, backplanes is not None)
    with ExitStack() as stack:
        # The file takes its place before its label.
        told = xml and stack.enter_context(whole_file(xml, read, archive=True))
        written = stack.enter_context(whole_file(file, read))
        with written.open("wb") as stream:
            for cards, data in hdus:
                _put(stream, cards, data)
            if extras:
                stream.flush()
                for cards, data in _appended(ds, tree, written):
                    _put(stream, cards, data)
        if told:
            pds4_label.write(told, written, file.name, {"title": title})
    return file


def to_fits_each(
    tree: xr.DataTree,
    path: str | Path | None,
    backplanes: xr.DataTree | None,
    **options: Any,
) -> dict[str, Path]:
    """The files of the windows of a product: of several, one each, with the suffix A, B, ...

    Parameters
    ----------
    tree : DataTree
        Of datasets.
    path : path, optional
        As of `to_fits`.
    backplanes : DataTree, optional
        With a node for each window, under its name, which is a tree of backplanes.
    **options
        As of `to_fits`.

    Returns
    -------
    dict of str to Path
        By window.
    """
    if backplanes is not None:
        instants.require_tree(backplanes)
    found = list(windows(tree))
    letters = [""] if len(found) == 1 else [chr(ord("A") + k) for k in range(len(found))]
    if len(letters) > 26:
        raise ArgumentError(f"to_fits: {len(letters)} windows, and suffixes end with Z")
    written = {}
    for (window, ds), letter in zip(found, letters, strict=True):
        file = _target(ds, path)
        file = file.with_name(f"{file.stem}{letter}{file.suffix}")
        own = None if backplanes is None else _of_window(backplanes, window)
        written[window] = at_window(to_fits, window, ds, file, own, **options)
    return written


def _target(ds: xr.Dataset, path: str | Path | None) -> Path:
    """The file to write; by default the name of the product."""
    product = header.product_of(ds)
    if path is None:
        return Path(f"{product.replace('/', '_') or 'uvis'}.fits")
    file = Path(path).expanduser()
    if not file.name:
        raise checks.refused("path", str(path), "the name of a file")
    if file.suffix.lower() in _COMPRESSED:
        what = f"a name without {file.suffix}, as the file is not compressed; compress it later"
        raise checks.refused("path", str(path), what)
    return file


def _of_window(backplanes: xr.DataTree, window: str) -> xr.DataTree:
    if window == ".":
        return backplanes
    try:
        node = backplanes[window]
    except KeyError:
        node = None
    if not isinstance(node, xr.DataTree):
        raise ArgumentError(
            f"backplanes: there is no node {window!r}, as the tree of windows has: give what "
            "tree.uvis.backplanes() returns"
        )
    return node


def is_fits_of_ours(path: Path) -> bool:
    """Whether `to_fits` wrote a file, even if it was cut since."""
    return re.search(rb"%-8s= " % header.OURS.encode(), first_header(path)) is not None


def _check_outputs(
    file: Path, xml: Path | None, read: Iterable[str], overwrite: bool | None
) -> None:
    for path, ours, archive in ((file, is_fits_of_ours, False), (xml, pds4_label.is_ours, True)):
        if path is not None:
            check_target(path, read, archive=archive)
            refuse_foreign(path, overwrite, ours)
    of = pds4_label.file_of(xml) if xml is not None and not overwrite else None
    if of not in (None, file.name):
        raise ExportError(
            f"cannot write {xml}: it is the label of {of}, which would lose it to {file.name}: "
            "choose another name, or write no label with label=None, or replace it with "
            "overwrite=True"
        )


_Hdu = tuple["Header", np.ndarray]


def _hdus(
    ds: xr.Dataset, tree: xr.DataTree, filename: str, spacing: float, is_given: bool
) -> tuple[list[_Hdu], str]:
    """Headers and data of the layout's HDUs, and the title of it all."""
    window, arrays = science.window_of(ds), science.of(ds)
    if not arrays.complete:
        warn_user(
            "the dataset has no radiances: the file is one of geometry alone, without the counts; "
            "call ds.uvis.calibrate() first to have both"
        )
    nodes = planes.selected(tree, ds)
    target = targets.canonical(str(ds.attrs.get("target", "")))
    rows = planes.tables(nodes, ds.sizes["pixel"], target)
    sky = nodes["sky"]
    if is_given:
        _check_instants(tree, sky.sizes["instant"], spacing)
    values = header.values(
        ds,
        window,
        sky["et"].transpose("pic", "instant").values,
        filename=filename,
        complete=arrays.complete,
        rule=instants.kept(tree, spacing),
        slit_angle=_slit_angle(sky),
    )
    found = [(_primary(arrays, values, ds, tree), arrays.cube)]
    widened = arrays.raw.dtype.itemsize > 2
    raw = {"BLANK": (layout.RAW_NULL, "undefined"), "RAWWIDEN": (widened, "32 bits needed")}
    null = {"NULLVAL": (layout.FACTOR_NULL, "undefined")}
    found.append((_image(arrays.raw, "RAW_COUNTS", raw), arrays.raw))
    found.append((_image(arrays.factor, "CAL_FACTOR", null), arrays.factor))
    rate = {"BUNIT": ("count/s", "to be taken off before CAL_FACTOR")}
    found.append((_image(arrays.background, "BACKGROUND", rate), arrays.background))
    for name, columns in layout.TABLES.items():
        found.append((_table(rows[name], name, columns), rows[name]))
    kernels = _kernels(nodes["sky"].attrs.get("kernels") or ds.attrs.get("kernels", ""))
    found.append((_text_table(kernels), kernels))
    wl = {"BUNIT": ("Angstrom", "centres")}
    found.append((_image(arrays.wavelength, "WAVELENGTH", wl), arrays.wavelength))
    return found, str(ds.attrs.get("title", ""))


def _check_instants(tree: xr.DataTree, count: int, spacing: float) -> None:
    try:
        said = instants.shortfall(instants.smear(tree), count, spacing)
    except UvisError:
        return
    if said:
        warn_user(said)


def _slit_angle(sky: xr.Dataset) -> float | None:
    """In the middle of the middle exposure, or at the instant nearest to it with pointing."""
    if "slit_angle" not in sky:
        return None
    et = sky["et"].variable
    middle = et.isel({dim: size // 2 for dim, size in et.sizes.items()})
    angle = sky["slit_angle"].variable.set_dims(et.sizes).transpose(*et.dims).values
    known = np.isfinite(angle)
    if not known.any():
        return None
    return float(angle[known][np.argmin(abs((et - middle).values[known]))])


def _primary(
    arrays: science.Science, values: Mapping[str, Any], ds: xr.Dataset, tree: xr.DataTree
) -> Header:
    cards = astropy_fits().Header()
    cards["SIMPLE"] = (True, "FITS Standard 4.0")
    _dimensions(cards, arrays.cube)
    cards["EXTEND"] = True
    for key, value in values.items():
        unit, comment = layout.KEYWORDS[key]
        cards[key] = (value, f"[{unit}] {comment}" if unit else comment)
    cards["COMMENT"] = "Calibrated spectra, kR/Angstrom: NAXIS1 wavelengths, 2 slit, 3 exposures."
    for line in header.folded(str(ds.attrs.get("history", ""))):
        cards["HISTORY"] = line
    cards[header.OURS] = header.told(ds.attrs, tree)
    return cards


def _dimensions(cards: Header, data: np.ndarray) -> None:
    kind = data.dtype
    cards["BITPIX"] = kind.itemsize * (-8 if kind.kind == "f" else 8)
    cards["NAXIS"] = data.ndim
    for k, length in enumerate(reversed(data.shape), 1):
        cards[f"NAXIS{k}"] = length


def _image(data: np.ndarray, name: str, more: Mapping[str, tuple[Any, str]]) -> Header:
    cards = astropy_fits().Header()
    cards["XTENSION"] = ("IMAGE", "image")
    _dimensions(cards, data)
    cards["PCOUNT"], cards["GCOUNT"] = 0, 1
    cards["EXTNAME"] = name
    for key, value in more.items():
        cards[key] = value
    return cards


def _rows(kind: str, rows: np.ndarray, name: str, fields: int) -> Header:
    cards = astropy_fits().Header()
    cards["XTENSION"] = (kind, "table")
    cards["BITPIX"], cards["NAXIS"] = 8, 2
    cards["NAXIS1"], cards["NAXIS2"] = rows.dtype.itemsize, len(rows)
    cards["PCOUNT"], cards["GCOUNT"] = 0, 1
    cards["TFIELDS"] = fields
    cards["EXTNAME"] = name
    return cards


def _table(rows: np.ndarray, name: str, columns: tuple[Column, ...]) -> Header:
    cards = _rows("BINTABLE", rows, name, len(columns))
    for k, column in enumerate(columns, 1):
        shape = rows.dtype[column.name].shape
        count = column.width or int(np.prod(shape, dtype=int))
        cards[f"TTYPE{k}"] = (column.name, column.comment)
        cards[f"TFORM{k}"] = f"{count}{column.letter}"
        if column.unit:
            cards[f"TUNIT{k}"] = column.unit
        if shape:
            cards[f"TDIM{k}"] = f"({','.join(map(str, reversed(shape)))})"
    return cards


def _kernels(names: Any) -> np.ndarray:
    """Rows of text of the table of kernels: a blank stands between its columns."""
    each = names.split(",") if isinstance(names, str) else list(np.atleast_1d(names))
    files = [str(name).strip() for name in each if str(name).strip()]
    widths = list(layout.KERNELS.values())
    rows = np.zeros(len(files), [("text", f"S{sum(widths) + len(widths) - 1}")])
    for k, name in enumerate(files):
        kind = layout.KERNEL_TYPES.get(name.rpartition(".")[2].lower(), "")
        cells = zip((name, kind), widths, strict=True)
        rows["text"][k] = " ".join(
            header.ascii_of(text)[:width].ljust(width) for text, width in cells
        ).encode()
    return rows


def _text_table(rows: np.ndarray) -> Header:
    cards = _rows("TABLE", rows, "KERNELS", len(layout.KERNELS))
    at = 1
    for k, (name, width) in enumerate(layout.KERNELS.items(), 1):
        cards[f"TTYPE{k}"] = name
        cards[f"TFORM{k}"] = f"A{width}"
        cards[f"TBCOL{k}"] = at
        at += width + 1
    return cards


def _appended(ds: xr.Dataset, tree: xr.DataTree, written: Path) -> Iterator[_Hdu]:
    """What of a dataset and a tree a file does not give back."""
    try:
        with unwarned():
            back = reading.read(written)
    except NotFitsError as error:
        raise ArgumentError(
            f"to_fits: a file of this dataset could not be read back ({error}): use "
            "ds.uvis.to_netcdf"
        ) from error
    found = list(extra_hdus.of(ds, back.dataset, extra_hdus.DATASET))
    nodes = {
        path: node.to_dataset(inherit=False) for path, node in back.backplanes.subtree_with_keys
    }
    for path, node in tree.subtree_with_keys:
        prefix = extra_hdus.TREE + ("" if path == "." else f"{path}/")
        found += extra_hdus.of(
            node.to_dataset(inherit=False), nodes.get(path, xr.Dataset()), prefix
        )
    for extra in extra_hdus.fitting(found, written.stat().st_size):
        what = {extra_hdus.WHAT: (extra.what, "")}
        yield _image(extra.values, extra.name, what), extra.values


def _put(stream: BinaryIO, cards: Header, data: np.ndarray) -> None:
    """Write an HDU, its header and its data in whole blocks."""
    stream.write(cards.tostring().encode("ascii"))
    flat = np.ascontiguousarray(data).reshape(-1)
    step = max(1, _PIECE // max(1, flat.itemsize))
    for start in range(0, flat.size, step):
        stream.write(flat[start : start + step].tobytes())
    fill = b" " if cards.get("XTENSION") == "TABLE" else b"\0"
    stream.write(fill * (-flat.nbytes % BLOCK))
