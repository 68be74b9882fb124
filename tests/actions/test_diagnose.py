"""What is shown of a server that is well, and of one that is ill."""

from __future__ import annotations

import json
from pathlib import Path

from fleet import OLD, Fleet


def test_a_server_that_is_well(servers: Fleet, tmp_path: Path) -> None:
    told = servers.do("diagnose", report=str(tmp_path / "whole.txt"))
    sections = {one["section"]: one["text"] for one in told.data["evidence"] if "section" in one}
    assert sections.keys() >= {"status", "preflight", "log of blue", "journal", "machine", "processes", "nginx"}
    assert json.loads(sections["status"])["release"] == OLD
    assert "syntax is ok" in sections["nginx"]
    text = (tmp_path / "whole.txt").read_text()
    assert f"=== {servers.doors[0].host}: journal\n" in text
    servers.live((OLD, "blue"))


def test_a_server_that_is_ill(servers: Fleet) -> None:
    host = servers.hosts[0]
    with (host.home / "logs" / "blue-start.log").open("a") as log:
        log.write('DB_PASSWORD=hunter2hunter2 postgresql://erp:s3cr3tw0rd@db/erp {"api_key": "abcdef123456"}\x1b[2J\n')
    host.fault(OLD, ready=500)
    told = servers.do("diagnose")
    assert told.code == 1
    assert told.lines[0].startswith(f"{servers.doors[0].host}: ")
    whole = json.dumps(told.data)
    assert "the live slot is not ready: " in whole
    for secret in ("hunter2", "s3cr3t", "abcdef123456", "\\u001b"):
        assert secret not in whole
    host.configure(nginx={**json.loads(host.config.read_text())["nginx"], "command": ["false"]})
    told = servers.do("diagnose")
    assert "nginx: " in json.dumps(told.lines)
