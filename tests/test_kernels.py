"""SPICE sessions and the choice of kernels, on kernels made for the purpose."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import spiceypy
from helpers import tinykernels as tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from uvisxr import errors
from uvisxr.kernels import choose, coverage, listing, meta, requirements, session
from uvisxr.kernels.coverage import ck_intervals, inside

#: 2005-08-18T15:15, a day that YYDDD writes 05230.
ET = 177650164.0
DAY = 86400.0
FOREVER = (-1e9, 1e9)


@pytest.fixture(autouse=True)
def _clean_spice():
    spiceypy.kclear()
    yield
    assert spiceypy.failed() is False
    spiceypy.kclear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tree with everything for Titan at `ET`, and the same days predicted."""
    root = tmp_path / "kernels"
    tiny.texts(root / "text")
    tiny.spk(root / "spk" / "de421.bsp", (6, 0, *FOREVER), (10, 0, *FOREVER))
    tiny.spk(
        root / "spk" / "050922R_SCPSE_05225_05245.bsp",
        (-82, 6, ET - 9 * DAY, ET + 9 * DAY),
        (606, 6, ET - 9 * DAY, ET + 9 * DAY),
    )
    tiny.ck(root / "ck" / "05225_05235ra.bc", (ET - DAY, ET + 2000))
    tiny.ck(root / "ck" / "05212_05242py_as_flown.bc", (ET - 9 * DAY, ET + 9 * DAY))
    return root


def _names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def _loaded() -> list[str]:
    return [spiceypy.kdata(i, "ALL")[0] for i in range(spiceypy.ktotal("ALL"))]


def _x(body: str) -> float:
    return spiceypy.spkgeo(spiceypy.bods2c(body), ET, "J2000", 0)[0][0]


# The session


def test_a_session_loads_in_order_and_takes_back(tmp_path: Path):
    low = tiny.spk(tmp_path / "low.bsp", (606, 0, *FOREVER), x=1.0)
    high = tiny.spk(tmp_path / "high.bsp", (606, 0, *FOREVER), x=2.0)
    with session.loaded([low, str(high)]) as files:
        assert files == [low, high]
        assert _loaded() == [str(low), str(high)]
        assert _x("TITAN") == 2.0
    with session.loaded([high, low]):
        assert _x("TITAN") == 1.0
    assert _loaded() == []


def test_an_exception_inside_unloads(folder: Path):
    with pytest.raises(ZeroDivisionError), session.loaded(tiny.texts(folder / "text")):
        raise ZeroDivisionError
    assert _loaded() == []
    assert not spiceypy.expool("BODY606_RADII")


def test_a_file_given_twice_is_loaded_once(folder: Path):
    file = folder / "spk" / "de421.bsp"
    with session.loaded([file, file]):
        assert _loaded() == [str(file)]


def test_a_bad_file_unloads_those_before_it(folder: Path, tmp_path: Path):
    bad = tmp_path / "bad.bsp"
    bad.write_bytes(b"no kernel")
    with (
        pytest.raises(errors.KernelError, match=r"bad\.bsp is not a SPICE kernel"),
        session.loaded([folder / "spk" / "de421.bsp", bad]),
    ):
        pass
    assert _loaded() == []


def test_the_users_files_keep_their_place(tmp_path: Path):
    first = tiny.spk(tmp_path / "first.bsp", (606, 0, *FOREVER), x=1.0)
    second = tiny.spk(tmp_path / "second.bsp", (606, 0, *FOREVER), x=2.0)
    spiceypy.furnsh(str(first))
    spiceypy.furnsh(str(second))
    with session.loaded([first]):
        assert _x("TITAN") == 1.0
    assert _loaded() == [str(first), str(second)]
    assert _x("TITAN") == 2.0
    with session.loaded([second]):
        pass
    assert _x("TITAN") == 2.0


def test_the_users_pool_variables_survive(folder: Path):
    texts = tiny.texts(folder / "text")
    spiceypy.furnsh(str(texts[4]))
    spiceypy.pdpool("BODY606_RADII", [1.0, 2.0, 3.0])
    spiceypy.pdpool("MY_NUMBERS", np.arange(700.0))
    spiceypy.pcpool("MY_TEXT", ["a", "b c", "x" * 80])
    with session.loaded(texts):
        assert spiceypy.bodvrd("TITAN", "RADII", 3)[1][0] == 2575.0
        spiceypy.pdpool("MY_NUMBERS", [0.0])
    assert list(spiceypy.bodvrd("TITAN", "RADII", 3)[1]) == [1.0, 2.0, 3.0]
    assert list(spiceypy.gdpool("MY_NUMBERS", 0, 1000)) == list(range(700))
    assert list(spiceypy.gcpool("MY_TEXT", 0, 9, 90)) == ["a", "b c", "x" * 80]
    assert not spiceypy.expool("DELTET/K")
    assert _loaded() == [str(texts[4])]


def test_many_pool_variables_survive(folder: Path):
    for number in range(1203):
        spiceypy.pdpool(f"V{number}", [float(number)])
    with session.loaded(tiny.texts(folder / "text")):
        pass
    values = [spiceypy.gdpool(f"V{number}", 0, 1)[0] for number in range(1203)]
    assert values == list(range(1203))


def test_the_users_error_settings_stay(folder: Path):
    before = spiceypy.erract("GET", 20), spiceypy.errdev("GET", 20, "")
    with session.loaded(tiny.texts(folder / "text")):
        pass
    with pytest.raises(errors.KernelError), session.loaded([folder / "none"]):
        pass
    assert (spiceypy.erract("GET", 20), spiceypy.errdev("GET", 20, "")) == before


def test_one_thread_at_a_time(folder: Path):
    inside_, done = threading.Event(), threading.Event()
    seen = []

    def other() -> None:
        inside_.wait()
        with session.loaded([folder / "spk" / "de421.bsp"]):
            seen.append(done.is_set())
            seen.append(len(_loaded()))

    thread = threading.Thread(target=other)
    thread.start()
    with session.loaded(tiny.texts(folder / "text")):
        inside_.set()
        thread.join(0.2)
        done.set()
    thread.join()
    assert seen == [True, 1]


