"""Found spectra as datasets: their counts, or what a pipeline makes of them.

Spectra of one set-up of the instrument make one dataset. Their times and names are those of the
labels, their places those of the table. Whatever is lazy comes from one task of dask for each piece
of the exposures (`pieces`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from .. import checks
from ..batch.pipeline import Pipeline, load
from ..calls import public
from ..dataset import conventions, history, inputs, setups
from ..dataset.forward import at_window
from ..dataset.single import DIM
from ..errors import ArgumentError, warn_user
from ..files import absolute
from ..kernels.session import keeping
from ..pds3.label import Label
from ..pds3.product import qube_file
from ..reader import states
from ..reader.observation import of_labels
from ..targets import canonical
from . import labels, listed, schema
from .layout import Apart, Group, Layout
from .listed import Listed
from .pieces import Kind, Part, Reduction, attributes, counts, has_left_out, of_name
from .several import merged

#: Coordinates of exposures and pixels that no step changes.
_OF_LABELS = (
    *("pic", "pixel", "line", "time", "time_start", "time_stop", "et", "exposure", "sclk"),
    "product",
)

#: Coordinates of exposures that are the same for all of a set-up.
_SAME = frozenset({"setup", "calibration_setup", "geometry_setup"})

#: Coordinates of wavelengths.
_GRID = frozenset({"wl", "wl_bounds", "band", "last_band"})

#: Columns that the dataset has otherwise: from the labels, or as attributes.
_KNOWN = frozenset({"time", "exposure", "channel", "slit", "optics"})

_NAMES = tuple(schema.SPECTRA)

#: Columns that say where spectra looked, in the order of the table of spectra.
_LOOKS = frozenset(_NAMES[_NAMES.index("ra") : _NAMES.index("counts")])

#: Columns whose names mean something else in a dataset.
_RENAMED = {"counts": "total_counts"}


def open_found(
    found: Any,
    steps: str | Path | Iterable[Any] | None = None,
    *,
    whole: bool = False,
    chunks: int | None = None,
    archive: str | Path | None = None,
) -> xr.Dataset | xr.DataTree:
    """Open found spectra as one lazy dataset, or what a pipeline makes of them.

    Parameters
    ----------
    found : Found, DataFrame, Arrow table, Dataset or mapping of columns
        What `uvisxr.search` gives, or a table with the columns `product`, `pic`, `pixel`, `label`
        (its path or URL) and, for products of several windows, `window`. Each spectrum is taken
        once. Other columns become coordinates.
    steps : path or iterable, optional
        A pipeline, as `uvisxr.batch.process` takes it: a YAML file, or a list of steps. Its entry
        `open` may give `start_time`.
    whole : bool
        Let the steps see whole products, so that all is to the bit what they make of these, with
        the flags of lost and partial spectra: all exposures are read then, see below.
    chunks : int, optional
        Spectra that one task reads, at most, where they are of several exposures. By default, one
        task reads exposures of up to four million elements.
    archive : path, optional
        Folder with the products that are no longer where the table says. They are looked for by
        the ends of their paths, the longest first.

    Returns
    -------
    Dataset or DataTree
        `counts` (spectrum, wl), and what the steps have made of any product: `radiance`
        (spectrum, wl) with its errors, `brightness` (spectrum), NaN where a product has none.
        Coordinates along `spectrum`, in the order of the table:
        `product`, `window`, `pic` and `pixel` say which spectrum it is; `time`, `et`, `exposure`
        and so on are as in a product; the columns of the table follow (`counts`, the sum of the
        spectrum, as `total_counts`). With a step `geometry`, `body` says of which body its fields
        are, `target_radii` its radii if these are not the same for all, and columns of the table
        that say where spectra looked (`lat_min`, `distance`...) are left out: they may be of
        another body, or count longitudes the other way. What differs between products is no
        attribute; the history is that of one of them. If the instrument was not set up alike for
        all, in channel, slit, window, bins or compression, a tree with one node for each channel
        and, below it, one for each slit and shape.

    Raises
    ------
    ArgumentError
        The table lacks columns, is empty, or lists spectra that its products do not have.
    LabelError, ProductError
        A label or data file is missing or damaged; or, of what a catalogue tells, a label is not
        that which it read, or the counts of spectra have not the sums that it found, when they are
        read.
    PipelineError
        The steps are no pipeline, or merge spectra, which `uvisxr.open_found` cannot name then.

    Warns
    -----
    UvisWarning
        Spectra stand in the table more than once; those of one dataset are of several bodies;
        products have other names than their labels; a step of a product failed and is left out; or
        a step needs whole products: then all exposures of these are read.

    Notes
    -----
    Of counts, only the exposures of these spectra are read, and of these only the rows between the
    first and the last that is wanted. Steps see these exposures alone. Their radiances, rates,
    brightnesses and the statistical bounds of these are to the bit those of whole products. What
    follows from a product's other exposures is not: how far its mean spectrum bends over the holes
    that `calibrate` fills, a part of `radiance_systematic` there; and which spectra are lost or
    partial, so that `quality` has the flags that a product is opened with, and those of the table.
    ``whole=True`` gives both. It is taken without being asked for, with a warning, where more
    depends on it: `background` without `level`, ``calibrate(nan_interp="shape")``,
    ``calibrate(errors="total")`` of filled spectra, `flag`, `predict_stars` and others.

    Steps that may need SPICE (`geometry`, `predict_stars`, `reflectance`) are run product by
    product while opening, all others when values are computed. A `geometry` without arguments but
    `kernels` is left out if the table knows longitude, latitude and altitude of all spectra, for
    the bodies of the targets, and no later step needs more.

    Examples
    --------
    With the simulated observation ``made`` of `help(uvisxr)`, and a table written by hand:

    >>> table = {
    ...     "product": ["FUV2008_070_10_04"] * 3,
    ...     "label": [str(made.labels[0])] * 3,
    ...     "pic": [2, 2, 9],
    ...     "pixel": [30, 31, 30],
    ... }
    >>> ds = uvisxr.open_found(table, [("calibrate", {"files": made.calibration})])
    >>> dict(ds.radiance.sizes)
    {'spectrum': 3, 'wl': 1024}
    >>> ds.radiance.mean("spectrum").dims
    ('wl',)
    """
    if chunks is not None:
        checks.whole("chunks", chunks, 1, what="spectra that a task reads at most")
    checks.choice("whole", whole, bool)
    pipeline = None if steps is None else load(steps)
    table = listed.read(found)
    reduction = None if pipeline is None else Reduction.of(pipeline, _located(table), whole)
    folder = None if archive is None else absolute(Path(archive).expanduser())
    read = labels.read(table.products, folder)
    groups = list(_groups(table, read))
    if reduction is not None and not whole:
        _tell_of_whole(reduction, table, read)
    _tell_of_bodies(table, groups)
    states.warn(read)
    opened = [_opened(group, table, reduction, chunks) for group in groups]
    opened = [
        _recorded(ds, group, pipeline, reduction) for ds, group in zip(opened, groups, strict=True)
    ]
    if len(opened) == 1:
        return opened[0]
    return xr.DataTree.from_dict(dict(zip(_names(groups), opened, strict=True)))


if not TYPE_CHECKING:
    # mypy does not see through the decorator where the package's face looks for the type.
    open_found = public("open_found")(open_found)


class _Said(str):
    """A text that a history shows as it is."""

    def __repr__(self) -> str:
        return f"<{self}>"


def _groups(table: Listed, read: Sequence[Label]) -> Iterator[Group]:
    """The spectra by the set-up of the instrument, in the order in which it comes first."""
    pairs, of_pair = np.unique(np.stack([table.of, table.window]), axis=1, return_inverse=True)
    kinds: dict[tuple[int, int], int] = {}
    kind_of_pair = np.empty(pairs.shape[1], int)
    for k, (product, window) in enumerate(pairs.T.tolist()):
        label = read[product]
        if window >= len(label.windows):
            raise ArgumentError(
                f"found: {table.products[product].name} has no window {window}, but "
                f"{len(label.windows)}, by {label.path}: search again, or correct the table"
            )
        setup = setups.number(_setup(label, window))
        kind_of_pair[k] = kinds.setdefault((window, setup), len(kinds))
    kind = kind_of_pair[of_pair.ravel()]
    for k in dict.fromkeys(kind.tolist()):
        rows = np.flatnonzero(kind == k)
        numbers, of = np.unique(table.of[rows], return_inverse=True)
        window = int(table.window[rows[0]])
        chosen = [read[n] for n in numbers.tolist()]
        names = [table.products[n].name for n in numbers.tolist()]
        files = [
            # What is doubtful of the counts was told when the catalogue was made; to look for it
            # here would read other exposures.
            replace(at_window(qube_file, name, label, window), held=(), filled=())
            for name, label in zip(names, chosen, strict=True)
        ]
        group = Group(rows, names, chosen, files, of.ravel(), window, _totals(table, rows))
        _check_there(table, group)
        yield group


def _totals(table: Listed, rows: np.ndarray) -> np.ndarray | None:
    """Sums of the counts of spectra, as the catalogue has them; a table by hand may mean others."""
    sums = table.columns.get("counts")
    by_catalogue = np.array([bool(entry.sha256) for entry in table.products])
    if sums is None or sums.dtype.kind not in "iuf" or not by_catalogue.any():
        return None
    found: np.ndarray = np.where(by_catalogue[table.of[rows]], sums[rows], np.nan)
    return found


def _setup(label: Label, window: int) -> dict[str, Any]:
    area = label.windows[window]
    named = {name: getattr(label, name) for name in ("channel", "slit", "compression")}
    corners = {name: getattr(area, name) for name in area.__dataclass_fields__}
    return {**named, "optics": label.optics(), **corners}


def _check_there(table: Listed, group: Group) -> None:
    exposures = np.array([label.shape[0] for label in group.labels])
    ends = {"pic": exposures[group.of], "pixel": np.full(group.of.size, group.area.shape[0])}
    for name, end in ends.items():
        wrong = np.flatnonzero(getattr(table, name)[group.rows] >= end)
        if wrong.size:
            k = int(wrong[0])
            raise ArgumentError(
                f"found: {group.names[group.of[k]]} has no {name} "
                f"{getattr(table, name)[group.rows[k]]}, but {end[k]}: search again, or correct "
                "the table"
            )


def _located(table: Listed) -> bool:
    """Whether the table says where each spectrum's own body was seen."""
    known = [table.columns.get(name) for name in ("lon", "lat", "alt")]
    places = [values for values in known if values is not None and values.dtype.kind in "iuf"]
    primary = table.columns.get("primary")
    there = len(places) == len(known) and bool(np.isfinite(places).all())
    return there and primary is not None and bool((primary == 1).all())


