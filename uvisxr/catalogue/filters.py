"""The filters of the page of a catalogue, as widgets, and what `uvisxr.search` is given for them.

Typed text becomes a number or an error, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import contextmanager, suppress
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, get_args

import panel as pn

from .. import checks
from ..errors import ArgumentError, shortened
from ..instrument.channel import ChannelName
from ..pds3.sources import SLITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .contents import Info

#: Ranges that are asked for, in the words of the page.
RANGES = {
    "alt": "Altitude (km)",
    "lat": "Latitude (°)",
    "lon": "Longitude, west (°)",
    "phase": "Phase (°)",
    "sza": "Solar zenith angle (°)",
    "ems": "Emission angle (°)",
}

#: Letters of a number, at most.
_LETTERS = 24

_PARTS = {"both": None, "disk": True, "limb": False}

#: What buttons of more than one say.
_SAID = {"both": "disk and limb", "disk": "disk", "limb": "limb"}

_STRETCHED: dict[str, Any] = {"sizing_mode": "stretch_width", "margin": (3, 5)}

#: Of several buttons it is seen which one holds.
_OUTLINED = {"color": "primary", "variant": "outline"}


class Filters:
    """Widgets, and the question that they ask.

    Attributes
    ----------
    widgets : dict of str to Widget
        By the name that they have in the address of the page: `alt_from`, `target`.
    """

    def __init__(self, info: Info, changed: Callable[[], None]) -> None:
        """`changed` is called when a value is final, once however many change together."""
        self._changed, self._together = changed, False
        select, text, day = pn.widgets.Select, pn.widgets.TextInput, pn.widgets.DatePicker
        targets = {f"{name} ({n:,})": name for name, n in sorted(info.targets.items()) if name}
        bodies = sorted({body for body, _ in info.rows if body})
        span: dict[str, Any] = {}
        if info.start == info.start:
            start, stop = (when.astype("M8[D]").item() for when in (info.start, info.stop))
            span = {"start": start, "end": stop}
        self.widgets: dict[str, Any] = {
            "target": select(label="Target", options={"any": "", **targets}, **_STRETCHED),
            "body": select(
                label="Places and angles on",
                options={"the target": "", **{name: name for name in bodies}},
                **_STRETCHED,
            ),
            "channel": pn.widgets.RadioButtonGroup(
                label="Channel",
                **_OUTLINED,
                options={"both channels": "", **{name: name for name in get_args(ChannelName)}},
                **_STRETCHED,
            ),
            "slit": select(
                label="Slit",
                options={
                    "any": "",
                    **{name.replace("_", " ").lower(): name for name in SLITS},
                },
                **_STRETCHED,
            ),
            "part": pn.widgets.RadioButtonGroup(
                label="Where the line of sight passes",
                options={_SAID[name]: name for name in _PARTS},
                value="both",
                **_OUTLINED,
                **_STRETCHED,
            ),
        }
        for name, said in RANGES.items():
            for end in ("from", "to"):
                self.widgets[f"{name}_{end}"] = text(
                    label=said if end == "from" else "to",
                    max_length=_LETTERS,
                    placeholder="any",
                    **_STRETCHED,
                )
        for end in ("from", "to"):
            self.widgets[f"time_{end}"] = day(label=f"Time {end}", **span, **_STRETCHED)
        self._clear = pn.widgets.Button(label="Clear all", **_STRETCHED)
        self._anywhere = pn.widgets.Button(label="Any latitude and longitude", **_STRETCHED)
        self._clear.on_click(lambda event: self.clear())
        self._anywhere.on_click(lambda event: self.look_at(None, None))
        self._usual = {name: widget.value for name, widget in self.widgets.items()}
        for widget in self.widgets.values():
            # Of text that is when it has been typed, not with each key.
            widget.param.watch(self._on_value, "value")

    def _on_value(self, event: Any) -> None:
        if not self._together:
            self._changed()

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        """Change several, and tell of it once."""
        self._together = True
        try:
            yield
        finally:
            self._together = False
        self._changed()

    def clear(self) -> None:
        """Ask for all."""
        with self._at_once():
            for name, widget in self.widgets.items():
                widget.value = self._usual[name]

    def look_at(self, lon: tuple[float, float] | None, lat: tuple[float, float] | None) -> None:
        """Ask for places within longitudes and latitudes; None for all."""
        with self._at_once():
            for name, both in (("lon", lon), ("lat", lat)):
                for k, end in enumerate(("from", "to")):
                    self.widgets[f"{name}_{end}"].value = "" if both is None else f"{both[k]:g}"

    def arguments(self) -> dict[str, Any]:
        """What `uvisxr.search` is given, as far as anything is asked for.

        Raises
        ------
        ArgumentError
            What was typed is no number.
        """
        value = {name: widget.value for name, widget in self.widgets.items()}
        names = ("target", "body", "channel", "slit")
        given: dict[str, Any] = {name: value[name] or None for name in names}
        given["on_disk"] = _PARTS[value["part"]]
        for name, said in RANGES.items():
            ends = [_number(said, value[f"{name}_{end}"]) for end in ("from", "to")]
            given[name] = None if ends == [None, None] else tuple(ends)
        first, last = value["time_from"], value["time_to"]
        if first or last:
            # The day itself is asked for, too; after the last of all there is none.
            end = last + timedelta(days=1) if last and last < date.max else last
            given["time"] = tuple(day and day.isoformat() for day in (first, end))
        return {name: one for name, one in given.items() if one is not None}

    def query(self) -> dict[str, str]:
        """What is asked for, by the names of widgets, as in the address of the page."""
        return {
            name: str(widget.value)
            for name, widget in self.widgets.items()
            if widget.value != self._usual[name]
        }

    def follow(self, query: Mapping[str, str]) -> None:
        """Ask for what the address of a page tells, as far as there is such a thing."""
        with self._at_once():
            for name, text in query.items():
                widget = self.widgets.get(name)
                if isinstance(widget, pn.widgets.TextInput):
                    widget.value = text[:_LETTERS]
                elif isinstance(widget, pn.widgets.DatePicker):
                    with suppress(ValueError):
                        widget.value = date.fromisoformat(text)
                elif widget is not None and text in widget.values:
                    widget.value = text

    def controls(self, width: int) -> Any:
        """The column of widgets."""
        of = self.widgets

        def pair(name: str) -> Any:
            return pn.Row(of[f"{name}_from"], of[f"{name}_to"], sizing_mode="stretch_width")

        cards = (
            ("What", [of["target"], of["body"], of["channel"], of["slit"]]),
            ("Where", [of["part"], pair("alt"), pair("lat"), pair("lon"), self._anywhere]),
            ("Light", [pair("phase"), pair("sza"), pair("ems")]),
            ("When", [pair("time")]),
        )
        made = [pn.Card(*parts, title=title, width=width, margin=(4, 0)) for title, parts in cards]
        return pn.Column(*made, self._clear, width=width + 10)


def _number(said: str, text: str | None) -> float | None:
    """A finite number that was typed; None if nothing was."""
    if not text or not text.strip():
        return None
    try:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError
        return number
    except ValueError:
        raise ArgumentError(
            f"{said}: expected a number, got {checks.shown(shortened(text, _LETTERS))}"
        ) from None
