"""Switch, confirm and prepare: on a real nginx, under load, with the new release broken in every way."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from slots.load import Load
from slots.world import NEW, OLD, THIRD, World, lasting_port

from deploy_gate import hostprogram
from host import pointer, preflight
from host.clock import Clock
from host.heal import heal
from host.machine import Machine
from host.pointer import established
from host.prepare import stop_idle
from host.probe import front_look
from host.proof import Proof
from host.rollback import roll_back
from host.settings import Front
from host.switch import switch
from host.trouble import Trouble

WITHIN = ("--confirm-within", "120")


def deploy(host: World, release: str) -> None:
    """The whole way."""
    host.good("prepare", release)
    host.good("switch", release, *WITHIN)
    host.good("confirm", release)


def after_the_rename(host: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes the rename, and reports an error when it is to be made lasting."""
    host.good("prepare", NEW)

    def broken(folder: Path) -> None:
        raise OSError(errno.EIO, "Input/output error", str(folder))

    with monkeypatch.context() as patch:
        patch.setattr(pointer, "sync_folder", broken)
        told = switch(host.machine, NEW, confirm_within=60, token="", guard_for=60)
        assert (told["live"], host.machine.pointer.read()) == ("green", "green")
    host.live(NEW, "green")
    with monkeypatch.context() as patch:
        patch.setattr(pointer, "sync_folder", broken)
        assert roll_back(host.machine, NEW, by="ada", reason="errors")["live"] == "blue"
    host.live(OLD, "blue")


