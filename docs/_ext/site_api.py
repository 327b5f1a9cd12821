"""The public names, and a page in reStructuredText of each, from the package itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Any

from numpydoc.docscrape import Parameter
from numpydoc.docscrape_sphinx import SphinxDocString, get_doc_object
from site_links import GITHUB, ROOT

import uvisxr
from uvisxr.accessor import ArrayAccessor, TreeAccessor, UvisAccessor
from uvisxr.plot import PlotAccessor
from uvisxr.stars.flag_files import StarFlags

#: What `uvisxr` has by name that is said elsewhere: errors have a page of their own.
ELSEWHERE = ("UvisError", "UvisWarning", "__version__")

#: Modules besides those that `uvisxr` names.
INNER = ("catalogue.exports", "catalogue.pictures", "typing")

#: Classes of what functions return: where the class is, its name, and what gives one.
RETURNED = (
    ("catalogue.search", "Found", "uvisxr.search"),
    ("plot", "StarChecker", "Dataset.uvis.check_stars"),
)


@dataclass(frozen=True)
class Entry:
    """One name.

    Attributes
    ----------
    name : str
        In full, as pages show it and link to it.
    thing : object
        What it is.
    kind : {"function", "method", "property", "class"}
        As Sphinx's domain for Python has them.
    """

    name: str
    thing: Any
    kind: str = "function"


@dataclass(frozen=True)
class Page:
    """A page: its file, its heading, a text, and the names that it explains."""

    file: str
    title: str
    group: str
    text: str = ""
    entries: tuple[Entry, ...] = ()
    listed: tuple[tuple[str, str], ...] = field(default=())


def pages() -> list[Page]:
    """All pages of the reference of the API, in the order in which they are listed."""
    return [*_functions(), *_steps(), *_modules()]


def names() -> dict[str, Page]:
    """Every name that has a text, with the page that it is on."""
    return {entry.name: page for page in pages() for entry in page.entries}


def _functions() -> Iterator[Page]:
    for name in uvisxr.__all__:
        thing = getattr(uvisxr, name)
        if name in ELSEWHERE or isinstance(thing, ModuleType):
            continue
        kind = "class" if inspect.isclass(thing) else "function"
        entries = [Entry(f"uvisxr.{name}", thing, kind)]
        for where, other, giver in RETURNED:
            if giver == f"uvisxr.{name}":
                made = getattr(import_module(f"uvisxr.{where}"), other)
                entries += _of_class(f"uvisxr.{where}.{other}", made)
        yield Page(f"uvisxr.{name}", f"uvisxr.{name}", "Functions", entries=tuple(entries))


def _steps() -> Iterator[Page]:
    for where, group, accessor in (
        ("Dataset.uvis", "Steps of a dataset: ds.uvis", UvisAccessor),
        ("Dataset.uvis.plot", "Pictures: ds.uvis.plot", PlotAccessor),
        ("Dataset.uvis.stars", "Star files: ds.uvis.stars", StarFlags),
    ):
        for name, thing, kind in _members(accessor):
            title = f"{where}.{name}".replace("Dataset", "ds", 1)
            entries = [Entry(f"{where}.{name}", thing, kind)]
            for room, other, giver in RETURNED:
                if giver == f"{where}.{name}":
                    made = getattr(import_module(f"uvisxr.{room}"), other)
                    entries += _of_class(f"uvisxr.{room}.{other}", made)
            yield Page(f"{where}.{name}", title, group, entries=tuple(entries))
    for where, title, accessor in (
        ("DataTree.uvis", "tree.uvis", TreeAccessor),
        ("DataArray.uvis", "array.uvis", ArrayAccessor),
    ):
        own, same = [], []
        for name, thing, kind in _members(accessor):
            twin = vars(UvisAccessor).get(name)
            if kind == "method" and inspect.unwrap(thing) is inspect.unwrap(twin):
                same.append((f"{where}.{name}", f"Dataset.uvis.{name}"))
            else:
                own.append(Entry(f"{where}.{name}", thing, kind))
        text = inspect.getdoc(accessor) or ""
        yield Page(where, title, "Trees and arrays", text, tuple(own), tuple(same))


def _modules() -> Iterator[Page]:
    of_uvisxr = [name for name in uvisxr.__all__ if isinstance(getattr(uvisxr, name), ModuleType)]
    for name in sorted([*of_uvisxr, *INNER]):
        module = import_module(f"uvisxr.{name}")
        entries: list[Entry] = []
        for key, thing in public_of(module).items():
            full = f"{module.__name__}.{key}"
            if inspect.isclass(thing):
                entries += _of_class(full, thing)
            elif key not in uvisxr.__all__:
                entries.append(Entry(full, thing))
        text = inspect.getdoc(module) or ""
        yield Page(module.__name__, module.__name__, "Modules", text, tuple(entries))


def public_of(module: ModuleType) -> dict[str, Any]:
    """What a module has for users: what its `__all__` names, else its own functions."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in module.__all__}
    return {
        name: thing
        for name, thing in vars(module).items()
        if callable(thing)
        and not name.startswith("_")
        and not inspect.isclass(thing)
        and getattr(thing, "__module__", "") == module.__name__
    }