def _tell_of_whole(reduction: Reduction, table: Listed, read: Sequence[Label]) -> None:
    """Warn that steps need more exposures than those of the spectra found."""
    if not reduction.wholly:
        return
    wanted = np.unique(np.stack([table.of, table.pic]), axis=1).shape[1]
    whole = sum(label.shape[0] for label in read)
    mend = ""
    if "background" in reduction.wholly:
        mend = "; background with level= needs no others"
    if whole > wanted:
        warn_user(
            f"{' and '.join(dict.fromkeys(reduction.wholly))} looks at whole products: all {whole} "
            f"exposures of these are read, and not only the {wanted} of the found spectra{mend}"
        )


def _tell_of_bodies(table: Listed, groups: Sequence[Group]) -> None:
    """Warn that places of one dataset are on several bodies."""
    bodies = table.columns.get("body")
    if bodies is None or bodies.dtype.kind != "U":
        return
    for group in groups:
        names, numbers = np.unique(bodies[group.rows], return_counts=True)
        # What looks at none has no places either.
        there = {str(name): int(n) for name, n in zip(names, numbers, strict=True) if name}
        if len(there) > 1:
            most = sorted(there, key=lambda name: -there[name])
            said = ", ".join(f"{there[name]} of {name}" for name in most)
            warn_user(
                f"the spectra are of several bodies, {said}: alt, lat and so on are of one here "
                "and of another there, and ds.uvis.bin would average them: search with body= or "
                f"target=, or take ds.isel(spectrum=ds.body == {most[0]!r})"
            )
            return


