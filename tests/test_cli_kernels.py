"""`uvisxr kernels`, with an archive on loopback."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import spiceypy
from click.testing import CliRunner, Result
from helpers import tinykernels as tiny
from helpers.loopback import Cut, Server, folder, serve
from helpers.products import write_product

from uvisxr import fetch
from uvisxr.cli import main
from uvisxr.errors import CoverageError, FetchError, UvisWarning
from uvisxr.kernels import choose, requirements
from uvisxr.kernels.listing import ArchiveFile, kernel_sets
from uvisxr.timescales import parse_et

NAME = "FUV2005_230_15_15"
ET = 177650170.0
DAY = 86400.0

#: The exposures of the product with half a minute to spare.
START = parse_et("2005-08-18T15:15:04.141")
NEAR = (START - 60.0, START + 90.0)

NEEDED = [
    "lsk/naif0012.tls",
    "sclk/cas00172.tsc",
    "fk/cas_v41.tf",
    "ik/cas_uvis_v06.ti",
    "pck/pck00010.tpc",
    "spk/planets/de432s.bsp",
    "spk/050922R_SCPSE_05225_05245.bsp",
    "ck/05227_05232ra.bc",
]


@pytest.fixture(autouse=True)
def _clean_spice():
    spiceypy.kclear()
    yield
    assert spiceypy.ktotal("ALL") == 0


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of an archive that a product of 2005-230 needs, by path."""
    root = tmp_path_factory.mktemp("archive")
    texts = tiny.texts(root)
    for file, path in zip(texts, NEEDED, strict=False):
        (root / "kernels" / path).parent.mkdir(parents=True)
        file.rename(root / "kernels" / path)
    tiny.spk(root / "generic" / NEEDED[5], (6, 0, -1e9, 1e9), (10, 0, -1e9, 1e9))
    span = (ET - 9 * DAY, ET + 9 * DAY)
    tiny.spk(root / "kernels" / NEEDED[6], (-82, 6, *span), (606, 6, *span), (699, 6, *span))
    tiny.ck(root / "kernels" / NEEDED[7], (ET - DAY, ET + DAY))
    return folder(root)


@pytest.fixture
def server(archive: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serve(dict(archive)) as state:
        monkeypatch.setenv("UVISXR_URL_KERNELS", f"{state.url}kernels")
        monkeypatch.setenv("UVISXR_URL_GENERIC_KERNELS", f"{state.url}generic")
        monkeypatch.setattr(requirements.fetch, "download", _whatever_it_holds)
        yield state


def _whatever_it_holds(url: str, path: Path, sha256: str, size: int, **options: object) -> Path:
    """Download a file of an archive whose files have the names of others."""
    return DOWNLOAD(url, path, **options)


DOWNLOAD = fetch.download


@pytest.fixture
def product(tmp_path: Path) -> Path:
    """A label alone: the data file is not needed."""
    label = write_product(tmp_path / "products", NAME, samples=3)
    label.with_suffix(".DAT").unlink()
    return label


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["kernels", *map(str, arguments)])


def states(result: Result) -> dict[str, str]:
    """State of each kernel by name."""
    rows = [line.split() for line in result.stdout.splitlines()]
    return {row[i - 1]: row[i] for row in rows for i in range(1, len(row)) if row[i] in STATES}


STATES = ("present", "missing", "unused")


def unused(result: Result) -> dict[str, str]:
    """Lines of the kernels that are not used, by name."""
    names = [name for name, state in states(result).items() if state == "unused"]
    lines = [line for line in result.stdout.splitlines() if " unused " in line]
    return dict(zip(names, lines, strict=True))


def test_check_lists_what_is_missing(product: Path, cache: Path):
    result = run("check", product)
    assert result.exit_code == 1
    assert states(result) == {path.rsplit("/", 1)[-1]: "missing" for path in NEEDED}
    assert "8 kernels missing" in result.stderr


@pytest.mark.parametrize("samples", [10**6, 10**7, 10**12])
@pytest.mark.parametrize("command", ["check", "fetch"])
def test_exposures_that_a_label_claims_and_its_data_have_not(
    tmp_path: Path, cache: Path, command: str, samples: int
):
    label = write_product(tmp_path, NAME, samples=3)
    label.write_text(label.read_text().replace("(1024, 64, 3)", f"(1024, 64, {samples})"))
    result = run(command, label)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{samples} exposures" in result.stderr or f"64, {samples}]" in result.stderr


