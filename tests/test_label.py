"""Labels: the archive's own, and those that must be refused."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import time
import warnings

import numpy as np
import pvl
import pytest
import xarray as xr
from helpers.products import LABEL, write_product
from hypothesis import given, settings
from hypothesis import strategies as st

import uvisxr
from uvisxr.errors import (
    LabelError,
    ProductError,
    UnreadObjectError,
    UvisError,
    UvisWarning,
)
from uvisxr.instrument.detector import Window
from uvisxr.pds3 import odl
from uvisxr.pds3.label import _clock, label_bytes, looks_like_uvis, read_label
from uvisxr.timescales import parse_utc

NAME = "FUV2005_230_15_15"


@pytest.fixture
def label(tmp_path):
    """Write a label with some text replaced; returns its path."""

    def write(*replacements: tuple[str, str], name: str = NAME, end: str = "\n"):
        path = write_product(tmp_path, name)
        text = path.read_text()
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        path.write_bytes(text.replace("\n", end).encode("latin-1"))
        return path

    return write


def test_values(label):
    read = read_label(label())
    assert (read.product_id, read.channel, read.target) == (NAME, "FUV", "SATURN")
    assert (read.slit, read.compression) == ("LOW_RESOLUTION", "SQRT_9")
    assert read.integration == 30.0
    assert read.windows == (Window(2, 0, 61, 1023, 1, 1),)
    assert read.shape == (1, 64, 1024)
    assert read.dtype == ">u2"
    assert read.size == read.data_path.stat().st_size
    assert not read.is_matrix


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends(label, end):
    assert read_label(label(end=end)).product_id == NAME


def test_comments_units_exponents_and_lists(label):
    vectors = (
        "SC_PLANET_POSITION_VECTOR =   \n(252761.00<KM>, 70666.624<KM>, 337126.15<KM>) /* SATURN */"
        "\nSC_SUN_POSITION_VECTOR    =   \n(-3.4811046e+08<KM>, \n -1.3558136e+09<KM>, 1.0<KM>)\n"
        "ODC_ID                          = "
    )
    keywords = read_label(label(("ODC_ID                          = 1114", vectors + '"1,143"')))
    assert keywords.keywords["SC_PLANET_POSITION_VECTOR"] == [252761.0, 70666.624, 337126.15]
    assert keywords.keywords["SC_SUN_POSITION_VECTOR"][0] == -3.4811046e8
    assert keywords.keywords["ODC_ID"] == 1143


def test_trailing_blank_after_a_list(label):
    assert read_label(label(("(1024, 64, 1)", "(1024, 64, 1) "))).shape == (1, 64, 1024)


def test_unknown_values_are_left_out(label):
    read = read_label(label(("= TOUR", '= "N/A"')))
    assert "MISSION_PHASE_NAME" not in read.keywords


def test_unknown_members_of_a_list_make_it_unknown(label):
    vector = "SC_PLANET_POSITION_VECTOR = (UNK, 1.0<KM>, 2.0<KM>)\nODC_ID    "
    assert "SC_PLANET_POSITION_VECTOR" not in read_label(label(("ODC_ID    ", vector))).keywords


def test_blanks_around_a_target(label):
    assert read_label(label(('= "SATURN"', '= " S  RINGS "'))).target == "S RINGS"


def test_several_targets_in_a_set(label):
    assert read_label(label(('"SATURN"', '{"TITAN", "SATURN"}'))).target == "SATURN, TITAN"


@pytest.mark.parametrize("value", ["((1, 2), 3)", "(1, TWO)", "(1, (2))", "({A}, B)"])
def test_lists_that_no_attribute_holds_are_text(label, value):
    keywords = read_label(label(("ODC_ID    ", f"OBSERVATION_ID = {value}\nODC_ID    "))).keywords
    assert isinstance(keywords["OBSERVATION_ID"], str | list)
    ds = xr.Dataset(attrs={"observation_id": keywords["OBSERVATION_ID"]})
    assert xr.load_dataset(ds.to_netcdf()).attrs.keys() == {"observation_id"}


def test_truth_is_text(label):
    """NetCDF attributes hold no booleans."""
    read = read_label(label(("= TOUR", "= TRUE")))
    assert read.keywords["MISSION_PHASE_NAME"] == "True"


@pytest.mark.parametrize("name", ["FUV2005_230_15_15", "FUV2005_230_15_15_CAL_3"])
def test_what_is_skipped_changes_no_other_value(data, name):
    """The whole label by pvl alone, against the part that is parsed."""
    text = (data / "products" / f"{name}.LBL").read_text("latin-1")
    whole, part = pvl.loads(text), odl.loads(text)
    left_out = {"QUBE", "DESCRIPTION", "BAND_BIN_CENTER", "START_TIME", "STOP_TIME"}
    left_out |= {"PRODUCT_CREATION_TIME"}
    for a, b in ((whole, part), (whole["QUBE"], part["QUBE"])):
        assert {k: v for k, v in a.items() if k not in left_out} == {
            k: v for k, v in b.items() if k not in left_out
        }
    start = np.datetime64(whole["START_TIME"].replace(tzinfo=None))
    assert parse_utc(part["START_TIME"]) == start


@pytest.mark.parametrize("state", ["OCCULTATION", "OCCLTATION"])
def test_occultation_slit(label, state):
    read = read_label(label(("= LOW_RESOLUTION", f"= {state}")))
    assert read.slit == "OCCULTATION"


@pytest.mark.parametrize(
    ("text", "clock"),
    [
        ("1/1503070990.64", 1503070990.25),
        ("1/1633050431.160", 1633050431.625),
        ("1/1633050431", 1633050431.0),
        ("1/1633050431.255", 1633050431.99609375),
        ("1/1633050431.256", 1633050431.256),
        ("1/1498017812.897", 1498017812.897),
        ("UNK", np.nan),
        ("2/1503070990.64", np.nan),
    ],
)
def test_clock_counts_are_in_256ths_or_decimal(label, text, clock):
    np.testing.assert_equal(read_label(label(("1/1503070990.64", text))).clock, clock)


def test_digits_of_other_scripts_are_no_clock():
    assert np.isnan(_clock("1/\u0661\u0665\u0660")) and _clock("1/150") == 150


@pytest.mark.parametrize(
    "text",
    ["2005-230T15:15:00.000", "2005-08-18T15:15:00.000Z", "2005-230T15:15:00.", "2005-230T15:15"],
)
def test_forms_of_times(label, text):
    found = read_label(label(("2005-230T15:15:04.141", text))).start
    assert found.utc == np.datetime64("2005-08-18T15:15:00")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2005-366T15:15:04", "2005 has no day 366"),
        ("20050818", "expected UTC as"),
        ("2005-230T15:15:60", "no leap second"),
        ("2305-001T00:00:00", "datetime64"),
    ],
)
def test_a_start_that_is_no_time(label, text, reason):
    path = label(("2005-230T15:15:04.141", text))
    with pytest.raises(
        LabelError, match=rf"{path.name}: START_TIME: '{text}' is not a time.*{reason}"
    ):
        read_label(path)


@pytest.mark.parametrize("text", ["2005-230T24:00:00.000", "2005-366T00:00:00", "soon"])
def test_a_stop_that_is_no_time_stops_nothing(label, text):
    path = label(('STOP_TIME                       = "UNK"', f"STOP_TIME = {text}"))
    assert read_label(path) == read_label(label())


@pytest.mark.parametrize(
    "line",
    [
        "NOTE = 5 apples",
        "NOTE = (1, 2",
        'NOTE = "never closed',
        "NOTE = it's",
        "apples",
        "NOTE: none",
        "X&Y = 3",
        "NOTE = <KM>",
        "/* never closed",
        "SC_SUN_POSITION_VECTOR = (1.0<KM>, 2.0<KM>,",
    ],
)
def test_a_line_that_is_no_statement_stops_nothing(label, line):
    """Nor does it change a value of another keyword."""
    whole = read_label(label())
    found = read_label(label(("SLIT_STATE", f"{line}\nSLIT_STATE")))
    kept = {k: v for k, v in found.keywords.items() if k != "SC_SUN_POSITION_VECTOR"}
    assert kept == whole.keywords
    parts = ("product_id", "target", "slit", "start", "clock", "integration", "shape", "windows")
    assert [getattr(found, part) for part in parts] == [getattr(whole, part) for part in parts]


def test_a_needed_value_that_is_none_is_named(label):
    path = label(("30.000 <SECOND>", "30..0 <SECOND"))
    with pytest.raises(LabelError, match=r"INTEGRATION_DURATION = '30\.\.0 <SECOND' is not"):
        read_label(path)


def test_several_windows(label):
    read = read_label(
        label(
            ("UL_CORNER_LINE                = 2", "UL_CORNER_LINE = (10, 24, 50)"),
            ("LR_CORNER_LINE                = 61", "LR_CORNER_LINE = (14, 39, 54)"),
            ("LINE_BIN                      = 1", "LINE_BIN = (5, 1, 5)"),
            ("BAND_BIN                      = 1", "BAND_BIN = (1, 2, 1)"),
        )
    )
    assert read.windows == (
        Window(10, 0, 14, 1023, 5, 1),
        Window(24, 0, 39, 1023, 1, 2),
        Window(50, 0, 54, 1023, 5, 1),
    )


def test_a_unit_of_a_whole_list(label):
    sizes = "CORE_ITEMS                    = (1024, 64, 1)"
    before = read_label(label())
    given = label((sizes, f"{sizes} <PIXEL>"), ("BAND_BIN       ", "BAND_BIN = (1, 1) <pixels>\nX"))
    read = read_label(given)
    assert (read.shape, read.windows) == (before.shape, 2 * before.windows)
    with pytest.raises(LabelError, match=r"CORE_ITEMS = .* expected a whole number"):
        read_label(label((sizes, f"{sizes} <BYTES>")))


def test_window_keywords_of_the_users_guide(label):
    read = read_label(
        label(
            ("UL_CORNER_LINE  ", "UL_CORNER_SPATIAL"),
            ("UL_CORNER_BAND  ", "UL_CORNER_SPECTRAL"),
            ("LR_CORNER_LINE  ", "LR_SPATIAL"),
            ("LR_CORNER_BAND  ", "LR_SPECTRAL"),
            ("BAND_BIN  ", "SPECTRAL_BIN"),
            ("LINE_BIN  ", "SPATIAL_BIN"),
        )
    )
    assert read.windows == (Window(2, 0, 61, 1023, 1, 1),)


def test_renamed_product_is_paired_by_its_name(label):
    path = label((f'^QUBE                           = "{NAME}', '^QUBE = "OTHER'))
    with pytest.warns(UvisWarning, match=r"names the data file OTHER\.DAT"):
        read = read_label(path)
    assert read.data_path == path.with_suffix(".DAT")


def test_renamed_label_finds_the_file_it_names(label):
    path = label()
    renamed = path.rename(path.with_name("MINE.LBL"))
    assert read_label(renamed).data_path == path.with_suffix(".DAT")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("PDS_VERSION_ID = PDS3\nOBJECT = QUBE\n", "it ends before its blocks do"),
        ("PDS_VERSION_ID", "it holds no statement"),
        ("PDS_VERSION_ID = PDS3\nEND_OBJECT = QUBE\nEND\n", "Expecting an Agg.*END_OBJECT.*"),
    ],
)
def test_a_label_whose_blocks_do_not_close(tmp_path, text, why):
    with pytest.raises(ValueError, match=why):
        odl.loads(text)
    path = tmp_path / f"{NAME}.LBL"
    path.write_text(text)
    why = rf"is not a readable PDS label \({why}\): move" if "END\n" in text else "is damaged"
    with pytest.raises(LabelError, match=why):
        read_label(path)


def test_iapetus_trusts_the_keyword(data):
    assert read_label(data / "labels" / "FUV2007_253_17_19.LBL").slit == "HIGH_RESOLUTION"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('INSTRUMENT_ID                   = "UVIS"', 'INSTRUMENT_ID = "VIMS"', "VIMS.*UVIS"),
        (f'"{NAME}"', '"HDAC2005_230_15_15"', "neither FUV nor EUV"),
        ("SLIT_STATE                      = LOW_RESOLUTION", "SLIT_STATE = WIDE", "SLIT_STATE"),
        ("30.000 <SECOND>", '"UNK"', "INTEGRATION_DURATION"),
        ("30.000 <SECOND>", "-1 <SECOND>", "INTEGRATION_DURATION = -1 is not the duration"),
        ("30.000 <SECOND>", "TRUE", "INTEGRATION_DURATION = True is not the duration"),
        ("(BAND, LINE, SAMPLE)", "(SAMPLE, LINE, BAND)", "AXIS_NAME"),
        ("= MSB_UNSIGNED_INTEGER", "= LSB_INTEGER", r"LSB_INTEGER of 2 bytes.*IEEE_REAL"),
        ("CORE_ITEMS                    = (1024, 64, 1)", "CORE_ITEMS = (1024, 64)", "CORE_ITEMS"),
        ("UL_CORNER_LINE                = 2", "X = 1", "UL_CORNER_LINE"),
        ("UL_CORNER_LINE                = 2", "UL_CORNER_LINE = TOP", "UL_CORNER_LINE = 'TOP': "),
        ("UL_CORNER_LINE                = 2", "UL_CORNER_LINE = 2.5", "= 2.5: .*whole number"),
        ("BAND_BIN                      = 1", "BAND_BIN = TRUE", "BAND_BIN = True: "),
        ("BAND_BIN                      = 1", "BAND_BIN = (1, (2))", "BAND_BIN = "),
        ("(1024, 64, 1)", "(1024, LINES, 1)", "CORE_ITEMS = 'LINES': expected a whole"),
        ("CORE_ITEM_BYTES               = 2", "CORE_ITEM_BYTES = TWO", "CORE_ITEM_BYTES = 'TWO'"),
        (
            "UL_CORNER_LINE                = 2\n  UL_CORNER_BAND                = 0",
            "UL_CORNER_LINE = (2, 9)\n UL_CORNER_BAND = (0, 0, 0)",
            "2 values for 3 windows",
        ),
        ("30.000 <SECOND>", "30000 <MILLISECOND>", "INTEGRATION_DURATION is in MILLISECOND"),
        ("30.000 <SECOND>", "1e300 <SECOND>", "INTEGRATION_DURATION"),
        ("CORE_MULTIPLIER               = 1.0", "CORE_MULTIPLIER = 2.0", "CORE_MULTIPLIER"),
        ("CORE_BASE                     = 0.0", "CORE_BASE = 10", "CORE_BASE = 10"),
        ("(1024, 64, 1)", "(1024, 64, 1E999)", "expected a whole number"),
        ("LINE_BIN                      = 1", "LINE_BIN = 1E999", "expected a whole number"),
        ("(0,0,0)", "(0,0,1)", "SUFFIX_ITEMS"),
        ("(0,0,0)", "(0,0,NO)", "SUFFIX_ITEMS = 'NO'"),
        ("2005-230T15:15:04.141", "2005-900T15:15:00.000", "uvisxr fetch"),
        ("2005-230T15:15:04.141", "2005-366T15:15:00.000", "2005-366.*uvisxr fetch"),
        ("2005-230T15:15:04.141", "2005-02-30T15:15:00", "uvisxr fetch"),
        ("2005-230T15:15:04.141", "SOON", "'SOON' is not a time"),
    ],
)
def test_labels_that_are_refused(label, old, new, message):
    path = label((old, new))
    with pytest.raises(LabelError, match=f"{path.name}.*{message}"):
        read_label(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LR_CORNER_LINE                = 61", "LR_CORNER_LINE = 64", "LR_CORNER_LINE"),
        ("UL_CORNER_LINE                = 2", "UL_CORNER_LINE = 62", "UL_CORNER_LINE"),
        ("BAND_BIN                      = 1", "BAND_BIN = 0", "BAND_BIN = 0"),
        ("LINE_BIN                      = 1", f"LINE_BIN = {10**20}", "LINE_BIN.*detector's 64"),
        ("(1024, 64, 1)", "(2048, 64, 1)", "CORE_ITEMS"),
        ("(1024, 64, 1)", f"(1024, 64, {10**30})", "no product has more than 1000000 exposures"),
    ],
)
def test_windows_that_are_refused(label, old, new, message):
    path = label((old, new))
    with pytest.raises(ProductError, match=f"{path.name}.*{message}"):
        read_label(path)


@pytest.mark.parametrize("end", ["END", "END;", "END /* done */", "END\0\0", "end ", "END\r\n\r\n"])
def test_ends_of_whole_labels(tmp_path, end):
    path = write_product(tmp_path, "FUV2005_230_15_15")
    text = path.read_text().rstrip().removesuffix("END")
    path.write_text(text + end)
    assert read_label(path).product_id == "FUV2005_230_15_15"


@pytest.mark.parametrize("end", ["SLIT_STATE", "OBJECT  ", "UL_CORNER_LINE", "END_OBJECT", "END\n"])
def test_a_label_that_is_cut_off(label, end):
    path = label()
    path.write_text(path.read_text().rpartition(end)[0])
    with pytest.raises(LabelError, match=rf"{path.name} is damaged, as it breaks off before"):
        read_label(path)


def test_missing_label(tmp_path):
    with pytest.raises(LabelError, match=r"nothing\.LBL.*suffix \.LBL"):
        read_label(tmp_path / "nothing.LBL")


@pytest.mark.parametrize(
    "content", [b"", bytes(range(256)) * 40, b"PDS_VERSION_ID = PDS3\n= = (((", b"hello"]
)
def test_garbage(tmp_path, content):
    path = tmp_path / "garbage.LBL"
    path.write_bytes(content)
    with pytest.raises(LabelError, match=r"garbage\.LBL"):
        read_label(path)


def test_a_label_is_a_short_file(label, tmp_path):
    path = label()
    path.write_bytes(path.read_bytes() + b" " * 2**17)
    with pytest.raises(LabelError, match="more than any label"):
        read_label(path)
    pipe = tmp_path / f"{NAME}_PIPE.LBL"
    os.mkfifo(pipe)
    assert not looks_like_uvis(pipe)
    endless = tmp_path / f"{NAME}_ZERO.LBL"
    endless.symlink_to("/dev/zero")
    for path in (pipe, endless):
        with pytest.raises(LabelError, match="it is no ordinary file"):
            read_label(path)


@pytest.mark.parametrize(
    "statement",
    ["240.000 = 147.89 <DEGREE>", "600.000 = 5", "600.000 <SECOND> = 5", "= 5", "A = B = C"],
)
def test_equals_signs_that_end_nowhere(label, statement):
    """Each of these makes the parser below go round for ever."""
    for old in ("ODC_ID", "  UL_CORNER_BAND"):
        path = label((old, f"{statement}\n{old}"))
        assert read_label(path).integration == 30
    with pytest.raises(LabelError, match="INTEGRATION_DURATION"):
        read_label(label(("INTEGRATION_DURATION", f"{statement}\nX")))


def test_time_series(tmp_path, data):
    """A photometer's label has columns and no cube."""
    rows = (data / "labels" / "guide_ch2_time_series.txt").read_text().replace("...", "")
    path = tmp_path / "HSP2005_230_15_15.LBL"
    head = LABEL.split("DATA_SET_ID")[0].format(
        clock="UNK", samples=1, name=path.stem, start="2005-230T15:15:00"
    )
    path.write_text(
        head
        + 'INSTRUMENT_ID = "UVIS"\nOBJECT = TIME_SERIES\n'
        + rows
        + "\nEND_OBJECT = COLUMN\nEND_OBJECT = TIME_SERIES\nEND\n"
    )
    with pytest.raises(UnreadObjectError, match=r"HSP2005.* object TIME_SERIES of the HSP"):
        read_label(path)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=60, derandomize=True, deadline=None)
