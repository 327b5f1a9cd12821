"""The viewer's page in a browser: what a user does there, and what comes of it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers.browser import Browser, browser

from uvisxr.explore.session import Session
from uvisxr.explore.state import State
from uvisxr.simulate import Simulation

pytestmark = [
    pytest.mark.slow,
    # Of threads that panel starts, and of tornado's sockets at the end.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

#: The middle of a spectrum in the frame of the keogram: 12 exposures, 60 pixels.
_PICS, _PIXELS = 12, 60


@pytest.fixture(scope="module")
def reduced(made: Simulation) -> xr.Dataset:
    ds = made.open().uvis.geometry(kernels=made.kernels)
    return ds.uvis.background(alt_min=2000).uvis.calibrate(files=made.calibration)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as page:
        yield page


@pytest.fixture
def session(reduced: xr.Dataset, chromium: Browser, tmp_path: Path) -> Iterator[Session]:
    """A session whose page is open."""
    session = Session(reduced, stars=tmp_path / "stars.txt")
    chromium.open(session.show(browser=False))
    chromium.until(lambda: chromium.run("return !!Bokeh.documents[0].get_model_by_name('keogram')"))
    yield session
    folder = os.environ.get("UVISXR_TEST_SCREENSHOTS")
    if folder:
        chromium.driver.save_screenshot(f"{folder}/{os.environ['PYTEST_CURRENT_TEST'][30:55]}.png")


def _at(pic: float, pixel: float) -> tuple[float, float]:
    return (pic + 0.5) / _PICS, (pixel + 0.5) / _PIXELS


def _shot(chromium: Browser, name: str) -> None:
    if folder := os.environ.get("UVISXR_TEST_SCREENSHOTS"):
        chromium.driver.save_screenshot(f"{folder}/{name}.png")


def test_what_a_user_does(session: Session, chromium: Browser, reduced: xr.Dataset, tmp_path: Path):
    """A range dragged, a box at the limb, another on the map, a flag, undo, and the code."""
    _shot(chromium, "1-opened")
    start, end = chromium.run(
        "const x = Bokeh.documents[0].get_model_by_name('spectrum').x_range;return [x.start, x.end]"
    )
    chromium.drag("spectrum", (0.4, 0.3), (0.6, 0.4), (0.8, 0.5))
    chromium.until(lambda: session.can[0], "another range")
    expected = np.array([0.4, 0.8]) * (end - start) + start
    np.testing.assert_allclose(session.work.wl_range, expected, atol=2 * (end - start) / 500)
    title = "return Bokeh.documents[0].get_model_by_name('keogram').title.text"
    low, high = session.work.wl_range
    chromium.until(lambda: f"{low:.1f} to {high:.1f}" in chromium.run(title), "the title")
    _shot(chromium, "2-range")

    # At the limb, in the picture of the sky.
    chromium.drag("picture", (0.35, 0.4), (0.5, 0.5), (0.65, 0.7))
    chromium.until(lambda: session.work.first.any(), "a selection in the picture")
    x0, x1, y0, y1 = chromium.run(
        "const f = Bokeh.documents[0].get_model_by_name('picture');"
        "return [f.x_range.start, f.x_range.end, f.y_range.start, f.y_range.end]"
    )
    x, y = np.moveaxis(session.sky.middle, -1, 0)
    x, y = (x - x0) / (x1 - x0), (y - y0) / (y1 - y0)
    assert not (session.work.first & ~((abs(x - 0.5) < 0.16) & (abs(y - 0.55) < 0.16))).any()
    assert not (~session.work.first & (abs(x - 0.5) < 0.14) & (abs(y - 0.55) < 0.14)).any()

    # Against a second one on the map of exposures.
    chromium.button("Second").click()
    chromium.drag("keogram", _at(1.6, 9.6), _at(3, 12), _at(5.4, 20.4))
    chromium.until(lambda: session.work.second.any(), "a second selection")
    expected_mask = np.zeros((_PICS, _PIXELS), bool)
    expected_mask[2:6, 10:21] = True
    np.testing.assert_array_equal(session.other, expected_mask)
    _shot(chromium, "3-two-selections")

    # A star, a second, and the second taken back.
    chromium.button("Star").click()
    chromium.click("keogram", _at(7, 30))
    chromium.until(lambda: session.work.star[7, 30], "a star")
    chromium.click("keogram", _at(8, 31))
    chromium.until(lambda: session.work.star[8, 31], "a second star")
    chromium.button("Undo").click()
    chromium.until(lambda: not session.work.star[8, 31], "a flag taken back")
    assert session.work.star[7, 30]
    chromium.until(lambda: (tmp_path / "stars.txt").read_text().split()[-2:] == ["7", "30"])
    _shot(chromium, "4-star")

    # The code, by the button, through the clipboard.
    chromium.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    area = "e.tagName == 'TEXTAREA' && e.value.includes('spectra(')"
    chromium.element(area)
    chromium.until(lambda: chromium.element(area).get_attribute("value") == session.code)
    chromium.button("Copy the code").click()
    read = "const done = arguments[0]; navigator.clipboard.readText().then(done)"
    code = chromium.until(lambda: chromium.driver.execute_async_script(read), "the code")
    assert code == session.code
    space = {"ds": reduced}
    exec(code, space)
    plt.close("all")
    drawn = _drawn(chromium)
    for group, key in enumerate(("first", "second")):
        value, upper, lower = (
            space["bins"][f"radiance_weighted{end}"].values[group]
            for end in ("", "_upper", "_lower")
        )
        for name, exact in (("low", value - lower), ("mean", value), ("high", value + upper)):
            np.testing.assert_array_equal(drawn[key][name], exact)
    assert chromium.errors() == []


#: Controls that go beyond the right edge of the card with a head.
_BEYOND = """
const edge = arguments[0].getBoundingClientRect();
return [...all(document)].filter((e) => {
  const box = e.getBoundingClientRect();
  return /INPUT|BUTTON|LABEL/.test(e.tagName) && box.left < edge.right && box.right > edge.right;
}).map((e) => e.outerHTML);
"""


def test_nothing_is_cut(session: Session, chromium: Browser):
    """Controls are within their cards, and titles beside no toolbar."""
    session.select((2, 5), (20, 30))
    session.select((2, 5), (2, 8), which="second")
    heads = chromium.run(_HEADERS)
    for head in heads:
        chromium.run("arguments[0].click()", head)
    chromium.until(lambda: len(chromium.run(_INPUTS)) == 4, "the fields")
    assert chromium.run(_ALL + _BEYOND, heads[0]) == []
    title, bar = chromium.run(_TITLE_AND_BAR)
    assert title["bottom"] <= bar["top"] or bar["bottom"] <= title["top"]


def _drawn(chromium: Browser) -> dict[str, dict[str, np.ndarray]]:
    """The spectra that the page holds, by selection."""
    found = chromium.run(
        """
        const fig = Bokeh.documents[0].get_model_by_name('spectrum'), made = {};
        for (const r of fig.renderers) {
          const d = r.data_source.get ? r.data_source : r.data_source;
          if (!r.name) continue;
          made[r.name] = {};
          for (const key of ["low", "mean", "high"])
            made[r.name][key] = Array.from(d.get_array(key), v => Number.isFinite(v) ? v : null);
        }
        return made;
        """
    )
    return {
        name: {key: np.array(values, float) for key, values in columns.items()}
        for name, columns in found.items()
    }


def test_no_other_host_is_asked(session: Session, chromium: Browser):
    """Assets come along: the page works without a network."""
    chromium.asked()
    chromium.driver.refresh()
    chromium.until(lambda: chromium.run("return !!(window.Bokeh && Bokeh.documents[0]?.is_idle)"))
    chromium.drag("keogram", _at(2, 10), _at(5, 20))
    chromium.until(lambda: session.work.first.any(), "a selection")
    assert chromium.asked() == {"127.0.0.1"}


def test_a_closed_page_loses_nothing(session: Session, chromium: Browser):
    session.select((2, 5), (10, 20))
    session.show_range(1450, 1800)
    session.toggle(7, 30)
    url = chromium.driver.current_url
    chromium.anew()
    chromium.open(url)
    title = "return Bokeh.documents[0].get_model_by_name('keogram')?.title.text ?? ''"
    chromium.until(lambda: "1450.0 to 1800.0" in chromium.run(title), "the range")
    chromium.until(lambda: np.isfinite(_drawn(chromium)["first"]["mean"]).any(), "the mean")
    # What is done in Python is shown too.
    session.show_range(1300, 1400)
    chromium.until(lambda: "1300.0 to 1400.0" in chromium.run(title), "the other range")


def test_by_keyboard(session: Session, chromium: Browser):
    """All that the mouse does can be done without."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    handle = chromium.element("e.classList.contains('noUi-handle-lower')")
    before = session.work.wl_range
    handle.send_keys(Keys.ARROW_RIGHT)
    chromium.until(lambda: session.work.wl_range != before, "a range by arrow keys")
    chromium.until(lambda: chromium.run(_FOCUS_HEADER), "the card of numbers")
    ActionChains(chromium.driver).send_keys(Keys.ENTER).perform()
    fields = chromium.until(
        lambda: chromium.run(_INPUTS) if len(chromium.run(_INPUTS)) == 4 else None, "the fields"
    )
    for field, number in zip(fields, (2, 5, 10, 20), strict=True):
        # At once: each call on a field in a shadow root puts the cursor behind what is there.
        field.send_keys(Keys.CONTROL, "a", Keys.NULL, str(number), Keys.TAB)
    chromium.button("Select these").send_keys(Keys.ENTER)
    # It is seen where the keyboard is.
    style = chromium.run(
        "return getComputedStyle(arguments[0]).outlineStyle", chromium.button("Select these")
    )
    assert style == "solid"
    chromium.until(lambda: session.work.first.sum() == 44, "a selection by numbers")
    chromium.button("Undo").send_keys(Keys.ENTER)
    chromium.until(lambda: not session.work.first.any(), "undo by a key")


