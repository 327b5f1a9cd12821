import os

import numpy as np
import pytest
from helpers import calfiles

from uvisxr.calibration import files, formats, matrix
from uvisxr.calibration.files import load
from uvisxr.errors import CalibrationError, UvisWarning
from uvisxr.instrument.channel import EUV, FUV
from uvisxr.instrument.evil import BURN


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return calfiles.folder(tmp_path_factory.mktemp("cal"))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lab_table_is_two_blocks(tmp_path, end):
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat", end)
    raw = path.read_bytes()
    path.write_bytes(
        raw.replace(b"1134.0 60.0 6.0", b"1134.0 7.0 0.5").replace(b"1950.0 60", b"1950.0 2")
    )
    lab = formats.read_lab(path, "FUV")
    np.testing.assert_array_equal(lab.wl, np.linspace(1100, 1950, 26))
    np.testing.assert_array_equal(lab.sensitivity, [60, 7, *[60] * 23, 2])
    np.testing.assert_array_equal(lab.error, [6, 0.5, *[6] * 24])


def test_lab_table_cut_short(tmp_path):
    """Wherever it is cut, but for its last line break, it says what is missing."""
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat", "\r\n")
    raw = path.read_bytes()
    for size in range(len(raw) - 2):
        path.write_bytes(raw[:size])
        with pytest.raises(CalibrationError, match=r"FUV_1999_Lab_Cal\.dat: "):
            formats.read_lab(path, "FUV")
    path.write_bytes(b"\r\n".join(raw.splitlines()[:6]) + b"\r\n")
    with pytest.raises(CalibrationError, match="5 rows of the table's 13: it was cut short; "):
        formats.read_lab(path, "FUV")
    path.write_bytes(raw[:-3])
    with pytest.raises(CalibrationError, match="its last line has no end: it was cut short"):
        formats.read_lab(path, "FUV")


@pytest.mark.parametrize("last", [b"", b"\r", b"\r\n\x1a", b"\x1a", b"\r\n\x1a\x1a"])
def test_lab_table_that_ends_as_editors_of_old_end_files(tmp_path, last):
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat", "\r\n")
    expected = formats.read_lab(path, "FUV")
    path.write_bytes(path.read_bytes()[:-2] + last)
    found = formats.read_lab(path, "FUV")
    np.testing.assert_array_equal(found.wl, expected.wl)
    np.testing.assert_array_equal(found.error, expected.error)


def test_ctrl_z_within_a_table_is_no_number(tmp_path):
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat")
    path.write_bytes(path.read_bytes().replace(b"60.0", b"60.0\x1a", 1))
    with pytest.raises(CalibrationError, match="not a table of numbers"):
        formats.read_lab(path, "FUV")


@pytest.mark.parametrize("value", [1e30, -1e6, 1e-30])
def test_a_flat_and_a_modifier_beyond_all_that_can_be(tmp_path, value):
    flat = np.ones((64, 1024))
    flat[3, 5] = value
    said = rf"of {value:g} at line 3, band 5 is beyond".replace("+", r"\+")
    calfiles.write_flat(tmp_path / "f.txt", flat)
    with pytest.raises(CalibrationError, match=rf"f\.txt: a flat field {said}"):
        formats.read_flat(tmp_path / "f.txt")
    flat.astype("<f4").tofile(tmp_path / "m.dat")
    with pytest.raises(CalibrationError, match=r"m\.dat: a modifier .* at line 3, band 5 "):
        formats.read_modifier(tmp_path / "m.dat")


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_flat_and_a_modifier_without_any_value(tmp_path, value):
    flat = np.full((64, 1024), value)
    calfiles.write_flat(tmp_path / "f.txt", flat)
    with pytest.raises(CalibrationError, match=r"f\.txt: no value of a flat field is above 0"):
        formats.read_flat(tmp_path / "f.txt")
    flat.astype("<f4").tofile(tmp_path / "m.dat")
    with pytest.raises(CalibrationError, match=r"m\.dat: no value of a modifier .* is above 0"):
        formats.read_modifier(tmp_path / "m.dat")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"60.0", b"0.0", "no value of a laboratory sensitivity is above 0"),
        (b" 60.0", b" 6e30", r"a laboratory sensitivity of 6e\+30 at point 0 is beyond"),
        (b" 6.0", b" 6e30", r"an error of it of 6e\+30 at point 0 is beyond"),
        (b"1950.0", b"1e30", r"a laboratory wavelength of 1e\+30 at point 25 is beyond"),
    ],
)
def test_lab_table_beyond_all_that_can_be(tmp_path, old, new, said):
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat")
    path.write_bytes(path.read_bytes().replace(old, new))
    with pytest.raises(CalibrationError, match=rf"FUV_1999_Lab_Cal\.dat: {said}"):
        formats.read_lab(path, "FUV")


