"""Conditions on columns, against numpy with the three truth values of SQL."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uvisxr.catalogue import engine, expression, schema
from uvisxr.errors import ArgumentError

N = 400
COLUMNS = ("alt", "lat", "counts", "pic", "quality")


def _table() -> dict[str, np.ma.MaskedArray]:
    rng = np.random.default_rng(1)

    def some(values: np.ndarray) -> np.ma.MaskedArray:
        return np.ma.array(values, mask=rng.random(N) < 0.2)

    return {
        "alt": some(rng.choice([-5, 0, 0.1, 2.5, 1e3], N).astype("f4")),
        "lat": some(rng.integers(-3, 4, N).astype("f4")),
        "counts": some(rng.choice([0, 0.1, 1, 2, 7.5], N)),
        "pic": np.ma.array(rng.integers(0, 5, N).astype("i4"), mask=False),
        "quality": np.ma.array(rng.choice([0, 1, 4, 8], N).astype("u1"), mask=False),
        "on_disk": some(rng.random(N) < 0.5),
        "time": np.ma.array(
            np.datetime64("2004-12-31T23:59:58", "us") + np.arange(N) * np.timedelta64(10_000, "us")
        ),
        "product": np.ma.array(rng.choice(["A'B", "C", 'D"; --'], N)),
    }


TABLE = _table()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory):
    """What finds the rows for which a condition holds."""
    path = Path(tmp_path_factory.mktemp("rows")) / "x.parquet"
    columns = {"row": pa.array(range(N))}
    for name, values in TABLE.items():
        column = pa.array(values.filled() if name == "product" else values.data.copy())
        if np.ma.is_masked(values):
            column = pa.array(values.data, mask=np.ma.getmaskarray(values))
        columns[name] = column
    pq.write_table(pa.table(columns), path)
    with engine.opened([path]) as connection:
        duckdb = pytest.importorskip("duckdb")

        def found(text: str) -> list[int]:
            relation = connection.read_parquet([str(path)])
            kept = relation.filter(expression.parse(text, schema.SPECTRA).expression)
            return sorted(row for (row,) in kept.project(duckdb.ColumnExpression("row")).fetchall())

        yield found


class Number(NamedTuple):
    """A text, its values in double precision with nan for null, and what it is a bare one of."""

    text: str
    values: np.ndarray
    bare: str = ""


class Truth(NamedTuple):
    """A text, where it is true and where it is false; elsewhere it is null."""

    text: str
    true: np.ndarray
    false: np.ndarray


def _column(name: str) -> Number:
    values = TABLE[name]
    return Number(name, values.astype("f8").filled(np.nan), values.dtype.str)


def _finite(number: Number) -> np.ndarray:
    return np.where(np.isfinite(number.values), number.values, np.nan)


def _binary(parts: tuple[Number, str, Number]) -> Number:
    left, sign, right = parts
    made = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[sign]
    with np.errstate(all="ignore"):
        return Number(f"({left.text} {sign} {right.text})", made(left.values, right.values))


def _unary(parts: tuple[str, Number]) -> Number:
    name, number = parts
    if name == "-":
        return Number(f"-({number.text})", -number.values)
    return Number(f"abs({number.text})", np.abs(number.values))


def _extreme(parts: tuple[str, list[Number]]) -> Number:
    name, numbers = parts
    made = {"least": np.fmin, "greatest": np.fmax}[name].reduce(
        [np.broadcast_to(_finite(one), N) for one in numbers]
    )
    return Number(f"{name}({', '.join(one.text for one in numbers)})", made)


LITERALS = st.sampled_from([0.0, 0.1, 1.0, 2.0, 2.5, 7.5, 1e3, -3.0, -5.0, 1e-5, 300.0])
NUMBERS = st.recursive(
    st.one_of(
        st.sampled_from(COLUMNS).map(_column),
        LITERALS.map(lambda x: Number(f"{x:g}", np.full(N, x), "literal")),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(_binary),
        st.tuples(st.sampled_from(["-", "abs"]), inner).map(_unary),
        st.tuples(
            st.sampled_from(["least", "greatest"]), st.lists(inner, min_size=1, max_size=3)
        ).map(_extreme),
    ),
    max_leaves=5,
)


def _pair(left: Number, right: Number) -> tuple[np.ndarray, np.ndarray]:
    """Values as they are compared: a bare number as one of a bare column's precision."""

    def of(number: Number, other: Number) -> np.ndarray:
        if number.bare == "literal" and other.bare == "<f4":
            return number.values.astype("f4").astype("f8")
        return _finite(number)

    return of(left, right), of(right, left)


