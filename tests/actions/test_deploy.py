"""Deployments over real ssh, to real nginx and two slots; what goes wrong leaves production on a good release."""

from __future__ import annotations

import json
import os
import shlex
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from fleet import NEW, OLD, Fleet, let_pass, wait_for, wait_until
from processes import children
from slots.test_rollback import wait_for_step
from slots.world import World

from deploy_gate.catalog import Catalog
from deploy_gate.inputs import bind
from deploy_gate.result import CouldNotTell, FellBack, Result, Status
from deploy_gate.rollout import deployment, lease, prepare
from deploy_gate.rollout.servers import Login
from deploy_gate.rollout.servers import servers as connected
from deploy_gate.ssh.client import Connection
from deploy_gate.ssh.hostprogram import Answer, HostProgram
from host.state import CONFIRM, PROVING

THIRD = "c" * 40


# --- it goes in


def test_a_good_release_goes_in(servers: Fleet) -> None:
    told = servers.deploy(smoke="/health\n/orders", smoke_command="sh -c 'test {slot} = green && test {port} -gt 0'")
    assert (told.code, told.data["status"]) == (0, "passed"), told
    assert told.found.startswith(f"{NEW[:12]} is live on 1 server, watched for 0.5 s, confirmed; ")
    servers.live((NEW, "green"))
    entries = servers.hosts[0].machine.journal.tail(30)
    assert next(one for one in entries if one.get("step") == "confirm")["by"] == "ada (run 7)"
    again = servers.deploy()
    assert (again.code, again.found) == (0, f"{NEW[:12]} is live on 1 server already, and confirmed")


def test_two_servers_go_together(servers: Fleet, tmp_path: Any) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"release": NEW, "revisions": ["r1"], "expand": ["r1"]}))
    told = servers.deploy("", 2, manifest=str(manifest))
    assert told.code == 0, told
    servers.live((NEW, "green"), (NEW, "green"))


@pytest.mark.long
def test_a_group_is_switched_at_once_and_left_for_somebody_else_to_confirm(servers: Fleet) -> None:
    told = servers.deploy(NEW, 2, at_once="2", confirm="false")
    assert (told.code, told.data["measured"]) == (0, "switched"), told
    assert told.found == (
        f"{NEW[:12]} is live on 2 servers, watched for 0.5 s; confirm it within 240 s, else they go back by themselves"
    )
    servers.live((NEW, "green"), (NEW, "green"))
    assert {host.machine.load().watch.phase for host in servers.hosts} == {CONFIRM}  # type: ignore[union-attr]
    # Asked again, it still does not say that it is good.
    again = servers.deploy(NEW, 2, confirm="false")
    assert (again.code, again.found) == (0, f"{NEW[:12]} is live on 2 servers already")
    assert {host.machine.load().watch.phase for host in servers.hosts} == {CONFIRM}  # type: ignore[union-attr]


@pytest.mark.long
def test_images_are_streamed_to_the_hosts_own_command(servers: Fleet, tmp_path: Any) -> None:
    archive = tmp_path / "images.tar"
    archive.write_bytes(bytes(range(256)) * 20_000)
    host = servers.hosts[0]
    host.configure(commands={"receive": ["sh", "-c", f"cat > {host.work}/arrived"]})
    # The program is not there yet: what was read of the file for nothing is read again.
    for path in (host.work / ".deploy-gate").glob("slots-*"):
        path.unlink()
    told = servers.deploy(archive=str(archive))
    assert told.code == 0, told
    assert (host.work / "arrived").read_bytes() == archive.read_bytes()
    servers.live((NEW, "green"))


# --- it does not, and nothing was switched