def test_damaged_labels_never_give_another_error(tmp_path_factory, drawn):
    """A label with a line lost, cut, or with another value is read or refused in so many words."""
    rows = LABEL.format(
        clock="UNK",
        samples=1, name=NAME, start="2005-230T15:15:00", target="X", exposure=1.0,
        slit="LOW_RESOLUTION", lines=(2, 61), band_bin=1, line_bin=1,
    ).splitlines()  # fmt: skip
    at = drawn.draw(st.integers(1, len(rows) - 1))
    values = ['"UNK"', "(1, 2)", "{A, B}", "-5", "1e300", "9" * 30, "TRUE", "(UNK, 1)", '"', "("]
    key = rows[at].partition("=")[0]
    values = [f"{key} = {value}" for value in values]
    changed = drawn.draw(st.sampled_from(["", rows[at][:-2], *values]) | st.text(max_size=20))
    path = tmp_path_factory.getbasetemp() / f"{NAME}.LBL"
    path.write_text("\n".join([*rows[:at], changed, *rows[at + 1 :]]), "latin-1", "replace")
    with contextlib.suppress(UvisError), warnings.catch_warnings():
        warnings.simplefilter("ignore", UvisWarning)
        _, lines, bands = read_label(path).shape
        assert lines <= 64
        assert bands <= 1024


