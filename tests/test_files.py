"""Whole files: one name or none, no name shared, nothing of the user's replaced."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import xarray as xr
from helpers.umask import permissions, umask

import uvisxr
from uvisxr import files
from uvisxr.errors import ArgumentError, ExportError
from uvisxr.kernels.meta import metakernel

OLD, NEW = b"old", b"new"


def write(path: Path, content: bytes = NEW, *args, **options) -> None:
    with files.whole_file(path, *args, **options) as temporary:
        temporary.write_bytes(content)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_when_it_is_whole(tmp_path: Path):
    path = tmp_path / "x.nc"
    with files.whole_file(path) as temporary:
        temporary.write_bytes(NEW)
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".") and temporary.suffix == ".part"
    assert path.read_bytes() == NEW
    assert names(tmp_path) == ["x.nc"]


def test_threads_that_write_one_file(tmp_path: Path):
    path, errors = tmp_path / "x.nc", []
    contents = [bytes([k]) * 200_000 for k in range(8)]
    start = threading.Barrier(len(contents))

    def work(content: bytes) -> None:
        try:
            for _ in range(50):
                start.wait()
                with files.whole_file(path) as temporary, temporary.open("wb") as stream:
                    for part in range(0, len(content), 50_000):
                        stream.write(content[part : part + 50_000])
                assert path.read_bytes() in contents
        except BaseException as error:
            errors.append(error)
            start.abort()

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["x.nc"]


def test_the_last_to_end_wins(tmp_path: Path):
    path = tmp_path / "x.nc"
    with files.whole_file(path) as first:
        first.write_bytes(b"first to begin")
        write(path, b"first to end")
        assert path.read_bytes() == b"first to end"
    assert path.read_bytes() == b"first to begin"


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027, 0o002])
@pytest.mark.parametrize("there", [False, True])
def test_permissions_are_those_of_a_new_file(tmp_path: Path, mask: int, there: bool):
    path, plain = tmp_path / "x.nc", tmp_path / "plain"
    if there:
        path.write_bytes(OLD)
        path.chmod(0o640)
    with umask(mask):
        write(path)
        plain.write_bytes(NEW)
    assert permissions(path) == permissions(plain) == 0o666 & ~mask


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("there", [False, True])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type, there: bool):
    path = tmp_path / "x.nc"
    if there:
        path.write_bytes(OLD)
    with pytest.raises(error), files.whole_file(path) as temporary:
        temporary.write_bytes(NEW)
        raise error
    assert names(tmp_path) == (["x.nc"] if there else [])
    assert not there or path.read_bytes() == OLD


def test_a_failure_before_the_first_byte(tmp_path: Path):
    with pytest.raises(ValueError), files.whole_file(tmp_path / "x.nc"):
        raise ValueError
    assert names(tmp_path) == []


def test_a_full_disk_says_what_to_do(tmp_path: Path):
    with (
        pytest.raises(
            ExportError,
            match=rf"x\.nc: No space left on device on the disk that holds {tmp_path}; free some",
        ) as said,
        files.whole_file(tmp_path / "x.nc") as temporary,
    ):
        temporary.write_bytes(NEW)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(said.value.__cause__, OSError)


@pytest.mark.parametrize("error", [OSError("NetCDF: HDF error"), PermissionError(13, "denied")])
def test_a_full_disk_that_a_library_hides(tmp_path: Path, error: OSError):
    """A limit on the sizes of files stands in for one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
        with (
            pytest.raises(
                ExportError, match=f"File too large on the disk that holds {tmp_path}; free some"
            ) as said,
            files.whole_file(tmp_path / "x.nc") as temporary,
        ):
            temporary.write_bytes(bytes(2**16))
            raise error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said.value.__cause__.errno == errno.EFBIG
    assert names(tmp_path) == []


def test_a_failure_on_a_disk_with_room_is_no_full_disk(tmp_path: Path):
    with (
        pytest.raises(ExportError, match=r"x\.nc: NetCDF: HDF error; check that the folder"),
        files.whole_file(tmp_path / "x.nc"),
    ):
        raise OSError("NetCDF: HDF error")
    assert names(tmp_path) == []
    assert names(tmp_path) == []


def test_missing_folder_and_nothing_written(tmp_path: Path):
    with pytest.raises(ExportError, match=r"there is no folder .*nowhere; make it"):
        write(tmp_path / "nowhere" / "x.nc")
    with (
        pytest.raises(ExportError, match=r"cannot write .*x\.nc"),
        files.whole_file(tmp_path / "x.nc"),
    ):
        pass


def test_a_file_that_cannot_be_read_meanwhile_is_named(tmp_path: Path):
    with (
        pytest.raises(ExportError, match=r"x\.nc: No such file or directory: .*gone\.bin"),
        files.whole_file(tmp_path / "x.nc"),
    ):
        (tmp_path / "gone.bin").read_bytes()


