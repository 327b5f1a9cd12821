"""The drawn image of a body: what is on the axes and where."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import spiceypy
from helpers.flyby import flyby
from matplotlib.colors import BoundaryNorm, LogNorm, PowerNorm, to_rgba

from uvisxr import UvisError, image
from uvisxr.errors import ArgumentError
from uvisxr.geometry import views
from uvisxr.plot.picture import picture


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=9, step=4e-3)


def _artists(ax, prefix: str) -> list:
    found = ax.findobj(lambda artist: str(artist.get_gid() or "").startswith(prefix))
    return list(dict.fromkeys(found))


def test_image_is_that_of_the_data_array(ds):
    ax = picture(ds, nx=60, ny=50)
    (mesh,) = _artists(ax, "image")
    expected = image.image(ds, nx=60, ny=50)
    np.testing.assert_array_equal(mesh.get_array().filled(np.nan), expected.values)
    half = 0.5 * np.diff(expected.x)[0]
    left, right, bottom, _ = mesh.get_extent()
    assert left == pytest.approx(float(expected.x[0]) - half)
    assert right == pytest.approx(float(expected.x[-1]) + half)
    assert bottom < float(expected.y[0])


def test_limb_is_the_projected_edlimb(ds):
    ax = picture(ds, nx=20)
    (line,) = _artists(ax, "limb")
    view = views.target(ds).at(slice(4, 5))
    one = view.at(0)
    oracle = spiceypy.edlimb(*one.radii, one.observer[:])
    turn = np.linspace(0, 2 * np.pi, 50)[:, None]
    points = oracle.center + np.cos(turn) * oracle.semi_major + np.sin(turn) * oracle.semi_minor
    place = views.on_plane(view, one.sky(points)[None])[0]
    drawn = line.get_xydata()
    # Every point of the oracle lies on a chord of the curve, within its sagitta of 0.4 km.
    nearest = np.array([np.hypot(*(drawn - p).T).min() for p in place])
    assert nearest.max() < 2 * np.pi * 2700 / 360
    assert np.hypot(*drawn.T).mean() == pytest.approx(np.hypot(*place.T).mean(), rel=1e-3)


def test_labels_have_units_and_the_colour_bar_the_range(ds):
    ax = picture(ds, wl_range=(1300, 1800), nx=20)
    assert "(km)" in ax.get_xlabel()
    assert "(km)" in ax.get_ylabel()
    (mesh,) = _artists(ax, "image")
    assert mesh.colorbar.ax.get_ylabel() == "Brightness 1300–1800 Å (kR)"
    assert "Titan" in ax.get_title()
    assert ds.attrs["name"] in ax.get_title()


def test_altitude_circles_are_round_and_labelled(ds):
    ax = picture(ds, nx=20, altitudes=(500, 1000))
    circles = {a.get_gid(): a for a in _artists(ax, "altitude:")}
    assert set(circles) == {"altitude:500", "altitude:1000"}
    (limb,) = _artists(ax, "limb")
    radius = [np.hypot(*a.get_xydata().T).mean() for a in (limb, *circles.values())]
    assert np.diff(radius) == pytest.approx([500, 500], abs=3)
    texts = {text.get_text() for text in ax.texts}
    assert {"500 km", "1000 km"} <= texts


def test_without_altitudes_and_compass(ds):
    ax = picture(ds, nx=20, altitudes=(), compass=False)
    assert not _artists(ax, "altitude:")
    assert not _artists(ax, "compass")


def test_altitudes_above_the_spacecraft_are_not_drawn(ds):
    ax = picture(ds, nx=20, altitudes=(1000, 500_000))
    assert [a.get_gid() for a in _artists(ax, "altitude:")] == ["altitude:1000"]


def test_the_pole_that_is_seen_is_marked(ds):
    ax = picture(ds, nx=20)
    (mark,) = _artists(ax, "pole:")
    view = views.target(ds).at(slice(4, 5))
    sign = 1.0 if view.observer[0, 2] > 0 else -1.0
    assert mark.get_gid() == ("pole:N" if sign > 0 else "pole:S")
    pole = view.at(0).sky(np.array([[0.0, 0.0, sign * view.radii[2]]]))
    np.testing.assert_allclose(mark.get_xydata(), views.on_plane(view, pole[None])[0], atol=1e-6)


def _arrows(ax) -> dict[str, np.ndarray]:
    """Directions of the compass's arrows."""
    (compass,) = [a for a in _artists(ax, "compass") if a.get_gid() == "compass"]
    found = {}
    for arrow, text in zip(*[iter(compass.get_child().get_children())] * 2, strict=True):
        (x0, y0), (x1, y1) = arrow._posA_posB
        found[text.get_text()] = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
    return found


