"""A question to a catalogue: its arguments checked, as conditions on rows and on whole files."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial, reduce
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from .. import checks, targets
from ..dataset.bits import QUALITY_FLAGS, QualityFlag, mask
from ..errors import ArgumentError
from ..instrument.channel import ChannelName
from ..pds3.sources import SLITS
from . import expression, spelling
from .schema import PRODUCTS, SPECTRA, Column
from .snapshot import File

if TYPE_CHECKING:
    import duckdb

#: How a range is meant: of the centre of a pixel, or of all of it.
Mode = Literal["center", "all"]

#: One name or several.
Names = str | Iterable[str]

#: Ends of a range, None for an open one.
Range = tuple[float | None, float | None]

#: Columns with ranges, in the order of the arguments; `line_bin` and `band_bin` are of products.
RANGES = (
    *("lon", "lat", "alt", "sza", "ems", "phase", "lt", "distance"),
    *("ring_radius", "ring_longitude", "ra", "dec", "exposure"),
)

#: Those of which the whole pixel's range is known.
_WHOLE = ("lon", "lat", "alt")

#: Those that rows without a body do not have.
_OF_BODY = RANGES[:10]

#: All columns that questions and answers may name: those of spectra, and what else products have.
COLUMNS: dict[str, Column] = {**PRODUCTS, **SPECTRA}

#: Those that a row of `spectra` has not.
OF_PRODUCT = tuple(name for name in PRODUCTS if name not in SPECTRA)

#: Those that no row is without.
_ALWAYS_KNOWN = frozenset({"product", "channel", "slit", "target"})

#: Columns of products that tell how reading one went.
_OF_READING = frozenset({"status", "step", "error"})

#: How many names a question may have.
_MOST = 100_000

_YEAR = re.compile(r"\s*\d{4}\s*", re.ASCII)
_MONTH = re.compile(r"\s*\d{4}-\d\d\s*", re.ASCII)
_DAY = re.compile(r"\s*\d{4}-(\d{3}|\d\d-\d\d)\s*", re.ASCII)


class Term(NamedTuple):
    """One condition of a question.

    Attributes
    ----------
    said : str
        In words.
    holds : duckdb.Expression
        Of a row.
    columns : frozenset of str
        Those in it.
    may : callable
        Whether a file can have rows of which it holds.
    flags : bool
        Whether it is that by which spectra with quality flags are left out.
    unknown : duckdb.Expression, optional
        Of which rows it is not known whether it holds, if not of those of which `holds` is null.
    """

    said: str
    holds: duckdb.Expression
    columns: frozenset[str]
    may: Callable[[File], bool]
    flags: bool = False
    unknown: duckdb.Expression | None = None

    def is_unknown(self) -> duckdb.Expression:
        """Of a row: whether it is not known whether it holds."""
        return self.holds.isnull() if self.unknown is None else self.unknown

    def possible(self) -> Term:
        """The condition that it holds, or is not known to fail."""
        # Files tell nothing of what is not known.
        may = self.may if self.columns <= _ALWAYS_KNOWN else _any
        return self._replace(holds=self.holds | self.is_unknown(), may=may)


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes
    ----------
    terms : tuple of Term
        All of them hold of each row of the answer.
    unknown : dict of str to tuple of str
        Targets and bodies, by argument, that uvisxr does not know: the catalogue may.
    """

    terms: tuple[Term, ...]
    unknown: Mapping[str, tuple[str, ...]]

    @property
    def columns(self) -> frozenset[str]:
        """Columns that conditions are on."""
        return frozenset().union(*(term.columns for term in self.terms))

    @property
    def asked(self) -> tuple[str, ...]:
        """Those of the conditions that were given, in the order of the tables."""
        given = frozenset[str]().union(*(term.columns for term in self.terms if term.said))
        return tuple(name for name in COLUMNS if name in given)

    @property
    def flags(self) -> int | None:
        """The place of the condition on flags, if there is one."""
        places = (k for k, term in enumerate(self.terms) if term.flags)
        return next(places, None)

    def without(self, place: int) -> Question:
        """The same without one condition; each spectrum has one row still."""
        first, *others = self.terms
        if not place:
            return Question((_body(None), *others), {})
        return Question((first, *others[: place - 1], *others[place:]), {})

    def unknown_of(self, place: int) -> Question:
        """Where one condition is neither true nor false, and no other is known to be false."""
        term = self.terms[place]
        others = [other.possible() for other in self.without(place).terms]
        unknown = Term("", term.is_unknown(), term.columns, _any)
        return Question((*others, unknown), {})

    @property
    def of_reading(self) -> duckdb.Expression | None:
        """The condition on products, if it is on how they were read and on nothing but products.

        Those that failed have no spectra of which it could be.
        """
        asked = [term for term in self.terms[1:] if not term.flags]
        columns = frozenset[str]().union(*(term.columns for term in asked))
        if self.terms[0].said or not columns & _OF_READING or not columns <= {*PRODUCTS}:
            return None
        return reduce(operator.and_, (term.holds for term in asked))

    @property
    def condition(self) -> duckdb.Expression:
        """All conditions in one."""
        return reduce(operator.and_, (term.holds for term in self.terms))

    def may(self, file: File) -> bool:
        """Whether a file can have rows of the answer."""
        return all(term.may(file) for term in self.terms)

    def __str__(self) -> str:
        return ", ".join(term.said for term in self.terms if term.said) or "all"


