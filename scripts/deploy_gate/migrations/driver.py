"""Runs single Alembic revisions inside the consumer's own interpreter, told over pipes: `driver.py COMMANDS ANSWERS`.

Shipped as a file: Python 3.8 syntax, standard library, alembic and sqlalchemy alone. Both arguments are descriptors; a
command is one line of JSON, and so is its answer. Standard output belongs to the consumer's code and goes to standard
error. Alembic's own configuration, `env.py` and version table are used as they are; only the choice of the steps is
ours, so that branches, several heads and dependencies need no rules here.
"""

# ruff: noqa: UP006, UP035, ARG001, ARG002
import argparse
import gc
import json
import os
import re
import sys
import time
import traceback
from typing import Any, Dict, List

MAX_TEXT = 20000
MAX_STATEMENTS = 5000
_PLACEHOLDER = re.compile(r"%%|%\((\w+)\)s|%s|\$(\d+)(?:::\w+(?: \w+)*)?|(?<![:\w]):(\w+)")
# What a transaction has locked, and what this backend has read and written since its counters were last sent away; no
# name of the user's can stand for one of the server's, and no per cent sign can be taken for a parameter.
_MEASURE = """
SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
    one.relation::pg_catalog.int8, one.transaction, one.modes, pg_catalog.pg_relation_filenode(one.relation),
    pg_catalog.pg_stat_get_xact_numscans(one.relation), pg_catalog.pg_stat_get_xact_tuples_updated(one.relation)
    OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(one.relation)))::pg_catalog.text
FROM (
    SELECT relation, pg_catalog.min(virtualtransaction) AS transaction, pg_catalog.json_agg(mode) AS modes
    FROM pg_catalog.pg_locks
    WHERE pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND locktype OPERATOR(pg_catalog.=) 'relation'
    AND relation OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid GROUP BY relation
) AS one
"""

_COUNTERS = """
SELECT pg_catalog.json_agg(pg_catalog.json_build_array(id, scans, changed))::pg_catalog.text FROM (
    SELECT oid::pg_catalog.int8, pg_catalog.pg_stat_get_xact_numscans(oid),
        pg_catalog.pg_stat_get_xact_tuples_updated(oid)
        OPERATOR(pg_catalog.+) pg_catalog.pg_stat_get_xact_tuples_deleted(oid)
    FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.>=) 16384::pg_catalog.oid
) AS counted (id, scans, changed) WHERE scans OPERATOR(pg_catalog.+) changed OPERATOR(pg_catalog.>) 0
"""