def test_compass_points_north_east_and_to_the_sun(ds):
    names = _arrows(picture(ds, nx=20))
    away = views.target(ds).at(4).centre
    assert set(names) == {"N", "E", "Sun"}
    # On the sky east is left of north, a quarter of a turn.
    turn = names["N"][0] * names["E"][1] - names["N"][1] * names["E"][0]
    assert turn == pytest.approx(1.0, rel=1e-6)
    # The lit side of the disk is towards the Sun.
    found = image.image(ds, nx=60)
    x, y = np.meshgrid(found.x, found.y)
    disk = (np.hypot(x, y) < 2300) & np.isfinite(found.values)
    bright = (found.values - found.values[disk].mean())[disk]
    slope = np.array([(bright * x[disk]).sum(), (bright * y[disk]).sum()])
    assert slope / np.hypot(*slope) @ names["Sun"] > 0.9
    # A step of a degree to the celestial north moves along the arrow.
    ra, dec = np.deg2rad([ds.target_ra.values[4], ds.target_dec.values[4] + 0.1])
    step = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]) - away
    right, up, _ = views.tangent_plane(views.target(ds))[4]
    flat = np.array([step @ right, step @ up])
    np.testing.assert_allclose(flat / np.hypot(*flat), names["N"], atol=1e-3)


def test_compass_goes_to_the_emptiest_corner(ds):
    ax = picture(ds, nx=60)
    (compass,) = [a for a in _artists(ax, "compass") if a.get_gid() == "compass"]
    codes = {"upper right": 1, "upper left": 2, "lower left": 3, "lower right": 4}
    found = image.image(ds, nx=60)
    held = {}
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    for name, code in codes.items():
        x = found.x < x0 + 0.2 * (x1 - x0) if "left" in name else found.x > x1 - 0.2 * (x1 - x0)
        y = found.y < y0 + 0.2 * (y1 - y0) if "lower" in name else found.y > y1 - 0.2 * (y1 - y0)
        held[code] = int(np.isfinite(found).where(x & y, False).sum())
    assert held[compass.loc] == min(held.values())


def test_given_axes_are_used_and_no_figure_is_made(ds):
    fig, ax = plt.subplots()
    before = plt.get_fignums()
    assert picture(ds, nx=20, ax=ax) is ax
    assert plt.get_fignums() == before
    assert fig.axes[0] is ax


def test_limits_are_those_of_the_axes_and_of_the_cells(ds):
    limits = {"xlim": (-1500.0, 2500.0), "ylim": (0.0, 3000.0)}
    ax = picture(ds, nx=40, **limits)
    assert (ax.get_xlim(), ax.get_ylim()) == tuple(limits.values())
    (mesh,) = _artists(ax, "image")
    expected = image.image(ds, nx=40, **limits)
    np.testing.assert_array_equal(mesh.get_array().filled(np.nan), expected.values)
    assert mesh.get_extent() == pytest.approx([-1500, 2500, 0, 3000])
    # Of one axis alone, the other is as without.
    ax, whole = picture(ds, nx=20, ylim=(0, 3000)), picture(ds, nx=20)
    assert ax.get_ylim() == (0, 3000)
    assert ax.get_xlim() == pytest.approx(whole.get_xlim(), abs=300)


def test_a_new_figure_is_as_high_as_the_image(ds):
    low = picture(ds, nx=20, xlim=(-4000, 4000), ylim=(0, 3000)).figure
    high = picture(ds, nx=20, xlim=(-1000, 1000), ylim=(-3000, 3000)).figure
    assert low.get_figheight() < low.get_figwidth() < high.get_figheight()
    fig, ax = plt.subplots(figsize=(3, 3))
    picture(ds, nx=20, ylim=(0, 1000), ax=ax)
    assert fig.get_size_inches().tolist() == [3, 3]


def test_footprints_beyond_the_limits(ds):
    with pytest.raises(ArgumentError, match=r"no footprint lies within xlim=\(90000, 95000\)"):
        picture(ds, nx=20, xlim=(90000, 95000))


def test_colour_map_and_norm_are_those_of_matplotlib(ds):
    ax = picture(ds, nx=20, cmap="viridis", norm="log", vmin=0.1, vmax=2.0)
    (mesh,) = _artists(ax, "image")
    assert mesh.get_cmap().name == "viridis"
    assert type(mesh.norm) is LogNorm
    assert mesh.get_clim() == (0.1, 2.0)
    norm = PowerNorm(0.5, vmin=0.0, vmax=1.0)
    ax = picture(ds, nx=20, cmap=plt.get_cmap("gray"), norm=norm, style={"image": {"cmap": "hot"}})
    (mesh,) = _artists(ax, "image")
    assert mesh.norm is norm
    assert mesh.get_cmap().name == "gray"