def test_sessions_nest_in_a_thread(folder: Path):
    texts = tiny.texts(folder / "text")
    with session.loaded(texts):
        with session.loaded(texts[:2]):
            pass
        assert spiceypy.expool("DELTET/K")
        assert len(_loaded()) == 5


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_fork_while_another_thread_is_in_a_session():
    """In a process of its own, as Python warns of forks among threads."""
    code = """
import os, threading, time
from uvisxr.kernels.session import LOCK
entered, left = threading.Event(), []
def other():
    with LOCK:
        entered.set()
        time.sleep(0.3)
        left.append(True)
threading.Thread(target=other).start()
entered.wait()
child = os.fork()
got = LOCK.acquire(timeout=5)
LOCK.release()
if not child:
    os._exit(0 if got and left else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "0", done.stderr


# Files that are no kernels


def test_a_missing_file_is_named(tmp_path: Path):
    with (
        pytest.raises(errors.KernelError, match=r"none\.tls: No such file"),
        session.loaded([tmp_path / "none.tls"]),
    ):
        pass


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 3000, b"<html>Not found</html>", b"version https://git-lfs.github.com/spec/v1"],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "x.bc"
    path.write_bytes(content)
    with pytest.raises(errors.KernelError, match=r"x\.bc is not a SPICE kernel"):
        session.check_file(path)


def test_a_broken_text_kernel_is_to_be_moved_away(folder: Path):
    broken = folder / "text" / "naif0012.tls"
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(errors.KernelError, match=r": move .*naif0012\.tls away and run `uvisxr"):
        choose.select(folder, [ET], ("CASSINI",))


def test_a_kernel_in_utf_16_is_named_as_such(tmp_path: Path):
    path = tmp_path / "x.tls"
    path.write_text("KPL/LSK\n\\begindata\n", encoding="utf-16")
    with pytest.raises(errors.KernelError, match=r"x\.tls is text in UTF-16.*save it as plain"):
        session.check_file(path)


@pytest.mark.parametrize("size", [500, 2048])
def test_a_truncated_file_is_refused(folder: Path, size: int):
    path = folder / "spk" / "de421.bsp"
    content = path.read_bytes()
    assert len(content) > 2048
    path.write_bytes(content[:size])
    with pytest.raises(errors.KernelError, match=r"de421\.bsp is truncated or corrupt"):
        choose.select(folder, [ET], ("SUN",))


def test_what_spice_refuses_is_an_error(tmp_path: Path):
    path = tiny.text(tmp_path / "x.tpc", "PCK", BODY606_RADII="( 1.0 'a' )")
    with (
        pytest.raises(errors.KernelError, match=r"SPICE cannot load .*x\.tpc"),
        session.loaded([path]),
    ):
        pass
    assert _loaded() == []


def test_a_file_with_broken_records_is_an_error(folder: Path):
    path = folder / "spk" / "050922R_SCPSE_05225_05245.bsp"
    content = bytearray(path.read_bytes())
    content[8:16] = b"\xff" * 8
    path.write_bytes(content)
    with pytest.raises(errors.KernelError, match=r"050922R_SCPSE_05225_05245\.bsp"):
        choose.select(folder, [ET], ("CASSINI",))


def test_text_without_an_identity_is_a_kernel(tmp_path: Path):
    path = tmp_path / "old.tpc"
    path.write_text("Some words\n\\begindata\nA = 1\n\\begintext\n")
    with session.loaded([path]):
        assert spiceypy.expool("A")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("identity", ["KPL/FK", "Some words", " KPL/FK", "\ufeffKPL/FK"])
def test_text_kernels_end_their_lines_as_they_like(tmp_path: Path, end: str, identity: str):
    path = tmp_path / "x.tf"
    lines = [identity, "\\begindata", "A = 17", "\\begintext", ""]
    path.write_bytes(end.join(lines).encode())
    assert session.check_file(path) == ("TEXT" if "words" in identity else "FK")
    assert session.sets(path) == {"A"}
    with session.loaded([path]):
        assert spiceypy.gdpool("A", 0, 1)[0] == 17


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("identity", ["KPL/MK", "KPL/FK", "Some words"])
def test_what_lists_kernels_is_a_meta_kernel(tmp_path: Path, end: str, identity: str):
    listed = tiny.text(tmp_path / "a.tf", "FK", A="1")
    path = tmp_path / "x.txt"
    lines = [identity, "\\begindata", f"KERNELS_TO_LOAD = ( '{listed.name}' )", "\\begintext", ""]
    path.write_bytes(end.join(lines).encode())
    assert session.check_file(path) == "MK"
    assert choose.sources(path) == ([listed], [])


@pytest.mark.parametrize("named", [True, False], ids=["byte order named", "not named"])
def test_binary_kernels_of_the_1990s(folder: Path, named: bool):
    for kind, path in (("SPK", folder / "spk" / "de421.bsp"), ("CK", folder / "ck")):
        path = path if path.is_file() else path / "05225_05235ra.bc"
        content = bytearray(path.read_bytes())
        content[:8] = b"NAIF/DAF"
        if not named:
            content[88:96] = bytes(8)
        path.write_bytes(content)
        assert session.check_file(path) == kind
        path.write_bytes(content[:2048])
        with pytest.raises(errors.KernelError, match="truncated"):
            session.check_file(path)
        path.write_bytes(content)
    assert "de421.bsp" in _names(choose.select(folder, [ET], ("CASSINI",)))


def test_a_transfer_file_is_told_how_to_be_mended(tmp_path: Path):
    path = tmp_path / "x.xsp"
    path.write_text("DAFETF NAIF DAF ENCODED TRANSFER FILE\n'DAF/SPK '\n")
    with pytest.raises(errors.KernelError, match="transfer format; convert it with NAIF's program"):
        session.check_file(path)


def test_bodies_that_place_each_other_are_an_error(folder: Path):
    """SPICE itself would never return."""
    tiny.spk(folder / "spk" / "a.bsp", (606, 605, *FOREVER))
    tiny.spk(folder / "spk" / "b.bsp", (605, 606, *FOREVER))
    (folder / "spk" / "050922R_SCPSE_05225_05245.bsp").unlink()
    with pytest.raises(errors.KernelError, match=r"in a circle \(606, 605, 606\)"):
        choose.select(folder, [ET], ("TITAN",))
    request = requirements.Request("X", np.array([ET]), (-82, 10, 606))
    with pytest.raises(errors.KernelError, match="in a circle"):
        requirements.check([request], [], [folder])


def test_what_is_no_kernel_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(3):
        (folder / f"notes{number}.txt").write_text("no kernel " * 200)
    (folder / "data.dat").write_bytes(bytes(5000))
    read: list[str] = []
    content = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: (read.append(path.name), content(path))[1])
    (folder / "text" / "cas_uvis_v07.ti").rename(folder / "text" / "uvis.txt")
    for _ in range(3):
        choose.select(folder, [ET], ("CASSINI",))
    assert len(read) == len(set(read))
    assert "data.dat" not in read


# The choice from a folder


def test_files_are_taken_once_through_links(folder: Path, tmp_path: Path):
    file = next(folder.rglob("*.tls"))
    (folder / "again.tls").symlink_to(file)
    (folder / "others").symlink_to(file.parent)
    names = _names(choose.tree([folder, file.parent]))
    assert (names.count(file.name) + names.count("again.tls")) == 1


def test_folders_are_walked_once_in_a_block(folder: Path):
    before = choose.tree([folder])
    with choose.walked_once():
        choose.tree([folder]).clear()
        (folder / "new.tls").write_text("KPL/LSK")
        assert choose.tree([folder]) == before
    assert "new.tls" in _names(choose.tree([folder]))


def test_links_to_folders_are_followed_but_not_in_circles(folder: Path, tmp_path: Path):
    farm = tmp_path / "farm"
    farm.mkdir()
    (farm / "mine").symlink_to(folder)
    (farm / "again").symlink_to(folder)
    (folder / "round").symlink_to(farm)
    (folder / "spk" / ".hidden.bsp.part").write_bytes(b"half a download")
    names = _names(choose.tree([farm]))
    assert names == sorted(names, key=names.index)
    assert sorted(names) == sorted(set(names)) and len(names) == 9
    chosen = choose.select(farm, [ET], ("CASSINI", "TITAN", "SUN"))
    assert _names(chosen) == _names(choose.select(folder, [ET], ("CASSINI", "TITAN", "SUN")))


def test_a_folder_is_searched_and_sorted(folder: Path):
    paths = choose.select(folder, [ET, ET + DAY], ("CASSINI", "TITAN", "SUN"))
    assert _names(paths) == [
        "naif0012.tls",
        "cas00172.tsc",
        "cas_v43.tf",
        "cas_uvis_v07.ti",
        "pck00010.tpc",
        "de421.bsp",
        "050922R_SCPSE_05225_05245.bsp",
        "05212_05242py_as_flown.bc",
        "05225_05235ra.bc",
    ]
    with session.loaded(paths):
        spiceypy.spkezr("TITAN", ET, "J2000", "LT+S", "CASSINI")
    assert _loaded() == []


def test_predicted_pointing_is_left_out_where_reconstructed_suffices(folder: Path):
    names = _names(choose.select(folder, [ET, ET + 1999.0], ("CASSINI",)))
    assert names[-1] == "05225_05235ra.bc"
    assert "05212_05242py_as_flown.bc" not in names


def test_pointing_can_be_left_out(folder: Path):
    paths = choose.select(folder, [ET], ("CASSINI",), frame_id=None)
    assert not [path for path in paths if path.suffix == ".bc"]


def test_times_without_pointing_are_no_error(folder: Path):
    (folder / "ck" / "05212_05242py_as_flown.bc").unlink()
    paths = choose.select(folder, [ET + DAY], ("CASSINI",))
    assert not [path for path in paths if path.suffix == ".bc"]


def test_the_later_delivery_wins(folder: Path):
    span = (ET - DAY, ET + DAY)
    tiny.spk(folder / "new" / "060101R_SCPSE_05229_05231.bsp", (-82, 6, *span), x=5.0)
    tiny.spk(folder / "new" / "991231AP_SCPSE_05229_05231.bsp", (-82, 6, *span), x=7.0)
    names = _names(choose.select(folder, [ET], ("CASSINI", "TITAN")))
    assert names.index("060101R_SCPSE_05229_05231.bsp") == (
        names.index("050922R_SCPSE_05225_05245.bsp") + 1
    )
    assert "991231AP_SCPSE_05229_05231.bsp" not in names


def test_centres_are_placed_too(folder: Path):
    names = _names(choose.select(folder, [ET], ("CASSINI",)))
    assert "de421.bsp" in names
    (folder / "spk" / "de421.bsp").unlink()
    with pytest.raises(errors.CoverageError, match="CASSINI"):
        choose.select(folder, [ET], ("CASSINI",))


def test_positions_that_a_broken_file_may_hold_are_told(folder: Path):
    """Those a light time earlier too, which are missing only when SPICE asks for them."""
    planets = folder / "spk" / "de421.bsp"
    content = planets.read_bytes()
    planets.write_bytes(content[: len(content) // 2])
    near = (ET - 60, ET + 60)
    tiny.spk(folder / "spk" / "saturn.bsp", (6, 0, *FOREVER), x=1.4e9)
    tiny.spk(folder / "spk" / "near.bsp", (10, 0, *near))
    with pytest.warns(errors.UvisWarning, match=r"positions are missing.*de421\.bsp is truncated"):
        choose.select(folder, [ET], ("CASSINI", "TITAN", "SUN"))
    tiny.spk(folder / "spk" / "far.bsp", (10, 0, *FOREVER))
    choose.select(folder, [ET], ("CASSINI", "TITAN", "SUN"))


def test_bodies_are_wanted_a_light_time_earlier(folder: Path):
    short = tiny.spk(folder / "spk" / "N1.bsp", (10, 0, ET - 60, ET + 60), x=3.0)
    paths = choose.select(folder, [ET], ("SUN",))
    assert _names(paths)[5:7] == ["de421.bsp", "N1.bsp"]
    short.unlink()
    tiny.spk(short, (10, 0, ET - DAY, ET + 60))
    assert "de421.bsp" not in _names(choose.select(folder, [ET], ("SUN",)))


def test_the_highest_version_of_the_best_pattern_is_chosen(folder: Path):
    for name in ("cas_v9.tf", "cas_v41.tf", "cas_v100.tf", "cas_v41_usgs.tf"):
        tiny.text(folder / "more" / name, "FK", **tiny.FRAMES)
    tiny.text(folder / "more" / "pck00011.tpc", "PCK", **tiny.CONSTANTS)
    names = _names(choose.select(folder, [ET], ("CASSINI",)))
    assert names[2] == "cas_v100.tf"
    assert names[4] == "pck00010.tpc"
    (folder / "text" / "pck00010.tpc").unlink()
    assert _names(choose.select(folder, [ET], ("CASSINI",)))[4] == "pck00011.tpc"


def test_a_damaged_copy_of_the_archives_file_is_refused(folder: Path, monkeypatch):
    """By its name and beginning, be the line ends others; what begins otherwise is another file."""
    path = folder / "text" / "cas00172.tsc"
    plain = path.read_bytes()
    whole = plain.replace(
        b"KPL/SCLK\n", b"KPL/SCLK\n" + 9 * b"Made by nobody at all, for a test.\n"
    )
    sums = [hashlib.sha256(part).hexdigest() for part in (whole, whole[:256])]
    source = listing.ArchiveFile("clock", "kernels", "sclk/cas00172.tsc", "", size=9999)
    source = dataclasses.replace(source, sha256=sums[0], begins=sums[1])
    sets = [
        dataclasses.replace(entry, fetch=source if entry.kind == "clock" else entry.fetch)
        for entry in listing.kernel_sets()
    ]
    monkeypatch.setattr(listing, "kernel_sets", lambda: sets)
    args = folder, [ET], ("CASSINI", "TITAN", "SUN")
    for content in (plain, whole, whole.replace(b"\n", b"\r\n")):
        path.write_bytes(content)
        assert path in choose.select(*args)
    told = "begins as the archive's file cas00172.tsc does, and is another, of .* instead of 9999"
    damaged = whole.replace(b"256", b"255", 1)
    assert damaged != whole
    copies = ("CAS00172.TSC", "cas00172 (1).tsc", "cas00172(12).tsc", "cas00172 - Copy.tsc")
    more = ("cas00172 copy 2.tsc", "cas00172 - Copy (3).tsc")
    for name in (path, *map(path.with_name, (*copies, *more))):
        path.unlink(missing_ok=True)
        name.write_bytes(damaged)
        with pytest.raises(errors.KernelError, match=told):
            choose.select(*args)
        name.unlink()
    path.with_name("cas_of_mine.tsc").write_bytes(damaged)
    choose.select(*args)


@pytest.mark.parametrize("name", ["text/cas00172.tsc", "spk/de421.bsp", "ck/05225_05235ra.bc"])
def test_files_of_one_name_that_differ_are_told(folder: Path, name: str):
    (path,) = folder.glob(name)
    twin = folder / "copies" / path.name.upper()
    twin.parent.mkdir()
    twin.write_bytes(path.read_bytes())
    args = folder, [ET], ("CASSINI", "TITAN", "SUN")
    choose.select(*args)
    # Damaged, it may be there.
    twin.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    choose.select(*args)
    twin.unlink()
    match path.suffix:
        case ".tsc":
            twin.write_bytes(path.read_bytes() + b"And more.\n")
        case ".bsp":
            tiny.spk(twin, (10, 0, *FOREVER))
        case _:
            tiny.ck(twin, (ET - DAY, ET + 9))
    with pytest.warns(errors.UvisWarning, match="have one name but differ") as caught:
        paths = choose.select(*args)
    (told,) = {str(warning.message) for warning in caught}
    assert str(path) in told and str(twin) in told
    used = next(file for file in paths if file.name.lower() == path.name.lower())
    assert told.startswith(str(used))


def test_a_missing_kind_is_named(folder: Path):
    (folder / "text" / "cas_uvis_v07.ti").unlink()
    words = rf"no UVIS instrument kernel.*fetch PRODUCT --to {folder}`.*cas_uvis"
    with pytest.raises(errors.KernelError, match=words):
        choose.select(folder, [ET], ("CASSINI",))


def test_a_missing_kind_of_the_cache_is_fetched_to_the_cache(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "text" / "cas_uvis_v07.ti").unlink()
    monkeypatch.setattr(choose, "cache_dir", lambda kind: folder)
    with pytest.raises(errors.KernelError, match=r"fetch PRODUCT`, which downloads cas_uvis"):
        choose.select(None, [ET], ("CASSINI",))


def test_a_time_outside_the_coverage_is_named_with_what_covers_it(folder: Path):
    with pytest.raises(errors.CoverageError) as caught:
        choose.select(folder, [ET + 20 * DAY, ET + 21 * DAY], ("CASSINI", "TITAN"))
    message = str(caught.value)
    assert "CASSINI (NAIF -82)" in message
    assert "2005-09-07T15:1" in message and "2005-09-08T15:1" in message
    assert "050907R" not in message
    assert "051011R_SCPSE_05245_05257.bsp" in message
    assert f"`uvisxr kernels fetch PRODUCT --to {folder}`" in message


def test_a_time_no_archive_file_covers_is_said_so(folder: Path):
    with pytest.raises(
        errors.CoverageError, match=r"no trajectory .* files cover 2001-03-07 to 2017-09-15"
    ):
        choose.select(folder, [8e8], ("CASSINI",))


def test_partial_coverage_is_no_error(folder: Path):
    assert choose.select(folder, [ET, ET + 20 * DAY], ("CASSINI",))


def test_an_unknown_body_is_an_error(folder: Path):
    with pytest.raises(errors.KernelError, match="VULCAN"):
        choose.select(folder, [ET], ("VULCAN",))


def test_changed_files_are_read_again(folder: Path):
    path = folder / "spk" / "de421.bsp"
    choose.select(folder, [ET], ("CASSINI",))
    path.unlink()
    tiny.spk(path, (6, 0, ET - 9, ET + 9), (10, 0, *FOREVER), (5, 0, *FOREVER))
    with pytest.raises(errors.CoverageError):
        choose.select(folder, [ET + DAY], ("CASSINI",))


def test_archive_files_of_other_days_are_not_opened(folder: Path):
    for name in ("spk/051011R_SCPSE_05245_05257.bsp", "ck/05242_05247ra.bc"):
        (folder / name).write_bytes(b"half a download")
    assert choose.select(folder, [ET, ET + DAY], ("CASSINI",))
    with pytest.warns(errors.UvisWarning, match=r"no pointing.*05242_05247.* not a SPICE kernel"):
        choose.select(folder, [ET + 14 * DAY], ("SUN",))
    with pytest.raises(errors.CoverageError, match=r"05245_05257.* not a SPICE kernel"):
        choose.select(folder, [ET + 14 * DAY], ("CASSINI",))


def test_as_many_loads_for_one_exposure_as_for_many(folder: Path, monkeypatch: pytest.MonkeyPatch):
    calls = []
    furnsh = spiceypy.furnsh
    monkeypatch.setattr(spiceypy, "furnsh", lambda path: (calls.append(path), furnsh(path)))
    counts = []
    for count in (1, 500):
        calls.clear()
        with session.loaded(choose.select(folder, ET + np.arange(count), ("CASSINI",))) as files:
            # Clock and leap seconds once more, to tell what the pointing covers.
            assert len(calls) == len(files) + 2
        counts.append(len(calls))
    assert counts[0] == counts[1]


# Where kernels come from


def test_files_are_loaded_as_they_are_in_their_order(folder: Path):
    files = [
        folder / "ck" / "05225_05235ra.bc",
        folder / "ck" / "05212_05242py_as_flown.bc",
        folder / "spk" / "050922R_SCPSE_05225_05245.bsp",
        folder / "spk" / "de421.bsp",
    ]
    assert choose.select(files, [ET], ("CASSINI",)) == files
    assert choose.select((str(file) for file in files), [ET], ("CASSINI",)) == files


def test_files_come_above_what_a_folder_gives(folder: Path, tmp_path: Path):
    """They may hold a single variable, so what the folder has of their kind is loaded below."""
    given = [
        tiny.text(tmp_path / "my.tpc", "PCK", BODY699_RADII="( 1.0 2.0 3.0 )"),
        tiny.text(tmp_path / "naif9999.tls", "LSK", **{"DELTET/K": "0.5"}),
        tiny.text(tmp_path / "cas_v99.tf", "FK", FRAME_CASSINI_UVIS_FUV="-82840"),
    ]
    alone = choose.select(folder, [ET], ("CASSINI",))
    paths = choose.select([*given, folder], [ET], ("CASSINI",))
    assert paths == [*alone, *given]
    with session.loaded(paths):
        assert list(spiceypy.bodvcd(699, "RADII", 3)[1]) == [1.0, 2.0, 3.0]
        assert spiceypy.bodvcd(606, "RADII", 3)[1][0] == 2575.0
        assert spiceypy.gdpool("DELTET/K", 0, 1)[0] == 0.5
        assert spiceypy.expool("DELTET/DELTA_AT")


@pytest.mark.parametrize("number", range(5))
def test_a_newer_text_kernel_that_is_not_whole_is_passed_over(folder: Path, number: int):
    """Whether it is empty, holds a part, or is cut in a list: the next best one is taken."""
    names = ("naif9999.tls", "cas00999.tsc", "cas_v99.tf", "cas_uvis_v99.ti", "pck00010.tpc")
    old = tiny.texts(folder / "text")[number]
    newer = folder / "text" / "newer" / names[number]
    newer.parent.mkdir()
    if newer.name == old.name:
        old = old.rename(old.with_name("pck00009.tpc"))
    content = old.read_bytes()
    last = content.rindex(b"\n", 0, content.index(b"\\begintext") - 1)
    for part in (b"", content[:16], content[: last + 1], content[: last + 9]):
        newer.write_bytes(part)
        assert choose.select(folder, [ET], ("CASSINI",))[number] == old
    old.unlink()
    with pytest.raises(errors.KernelError, match=rf"no .* kernel .*{newer.name}.*truncated"):
        choose.select(folder, [ET], ("CASSINI", "TITAN"))


@pytest.mark.parametrize("number", range(2))
def test_clocks_are_known_by_what_they_set(folder: Path, number: int):
    path = tiny.texts(folder / "text")[number]
    path.write_text(path.read_text().replace("KPL/LSK", "KPL/XX").replace("KPL/SCLK", "KPL/FK"))
    assert choose.select(folder, [ET], ("CASSINI",))[-1].suffix == ".bc"


@pytest.mark.parametrize("kernels", [5, [None], b"/x", ["/x", 1.5]])
def test_what_is_no_path_is_an_error(kernels: object, tmp_path: Path):
    given = [tmp_path, *kernels[1:]] if isinstance(kernels, list) and len(kernels) > 1 else kernels
    with pytest.raises(errors.ArgumentError, match="give names of files or folders as str or Path"):
        choose.sources(given)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["~nobody-at-all/x", "x" * 5000, "a\0b", "/none/such"])
def test_a_path_that_cannot_be_is_an_error(name: str):
    with pytest.raises(errors.KernelError, match=r"kernels= names .*, which (cannot|does not)"):
        choose.select(name, [ET])


def test_a_folder_that_cannot_be_read_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch):
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "ck":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    said = r"left out the folder .*/ck: Permission denied"
    with pytest.warns(errors.UvisWarning, match=said) as caught:
        assert len(choose.tree([folder])) == 7
    assert caught[0].filename == __file__


def test_what_cannot_be_asked_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """As in /proc; and what gives no end of bytes though it is called a file."""
    known = choose.tree([folder])
    (folder / "a.bsp").symlink_to("x" * 300)
    assert choose.tree([folder]) == known
    monkeypatch.setenv("UVISXR_KERNELS", str(folder))
    assert choose.select(ets=[ET], bodies=("CASSINI", "TITAN", "SUN"))


def test_a_text_of_more_than_any_kernel_has(tmp_path: Path):
    path = tiny.text(tmp_path / "x.tpc", "PCK", A="1")
    os.truncate(path, session._LONGEST_TEXT + 1)
    with pytest.raises(errors.KernelError, match=r"x\.tpc: it is longer than 20000000 bytes"):
        session.check_file(path)


def test_a_meta_kernel_stands_for_its_files(folder: Path, tmp_path: Path):
    files = choose.select(folder, [ET], ("CASSINI",))
    written = meta.metakernel(files[::-1], tmp_path / "x.tm")
    assert choose.select(written, [ET], ("CASSINI",)) == files[::-1]


def test_the_environment_names_kernels(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mine = tiny.text(tmp_path / "mine.tf", "FK", A="1")
    monkeypatch.setenv("UVISXR_KERNELS", f"{folder}{os.pathsep}{mine}")
    paths = choose.select(None, [ET], ("CASSINI",))
    assert paths[-1] == mine
    assert "de421.bsp" in _names(paths)


def test_the_cache_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("UVISXR_CACHE", str(folder.parent))
    assert "de421.bsp" in _names(choose.select(None, [ET], ("CASSINI",)))


def test_the_argument_comes_before_the_environment(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UVISXR_KERNELS", str(tmp_path / "none"))
    assert choose.select(folder, [ET], ("CASSINI",))
    with pytest.raises(errors.KernelError, match=r"UVISXR_KERNELS names .*none"):
        choose.select(None, [ET], ("CASSINI",))


def test_what_the_user_loaded_is_used_where_there_is_nothing_else(folder: Path):
    files = choose.select(folder, [ET], ("CASSINI",))
    for file in files:
        spiceypy.furnsh(str(file))
    assert choose.select(None, [ET], ("CASSINI",)) == []
    with session.loaded([]):
        assert spiceypy.spkgeo(-82, ET, "J2000", 0)[0][0] == 2e6
    assert _loaded() == [str(file) for file in files]
    with pytest.raises(errors.CoverageError):
        choose.select(None, [8e8], ("CASSINI",))


def test_the_users_kernels_serve_beside_those_named(folder: Path):
    spiceypy.furnsh(str(folder / "spk" / "de421.bsp"))
    file = folder / "spk" / "050922R_SCPSE_05225_05245.bsp"
    assert choose.select(file, [ET], ("CASSINI",)) == [file]


def test_no_kernels_anywhere_is_an_error():
    with pytest.raises(errors.KernelError, match=r"kernels=.*UVISXR_KERNELS.*uvisxr kernels fetch"):
        choose.select(None, [ET])


def test_an_empty_list_is_an_error():
    with pytest.raises(errors.KernelError, match="kernels= is empty"):
        choose.select([], [ET])


def test_a_name_that_does_not_exist_is_an_error(tmp_path: Path):
    with pytest.raises(errors.KernelError, match=r"nowhere\.bsp, which does not exist"):
        choose.select([tmp_path / "nowhere.bsp"], [ET])


# Text kernels that stay


@pytest.fixture
def furnished(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that SPICE is asked to load, in order."""
    asked: list[str] = []
    furnish = spiceypy.furnsh

    def watched(path: str) -> None:
        asked.append(Path(path).name)
        furnish(path)

    monkeypatch.setattr(spiceypy, "furnsh", watched)
    return asked