def ask(
    ranges: dict[str, Any],
    *,
    target: Names | None,
    body: str | int | None,
    channel: Names | None,
    slit: Names | None,
    product: Names | None,
    time: Any,
    on_disk: bool | None,
    bins: dict[str, Any],
    exclude: QualityFlag | Iterable[QualityFlag],
    mode: Mode,
    where: str | None,
) -> Question:
    """Check the arguments of `search`, and make a question of them; errors as of it."""
    checks.choice("mode", mode, Mode)
    seen = None if body is None else body_of(body)
    terms = [_body(seen)]
    unknown: dict[str, tuple[str, ...]] = {}
    if seen is not None and not _is_known(seen):
        unknown["body"] = (seen,)
    if target is not None:
        names = tuple(dict.fromkeys(map(spelling.target, names_of("target", target))))
        unknown["target"] = tuple(name for name in names if not _is_known(name))
        terms.append(_of_names("target", names, partial(_may_be_of, names, body is None)))
    if channel is not None:
        channels = _each("channel", channel, get_args(ChannelName))
        terms.append(_of_names("channel", channels, lambda file: file.channel in ("", *channels)))
    if slit is not None:
        terms.append(_of_names("slit", _each("slit", slit, SLITS)))
    if product is not None:
        names = names_of("product", product)
        terms.append(_of_names("product", names, partial(_may_hold, names)))
    if time is not None:
        terms.append(_time(time))
    for name, given in ranges.items():
        if given is not None:
            terms.append(_range(name, given, mode))
    if on_disk is not None:
        checks.choice("on_disk", on_disk, bool)
        terms.append(_equal("on_disk", bool(on_disk)))
    for name, given in bins.items():
        if given is not None:
            terms.append(_bins(name, given))
    if flags := int(mask(exclude)):
        terms.append(_without(flags))
    if where is not None:
        found = expression.parse(where, COLUMNS)
        terms.append(Term(f"where {where}", found.expression, found.columns, _any))
    return Question(tuple(terms), unknown)


def _any(file: File) -> bool:
    return True


def _has_body(file: File) -> bool:
    return bool(file.body)


def _column(name: str) -> Any:
    import duckdb

    return duckdb.ColumnExpression(name)


def _constant(value: Any, name: str) -> Any:
    """A value as one of a column's own type, so that groups of rows can be skipped."""
    import duckdb

    constant = duckdb.ConstantExpression(value)
    type_ = expression.TYPES.get(COLUMNS[name].type)
    return constant.cast(type_) if type_ else constant


