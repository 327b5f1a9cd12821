"""Conditions on columns, written in a small part of SQL: what `search(where=...)` takes.

A text is parsed, and its tree translated node by node into the expressions of DuckDB. What is not
on the list is refused, so that nothing of a text ever is a statement, a name of a file or a call of
a function that is not below.

What may stand in a condition:

- names of columns, and numbers, 'texts', TRUE and FALSE;
- ``=``, ``<>``, ``<``, ``<=``, ``>``, ``>=``, ``BETWEEN ... AND ...``, ``IN (...)``, ``IS NULL``,
  ``IS TRUE``, ``IS FALSE``;
- ``AND``, ``OR``, ``NOT``, and parentheses;
- ``+``, ``-``, ``*``, ``/`` of numbers;
- ``abs(x)``, ``sqrt(x)``, ``sind(x)`` and ``cosd(x)`` of degrees, ``least(x, ...)`` and
  ``greatest(x, ...)``.

A time is compared with a text of the forms that `instant` reads. Targets and bodies may have any
spelling, and channels, slits and other columns of few names any case; texts are as they are in all
other columns. What is not known is null, and a
comparison with it neither true nor false: its row is not found, nor by the NOT of it; AND and OR
are those of SQL. A result that is no finite number is null too, such as a division by 0 or the root
of a negative number. `least` and `greatest` are of those that are known. A column beside a bare
number is compared in the precision of the column, so that ``lat = 0.1`` finds the float32 nearest
to 0.1; all else is in double precision.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from .. import checks
from ..errors import ArgumentError, MissingDependencyError, shortened
from ..timescales import parse_beginning
from . import spelling
from .libraries import check
from .schema import Column, hint

if TYPE_CHECKING:
    import duckdb

#: What a part of a condition is.
Kind = Literal["number", "text", "time", "truth"]

#: Letters of the longest condition, and how deep it may be nested.
LONGEST, DEEPEST = 4000, 30

#: Beyond these numbers no column goes.
_LARGEST = 1e15

_SHOWN = 60

#: Kinds of columns that stand beside quoted texts.
_QUOTED = ("text", "time")

#: What is written instead of what SQL has not, by the parser's names.
_INSTEAD = {"ArrayOverlaps": "AND", "DPipe": "OR"}

#: How names are spelt in columns of few of them: they are compared as if typed so.
_SPELT: dict[str, Callable[[str], str]] = {
    "target": spelling.target,
    "body": spelling.body,
    **dict.fromkeys(("channel", "slit"), lambda text: text.strip().upper().replace(" ", "_")),
    **dict.fromkeys(("status", "step", "optics", "pointing"), lambda text: text.strip().lower()),
}

_KINDS: dict[str, Kind] = {"name": "text", "string": "text", "time": "time", "bool": "truth"}
_NUMBERS = ("int8", "int16", "int32", "int64", "uint8", "float32", "float64")

#: What parts of each kind are called in messages.
_CALLED = {"number": "a number", "text": "a text", "time": "a time", "truth": "true or false"}

_EXPECTED = (
    "comparisons (=, <>, <, <=, >, >=, BETWEEN, IN, IS NULL) of columns, numbers and 'texts', "
    "joined by AND, OR, NOT; + - * /; abs, sqrt, sind, cosd, least, greatest"
)


class Condition(NamedTuple):
    """A condition as DuckDB takes it.

    Attributes
    ----------
    expression : duckdb.Expression
    columns : frozenset of str
        Names of the columns in it.
    """

    expression: duckdb.Expression
    columns: frozenset[str]


class _Part(NamedTuple):
    """A part of a condition.

    Attributes
    ----------
    kind : str
    made : duckdb.Expression
    value
        Of a bare number or text; else None.
    column : str
        DuckDB's type, of what is a column and no more.
    finite : bool
        Whether no number in it is infinite or nan.
    node
        The part in the parser's tree.
    """

    kind: Kind
    made: Any
    value: Any = None
    column: str = ""
    finite: bool = True
    node: Any = None


def instant(text: str) -> datetime:
    """A time of UTC as catalogues have it, without a zone, to the microsecond.

    Parameters
    ----------
    text : str
        As `uvisxr.timescales.parse_beginning`.

    Raises
    ------
    ArgumentError
        It is no time, or none of the years 1678 to 2262.

    Examples
    --------
    >>> from uvisxr.catalogue.expression import instant
    >>> print(instant("2004"), instant("2005-08"), instant("2005-230T18:14:40.2"), sep=" | ")
    2004-01-01 00:00:00 | 2005-08-01 00:00:00 | 2005-08-18 18:14:40.200000
    """
    return parse_beginning(text).utc.astype("M8[us]").item()  # type: ignore[no-any-return]


def parse(text: object, columns: Mapping[str, Column], name: str = "where") -> Condition:
    """Read a condition.

    Parameters
    ----------
    text : str
        What is described above, at most 4,000 letters.
    columns : mapping of str to Column
        Those that there are.
    name : str
        Of the argument, for messages.

    Raises
    ------
    ArgumentError
        It is no condition, or holds what none may; the message says which part.
    MissingDependencyError
        sqlglot or duckdb is not installed.
    """
    if not isinstance(text, str) or not text.strip():
        raise checks.refused(name, text, f"a condition on columns: {_EXPECTED}")
    if len(text) > LONGEST:
        raise checks.refused(name, text, f"at most {LONGEST} letters, and it has {len(text)}")
    tree = _tree(name, text)
    return _Translation(columns, name, text).whole(tree)


def _tree(name: str, text: str) -> Any:
    """The tree of a text; nothing but one expression, and no comments."""
    try:
        import sqlglot
        from sqlglot import errors
    except ImportError as error:
        raise MissingDependencyError(
            f'conditions on columns need sqlglot ({error}): pip install "uvisxr[catalogue]"'
        ) from error
    # A statement ends at a semicolon, and nothing but blanks may follow.
    if ";" in _unquoted(text):
        raise checks.refused(name, text, "one condition, without a semicolon")
    try:
        if any(token.comments for token in sqlglot.tokenize(text, read="duckdb")):
            raise checks.refused(name, text, "a condition without a comment (-- or /* */)")
        trees = sqlglot.parse(text, read="duckdb")
    except errors.TokenError:
        raise checks.refused(name, text, f"{_EXPECTED}; a quote in it is not closed") from None
    except errors.SqlglotError as error:
        # What it says itself is about its own classes.
        where: dict[str, Any] = next(iter(getattr(error, "errors", [])), {})
        beside = f" beside {where['highlight']!r}" if where.get("highlight") else ""
        raise checks.refused(
            name, text, f"{_EXPECTED}; something is missing or too much{beside}"
        ) from None
    except RecursionError:
        raise _too_deep(name, text) from None
    if len(trees) != 1 or trees[0] is None:
        raise checks.refused(name, text, "one condition, without a semicolon")
    return trees[0]


def _unquoted(text: str) -> str:
    return re.sub(r"'[^']*'|\"[^\"]*\"", "", text)


def _too_deep(name: str, text: str) -> ArgumentError:
    return checks.refused(name, text, f"a condition nested at most {DEEPEST} deep")


class _Translation:
    """From the tree of the parser to expressions of DuckDB."""

    def __init__(self, columns: Mapping[str, Column], name: str, text: str) -> None:
        check()
        import duckdb
        import sqlglot

        # Its types change from version to version.
        exp: Any = sqlglot.expressions
        self._duckdb, self._exp = duckdb, exp
        self._columns, self._name, self._text = columns, name, text
        # SQL knows no capitals in names.
        self._names = {column.lower(): column for column in columns}
        self._used: set[str] = set()
        #: By type of node what makes a part of it, and which arguments it may have.
        self._nodes: dict[type, tuple[Callable[[Any, int], _Part], tuple[str, ...]]] = {
            exp.Column: (self._column, ("this",)),
            exp.Literal: (self._literal, ("this", "is_string")),
            exp.Boolean: (self._boolean, ("this",)),
            exp.Paren: (self._paren, ("this",)),
            exp.And: (self._joined, ("this", "expression")),
            exp.Or: (self._joined, ("this", "expression")),
            exp.Not: (self._not, ("this",)),
            exp.In: (self._in, ("this", "expressions")),
            exp.Between: (self._between, ("this", "low", "high")),
            exp.Is: (self._is, ("this", "expression")),
            exp.Neg: (self._negative, ("this",)),
            exp.Abs: (self._abs, ("this",)),
            exp.Sqrt: (self._sqrt, ("this",)),
            exp.Least: (self._extreme("least"), ("this", "expressions", "ignore_nulls")),
            exp.Greatest: (self._extreme("greatest"), ("this", "expressions", "ignore_nulls")),
            exp.Anonymous: (self._own, ("this", "expressions")),
        }
        for kind, made in {
            exp.EQ: operator.eq,
            exp.NEQ: operator.ne,
            exp.LT: operator.lt,
            exp.LTE: operator.le,
            exp.GT: operator.gt,
            exp.GTE: operator.ge,
        }.items():
            self._nodes[kind] = (self._comparison(made), ("this", "expression"))
        for kind, made in {exp.Add: operator.add, exp.Sub: operator.sub}.items():
            self._nodes[kind] = (self._arithmetic(made), ("this", "expression"))
        self._nodes[exp.Mul] = (self._arithmetic(operator.mul), ("this", "expression"))
        self._nodes[exp.Div] = (
            self._arithmetic(operator.truediv),
            # Whether whole numbers have whole quotients is of dialects; here they have not.
            ("this", "expression", "typed", "safe"),
        )

    def whole(self, tree: Any) -> Condition:
        """The condition that the whole tree is."""
        made = self._truth(tree, 0)
        return Condition(made, frozenset(self._used))

    def _part(self, node: Any, depth: int) -> _Part:
        if depth > DEEPEST:
            raise _too_deep(self._name, self._text)
        known = self._nodes.get(type(node))
        if known is None:
            raise self._refused(node)
        make, arguments = known
        if any(value for key, value in node.args.items() if key not in arguments):
            raise self._refused(node)
        return make(node, depth + 1)._replace(node=node)

    def _shown(self, node: Any) -> str:
        try:
            return shortened(str(node.sql(dialect="duckdb")), _SHOWN)
        except (ValueError, RecursionError):
            return type(node).__name__

    def _refused(self, node: Any) -> ArgumentError:
        kind = type(node).__name__
        what = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).lower()
        what = f"write {_INSTEAD[kind]}" if kind in _INSTEAD else what
        return ArgumentError(
            f"{self._name}: {self._shown(node)!r} ({what}) may not stand in a condition: "
            f"expected {_EXPECTED}"
        )

    def _mixed(self, part: _Part, expected: str) -> ArgumentError:
        return ArgumentError(
            f"{self._name}: {self._shown(part.node)!r} is {_CALLED[part.kind]}, expected {expected}"
        )

    def _truth(self, node: Any, depth: int) -> Any:
        part = self._part(node, depth)
        if part.kind != "truth":
            raise self._mixed(part, "what is true or false, such as a comparison")
        return part.made

    def _number(self, node: Any, depth: int) -> _Part:
        """A number in double precision."""
        part = self._part(node, depth)
        if part.kind != "number":
            raise self._mixed(part, "a number")
        return part._replace(made=part.made.cast("DOUBLE")) if part.column else part

    def _known(self, part: _Part) -> Any:
        """A part that is null where it is no finite number: nan is larger than all, to DuckDB."""
        if part.finite:
            return part.made
        finite = self._duckdb.FunctionExpression("isfinite", part.made)
        return self._duckdb.CaseExpression(finite, part.made)

    def _constant(self, value: Any) -> Any:
        return self._duckdb.ConstantExpression(value)

    def _column(self, node: Any, depth: int) -> _Part:
        given = node.this.name if isinstance(node.this, self._exp.Identifier) else None
        if given is None:
            raise self._refused(node)
        name = self._names.get(given.lower())
        if name is None:
            near = (
                f"; texts stand in single quotes: '{shortened(given, _SHOWN)}'"
                if self._is_beside_text(node)
                else hint(given.lower(), self._columns)
            )
            raise ArgumentError(f"{self._name}: there is no column {checks.shown(given)}{near}")
        kind = self._columns[name].type
        if kind not in (*_KINDS, *_NUMBERS):
            raise ArgumentError(f"{self._name}: {name} holds several texts, and cannot be compared")
        self._used.add(name)
        made = self._duckdb.ColumnExpression(name)
        return _Part(_KINDS.get(kind, "number"), made, column=TYPES.get(kind, "VARCHAR"))

    def _is_beside_text(self, node: Any) -> bool:
        """Whether something stands beside a column of texts or times."""
        if not isinstance(node.parent, self._exp.Predicate):
            return False
        others = (one for one in node.parent.iter_expressions() if type(one) is type(node))
        known = (self._columns.get(self._names.get(one.name.lower(), "")) for one in others)
        return any(column and _KINDS.get(column.type) in _QUOTED for column in known)

    def _literal(self, node: Any, depth: int) -> _Part:
        if node.is_string:
            text = str(node.this)
            if "\0" in text:
                raise checks.refused(self._name, self._text, "texts without NUL")
            return _Part("text", self._constant(text), text)
        try:
            value = float(str(node.this))
        except ValueError:
            raise self._refused(node) from None
        if not abs(value) <= _LARGEST:
            raise checks.refused(self._name, value, f"numbers of at most {_LARGEST:g} in size")
        return _Part("number", self._constant(value), value)

    def _boolean(self, node: Any, depth: int) -> _Part:
        return _Part("truth", self._constant(bool(node.this)))

    def _paren(self, node: Any, depth: int) -> _Part:
        return self._part(node.this, depth)

    def _joined(self, node: Any, depth: int) -> _Part:
        # Chains are flat in meaning, but deep as trees.
        parts = [self._truth(one, depth) for one in _flat(node)]
        return _Part("truth", _balanced(_JOINS[type(node).__name__], parts))

    def _not(self, node: Any, depth: int) -> _Part:
        return _Part("truth", ~self._truth(node.this, depth))

    def _comparison(self, made: Callable[[Any, Any], Any]) -> Callable[[Any, int], _Part]:
        def compared(node: Any, depth: int) -> _Part:
            left, right = (self._part(one, depth) for one in (node.this, node.expression))
            return _Part("truth", made(*self._alike(left, right)))

        return compared

    def _between(self, node: Any, depth: int) -> _Part:
        part, low, high = (self._part(node.args[key], depth) for key in ("this", "low", "high"))
        first, least = self._alike(part, low)
        second, most = self._alike(part, high)
        return _Part("truth", (first >= least) & (second <= most))

    def _in(self, node: Any, depth: int) -> _Part:
        part = self._part(node.this, depth)
        if not node.expressions:
            raise ArgumentError(f"{self._name}: IN expects a list, such as IN (1, 2)")
        pairs = [self._alike(part, self._part(one, depth)) for one in node.expressions]
        return _Part("truth", _balanced(operator.or_, [one == other for one, other in pairs]))

    def _is(self, node: Any, depth: int) -> _Part:
        part, what = self._part(node.this, depth), node.expression
        if isinstance(what, self._exp.Null):
            return _Part("truth", self._known(part).isnull())
        if not isinstance(what, self._exp.Boolean):
            raise self._refused(node)
        if part.kind != "truth":
            raise self._mixed(part, "what is true or false before IS TRUE or IS FALSE")
        same = part.made == self._constant(bool(what.this))
        return _Part("truth", same & part.made.isnotnull())

    def _arithmetic(self, made: Callable[[Any, Any], Any]) -> Callable[[Any, int], _Part]:
        def reckoned(node: Any, depth: int) -> _Part:
            left, right = (self._number(one, depth) for one in (node.this, node.expression))
            return _Part("number", made(left.made, right.made), finite=False)

        return reckoned

    def _negative(self, node: Any, depth: int) -> _Part:
        part = self._part(node.this, depth)
        if part.kind == "number" and part.value is not None:
            return _Part("number", self._constant(-part.value), -part.value)
        number = self._number(node.this, depth)
        return _Part("number", -number.made, finite=number.finite)

    def _abs(self, node: Any, depth: int) -> _Part:
        number = self._number(node.this, depth)
        made = self._duckdb.FunctionExpression("abs", number.made)
        return _Part("number", made, finite=number.finite)

    def _sqrt(self, node: Any, depth: int) -> _Part:
        # The power of a negative number is nan, of which the root may be an error.
        made = self._duckdb.FunctionExpression(
            "pow", self._number(node.this, depth).made, self._constant(0.5)
        )
        return _Part("number", made, finite=False)

    def _extreme(self, name: str) -> Callable[[Any, int], _Part]:
        def called(node: Any, depth: int) -> _Part:
            given = [self._number(one, depth) for one in (node.this, *node.expressions)]
            made = self._duckdb.FunctionExpression(name, *map(self._known, given))
            return _Part("number", made)

        return called

    def _own(self, node: Any, depth: int) -> _Part:
        """A function that the parser does not know: of degrees."""
        name = str(node.this).lower()
        if name not in _OF_DEGREES or len(node.expressions) != 1:
            raise self._refused(node)
        number = self._known(self._number(node.expressions[0], depth))
        radians = self._duckdb.FunctionExpression("radians", number)
        made = self._duckdb.FunctionExpression(_OF_DEGREES[name], radians)
        return _Part("number", made)

    def _alike(self, left: _Part, right: _Part) -> tuple[Any, Any]:
        """Two parts as they can be compared."""
        if {left.kind, right.kind} == {"time", "text"}:
            left, right = self._time(left), self._time(right)
        if left.kind != right.kind:
            raise ArgumentError(
                f"{self._name}: {self._shown(left.node)!r} is {_CALLED[left.kind]} and "
                f"{self._shown(right.node)!r} is {_CALLED[right.kind]}: they cannot be compared"
            )
        if left.kind != "number":
            return self._spelt(left, right), self._spelt(right, left)
        return self._beside(left, right), self._beside(right, left)

    def _spelt(self, part: _Part, other: _Part) -> Any:
        """A text as it is compared with another: in the spelling of the column beside it."""
        spell = _SPELT.get(self._names.get(getattr(other.node, "name", "").lower(), ""))
        if part.kind == "text" and part.value is not None and other.column and spell:
            return self._constant(spell(part.value))
        return part.made

    def _time(self, part: _Part) -> _Part:
        if part.kind == "time":
            return part
        if part.value is None:
            raise self._mixed(part, "a time in quotes, such as '2005-230T15:15'")
        try:
            value = instant(part.value)
        except ArgumentError as error:
            raise ArgumentError(f"{self._name}: {error}") from None
        return _Part("time", self._constant(value), node=part.node)

    def _beside(self, part: _Part, other: _Part) -> Any:
        """A number as it is compared with another: of a column and a bare number in the column's
        own type, by which groups of rows are skipped."""
        if part.column and other.value is not None and fits(other.value, part.column):
            return part.made
        if part.value is not None and other.column and fits(part.value, other.column):
            return part.made.cast(other.column)
        return part.made.cast("DOUBLE") if part.column else self._known(part)


#: Types of columns to DuckDB, and the least and greatest numbers in those that are whole.
TYPES = {
    "int8": "TINYINT",
    "int16": "SMALLINT",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "uint8": "UTINYINT",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "time": "TIMESTAMP",
    "bool": "BOOLEAN",
}
_WHOLE = {
    "TINYINT": (-(2**7), 2**7 - 1),
    "SMALLINT": (-(2**15), 2**15 - 1),
    "INTEGER": (-(2**31), 2**31 - 1),
    "BIGINT": (-(2**53), 2**53),
    "UTINYINT": (0, 2**8 - 1),
}

_JOINS: dict[str, Callable[[Any, Any], Any]] = {"And": operator.and_, "Or": operator.or_}

_OF_DEGREES = {"sind": "sin", "cosd": "cos"}


def fits(value: float, type_: str) -> bool:
    """Whether a number can be one of a type of DuckDB: any, of those with fractions."""
    if type_ not in _WHOLE:
        return True
    least, most = _WHOLE[type_]
    return least <= value <= most and value == int(value)


def _flat(node: Any) -> Iterable[Any]:
    """The members of a chain of one kind, from left to right."""
    kind, left, members = type(node), node, []
    while type(left) is kind:
        members.append(left.expression)
        left = left.this
    return [left, *reversed(members)]


def _balanced(join: Callable[[Any, Any], Any], parts: list[Any]) -> Any:
    """Parts joined in a tree that is no deeper than it must be."""
    while len(parts) > 1:
        pairs = [parts[k : k + 2] for k in range(0, len(parts), 2)]
        parts = [reduce(join, pair) for pair in pairs]
    return parts[0]
