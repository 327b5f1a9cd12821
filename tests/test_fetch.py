"""Downloads from a server on loopback, well- and ill-behaved."""

from __future__ import annotations

import gzip
import hashlib
import logging
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path

import numpy as np
import pytest
from helpers.loopback import Cut, Raw, Stall, Status, Trickle, serve
from helpers.umask import permissions, umask

from uvisxr import errors, fetch, locks
from uvisxr.calibration import download
from uvisxr.kernels.listing import locations
from uvisxr.pds3 import archive
from uvisxr.stars import catalogue

CONTENT = np.random.default_rng(5).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FAST = {"wait": 0.01, "timeout": 5.0}


def _alone(path: Path) -> bool:
    """Whether a file is the only one in its folder: no temporary name is left."""
    return list(path.parent.iterdir()) == [path]


def test_a_file_arrives_whole(tmp_path: Path):
    path = tmp_path / "new" / "file.bin"
    with serve({"a/file.bin": CONTENT}) as server:
        result = fetch.download(
            f"{server.url}a/file.bin", path, sha256=SHA256, size=len(CONTENT), **FAST
        )
    assert result == path
    assert path.read_bytes() == CONTENT
    assert _alone(path)


def test_a_file_that_is_there_is_not_fetched_again(tmp_path: Path):
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    with serve({"file.bin": b"other"}) as server:
        fetch.download(f"{server.url}file.bin", path, sha256=SHA256, size=len(CONTENT))
        fetch.download(f"{server.url}file.bin", path)
        assert server.requests == []


@pytest.mark.parametrize("expected", [{"size": len(CONTENT)}, {"sha256": SHA256}])
def test_a_file_that_is_there_but_wrong_is_fetched_again(tmp_path: Path, expected: dict):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with serve({"file.bin": CONTENT}) as server:
        fetch.download(f"{server.url}file.bin", path, **expected, **FAST)
    assert path.read_bytes() == CONTENT
    assert _alone(path)


def test_threads_that_want_one_file_fetch_it_once(tmp_path: Path):
    path, failed = tmp_path / "file.bin", []

    def want() -> None:
        try:
            fetch.download(f"{server.url}file.bin", path, **FAST)
            assert path.read_bytes() == CONTENT
        except BaseException as error:
            failed.append(error)

    with serve({"file.bin": CONTENT}) as server:
        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 1
    assert failed == []
    assert _alone(path)


def test_threads_each_learn_that_a_file_cannot_be_had(tmp_path: Path):
    failed = []

    def want() -> None:
        try:
            fetch.download(f"{server.url}none.bin", tmp_path / "none.bin", **FAST)
        except Exception as error:
            failed.append(type(error))

    with serve({}) as server:
        threads = [threading.Thread(target=want) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == [errors.NotFoundError] * 4
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_permissions_are_those_of_a_new_file(tmp_path: Path, mask: int):
    with serve({"f": CONTENT}) as server, umask(mask):
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)
    assert permissions(tmp_path / "f") == 0o666 & ~mask


def test_what_does_not_pass_the_check_is_not_kept(tmp_path: Path):
    path, seen = tmp_path / "f", []

    def check(part: Path) -> None:
        seen.append(part.read_bytes())
        assert not path.exists()
        raise errors.FetchError("no table")

    with serve({"f": CONTENT}) as server, pytest.raises(errors.FetchError, match="no table"):
        fetch.download(f"{server.url}f", path, check=check, **FAST)
    assert seen == [CONTENT]
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_to_be_replaced(tmp_path: Path):
    path = tmp_path / "f"
    path.write_bytes(b"mine")
    with (
        serve({"f": CONTENT}) as server,
        pytest.raises(errors.FetchError, match=r"f is there.*its size is 4.*move it away"),
    ):
        fetch.download(f"{server.url}f", path, size=len(CONTENT), replace=False, **FAST)
    assert path.read_bytes() == b"mine"
    assert server.requests == []