def test_label_is_picklable(label):
    read = read_label(label())
    assert pickle.loads(pickle.dumps(read)) == read


def test_recognised_by_its_text(label, tmp_path, data):
    assert looks_like_uvis(label())
    assert looks_like_uvis(data / "products" / "FUV2016_278_09_22.LBL")
    other = label(('INSTRUMENT_ID                   = "UVIS"', 'INSTRUMENT_ID = "ISSNA"'))
    assert not looks_like_uvis(other)
    assert not looks_like_uvis(tmp_path / "nothing.LBL")


@pytest.mark.parametrize("given", ['{"TITAN", "SATURN"}', '("SATURN", "TITAN")'])
def test_several_targets_are_one_text(label, given):
    path = label(('"SATURN"', given))
    assert read_label(path).target == "SATURN, TITAN"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  BAND_BIN  ", "  BAND_BIN = 4\n  BAND_BIN  ", "BAND_BIN several times: 4 and 1"),
        ("ODC_ID  ", "START_TIME = 2006-001T00:00:00\nODC_ID  ", "START_TIME several times"),
        ("ODC_ID  ", "INTEGRATION_DURATION = 2\nODC_ID  ", "INTEGRATION_DURATION several times"),
        ("\nEND\n", "\nOBJECT = QUBE\nEND_OBJECT = QUBE\nEND\n", "QUBE several times"),
        (
            "ODC_ID  ",
            "BAND_BIN = 2\nODC_ID  ",
            "BAND_BIN both outside and inside the QUBE: 2 and 1",
        ),
        ("  BAND_BIN  ", "SLIT_STATE = WIDE\n  BAND_BIN  ", "SLIT_STATE both outside and inside"),
        ("  LINE_BIN  ", "  SPATIAL_BIN = 2\n  LINE_BIN  ", "LINE_BIN and SPATIAL_BIN have diff"),
        ("LINE_BIN                      = 1", "LINE_BIN = ()", "LINE_BIN is an empty list"),
        ("LINE_BIN                      = 1", "LINE_BIN = 1_0", "LINE_BIN = '1_0': expected"),
        ("LINE_BIN                      = 1", "LINE_BIN = TRUE", "LINE_BIN = True: expected"),
        (
            "LINE_BIN                      = 1",
            f"LINE_BIN = {'9' * 5000}",
            r"= '9+\.{3}9+': expected",
        ),
        ("LINE_BIN                      = 1", f"LINE_BIN = 16#{'F' * 2000}#", "LINE_BIN = inf"),
        ("UL_CORNER_BAND                = 0", "UL_CORNER_BAND = 1E-999", "'1E-999': expected"),
        ("UL_CORNER_BAND                = 0", "UL_CORNER_BAND = 2 -\n 3", "UL_CORNER_BAND = '2 "),
        ("AXES                          = 3", "AXES = 4", "AXES = 4: expected 3"),
        ("(BAND, LINE, SAMPLE)", "3", "AXIS_NAME = 3: expected"),
        ("CORE_NULL                     = -1", "CORE_NULL = 5", "CORE_NULL = 5: expected -1"),
        (f'"{NAME}.DAT"', f'("{NAME}.DAT", 5)', r"\^QUBE = .*with which the data begin"),
        (f'"{NAME}.DAT"', f'("{NAME}.DAT", 513 <BYTES>)', r"\^QUBE = .*with which the data begin"),
        (f'"{NAME}.DAT"', "5", r"\^QUBE = 5: expected the name"),
        ("2005-230T15:15:04.141", "1960-001T00:00:00", "outside the flight of Cassini"),
        ("2005-230T15:15:04.141", "2017-260T00:00:00", "outside the flight of Cassini"),
        ("2005-230T15:15:04.141", "9999-365", "START_TIME: '9999-365' is not a time"),
        ("2005-230T15:15:04.141", "TRUE", "START_TIME: 'True' is not a time"),
        (f'"{NAME}"', '"FUV/../../x"', "PRODUCT_ID = .*expected letters"),
        (f'"{NAME}"', f'"FUV{"S" * 500}"', "PRODUCT_ID = .*expected letters"),
        ("30.000 <SECOND>", "1e-300", "INTEGRATION_DURATION = 1e-300 is not the duration"),
    ],
)
def test_contradictions_and_nonsense_are_named(label, old, new, message):
    path = label((old, new))
    with pytest.raises(LabelError, match=message) as raised:
        read_label(path)
    assert len(str(raised.value)) <= 500


