"""The choice among real kernels: every usable set, from the folder as a whole."""

from __future__ import annotations

import csv
import hashlib
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import spiceypy
from helpers.synthetic import dataset

from uvisxr import errors
from uvisxr.kernels import bodies, choose, daf, listing, meta, requirements, session
from uvisxr.kernels.bodies import code as body_code
from uvisxr.kernels.coverage import ck_intervals, connected, pointing, spk_segments

TEXTS = ["naif0012.tls", "cas00172.tsc", "cas_v43.tf", "cas_uvis_v07.ti", "pck00010.tpc"]

PHOEBE = [
    "981005_PLTEPH-DE405S.bsp",
    "sat128.bsp",
    "020514_SE_SAT105.bsp",
    "030201AP_SK_SM546_T45.bsp",
    "04135_04171pc_psiv2.bc",
]

#: Name: times UTC, bodies, and the files to be chosen beside the text kernels.
SETS = {
    "Titan": (
        ["2005-360T08:43:30", "2005-360T08:57:00", "2005-360T09:59:30", "2005-360T10:13:00"],
        ["CASSINI", "TITAN", 6, "SUN"],
        [
            "de421.bsp",
            "v1514284191_1_vis_isis_0.bsp",
            "v1514284191_1_vis_isis_1.bsp",
            "05357_05362ra_0_sliced_-82000.bc",
            "05357_05362ra_1_sliced_-82000.bc",
        ],
    ),
    "Enceladus": (
        ["2011-346T03:42:00", "2011-346T05:00:00", "2011-346T06:23:00"],
        ["CASSINI", "ENCELADUS", 6, "SUN"],
        ["de421.bsp", "N1702360370_1.bsp", "11344_11349ra_sliced-82000.bc"],
    ),
    "Phoebe": (
        ["2004-163T08:00:00", "2004-163T19:33:00", "2004-164T11:59:00"],
        ["CASSINI", "PHOEBE", "SATURN", 601, 610, 618, "SUN"],
        PHOEBE,
    ),
    # Its pointing has the identity of a binary kernel of the 1990s.
    "2005-331": (
        ["2005-331T05:41:10", "2005-331T12:00:00", "2005-331T22:14:50"],
        ["CASSINI", "SATURN", *range(601, 610), "SUN"],
        ["051122AP_SCPSE_05326_05333.bsp", "05331_05331ra.bc"],
    ),
    "2016": (
        ["2016-275T09:29:44", "2016-278T09:22:00", "2016-280T00:00:00"],
        ["CASSINI", "SATURN", "TITAN", "SUN"],
        ["170228R_SCPSE_16262_16282.bsp", "16275_16305ca_ISS.bc"],
    ),
    "2005": (
        ["2005-230T15:15:00", "2005-230T18:14:40.2", "2005-230T19:15:00"],
        ["CASSINI", "SATURN", "TITAN", "SUN"],
        ["050922R_SCPSE_05225_05245.bsp", "05213_05243ca_ISS.bc"],
    ),
}


@pytest.fixture(autouse=True)
def _clean_spice():
    spiceypy.kclear()
    yield
    spiceypy.kclear()


@pytest.fixture
def root(data: Path) -> Path:
    return data / "kernels"


def _ets(root: Path, times: list[str]) -> np.ndarray:
    with session.loaded([root / "lsk" / "naif0012.tls"]):
        return np.array([spiceypy.utc2et(time) for time in times])


@pytest.mark.parametrize("name", SETS)
def test_every_usable_set_is_chosen_from_the_whole_folder(root: Path, name: str):
    times, bodies, expected = SETS[name]
    ets = _ets(root, times)
    paths = choose.select(root, ets, bodies)
    chosen = [path.name for path in paths]
    assert chosen[:5] == TEXTS
    # The planets stand in for the Sun a light time before the first instant of a sliced file.
    assert [file for file in chosen[5:] if file != "de421.bsp" or file in expected] == expected
    with session.loaded(paths):
        for body in bodies[1:]:
            for et in ets:
                state, _ = spiceypy.spkezr(str(body), et, "J2000", "LT+S", "CASSINI")
                assert np.isfinite(state).all()