def test_a_cut_connection_is_taken_up_where_it_stopped(tmp_path: Path):
    path = tmp_path / "file.bin"
    faults = {"file.bin": [Cut(100_000), Cut(70_000)]}
    with serve({"file.bin": CONTENT}, faults) as server:
        fetch.download(f"{server.url}file.bin", path, sha256=SHA256, **FAST)
        first, *later = server.asked("file.bin")
    assert path.read_bytes() == CONTENT
    assert first is None
    starts = [int(header.removeprefix("bytes=").rstrip("-")) for header in later]
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_without_ranges_a_cut_connection_starts_again(tmp_path: Path):
    path = tmp_path / "file.bin"
    with serve({"file.bin": CONTENT}, {"file.bin": [Cut(100_000)]}, ranges=False) as server:
        fetch.download(f"{server.url}file.bin", path, **FAST)
        assert server.asked("file.bin") == [None, None]
    assert path.read_bytes() == CONTENT


def test_a_file_that_changes_between_requests_is_not_mixed(tmp_path: Path):
    path = tmp_path / "file.bin"
    files = {"file.bin": CONTENT}
    other = CONTENT[::-1]

    class Changing(dict):
        def get(self, key, default=None):
            found = super().get(key, default)
            self[key] = other
            return found

    with serve(Changing(files), {"file.bin": [Cut(100_000)]}) as server:
        fetch.download(f"{server.url}file.bin", path, **FAST)
    assert path.read_bytes() == other


def test_a_connection_that_is_always_cut_is_an_error(tmp_path: Path):
    path = tmp_path / "file.bin"
    with (
        serve({"file.bin": CONTENT}, {"file.bin": [Cut(0)] * 9}) as server,
        pytest.raises(errors.FetchError, match=r"file\.bin.*3 times in a row"),
    ):
        fetch.download(f"{server.url}file.bin", path, tries=3, **FAST)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 3


def test_starting_again_to_no_better_end_is_an_error(tmp_path: Path):
    faults = {"f": [Cut(100_000), Cut(90_000)] * 9}
    with (
        serve({"f": CONTENT}, faults, ranges=False) as server,
        pytest.raises(errors.FetchError, match="3 times in a row"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", tries=3, **FAST)
    assert len(server.requests) == 3


def test_a_stalled_connection_is_taken_up_again(tmp_path: Path):
    path = tmp_path / "file.bin"
    with serve({"file.bin": CONTENT}, {"file.bin": [Stall(100_000)]}) as server:
        fetch.download(f"{server.url}file.bin", path, timeout=0.3, wait=0.01)
    assert path.read_bytes() == CONTENT


def test_a_server_that_always_stalls_is_an_error(tmp_path: Path):
    path = tmp_path / "file.bin"
    with (
        serve({"file.bin": CONTENT}, {"file.bin": [Stall(0)] * 9}) as server,
        pytest.raises(
            errors.FetchError, match=r"file\.bin: the server does not answer in time, 2 times"
        ),
    ):
        fetch.download(f"{server.url}file.bin", path, timeout=0.2, tries=2, wait=0.01)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named_at_once(tmp_path: Path):
    with serve({}) as server:
        with pytest.raises(errors.NotFoundError, match=r"none\.bin.*404.*UVISXR_URL"):
            fetch.download(f"{server.url}none.bin", tmp_path / "none.bin", **FAST)
        assert len(server.requests) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["products", "generic_kernels"])
def test_errors_name_the_mirror_of_the_kind(tmp_path: Path, kind: str):
    expected = rf"set UVISXR_URL_{kind.upper()} to a mirror"
    with serve({}) as server, pytest.raises(errors.NotFoundError, match=expected):
        fetch.download(f"{server.url}a", tmp_path / "a", kind=kind, **FAST)
    # Nobody listens any more.
    with pytest.raises(errors.FetchError, match=rf"no connection.*, 2 times .*{expected}"):
        fetch.download(f"{server.url}a", tmp_path / "a", kind=kind, tries=2, **FAST)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path / "file" / "below"))
    path = fetch.cache_dir("products") / "a"
    with (
        serve({"a": CONTENT}) as server,
        pytest.raises(
            errors.FetchError, match=r"the cache is .*file/below, and UVISXR_CACHE names"
        ),
    ):
        fetch.download(f"{server.url}a", path, **FAST)


