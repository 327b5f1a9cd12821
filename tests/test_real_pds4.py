"""The Ring-Moon Systems Node's own template of PDS4 labels, filled for a real product."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
import xarray as xr

import uvisxr
from uvisxr.kernels.bodies import named
from uvisxr.pds3 import odl
from uvisxr.pds3.label import read_label

_HEADER = re.compile(r"\$(IF|FOR_EACH|ONCE)(?:\((.*)\))?\s*$")


def rendered(template: str, values: dict) -> Iterator[str]:
    """A template: $EXPRESSION$, and lines $IF(x), $FOR_EACH(x), $ONCE that begin blocks."""

    def fill(line: str, **more) -> str:
        def one(match: re.Match[str]) -> str:
            name, assigned, expression = re.fullmatch(
                r"(?:(\w+)(=)(?!=))?(.*)", match[1], re.DOTALL
            ).groups()
            found = eval(expression, values | more)
            if assigned:
                values[name] = found
            return str(found)

        return re.sub(r"\$([^$]+)\$", one, line)

    repeats: list[dict] = [{}]
    block: list[str] = []
    for line in [*template.splitlines(), "$ONCE"]:
        header = _HEADER.match(line)
        if header is None:
            block.append(line)
            continue
        for more in repeats:
            yield from (fill(text, **more) for text in block)
        block = []
        kind, expression = header.groups()
        found = eval(expression, values) if expression else None
        if kind == "FOR_EACH":
            repeats = [{"VALUE": value, "INDEX": k} for k, value in enumerate(found)]
        else:
            repeats = [{}] if kind == "ONCE" or found else []


@pytest.fixture
def migrated(data, tmp_path):
    """The rings of Saturn as the node migrates them: data in lower case, and a label of XML."""
    source = data / "products" / "FUV2005_230_15_15.LBL"
    path = tmp_path / "2005_230_15_15_fuv.dat"
    shutil.copy(source.with_suffix(".DAT"), path)
    label = odl.loads(source.read_text("latin-1"))
    values = dict(label.items()) | dict(label["QUBE"].items())
    for key in ("UL_CORNER_LINE", "UL_CORNER_BAND", "LR_CORNER_LINE", "LR_CORNER_BAND"):
        values[key] = [values[key]]
    values |= {key: [values[key]] for key in ("LINE_BIN", "BAND_BIN")}
    values |= {
        "DESCRIPTION": "first\nsecond",
        "INTEGRATION_DURATION": odl.plain(label["INTEGRATION_DURATION"]),
        "basename": path.name,
        "datafile": path,
        "is_qube": True,
        "purpose": "Science",
        "calibration_files": ["2005_230_15_15_cal_3_fuv.dat"],
        "target_names": ["Saturn Rings"],
        "target_alts": [[]],
        "target_types": ["Ring"],
        "target_naif_ids": ["N/A"],
        "target_lids": ["urn:nasa:pds:context:target:ring.saturn.rings"],
        "DATETIME": lambda text: text,
        "CURRENT_ZULU": lambda: "2019-01-01T00:00:00Z",
        "FILE_ZULU": lambda path: "2019-01-01T00:00:00Z",
        "FILE_MD5": lambda path: "0" * 32,
    }
    template = data / "archive" / "pds4" / "euv_fuv_data_raw_template.xml"
    text = "\n".join(rendered(template.read_text(), values))
    path.with_suffix(".xml").write_text(text)
    return path.with_suffix(".xml")


def test_rings_with_either_label(data, migrated):
    old = uvisxr.open_product(data / "products" / "FUV2005_230_15_15")
    new = uvisxr.open_product(migrated)
    xr.testing.assert_equal(old, new)
    assert int(new.counts.sum()) == 7_671_819
    # Migrated labels write the rings' name out.
    assert (old.attrs["target"], new.attrs["target"]) == ("S RINGS", "SATURN RINGS")
    assert named(new.attrs["target"]) == named(old.attrs["target"])
    for key in ("name", "slit", "band_bin", "compression", "odc_id", "observation_id"):
        assert new.attrs[key] == old.attrs[key]
    assert read_label(migrated).clock == read_label(data / "products/FUV2005_230_15_15.LBL").clock
