"""The PDS4 label of a file: where each header and each array is in it, and what it holds.

Read off the team's notes on the labels of MAVEN IUVS l1b: one File_Area_Observational; for every
HDU a Header and then its data, in the order of the file; cells of several dimensions are nested
Group_Field_Binary, the slowest dimension outermost. Classes and the order of their elements follow
the PDS4 information model 1.16.0.0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import unescape

from .. import targets
from ..errors import MissingDependencyError
from . import columns, layout
from .decode import header_of
from .header import ascii_of
from .structure import Hdu, scan

if TYPE_CHECKING:
    from astropy.io.fits import Header

    # lxml's own type of elements is none of its public names.
    Element = Any

#: What a label of ours says of who wrote it, by which it is known.
MARK = "Written by uvisxr"

#: Bytes from the start of a label within which it names its file: titles are before it.
_HEAD = 2**18

_MODEL = "1.16.0.0"
_PDS = "http://pds.nasa.gov/pds4/pds/v1"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "https://pds.nasa.gov/pds4/pds/v1/PDS4_PDS_1G00"

_CONTEXT = "urn:nasa:pds:context"
_BUNDLE = "urn:nasa:pds:cassini_uvis:data"

_IMAGE_TYPES = {
    8: "UnsignedByte",
    16: "SignedMSB2",
    32: "SignedMSB4",
    64: "SignedMSB8",
    -32: "IEEE754MSBSingle",
    -64: "IEEE754MSBDouble",
}
#: PDS4 has no type for T, F and 0 as FITS has them: they are given as the bytes they are.
_FIELD_TYPES = {
    "A": ("ASCII_String", 1),
    "L": ("UnsignedByte", 1),
    "E": ("IEEE754MSBSingle", 4),
    "D": ("IEEE754MSBDouble", 8),
}
_AXES = {3: ("Sample", "Line", "Band"), 2: ("Line", "Band"), 1: ("Band",)}
_LOGICAL = "84 (T) is true, 70 (F) false, 0 unknown"

_PLANETS = ("VENUS", "EARTH", "MARS", "JUPITER", "SATURN", "URANUS", "NEPTUNE")

#: Bodies whose identifiers are those of moons of Saturn.
_MOONS = frozenset(
    {
        *("MIMAS", "ENCELADUS", "TETHYS", "DIONE", "RHEA", "TITAN", "HYPERION", "IAPETUS"),
        *("PHOEBE", "JANUS", "EPIMETHEUS", "HELENE", "TELESTO", "CALYPSO", "ATLAS"),
        *("PROMETHEUS", "PANDORA", "PAN", "METHONE", "PALLENE", "POLYDEUCES", "DAPHNIS"),
        *("ANTHE", "AEGAEON"),
    }
)


def is_ours(path: Path) -> bool:
    """Whether `write` wrote a label."""
    with path.open("rb") as stream:
        return MARK.encode() in stream.read(4096)


def file_of(path: Path) -> str | None:
    """The name of the file that a label is of; None if there is none, or it does not say."""
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return None
    found = re.search(r"<file_name>([^<]*)</file_name>", head)
    return unescape(found[1]).strip() if found else None


def write(path: Path, fits: Path, name: str, attrs: Mapping[str, Any]) -> None:
    """Write the label of a file.

    Parameters
    ----------
    path : Path
        To write.
    fits : Path
        The file, under any name.
    name : str
        The name that the file will have.
    attrs : mapping
        Of the dataset: title and history.

    Raises
    ------
    MissingDependencyError
        lxml is not installed.
    """
    try:
        from lxml import etree
    except ImportError as error:
        raise MissingDependencyError(
            'PDS4 labels need lxml: pip install "uvisxr[fits]", or write none with label=None'
        ) from error
    hdus = scan(fits)
    primary = header_of(hdus[0].cards)
    root = etree.Element(
        f"{{{_PDS}}}Product_Observational",
        nsmap={None: _PDS, "xsi": _XSI},
        attrib={f"{{{_XSI}}}schemaLocation": f"{_PDS} {_SCHEMA}.xsd"},
    )
    _identification(_child(root, "Identification_Area"), primary, attrs)
    _observation(_child(root, "Observation_Area"), primary)
    area = _child(root, "File_Area_Observational")
    file = _child(area, "File")
    _text(file, file_name=name, creation_date_time=f"{primary['DATE']}Z")
    _quantity(file, "file_size", fits.stat().st_size)
    for number, hdu in enumerate(hdus):
        _data(area, hdu, _identifier(hdu, number))
    text = etree.tostring(
        root,
        xml_declaration=True,
        encoding="UTF-8",
        pretty_print=True,
        doctype=f'<?xml-model href="{_SCHEMA}.sch" '
        'schematypens="http://purl.oclc.org/dsdl/schematron"?>',
    )
    path.write_bytes(text)


def _child(parent: Element, name: str) -> Element:
    from lxml import etree

    return etree.SubElement(parent, f"{{{_PDS}}}{name}")


def _text(parent: Element, **elements: object) -> None:
    """Elements with text, in the order given; those of None are left out."""
    for name, value in elements.items():
        if value is not None:
            text = str(value)
            # XML has no control characters, nor halves of letters.
            _child(parent, name).text = text if text.isprintable() else ascii_of(text)


def _quantity(parent: Element, name: str, size: int) -> None:
    element = _child(parent, name)
    element.text, element.attrib["unit"] = str(size), "byte"


def _identification(area: Element, primary: Header, attrs: Mapping[str, Any]) -> None:
    product, day = str(primary["PROD_ID"]), str(primary["DATE"])[:10]
    plain = re.sub(r"[^a-z0-9._-]", "_", str(primary["FILENAME"]).rpartition(".")[0].lower())
    title = str(attrs.get("title") or f"Cassini/UVIS {product}")
    _text(
        area,
        logical_identifier=f"{_BUNDLE}:{plain}",
        version_id="1.0",
        title=title[:255],
        information_model_version=_MODEL,
        product_class="Product_Observational",
    )
    citation = _child(area, "Citation_Information")
    _text(
        citation,
        publication_year=day[:4],
        description=f"Cassini/UVIS product {product}: spectra, calibration and geometry.",
    )
    detail = _child(_child(area, "Modification_History"), "Modification_Detail")
    _text(
        detail,
        modification_date=day,
        version_id="1.0",
        description=f"{MARK} from the PDS3 product {product}.",
    )


def _observation(area: Element, primary: Header) -> None:
    times = _child(area, "Time_Coordinates")
    _text(
        times,
        start_date_time=f"{primary['OBS_UTC']}Z",
        stop_date_time=f"{primary['END_UTC']}Z",
    )
    summary = _child(area, "Primary_Result_Summary")
    complete = primary["PIPESTAT"] == layout.COMPLETE
    for purpose in ("Science", "Calibration", "Observation Geometry")[0 if complete else 2 :]:
        _text(summary, purpose=purpose)
    _text(summary, processing_level="Calibrated" if complete else "Derived")
    facets = _child(summary, "Science_Facets")
    _text(
        facets,
        wavelength_range="Ultraviolet",
        discipline_name="Spectroscopy",
        facet1="Spectral Cube",
    )
    investigation = _child(area, "Investigation_Area")
    _text(investigation, name="Cassini-Huygens", type="Mission")
    _reference(investigation, "investigation:mission.cassini-huygens", "data_to_investigation")
    system = _child(area, "Observing_System")
    _text(system, name="Cassini Orbiter Ultraviolet Imaging Spectrograph")
    for name, kind, lid, what in (
        ("Cassini Orbiter", "Host", "instrument_host:spacecraft.co", "is_instrument_host"),
        (
            "Cassini Orbiter Ultraviolet Imaging Spectrograph",
            "Instrument",
            "instrument:uvis.co",
            "is_instrument",
        ),
    ):
        component = _child(system, "Observing_System_Component")
        _text(component, name=name, type=kind)
        _reference(component, lid, what)
    _target(_child(area, "Target_Identification"), str(primary.get("TARGET", "")))


def _reference(parent: Element, lid: str, what: str) -> None:
    reference = _child(parent, "Internal_Reference")
    _text(reference, lid_reference=f"{_CONTEXT}:{lid}", reference_type=what)


def _target(area: Element, target: str) -> None:
    name = targets.canonical(target) if target else "UNKNOWN"
    if name in targets.PLANETS_OF_RINGS:
        _text(area, name=name.title(), type="Ring")
    elif name in _PLANETS:
        _text(area, name=name.title(), type="Planet")
        _reference(area, f"target:planet.{name.lower()}", "data_to_target")
    elif name == "SUN":
        _text(area, name="Sun", type="Sun")
    elif targets.is_body(name):
        _text(area, name=name.title(), type="Satellite")
        if name in _MOONS:
            _reference(area, f"target:satellite.saturn.{name.lower()}", "data_to_target")
    else:
        _text(area, name=name.title(), type="Star" if name == "STAR" else "Calibration Field")


def _identifier(hdu: Hdu, number: int) -> str:
    """A name for an HDU that is one in XML, too."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", hdu.name)
    return plain if hdu.name in layout.ORDER else f"{number}_{plain}"