def _texts(files: list[Path]) -> list[Path]:
    return [file for file in files if session.check_file(file) in session.TEXTS]


def test_text_kernels_are_read_once_while_they_are_kept(folder: Path, furnished: list[str]):
    files = choose.select(folder, [ET], ("CASSINI",))
    texts = _texts(files)
    furnished.clear()
    with session.keeping():
        for _ in range(3):
            assert choose.select(folder, [ET], ("CASSINI",)) == files
            with session.loaded(files):
                assert sorted(_loaded()) == sorted(map(str, files))
                assert spiceypy.spkgeo(-82, ET, "J2000", 0)[0][0] == 2e6
            assert _loaded() == [str(file) for file in texts]
            assert session.user_kernels() == []
    assert _loaded() == [] and session._pool_names() == []
    binary = _names([file for file in files if file not in texts])
    assert Counter(furnished) == Counter(_names(texts)) + Counter(3 * binary)


def test_others_take_the_place_of_what_was_kept(tmp_path: Path):
    first = tiny.text(tmp_path / "first.tf", "FK", A="1", B="1")
    second = tiny.text(tmp_path / "second.tf", "FK", B="2")
    with session.keeping():
        for files, known in (([first], {"A": 1, "B": 1}), ([second], {"B": 2}), ([], {})):
            with session.loaded(files):
                found = {name: session._values(name).item() for name in session._pool_names()}
            assert found == known
        with session.loaded([first, second]):
            assert session._values("B").item() == 2
        with session.loaded([second, first]):
            assert session._values("B").item() == 1
        tiny.text(first, "FK", A="1", B="3")
        with session.loaded([second, first]):
            assert session._values("B").item() == 3
    assert _loaded() == [] and session._pool_names() == []


