"""Products on servers, of which only the exposures that are asked for are read."""

from __future__ import annotations

import gzip
import io
import pickle
import sys
import tracemalloc
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from pathlib import Path

import dask
import fsspec
import numpy as np
import pytest
import requests
import xarray as xr
from click.testing import CliRunner
from helpers.loopback import Cut, Fault, Raw, Server, Stall, Status, Trickle, folder, serve
from helpers.products import write_product

import uvisxr
from uvisxr import fetch, parts, transfer
from uvisxr.cli import main
from uvisxr.errors import (
    ArgumentError,
    FetchError,
    MissingDependencyError,
    NotFoundError,
    ProductError,
    UvisWarning,
)
from uvisxr.pds3 import elsewhere, urls

NAME = "FUV2005_230_15_15"
FRAME = 131072
DATA, LABEL = f"a/{NAME}.DAT", f"a/{NAME}.LBL"
N = 9


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The label of a product on disk."""
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "cache"))
    for name in ("download", "patience"):
        quick = partial(getattr(fetch, name), wait=0.01, timeout=5.0, tries=3)
        monkeypatch.setattr(fetch, name, quick)
    # Servers of other tests may have had the same port.
    elsewhere._SAID.clear()
    elsewhere._TOLD.clear()
    return write_product(tmp_path / "archive" / "a", NAME, samples=N)


@pytest.fixture
def server(here: Path) -> Iterator[Server]:
    with serve(folder(here.parents[1])) as running:
        yield running


def truth(label: Path) -> xr.DataArray:
    return uvisxr.open_product(label).counts.load()


def hasty(monkeypatch: pytest.MonkeyPatch, faults: list[Fault]) -> None:
    """Wait for no server that stalls or sends too slowly."""
    if any(isinstance(fault, Stall | Trickle) for fault in faults):
        monkeypatch.setattr(fetch, "patience", partial(fetch.patience, timeout=0.3))


def kept(tmp_path: Path) -> list[str]:
    files = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    return sorted(path.name for path in files if not path.name.startswith("."))


def test_only_the_exposures_asked_for_are_read(server: Server, here: Path, tmp_path: Path):
    counts = uvisxr.open_product(server.url + LABEL).counts
    assert server.asked(DATA) == ["bytes=0-0"]
    assert counts.isel(pic=3).load().identical(truth(here).isel(pic=3))
    assert server.asked(DATA)[1:] == [f"bytes={3 * FRAME}-{4 * FRAME - 1}"]
    assert server.sent[-1] == FRAME
    some = counts.isel(pic=[1, 2, 6, 4], pixel=slice(3, 5), wl=[7, 9]).load()
    assert some.identical(truth(here).isel(pic=[1, 2, 6, 4], pixel=slice(3, 5), wl=[7, 9]))
    assert server.sent[-3:] == [2 * FRAME, FRAME, FRAME]
    assert kept(tmp_path) == [f"{NAME}.DAT.url", f"{NAME}.LBL"]


def test_what_was_read_is_kept_in_memory(server: Server, here: Path):
    ds = uvisxr.open_product(server.url + LABEL)
    for _ in range(3):
        assert ds.counts.values.sum() == truth(here).values.sum()
    assert server.asked(DATA) == ["bytes=0-0", f"bytes=0-{N * FRAME - 1}"]


@pytest.mark.slow
def test_workers_and_threads_read_at_once(server: Server, here: Path):
    ds = uvisxr.open_product(server.url + LABEL, chunks={"pic": 2})
    for scheduler in ("threads", "processes"):
        with dask.config.set(scheduler=scheduler, num_workers=2):
            assert ds.counts.compute().identical(truth(here))
    lazy = uvisxr.open_product(server.url + LABEL)
    with ThreadPoolExecutor(4) as pool:
        parts = list(pool.map(lambda k: lazy.counts[k].values, range(N)))
    assert (np.stack(parts) == truth(here).values).all()
    again = pickle.loads(pickle.dumps(uvisxr.open_product(server.url + LABEL)))
    assert again.counts.load().identical(truth(here))


def test_an_observation(server: Server, here: Path):
    other = write_product(here.parent, "FUV2005_230_16_15", samples=2)
    server.files.update(folder(here.parents[1]))
    ds = uvisxr.open_observation([f"{server.url}a/{path.name}" for path in (other, here)])
    assert not any(size > 3000 for size in server.sent)
    assert ds.counts.load().identical(uvisxr.open_observation(here.parent).counts.load())


def test_what_is_in_the_cache_is_taken_from_there(server: Server, here: Path, tmp_path: Path):
    ds = uvisxr.open_product(server.url + LABEL)
    answer = CliRunner().invoke(main, ["fetch", server.url + LABEL])
    assert answer.exit_code == 0, answer.output
    assert answer.output.strip() == next((tmp_path / "cache").rglob("*.LBL")).as_posix()
    assert kept(tmp_path) == [f"{NAME}.DAT", f"{NAME}.LBL"]
    asked = len(server.requests)
    assert uvisxr.open_product(server.url + LABEL).counts.load().identical(truth(here))
    assert len(server.requests) == asked
    # What was opened before still knows where its data are.
    assert ds.counts[:1].load().identical(truth(here)[:1])


def test_a_server_without_parts(server: Server, here: Path, tmp_path: Path):
    server.ranges = False
    with pytest.warns(UvisWarning, match="sends no parts of files") as said:
        ds = uvisxr.open_product(server.url + LABEL)
    assert len(said) == 1
    assert ds.counts.load().identical(truth(here))
    assert kept(tmp_path) == [f"{NAME}.DAT", f"{NAME}.LBL"]
    server.files["b/X.LBL"], server.files["b/X.DAT"] = server.files[LABEL], server.files[DATA]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        uvisxr.open_product(f"{server.url}b/X.LBL")
    assert not any("sends no parts" in str(one.message) for one in said)


def test_a_server_that_no_longer_sends_parts(server: Server, here: Path, tmp_path: Path):
    ds = uvisxr.open_product(server.url + LABEL)
    server.ranges = False
    with pytest.raises(FetchError, match=r"fetch=True"):
        ds.counts.load()
    elsewhere._TOLD.clear()
    with pytest.warns(UvisWarning, match="sends no parts of files"):
        ds = uvisxr.open_product(next((tmp_path / "cache").rglob("*.LBL")))
    assert ds.counts.load().identical(truth(here))


def answer(status: str, body: bytes, *headers: str) -> Raw:
    head = "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""])
    return Raw(head.encode() + body)


def part_of(first: int, last: int, total: int, length: int, *more: str) -> Raw:
    """An answer with a part, whose headers say what they like."""
    said = (f"Content-Range: bytes {first}-{last}/{total}", f"Content-Length: {length}")
    return answer("206 Partial Content", bytes(min(length, FRAME)), *said, *more)


WHOLE = N * FRAME
PAGE = b"<html>please log in</html>"
TAG = 'ETag: "other"'


@pytest.mark.parametrize(
    "faults",
    [
        [Cut(0)],
        [Cut(100), Cut(70000)],
        [Stall(1000)],
        [Status(500), Status(503)],
        [part_of(0, FRAME - 1, WHOLE, FRAME)],
        [part_of(2 * FRAME, 3 * FRAME - 2, WHOLE, FRAME - 1)],
        [part_of(2 * FRAME, 3 * FRAME - 1, WHOLE, FRAME - 1)],
        [answer("206 Partial Content", bytes(FRAME), f"Content-Length: {FRAME}")],
        [Raw(b"nonsense")],
    ],
)
def test_what_passes_is_borne(
    server: Server, here: Path, monkeypatch: pytest.MonkeyPatch, faults: list[Fault]
):
    ds = uvisxr.open_product(server.url + LABEL)
    hasty(monkeypatch, faults)
    server.faults[DATA] = faults
    assert ds.counts[2].load().identical(truth(here)[2])


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ([Cut(0)] * 3, "3 times in a row"),
        ([Stall(0)] * 3, "3 times in a row"),
        ([Status(503)] * 3, "answers 503"),
        ([Status(403)], "answers 403"),
        ([Status(404)], "answers 404"),
        ([Status(416)], "has changed on its server"),
        ([part_of(0, FRAME - 1, WHOLE, FRAME)] * 3, "another part"),
        ([part_of(2 * FRAME, 3 * FRAME - 1, WHOLE, FRAME)], "has changed on its server"),
        ([part_of(2 * FRAME, 3 * FRAME - 1, WHOLE, FRAME, TAG)], "has changed on its server"),
        ([part_of(2 * FRAME, 3 * FRAME - 1, WHOLE + 1, FRAME)], "has changed on its server"),
        ([part_of(2 * FRAME, 3 * FRAME - 1, WHOLE, FRAME + 1)] * 3, "another part"),
        ([answer("200 OK", PAGE, "Content-Type: text/html", "Content-Length: 26")], "a page"),
        ([answer("200 OK", PAGE, "Content-Length: 26")], "has changed on its server"),
        ([answer("302 Found", b"", "Location: nonsense://x")], "none"),
    ],
)
def test_what_does_not_pass_is_an_error(
    server: Server, monkeypatch: pytest.MonkeyPatch, faults: list[Fault], said: str
):
    ds = uvisxr.open_product(server.url + LABEL)
    hasty(monkeypatch, faults)
    server.faults[DATA] = faults
    with pytest.raises(FetchError, match=said):
        ds.counts[2].load()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (answer("200 OK", PAGE, "Content-Type: text/html", "Content-Length: 26"), "a page"),
        (part_of(0, 0, 27, 1), "27 bytes, but"),
        (part_of(0, 0, 0, 1), "another part"),
        (Status(403), "answers 403"),
        (Status(500), "answers 500"),
    ],
)
def test_servers_that_lie_on_opening(server: Server, tmp_path: Path, fault: Fault, said: str):
    server.faults[DATA] = [fault] * 3
    with pytest.raises(FetchError, match=said):
        uvisxr.open_product(server.url + LABEL)
    assert kept(tmp_path) == [f"{NAME}.LBL"]


def test_a_page_with_status_200_without_type(server: Server, tmp_path: Path):
    server.files[DATA] = PAGE
    server.ranges = False
    with pytest.raises(FetchError, match="26 bytes, but"):
        uvisxr.open_product(server.url + LABEL)
    assert kept(tmp_path) == [f"{NAME}.LBL"]


@pytest.mark.slow
def test_a_server_that_sends_too_slowly(server: Server, monkeypatch: pytest.MonkeyPatch):
    ds = uvisxr.open_product(server.url + LABEL)
    server.faults[DATA] = [Trickle(0.02)]
    hasty(monkeypatch, server.faults[DATA])
    with pytest.raises(FetchError, match="UVISXR_FETCH_FLOOR"):
        ds.counts[2].load()
    monkeypatch.setenv("UVISXR_FETCH_LONGEST", "0.2")
    monkeypatch.setenv("UVISXR_FETCH_FLOOR", "0")
    server.faults[DATA] = [Trickle(0.02)]
    with pytest.raises(FetchError, match="UVISXR_FETCH_LONGEST"):
        ds.counts[2].load()


def test_a_file_that_changes(server: Server, here: Path):
    ds = uvisxr.open_product(server.url + LABEL)
    server.files[DATA] = server.files[DATA][FRAME:] + server.files[DATA][:FRAME]
    with pytest.raises(FetchError, match="open the product again"):
        ds.counts.load()
    changed = uvisxr.open_product(server.url + LABEL).counts[0]
    assert (changed.values == truth(here)[1].values).all()


def delivered(server: Server, exposure: bytes = b"60.000", place: str = "") -> None:
    """Put another delivery of the product on the server: another label, other data."""
    server.files[place + LABEL] = server.files[LABEL].replace(b"30.000", exposure)
    server.files[place + DATA] = server.files[DATA][FRAME:] + server.files[DATA][:FRAME]


def seen(url: str, fetch: bool = False) -> tuple[float, int]:
    """The exposure of a product, s, and what its first exposures hold."""
    ds = uvisxr.open_product(url, fetch=fetch)
    return float(ds.exposure.values.flat[0]), hash(ds.counts.values.tobytes())


@pytest.mark.parametrize("whole", [True, False])
def test_label_and_data_are_of_one_version(server: Server, whole: bool):
    url = server.url + LABEL
    old = seen(url)
    place = next(fetch.cache_dir("urls").rglob("*.LBL"))
    time = place.stat().st_mtime_ns
    assert seen(url) == old
    # By which a batch knows it.
    assert place.stat().st_mtime_ns == time
    delivered(server)
    new = seen(url, whole)
    assert new[0] == 60
    assert new[1] != old[1]
    assert new == seen(url, whole)


def test_what_is_whole_stays_until_it_is_asked_for_again(server: Server):
    url = server.url + LABEL
    old = seen(url, fetch=True)
    delivered(server)
    assert seen(url) == old
    new = seen(url, fetch=True)
    assert new[0] == 60
    assert new[1] != old[1]
    # Of the data alone too.
    server.files[DATA] = bytes(WHOLE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UvisWarning)
        assert not uvisxr.open_product(url, fetch=True).counts.values.any()
    asked = len(server.asked(DATA))
    seen(url, fetch=True)
    assert "bytes=0-0" in server.asked(DATA)[asked:]
    assert None not in server.asked(DATA)[asked:]


def of_another_version(server: Server) -> Raw:
    """All data, of the same size."""
    data = server.files[DATA]
    return answer("200 OK", data[FRAME:] + data[:FRAME], f"Content-Length: {len(data)}", TAG)


def test_data_that_change_between_question_and_download(server: Server, here: Path):
    url = server.url + LABEL
    # The first time they are asked about, and the second sent.
    server.faults[DATA] = [None, of_another_version(server)]
    assert uvisxr.open_product(url, fetch=True).counts.load().identical(truth(here))
    assert server.asked(DATA) == ["bytes=0-0", None, "bytes=0-0", None]
    assert len(server.asked(LABEL)) == 2
    server.faults[DATA] = [None, of_another_version(server)] * 3
    for file in fetch.cache_dir("urls").rglob("*.DAT"):
        file.unlink()
    with pytest.raises(FetchError, match=r"has changed on its server since.*by its URL again"):
        uvisxr.open_product(url, fetch=True)


def test_files_of_other_protocols_that_have_changed(here: Path):
    fsspec.filesystem("memory").pipe("/changed", b"abc")
    told = parts.ask("memory://changed").told
    assert b"".join(parts.blocks("memory://changed", told)) == b"abc"
    before = transfer.Told(told.size, tuple((key, "another") for key, _ in told.version))
    with pytest.raises(transfer.ChangedError, match="has changed"):
        list(parts.blocks("memory://changed", before))


def test_whole_data_whose_label_came_again_without_them(server: Server):
    url = server.url + LABEL
    old = seen(url, fetch=True)
    delivered(server)
    server.faults[DATA] = [Status(403)] * 3
    with pytest.raises(FetchError, match="403"):
        uvisxr.open_product(url, fetch=True)
    with pytest.raises(FetchError, match="403"):
        uvisxr.open_product(url)
    server.faults.clear()
    new = seen(url)
    assert new[0] == 60
    assert new[1] != old[1]


def test_packed_data_come_again(server: Server):
    url, data = server.url + LABEL, server.files.pop(DATA)
    server.files[f"{DATA}.gz"] = gzip.compress(data, 1)
    old = seen(url)
    server.files[f"{DATA}.gz"] = gzip.compress(data[FRAME:] + data[:FRAME], 1)
    assert seen(url) == old
    assert seen(url, fetch=True)[1] != old[1]


def test_data_that_are_newer_than_a_label_of_the_cache(server: Server):
    uvisxr.open_product(server.url + LABEL)
    label = next(fetch.cache_dir("urls").rglob("*.LBL"))
    delivered(server)
    elsewhere._TOLD.clear()
    with pytest.raises(FetchError, match="by its URL again"):
        uvisxr.open_product(label)
    assert uvisxr.open_product(server.url + LABEL).exposure.values.flat[0] == 60
    assert uvisxr.open_product(label).exposure.values.flat[0] == 60


@pytest.mark.slow
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_archives_on_this_computer(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: int
):
    """Relative paths of archives are those of the working folder; archives are made again."""
    server = Server("", folder(here.parents[1]), {})
    url = f"zip://a/{NAME}.LBL::v #1.zip"
    found = []
    for place, new in (("one", False), ("two", True), ("one", False), ("one", True)):
        if new:
            delivered(server, place="new/")
        (tmp_path / place).mkdir(exist_ok=True)
        with zipfile.ZipFile(tmp_path / place / "v #1.zip", "w", how) as archive:
            for name in (LABEL, DATA):
                archive.writestr(name, server.files["new/" * new + name])
        monkeypatch.chdir(tmp_path / place)
        found.append(seen(url))
    old, new, again, rebuilt = found
    assert old == again == (30, old[1])
    assert new == rebuilt == (60, new[1])
    assert old[1] != new[1]
    ds = uvisxr.open_product(url)
    monkeypatch.chdir(tmp_path)
    assert hash(ds.counts.values.tobytes()) == new[1]


@pytest.mark.parametrize("name", ["run#1", "run?1", "a b", "a%20b", "ü", "a::b", "[a]"])
def test_file_urls(here: Path, tmp_path: Path, name: str):
    other = write_product(tmp_path / name, NAME, samples=1)
    # Neither of which is this folder.
    (tmp_path / "run").mkdir()
    for url in (other.as_uri(), f"file://{other}"):
        assert uvisxr.open_product(url).sizes["pic"] == 1
    answer = CliRunner().invoke(main, ["fetch", other.as_uri()])
    assert answer.output.strip() == other.as_posix()
    assert not kept(tmp_path)


def test_folders_that_differ_in_odd_letters(server: Server):
    memory = fsspec.filesystem("memory")
    delivered(server, place="new/")
    for name, place in (("r#1", ""), ("r#2", "new/"), ("r?3", ""), ("r?4", "new/")):
        memory.pipe(f"/b/{name}/{NAME}.LBL", server.files[place + LABEL])
        memory.pipe(f"/b/{name}/{NAME}.DAT", server.files[place + DATA])
        assert seen(f"memory://b/{name}/{NAME}.LBL")[0] == (60 if place else 30)


PLACES = (
    *("http://h/a/x.LBL", "https://h/a/x.LBL", "http://h:80/a/x.LBL", "http://h_80/a/x.LBL"),
    *("https://h/a//x.LBL", "https://h//a/x.LBL", "s3://b/a/x.LBL", "s3://b/a//x.LBL"),
    *("s3://c/a/x.LBL", "ftp://h/a/x.LBL", "ftp://h:21/a/x.LBL", "sftp://h:22/a/x.LBL"),
    *("webhdfs://h:9870/a/x.LBL", "http://[::1]/a/x.LBL", "http://[::2]/a/x.LBL"),
    *("http://[::1]:80/a/x.LBL", "memory://b/r#1/x.LBL", "memory://b/r#2/x.LBL"),
    *("memory://b/r?1/x.LBL", "zip://a/x.LBL::/a.zip", "zip://a/x.LBL::/b.zip"),
    *("zip://a/x.LBL::https://h/a.zip", "ftp://[::1]:21/a/x.LBL", "zip://x.LBL::/a/a.zip"),
)


def test_each_url_has_its_own_place(here: Path, monkeypatch: pytest.MonkeyPatch):
    found = {urls.label_place(url) for url in PLACES}
    assert len(found) == len(PLACES)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert urls.label_place("s3://b/a/x.LBL") not in found
    assert urls.label_place("https://h/a/x.LBL") in found


def test_redirects_are_followed(server: Server, here: Path):
    moved = answer("302 Found", b"", f"Location: {server.url}{DATA}", "Content-Length: 0")
    server.files["b/X.LBL"] = server.files[LABEL].replace(NAME.encode() + b".DAT", b"X.DAT")
    server.faults["b/X.DAT"] = [moved] * 2
    ds = uvisxr.open_product(f"{server.url}b/X.LBL")
    assert (ds.counts[4].values == truth(here)[4].values).all()


def test_what_sends_on_is_not_read(server: Server, here: Path):
    # Of what comes with it only as much as the system holds back.
    packed = zlib.compress(bytes(2**25))
    where = (f"Location: {server.url}{DATA}", "Content-Encoding: deflate")
    moved = answer("302 Found", packed, *where, f"Content-Length: {len(packed)}")
    server.faults[DATA] = [moved]
    tracemalloc.start()
    try:
        uvisxr.open_product(server.url + LABEL)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_a_server_that_sends_on_for_ever(server: Server):
    server.faults[DATA] = [answer("302 Found", b"", f"Location: {server.url}{DATA}")] * 99
    with pytest.raises(FetchError, match="sends on to other addresses"):
        uvisxr.open_product(server.url + LABEL)
    assert len(server.asked(DATA)) < 20


@pytest.mark.parametrize(
    ("proxy", "said"), [("http://[bad", "HTTP_PROXY"), ("socks5://127.0.0.1:9", "SOCKS")]
)
def test_a_proxy_that_cannot_be_used(
    server: Server, monkeypatch: pytest.MonkeyPatch, proxy: str, said: str
):
    for name in ("no_proxy", "NO_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy)

    def lacking(*_: object, **__: object):
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    # As where there is no library for SOCKS.
    monkeypatch.setattr(requests.adapters, "SOCKSProxyManager", lacking)
    with pytest.raises(FetchError, match=said):
        uvisxr.open_product(server.url + LABEL)


AGED = "Mon, 01 Jan 2024 00:00:00 GMT"
NOW = "Date: Mon, 01 Jan 2024 00:00:01 GMT"


@pytest.mark.parametrize("vague", ['ETag: W/"x"', f"Last-Modified: {AGED}\r\n{NOW}"])
def test_two_versions_are_never_joined(server: Server, here: Path, vague: str):
    """What does not tell a version from all others says that of no file."""
    old, new = bytes(FRAME), server.files[DATA][FRAME : 2 * FRAME]
    kept = FRAME * 3 // 4
    new = old[:kept] + new[kept:]

    def part(first: int, body: bytes, sent: int) -> Raw:
        length = len(body)
        said = (f"Content-Range: bytes {first}-{first + length - 1}/{WHOLE}",)
        return answer("206 X", body[:sent], *said, f"Content-Length: {length}", vague)

    server.faults[DATA] = [
        part(0, b"x", 1),
        part(FRAME, b"y" + old[1:], kept),
        part(FRAME, new, FRAME),
    ]
    ds = uvisxr.open_product(server.url + LABEL)
    ds.counts[1].load()
    assert server.asked(DATA)[1:] == [f"bytes={FRAME}-{2 * FRAME - 1}"] * 2


def test_a_damaged_label_of_the_cache(server: Server, tmp_path: Path):
    uvisxr.open_product(server.url + LABEL)
    noted = next((tmp_path / "cache").rglob("*.url"))
    label = noted.with_name(f"{NAME}.LBL")
    for text in ("nonsense", "[" * 60_000):
        noted.write_text(text)
        with pytest.raises(ProductError, match="remove it"):
            uvisxr.open_product(label)
    noted.write_text('{"url": "http://me:secret@127.0.0.1:9/x.DAT"}')
    with pytest.raises(ArgumentError, match=r"\.netrc"):
        uvisxr.open_product(label)
    assert uvisxr.open_product(server.url + LABEL).sizes["pic"] == N


def test_only_the_cache_sends_to_servers(server: Server, here: Path):
    here.with_suffix(".DAT").unlink()
    here.with_name(f"{NAME}.DAT.url").write_text('{"url": "%s"}' % (server.url + DATA))
    with pytest.raises(ProductError, match="must be beside its label"):
        uvisxr.open_product(here)
    assert not server.requests


def zipped(path: Path, how: int) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", how) as archive:
        for file in sorted(path.iterdir()):
            archive.write(file, f"in/{file.name}")
    return stream.getvalue()


def test_a_member_of_an_archive(server: Server, here: Path, tmp_path: Path):
    server.files["v.zip"] = zipped(here.parent, zipfile.ZIP_STORED)
    ds = uvisxr.open_product(f"zip://in/{NAME}.LBL::{server.url}v.zip")
    assert sum(server.sent) < 3 * FRAME
    assert ds.counts[5].load().identical(truth(here)[5])
    assert server.sent[-1] == FRAME
    assert kept(tmp_path) == [f"{NAME}.DAT.url", f"{NAME}.LBL"]
    with pytest.raises(NotFoundError, match="holds no file"):
        uvisxr.open_product(f"zip://in/X.LBL::{server.url}v.zip")


@pytest.mark.parametrize("ranges", [True, False])
def test_a_packed_member_of_an_archive(server: Server, here: Path, tmp_path: Path, ranges: bool):
    server.files["v.zip"] = zipped(here.parent, zipfile.ZIP_DEFLATED)
    server.ranges = ranges
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ds = uvisxr.open_product(f"zip://in/{NAME}.LBL::{server.url}v.zip")
    assert [("sends no parts" in str(one.message)) for one in said] == [True] * (not ranges)
    assert ds.counts.load().identical(truth(here))
    assert kept(tmp_path) == [f"{NAME}.DAT", f"{NAME}.LBL", *(["v.zip"] * (not ranges))]


@pytest.mark.parametrize("archive", [PAGE, b"", b"PK\5\6" + bytes(18)])
def test_what_is_no_archive(server: Server, archive: bytes):
    server.files["v.zip"] = archive
    with pytest.raises(FetchError):
        uvisxr.open_product(f"zip://in/{NAME}.LBL::{server.url}v.zip")


@pytest.mark.parametrize("how", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_damaged_packed_member(server: Server, here: Path, how: int):
    here.with_suffix(".DAT").write_bytes(server.files[DATA][:FRAME])
    whole = bytearray(zipped(here.parent, how))
    place = whole.index(b"PK\3\4") + 100
    whole[place : place + 90] = bytes(range(90))
    server.files["v.zip"] = bytes(whole)
    with pytest.raises(FetchError, match="no zip archive that can be read"):
        uvisxr.open_product(f"zip://in/{NAME}.LBL::{server.url}v.zip")


def test_any_protocol_of_fsspec(here: Path):
    memory = fsspec.filesystem("memory")
    for path in here.parent.iterdir():
        memory.pipe(f"/p/{path.name}", path.read_bytes())
    ds = uvisxr.open_product(f"memory://p/{NAME}.LBL")
    assert ds.counts[1:3].load().identical(truth(here)[1:3])
    memory.pipe(f"/p/{NAME}.DAT", bytes(WHOLE))
    with pytest.raises(FetchError, match="has changed"):
        ds.counts[3].load()
    assert uvisxr.open_product(here.as_uri()).counts.load().identical(truth(here))
    with pytest.raises(NotFoundError):
        uvisxr.open_product("memory://p/none.LBL")


@pytest.fixture
def s3(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Server:
    """A server as one of s3, of which only HEAD and GET are needed."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return server


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("known", [True, False])
def test_s3(s3: Server, here: Path, monkeypatch: pytest.MonkeyPatch, known: bool):
    if known:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    # The first use of a large library takes its time.
    monkeypatch.setattr(fetch, "patience", partial(fetch.patience, timeout=20))
    ds = uvisxr.open_product(f"s3://{LABEL}")
    assert ds.counts[6].load().identical(truth(here)[6])
    assert f"bytes={6 * FRAME}-{7 * FRAME - 1}" in s3.asked(DATA)
    s3.files[DATA] = bytes(WHOLE)
    with pytest.raises(FetchError, match="has changed"):
        ds.counts[3].load()
    with pytest.raises(NotFoundError):
        uvisxr.open_product("s3://a/none.LBL")
    s3.faults[DATA] = [Status(403)] * 9
    with pytest.raises(FetchError, match="credentials"):
        uvisxr.open_product(f"s3://{LABEL}")