def test_a_refusal_is_an_error(tmp_path: Path):
    with (
        serve({"f": CONTENT}, {"f": [Status(403)]}) as server,
        pytest.raises(errors.FetchError, match="403"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)


def test_a_passing_failure_of_the_server_is_overcome(tmp_path: Path):
    path = tmp_path / "f"
    with serve({"f": CONTENT}, {"f": [Status(500), Status(503)]}) as server:
        fetch.download(f"{server.url}f", path, **FAST)
    assert path.read_bytes() == CONTENT


def test_a_lasting_failure_of_the_server_is_an_error(tmp_path: Path):
    with (
        serve({"f": CONTENT}, {"f": [Status(500)] * 9}) as server,
        pytest.raises(errors.FetchError, match="answers 500"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", tries=2, **FAST)


def test_another_size_is_an_error_before_the_transfer(tmp_path: Path):
    with (
        serve({"f": CONTENT}) as server,
        pytest.raises(errors.FetchError, match="300000 bytes, but 299999 were expected"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", size=299_999, **FAST)
    assert list(tmp_path.iterdir()) == []


def test_another_digest_is_an_error(tmp_path: Path):
    old = tmp_path / "f"
    old.write_bytes(b"old")
    with (
        serve({"f": CONTENT}) as server,
        pytest.raises(errors.FetchError, match="another sha256"),
    ):
        fetch.download(f"{server.url}f", old, sha256="0" * 64, **FAST)
    assert old.read_bytes() == b"old"
    assert _alone(old)


def test_nobody_at_the_address_is_an_error(tmp_path: Path):
    with serve({}) as server:
        url = server.url
    with pytest.raises(errors.FetchError, match="no connection"):
        fetch.download(f"{url}f", tmp_path / "f", tries=2, **FAST)


def test_an_address_that_is_none_is_an_error(tmp_path: Path):
    with pytest.raises(errors.FetchError, match="begin with http:// or https://"):
        fetch.download("htp://nowhere/f", tmp_path / "f", tries=2, **FAST)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with (
        serve({"f": CONTENT}) as server,
        pytest.raises(errors.FetchError, match="cannot write"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "file" / "f", **FAST)


def test_nothing_is_printed_off_a_terminal(tmp_path: Path, capfd: pytest.CaptureFixture):
    with serve({"f": CONTENT}) as server:
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)
    assert capfd.readouterr() == ("", "")


def test_the_progress_bar_counts_bytes_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
):
    with serve({"f": CONTENT}) as server:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)
    printed = capsys.readouterr()
    assert "100%" in printed.err and "300k/300k" in printed.err
    assert printed.out == ""


def test_without_requests_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(errors.MissingDependencyError, match=r'pip install "uvisxr\[fetch\]"'):
        fetch.download("http://127.0.0.1/f", tmp_path / "f")


PUBLIC = {
    "products": archive._PUBLIC,
    "calibration": download._PUBLIC,
    "stars": catalogue._PUBLIC,
    **locations(),
}


@pytest.mark.parametrize("kind", ["kernels", "generic_kernels", "products", "calibration", "stars"])
def test_addresses_are_public_until_a_mirror_is_named(kind: str, monkeypatch: pytest.MonkeyPatch):
    public = PUBLIC[kind]
    assert public.startswith("https://") and public.endswith("/")
    assert fetch.base_url(kind, public) == fetch.base_url(kind, public.rstrip("/")) == public
    monkeypatch.setenv(f"UVISXR_URL_{kind.upper()}", "http://mirror/x")
    assert fetch.base_url(kind, public) == "http://mirror/x/"
    monkeypatch.setenv(f"UVISXR_URL_{kind.upper()}", "http://me:sec/ret@mirror/x")
    with pytest.raises(
        errors.ArgumentError, match=rf"URL_{kind.upper()} at mirror .*\.netrc"
    ) as no:
        fetch.base_url(kind, public)
    assert "sec" not in str(no.value)


def test_a_password_is_not_shown(tmp_path: Path):
    with pytest.raises(errors.ArgumentError, match="a URL at host has a user's name") as caught:
        fetch.download("http://me:sec/ret@host/f", tmp_path / "f")
    assert "sec" not in str(caught.value) and not list(tmp_path.iterdir())


def test_every_location_of_a_kernel_has_a_public_address():
    assert all(url.startswith("https://") for url in locations().values())


def test_the_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    assert fetch.cache_dir("kernels") == tmp_path / "kernels"
    assert fetch.cache_dir() == tmp_path
    monkeypatch.delenv("UVISXR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert fetch.cache_dir("stars") == tmp_path / "xdg" / "uvisxr" / "stars"


def raw(head: str, body: bytes = b"") -> Raw:
    return Raw(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode() + body)


@pytest.mark.parametrize(
    "place",
    [
        *(b"http://[::1/\xff", b"\xff", b"http://127.0.0.1:1/\xe2\x82", b"http://\xdf.de:1/"),
        *(b"http://[::1/", b"http://]/", b"http://[]/", b"http://[::1%]:1/", b"http://[v1.x]/"),
        *(b"ftp://there/f", b"file:///etc/passwd", b"http://a..b/", b"http://*:1/", b"a" * 70000),
    ],
)
def test_a_server_that_sends_on_to_no_address(tmp_path: Path, place: bytes):
    head = b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: "
    head += place + b"\r\n\r\n"
    with serve({}, {"f": [Raw(head)] * 2}) as server, pytest.raises(errors.FetchError) as caught:
        fetch.download(f"{server.url}f", tmp_path / "f", tries=2, **FAST)
    assert f"{server.url}f" in str(caught.value)


@pytest.mark.parametrize("url", ["http://[::1/f", "http://[v1.x]/f", "http://h:80:80/f"])
def test_what_is_no_address_of_a_server(tmp_path: Path, url: str):
    with pytest.raises(errors.FetchError, match="not a URL to download from"):
        fetch.download(url, tmp_path / "f", tries=2, **FAST)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (b"http://me:secret@[::1/", "sends on to is none"),
        (b"me:secret@host/x", "sends on to is none"),
        (b"ftp://me:secret@host/x", "sends on to is none"),
        (b"http://127.0.0.1:1/x?token=secret", "no connection"),
        (b"http://me:secret@127.0.0.1:1/x", "no connection"),
        (b"/busy?token=secret", "answers 503"),
    ],
)
def test_a_password_of_where_a_server_sends_on_to_is_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: bytes, said: str
):
    caplog.set_level(logging.DEBUG, "uvisxr")
    head = b"HTTP/1.1 302 Found\r\nConnection: close\r\nContent-Length: 0\r\nLocation: "
    head += place + b"\r\n\r\n"
    busy = Raw(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    faults = {"f": [Raw(head)] * 2, "busy?token=secret": [busy] * 2}
    with serve({}, faults) as server, pytest.raises(errors.FetchError, match=said) as caught:
        fetch.download(f"{server.url}f", tmp_path / "f", tries=2, **FAST)
    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert "secret" not in caplog.text


PAGE = b"\n<!DOCTYPE html><html>Please log in</html>"
LENGTH = f"Content-Length: {len(CONTENT)}"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (raw(f"200 OK\r\nContent-Length: {len(PAGE)}", PAGE), "a page for readers"),
        (raw("200 OK\r\nContent-Length: 0"), "is empty"),
        (raw("204 No Content"), "answers 204"),
        (raw("304 Not Modified"), "answers 304"),
        (raw("200 OK", CONTENT), "does not say how long it is"),
        (raw("200 OK", CONTENT[:1000]), "does not say how long it is"),
        (raw("200 OK\r\nContent-Length: abc", CONTENT), "does not say how long it is"),
        (raw(f"200 OK\r\nContent-Encoding: br\r\n{LENGTH}", CONTENT), r"packed \(br\)"),
        (
            raw("206 Partial Content\r\nContent-Length: 9\r\nContent-Range: bytes 0-8/300000"),
            "another part than that asked for, 2 times",
        ),
        (raw(f"200 OK\r\nContent-Length: {len(CONTENT) + 9}", CONTENT), "broke after 300000 bytes"),
    ],
)
def test_what_is_no_whole_file_is_not_kept(tmp_path: Path, fault: Raw, said: str):
    with (
        serve({"f": CONTENT}, {"f": [fault] * 2}) as server,
        pytest.raises(errors.FetchError, match=said),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", tries=2, **FAST)
    assert list(tmp_path.iterdir()) == []


def part(first: int, last: int, body: bytes, total: int = len(CONTENT), tag: str = "") -> Raw:
    stated = f"Content-Range: bytes {first}-{last}/{total}\r\nContent-Length: {len(body)}"
    return raw(f"206 Partial Content\r\n{stated}" + (f'\r\nETag: "{tag}"' if tag else ""), body)


OTHER = CONTENT[::-1]
LAST, CUT, ASKED = len(CONTENT) - 1, 100_000, 100_000 - (1 << 16)


@pytest.mark.parametrize(
    "answer",
    [
        part(ASKED, ASKED + 9, CONTENT[ASKED : ASKED + 10]),
        part(ASKED, LAST, CONTENT[ASKED:-1]),
        part(0, LAST, CONTENT),
        part(ASKED + 1, LAST, CONTENT[ASKED + 1 :]),
        part(ASKED, LAST, CONTENT[ASKED:], len(CONTENT) + 1),
        part(ASKED, LAST, CONTENT[ASKED:], tag="another"),
        # A server that says by nothing, or wrongly, that this is another version.
        part(ASKED, LAST, OTHER[ASKED:]),
        part(ASKED, LAST, OTHER[ASKED:], tag="v"),
    ],
)
def test_a_part_that_does_not_fit_is_not_joined(tmp_path: Path, answer: Raw):
    first = raw(f'200 OK\r\n{LENGTH}\r\nETag: "v"', CONTENT[:CUT])
    with serve({"f": CONTENT}, {"f": [first, answer]}) as server:
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)
        assert server.asked("f") == [None, f"bytes={ASKED}-", None]
    assert (tmp_path / "f").read_bytes() == CONTENT