def test_a_block_within_another_keeps_nothing(tmp_path: Path):
    first = tiny.text(tmp_path / "first.tf", "FK", A="1")
    second = tiny.text(tmp_path / "second.tf", "FK", A="2")
    with session.keeping():
        with session.loaded([first]):
            for inner in ([second], [first]):
                with session.loaded(inner):
                    assert session._values("A").item() == (2 if inner == [second] else 1)
                assert session._values("A").item() == 1
        assert _loaded() == [str(first)]
    assert _loaded() == []


def test_nothing_is_kept_beside_the_users_files_and_variables(tmp_path: Path):
    ours = tiny.text(tmp_path / "ours.tf", "FK", A="1")
    own = tiny.text(tmp_path / "own.tf", "FK", A="2")
    spiceypy.furnsh(str(own))
    with session.keeping():
        with session.loaded([ours]):
            assert session._values("A").item() == 1
        assert _loaded() == [str(own)] and session._values("A").item() == 2
    spiceypy.kclear()
    spiceypy.pdpool("MINE", [5.0])
    with session.keeping():
        with session.loaded([ours]):
            assert session._values("A").item() == 1
        assert _loaded() == [] and session._pool_names() == ["MINE"]


def test_what_the_user_adds_to_what_was_kept_remains(tmp_path: Path):
    ours = tiny.text(tmp_path / "ours.tf", "FK", A="1")
    own = tiny.text(tmp_path / "own.tf", "FK", A="2", B="2")
    with session.keeping():
        with session.loaded([ours]):
            pass
        spiceypy.furnsh(str(own))
        spiceypy.pdpool("MINE", [5.0])
        assert session.user_kernels() == [own]
        with session.loaded([]):
            assert _loaded() == [str(own)]
            assert [session._values(name).item() for name in ("A", "B", "MINE")] == [2, 2, 5]
    assert _loaded() == [str(own)]