@pytest.mark.parametrize("letter", ["x", "ä", "木"])
def test_names_as_long_as_they_may_be(tmp_path: Path, letter: str):
    path = tmp_path / (letter * (252 // len(letter.encode())) + ".nc")
    write(path)
    assert names(tmp_path) == [path.name]


def test_the_temporary_name_can_be_elsewhere(tmp_path: Path):
    aside = tmp_path / "aside"
    aside.mkdir()
    with files.whole_file(tmp_path / "x.nc", folder=aside) as temporary:
        assert temporary.parent == aside
        temporary.write_bytes(NEW)
    assert names(aside) == [] and (tmp_path / "x.nc").read_bytes() == NEW


@pytest.mark.parametrize("ending", [".LBL", ".DAT", ".lbl", ".dat", ".Lbl", ".dAt"])
@pytest.mark.parametrize("there", [False, True])
def test_names_of_products_are_refused(tmp_path: Path, ending: str, there: bool):
    path = tmp_path / f"FUV2005_230_15_15{ending}"
    if there:
        path.write_bytes(OLD)
    with pytest.raises(ExportError, match=rf"{ending}: .*another ending"):
        write(path)
    assert names(tmp_path) == ([path.name] if there else [])
    assert not there or path.read_bytes() == OLD


def test_a_link_to_a_product_is_refused(tmp_path: Path):
    (tmp_path / "x.DAT").write_bytes(OLD)
    (tmp_path / "x.nc").symlink_to(tmp_path / "x.DAT")
    with pytest.raises(ExportError, match="products of the archive"):
        write(tmp_path / "x.nc")
    assert (tmp_path / "x.DAT").read_bytes() == OLD


def test_what_makes_products_may_write_them(tmp_path: Path):
    write(tmp_path / "x.DAT", archive=True)
    assert (tmp_path / "x.DAT").read_bytes() == NEW


@pytest.mark.parametrize("link", ["none", "symbolic", "of the folder", "hard", "of the input"])
def test_an_input_is_never_replaced(tmp_path: Path, link: str, monkeypatch: pytest.MonkeyPatch):
    source = tmp_path / "in" / "a.nc"
    source.parent.mkdir()
    source.write_bytes(OLD)
    target, known = source, source
    if link == "symbolic":
        target = tmp_path / "b.nc"
        target.symlink_to(source)
    elif link == "of the folder":
        (tmp_path / "out").symlink_to(source.parent)
        target = tmp_path / "out" / "a.nc"
    elif link == "hard":
        target = tmp_path / "b.nc"
        target.hardlink_to(source)
    elif link == "of the input":
        known = tmp_path / "b.nc"
        known.symlink_to(source)
    inputs = ["https://server/a.nc", tmp_path / "gone.nc", known]
    before = names(tmp_path)
    with pytest.raises(ExportError, match=r"were read from it .*another name"):
        write(target, NEW, inputs)
    monkeypatch.chdir(target.parent)
    with pytest.raises(ExportError, match="were read from it"):
        write(Path(target.name), NEW, inputs)
    assert source.read_bytes() == OLD
    assert names(tmp_path) == before


def test_other_files_are_replaced(tmp_path: Path):
    (tmp_path / "a.nc").write_bytes(OLD)
    (tmp_path / "b.nc").write_bytes(OLD)
    write(tmp_path / "b.nc", NEW, [tmp_path / "a.nc"])
    assert (tmp_path / "a.nc").read_bytes() == OLD
    assert (tmp_path / "b.nc").read_bytes() == NEW


def test_a_link_gives_way_to_the_file(tmp_path: Path):
    (tmp_path / "elsewhere.nc").write_bytes(OLD)
    (tmp_path / "x.nc").symlink_to("elsewhere.nc")
    write(tmp_path / "x.nc")
    assert (tmp_path / "elsewhere.nc").read_bytes() == OLD
    assert (tmp_path / "x.nc").read_bytes() == NEW
    assert not (tmp_path / "x.nc").is_symlink()


def test_folders_and_devices_are_refused(tmp_path: Path):
    with pytest.raises(ExportError, match="is a folder"):
        write(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ExportError, match="no ordinary file"):
        write(tmp_path / "pipe")
    assert names(tmp_path) == ["pipe"]


def test_one_file_by_several_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "x.nc"
    monkeypatch.chdir(tmp_path)
    assert files.same(path, "x.nc")
    assert files.same(path, tmp_path / "below" / ".." / "x.nc")
    assert not files.same(path, tmp_path / "y.nc")
    path.write_bytes(OLD)
    (tmp_path / "y.nc").hardlink_to(path)
    assert files.same(path, tmp_path / "y.nc")
    assert not files.same(path, tmp_path / "z.nc")


def test_digest_is_that_of_the_file_now(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(OLD)
    before = path.stat()
    assert files.sha256(path) == hashlib.sha256(OLD).hexdigest()
    # Of the same size and time, but another file.
    write(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert files.sha256(path) == hashlib.sha256(NEW).hexdigest()


def test_folders_of_paths_are_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Libraries shorten "link/.." before they open a name: the file would lie elsewhere."""
    (tmp_path / "other" / "folder").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "other" / "folder")
    monkeypatch.chdir(tmp_path / "here")
    xr.Dataset({"a": 1}).uvis.to_netcdf("link/../b.nc")
    assert names(tmp_path / "here") == ["link"]
    with xr.open_dataset(tmp_path / "other" / "b.nc") as back:
        assert back["a"] == 1


def test_the_users_home_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert xr.Dataset({"a": 1}).uvis.to_netcdf("~/a.nc") == tmp_path / "a.nc"
    assert names(tmp_path) == ["a.nc"]


def test_writers_return_the_file_they_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made):
    """Also where "~" names its folder, and then it is read back by the same name."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    ds = made.open().uvis.flag([(1, 2)], "star")
    assert ds.uvis.to_json("~/a.json") == tmp_path / "a.json"
    assert uvisxr.load_json("~/a.json")["frames"] == 12
    assert ds.uvis.stars.save("~/a.txt") == tmp_path / "a.txt"
    assert made.open().uvis.stars.load("~/a.txt").quality[1, 2] & 4
    assert metakernel(made.kernels, "~/new/a.tm") == tmp_path / "new" / "a.tm"
    assert ds.uvis.plot.evolution(path="~/a.pdf", pixels=[2]) == tmp_path / "a.pdf"
    assert names(tmp_path) == ["a.json", "a.pdf", "a.txt", "new"]


# --- files that others wrote


def ours(path: Path) -> bool:
    return path.read_text(encoding="utf-8").startswith("ours")


@pytest.mark.parametrize(
    ("content", "replaced"),
    [
        (b"ours 1", {None, True}),
        (b"theirs", {True}),
        (b"", {True}),
        (b"\xff not a text", {True}),
        (None, {None, True, False}),
    ],
)
def test_what_may_be_replaced(tmp_path, content, replaced):
    path = tmp_path / "a"
    if content is not None:
        path.write_bytes(content)
    for overwrite in (None, True, False):
        if overwrite in replaced:
            files.refuse_foreign(path, overwrite, ours)
        else:
            why = "it exists;" if overwrite is False else "it exists, and uvisxr did not write it;"
            with pytest.raises(ExportError, match=f"cannot write {path}: {why}.*overwrite=True"):
                files.refuse_foreign(path, overwrite, ours)


def test_what_may_be_replaced_is_asked_of_files_alone(tmp_path):
    """A pipe would not answer; folders and devices are for `check_target`."""

    def never(path: Path) -> bool:
        raise AssertionError(path)

    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", "/dev/null"):
        files.refuse_foreign(path, None, never)


def test_what_cannot_be_read_is_not_ours(tmp_path):
    def refused(path: Path) -> bool:
        raise PermissionError(path)

    (tmp_path / "a").write_text("ours")
    with pytest.raises(ExportError, match="did not write it"):
        files.refuse_foreign(tmp_path / "a", None, refused)


@pytest.mark.parametrize("overwrite", [1, 0, "yes"])
def test_overwrite_is_true_false_or_none(tmp_path, overwrite):
    with pytest.raises(ArgumentError, match=f"overwrite={overwrite!r}: expected one of"):
        files.refuse_foreign(tmp_path / "a", overwrite, ours)


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", ".", "..", "../x", "a/../../x", "a/..", "/etc/passwd", "//etc/passwd"),
        *("a\0b", "a\nb", "C:x", "C:/x", "a/C:x", "..\\x", "a\\b", "x" * 256, "\udcff"),
        *("http://evil.invalid/x", "a:b", "x/" * 128 + "x", "木" * 86),
    ],
)
def test_names_that_lead_elsewhere(tmp_path: Path, name: str):
    with pytest.raises(ArgumentError, match="is no path below a folder"):
        files.inside(tmp_path, name)


def test_names_are_followed_through_no_link_out_of_their_folder(tmp_path: Path):
    (tmp_path / "there").mkdir()
    here = tmp_path / "here"
    (here / "a").mkdir(parents=True)
    (here / "out").symlink_to(tmp_path / "there")
    (here / "file").symlink_to("/etc/passwd")
    (here / "within").symlink_to("a")
    (tmp_path / "link").symlink_to(here)
    for name in ("out/x", "file", "out"):
        with pytest.raises(ArgumentError, match="by a link"):
            files.inside(here, name)
    for name in ("a/x", "within/x", "new/x"):
        for folder in (here, tmp_path / "link"):
            assert files.inside(folder, name) == folder / name


def test_what_killed_writers_left_is_removed_by_the_next(tmp_path: Path):
    """At once if their process is gone; what others write, or hide, stays."""
    script = (
        "import os, sys, signal\n"
        "from uvisxr.files import whole_file\n"
        "with whole_file(sys.argv[1]) as name:\n"
        "    name.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.nc")], check=False)
    assert len(list(tmp_path.iterdir())) == 1
    elsewhere = tmp_path / f".b.nc.{'0' * 32}.part"
    older = tmp_path / f".c.nc.{'1' * 32}.part"
    own = tmp_path / ".d.part"
    for path in (elsewhere, older, own):
        path.write_text("half")
    for path in (older, own):
        os.utime(path, (1e9, 1e9))
    files._sweep.cache_clear()
    with files.whole_file(tmp_path / "e.nc") as name:
        name.write_text("whole")
        files._sweep.cache_clear()
        # Those of this process are in use.
        files.write_text(tmp_path / "f.txt", "whole")
    assert {path.name for path in tmp_path.iterdir()} == {
        elsewhere.name,
        ".d.part",
        "e.nc",
        "f.txt",
    }