@pytest.mark.parametrize(
    ("row", "value", "said"),
    [
        (0, 1e30, r"a parameter of the evolution of 1e\+30 at parameter 0, band 7"),
        (1, 9e-6, "a relative sensitivity after 20 years of .* at band 7 is beyond"),
    ],
)
def test_evolution_beyond_all_that_can_be(tmp_path, row, value, said):
    a = np.stack([np.full(1024, -0.5), np.full(1024, -2e-8), np.full(1024, 1.5)])
    a[row, 7] = value
    path = tmp_path / "FUV_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT"
    path.write_bytes(np.array(1.4e9, ">f8").tobytes() + a.astype(">f4").tobytes())
    with pytest.raises(CalibrationError, match=said):
        formats.read_evolution(path)


def test_lab_table_that_does_not_reach_the_end(tmp_path):
    """Of one with more rows than the team's, some are lost."""
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat", rows=20)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(CalibrationError, match=r"1100 to 1884\.6 angstrom, .* 1130 to 1900: part"):
        formats.read_lab(path, "FUV")


def test_lab_table_out_of_order(tmp_path):
    path = tmp_path / "FUV_1999_Lab_Cal.dat"
    path.write_text("a title\n 1300. 1. .1  1100. 3. .3\n")
    with pytest.raises(CalibrationError, match=r"FUV_1999_Lab_Cal\.dat.*ascending"):
        formats.read_lab(path, "FUV")


def test_lab_table_of_words(tmp_path):
    path = tmp_path / "EUV_1999_Lab_Cal.dat"
    path.write_text("a title\n<html>not found</html>\n")
    with pytest.raises(CalibrationError, match=r"not a table.*uvisxr calibration fetch"):
        formats.read_lab(path, "FUV")


def test_empty_file(tmp_path):
    path = tmp_path / "EUV_1999_Lab_Cal.dat"
    path.write_text("")
    with pytest.raises(CalibrationError, match="rows of 6"):
        formats.read_lab(path, "FUV")


@pytest.mark.parametrize("channel", ["FUV", "EUV"])
def test_lab_table_of_the_package(channel):
    lab = formats.package_lab(channel)
    assert lab.wl.size == {"FUV": 26, "EUV": 14}[channel]
    assert (lab.error <= lab.sensitivity).all()


def test_flat_is_read_row_by_row(tmp_path):
    flat = np.arange(64 * 1024.0).reshape(64, 1024)
    flat[3, 5] = np.nan
    calfiles.write_flat(tmp_path / "f.txt", flat)
    np.testing.assert_allclose(formats.read_flat(tmp_path / "f.txt"), flat, rtol=1e-5)


def test_short_flat(tmp_path):
    calfiles.write_flat(tmp_path / "f.txt", np.ones((63, 1024)))
    with pytest.raises(CalibrationError, match=r"f\.txt: 64512 numbers instead of 64 x 1024"):
        formats.read_flat(tmp_path / "f.txt")


def test_modifier_is_little_endian(tmp_path):
    frame = np.arange(64 * 1024, dtype="<f4").reshape(64, 1024) / 10
    frame.tofile(tmp_path / "m.dat")
    np.testing.assert_array_equal(formats.read_modifier(tmp_path / "m.dat"), frame)