def test_names_of_bodies_are_forgotten_and_those_of_instruments_may_stay(tmp_path: Path):
    def named(file: str, name: str, code: int) -> Path:
        return tiny.text(
            tmp_path / file, "FK", NAIF_BODY_NAME=f"'{name}'", NAIF_BODY_CODE=str(code)
        )

    body, camera = named("body.tf", "NEMO", 2999999), named("camera.tf", "CAMERA", -82999)
    with session.keeping():
        with session.loaded([body]):
            assert spiceypy.bods2c("NEMO") == 2999999
        assert _loaded() == []
        with session.loaded([camera]):
            assert spiceypy.bods2c("CAMERA") == -82999
        assert _loaded() == [str(camera)]


def test_a_kernel_that_fails_leaves_nothing_kept(tmp_path: Path):
    good = tiny.text(tmp_path / "good.tf", "FK", A="1")
    bad = tiny.text(tmp_path / "bad.tf", "FK", B="( 'text' 1 )")
    with session.keeping():
        with (
            pytest.raises(errors.KernelError, match=r"cannot load .*bad"),
            session.loaded([good, bad]),
        ):
            pass
        assert _loaded() == []


def test_kept_for_good_is_kept_between_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "_KEPT", session._Kept())
    text = tiny.text(tmp_path / "a.tf", "FK", A="1")
    session.keep_for_good()
    with session.keeping(), session.loaded([text]):
        pass
    assert _loaded() == [str(text)]


# Coverage


def test_pointing_intervals_are_those_written(folder: Path):
    path = tiny.ck(folder / "ck" / "05230_05231rb.bc", (ET, ET + 5), (ET + 10, ET + 20))
    with session.loaded(tiny.texts(folder / "text")[:2]):
        found = ck_intervals(path, -82000)
        assert np.allclose(found, [[ET, ET + 5], [ET + 10, ET + 20]], atol=1e-6)
        assert ck_intervals(path, -82001).shape == (0, 2)