_ALL = """
function* all(root) {
  for (const e of root.querySelectorAll("*")) {
    yield e;
    if (e.shadowRoot) yield* all(e.shadowRoot);
  }
}
"""
_INPUTS = _ALL + "return [...all(document)].filter(e => e.tagName == 'INPUT' && e.type == 'text');"
#: Heads of the cards that are closed.
_HEADERS = (
    _ALL
    + """
return [...all(document)].filter(
  e => e.tagName == 'BUTTON' && e.classList.contains('card-header')
    && /Background|By numbers/.test([...all(e)].map(x => x.textContent).join('')));
"""
)
#: Where the title of the spectrum and its toolbar are.
_TITLE_AND_BAR = """
const fig = Bokeh.documents[0].get_model_by_name("spectrum");
const view = Bokeh.index.find_one(fig), of = (b) => ({top: b.top, bottom: b.bottom});
return [fig.title, fig.toolbar].map((model) => {
  const panel = view.layout, found = [];
  for (const v of view.views.query((v) => v.model === model || v.model.toolbar === model
    || v.model.title === model)) found.push(v);
  const own = found.find((v) => v !== view);
  return of(own.layout?.bbox ?? own.bbox);
});
"""
_FOCUS_HEADER = (
    _ALL
    + """
const head = [...all(document)].find(
  e => e.tagName == 'BUTTON' && e.classList.contains('card-header')
    && [...all(e)].some(x => x.textContent.includes('By numbers')));
head?.focus();
return !!head;
"""
)