def _data(area: Element, hdu: Hdu, name: str) -> None:
    header = _child(area, "Header")
    _text(header, local_identifier=f"header_{name}")
    _quantity(header, "offset", hdu.header_at)
    _quantity(header, "object_length", len(hdu.cards))
    _text(header, parsing_standard_id="FITS 3.0")
    if not math.prod(hdu.shape) or not hdu.shape:
        return
    if hdu.kind in ("BINTABLE", "TABLE"):
        _table(area, hdu, name)
    else:
        _array(area, hdu, name)


def _array(area: Element, hdu: Hdu, name: str) -> None:
    axes = len(hdu.shape)
    of_layout = hdu.name in layout.ORDER
    kind = {3: "Array_3D_Spectrum", 2: "Array_2D"}.get(axes, "Array") if of_layout else "Array"
    array = _child(area, kind)
    _text(array, local_identifier=f"data_{name}")
    _quantity(array, "offset", hdu.data_at)
    _text(array, axes=axes, axis_index_order="Last Index Fastest")
    header = header_of(hdu.cards)
    unit = header.get("BUNIT", header.get("UNIT"))
    element = _child(array, "Element_Array")
    _text(element, data_type=_IMAGE_TYPES[hdu.bitpix], unit=unit)
    names = _AXES.get(axes, ()) if of_layout else ()
    for k, length in enumerate(hdu.shape):
        axis = _child(array, "Axis_Array")
        _text(
            axis,
            axis_name=names[k] if names else f"Axis {k + 1}",
            elements=length,
            sequence_number=k + 1,
        )
    null = header.get("BLANK", header.get("NULLVAL"))
    if null is not None:
        _text(_child(array, "Special_Constants"), missing_constant=null)