def test_pointing_without_a_clock_is_an_error(folder: Path):
    with pytest.raises(errors.KernelError, match="clock and leap-seconds"):
        ck_intervals(folder / "ck" / "05225_05235ra.bc", -82000)


@pytest.mark.parametrize(
    ("coefficients", "days", "words"),
    [
        ("( 0 0 1  256 1 1 )", 101, "ends 101 days before the last instant"),
        ("( 0 0 1  256 1 1 )", 99, ""),
        ("( 0 0 1 )", 9999, "ends 9999 days"),
    ],
)
def test_a_clock_reaches_the_instants(tmp_path: Path, coefficients: str, days: int, words: str):
    clock = tiny.text(tmp_path / "x.tsc", "SCLK", SCLK01_COEFFICIENTS_82=coefficients)
    told = pytest.warns(errors.UvisWarning, match=words) if words else contextlib.nullcontext()
    with session.loaded([clock]), told:
        coverage.check_clock(np.array([0.0, 1.0 + 86400.0 * days]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SCLK01_COEFFICIENTS_82", "( 0 0 1 256 )"),
        # A row that does not follow: a wrong rate, and rows lost between two rates.
        ("SCLK01_COEFFICIENTS_82", "( 0 0 1.001  256000 1000 1 )"),
        ("SCLK01_COEFFICIENTS_82", "( 0 0 1  256000 1000.2 1 )"),
        ("SCLK01_COEFFICIENTS_82", "( 0 0 1  0 1 1 )"),
        ("SCLK01_COEFFICIENTS_82", "( 0 5 1  256 5 1 )"),
        ("SCLK01_COEFFICIENTS_82", "( 0 0 -1 )"),
        ("SCLK01_COEFFICIENTS_82", "( @2000-JAN-3 1 2 )"),
        ("SCLK01_MODULI_82", "( 1 2 )"),
        ("SCLK01_N_FIELDS_82", "3"),
        ("CK_-82000_SCLK", "-83"),
        ("CK_-82000_SCLK", "'x'"),
        ("DELTET/K", "1E300"),
        ("DELTET/M", "( 6.239996 )"),
        ("DELTET/DELTA_AT", "( 10 @1972-JAN-1 11 )"),
        ("DELTET/DELTA_AT", "( 10 @1972-JAN-1 11 @1971-JAN-1 )"),
    ],
)
def test_a_clock_whose_numbers_are_none(tmp_path: Path, name: str, value: str):
    clock = tiny.text(tmp_path / "x.tsc", "SCLK", **{name: value})
    named = re.escape(f"{name} of {clock} is ( ")
    with session.loaded([clock]), pytest.raises(errors.KernelError, match=named):
        coverage.check_clock(np.array([0.0]))


def test_what_spice_is_to_read_is_noted_before(folder: Path):
    noted: list[list[str]] = []
    binary = [folder / "spk" / "de421.bsp", *sorted((folder / "ck").glob("*.bc"))[:1]]
    with session.noting(lambda paths: noted.append([path.name for path in paths])):
        with session.loaded(tiny.texts(folder / "again")):
            pass
        assert not noted
        with session.loaded(binary):
            assert noted == [[path.name for path in binary]]
    with session.loaded(binary):
        assert len(noted) == 1


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=6),
    st.lists(st.integers(-2, 40), max_size=12),
)
def test_inside_is_what_the_intervals_say(intervals: list, ets: list):
    bounds = np.array([(a, a + n) for a, n in intervals], float).reshape(-1, 2)
    expected = [any(a <= et <= b for a, b in bounds) for et in ets]
    assert inside(bounds, np.array(ets, float)).tolist() == expected


# The archive's names


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("05357_05362ra", "2005-12-23", "2005-12-29"),
        ("05362_06003ra", "2005-12-28", "2006-01-04"),
        ("140809BP_IRRE_00256_25017", "2000-09-12", "2025-01-18"),
        ("180927AP_RE_90165_18018", "1990-06-14", "2018-01-19"),
        ("16252_16328py_as_flown", "2016-09-08", "2016-11-24"),
    ],
)
def test_names_say_which_days_they_cover(name: str, first: str, after: str):
    assert listing.days(name) == (np.datetime64(first), np.datetime64(after))


@pytest.mark.parametrize(
    "name", ["de421.bsp", "05000_05999ra.bc", "\u0660\u0665\u0662\u0662\u0667_05232ra.bc"]
)
def test_names_without_days_say_nothing(name: str):
    assert all(np.isnat(day) for day in listing.days(name))


def _needed(start: str, stop: str, codes=()) -> list[str]:
    files = listing.needed(np.datetime64(start), np.datetime64(stop), codes)
    return [file.path for file in files]


def test_an_observation_needs_one_of_each_set_and_its_days():
    assert _needed("2005-08-18T15:05", "2005-08-18T19:15") == [
        "lsk/naif0012.tls",
        "sclk/cas00172.tsc",
        "fk/cas_v41.tf",
        "ik/cas_uvis_v06.ti",
        "pck/pck00010.tpc",
        "spk/planets/de432s.bsp",
        "spk/050922R_SCPSE_05225_05245.bsp",
        "ck/05227_05232ra.bc",
    ]


def test_predicted_pointing_is_needed_where_no_reconstructed_name_claims_a_day():
    days = np.arange("2004-01-01", "2017-09-15", dtype="datetime64[D]")
    free = np.ones(days.shape, bool)
    for file in listing.archive_files():
        if file.group == "reconstructed":
            free &= (days < file.start) | (days >= file.stop)
    assert 0 < free.sum() < days.size
    day = str(days[free][0])
    paths = _needed(f"{day}T12:00", f"{day}T13:00")
    assert "predicted" in _groups(paths) and "reconstructed" not in _groups(paths)


def _groups(paths: list[str]) -> set[str]:
    return {file.group for file in listing.archive_files() if file.path in paths}


def test_small_satellites_need_their_own_ephemeris():
    span = ("2009-06-22T15:00", "2009-06-22T16:00")
    assert "spk/180927AP_RE_90165_18018.bsp" in _needed(*span, codes=[618])
    assert "spk/140809BP_IRRE_00256_25017.bsp" in _needed(*span, codes=[624])
    assert not _groups(_needed(*span, codes=[606, 699, 10, -82])) & {
        "inner satellites",
        "irregular satellites",
    }


def test_better_classes_have_higher_priority():
    names = [
        "04001_05001pa_gapfill_v14.bc",
        "04135_04171pc_psiv2.bc",
        "04135_04171py_as_flown.bc",
        "04122_04152ca_ISS.bc",
        "04122_04152cb_ISS.bc",
        "04129_04136ra.bc",
        "04129_04136rb.bc",
    ]
    assert sorted(map(Path, reversed(names)), key=listing.priority) == list(map(Path, names))


def test_trajectories_stand_above_satellites_and_planets():
    names = [
        "de421.bsp",
        "981005_PLTEPH-DE405S.bsp",
        "sat128.bsp",
        "020514_SE_SAT105.bsp",
        "030201AP_SK_SM546_T45.bsp",
        "041014R_SCPSE_01066_04199.bsp",
        "050105RB_SCPSE_04247_04336.bsp",
        "180627RU_SCPSE_04247_04336.bsp",
    ]
    assert sorted(map(Path, reversed(names)), key=listing.priority) == list(map(Path, names))


def test_a_gap_is_worded_with_what_fills_it():
    text = choose.describe_unpointed([ET, ET + 60.0])
    assert "no pointing at 2 times" in text
    assert "2005-08-18T15:1" in text
    assert "05227_05232ra.bc" in text and "uvisxr kernels fetch" in text