NEW_YEAR = "Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT"


@pytest.mark.parametrize(
    ("validator", "parts"),
    [
        ('ETag: "v"', True),
        ('ETag: W/"v"', False),
        (
            "Date: Mon, 01 Jan 2024 00:01:00 GMT\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            True,
        ),
        # It may have changed again in the same second.
        (
            "Date: Mon, 01 Jan 2024 00:00:01 GMT\r\nLast-Modified: Mon, 01 Jan 2024 00:00:00 GMT",
            False,
        ),
        ("Last-Modified: yesterday", False),
        ("X: y", False),
    ],
)
def test_parts_are_asked_for_if_the_server_vouches_for_the_version(
    tmp_path: Path, validator: str, parts: bool
):
    first = raw(f"200 OK\r\n{LENGTH}\r\n{validator}", CONTENT[:CUT])
    with serve({"f": CONTENT}, {"f": [first]}) as server:
        fetch.download(f"{server.url}f", tmp_path / "f", **FAST)
        assert server.asked("f") == [None, f"bytes={ASKED}-" if parts else None]
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.slow
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(tmp_path: Path, monkeypatch):
    with serve({"f": CONTENT}, {"f": [Trickle(0.02)] * 9}) as server:
        start = time.monotonic()
        with pytest.raises(errors.FetchError, match=r"less than 500 bytes a second.*FETCH_FLOOR"):
            fetch.download(f"{server.url}f", tmp_path / "f", timeout=0.2)
        with pytest.raises(errors.FetchError, match=r"only \d+ bytes came in 0.3 s.*_LONGEST"):
            fetch.download(f"{server.url}f", tmp_path / "f", floor=0, longest=0.3)
        monkeypatch.setenv("UVISXR_FETCH_FLOOR", "60")
        with pytest.raises(errors.FetchError, match="less than 60 bytes a second"):
            fetch.download(f"{server.url}f", tmp_path / "f", timeout=0.2)
        monkeypatch.setenv("UVISXR_FETCH_LONGEST", "0.2")
        with pytest.raises(errors.FetchError, match=r"in 0\.2 s"):
            fetch.download(f"{server.url}f", tmp_path / "f")
        assert time.monotonic() - start < 5
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_a_byte_a_request_is_given_up(tmp_path: Path):
    with (
        serve({"f": CONTENT}, {"f": [Cut(k) for k in range(1, 99)]}, ranges=False) as server,
        pytest.raises(errors.FetchError, match="broke after 3 bytes, 3 times"),
    ):
        fetch.download(f"{server.url}f", tmp_path / "f", tries=3, wait=0.05)


