"""The command `info`, as a shell sees it."""

from __future__ import annotations

import gzip
import os
import platform
import re
import sys
from importlib import metadata

import netCDF4
import numpy
import pytest
import spiceypy
import xarray
from click.testing import CliRunner
from helpers.interpreter import brought
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.cli import main, system

NAME = "FUV2005_230_15_15"
HEAD = ["product", "channel", "slit", "target", "start", "stop", "exposures", "shape", "bins"]


def run(*paths):
    return CliRunner().invoke(main, ["info", *map(str, paths)])


@pytest.fixture
def product(tmp_path):
    return write_product(tmp_path, NAME, samples=3, band_bin=4)


def one_line(result):
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("uvisxr: ")
    return lines[0]


def test_table(product, tmp_path):
    other = write_product(tmp_path, "EUV2005_230_16_15", slit="OCCULTATION", target="S RINGS")
    result = run(product, other)
    assert (result.exit_code, result.stderr) == (0, "")
    head, *rows = result.stdout.splitlines()
    assert head.split() == HEAD
    # The first exposure ends at START_TIME.
    assert rows[0].split() == [
        *(NAME, "FUV", "LOW_RESOLUTION", "SATURN"),
        *("2005-08-18T15:14:34.141", "2005-08-18T15:16:04.141"),
        *("3", "x", "30", "s", "60x256", "1x4"),
    ]
    assert "S RINGS" in rows[1]
    assert {row.index("2005-08") for row in rows} == {head.index("start")}


def test_a_pipe_refuses_no_other(product, tmp_path):
    pipe = tmp_path / "FUV2005_231_15_15.LBL"
    os.mkfifo(pipe)
    result = run(pipe, product)
    assert result.exit_code == 1 and NAME in result.stdout
    assert result.stderr.endswith(".LBL is a pipe, a socket or a device, and no product\n")


def test_takes_neither_xarray_nor_anything_slow_to_import(product):
    """Only what reads labels: of libraries no more than numpy, and click of the command."""
    code = f"sys.argv = ['uvisxr']; from uvisxr.cli import main; main(['info', {str(product)!r}], "
    code += "standalone_mode=False)"
    assert brought(code) == {"click", "numpy", "uvisxr"}


def test_real_products(data):
    result = run(data / "products" / "FUV2005_230_15_15")
    assert result.exit_code == 0
    row = result.stdout.splitlines()[1]
    assert row.split() == [
        *(NAME, "FUV", "LOW_RESOLUTION", "S", "RINGS"),
        *("2005-08-18T15:05:04.141", "2005-08-18T19:15:04.141"),
        *("25", "x", "600", "s", "64x512", "1x2"),
    ]


def test_label_alone_is_told_and_the_missing_data_named(data):
    result = run(data / "labels" / "FUV2007_253_17_19.LBL")
    assert "HIGH_RESOLUTION  IAPETUS" in result.stdout
    assert "FUV2007_253_17_19.DAT" in one_line(result)


def test_windows(product):
    two_windows(product)
    assert run(product).stdout.splitlines()[1].endswith("30x256 15x256  1x4 2x4")


def test_damaged_products_do_not_hide_the_good(product, tmp_path):
    bad = write_product(tmp_path, "FUV2005_230_16_15")
    bad.write_bytes(b"garbage")
    result = run(tmp_path)
    assert NAME in result.stdout
    assert "FUV2005_230_16_15.LBL is not a PDS label" in one_line(result)


def test_data_of_another_size_is_one_line(product):
    product.with_suffix(".DAT").write_bytes(b"short")
    assert f"{NAME}.DAT is truncated" in one_line(run(product))


@pytest.mark.parametrize("samples", [10**6, 10**7, 10**12])
def test_more_exposures_than_the_data_have_are_one_line(product, samples):
    product.write_text(re.sub(r"\(1024, 64, \d+\)", f"(1024, 64, {samples})", product.read_text()))
    assert re.search(r"contradicts itself|no product has more", one_line(run(product)))


@pytest.mark.parametrize("content", [b"garbage", b""])
def test_garbage_is_one_line(tmp_path, content):
    (tmp_path / f"{NAME}.LBL").write_bytes(content)
    result = run(tmp_path / f"{NAME}.LBL")
    assert "not a PDS label" in one_line(result)
    assert result.stdout == ""


def test_nothing_there_is_one_line(tmp_path):
    assert "no product in" in one_line(run(tmp_path / "nowhere"))


def test_what_is_missing_does_not_hide_the_rest(product, tmp_path):
    other = write_product(tmp_path, "EUV2005_230_16_15")
    result = run(product, tmp_path / "nowhere", other)
    assert [row.split()[0] for row in result.stdout.splitlines()[1:]] == [NAME, other.stem]
    assert "nowhere" in one_line(result)


@pytest.mark.parametrize("word", ["UNK", "N/A"])
def test_unknown_slits_and_targets_are_told_apart(tmp_path, word):
    label = write_product(tmp_path, NAME, slit="UNK", target=word)
    assert run(label).stdout.splitlines()[1].split()[2:4] == ["UNK", word]


def test_wrong_usage():
    assert run().exit_code == 2


