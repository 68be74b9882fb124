"""The table of DDL statements that `migrations_safe.py` measures: a shop's schema, what its release does, and changes.

Each case is what one migration runs; `+` in front of a statement runs it outside of a transaction. What a case does is
not written here: the benchmark measures it.
"""

from __future__ import annotations

SCHEMA = (
    "CREATE ROLE {app}",
    "CREATE TYPE mood AS ENUM ('good', 'bad', 'odd')",
    "CREATE DOMAIN word AS text",
    "CREATE TABLE orgs (id serial PRIMARY KEY, title text NOT NULL, parent int)",
    (
        "CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL, name text, kind mood, n int, note varchar(20),"
        " price numeric(10,2), score int NOT NULL DEFAULT 0, org_id int, code text CONSTRAINT code_there CHECK (code IS NOT NULL),"
        " day timestamptz NOT NULL DEFAULT now(), said word)"
    ),
    "CREATE INDEX users_n ON users (n)",
    "CREATE UNIQUE INDEX users_email ON users (email)",
    "CREATE TABLE orders (id serial PRIMARY KEY, user_id int NOT NULL, total int, state text)",
    "ALTER TABLE orders ADD CONSTRAINT total_positive CHECK (total > 0) NOT VALID",
    "ALTER TABLE orders ADD CONSTRAINT orders_user FOREIGN KEY (user_id) REFERENCES users NOT VALID",
    "CREATE TABLE events (id int NOT NULL, at date NOT NULL) PARTITION BY RANGE (at)",
    "CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
    "CREATE TABLE events_new (id int NOT NULL, at date NOT NULL)",
    (
        "CREATE TABLE events_checked (id int NOT NULL, at date NOT NULL,"
        " CONSTRAINT in_2023 CHECK (at >= '2023-01-01' AND at < '2024-01-01'))"
    ),
    "CREATE VIEW names AS SELECT id, name FROM users",
    "CREATE MATERIALIZED VIEW per_org AS SELECT org_id, count(*) AS n FROM users GROUP BY org_id",
    "CREATE UNIQUE INDEX per_org_key ON per_org (org_id)",
    "CREATE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT 2 * x'",
    "CREATE SEQUENCE tickets",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {app}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {app}",
)
ROWS = (
    "INSERT INTO orgs (title) SELECT 'org' || g FROM generate_series(1, {n} / 100 + 1) g",
    (
        "INSERT INTO users (email, name, kind, n, note, price, org_id, code, said)"
        " SELECT 'ada' || g || '@shop.example', 'ada' || g, 'good', g, 'note', 1.5, g % ({n} / 100 + 1) + 1, 'c', 'x'"
        " FROM generate_series(1, {n}) g"
    ),
    "INSERT INTO orders (user_id, total, state) SELECT g, 5, 'new' FROM generate_series(1, {n}) g",
    "INSERT INTO events SELECT g, '2020-02-02' FROM generate_series(1, {n}) g",
    "INSERT INTO events_new SELECT g, '2022-02-02' FROM generate_series(1, {n}) g",
    "INSERT INTO events_checked SELECT g, '2023-02-02' FROM generate_series(1, {n}) g",
    "REFRESH MATERIALIZED VIEW per_org",
)
RELEASE = (
    "SELECT id, email, name, kind, n, note, price, score, org_id, code, day, said FROM users WHERE id = 1",
    "INSERT INTO users (email, name, kind, n, note, price, org_id, code) VALUES ('new@x', NULL, 'bad', NULL, NULL, NULL, NULL, 'c')",
    (
        "INSERT INTO users (email, name, kind, n, note, price, org_id, code, said)"
        " VALUES ('two@x', 'ada1', 'odd', -5, 'up to twenty letters', 99999999.99, 0, 'c', '')"
    ),
    "INSERT INTO users (id, email, code) VALUES (90000000, 'three@x', 'c')",
    "UPDATE users SET name = NULL, n = -1, org_id = 77 WHERE id = 2",
    "SELECT id, title, parent FROM orgs WHERE id = 1",
    "INSERT INTO orgs (title, parent) VALUES ('org1', 4711)",
    "SELECT id, user_id, total, state FROM orders WHERE id = 1",
    "INSERT INTO orders (user_id, total, state) VALUES (1, 5, NULL)",
    "INSERT INTO orders (user_id, total, state) VALUES (1, 5, 'no state of ours')",
    "SELECT id, at FROM events WHERE id = 1",
    "INSERT INTO events (id, at) VALUES (1, '2020-03-03')",
    "SELECT id, name FROM names WHERE id = 1",
    "SELECT n FROM per_org LIMIT 1",
    "SELECT twice(2)",
    "SELECT count(*) FROM events_new",
    "SELECT nextval('tickets')",
    "SELECT count(*) > 1 FROM users",
)
"""What the running release does, as the role that it logs in as."""

