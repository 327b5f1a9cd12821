"""The command `uvisxr` as a whole, and its `process`, as a shell sees them."""

from __future__ import annotations

import subprocess
import sys

import click
import dask
import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from helpers.interpreter import brought, python
from helpers.products import two_windows, write_product
from helpers.tinykernels import texts

import uvisxr
from uvisxr.accessor import UvisAccessor
from uvisxr.calibration.recipe import RECIPES
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, ExportError
from uvisxr.reader import observation
from uvisxr.simulate import calibration_files

NAME = "FUV2005_230_15_15"

OPTIONS = ("--no-flat-field", "--no-trend", "--evil-pixels", "interpolate")


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def commands(group=main, names=()):
    """Words of every command and group."""
    for name, command in group.commands.items():
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))


def test_version_and_help_start_at_once():
    """They import no library but click: neither xarray nor what a command works with."""
    asked = [["--version"], ["--help"], *([*names, "--help"] for names in commands())]
    assert len(asked) > 10
    code = f"""
sys.argv = ["/bin/uvisxr"]
from uvisxr.cli import main
for arguments in {asked}:
    main(arguments, standalone_mode=False)
"""
    # click has colours on Windows from colorama.
    assert {"click", "uvisxr"} <= brought(code) <= {"click", "colorama", "uvisxr"}


@pytest.mark.parametrize("words", [[], ["kernels"], ["calibration"]])
def test_a_group_without_a_command_shows_its_help(words):
    """As it is, in lines."""
    result = run(*words)
    told = result.stderr or result.stdout
    assert told.splitlines()[1:] == run(*words, "--help").stdout.splitlines()[1:]
    assert told.startswith("Usage: ") and "Error" not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "/dev/null"], "'-o' / '--output': '/dev/null': expected a path of a file or a"),
        (["-o", "-"], "'-o' / '--output': '-': no command reads or writes a pipe"),
        (["-o", ""], "'-o' / '--output': expected a path, and this is empty"),
        (["-o", "x.nc", "--background", "-1"], "--background -1"),
    ],
)
def test_messages_name_options_once_and_no_arguments(product, tmp_path, words, said):
    result = run("process", product, *words, *OPTIONS)
    assert result.exit_code in (1, 2) and said in " ".join(result.stderr.split())
    assert not any(inner in result.stderr for inner in ("level=", "-o=", "path="))


def test_another_ending_than_that_of_netcdf_is_told(product, tmp_path):
    output = tmp_path / "p.txt"
    result = run("process", product, "-o", output, *OPTIONS)
    assert result.exit_code == 0 and "p.txt will be a NetCDF file" in result.stderr


@pytest.mark.parametrize("words", [[], ["--kernels", "k"]])
def test_a_target_that_is_misspelt_is_told(product, tmp_path, monkeypatch, words):
    """Where no kernels are used, too."""
    monkeypatch.chdir(tmp_path)
    texts(tmp_path / "k")
    result = run("process", product, "--target", "ENCELADIS", "-o", "x.nc", *words, *OPTIONS)
    assert "did you mean 'ENCELADUS'?" in result.stderr


def script(*arguments):
    """Output of the command as its script runs it: under its own name, which workers inherit."""
    code = "import sys; sys.argv[0] = '/bin/uvisxr'; from uvisxr.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_script_processes(product, tmp_path):
    options = ("--background", 4e-4, *OPTIONS)
    assert script("process", product, "-o", tmp_path / "out.nc", *options).strip().endswith(".nc")


@pytest.mark.slow
def test_script_processes_on_workers(product, tmp_path):
    pipeline = tmp_path / "pipeline.yaml"
    pipeline.write_text(
        "- calibrate: {flat_field: false, trend: false, evil_pixels: interpolate}\n"
    )
    told = script("batch", product, "-p", pipeline, "-o", tmp_path / "out", "--workers", 1)
    assert told.startswith("1 done, 0 failed")


def test_module_is_the_command():
    told = python("-m", "uvisxr", "--version")
    assert told.startswith(f"uvisxr, version {uvisxr.__version__} (Python ")


def test_recipes_are_listed():
    assert f"[{'|'.join(RECIPES)}]" in run("process", "--help").stdout


@pytest.fixture
def product(tmp_path):
    return write_product(tmp_path, NAME, samples=3, band_bin=4)


def one_line(result):
    assert result.exit_code == 1
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("uvisxr: ")
    return lines[0]


