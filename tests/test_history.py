"""Provenance lines."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

import uvisxr
from uvisxr.dataset.history import record, sha256


def test_one_line_a_step(tmp_path):
    path = tmp_path / "table.dat"
    path.write_bytes(b"abc")
    ds = xr.Dataset()
    one = record(ds, "calibrate", {"recipe": "pds", "files": path}, files=[path, path])
    two = record(one, "bin", {"by": {"lat": np.arange(3)}, "mode": "center"})
    first, second = two.attrs["history"].split("\n")
    digest = hashlib.sha256(b"abc").hexdigest()
    assert first == (
        f"uvisxr {uvisxr.__version__}: calibrate(recipe='pds', files='table.dat')"
        f" using table.dat sha256:{digest}"
    )
    assert second.endswith("bin(by={'lat': <array 3>}, mode='center')")
    assert "history" not in ds.attrs


def test_files_that_were_not_read_have_a_size(tmp_path):
    (tmp_path / "big.DAT").write_bytes(bytes(10))
    line = record(xr.Dataset(), "open", {}, unread=[tmp_path / "big.DAT"]).attrs["history"]
    assert line.endswith("open() using big.DAT 10 bytes")


def test_long_lists_are_cut():
    line = record(xr.Dataset(), "flag", {"pixels": list(range(100))}).attrs["history"]
    assert line.endswith("11, ...])")


def test_digest_follows_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"1")
    before = sha256(path)
    path.write_bytes(b"22")
    assert sha256(path) != before