class Recorder:
    """The statements of the step that runs now; outside a step (version table, env.py) nothing is recorded."""

    def __init__(self, measure: Any) -> None:
        self.measure, self.measuring, self.dropped = bool(measure), False, 0
        self.current: Any = None
        self.counters: Dict[int, List[int]] = {}

    def before(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if self.current is None or self.measuring:
            return
        if len(self.current) >= MAX_STATEMENTS:
            self.dropped += 1
            return
        text = _inlined(statement, parameters[0] if many and parameters else parameters)
        autocommit = getattr(conn.connection.dbapi_connection, "autocommit", False)
        self.current.append({"sql": text[:MAX_TEXT], "autocommit": autocommit is True, "done": False})
        # SET TRANSACTION must come before any other query of its transaction.
        if self.measure and autocommit is not True and text.lstrip()[:3].upper() != "SET":
            self.counters = {one[0]: one[1:] for one in self.asked(conn, _COUNTERS)}

    def after(self, conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not self.current or self.measuring:
            return
        self.current[-1]["done"] = True
        if not self.measure or self.current[-1]["autocommit"] or self.dropped:
            return
        locks = self.asked(conn, _MEASURE)
        for one in locks:
            scans, changed = self.counters.get(one[0], (0, 0))
            one[4], one[5] = one[4] - scans, one[5] - changed
        self.current[-1]["locks"] = locks

    def asked(self, conn: Any, query: str) -> List[Any]:
        """Rows of a query of our own on the same connection."""
        self.measuring = True
        try:
            own = conn.connection.cursor()
            own.execute(query)
            row = own.fetchone()
            own.close()
        finally:
            self.measuring = False
        return json.loads(row[0]) if row and row[0] else []


def _inlined(statement: str, parameters: Any) -> str:
    """The statement with plain values in place of its parameters, so that a linter can read it."""
    if not parameters:
        return statement.replace("%%", "%")
    positional = list(parameters) if isinstance(parameters, (list, tuple)) else None
    state = {"next": 0}

    def value(match: Any) -> str:
        if match[0] == "%%":
            return "%"
        name = match[1] or match[3]
        if name:
            known = isinstance(parameters, dict) and name in parameters
            return _literal(parameters[name]) if known else str(match[0])
        if positional is None:
            return str(match[0])
        index = int(match[2]) - 1 if match[2] else state["next"]
        state["next"] += 1
        return _literal(positional[index]) if 0 <= index < len(positional) else "NULL"

    return _PLACEHOLDER.sub(value, statement)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return "'" + value[:200].replace("'", "''") + "'"
    return "NULL"


class Driver:
    """One configuration, one script directory, many runs of env.py."""

    def __init__(self, order: Dict[str, Any]) -> None:
        from alembic.config import Config
        from alembic.script import ScriptDirectory
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        self.recorder = Recorder(order["measure"])
        event.listen(Engine, "before_cursor_execute", self.recorder.before)
        event.listen(Engine, "after_cursor_execute", self.recorder.after)
        options = argparse.Namespace(x=order["x"] or None, name=order["section"], config=order["config"])
        self.config = Config(order["config"], ini_section=order["section"], cmd_opts=options)
        self.config.set_main_option("sqlalchemy.url", order["url"].replace("%", "%%"))
        self.script = ScriptDirectory.from_config(self.config)
        self.runs = 0

    def probe(self, order: Dict[str, Any]) -> Dict[str, Any]:
        """Run env.py without any step: whether it reaches the database."""

        def nothing(heads: Any, context: Any) -> List[Any]:
            # Commits the new version table as a first step would, so that no step seems to have made it.
            with context.begin_transaction(_per_migration=True):
                return []

        self._environment(nothing)
        return {}

    def upgrade(self, order: Dict[str, Any]) -> Dict[str, Any]:
        """Run upgrade() of the named revisions, in this order, in one run of env.py as `alembic upgrade` does."""
        return self._steps(order["revisions"], "upgrade_from_script")

    def downgrade(self, order: Dict[str, Any]) -> Dict[str, Any]:
        """The same for downgrade()."""
        return self._steps(order["revisions"], "downgrade_from_script")

    def _steps(self, names: List[str], kind: str) -> Dict[str, Any]:
        from alembic.runtime.migration import MigrationStep

        make = getattr(MigrationStep, kind)
        answer: Dict[str, Any] = {"ran": {}}
        steps = [make(self.script.revision_map, self.script.get_revision(name)) for name in names]
        for name, step in zip(names, steps):  # noqa: B905 - Python 3.8
            step.migration_fn = self._recorded(name, step.migration_fn, answer)

        def chosen(heads: Any, context: Any) -> List[Any]:
            answer["reached"] = True
            return steps

        try:
            self._environment(chosen)
        except BaseException as fault:  # noqa: BLE001 - told to the parent, whatever the consumer's code raised
            answer["failed"] = _told(fault, answer)
        answer["dropped"] = self.recorder.dropped
        self.recorder.dropped = 0
        return answer

    def _recorded(self, name: str, function: Any, answer: Dict[str, Any]) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            statements: List[Dict[str, Any]] = []
            answer["revision"] = name
            answer["ran"][name] = {"statements": statements}
            self.recorder.current = statements
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.recorder.current = None
                answer["ran"][name]["seconds"] = time.perf_counter() - started

        return run

    def _environment(self, function: Any) -> None:
        from alembic.runtime.environment import EnvironmentContext

        self.runs += 1
        if self.runs % 10 == 0:
            gc.collect()  # engines that env.py made and left hold connections
        with EnvironmentContext(self.config, self.script, fn=function, as_sql=False, dont_mutate=False):
            self.script.run_env()


def _told(fault: BaseException, answer: Dict[str, Any]) -> Dict[str, Any]:
    original = getattr(fault, "orig", None) or fault
    original = getattr(original, "__cause__", None) if getattr(original, "sqlstate", "") is None else original
    code = getattr(original, "sqlstate", None) or getattr(original, "pgcode", None) or ""
    statement = str(getattr(fault, "statement", None) or "")
    ran = answer["ran"].get(answer.get("revision"), {}).get("statements") or []
    if not statement and ran and not ran[-1]["done"]:
        statement = ran[-1]["sql"]
    return {
        "type": type(fault).__name__,
        "message": str(original or fault)[:4000] or type(fault).__name__,
        "sqlstate": str(code),
        "statement": statement[:MAX_TEXT],
        "revision": answer.get("revision"),
        # Each file and line on the way, so that the parent can name the one in the revision.
        "line": {frame.f_code.co_filename: line for frame, line in traceback.walk_tb(fault.__traceback__)},
    }


def main() -> None:
    """Read commands until the pipe closes."""
    del sys.path[0]  # our own folder
    os.dup2(2, 1)
    commands, answers = int(sys.argv[1]), int(sys.argv[2])
    driver: Any = None
    with os.fdopen(commands, "r", encoding="utf-8") as lines, os.fdopen(answers, "w", encoding="utf-8") as out:
        for line in lines:
            order = json.loads(line)
            try:
                if driver is None:
                    driver = Driver(order)
                answer = getattr(driver, order["do"])(order)
            except BaseException as fault:  # noqa: BLE001 - the consumer's code may raise anything
                answer = {"failed": _told(fault, {"ran": {}})}
            sys.stdout.flush()
            out.write(json.dumps(answer) + "\n")
            out.flush()


if __name__ == "__main__":
    main()
