"""Tables and texts of the reference in Markdown, from the package itself.

A page has ``<!-- made: NAME -->`` where the text of `MADE[NAME]` is put in.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import site_api
from numpydoc.docscrape import NumpyDocString

import uvisxr
from uvisxr import errors
from uvisxr.batch import hints, pipeline
from uvisxr.catalogue import schema
from uvisxr.dataset.bits import QUALITY_FLAGS
from uvisxr.dataset.conventions import VARIABLES
from uvisxr.dataset.fields import EPHEMERIS, ROWS, SIGHTLINE, TANGENT
from uvisxr.kernels import listing

#: Where a page has something put in.
PLACE = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)


def filled(page: str) -> str:
    """A page with all that is put in."""
    return PLACE.sub(lambda place: MADE[place[1]](), page)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown."""
    heads = tuple(heads)
    lines = [heads, ("---",) * len(heads), *rows]
    cells = ([" ".join(cell.split()).replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def code(text: object) -> str:
    """A text as code, empty if it is."""
    return f"`{text}`" if str(text) else ""


# Names of functions -----------------------------------------------------------------------------


def api() -> str:
    """Lists of the public names."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for page in site_api.pages():
        text = page.text or site_api.summary(page.entries[0].thing)
        text = " ".join(text.partition("\n\n")[0].split()).replace("``", "`")
        groups.setdefault(page.group, []).append((f"[`{page.title}`](api/{page.file}.rst)", text))
    tables = (f"## {group}\n\n{table(('', ''), rows)}" for group, rows in groups.items())
    return "\n\n".join(tables)


# Variables --------------------------------------------------------------------------------------


def _sections() -> Iterator[tuple[str, str]]:
    """Headings and texts of `help(uvisxr)`."""
    parts = re.split(r"^(\S.*)\n-+\n", inspect.cleandoc(uvisxr.__doc__ or ""), flags=re.MULTILINE)
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _definitions(text: str) -> str:
    """A text with terms before indented lines, as definitions of Markdown."""
    made: list[str] = []
    lines = text.strip("\n").splitlines()
    for n, line in enumerate(lines):
        following = lines[n + 1] if n + 1 < len(lines) else ""
        depth = len(line) - len(line.lstrip())
        is_term = line.strip() and following.startswith(" " * (depth + 4)) and following.strip()
        if is_term:
            names, colon, units = line.strip().partition(" : ")
            terms = ", ".join(code(name.strip("`")) for name in names.split(", "))
            if made and made[-1]:
                made.append("")
            made.append(f"{' ' * depth}{terms}{f' ({units})' if colon else ''}")
        elif made and made[-1].lstrip().startswith("`") and depth and lines[n - 1].strip():
            before = len(lines[n - 1]) - len(lines[n - 1].lstrip())
            made.append(f"{' ' * before}: {line.strip()}" if depth > before else line)
        else:
            made.append(line)
    return re.sub(r"`docs/([\w/]+\.md)`", r"[](/\1)", "\n".join(made))


def definitions() -> str:
    """What `help(uvisxr)` defines, attributes left out."""
    return "\n\n".join(
        f"## {head}\n\n{_definitions(text)}" for head, text in _sections() if head != "Attributes"
    )


def attributes() -> str:
    """The attributes of a dataset."""
    return _definitions(dict(_sections())["Attributes"])


def _kin() -> Mapping[str, list[str]]:
    """Names of all variables, by what they are of."""
    sight = {name for name in (*SIGHTLINE, *ROWS)}
    found: dict[str, list[str]] = {}
    for name in VARIABLES:
        base = re.sub(r"(_corners|_bin|_bin_bounds|_bounds)$", "", name)
        if name in EPHEMERIS:
            head = "Target and spacecraft"
        elif name in ROWS or (base in ROWS and base not in SIGHTLINE):
            head = "Lines of sight of detector rows"
        elif name in sight and not name.startswith(TANGENT):
            head = "Lines of sight"
        elif name in sight:
            head = "Lines of sight, at the tangent point"
        elif base in sight:
            head = "Lines of sight: corners and bins"
        elif name.startswith(("radiance", "brightness", "reflectance")):
            head = name.partition("_")[0].capitalize()
        else:
            head = "Counts, times, the instrument and others"
        found.setdefault(head, []).append(name)
    return found


def variables() -> str:
    """Name, unit and meaning of every variable in the registry."""
    made = []
    everything = frozenset(VARIABLES)
    for head, names in _kin().items():
        rows = []
        for name in names:
            known = VARIABLES[name]
            attrs = known.attributes(everything)
            notes = (
                [str(attrs["comment"])]
                if "comment" in attrs and "kR" not in str(known.units)
                else []
            )
            if known.standard_name:
                notes.insert(0, f"standard name `{known.standard_name}`")
            rows.append((code(name), known.units or "", known.long_name, "; ".join(notes)))
        made.append(f"### {head}\n\n{table(('name', 'unit', 'long name', 'comment'), rows)}")
    return "\n\n".join(made)


def flags() -> str:
    """The bits of `quality`."""
    quality = _definitions(dict(_sections())["Quality"])
    said = dict(re.findall(r"^ +`(\w+)` \(\d+\)\n +: ((?:.+\n?)+)", quality, re.MULTILINE))
    rows = ((code(name), str(bit), said[name]) for name, bit in QUALITY_FLAGS.items())
    return table(("flag", "bit", "meaning"), rows)


# Pipelines, catalogues, kernels -----------------------------------------------------------------


def _parameters(function: Any) -> dict[str, str]:
    """The first paragraph on each argument of a function."""
    found = {}
    for one in NumpyDocString(inspect.getdoc(function) or "")["Parameters"]:
        text = "\n".join(one.desc).partition("\n\n")[0]
        for name in one.name.split(", "):
            found[name] = text.replace("``", "`")
    return found


def _entry(name: str, function: Any) -> str:
    said, types = _parameters(function), pipeline._hints(function)
    rows = []
    for key, parameter in inspect.signature(function).parameters.items():
        words = hints.expected(None, types[key]) if key in types else ""
        if name == "to_fits" and key == "backplanes":
            words = "the arguments of `backplanes`, or true"
        if (
            key in ("self", "ds", "path")
            or parameter.kind is parameter.VAR_KEYWORD
            or (name == "to_fits" and key == "overwrite")
            or "which a pipeline cannot hold" in words
        ):
            continue
        default = parameter.default
        shown = "required" if default is parameter.empty else code(_yaml(default))
        bounds = pipeline.BOUNDS.get((name, key), {})
        limits = ", ".join(
            f"{ {'least': 'at least', 'above': 'above'}[kind] } {limit:g}"
            for kind, limit in bounds.items()
        )
        words = f"{words}; {limits}" if limits else words
        rows.append((code(key), words, shown, said.get(key, "")))
    first = site_api.summary(function).replace("``", "`")
    heads = ("argument", "values", "default", "")
    arguments = table(heads, rows) if rows else "It has no arguments."
    page = {"open": "uvisxr.open_product"}.get(name, f"Dataset.uvis.{name}")
    return f"### `{name}`\n\n{first} Full text: [](api/{page}.rst).\n\n{arguments}"


def _yaml(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, tuple | list | frozenset):
        return f"[{', '.join(_yaml(one) for one in value)}]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value))


def pipeline_steps() -> str:
    """What a pipeline may hold, with the arguments."""
    from uvisxr.fits.writing import to_fits

    entries = {"open": pipeline._opener(), **pipeline._methods(), "to_fits": to_fits}
    return "\n\n".join(_entry(name, function) for name, function in entries.items())


def catalogue() -> str:
    """The columns of both tables of a catalogue."""
    made = []
    for name, columns in schema.TABLES.items():
        keys = schema.KEYS[name]
        rows = []
        for key, column in columns.items():
            ends = [f"{end:g}" for end in (column.least, column.most) if end is not None]
            bounds = f"0 to {column.period:g}, periodic" if column.period else " to ".join(ends)
            if len(ends) == 1 and not column.period:
                bounds = f"from {bounds}"
            mark = " (key)" if key in keys else ""
            rows.append((code(key) + mark, column.type, column.units, bounds, column.text))
        heads = ("column", "type", "unit", "values", "meaning")
        made.append(f"## `{name}`\n\n{table(heads, rows)}")
    return "\n\n".join(made) + f"\n\nVersion of the columns: {schema.VERSION}."


def kernels() -> str:
    """What `kernels.yaml` lists."""
    sets = (
        (
            one.kind,
            ", ".join(map(code, one.choose)),
            ", ".join(map(code, sorted(one.gives))),
            f"`{one.fetch.path}`" + (f", {one.fetch.size:,} bytes" if one.fetch.size else ""),
        )
        for one in listing.kernel_sets()
    )
    groups: dict[tuple[str, str], list[listing.ArchiveFile]] = {}
    for file in listing.archive_files():
        groups.setdefault((file.kind, file.group), []).append(file)
    classes = (
        (
            kind,
            group,
            str(len(files)),
            str(min(file.start for file in files)),
            # The day after the last.
            str(max(file.stop for file in files) - 1),
            code(files[0].path),
        )
        for (kind, group), files in groups.items()
    )
    places = ((code(name), f"<{url}>") for name, url in listing.locations().items())
    return "\n\n".join(
        (
            "## `locations`\n\n" + table(("name", "public address"), places),
            "## `sets`\n\nOne file of each kind is needed.\n\n"
            + table(("kind", "names, best first", "variables that it gives", "downloaded"), sets),
            "## `pointing` and `ephemeris`\n\nThe archive's files by class, best first, and the "
            "days that their names state.\n\n"
            + table(("kind", "class", "files", "first day", "last day", "the first"), classes),
        )
    )


# Surroundings -----------------------------------------------------------------------------------

#: Every environment variable that the package reads, with what it stands in for.
ENVIRONMENT: Mapping[str, str] = {
    "UVISXR_KERNELS": "Kernel files, folders and meta-kernels, separated as in `PATH`, where "
    "neither `kernels=` nor `uvisxr.set_options(kernels=...)` says.",
    "UVISXR_CALIBRATION": "Folder of the calibration files, where neither `files=` nor "
    "`uvisxr.set_options(calibration=...)` says.",
    "UVISXR_CACHE": "Folder of downloads, unpacked products and tutorial data, where "
    "`uvisxr.set_options(cache=...)` does not say. Without it: `uvisxr` in `XDG_CACHE_HOME`, or in "
    "`.cache` of your home.",
    "UVISXR_URL_PRODUCTS": "Mirror of the folder `COUVIS_0xxx` of the PDS Rings Node.",
    "UVISXR_URL_KERNELS": "Mirror of the archive of Cassini's kernels at NAIF.",
    "UVISXR_URL_GENERIC_KERNELS": "Mirror of NAIF's generic kernels: the planets' ephemeris.",
    "UVISXR_URL_CALIBRATION": "Mirror of the calibration files at the PDS Atmospheres Node.",
    "UVISXR_URL_STARS": "Mirror of the star catalogue TD-1 at the CDS.",
    "UVISXR_EXPLORE_TOKEN": "Password of the pages of `uvisxr explore`, where `--token` does not "
    "say; without either only this computer reaches them.",
    "UVISXR_FETCH_FLOOR": "The least that a server may send, bytes a second, before it is given "
    "up: 500 without it; 0 bears with any.",
    "UVISXR_FETCH_LONGEST": "The longest that a file may take, s; without it, any time.",
}

#: Those of others that change what the package does.
FOREIGN: Mapping[str, str] = {
    "XDG_CACHE_HOME": "Folder of all caches of the user.",
    "TMPDIR": "Folder of temporary files: SPICE's lists of kernels, what a batch is writing.",
    "HTTP_PROXY, HTTPS_PROXY, NO_PROXY": "As for `requests`, which downloads.",
    "AWS_ENDPOINT_URL, AWS_PROFILE, ...": "As for `s3fs`, of `s3://`.",
    "DASK_...": "Settings of dask, such as `DASK_SCHEDULER`.",
    "MPLBACKEND": "matplotlib's way of showing pictures.",
}


def environment() -> str:
    """The environment variables."""
    heads = ("variable", "what it sets")
    own, foreign = (
        table(heads, ((code(name), text) for name, text in some.items()))
        for some in (ENVIRONMENT, FOREIGN)
    )
    return f"{own}\n\n## Of other programs\n\n{foreign}"


def kinds() -> dict[str, type[Exception]]:
    """The errors and warnings of `uvisxr.errors`."""
    return {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind)
        and issubclass(kind, Exception)
        and kind.__module__ == errors.__name__
    }


def raisers() -> dict[str, list[str]]:
    """For each error, the pages of functions whose text says that they raise it."""
    found: dict[str, list[str]] = {}
    for page in site_api.pages():
        for entry in page.entries:
            for name in site_api.raised(entry.thing):
                link = f"[`{entry.name.replace('Dataset.', 'ds.', 1)}`](api/{page.file}.rst)"
                if link not in found.setdefault(name, []):
                    found[name].append(link)
    return found


def error_classes() -> str:
    """Every error: what it means, how to mend it, which functions name it."""
    made, by = [], raisers()
    for name, kind in kinds().items():
        meaning, _, mend = inspect.getdoc(kind).partition("\n\n")  # type: ignore[union-attr]
        parents = [one.__name__ for one in kind.__bases__]
        lines = [f"## {name}", "", f"{' '.join(meaning.split())} A subclass of"]
        lines += [" and ".join(code(one) for one in parents) + ".", ""]
        if mend:
            lines += [f"**What to do.** {' '.join(mend.split())}", ""]
        if name in by:
            lines += [f"**Named by** {', '.join(by[name])}.", ""]
        made.append("\n".join(lines))
    return "\n".join(made)


#: What there is to put into pages.
MADE = {
    "api": api,
    "attributes": attributes,
    "catalogue": catalogue,
    "definitions": definitions,
    "environment": environment,
    "errors": error_classes,
    "flags": flags,
    "kernels": kernels,
    "pipeline": pipeline_steps,
    "variables": variables,
}
