"""The same meant in other words: nothing may be told of it. And nearly the same: that must be."""

from schema_cases import Case, case

_T = "create table t (a int, b text, c varchar(20), d char(3), n numeric(10, 2), l bigint, s smallint, f bool, j jsonb, w timestamptz, x varchar[]);"


def default(name: str, column: str, left: str, right: str, told: str = "") -> Case:
    """Two defaults of one column."""
    return case(
        name,
        _T,
        f"alter table t alter {column} set default {left}",
        f"alter table t alter {column} set default {right}",
        told,
    )


def check(name: str, left: str, right: str, told: str = "") -> Case:
    """Two checks of one table."""
    return case(
        name,
        _T,
        f"alter table t add constraint k check ({left})",
        f"alter table t add constraint k check ({right})",
        told,
    )


CASES = [
    default("numeric-default", "n", "0", "0::numeric"),
    default("numeric-default-quoted", "n", "0", "'0'"),
    default("numeric-default-typed", "n", "0", "'0'::numeric(10,2)"),
    default("numeric-default-other", "n", "0", "1::numeric", "column t.n both"),
    default("bigint-default", "l", "0", "'0'::bigint"),
    default("bigint-default-cast", "l", "5", "5::bigint"),
    default("bigint-default-negative", "l", "-1", "(-1)::bigint"),
    default("smallint-default", "s", "1", "1::smallint"),
    default("varchar-default", "c", "'x'", "'x'::text"),
    default("varchar-default-cast", "c", "'x'", "cast('x' as varchar(20))"),
    default("varchar-default-other", "c", "'x'", "'y'::text", "column t.c both"),
    default("boolean-default", "f", "true", "'t'"),
    default("boolean-default-typed", "f", "false", "'no'::boolean"),
    default("json-default", "j", "'{}'", "'{}'::jsonb"),
    default("json-default-other", "j", "'{}'", "'[]'::jsonb", "column t.j both"),
    default("time-default", "w", "now()", "current_timestamp"),
    default("time-default-other", "w", "now()", "statement_timestamp()", "column t.w both"),
    default("array-default", "x", "'{}'", "array[]::varchar[]"),
    default("array-default-other", "x", "'{a}'", "'{b}'", "column t.x both"),
    default("rounded-default", "n", "1.5", "1.5::int", "column t.n both"),
    check("in-one", "b in ('x')", "b = any (array['x'])"),
    check("in-one-varchar", "c in ('x')", "c = 'x'"),
    check("in-varchar-text", "c in ('x', 'y')", "c::text = any (array['x'::text, 'y'::text])"),
    check("in-varchar-typed", "c in ('x', 'y')", "c in ('x'::varchar, 'y'::varchar)"),
    check("in-char", "d in ('x', 'y')", "d = any (array['x'::bpchar, 'y'::bpchar])"),
    check("in-bigint", "l in (1, 2)", "l = any (array[1, 2])"),
    check("in-numeric", "n in (1, 2.5)", "n = any (array[1, 2.5])"),
    check("not-in-varchar", "c not in ('x', 'y')", "c <> all (array['x', 'y'])"),
    check("like-any", "c like any (array['x%', 'y%'])", "c ~~ any (array['x%', 'y%']::text[])"),
    check("parentheses", "((a > 0)) and (b is not null)", "a > 0 and b is not null"),
    check("cast-words", "a > cast('1' as int)", "a > 1"),
    check("inequality", "a <> 1", "a != 1"),
    check("in-other", "c in ('x', 'y')", "c in ('x', 'Y')", "constraint t.k both"),
    check("in-shorter", "c in ('x', 'y')", "c in ('x')", "constraint t.k both"),
    check("any-or-all", "b = any (array['x', 'y'])", "b = all (array['x', 'y'])", "constraint t.k both"),
    check("and-or", "a > 0 and b is null", "a > 0 or b is null", "constraint t.k both"),
    check("precedence", "f or (a > 0 and b is null)", "(f or a > 0) and b is null", "constraint t.k both"),
    check("cast-that-rounds", "n::int > 1", "n > 1", "constraint t.k both"),
    check("cast-that-cuts", "b::varchar(2) = 'x'", "b = 'x'", "constraint t.k both"),
    check("literal-blanks", "b <> 'a  b'", "b <> 'a b'", "constraint t.k both"),
    check("case", "case when a > 0 then f else true end", "case when a > 0 then f else true end"),
    case(
        "view-in",
        _T,
        "create view v as select a from t where c in ('x', 'y')",
        "create view v as select a from t where c = any (array['x', 'y'])",
    ),
    case(
        "view-joins",
        _T,
        "create view v as select t.a from t join t u using (a) where u.c in ('x','y') order by 1",
        "create view v as select t.a from t join t u using (a) where u.c = any (array['x','y']) order by t.a",
    ),
    case(
        "generated-in",
        "",
        "create table t (c varchar, g bool generated always as (c in ('x', 'y')) stored)",
        "create table t (c varchar, g bool generated always as (c = any (array['x', 'y'])) stored)",
    ),
    case(
        "trigger-in",
        f"{_T} create function f() returns trigger language plpgsql as 'begin return new; end';",
        "create trigger g before insert on t for each row when (new.c in ('x', 'y')) execute function f()",
        "create trigger g before insert on t for each row when (new.c = any (array['x', 'y'])) execute function f()",
    ),
    case("index-expression-twin", _T, "create index i on t (lower(c))", "create index i on t (lower(c::text))"),
    case(
        "partition-bound-twin",
        "create table p (a timestamptz) partition by range (a)",
        "create table p1 partition of p for values from ('2026-01-01 00:00+00') to ('2026-02-01 00:00+00')",
        "create table p1 partition of p for values from ('2026-01-01 03:00+03') to ('2026-02-01 03:00+03')",
    ),
    case(
        "function-default-twin",
        "",
        "create function f(a varchar default 'x') returns int language sql as 'select 1'",
        "create function f(a varchar default 'x'::varchar) returns int language sql as 'select 1'",
    ),
]