@pytest.mark.slow
def test_a_batch(server: Server, here: Path, tmp_path: Path):
    def run() -> int:
        elsewhere._TOLD.clear()
        steps = [("background", {"level": 4e-4})]
        url = server.url + LABEL
        return uvisxr.batch.process(url, steps, tmp_path / "out", workers=1, progress=False).done

    assert run() == 1
    assert run() == 0
    assert server.asked(DATA)[-1] == "bytes=0-0"
    server.files[DATA] = server.files[DATA][FRAME:] + server.files[DATA][:FRAME]
    assert run() == 1
    made = uvisxr.open_processed(tmp_path / "out").counts
    assert (made.values[0] == truth(here).values[1]).all()


@pytest.mark.slow
def test_a_batch_goes_on_without_what_cannot_be_had(server: Server, tmp_path: Path):
    given = [server.url + LABEL, f"{server.url}a/NONE.LBL"]
    steps = [("background", {"level": 4e-4})]
    with pytest.raises(NotFoundError):
        uvisxr.open_observation(given)
    with pytest.warns(UvisWarning, match=r"NONE\.LBL will fail: .*404"):
        assert len(list(uvisxr.batch.plan(given, steps, tmp_path / "out"))) == 1
    done = uvisxr.batch.process(given, steps, tmp_path / "out", workers=1, progress=False)
    assert (done.done, done.failed) == (1, 1)
    assert "404" in done.failures[0]