def _opened(
    group: Group, table: Listed, reduction: Reduction | None, chunks: int | None
) -> xr.Dataset:
    """The spectra of a group, in the order of the table."""
    whole = of_labels(
        group.labels,
        group.files,
        group.window,
        "end_of_first" if reduction is None else reduction.start_time,
    )
    pic, pixel = table.pic[group.rows], table.pixel[group.rows]
    lengths = [label.shape[0] for label in group.labels]
    first = np.cumsum([0, *lengths[:-1]])
    opened = _picked(whole, first[group.of] + pic, pixel).assign_coords(pic=(DIM, pic))
    names = np.array(group.names)[group.of]
    opened = opened.assign_coords(product=(DIM, names), window=(DIM, table.window[group.rows]))
    targets = np.array([canonical(label.target) for label in group.labels])[group.of]
    if np.unique(targets).size > 1:
        attrs = {"long_name": "target of the product"}
        opened = opened.assign_coords(target=(DIM, targets, attrs))
    apart: Apart = "no" if reduction is None else "whole" if reduction.whole else "products"
    layout = Layout.of(group, pic, pixel, chunks, apart)
    kinds = {"counts": ((whole.sizes["wl"],), whole["counts"].dtype)}
    raw = xr.Variable((DIM, "wl"), layout.arrays(counts, kinds)["counts"])
    if reduction is None:
        ds = opened.assign(counts=raw)
    else:
        ds = _reduced(opened, raw, layout, replace(reduction, window=group.window))
    return conventions.apply(_with_columns(ds, table, group))