@pytest.mark.parametrize("name", SETS)
def test_coverage_is_what_spice_finds(root: Path, name: str):
    times, bodies, _ = SETS[name]
    first, last = _ets(root, [times[0], times[-1]])
    ets = np.linspace(first - 3 * 86400, last + 3 * 86400, 301)
    paths = choose.select(root, np.array([first, last]), bodies)
    spk = [path for path in paths if path.suffix == ".bsp"]
    segments = [segment for path in spk for segment in spk_segments(path)]
    with session.loaded(paths):
        for body in bodies:
            code = body_code(body)
            ours = connected(segments, code, ets)
            assert ours.tolist() == [_placed(code, et) for et in ets]
        cks = [path for path in paths if path.suffix == ".bc"]
        near = np.concatenate([np.linspace(first - 60, first + 60, 99), ets])
        assert pointing(cks, near, -82000).tolist() == [_pointed(et) for et in near]


def _placed(code: int, et: float) -> bool:
    try:
        spiceypy.spkgeo(code, et, "J2000", 0)
    except spiceypy.SpiceyError:
        return False
    return True


def _pointed(et: float) -> bool:
    try:
        spiceypy.pxform("J2000", "CASSINI_SC_COORD", et)
    except spiceypy.SpiceyError:
        return False
    return True


@pytest.mark.parametrize("name", SETS)
def test_nothing_is_missing_where_the_geometry_is_complete(root: Path, name: str):
    times, bodies, _ = SETS[name]
    ets = _ets(root, times)
    target = body_code(bodies[1])
    request = requirements.Request(name, ets, (-82, 10, target))
    report = requirements.check([request], [], [root])
    with session.loaded(choose.select(root, ets, bodies)):
        lost = [et for et in ets if not _pointed(et)]
    missing = [need.kind for need in report.missing]
    assert set(missing) == ({"pointing"} if lost else set())
    assert not report.nowhere
    assert not any(kind == "unreadable" for kind, _ in report.unused.values())


def test_reconstructed_planets_and_satellites_win(root: Path):
    ets = _ets(root, ["2005-230T15:15:00"])
    paths = choose.select(root, ets, ["CASSINI", "SATURN", "SUN"])
    with session.loaded(paths):
        chosen = spiceypy.spkgeo(6, ets[0], "J2000", 0)[0]
    with session.loaded([root / "spk" / "050922R_SCPSE_05225_05245.bsp"]):
        assert np.array_equal(chosen, spiceypy.spkgeo(6, ets[0], "J2000", 0)[0])


def test_a_real_set_leaves_the_users_session_as_it_was(root: Path):
    ets = _ets(root, ["2011-346T05:00:00"])
    mine = [root / "pck" / "pck00011.tpc", root / "fk" / "cas_v43.tf", root / "spk" / "de421.bsp"]
    for path in mine:
        spiceypy.furnsh(str(path))
    spiceypy.pdpool("BODY602_RADII", [1.0, 1.0, 1.0])
    before = {name: _values(name) for name in spiceypy.gnpool("*", 0, 9000)}
    with session.loaded(choose.select(root, ets, ["CASSINI", "ENCELADUS", "SUN"])):
        assert spiceypy.bodvrd("ENCELADUS", "RADII", 3)[1][0] == pytest.approx(256.6)
    assert {name: _values(name) for name in spiceypy.gnpool("*", 0, 9000)} == before
    assert spiceypy.ktotal("ALL") == len(mine)
    assert spiceypy.bodvrd("ENCELADUS", "RADII", 3)[1][0] == 1.0
    assert np.isfinite(spiceypy.spkgeo(6, ets[0], "J2000", 0)[0]).all()


def _values(name: str) -> tuple:
    size, kind = spiceypy.dtpool(name)
    found = spiceypy.gdpool(name, 0, size) if kind == "N" else spiceypy.gcpool(name, 0, size, 90)
    return tuple(found)


def test_a_meta_kernel_of_a_real_set_gives_the_same_positions(root: Path, tmp_path: Path):
    ets = _ets(root, SETS["Phoebe"][0])
    paths = choose.select(root, ets, SETS["Phoebe"][1])
    out = meta.metakernel(paths, tmp_path / "phoebe.tm")
    assert choose.select(out, ets, SETS["Phoebe"][1]) == paths
    with session.loaded(paths):
        expected = spiceypy.spkezr("PHOEBE", ets[1], "J2000", "LT+S", "CASSINI")[0]
    spiceypy.furnsh(str(out))
    assert np.array_equal(
        spiceypy.spkezr("PHOEBE", ets[1], "J2000", "LT+S", "CASSINI")[0], expected
    )