def test_dark(session: Session, chromium: Browser):
    chromium.open(chromium.driver.current_url.partition("?")[0] + "?theme=dark")
    chromium.until(lambda: chromium.run("return !!Bokeh.documents[0].get_model_by_name('keogram')"))
    colour = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert max(map(int, re.findall(r"\d+", colour)[:3])) < 60
    _shot(chromium, "5-dark")
    label = "get_model_by_name('spectrum').below[0].major_label_text_color"
    ink = chromium.run(f"return Bokeh.documents[0].{label}")
    assert min(int(ink[k : k + 2], 16) for k in (1, 3, 5)) > 0xA0
    code = chromium.element("e.tagName == 'TEXTAREA'")
    written = chromium.run("return getComputedStyle(arguments[0]).color", code)
    assert min(map(int, re.findall(r"\d+", written)[:3])) > 0xA0


def test_the_spectrum_under_the_mouse(session: Session, chromium: Browser):
    chromium.point("keogram", _at(6, 30))
    cell = chromium.element("e.tagName == 'TD' && e.textContent == '6, 30'")
    assert cell.is_displayed()
    sky = session.sky
    assert np.isfinite(sky.footprint(6, 30)).all()


def test_nothing_typed_is_run(reduced: xr.Dataset, chromium: Browser):
    """Names of a dataset are texts, also where they look like a page's code."""
    name = "<img src=x onerror='window.hacked=1'>{{7*7}}"
    session = Session(reduced.assign_attrs(name=name))
    chromium.open(session.show(browser=False))
    chromium.until(lambda: chromium.run("return !!Bokeh.documents[0].get_model_by_name('keogram')"))
    assert chromium.run("return window.hacked ?? 0") == 0
    assert "{{7*7}}" in chromium.driver.title or "{{7*7}}" in chromium.run(
        "return document.body.textContent"
    )


