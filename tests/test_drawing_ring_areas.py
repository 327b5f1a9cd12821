"""Rings on a sky map: what hides what, the planet's shadow, and names."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from uvisxr.drawing import sky
from uvisxr.drawing.labels import Labels
from uvisxr.drawing.ring_areas import clip, draw_rings, name_rings
from uvisxr.drawing.style import style
from uvisxr.geometry.rings import RINGS
from uvisxr.geometry.views import Views

_RADII = np.array([60_268.0, 60_268.0, 54_364.0])
_BEHIND, _BEFORE = 1.0, 2.0


def _view(height: float, distance: float = 1e6) -> Views:
    """Saturn from degrees above its rings, the Sun to the side and 20 degrees below them."""
    h, s = np.deg2rad(height), np.deg2rad(-20.0)
    observer = distance * np.array([np.cos(h), 0.0, np.sin(h)])
    sun = 1.4e9 * np.array([0.5 * np.cos(s), np.sqrt(0.75) * np.cos(s), np.sin(s)])
    return Views("SATURN", _RADII, np.eye(3), observer, sun, np.zeros(3))


def _drawn(view: Views):
    _, ax = plt.subplots(figsize=(6, 6))
    around = sky.Around(view.centre)
    half = 1.2 * float(np.rad2deg(140_000.0 / np.linalg.norm(view.observer)))
    ax.set(xlim=(half, -half), ylim=(-half, half))

    def place(points: np.ndarray) -> np.ndarray:
        return around(view.sky(points))

    draw_rings(ax, place, view, style(), _BEHIND, _BEFORE)
    return ax, place


def _cuts(start: np.ndarray, along: np.ndarray) -> bool:
    """Whether a segment, from its start on, meets the planet: a quadratic equation."""
    p, d = start / _RADII, along / _RADII
    a, b, c = d @ d, p @ d, p @ p - 1.0
    root = b * b - a * c
    return bool(root > 0 and 0 < (-b - np.sqrt(root)) / a < 1)


def _points(rng: np.random.Generator, number: int = 150):
    for _ in range(number):
        name = str(rng.choice(["C", "B", "A"]))
        inner, outer = RINGS[name]
        radius, angle = rng.uniform(inner + 500, outer - 500), rng.uniform(0, 2 * np.pi)
        yield name, radius * np.array([np.cos(angle), np.sin(angle), 0.0])


def _areas(ax, name: str, shadow: bool):
    color = plt.matplotlib.colors.to_rgb(style()["ring_shadow" if shadow else "ring"]["facecolor"])
    return [
        patch
        for patch in ax.patches
        if patch.get_gid() == f"ring:{name}" and patch.get_facecolor()[:3] == color
    ]


@pytest.mark.parametrize("height", [26.0, 5.0, -40.0, 85.0])
def test_what_is_before_the_planet_lies_above_it_and_the_rest_below(height):
    view = _view(height)
    ax, place = _drawn(view)
    for name, point in _points(np.random.default_rng(1)):
        there = place(point[None])[0]
        levels = [
            patch.get_zorder()
            for patch in _areas(ax, name, False)
            if patch.get_path().contains_point(there)
        ]
        assert len(levels) == 1
        hidden = _cuts(view.observer, point - view.observer)
        before_disk = not hidden and _cuts(view.observer, 2 * (point - view.observer))
        if hidden or before_disk:
            assert levels == [_BEHIND if hidden else _BEFORE]


@pytest.mark.parametrize("height", [26.0, -40.0])
def test_the_shadow_is_where_the_planet_is_before_the_sun(height):
    view = _view(height)
    ax, place = _drawn(view)
    found = {True: 0, False: 0}
    for name, point in _points(np.random.default_rng(2), 400):
        there = place(point[None])[0]
        dark = _cuts(point, view.sun - point)
        drawn = any(p.get_path().contains_point(there) for p in _areas(ax, name, True))
        # The grid of angles is a quarter of a degree wide.
        away = np.array([np.cos(0.01), np.sin(0.01), 0.0])
        edge = {
            _cuts(turned, view.sun - turned)
            for turned in (
                np.array(
                    [
                        point[0] * away[0] - s * point[1] * away[1],
                        s * point[0] * away[1] + point[1] * away[0],
                        0.0,
                    ]
                )
                * grown
                for s in (1, -1)
                for grown in (0.97, 1.0, 1.03)
            )
        }
        if len(edge) == 1:
            assert drawn == dark
            found[dark] += 1
    assert min(found.values()) > 5


def test_rings_are_named_apart_and_in_the_frame():
    view = _view(26.0)
    ax, place = _drawn(view)
    name_rings(ax, place, view, style(), Labels(ax))
    texts = {t.get_text(): t.get_window_extent() for t in ax.texts}
    assert {name[0] for name in texts} >= {"A", "B", "C"}
    boxes = list(texts.values())
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[i + 1 :])


def test_far_away_they_have_no_names():
    view = _view(26.0)
    ax, place = _drawn(view)
    ax.set(xlim=(300, -300), ylim=(-300, 300))
    name_rings(ax, place, view, style(), Labels(ax))
    assert not ax.texts


@pytest.mark.parametrize("distance", [9e4, 1.3e5])
def test_from_among_the_rings_only_those_ahead_are_drawn(distance):
    ax, _ = _drawn(_view(2.0, distance))
    assert ax.patches
    for patch in ax.patches:
        assert np.isfinite(patch.get_xy()).all()
        assert np.abs(patch.get_xy()).max() < 120


def _area(polygon: np.ndarray) -> float:
    x, y = polygon.T
    return 0.5 * abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1)))


def test_parts_on_both_sides_of_a_line_make_the_whole():
    rng = np.random.default_rng(3)
    angle = np.sort(rng.uniform(0, 2 * np.pi, 40))
    star = rng.uniform(1, 3, 40)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for level in (-1.0, 0.0, 0.7):
        normal = rng.normal(size=2)
        one, other = clip(star, normal, level), clip(star, -normal, -level)
        assert _area(one) + _area(other) == pytest.approx(_area(star))
    assert not len(clip(star, np.array([1.0, 0.0]), 9.0))
    assert not len(clip(np.empty((0, 2)), np.array([1.0, 0.0]), 0.0))