CASES: tuple[tuple[str, ...], ...] = (
    # new things
    ("CREATE TABLE fresh (id serial PRIMARY KEY, user_id int, n int CHECK (n > 0) UNIQUE)",),
    ("CREATE TABLE fresh (id serial PRIMARY KEY, org_id int REFERENCES orgs)",),
    ("CREATE TABLE fresh (id int)", "CREATE INDEX ON fresh (id)", "ALTER TABLE fresh ALTER id TYPE bigint"),
    ("CREATE TABLE fresh (org_id int)", "ALTER TABLE fresh ADD FOREIGN KEY (org_id) REFERENCES orgs"),
    ("CREATE TABLE fresh (id int)", "INSERT INTO fresh SELECT generate_series(1, 9)", "UPDATE fresh SET id = 1"),
    ("CREATE TABLE fresh AS SELECT id, n FROM users",),
    ("CREATE VIEW fresh AS SELECT id FROM users",),
    ("CREATE MATERIALIZED VIEW fresh AS SELECT id FROM users",),
    ("CREATE TYPE fresh AS ENUM ('a')",),
    ("ALTER TYPE mood ADD VALUE 'new'",),
    ("CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'",),
    ("CREATE OR REPLACE FUNCTION twice(x int) RETURNS int LANGUAGE sql AS 'SELECT x + x'",),
    ("CREATE SEQUENCE fresh",),
    ("CREATE SCHEMA fresh",),
    ("COMMENT ON TABLE users IS 'people'",),
    ("CREATE STATISTICS fresh ON n, org_id FROM users",),
    ("GRANT SELECT ON users TO PUBLIC",),
    ("CREATE TABLE events_next PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",),
    ("+ANALYZE users",),
    ("+VACUUM users",),
    # columns
    ("ALTER TABLE users ADD COLUMN fresh int",),
    ("ALTER TABLE users ADD COLUMN fresh int NOT NULL DEFAULT 7",),
    ("ALTER TABLE users ADD COLUMN fresh timestamptz DEFAULT now()",),
    ("ALTER TABLE users ADD COLUMN fresh uuid DEFAULT gen_random_uuid()",),
    ("ALTER TABLE users ADD COLUMN fresh timestamptz NOT NULL DEFAULT clock_timestamp()",),
    ("ALTER TABLE users ADD COLUMN fresh serial",),
    ("ALTER TABLE users ADD COLUMN fresh int GENERATED ALWAYS AS IDENTITY",),
    ("ALTER TABLE users ADD COLUMN fresh int GENERATED ALWAYS AS (n * 2) STORED",),
    ("ALTER TABLE users ADD COLUMN fresh int CHECK (fresh > 0)",),
    ("ALTER TABLE users ADD COLUMN fresh int REFERENCES orgs",),
    ("ALTER TABLE users ADD COLUMN fresh int UNIQUE",),
    ("ALTER TABLE users ADD COLUMN fresh int DEFAULT 1", "ALTER TABLE users ALTER fresh SET NOT NULL"),
    (
        "ALTER TABLE users ADD COLUMN fresh int DEFAULT 1",
        "ALTER TABLE users ALTER fresh SET NOT NULL",
        "ALTER TABLE users ALTER fresh DROP DEFAULT",
    ),
    ("ALTER TABLE users ADD COLUMN fresh int", "UPDATE users SET fresh = n"),
    ("ALTER TABLE users DROP COLUMN note",),
    ("ALTER TABLE users RENAME COLUMN note TO remark",),
    ("ALTER TABLE users ALTER n TYPE bigint",),
    ("ALTER TABLE users ALTER n TYPE text",),
    ("ALTER TABLE users ALTER note TYPE varchar(40)",),
    ("ALTER TABLE users ALTER note TYPE text",),
    ("ALTER TABLE users ALTER note TYPE varchar(10)",),
    ("ALTER TABLE users ALTER price TYPE numeric(12,2)",),
    ("ALTER TABLE users ALTER price TYPE numeric(10,4)",),
    ("ALTER TABLE users ALTER n SET DEFAULT 3",),
    ("ALTER TABLE users ALTER score DROP DEFAULT",),
    ("ALTER TABLE users ALTER n SET NOT NULL",),
    ("ALTER TABLE users ALTER code SET NOT NULL",),
    ("ALTER TABLE users ALTER email DROP NOT NULL",),
    ("ALTER TABLE users ALTER n SET STATISTICS 500",),
    ("ALTER TABLE users ALTER name SET STORAGE EXTERNAL",),
    (
        "ALTER TABLE users ALTER id DROP DEFAULT",
        "ALTER TABLE users ALTER id ADD GENERATED ALWAYS AS IDENTITY (START 5000000)",
    ),
    # constraints and indexes
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0)",),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID",),
    ("ALTER TABLE orders VALIDATE CONSTRAINT total_positive",),
    ("ALTER TABLE orders VALIDATE CONSTRAINT orders_user",),
    ("ALTER TABLE users ADD CONSTRAINT c CHECK (n > 0) NOT VALID", "ALTER TABLE users VALIDATE CONSTRAINT c"),
    ("ALTER TABLE orders DROP CONSTRAINT total_positive",),
    ("ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (org_id) REFERENCES orgs",),
    ("ALTER TABLE users ADD CONSTRAINT f FOREIGN KEY (org_id) REFERENCES orgs NOT VALID",),
    ("ALTER TABLE users ADD CONSTRAINT u UNIQUE (name)",),
    ("+CREATE UNIQUE INDEX CONCURRENTLY u ON users (name)", "ALTER TABLE users ADD CONSTRAINT u UNIQUE USING INDEX u"),
    ("ALTER TABLE orders ADD CONSTRAINT e EXCLUDE (state WITH =)  WHERE (id < 0)",),
    ("CREATE INDEX i ON users (name)",),
    ("CREATE UNIQUE INDEX i ON users (name)",),
    ("+CREATE INDEX CONCURRENTLY i ON users (name)",),
    ("+CREATE INDEX i ON users (name)",),
    ("DROP INDEX users_n",),
    ("+DROP INDEX CONCURRENTLY users_n",),
    ("ALTER INDEX users_n RENAME TO users_number",),
    ("REINDEX TABLE users",),
    ("REINDEX INDEX users_n",),
    ("+REINDEX INDEX CONCURRENTLY users_n",),
    # tables
    ("DROP TABLE orders",),
    ("ALTER TABLE orders RENAME TO sales",),
    ("CREATE SCHEMA shop", "ALTER TABLE orders SET SCHEMA shop"),
    ("TRUNCATE orders",),
    ("UPDATE users SET n = 1",),
    ("UPDATE users SET n = 1 WHERE id > 0",),
    ("UPDATE users SET n = 1 WHERE id = 1",),
    ("DELETE FROM orders",),
    ("ALTER TABLE events_new SET UNLOGGED",),
    ("CLUSTER users USING users_pkey",),
    ("+VACUUM FULL users",),
    ("ALTER TABLE users SET (fillfactor = 80)",),
    ("ALTER TABLE users SET (autovacuum_enabled = false)",),
    ("ALTER TABLE events ATTACH PARTITION events_new FOR VALUES FROM ('2022-01-01') TO ('2023-01-01')",),
    ("ALTER TABLE events ATTACH PARTITION events_checked FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",),
    ("ALTER TABLE events DETACH PARTITION events_old",),
    ("+ALTER TABLE events DETACH PARTITION events_old CONCURRENTLY",),
    ("ALTER TABLE users ENABLE ROW LEVEL SECURITY",),
    (
        "CREATE FUNCTION g() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TRIGGER g BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION g()",
    ),
    ("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", "UPDATE orders SET total = 6"),
    # the rest
    ("REFRESH MATERIALIZED VIEW per_org",),
    ("+REFRESH MATERIALIZED VIEW CONCURRENTLY per_org",),
    ("DROP MATERIALIZED VIEW per_org",),
    ("DROP VIEW names",),
    ("CREATE OR REPLACE VIEW names AS SELECT id, name, email FROM users",),
    ("DROP FUNCTION twice(int)",),
    ("DROP SEQUENCE tickets",),
    ("REVOKE INSERT ON users FROM {app}",),
    ("REVOKE SELECT ON orgs FROM {app}",),
    ("ALTER TYPE mood RENAME VALUE 'bad' TO 'evil'",),
    (
        "CREATE TYPE mood2 AS ENUM ('good', 'odd')",
        "DELETE FROM users WHERE kind = 'bad'",
        "ALTER TABLE users ALTER kind TYPE mood2 USING kind::text::mood2",
    ),
    ("ALTER DOMAIN word ADD CONSTRAINT w CHECK (VALUE <> '')",),
    ("ALTER DOMAIN word ADD CONSTRAINT w CHECK (VALUE <> '') NOT VALID",),
)