def test_an_error_of_the_disk_after_the_rename_is_no_failed_switch(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_the_rename(host, monkeypatch)


def test_a_switch_that_cannot_tell_whether_it_moved_is_not_called_undone(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.good("prepare", NEW)
    machine = host.machine
    point = machine.pointer.point

    def moved_and_broken(slot: str) -> None:
        point(slot)
        raise Trouble("the flag could not be set: Input/output error", "the disk is damaged", "look at it")

    with monkeypatch.context() as patch:
        patch.setattr(machine.pointer, "point", moved_and_broken)
        with pytest.raises(Trouble, match="the flag could not be set"):
            switch(machine, NEW, confirm_within=60, token="", guard_for=60)
    step = machine.load().step
    assert step is not None, "the flag is on green: that is not undone"
    heal(machine)
    assert machine.pointer.read() == "blue"
    host.live(OLD, "blue")


def test_a_lock_that_is_held_after_the_move_is_not_nothing_changed(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.configure(limits={"lock": 0.1})
    host.good("prepare", NEW)
    with ExitStack() as held:

        def proven(*_: object) -> Proof:
            held.enter_context(host.machine.lock.taken(20))
            return Proof("", 0.1, 0.1)

        with monkeypatch.context() as patch:
            patch.setattr(sys.modules[switch.__module__], "prove", proven)
            with pytest.raises(Trouble, match="another command is at work") as told:
                switch(host.machine, NEW, confirm_within=60, token="", guard_for=60)
            assert told.value.code == 3
            held.close()
            heal(host.machine)
    host.live(OLD, "blue")


def batch(host: World, *steps: list[str]) -> tuple[int, list[dict[str, Any]]]:
    """Several commands in one call: its exit code, and every line."""
    with host.popen("run", json.dumps(steps)) as child:
        out = child.communicate(timeout=60)[0]
    return child.returncode, [json.loads(line) for line in out.splitlines()]


def test_several_commands_in_one_call(host: World) -> None:
    code, told = batch(host, ["lease", "acquire", "--by", "run 7"], ["prepare", NEW], ["status", "--quick"])
    assert (code, [one["command"] for one in told]) == (0, ["lease", "prepare", "status", "run"])
    assert told[0]["lease"] == getattr(host.machine.load().lease, "token", "")
    code, told = batch(host, ["prepare", THIRD], ["status"])
    assert (code, [(one["command"], one["exit"]) for one in told]) == (6, [("prepare", 6), ("run", 6)])
    host.good("lease", "break", "--reason", "over")


@pytest.mark.parametrize("steps", ["", "{}", "[]", '["status"]', "[[]]", '[["guard", "run"]]', '[["run", "[]"]]'])
def test_steps_that_are_none(host: World, steps: str) -> None:
    answer = host.run("run", steps)
    assert (answer.code, answer.what) == (2, "the steps are not a list of at most 10 commands")


def test_switch_and_confirm(host: World) -> None:
    prepared = host.good("prepare", NEW)
    assert (prepared["slot"], prepared["changed"]) == ("green", True)
    host.live(OLD, "blue")
    switched = host.good("switch", NEW, *WITHIN)
    assert (switched["live"], switched["changed"]) == ("green", True)
    assert host.good("status")["watch"]["phase"] == "confirm"
    host.good("confirm", NEW)
    told = host.good("status")
    assert told["watch"]["phase"] == "guard"
    assert told["rollback"] == {
        "possible": True, "kind": "warm", "release": OLD, "about_seconds": 0.1, "schema": "switch-only"
    }  # fmt: skip
    host.live(NEW, "green")


def test_the_whole_way_with_the_zipapp(host: World) -> None:
    hostprogram.write(host.work / "slots.pyz")
    deploy(replace(host, program=host.work / "slots.pyz"), NEW)
    host.live(NEW, "green")


def test_everything_can_be_asked_for_twice(host: World) -> None:
    deploy(host, NEW)
    assert host.good("confirm", NEW)["changed"] is False
    assert host.good("switch", NEW, *WITHIN)["changed"] is False
    answer = host.run("prepare", NEW)
    assert (answer.code, answer.what) == (1, f"{NEW[:12]} is live in green")
    host.live(NEW, "green")


def test_ten_switches_under_load_lose_nothing(host: World) -> None:
    host.good("prepare", NEW)
    with Load(host.front) as load:
        for release in (NEW, OLD) * 5:
            host.good("switch", release, *WITHIN)
            host.good("confirm", release)
    assert load.failed == {}
    assert load.total > 100
    assert load.sent["websocket"] > 2
    assert min(load.slots["blue"], load.slots["green"]) > 10


def test_deployments_that_stop_the_old_slot_lose_nothing(host: World) -> None:
    deploy(host, NEW)
    with Load(host.front, sockets=0) as load:
        for release in (THIRD, OLD, NEW):
            deploy(host, release)
    assert load.failed == {}
    assert load.total > 50


def test_a_release_that_dies_is_put_back_and_tells_why(host: World) -> None:
    deploy(host, NEW)
    host.fault(THIRD, crash=True)
    host.configure(limits={"start": 4})
    answer = host.run("prepare", THIRD)
    assert answer.code == 1
    assert f"{THIRD[:12]} did not come up in blue within 4 s" in answer.what
    assert "Traceback: no such table: orders" in answer.what
    assert "0.0 s: Connection refused" in answer.what
    assert f"{OLD[:12]} in blue is warm again" in answer.said
    host.live(NEW, "green")
    assert host.good("status")["rollback"]["kind"] == "warm"


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"ready": 503}, "green is not ready for traffic: status 503"),
        ({"delay": 3}, "green is not ready for traffic: no answer within 1 s"),
        ({"release": OLD}, f"green is not ready for traffic: release {OLD[:12]} answered, not {NEW[:12]}"),
    ],
)
def test_a_slot_that_is_not_well_gets_no_traffic(host: World, fault: dict[str, object], found: str) -> None:
    host.good("prepare", NEW)
    host.configure(limits={"ready": 1}, health={"timeout": 1})
    host.fault(NEW, **fault)
    answer = host.run("switch", NEW, *WITHIN)
    assert answer.code == 1
    assert answer.what.startswith(found)
    host.fault(NEW)
    host.live(OLD, "blue")


def test_a_dead_slot_gets_no_traffic(host: World) -> None:
    host.good("prepare", NEW)
    host.configure(limits={"ready": 1})
    host.kill_app("green")
    answer = host.run("switch", NEW, *WITHIN)
    assert (answer.code, answer.what.split(" (")[0]) == (1, "green is not ready for traffic: Connection refused")
    assert host.good("status")["live"] == "blue"


def test_a_release_nobody_prepared(host: World) -> None:
    answer = host.run("switch", NEW, *WITHIN)
    assert (answer.code, answer.what) == (1, f"{NEW[:12]} is in no slot")
    answer = host.run("prepare", "d" * 40)
    assert (answer.code, answer.what) == (1, "dddddddddddd was not received on this host")
    assert host.run("prepare", "main").code == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="nginx needs a user that cannot read the folder")