def test_only_ordinary_files_are_read_whole(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match=r"no ordinary file|directory"):
            files.read_whole(path, 100)
    (tmp_path / "a").write_bytes(bytes(100))
    assert files.read_whole(tmp_path / "a", 100) == bytes(100)
    with pytest.raises(OSError, match="longer than 99 bytes"):
        files.read_whole(tmp_path / "a", 99)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("a\0b", "null"),
        ("x" * 5000, "File name too long"),
        ("x/" * 3000, "File name too long"),
        ("~nobody_of_this_name/x", "home"),
        (b"x".decode() + "\0", "null"),
        ("/dev/null", "not of a pipe, a socket or a device"),
    ],
)
def test_what_cannot_be_a_path(path: str, words: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ArgumentError, match=f"here=.*: expected a path.*{words}"):
        files.check_name("here", path)
    if "\0" not in path:
        monkeypatch.setenv("UVISXR_CACHE", path)
        with pytest.raises(ArgumentError, match=f"UVISXR_CACHE=.*: expected a path.*{words}"):
            files.from_variable("UVISXR_CACHE")


def test_a_pipe_is_no_path(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ArgumentError, match="not of a pipe"):
        files.check_name("path", tmp_path / "pipe")


def test_what_may_be_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "loop").symlink_to("loop")
    for path in (tmp_path, tmp_path / "not there", tmp_path / "loop", "", None, 3, "http://a/b"):
        files.check_name("path", path)
    monkeypatch.setenv("UVISXR_CACHE", "")
    assert files.from_variable("UVISXR_CACHE") is None
    monkeypatch.setenv("UVISXR_CACHE", "~/x")
    assert files.from_variable("UVISXR_CACHE") == Path.home() / "x"


