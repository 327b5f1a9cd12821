"""Pictures of an archive: they show what a catalogue's rows say, counted here one by one."""

from __future__ import annotations

import re

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from helpers import catalogues
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.dates import num2date

import uvisxr
from uvisxr.catalogue import pictures, schema, store, totals
from uvisxr.catalogue.database import Tables, opened
from uvisxr.cli import catalogue_plot, main
from uvisxr.drawing.style import LUMINANCE
from uvisxr.errors import ArgumentError, CatalogueError
from uvisxr.maps.grids import Cylindrical, Polar
from uvisxr.maps.spheroid import Spheroid

SPHERE = Spheroid(1.0, 1.0)


@pytest.fixture(scope="module")
def tables() -> Tables:
    return Tables(*catalogues.tables(150))


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def column(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_pandas())


def with_column(table: pa.Table, name: str, values: list) -> pa.Table:
    place = table.column_names.index(name)
    field = table.schema.field(name)
    return table.set_column(place, field, pa.array(values, field.type))


def bars(ax: Axes, channel: str) -> np.ndarray:
    """Corners of the bars of a channel, (n, 4, 2)."""
    (found,) = (one for one in ax.collections if one.get_gid() == channel)
    return np.array([path.vertices[:4] for path in found.get_paths()]).reshape(-1, 4, 2)


def labels(axis) -> list[str]:
    return [text.get_text() for text in axis.get_ticklabels()]


# Coverage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["products", "spectra", "hours"])
def test_amounts_are_those_of_the_rows(tables, by):
    with opened(tables) as connection:
        found = totals.coverage(connection, by)
    products = tables.products
    weight = {
        "products": np.ones(products.num_rows),
        "spectra": column(products, "spectra"),
        "hours": column(products, "exposures") * column(products, "exposure") / 3600,
    }[by]
    for i, target in enumerate(found.targets):
        for j, channel in enumerate(found.channels):
            mine = (column(products, "target") == target) & (column(products, "channel") == channel)
            assert found.total[i, j] == pytest.approx(weight[mine].sum())
            starts = column(products, "time_start")[mine].astype("datetime64[us]")
            edges = found.edges.astype("datetime64[us]").astype(np.int64)
            counted, _ = np.histogram(starts.astype(np.int64), edges, weights=weight[mine])
            np.testing.assert_allclose(found.amount[i, j], counted)
    assert found.amount.sum() == pytest.approx(weight.sum())
    assert found.channels == ["FUV", "EUV"]
    assert found.amount.shape[-1] <= 240


def test_what_failed_does_not_count_and_what_has_no_time_is_told(tables):
    status = ["failed", *["done"] * 149]
    times = [*tables.products["time_start"].to_pylist()[:148], None, None]
    products = with_column(tables.products, "status", status)
    products = with_column(products, "time_start", times)
    ax = pictures.coverage(Tables(products, tables.spectra))
    assert "149 products" in ax.get_title()
    assert ax.get_title().replace("\N{NO-BREAK SPACE}", " ").endswith("2 without a time")


def test_targets_that_look_like_formulas_are_written_as_they_are(tables):
    targets = ["$x^{$", "A$B", *tables.products["target"].to_pylist()[2:]]
    ax = pictures.coverage(Tables(with_column(tables.products, "target", targets), tables.spectra))
    ax.get_figure(root=True).canvas.draw()
    written = [text.replace(r"\$", "$") for text in labels(ax.yaxis)]
    assert {"$x^{$", "A$b"} <= {*written}


