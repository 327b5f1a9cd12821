"""PDS4 labels of cubes: what a damaged label means is read here anew, element by element."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from .door_labels import Case, Meaning, Part, opened
from .harness import Door, Wrong
from .mutate import VALUES, changed, pick, some_bytes

_LINES, _BANDS = 64, 1024

#: Seconds from the time in its name that a start may be without a warning.
_NEAR = 900

_LABEL = """<?xml version="1.0" encoding="UTF-8"?>
<Product_Observational xmlns="http://pds.nasa.gov/pds4/pds/v1"
 xmlns:cassini="http://pds.nasa.gov/pds4/mission/cassini/v1">
<Identification_Area>
<logical_identifier>urn:nasa:pds:cassini_uvis_saturn:data_raw_fuv:{stem}</logical_identifier>
</Identification_Area>
<Observation_Area>
<Time_Coordinates>
<start_date_time>{date}Z</start_date_time>
<stop_date_time>{stop}Z</stop_date_time>
</Time_Coordinates>
<Observing_System>
<name>Cassini Orbiter Ultraviolet Imaging Spectrograph</name>
</Observing_System>
<Target_Identification>
<name>Titan</name>
</Target_Identification>
<cassini:UVIS_Specific_Attributes>
<cassini:mission_phase_name>TOUR</cassini:mission_phase_name>
<cassini:compression_type>SQRT 9</cassini:compression_type>
<cassini:integration_duration unit="s">{exposure:.3f}</cassini:integration_duration>
<cassini:odc_id>1114</cassini:odc_id>
<cassini:slit_state>LOW RESOLUTION</cassini:slit_state>
<cassini:start_time_doy>{doy}Z</cassini:start_time_doy>
{windows}</cassini:UVIS_Specific_Attributes>
</Observation_Area>
<Source_Product_External>
<external_source_product_identifier>CO-S-UVIS-2-CUBE-V1.2:{name}</external_source_product_identifier>
</Source_Product_External>
<File_Area_Observational>
<File>
<file_name>{stem}.dat</file_name>
<file_size unit="byte">{size}</file_size>
</File>
<Array_3D_Spectrum>
<offset unit="byte">0</offset>
<axes>3</axes>
<axis_index_order>Last Index Fastest</axis_index_order>
<Element_Array>
<data_type>UnsignedMSB2</data_type>
<unit>counts per bin</unit>
<scaling_factor>1.0</scaling_factor>
<value_offset>0.0</value_offset>
</Element_Array>
{axes}<Special_Constants>
<missing_constant>65535</missing_constant>
</Special_Constants>
</Array_3D_Spectrum>
</File_Area_Observational>
</Product_Observational>
"""

_CORNERS = ("ul_corner_line", "ul_corner_band", "lr_corner_line", "lr_corner_band")
_BINS = ("band_bin", "line_bin")

#: Texts that no element should have, or that are no XML.
_TEXTS = (
    *VALUES,
    *("30,000", "1,024", "&x;", "&lt;2", "<![CDATA[2]]>", "<b>2</b>", "2<!-- 3 -->", "<!-- 2 -->3"),
    *(
        "&#50;",
        "2\u00a0",
        "\u0662",
        " 2 ",
        "+2",
        "2e0",
        "2.50",
        "Line",
        "Band",
        "Sample",
        "SignedMSB2",
    ),
    *("2005-08-18", "2005-08-18T15:15:04Z", "2005-230T15:15Z", "2006-001T00:00:00Z", "Fastest"),
)
_INSERTS = (
    *(
        "<!--\n",
        "-->\n",
        "<![CDATA[\n",
        "<b>\n",
        "</b>\n",
        "<b/>\n",
        "&x;\n",
        "&amp;\n",
        "<?x y?>\n",
    ),
    *('<!DOCTYPE a [<!ENTITY x "3">]>\n', "\x00", "<Axis_Array>\n", "</Array_3D_Spectrum>\n"),
)
_ATTRIBUTES = (
    *('unit="ms"', 'unit="s"', 'unit="second"', 'nilReason="unknown"', 'x="1"', 'unit="byte"'),
)


def make(rng: np.random.Generator | None, folder: Path) -> Case:
    source = np.random.default_rng(5) if rng is None else rng
    start = datetime.datetime(2005, 8, 18, int(source.integers(24)), int(source.integers(60)), 4)
    stem = f"{start:%Y_%j_%H_%M}_fuv"
    bins = int(source.choice([1, 2, 32])), int(source.choice([1, 1, 1, 4]))
    samples, exposure = int(source.integers(1, 4)), float(source.choice([30.0, 240.0, 0.125]))
    corners = (2, 0, 61, 1023) if source.random() < 0.5 else (8, 512, 39, 767)
    window = dict(zip((*_CORNERS, *_BINS), (*corners, *bins), strict=True))
    axes = (("Sample", samples), ("Line", _LINES), ("Band", _BANDS))
    frames = np.full((samples, _LINES, _BANDS), 65535, ">u2")
    top, left, bottom, right = corners
    rows, columns = -(-(bottom - top + 1) // bins[1]), -(-(right - left + 1) // bins[0])
    frames[:, top : top + rows, left : left + columns] = source.poisson(
        3.0, (samples, rows, columns)
    )
    text = _LABEL.format(
        stem=stem,
        name=f"FUV{start:%Y_%j_%H_%M}",
        date=start.isoformat(),
        stop=(start + datetime.timedelta(seconds=samples * exposure)).isoformat(),
        doy=f"{start:%Y-%jT%H:%M:%S}",
        exposure=exposure,
        size=frames.nbytes,
        windows=_element(
            "cassini:Detector_Window", {f"cassini:{key}": value for key, value in window.items()}
        ),
        axes="".join(
            _element("Axis_Array", {"axis_name": name, "elements": n, "sequence_number": k + 1})
            for k, (name, n) in enumerate(axes)
        ),
    )
    label, data = folder / f"{stem}.xml", frames.tobytes()
    before = meaning(text.encode(), data)
    assert before is not None
    raw = text.encode()
    if rng is not None:
        if rng.random() < 0.75:
            changed = text
            for _ in range(int(rng.integers(1, 3))):
                changed = _a_line(rng, changed)
            raw = changed.encode("utf-8", errors="replace")
            if rng.random() < 0.08:
                changed = changed.replace("UTF-8", "UTF-16")
                raw = changed.encode(pick(rng, ("utf-16", "utf-16-le", "utf-16-be", "utf-8")))
        else:
            raw = some_bytes(rng, raw)
        if rng.random() < 0.1:
            data = some_bytes(rng, data, 2)
    label.write_bytes(raw)
    label.with_suffix(".dat").write_bytes(data)
    return Case(label, text, before, bins)


def _element(tag: str, inside: dict[str, object]) -> str:
    lines = (f"<{key}>{value}</{key}>\n" for key, value in inside.items())
    return f"<{tag}>\n{''.join(lines)}</{tag}>\n"


def _a_line(rng: np.random.Generator, text: str) -> str:
    """Damage a label of one element a line: a line, or an element with all in it."""
    lines = text.splitlines(keepends=True)
    k, other = (int(n) for n in rng.integers(3, len(lines), 2))
    value = re.compile(r"(?<=>)[^<>]*(?=</)")
    new = pick(rng, _TEXTS)
    match int(rng.integers(13)):
        case 0 | 1 | 2 | 3:
            lines[k] = value.sub(lambda _: new, lines[k])
        case 4:
            del lines[k]
        case 5:
            lines.insert(other, value.sub(lambda _: new, lines[k]))
        case 6:
            lines[k], lines[other] = lines[other], lines[k]
        case 7 if rng.random() < 0.5:
            long = [j for j, line in enumerate(lines) if re.search(r">\d\d+(\.\d+)?<", line)]
            k = long[int(rng.integers(len(long)))] if long else k
            lines[k] = re.sub(r"(?<=\d)(?=\d)", ",", lines[k], count=1)
        case 7:
            lines[k] = re.sub(
                r"\d", lambda m: str((int(m[0]) + int(rng.integers(10))) % 10), lines[k]
            )
        case 8:
            lines.insert(k, pick(rng, _INSERTS))
        case 9:
            lines[k] = lines[k].replace(">", f" {pick(rng, _ATTRIBUTES)}>", 1)
        case 10:
            lines[k] = (
                lines[k].swapcase() if rng.random() < 0.5 else lines[k].replace("cassini:", "")
            )
        case 11 | 12:
            opening = [
                j for j, line in enumerate(lines) if re.fullmatch(r"<[\w:]+>\n", line) and j > 2
            ]
            first = opening[int(rng.integers(len(opening)))]
            end = lines[first].replace("<", "</")
            # Its end may be lost by another damage.
            last = lines.index(end, first) if end in lines[first:] else first
            block = lines[first : last + 1]
            match int(rng.integers(3)):
                case 0:
                    del lines[first : last + 1]
                case 1:
                    lines[first:first] = block
                case 2:
                    del lines[first : last + 1]
                    at = int(rng.integers(3, len(lines)))
                    lines[at:at] = block
    return "".join(lines)


def enter(case: Case) -> bool:
    raw, data = case.label.read_bytes(), case.label.with_suffix(".dat").read_bytes()
    found, told = opened(case.label)
    now = raw.decode("utf-16" if b"\0" in raw[:8] or raw[:1] in b"\xff\xfe" else "utf-8", "replace")
    differs = changed(case.was, now)
    why = contradiction(raw, data)
    if why:
        raise Wrong(f"{why} is taken: {differs}")
    said = meaning(raw, data, case.bins if told else ())
    if said is not None and found == said:
        far = abs((said.start - case.before.start).total_seconds()) > _NEAR + 60
        if not told and (far or _other_size(raw, data)):
            raise Wrong(f"what contradicts itself is passed over without a warning: {differs}")
        return told
    was = case.before
    counts = _counts(data, was)
    same = found == Meaning(
        (Part(counts, was.parts[0].band, was.parts[0].line),), was.exposure, was.start
    )
    # What is not said, or in several ways, may be found out.
    if same and (told or said is None):
        return told
    raise Wrong(f"neither what the label says nor what it said: {differs}")


def _counts(data: bytes, was: Meaning) -> np.ndarray:
    """The window that there was, of what the file holds now."""
    (part,) = was.parts
    samples, rows, columns = part.counts.shape
    top, left = int(part.line[0]), int(part.band[0])
    if len(data) != samples * _LINES * _BANDS * 2:
        return np.empty(0)
    frames = np.frombuffer(data, ">u2").reshape(samples, _LINES, _BANDS)
    return frames[:, top : top + rows, left : left + columns]


class _Tree:
    """The elements of a label by their names without namespaces; ParseError if it is no XML."""

    def __init__(self, raw: bytes):
        self.root = ElementTree.fromstring(raw)

    def all(
        self, name: str, within: ElementTree.Element | None = None
    ) -> list[ElementTree.Element]:
        every = (self.root if within is None else within).iter()
        return [one for one in every if re.sub(r"^\{.*\}", "", one.tag) == name]

    def text(self, name: str, within: ElementTree.Element | None = None) -> str | None:
        """What the only element of a name holds, if that is text alone."""
        found = self.all(name, within)
        if len(found) != 1 or len(found[0]):
            return None
        return (found[0].text or "").strip(" \t\r\n")

    def number(self, name: str, within: ElementTree.Element | None = None) -> float | None:
        text = self.text(name, within) or ""
        form = r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,2})?"
        return float(text) if re.fullmatch(form, text, re.ASCII) else None

    def wholes(self, names: Iterable[str], within: ElementTree.Element) -> list[int] | None:
        found = [self.number(name, within) for name in names]
        if any(one is None or one != int(one) or not 0 <= one < 10**7 for one in found):
            return None
        return [int(one) for one in found if one is not None]


def _tree(raw: bytes) -> _Tree | None:
    try:
        return _Tree(raw)
    except (ElementTree.ParseError, LookupError, ValueError):
        return None


def contradiction(raw: bytes, data: bytes) -> str:
    """What of a label no reader may accept; empty if there is nothing."""
    tree = _tree(raw)
    if tree is None:
        return "no XML"
    for name, expected in (
        *(("offset", (0,)), ("axes", (3,)), ("scaling_factor", (1,)), ("value_offset", (0,))),
        ("missing_constant", (65535, -1)),
    ):
        for array in tree.all("Array_3D_Spectrum"):
            found = tree.all(name, array)
            if len(found) > 1 or (found and tree.number(name, array) not in expected):
                return f"{name} = {[one.text for one in found]}"
    for name in ("integration_duration", "Array_3D_Spectrum"):
        if len(tree.all(name)) > 1:
            return f"two elements {name}"
    # Outside of an array they say nothing of it.
    for array in tree.all("Array_3D_Spectrum"):
        for name in ("data_type", "axis_index_order"):
            if len(tree.all(name, array)) > 1:
                return f"two elements {name} in an array"
    for window in tree.all("Detector_Window"):
        for name in (*_CORNERS, *_BINS):
            if len(tree.all(name, window)) > 1:
                return f"two elements {name} in a window"
    needed = [
        *tree.all("integration_duration"),
        *(n for axis in tree.all("Axis_Array") for n in tree.all("elements", axis)),
        *(n for w in tree.all("Detector_Window") for n in w if n.tag.endswith(("_bin", "d", "ne"))),
    ]
    for one in needed:
        if re.search(r"\d,\d", one.text or ""):
            return f"a number with a comma, {one.text},"
    units = {one.get("unit", "s").strip().lower() for one in tree.all("integration_duration")}
    return f"a unit {units}" if units - {"s", "second", "seconds"} else ""


def _other_size(raw: bytes, data: bytes) -> bool:
    tree = _tree(raw)
    size = None if tree is None else tree.number("file_size")
    return size is not None and size != len(data)


def meaning(raw: bytes, data: bytes, bins: tuple[int, ...] = ()) -> Meaning | None:
    """What a label says, where it says all that is needed once and clearly; else None.

    `bins` are taken for those that are not given.
    """
    tree = _tree(raw)
    arrays = [] if tree is None else tree.all("Array_3D_Spectrum")
    if tree is None or len(arrays) != 1:
        return None
    (array,) = arrays
    if tree.text("data_type", array) != "UnsignedMSB2":
        return None
    if " ".join((tree.text("axis_index_order", array) or "").split()) != "Last Index Fastest":
        return None
    axes: dict[float | None, tuple[str, float | None]] = {}
    for axis in tree.all("Axis_Array", array):
        name = (tree.text("axis_name", axis) or "").upper()
        axes[tree.number("sequence_number", axis)] = (name, tree.number("elements", axis))
    names = [axes.get(k, ("", 0)) for k in (1, 2, 3)]
    if len(axes) != 3 or names[1:] != [("LINE", _LINES), ("BAND", _BANDS)]:
        return None
    samples = names[0][1]
    if names[0][0] != "SAMPLE" or not samples or len(data) != samples * _LINES * _BANDS * 2:
        return None
    exposure, start = tree.number("integration_duration"), _start(tree)
    if not exposure or start is None:
        return None
    frames = np.frombuffer(data, ">u2").reshape(-1, _LINES, _BANDS)
    parts = []
    for window in tree.all("Detector_Window"):
        corners, given = tree.wholes(_CORNERS, window), []
        for name, usual in zip(_BINS, bins or (0, 0), strict=True):
            missing = all((one.text or "").strip() in ("", "UNK", "N/A", "NULL") and not len(one)
                          for one in tree.all(name, window))  # fmt: skip
            one = [usual] if missing else tree.wholes([name], window)
            given += one or [0]
        if corners is None:
            return None
        (top, left, bottom, right), (band_bin, line_bin) = corners, given
        if not (top <= bottom < _LINES and left <= right < _BANDS and band_bin and line_bin):
            return None
        band, line = np.arange(left, right + 1, band_bin), np.arange(top, bottom + 1, line_bin)
        counts = frames[:, top : top + line.size, left : left + band.size]
        parts.append(Part(counts, band, line))
    return Meaning(tuple(parts), exposure, start) if parts else None


def _start(tree: _Tree) -> datetime.datetime | None:
    """The start by day of year, or by date without it; None if they differ, or either is another
    thing."""
    found = []
    for name, form in (
        ("start_time_doy", "%Y-%jT%H:%M:%S"),
        ("start_date_time", "%Y-%m-%dT%H:%M:%S"),
    ):
        text = tree.text(name)
        if text is None and tree.all(name):
            return None
        if text in (None, "", "UNK", "N/A", "NULL"):
            continue
        shape = re.fullmatch(
            r"(\d{4}-[\d-]+T\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z?", text or "", re.ASCII
        )
        for one in (form, "%Y-%jT%H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
            try:
                at = datetime.datetime.strptime(shape[1] if shape else "", one)
            except ValueError:
                continue
            found.append(at + datetime.timedelta(seconds=float((shape and shape[2]) or 0)))
            break
        else:
            return None
    if not found or any(abs((one - found[0]).total_seconds()) > 1 for one in found):
        return None
    return found[0]


DOOR = Door(make, enter)