def test_truncated_modifier(tmp_path):
    (tmp_path / "m.dat").write_bytes(b"\0" * 1000)
    with pytest.raises(CalibrationError, match=r"m\.dat: 1000 bytes instead of 262144"):
        formats.read_modifier(tmp_path / "m.dat")


@pytest.mark.parametrize("size", [512, 65536])
def test_modifier_with_a_hole(tmp_path, size):
    path = tmp_path / "hole.dat"
    content = bytearray(np.ones((64, 1024), "<f4").tobytes())
    content[100_000 : 100_000 + size] = bytes(size)
    path.write_bytes(content)
    words = rf"hole\.dat: a hole, {size // 4} zeros in a row .* from line 24, band 424 .*move it"
    with pytest.raises(CalibrationError, match=words):
        formats.read_modifier(path)


@pytest.mark.parametrize("name", ["my cal", "calibration"])
def test_a_broken_file_is_to_be_moved_away(tmp_path, monkeypatch, name):
    """The command that downloads it does so to its folder, and replaces nothing."""
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    path = tmp_path / name / "x_ff_modifier_1508718035.dat"
    path.parent.mkdir()
    path.write_bytes(b"cut")
    to = f" --to '{path.parent}'" if name == "my cal" else ""
    with pytest.raises(CalibrationError, match=r"3 bytes instead of") as caught:
        formats.read_modifier(path)
    assert str(caught.value).endswith(f"; move it away and run `uvisxr calibration fetch{to}`")


def test_modifier_with_fewer_zeros_than_a_hole(tmp_path):
    frame = np.ones((64, 1024), "<f4")
    frame[3, 1000:], frame[4, :50] = 0, 0
    frame.tofile(tmp_path / "few.dat")
    assert not formats.read_modifier(tmp_path / "few.dat")[4, :50].any()


def test_byte_swapped_modifier_is_refused_without_a_stray_warning(tmp_path):
    path = tmp_path / "swapped.dat"
    # Signalling NaN, as many bytes of real files are in the other order, and what is too large.
    strange = np.full(256, 0x7F81123F, "<u4").tobytes()
    path.write_bytes(strange + np.full(65536 - 256, 1e30, "<f4").tobytes())
    with pytest.raises(CalibrationError, match=r"swapped\.dat: a modifier .* of 1e\+30 at line 0"):
        formats.read_modifier(path)


def test_evolution_with_a_hole(folder, tmp_path):
    name = "FUV_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT"
    content = bytearray((folder / name).read_bytes())
    content[1024:2048] = bytes(1024)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CalibrationError, match=r"a hole, 256 zeros .*parameter 0, band 254"):
        formats.read_evolution(tmp_path / name)


def test_save_file_with_a_hole(save_file):
    found = records(1, 2)
    for record in found:
        record["ratio"][300:] = 0
    with pytest.raises(CalibrationError, match=r"a hole, 724 zeros .*epoch 0, band 300"):
        formats.read_spica(save_file(arr_fuv=found), "FUV")


def test_evolution_parameters(folder):
    path = folder / "FUV_CALIBRATION_TIME_EVOLUTION_PARAMETERS.DAT"
    evolution = formats.read_evolution(path)
    assert evolution.t0 == 1402021717.0
    np.testing.assert_array_equal(evolution.at(evolution.t0 - 1), 1)
    later = evolution.at(evolution.t0 + 3e7)
    np.testing.assert_allclose(later, 1.5 - 0.5 * np.exp(-0.6), rtol=1e-6)


def test_truncated_evolution(tmp_path):
    (tmp_path / "e.dat").write_bytes(b"\0" * 12)
    with pytest.raises(CalibrationError, match="12 bytes instead of 12296"):
        formats.read_evolution(tmp_path / "e.dat")


def records(*epochs):
    """Structures like those readsav makes of an IDL save file, of the given epochs."""
    desc = [np.rec.array([(epoch,)], dtype=[("sctime_sec_start", ">i4")]) for epoch in epochs]
    ratio = [np.full(1024, epoch / 100, ">f4") for epoch in epochs]
    rows = np.empty(len(epochs), [("ratio", object), ("desc", object)])
    for k in range(len(epochs)):
        rows[k] = ratio[k], desc[k]
    return rows