@pytest.mark.parametrize(
    ("fault", "more", "found"),
    [
        ({"crash": True}, {}, "prepare on {}: bbbbbbbbbbbb did not come up in green within "),
        pytest.param({"release": OLD}, {}, "prepare on {}: bbbbbbbbbbbb did not come up", marks=pytest.mark.long),
        ({"ready": 503}, {}, "migrate on {}: green is alive, but not ready after the migration: "),
        (
            {"status": 500},
            {"smoke": "/orders"},
            "smoke on {}: the idle slot (green) fails its smoke check: /orders: HTTP 500",
        ),
        (
            {},
            {"smoke_command": "sh -c 'echo no order; exit 3'"},
            "smoke on {}: the idle slot (green) fails its smoke check: sh",
        ),
    ],
)
def test_a_bad_release_is_not_switched_to(
    servers: Fleet, fault: dict[str, Any], more: dict[str, str], found: str
) -> None:
    servers.hosts[0].fault(NEW, **fault)
    if not more:  # it never comes up: that is waited for in vain
        servers.hosts[0].configure(limits={"ready": 1} if "ready" in fault else {"start": 2})
    told = servers.deploy(NEW, 1, **more)
    assert (told.code, told.data["status"]) == (1, "failed"), told
    assert told.found.startswith(found.format(servers.doors[0].host))
    assert told.found.endswith(("nothing was switched, production is served by the release before", "…"))
    servers.live((OLD, "blue"))


def test_what_preflight_finds_is_told(servers: Fleet) -> None:
    servers.hosts[0].configure(needs={"memory-mb": 10**6 * 9})
    told = servers.deploy()
    assert told.code == 1
    assert told.found.startswith(f"preflight on {servers.doors[0].host}: memory: ")
    assert told.data["fix"].startswith("stop what is not needed, or add memory")
    servers.live((OLD, "blue"))


def test_a_release_that_nobody_confirmed_yet_is_waited_for(servers: Fleet) -> None:
    assert servers.deploy(NEW, confirm="false").code == 0
    told = servers.deploy(THIRD)
    assert (told.code, f"{NEW[:12]} is not confirmed yet (confirm)" in told.found) == (1, True), told
    waiting = servers.popen("deploy", servers.inputs(release=THIRD, watch="500ms", confirm_within="40s", wait="1m"))
    assert waiting.stderr is not None
    line = next((one for one in waiting.stderr if "waiting for the confirm" in one), "")
    assert f"waiting for the confirm of {NEW[:12]} on {servers.doors[0].host}, at most 60 s" in line
    servers.hosts[0].good("confirm", NEW)
    told = servers.read(waiting)
    assert told.code == 0, told
    servers.live((THIRD, "blue"))


def test_somebody_elses_lease(servers: Fleet) -> None:
    servers.hosts[1].good("lease", "acquire", "--by", "grace", "--manual", "--reason", "disk change")
    told = servers.deploy(NEW, 2)
    assert (told.code, told.data["status"]) == (1, "failed")
    assert "grace holds this host until it is given back (disk change; no run)" in told.found
    assert servers.hosts[0].good("status")["lease"] is None
    servers.hosts[1].good("lease", "break", "--reason", "over")


def test_two_deployments_at_once(servers: Fleet) -> None:
    wait = "sh -c 'cd; touch waiting; until test -e go; do sleep 0.05; done'"
    first = servers.popen("deploy", servers.inputs(2, release=NEW, watch="500ms", smoke_command=wait))
    try:
        for host in servers.hosts:
            wait_until((host.work / "waiting").exists)
        second = servers.deploy(THIRD, 2)
        for host in servers.hosts:
            (host.work / "go").touch()
        told = servers.read(first)
    finally:
        first.kill()
        for host in servers.hosts:
            for name in ("go", "waiting"):
                (host.work / name).unlink(missing_ok=True)
    assert second.code == 1
    assert "ada (run 7) holds this host for" in second.found
    assert told.code == 0, told
    servers.live((NEW, "green"), (NEW, "green"))


# --- after the switch: back


def test_the_guard_takes_it_out_during_the_watch(servers: Fleet) -> None:
    child = servers.popen("deploy", servers.inputs(2, release=NEW, watch="2m", confirm_within="4m"))
    wait_for(servers.hosts[1], NEW, CONFIRM)
    servers.hosts[1].fault(NEW, ready=500, live=500)
    told = servers.read(child)
    assert (told.code, told.data["status"]) == (4, "failed"), told
    assert told.found.startswith(f"watch on {servers.doors[1].host}: it was taken out by guard: ")
    assert "; fell back: " in told.found
    servers.live((OLD, "blue"), (OLD, "blue"))