def test_bars_stand_where_and_as_tall_as_there_is_much(tables):
    ax = pictures.coverage(tables)
    with opened(tables) as connection:
        found = totals.coverage(connection)
    order = np.argsort(-found.total.sum(axis=1), kind="stable")
    for k, channel in enumerate(found.channels):
        amount = found.amount[order][:, k]
        row, place = np.nonzero(amount)
        drawn = bars(ax, channel)
        assert len(drawn) == row.size
        np.testing.assert_allclose(drawn[:, 0, 1], row)
        tall = drawn[:, 2, 1] - drawn[:, 0, 1]
        # Downwards is where the axis goes.
        assert (tall > 0).all() if channel == "EUV" else (tall < 0).all()
        np.testing.assert_allclose(
            np.abs(tall) / 0.46, np.log1p(amount[row, place]) / np.log1p(found.amount.max())
        )
        starts = [np.datetime64(num2date(x).replace(tzinfo=None), "D") for x in drawn[:, 0, 0]]
        assert starts == found.edges[place].tolist()
    low, high = ax.get_ylim()
    assert low > high


def test_rows_are_named_and_summed_at_the_side(tables):
    ax = pictures.coverage(tables)
    sizes = {
        name: int((column(tables.products, "target") == name).sum()) for name in catalogues.TARGETS
    }
    order = sorted(sizes, key=sizes.__getitem__, reverse=True)
    written = {"S RINGS": "Saturn's rings"}
    assert labels(ax.yaxis) == [written.get(name, name.capitalize()) for name in order]
    (right,) = ax.child_axes
    assert labels(right.yaxis) == [f"{sizes[name]:,}" for name in order]
    assert ax.get_xlabel() == "Time (UTC)"
    assert right.get_ylabel() == "Products"
    key = [text.get_text() for text in ax.get_legend().get_texts()]
    assert key == ["FUV, upwards", "EUV, downwards"]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (0, "Time (UTC, 2005-12-20)"),
        (20, "Time (UTC, 2005-12-20 to 2006-01-09)"),
        (90, "Time (UTC, 2005-12-20 to 2006-03-20)"),
        (3000, "Time (UTC)"),
    ],
)
def test_a_time_without_a_year_among_its_ticks_has_its_dates_beside(tables, days, said):
    starts = [np.datetime64("2005-12-20T03:00", "us"), np.datetime64("2005-12-20T04:00", "us")]
    starts[1] += np.timedelta64(days, "D")
    products = with_column(tables.products.slice(0, 2), "time_start", starts)
    ax = pictures.coverage(Tables(products, []))
    assert ax.get_xlabel() == said
    ax.figure.canvas.draw()
    years = [text for text in labels(ax.xaxis) if text.startswith("20")]
    assert years or days < 3000


def test_colours_of_channels_differ_in_grey(tables):
    ax = pictures.coverage(tables)
    greys = [
        np.dot(to_rgb(one.get_facecolor()[0]), LUMINANCE)
        for one in ax.collections
        if one.get_gid() in ("FUV", "EUV")
    ]
    assert abs(greys[0] - greys[1]) > 0.2


def test_one_channel_has_no_key(tables):
    ax = pictures.coverage(tables, channel="EUV")
    assert ax.get_legend() is None
    assert "EUV" in ax.get_title()
    assert not [one for one in ax.collections if one.get_gid() == "FUV"]


@pytest.mark.slow
def test_more_targets_than_rows_are_summed_in_the_last(tables):
    names = [f"T{k % 60:02d}" for k in range(150)]
    products = with_column(tables.products, "target", names)
    ax = pictures.coverage(Tables(products, tables.spectra))
    rows = labels(ax.yaxis)
    assert len(rows) == 24
    assert rows[-1] == "37 others"
    (right,) = ax.child_axes
    assert sum(map(int, labels(right.yaxis))) == 150
    low = plt.subplots(figsize=(3, 3), layout="constrained")[1]
    assert 2 <= len(labels(pictures.coverage(Tables(products, []), ax=low).yaxis)) < 24


def test_an_empty_catalogue_says_so():
    ax = pictures.coverage(Tables([], []))
    assert [text.get_text() for text in ax.texts] == ["Nothing to show: no product"]


# Looks -------------------------------------------------------------------------------------------


def chosen(tables: Tables, body: str, **only) -> dict[str, np.ndarray]:
    """Columns of the spectra of a body that saw something."""
    spectra = tables.spectra.to_pandas()
    spectra = spectra[(spectra["body"] == body) & (spectra["quality"].to_numpy() & 9 == 0)]
    for name, value in only.items():
        spectra = spectra[spectra[name] == value]
    # What looks away from the body sees no place on it.
    spectra = spectra[spectra["lat"].notna()]
    return {name: spectra[name].to_numpy() for name in ("lon", "lat", "phase")}