def _picked(whole: xr.Dataset, at: np.ndarray, pixel: np.ndarray) -> xr.Dataset:
    """Coordinates of spectra, out of those of all exposures and pixels."""
    where = {"pic": xr.Variable(DIM, at), "pixel": xr.Variable(DIM, pixel)}
    coords = whole.drop_vars([*whole.data_vars])
    kept = ("name", "year", "doy")
    several = np.unique(whole["product"].values[at]).size > 1
    attrs = {k: v for k, v in whole.attrs.items() if not (several and k in kept)}
    if several:
        attrs["name"] = f"{whole.attrs['channel']}_found"
    found: xr.Dataset = coords.isel(where)
    found.attrs = attrs
    return found


def _reduced(
    opened: xr.Dataset, raw: xr.Variable, layout: Layout, reduction: Reduction
) -> xr.Dataset:
    """What the steps make of spectra."""
    parts = [part for piece in layout.pieces for part in piece]
    several = len({part.name for part in parts}) > 1
    now = reduction.with_spice
    with keeping():
        made = _made(reduction, parts, now)
    own = [
        attributes(ds, reduction.opened(part), several)
        for ds, part in zip(made, parts, strict=False)
    ]
    like = merged(made, own, [part.pic.size for part in parts[: len(made)]])
    fixed = {name: v for name, v in like.variables.items() if _is_fixed(name, v)}
    same = {name: v for name, v in like.variables.items() if name in _SAME}
    others = {*fixed, *same, *_OF_LABELS}
    kinds = {name: _kind(v) for name, v in like.variables.items() if name not in others}
    arrays = (
        {name: layout.ordered(_each(made, parts, name, kinds[name])) for name in kinds}
        if now
        else layout.arrays(partial(reduction.values, kinds=kinds), kinds)
    )
    found: dict[str, xr.Variable] = {**fixed}
    for name in same:
        found[name] = xr.Variable(DIM, layout.ordered([_setups(made, parts, name)]))
    for name in kinds:
        variable = like.variables[name]
        dims = (DIM, *(dim for dim in variable.dims if dim != DIM))
        found[name] = xr.Variable(dims, arrays[name], variable.attrs)
    for name, variable in like.told.items():
        found[name] = variable.copy(data=layout.ordered([variable.values]))
    # Flags that no step may have changed for good are those of the opened product.
    kept = {*_OF_LABELS, "window", "target", *({"quality"} - found.keys())}
    ds = opened.drop_vars([name for name in opened.variables if name not in kept])
    ds = ds.assign_coords({name: v for name, v in found.items() if name not in like.values})
    ds = ds.assign({name: v for name, v in found.items() if name in like.values})
    # I/F stand in the place of what they were made of.
    kept_counts = "counts" not in ds and "reflectance" not in like.values
    if kept_counts and ds.sizes.get("wl") == raw.shape[1]:
        ds = ds.assign(counts=raw)
    whole = next((one for one in made if not has_left_out(one)), made[0])
    ds = ds.assign_attrs(like.attrs)
    if "history" in whole.attrs:
        ds = ds.assign_attrs(history=whole.attrs["history"])
    return inputs.add(ds, {file for one in made for file in inputs.of(one)})


def _made(reduction: Reduction, parts: list[Part], every: bool) -> list[xr.Dataset]:
    """What the steps make of the first parts: of all, or up to one of which nothing is lacking."""
    made = []
    for part in parts:
        made.append(reduction.part(part, lazy=True))
        if not (every or has_left_out(made[-1])):
            break
    return made


def _setups(made: list[xr.Dataset], parts: list[Part], name: Hashable) -> np.ndarray:
    """Numbers of set-ups by spectrum, NaN where there is none; all parts not made have the last."""
    own = [ds.variables[name].values.ravel()[0] if name in ds.variables else np.nan for ds in made]
    if len(made) < len(parts):
        own = [own[-1]] * len(parts)
    return np.repeat(np.array(own), [part.pic.size for part in parts])


