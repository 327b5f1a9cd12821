"""A star checker in a window of Tk, for a test to click on: what a user's script does.

It writes a line of JSON with where things are on the screen, one whenever something has changed,
and one with what is left when its window is closed.
"""

from __future__ import annotations

import json
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import uvisxr  # noqa: F401  the accessor
from helpers.flyby import flyby
from uvisxr.plot import StarChecker
from uvisxr.quality.flags import flag, good

#: Looks at a window, 50 ms apart, after which it does not move any more.
_STILL = 20


def _say(said: dict[str, Any]) -> None:
    print(json.dumps(said), flush=True)


def _places(checker: StarChecker) -> dict[str, Any]:
    widget = checker.figure.canvas.get_tk_widget()
    left, bottom = widget.winfo_rootx(), widget.winfo_rooty() + checker.figure.bbox.height

    def place(transform: Any, point: tuple[float, float]) -> list[float]:
        x, y = transform.transform(point)
        return [left + x, bottom - y]

    zoom = checker.figure.canvas.toolbar._buttons["Zoom"]
    low, high = checker.colour_slider.val
    colours = checker.colour_slider.ax.transData
    return {
        "cells": [place(checker.ax.transData, p) for p in ((0, 0), (1, 0), (0, 1))],
        "previous": place(checker.previous_button.ax.transAxes, (0.5, 0.5)),
        "next": place(checker.next_button.ax.transAxes, (0.5, 0.5)),
        "list": place(checker.list.ax.transAxes, (0.5, 0.5)),
        "bar": [place(checker.list.bar.ax.transAxes, (0.5, y)) for y in (0, 1)],
        "colours": [place(colours, (v, 0.5)) for v in (high, 0.35 * low + 0.65 * high)],
        "title": [place(checker.figure.transFigure, p) for p in ((0.07, 0.99), (0.6, 0.955))],
        "zoom": [
            zoom.winfo_rootx() + zoom.winfo_width() / 2,
            zoom.winfo_rooty() + zoom.winfo_height() / 2,
        ],
    }


def _state(checker: StarChecker) -> dict[str, Any]:
    (hover,) = [t for t in checker.figure.texts if t.get_gid() == "hover"]
    (image,) = checker.ax.images
    return {
        "selected": checker.selected,
        "shown": checker.list.shown,
        "colormap": image.get_cmap().name,
        "limit": image.get_clim()[1],
        "hover": hover.get_text(),
        "mode": str(checker.figure.canvas.toolbar.mode),
    }


def main() -> None:
    mpl.use("TkAgg")
    ds = flag(flyby(n_pic=12, step=5e-3), [(i, j) for i in (8, 9) for j in range(30)], "star")
    with ds.uvis.check_stars() as checker:
        places: list[dict[str, Any]] = []
        said: list[dict[str, Any]] = []

        def watch() -> None:
            if checker.figure.canvas.toolbar is None:
                # The window is being closed.
                return
            if len(places) < _STILL:
                # A window takes a while to find its place and size.
                now = _places(checker)
                places[:] = [*places, now] if places[-1:] == [now] else [now]
                if len(places) == _STILL:
                    _say(now)
                return
            state = _state(checker)
            if said[-1:] != [state]:
                said.append(state)
                _say(state)

        timer = checker.figure.canvas.new_timer(50)
        timer.add_callback(watch)
        checker.figure.canvas.mpl_connect("close_event", lambda event: timer.stop())
        timer.start()
        plt.show()
    # The window is gone, and the checker as good as before.
    checker.toggle(0, 59)
    flags = np.argwhere(~good(checker.dataset, "star").values)
    _say({"flags": flags.tolist(), "repr": repr(checker)})


if __name__ == "__main__":
    main()