def test_what_is_said_twice_in_the_same_way_is_no_contradiction(label):
    path = label(
        ("  BAND_BIN  ", "  BAND_BIN = 1\n  BAND_BIN  "), ("ODC_ID", "BAND_BIN = 1\nODC_ID")
    )
    assert read_label(path) == read_label(label())


def test_the_first_of_other_values_counts(label):
    path = label(("ODC_ID  ", "ODC_ID = 7\nODC_ID  "))
    with pytest.warns(UvisWarning, match=rf"{path.name} gives ODC_ID several times"):
        assert read_label(path).keywords["ODC_ID"] == 7


@pytest.mark.parametrize("pointer", [f'("{NAME}.DAT", 1)', f'("{NAME}.DAT", 1 <BYTES>)'])
def test_data_that_begin_with_their_file(label, pointer):
    assert read_label(label((f'"{NAME}.DAT"', pointer))).pointer == f"{NAME}.DAT"


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("9" * 400, np.inf),
        ("1E999", np.inf),
        ("16#" + "F" * 2000 + "#", np.inf),
        # More digits than Python makes a number of: what the label says.
        ("9" * 5000, "9" * 5000),
    ],
)
@pytest.mark.filterwarnings("error")
def test_numbers_of_any_length_can_be_written(label, tmp_path, value, kept):
    found = uvisxr.open_product(label(("= 1114", f"= {value}")))
    uvisxr.export.to_netcdf(found, tmp_path / "out.nc")
    assert xr.load_dataset(tmp_path / "out.nc").attrs["odc_id"] == kept