@pytest.mark.parametrize(
    "url",
    [
        *("gopher://a/b.LBL", "s3://", "zip://::https://a.org/b.zip", "http://[zz]/v.LBL"),
        *("https://a.org/b/", "https://a.org/a%2Fb.LBL", "https://a.org/%FF.LBL"),
    ],
)
def test_what_is_no_url(here: Path, url: str):
    with pytest.raises(ArgumentError):
        uvisxr.open_product(url)


def test_an_archive_on_no_server(here: Path):
    with pytest.raises(FetchError, match="not a URL to download from"):
        uvisxr.open_product("zip://X.LBL::http://[::1/a.zip")


@pytest.mark.parametrize(
    "url", ["s3://me:secret@a/b.LBL", "zip://a.LBL::https://me:secret@h/a.zip"]
)
def test_passwords_are_not_shown(here: Path, url: str):
    with pytest.raises(ArgumentError, match=r"\.netrc") as caught:
        uvisxr.open_product(url)
    assert "secret" not in str(caught.value)


def test_without_the_libraries(here: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(uvisxr.UvisError, match=r"uvisxr\[remote\]"):
        parts.ask("s3://a/b.LBL")


@pytest.mark.parametrize(
    ("library", "url"),
    [
        ("requests", "https://127.0.0.1:9/FUV.DAT"),
        ("requests", "s3://bucket/FUV.DAT"),
        ("requests", "zip://FUV.DAT::archive.zip"),
        ("fsspec", "s3://bucket/FUV.DAT"),
        ("s3fs", "s3://bucket/FUV.DAT"),
    ],
)
def test_without_a_library_the_error_says_which_extra_brings_it(
    monkeypatch: pytest.MonkeyPatch, library: str, url: str
):
    """fsspec's own words of s3fs name no extra."""
    monkeypatch.delitem(import_module("fsspec.registry")._registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        MissingDependencyError, match=rf'the {library} library: pip install "uvisxr\[remote\]"'
    ):
        parts.ask(url)


def test_protocols_of_libraries_that_no_extra_brings(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(MissingDependencyError, match=r"^reading gs://.*[Ii]nstall.*gcsfs"):
        parts.ask("gs://bucket/FUV.DAT")
