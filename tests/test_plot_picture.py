"""The drawn image of a body: what is on the axes and where."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import spiceypy
import xarray as xr
from helpers.flyby import flyby
from matplotlib.colors import BoundaryNorm, LogNorm, PowerNorm, to_rgba
from matplotlib.transforms import Bbox

from uvisxr import UvisError, image
from uvisxr.drawing import colours
from uvisxr.drawing.rings import seen
from uvisxr.errors import ArgumentError
from uvisxr.geometry import views
from uvisxr.geometry.rings import RINGS
from uvisxr.plot.picture import picture
from uvisxr.quality import flags as quality_flags


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=9, step=4e-3)


def _artists(ax, prefix: str) -> list:
    found = ax.findobj(lambda artist: str(artist.get_gid() or "").startswith(prefix))
    return list(dict.fromkeys(found))


def _points(lines) -> np.ndarray:
    """All points of lines that are drawn in parts."""
    return np.concatenate([path.vertices for path in lines.get_paths()])


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
    drawn = _points(line)
    # Every point of the oracle lies on a chord of the curve, within its sagitta of 0.4 km.
    nearest = np.array([np.hypot(*(drawn - p).T).min() for p in place])
    assert nearest.max() < 2 * np.pi * 2700 / 360
    assert np.hypot(*drawn.T).mean() == pytest.approx(np.hypot(*place.T).mean(), rel=1e-3)


def test_labels_have_units_and_the_colour_bar_the_range(ds):
    ax = picture(ds, wl_range=(1300, 1800), nx=20)
    assert "(km)" in ax.get_xlabel()
    assert "(km)" in ax.get_ylabel()
    (mesh,) = _artists(ax, "image")
    assert (
        mesh.colorbar.ax.get_ylabel()
        == "Brightness 1300–1800\N{NO-BREAK SPACE}Å\N{NO-BREAK SPACE}(kR)"
    )
    assert "Titan" in ax.get_title()
    assert ds.attrs["name"] in ax.get_title()


def test_altitude_circles_are_round_and_labelled(ds):
    ax = picture(ds, nx=20, altitudes=(500, 1000))
    circles = {a.get_gid(): a for a in _artists(ax, "altitude:")}
    assert set(circles) == {"altitude:500", "altitude:1000"}
    (limb,) = _artists(ax, "limb")
    radius = [np.hypot(*_points(a).T).mean() for a in (limb, *circles.values())]
    assert np.diff(radius) == pytest.approx([500, 500], abs=3)
    texts = {text.get_text() for text in ax.texts}
    assert {"500 km", "1,000 km"} <= texts


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
    found = {}
    for arrow in _artists(ax, "arrow:"):
        (x0, y0), (x1, y1) = arrow._posA_posB
        name = arrow.get_gid().split(":")[1]
        found[name] = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
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


def test_what_is_beside_the_image_is_not_on_it(ds):
    ax = picture(ds, nx=60)
    ax.figure.canvas.draw()
    (mesh,) = _artists(ax, "image")
    boxes = [mesh.colorbar.ax.get_window_extent()]
    for parts in (("compass:", "arrow:"), ("scale_bar",)):
        found = [a.get_window_extent() for gid in parts for a in _artists(ax, gid)]
        assert len(found) == (6 if "arrow:" in parts else 2)
        boxes.append(Bbox.union(found))
    assert all(box.x0 > ax.bbox.x1 for box in boxes)
    assert all(box.y0 >= 0 and box.y1 <= ax.figure.bbox.y1 for box in boxes)
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_the_compass_follows_the_axes(ds):
    ax = picture(ds, nx=20)
    feet = []
    for dpi, size in ((100, None), (50, (8, 7))):
        ax.figure.set_dpi(dpi)
        ax.figure.set_size_inches(size or ax.figure.get_size_inches())
        ax.figure.canvas.draw()
        arrows = [a.get_window_extent() for a in _artists(ax, "arrow:")]
        # All arrows begin near one point, which is to the right of the foot of the axes.
        foot = np.mean([box.get_points().mean(axis=0) for box in arrows], axis=0)
        feet.append((foot - [ax.bbox.x1, ax.bbox.y0]) / dpi)
    np.testing.assert_allclose(feet[1], feet[0], atol=0.03)


def test_the_scale_bar_is_as_long_as_it_says(ds):
    ax = picture(ds, nx=20)
    for change in (lambda: None, lambda: ax.set_xlim(-1500, 1500)):
        change()
        ax.figure.canvas.draw()
        bar, text = _artists(ax, "scale_bar")
        x = bar.get_transform().transform(bar.get_xydata())[:, 0]
        length = np.ptp(x) * np.ptp(ax.get_xlim()) / ax.bbox.width
        said = float(text.get_text().removesuffix(" km").replace(",", ""))
        assert length == pytest.approx(said, rel=1e-6)


def test_given_axes_are_used_and_no_figure_is_made(ds):
    fig, ax = plt.subplots()
    before = plt.get_fignums()
    assert picture(ds, nx=20, ax=ax) is ax
    assert plt.get_fignums() == before
    assert fig.axes[0] is ax


@pytest.mark.slow
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
        ({"vmin": 0.0, "vmax": 9.0}, "neither"),
        ({"vmin": 0.1, "vmax": 9.0}, "min"),
        ({"vmin": 0.0, "vmax": 1.0}, "max"),
        ({"vmin": 0.1, "vmax": 1.0}, "both"),
    ):
        (mesh,) = _artists(picture(ds, nx=20, **limits), "image")
        assert mesh.colorbar.extend == expected


def test_noise_below_zero_is_dark_on_a_logarithmic_scale(ds):
    noisy = ds.assign(radiance=ds.radiance.where(ds.pic != 4, -1e-6))
    (mesh,) = _artists(picture(noisy, nx=80, norm="log", vmax=9.0), "image")
    expected = image.image(noisy, nx=80).values
    shown = ~np.ma.getmaskarray(mesh.get_array())
    dark = shown & (expected < 0)
    assert dark.any()
    assert (mesh.get_array()[dark] == mesh.norm.vmin).all()
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


@pytest.mark.parametrize(
    ("low", "high", "number", "expected"),
    [
        (0.02, 2.2, 12, [0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3]),
        (0.02, 2.2, 7, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5]),
        (0.01, 90.0, 4, [0.01, 0.1, 1, 10, 100]),
    ],
)
def test_levels_of_logarithmic_scales_are_round(low, high, number, expected):
    scale = colours.colours(np.array([low, high]), "viridis", "log", low, high)
    np.testing.assert_allclose(colours.steps(number, scale), expected)


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
        ({"overlap": "first"}, "overlap='first'"),
        ({"flagged": "hide"}, "flagged='hide': expected .*leave out"),
        ({"filled": True}, "filled=True"),
        ({"bodies": ["NOWHERE"]}, "bodies"),
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
    place = _points(limb)
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
    boxes = [t.get_window_extent() for t in _artists(ax, "altitude_name")]
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
    assert ax.get_ylabel().replace("\n", " ") == "North of the centre (km)"


def test_flagged_footprints_are_hatched_left_out_or_shown(ds):
    star = quality_flags.flag(ds, [(4, 30), (5, 30)], "star")
    exclude = ("star",)
    drawn = {
        how: picture(star, nx=60, exclude=exclude, flagged=how)
        for how in ("hatch", "leave out", "show")
    }
    meshes = {how: _artists(ax, "image")[0].get_array() for how, ax in drawn.items()}
    np.testing.assert_array_equal(meshes["hatch"].mask, meshes["leave out"].mask)
    assert meshes["show"].mask.sum() < meshes["hatch"].mask.sum()
    every = image.image(star, nx=60, exclude=()).values
    np.testing.assert_array_equal(meshes["show"].filled(np.nan), every)
    assert not _artists(drawn["show"], "hatched") and not _artists(drawn["leave out"], "hatched")
    (hatched,) = _artists(drawn["hatch"], "hatched")
    path = hatched.get_path()
    middle = image.footprints(star)[[4, 5], 30].mean(axis=1)
    assert path.contains_points(middle).all()
    assert "flagged" in drawn["hatch"].get_title()
    assert "flagged" not in drawn["show"].get_title()


def test_filled_footprints_are_hatched_or_left_out(ds):
    light = ds.uvis.integrate()
    filled = xr.zeros_like(light["pixel"], float).where(light["pixel"] != 30, 0.8)
    light = light.assign_coords(brightness_filled=filled)
    shown, hatched = picture(light, nx=60), picture(light, nx=60, filled="hatch")
    left = picture(light, nx=60, filled="leave out")
    n = [int(_artists(ax, "image")[0].get_array().count()) for ax in (shown, hatched, left)]
    assert n[0] > n[1] == n[2]
    assert _artists(hatched, "hatched") and not _artists(left, "hatched")
    assert "hatched:\N{NO-BREAK SPACE}filled" in hatched.get_title()


def test_a_picture_says_why_there_is_nothing_to_show(ds):
    every = quality_flags.flag(ds, xr.ones_like(ds["alt"], bool), "user")
    ax = picture(every, nx=20)
    (said,) = _artists(ax, "nothing")
    assert "540 are flagged; see exclude=" in said.get_text()
    assert _artists(ax, "hatched") and _artists(ax, "limb") and not _artists(ax, "image")
    turned = {"ra_corners": ds["ra_corners"] + 180, "dec_corners": -ds["dec_corners"]}
    ax = picture(ds.assign_coords(turned), nx=20)
    (said,) = _artists(ax, "nothing")
    assert "540 look more than 85 degrees past the body" in said.get_text()
    limb = _points(_artists(ax, "limb")[0])
    assert limb[:, 0].min() > ax.get_xlim()[0] and limb[:, 0].max() < ax.get_xlim()[1]


def test_the_title_says_what_is_seen_where_footprints_overlap():
    near = flyby(n_pic=6, step=5e-4)
    titles = [
        picture(near, nx=40, overlap=how).get_title().replace("\n", " ")
        for how in ("mean", "latest")
    ]
    assert "mean where footprints overlap" in titles[0]
    assert "latest on top" in titles[1]
    assert all(title.endswith("exposures\N{NO-BREAK SPACE}outlined") for title in titles)
    assert _artists(picture(near, nx=40), "exposures")
    apart = picture(flyby(n_pic=6, step=2.5e-3), nx=40)
    assert "overlap" not in apart.get_title() and not _artists(apart, "exposures")


def test_a_star_does_not_set_the_colours(ds):
    bright = ds.assign(radiance=ds.radiance.where((ds.pic != 2) | (ds.pixel != 20), 1e3))
    (mesh,) = _artists(picture(bright, nx=60), "image")
    (without,) = _artists(picture(ds, nx=60), "image")
    assert mesh.norm.vmax < 1.2 * without.norm.vmax
    assert mesh.colorbar.extend in ("max", "both")


def test_a_small_or_cut_body_has_a_map():
    for distance, step in ((4e6, 2.5e-3), (9e3, 1.5e-3)):
        ax = picture(flyby(n_pic=12, distance=distance, step=step), nx=40)
        (inset,) = _artists(ax, "locator")
        assert _artists(inset, "limb:TITAN")
        assert inset.get_title() == "Titan"
        (frame,) = _artists(inset, "frame")
        assert frame.get_width() == pytest.approx(np.ptp(ax.get_xlim()))
    # The body is in the map's middle, and takes a good part of it.
    limb = _points(_artists(inset, "limb:TITAN")[0])
    assert np.ptp(limb[:, 0]) > 0.5 * np.ptp(inset.get_xlim())
    assert not _artists(picture(flyby(n_pic=12), nx=40), "locator")


def test_a_tiny_body_is_seen_in_the_colours():
    ds = flyby(n_pic=20, distance=4e6)
    (mesh,) = _artists(picture(ds, nx=100), "image")
    shown = mesh.get_array().compressed()
    bright = shown > np.median(shown) * 1.001
    assert 0 < bright.sum() < 0.005 * bright.size
    assert mesh.norm.vmax > shown[bright].min()


def test_other_bodies_are_drawn_and_hide_what_is_behind(ds, monkeypatch):
    middle = views.target(ds)
    offset = np.einsum("nij,j->ni", middle.rotation, [0.0, 0.0, 4e3])
    before = middle.observer - 20_000 * middle.observer / middle.distance[:, None]
    others = [
        replace(middle, name="DIONE", radii=0.4 * middle.radii, observer=before + 0 * offset),
        replace(middle, name="MOON", observer=middle.observer * np.nan),
    ]
    monkeypatch.setattr(views, "others", lambda *_: others)
    ax = picture(ds, nx=20)
    assert {a.get_gid() for a in _artists(ax, "limb:")} == {"limb:TITAN", "limb:DIONE"}
    assert "Dione" in {text.get_text() for text in ax.texts}
    (near,), (graticule,) = _artists(ax, "limb:DIONE"), _artists(ax, "graticule:TITAN")
    radius = np.hypot(*_points(near).T).min()
    assert np.hypot(*_points(graticule).T).min() > 0.95 * radius


def test_saturn_has_rings_with_names(ds):
    planet = ds.assign_attrs(
        geometry_target="SATURN", target="SATURN", target_radii=[60268.0, 60268.0, 54364.0]
    ).assign_coords(target_distance=ds["target_distance"] * 12)
    limits = {"xlim": (-150e3, 150e3), "ylim": (-150e3, 150e3)}
    ax = picture(planet, nx=20, altitudes=(), **limits)
    names = {a.get_text() for a in _artists(ax, "ring_name:")}
    assert {"A", "B", "C"} <= names <= set("ABCDF")
    assert len(_artists(ax, "ring:SATURN")) == 2 * len(RINGS)
    (edges,) = _artists(ax, "ring_edges:SATURN")
    far = np.hypot(*_points(edges).T)
    assert far.max() == pytest.approx(140_270, rel=1e-2)
    # Nothing of a ring is drawn where SPICE finds the planet in the way.
    one = views.target(planet).at(4)
    turn = np.linspace(0, 2 * np.pi, 721)
    points = 1e5 * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=-1)
    for point, shown in list(zip(points, seen(one, 1e5), strict=True))[::20]:
        ray = point - one.observer
        try:
            hit = spiceypy.surfpt(one.observer, ray, *one.radii)
            hidden = np.linalg.norm(hit - one.observer) < np.linalg.norm(ray)
        except spiceypy.NotFoundError:
            hidden = False
        assert np.isnan(shown).any() == hidden


def test_both_axes_are_in_one_unit():
    ds = flyby(n_pic=3).assign_attrs(geometry_target="SATURN")
    ax = picture(ds, nx=20, xlim=(-150e3, 150e3), ylim=(-70e3, 70e3), altitudes=())
    units = [label.partition("(")[2] for label in (ax.get_xlabel(), ax.get_ylabel())]
    assert units[0] == units[1]
    assert "Saturn" in units[0]


def test_names_of_altitudes_do_not_lie_across_the_edge_of_the_data():
    ax = picture(flyby(n_pic=1), nx=100)
    (mesh,) = _artists(ax, "image")
    seen = ~np.ma.getmaskarray(mesh.get_array())
    left, right, bottom, top = mesh.get_extent()
    names = _artists(ax, "altitude_name")
    assert names
    for name in names:
        half = 0.5 * name.get_window_extent().width
        turn = np.deg2rad(name.get_rotation())
        along = half * np.linspace(-0.6, 0.6, 5)[:, None] * [np.cos(turn), np.sin(turn)]
        middle = ax.transData.transform(name.get_position())
        x, y = ax.transData.inverted().transform(middle + along).T
        column = np.floor((x - left) / (right - left) * seen.shape[1]).astype(int)
        row = np.floor((y - bottom) / (top - bottom) * seen.shape[0]).astype(int)
        inside = (column >= 0) & (row >= 0) & (column < seen.shape[1]) & (row < seen.shape[0])
        on = [bool(k and seen[i, j]) for k, i, j in zip(inside, row, column, strict=True)]
        assert len(set(on)) == 1, name.get_text()


def test_what_is_hatched_is_named_in_one_piece(ds):
    flagged = quality_flags.flag(ds, xr.DataArray(ds.pic.values == 4, dims="pic"), "user")
    assert "hatched:\N{NO-BREAK SPACE}flagged" in picture(flagged, nx=20).get_title()


def test_names_of_altitudes_on_hatches_have_paper(ds):
    every = quality_flags.flag(ds, xr.ones_like(ds["alt"], bool), "user")
    for flagged in (False, True):
        ax = picture(every if flagged else ds, nx=20)
        names = _artists(ax, "altitude_name")
        assert any(name.get_bbox_patch() is not None for name in names) == flagged


@pytest.mark.slow
def test_hatches_that_are_not_seen_are_told_as_left_out(ds):
    ax = plt.subplots(figsize=(3.0, 3.0))[1]
    one = picture(ds.uvis.flag([(4, 20)]), nx=40, ax=ax).get_title()
    many = picture(ds.uvis.flag(ds.pixel < 20), nx=40).get_title()
    tied = "\N{NO-BREAK SPACE}"
    assert f"flagged{tied}left{tied}out" in one and "hatched" not in one
    assert f"hatched:{tied}flagged" in many and "left" not in many


def test_titles_tell_the_wavelengths_where_there_is_no_bar_and_small_ones_no_name(ds):
    assert "1115–1913" in picture(ds.uvis.flag(ds.pixel >= 0), nx=20).get_title()
    name = ds.attrs["name"]
    assert name in picture(ds, nx=20).get_title()
    _, ax = plt.subplots(figsize=(3, 3), layout="constrained")
    assert name not in picture(ds, nx=20, ax=ax).get_title()


def test_what_is_said_of_nothing_lies_between_the_spines(ds):
    ax = picture(ds.uvis.flag(ds.pixel >= 0), nx=20)
    ax.figure.canvas.draw()
    (said,) = _artists(ax, "nothing")
    box = said.get_bbox_patch().get_window_extent()
    assert ax.bbox.x0 < box.x0 and box.x1 < ax.bbox.x1


def test_closed_gaps_are_told():
    # Footprints are 180 km wide, and 120 km apart or 12, of which cells have 20.
    assert "gaps" not in picture(flyby(n_pic=6, step=2.5e-3)).get_title()
    closed = picture(flyby(n_pic=6, step=1.6e-3), nx=300).get_title()
    assert "gaps\N{NO-BREAK SPACE}closed" in closed


def test_the_name_of_the_sun_is_clear_of_its_arrow(ds):
    ax = picture(ds, nx=20)
    ax.figure.canvas.draw()
    (arrow,) = _artists(ax, "arrow:Sun")
    (name,) = _artists(ax, "compass:Sun")
    assert not name.get_window_extent().overlaps(arrow.get_window_extent().padded(-1.5))


def test_levels_on_a_logarithmic_scale_are_short_and_about_even(ds):
    options = {"nx": 20, "levels": 7, "norm": "log", "vmin": 0.0123, "vmax": 2.17}
    (contours,) = _artists(picture(ds, **options), "image")
    levels = contours.levels
    assert [float(f"{level:.2g}") for level in levels] == levels.tolist()
    ratios = levels[1:] / levels[:-1]
    np.testing.assert_allclose(ratios, (2.17 / 0.0123) ** (1 / 7), rtol=0.25)
