"""What a catalogue holds of one product: its row, and those of its spectra."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from .. import targets
from .._version import __version__
from ..dataset.bits import QUALITY_FLAGS
from ..errors import CoverageError, MissingDependencyError, ProductError, UvisError, bounded
from ..files import sha256
from ..instrument.detector import Bins
from ..kernels.bodies import chosen
from ..pds3 import urls
from ..pds3.label import Label
from ..pds3.product import has_data
from ..reader import states
from ..reader.observation import window_of
from ..reader.sources import Product
from . import looks, schema, sums
from .looks import Looks, Seen

if TYPE_CHECKING:
    import pyarrow as pa

_LOST, _PARTIAL, _DARK = (QUALITY_FLAGS[name] for name in ("lost", "partial", "dark_line"))


class Rows(NamedTuple):
    """What a catalogue holds of a product.

    Attributes
    ----------
    product : dict
        Its row of `products`, but for `fingerprint` and `indexed`.
    spectra : pyarrow.Table
        Its rows of `spectra`: by window, exposure, pixel and body, that of the target first.
    """

    product: dict[str, Any]
    spectra: pa.Table


def of(
    product: Product,
    kernels: str | Path | Iterable[str | Path] | None = None,
    name: str | None = None,
) -> Rows:
    """Read a product, and compute where its spectra looked.

    Without a data file the counts are null; without kernels or pointing, where spectra looked.

    Parameters
    ----------
    product : Product
    kernels : path or iterable of paths, optional
        As of `uvisxr.geometry.los.geometry`.
    name : str, optional
        What the product is called in the catalogue. By default as its label, without the suffix.

    Raises
    ------
    LabelError, ProductError
        The label or the data file is damaged, or not of counts.
    MissingDependencyError
        pyarrow is not installed.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise MissingDependencyError(
            'a catalogue needs pyarrow: install it with `pip install "uvisxr[catalogue]"`'
        ) from error
    name = product.name if name is None else name
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        label = product.read()
        if label.is_matrix:
            raise ProductError(
                f"{label.path} is a calibration matrix and holds no spectra: leave it out"
            )
        there = has_data(label)
        windows = [window_of(label, k, there) for k in range(len(label.windows))]
        states.warn([label])
        counted = [sums.of(ds) if there else None for ds in windows]
    looked, reasons, more = _look(label, windows, kernels)
    pointing = _pointing(looked)
    spectra = pa.concat_tables(
        _spectra(name, label, k, ds, found, looked)
        for k, (ds, found) in enumerate(zip(windows, counted, strict=True))
    )
    is_primary = spectra["primary"].to_numpy()
    flags = spectra["quality"].to_numpy()[is_primary]
    row = {
        "product": name,
        **_told(product, label),
        "label_sha256": sha256(label.path),
        "status": "done",
        "step": "",
        "error": "",
        "warnings": sorted({*_messages(caught), *more}),
        "version": __version__,
        **_times(windows[0]),
        "has_data": there,
        "pointing": pointing,
        "geometry_note": _why(reasons, [] if pointing == "all" and _is_known(spectra) else more),
        "bodies": [] if looked is None else [seen.name for seen in looked.bodies],
        "kernels": [] if looked is None else list(looked.kernels),
        "spectra": flags.size,
        "counts": sum(found.sent for found in counted if found is not None) if there else None,
        "lost": _number(flags, _LOST) if there else None,
        "partial": _number(flags, _PARTIAL) if there else None,
        "dark_line": _number(flags, _DARK),
    }
    return Rows(row, spectra)


def _messages(caught: list[warnings.WarningMessage]) -> list[str]:
    """What was warned of, each once."""
    told = (w for w in caught if issubclass(w.category, UserWarning))
    return sorted({bounded(str(w.message)) for w in told})


def _told(product: Product, label: Label) -> dict[str, Any]:
    """What the label says."""
    first = label.windows[0]
    shapes = [window.shape for window in label.windows]
    data = str(product.data) if product.paired and product.data is not None else ""
    return {
        "product_id": label.product_id,
        "label": product.source,
        "data": urls.of_data(product.url, label.data_path) if product.url else data,
        "channel": label.channel,
        "slit": label.slit,
        "optics": label.optics(),
        "target": targets.canonical(label.target),
        "target_name": label.target,
        "compression": label.compression,
        "exposures": label.shape[0],
        "exposure": label.integration,
        "windows": len(shapes),
        "pixels": sum(pixels for pixels, _ in shapes),
        "elements": shapes[0][1],
        **{key: int(getattr(first, key)) for key in first.__dataclass_fields__},
    }


def _times(ds: xr.Dataset) -> dict[str, Any]:
    ends = {"time_start": ds["time_start"].values[0], "time_stop": ds["time_stop"].values[-1]}
    return {key: value.astype("datetime64[us]").item() for key, value in ends.items()}


def _number(flags: np.ndarray, bit: int) -> int:
    return int(np.count_nonzero(flags & bit))