def test_a_gap_that_the_files_at_hand_do_not_fill():
    there = [Path(file.name) for file in choose.offered("pointing", np.array([ET]))]
    text = choose.describe_unpointed([ET], there)
    assert "none of the archive's files has it" in text and "fetch" not in text
    later = ET + 6 * 86400
    both = choose.describe_unpointed([ET, later])
    rest = choose.describe_unpointed([ET, later], there)
    assert there[0].name in both and there[0].name not in rest and "fetch" in rest


@pytest.mark.parametrize("et", [-2e8, 0.0, ET, 2.8e8, 5.4e8])
def test_instants_are_named_in_utc(et: float, data: Path):
    with session.loaded([data / "kernels" / "lsk" / "naif0012.tls"]):
        assert choose.utc_text(et) == spiceypy.et2utc(et, "ISOC", 3) + " UTC"


# Meta-kernels


def test_a_meta_kernel_loads_in_spice_with_short_lines(folder: Path, tmp_path: Path):
    deep = folder / ("d" * 40) / ("e" * 40)
    odd = tiny.text(deep / "it's odd.tf", "FK", ODD="1")
    long = tiny.text(deep / ("x" * 60 + ".tf"), "FK", LONG="1")
    files = [folder / "text" / "naif0012.tls", odd, long]
    out = meta.metakernel(files, tmp_path / "out" / "x.tm")
    assert max(map(len, out.read_text().splitlines())) <= 80
    assert [path.name for path in out.parent.iterdir()] == ["x.tm"]
    spiceypy.furnsh(str(out))
    assert _loaded() == [str(out), *map(str, files)]
    assert spiceypy.expool("ODD") and spiceypy.expool("LONG") and spiceypy.expool("DELTET/K")
    assert meta.expand(out) == files


@pytest.mark.parametrize("place", ["$K", "a$KERNELS", "x+", "x + +", "$K+"])
def test_a_meta_kernel_of_a_folder_with_its_signs_in_the_name(tmp_path: Path, place: str):
    files = [tiny.text(tmp_path / place / f"{name}.tf", "FK", **{name: "1"}) for name in "AB"]
    for listed in (files, files[:1]):
        out = meta.metakernel(listed, tmp_path / "x.tm")
        assert meta.expand(out) == listed
        spiceypy.kclear()
        spiceypy.furnsh(str(out))
        assert _loaded() == [str(out), *map(str, listed)]
    ending = tiny.text(tmp_path / place / "c+", "FK", C="1")
    with pytest.raises(errors.KernelError, match=r"ends in \+ is continued.*rename"):
        meta.metakernel([ending, *files], tmp_path / "x.tm")


def test_a_meta_kernel_of_meta_kernels_is_an_error(tmp_path: Path):
    inner = tiny.text(tmp_path / "inner.tm", "MK", KERNELS_TO_LOAD="( 'x.tf' )")
    own = tmp_path / "own.tm"
    for listed in (inner, own):
        tiny.text(own, "MK", KERNELS_TO_LOAD=f"( './{listed.name}' )")
        with pytest.raises(errors.KernelError, match=r"own\.tm lists the meta-kernel .*list its"):
            choose.sources(own)


def test_what_a_meta_kernel_sets_itself_is_as_in_spice(tmp_path: Path):
    tiny.text(tmp_path / "x.tf", "FK", A="1", OF_BOTH="1")
    listed = tmp_path / "m.tm"
    listed.write_text(
        "KPL/MK\nNOT = 1\n\\begindata\nOF_BOTH = 2\nMINE = ( 7,\n  8 )\n"
        f"PATH_SYMBOLS = 'K'\nPATH_VALUES = '{tmp_path}'\n"
        "KERNELS_TO_LOAD = (\n  '$K/x.tf' )\nMINE += 9\nWORDS = 'A = ( 1'\n\\begintext\nNOT = 1\n"
    )
    found, _ = choose.sources(listed)
    assert found[1:] == [tmp_path / "x.tf"]
    assert session.sets(found[0]) == {"OF_BOTH", "MINE", "WORDS"}
    names = ("A", "OF_BOTH", "MINE")
    with session.loaded(found):
        ours = [list(spiceypy.gdpool(name, 0, 9)) for name in names]
        assert list(spiceypy.gcpool("WORDS", 0, 9)) == ["A = ( 1"]
    assert not spiceypy.expool("MINE")
    spiceypy.furnsh(str(listed))
    assert ours == [list(spiceypy.gdpool(name, 0, 9)) for name in names] == [[1], [1], [7, 8, 9]]
    # The same file serves the next time, and is written anew if it was damaged.
    found[0].write_text("x")
    assert choose.sources(listed)[0] == found
    assert session.sets(found[0]) == {"OF_BOTH", "MINE", "WORDS"}


def test_what_a_meta_kernel_sets_itself_is_checked(tmp_path: Path):
    tiny.text(tmp_path / "x.tf", "FK", A="1")
    listed = tiny.text(tmp_path / "m.tm", "MK", KERNELS_TO_LOAD="( 'x.tf' )", MINE="7" * 140)
    with pytest.raises(errors.KernelError, match=r"m\.tm is truncated or corrupt: line \d .* 132"):
        choose.sources(listed)


def test_a_cache_that_cannot_keep_what_a_meta_kernel_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tiny.text(tmp_path / "x.tf", "FK", A="1")
    listed = tiny.text(tmp_path / "m.tm", "MK", KERNELS_TO_LOAD="( 'x.tf' )", MINE="7")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "file"))
    with pytest.raises(errors.KernelError, match=r"cannot keep in the cache .*m\.tm sets"):
        choose.sources(listed)


@pytest.mark.parametrize("value", ["( 'x.tf'", "( 'x.tf )"])
def test_a_meta_kernel_cut_in_its_list_is_an_error(tmp_path: Path, value: str):
    listed = tiny.text(tmp_path / "m.tm", "MK", KERNELS_TO_LOAD=value)
    with pytest.raises(errors.KernelError, match=r"m\.tm is truncated or corrupt.*has no end"):
        choose.sources(listed)


def test_a_meta_kernel_in_place_of_a_kernel(folder: Path, tmp_path: Path):
    file = tiny.text(tmp_path / "a.tf", "FK", A="1")
    before = file.read_bytes()
    (tmp_path / "x.tm").symlink_to(file)
    for out in (file, tmp_path / "x.tm"):
        with pytest.raises(errors.ExportError, match=r"were read from it.*another name"):
            meta.metakernel([file], out)
    with pytest.raises(errors.ExportError, match="products of the archive"):
        meta.metakernel([file], tmp_path / "x.lbl")
    assert file.read_bytes() == before


def test_a_meta_kernel_below_a_long_folder(folder: Path, tmp_path: Path):
    file = tiny.text(folder / ("d" * 70) / ("e" * 70) / "a.tf", "FK", A="1")
    out = meta.metakernel([file], tmp_path / "x.tm")
    assert max(map(len, out.read_text().splitlines())) <= 80
    spiceypy.furnsh(str(out))
    assert spiceypy.expool("A")


def test_strings_of_more_than_80_characters_are_read_whole(tmp_path: Path):
    deep = tmp_path / ("it's " + "d" * 60) / ("e" * 30)
    files = [tiny.text(deep / f"{name}.tf", "FK", A="1") for name in "abc"]
    long, joined = (str(file).replace("'", "''") for file in files[:2])
    assert all(len(text) > 90 for text in (long, joined))
    listed = tmp_path / "m.tm"
    place = str(deep).replace("'", "''")
    listed.write_text(
        f"""KPL/MK
\\begindata
PATH_SYMBOLS = ( 'K' 'KK' )
PATH_VALUES = ( '/nowhere' '{place}' )
KERNELS_TO_LOAD = (
  '{long}'
  '{joined[:90]}+'
  '{joined[90:]}'
  '$KK/c.tf'
)
\\begintext
"""
    )
    assert meta.expand(listed) == files