@pytest.fixture
def save_file(tmp_path, monkeypatch):
    """A save file whose content a test gives."""

    def write(**content):
        (tmp_path / "trend.sav").write_bytes(b"SR")
        monkeypatch.setattr(formats, "readsav", lambda path: content)
        monkeypatch.setattr(formats.saves, "check", lambda raw: None)
        return tmp_path / "trend.sav"

    return write


def test_epochs_of_a_save_file_are_sorted(save_file):
    spica = formats.read_spica(save_file(arr=records(300, 100, 200)), "FUV")
    np.testing.assert_array_equal(spica.sclk, [100, 200, 300])
    np.testing.assert_array_equal(spica.ratio[:, 7], [1, 2, 3])


def test_save_file_of_both_channels(save_file):
    path = save_file(arr_fuv=records(100), arr_euv=records(200, 300))
    assert formats.read_spica(path, "FUV").sclk.size == 1
    assert formats.read_spica(path, "EUV").sclk.size == 2


def test_save_file_of_fuv_only(save_file):
    assert formats.read_spica(save_file(arr=records(100)), "EUV") is None


def test_save_file_of_other_structures(save_file):
    path = save_file(arr=np.zeros(3, [("spectrum", float)]))
    with pytest.raises(CalibrationError, match=r"trend\.sav: no ratios with their epochs"):
        formats.read_spica(path, "FUV")


def test_save_file_of_other_bytes(tmp_path):
    (tmp_path / "x.sav").write_bytes(b"no save file")
    with pytest.raises(CalibrationError, match=r"x\.sav: not an IDL save file"):
        formats.read_spica(tmp_path / "x.sav", "FUV")


def test_missing_file(tmp_path):
    with pytest.raises(CalibrationError, match=r"cannot read .*nowhere\.txt.*fetch"):
        formats.read_flat(tmp_path / "nowhere.txt")


def test_changed_file_is_read_again(tmp_path):
    path = tmp_path / "m.dat"
    np.ones((64, 1024), "<f4").tofile(path)
    first = formats.read_modifier(path)
    assert formats.read_modifier(path) is first
    np.full((64, 1024), 2, "<f4").tofile(path)
    os.utime(path, ns=(1, 1))
    assert formats.read_modifier(path)[0, 0] == 2


def test_arrays_are_read_only(folder):
    with pytest.raises(ValueError, match="read-only"):
        formats.read_flat(folder / "FLATFIELD_FUV_POSTBURN.txt")[0, 0] = 1