def _compare(sign: str, left: Number, right: Number) -> tuple[np.ndarray, np.ndarray]:
    x, y = _pair(left, right)
    made = {
        "=": np.equal,
        "<>": np.not_equal,
        "<": np.less,
        "<=": np.less_equal,
        ">": np.greater,
        ">=": np.greater_equal,
    }[sign]
    known = ~(np.isnan(x) | np.isnan(y))
    return made(x, y) & known, ~made(x, y) & known


def _compared(parts: tuple[Number, str, Number]) -> Truth:
    left, sign, right = parts
    return Truth(f"{left.text} {sign} {right.text}", *_compare(sign, left, right))


def _between(parts: tuple[Number, Number, Number]) -> Truth:
    x, low, high = parts
    above, below = _compare(">=", x, low), _compare("<=", x, high)
    return Truth(
        f"{x.text} BETWEEN {low.text} AND {high.text}", above[0] & below[0], above[1] | below[1]
    )


def _in(parts: tuple[Number, list[Number]]) -> Truth:
    x, several = parts
    each = [_compare("=", x, one) for one in several]
    return Truth(
        f"{x.text} IN ({', '.join(one.text for one in several)})",
        np.any([true for true, _ in each], axis=0),
        np.all([false for _, false in each], axis=0),
    )


def _null(parts: tuple[Number, bool]) -> Truth:
    number, no = parts
    null = np.isnan(_finite(number))
    pair = (~null, null) if no else (null, ~null)
    return Truth(f"{number.text} IS {'NOT ' if no else ''}NULL", *pair)


def _flag(no: bool) -> Truth:
    value = TABLE["on_disk"]
    true, false = value.filled(False), ~value.filled(True)
    return Truth("on_disk IS TRUE", true, ~true) if no else Truth("on_disk", true, false)


def _and(parts: list[Truth]) -> Truth:
    return Truth(
        f"({' AND '.join(part.text for part in parts)})",
        np.all([part.true for part in parts], axis=0),
        np.any([part.false for part in parts], axis=0),
    )


def _or(parts: list[Truth]) -> Truth:
    return Truth(
        f"({' OR '.join(part.text for part in parts)})",
        np.any([part.true for part in parts], axis=0),
        np.all([part.false for part in parts], axis=0),
    )


TRUTHS = st.recursive(
    st.one_of(
        st.tuples(NUMBERS, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), NUMBERS).map(
            _compared
        ),
        st.tuples(NUMBERS, NUMBERS, NUMBERS).map(_between),
        st.tuples(NUMBERS, st.lists(NUMBERS, min_size=1, max_size=3)).map(_in),
        st.tuples(NUMBERS, st.booleans()).map(_null),
        st.booleans().map(_flag),
    ),
    lambda inner: st.one_of(
        inner.map(lambda part: Truth(f"NOT ({part.text})", part.false, part.true)),
        st.lists(inner, min_size=2, max_size=4).map(_and),
        st.lists(inner, min_size=2, max_size=4).map(_or),
    ),
    max_leaves=6,
)


@pytest.mark.slow
@given(condition=TRUTHS)
def test_conditions(condition, rows):
    true = np.broadcast_to(condition.true, N)
    assert rows(condition.text) == np.flatnonzero(true).tolist(), condition.text


def test_functions(rows):
    lat, alt = (TABLE[name].astype("f8").filled(np.nan) for name in ("lat", "alt"))
    with np.errstate(invalid="ignore"):
        for text, holds in {
            "sqrt(alt) > 1.5": np.sqrt(alt) > 1.5,
            "NOT sqrt(alt) > 1.5": np.sqrt(alt) <= 1.5,
            "sind(lat * 30) > 0.45": np.sin(np.deg2rad(30 * lat)) > 0.45,
            "COSD(lat * 30) < 0.1": np.cos(np.deg2rad(30 * lat)) < 0.1,
            "abs(lat) = 2": np.abs(lat) == 2,
        }.items():
            assert rows(text) == np.flatnonzero(holds).tolist(), text


