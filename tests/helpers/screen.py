"""A screen without a monitor, and a mouse and keyboard before it: Xvfb and xdotool."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: What has to be installed, and how Debian and Ubuntu call it.
PROGRAMS = ("Xvfb", "xdotool")
PACKAGES = "xvfb xdotool python3-tk"


def missing() -> list[str]:
    """What is not installed of what a window needs."""
    absent = [name for name in PROGRAMS if shutil.which(name) is None]
    return absent + ([] if importlib.util.find_spec("_tkinter") else ["tkinter"])


@dataclass(frozen=True)
class Screen:
    """What a program draws on, with `environment`, and what its user does.

    Places are pixels (x, y) from the upper left.
    """

    display: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"DISPLAY": self.display}

    def picture(self) -> np.ndarray:
        """What is seen, uint8 (y, x, red-green-blue): Xvfb's file is an X window dump."""
        dump = (self.folder / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(dump, ">u4", 25)
        size, width, height, bits, row, colours = header[[0, 4, 5, 11, 12, 19]]
        assert bits == 32
        pixels = np.frombuffer(dump, np.uint8, height * row, size + 12 * colours)
        return pixels.reshape(height, row)[:, : 4 * width].reshape(height, width, 4)[..., 2::-1]

    def move(self, x: float, y: float) -> None:
        self._do("mousemove", f"{x:.0f}", f"{y:.0f}")

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Buttons 4 and 5 are the wheel, up and down."""
        self.move(x, y)
        self._do("click", str(button))

    def drag(self, start: tuple[float, float], stop: tuple[float, float]) -> None:
        self.move(*start)
        self._do("mousedown", "1")
        self.move(*stop)
        self._do("mouseup", "1")

    def key(self, name: str) -> None:
        self._do("key", name)

    def _do(self, *arguments: str) -> None:
        subprocess.run(["xdotool", *arguments], env=self.environment, check=True, timeout=20)


@contextmanager
def screen(folder: Path, size: str = "1400x900x24") -> Iterator[Screen]:
    """A screen of its own, whose number the server chooses."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", size, "-fbdir", str(folder)],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError(f"Xvfb ended with {server.wait()}")
        yield Screen(f":{number}", folder)
    finally:
        server.terminate()
        server.wait(20)
