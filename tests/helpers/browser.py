"""Chromium without a screen, for tests that do what a user does on a page."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

#: Where Debian's packages chromium and chromium-driver put them.
_PROGRAMS = ("chromium", "chromedriver")

#: Longest that a page may take for anything, s: much more than on an idle machine.
PATIENCE = 60.0

#: Where a figure of bokeh is on the screen: a place in its frame, from the lower left, 0 to 1.
_PLACE = """
const [name, x, y] = arguments;
const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
view.el.scrollIntoView({block: "center"});
const at = view.canvas_view.el.getBoundingClientRect(), frame = view.frame.bbox;
return [at.left + frame.left + x * frame.width, at.top + frame.bottom - y * frame.height];
"""

#: All elements below shadow roots too, of which a condition holds.
_FIND = """
const wanted = (e) => %s;
function* all(root) {
  for (const e of root.querySelectorAll("*")) {
    yield e;
    if (e.shadowRoot) yield* all(e.shadowRoot);
  }
}
return [...all(document)].find(wanted) ?? null;
"""


class Browser:
    """A page in Chromium.

    Attributes
    ----------
    driver : selenium.webdriver.Chrome
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, url: str) -> None:
        """Open a page of bokeh, and wait until all of it is there."""
        self.driver.get(url)
        self.until(lambda: self.run("return !!(window.Bokeh && Bokeh.documents[0]?.is_idle)"))

    def anew(self) -> None:
        """Close the page, and open an empty one.

        To go from a page to an empty one and back at once, Chromium at times never begins.
        """
        window, before = self.driver.switch_to, self.driver.current_window_handle
        window.new_window("tab")
        after = self.driver.current_window_handle
        window.window(before)
        self.driver.close()
        window.window(after)

    def run(self, script: str, *args: Any) -> Any:
        return self.driver.execute_script(script, *args)

    def until(self, holds: Callable[[], Any], what: str = "the page") -> Any:
        """What a function gives, once it is anything."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if found := holds():
                return found
            time.sleep(0.05)
        raise AssertionError(f"{what} did not come about in {PATIENCE:g} s")

    def element(self, condition: str) -> Any:
        """The first element of which a condition on `e`, JavaScript, holds."""
        return self.until(lambda: self.run(_FIND % condition), condition)

    def button(self, text: str) -> Any:
        found = self.element(f"e.tagName == 'BUTTON' && e.textContent.trim() == {json.dumps(text)}")
        # Not under the bar at the top, where WebDriver's own scrolling may leave it.
        self.run("arguments[0].scrollIntoView({block: 'center'})", found)
        return found

    def place(self, figure: str, place: tuple[float, float]) -> tuple[float, float]:
        """Where a place in the frame of a figure is on the screen, pixels."""
        x, y = self.run(_PLACE, figure, *place)
        return x, y

    def drag(self, figure: str, *places: tuple[float, float]) -> None:
        """Press in the frame of a figure, and move on to further places before letting go."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        actions = ActionBuilder(self.driver, duration=30)
        mouse = actions.pointer_action
        for number, place in enumerate(places):
            x, y = self.place(figure, place)
            mouse.move_to_location(int(x), int(y))
            if number == 0:
                mouse.pointer_down()
        mouse.pointer_up()
        actions.perform()

    def click(self, figure: str, place: tuple[float, float]) -> None:
        """Click in the frame of a figure."""
        self.drag(figure, place)

    def point(self, figure: str, place: tuple[float, float]) -> None:
        """Move the mouse to a place in the frame of a figure."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        actions = ActionBuilder(self.driver, duration=30)
        x, y = self.place(figure, place)
        actions.pointer_action.move_to_location(int(x) - 3, int(y)).move_to_location(int(x), int(y))
        actions.perform()

    def asked(self) -> set[str]:
        """Hosts that were asked for anything since this was called last."""
        hosts = set()
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urlsplit(message["params"]["request"]["url"])
                if url.scheme in ("http", "https", "ws", "wss"):
                    hosts.add(url.hostname or "")
        return hosts

    def errors(self) -> list[str]:
        """Errors in the console since this was called last."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]


@contextmanager
def browser(width: int = 1440, height: int = 1250) -> Iterator[Browser]:
    """A browser; without Chromium the test is skipped, or fails if UVISXR_REQUIRE_TEST_BROWSER."""
    lacking = [name for name in _PROGRAMS if shutil.which(name) is None]
    if lacking and os.environ.get("UVISXR_REQUIRE_TEST_BROWSER"):
        pytest.fail(f"no {' and '.join(lacking)}: apt-get install chromium chromium-driver")
    if lacking:
        pytest.skip(f"no {' and '.join(lacking)}")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which(_PROGRAMS[0]))
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *(f"--window-size={width},{height}", "--force-device-scale-factor=1"),
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which(_PROGRAMS[1]))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()