def test_each_spectrum_is_counted_in_its_cell(tables):
    grid = Cylindrical.of(SPHERE, 10.0, 10.0)
    with opened(tables) as connection:
        found, number = totals.looks(connection, totals.Chosen("TITAN", "FUV"), grid)
    rows = chosen(tables, "TITAN", channel="FUV")
    expected, *_ = np.histogram2d(
        rows["lat"], rows["lon"], [np.linspace(-90, 90, 19), np.linspace(0, 360, 37)]
    )
    np.testing.assert_array_equal(np.nan_to_num(found), expected)
    assert np.isnan(found[expected == 0]).all()
    assert number == rows["lat"].size


def test_medians_are_those_of_the_cells(tables):
    grid = Cylindrical.of(SPHERE, 20.0, 20.0)
    with opened(tables) as connection:
        found, _ = totals.looks(connection, totals.Chosen("SATURN", part="disk"), grid, by="phase")
    rows = chosen(tables, "SATURN", on_disk=True)
    for i, j in np.argwhere(np.isfinite(found)):
        mine = ((rows["lat"] + 90) // 20 == i) & (rows["lon"] // 20 == j)
        assert found[i, j] == pytest.approx(np.median(rows["phase"][mine]))


@pytest.mark.parametrize("north", [True, False])
def test_cells_about_a_pole_are_where_the_projection_has_them(tables, north):
    grid = Polar.of(SPHERE, north, 5.0, 45.0, 0.0)
    with opened(tables) as connection:
        found, number = totals.looks(connection, totals.Chosen("TITAN"), grid)
    rows = chosen(tables, "TITAN")
    x, y = grid.project(-rows["lon"].astype(float), rows["lat"].astype(float))
    edges = (np.arange(2 * grid.half + 1) - grid.half) * grid.side
    expected, *_ = np.histogram2d(y, x, [edges, edges])
    expected = np.where(grid.inside, expected, 0)
    np.testing.assert_array_equal(np.nan_to_num(found), expected)
    assert number == expected.sum() > 0


def test_ends_of_the_circle_and_poles_are_in_cells(tables):
    spectra = tables.spectra.slice(0, 3)
    for name, values in {
        "lon": [0.0, 360.0, 359.99],
        "lat": [90.0, -90.0, 0.0],
        "body": ["TITAN"] * 3,
        "quality": [0, 0, 4],
    }.items():
        spectra = with_column(spectra, name, values)
    with opened(Tables(tables.products, spectra)) as connection:
        found, number = totals.looks(
            connection, totals.Chosen("TITAN"), Cylindrical.of(SPHERE, 90.0, 90.0)
        )
    assert number == 3
    np.testing.assert_array_equal(np.nan_to_num(found), [[1, 0, 0, 0], [1, 0, 0, 1]])


def test_the_map_counts_to_the_west_and_says_what_it_shows(tables):
    ax = pictures.looks(tables, "titan", channel="FUV", spacing=2.0)
    assert ax.get_xlabel() == "West longitude (°)"
    assert ax.get_xlim() == (360.0, 0.0)
    assert ax.get_ylim() == (-90.0, 90.0)
    title = ax.get_title().replace("\N{NO-BREAK SPACE}", " ")
    number = chosen(tables, "TITAN", channel="FUV")["lat"].size
    assert title.startswith(f"Titan, {number:,} spectra, FUV, 20")
    (mesh,) = (one for one in ax.collections if one.get_gid() == "map")
    assert isinstance(mesh.norm, LogNorm)
    # Those of one spectrum are no gaps, at a fifth of the colours.
    assert mesh.norm(1.0) == pytest.approx(0.2)
    (bar,) = ax.child_axes
    assert bar.get_ylabel().replace("\n", " ") == "Spectra in a cell of 2° × 2°"


@pytest.mark.slow
def test_few_spectra_have_larger_cells(tables):
    """Else rows of pixels beat against those of cells."""
    few = tables._replace(spectra=tables.spectra.take(np.arange(0, tables.spectra.num_rows, 11)))
    ax = pictures.looks(few, "TITAN")
    (bar,) = ax.child_axes
    side = int(re.search(r"cell of (\d+)°", bar.get_ylabel().replace("\n", " "))[1])
    sides = (2, 3, 5, 10)
    assert side > 2
    rows = chosen(few, "TITAN")
    for one in sides[: sides.index(side) + 1]:
        edges = np.linspace(-90, 90, 180 // one + 1), np.linspace(0, 360, 360 // one + 1)
        counts, *_ = np.histogram2d(rows["lat"], rows["lon"], edges)
        assert (np.median(counts[counts > 0]) >= 4) == (one == side) or one == side == 10


def test_altitudes_are_chosen(tables):
    ax = pictures.looks(tables, "TITAN", part="limb", alt=(300, 1200.0), spacing=10.0)
    rows = tables.spectra.to_pandas()
    there = rows["alt"].between(300, 1200) & (rows["body"] == "TITAN") & ~rows["on_disk"].eq(True)
    number = (there & (rows["quality"].to_numpy() & 9 == 0)).sum()
    title = ax.get_title().replace("\N{NO-BREAK SPACE}", " ")
    assert title.startswith(f"Titan, {number:,} spectra, limb, 300 to 1200 km, ")
    assert pictures._heights(None, 500.0) == "up to 500 km"
    assert pictures._heights(1e3, None) == "from 1000 km up"
    with pytest.raises(ArgumentError, match="the lower end first"):
        pictures.looks(tables, "TITAN", alt=(5, 1))


@pytest.mark.slow
def test_colours_that_end_before_the_values_are_told(tables):
    """Of angles they do not; of altitudes some lie far from the others."""
    phase = pictures.looks(tables, "SATURN", by="phase")
    (mesh,) = (one for one in phase.collections if one.get_gid() == "map")
    values = mesh.get_array().compressed()
    assert (mesh.norm.vmin, mesh.norm.vmax) == (values.min(), values.max())
    assert "values" not in phase.get_title()
    alt = pictures.looks(tables, "SATURN", by="alt")
    (mesh,) = (one for one in alt.collections if one.get_gid() == "map")
    values = mesh.get_array().compressed()
    assert mesh.norm.vmin > values.min() or mesh.norm.vmax < values.max()
    said = f"values {values.min():.4g} to {values.max():.4g}".replace("-", "\N{MINUS SIGN}")
    assert said in alt.get_title().replace("\N{NO-BREAK SPACE}", " ")


def test_a_median_is_named_with_its_unit(tables):
    ax = pictures.looks(tables, "S RINGS", by="phase", pole="south", spacing=10.0)
    assert ax.child_axes[0].get_ylabel() == "Median phase angle (°)"
    assert "Saturn" in ax.get_title()
    assert "south pole" in ax.get_title()


def test_a_body_that_is_not_there_is_named_with_those_that_are(tables):
    with pytest.raises(ArgumentError, match=r"ENCELADUS, SATURN, TITAN; did you mean 'TITAN'"):
        pictures.looks(tables, "TITANN")
    for call in (pictures.coverage, pictures.looks):
        with pytest.raises(ArgumentError, match="there is no argument no_such_argument="):
            call(tables, no_such_argument=1)
    with pytest.raises(ArgumentError, match="spacing"):
        pictures.looks(tables, "TITAN", spacing=0.0)
    with pytest.raises(ArgumentError, match="by='lon'"):
        pictures.looks(tables, "TITAN", by="lon")
    with pytest.raises(ArgumentError, match=r"uvisxr\.catalogue\.schema"):
        pictures.looks(tables._replace(spectra=tables.spectra.drop(["lon"])), "TITAN")


def test_a_choice_that_leaves_nothing_is_an_empty_map(tables):
    spectra = tables.spectra.filter(pa.compute.equal(tables.spectra["on_disk"], False))
    ax = pictures.looks(tables._replace(spectra=spectra), "TITAN", part="disk")
    assert "Nothing to show: no spectrum" in [text.get_text() for text in ax.texts]


# A catalogue on disk, and the command ------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tables, tmp_path_factory):
    path = tmp_path_factory.mktemp("catalogues") / "of [all]"
    with store.Writer(path) as writer:
        writer.commit(tables.products, [tables.spectra])
    return path


@pytest.mark.slow
def test_a_folder_gives_what_its_tables_give(folder, tables):
    for draw in (
        lambda of: pictures.looks(of, "ENCELADUS", channel="EUV", spacing=10.0),
        lambda of: pictures.coverage(of, "hours"),
    ):
        found, expected = draw(folder), draw(tables)
        assert found.get_title() == expected.get_title()
        for one, other in zip(found.collections, expected.collections, strict=True):
            np.testing.assert_array_equal(
                np.ma.filled(one.get_array(), -1) if one.get_array() is not None else 0,
                np.ma.filled(other.get_array(), -1) if other.get_array() is not None else 0,
            )


def test_a_search_finds_as_many_as_a_map_shows(folder):
    blind = ("lost", "dark_line")
    found = uvisxr.search(folder, body="TITAN", channel="FUV", exclude=blind, lat=(-90, 90))
    ax = pictures.looks(folder, "TITAN", channel="FUV", spacing=10.0)
    assert f"{len(found):,} spectra" in ax.get_title().replace("\N{NO-BREAK SPACE}", " ")


def run(*words: object):
    return CliRunner().invoke(main, ["catalogue", "plot", *map(str, words)])


@pytest.mark.slow
def test_the_command_writes_pictures_and_replaces_its_own(folder, tmp_path):
    for out, words in {
        "a.png": (),
        "b.svg": ("--coverage", "--by", "hours", "--channel", "fuv"),
        "c.pdf": ("--looks", "TITAN", "--by", "phase", "--part", "limb", "--pole", "north"),
    }.items():
        written = [run(folder, *words, "--out", tmp_path / out) for _ in range(2)]
        assert [one.exit_code for one in written] == [0, 0], written[0].output
        assert written[0].output.strip() == str(tmp_path / out)
        assert (tmp_path / out).stat().st_size > 2000
    other = tmp_path / "other.png"
    other.write_bytes(b"a picture")
    assert run(folder, "-o", other).exit_code == 1
    assert other.read_bytes() == b"a picture"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "a.txt"), "png"),
        (("-o", "a.png", "--by", "phase"), "hours"),
        (("-o", "a.png", "--looks", "TITAN", "--by", "hours"), "phase"),
        (("-o", "a.png", "--looks", "TITAN", "--coverage"), "not both"),
        (("-o", "a.png", "--pole", "north"), "--looks"),
    ],
)
def test_wrong_usage_is_said(folder, words, said):
    found = run(folder, *words)
    assert found.exit_code == 2
    assert said in found.output


def test_the_command_offers_what_there_is():
    assert totals.Amount.__args__ == catalogue_plot._AMOUNTS
    assert totals.Shown.__args__ == catalogue_plot._SHOWN
    assert set(catalogue_plot._SHOWN) - {"count"} <= set(schema.SPECTRA)


def test_what_is_no_catalogue_is_refused(tmp_path):
    with pytest.raises(CatalogueError, match="catalogue build"):
        pictures.coverage(tmp_path)


def test_a_damaged_file_is_said(tables, tmp_path):
    with store.Writer(tmp_path / "catalogue") as writer:
        writer.commit(tables.products, [tables.spectra])
    for file in store.read(tmp_path / "catalogue").spectra:
        file.path.write_bytes(bytes(file.size))
    with pytest.raises(CatalogueError, match="cannot read the catalogue"):
        pictures.looks(tmp_path / "catalogue", "TITAN")
    with pytest.raises(ArgumentError, match="folder of a catalogue"):
        pictures.coverage(5)