def test_the_colour_bar_shows_what_lies_beyond(ds):
    for limits, expected in (
        ({}, "neither"),
        ({"vmin": 0.1}, "min"),
        ({"vmax": 1.0}, "max"),
        ({"vmin": 0.1, "vmax": 1.0}, "both"),
    ):
        (mesh,) = _artists(picture(ds, nx=20, **limits), "image")
        assert mesh.colorbar.extend == expected


def test_noise_below_zero_is_dark_on_a_logarithmic_scale(ds):
    noisy = ds.assign(radiance=ds.radiance.where(ds.pic != 4, -1e-6))
    (mesh,) = _artists(picture(noisy, nx=30, norm="log"), "image")
    expected = image.image(noisy, nx=30).values
    assert (expected < 0).any()
    np.testing.assert_array_equal(np.ma.getmaskarray(mesh.get_array()), np.isnan(expected))
    assert (mesh.get_array()[expected < 0] == mesh.norm.vmin).all()
    assert mesh.colorbar.extend == "min"


def test_contours_between_levels(ds):
    levels = [0.1, 0.4, 0.8, 1.2]
    ax = picture(ds, nx=40, levels=levels, interpolate=True)
    (contours,) = _artists(ax, "image")
    assert contours.levels.tolist() == levels
    found = image.image(ds, nx=40, interpolate=True)
    # The area of each level is that of the cells within.
    cell = float(np.diff(found.x)[0] * np.diff(found.y)[0])
    for path, low, high in zip(contours.get_paths()[1:4], levels[:-1], levels[1:], strict=True):
        inside = ((found.values > low) & (found.values <= high)).sum() * cell
        x, y = np.meshgrid(found.x, found.y)
        drawn = path.contains_points(np.stack([x.ravel(), y.ravel()], -1)).sum() * cell
        assert drawn == pytest.approx(inside, rel=0.1)
    assert contours.colorbar.extend == "both"


def test_a_number_of_levels_gives_round_ones_in_the_limits(ds):
    (contours,) = _artists(picture(ds, nx=20, levels=5, vmin=0.0, vmax=2.0), "image")
    np.testing.assert_allclose(contours.levels, [0, 0.4, 0.8, 1.2, 1.6, 2.0])
    (contours,) = _artists(picture(ds, nx=20, levels=2, norm="log", vmin=0.01, vmax=1), "image")
    np.testing.assert_allclose(contours.levels, [0.01, 0.1, 1.0])
    norm = BoundaryNorm([0.0, 0.5, 2.0], 256)
    (contours,) = _artists(picture(ds, nx=20, levels=7, norm=norm), "image")
    assert contours.levels.tolist() == [0.0, 0.5, 2.0]


def test_without_annotation_there_is_the_image_and_the_outline(ds):
    ax = picture(ds, nx=20, annotate=False)
    assert not ax.axison
    assert not ax.get_title()
    assert not ax.child_axes
    assert [len(_artists(ax, name)) for name in ("image", "limb", "terminator")] == [1, 1, 1]
    for name in ("altitude:", "pole:", "compass"):
        assert not _artists(ax, name)
    asked = picture(ds, nx=20, annotate=False, altitudes=(700,))
    assert _artists(asked, "altitude:700")
    assert not asked.texts


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"cmap": "virids"}, r"cmap='virids': expected a colour map .*did you mean 'viridis'"),
        ({"cmap": 3}, "cmap=3"),
        ({"norm": "logg"}, "norm='logg': expected one of .*did you mean 'log'"),
        ({"norm": "log", "vmin": 0}, "vmin=0: expected a limit of the colours, above 0"),
        ({"norm": "log", "vmax": -1}, "vmax=-1: expected .* above 0"),
        ({"vmin": 3, "vmax": 1}, "vmin=3, vmax=1: expected vmin below vmax"),
        ({"vmin": "low"}, "vmin='low'"),
        ({"norm": LogNorm(), "vmin": 1}, r"norm=LogNorm\(vmin=..., vmax=...\)"),
        ({"levels": 0}, "levels=0"),
        ({"levels": "many"}, "levels='many'"),
        ({"levels": [1]}, "two or more ascending"),
        ({"levels": [2, 1]}, "two or more ascending"),
        ({"levels": 3, "nx": 1}, "contours need 2 cells"),
        ({"norm": "log", "vmin": 50}, r"norm='log' from 50.* to .* does not fit the values, 0\.02"),
        ({"xlim": (3, 3)}, "xlim=.*two different"),
        ({"annotate": "alt"}, "annotate='alt'"),
        ({"compass": 1}, "compass=1"),
    ],
)
def test_what_does_not_fit(ds, arguments, said):
    with pytest.raises(ArgumentError, match=said):
        picture(ds, **{"nx": 20} | arguments)