def test_texts_and_times(rows):
    product, time = np.asarray(TABLE["product"]), np.asarray(TABLE["time"])
    assert rows("product = 'A''B'") == np.flatnonzero(product == "A'B").tolist()
    assert rows("product IN ('D\"; --', 'x')") == np.flatnonzero(product == 'D"; --').tolist()
    assert rows("product NOT IN ('C')") == np.flatnonzero(product != "C").tolist()
    for text in ("time >= '2005'", "'2005-001T00:00' <= time", "NOT time < '2005-01-01'"):
        assert rows(text) == np.flatnonzero(time >= np.datetime64("2005")).tolist()
    some = (time >= np.datetime64("2004-12-31T23:59:59")) & (time <= np.datetime64("2005"))
    between = "time BETWEEN '2004-366T23:59:59' AND '2005-01'"
    assert rows(between) == np.flatnonzero(some).tolist()


def test_columns_in_any_case_or_in_quotes(rows):
    assert rows('"alt" > 1') == rows("ALT>1") == rows("((alt)) > +1")


def test_long_chains(rows):
    """As long as a condition may be, though the parser's tree is deep."""
    text = " OR ".join(["pic = 1"] * 360)
    assert len(text) < expression.LONGEST and rows(text) == rows("pic = 1")
    assert expression.parse(text, schema.SPECTRA).columns == {"pic"}
    assert rows("pic IN (" + ", ".join(["1"] * 900) + ")") == rows("pic = 1")


@pytest.mark.parametrize(
    "text",
    [
        "alt > 1; DROP TABLE spectra",
        "alt > 1;",
        "; alt > 1",
        "alt > 1 -- and more",
        "alt > /* */ 1",
        "-- x\nalt > 1",
        "(SELECT 1)",
        "alt > (SELECT max(alt) FROM spectra)",
        "alt IN (SELECT 1)",
        "alt IN ()",
        "alt IN lat",
        "EXISTS (SELECT 1)",
        "product = read_csv('/etc/passwd')",
        "product IN (SELECT * FROM '/etc/passwd')",
        "product = getenv('HOME')",
        "product = current_setting('threads')",
        "product = version()",
        "read_text('/etc/passwd') IS NULL",
        "CAST(alt AS INTEGER) = 1",
        "alt::TEXT = '1'",
        "TRY_CAST(alt AS TEXT) = '1'",
        "DATE '2004-01-01' < time",
        "time > INTERVAL 1 DAY",
        "time > now()",
        "time > CURRENT_TIMESTAMP",
        "alt = ALL(lat)",
        "alt = $1",
        "alt = ?",
        "alt = :x",
        "*",
        "COUNT(*) > 1",
        "SUM(alt) OVER () > 1",
        "CASE WHEN on_disk THEN TRUE END",
        "product LIKE 'F%'",
        "product || 'x' = 'y'",
        "product ~ 'x'",
        "alt[1] = 1",
        "[alt] = [1]",
        "{'a': alt} IS NULL",
        "spectra.alt > 1",
        "main.spectra.alt > 1",
        "alt & 1 = 1",
        "alt ^ 2 > 1",
        "alt ** 2 > 1",
        "alt % 2 = 1",
        "alt // 2 = 1",
        "alt -> 'x' = 1",
        "alt IS DISTINCT FROM 1",
        "alt BETWEEN SYMMETRIC 2 AND 1",
        "alt > 1 x",
        "x := 1",
        "lambda x: x > 1",
        "alt > 1 COLLATE NOCASE",
        "product COLLATE NOCASE = 'a'",
        "sind(lat, 1) > 0",
        "sind() > 0",
        "abs(DISTINCT lat) > 0",
        "main.abs(lat) > 0",
        "least(*) > 0",
        "E'x' = product",
        "X'00' = product",
        "$$x$$ = product",
        "alt >",
        "> 1",
        "alt > 'x",
        "alt > 1 AND",
        "((alt > 1)",
        "alt > 1e400",
        "alt > 1e16",
        "alt > NULL",
        "NULL",
        "alt IS 1",
        "alt IS NOT lat",
        "SET threads = 1",
        "PRAGMA version",
        "ATTACH 'x.db'",
        "COPY spectra TO 'x'",
        "INSTALL httpfs",
        "FROM spectra",
        "alt > 1 UNION SELECT 1",
        "alt > 1 ORDER BY 1",
        "alt > 1 LIMIT 1",
        "kernels = 'x'",
        "alt > 1\0",
        "product = '\0'",
        "",
        "   ",
        "(" * 60 + "alt > 1" + ")" * 60,
        "NOT " * 60 + "on_disk",
        "alt > " + "-" + "(-" * 40 + "1" + ")" * 40,
        "alt + " * 100 + "1 > 2",
        "(" * 1900 + ")" * 1900,
        "x" * 5000,
        "\ud800",
    ],
)
def test_refused(text):
    columns = schema.PRODUCTS | schema.SPECTRA
    with pytest.raises(ArgumentError) as error:
        expression.parse(text, columns)
    said = str(error.value)
    assert said.startswith("where") and len(said) <= 500 and said.isprintable()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("altt > 1", "no column 'altt'; did you mean 'alt'"),
        ("alt > 'high'", "'alt' is a number and \"'high'\" is a text: they cannot be compared"),
        ("product > 1", "is a text and '1' is a number"),
        ("on_disk = 1", "is true or false and '1' is a number"),
        ("time > 5", "'time' is a time and '5' is a number"),
        ("time > product", "expected a time in quotes"),
        ("time > 'soon'", "'soon' is not a time"),
        ("alt", "'alt' is a number, expected what is true or false"),
        ("alt > 1 AND lat", "'lat' is a number, expected what is true or false"),
        ("alt + product > 1", "'product' is a text, expected a number"),
        ("alt IS TRUE", "IS TRUE or IS FALSE"),
        ("1 < alt < 2", "they cannot be compared"),
        ("read_csv('x')", r"may not stand in a condition: expected comparisons"),
        ("kernels = 'x'", "kernels holds several texts"),
        ("target = TITAN", "no column 'TITAN'; texts stand in single quotes: 'TITAN'"),
        ("'RHEA' <> target OR lt = 5 AND target IN (TITAN)", "in single quotes: 'TITAN'"),
        ('slit = "LOW_RESOLUTION"', "in single quotes: 'LOW_RESOLUTION'"),
        ("lat = latitude", "no column 'latitude'; did you mean 'lat'?"),
        ("lat > 1 && lon > 2", "(write AND) may not stand in a condition"),
        ("on_disk || on_disk", "(write OR) may not stand in a condition"),
        ("lat > 30 and", "something is missing or too much beside 'and'"),
        ("and lat > 30", "something is missing or too much beside "),
        ("alt > 800; drop table", "expected one condition, without a semicolon"),
        ("drop table", "something is missing or too much beside 'table'"),
        ("alt > 'x", "a quote in it is not closed"),
        (5, "where=5: expected a condition"),
        (None, "where=None: expected a condition"),
    ],
)
def test_messages(text, says):
    with pytest.raises(ArgumentError) as error:
        expression.parse(text, schema.PRODUCTS | schema.SPECTRA)
    assert says in str(error.value)


