"""Pictures of the site: each leads to itself in its own size, and wide ones are marked.

A page is narrower than many pictures, and a phone than all: letters of a picture 1000 pixels wide
have a third of their height there. `uvisxr.css` lets those marked go beyond the edge of a phone,
to be moved with a finger.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.osutil import relative_uri

#: Pixels above which letters of the usual size are less than 8 pixels high on a phone of 390.
WIDE = 850

_PNG = b"\x89PNG\r\n\x1a\n"


def width(path: Path) -> int | None:
    """Pixels of a PNG from left to right; None of others, which may be of any size."""
    with path.open("rb") as file:
        head = file.read(24)
    return int.from_bytes(head[16:20], "big") if head.startswith(_PNG) else None


def _heading(image: nodes.image) -> str:
    """What the part of the page is called that a picture is in."""
    at: nodes.Node | None = image
    while at is not None and not (isinstance(at, nodes.section) and at.next_node(nodes.title)):
        at = at.parent
    return at.next_node(nodes.title).astext() if at is not None else ""


def linked(app: Sphinx, document: nodes.document, name: str) -> None:
    """Make pictures of a page links to their files, but those of cards, which lead elsewhere."""
    for image in list(document.findall(nodes.image)):
        known = app.env.images.get(image["uri"])
        pixels = width(Path(app.srcdir, image["uri"])) if known else None
        if known is None or pixels is None or "sd-card-img-top" in image["classes"]:
            continue
        if pixels > WIDE:
            image["classes"].append("wide")
        # Drawn by code of the page, which has no words for it but the heading.
        image.setdefault("alt", _heading(image))
        if not isinstance(image.parent, nodes.reference):
            file = f"{app.builder.imagedir}/{known[1]}"
            to = relative_uri(app.builder.get_target_uri(name), file)
            link = nodes.reference("", "", internal=True, refuri=to, classes=["picture"])
            image.replace_self(link)
            link += image
