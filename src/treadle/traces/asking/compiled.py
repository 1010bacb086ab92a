"""From the tree of a filter to SQL with parameters, and what is left to be looked up in the spans' content. Pure.

The condition lets through everything that may match: what is in no column counts as true there, also where it is left
out. Rows bring along what each part came to, so the whole is decided once the content is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from treadle.traces.asking.content import looked_for, together
from treadle.traces.asking.fields import ATTRIBUTE, FIELDS, INDEXED, RESOURCE, SCORE, Field
from treadle.traces.asking.language import All, Node, Not, Operator, Term, Value, Words, flat, leaves, parse
from treadle.traces.asking.values import number_of, range_of, time_of
from treadle.traces.schema import OTHER_DAY
from treadle.traces.standing import head_among
from treadle.traces.types import TraceFilter
from treadle.traces.words import Wanted

Subject = Literal["trace", "span"]
_HUGE = 1e300
_LONGEST = timedelta(days=36_500)


class Sql(NamedTuple):
    """A condition with its parameters."""

    text: str
    values: list[Any]


class Asked(NamedTuple):
    """A filter, ready to be asked."""

    words: Wanted | None
    """What the index of words is asked for first; not in `tree` any more."""
    tree: Node
    where: Sql
    """Over rows of `spans s`: true for all that may match."""
    leaves: list[Words | Term]
    """Of the tree, in order."""
    sql: list[Sql | None]
    """Each leaf over `spans s`; None for those that are in the content."""
    is_exact: bool
    """Whether `where` decides alone."""
    is_indexed: bool
    """Whether an index finds few rows, or the rows in order."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is asked."""
        return self.tree == All()


def tree_of(wanted: TraceFilter) -> Node:
    """Return what a typed filter asks as the tree that the same question in words gives."""
    parts: list[Node] = list(flat(parse(wanted.q))) if wanted.q else []
    for field, value in (
        ("endpoint", wanted.endpoint),
        ("release", wanted.release_id),
        ("rollout", wanted.rollout_id),
        ("arm", wanted.arm),
        ("status", wanted.status),
        ("session", wanted.session_id),
    ):
        if value is not None:
            parts.append(Term(field, ":", (Value(value, True),)))
    if wanted.since is not None:
        parts.append(Term("started", ">=", (Value(_moment(wanted.since)),)))
    if wanted.until is not None:
        parts.append(Term("started", "<", (Value(_moment(wanted.until)),)))
    if wanted.score is not None:
        parts.append(_score_term(wanted.score, wanted.score_from, wanted.score_to))
    if wanted.text is not None:
        parts.append(Words(wanted.text))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def compiled(tree: Node, subject: Subject, now: datetime, *, near: str = "") -> Asked:
    """Return a filter as it is asked of a list of traces or of spans.

    now: what `age` is counted from. near: what besides is asked of spans `x` of the trace of a row `s`, such as days.
    """
    parts = list(flat(tree))
    sought = [looked_for(part) for part in parts if isinstance(part, Words)]
    words = None
    if sought:
        words = together(sought)
        parts = [part for part in parts if not isinstance(part, Words)]
        tree = parts[0] if len(parts) == 1 else All(tuple(parts))
    found = leaves(tree)
    sql = [None if _is_content(leaf) else _leaf(leaf, subject, now, near) for leaf in found]  # type: ignore[arg-type]
    by_leaf = {id(leaf): one for leaf, one in zip(found, sql, strict=True)}
    return Asked(
        words,
        tree,
        _upper(tree, by_leaf, is_negated=False),
        found,
        sql,
        None not in sql,
        any(_is_indexed(part) for part in parts) or _is_order(tree, subject),
    )


def compiled_apart(
    tree: Node, subject: Subject, now: datetime, *, scored: Callable[[Term], Sql | None] = lambda _: None
) -> Asked:
    """As `compiled`, for rows that neither the index of words nor the scores are beside: those count as content.

    scored: says instead what a score's part comes to, over rows of `spans s`.
    """

    def compile_leaf(leaf: Words | Term) -> Sql | None:
        if isinstance(leaf, Words) or _is_content(leaf):
            return None
        return scored(leaf) if leaf.field == SCORE else _leaf(leaf, subject, now)

    found = leaves(tree)
    sql = [compile_leaf(leaf) for leaf in found]
    by_leaf = {id(leaf): one for leaf, one in zip(found, sql, strict=True)}
    where = _upper(tree, by_leaf, is_negated=False)
    return Asked(None, tree, where, found, sql, None not in sql, False)


def score_of(term: Term) -> Sql:
    """Return whether a trace has a score, over rows `s` with a `trace_id`."""
    return _leaf(term, "trace", datetime.now(UTC))


def decide(node: Node, known: Mapping[int, bool]) -> bool:
    """Tell what a tree comes to when each leaf (by `id`) is known."""
    match node:
        case Not(part):
            return not decide(part, known)
        case All(parts):
            return all(decide(part, known) for part in parts)
        case Words() | Term():
            return known[id(node)]
        case _:
            return any(decide(part, known) for part in node.parts)


def reads_all_spans(leaf: Words | Term, subject: Subject) -> bool:
    """Tell whether a part that is in the content is looked for in all spans of a trace."""
    if subject == "span":
        return isinstance(leaf, Term) and leaf.scope == "root"
    return isinstance(leaf, Words) or leaf.scope == "span"


def _is_content(leaf: Words | Term) -> bool:
    return isinstance(leaf, Words) or leaf.field in (ATTRIBUTE, RESOURCE)


def _is_indexed(part: Node) -> bool:
    return (
        isinstance(part, Term)
        and part.field in INDEXED
        and part.scope != "span"
        and all(value.is_literal or "*" not in value.text for value in part.values)
    )


