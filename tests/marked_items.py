"""Every check of the catalog as an item whose surroundings hold marked secrets: files, addresses, answers, a server."""

from __future__ import annotations

import json
from typing import Any

from marked import ADDRESS, MARK, PASSWORD
from policies import WAIVED, checklist
from support import Repository

ROLES = "lead: ada\nqa: ada"
SECRETS = "SHOP_TOKEN"


_ROLES = f"""\
version: 1
roles:
  admin: {{token: SHOP_TOKEN}}
  clerk: {{token: SHOP_TOKEN}}
auth: {{route: GET /me, role: clerk}}
audit:
  action: {{route: POST /login, body: {{who: "${{marker}}", word: '{PASSWORD}'}}, status: [401]}}
  read: {{route: GET /audit, role: admin}}
webhooks: {{route: "GET /deliveries?key={MARK}&page=${{page}}", role: admin}}
"""


def write_shop(shop: Repository) -> None:
    """A repository whose every file that a check reads holds a secret that nobody should repeat."""
    shop.write(".env", f"DB_PASSWORD={PASSWORD}\nDATABASE_URL={ADDRESS}\n")
    shop.write("broken.env", f"A=1\nno line of settings {MARK} {ADDRESS}\n")
    shop.write("shop.env", f"DB_PASSWORD={PASSWORD}\nCACHE={ADDRESS}\n")
    shop.write(".env.example", f"DATABASE_URL={ADDRESS}\nUNUSED={PASSWORD}\n")
    shop.write(
        "app.py",
        f'''\
        import os
        TOKEN = os.environ.get("SHOP_TOKEN", "{MARK}")
        URL = os.getenv("SHOP_URL", "{ADDRESS}")
        unused = os.environ  # FIXME rotate {MARK}
        def make(): raise RuntimeError("no such login: {ADDRESS} {MARK}")
        raise ValueError("{ADDRESS} {MARK}")
        ''',
    )
    # What a test runner writes of the repository's own text is not ours: so this one fails without it.
    shop.write("test_app.py", f"TOKEN = '{MARK}'\n\ndef test_it():\n    raise AssertionError\n")
    shop.write("CHANGELOG.md", f"# Changelog\n## {MARK}\n- Added {ADDRESS}\n")
    shop.write("openapi.json", json.dumps({"openapi": MARK, "info": {"title": ADDRESS}, "paths": {}}))
    shop.write("alembic.ini", f"[alembic]\nscript_location = migrations\nsqlalchemy.url = {ADDRESS}\n")
    shop.write("migrations/env.py", f"raise RuntimeError('{ADDRESS} {MARK}')\n")
    shop.write(
        "migrations/versions/a1.py",
        f'''\
        """create {MARK}"""
        from alembic import op
        revision, down_revision = "a1", None
        def upgrade(): op.execute("CREATE USER shop PASSWORD '{PASSWORD}'"); op.drop_table("orders")
        def downgrade(): raise RuntimeError("{MARK}")
        ''',
    )
    shop.write("holidays.yml", f"- {MARK}\n")
    shop.write("roles.yml", _ROLES)
    shop.write(
        "journey.yml",
        f"version: 1\njourney: shop\nsteps:\n  - {{request: 'GET /{MARK}', headers: {{X-Key: '{PASSWORD}'}}, expect: {{status: 200}}}}\n",
    )
    shop.write("waived.yml", checklist({"log": {"waived": {**WAIVED, "why": f"{MARK} at {ADDRESS}"}}}))
    shop.write("acts.jsonl", f'{{"item": "qa", "by": "{MARK}", "at": "{PASSWORD}"}}\nnone {MARK}\n')
    shop.write("record.json", f'{{"kind": "{MARK}", "text": "{ADDRESS}"}}')
    shop.write("schema.json", f'{{"fields": "{PASSWORD}"}}')
    shop.write("backup.dump", f"PGDMP {MARK} {ADDRESS}")
    shop.write(".github/workflows/ci.yml", f"on: push\nenv: {{TOKEN: '{MARK}', URL: '{ADDRESS}'}}\njobs: {{}}\n")
    shop.write("compose.yaml", _compose("."))
    shop.write("Dockerfile", _dockerfile())
    shop.write("broken/compose.yaml", _compose(".").replace("name: marked", "name: broken"))
    # What a build quotes as it fails.
    shop.write("broken/Dockerfile", f"FROM scratch\nENV A_TOKEN={MARK}\nCOPY {MARK} /\n")
    shop.git("remote", "add", "origin", f"http://ada:{PASSWORD}@127.0.0.1:9/shop.git")
    shop.commit(f"feat!: the bot is {MARK}\n\nBREAKING CHANGE: log in as {ADDRESS}")


def _compose(context: str) -> str:
    return f"""\
name: marked
services:
  backend:
    build: {{context: {context}, args: {{API_TOKEN: '{MARK}'}}}}
    environment: {{DB_PASSWORD: '{PASSWORD}', DATABASE_URL: '{ADDRESS}'}}
    labels: {{secret: '{MARK}'}}
  other:
    image: 'scratch'
    environment: ['TOKEN={MARK}']
    healthcheck: {{test: 'curl -H {MARK} {ADDRESS}'}}
"""


