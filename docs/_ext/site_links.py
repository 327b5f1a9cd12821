"""Links of Markdown texts: where they lead in the repository, and on the site.

In the repository a link is relative to its file, so that it works on GitHub and in an editor. Not
all that it leads to is a page of the site, and some texts are shown elsewhere than they lie, such
as the README. `on_site` writes their links anew; `found` lists all, for the tests.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

GITHUB = "https://github.com/uvisxr/uvisxr"

#: Files that are shown as a page of the site, if that page is there.
SHOWN = {
    "README.md": "docs/index.md",
    "CHANGELOG.md": "docs/project/changelog.md",
    "CONTRIBUTING.md": "docs/project/contributing.md",
    "SECURITY.md": "docs/project/security.md",
    "CITATION.cff": "docs/project/citing.md",
    "uvisxr/__init__.py": "docs/reference/variables.md",
}

_FENCE = re.compile(r"^\s*(`{3,}|~{3,})")

#: Code, which holds no links, or the target of one, with what is before it.
_PART = re.compile(
    r"(?P<code>`+).*?(?P=code)|(?P<before>\]\()(?P<target>[^()\s]+)(?=[)\s])", re.DOTALL
)


class Link(NamedTuple):
    """A link: the line that it is in, from 1, the path and the heading that it leads to."""

    line: int
    path: str
    anchor: str


def _texts(text: str) -> Iterator[tuple[str, bool]]:
    """Parts of a page, each with whether it is a block of code."""
    part: list[str] = []
    fence = ""
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if mark and not fence:
            yield "".join(part), False
            part, fence = [line], mark[1]
        elif mark and line.strip() == mark[1] and mark[1].startswith(fence):
            yield "".join([*part, line]), True
            part, fence = [], ""
        else:
            part.append(line)
    yield "".join(part), bool(fence)


def _is_local(target: str) -> bool:
    return not re.match(r"[a-z][a-z+.-]*:|//|<", target)


def found(text: str) -> Iterator[Link]:
    """Links of a page to files and headings, pictures included; those to the web left out."""
    line = 1
    for part, is_code in _texts(text):
        for one in () if is_code else _PART.finditer(part):
            if one["target"] and _is_local(one["target"]):
                path, _, anchor = one["target"].partition("#")
                yield Link(line + part.count("\n", 0, one.start("target")), path, anchor)
        line += part.count("\n")


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and MyST make them."""
    made: set[str] = set()
    for part, is_code in _texts(text):
        for heading in () if is_code else re.findall(r"^#{1,6} +(.+?) *#*$", part, re.MULTILINE):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            same = (f"{slug}-{n}" if n else slug for n in range(len(made) + 1))
            made.add(next(name for name in same if name not in made))
    return made


def target(source: str, path: str) -> str:
    """Where a relative path leads, from the root of the repository.

    Examples
    --------
    >>> target("docs/howto/batch.md", "../../examples/titan.png")
    'examples/titan.png'
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), path))


def on_site(text: str, source: str, root: Path = ROOT) -> str:
    """A text with links that lead to pages of the site where there are, else to GitHub.

    Parameters
    ----------
    text : str
        Markdown.
    source : str
        The file that it is from, from the root of the repository.
    root : Path
        Of the repository.
    """

    def replaced(one: re.Match[str]) -> str:
        if not one["target"] or not _is_local(one["target"]):
            return one[0]
        path, _, anchor = one["target"].partition("#")
        if not path or path.startswith("/"):
            return one[0]
        leads = target(source, path)
        page = SHOWN.get(leads, leads)
        if page.startswith("examples/") and page.endswith(".ipynb"):
            page = page.replace("examples/", "docs/tutorials/", 1)
        elif page != leads and not (root / page).is_file():
            page = leads
        ending = f"#{anchor}" if anchor else ""
        if page.startswith("docs/") and page.endswith((".md", ".ipynb", ".rst")):
            return f"{one['before']}{page.removeprefix('docs')}{ending}"
        if Path(leads).suffix in (".png", ".svg", ".gif") or not (root / leads).exists():
            # Pictures are found from where the text lies; what is nowhere is warned of.
            return one[0]
        kind = "tree" if (root / leads).is_dir() else "blob"
        return f"{one['before']}{GITHUB}/{kind}/main/{leads}{ending}"

    return "".join(part if is_code else _PART.sub(replaced, part) for part, is_code in _texts(text))


def notebook_on_site(content: str, source: str, root: Path = ROOT) -> str:
    """The same of a notebook's texts."""
    notebook = json.loads(content)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = on_site("".join(cell["source"]), source, root)
    return json.dumps(notebook)
