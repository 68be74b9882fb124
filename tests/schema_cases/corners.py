"""Where an earlier version told too little or too much."""

from schema_cases import case

_T = "create table t (a int, b text); create table q (a int, b text);"
_E = "create extension pg_trgm;"

CASES = [
    # one word that decides
    case(
        "view-of-the-other-table",
        _T,
        "create view v as select t.a from t, t q",
        "create view v as select q.a from t, t q",
        "view v both",
    ),
    case(
        "view-where-the-other-table",
        _T,
        "create view v as select t.b from t, q where t.a = 1",
        "create view v as select t.b from t, q where q.a = 1",
        "view v both",
    ),
    case(
        "view-joined-on-the-other-table",
        _T,
        "create view v as select t.b from t left join q on t.a = 1",
        "create view v as select t.b from t left join q on q.a = 1",
        "view v both",
    ),
    case(
        "view-of-another-schema",
        "create schema s1; create schema s2; create table s1.t (a int); create table s2.t (a int)",
        "create view v as select a from s1.t",
        "create view v as select a from s2.t",
        "view public.v both",
        alone=True,
    ),
    case(
        "comment-that-swallows",
        _T,
        "create function f() returns setof int language sql as $$select a from t -- only\nwhere b is null$$",
        "create function f() returns setof int language sql as $$select a from t -- only where b is null$$",
        "function f() both",
    ),
    # names
    case(
        "index-renamed-by-a-number",
        _T,
        "create index orders_idx on t (a)",
        "create index orders_idx2 on t (a)",
        "index orders_idx left\nindex orders_idx2 right",
    ),
    case(
        "key-renamed-by-a-number",
        _T,
        "alter table t add constraint my_key unique (a)",
        "alter table t add constraint my_key2 unique (a)",
        "constraint t.my_key left\nconstraint t.my_key2 right\nindex my_key left\nindex my_key2 right",
    ),
    case(
        "domain-check-renamed-by-a-number",
        "",
        "create domain d as int constraint x_check check (value > 0)",
        "create domain d as int constraint x_check9 check (value > 0)",
        "domain-constraint d.x_check left\ndomain-constraint d.x_check9 right",
    ),
    case(
        "keys-swapped",
        "",
        "create table t (a int, b int, constraint t_key unique (a), constraint t_key1 unique (b))",
        "create table t (a int, b int, constraint t_key1 unique (a), constraint t_key unique (b))",
        "constraint t.t_key both\nconstraint t.t_key1 both\nindex t_key both\nindex t_key1 both",
    ),
    case(
        "long-names-in-another-order-twin",
        f"create table {'t' * 40} ({'c' * 40} int)",
        f"create index on {'t' * 40} ({'c' * 40}); create index on {'t' * 40} ({'c' * 40} desc)",
        f"create index on {'t' * 40} ({'c' * 40} desc); create index on {'t' * 40} ({'c' * 40})",
    ),
    case(
        "checks-in-another-order-twin",
        "create table t (a int, b int)",
        "alter table t add check (a > b); alter table t add check (a <> b); alter table t add unique (a); alter table t add unique (a, b)",
        "alter table t add check (a <> b); alter table t add check (a > b); alter table t add unique (a, b); alter table t add unique (a)",
    ),
    case(
        "domain-checks-in-another-order-twin",
        "create domain d as int",
        "alter domain d add check (value > 0); alter domain d add check (value < 9)",
        "alter domain d add check (value < 9); alter domain d add check (value > 0)",
    ),
    # parents of another kind
    case(
        "same-name-of-another-kind",
        "",
        "create table t (a int); create text search configuration t (copy = simple)",
        "create table t (a int not null)",
        "text-search-configuration t left\ncolumn t.a both",
    ),
    # extensions
    case(
        "function-depends-on-extension",
        f"{_E} create function f() returns int language sql as 'select 1';",
        "alter function f() depends on extension pg_trgm",
        "",
        "function public.f() both",
        alone=True,
    ),
    case(
        "index-depends-on-extension",
        f"{_E} create table t (a int); create index i on t (a);",
        "alter index i depends on extension pg_trgm",
        "",
        "index public.i both",
        alone=True,
    ),
    case(
        "trigger-depends-on-extension",
        f"{_E} create table t (a int); create function f() returns trigger language plpgsql as 'begin return new; end'; create trigger g before insert on t for each row execute function f();",
        "alter trigger g on t depends on extension pg_trgm",
        "",
        "trigger public.t.g both",
        alone=True,
    ),
    case(
        "materialized-view-depends-on-extension",
        f"{_E} create materialized view m as select 1 as a;",
        "alter materialized view m depends on extension pg_trgm",
        "",
        "materialized-view public.m both",
        alone=True,
    ),
    # lists whose entries hold what divides them
    case(
        "options-that-look-like-others",
        "create foreign data wrapper w",
        "create server s foreign data wrapper w options (a 'x, b=y')",
        "create server s foreign data wrapper w options (a 'x', b 'y')",
        "foreign-server s both",
        alone=True,
    ),
    case(
        "settings-that-look-like-others",
        "create function f() returns int language sql as 'select 1'",
        "alter function f() set a.b = 'x, a.c=y'",
        "alter function f() set a.b = 'x'; alter function f() set a.c = 'y'",
        "function f() both",
    ),
    # what every database has
    case("comment-on-public", "", "comment on schema public is 'x'", "", "", alone=True),
    case(
        "owner-of-public-twin", "create table t (a int)", "alter schema public owner to pg_monitor", "", "", alone=True
    ),
    case(
        "grant-on-identity-twin",
        "",
        "create table t (id int generated always as identity); alter table t rename to u; grant usage on sequence t_id_seq to public",
        "create table u (id int generated always as identity); grant usage on sequence u_id_seq to public",
    ),
    # order that means nothing
    case(
        "index-options-twin",
        _T,
        "create index i on t (a) with (fillfactor = 70, deduplicate_items = off)",
        "create index i on t (a) with (deduplicate_items = off, fillfactor = 70)",
    ),
    case(
        "index-options-other",
        _T,
        "create index i on t (a) with (fillfactor = 70, deduplicate_items = off)",
        "create index i on t (a) with (fillfactor = 70, deduplicate_items = on)",
        "index i both",
    ),
    # spelling
    case(
        "char-default-twin",
        "create table t (a char(3))",
        "alter table t alter a set default 'x'",
        "alter table t alter a set default 'x'::char(3)",
    ),
    case(
        "text-array-default-twin",
        "create table t (a varchar[])",
        "alter table t alter a set default '{}'",
        "alter table t alter a set default '{}'::text[]",
    ),
    case(
        "text-default-number-twin",
        "create table t (a text)",
        "alter table t alter a set default '1'",
        "alter table t alter a set default 1",
    ),
    case(
        "comparison-cast-twin",
        "create table t (a bigint)",
        "alter table t add constraint k check (a > 0)",
        "alter table t add constraint k check (a > 0::bigint)",
    ),
    case(
        "comparison-cast-negative-twin",
        "create table t (a bigint)",
        "alter table t add constraint k check (a > -1)",
        "alter table t add constraint k check (a > (-1)::bigint)",
    ),
    case(
        "comparison-cast-that-rounds",
        "create table t (a numeric)",
        "alter table t add constraint k check (a > 0.5)",
        "alter table t add constraint k check (a > 0.5::int)",
        "constraint t.k both",
    ),
    case(
        "deep-expression",
        "create table t (a text)",
        f"alter table t add constraint k check ({' || '.join(['a'] * 1500)} <> 'x')",
        f"alter table t add constraint k check ({' || '.join(['a'] * 1500)} <> 'y')",
        "constraint t.k both",
    ),
    case(
        "custom-setting",
        "",
        "alter database current set app.jwt_secret = 'one'",
        "alter database current set app.jwt_secret = 'two'",
        "setting app.jwt_secret both",
        alone=True,
    ),
]