def names_of(argument: str, given: object) -> tuple[str, ...]:
    several = [given] if isinstance(given, str) else given
    if not isinstance(several, Iterable) or isinstance(several, bytes) or checks.too_many(several):
        raise checks.refused(argument, given, "a name, or several in a sequence")
    names = []
    for name in several:
        # Names of labels may hold anything but NUL; what is no text is in no catalogue.
        if not isinstance(name, str) or not name.strip() or "\0" in name or not _is_text(name):
            raise checks.refused(argument, name, "a name, or several in a sequence")
        names.append(name)
        if len(names) > _MOST:
            raise ArgumentError(f"{argument}: at most {_MOST} names")
    if not names:
        raise checks.refused(argument, given, "a name, or several in a sequence, not none")
    return tuple(names)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _each(argument: str, given: object, known: Iterable[str]) -> tuple[str, ...]:
    """Known names by their beginnings, in any case."""
    known = tuple(known)
    found = (checks.begun(argument, name, known) for name in names_of(argument, given))
    return tuple(dict.fromkeys(found))


def _is_known(target: str) -> bool:
    return target in targets.KNOWN or not targets.is_body(target)


def body_of(body: object) -> str:
    """The name that a catalogue has for a body: in the one spelling, of a NAIF code too.

    Raises
    ------
    ArgumentError
        It is no text and no number, or that of no body.

    Examples
    --------
    >>> body_of("Saturn_Rings"), body_of(606), body_of("606")
    ('SATURN', 'TITAN', 'TITAN')
    """
    if isinstance(body, int | np.integer) and not isinstance(body, bool):
        body = str(body)
    if not isinstance(body, str) or not body.strip() or not body.isprintable():
        raise checks.refused("body", body, "the name of a body")
    if not targets.is_body(body):
        raise checks.refused("body", body, "the name of a body, which that is not")
    return spelling.body(body)


def _body(name: str | None) -> Term:
    """Rows of one body, or the one primary row that each spectrum has."""
    if name is None:
        return Term("", _column("primary"), frozenset({"primary"}), _any)
    term = _of_names("body", (name,), lambda file: file.body == name)
    # A spectrum has rows of the bodies in view where it has pointing, and one of its target's body
    # where that has a place.
    rings = (one for one, planet in targets.PLANETS_OF_RINGS.items() if planet == name)
    own = _of_names("target", (name, *rings)).holds & (_column("body") == _constant("", "body"))
    unknown = _column("primary") & ~term.holds & (_column("ra").isnull() | own)
    return term._replace(unknown=unknown)


def _of_names(column: str, names: tuple[str, ...], may: Callable[[File], bool] = _any) -> Term:
    holds = _column(column).isin(*(_constant(name, column) for name in names))
    shown = [" ".join(name.split()) or "none" for name in names[: 3 if len(names) < 4 else 2]]
    shown += [f"... ({len(names)})"] if len(names) > 3 else []
    return Term(f"{column} {' or '.join(shown)}", holds, frozenset({column}), may)


def _may_be_of(names: tuple[str, ...], primary: bool, file: File) -> bool:
    """Whether a file can have rows of targets; primary rows are of the target's body, or of none.

    Of targets that uvisxr does not know, the body may have another name.
    """
    if not primary or not file.body or not all(map(_is_known, names)):
        return True
    return file.body in {targets.PLANETS_OF_RINGS.get(name, name) for name in names}


def _may_hold(names: tuple[str, ...], file: File) -> bool:
    low, high = file.low.get("product"), file.high.get("product")
    return low is None or high is None or any(low <= name <= high for name in names)


def _equal(name: str, value: Any) -> Term:
    holds = _column(name) == _constant(value, name)
    return Term(f"{name} {value}".lower(), holds, frozenset({name}), _has_body)


def _bins(name: str, given: object) -> Term:
    """Numbers of rows or columns in a bin."""
    several = given if isinstance(given, list | tuple | set | frozenset | range) else [given]
    if not several or checks.too_many(several, 1024):
        raise checks.refused(name, given, "a whole number, 1 to 1024, or several in a sequence")
    numbers = [checks.whole(name, one, 1, 1024) for one in several]
    holds = _column(name).isin(*(_constant(number, name) for number in numbers))
    said = f"{name} {' or '.join(map(str, numbers))}"
    return Term(said, holds, frozenset({name}), _any)


