"""Paths that give a site away when they are served, and how their content is recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leak:
    """A path, what is found there, and a pattern for its content; without one, any page of its own counts.

    The pattern must not need the path itself: a page that repeats what it was asked for is not recognised by that.
    """

    path: str
    what: str
    signature: str = ""

    def recognises(self, body: bytes) -> bool:
        """Whether this content is what the path would give away."""
        return bool(self.signature) and re.search(self.signature.encode(), body[:65536]) is not None


_SETTINGS = r"(?m)^\s*(export\s+)?[A-Z][A-Z0-9_]{1,60}\s*=\s*\S"
_SQL = r"(?i)^(PGDMP|\x1f\x8b|SQLite format 3|PK\x03\x04|BZh|\xfd7zXZ)"
_SQL += r"|-- (PostgreSQL|MySQL|MariaDB) |CREATE TABLE|INSERT INTO"
_ARCHIVE = r"^(\x1f\x8b|PK\x03\x04|BZh|\xfd7zXZ|7z\xbc\xaf)|(?s:^.{257}ustar)"
_METRICS = r"(?m)^# (HELP|TYPE) [a-zA-Z_:]"
_TRACE = r"Traceback \(most recent call last\)|Werkzeug Debugger|DEBUG = True|pprof|Debug Toolbar|stack trace"
_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
_LISTING = r"(?i)<title>Index of /|Directory listing for "

KNOWN = (
    *(
        Leak(path, "a file of settings", _SETTINGS)
        for path in ("/.env", "/.env.local", "/.env.production", "/.env.bak")
    ),
    Leak("/.git/HEAD", "the git repository", r"^(ref: refs/|[0-9a-f]{40}\s*$)"),
    Leak("/.git/config", "the git repository's configuration", r"\[core\]|\[remote "),
    Leak("/.svn/entries", "the Subversion folder", r"^\d+\s+dir|^\d+\s*$|svn:"),
    Leak("/.hg/requires", "the Mercurial folder", r"(?m)^(revlogv1|dotencode|store)$"),
    Leak("/.DS_Store", "a listing of the folder", r"Bud1"),
    Leak("/.htpasswd", "a file of passwords", r"(?m)^[^\s:]+:(\$|\{SHA\}|[A-Za-z0-9./]{13}$)"),
    Leak("/.aws/credentials", "credentials of AWS", r"aws_secret_access_key"),
    Leak("/.ssh/id_rsa", "a private key", _KEY),
    Leak("/id_rsa", "a private key", _KEY),
    Leak("/server.key", "a private key", _KEY),
    Leak("/docker-compose.yml", "the compose file", r"(?m)^services:"),
    Leak("/compose.yaml", "the compose file", r"(?m)^services:"),
    Leak("/Dockerfile", "the Dockerfile", r"(?m)^FROM \S"),
    Leak("/requirements.txt", "the list of packages", r"(?m)^[A-Za-z0-9_.-]+\s*(==|>=|~=)"),
    Leak("/alembic.ini", "the configuration of migrations", r"(?m)^\[alembic\]"),
    Leak("/config.json", "a file of settings", r"(?i)\"[a-z_]*(password|secret|token|dsn|database_url)[a-z_]*\"\s*:"),
    *(Leak(path, "a dump of the database", _SQL) for path in ("/dump.sql", "/backup.sql", "/database.sql", "/db.sql")),
    *(
        Leak(path, "a dump of the database", _SQL)
        for path in ("/dump.sql.gz", "/backup.dump", "/db.sqlite3", "/db.dump")
    ),
    *(Leak(path, "a backup", _ARCHIVE) for path in ("/backup.zip", "/backup.tar.gz", "/site.tar.gz", "/www.zip")),
    Leak("/backup/", "a listing of backups", _LISTING),
    Leak("/backups/", "a listing of backups", _LISTING),
    Leak("/metrics", "metrics", _METRICS),
    Leak("/server-status", "the status page of the web server", r"Apache Server Status|Server Version:"),
    Leak("/nginx_status", "the status page of nginx", r"Active connections: \d"),
    Leak("/debug", "a debugger", _TRACE),
    Leak("/debug/pprof/", "a profiler", r"(?is)\bprofiles?\b.{0,2000}\bgoroutine\b"),
    Leak("/console", "a console of a debugger", r"Werkzeug|Interactive Console|EVALEX"),
    Leak("/actuator/env", "the environment of the application", r"\"propertySources\""),
    Leak("/actuator/heapdump", "a dump of the memory", r"^JAVA PROFILE|^\x1f\x8b"),
    Leak("/actuator", "the list of actuators", r"\"_links\"\s*:\s*\{\s*\"self\""),
    Leak("/phpinfo.php", "phpinfo()", r"phpinfo\(\)|PHP Version"),
    Leak("/adminer.php", "a client of the database", r"(?i)adminer"),
    Leak("/error.log", "a log", r"(?m)^\d{4}[/-]\d\d[/-]\d\d |Traceback"),
    Leak("/debug.log", "a log", r"(?m)^\d{4}[/-]\d\d[/-]\d\d |Traceback"),
)
