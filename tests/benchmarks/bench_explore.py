"""What a user of the viewer waits for, measured in the page: from letting go of the mouse, or of a
key, until the last change that comes of it is on the screen.

It needs Chromium (Debian's packages chromium and chromium-driver). The server and the browser
share the machine, as they do for most users.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from helpers.browser import Browser, browser
from timing import seconds

from uvisxr import simulate
from uvisxr.explore.session import Session
from uvisxr.instrument.detector import Window

#: Longest that an interaction may take, s.
LIMIT = 0.3

TIMES = 5

MADE: dict[str, dict[str, Any]] = {
    "1151 x 64 x 32": {
        "target": "SATURN",
        "start": "2016-278T09:22:00",
        "exposures": 1151,
        "exposure": 8.0,
        "window": Window(0, 0, 63, 1023, band_bin=32),
    },
    "1200 x 64 x 1024": {"exposures": 1200, "exposure": 8.0, "window": Window(0, 0, 63, 1023)},
}

#: Seconds without a change after which nothing more is waited for.
_QUIET = 0.5

#: Notes when the user last did anything, and when the last change of the page was on the screen.
_WATCH = """
window.acted = window.drawn = performance.now();
for (const kind of ["pointerup", "keyup", "wheel", "pointermove"])
  window.addEventListener(kind, () => { window.acted = performance.now(); }, true);
Bokeh.documents[0].on_change(event => {
  // The wheel that tells of work goes on for a while.
  if (event.attr == "css_classes") return;
  requestAnimationFrame(() => requestAnimationFrame(() => { window.drawn = performance.now(); }));
});
"""


def main() -> None:
    slow = []
    for words, arguments in MADE.items():
        with tempfile.TemporaryDirectory() as name, browser() as page:
            session = _session(Path(name), arguments)
            begun = time.perf_counter()
            page.open(session.show(browser=False))
            page.element("e.tagName == 'TEXTAREA' && e.value.includes('evolution')")
            page.run(_WATCH)
            _waited(page, lambda: None)
            print(f"{words}: opened in {time.perf_counter() - begun:.1f} s", flush=True)
            for what, act in _actions(page).items():
                _waited(page, act)
                spent = [_waited(page, act) for _ in range(TIMES)]
                print(f"  {what:<44} {seconds(median(spent)):>7}, at most {seconds(max(spent))}")
                if max(spent) > LIMIT:
                    slow.append(f"{what} ({words})")
    print(f"beyond {LIMIT:g} s: {', '.join(slow) or 'none'}")


def _session(folder: Path, arguments: dict[str, Any]) -> Session:
    made = simulate.observation(folder, seed=1, **arguments)
    ds = made.open().uvis.geometry(kernels=made.kernels).uvis.background(level=4e-4)
    return Session(ds.uvis.calibrate(files=made.calibration))


def _waited(page: Browser, act: Callable[[], object]) -> float:
    """Seconds between what a user does and the last change on the screen."""
    act()
    while True:
        acted, drawn, now = page.run("return [window.acted, window.drawn, performance.now()]")
        if now - max(acted, drawn) > 1e3 * _QUIET:
            return max(0.0, drawn - acted) / 1e3
        time.sleep(0.05)


def _actions(page: Browser) -> dict[str, Callable[[], object]]:
    """What a user does: each call differs from the one before, so that all has to be done anew."""
    from selenium.webdriver.common.keys import Keys

    turn = iter(range(10_000))

    def moved(figure: str, *places: tuple[float, float]) -> Callable[[], None]:
        def act() -> None:
            aside = 0.004 * (next(turn) % 10)
            page.drag(figure, *((x + aside, y + aside) for x, y in places))

        return act

    def pressed(label: str) -> Callable[[], None]:
        slider = page.element(
            "e.classList.contains('noUi-handle') && (e.getRootNode().host?.shadowRoot ?? "
            f"document).textContent.includes({label!r})"
        )
        return lambda: slider.send_keys(Keys.ARROW_LEFT if next(turn) % 2 else Keys.ARROW_RIGHT)

    def zoomed() -> None:
        from selenium.webdriver.common.action_chains import ActionChains
        from selenium.webdriver.common.actions.wheel_input import ScrollOrigin

        x, y = page.place("picture", (0.5, 0.5))
        origin = ScrollOrigin.from_viewport(int(x), int(y))
        ActionChains(page.driver).scroll_from_origin(
            origin, 0, 40 if next(turn) % 2 else -40
        ).perform()

    def starred() -> None:
        place = 0.3 + 0.01 * (next(turn) % 40)
        page.click("keogram", (place, place))

    page.element(
        "e.classList.contains('card-header') && "
        "[...all(e)].some(x => x.textContent.includes('Background'))"
    ).click()
    page.button("Star").click()
    # Boxes are drawn in the picture before anything zooms it.
    return {
        "a range dragged in the spectrum": moved("spectrum", (0.4, 0.3), (0.5, 0.4), (0.8, 0.5)),
        "a box of some 300 spectra": moved("keogram", (0.4, 0.3), (0.41, 0.4), (0.42, 0.5)),
        "a box of most spectra": moved("keogram", (0.02, 0.02), (0.3, 0.4), (0.95, 0.95)),
        "a box in the picture": moved("picture", (0.3, 0.3), (0.4, 0.4), (0.6, 0.6)),
        "a flag": starred,
        "undo": lambda: page.button("Undo").click(),
        "the spectrum under the mouse": lambda: page.point(
            "keogram", (0.2 + 0.01 * (next(turn) % 50), 0.5)
        ),
        "another end of the exposures": pressed("Exposures"),
        "other limits of the colours": pressed("Limits"),
        "another background": pressed("1e-4 count"),
        "the picture zoomed": zoomed,
    }


if __name__ == "__main__":
    main()