def test_process(product, tmp_path):
    out, summary = tmp_path / "out.nc", tmp_path / "out.json"
    result = run(
        *("process", product, "-o", out, "--json", summary, *OPTIONS),
        *("--recipe", "pds", "--background", "4e-4", "--errors", "statistical"),
    )
    assert result.exit_code == 0, result.stderr
    expected = (
        uvisxr.open_product(product)
        .uvis.background(level=4e-4)
        .uvis.calibrate(
            recipe="pds",
            flat_field=False,
            trend=False,
            evil_pixels="interpolate",
            errors="statistical",
        )
    )
    with xr.open_dataset(out) as ds:
        xr.testing.assert_allclose(ds.radiance, expected.radiance)
        assert "background" in ds.attrs["history"]
    assert uvisxr.load_json(summary)["frames"] == 3


def test_process_takes_the_background_of_the_date(product, tmp_path):
    out = tmp_path / "out.nc"
    result = run("process", product, "-o", out, "--background", "rtg", *OPTIONS)
    assert result.exit_code == 0 and "is not measured from these data" in result.stderr
    with xr.open_dataset(out) as ds:
        assert ds.background_method == "rtg"
        year = ds.time_start.dt.year.item(0) + ds.time_start.dt.dayofyear.item(0) / 365
        expected = 4.64e-4 * np.exp(-0.0247 * (year - 2004))
        np.testing.assert_allclose(ds.background, expected, rtol=2e-3)
        np.testing.assert_allclose(ds.background_error, 0.1 * ds.background)
    wrong = run("process", product, "-o", out, "--background", "gaps", *OPTIONS)
    assert wrong.exit_code == 2 and "'gaps' is neither a number nor rtg" in wrong.stderr


def test_process_into_a_compact_file(product, tmp_path):
    paths = [tmp_path / "whole.nc", tmp_path / "compact.nc"]
    for path, option in zip(paths, ((), ("--compact",)), strict=True):
        result = run("process", product, "-o", path, *OPTIONS, *option)
        assert result.exit_code == 0, result.stderr
        assert not result.stderr
    with xr.open_dataset(paths[1]) as ds:
        assert "radiance" not in ds
    xr.testing.assert_identical(uvisxr.open_reduced(paths[1]).load(), xr.load_dataset(paths[0]))


def test_warnings_name_options_of_the_command(product, tmp_path):
    wide = write_product(tmp_path, "FUV2005_230_16_00", band_bin=32)
    result = run("process", wide, "-o", tmp_path / "out.nc", *OPTIONS[:3], "mask")
    assert result.exit_code == 0
    (line,) = result.stderr.splitlines()
    assert line.startswith("uvisxr: warning: only ")
    assert line.endswith("hold evil detector pixels: give --evil-pixels response")


def test_wide_bins_are_calibrated_by_default(tmp_path):
    wide = write_product(tmp_path, "FUV2005_230_16_00", band_bin=32)
    out = tmp_path / "out.nc"
    result = run("process", wide, "-o", out, *OPTIONS[:2])
    assert (result.exit_code, result.stderr) == (0, "")
    expected = uvisxr.open_product(wide).uvis.calibrate(flat_field=False, trend=False)
    with xr.open_dataset(out) as ds:
        xr.testing.assert_allclose(ds.radiance, expected.radiance)
        assert ds.radiance[:, 2:62, 2:].notnull().all()


def test_process_writes_a_group_for_each_window(product, tmp_path):
    two_windows(product)
    result = run("process", product, "-o", tmp_path / "out.nc", *OPTIONS)
    assert result.exit_code == 0, result.stderr
    with xr.open_datatree(tmp_path / "out.nc") as tree:
        assert [node.radiance.shape[1] for node in tree.children.values()] == [30, 15]
    result = run("process", product, "-o", tmp_path / "b.nc", *OPTIONS, "--json", tmp_path / "b.js")
    assert result.exit_code == 0, result.stderr
    written = [tmp_path / f"b_window{k}.js" for k in range(2)]
    assert result.stdout.split() == [str(path) for path in (tmp_path / "b.nc", *written)]
    assert [uvisxr.load_json(path)["spatial_bins"] for path in written] == [30, 15]
    written[1].write_text("mine")
    (tmp_path / "b.nc").unlink()
    result = run("process", product, "-o", tmp_path / "b.nc", *OPTIONS, "--json", tmp_path / "b.js")
    assert "b_window1.js: it exists, and uvisxr did not write it" in one_line(result)
    assert not (tmp_path / "b.nc").exists()
    result = run("process", product, "-o", tmp_path / "b.nc", *OPTIONS, "--window", 1)
    assert result.exit_code == 0
    with xr.open_dataset(tmp_path / "b.nc") as ds:
        assert ds.radiance.shape[1] == 15