def test_names_in_other_spellings():
    """They become those of the columns, of which there are few; other texts stay."""
    columns = schema.PRODUCTS | schema.SPECTRA
    for text, spelt in {
        "target = 'titan'": "target = 'TITAN'",
        "'Saturn Rings' <> target": "'S RINGS' <> target",
        "TARGET IN ('da', 'Titan')": "target IN ('DAPHNIS', 'TITAN')",
        "slit = 'low resolution'": "slit = 'LOW_RESOLUTION'",
        "channel = 'fuv'": "channel = 'FUV'",
        "body BETWEEN 'rhea' AND 'Titan'": "body BETWEEN 'RHEA' AND 'TITAN'",
        "status = 'FAILED' OR optics = 'Telescope'": "status = 'failed' OR optics = 'telescope'",
        "product = 'a'": "product = 'a'",
        "error = 'A' AND target = slit": "error = 'A' AND target = slit",
    }.items():
        made, expected = (expression.parse(one, columns).expression for one in (text, spelt))
        assert str(made) == str(expected)
    assert str(expression.parse("product = 'a'", columns).expression) != (
        str(expression.parse("product = 'A'", columns).expression)
    )


@pytest.mark.parametrize("name", [*schema.SPECTRA, *schema.PRODUCTS])
def test_every_column_can_be_named(name):
    """Whatever the parser takes the word for elsewhere."""
    columns = schema.PRODUCTS | schema.SPECTRA
    if columns[name].type == "strings":
        pytest.skip("of several texts")
    text = f"{name} IS NOT NULL AND NOT ({name} IS NULL OR {name} = {name})"
    assert expression.parse(text, columns).columns == {name}


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ("target = 'n/a'", "target = ''"),
        ("target <> 'Saturn_Rings'", "target <> 'S RINGS'"),
        ("body IN ('S RINGS', '606')", "body IN ('SATURN', 'TITAN')"),
    ],
)
def test_names_as_the_arguments_of_search_take_them(given, same):
    first, second = (expression.parse(one, schema.SPECTRA).expression for one in (given, same))
    assert str(first) == str(second)
