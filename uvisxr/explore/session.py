"""What users hold while they explore: the state, and pages that show it."""

from __future__ import annotations

import webbrowser
from typing import Any

from .. import checks
from .page import in_browser, in_notebook
from .serving import serve_in_background
from .state import State


class Session(State):
    """An observation that is explored, and what was chosen, flagged and compared so far.

    Made by `ds.uvis.explore()`. It lives in the Python session: closed pages lose nothing of it,
    and any number of pages show it. In a notebook it shows itself where it is the last value of a
    cell; elsewhere `show` opens it in a browser.
    """

    _url: str | None = None

    def __repr__(self) -> str:
        now, low, high = self.work, *self.work.wl_range
        name = str(self._ds.attrs.get("name", "")) or "an observation"
        return (
            f"<uvisxr.explore of {name}: {low:g} to {high:g} angstrom, "
            f"{int(now.first.sum())} and {int(now.second.sum())} spectra selected, "
            f"{int(now.star.sum())} star and {int(now.user.sum())} user flags; "
            f"{f'star flags are not written: {self.trouble}; ' if self.trouble else ''}"
            ".dataset, .selection, .bins and .code give what was done, .show() opens it>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return in_notebook(self)._repr_mimebundle_(include, exclude)

    def show(self, port: int = 0, browser: bool = True) -> str:
        """Serve it to this computer alone, and open a browser.

        It is served for as long as Python runs: a script that ends at once takes its page along.

        Parameters
        ----------
        port : int
            0 for the one that it has, or any that is free.
        browser : bool
            Whether to open one.

        Returns
        -------
        str
            The address.

        Raises
        ------
        ArgumentError
            The port is another's, or is none.
        """
        checks.whole("port", port, 0, 65535)
        if self._url is None or (port and not self._url.endswith(f":{port}")):
            # A partial would be shown, not called.
            self._url = serve_in_background({"/": lambda: in_browser(self)}, port, browser)
        elif browser:
            webbrowser.open(self._url)
        return self._url
