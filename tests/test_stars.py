"""Star catalogues and the prediction of stars in pixels, against scalar tests on the sphere."""

from __future__ import annotations

import gzip
import math
import zlib

import numpy as np
import pytest
import spiceypy
import xarray as xr
from click.testing import CliRunner
from helpers.flyby import flyby
from helpers.loopback import serve
from helpers.starlist import catalogue

from uvisxr import UvisError, UvisWarning
from uvisxr.cli import main
from uvisxr.errors import ArgumentError, MissingStepError
from uvisxr.geometry import views
from uvisxr.instrument.detector import Window
from uvisxr.numerics import sphere
from uvisxr.plot.axes import with_stars
from uvisxr.stars import predict
from uvisxr.stars.catalogue import directions, fetch_catalogue, julian_year, read


def _winding(star, corners) -> bool:
    """Scalar test: the corners' bearings from the star turn once around it."""
    total = 0.0
    sx, sy, sz = star
    ra, dec = math.atan2(sy, sx), math.asin(max(-1.0, min(1.0, sz)))
    east = (-math.sin(ra), math.cos(ra), 0.0)
    north = (-math.sin(dec) * math.cos(ra), -math.sin(dec) * math.sin(ra), math.cos(dec))
    bearings = [
        math.atan2(
            sum(a * b for a, b in zip(corner, east, strict=True)),
            sum(a * b for a, b in zip(corner, north, strict=True)),
        )
        for corner in corners
    ]
    for i, bearing in enumerate(bearings):
        step = bearings[(i + 1) % len(bearings)] - bearing
        total += (step + math.pi) % (2 * math.pi) - math.pi
    return abs(total) > math.pi


def test_star_test_equals_a_scalar_winding_number():
    rng = np.random.default_rng(11)
    n = 10_000
    centre = sphere.unit(rng.normal(size=(n, 3)))
    axes = np.linalg.svd(centre[:, None, :])[2]
    half = rng.uniform(1e-3, 0.4, (n, 2))
    signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    corners = centre[:, None] + np.einsum("nc,nck->nck", half[:, [0, 0, 0]], 0 * axes[:, :3])[:, :1]
    corners = sphere.unit(
        corners
        + signs[:, :1] * half[:, None, :1] * axes[:, None, 1]
        + signs[:, 1:] * half[:, None, 1:] * axes[:, None, 2]
    )
    corners[::2] = corners[::2, ::-1]
    spread = rng.uniform(-1.6, 1.6, (n, 2)) * half
    star = sphere.unit(centre + spread[:, :1] * axes[:, 1] + spread[:, 1:] * axes[:, 2])
    found = predict.inside(star, corners)
    oracle = [_winding(s, c) for s, c in zip(star.tolist(), corners.tolist(), strict=True)]
    np.testing.assert_array_equal(found, oracle)
    assert 0.3 < found.mean() < 0.5
    assert not predict.inside(-star, corners).any()