@pytest.mark.slow
def test_fetch_gets_what_check_asks_for(product: Path, cache: Path, server: Server):
    server.faults["kernels/" + NEEDED[6]] = [Cut(2000)]
    result = run("fetch", product)
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [str(cache / path) for path in NEEDED]
    checked = run("check", product)
    assert checked.exit_code == 0
    assert set(states(checked).values()) == {"present"}
    assert str(cache / NEEDED[0]) in checked.stdout
    paths = choose.select(None, [ET], ("CASSINI", "SATURN", "SUN"))
    assert sorted(paths) == sorted(cache / path for path in NEEDED)


def test_fetch_asks_only_for_what_is_missing(product: Path, tmp_path: Path, server: Server):
    to = tmp_path / "there"
    assert run("fetch", product, "--to", to).exit_code == 0
    (to / NEEDED[7]).unlink()
    server.requests.clear()
    assert run("fetch", product, "--to", to).exit_code == 0
    assert [path for path, _ in server.requests] == ["kernels/" + NEEDED[7]]


def test_newer_text_kernels_and_another_planet_ephemeris_do(
    product: Path, tmp_path: Path, server: Server
):
    to = tmp_path / "there"
    tiny.texts(to)
    tiny.spk(to / "de421.bsp", (6, 0, -1e9, 1e9), (10, 0, -1e9, 1e9))
    span = (ET - DAY, ET + DAY)
    tiny.spk(to / "mine.bsp", (-82, 6, *span), (699, 6, *span))
    result = run("fetch", product, "--to", to)
    assert result.stdout.split() == [str(to / NEEDED[7])]
    assert run("check", product, "--kernels", to).exit_code == 0


def test_pointing_for_some_exposures_shows_what_gives_the_rest(product: Path, tmp_path: Path):
    to = tmp_path / "there"
    tiny.texts(to)
    tiny.spk(to / "a.bsp", (6, 0, -1e9, 1e9), (10, 0, -1e9, 1e9))
    tiny.spk(to / "b.bsp", (-82, 6, -1e9, 1e9), (699, 6, -1e9, 1e9))
    start = parse_et("2005-08-18T15:14:34.141")
    tiny.ck(to / "05213_05243ca_ISS.bc", (start, start + 40))
    result = run("check", product, "--kernels", to)
    assert result.exit_code == 1
    assert states(result)["05213_05243ca_ISS.bc"] == "present"
    assert states(result)["05227_05232ra.bc"] == "missing"


def test_several_products_are_served_at_once(product: Path, tmp_path: Path, cache: Path):
    label = product.read_text().replace("2005-230T", "2006-015T")
    other = tmp_path / "products" / "FUV2006_015_15_15.LBL"
    other.write_text(label.replace(NAME, other.stem))
    names = states(run("check", product, other))
    assert {"050922R_SCPSE_05225_05245.bsp", "060321R_SCPSE_06005_06036.bsp"} <= names.keys()
    assert len(names) == len(NEEDED) + 2


def test_a_dry_run_prints_addresses_only(product: Path, cache: Path, server: Server):
    result = run("fetch", "--dry-run", product)
    assert result.exit_code == 0
    addresses = [f"{server.url}kernels/{path}" for path in NEEDED]
    addresses[5] = f"{server.url}generic/{NEEDED[5]}"
    assert result.stdout.split() == addresses
    assert server.requests == []
    assert not cache.exists()


def test_a_file_the_archive_lacks_is_named(product: Path, cache: Path, server: Server):
    del server.files["kernels/" + NEEDED[7]]
    result = run("fetch", product)
    assert result.exit_code == 1
    assert "05227_05232ra.bc" in result.stderr and "404" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_page_in_place_of_a_kernel_is_not_kept(product: Path, cache: Path, server: Server):
    server.files["kernels/" + NEEDED[7]] = b"<html>Moved</html>"
    result = run("fetch", product)
    assert result.exit_code == 1
    assert "a page for readers" in result.stderr and "UVISXR_URL" in result.stderr
    assert not list((cache / NEEDED[7]).parent.iterdir())