def test_folder_of_the_argument_wins(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("UVISXR_CALIBRATION", str(tmp_path / "elsewhere"))
    assert files.Folder.choose(folder).path == folder


def test_folder_of_the_environment(folder, monkeypatch):
    monkeypatch.setenv("UVISXR_CALIBRATION", str(folder))
    assert files.Folder.choose().path == folder


def test_folder_of_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    assert files.Folder.choose().path == tmp_path / "calibration"


def test_no_such_folder(tmp_path):
    with pytest.raises(CalibrationError, match=r"nowhere.*files=.*uvisxr calibration fetch"):
        files.Folder.choose(tmp_path / "nowhere")


def test_environment_names_no_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("UVISXR_CALIBRATION", str(tmp_path / "nowhere"))
    with pytest.raises(CalibrationError, match=r"nowhere.*UVISXR_CALIBRATION"):
        files.Folder.choose()


def test_names_are_found_in_any_case(tmp_path):
    (tmp_path / "flatfield_fuv_preburn.TXT").touch()
    found = files.Folder.choose(tmp_path).flat("FUV", "PRE")
    assert found == tmp_path / "flatfield_fuv_preburn.TXT"


def test_modifiers_are_sorted_by_epoch(tmp_path):
    (tmp_path / "below").mkdir()
    for name in ("FUVb_ff_modifier_300.dat", "FUVa_ff_modifier_400.dat", "EUV_ff_modifier_1.dat"):
        (tmp_path / name).touch()
    (tmp_path / "below" / "FUVc_ff_modifier_200.dat").touch()
    epochs, paths = files.Folder.choose(tmp_path).modifiers("FUV")
    np.testing.assert_array_equal(epochs, [200, 300, 400])
    assert [path.name[3] for path in paths] == ["c", "b", "a"]


@pytest.mark.parametrize("other", ["FUV9_ff_modifier_300.dat", "below/FUV0_FF_modifier_0300.dat"])
def test_two_modifiers_of_one_time(tmp_path, other):
    first, second = tmp_path / "FUV1_ff_modifier_300.dat", tmp_path / other
    second.parent.mkdir(exist_ok=True)
    first.write_bytes(b"abcd")
    second.write_bytes(b"abcd")
    epochs, _ = files.Folder.choose(tmp_path).modifiers("FUV")
    assert epochs.tolist() == [300]
    second.write_bytes(b"abce")
    with pytest.raises(CalibrationError, match="stand for the same, and differ") as caught:
        files.Folder.choose(tmp_path).modifiers("FUV")
    assert str(first) in str(caught.value) and str(second) in str(caught.value)


@pytest.mark.parametrize("clock", ["\u0661\u0665\u0660", "9" * 200, "1_0", "-5", "300 (1)"])
def test_what_is_no_clock_is_no_modifier(tmp_path, clock):
    (tmp_path / f"FUV_ff_modifier_{clock}.dat").touch()
    assert files.Folder.choose(tmp_path).modifiers("FUV")[1] == []


def test_two_files_of_one_name_in_other_cases(tmp_path):
    for name, text in (("FLATFIELD_FUV_PREBURN.txt", "1"), ("flatfield_fuv_preburn.txt", "2")):
        (tmp_path / name).write_text(text)
    if len(list(tmp_path.iterdir())) == 2:
        with pytest.raises(CalibrationError, match="stand for the same, and differ"):
            files.Folder.choose(tmp_path).flat("FUV", "PRE")


# --- sets

CLOCK = np.array([sum(calfiles.EPOCHS) / 2])


def names(found: files.CalibrationSet) -> list[str]:
    """What files were read, by the words that tell them apart."""
    return [path.stem.removeprefix("FUV2006_001_UVIS_ff_") for path in found.files]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([-1e6], []),
        ([0], [0]),
        ([1], [0, 1]),
        ([6e7], [1]),
        ([-1e6, 0], [0]),
        ([-1e6, 6e7], [1]),
        ([0, 5, 6e7], [0, 1]),
    ],
)
def test_only_modifiers_that_enter_are_read(folder, times, expected):
    clock = calfiles.EPOCHS[0] + np.array(times, float)
    found = load(FUV, clock, True, None, folder)
    epochs = [calfiles.EPOCHS[k] for k in expected]
    np.testing.assert_array_equal(found.modifiers.sclk, epochs)
    assert names(found) == ["FLATFIELD_FUV_POSTBURN", *(f"modifier_{epoch}" for epoch in epochs)]
    for epoch, frame in zip(epochs, found.modifiers.frames, strict=True):
        raw = np.fromfile(next(folder.glob(f"*_{epoch}.dat")), "<f4")
        np.testing.assert_array_equal(frame.ravel(), raw)


#: Spacecraft clock of some of the public modifiers, and what their names say beside it.
PUBLIC = {1432077170: "C37ST", 1508718035: "017ST", 1834043619: "232IC", 1847096762: "238IC"}
AUTUMN_2016 = np.array([1.8540e9, 1.8541e9])
NEXT = r"FUV2016_195\S+_1847096762\.dat, FUV2017_013\S+_1862981146\.dat"


def _flat_and_modifiers(folder, epochs):
    for burn in ("PRE", "POST"):
        calfiles.write_flat(folder / f"FLATFIELD_FUV_{burn}BURN.txt", np.ones((64, 1024)))
    for epoch in epochs:
        words = f"{PUBLIC.get(epoch, 'OWN')}_ff_modifier_{epoch}.dat"
        np.ones((64, 1024), "<f4").tofile(folder / f"FUV2000_{words}")