def _look(
    label: Label,
    windows: list[xr.Dataset],
    kernels: str | Path | Iterable[str | Path] | None,
) -> tuple[Looks | None, list[str], list[str]]:
    """Where the product looks, None if nothing is known; errors by which not all is; warnings."""
    et = windows[0]["et"].values
    bins = [Bins.of(ds) for ds in windows]
    instrument = (label.channel, label.slit, label.optics())
    found, reasons = None, []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        target = chosen(label.target)
        if target is None:
            reasons += _messages(caught)
        # Where the body is may be unknown, and where the instrument looks known.
        for name in [target[0], ""] if target else [""]:
            try:
                found = looks.read(et, bins, instrument, kernels, name)
                break
            except UvisError as error:
                reasons.append(str(error))
                if not isinstance(error, CoverageError):
                    break
    return found, reasons, _messages(caught)


def _is_known(spectra: pa.Table) -> bool:
    """Whether all places on bodies are known: not of a body without shape or rotation."""
    import pyarrow.compute as pc

    return not spectra.filter(pc.not_equal(spectra["body"], ""))["on_disk"].null_count


def _why(reasons: list[str], warned: list[str]) -> str:
    """Why something is not known: an error, or the warning that comes nearest to it."""
    warned = sorted(warned, key=lambda text: "no pointing" not in text)
    return next(iter([*reasons, *warned]), "")


def _pointing(looked: Looks | None) -> str:
    if looked is None or not looked.is_pointed.any():
        return "none"
    return "all" if looked.is_pointed.all() else "some"


def _spectra(
    name: str,
    label: Label,
    window: int,
    ds: xr.Dataset,
    counted: sums.Sums | None,
    looked: Looks | None,
) -> pa.Table:
    """The rows of one window's spectra."""
    bins = Bins.of(ds)
    quality = ds["quality"].values if counted is None else counted.quality
    n, m = quality.shape
    bodies: list[Seen | None] = [*looked.bodies] if looked is not None else []
    if not (bodies and bodies[0] is not None and bodies[0].is_target):
        bodies.insert(0, None)
    pics = [np.arange(n) if seen is None else seen.pics for seen in bodies]
    # Of each row the spectrum and the body.
    spectrum = np.concatenate([(pic[:, None] * m + np.arange(m)).ravel() for pic in pics])
    body = np.repeat(np.arange(len(bodies)), [pic.size * m for pic in pics])
    order = np.argsort(spectrum, kind="stable")
    spectrum, body = spectrum[order], body[order]
    pic, pixel = np.divmod(spectrum, m)

    values: dict[str, np.ndarray] = {
        "window": np.full(spectrum.size, window),
        "pic": pic,
        "pixel": pixel,
        "time": ds["time"].values.astype("datetime64[us]")[pic],
        "exposure": ds["exposure"].values[pic],
        "quality": quality.ravel()[spectrum],
        "primary": body == 0,
    }
    if looked is not None and looked.is_pointed.any():
        for key, part in looks.directions(looked, bins).items():
            values[key] = part.ravel()[spectrum]
    if counted is not None:
        values |= {key: part.ravel()[spectrum] for key, part in counted.columns.items()}
    values |= _seen(looked, bodies, pics, bins, order)
    names = {
        "product": name,
        "channel": label.channel,
        "slit": label.slit,
        "target": targets.canonical(label.target),
    }
    return _table(values, names, [seen.name if seen else "" for seen in bodies], body)


def _seen(
    looked: Looks | None,
    bodies: list[Seen | None],
    pics: list[np.ndarray],
    bins: Bins,
    order: np.ndarray,
) -> dict[str, np.ndarray]:
    """The columns of what is seen of bodies, in an order of rows that has them one by one."""
    if looked is None or not any(bodies):
        return {}
    m = bins.line.size
    tables = [None if seen is None else looks.fields_of(looked, seen, bins) for seen in bodies]
    found = {}
    for key in looks.COLUMNS:
        parts = [
            np.full(pic.size * m, np.nan, np.float32) if table is None else table[key].ravel()
            for table, pic in zip(tables, pics, strict=True)
        ]
        found[key] = np.concatenate(parts)[order]
    return found


def _table(
    values: dict[str, np.ndarray], names: dict[str, str], bodies: list[str], body: np.ndarray
) -> pa.Table:
    """An Arrow table of numbers, in which NaN is null, of names that all rows share, and of those
    of bodies."""
    import pyarrow as pa

    shape = schema.of("spectra")
    columns = []
    for field in shape:
        if field.name in names:
            zeros = pa.array(np.zeros(body.size, np.int32))
            column = pa.DictionaryArray.from_arrays(zeros, pa.array([names[field.name]]))
        elif field.name == "body":
            column = pa.DictionaryArray.from_arrays(pa.array(body.astype(np.int32)), bodies)
        elif field.name not in values:
            column = pa.nulls(body.size, field.type)
        elif field.name == "on_disk":
            flag = values["on_disk"]
            column = pa.array(flag == 1, mask=np.isnan(flag))
        else:
            column = _column(values[field.name], field, schema.SPECTRA[field.name].period)
        columns.append(column)
    return pa.table(columns, schema=shape)


def _column(values: np.ndarray, field: pa.Field, period: float) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_timestamp(field.type) or values.dtype == bool:
        return pa.array(values, field.type)
    if pa.types.is_float32(field.type):
        values = looks.narrow(values, period)
    return pa.array(values.astype(field.type.to_pandas_dtype(), copy=False), from_pandas=True)