def test_folders_are_walked_through_links_but_not_for_ever(tmp_path, monkeypatch):
    (tmp_path / "a" / ".b").mkdir(parents=True)
    for name in ("one", "a/two", "a/.b/three", "a/.four"):
        (tmp_path / name).touch()
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    found = [path.relative_to(tmp_path).as_posix() for path in files.below(tmp_path)]
    assert sorted(found) == ["a/.b/three", "a/.four", "a/two", "one"]
    seen = [path.name for path in files.below(tmp_path, hidden=False)]
    assert sorted(seen) == ["one", "two"]
    monkeypatch.setattr(files, "_FILES", 4)
    with pytest.raises(ArgumentError, match="holds more than 4 files and folders: name the folder"):
        list(files.below(tmp_path))


def test_only_ordinary_files_are_opened(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero")):
        with pytest.raises(OSError, match="no ordinary file"):
            files.opened(path)
    with pytest.raises(OSError, match=r"no ordinary file|directory"):
        files.opened(tmp_path)
    with pytest.raises(OSError, match="no ordinary file"):
        files.sha256(pipe)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_789, True),
        # As a file system of 100 ns, whole seconds, or two of them has it.
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_700, True),
        (1_700_000_000_000_000_000, 1_700_000_000_123_456_789, True),
        (1_700_000_001_123_456_789, 1_700_000_000_000_000_000, True),
        (1_700_000_000_123_456_789, 1_700_000_000_123_456_788, False),
        (1_700_000_000_123_456_789, 1_700_000_001_000_000_000, False),
        (1_700_000_000_000_000_000, 1_700_000_002_000_000_000, False),
    ],
)
def test_times_of_files_are_compared_as_file_systems_have_them(before, after, same):
    known = files.State(10, before)
    for state, alike in ((files.State(10, after), same), (files.State(11, before), False)):
        if alike:
            known.require(state)
        else:
            with pytest.raises(OSError, match="another size or time"):
                known.require(state)