@pytest.mark.parametrize("text", ['"a\0b"', '"a\x1b[2Jb"', '"a\nb"', '"\x85\xe9"'])
def test_text_of_any_kind_can_be_written(label, tmp_path, text):
    found = uvisxr.open_product(label(("= TOUR", f"= {text}"), ('"SATURN"', text)))
    uvisxr.export.to_netcdf(found, tmp_path / "out.nc")
    kept = xr.load_dataset(tmp_path / "out.nc").attrs
    assert kept["mission_phase_name"].isprintable() and kept["target"].isprintable()


def test_few_statements_are_read_one_by_one():
    """As a broken one needs it: each costs a millisecond if it is not of the archive's form."""
    broken = "X = (1, 2\r\n"
    assert odl.loads(broken + "a=1\r\n" * 20 + "b=2\r\nEND\r\n")["B"] == 2
    with pytest.raises(ValueError, match="more than 500 statements, not all of which can be read"):
        odl.loads(broken + "a=1\r\n" * 2700 + "END\r\n")


@pytest.mark.parametrize(
    "text",
    [
        *("K=\r\n", "K=(\r\n", "K=1 2\r\n", "a=", "^A=(@\r\n", "/*", "(", "GROUP=A\r\n"),
        *("DESCRIPTION=\r\n", '"', "K=(1<A>,", "x ", "{"),
    ],
)
@pytest.mark.parametrize("size", [14_000, 120_000])
def test_a_label_of_any_text_is_read_at_once(label, text, size):
    path = label(("ODC_ID   ", f"X = {text * (size // len(text))}\nODC_ID   "))
    start = time.process_time()
    with contextlib.suppress(UvisError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read_label(path)
    assert time.process_time() - start < 2


BIN = "BAND_BIN                      = 1"


@pytest.mark.parametrize(
    "said",
    [
        *("band_bin = 4", "Band_Bin = 4", "CASSINI:BAND_BIN = 4", "cassini:band_bin = 4"),
        *("GROUP = X\nBAND_BIN = 4\nEND_GROUP = X", "GROUP = X\nband_bin = 4\nEND_GROUP"),
        *("BAND_BIN = 4 <PIXEL>", "BAND_BIN = 4 <pixels>", 'BAND_BIN = "4"', 'BAND_BIN = " 4 "'),
    ],
)
def test_other_ways_to_write_a_keyword(label, said):
    """Alone it counts, and with another value it is a contradiction."""
    assert read_label(label((BIN, said))).windows[0].band_bin == 4
    with pytest.raises(LabelError, match="QUBE gives BAND_BIN several times"):
        read_label(label((BIN, f"{BIN}\n{said}")))


def test_keywords_in_small_letters(label):
    path = label()
    before = read_label(path)
    text = path.read_text()
    path.write_text(re.sub(r"(?m)^ *\^?[A-Z_]+", lambda m: m[0].lower(), text))
    assert "pds_version_id" in path.read_text()
    assert looks_like_uvis(path)
    assert read_label(path) == before


def test_a_group_outside_of_the_cube(label):
    late = "GROUP = X\nSTART_TIME = 2005-231T00:00:00\nEND_GROUP = X\n^QUBE"
    with pytest.raises(LabelError, match="label gives START_TIME several times"):
        read_label(label(("^QUBE", late)))


def test_what_is_in_no_group_goes_first(label):
    grouped = "GROUP = X\nODC_ID = 7\nEND_GROUP = X\nODC_ID  "
    with pytest.warns(UvisWarning, match="ODC_ID several times"):
        assert read_label(label(("ODC_ID  ", grouped))).keywords["ODC_ID"] == 1114


def test_an_object_within_the_cube_hides_nothing(label):
    hidden = f"{BIN}\nOBJECT = X\nBAND_BIN = 4\nEND_OBJECT = X"
    with pytest.raises(LabelError, match="BAND_BIN stands in 'X', an object within the QUBE"):
        read_label(label((BIN, hidden)))
    harmless = f"{BIN}\nOBJECT = X\nNOTE = 4\nEND_OBJECT = X"
    assert read_label(label((BIN, harmless))).windows[0].band_bin == 1


@pytest.mark.parametrize(
    "value", ["1-\n6", "(1-\n6)", "1- \n6", '"1-\n6"', "16 <KM>", '"1 6"', "1,6"]
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_is_no_bin(label, value, end):
    """Neither 1, nor 6, nor 16."""
    with pytest.raises(LabelError, match=r"BAND_BIN = .*: expected a whole number"):
        read_label(label((BIN, f"BAND_BIN = {value}"), end=end))


def test_text_in_quotes_goes_on_after_a_hyphen(label):
    read = read_label(label(("= TOUR", '= "EXTENDED-\n  MISSION"')))
    assert read.keywords["MISSION_PHASE_NAME"] == "EXTENDEDMISSION"


def test_a_bin_outside_of_the_cube(label):
    read = read_label(label((BIN, ""), ("^QUBE", "BAND_BIN = 4\n^QUBE")))
    assert read.windows[0].band_bin == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            b" \r\n",
            "is not a PDS label but empty: move it away, and download .* with `uvisxr fetch",
        ),
        (b"<!DOCTYPE html><title>504</title>", "but a web page, as servers send"),
        ("PDS_VERSION_ID = PDS3\r\nEND\r\n".encode("utf-16"), "but text in UTF-16"),
        ("PDS_VERSION_ID = PDS3\r\nEND\r\n".encode("utf-16-le"), "but text in UTF-16"),
        ("PDS_VERSION_ID = PDS3\r\nEND\r\n".encode("utf-32"), "but text in UTF-32"),
        (b"something", "neither PDS_VERSION_ID nor"),
    ],
)
def test_what_stands_in_place_of_a_label_is_named(tmp_path, content, said):
    label = tmp_path / f"{NAME}.LBL"
    label.write_bytes(content)
    with pytest.raises(LabelError, match=said):
        read_label(label)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: re.sub('"([^"\n]*)"', "\u201c\\1\u201d", text), "typographic quotes"),
        (lambda text: re.sub(r" *= *", ",", text), "commas in place of equals signs"),
        (
            lambda text: "\n".join(
                '"' + line.replace('"', '""') + '"' if '"' in line or "UVIS" in line else line
                for line in text.splitlines()
            ),
            "statements are in quotes",
        ),
        (lambda text: text.replace("=", ";=;"), "separators around equals signs"),
        (lambda text: text.replace("\n", ",,,\n"), "lines end in separators"),
    ],
)
def test_a_label_that_another_program_saved_is_told(tmp_path, change, said):
    label = write_product(tmp_path, NAME)
    label.write_text(change(label.read_text()), encoding="utf-8")
    with pytest.raises(LabelError, match=f"was saved by another program: .*{said}.*; .* download"):
        read_label(label)