def test_polygons_without_area_or_place_hold_nothing():
    square = sphere.vectors(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    inner = sphere.vectors(0.5, 0.5)
    assert predict.inside(inner, square)
    assert not predict.inside(inner, square * np.nan)
    assert not predict.inside(square[0], np.repeat(square[:1], 4, axis=0))


def _scalar(ds: xr.Dataset, place: np.ndarray) -> np.ndarray:
    """Stars of each pixel that the body does not hide, one by one."""
    corners, view = views.corners(ds).tolist(), views.target(ds)
    count = np.zeros((ds.sizes["pic"], ds.sizes["pixel"]), int)
    for i in range(ds.sizes["pic"]):
        one = view.at(i)
        for star in place:
            if one.hides(star):
                continue
            for j in range(ds.sizes["pixel"]):
                if np.dot(star, corners[i][j][0]) > 0.99999 and _winding(star, corners[i][j]):
                    count[i, j] += 1
    return count


def test_prediction_equals_the_scalar_one():
    ds = flyby(n_pic=6, step=5e-3, window=Window(10, 0, 61, 1023, band_bin=512))
    rng = np.random.default_rng(12)
    centre = sphere.vectors(ds.ra.values.mean(), ds.dec.values.mean())
    place = sphere.unit(centre + rng.uniform(-0.03, 0.03, (700, 3)))
    magnitude = rng.uniform(0, 9, 700)
    found = predict.predict_stars(ds, catalogue(place, magnitude))
    oracle = _scalar(ds, place)
    np.testing.assert_array_equal(found.star_count, oracle)
    assert oracle.sum() > 20
    np.testing.assert_array_equal(np.isfinite(found.star_magnitude), oracle > 0)
    i, j = np.argwhere(oracle == 1)[0]
    inside = [k for k, s in enumerate(place) if _winding(s, views.corners(ds)[i, j])]
    near = [k for k in inside if place[k] @ views.corners(ds)[i, j, 0] > 0.99]
    assert found.star_magnitude.values[i, j] == pytest.approx(magnitude[near].min())


def test_brightest_of_several():
    ds = flyby(n_pic=1, distance=5e6)
    ra, dec = ds.ra.values[0, 5], ds.dec.values[0, 5]
    place = sphere.vectors(ra + np.array([0, 1e-4, -1e-4]), np.full(3, dec))
    found = predict.predict_stars(ds, catalogue(place, np.array([4.0, 2.5, 7.0])))
    assert found.star_count.values[0, 5] == 3
    assert found.star_magnitude.values[0, 5] == 2.5
    assert found.star_count.sum() == 3
    fewer = predict.predict_stars(ds, catalogue(place, np.array([4.0, 2.5, 7.0])), faintest=5.0)
    assert fewer.star_count.values[0, 5] == 2


def test_a_star_behind_the_target_is_not_predicted():
    ds = flyby(n_pic=5, step=1e-2)
    disk = np.argwhere((ds.on_disk.values == 1) & (ds.on_disk_corners.values == 1).all(axis=-1))
    sky = np.argwhere((ds.on_disk.values == 0) & (ds.alt_corners.values > 0).all(axis=-1))
    for where, expected in ((disk, 0), (sky, 1)):
        assert len(where)
        for i, j in where[:: max(1, len(where) // 20)]:
            place = sphere.vectors(ds.ra.values[i, j], ds.dec.values[i, j])[None]
            found = predict.predict_stars(ds.isel(pic=[i]), catalogue(place))
            assert found.star_count.values[0, j] == expected


def test_no_stars_in_exposures_without_pointing():
    ds = flyby(n_pic=3, distance=5e6)
    place = sphere.vectors(ds.ra.values[:, 7], ds.dec.values[:, 7])
    for name in ("ra", "dec", "ra_corners", "dec_corners"):
        values = ds[name].values.copy()
        values[1] = np.nan
        ds = ds.assign_coords({name: (ds[name].dims, values)})
    found = predict.predict_stars(ds, catalogue(place))
    np.testing.assert_array_equal(found.star_count.sum("pixel"), [1, 0, 1])


def test_aberration_moves_stars_forward():
    ds = flyby(n_pic=1, distance=5e6)
    true = sphere.vectors(ds.ra.values[0, 50], ds.dec.values[0, 50])
    along = sphere.unit(views.corners(ds)[0, 50, 3] - views.corners(ds)[0, 50, 0])
    # 600 km/s along the slit shift by 2 mrad, thus by two rows.
    fast = ds.assign_coords(sc_velocity=(("pic", "axis"), 600.0 * along[None]))
    assert predict.predict_stars(ds, catalogue(true[None])).star_count.values[0, 50] == 1
    found = predict.predict_stars(fast, catalogue(true[None])).star_count.values[0]
    assert np.flatnonzero(found).tolist() == [52]


def test_proper_motion_leads_to_the_epoch():
    ds = flyby(n_pic=1, distance=5e6)
    place = sphere.vectors(ds.ra.values[:1, 9], ds.dec.values[:1, 9])
    year = float(julian_year(ds.et.values[0]))
    # 40 arcsec a year lead 10 years earlier to another pixel.
    moving = catalogue(place, pmdec=np.array([4e4]), epoch=np.array([year]))
    early = moving.assign(epoch=("star", [year + 10.0]))
    assert predict.predict_stars(ds, moving).star_count.values[0, 9] == 1
    assert predict.predict_stars(ds, early).star_count.values[0, 9] == 0


def test_directions_follow_the_motion_on_the_sphere():
    fast = catalogue(
        sphere.vectors(np.array([10.0, 200.0]), np.array([60.0, -30.0])),
        pmra=np.array([1000.0, 0.0]),
        pmdec=np.array([0.0, -2000.0]),
    )
    moved = directions(fast, 2100.0)
    start = directions(fast, 2000.0)
    angle = np.rad2deg(np.arccos(np.einsum("ni,ni->n", moved, start))) * 3600
    np.testing.assert_allclose(angle, [100.0, 200.0], rtol=1e-4)
    assert sphere.longitude(moved)[0] - 10.0 == pytest.approx(100 / 3600 / 0.5, rel=1e-3)
    assert sphere.latitude(moved)[1] + 30.0 == pytest.approx(-200 / 3600, rel=1e-3)
    unknown = fast.assign(pmra=("star", [np.nan, np.nan]), pmdec=("star", [np.nan, np.nan]))
    np.testing.assert_allclose(directions(unknown, 2100.0), start)


def test_embedded_catalogue_holds_spica_and_sirius_where_they_are():
    found = read()
    assert found.sizes["star"] == 60
    assert (np.diff(found.magnitude) >= 0).all()
    place = directions(found, 2000.0)
    # J2000 places of the FK5: Spica 13 25 11.58 -11 09 40.8, Sirius 6 45 08.92 -16 42 58.0.
    for name, ra, dec in (
        ("HD 116658", 201.29825, -11.16133),
        ("HD 48915", 101.28717, -16.71611),
    ):
        k = int(np.flatnonzero(found.name == name)[0])
        apart = np.rad2deg(np.arccos(place[k] @ sphere.vectors(ra, dec))) * 3600
        assert apart < 2.0
    assert found.name[1] == "HD 116658"


def test_julian_year():
    assert julian_year(0.0) == 2000.0
    assert julian_year(365.25 * 86400.0 * 5) == 2005.0


def test_csv_with_its_defaults(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("# mine\nra, dec, magnitude\n10, -20, 4.5\n\n# more\n20, 30, 1.0\n")
    found = read(path)
    np.testing.assert_array_equal(found.ra, [20, 10])
    np.testing.assert_array_equal(found.epoch, [2000, 2000])
    np.testing.assert_array_equal(found.pmra, [0, 0])
    assert found.attrs["source"] == "mine.csv"
    assert read(path, faintest=2.0).sizes["star"] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ra, dec, magnitude missing"),
        ("ra,dec\n1,2\n", "magnitude missing"),
        ("ra,dec,magnitude\n", "stars missing"),
        ("ra,dec,magnitude\n1,2\n", "line 2: 2 columns instead of 3"),
        ("ra,dec,magnitude\n# no\n1,2,bright\n", "line 3: magnitude = 'bright'"),
        ("ra,dec,magnitude\n1,,3\n", "line 2: dec = ''"),
        ("ra,dec,magnitude\n1,95,3\n", "dec must be degrees from -90 to 90"),
        ("ra,dec,magnitude\n-1e30,9,3\n", "ra must be degrees from -180 to 360"),
        (
            "ra,dec,magnitude,pmdec\n1,9,3,-1e30\n",
            "pmdec must be milliarcseconds a year from -100000 to 100000",
        ),
        ("ra,dec,magnitude,epoch\n1,9,3,1e30\n", "epoch must be Julian years from 1500 to 2500"),
        ('ra,dec,magnitude,"a\nb"\n1,2,3,4\n', "each of them once, in one line"),
    ],
)
def test_bad_csv_says_where(tmp_path, text, said):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(ArgumentError) as caught:
        read(path)
    assert said in str(caught.value)
    assert "bad.csv" in str(caught.value)


def _td1_line(td1: int, hd: int, ra: float, dec: float, flux: int, error: int, power: int) -> str:
    line = f"{td1:5d} {hd:6d}".ljust(40) + f"{ra:8.5f} {dec:9.6f}"
    return line.ljust(91) + f"{flux:6d}{error:5d}{power:4d}"


def test_td1_table(tmp_path):
    # Spica at B1950 is at 13h 22m 33.3s, -10 deg 54' 04" (J2000 13 25 11.6, -11 09 41).
    ra = math.radians(15 * (13 + 22 / 60 + 33.3 / 3600))
    dec = -math.radians(10 + 54 / 60 + 4 / 3600)
    lines = [
        _td1_line(1, 0, 1.0, 0.5, 100, 3, -12),
        _td1_line(16831, 116658, ra, dec, 3122, 10, -11),
        _td1_line(3, 77, 1.0, 0.5, -2, 3, -12),
    ]
    path = tmp_path / "catalog.dat.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    found = read(path)
    assert found.name.values.tolist() == ["HD 116658", "TD1 1"]
    # The table's five digits of a radian are 2 arcseconds.
    assert found.ra.values[0] == pytest.approx(201.2987, abs=1e-3)
    assert found.dec.values[0] == pytest.approx(-11.1609, abs=1e-3)
    assert found.epoch.values.tolist() == [1950.0, 1950.0]
    # m = -2.5 log10(F) - 5 log10(1565) - 2.406, as the embedded stars' magnitudes were made.
    expected = -2.5 * math.log10(3.122e-8) - 5 * math.log10(1565) - 2.406
    assert found.magnitude.values[0] == pytest.approx(expected, abs=2e-3)


def test_tables_that_may_have_been_cut_short(tmp_path, monkeypatch):
    path = tmp_path / "stars.csv"
    path.write_text("ra,dec,magnitude\n10,-20,4.5\n20,30,1.0")
    with pytest.warns(UvisWarning, match=r"stars\.csv: its last line has no end: if .* missing"):
        read(path)
    table = tmp_path / "catalog.dat"
    table.write_text("".join(_td1_line(7, k, 1.0, 0.5, 100, 3, -12) + "\n" for k in range(3)))
    with pytest.warns(UvisWarning, match=r"catalog\.dat: it has 3 of the table's 31215 lines"):
        read(table)
    monkeypatch.setattr("uvisxr.stars.catalogue._SURVEY", 3)
    assert read(table).sizes["star"] == 3


def test_td1_table_that_is_none(tmp_path):
    path = tmp_path / "catalog.dat"
    path.write_text("this is not a catalogue of stars at all, but a line of prose\n" * 3)
    with pytest.raises(ArgumentError, match=r"line 1: not a line of CDS II/59B"):
        read(path)
    path.write_text("\n")
    with pytest.raises(ArgumentError, match="holds no stars"):
        read(path)


def test_missing_and_broken_files(tmp_path):
    with pytest.raises(ArgumentError, match="uvisxr fetch stars"):
        read(tmp_path / "none.dat")
    broken = tmp_path / "catalog.dat.gz"
    broken.write_bytes(gzip.compress(b"x" * 1000)[:20])
    with pytest.raises(ArgumentError, match="cannot read"):
        read(broken)


def test_prediction_needs_geometry_and_acatalogue():
    ds = flyby(n_pic=1)
    with pytest.raises(MissingStepError, match="geometry"):
        predict.predict_stars(ds.drop_vars("ra_corners"))
    with pytest.raises(ArgumentError, match="catalogue"):
        predict.predict_stars(ds, xr.Dataset({"ra": ("star", [1.0])}))


def test_prediction_is_recorded_and_leaves_its_input_alone():
    ds = flyby(n_pic=1)
    before = ds.copy(deep=True)
    with pytest.warns(UvisWarning, match=r"only the 60 .* 31,215 .* `uvisxr fetch stars`"):
        found = predict.predict_stars(ds)
    xr.testing.assert_identical(ds, before)
    assert "predict_stars(stars='the 60 brightest of the 31,215 stars of TD-1'" in found.history
    assert "units" not in found.star_count.attrs
    # Who asks for the 60 is not told that they are few.
    xr.testing.assert_identical(predict.predict_stars(ds, read()), found)


def test_what_was_downloaded_is_taken_from_then_on(tmp_path, monkeypatch):
    ds = flyby(n_pic=1, distance=5e6)
    b1950 = np.asarray(spiceypy.pxform("J2000", "FK4", 0.0))
    place = b1950 @ sphere.vectors(ds.ra.values[0, 7], ds.dec.values[0, 7])
    ra, dec = np.deg2rad([sphere.longitude(place), sphere.latitude(place)])
    text = _td1_line(7, 9, float(ra), float(dec), 100, 3, -12)
    table = gzip.compress(text.encode())
    with serve({"catalog.dat.gz": table}) as server:
        monkeypatch.setenv("UVISXR_URL_STARS", server.url)
        path = fetch_catalogue()
    found = predict.predict_stars(ds)
    assert np.flatnonzero(found.star_count.values[0]).tolist() == [7]
    assert "stars='catalog.dat.gz'" in found.history
    assert "using catalog.dat.gz sha256:" in found.history
    xr.testing.assert_equal(with_stars(ds, None).star_count, found.star_count)
    xr.testing.assert_equal(predict.predict_stars(ds, str(path)), found)


def test_pictures_take_the_60_in_silence_and_nothing_without_geometry():
    ds = flyby(n_pic=1)
    xr.testing.assert_equal(with_stars(ds, None), predict.predict_stars(ds, read()))
    bare = ds.drop_vars("ra_corners")
    xr.testing.assert_identical(with_stars(bare, None), bare)
    with pytest.raises(MissingStepError, match="geometry"):
        with_stars(bare, read())


# The catalogue of Cassini-UPyP ------------------------------------------------------------------

#: Fields of its stars.npy, by its documentation.
UPYP = [
    *((name, "f8") for name in ("tyRA", "tyDE", "pmRA", "pmDE", "Bt", "eBt", "fBt", "U")),
    *(("RA_cor", "f8"), ("DEC_cor", "f8"), ("XYZ", "f8", 3)),
]


def _stars_npy(path, *stars):
    """Stars of (ra, dec, pmra, pmdec, U); the fields that it fills later hold zeros."""
    table = np.zeros(len(stars), UPYP)
    for name, values in zip(
        ("tyRA", "tyDE", "pmRA", "pmDE", "U"), zip(*stars, strict=True), strict=True
    ):
        table[name] = values
    table["Bt"] = 1.0
    np.save(path, table)
    return path


def test_stars_of_cassini_upyp(tmp_path):
    path = _stars_npy(
        tmp_path / "stars.npy", (10.0, -20.0, 3.0, -4.0, 7.5), (300.0, 60.0, 1000.0, 0.0, 2.5)
    )
    found = read(path)
    assert found.ra.values.tolist() == [300.0, 10.0]
    assert found.dec.values.tolist() == [60.0, -20.0]
    assert found.pmra.values.tolist() == [1000.0, 3.0]
    assert found.pmdec.values.tolist() == [0.0, -4.0]
    assert found.magnitude.values.tolist() == [2.5, 7.5]
    assert found.epoch.values.tolist() == [2000.0, 2000.0]
    assert found.band.values.tolist() == ["U", "U"]
    assert found.attrs["source"] == "stars.npy"
    assert read(path, faintest=5.0).sizes["star"] == 1
    # Tycho-2 gives pmRA times cos(dec): 1 arcsecond in a year at dec 60 is 2 in right ascension.
    moved = directions(found, 2001.0)
    assert sphere.longitude(moved)[0] - 300.0 == pytest.approx(2 / 3600, rel=1e-4)
    packed = tmp_path / "stars.npy.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    xr.testing.assert_equal(read(packed), found)


def test_stars_of_cassini_upyp_without_place_or_magnitude(tmp_path):
    nan = math.nan
    path = _stars_npy(
        tmp_path / "a.npy",
        (nan, 1, 0, 0, 5),
        (2, 2, nan, nan, 6),
        (3, 3, 0, 0, nan),
        (4, 4, 0, 0, 4),
    )
    assert read(path).ra.values.tolist() == [4.0, 2.0]
    assert np.isfinite(directions(read(path), 2010.0)).all()
    with pytest.raises(ArgumentError, match="holds no star with a place"):
        read(_stars_npy(path, (nan, 1, 0, 0, 5)))


def test_prediction_by_the_path_of_a_catalogue(tmp_path):
    ds = flyby(n_pic=1, distance=5e6)
    where = float(ds.ra[0, 9]), float(ds.dec[0, 9])
    path = _stars_npy(tmp_path / "stars.npy", (*where, 0, 0, 6.5), (*where, 0, 0, 9.5))
    found = predict.predict_stars(ds, path)
    assert np.flatnonzero(found.star_count.values[0]).tolist() == [9]
    assert found.star_count.values[0, 9] == 2 and found.star_magnitude.values[0, 9] == 6.5
    assert "stars='stars.npy'" in found.history and "stars.npy sha256:" in found.history
    assert predict.predict_stars(ds, str(path), faintest=7.0).star_count.sum() == 1


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (np.zeros((3, 4)), "it has no tyRA, tyDE, pmRA, pmDE, U"),
        (np.zeros(3, [("tyRA", "f8"), ("tyDE", "f8")]), "it has no pmRA, pmDE, U"),
        (np.zeros((2, 2), UPYP), r"it has the shape \(2, 2\)"),
    ],
)
def test_arrays_that_are_no_catalogue(tmp_path, table, said):
    np.save(tmp_path / "x.npy", table)
    with pytest.raises(ArgumentError, match=rf"x\.npy is not the stars\.npy .* {said}"):
        read(tmp_path / "x.npy")