@pytest.mark.parametrize("left", [b"( 0.0", b"\n\\begintext"], ids=["in a list", "in the data"])
def test_half_a_text_kernel_is_not_kept(product: Path, cache: Path, server: Server, left: bytes):
    content = server.files["kernels/" + NEEDED[1]]
    server.files["kernels/" + NEEDED[1]] = content[: content.rindex(left) + 1]
    result = run("fetch", product)
    assert result.exit_code == 1
    assert "cas00172.tsc: this is not a kernel, or not a whole one" in result.stderr
    assert not list((cache / NEEDED[1]).parent.iterdir())


@pytest.mark.parametrize("path", [NEEDED[0], NEEDED[1], NEEDED[4]])
def test_another_file_than_the_archives_is_not_kept(
    product: Path, cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, path: str
):
    monkeypatch.setattr(requirements.fetch, "download", DOWNLOAD)
    (entry,) = (entry for entry in kernel_sets() if entry.fetch.path == path)
    need = requirements.Need(entry.kind, entry.fetch.name, None, entry.fetch)
    with pytest.raises(FetchError, match=r"bytes|sha256"):
        requirements.get([need], cache)
    assert not (cache / path).exists()


def test_what_is_there_and_no_kernel_is_kept(tmp_path: Path, server: Server):
    there = tmp_path / NEEDED[0]
    there.parent.mkdir()
    there.write_bytes(b"my own notes")
    source = ArchiveFile("leap seconds", "kernels", NEEDED[0])
    with pytest.raises(
        FetchError, match=r"naif0012\.tls is there, but is not a kernel.*another folder"
    ):
        requirements.get([requirements.Need("leap seconds", there.name, None, source)], tmp_path)
    assert there.read_bytes() == b"my own notes"
    assert not server.requests


@pytest.mark.parametrize("path", NEEDED[-2:])
def test_a_binary_kernel_that_was_cut_is_to_be_moved_away(
    product: Path, cache: Path, server: Server, path: str
):
    """The command that is told to download it does so then."""
    assert run("fetch", product).exit_code == 0
    cut = cache / path
    cut.write_bytes(cut.read_bytes()[:1500])
    result = run("check", product)
    away = f"move {cut} away and run `uvisxr kernels fetch {product}`, which downloads"
    assert result.exit_code == 1 and away in result.stderr
    assert "truncated" in result.stdout and "truncated" not in result.stderr
    for more in ([], ["--dry-run"]):
        result = run("fetch", product, *more)
        assert result.exit_code == 1 and "move it away" in result.stderr and not result.stdout
    if path.endswith(".bsp"):
        with pytest.raises(CoverageError, match=r"move /\S+bsp away and run `uvisxr kernels fetch"):
            choose.select(cache, [ET], ("CASSINI", "SUN", "TITAN"))
    cut.unlink()
    assert run("fetch", product).exit_code == 0


def test_a_time_before_the_archive_is_said_so(product: Path, cache: Path, server: Server):
    early = product.with_name("FUV1999_230_15_15.LBL")
    early.write_text(product.read_text().replace("2005-230T", "1999-230T"))
    result = run("fetch", early)
    assert result.exit_code == 1
    assert "ephemeris of FUV1999_230_15_15" in result.stderr
    assert states(run("check", early))["FUV1999_230_15_15"] == "missing"