def test_values_with_units_are_shown_as_in_labels(tmp_path):
    label = write_product(tmp_path, NAME)
    lines = "".join(f"INTEGRATION_DURATION = {value} <SECOND>\n" for value in (600.0, 60))
    label.write_text(re.sub("INTEGRATION_DURATION.*\n", lines, label.read_text()))
    with pytest.raises(LabelError, match=r"several times: 600\.0 <SECOND> and 60 <SECOND>;"):
        read_label(label)


@pytest.mark.parametrize("name", ["{} (1).DAT", "{}.DAT.part", "{}.dat.crdownload", "{}(2).dat"])
def test_a_renamed_data_file_is_named(tmp_path, name):
    label = write_product(tmp_path, NAME)
    there = label.with_name(name.format(NAME))
    label.with_suffix(".DAT").rename(there)
    (tmp_path / f"{NAME}5.DAT").write_bytes(b"")
    said = re.escape(f"; {there.name} beside it may be it: if it is whole, rename it, and")
    with pytest.raises(ProductError, match=said):
        uvisxr.open_product(label)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of Unix")
@pytest.mark.parametrize("what", ["pipe", "folder"])
def test_data_that_are_no_file_are_told(tmp_path, what):
    label = write_product(tmp_path, NAME)
    data = label.with_suffix(".DAT")
    data.unlink()
    os.mkfifo(data) if what == "pipe" else data.mkdir()
    with pytest.raises(ProductError, match=f"{data}: it is no ordinary file: put"):
        uvisxr.open_product(label)


def test_a_label_that_is_not_there_may_be_one_that_an_index_names(tmp_path):
    with pytest.raises(LabelError, match=r"beside the data .* or where an index names it, below"):
        label_bytes(tmp_path / "secret" / "FUV2005_230_15_15.LBL")