def test_lists_of_a_meta_kernel_are_those_of_spice(tmp_path: Path):
    for name in ("a.tf", "b.tf", "c d.tf", "e'f.tf", "g.tf"):
        tiny.text(tmp_path / name, "FK", **{f"X_{name[0].upper()}": "1"})
    listed = tmp_path / "m.tm"
    listed.write_text(
        f"""KPL/MK
KERNELS_TO_LOAD = ( 'not/data.tf' )
\\begindata
PATH_SYMBOLS = 'K'
PATH_VALUES = ( '{tmp_path}' )
KERNELS_TO_LOAD = ( '$K/g.tf' )
KERNELS_TO_LOAD=('$K/a.tf', '$K/b.tf'
                  ,'$K/c d+'  '.tf' )
\\begintext
KERNELS_TO_LOAD = ( 'nor/this.tf' )
  \\begindata
  KERNELS_TO_LOAD += '$K/e''f.tf'
"""
    )
    found = meta.expand(listed)
    spiceypy.furnsh(str(listed))
    assert [str(listed), *map(str, found)] == _loaded()
    assert _names(found) == ["a.tf", "b.tf", "c d.tf", "e'f.tf"]


@pytest.mark.parametrize("symbols", [("A", "AB"), ("AB", "A")])
def test_a_symbol_may_begin_another(tmp_path: Path, symbols: tuple[str, str]):
    places = {"A": tmp_path / "a", "AB": tmp_path / "b"}
    files = [
        tiny.text(place / "x.tf", "FK", **{f"X_{name}": "1"}) for name, place in places.items()
    ]
    listed = tiny.text(
        tmp_path / "m.tm",
        "MK",
        PATH_SYMBOLS="( " + " ".join(f"'{name}'" for name in symbols) + " )",
        PATH_VALUES="( " + "\n".join(f"'{places[name]}'" for name in symbols) + " )",
        KERNELS_TO_LOAD="( '$A/x.tf' '$AB/x.tf' )",
    )
    assert meta.expand(listed) == files
    spiceypy.furnsh(str(listed))
    assert _loaded() == [str(listed), *map(str, files)]


@pytest.mark.parametrize("value", ["( a.tf )", "17", "( 'a.tf' b.tf )", "( 'a.tf"])
def test_a_list_without_quotes_is_an_error(tmp_path: Path, value: str):
    listed = tiny.text(tmp_path / "m.tm", "MK", KERNELS_TO_LOAD=value)
    with pytest.raises(errors.KernelError, match="is no list of quoted strings"):
        meta.expand(listed)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        # If a pair of quotes could be read as an end and a beginning too, 40 of them took 2**40
        # attempts.
        ("( " + "''" * 40 + " ( 'a.tf' )", "is no list of quoted strings"),
        ("( " + "'+'\n" * 60 + "''" * 40 + " ( 'a.tf' )", "is no list of quoted strings"),
        ("( " + "'a.tf'\n" * 3000 + " ( 'a.tf' )", "is no list of quoted strings"),
        ("( " + ("'" + "x" * 70 + "+'\n") * 60 + "'' )", "more than the 255 characters that SPICE"),
    ],
    ids=["quotes", "continued", "a list within", "a long name"],
)
def test_hostile_lists_of_a_meta_kernel(tmp_path: Path, value: str, words: str):
    listed = tmp_path / "m.tm"
    listed.write_text(f"KPL/MK\n\\begindata\nKERNELS_TO_LOAD = {value}\n")
    start = time.process_time()
    with pytest.raises(errors.KernelError, match=words) as caught:
        meta.expand(listed)
    assert len(str(caught.value)) < 500
    assert time.process_time() - start < 2


def test_a_meta_kernel_without_an_identity_is_read(folder: Path, tmp_path: Path):
    written = meta.metakernel(choose.select(folder, [ET], ("CASSINI",)), tmp_path / "x.tm")
    old = tmp_path / "furnish.txt"
    old.write_text(written.read_text().removeprefix("KPL/MK\n"))
    assert choose.select(old, [ET], ("CASSINI",)) == choose.select(written, [ET], ("CASSINI",))


def test_relative_names_count_from_here_or_from_the_meta_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tiny.text(tmp_path / "a" / "x.tf", "FK", A="1")
    listed = tiny.text(tmp_path / "a" / "m.tm", "MK", KERNELS_TO_LOAD="( 'x.tf' )")
    assert meta.expand(listed) == [tmp_path / "a" / "x.tf"]
    tiny.text(tmp_path / "x.tf", "FK", A="2")
    monkeypatch.chdir(tmp_path)
    assert meta.expand(listed) == [Path("x.tf")]


def test_reading_a_meta_kernel_leaves_the_pool_alone(tmp_path: Path):
    spiceypy.pcpool("PATH_VALUES", ["mine"])
    tiny.text(tmp_path / "x.tf", "FK", A="1")
    listed = tiny.text(
        tmp_path / "m.tm",
        "MK",
        PATH_VALUES=f"( '{tmp_path}' )",
        PATH_SYMBOLS="( 'P' )",
        KERNELS_TO_LOAD="( '$P/x.tf' )",
    )
    assert meta.expand(listed) == [tmp_path / "x.tf"]
    assert list(spiceypy.gcpool("PATH_VALUES", 0, 5, 90)) == ["mine"]
    assert not spiceypy.expool("KERNELS_TO_LOAD")


def test_a_meta_kernel_with_a_missing_file_is_an_error(tmp_path: Path):
    listed = tiny.text(tmp_path / "m.tm", "MK", KERNELS_TO_LOAD="( './none.tf' )")
    with pytest.raises(errors.KernelError, match=r"m\.tm lists \./none\.tf, which does not exist"):
        choose.select(listed, [ET])


def test_a_meta_kernel_without_files_is_an_error(tmp_path: Path):
    listed = tiny.text(tmp_path / "m.tm", "MK", A="1")
    with pytest.raises(errors.KernelError, match="lists no files"):
        choose.select(listed, [ET])


def test_a_meta_kernel_of_nothing_is_an_error(tmp_path: Path):
    with pytest.raises(errors.KernelError, match="no kernels to list"):
        meta.metakernel([], tmp_path / "x.tm")


def test_a_meta_kernel_of_a_missing_file_is_not_written(tmp_path: Path):
    with pytest.raises(errors.KernelError, match="does not exist"):
        meta.metakernel([tmp_path / "none.tf"], tmp_path / "x.tm")
    assert list(tmp_path.iterdir()) == []


def test_a_name_too_long_for_spice_is_an_error(tmp_path: Path):
    file = tiny.text(tmp_path / ("d" * 200) / ("e" * 60 + ".tf"), "FK", A="1")
    with pytest.raises(errors.KernelError, match="255 characters"):
        meta.metakernel([file], tmp_path / "x.tm")
    with pytest.raises(errors.KernelError, match="SPICE cannot load"), session.loaded([file]):
        pass


def test_a_name_spice_cannot_read_is_an_error(tmp_path: Path):
    file = tiny.text(tmp_path / "kärnel.tf", "FK", A="1")
    with pytest.raises(errors.KernelError, match="ASCII"):
        meta.metakernel([file], tmp_path / "x.tm")


def test_a_meta_kernel_that_lists_what_is_no_kernel(tmp_path: Path):
    """What that file holds is not told: it may be anybody's."""
    (tmp_path / "secret").write_text("of nobody:x:0:0")
    meta = tmp_path / "m.tm"
    meta.write_text("KPL/MK\n\\begindata\nKERNELS_TO_LOAD = ( 'secret' )\n\\begintext\n")
    said = r"meta-kernel .*m\.tm lists secret: .*is not a"
    with pytest.raises(errors.KernelError, match=said) as caught:
        choose.select(meta, [ET], ("CASSINI",))
    assert "nobody" not in str(caught.value) and "replace" not in str(caught.value)
