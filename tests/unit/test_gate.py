"""The gate as a user meets it on the command line: wrong input, could not tell, secrets, reports."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import Actions, Repository

from deploy_gate import catalog, cli
from deploy_gate.commands import gate_command, plan_command, single

ITEM = {"section": "quality", "title": "T", "phases": ["verify"]}


class Gate:
    """Runs commands in a repository with made-up checks."""

    def __init__(self, repository: Repository, actions: Actions, capsys: pytest.CaptureFixture[str]) -> None:
        self.repository, self.actions, self.capsys = repository, actions, capsys

    def checklist(self, items: dict[str, Any], **more: Any) -> None:
        lines = {name: ITEM | item for name, item in items.items()}
        sections = {"quality": {"part": "Before", "title": "Quality"}}
        whole = {"version": 1, "sections": sections, "items": lines, **more}
        self.repository.write("checklist.yml", yaml.safe_dump(json.loads(json.dumps(whole)), sort_keys=False))

    def run(self, *argv: str) -> tuple[int, str, str]:
        code = cli.main(list(argv))
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def verify(self, *argv: str) -> tuple[int, str, str]:
        return self.run("gate", "--phase", "verify", *argv)


@pytest.fixture
def gate(
    repository: Repository, actions: Actions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Gate:
    """A gate whose catalog is the made-up folder."""
    for module in (gate_command, single, plan_command):
        if hasattr(module, "Catalog"):
            monkeypatch.setattr(module, "Catalog", lambda: actions.catalog)
    monkeypatch.setattr(catalog, "ACTIONS", actions.root)
    repository.commit()
    actions.add("fine", "return passed('all 3 are well')")
    actions.add("broken", "return failed('47 min, the limit is 30 min', 'run the backup')")
    actions.add("lost", "raise CouldNotTell('no answer', 'start it')")
    return Gate(repository, actions, capsys)


def test_go_no_go_and_could_not_tell(gate: Gate) -> None:
    gate.checklist({"a": {"check": "fine"}, "b": {"check": "broken"}, "c": {"check": "lost"}})
    code, out, _ = gate.verify()
    assert code == 1
    assert "failed   b  47 min, the limit is 30 min → run the backup" in out
    assert "b failed: 47 min, the limit is 30 min" in out.splitlines()[-2]
    assert gate.verify("--only", "a", "c")[0] == 3
    assert gate.verify("--only", "a")[0] == 0


def test_what_sends_attacks_meets_no_other_check(gate: Gate, tmp_path: Path) -> None:
    log = str(tmp_path / "log")
    body = f"""
        with open({log!r}, 'a') as lines:
            print('NAME begins', file=lines, flush=True)
            DO
            print('NAME ends', file=lines, flush=True)
        return passed('done')
    """
    gate.actions.add("burst", body.replace("NAME", "burst").replace("DO", "pass"), about="rude=2")
    gate.actions.add("tokens", body.replace("NAME", "tokens").replace("DO", "pass"), about="rude=1")
    gate.actions.add("shop", body.replace("NAME", "shop").replace("DO", "time.sleep(0.3)"))
    gate.checklist({"a": {"check": "burst"}, "b": {"check": "tokens"}, "c": {"check": "shop"}})
    code, out, _ = gate.verify("--jobs", "3")
    assert code == 0, out
    told = [f"{name} {what}" for name in ("shop", "tokens", "burst") for what in ("begins", "ends")]
    assert Path(log).read_text().splitlines() == told


def test_help_names_every_check(gate: Gate) -> None:
    code, out, err = gate.run("check", "--help")
    assert (code, err) == (0, "")
    assert {"broken", "fine"} <= set(out.split())
    assert "usage: python3 scripts check NAME" in out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["gate"], "input 'phase' is required"),
        (["gate", "--phase", "verfy"], "did you mean 'verify'?"),
        (["gate", "--phse", "verify"], "unknown argument '--phse'; did you mean '--phase'?"),
        (["gate", "--phase", "verify", "--checklist", "nowhere.yml"], "nowhere.yml: cannot be read: No such file"),
        (["gate", "--phase", "verify", "--checklist", "."], ".: is not a regular file"),
        (["gate", "--phase", "verify", "--jobs", "many"], "input 'jobs' is 'many', expected a whole number"),
        (["gate", "--phase", "verify", "--jobs", "-3"], "input 'jobs' is -3, expected 0 or more"),
        (["gaet"], "there is no command 'gaet'; did you mean 'gate'?"),
        (["check"], "check needs a name"),
        (["check", "brokn"], "there is no 'brokn'; did you mean 'broken'?"),
        (["do", "fine"], "'fine' is a check: use `check fine`"),
        (["plan", "--phase", "x"], "expected one of pull-request"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(gate: Gate, argv: list[str], message: str) -> None:
    gate.checklist({"a": {"check": "fine"}})
    code, out, err = gate.run(*argv)
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "checklist.yml: is empty"),
        (b"# only a comment\n", "checklist.yml: is empty"),
        (b"- a\n- b\n", "checklist.yml:1: is not a mapping"),
        (b"version: 1\nitems: {a: \xff}\n", "checklist.yml:2: is not UTF-8"),
        (b"version: 1\nversion: 1\n", "checklist.yml:2: has the key 'version' twice (first on line 1)"),
        (b"a: &x 1\n", "checklist.yml:1: uses the anchor &x"),
        (b"a: !!python/object:os.system 1\n", "uses the tag"),
        (b"version: 1\n" + b"# x\n" * 300_000, "is larger than 1024 KiB"),
        (b"version: [1\n", "is not YAML"),
        (b"version: 1\nsectons: {}\n", "unknown key 'sectons' in the file; did you mean 'sections'?"),
    ],
)
def test_a_wrong_file_is_told_with_its_line(gate: Gate, raw: bytes, message: str) -> None:
    Path("checklist.yml").write_bytes(raw)
    code, _, err = gate.verify()
    assert code == 2
    assert message in err


def test_a_crash_a_hang_and_a_flood_are_errors_of_their_items(gate: Gate) -> None:
    gate.actions.add("crash", "os._exit(9)")
    gate.actions.add("hang", "time.sleep(600)")
    gate.actions.add("flood", "return passed(subprocess.run(['yes'], stdout=subprocess.PIPE).stdout.decode())")
    from_tool = "from deploy_gate.process import run\nreturn passed(run(['yes'], timeout=60, limit=1024).out)"
    gate.actions.add("loud", from_tool)
    items = {name: {"check": name, "timeout": "2s"} for name in ("crash", "hang", "loud")}
    gate.checklist({**items, "fine": {"check": "fine"}})
    code, out, _ = gate.verify()
    assert code == 3
    assert "error    crash  the check ended without an answer (exit code 9)" in out
    assert "error    hang   did not end within 2 s" in out
    assert "error    loud   yes printed more than" in out
    assert "passed   fine" in out


def test_secrets_appear_nowhere(gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    body = "secret = os.environ['SHOP_TOKEN']\n"
    body += "return failed(f'token {secret}', f'drop {secret}', evidence=[{'message': secret, 'path': secret}], measured=secret)"
    gate.actions.add("leaky", body)
    module = gate.actions.root / "leaky" / "leaky.py"
    module.write_text(module.read_text() + "\nABOUT = About(secrets=('SHOP_TOKEN',))\n")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    gate.checklist({"leaky": {"check": "leaky"}})
    code, out, err = gate.verify("--report", str(tmp_path / "report"))
    assert code == 1
    written = [path.read_text() for path in (*tmp_path.glob("GITHUB_*"), *(tmp_path / "report").iterdir())]
    assert len(written) > 6
    assert "hunter2" not in "".join([out, err, *written])
    assert "token \\*\\*\\*" in (tmp_path / "GITHUB_STEP_SUMMARY").read_text()
    code, out, _ = gate.run("check", "leaky", "--json")
    assert "hunter2" not in out


def test_a_check_sees_its_secrets_and_no_others(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.actions.add("looks", "return passed(repr(sorted(n for n in os.environ if n.endswith('_TOKEN'))))")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("OTHER_TOKEN", "hunter3hunter3")
    gate.checklist({"a": {"check": "looks", "secrets": ["SHOP_TOKEN"]}, "b": {"check": "looks"}})
    _, out, _ = gate.verify()
    assert "a  ['SHOP_TOKEN']" in out
    assert "b  []" in out


def test_a_check_sees_the_variable_that_an_input_names(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "return passed(f'{url_variable}: {os.environ.get(url_variable)} {sorted(n for n in os.environ if n.endswith(\"_LINK\"))}')"
    manifest = "{url-variable: {description: A name, required: true}}"
    gate.actions.add("asks", body, manifest, "url_variable: Variable")
    monkeypatch.setenv("STAGING_LINK", "hunter2hunter2")
    monkeypatch.setenv("OTHER_LINK", "hunter3hunter3")
    item = {"check": "asks", "with": {"url-variable": "STAGING_LINK"}}
    gate.checklist({"a": item, "b": {**item, "runs-code": True}})
    _, out, _ = gate.verify()
    assert "a  STAGING_LINK: *** ['STAGING_LINK']" in out
    assert "b  STAGING_LINK: None []" in out
    code, out, _ = gate.run("check", "asks", "--url-variable", "STAGING_LINK")
    assert (code, "STAGING_LINK: *** ['STAGING_LINK']" in out) == (0, True)
    code, out, err = gate.run("check", "asks", "--url-variable", "postgresql://ada:hunter2@db/shop")
    assert code == 2
    assert "hunter2" not in out + err


@pytest.fixture
def mixed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """A job that holds a secret and would run repository code."""
    gate.actions.add("looks", "return passed(repr(sorted(n for n in os.environ if n.endswith('_TOKEN'))))")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    items = {"code": {"check": "looks", "runs-code": True, "secrets": ["SHOP_TOKEN"]}, "fine": {"check": "fine"}}
    gate.checklist(items, environments={"production": {"protected": True}, "staging": {"branch": "develop"}})
    return gate


def test_code_and_secrets_are_refused_where_it_matters(mixed: Gate) -> None:
    code, out, err = mixed.verify("--environment", "production")
    assert code == 2
    assert "production is protected, and code would run the repository's code in a job that holds SHOP_TOKEN" in err
    assert "`code: only`" in err
    assert out == ""
    for more in (["--mixed", "accept"], ["--code", "without"]):
        assert mixed.verify("--environment", "production", *more)[0] == 0


def test_code_and_secrets_are_reported_elsewhere_and_code_sees_none(mixed: Gate) -> None:
    code, out, _ = mixed.verify("--environment", "staging")
    assert code == 0
    assert "note: code ran the repository's code in a job that holds SHOP_TOKEN" in out
    assert "code  []" in out


def test_left_to_another_job_is_said(mixed: Gate) -> None:
    _, out, _ = mixed.verify("--environment", "production", "--code", "without")
    assert "note: left to another job: 1 item of this phase" in out


def test_half_of_a_phase_may_be_empty_when_the_other_half_is_not(gate: Gate) -> None:
    away = {"check": "fine", "runs-code": True, "not-applicable": "no Python here"}
    gate.checklist({"a": away, "b": {"check": "fine"}})
    assert gate.verify("--code", "only")[0] == 0
    assert gate.verify("--code", "without")[0] == 0
    gate.checklist({"a": away, "b": {"check": "fine", "not-applicable": "not here either"}})
    assert gate.verify("--code", "only")[0] == 3
    assert gate.verify("--code", "without")[0] == 3


def test_nothing_looked_at_is_not_a_go(gate: Gate) -> None:
    gate.checklist({"a": {"check": "to-come", "planned": True}})
    code, out, _ = gate.verify()
    assert code == 3
    assert "nothing was looked at" in out


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc/self").exists(), reason="needs /proc")
def test_a_summary_that_cannot_be_written_is_no_green_step(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.checklist({"a": {"check": "fine"}})
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/proc/version")
    code, out, err = gate.verify()
    assert code == 3
    assert "GITHUB_STEP_SUMMARY cannot be written" in err
    assert "passed   a" in out


def test_a_report_folder_that_cannot_be_made(gate: Gate) -> None:
    gate.checklist({"a": {"check": "fine"}, "b": {"check": "broken"}})
    Path("taken").write_text("")
    assert gate.verify("--report", "taken/report", "--only", "a")[0] == 3
    assert gate.verify("--report", "taken/report")[0] == 1


def test_inputs_of_the_action_and_of_the_command_line_meet(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.actions.add("echo", "return passed(text)", "{text: {description: t, default: from the manifest}}", "text: str")
    assert "from the manifest" in gate.run("check", "echo")[1]
    monkeypatch.setenv("DEPLOY_GATE_INPUTS", '{"text": "from the action"}')
    assert "from the action" in gate.run("check", "echo")[1]
    assert "from the command line" in gate.run("check", "echo", "--text", "from the command line")[1]
    assert "as a pair" in gate.run("check", "echo", "--input", "text=as a pair")[1]
    assert gate.run("check", "echo", "--input", "text")[0] == 2
    assert "did you mean 'text'?" in gate.run("check", "echo", "--input", "txet=x")[2]
    monkeypatch.setenv("DEPLOY_GATE_INPUTS", "not json")
    assert gate.run("check", "echo")[0] == 2


def test_check_json_is_one_item_of_the_report(gate: Gate) -> None:
    code, out, _ = gate.run("check", "broken", "--json")
    found = json.loads(out)
    assert code == 1
    assert found["id"] == found["check"] == "broken"
    assert found["section"] is None
    assert (found["status"], found["severity"]) == ("failed", "block")
    assert set(found) == {
        *(
            "id",
            "section",
            "title",
            "check",
            "severity",
            "status",
            "found",
            "fix",
            "target",
            "measured",
            "evidence",
            "seconds",
        ),
    }


def test_plan_runs_nothing_and_shows_what_is_not_set_up(gate: Gate, tmp_path: Path) -> None:
    gate.actions.add(
        "touch",
        f"Path({str(tmp_path / 'ran')!r}).write_text('')",
        "{url: {description: u, required: true}}",
        "url: str",
    )
    gate.checklist({"a": {"check": "touch", "with": {"url": "${url}"}}, "b": {"check": "touch", "with": {"url": "x"}}})
    code, out, _ = gate.run("plan", "--phase", "verify")
    assert code == 0
    assert "run           b  touch url='x'" in out
    assert "to set up     a  not set up: url of the environment → name the environment" in out
    assert not (tmp_path / "ran").exists()
    assert json.loads(gate.run("plan", "--phase", "verify", "--json")[1])[0]["state"] == "to set up"


def test_a_trial_blocks_only_on_what_needs_no_set_up(gate: Gate) -> None:
    # The bundled checklist is bound against the real folders; nothing is run here.
    code, _, err = gate.run("gate", "--phase", "pre-deploy", "--environment", "production")
    assert code == 2
    assert "trial mode refuses 'production'" in err


def test_everything_declared_away_is_not_a_go(gate: Gate) -> None:
    gate.checklist({"a": {"check": "fine", "not-applicable": "not here"}})
    code, out, _ = gate.verify()
    assert code == 3
    assert "0 of 1 measured" in out


def test_a_condition_that_does_not_hold_was_looked_at(gate: Gate) -> None:
    gate.checklist({"a": {"check": "fine", "when": {"exists": ["compose.yaml"]}}})
    assert gate.verify()[0] == 0


def test_a_cancelled_run_is_never_green(gate: Gate) -> None:
    gate.actions.add("cancels", f"os.kill({os.getpid()}, signal.SIGTERM)\nsignal.pause()\nreturn passed('never')")
    gate.checklist({"a": {"check": "cancels", "severity": "warn"}, "b": {"check": "fine", "severity": "warn"}})
    code, out, _ = gate.verify("--jobs", "1")
    assert code == 3
    assert "cancelled (SIGTERM) before everything was looked at" in out


@pytest.mark.parametrize(
    "name", ["PGPASSWORD", "MYSQL_PWD", "REDISCLI_AUTH", "STRIPE_KEY", "GH_PAT", "DB_PASS", "X_CREDS"]
)
def test_telling_names_count_as_secrets(mixed: Gate, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("SHOP_TOKEN")
    monkeypatch.setenv(name, "hunter2hunter2")
    code, _, err = mixed.verify("--environment", "production")
    assert code == 2
    assert name in err


def test_a_run_that_names_no_environment_is_as_strict_as_the_strictest(mixed: Gate) -> None:
    code, _, err = mixed.verify()
    assert code == 2
    assert "name it: `environment:`" in err


def test_a_secret_cannot_be_handed_to_code_by_name(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.actions.add("tests", "return passed('ran')", "{env: {description: e}}", "env: list[str]")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:throw-away@127.0.0.1/test")
    item = {"check": "tests", "runs-code": True, "with": {"env": ["SHOP_TOKEN", "DATABASE_URL"]}}
    gate.checklist({"a": item}, environments={"production": {"protected": True}, "staging": {}})
    code, _, err = gate.verify("--environment", "production")
    assert code == 2
    assert "DATABASE_URL, SHOP_TOKEN" in err
    code, out, _ = gate.verify("--environment", "staging")
    assert code == 0
    assert "note: a ran the repository's code in a job that holds SHOP_TOKEN;" in out


@pytest.mark.parametrize("word", ["passed", "found", "status", "seconds", "error"])
def test_a_weak_secret_does_not_break_the_report(gate: Gate, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.setenv("DB_PASSWORD", word)
    gate.checklist({"a": {"check": "fine"}})
    assert gate.verify()[0] == 0


def test_a_secret_is_masked_before_a_text_is_shortened(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.actions.add("long", "return failed('x' * 590 + ' ' + os.environ['SHOP_TOKEN'], 'mend it')")
    monkeypatch.setenv("SHOP_TOKEN", "hunter2hunter2hunter2")
    gate.checklist({"a": {"check": "long", "secrets": ["SHOP_TOKEN"]}})
    assert "hunter2" not in gate.verify()[1]


def test_a_password_with_odd_signs_inside_a_url_is_masked(gate: Gate) -> None:
    gate.actions.add("url", "return failed('postgres://u:p@ss/w0rd@db is down', 'start it')")
    gate.checklist({"a": {"check": "url"}})
    assert "postgres://u:***@db is down" in gate.verify()[1]


def test_no_line_of_the_log_is_a_command_of_the_runner(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hostile = "x ##[add-mask]no-go"
    evidence = [{"path": "::stop-commands::x", "message": "m\n::error::y\r::error::z"}, {"message": hostile}]
    gate.actions.add("log", f"return failed({hostile!r}, 'mend', evidence={evidence!r})")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path))
    for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.setenv(name, str(tmp_path / name))
    sections = {"quality": {"part": "Before", "title": "Q\n::error::t\x1b[31m"}}
    gate.checklist({"a": {"check": "log"}}, sections=sections)
    _, out, err = gate.verify()
    for printed in (out, err):
        commands = [text for text in printed.replace("\r", "\n").split("\n") if text.lstrip().startswith("::")]
        assert all(text.startswith("::error title=T") for text in commands), commands
        assert "##[" not in "\n".join(text for text in printed.split("\n") if not text.startswith("::"))
        assert "\x1b" not in printed


def test_a_failed_summary_is_told_in_the_outputs_too(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gate.checklist({"a": {"check": "fine"}})
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/proc/version")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    assert gate.verify("--report", str(tmp_path / "report"))[0] == 3
    assert "\ncould-not-tell\n" in (tmp_path / "outputs").read_text()
    assert json.loads((tmp_path / "report" / "report.json").read_text())["verdict"] == "could-not-tell"


def test_a_report_is_whole_or_not_there(gate: Gate, tmp_path: Path) -> None:
    gate.checklist({"a": {"check": "fine"}})
    (tmp_path / "report" / "junit.xml").mkdir(parents=True)
    code, _, err = gate.verify("--report", str(tmp_path / "report"))
    assert code == 3
    assert "junit.xml: a folder of that name is in the way" in err
    assert [path.name for path in (tmp_path / "report").iterdir()] == ["junit.xml"]


def test_an_older_report_does_not_survive_a_mistake(gate: Gate) -> None:
    Path("report").mkdir()
    Path("report/report.json").write_text('{"verdict": "go"}')
    gate.checklist({"a": {"check": "fien"}})
    assert gate.verify("--report", "report")[0] == 2
    assert not Path("report/report.json").exists()


def test_a_report_folder_that_is_a_link_is_refused(gate: Gate, tmp_path: Path) -> None:
    gate.checklist({"a": {"check": "fine"}})
    Path("report").symlink_to(tmp_path)
    code, _, err = gate.verify("--report", "report")
    assert code == 3
    assert "is a link" in err


def test_what_nobody_foresaw_is_could_not_tell(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    gate.checklist({"a": {"check": "fine"}})

    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr("deploy_gate.engine.gate.run", breaks)
    code, out, err = gate.verify()
    assert code == 3
    assert "RuntimeError: nobody thought of this" in err
    assert "Traceback" not in out + err
    assert err.count("\n") == 2


@pytest.mark.parametrize("name", ["checklist.yaml", ".github/checklist.yaml"])
def test_a_misspelt_file_name_is_not_a_trial(gate: Gate, name: str) -> None:
    gate.repository.write(name, "version: 1")
    code, _, err = gate.verify()
    assert code == 2
    assert f"rename it to {name.replace('.yaml', '.yml')}" in err


def test_a_link_that_leads_nowhere_is_not_a_trial(gate: Gate) -> None:
    Path("checklist.yml").symlink_to("nowhere.yml")
    assert gate.verify()[0] == 2


def test_a_pipe_is_not_a_checklist(gate: Gate) -> None:
    os.mkfifo("pipe.yml")
    code, _, err = gate.verify("--checklist", "pipe.yml")
    assert code == 2
    assert "is not a regular file" in err


def test_a_planned_line_is_pending_whatever_its_waiver(gate: Gate) -> None:
    waiver = {"why": "w", "by": "a", "until": "2020-01-01"}
    gate.checklist({"a": {"check": "to-come", "planned": True, "waived": waiver}, "b": {"check": "fine"}})
    code, out, _ = gate.verify()
    assert code == 0
    assert "not built yet (1): a" in out