def test_damaged_product_is_one_line(product, tmp_path):
    product.with_suffix(".DAT").write_bytes(b"short")
    line = one_line(run("process", product, "-o", tmp_path / "out.nc", "--no-flat-field"))
    assert f"{NAME}.DAT is truncated" in line
    assert not (tmp_path / "out.nc").exists()


def test_missing_calibration_is_one_line(product, tmp_path):
    line = one_line(run("process", product, "-o", tmp_path / "out.nc"))
    assert "FLATFIELD_FUV_POSTBURN.txt" in line
    assert "uvisxr calibration fetch" in line
    # The words of the shell for the arguments of Python.
    assert "folder with --calibration or UVISXR_CALIBRATION, or do without: --no-flat-field" in line
    assert not (tmp_path / "out.nc").exists()


def test_unwritable_output_is_one_line(product, tmp_path):
    line = one_line(run("process", product, "-o", tmp_path / "no" / "out.nc", *OPTIONS))
    assert "there is no folder" in line


@pytest.mark.parametrize(
    "arguments",
    [["process"], ["process", "x"], ["process", "x", "-o", "y", "--recipe", "z"]],
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("ending", [".DAT", ".LBL", ".dat"])
@pytest.mark.parametrize("option", ["-o", "--json"])
def test_an_output_never_replaces_a_product(product, tmp_path, ending, option):
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    target = product.with_suffix(ending)
    outputs = ("-o", target) if option == "-o" else ("-o", tmp_path / "x.nc", "--json", target)
    line = one_line(run("process", product, *outputs, *OPTIONS))
    assert str(target) in line and "another ending" in line
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_process_one_channel_of_a_day(tmp_path):
    for name in ("FUV2005_230_15_15", "EUV2005_230_15_15"):
        write_product(tmp_path / "D2005_230", name, band_bin=32)
    arguments = ("process", tmp_path / "D2005_230", "-o", tmp_path / "day.nc", *OPTIONS)
    assert "`uvisxr process` also take --channel EUV" in one_line(run(*arguments))
    result = run(*arguments, "--channel", "EUV")
    assert result.exit_code == 0, result.output
    with xr.open_dataset(tmp_path / "day.nc") as ds:
        assert ds.attrs["channel"] == "EUV"


def test_process_with_another_target(product, tmp_path):
    """In place of the label's, as in open_observation; it chooses no products."""
    out = tmp_path / "out.nc"
    assert run("process", product, "-o", out, *OPTIONS, "--target", "dione").exit_code == 0
    with xr.open_dataset(out) as ds:
        assert ds.attrs["target"] == "DIONE"


def test_an_output_never_replaces_a_list_of_products(product, tmp_path):
    batch = tmp_path / "list.txt"
    batch.write_text(f"{product}\n")
    line = one_line(run("process", batch, "-o", batch, *OPTIONS))
    assert "list.txt" in line and "another name" in line
    ds = uvisxr.open_observation(batch=batch)
    with pytest.raises(ExportError, match=r"list\.txt"):
        ds.uvis.to_netcdf(batch)
    assert batch.read_text() == f"{product}\n"


def test_an_output_never_replaces_what_a_step_reads(product, tmp_path):
    folder = tmp_path / "calibration"
    calibration_files.write(folder, "FUV")
    lab = folder / "FUV_1999_Lab_Cal.dat"
    flat = folder / "FLATFIELD_FUV_POSTBURN.txt"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for outputs in (("-o", flat), ("-o", tmp_path / "x.nc", "--json", flat), ("-o", lab)):
        line = one_line(run("process", product, *outputs, "--calibration", folder))
        assert "cannot write" in line
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert not (tmp_path / "x.nc").exists()


def test_two_outputs_of_one_name(product, tmp_path):
    out = tmp_path / "x.nc"
    for other in (out, tmp_path / "below" / ".." / "x.nc"):
        result = run("process", product, "-o", out, "--json", other, *OPTIONS)
        assert result.exit_code == 2
        assert "the same file" in result.stderr
    assert not out.exists()


def test_process_with_a_table_of_the_response_of_evil_pixels(tmp_path):
    wide = write_product(tmp_path, "FUV2005_230_16_00", band_bin=32)
    table = tmp_path / "mine.csv"
    table.write_text(
        "# channel: FUV\nfirst_band,last_band,response,response_error,response_scatter\n"
        "0,1023,0.9,0.01,0\n"
    )
    out = tmp_path / "out.nc"
    result = run("process", wide, "-o", out, *OPTIONS[:2], "--evil-response", table)
    assert result.exit_code == 0, result.stderr
    expected = uvisxr.open_product(wide).uvis.calibrate(
        flat_field=False, trend=False, evil_response=table
    )
    with xr.open_dataset(out) as ds:
        xr.testing.assert_allclose(ds.radiance, expected.radiance)
        assert "mine.csv sha256:" in ds.attrs["history"]
    assert run("process", wide, "-o", out, "--evil-response", "missing.csv").exit_code == 2


def test_home_in_quotes(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_product(tmp_path / "data", NAME, band_bin=32)
    done = run("process", f"~/data/{NAME}.LBL", "-o", "~/out.nc", *OPTIONS)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out.nc").is_file()
    failed = run("process", "~nobody-here/a.LBL", "-o", "out.nc")
    assert failed.exit_code == 2
    assert "~nobody-here/a.LBL" in failed.output


def test_kernels_of_several_places(tmp_path, monkeypatch):
    label = write_product(tmp_path, NAME, band_bin=32)
    folders = [tmp_path / name for name in "ab"]
    seen = []

    def geometry(self, kernels, optics):
        assert optics is None
        seen.extend(kernels)
        return self._ds

    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(UvisAccessor, "geometry", geometry)
    options = [part for folder in folders for part in ("--kernels", folder)]
    done = run("process", label, "-o", tmp_path / "out.nc", *options, *OPTIONS)
    assert done.exit_code == 0, done.output
    assert seen == folders


def test_optics(titan, tmp_path):
    out = tmp_path / "out.nc"
    kernels = [part for path in titan.kernels for part in ("--kernels", path)]
    options = ("process", titan.labels[0], "-o", out, "--optics", "solar_port")
    assert "--optics is for the geometry: give --kernels too" in run(*options).stderr
    assert "only the EUV has a solar port" in run(*options, *kernels).stderr
    assert not out.exists()


def test_a_scheduler_of_dask_that_there_is_not(tmp_path, monkeypatch):
    """As of DASK_SCHEDULER; the error comes before the work, and names the variable."""
    product, out = write_product(tmp_path, NAME, band_bin=32), tmp_path / "a.nc"
    with dask.config.set(scheduler="nonsense"):
        with pytest.raises(ArgumentError, match=r"to 'nonsense', by .* DASK_SCHEDULER .*Expected"):
            uvisxr.open_product(product).uvis.rate().uvis.to_netcdf(out)
        monkeypatch.setattr(observation, "open_observation", None)
        result = run("process", product, "-o", out, *OPTIONS)
    assert result.exit_code == 1 and "DASK_SCHEDULER" in result.stderr
    assert len(result.stderr.splitlines()) == 1 and not out.exists()


def test_an_empty_path_is_named(tmp_path):
    (tmp_path / "p.yaml").write_text("- rate\n")
    result = run("batch", "a", "-p", tmp_path / "p.yaml", "--out", "")
    assert result.exit_code == 2
    assert "'--out' / '-o': expected a path, and this is empty" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("x" * 5000,),
        ("--" + "x" * 5000,),
        ("kernels", "x" * 5000),
        ("info", "--" + "x" * 5000),
        ("plot", "x\n" * 5000, "-o", "x" * 200),
        ("batch", "a", "--workers", "x" * 5000),
        ("process", "a", "-o", "x" * 5000),
        ("fetch", "x" * 5000),
    ],
)
def test_messages_are_bounded(words):
    result = run(*words)
    assert result.exit_code in (1, 2)
    assert max(map(len, result.stderr.splitlines())) <= len("Error: ") + 500
    assert len(result.stderr.splitlines()) <= 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("libnetcdf.so: failed to map segment"), "a library cannot be loaded: libnetc"),
        (MemoryError(), "the memory does not suffice; raise its limit"),
        (MemoryError("Unable to allocate 2 GiB"), "the memory does not suffice: Unable to alloc"),
    ],
)
def test_short_memory_is_one_line(monkeypatch, tmp_path, error, said):
    def fails(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(observation, "open_observation", fails)
    path = write_product(tmp_path, "FUV2005_230_15_15")
    result = CliRunner().invoke(main, ["process", str(path), "-o", str(tmp_path / "x.nc")])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"uvisxr: {said}")