def ill(host: World) -> str:
    """A smoke check that makes the release ill on one of the servers, where from then on nobody waits for it long."""
    script = (
        f"cd; test $PWD != {host.work} || {{ echo '{{\"ready\": 503}}' > faults/{NEW}.json; "
        f"""sed -i 's/"ready": 60/"ready": 1/' slots.json; }}"""
    )
    return f"sh -c {shlex.quote(script)}"


def test_the_second_server_refuses_so_the_first_goes_back(servers: Fleet) -> None:
    # Between the smoke check and the switch, on the second server only.
    told = servers.deploy(NEW, 2, smoke_command=ill(servers.hosts[1]))
    assert told.code == 4, told
    assert told.found.startswith(f"switch on {servers.doors[1].host}: green is not ready for traffic: ")
    servers.live((OLD, "blue"), (OLD, "blue"))


@pytest.mark.long
def test_one_of_a_group_refuses_so_all_go_back(servers: Fleet) -> None:
    told = servers.deploy(NEW, 2, at_once="2", smoke_command=ill(servers.hosts[0]))
    assert told.code == 4, told
    assert told.found.startswith(f"switch on {servers.doors[0].host}: green is not ready for traffic: ")
    servers.live((OLD, "blue"), (OLD, "blue"))


def test_cancelled_after_the_switch(servers: Fleet) -> None:
    child = servers.popen("deploy", servers.inputs(release=NEW, watch="2m", confirm_within="4m"))
    wait_for(servers.hosts[0], NEW, CONFIRM)
    child.send_signal(signal.SIGINT)
    told = servers.read(child)
    assert (told.code, told.found.partition(";")[0]) == (4, "cancelled"), told
    servers.live((OLD, "blue"))


def test_cancelled_before_the_switch(servers: Fleet) -> None:
    for host in servers.hosts:
        host.configure(limits={"start": 240})
        host.fault(NEW, live=503)
    child = servers.popen("deploy", servers.inputs(2, release=NEW, watch="1s", confirm_within="4m"))
    for host in servers.hosts:
        wait_for_step(host, "start")
    child.send_signal(signal.SIGINT)
    told = servers.read(child)
    assert told.code == 1, told
    assert told.found == "cancelled; nothing was switched, production is served by the release before"
    for host in servers.hosts:
        host.fault(NEW)
        # What was under way on the server goes on there, or is undone by its guard.
        with host.machine.work.taken(120):
            pass
    servers.live((OLD, "blue"), (OLD, "blue"))


def test_a_runner_that_dies_is_not_needed(servers: Fleet) -> None:
    host = servers.hosts[0]
    child = servers.popen("deploy", servers.inputs(release=NEW, watch="2m", confirm_within="4m"))
    wait_for(host, NEW, CONFIRM)
    child.kill()
    child.communicate()
    let_pass(host, 240)
    wait_for(host, OLD)
    assert host.good("status")["front"]["trouble"] == ""
    left = host.good("status")["left"][-1]
    assert (left["release"], left["by"]) == (NEW, "guard")
    # What the run that died still held is void since the rollback.
    servers.live((OLD, "blue"))


def test_no_way_back_is_told_at_once(servers: Fleet) -> None:
    host = servers.hosts[0]
    child = servers.popen("deploy", servers.inputs(release=NEW, watch="2m", confirm_within="4m"))
    wait_for(host, NEW, CONFIRM)
    host.fault(OLD, crash=True)
    host.kill_app("blue")
    host.configure(limits={"start": 2})  # it never comes up: that is waited for in vain
    child.send_signal(signal.SIGINT)
    told = servers.read(child)
    assert told.code == 5, told
    assert told.found.startswith(
        f"cancelled; and not back: {servers.doors[0].host}: {OLD[:12]} does not come up in blue"
    )


# --- the connection is cut, before a command or after it, at every phase


CUTS = [("receive", "before"), ("lease", "before")]
CUTS += [("lease", "after")]
LONG = [pytest.param(word, "after", marks=pytest.mark.long) for word in ("receive", "prepare", "migrate")]


def commands_of(words: tuple[str, ...]) -> list[str]:
    """What one call asks for: a command, or several."""
    return [step[0] for step in json.loads(words[1])] if words[0] == "run" else [words[0]]