def _dockerfile() -> str:
    return (
        f"FROM scratch\nARG API_TOKEN\nENV DB_PASSWORD={PASSWORD}\nLABEL bot={MARK}\nCOPY shop.env /srv/.env\n"
        f'COPY app.py /app.py\nCMD ["serve", "{ADDRESS}"]\n'
    )


def items(url: str, server: dict[str, str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By key: the check, and its inputs; `url` answers with secrets, on `server` every program tells some."""
    login = url.replace("//", f"//ada:{PASSWORD}@")
    host = {**server, "config": "/srv/shop/slots.json"}
    scratch = {"scratch-url": "SCRATCH_URL"}
    listed: dict[str, dict[str, Any]] = {
        "access-control": {"url": login, "mode": "auth", "file": "roles.yml", "secrets": SECRETS},
        "attestation": {"file": "acts.jsonl", "item": "qa", "role": "qa", "roles": ROLES},
        "audit-log": {"url": login, "file": "roles.yml", "secrets": SECRETS},
        "backup-freshness": {"bucket": "b", "prefix": "p/", "region": "eu-west-1", "endpoint-url": url},
        "backup-integrity": {"bucket": "b", "prefix": "p/", "region": "eu-west-1", "endpoint-url": url},
        "backup-restore": {"file": "backup.dump", **scratch},
        "bandit-scan": {"path": ["app.py"]},
        "breaking-changes": {},
        "changelog": {},
        "ci-green": {"repository": "acme/shop"},
        "complaints": {"repository": "acme/shop", "counter-url": login},
        "compose-services": {},
        "config-parity": {
            **server,
            "staging-host": "a@127.0.0.2:9",
            "staging-key-variable": "SSH_PRIVATE_KEY",
            "env-files": "/srv/a",
        },
        "cors": {"url": login},
        "database-connections": {"url-variable": "SHOP_DB"},
        "database-identity": {"url-variable": "SHOP_DB", "system-identifier": "7"},
        "debug-mode": {"url": login, "expected": "disabled"},
        "deploy-branch": {"branch": "main"},
        "deploy-target": {**server, "proves": "both", "address": "192.0.2.1"},
        "deploy-window": {
            "windows": "Mon-Sun 00:00-24:00",
            "freezes": "2020-01-01..2020-01-02 past",
            "holidays": "holidays.yml",
        },
        "env-documented": {},
        "env-valid": {**server, "env-files": "/srv/shop/.env", "schema": "schema.json"},
        "exposed-paths": {"url": login},
        "health-component": {"url": login, "component": "database"},
        "http-endpoint": {"url": login, "contains": "welcome", "field": "status=ok"},
        "image-build": {},
        "image-secrets": {},
        "image-size": {"limits": ["backend=1kB"]},
        "intrusion-detection": server,
        "journey": {"file": "journey.yml", "url": login, "secrets": SECRETS},
        "ledger": {"proves": "entry", "environment": "production"},
        "migrations-applied": {"url-variable": "SHOP_DB"},
        "migrations-documented": {},
        "migrations-reversible": scratch,
        "migrations-rollback": {"to": "HEAD", "url-variable": "SHOP_DB"},
        "migrations-safe": scratch,
        "monitoring-active": {"url": login, "jobs": ["shop"], "token-variable": "SHOP_TOKEN"},
        "mypy-types": {"path": ["app.py"]},
        "nginx-config": host,
        "notified": {"record": "record.json"},
        "openapi-current": {"export": "app:make"},
        "openapi-valid": {"url": login},
        "pytest-coverage": {"path": ["test_app.py"]},
        "rate-limit": {"url": login, "path": "/login"},
        "redis-health": {"url-variable": "SHOP_CACHE"},
        "redis-ping": {"url-variable": "SHOP_CACHE"},
        "rehearsal": host,
        "resources": {**host, "measures": "cpu", "limit": "60%"},
        "ruff-lint": {"path": ["app.py"]},
        "schema-drift": {"left": "SHOP_DB", "right": "SHOP_DB_2"},
        "secrets-in-history": {},
        "secrets-rotated": {"repository": "acme/shop"},
        "security-headers": {"url": login},
        "served-identity": {"url": login, "environment": ["production"]},
        "server-logs": {**host, "look-for": "errors"},
        "sign-off": {"role": "qa", "roles": ROLES, "repository": "acme/shop"},
        "slot-health": host,
        "slots-coexist": host,
        "staging-proven": {"repository": "acme/shop"},
        "test-data": {"url-variable": "SHOP_DB", "tables": ["orders=1"]},
        "tls-certificate": {"host": "127.0.0.1", "port": int(url.rpartition(":")[2])},
        "todo-comments": {"paths": ["app.py"]},
        "traffic": {**host, "proves": "p95"},
        "vulnerability-alerts": {**host, "repository": "acme/shop"},
        "waivers": {"checklist": "waived.yml", "repository": "acme/shop"},
        "watch-result": {"record": "record.json"},
        "webhook-deliveries": {"url": login, "file": "roles.yml", "secrets": SECRETS},
        "workflow-progress": {"repository": "acme/shop", "run-id": "7"},
    }
    found = {name: (name, inputs) for name, inputs in listed.items()}
    found["image-build-broken"] = ("image-build", {"file": ["broken/compose.yaml"]})
    found["compose-services-env"] = ("compose-services", {"env-file": "broken.env"})
    found["http-endpoint-host"] = ("http-endpoint", {**server, "url": url, "vantage": "host"})
    return found