def test_the_table_holds_every_pointing_and_ephemeris_file_of_the_archive(root: Path):
    listed = (root / "cosp_1000_names.txt").read_text().split()
    wanted = {name for name in listed if name.startswith(("ck/", "spk/"))}
    table = [file.path for file in listing.archive_files()]
    assert len(table) == len(set(table)) == 1296 + 175
    assert set(table) == wanted
    archived = {entry.fetch.path for entry in listing.kernel_sets() if entry.kind != "planets"}
    assert archived <= set(listed)


def test_sizes_and_digests_are_those_of_the_files(root: Path):
    """Of every file to be fetched that is at hand; of no other one are they known."""
    known = {}
    for entry in listing.kernel_sets():
        file = root / entry.fetch.path
        raw = file.read_bytes() if file.is_file() else None
        known[entry.kind] = raw is not None
        found = (None, None) if raw is None else (len(raw), hashlib.sha256(raw).hexdigest())
        assert (entry.fetch.size, entry.fetch.sha256) == found
    assert [kind for kind in known if known[kind]] == ["leap seconds", "clock", "constants"]


def test_the_trajectories_of_the_archive_leave_no_gap(root: Path):
    found = [file for file in listing.archive_files() if file.group == "trajectory"]
    found.sort(key=lambda file: file.start)
    assert all(later.start <= earlier.stop for earlier, later in pairwise(found))


@pytest.mark.parametrize("name", ["05213_05243ca_ISS.bc", "16275_16305ca_ISS.bc"])
def test_names_cover_what_the_files_hold(root: Path, name: str):
    clocks = [root / "lsk" / "naif0012.tls", root / "sclk" / "cas00172.tsc"]
    start, stop = listing.days(name)
    with session.loaded(clocks):
        held = ck_intervals(root / "ck" / name, -82000)
    assert start <= choose.utc(held.min()) and choose.utc(held.max()) < stop


# What geometry says of kernels that do not serve


def test_frames_without_uvis_are_an_error(root: Path, tmp_path: Path):
    frames = tmp_path / "cas_v99.tf"
    frames.write_text("KPL/FK\n\\begindata\nTEXT_KERNEL_ID += 'NONE'\n\\begintext\n")
    ds = dataset(ets=_ets(root, ["2011-346T05:00:00"]), target="ENCELADUS")
    rest = [p for p in choose.select(root, ds.et, ["CASSINI", "ENCELADUS"]) if p.suffix != ".tf"]
    with pytest.raises(errors.KernelError, match="CASSINI_UVIS_FUV"):
        ds.uvis.geometry(kernels=[*rest, frames])


def test_a_target_without_radii_is_an_error(root: Path, tmp_path: Path):
    constants = tmp_path / "pck00010.tpc"
    constants.write_text("KPL/PCK\n\\begindata\nBODY699_GM = ( 37931207.8 )\n\\begintext\n")
    ds = dataset(ets=_ets(root, ["2011-346T05:00:00"]), target="ENCELADUS")
    rest = [p for p in choose.select(root, ds.et, ["CASSINI", "ENCELADUS"]) if p.suffix != ".tpc"]
    with pytest.raises(errors.KernelError, match=r"radii .*for ENCELADUS"):
        ds.uvis.geometry(kernels=[*rest, constants])
    # Over the constants of a folder it changes what it sets, and no more.
    assert "lat" in ds.uvis.geometry(kernels=[root, constants]).coords


def test_a_time_outside_the_coverage_is_an_error(root: Path):
    ds = dataset(ets=_ets(root, ["2012-346T05:00:00"]), target="ENCELADUS")
    with pytest.raises(errors.CoverageError, match=r"CASSINI.*2012-12-11.*12328_13038\.bsp"):
        ds.uvis.geometry(kernels=root)


