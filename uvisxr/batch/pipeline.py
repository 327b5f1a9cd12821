"""Pipelines: the steps of a batch as data, checked before anything runs.

A pipeline is a list of accessor methods with their arguments, in Python

>>> steps = [("background", {"level": 4e-4}), "calibrate", ("integrate", {})]

or in YAML, where an entry is a name or a name with a mapping of arguments:

.. code-block:: yaml

    - open: {start_time: end_of_first}
    - background: {level: 4e-4}
    - calibrate:
        recipe: upyp
        trend: false

The entry `open`, allowed only at the start, holds arguments of `uvisxr.open_product`. A step that
fails makes its product fail, unless it has the argument ``on_error: keep``: then the step is left
out, with a warning and a line in the history, and the others go on without it. An entry
``on_error: keep`` before the steps says so of all of them:

>>> steps = [("geometry", {"on_error": "keep"}), "calibrate"]

The entry `to_fits`, allowed only at the end, has each product written as a FITS file and its PDS4
label beside its NetCDF file. Its `backplanes` are the arguments of `ds.uvis.backplanes`, or true
for none; without them the file has the geometry that a step `geometry` gave:

.. code-block:: yaml

    - to_fits: {backplanes: {kernels: kernels/}}

With ``times: rule`` among them, each product has as many instants as `uvisxr.fits.subsampling`
asks for.

Arguments are checked against the annotations of the steps before anything runs, so a wrong choice
shows at once instead of product by product. The text recorded in every output is one line of YAML
(also valid JSON unless a number is infinite): it can be saved and run again.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr
import yaml

from .. import calls, checks
from ..checks import nearest
from ..dataset import history
from ..errors import ArgumentError, LeftOutWarning, PipelineError, UvisError, shortened, warn_user
from ..files import absolute, read_beginning, real, utf16
from .hints import expected, fits, takes_path

#: Methods that write files or keep state outside the dataset, and so are not reduction steps.
_NOT_STEPS = frozenset({"to_netcdf", "to_json", "to_fits", "backplanes", "explore"})


#: The entry that has FITS files written.
_FITS = "to_fits"

#: What to write in place of methods that are no steps.
_MADE_ELSEWHERE = MappingProxyType(
    {
        "backplanes": (
            "; they go into FITS files: write `- to_fits: {backplanes: {kernels: kernels/}}` as "
            "the last entry"
        ),
        "to_netcdf": "; each product becomes a NetCDF file anyway: leave it out",
    }
)

#: Bounds of numbers that steps refuse whatever the product, by step and argument, as of
#: `checks.number`. The steps themselves check them again.
BOUNDS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("background", "level"): {"least": 0},
    ("background", "error"): {"least": 0},
    ("calibrate", "fill_limit"): {"least": 0},
    ("calibrate", "lyman_alpha"): {"above": 0},
    ("calibration_factor", "lyman_alpha"): {"above": 0},
    ("to_fits", "pixels_per_subsample"): {"above": 0},
    ("geometry", "samples"): {"least": 1},
    ("image", "nx"): {"least": 1},
    ("image", "ny"): {"least": 1},
    ("rebin", "pic"): {"least": 1},
    ("rebin", "pixel"): {"least": 1},
    ("rebin", "wl"): {"least": 1},
}


#: What becomes of a product if a step fails: it fails too, or is kept as it was before the step.
OnError = Literal["fail", "keep"]


@dataclass(frozen=True)
class Step:
    """One accessor method and its arguments, as JSON types."""

    name: str
    arguments: dict[str, Any]
    on_error: OnError = "fail"

    def recorded(self) -> dict[str, Any]:
        """The step as an entry of a pipeline."""
        kept = {} if self.on_error == "fail" else {"on_error": self.on_error}
        return {self.name: self.arguments | kept}


@dataclass(frozen=True)
class Pipeline:
    """Checked steps.

    Attributes
    ----------
    open : dict
        Arguments of `uvisxr.open_product`.
    steps : tuple of Step
    folder : Path
        Where relative paths in the arguments start: the folder of the YAML file, or the current
        folder.
    text : str
        The pipeline as given, as one line of YAML; recorded in every output.
    fits : Step, optional
        How products are written as FITS files, too.
    """

    open: dict[str, Any]
    steps: tuple[Step, ...]
    folder: Path
    text: str
    fits: Step | None = None

    def resolved(self) -> Pipeline:
        """The same pipeline with absolute paths, for workers that run in another folder."""

        def absolute(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
            hints = _hints(function)
            return {
                name: _absolute(value, self.folder) if takes_path(hints.get(name)) else value
                for name, value in arguments.items()
            }

        def of_fits(step: Step) -> Step:
            own = step.arguments.get("backplanes")
            if not isinstance(own, dict) or own.get("kernels") is None:
                return step
            own = own | {"kernels": _absolute(own["kernels"], self.folder)}
            return replace(step, arguments=step.arguments | {"backplanes": own})

        return replace(
            self,
            fits=self.fits and of_fits(self.fits),
            open=absolute(_opener(), self.open),
            steps=tuple(
                replace(s, arguments=absolute(_methods()[s.name], s.arguments)) for s in self.steps
            ),
        )

    def check_paths(self) -> None:
        """Check that what the steps read besides the product is there.

        Raises
        ------
        PipelineError
            Some file or folder is not.
        """
        from . import reads

        for step in self.steps:
            hints = _hints(_methods()[step.name])
            for name, value in step.arguments.items():
                for path in reads.paths(value, self.folder) if takes_path(hints.get(name)) else ():
                    if not os.path.lexists(path):
                        raise PipelineError(
                            f"{step.name}: {name}={checks.shown(value)}: there is no {path}; "
                            "correct the path: relative ones begin at the folder of the "
                            "pipeline's file, or the current one"
                        )

    def digest(self) -> str:
        """sha256 of the steps and of the state of the files that they read besides the product.

        Replacing a calibration file or a kernel thus makes outputs outdated, be it named in an
        argument, by a meta-kernel, by an option or an environment variable, or in the cache.
        """
        # Not needed to check a pipeline or to run it.
        from . import reads

        parts = [self.text]
        for step in self.steps:
            for name, hint in _hints(_methods()[step.name]).items():
                if takes_path(hint):
                    parts += reads.states(name, step.arguments.get(name), self.folder)
        own = self.fits.arguments.get("backplanes") if self.fits else None
        if own is not None:
            kernels = own.get("kernels") if isinstance(own, dict) else None
            parts += reads.states("kernels", kernels, self.folder)
        return hashlib.sha256(os.fsencode("\n".join(parts))).hexdigest()

    def apply(
        self, ds: xr.Dataset, entering: Callable[[str], None] = lambda name: None
    ) -> xr.Dataset:
        """Run the steps on one dataset; dask arrays stay lazy.

        Parameters
        ----------
        ds : Dataset
        entering : callable
            Called with each step's name before the step runs.

        Returns
        -------
        Dataset
            With the attribute `pipeline`.

        Raises
        ------
        PipelineError
            A step returned something that is neither a Dataset nor a DataArray, or a step follows
            one that did not return a Dataset.
        UvisError
            A step failed, other than one to be left out then.

        Warns
        -----
        LeftOutWarning
            A step failed and was left out.
        """
        # Not `.uvis`: the command `uvisxr` and its workers start without registering it.
        from ..accessor import UvisAccessor

        result: xr.Dataset | xr.DataArray = ds
        last = ds
        for step in self.steps:
            entering(step.name)
            if not isinstance(result, xr.Dataset):
                raise PipelineError(
                    f"step '{step.name}' follows one that returned a {type(result).__name__}: "
                    "steps that return a single array can only come last"
                )
            last = result
            try:
                result = getattr(UvisAccessor(last), step.name)(**step.arguments)
            except UvisError as error:
                if step.on_error == "fail":
                    raise
                warn_user(left_out(step.name, error), LeftOutWarning)
                # The message may name folders, which no history does.
                why = {"step": step.name, "error": type(error).__name__}
                result = history.record(last, "left_out", why)
        if isinstance(result, xr.DataArray):
            result = result.to_dataset(name=result.name or self.steps[-1].name)
        if not isinstance(result, xr.Dataset):
            raise PipelineError(
                f"step '{self.steps[-1].name}' returned a {type(result).__name__}, not a dataset: "
                "it cannot be part of a pipeline"
            )
        # A single array has no history, so that of the dataset it comes from is used.
        attrs = {"history": last.attrs["history"]} if "history" in last.attrs else {}
        return result.assign_attrs({**attrs, **result.attrs, "pipeline": self.text})


def left_out(step: str, error: UvisError) -> str:
    """What to say of a step that failed and is left out."""
    return f"step '{step}' is left out: {str(error).removeprefix(f'{step}: ')}"


def load(pipeline: str | Path | Iterable[Any]) -> Pipeline:
    """Read and check a pipeline.

    Parameters
    ----------
    pipeline : path or iterable
        A YAML file, or entries: a step's name, a pair (name, arguments), or a mapping
        {name: arguments}.

    Returns
    -------
    Pipeline

    Raises
    ------
    PipelineError
        The file is missing or not YAML, or an entry has an unknown step, an unknown argument, lacks
        a required one, or gives one a value that its annotation does not allow.
    """
    if isinstance(pipeline, Pipeline):
        return pipeline
    if isinstance(pipeline, str | Path):
        path = Path(pipeline).expanduser()
        return _checked(_read(path), str(path), real(path).parent)
    return _checked(list(pipeline), "pipeline", Path())


#: Longest file of a pipeline, in bytes; how deep its values may lie in one another; and how many
#: there may be, with those that aliases repeat.
_LONGEST, _DEEP, _MOST = 2**16, 50, 50_000


class _Loader(yaml.SafeLoader):
    """YAML of plain data, with the numbers of YAML 1.2, in bounds, and each key once.

    Plain PyYAML reads 4e-4 as text, 1:30 as 90, and 010 as 8.
    """

    def __init__(self, stream: Any):
        super().__init__(stream)
        self._depth = self._count = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        before, again = self._count, self.check_event(yaml.AliasEvent)
        self._count, self._depth = before + 1, self._depth + 1
        if self._depth > _DEEP:
            raise yaml.YAMLError(f"its values lie more than {_DEEP} deep in one another")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if again:
            if id(node) not in self._sizes:
                raise yaml.YAMLError("an anchor (&) holds itself: write its values out")
            self._count = before + self._sizes[id(node)]
        self._sizes[id(node)] = self._count - before
        if self._count > _MOST:
            raise yaml.YAMLError(f"it has more than {_MOST} values")
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        if isinstance(node, yaml.MappingNode):
            seen = set[str]()
            for key in (key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
                if key in seen:
                    raise yaml.YAMLError(f"{checks.shown(key)} stands twice in one mapping")
                seen.add(key)
        return super().construct_mapping(node, deep)


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag not in _NUMBERS]
    for first, forms in _Loader.yaml_implicit_resolvers.items()
}
for _tag, _form in zip(
    _NUMBERS,
    (
        r"[-+]?(0|[1-9]\d*)$",
        r"([-+]?(\.\d+|(0|[1-9]\d*)(\.\d*)?)([eE][-+]?\d+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$",
    ),
    strict=True,
):
    _Loader.add_implicit_resolver(_tag, re.compile(_form, re.ASCII), list("-+.0123456789"))


def _read(path: Path) -> list[Any]:
    try:
        raw, size = read_beginning(path, _LONGEST)
        if size > _LONGEST:
            raise PipelineError(
                f"{path} has more than {_LONGEST} bytes, as no pipeline needs: give what is long "
                "in Python, or in a file that an argument names"
            )
        if utf16(raw):
            raise PipelineError(
                f"the pipeline {path} is text in UTF-16, as some editors save it: save it as "
                "UTF-8, or as plain text"
            )
        content = yaml.load(raw.decode("utf-8-sig"), Loader=_Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise PipelineError(
            f"cannot read the pipeline {path}: {getattr(error, 'strerror', None) or error}; give "
            "a YAML file with a list of steps"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = shortened(_said(error), 300)
        if "'\\t'" in said:
            said += "; write indents in blanks, not in tabs"
        raise PipelineError(f"{path} is not the YAML of a pipeline: {said}") from error
    if content is None:
        raise PipelineError(
            f"the pipeline {path} is empty: write one '- step: {{argument: value}}' per line"
        )
    if not isinstance(content, list):
        raise PipelineError(
            f"{path} holds a {type(content).__name__}, not a list: write one '- step: "
            "{argument: value}' per line"
        )
    return content


def _said(error: Exception) -> str:
    """What is wrong and where, without the line of text and the mark below it."""
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split()).replace(' in "<unicode string>"', "")
    told = ((error.context, error.context_mark), (error.problem, error.problem_mark))
    return ": ".join(
        f"{said}, line {mark.line + 1}, column {mark.column + 1}" if mark else said
        for said, mark in told
        if said
    )


def _checked(entries: Sequence[Any], where: str, folder: Path) -> Pipeline:
    opening: dict[str, Any] = {}
    steps: list[Step] = []
    on_error: OnError = "fail"
    fits: Step | None = None
    for number, entry in enumerate(entries, 1):
        place = f"{where}, step {number}"
        name, arguments = _entry(entry, place)
        if fits is not None:
            raise PipelineError(f"{place}: '{_FITS}' can only be the last entry")
        if name == _FITS:
            reaction = _on_error(arguments.pop("on_error", on_error), f"{place}: {name}")
            fits = Step(name, _of_fits(arguments, place), reaction)
            continue
        if name == "on_error":
            if steps:
                raise PipelineError(
                    f"{place}: 'on_error' stands before the steps, or is an argument of one"
                )
            on_error = _on_error(arguments[name], place)
            continue
        if name == "open":
            if number > 1:
                raise PipelineError(f"{place}: 'open' can only be the first entry")
            opening = _arguments(_opener(), name, arguments, place)
            continue
        methods = _methods()
        if name not in methods:
            hint = _MADE_ELSEWHERE.get(name) or nearest(name, [*methods, _FITS])
            hint = hint or f"; steps are {', '.join(methods)}, and {_FITS} as the last"
            raise PipelineError(f"{place}: no step {checks.shown(name)}{hint}")
        reaction = _on_error(arguments.pop("on_error", on_error), f"{place}: {name}")
        steps.append(Step(name, _arguments(methods[name], name, arguments, place), reaction))
    recorded = [step.recorded() for step in [*steps, *([fits] if fits else [])]]
    if opening:
        recorded.insert(0, {"open": opening})
    return Pipeline(opening, tuple(steps), folder, _text(recorded), fits)


def _of_fits(arguments: dict[str, Any], place: str) -> dict[str, Any]:
    """Arguments of `to_fits`; its backplanes are those of `ds.uvis.backplanes`."""
    from ..fits.writing import to_fits

    own = arguments.pop("backplanes", None)
    if own is not None and own is not True and not isinstance(own, Mapping):
        raise PipelineError(
            f"{place}: {_FITS}: backplanes={checks.shown(own)}: expected the arguments of "
            "ds.uvis.backplanes, such as {kernels: kernels/}, or true"
        )
    for name in ("path", "overwrite"):
        if name in arguments:
            raise PipelineError(
                f"{place}: {_FITS}: leave {name} out: files have the names of the outputs"
            )
    found = _arguments(to_fits, _FITS, arguments, place)
    return found if own is None else found | {"backplanes": _plain(own, f"{place}: {_FITS}")}


#: Strings, which are kept, and the infinities as json.dumps spells them.
_INFINITY = re.compile(r'"(?:[^"\\]|\\.)*"|(?P<sign>-?)Infinity')


def _text(recorded: list[Any]) -> str:
    """One line of JSON, except that infinities are spelt as in YAML."""
    line = json.dumps(recorded, sort_keys=True)
    return _INFINITY.sub(lambda m: m[0] if m["sign"] is None else f"{m['sign']}.inf", line)


def _entry(entry: Any, place: str) -> tuple[str, dict[str, Any]]:
    if isinstance(entry, str):
        return entry, {}
    if isinstance(entry, Step):
        entry = entry.recorded()
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, arguments),) = entry.items()
    elif isinstance(entry, Sequence) and len(entry) == 2:
        name, arguments = entry
    else:
        raise PipelineError(
            f"{place}: {checks.shown(entry)} is not a step: give a name, a pair (name, arguments) "
            "or one 'name: {argument: value}'"
        )
    if name == "on_error":
        return name, {name: arguments}
    arguments = {} if arguments is None else arguments
    if not isinstance(name, str) or not isinstance(arguments, Mapping):
        raise PipelineError(
            f"{place}: the arguments of {checks.shown(name)} must be a mapping of names to values, "
            f"not {checks.shown(arguments)}"
        )
    return name, dict(arguments)


def _on_error(value: Any, place: str) -> OnError:
    if value not in get_args(OnError):
        raise PipelineError(f"{place}: on_error={checks.shown(value)}: expected 'fail' or 'keep'")
    reaction: OnError = value
    return reaction


def _arguments(
    function: Callable[..., Any], name: str, arguments: dict[str, Any], place: str
) -> dict[str, Any]:
    signature = inspect.signature(function)
    for key, value in arguments.items():
        # YAML takes the comma of {level: 4,0e-4} for the end of a value.
        if value is None and re.fullmatch(r"[\d.]+([eE][-+]?\d+)?", str(key)):
            raise PipelineError(
                f"{place}: {name}: {checks.shown(key)} is no name of an argument: write decimals "
                "with a point, as a comma ends a value"
            )
    try:
        signature.bind(None, **arguments)
    except TypeError as error:
        strange = next((key for key in arguments if key not in signature.parameters), None)
        said = calls.why(name, signature, arguments, error)
        if checks.close(strange, [*signature.parameters, "on_error"]) == "on_error":
            said = f"there is no argument {strange}=; did you mean on_error=?"
        raise PipelineError(f"{place}: {name}: {shortened(said, 300)}") from error
    hints = _hints(function)
    plain = {}
    for key, value in arguments.items():
        plain[key] = value = _plain(value, f"{place}: {name}: {key}")
        if key in hints and not fits(value, hints[key]):
            raise PipelineError(
                f"{place}: {name}: {key}={checks.shown(value)}: expected "
                f"{expected(value, hints[key])}"
            )
        if isinstance(value, float) and not math.isfinite(value):
            # No step takes infinity by itself, only as the end of a range.
            raise PipelineError(f"{place}: {name}: {key}={value}: expected a finite number")
        try:
            if (name, key) in BOUNDS and checks.is_number(value):
                checks.number(key, value, "a number", **BOUNDS[name, key])
            elif key == "wl_range" and value is not None:
                checks.pair(key, value, "wavelengths, angstrom")
        except ArgumentError as error:
            raise PipelineError(f"{place}: {name}: {error}") from None
    return plain


def _opener() -> Callable[..., Any]:
    # Imported late: the observation module is not needed to check the other steps.
    from ..reader.observation import open_product

    return open_product


def _methods() -> dict[str, Callable[..., Any]]:
    """The accessor's steps by name."""
    from ..accessor import UvisAccessor

    return {
        name: value
        for name, value in sorted(vars(UvisAccessor).items())
        if inspect.isfunction(value) and not name.startswith("_") and name not in _NOT_STEPS
    }


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(inspect.unwrap(function))


def _plain(value: Any, place: str) -> Any:
    """The value as JSON types, shared by workers, fingerprints and outputs."""
    if isinstance(value, np.generic | np.ndarray):
        value = (value.astype(str) if value.dtype.kind == "M" else value).tolist()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item, place) for key, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item, place) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**63:
        return value
    if isinstance(value, str) and _is_text(value):
        return value
    if isinstance(value, float) and not math.isnan(value):
        return value
    raise PipelineError(
        f"{place}: {checks.shown(value)} cannot be recorded: use numbers, text, lists and mappings "
        "(dates in quotes)"
    )


def _is_text(value: str) -> bool:
    """Whether a text can be written down: neither NetCDF nor a path has null characters."""
    try:
        return b"\0" not in os.fsencode(value)
    except UnicodeEncodeError:
        return False


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list):
        return [_absolute(item, folder) for item in value]
    if isinstance(value, str) and value and os.path.exists(folder / value):  # noqa: PTH110
        return str(absolute(folder / value))
    return value