def _without(flags: int) -> Term:
    import duckdb

    bits = duckdb.FunctionExpression("&", _column("quality"), _constant(flags, "quality"))
    names = [name for name, bit in QUALITY_FLAGS.items() if bit & flags]
    said = "" if len(names) == len(QUALITY_FLAGS) else f"not {' or '.join(names)}"
    holds = bits == _constant(0, "quality")
    return Term(said, holds, frozenset({"quality"}), _any, flags=True)


def _time(given: Any) -> Term:
    """From a time on, and before another; or within a year, a month or a day."""
    start: datetime | None
    stop: datetime | None
    if isinstance(given, str):
        start, stop = _instant(given), _end(given)
    elif isinstance(given, list | tuple | np.ndarray) and len(given) == 2:
        start, stop = (None if _is_open(one) else _instant(one) for one in given)
    else:
        raise checks.refused(
            "time", given, "a year, month or day, or two times, such as ('2004', '2010-06')"
        )
    if start is not None and stop is not None and start >= stop:
        raise checks.refused(
            "time",
            given,
            f"the earlier time first, and another second: {start.isoformat()} is not before "
            f"{stop.isoformat()} (a leap second is read as the second after it)",
        )
    parts = []
    column = _column("time")
    if start is not None:
        parts.append(column >= _constant(start, "time"))
    if stop is not None:
        parts.append(column < _constant(stop, "time"))

    def may(file: File) -> bool:
        low, high = file.low.get("time"), file.high.get("time")
        return (
            low is None
            or high is None
            or (
                (start is None or high >= np.datetime64(start, "us"))
                and (stop is None or low < np.datetime64(stop, "us"))
            )
        )

    said = "".join(
        f" {word} {end.isoformat()}" for word, end in (("from", start), ("before", stop)) if end
    )
    holds = reduce(operator.and_, parts) if parts else column.isnotnull()
    return Term(f"time{said or ' known'}", holds, frozenset({"time"}), may)


def _is_open(end: object) -> bool:
    return end is None or (isinstance(end, np.datetime64) and bool(np.isnat(end)))


def _instant(given: object) -> datetime:
    if isinstance(given, str):
        try:
            return expression.instant(given)
        except ArgumentError as error:
            raise ArgumentError(f"time: {error}") from None
    if isinstance(given, np.datetime64):
        # Of far years the microseconds are too many, and would come out as another time.
        if not 0 <= int(given.astype("M8[Y]").astype(int)) + 1970 <= 9999:
            raise checks.refused("time", str(given), "a time of the years 1678 to 2262")
        return _plain(str(given.astype("M8[us]")), given)
    if isinstance(given, datetime):
        if given.tzinfo is not None:
            raise checks.refused("time", given, "UTC without a zone")
        # Those of pandas have nanoseconds.
        return _plain(given.isoformat(), given)
    if isinstance(given, date):
        return _plain(given.isoformat(), given)
    raise checks.refused(
        "time", given, "times as text, such as '2005-230T15:15', datetime64 or datetime"
    )


def _plain(text: str, given: object) -> datetime:
    try:
        return expression.instant(text)
    except ArgumentError as error:
        raise ArgumentError(f"time={checks.shown(given)}: {error}") from None


def _end(text: str) -> datetime:
    """Where a year, a month or a day ends."""
    start = _instant(text)
    if _YEAR.fullmatch(text):
        return start.replace(year=start.year + 1)
    if _MONTH.fullmatch(text):
        return (start + timedelta(days=31)).replace(day=1)
    if _DAY.fullmatch(text):
        return start + timedelta(days=1)
    raise checks.refused("time", text, "a year, a month or a day; of other times two, in a pair")


def _range(name: str, given: Any, mode: Mode) -> Term:
    """A range, both ends included; of what is periodic from the first to the second."""
    column = SPECTRA[name]
    low, high = _ends(name, given, column)
    said = f"{name} {'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}"
    if low is None and high is None:
        said = f"{name} known"
    if column.units:
        said += f" {column.units}"
    make, may = (_around if column.period else _between)(name, low, high)
    parts, columns = [make(name)], {name}
    if mode == "all" and name in _WHOLE:
        columns |= {f"{name}_min", f"{name}_max"}
        parts.append(_all_of_arc(name, low, high) if column.period else make(f"{name}_min"))
        parts += [] if column.period else [make(f"{name}_max")]
        said += " (all of the pixel)"
    needs = (lambda file: bool(file.body) and may(file)) if name in _OF_BODY else may
    return Term(said, reduce(operator.and_, parts), frozenset(columns), needs)