@pytest.mark.parametrize(
    ("there", "clock", "lacks", "years"),
    [
        # What a download that was interrupted leaves.
        ([*PUBLIC][:2], AUTUMN_2016, NEXT, "10.9"),
        ([*PUBLIC][:3], AUTUMN_2016, NEXT, "0.6"),
        ([*PUBLIC], AUTUMN_2016, r"FUV2017_013\S+_1862981146\.dat", "0.2"),
        # Before the first of the folder no modifier would apply.
        ([*PUBLIC][2:], [1.433e9], r"FUV2003_139\S+_1432077170\.dat, FUV2005_295\S+", "12.7"),
        # The user's own, years away.
        ([1_500_000_000], AUTUMN_2016, NEXT, "11.2"),
    ],
)
def test_modifiers_that_are_not_there_are_told(tmp_path, monkeypatch, there, clock, lacks, years):
    _flat_and_modifiers(tmp_path, there)
    # The folder of a test may be so long that the message is shortened in the middle.
    monkeypatch.chdir(tmp_path)
    words = rf"lacks modifiers .* exposures, {lacks}.* {years} years away.*fetch --to \.`"
    with pytest.warns(UvisWarning, match=words):
        load(FUV, np.array(clock), True, None, ".")


def test_the_cache_is_mended_without_naming_it(tmp_path, monkeypatch):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    (tmp_path / "calibration").mkdir()
    _flat_and_modifiers(tmp_path / "calibration", [*PUBLIC][:2])
    with pytest.warns(UvisWarning, match="run `uvisxr calibration fetch`$"):
        load(FUV, AUTUMN_2016, True, None)


@pytest.mark.parametrize(
    ("there", "clock"),
    [
        ([*PUBLIC][:2], [1.45e9]),
        # Nothing is public before the first, and nothing later than the last.
        ([1432077170, 1405596163], [1.40e9]),
        ([1876760413], [1.89e9]),
        # One's own, which are near enough or nearer.
        ([1_840_000_000], AUTUMN_2016),
        ([1_853_999_999, 1_854_200_000, *PUBLIC], AUTUMN_2016),
    ],
)
def test_modifiers_that_suffice(tmp_path, there, clock):
    _flat_and_modifiers(tmp_path, there)
    assert load(FUV, np.array(clock), True, None, tmp_path).modifiers is not None


@pytest.mark.parametrize(
    ("times", "expected"),
    [([-1], ["PRE"]), ([0], ["POST"]), ([-1, 1], ["PRE", "POST"])],
)
def test_only_flat_fields_that_hold_are_read(folder, times, expected):
    found = load(FUV, BURN + np.array(times, float), True, None, folder)
    assert names(found) == [f"FLATFIELD_FUV_{burn}BURN" for burn in expected]
    limits = {"PRE": (-np.inf, BURN), "POST": (BURN, np.inf)}
    assert [(f.start, f.stop) for f in found.flat_fields] == [limits[burn] for burn in expected]


def test_without_flat_field_and_trend_nothing_is_looked_for(monkeypatch):
    monkeypatch.setenv("UVISXR_CALIBRATION", "/nowhere")
    found = load(EUV, CLOCK, False, None)
    assert found.lab is formats.package_lab("EUV")
    assert found.files == found.flat_fields == ()
    assert found.trend is None
    assert found.modifiers is None


def test_laboratory_table_of_the_folder_wins(tmp_path):
    path = calfiles.write_lab(tmp_path / "FUV_1999_Lab_Cal.dat")
    found = load(FUV, CLOCK, False, None, tmp_path)
    np.testing.assert_array_equal(found.lab.wl[[0, -1]], [1100, 1950])
    assert found.files == (path,)


def test_a_set_names_all_its_files(tmp_path):
    folder = calfiles.folder(tmp_path)
    calfiles.write_lab(folder / "FUV_1999_Lab_Cal.dat")
    assert names(load(FUV, CLOCK, True, "evolution", folder)) == [
        "FUV_1999_Lab_Cal",
        "FUV_CALIBRATION_TIME_EVOLUTION_PARAMETERS",
        "FLATFIELD_FUV_POSTBURN",
        *(f"modifier_{epoch}" for epoch in calfiles.EPOCHS),
    ]


