"""Files that belong together: a label and its data, plain or packed, in one folder or two trees.

In the archive label and data lie side by side. Some copies keep them apart, in trees of the same
form: LABEL/D2005_230/NAME.LBL and DATA/D2005_230/NAME.DAT.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..files import real

#: Endings of labels, those of PDS3 first.
LABELS = (".LBL", ".XML")

#: Endings of packed data files, after .DAT.
PACKINGS = (".BZ2", ".GZ", ".ZIP")

#: Ending of what says where data are, after .DAT; see `uvisxr.pds3.elsewhere`.
ELSEWHERE = ".URL"

#: Endings of packings that are not read.
_OTHER_PACKINGS = (".XZ", ".ZST", ".LZ4", ".LZMA", ".Z", ".7Z", ".RAR", ".TAR", ".TGZ", ".TBZ")

#: What comes after the name of a data file that another program has saved.
_RENAMED = re.compile(
    r"(?:[ _-]*\(\d+\)|[ _-]+COPY(?:[ _]*\(?\d+\)?)?| - COPY)?\.DAT"
    r"(?:\.(?:PART|PARTIAL|CRDOWNLOAD|DOWNLOAD|TMP|TXT|BIN|BAK|\d+)|~)?"
)

#: What to say of a file that is packed in another way than those read.
UNPACK = (
    "is packed in a way that is not read: unpack it; read are NAME.DAT.bz2, NAME.DAT.gz and "
    "NAME.DAT.zip, with NAME.LBL beside them"
)

#: What to say, before its path or URL, of an archive that is named in the place of a product.
INSIDE = "of an archive, name a product in it: zip://NAME.LBL::"

_LABEL_TREES = ("LABEL", "LABELS")
_DATA_TREES = ("DATA",)


def is_file(path: Path) -> bool:
    """Whether there is a file: none is where a name or a path is longer than the system allows."""
    try:
        return path.is_file()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        return False


def exists_otherwise(path: Path) -> bool:
    """Whether there is something that is no file: a pipe or a folder, for example."""
    return not is_file(path) and os.path.exists(path)  # noqa: PTH110 - as above


def is_link(path: Path) -> bool:
    """Whether there is a link; as `is_file` of what is too long."""
    return os.path.islink(path)  # noqa: PTH114 - that of `Path` raises errors


def wrong(path: Path) -> str:
    """What stands in the place of a file that cannot be opened, and what helps; empty if nothing.

    Archives of git-annex hold links to files that have not been fetched.
    """
    if is_link(path) and not os.path.exists(path):  # noqa: PTH110 - as above
        return (
            f"it is a link to {path.readlink()}, which is not there: fetch that file, or put a "
            "copy in the link's place"
        )
    if exists_otherwise(path):
        return "it is no ordinary file: put the product's own in its place"
    return ""


def split(path: Path) -> tuple[str, str]:
    """The base name of a file, and what it is by its ending.

    Parameters
    ----------
    path : Path
        NAME.LBL, NAME.xml, NAME.DAT or NAME.DAT.gz, upper or lower case, or anything else.

    Returns
    -------
    name : str
        The common name of label and data; of anything else, the whole name.
    kind : {".LBL", ".XML", ".DAT", ".BZ2", ".GZ", ".ZIP", ".URL", ""}
        A packing stands for packed data, .URL for data that are elsewhere.
    """
    kind = path.suffix.upper()
    if kind in (*LABELS, ".DAT"):
        return path.stem, kind
    inner = Path(path.stem)
    if kind in (*PACKINGS, ELSEWHERE) and inner.suffix.upper() == ".DAT":
        return inner.stem, kind
    return path.name, ""


def packed_otherwise(path: Path) -> bool:
    """Whether a file is packed in another way than data files are read, by its name: NAME.zip."""
    return not split(path)[1] and path.suffix.upper() in (*PACKINGS, *_OTHER_PACKINGS)


def unread(path: Path) -> Path | None:
    """What lies in place of a data file that is missing, packed in another way than is read."""
    name = split(path)[0].upper()
    there = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    named = (file for file in there if file.name.upper().startswith(f"{name}."))
    return next(filter(packed_otherwise, named), None)


def renamed(path: Path) -> Path | None:
    """What lies beside the place of a data file that is missing, and may be it under a name that
    browsers and other programs give: NAME (1).DAT, NAME.DAT.part, NAME.DAT.txt, name.dat."""
    name = split(path)[0].upper()
    there = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
    for file in there:
        rest = file.name.upper().removeprefix(name)
        if rest != file.name.upper() and _RENAMED.fullmatch(rest) and file.is_file():
            return file
    return None


def data_of(path: Path) -> Path | None:
    """The data file of a label, or of the data file that the label names.

    A plain file goes before a packed one, the label's own folder before another tree, an ending
    that is written as the label's before another.
    """
    name = split(path)[0]
    for folder in _places(path.parent, _LABEL_TREES, _DATA_TREES):
        for packing in ("", *PACKINGS):
            for data in _cases(".DAT", path.suffix):
                for ending in _cases(packing, path.suffix):
                    file = folder / f"{name}{data}{ending}"
                    if is_file(file):
                        return file
    noted = path.with_name(f"{name}.DAT{ELSEWHERE.lower()}")
    if is_file(noted) and _is_of_cache(noted):
        return noted
    # A label may be reached by a link of its own, which may lead to itself.
    behind = real(path)
    return data_of(behind) if is_link(path) and not is_link(behind) else None


def _is_of_cache(path: Path) -> bool:
    """Whether a file lies where products that are named by URLs do."""
    # Imported late: programs that open other files through xarray load none of its libraries.
    from ..fetch import cache_dir

    return real(path).is_relative_to(real(cache_dir("urls")))


def label_of(path: Path) -> Path:
    """The label of a product, or where it should be; that of PDS3 if there are both.

    Parameters
    ----------
    path : Path
        The label, the data file, plain or packed, or their common base path, whose ending may be
        any other.
    """
    name, kind = split(path)
    if kind in LABELS and is_file(path):
        return path
    bases = [path.with_name(f"{name}.LBL")]
    if not kind and path.suffix:
        bases.append(path.with_suffix(".LBL"))
    for base in bases:
        places = _places(base.parent, _DATA_TREES, _LABEL_TREES)
        endings = [form for ending in LABELS for form in _cases(ending, path.suffix)]
        files = (folder / f"{base.stem}{end}" for folder in places for end in endings)
        label = next(filter(is_file, files), None)
        if label or data_of(base):
            return label or base
    return bases[0]


def label_folders(data: Path) -> Iterator[Path]:
    """Folders in which the label of a data file may lie: its own, and those in other trees."""
    return _places(data.parent, _DATA_TREES, _LABEL_TREES)


def _places(folder: Path, own: tuple[str, ...], other: tuple[str, ...]) -> Iterator[Path]:
    """A folder, and its counterparts in trees that lie beside the one that holds it."""
    yield folder
    parts = folder.parts
    for k in reversed(range(len(parts))):
        if parts[k].upper() in own:
            names = (form for name in other for form in _cases(name))
            yield from (Path(*parts[:k], name, *parts[k + 1 :]) for name in names)


def _cases(word: str, like: str = "") -> Iterable[str]:
    """A word in capitals, in small letters, and in small letters with one capital, each once.

    That comes first which is written as `like`.
    """
    forms = (word, word.lower(), word.title())
    style = like.islower(), like.istitle()
    return dict.fromkeys(sorted(forms, key=lambda one: (one.islower(), one.istitle()) != style))