@pytest.mark.parametrize("value", ["fast", "-1", "nan"])
def test_a_floor_that_is_no_number(tmp_path: Path, monkeypatch, value: str):
    monkeypatch.setenv("UVISXR_FETCH_FLOOR", value)
    with pytest.raises(errors.ArgumentError, match="UVISXR_FETCH_FLOOR is '"):
        fetch.download("http://127.0.0.1:1/f", tmp_path / "f")


def test_more_than_such_a_file_can_have_is_not_taken(tmp_path: Path):
    chunks = b"ffff\r\n" + bytes(0xFFFF) + b"\r\n"
    endless = raw("200 OK\r\nTransfer-Encoding: chunked", chunks * 9)
    for fault in ([], [endless]):
        with (
            serve({"f": CONTENT}, {"f": fault}) as server,
            pytest.raises(errors.FetchError, match="more than 70000 bytes"),
        ):
            fetch.download(f"{server.url}f", tmp_path / "f", most=70_000, **FAST)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_processes_that_want_one_file_fetch_it_once(tmp_path: Path):
    script = "import sys; from uvisxr import fetch; fetch.download(*sys.argv[1:])"
    path = tmp_path / "file.bin"
    with serve({"f": CONTENT}, {"f": [Trickle(1e-3)]}) as server:
        # The first takes as long as the other needs to come.
        command = [sys.executable, "-c", script, f"{server.url}f", str(path)]
        processes = [subprocess.Popen(command) for _ in range(2)]
        while not server.requests or not list(tmp_path.glob(".*.part")):
            time.sleep(0.01)
        server.files = {"f": CONTENT[:10]}
        time.sleep(1.5)
        assert len(server.requests) == 1
        server.closing.set()
        assert [process.wait(30) for process in processes] == [0, 0]
    assert path.read_bytes() in (CONTENT, CONTENT[:10])
    assert _alone(path)


