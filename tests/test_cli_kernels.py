"""`uvisxr kernels`, with an archive on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import spiceypy
from click.testing import CliRunner, Result
from helpers import tinykernels as tiny
from helpers.loopback import Cut, Server, folder, serve
from helpers.products import write_product

from uvisxr.cli import main
from uvisxr.errors import FetchError
from uvisxr.kernels import choose, requirements
from uvisxr.kernels.listing import ArchiveFile
from uvisxr.timescales import parse_et

NAME = "FUV2005_230_15_15"
ET = 177650170.0
DAY = 86400.0

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
        yield state


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


STATES = ("present", "missing")


def test_check_lists_what_is_missing(product: Path, cache: Path):
    result = run("check", product)
    assert result.exit_code == 1
    assert states(result) == {path.rsplit("/", 1)[-1]: "missing" for path in NEEDED}
    assert "8 kernels missing" in result.stderr


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
    assert "is not a kernel" in result.stderr and "UVISXR_URL" in result.stderr
    assert not list((cache / NEEDED[7]).parent.iterdir())


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
    assert "truncated" in result.stderr and path.name in result.stderr


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
    product.write_text(product.read_text().replace('"SATURN"', '"VULCAN"'))
    result = run("check", product)
    assert result.exit_code == 1
    assert "VULCAN" in result.stderr


@pytest.mark.parametrize("command", ["check", "fetch", "metakernel"])
def test_wrong_usage_exits_with_2(command: str):
    assert run(command).exit_code == 2