def ends(name: str, given: Any) -> tuple[float | None, float | None]:
    """Ends of a range that is asked of a column, None where open, as `search` takes them."""
    return _ends(name, given, SPECTRA[name])


def _ends(name: str, given: Any, column: Column) -> tuple[float | None, float | None]:
    """Ends as numbers of the column's precision, None where open."""
    unit = f", {column.units}" if column.units else ""
    what = f"two ends of a range{unit}, None for an open one"
    # Sets have no order, nor do keys of a dict say which end is which.
    if isinstance(given, str | bytes | Set | Mapping) or checks.too_many(given, 2):
        raise checks.refused(name, given, what)
    try:
        ends = list(given)
    except TypeError:
        raise checks.refused(name, given, what) from None
    if len(ends) != 2:
        raise checks.refused(name, given, what)
    found: list[float | None] = []
    for end, infinite in zip(ends, (-np.inf, np.inf), strict=True):
        number = None if end is None else checks.reals(end)
        if end is None or (number is not None and not number.ndim and number == infinite):
            found.append(None)
            continue
        # On a circle, also what is beside its one turn; the precision is that of the column then.
        turn = column.period or None
        least, most = (-turn, 2 * turn) if turn else (column.least, column.most)
        value = checks.number(name, end, f"an end of a range{unit}", least=least, most=most)
        found.append(value if turn else float(np.float32(value)))
    low, high = found
    if not column.period and low is not None and high is not None and low > high:
        raise checks.refused(name, given, "the lower end first")
    return low, high


_Made = tuple[Callable[[str], Any], Callable[[File], bool]]


def _between(name: str, low: float | None, high: float | None) -> _Made:
    def make(column: str) -> Any:
        parts = []
        if low is not None:
            parts.append(_column(column) >= _constant(low, name))
        if high is not None:
            parts.append(_column(column) <= _constant(high, name))
        return reduce(operator.and_, parts) if parts else _column(column).isnotnull()

    def may(file: File) -> bool:
        least, most = file.low.get(name), file.high.get(name)
        return (
            least is None
            or most is None
            or ((low is None or most >= low) and (high is None or least <= high))
        )

    return make, may


def _arc(name: str, low: float | None, high: float | None) -> tuple[float, float] | None:
    """Ends of a range on a circle, within a period; None if it is all of it."""
    period = SPECTRA[name].period
    low, high = 0.0 if low is None else low, period if high is None else high
    if high - low >= period:
        return None
    # A small negative number may become the period itself.
    return tuple(float(np.float32(end % period)) % period for end in (low, high))  # type: ignore[return-value]


def _around(name: str, low: float | None, high: float | None) -> _Made:
    arc = _arc(name, low, high)
    if arc is None:
        return (lambda column: _column(column).isnotnull()), _any
    first, last = arc
    if first <= last:
        return _between(name, first, last)

    def make(column: str) -> Any:
        return (_column(column) >= _constant(first, name)) | (
            _column(column) <= _constant(last, name)
        )

    def may(file: File) -> bool:
        least, most = file.low.get(name), file.high.get(name)
        return least is None or most is None or most >= first or least <= last

    return make, may


def _all_of_arc(name: str, low: float | None, high: float | None) -> Any:
    """Whether an arc holds that of a pixel, which is all of the circle around a pole."""
    begins, ends = _column(f"{name}_min"), _column(f"{name}_max")
    arc = _arc(name, low, high)
    if arc is None:
        return begins.isnotnull() & ends.isnotnull()
    first, last = arc
    after, before = begins >= _constant(first, name), ends <= _constant(last, name)
    plain = begins <= ends
    # One that ends at 360 may say that it ends at 0.
    if first <= last:
        return plain & after & before
    around = (begins == _constant(0.0, name)) & (ends >= _constant(SPECTRA[name].period, name))
    return ~around & ((plain & (after | before)) | (after & before))