@pytest.mark.slow
def test_what_killed_downloads_left_is_removed_by_the_next(tmp_path: Path):
    """Be it of the same file or another; what others still write stays."""
    script = (
        "import os, signal, sys\n"
        "from uvisxr import fetch\n"
        "end = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "fetch.download(sys.argv[1], sys.argv[2], check=end)\n"
    )
    elsewhere = tmp_path / f".file.bin.{'0' * 32}.part"
    elsewhere.write_bytes(b"half")
    mine, held = tmp_path / ".mine.lock", tmp_path / f".{'f' * 16}.lock"
    mine.touch()
    path = tmp_path / "file.bin"
    with serve({"f": CONTENT}) as server:
        for name in ("file.bin", "other.bin"):
            killed = [sys.executable, "-c", script, f"{server.url}f", str(tmp_path / name)]
            assert subprocess.run(killed, check=False).returncode == -signal.SIGKILL
        # The second has removed what the first left.
        assert len(list(tmp_path.glob(".*.part"))) == 2
        assert len(list(tmp_path.glob(".*.lock"))) == 2
        with held.open("wb") as stream:
            assert locks.lock(stream.fileno())
            fetch.download(f"{server.url}f", path, **FAST)
    assert {*tmp_path.iterdir()} == {path, elsewhere, mine, held}


def star_line() -> str:
    """A line of CDS II/59B."""
    line = list(" " * 160)
    for at, text in ((4, "7      7"), (40, "1.234567-0.123456"), (91, "   100   10 -12")):
        line[at : at + len(text)] = text
    line[48:58] = " -0.123456"
    return "".join(line) + "\n"


TABLE = gzip.compress(star_line().encode() * 2)
NO_TABLES = {
    "text": b"no table",
    "packed text": gzip.compress(b"x" * 1000),
    "cut": TABLE[:-9],
    "damaged": TABLE[:30] + bytes([TABLE[30] ^ 1]) + TABLE[31:],
    "more after it": TABLE + b"more",
    "bomb": gzip.compress(bytes(2**26)),
}


class TestStars:
    """The table of CDS II/59B, of two stars."""

    @pytest.mark.parametrize("bad", NO_TABLES.values(), ids=NO_TABLES)
    def test_what_is_no_table_is_not_kept(self, tmp_path: Path, monkeypatch, bad: bytes):
        monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
        files = {"catalog.dat.gz": bad}
        with serve(files) as server:
            monkeypatch.setenv("UVISXR_URL_STARS", server.url)
            with pytest.raises(errors.FetchError, match=r"nothing of it was kept.*URL_STARS"):
                catalogue.fetch_catalogue()
            assert catalogue.downloaded() is None
            # One that an earlier version kept is fetched again.
            path = tmp_path / "stars" / "catalog.dat.gz"
            path.write_bytes(bad)
            files["catalog.dat.gz"] = TABLE
            assert catalogue.fetch_catalogue() == path
        assert path.read_bytes() == TABLE
        assert catalogue.read(path).sizes["star"] == 2