def test_objects_and_broken_arrays_are_not_unpacked(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([{}], object), allow_pickle=True)
    with pytest.raises(ArgumentError, match="cannot read"):
        read(path)
    whole = _stars_npy(path, (1, 1, 0, 0, 5)).read_bytes()
    for size in (9, 60, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ArgumentError, match="cannot read"):
            read(path)


def test_fetching_the_table(tmp_path, monkeypatch):
    table = gzip.compress(_td1_line(7, 9, 1.0, 0.5, 100, 3, -12).encode())
    with serve({"II/59B/catalog.dat.gz": table}) as server:
        monkeypatch.setenv("UVISXR_URL_STARS", server.url + "II/59B")
        path = fetch_catalogue(tmp_path / "a")
        assert fetch_catalogue(tmp_path / "a") == path
        assert len(server.requests) == 1
    assert read(path).name.values.tolist() == ["HD 9"]


def test_fetching_from_the_command_line(tmp_path, monkeypatch):
    table = gzip.compress(_td1_line(7, 9, 1.0, 0.5, 100, 3, -12).encode())
    with serve({"catalog.dat.gz": table}) as server:
        monkeypatch.setenv("UVISXR_URL_STARS", server.url)
        done = CliRunner().invoke(main, ["fetch", "stars", "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert read(done.stdout.strip()).sizes["star"] == 1


def test_fetching_where_there_is_no_table(tmp_path, monkeypatch):
    with serve({}) as server:
        monkeypatch.setenv("UVISXR_URL_STARS", server.url)
        with pytest.raises(UvisError, match=r"catalog\.dat\.gz"):
            fetch_catalogue(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_packed_table_with_a_wrong_byte_or_cut_off(tmp_path):
    whole = gzip.compress("\n".join(["ra,dec,magnitude", *["1.5,2.5,3.5"] * 50]).encode())
    path = tmp_path / "stars.csv.gz"
    for k in range(10, len(whole)):
        path.write_bytes(whole[:k] + bytes([whole[k] ^ 0x55]) + whole[k + 1 :])
        with pytest.raises(ArgumentError, match=r"stars\.csv\.gz"):
            read(path)
        path.write_bytes(whole[:k])
        with pytest.raises(ArgumentError, match=r"stars\.csv\.gz"):
            read(path)


@pytest.mark.parametrize("word", ["inf", "-inf", "nan", "1e999", "1_0"])
@pytest.mark.parametrize("column", range(3))
def test_infinities_in_a_table(tmp_path, word, column):
    words = ["1.5", "2.5", "3.5"]
    words[column] = word
    path = tmp_path / "stars.csv"
    path.write_text(f"ra,dec,magnitude\n{','.join(words)}\n")
    with pytest.raises(ArgumentError, match="line 2"):
        read(path)


def test_infinity_in_the_td1_table(tmp_path):
    line = _td1_line(7, 9, 1.0, 0.5, 100, 3, -12)
    for begin, end in ((0, 5), (6, 12), (40, 48), (49, 58), (91, 97), (102, 106)):
        path = tmp_path / "catalog.dat"
        path.write_text(line[:begin] + "inf".rjust(end - begin) + line[end:])
        with pytest.raises(ArgumentError, match="line 1"):
            read(path)


def test_a_small_file_that_unpacks_to_more_than_any_catalogue(tmp_path):
    worker = zlib.compressobj(1, zlib.DEFLATED, 31)
    packed = b"".join([*(worker.compress(bytes(2**20)) for _ in range(80)), worker.flush()])
    path = tmp_path / "stars.csv.gz"
    path.write_bytes(packed)
    with pytest.raises(ArgumentError, match="unpacked it is longer than"):
        read(path)


def test_an_array_that_claims_more_stars_than_it_has(tmp_path):
    kind = np.dtype([(name, "<f8") for name in ("tyRA", "tyDE", "pmRA", "pmDE", "U")])
    path = tmp_path / "stars.npy"
    np.save(path, np.ones(12, kind))
    raw = path.read_bytes()
    assert read(path).sizes["star"] == 12
    for claim in (b"(99999999999,)", b"(True,)", b"(-1,)"):
        path.write_bytes(raw.replace(b"(12,)", claim))
        with pytest.raises(ArgumentError, match=r"stars\.npy"):
            read(path)