def _is_order(tree: Node, subject: Subject) -> bool:
    """Tell whether nothing but times are asked for, by which traces are in order anyway."""
    return subject == "trace" and all(
        isinstance(part, Term) and part.field in ("started", "age") and part.scope != "span" for part in flat(tree)
    )


def _upper(node: Node, sql: Mapping[int, Sql | None], *, is_negated: bool) -> Sql:
    if isinstance(node, Not):
        return _upper(node.part, sql, is_negated=not is_negated)
    if isinstance(node, (Words, Term)):
        one = sql[id(node)]
        if one is None:
            return Sql("true", [])
        return Sql(f"({one.text}) is not true" if is_negated else f"({one.text})", one.values)
    parts = [_upper(part, sql, is_negated=is_negated) for part in node.parts]
    joined = " and " if isinstance(node, All) != is_negated else " or "
    if not parts:
        return Sql("false" if is_negated else "true", [])
    return Sql(f"({joined.join(part.text for part in parts)})", [value for part in parts for value in part.values])


def _leaf(term: Term, subject: Subject, now: datetime, near: str = "") -> Sql:
    if term.field == SCORE:
        one = _either([_score(term.operator, value) for value in term.values])
        return Sql(
            f"exists (select 1 from trace_scores f where f.trace_id = s.trace_id and f.name = %s and {one.text})",
            [term.name, *one.values],
        )
    field = FIELDS[term.field]
    is_line = term.scope == "root" or (not term.scope and field.reach == "line")
    if subject == "span":
        is_line = term.scope != "root"
    if subject == "trace" and not term.scope and field.reach == "sum":
        of_all = f"""(select sum({field.sql.format(x="x")}) from spans x
            where x.trace_key = s.trace_key and x.trace_id = s.trace_id{near})"""
        return _either([_compared(field._replace(sql=of_all), "s", term, value, now) for value in term.values])
    x = "s" if is_line else "x"
    one = _either([_compared(field, x, term, value, now) for value in term.values])
    if is_line:
        return one
    of_root = f" and {head_among('x')}" if subject == "span" else ""
    return Sql(
        f"exists (select 1 from spans x where x.trace_key = s.trace_key and x.trace_id = s.trace_id{near}{of_root} and {one.text})",
        one.values,
    )


def _compared(field: Field, x: str, term: Term, value: Value, now: datetime) -> Sql:
    column = field.sql.format(x=x)
    if value == Value("*") and term.operator == ":":
        return Sql(f"{column} is not null", [])
    match field.sort:
        case "text":
            if term.field == "trace" and (value.is_literal or "*" not in value.text):
                key = "treadle_trace_key(current_setting('treadle.project'), %s)"
                return Sql(f"({x}.trace_key = {key} and {column} = %s)", [value.text, value.text])
            return _like(column, value)
        case "list":
            one = _like("one", value)
            return Sql(f"exists (select 1 from unnest({column}) as one where {one.text})", one.values)
        case "time":
            return _since(column, x, term.operator, time_of(value.text))
        case "age":
            turned: dict[str, Operator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
            told = float(min(number_of(value.text, "age"), Decimal(_LONGEST / timedelta(milliseconds=1))))
            return _since(column, x, turned[term.operator], now - timedelta(milliseconds=told))
        case _:
            if term.operator == ":":
                low, high = range_of(value.text, field.sort)
                return Sql(f"{column} between %s::numeric and %s::numeric", [str(low), str(high)])
            return Sql(f"{column} {term.operator} %s::numeric", [str(number_of(value.text, field.sort))])


def _since(column: str, x: str, operator: Operator, at: datetime) -> Sql:
    """A moment is in its day's partition, or in the one of odd days: the others need not be opened."""
    return Sql(f"({column} {operator} %s and ({x}.day {operator[0]}= %s or {x}.day = '{OTHER_DAY}'))", [at, at.date()])


def _like(column: str, value: Value) -> Sql:
    if value.is_literal or "*" not in value.text:
        return Sql(f"{column} = %s", [value.text])
    told = value.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")
    return Sql(f"{column} like %s escape '\\'", [told])


def _score(operator: Operator, value: Value) -> Sql:
    if operator != ":":
        return Sql(f"f.value {operator} %s::numeric", [str(number_of(value.text, "number"))])
    if value == Value("*"):
        return Sql("true", [])
    label = _like("f.label", value)
    try:
        low, high = range_of(value.text, "number")
        return Sql(
            f"({label.text} or f.value between %s::numeric and %s::numeric)", [*label.values, str(low), str(high)]
        )
    except ValueError:
        return label


def _either(parts: Sequence[Sql]) -> Sql:
    if len(parts) == 1:
        return parts[0]
    return Sql(f"({' or '.join(part.text for part in parts)})", [value for part in parts for value in part.values])


def _score_term(name: str, low: float | None, high: float | None) -> Term:
    if low is None and high is None:
        return Term(SCORE, ":", (Value("*"),), name)
    if low is not None and high is not None:
        return Term(SCORE, ":", (Value(f"{_number(low)}..{_number(high)}"),), name)
    return (
        Term(SCORE, "<=", (Value(_number(high)),), name)
        if high is not None
        else Term(SCORE, ">=", (Value(_number(low)),), name)
    )


def _number(value: float | None) -> str:
    return f"{Decimal(repr(min(max(value or 0.0, -_HUGE), _HUGE))):f}"


def _moment(at: datetime) -> str:
    try:
        return (at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()
    except OverflowError:  # the first or the last hours that a datetime has, in a zone beyond them
        return at.replace(tzinfo=UTC).isoformat()