def test_fetch_says_when_the_environment_names_other_kernels(
    product: Path, cache: Path, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("UVISXR_KERNELS", str(tmp_path / "mine"))
    result = run("fetch", product)
    assert result.exit_code == 0
    assert "warning: UVISXR_KERNELS is set to" in result.stderr


def test_a_corrupt_kernel_is_named(product: Path, cache: Path, server: Server):
    assert run("fetch", product).exit_code == 0
    path = cache / NEEDED[6]
    path.write_bytes(path.read_bytes()[:2000])
    result = run("check", product)
    assert result.exit_code == 1
    assert "truncated" in result.stdout and path.name in result.stderr


def test_lines_are_bounded_whatever_files_are_called(product: Path, cache: Path):
    place = cache / ("a" * 250) / ("b" * 250)
    place.mkdir(parents=True)
    names = ("naif\n.tls", "naif\x1b[31m.tls", os.fsdecode(b"naif\xff.tls"), f"{'c' * 240}.tls")
    for name in names:
        (place / name).write_bytes(b"KPL/LSK\n\\begindata\nA = ( 1\n")
    result = run("check", product)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert len(result.stdout.splitlines()) == len(NEEDED) + len(names)
    assert len(result.stderr.splitlines()) == 1
    assert max(map(len, result.output.splitlines())) <= 500
    assert "\x1b" not in result.output


def test_a_meta_kernel_serves_other_programs(
    product: Path, cache: Path, server: Server, tmp_path: Path
):
    assert run("fetch", product).exit_code == 0
    out = tmp_path / "x.tm"
    result = run("metakernel", product, "-o", out)
    assert result.exit_code == 0
    assert (result.stdout, result.stderr) == (f"{out}\n", "")
    spiceypy.furnsh(str(out))
    assert spiceypy.ktotal("ALL") == 1 + len(NEEDED)
    assert spiceypy.spkezr("SATURN", ET, "J2000", "LT+S", "CASSINI")[0].size == 6
    spiceypy.kclear()


def test_a_meta_kernel_without_pointing_warns(
    product: Path, cache: Path, server: Server, tmp_path: Path
):
    assert run("fetch", product).exit_code == 0
    (cache / NEEDED[7]).unlink()
    result = run("metakernel", product, "--kernels", cache, "-o", tmp_path / "x.tm")
    assert result.exit_code == 0
    assert "warning: no pointing at 3 times" in result.stderr
    assert "05227_05232ra.bc" in result.stderr


def test_a_meta_kernel_without_positions_is_not_written(
    product: Path, cache: Path, server: Server, tmp_path: Path
):
    assert run("fetch", product).exit_code == 0
    (cache / NEEDED[6]).unlink()
    result = run("metakernel", product, "-o", tmp_path / "x.tm")
    assert result.exit_code == 1
    assert "no position of" in result.stderr and "050922R_SCPSE_05225_05245.bsp" in result.stderr
    assert not (tmp_path / "x.tm").exists()


def test_a_label_without_start_time_is_an_error(product: Path, cache: Path):
    lines = product.read_text().splitlines(keepends=True)
    text = "".join('START_TIME = "UNK"\n' if "START_TIME " in line else line for line in lines)
    product.write_text(text)
    result = run("check", product)
    assert result.exit_code == 1
    assert "START_TIME" in result.stderr and product.name in result.stderr


def test_an_unknown_target_is_an_error(product: Path, cache: Path):
    result = run("check", product, "--target", "VULCAN")
    assert result.exit_code == 1
    assert "SPICE does not know a body 'VULCAN'" in result.stderr


def test_labels_that_cannot_be_read_do_not_stop_a_folder(product: Path, cache: Path):
    (product.parent / "FUV2005_230_16_00.LBL").write_text("PDS_VERSION_ID = PDS3\nEND\n")
    result = run("check", product.parent)
    assert "left out" in result.stderr and "FUV2005_230_16_00.LBL" in result.stderr
    assert result.stdout == run("check", product).stdout


# What the geometry would miss, and nothing else


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with all that the product needs, and no more than that."""
    root = tmp_path / "here"
    tiny.texts(root)
    tiny.spk(root / "a.bsp", (-82, 6, *NEAR), (699, 6, *NEAR), (6, 0, *NEAR), (10, 0, *NEAR))
    tiny.ck(root / "05227_05232ra.bc", NEAR)
    return root


def retarget(label: Path, target: str) -> Path:
    label.write_text(label.read_text().replace('"SATURN"', f'"{target}"'))
    return label


def test_positions_of_an_hour_ago_are_not_needed_of_bodies_nearby(product: Path, here: Path):
    result = run("check", product, "--kernels", here)
    assert (result.exit_code, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 7
    assert set(states(result).values()) == {"present"}


@pytest.mark.parametrize("target", ["SOLAR WIND", "STAR", "CALIB", "UNK", "N/A"])
def test_products_without_a_body(product: Path, here: Path, target: str, tmp_path: Path):
    retarget(product, target)
    (here / "pck00010.tpc").unlink()
    result = run("check", product, "--kernels", here)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "pck00010.tpc" not in states(result)
    result = run("metakernel", product, "--kernels", here, "-o", tmp_path / "x.tm")
    assert (result.exit_code, result.stderr) == (0, "")


def test_a_product_without_a_body_is_served(product: Path, cache: Path, server: Server):
    retarget(product, "SOLAR WIND")
    result = run("fetch", product)
    assert (result.exit_code, result.stderr) == (0, "")
    names = {path.rsplit("/", 1)[-1] for path in NEEDED} - {"pck00010.tpc"}
    assert {Path(line).name for line in result.stdout.split()} == names
    assert run("check", product).exit_code == 0


def test_a_body_without_rotation_is_told(product: Path, here: Path):
    retarget(product, "HYPERION")
    constants = {**tiny.CONSTANTS, "BODY607_RADII": "( 180.0 133.0 103.0 )"}
    tiny.text(here / "pck00010.tpc", "PCK", **constants)
    tiny.spk(here / "b.bsp", (607, 6, *NEAR))
    result = run("check", product, "--kernels", here)
    assert result.exit_code == 0, result.stderr
    assert "pck00010.tpc (no rotation of HYPERION, so no fields on it)" in result.stdout


def test_a_target_that_spice_does_not_know_is_no_body(product: Path, here: Path):
    """As in a geometry, which needs no more than for a star then."""
    result = run("check", retarget(product, "VULCAN"), "--kernels", here)
    assert result.exit_code == 0, result.stderr
    assert "SPICE does not know the product's target, 'VULCAN'" in result.stderr


def test_another_target_than_the_labels(product: Path, here: Path, tmp_path: Path):
    retarget(product, "SOLAR WIND")
    for command in ("check", "metakernel"):
        more = ("-o", tmp_path / "x.tm") if command == "metakernel" else ()
        found = [
            run(command, product, "--target", target, "--kernels", here, *more).exit_code
            for target in ("S_RINGS", "PO", "VULCAN", "N/A")
        ]
        assert found == [0, 1, 1, 0]
    addresses = run("fetch", product, "--target", "PO", "--to", here, "--dry-run").stdout.split()
    assert "180927AP_RE_90165_18018.bsp" in [address.rsplit("/", 1)[-1] for address in addresses]


def test_what_is_not_needed_and_broken_is_only_told(product: Path, here: Path, tmp_path: Path):
    (here / "broken.bsp").write_bytes((here / "a.bsp").read_bytes()[:1500])
    (here / "page.bc").write_text("<html>Moved</html>")
    (here / "cas_v99.tf").write_bytes(b"")
    (here / "notes.txt").write_text("not a kernel")
    (here / "dangling.bsp").symlink_to(here / "gone.bsp")
    result = run("check", product, "--kernels", here)
    assert (result.exit_code, result.stderr) == (0, "")
    told = unused(result)
    assert told.keys() == {"broken.bsp", "page.bc", "cas_v99.tf"}
    assert told["broken.bsp"].startswith("unreadable") and "truncated" in told["broken.bsp"]
    paths = choose.select(here, [ET], ("CASSINI", "SATURN", "SUN"))
    assert not {"broken.bsp", "page.bc", "cas_v99.tf"} & {path.name for path in paths}
    # Where the pointing is incomplete, it may be in the file that is none.
    with pytest.warns(UvisWarning, match=r"which may be in a file that cannot be read.*page\.bc"):
        choose.select(here, [ET, ET + 5000.0], ("CASSINI",))


def test_kernels_are_known_by_what_they_hold(product: Path, here: Path):
    (here / "a.bsp").rename(here / "orbit.spk")
    (here / "05227_05232ra.bc").rename(here / "attitude.kernel")
    leaps = (here / "naif0012.tls").read_text()
    (here / "naif0012.tls").unlink()
    (here / "leaps.txt").write_bytes(leaps.replace("\n", "\r\n").encode())
    result = run("check", product, "--kernels", here)
    assert (result.exit_code, result.stderr) == (0, "")
    found = states(result)
    assert {"orbit.spk", "attitude.kernel", "leaps.txt"} <= found.keys()


def test_check_says_which_file_prevails_and_why(product: Path, here: Path, tmp_path: Path):
    tiny.ck(here / "05212_05242py_as_flown.bc", NEAR)
    tiny.ck(here / "05227_05232rb.bc", (NEAR[0] - 500, NEAR[0] - 100))
    tiny.spk(here / "de421.bsp", (6, 0, *NEAR), (10, 0, *NEAR))
    tiny.text(here / "cas_v41.tf", "FK", FRAME_VERSION="41")
    result = run("check", product, "--kernels", here)
    assert result.exit_code == 0
    told = unused(result)
    assert told.keys() == {"05212_05242py_as_flown.bc", "de421.bsp", "cas_v41.tf"}
    assert "a.bsp (predicted or unknown) prevails over this one (planets)" in told["de421.bsp"]
    assert (
        "05227_05232ra.bc (reconstructed) prevails over this one (predicted)"
        in (told["05212_05242py_as_flown.bc"])
    )
    assert "cas_v43.tf is preferred" in told["cas_v41.tf"]


def test_files_of_one_name_are_told_apart_by_their_folders(product, here: Path, tmp_path: Path):
    for name in ("naif0012.tls", "05227_05232ra.bc", "a.bsp"):
        (file,) = here.rglob(name)
        (tmp_path / "copies").mkdir(exist_ok=True)
        shutil.copy(file, tmp_path / "copies" / name)
    result = run("check", product, "--kernels", here, "--kernels", tmp_path / "copies")
    assert result.exit_code == 0
    told = unused(result)
    assert told.keys() == {"naif0012.tls", "05227_05232ra.bc", "a.bsp"}
    for name, line in told.items():
        path, _, why = line.rpartition("unused")[2].strip().partition(" (")
        (rival,) = {*here.rglob(name), tmp_path / "copies" / name} - {Path(path)}
        assert why.startswith(f"{rival}{' is' if name.endswith('tls') else ', of the same name,'}")


@pytest.mark.parametrize("command", ["check", "fetch"])
def test_errors_speak_of_the_options_of_the_command(product: Path, here: Path, command: str):
    result = run(command, product, "--target", "VULCAN")
    assert result.exit_code == 1
    assert "pass another --target, for example --target SATURN or --target TITAN" in result.stderr


def test_one_kernel_is_missing(product: Path, cache: Path, server: Server):
    assert run("fetch", product).exit_code == 0
    (cache / NEEDED[7]).unlink()
    said = f"1 kernel missing: `uvisxr kernels fetch {product}` downloads it\n"
    assert run("check", product).stderr.endswith(said)


def test_what_a_folder_lacks_is_fetched_to_it(product: Path, here: Path, server: Server):
    (missing,) = here.rglob("cas_uvis*.ti")
    missing.unlink()
    checked = run("check", product, "--kernels", here)
    said = f"1 kernel missing: `uvisxr kernels fetch {product} --to {here}` downloads it"
    assert said in checked.stderr
    assert run("fetch", product, "--to", here).exit_code == 0
    assert run("check", product, "--kernels", here).exit_code == 0


@pytest.mark.parametrize("lacking", ["cas00172.tsc", "naif0012.tls"])
def test_without_a_clock_pointing_is_known_by_its_name(tmp_path: Path, lacking: str):
    """Of the archive's files for a time, one is enough, and it is there."""
    label = write_product(tmp_path / "products", "FUV2005_232_18_00", samples=3)
    here = tmp_path / "here"
    tiny.texts(here)
    start = parse_et("2005-08-20T18:00:00")
    span = (start - 2 * DAY, start + 2 * DAY)
    tiny.spk(here / "planets.bsp", (6, 0, -1e9, 1e9), (10, 0, -1e9, 1e9))
    tiny.spk(here / "cassini.bsp", (-82, 6, *span), (606, 6, *span), (699, 6, *span))
    (here / lacking).unlink()
    whole = states(run("check", label, "--kernels", here))
    several = {name for name in whole if name.endswith(".bc")}
    assert len(several) > 1
    tiny.ck(here / "05232_05233ra.bc", span)
    result = run("check", label, "--kernels", here)
    missing = [name for name, state in states(result).items() if state == "missing"]
    assert (result.exit_code, missing) == (1, [lacking])


def test_files_given_by_name_prevail_and_say_so(product: Path, here: Path, tmp_path: Path):
    mine = [
        tiny.ck(tmp_path / "mine.bc", NEAR),
        tiny.text(tmp_path / "cas_v1.tf", "FK", FRAME_VERSION="1"),
        tiny.text(tmp_path / "leaps.txt", "LSK"),
    ]
    mine[2].write_text(tiny.LSK)
    given = [part for path in (*mine, here) for part in ("--kernels", path)]
    result = run("check", product, *given)
    assert (result.exit_code, result.stderr) == (0, "")
    lines = {line.split("  ")[-1].split("/")[-1] for line in result.stdout.splitlines()}
    for path in mine:
        assert f"{path.name} (given by name, so above all that folders have)" in lines
    told = unused(result)
    assert told.keys() == {"05227_05232ra.bc"}
    assert "mine.bc, given by name, prevails" in told["05227_05232ra.bc"]
    paths = choose.select([*mine, here], [ET], ("CASSINI", "SATURN", "SUN"))
    assert paths[-3:] == mine
    names = {path.name for path in paths}
    assert "05227_05232ra.bc" not in names and {"cas_v43.tf", "naif0012.tls"} < names


def test_a_part_of_a_kind_given_by_name_is_not_the_whole(product: Path, here: Path, tmp_path: Path):
    """`check` says so where the geometry would miss the rest."""
    mine = tiny.text(tmp_path / "my.tpc", "PCK", BODY699_RADII="( 1.0 2.0 3.0 )")
    given = ["--kernels", mine, "--kernels", here]
    assert run("check", product, *given).exit_code == 0
    (here / "pck00010.tpc").unlink()
    part = tiny.text(tmp_path / "naif9999.tls", "LSK", **{"DELTET/K": "1.657D-3"})
    (here / "naif0012.tls").unlink()
    result = run("check", product, *given, "--kernels", part)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert {line.split()[-2] for line in lines if line.endswith("missing")} == {
        "pck00010.tpc",
        "naif0012.tls",
    }
    tiny.text(mine, "PCK", BODY699_RADII="( 1.0 2.0 3.0 )", BODY699_PM="( 1.0 2.0 3.0 )")
    assert "pck00010.tpc" not in states(run("check", product, *given, "--kernels", part))


# The archive's gaps, in one voice


def test_of_the_cruise_the_archive_has_nothing(product: Path, cache: Path, server: Server):
    early = product.with_name("EUV2001_001_05_59.LBL")
    early.write_text(product.read_text().replace("2005-230T", "2001-001T"))
    words = "no trajectory of Cassini for that, its files cover 2001-03-07 to 2017-09-15"
    checked, fetched = run("check", early), run("fetch", early)
    assert (checked.exit_code, fetched.exit_code) == (1, 1)
    assert words in checked.stderr and words in fetched.stderr
    assert "kernels fetch" not in checked.output
    assert not server.requests
    # The product beside it is served all the same.
    both = run("fetch", early, product)
    assert both.exit_code == 1
    assert both.stdout.split() == [str(cache / path) for path in NEEDED]


def test_between_2001_and_2003_the_archive_has_no_pointing(product: Path, cache: Path):
    early = product.with_name("FUV2002_198_04_31.LBL")
    early.write_text(product.read_text().replace("2005-230T", "2002-198T"))
    words = "the archive has no pointing for that, its files cover 2003-08-24 to 2017-09-19"
    checked = run("check", early)
    assert checked.exit_code == 1
    assert f"7 kernels missing: `uvisxr kernels fetch {early}` downloads them" in checked.stderr
    assert words in checked.stderr
    fetched = run("fetch", early, "--dry-run")
    assert fetched.exit_code == 0
    assert len(fetched.stdout.split()) == 7
    assert words in fetched.stderr


def test_what_no_file_of_the_archive_holds_is_said_so(product: Path, cache: Path, server: Server):
    retarget(product, "JUPITER")
    # What the files hold shows when they have arrived.
    first = run("fetch", product)
    checked, fetched = run("check", product), run("fetch", product)
    assert (first.exit_code, checked.exit_code, fetched.exit_code) == (1, 1, 1)
    for result in (first, checked, fetched):
        assert "none of the archive's files places JUPITER at 2005-08-18T" in result.stderr
    assert "kernels fetch" not in checked.output


@pytest.mark.parametrize("variable", [False, True])
def test_no_input_is_replaced(product, archive, tmp_path, monkeypatch, variable):
    for path, content in archive.items():
        file = tmp_path / "files" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    mine, products = tmp_path / "mine.tm", tmp_path / "products.txt"
    products.write_text(str(product))
    given = ["--kernels", tmp_path / "files"]
    assert run("metakernel", product, *given, "-o", mine).exit_code == 0
    before = mine.read_text()
    given = [] if variable else ["--kernels", mine]
    if variable:
        monkeypatch.setenv("UVISXR_KERNELS", str(mine))
    for output in (mine, products):
        result = run("metakernel", products, *given, "-o", output, "--overwrite")
        assert result.exit_code == 1
        assert "were read from it" in result.output
    assert mine.read_text() == before
    assert products.read_text() == str(product)


@pytest.mark.parametrize("command", ["check", "fetch", "metakernel"])
def test_wrong_usage_exits_with_2(command: str):
    assert run(command).exit_code == 2
