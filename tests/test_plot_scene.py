"""The scene on the sky: maps, bodies, slit, stars, grids, and films of it."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from helpers import starlist
from helpers.flyby import flyby
from helpers.slow import rest_slow
from helpers.umask import permissions, umask
from PIL import Image

from uvisxr import UvisError
from uvisxr.drawing import sky
from uvisxr.errors import (
    ArgumentError,
    ExportError,
    KernelError,
    MissingDependencyError,
    MissingStepError,
    UvisWarning,
)
from uvisxr.geometry import outline, views
from uvisxr.instrument.detector import Window
from uvisxr.numerics import sphere
from uvisxr.plot import animation
from uvisxr.plot.scene import geometry


@pytest.fixture(scope="module")
def ds():
    return flyby(n_pic=5, step=6e-3)


def _artists(ax, prefix: str) -> list:
    found = ax.findobj(lambda artist: str(artist.get_gid() or "").startswith(prefix))
    return list(dict.fromkeys(found))


def _vertices(collection) -> list[np.ndarray]:
    return [path.vertices for path in collection.get_paths()]


def test_map_keeps_angles_from_the_centre():
    rng = np.random.default_rng(3)
    centre = sphere.vectors(200.0, 40.0)
    around = sky.Around(centre)
    looks = sphere.unit(rng.normal(size=(200, 3)))
    place = around(looks)
    angle = np.rad2deg(np.arccos(np.clip(looks @ centre, -1, 1)))
    np.testing.assert_allclose(np.hypot(*place.T), angle, atol=1e-9)
    np.testing.assert_allclose(around.direction(place), looks, atol=1e-12)
    np.testing.assert_allclose(around(centre), [0, 0], atol=1e-12)
    np.testing.assert_allclose(around(sphere.vectors(200.0, 41.0)), [0, 1], atol=1e-9)
    east = around(sphere.vectors(200.1, 40.0))
    assert east[0] == pytest.approx(0.1 * np.cos(np.deg2rad(40)), rel=1e-4)


def test_map_around_a_pole():
    around = sky.Around(np.array([0.0, 0.0, 1.0]))
    place = around(sphere.vectors(np.array([0.0, 90.0, 180.0, 270.0]), np.full(4, 80.0)))
    np.testing.assert_allclose(np.hypot(*place.T), 10.0)


def test_whole_sky_breaks_curves_at_its_edge():
    place = np.array([[350.0, 0.0], [359.0, 1.0], [2.0, 2.0], [5.0, 3.0]])
    assert sky.leaps(place)
    parted = sky.broken(place)
    assert np.isnan(parted[2]).all()
    assert len(parted) == 5
    assert not sky.leaps(place[:2])


@pytest.mark.parametrize("centre", [(10.0, 5.0), (359.5, -60.0), (120.0, 89.0)])
def test_grid_lines_have_the_value_they_say(centre):
    around = sky.Around(sphere.vectors(*centre))
    lines = sky.grid(around, (-4.0, 4.0), (-4.0, 4.0))
    assert 4 <= len(lines) <= 60
    for text, line in lines:
        value = float(text[2:-1].replace("−", "-"))
        look = around.direction(line)
        if text[0] == "δ":
            np.testing.assert_allclose(sphere.latitude(look), value, atol=1e-9)
        else:
            apart = sphere.longitude(look) - value
            off_pole = np.abs(sphere.latitude(look)) < 89.999
            np.testing.assert_allclose(np.sin(np.deg2rad(apart))[off_pole], 0, atol=1e-6)


def test_limb_night_and_terminator_lie_where_they_should(ds):
    ax = geometry(ds, 2, bodies=())
    view = views.target(ds).at(2)
    around = sky.Around(view.centre)
    (limb,) = _artists(ax, "limb:TITAN")
    expected = around(view.sky(outline.limb(view.observer, view.radii)))
    np.testing.assert_allclose(limb.get_xydata(), expected, atol=1e-12)
    (disk,) = _artists(ax, "disk:TITAN")
    np.testing.assert_allclose(disk.get_xy()[: len(expected)], expected, atol=1e-12)
    (night,) = _artists(ax, "night:TITAN")
    (edge,) = _artists(ax, "terminator:TITAN")
    # Just inside the limb, where it is nearest to the Sun and farthest from it.
    height = outline.limb(view.observer, view.radii) @ sphere.unit(view.sun)
    assert not night.get_path().contains_point(0.98 * expected[np.argmax(height)])
    assert night.get_path().contains_point(0.98 * expected[np.argmin(height)])
    assert len(edge.get_xydata()) > 10
    assert len(_vertices(_artists(ax, "graticule:TITAN")[0])) >= 5


def test_slit_and_pixels_are_the_corners_on_the_map(ds):
    part = flyby(n_pic=5, step=6e-3, window=Window(20, 0, 29, 1023, band_bin=512))
    ax = geometry(part, 1, mode="fov", bodies=())
    (slit,), (pixels,) = _artists(ax, "slit"), _artists(ax, "pixels")
    rows, used = _vertices(slit), _vertices(pixels)
    assert len(rows) == 64
    assert len(used) == 10
    for k in range(10):
        np.testing.assert_allclose(used[k][:4], rows[20 + k][:4], atol=1e-9)
    (x1, x0), (y0, y1) = ax.get_xlim(), ax.get_ylim()
    corners = np.concatenate(used)
    assert ((corners > [x0, y0]) & (corners < [x1, y1])).all()


def test_east_is_left():
    ax = geometry(flyby(n_pic=1), bodies=())
    assert ax.get_xlim()[0] > ax.get_xlim()[1]
    ax = geometry(flyby(n_pic=1), mode="manual", xlim=(-3, 3), ylim=(-2, 2), bodies=())
    assert ax.get_xlim() == (3, -3)
    assert ax.get_ylim() == (-2, 2)


def test_center_moves_the_map(ds):
    ax = geometry(
        ds, 0, mode="manual", center=(121.5, -16.0), xlim=(-3, 3), ylim=(-3, 3), bodies=()
    )
    (mark,) = _artists(ax, "sub_spacecraft")
    x, y = mark.get_xydata()[0]
    assert x == pytest.approx(-0.5 * np.cos(np.deg2rad(17)), abs=0.02)
    assert y == pytest.approx(-1.0, abs=0.02)


def test_sub_spacecraft_point_is_where_the_dataset_has_it(ds):
    ax = geometry(ds, 3, bodies=())
    (mark,) = _artists(ax, "sub_spacecraft")
    view = views.target(ds).at(3)
    point = outline.surface(-float(ds.sc_lon[3]), float(ds.sc_lat[3]), view.radii)
    expected = sky.Around(view.centre)(view.sky(point))
    np.testing.assert_allclose(mark.get_xydata()[0], expected, atol=1e-9)


def test_the_sub_spacecraft_point_is_written_where_it_is(ds):
    ax = geometry(ds, 3, bodies=())
    (text,) = _artists(ax, "place")
    lon, lat = float(ds.sc_lon[3]), float(ds.sc_lat[3])
    assert text.get_text() == f"{lon:.1f}° W, {abs(lat):.1f}° {'N' if lat >= 0 else 'S'}"
    (mark,) = _artists(ax, "sub_spacecraft")
    np.testing.assert_allclose(text.xy, mark.get_xydata()[0])
    east = ds.assign_attrs(lon_direction="east").assign_coords(sc_lat=-ds.sc_lat)
    assert geometry(east, 3, bodies=()).findobj(lambda a: a.get_gid() == "place")[0].get_text() == (
        f"{lon:.1f}° E, {abs(lat):.1f}° {'S' if lat >= 0 else 'N'}"
    )


def test_on_a_small_disk_it_is_written_below():
    ax = geometry(flyby(n_pic=1), mode="manual", xlim=(-20, 20), ylim=(-20, 20), bodies=())
    (text,), (limb,) = _artists(ax, "place"), _artists(ax, "limb:TITAN")
    assert text.xy[1] == pytest.approx(limb.get_xydata()[:, 1].min())


def test_the_ends_of_the_slit_have_the_numbers_of_their_pixels(ds):
    part = ds.isel(pixel=slice(7, 53))
    ax = geometry(part, 2, bodies=())
    first, last = [a for a in ax.texts if a.get_gid() == "pixel_number"]
    assert (first.get_text(), last.get_text()) == ("7", "52")
    corners = _vertices(_artists(ax, "slit")[0])
    np.testing.assert_allclose(first.xy, corners[9][:2].mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(last.xy, corners[54][2:4].mean(axis=0), atol=1e-9)
    # They stand away from the slit.
    to_pixels = ax.transData.transform
    outward = to_pixels(last.xy) - to_pixels(first.xy)
    assert np.dot(last.get_position(), outward) > 0 > np.dot(first.get_position(), outward)


def test_a_single_pixel_has_one_number(ds):
    ax = geometry(ds.isel(pixel=[30]), 2, mode="fov", bodies=())
    assert [a.get_text() for a in ax.texts if a.get_gid() == "pixel_number"] == ["30"]


def test_a_slit_too_short_has_no_numbers(ds):
    ax = geometry(ds, 2, mode="allsky", bodies=())
    assert not _artists(ax, "pixel_number")


def _title(ax) -> str:
    return ax.get_title().replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.slow
def test_the_title_gives_the_instant_that_is_drawn(ds):
    title = _title(geometry(ds, 2, bodies=()))
    # 1.8e8 + 60 s after 2000-01-01T11:58:55.816 UTC, with no leap second in between.
    assert title == "Titan, FUV2005_257_19_58, pic 2, 2005-09-14 19:59:55.8 UTC"
    later = ds.assign_coords(geometry_et=ds.geometry_et + 7.26)
    assert _title(geometry(later, 2, bodies=())).endswith("2005-09-14 20:00:03.1 UTC")
    two = xr.concat([ds, later], "sample", data_vars="minimal", coords="different", compat="equals")
    two = two.transpose("pic", "sample", ...)
    for sample, end in ((0, "19:59:55.8 UTC"), (1, "20:00:03.1 UTC")):
        ax = geometry(two.isel(sample=sample), 2, bodies=())
        assert _title(ax).endswith(end)
    # Of two instants the second is drawn.
    assert _title(geometry(two, 2, bodies=())).endswith("20:00:03.1 UTC")


def test_flagged_pixels_are_hatched(ds):
    flagged = ds.uvis.flag([(2, 5), (2, 6)], "star")
    ax = geometry(flagged, 2, bodies=())
    dark = int((ds["quality"].values[2] > 0).sum())
    assert len(_vertices(_artists(ax, "flagged")[0])) == 2 + dark
    assert len(_vertices(_artists(ax, "pixels")[0])) == ds.sizes["pixel"] - 2 - dark


def test_a_field_colours_the_pixels_and_its_values_are_written(ds):
    ax = geometry(ds, 2, mode="fov", annotate="alt", bodies=())
    (field,) = _artists(ax, "field")
    np.testing.assert_allclose(field.get_array(), ds["alt"].values[2])
    (bar,) = [a for a in ax.figure.axes if a.get_label() == "<colorbar>"]
    assert bar.get_ylabel().startswith("Altitude of the tangent point")
    assert bar.get_ylabel().endswith("(km)")
    texts = [a for a in ax.texts if a.get_gid() == "value"]
    assert 1 <= len(texts) <= 12
    nearest = [
        np.abs(ds["alt"].values[2] - float(t.get_text().replace("−", "-"))).min() for t in texts
    ]
    assert max(nearest) <= 0.5


def test_stars_are_drawn_where_nothing_hides_them(ds):
    free, hidden = ds["alt"].values[2].argmax(), ds["alt"].values[2].argmin()
    place = sphere.vectors(ds.ra.values[2, [free, hidden]], ds.dec.values[2, [free, hidden]])
    ax = geometry(ds, 2, stars=starlist.catalogue(place, 3.0), bodies=())
    (drawn,) = _artists(ax, "stars")
    view = views.target(ds).at(2)
    expected = sky.Around(view.centre)(place[:1])
    np.testing.assert_allclose(drawn.get_offsets(), expected, atol=1e-9)


def test_whole_sky_shows_stars_slit_and_labels(ds):
    ax = geometry(ds, 0, mode="allsky", bodies=())
    assert ax.get_xlim() == (360, 0)
    assert ax.get_ylim() == (-90, 90)
    assert ax.get_xlabel() == "Right ascension (°)"
    (stars,) = _artists(ax, "stars")
    assert len(stars.get_offsets()) == 60
    (sun,) = _artists(ax, "sun")
    view = views.target(ds).at(0)
    expected = view.sky(view.sun)
    np.testing.assert_allclose(sphere.vectors(*sun.get_xydata()[0]), expected, atol=1e-9)


def test_whole_sky_around_the_meridian():
    ax = geometry(flyby(n_pic=1, target_ra=0.0, distance=20_000.0), mode="allsky", bodies=())
    (limb,) = _artists(ax, "limb:TITAN")
    assert np.isnan(limb.get_xydata()).any()
    assert not _artists(ax, "disk:TITAN")
    for row in _vertices(_artists(ax, "slit")[0]):
        assert np.ptp(row[:, 0]) < 10


def test_a_distant_body_is_a_mark():
    ax = geometry(
        flyby(n_pic=1, distance=3e7), mode="manual", xlim=(-5, 5), ylim=(-5, 5), bodies=()
    )
    assert _artists(ax, "body:TITAN")
    assert not _artists(ax, "limb:TITAN")
    assert "Titan" in [t.get_text() for t in ax.texts]


def test_exposure_without_pointing_still_shows_the_body():
    ds = flyby(n_pic=2).copy(deep=True)
    for name in ("ra_corners", "dec_corners"):
        ds[name].values[1] = np.nan
    for mode in ("target", "fov", "allsky"):
        ax = geometry(ds, 1, mode=mode, bodies=())
        assert not _artists(ax, "slit")
        assert "no pointing" in [t.get_text() for t in ax.texts]


def test_exposures_go_by_their_number(ds):
    part = ds.isel(pic=[3, 4])
    ax, same = geometry(part, 4, bodies=()), geometry(ds, 4, bodies=())
    assert ax.get_title() == same.get_title()
    assert "pic 4" in ax.get_title()
    assert "pic 3" in geometry(part, bodies=()).get_title()


def test_given_axes_are_used(ds):
    _, ax = plt.subplots()
    before = plt.get_fignums()
    assert geometry(ds, 0, ax=ax, bodies=()) is ax
    assert plt.get_fignums() == before
    assert ax.get_xlabel().endswith("(°)")
    assert ax.get_ylabel().endswith("(°)")


def test_style_reaches_the_artists(ds):
    ax = geometry(ds, 0, style={"limb": {"linewidth": 7.0}}, bodies=())
    assert _artists(ax, "limb:TITAN")[0].get_linewidth() == 7.0


def test_without_kernels_the_target_is_drawn_alone(ds):
    ax = geometry(ds, 0)
    assert {a.get_gid() for a in _artists(ax, "limb:")} == {"limb:TITAN"}


def test_kernels_asked_for_must_be_there(ds, tmp_path):
    with pytest.raises(UvisError, match="nowhere"):
        geometry(ds, 0, kernels=tmp_path / "nowhere")
    with pytest.raises(KernelError):
        geometry(ds, 0, bodies=["RHEA"])


def test_the_target_and_the_sun_are_no_other_bodies(ds):
    ax = geometry(ds, 0, bodies=["titan", "SUN"])
    assert {a.get_gid() for a in _artists(ax, "limb:")} == {"limb:TITAN"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "side"}, "mode='side'"),
        ({"mode": "manual"}, "needs xlim= and ylim="),
        ({"mode": "manual", "xlim": (0, 1)}, "needs xlim= and ylim="),
        ({"mode": "allsky", "center": (0, 0)}, "no center="),
        ({"center": (1, 2, 3)}, "center="),
        ({"xlim": (0, np.nan)}, "xlim="),
        ({"annotate": "tangent_ra"}, "annotate='tangent_ra': expected .*; did you mean ra"),
        ({"pic": 99}, "no exposure pic=99"),
        ({"bodies": ["RHAE"]}, "bodies='RHAE': expected names of bodies"),
    ],
)
def test_bad_arguments(ds, arguments, said):
    with pytest.raises(ArgumentError, match=said):
        geometry(ds, **{"bodies": ()} | arguments)


def test_a_field_that_the_dataset_lacks(ds):
    with pytest.raises(MissingStepError, match="ring_radius"):
        geometry(ds, 0, annotate="ring_radius", bodies=())


def test_no_geometry(ds):
    with pytest.raises(MissingStepError, match="geometry"):
        geometry(ds.drop_vars("target_ra"), 0, bodies=())


_BODY = [
    *("target_ra", "target_dec", "pole_ra", "pole_dec", "prime_meridian", "target_distance"),
    *("sub_solar_lon", "sub_solar_lat", "sc_lon", "sc_lat"),
]


@pytest.fixture
def bodiless(ds) -> xr.Dataset:
    """As `geometry` leaves it for a target that is no body."""
    found = ds.drop_vars(_BODY, errors="ignore")
    del found.attrs["target_radii"], found.attrs["lon_direction"]
    found.attrs["geometry_target"] = ""
    return found


@pytest.mark.parametrize(
    "framing",
    [{"mode": "fov"}, {"mode": "allsky"}, {"mode": "manual", "xlim": (-9, 9), "ylim": (-9, 9)}],
)
def test_the_sky_needs_no_body(ds, bodiless, framing):
    ax, with_body = (geometry(one, 2, bodies=(), **framing) for one in (bodiless, ds))
    assert not _artists(ax, "limb:")
    (slit,), (same,) = _artists(ax, "slit"), _artists(with_body, "slit")
    assert len(_vertices(slit)) == len(_vertices(same)) == 64
    if framing["mode"] != "manual":
        np.testing.assert_allclose(_vertices(slit), _vertices(same), atol=1e-9)
    else:
        # Around the slit instead of the body.
        assert np.abs(np.mean([v[:4].mean(axis=0) for v in _vertices(slit)], axis=0)).max() < 0.1


def test_the_sky_without_body_or_pointing(bodiless):
    blind = bodiless.assign_coords(ra_corners=bodiless["ra_corners"] * np.nan)
    assert "no pointing" in [t.get_text() for t in geometry(blind, 0, mode="fov", bodies=()).texts]


def test_a_target_that_is_no_body_cannot_be_shown(bodiless):
    with pytest.raises(MissingStepError, match=r'no shape .*mode="fov", "allsky" or "manual"'):
        geometry(bodiless, 0, bodies=())


@pytest.mark.parametrize("mode", ["target", "fov"])
@pytest.mark.parametrize("pic", range(5))
def test_no_text_lies_over_another(ds, mode, pic):
    ax = geometry(ds, pic, mode=mode, bodies=())
    ax.figure.canvas.draw()
    frame = ax.get_window_extent().padded(2)
    boxes = {t.get_text(): t.get_window_extent() for t in ax.texts}
    for name, box in boxes.items():
        assert frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1), name
        over = [other for other, there in boxes.items() if other != name and box.overlaps(there)]
        assert not over, (name, over)
    assert {"0", "59"} <= boxes.keys()


def test_values_stand_beside_a_wide_slit(ds):
    ax = geometry(ds.isel(pixel=slice(28, 32)), 2, mode="fov", annotate="alt", bodies=())
    ax.figure.canvas.draw()
    (field,) = _artists(ax, "field")
    for text in (t for t in ax.texts if t.get_gid() == "value"):
        start = ax.transData.transform(text.xy) + np.array(text.get_position()) * ax.figure.dpi / 72
        place = ax.transData.inverted().transform(start)
        assert not any(path.contains_point(place) for path in field.get_paths())


@pytest.mark.parametrize("step", [1437.2, 0.031, 40.0])
def test_values_tell_neighbours_apart_in_plain_numbers(ds, step):
    values = 290_000.0 + step * ds["pixel"] + 0 * ds["alt"]
    ax = geometry(ds.assign_coords(alt=values), 2, mode="fov", annotate="alt", bodies=())
    texts = [t.get_text() for t in ax.texts if t.get_gid() == "value"]
    assert len(set(texts)) == len(texts) > 1
    assert not any("e" in text for text in texts)


# Films -----------------------------------------------------------------------------------------


def _pixels(path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


_SMALL = {"figsize": (2.0, 2.0), "dpi": 40, "bodies": ()}


@pytest.mark.slow
def test_pictures_one_a_frame(ds, tmp_path):
    folder = animation.animate(ds, tmp_path / "frames", **_SMALL)
    assert sorted(p.name for p in folder.iterdir()) == [f"{k:04d}.png" for k in range(5)]
    assert {_pixels(p).shape for p in folder.iterdir()} == {(80, 80, 3)}


@pytest.mark.slow
def test_gif_holds_every_frame_for_its_time(ds, tmp_path):
    path = animation.animate(ds, tmp_path / "a.gif", fps=5.0, **_SMALL)
    with Image.open(path) as film:
        assert film.n_frames == 5
        assert film.info["duration"] == 200
        assert film.info["loop"] == 0
        assert film.size == (80, 80)
        frames = []
        for k in range(5):
            film.seek(k)
            frames.append(np.asarray(film.convert("RGB")).astype(int))
    still = animation.animate(ds, tmp_path / "still", **_SMALL)
    for k, frame in enumerate(frames):
        exact = _pixels(still / f"{k:04d}.png")
        assert np.abs(frame - exact).mean() < 3
    assert np.abs(frames[0] - frames[4]).mean() > 0.5


def _durations(path) -> list[int]:
    """Times of the frames of a GIF, ms."""
    with Image.open(path) as film:
        found = []
        for k in range(film.n_frames):
            film.seek(k)
            found.append(film.info["duration"])
        return found


@pytest.mark.slow
@pytest.mark.parametrize("fps", rest_slow([30.0, 0.1, 49.0, 4, 24, 40, 50], 1))
def test_frames_of_a_gif_last_as_long_as_they_should(ds, tmp_path, fps):
    many = ds.isel(pic=[0] * 13)
    found = _durations(animation.animate(many, tmp_path / "a.gif", fps=fps, **_SMALL))
    ends, expected = np.cumsum(found), 1000 * np.arange(1, 14) / fps
    assert np.abs(ends - expected).max() <= 5 + 1e-9
    assert min(found) >= 20


@pytest.mark.slow
@pytest.mark.parametrize("fps", [60.0, 200.0])
def test_a_gif_is_no_faster_than_viewers(ds, tmp_path, fps):
    with pytest.warns(UvisWarning, match=rf"fps={fps:g}: .* 50 frames per second.*\.mp4"):
        path = animation.animate(ds, tmp_path / "a.gif", fps=fps, **_SMALL)
    assert _durations(path) == [20] * 5


@pytest.mark.slow
def test_pages_of_a_pdf(ds, tmp_path):
    path = animation.animate(ds, tmp_path / "a.PDF", **_SMALL)
    content = path.read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/Count 5" in content
    again = animation.animate(ds, tmp_path / "b.pdf", **_SMALL)
    assert again.read_bytes() == content


@pytest.mark.slow
def test_pdf_frames(ds, tmp_path):
    folder = animation.animate(ds, tmp_path / "frames", format="pdf", **_SMALL)
    assert sorted(p.name for p in folder.iterdir()) == [f"{k:04d}.pdf" for k in range(5)]
    assert all(b"/Count 1" in p.read_bytes() for p in folder.iterdir())


@pytest.mark.parametrize("name", ["a.avi", "a.png", "v1.2"])
def test_a_suffix_of_no_format_is_told_those_that_work(ds, tmp_path, name):
    said = r"path='.*': .* \.gif, \.mp4 or \.pdf; .* a folder, .* format=\"png\" or \"pdf\""
    with pytest.raises(ArgumentError, match=said):
        animation.animate(ds, tmp_path / name, **_SMALL)
    assert not list(tmp_path.iterdir())
    one = ds.isel(pic=[0])
    folder = animation.animate(one, tmp_path / name, format="png", **_SMALL)
    assert [p.name for p in folder.iterdir()] == ["0000.png"]
    # A folder that is there may have any name.
    assert animation.animate(one, folder, **_SMALL) == folder


def test_frames_of_the_whole_sky_are_wide(ds, tmp_path):
    one = ds.isel(pic=[0])
    folder = animation.animate(one, tmp_path / "f", mode="allsky", dpi=20, bodies=())
    height, width, _ = _pixels(folder / "0000.png").shape
    assert width == 160
    assert 0.5 < height / width < 0.6


@pytest.mark.parametrize("mask", [0o077, 0o022, 0o027])
def test_films_have_the_permissions_of_a_new_file(ds, tmp_path, mask):
    one = ds.isel(pic=[0])
    with umask(mask):
        film = animation.animate(one, tmp_path / "a.gif", **_SMALL)
        frames = animation.animate(one, tmp_path / "frames", **_SMALL)
    assert permissions(film) == permissions(frames / "0000.png") == 0o666 & ~mask


def test_a_film_in_place_of_an_input(ds, tmp_path):
    source = tmp_path / "a.gif"
    ds.isel(pic=[0]).uvis.to_netcdf(source)
    before = source.read_bytes()
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "0000.png").hardlink_to(source)
    with xr.open_dataset(source, engine="netcdf4") as opened:
        for path in (source, tmp_path / "frames"):
            with pytest.raises(ExportError, match="were read from it"):
                animation.animate(opened, path, **_SMALL)
    assert source.read_bytes() == before
    with pytest.raises(ExportError, match="products of the archive"):
        animation.animate(ds, tmp_path / "film.DAT", format="gif", **_SMALL)


def test_format_goes_before_the_ending(ds, tmp_path):
    path = animation.animate(ds.isel(pic=[0]), tmp_path / "film.bin", format="gif", **_SMALL)
    assert path.read_bytes()[:6] == b"GIF89a"


def test_mp4_needs_ffmpeg(ds, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"ffmpeg.*gif"):
        animation.animate(ds, tmp_path / "a.mp4", **_SMALL)
    assert not list(tmp_path.iterdir())


def _fake_ffmpeg(folder, body: str) -> None:
    tool = folder / "ffmpeg"
    tool.write_text(f"#!/usr/bin/env python3\n{body}\n")
    tool.chmod(0o755)


@pytest.mark.slow
def test_mp4_gets_every_frame(ds, tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    code = "import sys; data = sys.stdin.buffer.read(); open(sys.argv[-1], 'wb').write(data)"
    _fake_ffmpeg(tools, code)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    path = animation.animate(ds, tmp_path / "a.mp4", **_SMALL)
    assert path.stat().st_size == 5 * 80 * 80 * 3


@pytest.mark.slow
def test_mp4_that_fails_leaves_no_file(ds, tmp_path, monkeypatch):
    tools = tmp_path / "bin"
    tools.mkdir()
    _fake_ffmpeg(tools, "import sys; sys.stderr.write('no codec'); sys.exit(3)")
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    with pytest.raises(ExportError, match="no codec"):
        animation.animate(ds, tmp_path / "a.mp4", **_SMALL)
    assert [p.name for p in tmp_path.iterdir()] == ["bin"]


def test_a_film_cut_short_leaves_no_file(ds, tmp_path, monkeypatch):
    real, calls = animation.scene.draw, []

    def draw(*args):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("stop")
        real(*args)

    monkeypatch.setattr(animation.scene, "draw", draw)
    with pytest.raises(RuntimeError, match="stop"):
        animation.animate(ds, tmp_path / "a.gif", **_SMALL)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def limits(monkeypatch):
    """Limits of the axes of every frame drawn."""
    seen = []
    real = animation.scene.draw

    def draw(ax, *args):
        real(ax, *args)
        seen.append((ax.get_xlim(), ax.get_ylim()))

    monkeypatch.setattr(animation.scene, "draw", draw)
    return seen


@pytest.mark.slow
def test_frames_have_the_same_limits(ds, tmp_path, limits):
    animation.animate(ds, tmp_path / "f", **_SMALL)
    assert len(set(limits)) == 1


@pytest.mark.slow
def test_limits_of_a_film_may_be_arrays(ds, tmp_path, limits):
    given = {"xlim": np.array([2.0, -2.0]), "ylim": np.array([-1.0, 3.0])}
    animation.animate(ds, tmp_path / "f", **_SMALL, **given)
    assert set(limits) == {((2.0, -2.0), (-1.0, 3.0))}


def test_films_make_no_pyplot_figures_and_are_silent(ds, tmp_path, capsys):
    before = plt.get_fignums()
    animation.animate(ds.isel(pic=[0, 1]), tmp_path / "a.gif", **_SMALL)
    assert plt.get_fignums() == before
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"format": "avi"}, "format='avi'"),
        ({"fps": 0}, "fps=0"),
        ({"fps": 1e-3}, r"fps=0\.001: expected a number of frames per second of a GIF, 0\.0015"),
        ({"mode": "x"}, "mode='x'"),
    ],
)
def test_bad_film(ds, tmp_path, arguments, said):
    with pytest.raises(ArgumentError, match=said):
        animation.animate(ds, tmp_path / "a.gif", **_SMALL, **arguments)


def test_a_film_that_cannot_be_written(ds, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="cannot write"):
        animation.animate(ds, tmp_path / "file" / "a.gif", **_SMALL)


def _texts(ax, *gids: str) -> list:
    return [t for t in ax.texts if t.get_gid() in gids]


@pytest.mark.slow
def test_names_do_not_lie_over_the_slit():
    for distance, mode in ((9e7, "target"), (4e3, "fov"), (120e3, "target")):
        ax = geometry(flyby(distance=distance), 12, mode=mode, bodies=())
        (pixels,) = (c for c in ax.collections if c.get_gid() == "pixels")
        middle = np.array([path.vertices[:4].mean(axis=0) for path in pixels.get_paths()])
        shown = ax.transData.transform(middle)
        for text in _texts(ax, "body_name", "place"):
            (x0, y0), (x1, y1) = text.get_window_extent().get_points()
            inside = (shown > [x0, y0]).all(axis=1) & (shown < [x1, y1]).all(axis=1)
            assert not inside.any(), (distance, text.get_text())


def test_axes_say_what_they_are_offsets_from(ds):
    assert geometry(ds, 2, bodies=()).get_xlabel() == "East of Titan's centre (°)"
    assert geometry(ds, 2, mode="fov", bodies=()).get_ylabel() == "North of the slit's middle (°)"
    aside = geometry(ds, 2, center=(121.0, -17.0), bodies=())
    assert aside.get_xlabel() == "East of the centre (°)"


def test_a_body_that_is_cut_is_named():
    ax = geometry(flyby(distance=40e3), 12, mode="fov", bodies=())
    assert [t.get_text() for t in _texts(ax, "body_name")] == ["Titan"]


def test_a_narrow_slit_is_a_line_with_a_rim_and_a_tiny_one_has_a_ring(ds):
    wide = geometry(ds, 2, mode="fov", bodies=())
    assert not _artists(wide, "rim:") and not _artists(wide, "mark:")
    narrow = geometry(ds, 2, mode="manual", xlim=(-30, 30), ylim=(-30, 30), bodies=())
    (pixels,), (rim,) = _artists(narrow, "pixels"), _artists(narrow, "rim:")
    assert rim.get_linewidth()[0] > pixels.get_linewidth()[0] > 1
    assert rim.get_zorder() < pixels.get_zorder()
    assert _artists(geometry(ds, 2, mode="allsky", bodies=()), "mark:")


def test_figures_are_as_high_as_their_limits_need(ds):
    flat, high = (
        geometry(ds, 2, mode="manual", xlim=(-x, x), ylim=(-y, y), bodies=())
        for x, y in ((15, 5), (5, 8))
    )
    for ax in (flat, high):
        ax.figure.canvas.draw()
        around = ax.get_tightbbox().transformed(ax.figure.transFigure.inverted())
        assert around.width > 0.85
        assert around.height > 0.85


def test_labels_lie_inside_the_frame_and_not_on_the_slit(ds):
    for options in ({}, {"mode": "fov"}):
        ax = geometry(ds.isel(pixel=slice(7, 53)), 2, bodies=(), **options)
        ax.figure.canvas.draw()
        texts = [t for t in ax.texts if t.get_gid() in ("pixel_number", "right_ascension")]
        boxes = [t.get_window_extent() for t in texts]
        assert all(ax.bbox.contains(x, y) for box in boxes for x, y in box.get_points())
        rows = np.concatenate(_vertices(_artists(ax, "slit")[0]))
        on_canvas = ax.transData.transform(rows)
        assert not [1 for b in boxes for x, y in on_canvas if b.padded(-0.5).contains(x, y)]


def test_lines_behind_a_disk_have_no_labels():
    ax = geometry(flyby(n_pic=3, distance=9e3), 1, mode="fov", bodies=())
    assert not [t for t in ax.texts if t.get_gid() in ("right_ascension", "declination")]