def _members(kind: type) -> Iterator[tuple[str, Any, str]]:
    for name, thing in vars(kind).items():
        if name.startswith("_"):
            continue
        if isinstance(thing, property):
            yield name, thing, "property"
        elif inspect.isfunction(thing):
            yield name, thing, "method"


def _of_class(name: str, kind: type) -> Iterator[Entry]:
    yield Entry(name, kind, "class")
    if kind.__module__.startswith("uvisxr."):
        for key, thing, what in _members(kind):
            yield Entry(f"{name}.{key}", thing, what)


# Texts ------------------------------------------------------------------------------------------


def summary(thing: Any) -> str:
    """The first paragraph of a text, in one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


def raised(thing: Any) -> list[str]:
    """Names of the errors that a text says are raised."""
    if not callable(thing):
        return []
    found: list[Parameter] = SphinxDocString(inspect.getdoc(thing) or "")["Raises"]
    return [name for one in found for name in re.findall(r"\w+", one.type or one.name)]


def rst(page: Page) -> str:
    """A page in reStructuredText."""
    lines = [page.title, "=" * len(page.title), ""]
    if page.text:
        lines += [_on_site(_indented_sections(page.text)), ""]
    for entry in page.entries:
        lines += [_described(entry), ""]
    if page.listed:
        lines += [".. list-table::", "   :widths: auto", ""]
        for name, twin in page.listed:
            lines += [f"   * - {name.replace('Data', 'data', 1).lower()}", f"     - as `{twin}`"]
    return "\n".join(lines) + "\n"


def _on_site(text: str) -> str:
    """A text that names pages by their files, with links to them in place."""
    return re.sub(r"\bdocs/([\w/]+)\.md\b", r":doc:`/\1`", text)


def _indented_sections(text: str) -> str:
    """A text whose words with a colon before indented lines are terms, as `help` shows them."""
    return re.sub(r"^(\S.*):\n(?= {4}`)", r"\1\n", text, flags=re.MULTILINE)


def _described(entry: Entry) -> str:
    shown = f".. py:{entry.kind}:: {entry.name}{_signature(entry)}"
    body = ["", str(get_doc_object(entry.thing, what="function", doc=_doc(entry)))]
    source = _source(entry.thing)
    if source:
        body += [f"`Source <{source}>`__"]
    return "\n".join(
        [shown, *(f"   {line}" if line else "" for line in "\n".join(body).split("\n"))]
    )


def _doc(entry: Entry) -> str:
    if entry.kind == "class" and not entry.thing.__module__.startswith("uvisxr."):
        return f"At run time xarray's own `{entry.thing.__name__}`."
    return _on_site(inspect.getdoc(entry.thing) or "")


def _signature(entry: Entry) -> str:
    if entry.kind == "property" or not inspect.unwrap(entry.thing).__module__.startswith("uvisxr."):
        return ""
    made: Callable[..., Any] = entry.thing
    try:
        signature = inspect.signature(made)
    except ValueError:
        return ""
    plain = [
        one.replace(annotation=one.empty)
        for one in signature.parameters.values()
        if one.name not in ("self", "ds") or one.default is not one.empty
    ]
    try:
        text = str(signature.replace(parameters=plain, return_annotation=signature.empty))
    except ValueError:
        return "(...)"
    return re.sub(r"<[^<>]*>", "...", text)


def _source(thing: Any) -> str:
    """Where on GitHub the code is."""
    thing = inspect.unwrap(thing.fget if isinstance(thing, property) else thing)
    try:
        path = inspect.getsourcefile(thing)
    except TypeError:
        return ""
    if path is None or not path.startswith(str(ROOT / "uvisxr")):
        return ""
    return f"{GITHUB}/blob/main/{path.removeprefix(f'{ROOT}/')}"
