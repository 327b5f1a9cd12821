"""The page of a catalogue: its filters, its map, and the way to the viewers of products."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click.testing
import numpy as np
import pyarrow as pa
import pytest
from helpers import catalogues
from helpers.absent import hide
from helpers.browser import Browser, browser
from helpers.products import two_windows, write_product

import uvisxr
from uvisxr.catalogue import explorer, rows, schema, store, viewers
from uvisxr.catalogue.contents import info
from uvisxr.catalogue.explorer import Explorer
from uvisxr.catalogue.filters import RANGES
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, CatalogueError
from uvisxr.explore.page import alert
from uvisxr.explore.serving import free_port
from uvisxr.reader import sources
from uvisxr.simulate import Simulation

# Panel's older versions know no other words for what its newest call otherwise.
pytestmark = pytest.mark.filterwarnings("ignore:.*removed in version 2.0:PendingDeprecationWarning")


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of 90 products that are nowhere."""
    folder = tmp_path_factory.mktemp("drawn") / "catalogue"
    with store.Writer(folder) as writer:
        products, spectra = catalogues.tables(90, 3, 20, seed=5)
        writer.commit(products, [spectra])
    return folder


def _catalogue(folder: Path, labels: Any, kernels: Any = ()) -> Path:
    with store.Writer(folder) as writer:
        for product in sources.expand(labels):
            found = rows.of(product, kernels)
            now = {"fingerprint": "", "indexed": np.datetime64("2026-01-01", "us").item()}
            table = pa.Table.from_pylist([found.product | now], schema=schema.of("products"))
            writer.commit(table, [found.spectra])
    return folder


