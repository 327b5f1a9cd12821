"""Pictures of products, as a shell asks for them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from helpers.absent import hide
from helpers.products import product_id, two_windows, write_product
from helpers.slow import rest_slow
from PIL import Image

from uvisxr.cli import main

NAME = product_id(0)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["plot", *map(str, arguments)])


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "in", NAME, samples=3, band_bin=32)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.mark.slow
def test_a_picture_for_each_product(product, tmp_path):
    write_product(product.parent, product_id(1), samples=2, band_bin=32)
    result = run(product.parent, "-o", tmp_path / "a" / "b")
    assert result.exit_code == 0, result.output
    expected = [tmp_path / "a" / "b" / f"{product_id(n)}.png" for n in range(2)]
    assert result.stdout.split() == list(map(str, expected))
    for path in expected:
        with Image.open(path) as image:
            assert image.size == (1000, 700)
            # Something is drawn.
            assert np.asarray(image.convert("L")).std() > 20


@pytest.mark.slow
def test_in_the_current_folder(product, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(product).stdout == f"{NAME}.png\n"
    assert (tmp_path / f"{NAME}.png").exists()


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in ("png", "pdf", "svg")]
)
def test_again_gives_the_same_file(product, tmp_path, kind):
    out = tmp_path / "out"
    for _ in range(2):
        assert run(product, "-o", out, "--format", kind).exit_code == 0
        found = files(out)
        assert list(found) == [f"{NAME}.{kind}"]
    (out / f"{NAME}.{kind}").rename(tmp_path / "first")
    run(product, "-o", out, "--format", kind)
    assert (tmp_path / "first").read_bytes() == found[f"{NAME}.{kind}"]


@pytest.mark.slow
def test_each_window_has_its_own(product, tmp_path):
    two_windows(write_product(product.parent, NAME, samples=3))
    result = run(product, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert list(files(tmp_path / "out")) == [f"{NAME}_window0.png", f"{NAME}_window1.png"]


@pytest.mark.slow
def test_one_channel_and_a_range(product, tmp_path):
    write_product(product.parent, product_id(0, "EUV"), band_bin=32)
    out = tmp_path / "out"
    assert run(product.parent, "-o", out, "--channel", "FUV").exit_code == 0
    whole = files(out)
    assert list(whole) == [f"{NAME}.png"]
    assert run(product, "-o", out, "--wl-range", 1400, 1700).exit_code == 0
    assert files(out) != whole


@pytest.mark.slow
@pytest.mark.parametrize("kind", rest_slow(["png", "pdf", "svg"], 1))
def test_no_other_file_is_replaced(product, tmp_path, kind):
    out = tmp_path / "out"
    out.mkdir()
    mine = out / f"{NAME}.{kind}"
    for content in (b"", b"mine", b"\x89PNG\r\n\x1a\n" + bytes(100)):
        mine.write_bytes(content)
        result = run(product, "-o", out, "--format", kind)
        assert result.exit_code == 1
        (line,) = result.stderr.splitlines()
        assert str(mine) in line and "replace it with --overwrite" in line
        assert files(out) == {mine.name: content}
    assert run(product, "-o", out, "--format", kind, "--overwrite").exit_code == 0
    assert files(out) != {mine.name: content}
    assert run(product, "-o", out, "--format", kind, "--no-overwrite").exit_code == 1


@pytest.mark.slow
def test_a_label_and_a_data_file_of_another_name(product, tmp_path):
    data = product.with_suffix(".DAT").rename(tmp_path / "other.dat")
    out = tmp_path / "out"
    assert run(product, "-o", out).exit_code == 1
    result = run(product, data, "-o", out)
    assert result.exit_code == 0, result.output
    assert list(files(out)) == [f"{NAME}.png"]


@pytest.mark.slow
def test_inputs_stay(product):
    before = files(product.parent)
    assert run(product, "-o", product.parent).exit_code == 0
    after = files(product.parent)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {f"{NAME}.png"}


@pytest.mark.slow
def test_damaged_products_are_named_and_the_others_drawn(product, tmp_path):
    bad = write_product(product.parent, product_id(1), band_bin=32)
    bad.with_suffix(".DAT").write_bytes(b"short")
    result = run(product.parent, "-o", tmp_path / "out")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("uvisxr: ") and f"{bad.stem}.DAT is truncated" in line
    assert list(files(tmp_path / "out")) == [f"{NAME}.png"]


@pytest.mark.slow
def test_two_products_of_one_name(product, tmp_path):
    write_product(tmp_path / "in" / "other", NAME, samples=2, band_bin=32, exposure=77.0)
    result = run(product.parent, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "another product has the same name" in result.stderr
    assert len(files(tmp_path / "out")) == 1


@pytest.mark.parametrize(
    "arguments", [[], ["x", "--format", "gif"], ["x", "--wl-range", "3"], ["x", "-o", __file__]]
)
def test_wrong_usage(arguments):
    assert run(*arguments).exit_code == 2


def test_a_wrong_range_is_one_line(product, tmp_path):
    result = run(product, "-o", tmp_path / "out", "--wl-range", 100, 200)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert "no wavelength in --wl-range 100.0 200.0: the dataset holds" in line


def test_without_matplotlib_it_says_what_to_install(product, tmp_path, monkeypatch):
    hide(monkeypatch, "matplotlib", "uvisxr.plot")
    result = run(product, "-o", tmp_path / "out")
    assert result.exit_code == 1 and "uvisxr[plot]" in result.stderr


def test_what_cannot_be_drawn_names_the_product(product, tmp_path):
    other = write_product(product.parent, product_id(1), samples=3, band_bin=32)
    result = run(product.parent, "-o", tmp_path / "out", "--wl-range", 100, 200)
    lines = result.stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == [str(product), str(other)]