def test_a_corrupt_real_kernel_is_an_error(root: Path, tmp_path: Path):
    ds = dataset(ets=_ets(root, ["2011-346T05:00:00"]), target="ENCELADUS")
    content = (root / "ck" / "11344_11349ra_sliced-82000.bc").read_bytes()
    broken = tmp_path / "11344_11349ra_sliced-82000.bc"
    broken.write_bytes(content[: len(content) // 2])
    with pytest.raises(errors.KernelError, match=r"11344_11349ra.*truncated"):
        ds.uvis.geometry(kernels=[root, broken])


def test_no_real_kernel_has_a_hole(root: Path):
    paths = [path for kind in ("spk", "ck") for path in (root / kind).iterdir()]
    assert len(paths) > 15
    for path in paths:
        daf.check_numbers(path)


def test_a_hole_in_a_real_trajectory_is_an_error(root: Path, tmp_path: Path):
    path = tmp_path / "050922R_SCPSE_05225_05245.bsp"
    content = bytearray((root / "spk" / path.name).read_bytes())
    at = 1069056
    content[at : at + 65536] = bytes(65536)
    path.write_bytes(content)
    with (
        pytest.raises(errors.KernelError, match=r"050922R.*hole: zeros alone.*from byte 1068"),
        session.loaded([path]),
    ):
        pytest.fail("loaded")


# What the archive's targets are

#: NAIF codes of the archive's targets (*NAIF_IDS* required reading); None for what is no body.
TARGETS = {
    **dict.fromkeys(("SOLAR WIND", "STAR", "CALIB", "UNK", "N/A", "IPH")),
    "SUN": 10,
    "VENUS": 299,
    "EARTH": 399,
    "IO": 501,
    "JUPITER": 599,
    "SATURN": 699,
    "S RINGS": 699,
    "MIMAS": 601,
    "ENCELADUS": 602,
    "TETHYS": 603,
    "DIONE": 604,
    "RHEA": 605,
    "TITAN": 606,
    "HYPERION": 607,
    "IAPETUS": 608,
    "PHOEBE": 609,
    "JANUS": 610,
    "EPIMETHEUS": 611,
    "HELENE": 612,
    "TELESTO": 613,
    "CALYPSO": 614,
    "ATLAS:": 615,
    "PROMETHEUS": 616,
    "PANDORA": 617,
    "PAN": 618,
    "PAALIAQ": 620,
    "TARVOS": 621,
    "IJIRAQ": 622,
    "KIVIUQ": 624,
    "ALBIORIX": 626,
    "SKATHI": 627,
    "ERRIAPUS": 628,
    "SIARNAQ": 629,
    "ME": 632,
    "PL": 633,
    "PO": 634,
    "DA": 635,
    "BEBHIONN": 637,
    "TARQEQ": 652,
    "AG": 653,
}

#: Those without rotation in the constants; the irregular moons and Aegaeon have no radii either.
HALF = dict.fromkeys((607, 632, 633, 634, 635), ("rotation",))
_NEITHER = (620, 621, 622, 624, 626, 627, 628, 629, 637, 652, 653)
HALF |= dict.fromkeys(_NEITHER, ("radii", "rotation"))


def test_every_target_of_the_archive_is_known(root: Path, data: Path):
    with (data / "archive" / "target_names.csv").open() as table:
        rows = {row["target_name"]: int(row["rows"]) for row in csv.DictReader(table)}
    assert rows.keys() == TARGETS.keys()
    assert sum(rows[name] for name, code in TARGETS.items() if code is None) == 29_992
    with session.loaded([root / "pck" / "pck00010.tpc"]):
        found = {name: bodies.resolve(name) for name in rows}
    assert {name: body and body.code for name, body in found.items()} == TARGETS
    points = {body.code: body.lacks for body in found.values() if isinstance(body, bodies.Point)}
    assert points == HALF


@pytest.mark.parametrize("name", ["lsk/naif0012.tls", "sclk/cas00172.tsc", "pck/pck00010.tpc"])
def test_copies_of_the_archives_texts_are_whole(data: Path, tmp_path: Path, name: str):
    path = data / "kernels" / name
    session.check_file(path)
    copy = tmp_path / path.name
    # A line of numbers lost leaves every list balanced.
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[next(i for i in range(len(lines) // 2, 0, -1) if lines[i].strip()[:1].isdigit())]
    copy.write_bytes(b"".join(lines))
    with pytest.raises(errors.KernelError, match="begins as the archive's file"):
        session.check_file(copy)
    copy.rename(tmp_path / f"my_{path.name}")
    session.check_file(tmp_path / f"my_{path.name}")