def cut(monkeypatch: pytest.MonkeyPatch, word: str, when: str) -> None:
    """Lose one command's connection: before it was sent, or its answer."""
    real: Callable[..., Answer] = HostProgram.run
    lost: list[str] = []

    def run(self: HostProgram, *words: str, **more: Any) -> Answer:
        if word in commands_of(words) and not lost:
            lost.append(word)
            if when == "after":
                real(self, *words, **more)
            raise CouldNotTell("it is not known how it ended: the connection was cut", "read the state back")
        return real(self, *words, **more)

    monkeypatch.setattr(HostProgram, "run", run)


def deployed(servers: Fleet, monkeypatch: pytest.MonkeyPatch) -> Result:
    """A deployment in this process."""
    monkeypatch.setenv("SSH_PRIVATE_KEY", servers.key)
    monkeypatch.setattr(deployment, "PAUSE", 0.05)
    login = {"host": [servers.doors[0].host], "host_keys": servers.doors[0].pins, "config": "slots.json"}
    given = {"manifest": "", "archive": "", "smoke": [], "smoke_command": "", "acknowledged": False}
    given |= {"environment": "", "checklist": None, "report": None}
    times = {"confirm_within": 240.0, "watch": 0.1, "guard_for": 60.0, "at_once": 1, "confirm": True, "wait": 0.0}
    function = Catalog().get("deploy").function
    return function(**login, python="python3", sudo=False, release=NEW, **given, **times)