def test_an_nginx_that_does_not_see_the_flag_is_found_and_undone(host: World) -> None:
    host.good("prepare", NEW)
    host.configure(front={"seconds": 3})
    flags = Path(host.settings.nginx.flags)
    flags.chmod(0o700)
    try:
        lines = {one["name"]: one for one in host.run("preflight").data["lines"]}
        answer = host.run("switch", NEW, *WITHIN)
    finally:
        flags.chmod(0o755)
    assert lines["flag-folder"]["found"] == f"nobody cannot enter {flags}, so nginx would always see the first slot"
    assert answer.code == 4
    assert "answered by blue, not green; traffic is back on blue" in answer.what
    host.live(OLD, "blue")


def test_two_switches_at_once(host: World) -> None:
    host.good("prepare", NEW)
    both = [host.popen("switch", NEW, *WITHIN) for _ in range(2)]
    answers = [host.read(*one.communicate(timeout=60)) for one in both]
    assert sorted(answer.data["changed"] for answer in answers) == [False, True]
    host.live(NEW, "green")


def test_two_preparations_at_once(host: World) -> None:
    both = [host.popen("prepare", release) for release in (NEW, THIRD)]
    answers = [host.read(*one.communicate(timeout=60)) for one in both]
    assert [answer.code for answer in answers] == [0, 0]
    assert host.good("status")["slots"]["green"]["release"] in {NEW, THIRD}
    host.live(OLD, "blue")


def test_an_unconfirmed_deployment_keeps_its_way_back(host: World) -> None:
    host.good("prepare", NEW)
    host.good("switch", NEW, *WITHIN)
    for words in (("prepare", THIRD), ("stop",), ("switch", OLD, *WITHIN)):
        answer = host.run(*words)
        assert (answer.code, answer.what) == (1, f"{NEW[:12]} is not confirmed yet (confirm)")
    host.live(NEW, "green")


def test_no_switch_without_a_guard(host: World) -> None:
    host.good("prepare", NEW)
    host.good("guard", "stop")
    try:
        answer = host.run("switch", NEW, *WITHIN)
        assert (answer.code, answer.what) == (1, "the guard does not run on this host")
        lines = {one["name"]: one["status"] for one in host.run("preflight", NEW).data["lines"]}
        assert lines["guard"] == "failed"
    finally:
        host.good("guard", "start")
    host.live(OLD, "blue")


def test_nginx_broken_by_hand(host: World) -> None:
    path = host.work / "nginx.conf"
    whole = path.read_text()
    path.write_text(whole.replace("worker_connections 1024;", "worker_conections 1024;"))
    try:
        lines = {one["name"]: one for one in host.run("preflight", NEW).data["lines"]}
        assert lines["nginx"]["status"] == "failed"
        assert 'unknown directive "worker_conections"' in lines["nginx"]["found"]
        deploy(host, NEW)  # no reload: what nginx runs with is whole
    finally:
        path.write_text(whole)
    host.live(NEW, "green")


def test_a_snippet_changed_by_hand_is_found_and_kept(host: World) -> None:
    path = host.work / "snippets" / "server.conf"
    whole = path.read_text()
    path.write_text(whole + "# mine\n")
    try:
        lines = {one["name"]: one for one in host.run("preflight").data["lines"]}
        assert lines["snippets"]["found"] == f"{path} was changed by hand"
        answer = host.run("nginx", "write")
        assert (answer.code, answer.what) == (1, f"changed by hand: {path}")
        assert path.read_text().endswith("# mine\n")
        path.unlink()
        assert host.good("nginx", "write")["written"] == ["server.conf"]
        assert path.read_text() == whole
    finally:
        path.write_text(whole)


def test_a_cache_of_open_files_beside_the_flag_is_refused(host: World) -> None:
    path = host.work / "nginx.conf"
    whole = path.read_text()
    path.write_text(whole.replace("location / {", "location / { open_file_cache max=10;"))
    try:
        assert "nginx" not in [one["name"] for one in host.run("preflight").data["lines"] if one["status"] == "failed"]
        path.write_text(whole.replace("location / {", "open_file_cache max=10; location / {"))
        lines = {one["name"]: one for one in host.run("preflight").data["lines"]}
        assert lines["nginx"]["status"] == "failed"
        assert '"open_file_cache" directive is duplicate' in lines["nginx"]["found"]
    finally:
        path.write_text(whole)


def test_a_long_configuration_is_read_from_its_beginning(host: World) -> None:
    path = host.work / "nginx.conf"
    whole = path.read_text()
    path.write_text(whole + f"# {'x' * 98}\n" * 3000)
    try:
        lines = {one["name"]: one for one in host.run("preflight").data["lines"]}
        assert (lines["nginx"]["status"], lines["nginx"]["found"]) == ("passed", "tested")
    finally:
        path.write_text(whole)