def _table(area: Element, hdu: Hdu, name: str) -> None:
    """A table of binary fields: rows of an ASCII table of FITS have no delimiters as PDS4 asks."""
    rows, width = hdu.shape
    header = header_of(hdu.cards)
    fields = int(header["TFIELDS"])
    table = _child(area, "Table_Binary")
    _text(table, local_identifier=f"data_{name}")
    _quantity(table, "offset", hdu.data_at)
    _text(table, records=rows)
    record = _child(table, "Record_Binary")
    shapes = [_shape(header, k) for k in range(1, fields + 1)]
    scalars = sum(not shape for shape in shapes)
    _text(record, fields=scalars, groups=fields - scalars)
    _quantity(record, "record_length", width)
    known = {column.name: column for column in layout.TABLES.get(hdu.name, ())}
    at = 1
    for k, shape in enumerate(shapes, 1):
        kind, size, count = _form(header, k)
        if hdu.kind == "TABLE":
            at = int(header[f"TBCOL{k}"])
        length = size * (count if kind == "ASCII_String" else 1)
        title = str(header[f"TTYPE{k}"])
        said = [columns.description(hdu.name, known[title])] if title in known else []
        said += [_LOGICAL] if kind == "UnsignedByte" else []
        what = {
            "name": title,
            "data_type": kind,
            "length": length,
            "unit": header.get(f"TUNIT{k}"),
            "description": "; ".join(said) or None,
        }
        if shape:
            _group(record, k, at, shape, what)
        else:
            _field(record, at, what, k)
        at += length * math.prod(shape)


def _form(header: Header, k: int) -> tuple[str, int, int]:
    """Type of a column's numbers or text, bytes of one, and how many a cell has."""
    form = re.fullmatch(r"(\d*)([A-Z])(\d*)", str(header[f"TFORM{k}"]).strip())
    if form is None:
        raise ValueError(f"TFORM{k} is of no layout")
    # The width stands after the letter in ASCII tables.
    kind, size = _FIELD_TYPES[form[2]]
    return kind, size, int(form[3] or form[1] or 1)


def _shape(header: Header, k: int) -> tuple[int, ...]:
    """Sizes of a cell's dimensions, slowest first; none of a single value."""
    told = header.get(f"TDIM{k}")
    return () if told is None else tuple(int(n) for n in reversed(str(told).strip("()").split(",")))


def _group(
    parent: Element, number: int, at: int, shape: tuple[int, ...], what: dict[str, Any]
) -> None:
    """A dimension of a cell around the faster ones; `at` counts from 1 in what is around it."""
    group = _child(parent, "Group_Field_Binary")
    inner = len(shape) > 1
    _text(
        group,
        group_number=number,
        repetitions=shape[0],
        fields=int(not inner),
        groups=int(inner),
    )
    _quantity(group, "group_location", at)
    _quantity(group, "group_length", what["length"] * math.prod(shape))
    if inner:
        _group(group, 1, 1, shape[1:], what)
    else:
        _field(group, 1, what)


def _field(parent: Element, at: int, what: dict[str, Any], number: int | None = None) -> None:
    field = _child(parent, "Field_Binary")
    _text(field, name=what["name"], field_number=number)
    _quantity(field, "field_location", at)
    _text(field, data_type=what["data_type"])
    _quantity(field, "field_length", what["length"])
    _text(field, unit=what["unit"], description=what["description"])