def test_one_round_trip_a_phase(servers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    real, asked = Connection.run, []
    names: list[list[str]] = []
    run: Callable[..., Answer] = HostProgram.run

    def counted(self: Connection, argv: Any, **more: Any) -> Any:
        asked.append(argv)
        return real(self, argv, **more)

    def named(self: HostProgram, *words: str, **more: Any) -> Answer:
        names.append(commands_of(words))
        return run(self, *words, **more)

    monkeypatch.setenv("SSH_PRIVATE_KEY", servers.key)
    login = Login([servers.doors[0].host], servers.doors[0].pins, "slots.json", "python3", sudo=False)
    with connected(login) as where:
        where[0].run("status", "--quick")  # the program is there from now on
    monkeypatch.setattr(Connection, "run", counted)
    monkeypatch.setattr(HostProgram, "run", named)
    assert deployed(servers, monkeypatch).status is Status.PASSED
    phases = [one for one in names if one != ["status"]]  # the watch looks as often as it has time for
    assert phases == [
        ["status", "receive"], ["lease", "preflight"], ["prepare"], ["migrate", "status"], ["switch"],
        ["confirm", "lease"],
    ]  # fmt: skip
    assert len(asked) == len(names), "nothing else goes over the network"
    servers.live((NEW, "green"))


def test_a_manifest_that_is_too_long_for_a_command_goes_as_a_file(
    servers: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "LINE", 10)
    assert deployed(servers, monkeypatch).status is Status.PASSED
    servers.live((NEW, "green"))


def test_a_confirmed_release_stays_although_its_lease_cannot_be_given_back(
    servers: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run: Callable[..., Answer] = HostProgram.run

    def busy(self: HostProgram, *words: str, **more: Any) -> Answer:
        answer = run(self, *words, **more)
        if commands_of(words) != ["confirm", "lease"]:
            return answer
        steps = [*answer.data["steps"][:-1], {"command": "lease", "exit": 6}]
        return Answer(6, {**steps[-1], "steps": steps})

    monkeypatch.setattr(HostProgram, "run", busy)
    assert deployed(servers, monkeypatch).status is Status.PASSED
    servers.live((NEW, "green"))


@pytest.mark.parametrize(("word", "when"), [*CUTS, *LONG])
def test_a_connection_cut_before_the_switch(
    servers: Fleet, monkeypatch: pytest.MonkeyPatch, word: str, when: str
) -> None:
    cut(monkeypatch, word, when)
    result = deployed(servers, monkeypatch)
    assert result.status is Status.ERROR
    assert result.found.startswith(f"{word} on {servers.doors[0].host}: it is not known how it ended")
    assert result.found.endswith("nothing was switched, production is served by the release before")
    servers.live((OLD, "blue"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_cut_in_the_switch_leads_back(servers: Fleet, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    cut(monkeypatch, "switch", when)
    result = deployed(servers, monkeypatch)
    assert type(result) is FellBack
    servers.live((OLD, "blue"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_confirm_whose_answer_was_lost_is_asked_again(
    servers: Fleet, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    cut(monkeypatch, "confirm", when)
    assert deployed(servers, monkeypatch).status is Status.PASSED
    servers.live((NEW, "green"))


def test_the_ssh_server_dies_in_the_middle(servers: Fleet) -> None:
    told = servers.deploy(smoke_command="sh -c 'kill -9 $(ps -o ppid= -p $PPID)'")
    assert told.code == 3, told
    assert "it is not known how the command ended" in told.found
    servers.live((OLD, "blue"))


def ssh_of(pid: int) -> list[int]:
    return [child for child, name in children(pid) if name == "ssh"]


def test_the_connection_dies_while_the_switch_is_proven(servers: Fleet) -> None:
    host = servers.hosts[0]
    host.fault(NEW, delay=0.3)
    host.configure(front={"looks": 200})  # so that the proof takes a minute
    child = servers.popen("deploy", servers.inputs(release=NEW, watch="1s", confirm_within="4m"))
    wait_for(host, NEW, PROVING)
    # The client of the command before may still be ending; those of this one stay for a minute.
    wait_until(lambda: len(ssh_of(child.pid)) == 2)
    killed = ssh_of(child.pid)
    for pid in killed:
        with suppress(ProcessLookupError):  # without the master its client ends by itself
            os.kill(pid, signal.SIGKILL)
    assert len(killed) == 2, "the master, and the client of this command"
    host.fault(NEW)
    told = servers.read(child)
    assert told.code == 4, told
    assert told.found.startswith(f"switch on {servers.doors[0].host}: it is not known how the command ended")
    servers.live((OLD, "blue"))
    end_what_proves(host)


def end_what_proves(host: World) -> None:
    """The command that nobody waits for any more: the next test would wait until the time for its proof is over."""
    work = host.machine.work
    if not work.is_free():
        work._end(work.holder()[0])


def test_a_lease_is_kept_alive_and_given_back(servers: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_PRIVATE_KEY", servers.key)
    machine = servers.hosts[0].machine
    login = Login([servers.doors[0].host], servers.doors[0].pins, "slots.json", "python3", sudo=False)
    with connected(login) as where:
        with lease.held(where, "deploy", beat=0.05) as tokens:
            first = machine.load().lease
            assert first is not None
            assert list(tokens.values()) == [first.token]
            wait_until(lambda: machine.load().lease.deadline["boot"] > first.deadline["boot"])  # type: ignore[union-attr]
        assert machine.load().lease is None


# --- what is wrong before anything is connected to


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"release": "main"}, "input 'release' is 'main', expected forty hexadecimal digits"),
        ({"watch": "2m", "confirm_within": "2m"}, "input 'confirm-within' is 2 min, expected 2 min 30 s or more"),
        ({"at_once": "0"}, "input 'at-once' is 0, expected 1 or more"),
        ({"smoke": "orders"}, "input 'smoke' is 'orders', expected at most 20 paths that begin with /"),
        ({"smoke_command": "echo 'x"}, "input 'smoke-command' is 'echo 'x', whose quotes do not close"),
        ({"manifest": "/nowhere.json"}, "the file '/nowhere.json' is not there"),
        ({"host": "erp.example"}, "input 'host' is 'erp.example', expected user@name or user@name:port"),
        ({"config": "--help"}, "input 'config' is '--help', expected a path on the server"),
    ],
)
def test_mistakes_in_the_inputs(more: dict[str, str], said: str) -> None:
    capability = Catalog().get("deploy")
    texts = {"host": "deploy@erp.example", "host-keys": "x", "config": "/srv/slots.json", "release": NEW}
    texts |= {name.replace("_", "-"): value for name, value in more.items()}
    bound = bind(capability.manifest.inputs, capability.hints, texts)
    assert (bound.wrong, bound.missing) == ([], [])
    assert [text for text in capability.faults(bound.values) if said in text]
