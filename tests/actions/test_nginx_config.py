"""nginx-config against a real nginx, asked through a real sshd; each fault by hand turns it red."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hosts import Server

from deploy_gate.catalog import Catalog
from deploy_gate.facts.slotfacts import Line
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, Result, Status

NAMES = ("nginx", "snippets", "flag", "flag-folder")


@pytest.fixture
def look(ask: Callable[..., Result], server: Server) -> Callable[[], Result]:
    return lambda: ask("nginx-config", **server.inputs)


def test_as_it_was_left(look: Callable[[], Result]) -> None:
    result = look()
    assert result.status is Status.PASSED, result
    assert result.found.startswith("nginx: tested; snippets: as they were written; flag: names blue")


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("nginx.conf", "server_name", "server_nam", "nginx -t"),
        (
            "nginx.conf",
            "include snippets/server.conf;",
            "set $shop_upstream shop_blue; set $shop_slot blue;",
            "no server block includes",
        ),
        ("nginx.conf", "server_name", "open_file_cache max=9; server_name", "open_file_cache"),
        ("snippets/http.conf", "upstream shop_green", "upstream shop_gone", "http.conf was changed by hand"),
        ("snippets/server.conf", "always", "", "server.conf was changed by hand"),
    ],
)
def test_changed_by_hand(
    look: Callable[[], Result], server: Server, file: str, before: str, after: str, told: str
) -> None:
    path = server.world.work / file
    text = path.read_text()
    assert before in text
    try:
        path.write_text(text.replace(before, after, 1))
        result = look()
    finally:
        path.write_text(text)
    assert result.status is Status.FAILED
    assert told in result.found
    assert result.fix


def test_a_flag_that_was_moved_by_hand(look: Callable[[], Result], server: Server) -> None:
    server.world.machine.pointer.point("green")
    result = look()
    assert (result.status, "names green, the state says blue" in result.found) == (Status.FAILED, True)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("status", ["unknown", "skipped", "", "gone"])
def test_what_was_not_looked_at_is_not_passed(name: str, status: str) -> None:
    judge = Catalog().get("nginx-config").module.judge
    lines = {one: Line(one, "passed", "well") for one in NAMES}
    assert judge(lines).status is Status.PASSED
    del lines[name]
    if status != "gone":
        lines[name] = Line(name, status, "could not be looked at")
    if (name, status) == ("flag-folder", "skipped"):
        assert judge(lines).status is Status.PASSED
        return
    with pytest.raises(CouldNotTell) as fault:
        judge(lines)
    assert name in fault.value.found


def test_nothing_answers(ask: Callable[..., Result], server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    result = ask("nginx-config", **{**server.inputs, "config": "/nowhere/slots.json"})
    assert (result.status, "cannot be read" in result.found) == (Status.ERROR, True)
    monkeypatch.delenv("SSH_KNOWN_HOSTS")
    assert ask("nginx-config", **server.inputs).status is Status.ERROR
    monkeypatch.delenv("SSH_PRIVATE_KEY")
    assert ask("nginx-config", **server.inputs).status is Status.ERROR


@pytest.mark.parametrize(
    ("host", "config"), [("-oProxyCommand=x", "/x"), ("deploy@shop", "x"), ("", "/x"), ("a@b c", "/")]
)
def test_inputs_that_cannot_be_meant(host: str, config: str) -> None:
    with pytest.raises(Misconfigured):
        Catalog().get("nginx-config").module.validate(host=host, config=config)