def test_colour_limits_and_style(ds):
    style = {"image": {"cmap": "gray"}, "outline": {"color": "red"}}
    ax = picture(ds, nx=20, vmin=0.5, vmax=2.0, style=style)
    (mesh,), (limb,) = _artists(ax, "image"), _artists(ax, "limb")
    assert mesh.get_clim() == (0.5, 2.0)
    assert mesh.get_cmap().name == "gray"
    assert to_rgba(limb.get_color()) == to_rgba("red")


def test_whole_body_is_shown_around_a_scan_of_a_part():
    ax = picture(flyby(n_pic=3, step=1e-3), nx=20)
    (limb,) = _artists(ax, "limb")
    (x0, x1), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    place = limb.get_xydata()
    assert place[:, 0].min() > x0
    assert place[:, 0].max() < x1
    assert place[:, 1].min() > y0
    assert place[:, 1].max() < y1


def test_close_to_a_body_only_the_scan_is_shown():
    ax = picture(flyby(n_pic=3, step=1e-3, distance=6_000.0), nx=20)
    assert np.ptp(ax.get_xlim()) < 1000


def test_bad_altitude(ds):
    with pytest.raises(UvisError, match="altitudes"):
        picture(ds, nx=20, altitudes=(-5,))


def test_descending_limits_mirror_the_picture(ds):
    up = picture(ds, nx=40, xlim=(-1500, 2500), ylim=(0, 3000))
    turned = picture(ds, nx=40, xlim=(2500, -1500), ylim=(3000, 0))
    assert (turned.get_xlim(), turned.get_ylim()) == ((2500, -1500), (3000, 0))
    (mesh,), (mirrored,) = _artists(up, "image"), _artists(turned, "image")
    np.testing.assert_array_equal(mirrored.get_array(), mesh.get_array())
    assert mirrored.get_extent() == pytest.approx(mesh.get_extent())
    # Towards celestial north and east on the canvas, from the labels around the compass's foot.
    for name in ("N", "E"):
        there, here = (_arrow(ax, name) for ax in (up, turned))
        np.testing.assert_allclose(here, -there, atol=0.05)


def _arrow(ax, name: str) -> np.ndarray:
    """Unit vector from one label of the compass to the other, its part along each."""
    (at,), (north,), (east,) = (_artists(ax, f"compass:{n}") for n in (name, "N", "E"))
    points = [np.array(t.get_position()) for t in (at, north, east)]
    # Both are as far from the foot, and at right angles.
    half = 0.5 * (points[2] - points[1])
    sign = 1.0 if name == "E" else -1.0
    return sign * half / np.hypot(*half)


def test_labels_of_altitudes_do_not_collide(ds):
    ax = picture(ds, nx=20, altitudes=range(20, 1000, 20))
    assert len(_artists(ax, "altitude:")) == 49
    ax.figure.canvas.draw()
    boxes = [t.get_window_extent() for t in ax.texts if t.get_text().endswith("km")]
    assert 1 < len(boxes) < 49
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_circles_by_default_lie_apart(ds):
    def drawn(seen) -> list[float]:
        ax = picture(seen, nx=20)
        found = [float(a.get_gid().split(":")[1]) for a in _artists(ax, "altitude:")]
        scale = ax.bbox.height * 72 / ax.figure.dpi / np.ptp(ax.get_ylim())
        assert (np.diff([0.0, *found]) * scale > 7).all()
        return found

    assert len(drawn(ds)) > 1
    # All that is seen lies close above the limb.
    assert len(drawn(ds.assign_coords(alt=ds["alt"].clip(max=300)))) <= 1


def test_the_label_of_a_flat_picture_has_room(ds):
    ax = picture(ds, nx=40, ylim=(0, 900))
    ax.figure.canvas.draw()
    box, page = ax.yaxis.label.get_window_extent(), ax.figure.bbox
    assert page.y0 <= box.y0 and box.y1 <= page.y1
    assert ax.get_ylabel().replace("\n", " ") == "Distance towards the north of the body (km)"