def test_a_script_that_shows_a_session_ends(made: Simulation):
    """The page, which a thread serves, goes with it; the address answers at once."""
    code = f"""
import urllib.request
import uvisxr
session = uvisxr.open_product({str(made.labels[0])!r}).uvis.explore()
url = session.show(browser=False)
assert session.show(browser=False) == url
assert urllib.request.urlopen(url).status == 200
try:
    session.show(port={{port}}, browser=False)
except uvisxr.errors.ArgumentError as error:
    assert "another port" in str(error)
else:
    raise AssertionError
print("done")
"""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code = code.replace("{port}", str(taken.getsockname()[1]))
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
        )
    assert (done.returncode, done.stdout.split()) == (0, ["done"]), done.stderr


def test_with_a_token(reduced: xr.Dataset, chromium: Browser):
    """Nobody without it sees anything, nor reaches the socket behind the page."""
    from selenium.webdriver.common.by import By

    from uvisxr.explore.page import in_browser
    from uvisxr.explore.serving import serve_in_background

    state = State(reduced)
    pages = {"/": lambda: in_browser(state)}
    url = serve_in_background(pages, 0, False, token="correct horse") + "/"
    with urllib.request.urlopen(url) as found:
        text = found.read().decode()
    assert "keogram" not in text and "login" in found.url
    request = urllib.request.Request(
        url + "ws",
        headers={
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw==",
            "Sec-WebSocket-Version": "13",
            "Origin": url.rstrip("/"),
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    assert refused.value.code in (401, 403)
    chromium.driver.get(url)
    chromium.driver.find_element(By.NAME, "username").send_keys("anyone")
    chromium.driver.find_element(By.NAME, "password").send_keys("correct horse")
    chromium.driver.find_element(By.CSS_SELECTOR, "[type=submit], button").click()
    chromium.until(
        lambda: chromium.run("return !!window.Bokeh?.documents[0]?.get_model_by_name('keogram')"),
        "the page",
    )