def test_warnings_are_lines_too(product):
    product.write_text(product.read_text().replace(f'"{NAME}.DAT"', '"OTHER.DAT"'))
    result = run(product)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0].startswith("uvisxr: warning: ")


def test_what_a_label_says_against_itself_is_named(product):
    product.write_text(
        product.read_text().replace(
            'STOP_TIME                       = "UNK"', "STOP_TIME = 2005-231T15:15:04.141"
        )
    )
    result = run(product)
    assert result.exit_code == 0
    assert "warning: " in result.stderr and "STOP_TIME is 86400 s after" in result.stderr


@pytest.mark.parametrize("cut", [False, True])
def test_packed_data_that_are_damaged_are_named(product, cut):
    """By their ends: nothing is unpacked of what is whole."""
    data = product.with_suffix(".DAT")
    packed = gzip.compress(data.read_bytes())
    data.unlink()
    there = product.with_name(f"{NAME}.DAT.{'gz' if cut else 'bz2'}")
    there.write_bytes(packed[: len(packed) // 2] if cut else packed)
    said = one_line(run(product))
    assert ("cannot unpack" if cut else "is no bz2 file but one of gz") in said


def asked(*words) -> dict[str, str]:
    result = CliRunner().invoke(main, ["info", "--system", *words])
    assert (result.exit_code, result.stderr) == (0, "")
    return dict(re.split(r" {2,}", line, maxsplit=1) for line in result.stdout.splitlines())


def test_version_is_one_line_with_what_matters():
    told = CliRunner().invoke(main, ["--version"]).stdout
    assert told == (
        f"uvisxr, version {uvisxr.__version__} (Python {platform.python_version()}, "
        f"xarray {xarray.__version__}, numpy {numpy.__version__}, "
        f"spiceypy {metadata.version('spiceypy')})\n"
    )


def test_the_system_is_described_by_what_the_libraries_say_of_themselves():
    told = asked()
    assert told["uvisxr"] == uvisxr.__version__
    assert told["Python"].startswith(platform.python_version())
    assert told["numpy"] == numpy.__version__ and told["xarray"] == xarray.__version__
    assert told["CSPICE"] == spiceypy.tkvrsn("TOOLKIT")
    assert told["HDF5"] == netCDF4.__hdf5libversion__
    assert told["netCDF in C"] == netCDF4.__netcdf4libversion__
    assert told["[matplotlib]"] == metadata.version("matplotlib")
    assert not {"pytest", "[pytest]", "[mypy]"} & told.keys()


def test_places_are_told_and_whether_anything_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(system.Path, "home", lambda: tmp_path / "someone")
    calibration, cache = (tmp_path / "someone" / name for name in ("tables", "cache"))
    calibration.mkdir(parents=True)
    (tmp_path / "someone" / "k").mkdir()
    monkeypatch.setenv("UVISXR_CALIBRATION", str(calibration))
    monkeypatch.setenv("UVISXR_CACHE", str(cache))
    monkeypatch.setenv("UVISXR_KERNELS", str(tmp_path / "someone" / "k"))
    told = asked()
    assert told["calibration"] == ("~/tables (the environment variable UVISXR_CALIBRATION), empty")
    assert told["cache"] == "~/cache (UVISXR_CACHE), not found"
    assert told["kernels"] == "~/k (UVISXR_KERNELS)"
    (calibration / "a.dat").touch()
    assert asked()["calibration"].endswith("UVISXR_CALIBRATION)")
    assert not any("someone" in said for said in told.values())


def test_what_is_broken_or_absent_ends_no_report(monkeypatch, tmp_path):
    monkeypatch.setenv("UVISXR_CALIBRATION", str(tmp_path / "nothing"))
    monkeypatch.setenv("UVISXR_CACHE", str(tmp_path))
    monkeypatch.delenv("UVISXR_KERNELS", raising=False)
    monkeypatch.setitem(sys.modules, "netCDF4", None)
    missing = metadata.PackageNotFoundError

    def version(name: str) -> str:
        if name == "numpy":
            raise missing(name)
        return "1"

    monkeypatch.setattr(system.metadata, "version", version)
    told = asked()
    assert told["numpy"] == "absent" and told["scipy"] == "1"
    assert "halted" in told["HDF5"]
    assert "is not a folder" in told["calibration"] and "no SPICE kernels" in told["kernels"]


def test_nothing_of_the_environment_is_told_but_places(monkeypatch):
    monkeypatch.setenv("UVISXR_URL_PRODUCTS", "https://secret.example.org/")
    monkeypatch.setenv("HTTPS_PROXY", "http://name:password@proxy.example.org")
    told = " ".join(asked().values())
    assert "example.org" not in told and platform.node() not in told


@pytest.mark.parametrize("words", [[], ["--system", "x.LBL"]])
def test_products_or_the_system(words):
    result = CliRunner().invoke(main, ["info", *words])
    assert result.exit_code == 2 and "give either products or --system" in result.stderr


def test_a_checkout_that_is_not_installed_is_described(monkeypatch):
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(system.metadata, "requires", requires)
    assert asked()["uvisxr"] == uvisxr.__version__