def _each(made: list[xr.Dataset], parts: list[Part], name: str, kind: Kind) -> list[Any]:
    return [of_name(ds, name, part.pic.size, *kind) for ds, part in zip(made, parts, strict=True)]


def _is_fixed(name: Hashable, variable: xr.Variable) -> bool:
    """Whether a variable is of the wavelengths or the like, and not of spectra."""
    return DIM not in variable.dims and (name in _GRID or variable.dims == (name,))


def _kind(variable: xr.Variable) -> Kind:
    """The shape for each spectrum, and the type."""
    return tuple(n for dim, n in variable.sizes.items() if dim != DIM), variable.dtype


def _with_columns(ds: xr.Dataset, table: Listed, group: Group) -> xr.Dataset:
    """The dataset with the columns of the table that it has not otherwise."""
    told = {**schema.PRODUCTS, **schema.SPECTRA}
    coords: dict[str, Any] = {}
    for column, whole in table.columns.items():
        values, name = whole[group.rows], _RENAMED.get(column, column)
        if column in _LOOKS and "geometry_et" in ds.variables:
            # What a step has found may be of another body, or count longitudes the other way.
            continue
        if column == "quality":
            known = _flags(values)
            flags = ds["quality"].variable
            coords[name] = flags.copy(data=flags.data | known)
        elif name not in {*ds.variables, *_KNOWN} and not _unknown(values).all():
            attrs = {}
            if column in told:
                attrs = {"long_name": told[column].text}
                attrs |= {"units": told[column].units} if told[column].units else {}
            coords[name] = xr.Variable(DIM, values, attrs)
    if "lon" in coords:
        # The catalogue's own.
        ds = ds.assign_attrs(lon_direction="west")
    return ds.assign_coords(coords)


def _flags(values: np.ndarray) -> np.ndarray:
    """Flags of a table; none where they are not known."""
    unknown = _unknown(values)
    wrong = values[~(unknown | np.isin(values, np.arange(256)))]
    if wrong.size:
        raise ArgumentError(
            f"found: quality={checks.shown(wrong[0])} in the table: expected the sum of flags, a "
            "whole number from 0 to 255"
        )
    flags = np.zeros(values.size, np.uint8)
    flags[~unknown] = values[~unknown]
    return flags


def _unknown(values: np.ndarray) -> np.ndarray:
    found: np.ndarray = values == "" if values.dtype.kind == "U" else values != values
    return found


def _recorded(
    ds: xr.Dataset,
    group: Group,
    pipeline: Pipeline | None,
    reduction: Reduction | None,
) -> xr.Dataset:
    """The dataset with its history, and the files behind it."""
    lines = ds.attrs.pop("history", "")
    said: dict[str, Any] = {
        "found": _Said(f"{len(group.of)} spectra of {len(group.names)} products")
    }
    if pipeline is not None and reduction is not None:
        said["steps"] = [step.name for step in pipeline.steps]
        said |= {"left_out": list(reduction.left_out)} if reduction.left_out else {}
    ds = history.record(ds, "open_found", said)
    if lines:
        ds.attrs["history"] += f"\n{lines}"
    files = [path for x in group.labels for path in (x.path, x.data_path)]
    return inputs.add(ds, files)


def _names(groups: Sequence[Group]) -> list[str]:
    """A path in the tree for each group: channel, then slit and shape, then what else differs."""
    told = [_told(group) for group in groups]
    names = []
    for own in told:
        channel = [other for other in told if other["channel"] == own["channel"]]
        if len(channel) == 1:
            names.append(f"/{own['channel']}")
            continue
        alike = [o for o in channel if all(o[key] == own[key] for key in ("slit", "shape"))]
        more = [key for key in own if len({other[key] for other in alike}) > 1]
        parts = dict.fromkeys(("slit", "shape", *more))
        names.append(f"/{own['channel']}/{'_'.join(own[key] for key in parts if own[key])}")
    return names


def _told(group: Group) -> dict[str, str]:
    """What tells one set-up from another, in words."""
    label, area = group.labels[0], group.area
    return {
        "channel": label.channel,
        "slit": label.slit or "slit_unknown",
        "shape": "x".join(map(str, area.shape)),
        "bins": f"bins{area.line_bin}x{area.band_bin}",
        "rows": f"rows{area.ul_line}to{area.lr_line}",
        "columns": f"columns{area.ul_band}to{area.lr_band}",
        "optics": label.optics(),
        "compression": label.compression or "compression_unknown",
        "window": f"window{group.window}",
    }