def test_missing_files_are_listed(tmp_path):
    with pytest.raises(CalibrationError) as error:
        load(FUV, CLOCK, True, "spica", tmp_path)
    assert str(error.value) == (
        f"calibration files are missing from {tmp_path} (the argument files=): "
        "FLATFIELD_FUV_POSTBURN.txt, FUV*_ff_modifier_<clock>.dat, spica_variability4_data.sav. "
        "Get them with `uvisxr calibration fetch`, name their folder with files= or "
        "UVISXR_CALIBRATION, or do without: flat_field=False, trend=False"
    )


def test_of_a_trend_that_nobody_publishes_no_download_is_advised(tmp_path):
    with pytest.raises(CalibrationError, match="If you have one, name its folder") as error:
        load(EUV, CLOCK, False, "spica", tmp_path)
    assert "fetch" not in str(error.value)


def test_missing_files_of_an_observation_across_the_burn(tmp_path):
    with pytest.raises(CalibrationError, match=r"FUV_PREBURN\.txt, FLATFIELD_FUV_POSTBURN\.txt"):
        load(FUV, BURN + np.array([-1.0, 1.0]), True, None, tmp_path)


def test_missing_evolution(tmp_path):
    with pytest.raises(CalibrationError, match=r"FUV_CALIBRATION_TIME_E.*without: trend=False$"):
        load(FUV, CLOCK, False, "evolution", tmp_path)


def test_missing_trend_names_the_other_kind(folder):
    with pytest.raises(CalibrationError, match=r'trend=False \(or trend="evolution"\)'):
        load(FUV, CLOCK, False, "spica", folder)


def test_there_is_no_public_trend_of_euv(tmp_path):
    calfiles.folder(tmp_path, "EUV")
    with pytest.raises(CalibrationError, match=r"no public one.*trend=False"):
        load(EUV, CLOCK, True, "spica", tmp_path)


@pytest.mark.parametrize("word", ["inf", "-Infinity", "1_0", "1e999", "0x1p3", "1d3", "\xb2"])
def test_words_that_only_python_takes_for_numbers(tmp_path, word):
    path = tmp_path / "FUV_1999_Lab_Cal.dat"
    path.write_text(f"a title\n 1100. {word} .1  1300. 3. .3\n", encoding="latin-1")
    with pytest.raises(CalibrationError, match=r"FUV_1999_Lab_Cal\.dat: "):
        formats.read_lab(path, "FUV")


def test_a_title_that_has_swallowed_a_row(tmp_path):
    path = tmp_path / "FUV_1999_Lab_Cal.dat"
    rows = "1100. 1. .1  1300. 3. .3\n 1200. 2. .2  1400. 4. .4\n"
    for title in ("a title ", "a title"):
        path.write_text(title + rows)
        with pytest.raises(CalibrationError, match="a line break is lost"):
            formats.read_lab(path, "FUV")


@pytest.mark.parametrize(
    ("t0", "rate"), [(-1e300, -1e-8), (1e300, -1e-8), (1.4e9, 1e-3), (np.nan, 0.0)]
)
def test_evolutions_of_no_detector(tmp_path, t0, rate):
    a = np.stack([np.full(1024, v) for v in (-0.5, rate, 1.5)]).astype(">f4")
    path = tmp_path / "evolution.DAT"
    path.write_bytes(np.array(t0, ">f8").tobytes() + a.tobytes())
    with pytest.raises(CalibrationError, match=r"evolution\.DAT"):
        formats.read_evolution(path)


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CalibrationError, match="no ordinary file"):
        formats.read_flat(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["FUV_1999_Lab_Cal.dat", "FUV2005_ff_modifier_1508718035.dat"])
def test_one_of_the_files_in_place_of_their_folder(tmp_path, name):
    assert not matrix.is_product(tmp_path / name)
    (tmp_path / name).write_bytes(b"1")
    with pytest.raises(CalibrationError, match=r"is not a folder: give the folder of the calib"):
        load(FUV, np.array([1.6e9]), True, True, tmp_path / name)