@pytest.fixture(scope="module")
def simulated(made: Simulation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of the simulated observation."""
    return _catalogue(tmp_path_factory.mktemp("simulated") / "cat", made.labels, made.kernels)


def _page(folder: Path, **query: str) -> Explorer:
    return Explorer(folder, info(folder), query)


def _asked(page: Explorer, **values: Any) -> dict[str, Any]:
    for name, value in values.items():
        page.filters.widgets[name].value = value
    return page.filters.arguments()


def _spectra(page: Explorer) -> int:
    """As many as the page says that there are."""
    (number,) = re.findall(r"<b>([\d,]+) spectr", page.summary.object)
    return int(number.replace(",", ""))


# Filters -----------------------------------------------------------------------------------------


def test_nothing_is_asked_for_at_first(drawn: Path):
    page = _page(drawn)
    assert page.filters.arguments() == {} == page.filters.query()
    assert _spectra(page) == len(uvisxr.search(drawn))


def test_every_filter_is_an_argument(drawn: Path):
    from datetime import date

    ranges = {f"{name}_{end}": text for name in RANGES for end, text in (("from", "10"),)}
    given = _asked(
        _page(drawn),
        target="TITAN",
        body="SATURN",
        channel="FUV",
        slit="LOW_RESOLUTION",
        part="limb",
        time_from=date(2005, 2, 1),
        time_to=date(2009, 12, 31),
        **ranges,
        lon_to=" 1e1 ",
    )
    assert given == {
        "target": "TITAN",
        "body": "SATURN",
        "channel": "FUV",
        "slit": "LOW_RESOLUTION",
        "on_disk": False,
        "time": ("2005-02-01", "2010-01-01"),
        **{name: (10.0, None) for name in RANGES},
        "lon": (10.0, 10.0),
    }


@pytest.mark.parametrize(
    "values",
    [
        {"target": "TITAN", "alt_from": "0", "alt_to": "1000"},
        {"body": "SATURN", "lat_from": "-30", "lon_from": "350", "lon_to": "20"},
        {"channel": "EUV", "part": "disk"},
        {"slit": "OCCULTATION", "phase_to": "90", "sza_from": "20"},
        {"target": "S RINGS", "ems_to": "70.5"},
    ],
)
def test_what_is_shown_is_what_is_found(drawn: Path, values: dict[str, str]):
    page = _page(drawn)
    found = uvisxr.search(drawn, **_asked(page, **values)).to_pandas()
    assert 0 < len(found) == _spectra(page)
    counts = found.groupby("product", observed=True).size()
    assert f"of {len(counts):,} product" in page.summary.object
    cells = np.array(_cells(page.products.object))
    assert dict(zip(cells[:, 0], map(int, cells[:, -1]), strict=True)) == counts.to_dict()
    assert list(cells[:, 4]) == sorted(cells[:, 4])

    # The map, of the body that most look at, one spectrum after the other.
    seen = found[found["lon"].notna() & found["lat"].notna() & (found["body"] != "")]
    body = seen["body"].astype(str).value_counts().index[0]
    seen = seen[seen["body"] == body]
    side = page._side
    expected = np.zeros((int(180 / side), int(360 / side)))
    for lon, lat in zip(seen["lon"].astype(float), seen["lat"].astype(float), strict=True):
        expected[min(int((lat + 90) // side), expected.shape[0] - 1), int(lon % 360 // side)] += 1
    (image,) = page._looks.data["looks"]
    np.testing.assert_array_equal(image, expected)
    assert page.map.title.text.startswith(f"{body.capitalize()}: {len(seen):,} spectra")

    # The code finds the same.
    names: dict[str, Any] = {}
    exec(page.code.value, names)
    assert len(names["found"]) == len(found)

    # And so does the page whose address is that of this one.
    assert _spectra(_page(drawn, **page.filters.query())) == len(found)


def test_the_whole_map_is_looked_at_once(drawn: Path):
    """With all bodies, and finer cells."""
    found = uvisxr.search(drawn)
    frame = found.to_pandas()
    looks = found.looks(1.0)
    assert sorted(looks) == sorted(set(frame["body"][frame["lon"].notna()]) - {""})
    for body, counts in looks.items():
        own = frame[(frame["body"] == body) & frame["lon"].notna()]
        expected, _, _ = np.histogram2d(
            own["lat"], own["lon"] % 360, [np.arange(-90, 91), np.arange(361)]
        )
        np.testing.assert_array_equal(counts, expected)
    assert uvisxr.search(drawn, target="STAR").looks() == {}
    with pytest.raises(ArgumentError, match="spacing=0"):
        found.looks(0)


def test_counts_by_product_have_the_columns_that_are_asked_for(drawn: Path):
    found = uvisxr.search(drawn, target="TITAN")
    table = found.by_product(["label", "product"])
    assert table.column_names == ["label", "product", "found"]
    assert table.select(["product"]).equals(found.products("product"))
    assert sum(table["found"].to_pylist()) == len(found)
    with pytest.raises(ArgumentError, match="no such column"):
        found.by_product("found")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"alt_from": "high"}, "Altitude (km): expected a number, got 'high'"),
        ({"lat_from": "95"}, "lat=95"),
        ({"alt_from": "9", "alt_to": "3"}, "the lower end first"),
        ({"phase_from": "nan"}, "Phase (°): expected a number, got 'nan'"),
        ({"alt_from": "-inf"}, "Altitude (km): expected a number, got '-inf'"),
        ({"alt_to": "1e400"}, "Altitude (km): expected a number"),
        ({"lon_from": "__import__('os')"}, "expected a number"),
        ({"sza_to": "1); DROP TABLE"}, "expected a number"),
    ],
)
def test_what_is_typed_is_a_number_or_an_error(drawn: Path, values: dict[str, str], said: str):
    page = _page(drawn)
    for name, value in values.items():
        before = page.summary.object
        page.filters.widgets[name].value = value
    (text,) = _texts(page.trouble.object)
    assert said in text
    assert page.summary.object == before
    page.filters.clear()
    assert page.trouble.object == "" and page.filters.arguments() == {}


def test_an_address_asks_for_nothing_that_there_is_not(drawn: Path):
    page = _page(
        drawn,
        target="VULCAN",
        channel="<b>",
        part="both",
        time_from="yesterday",
        time_to="1999-02-30",
        alt_from="7" * 5000,
        window="3",
    )
    assert page.filters.arguments() == {"alt": (float("7" * 24), None)}


def test_the_last_day_of_all(drawn: Path):
    """After which there is none: a catalogue without times leaves days open."""
    page = _page(drawn)
    page.filters.widgets["time_to"].end = None
    page.filters.widgets["time_to"].value = date.max
    assert page.filters.arguments()["time"] == (None, "9999-12-31")


def test_a_page_that_opens_with_an_error_goes_on(drawn: Path):
    page = _page(drawn, alt_from="high", target="TITAN")
    assert "expected a number" in page.trouble.object and page.summary.object == ""
    page._on_tap(SimpleNamespace(x=361.0, y=0.0))
    page.filters.widgets["alt_from"].value = ""
    assert page.trouble.object == ""
    assert _spectra(page) == len(uvisxr.search(drawn, target="TITAN"))


def test_changes_that_go_together_are_one_question(drawn: Path, monkeypatch: pytest.MonkeyPatch):
    page, asked = _page(drawn), []
    monkeypatch.setattr(explorer, "search", lambda *args, **given: asked.append(given) or found)
    found = uvisxr.search(drawn)
    page.look_at((10.4, 20.6), (-91.0, 30.0))
    page.filters.clear()
    assert asked == [{"lat": (-90.0, 30.0), "lon": (10.0, 21.0)}, {}]


@pytest.mark.parametrize(
    ("lon", "lat", "expected"),
    [
        ((100.2, 139.7), (59.6, 80.1), ((100, 140), (60, 80))),
        ((5.1, 5.2), (-0.2, 0.3), ((5, 6), (0, 1))),
        ((-20.0, 400.0), (89.9, 95.0), ((0, 360), (89, 90))),
    ],
)
def test_a_box_on_the_map_asks_for_whole_degrees(drawn: Path, lon, lat, expected):
    page = _page(drawn, target="TITAN")
    shape = {"type": "rect", "x0": lon[1], "x1": lon[0], "y0": lat[0], "y1": lat[1]}
    page._on_box(SimpleNamespace(final=False, geometry=shape))
    assert "lon" not in page.filters.arguments()
    page._on_box(SimpleNamespace(final=True, geometry=shape))
    given = page.filters.arguments()
    assert (given["lon"], given["lat"]) == expected and given["target"] == "TITAN"
    box = {key: values[0] for key, values in page._asked.data.items()}
    assert (box["left"], box["right"]) == expected[0]
    assert (box["bottom"], box["top"]) == expected[1]


def test_a_click_on_the_map_asks_for_its_cell(drawn: Path):
    page = _page(drawn)
    page._on_tap(SimpleNamespace(x=361.0, y=10.0))
    assert page.filters.arguments() == {}
    (image,) = page._looks.data["looks"]
    row, column = np.unravel_index(image.argmax(), image.shape)
    lon, lat = (column + 0.5) * page._side, (row + 0.5) * page._side - 90
    most = int(image[row, column])
    page._on_tap(SimpleNamespace(x=lon, y=lat))
    (image,) = page._looks.data["looks"]
    assert image.sum() >= most


def test_the_toolbar_of_the_map_has_buttons_that_can_be_told(drawn: Path):
    """A tool that tells of cells would be one of dots."""
    shown = [type(tool).__name__ for tool in _page(drawn).map.tools if tool.visible]
    assert sorted(shown) == ["BoxSelectTool", "SaveTool"]


def test_longitudes_through_0_are_two_parts_of_the_map():
    assert explorer._arcs(350.0, 10.0) == [(350.0, 360.0), (0.0, 10.0)]
    assert explorer._arcs(-10.0, 10.0) == [(350.0, 360.0), (0.0, 10.0)]
    assert explorer._arcs(20.0, None) == [(20.0, 360.0)]
    assert explorer._arcs(None, None) == explorer._arcs(-180.0, 180.0) == [(0.0, 360.0)]


# HTML --------------------------------------------------------------------------------------------


class _Reader(HTMLParser):
    """Texts, links and tags of HTML, as the standard library reads it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.rows: list[list[str]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def _texts(html: str) -> list[str]:
    return _Reader(html).texts


def _cells(html: str) -> list[list[str]]:
    return _Reader(html).rows[1:]


_EVIL = "<script>alert(1)</script>\"'&name=B #x"


def test_names_are_no_html(drawn: Path):
    from urllib.parse import parse_qsl, urlsplit

    row = {"product": _EVIL, "target": "<img src=x>", "channel": None, "slit": "&amp;"}
    table = pa.Table.from_pylist([row | {"time_start": None, "exposures": 1, "found": 2000}])
    read = _Reader(explorer.listed(table, "dark"))
    assert {*read.tags} == {"table", "thead", "tbody", "tr", "th", "td", "a"}
    assert read.rows[1] == [_EVIL, "<img src=x>", "", "&amp;", "", "1", "2,000"]
    (link,) = read.links
    assert urlsplit(link).path == "product"
    assert dict(parse_qsl(urlsplit(link).query)) == {"name": _EVIL, "theme": "dark"}
    assert _texts(alert(_EVIL)) == [_EVIL]


def test_no_more_than_the_first_products_are_listed():
    names = [f"FUV{k}" for k in range(201)]
    empty = {"target": "", "channel": "", "slit": "", "time_start": None}
    rows = [empty | {"product": name, "exposures": 1, "found": 1} for name in names]
    assert len(_cells(explorer.listed(pa.Table.from_pylist(rows)))) == 200
    assert "201 products; the first 200 by time" in explorer._summary(201, 201)
    assert "1 spectrum</b> without" not in explorer._summary(1, 1)
    assert "<b>1 spectrum without quality flags</b> of 1 product<" in explorer._summary(1, 1)


# Products ----------------------------------------------------------------------------------------


def _of_product(monkeypatch: pytest.MonkeyPatch, viewers: Any, **query: str) -> tuple[Any, str]:
    """The page of a product, and the HTML on it."""
    monkeypatch.setattr(explorer, "_query", lambda: query)
    page = explorer.of_product(viewers)
    html = [one.object for one in page.main if isinstance(one, explorer.pn.pane.HTML)]
    return page, "".join(html)


def test_a_product_is_opened_once_and_kept(
    made: Simulation, simulated: Path, monkeypatch: pytest.MonkeyPatch
):
    kept = viewers.Viewers(simulated, list(map(str, made.kernels)), str(made.calibration))
    name = uvisxr.search(simulated).products("product")["product"][0].as_py()
    page, said = _of_product(monkeypatch, kept, name=name)
    assert page.title == f"uvisxr: {name}" and said == ""
    session = kept.of(name).session
    assert session.light.calibrated and not isinstance(session.sky, str)
    assert kept.codes == []
    session.select((2, 4), (10, 20))
    assert kept.of(name).session is session
    (code,) = kept.codes
    assert str(made.labels[0]) in code


def test_those_in_which_nothing_was_done_are_not_kept_for_ever(
    made: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened: list[str] = []

    def open_(opening: Any) -> tuple[Any, list[str]]:
        opened.append(Path(opening.products[0]).stem)
        can = (opened[-1].endswith("3"), False)
        watched = opened[-1].endswith("4")
        return SimpleNamespace(can=can, code=opened[-1], watched=watched), []

    monkeypatch.setattr(viewers.Opening, "open", open_)
    with store.Writer(tmp_path / "cat") as writer:
        products, spectra = catalogues.tables(12, 1, 2)
        writer.commit(products, [spectra])
    names = sorted(products["product"].to_pylist())
    kept = viewers.Viewers(tmp_path / "cat")
    for name in (*names, *names):
        kept.of(name)
    # What had to make room, and was opened anew; what was worked in did not, nor what may be soon.
    assert set(opened) == set(names)
    worked, shown = ([name for name in names if name.endswith(end)] for end in "34")
    assert worked and shown and all(opened.count(name) == 1 for name in (*worked, *shown))
    assert len(kept._open) == 8 + len(worked) + len(shown)
    assert sorted(kept.codes) == worked


@pytest.mark.parametrize("name", ["", "FUV1999_001_01_01", "../secret", _EVIL, "a\0b", "\udce9"])
def test_only_products_of_the_catalogue_are_opened(
    simulated: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(viewers.Opening, "open", lambda opening: pytest.fail("opened"))
    page, said = _of_product(monkeypatch, viewers.Viewers(simulated), name=name)
    (text,) = _texts(said)
    assert text.startswith("there is no product ") and page.title == "uvisxr"


def test_no_path_is_a_name(made: Simulation, simulated: Path, monkeypatch: pytest.MonkeyPatch):
    """Not even that of a label which is in the catalogue."""
    monkeypatch.setattr(viewers.Opening, "open", lambda opening: pytest.fail("opened"))
    kept = viewers.Viewers(simulated)
    _, said = _of_product(monkeypatch, kept, name=str(made.labels[0]))
    assert "there is no product" in said


def test_what_is_missing_is_said_on_the_page(
    made: Simulation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(made.labels[0].parent, tmp_path / "products")
    (label,) = (tmp_path / "products").glob("*.LBL")
    folder = _catalogue(tmp_path / "<i>cat", [label], made.kernels)
    kept = viewers.Viewers(folder)
    # Neither kernels nor calibration files: what it does without.
    page, said = _of_product(monkeypatch, kept, name=label.stem)
    texts = _texts(said)
    assert page.title == f"uvisxr: {label.stem}"
    assert texts[0].startswith("there is no geometry") and "count rates" in texts[1]
    label.unlink()
    page, said = _of_product(monkeypatch, viewers.Viewers(folder), name=label.stem)
    (text,) = _texts(said)
    assert page.title == "uvisxr" and str(label) in text
    # And the catalogue itself.
    monkeypatch.setattr(explorer, "_query", dict)
    (folder / "catalogue.json").unlink()
    page = explorer.of_catalogue(folder)
    (text,) = _texts(page.main[0].object)
    assert str(folder) in text
    with pytest.raises(CatalogueError):
        explorer.pages(folder)


def test_one_of_several_windows_is_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    label = write_product(tmp_path / "product", "FUV2005_230_15_15")
    two_windows(label)
    folder = _catalogue(tmp_path / "cat", [label])
    (name,) = uvisxr.search(folder).products("product")["product"].to_pylist()
    kept = viewers.Viewers(folder)
    for given in ({}, {"window": "2"}, {"window": "-1"}, {"window": "0x1"}):
        _, said = _of_product(monkeypatch, kept, name=name, **given)
        links = [f"product?name={name}&window={k}" for k in (0, 1)]
        assert _Reader(said).links == links
    page, _ = _of_product(monkeypatch, kept, name=name, window="1")
    assert page.title == f"uvisxr: {name}"
    assert (
        kept.of(name, 1).session.pixel.size == uvisxr.open_product(label, window=1).sizes["pixel"]
    )


def test_data_elsewhere_are_found(made: Simulation, tmp_path: Path):
    """A data file that was given with its label, of another name."""
    label = shutil.copy(made.labels[0], tmp_path / made.labels[0].name)
    data = shutil.copy(made.labels[0].with_suffix(".DAT"), tmp_path / "COUNTS.DAT")
    folder = _catalogue(tmp_path / "cat", [label, data])
    (name,) = uvisxr.search(folder).products("product")["product"].to_pylist()
    assert viewers.Viewers(folder).of(name).session.pic.size == 12


# The command -------------------------------------------------------------------------------------


def _run(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["explore", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give PRODUCT..., or --catalogue DIR"),
        (("A.LBL", "--catalogue", "cat"), "--catalogue and PRODUCT exclude each other"),
        (("--catalogue", "cat", "--window", 0), "--catalogue and --window exclude"),
        (("--catalogue", "cat", "--stars", "s.txt"), "--catalogue and --stars exclude"),
    ],
)
def test_a_catalogue_or_products(arguments: tuple[object, ...], said: str):
    done = _run(*arguments)
    assert done.exit_code == 2 and said in done.output


def test_no_catalogue(tmp_path: Path):
    done = _run("--catalogue", tmp_path / "none", "--no-browser")
    assert done.exit_code == 1 and str(tmp_path / "none") in done.output


def test_without_the_extra(drawn: Path, monkeypatch: pytest.MonkeyPatch):
    hide(monkeypatch, "duckdb")
    done = _run("--catalogue", drawn, "--no-browser")
    assert done.exit_code == 1 and "uvisxr[catalogue]" in done.output


def test_the_command_serves_both_pages(drawn: Path, monkeypatch: pytest.MonkeyPatch):
    served: list[Any] = []
    from uvisxr.explore import serving

    monkeypatch.setattr(serving, "serve", lambda *given: served.append(given))
    done = _run("--catalogue", drawn, "--no-browser", "--port", 5999)
    assert (done.exit_code, done.output) == (0, "http://127.0.0.1:5999\n")
    ((pages, port, opened, address, token),) = served
    assert sorted(pages) == ["/", "/product"]
    assert (port, opened, address, token) == (5999, False, "127.0.0.1", None)


# In a browser ------------------------------------------------------------------------------------


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browser(1500, 1100) as page:
        yield page


def _shot(chromium: Browser, name: str) -> None:
    if folder := os.environ.get("UVISXR_TEST_SCREENSHOTS"):
        chromium.driver.save_screenshot(f"{folder}/{name}.png")


def _is_served(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def command(made: Simulation, simulated: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The page of the simulated observation: its address, and the program that serves it."""
    port = free_port()
    arguments = ["--catalogue", simulated, "--port", port, "--no-browser"]
    arguments += ["--kernels", made.kernels[0].parent, "--calibration", made.calibration]
    with subprocess.Popen(
        [sys.executable, "-m", "uvisxr", "explore", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        try:
            yield f"http://127.0.0.1:{port}/", program
        finally:
            program.kill()


@pytest.mark.slow
def test_what_a_user_does(made: Simulation, simulated: Path, command: Any, chromium: Browser):
    """A filter, a box on the map, a click on a product, and Ctrl-C."""
    from selenium.webdriver.common.keys import Keys

    url, program = command
    chromium.until(lambda: _is_served(int(url[:-1].rpartition(":")[2])), "the server")
    text = "(e.textContent ?? '')"
    status = "e.getAttribute('role') == 'status'"

    def told(number: int) -> Any:
        """The line that tells of so many spectra."""
        return chromium.element(f"{status} && {text}.startsWith('{number:,} spectr')")

    def typed(label: str, value: str) -> None:
        """Type into the box of a label, and press Enter."""
        box = chromium.element(
            f"e.tagName == 'INPUT' && e.closest('.bk-input-group')?.textContent.trim() == '{label}'"
        )
        box.send_keys(value + Keys.ENTER)

    chromium.open(url)
    told(len(uvisxr.search(simulated)))
    _shot(chromium, "1-opened")

    typed("Altitude (km)", "200")
    given: dict[str, Any] = {"alt": (200, None)}
    high = len(uvisxr.search(simulated, **given))
    assert 0 < high < len(uvisxr.search(simulated))
    told(high)
    _shot(chromium, "2-altitude")

    # Longitudes fall to the right: from 228 to 204, latitudes from -45 to 9.
    chromium.drag("map", (1 - 228 / 360, 0.25), (0.4, 0.4), (1 - 204 / 360, 0.55))
    chromium.until(lambda: "lon_from" in chromium.driver.current_url, "the box")
    query = dict(re.findall(r"(\w+)=([-\d]+)", chromium.driver.current_url))
    assert query["alt_from"] == "200"
    lon, lat = (
        tuple(int(query[f"{name}_{end}"]) for end in ("from", "to")) for name in ("lon", "lat")
    )
    np.testing.assert_allclose((*lon, *lat), (204, 228, -45, 9), atol=1)
    inside = uvisxr.search(simulated, **given, lon=lon, lat=lat)
    assert 0 < len(inside) < high
    told(len(inside))
    _shot(chromium, "3-box")

    # The page that is loaded anew is the same.
    chromium.open(chromium.driver.current_url + "&theme=dark")
    told(len(inside))
    _shot(chromium, "4-dark")

    name = inside.products("product")["product"][0].as_py()
    chromium.element(f"e.tagName == 'A' && {text} == '{name}'").click()
    _, second = chromium.driver.window_handles
    assert chromium.asked() == {"127.0.0.1"} and not chromium.errors()
    chromium.driver.switch_to.window(second)
    drawn = "return !!(window.Bokeh && Bokeh.documents[0]?.get_model_by_name('keogram'))"
    chromium.until(lambda: chromium.run(drawn), "the viewer")
    chromium.until(lambda: chromium.run("return Bokeh.documents[0].is_idle"))
    assert chromium.driver.title == f"uvisxr: {name}"
    assert "theme=dark" in chromium.driver.current_url
    _shot(chromium, "5-viewer")
    chromium.drag("keogram", (0.3, 0.2), (0.5, 0.4), (0.6, 0.6))
    title = "return Bokeh.documents[0].get_model_by_name('spectrum').title.text"
    chromium.until(lambda: "orange" in chromium.run(title), "a selection")
    assert chromium.asked() <= {"127.0.0.1"} and not chromium.errors()

    program.send_signal(signal.SIGINT)
    said, _ = program.communicate(timeout=60)
    assert made.labels[0].name in said and program.returncode in (0, 130)