def lines_of(host: World) -> dict[str, tuple[str, str]]:
    return {one["name"]: (one["status"], one["found"]) for one in host.run("preflight").data["lines"]}


@pytest.mark.parametrize(("path", "status"), [("/health", "passed"), ("/", "failed"), ("//?up=1", "failed")])
def test_the_home_page_is_no_health_document(host: World, path: str, status: str) -> None:
    settings = replace(host.settings, front=Front(url=f"http://127.0.0.1:{host.front}{path}"))
    line = preflight.front(Machine(settings, who="test"))
    assert (line.name, line.status) == ("front", status)
    assert ("users" in line.found) == (status == "failed")
    assert lines_of(host)["front"] == ("passed", "looks at /health")


@pytest.mark.parametrize("document", ["live", pytest.param("ready", marks=pytest.mark.long)])
def test_a_health_document_that_names_no_release_is_found_before_anything(host: World, document: str) -> None:
    assert lines_of(host)["health-document"] == ("passed", f"names {OLD[:12]}")
    path = "/health/live" if document == "live" else "/health"
    host.fault(OLD, unnamed=path, ready=503)
    found = f"{path} of blue names no release (status {200 if document == 'live' else 503})"
    assert lines_of(host)["health-document"] == ("failed", found)
    host.fault(OLD, release=NEW)
    found = f"/health/live of blue names {NEW[:12]}, not {OLD[:12]} (status 200)"
    assert lines_of(host)["health-document"] == ("failed", found)
    host.fault(OLD, ready=503)
    assert lines_of(host)["health-document"][0] == "passed", "ill, but named"


def test_a_dead_live_slot_keeps_nobody_from_deploying_the_cure(host: World) -> None:
    host.kill_app("blue")
    status, found = lines_of(host)["health-document"]
    assert (status, found.partition(" (")[0]) == ("skipped", "/health/live of blue does not answer")


def test_an_old_port_in_nginx_is_found_before_anything(host: World) -> None:
    before, after = host.ports["green"], lasting_port()
    host.configure(slots={"green": after})
    try:
        told = f"upstream shop_green goes to 127.0.0.1:{before}, its slot is to listen on 127.0.0.1:{after}"
        assert lines_of(host)["nginx"] == ("failed", told)
        assert host.good("nginx", "write")["written"] == ["http.conf"]
        assert lines_of(host)["nginx"] == ("passed", "tested")
    finally:
        host.configure()
        host.good("nginx", "write")
    host.live(OLD, "blue")


def test_an_upload_that_began_before_the_switch_finds_its_slot(host: World) -> None:
    """nginx chose the slot when the headers came; it connects when the body is whole."""
    host.configure(limits={"drain": 300})
    host.good("prepare", NEW)
    answer = b""
    with socket.create_connection(("127.0.0.1", host.front), 60) as upload:
        upload.sendall(b"POST /orders HTTP/1.0\r\nHost: shop\r\nContent-Length: 4\r\n\r\nab")
        wait_for_reading(host)
        host.good("switch", NEW, *WITHIN)
        host.good("confirm", NEW)

        class Waiting(Clock):
            def sleep(self, seconds: float) -> None:
                nonlocal answer
                assert 0 < seconds <= 300
                upload.sendall(b"cd")  # in the time that the old slot is left
                answer = b"".join(iter(lambda: upload.recv(4096), b""))

        stop_idle(Machine(host.settings, Waiting(), "test"), token="")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b'"slot": "blue"' in answer


def wait_for_reading(host: World) -> None:
    """Until nginx has answered something newer than what was sent before."""
    for _ in range(3):
        assert not front_look(host.settings.front, host.settings.health).trouble("blue", OLD)


def test_a_preparation_does_not_stop_a_slot_that_is_still_talked_to(host: World) -> None:
    deploy(host, NEW)
    seen: list[str] = []

    def slow() -> None:
        import urllib.request

        port = host.ports["blue"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/slow?s=1", timeout=60) as answer:
            seen.append(json.load(answer)["slot"])

    thread = threading.Thread(target=slow)
    host.configure(limits={"drain-most": 60})
    thread.start()
    until = time.monotonic() + 60
    while not established(host.ports["blue"]):
        assert time.monotonic() < until
    host.good("prepare", THIRD)
    thread.join()
    assert seen == ["blue"]
