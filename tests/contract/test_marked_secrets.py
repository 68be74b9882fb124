"""Secrets stay where they are: marked ones stand in every place that these checks read, and nowhere that they write.

Searched are what a check prints, the runner's files, the report in every format, what it caches, every command line of
the machine while it runs, and every file that it leaves, or has for a while, in the folders for temporary ones.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pairs
import pytest
import yaml
from marked import ADDRESS, MARK, MARKS, PASSWORD, Stage
from pairs import SETTINGS, Pair
from support import Repository

from deploy_gate.result import CouldNotTell


@pytest.fixture
def staged(repository: Repository) -> Iterator[Stage]:
    with tempfile.TemporaryDirectory(prefix="marked-") as folder:
        # No mark is a variable of the runner's: those are masked wherever they are written, and a leak would not show.
        yield Stage(repository, Path(folder), {})


@pytest.fixture(scope="module")
def two_machines() -> Iterator[Pair]:
    try:
        with pairs.running() as found:
            yield found
    except CouldNotTell as fault:
        pytest.skip(f"no server: {fault.found}; {fault.fix}")


def test_history(staged: Stage) -> None:
    shop = staged.repository
    shop.write("bot.env", f"TELEGRAM={MARK}\nDATABASE_URL={ADDRESS}\n")
    shop.commit(f"the bot is {MARK}")
    shop.git("rm", "-q", "bot.env")
    shop.commit("away with it")
    shop.git("tag", "-a", "v1", "-m", ADDRESS)
    shop.git("remote", "add", "origin", f"https://ada:{PASSWORD}@git.example/shop.git")
    item = {"section": "all", "title": "T", "check": "secrets-in-history", "phases": ["verify"]}
    item["with"] = {"cache": str(staged.folder / "seen.json")}  # type: ignore[assignment]
    whole = {"version": 1, "sections": {"all": {"part": "P", "title": "S"}}, "items": {"git-secrets": item}}
    shop.write("checklist.yml", yaml.safe_dump(whole, sort_keys=False))
    report = staged.folder / "report"
    code, said = staged.run("gate", "--phase", "verify", "--report", str(report))
    assert (code, "telegram-token" in said) == (1, True), said
    names = {"report.json", "summary.md", "report.html", "junit.xml", "report.sarif"}
    assert names <= {path.name for path in report.iterdir()}
    assert "bot.env" in (report / "report.sarif").read_text()
    assert (staged.folder / "seen.json").is_file()


def test_parity_and_validity_of_settings(staged: Stage, two_machines: Pair) -> None:
    for machine in (two_machines.production, two_machines.staging):
        machine.reset()
        # A program that tells secrets, on its way or as it fails.
        machine.program("nginx", f"echo '{MARK} nginx/1.22.1 configure arguments: --with-{PASSWORD}'; exit 1")
        machine.program("crontab", f"echo '* * * * * backup --token {MARK}'")
    two_machines.production.env_file.write_text(f"{SETTINGS}DATABASE_URL={ADDRESS}\nPORT={PASSWORD}\n")
    two_machines.staging.env_file.write_text(f"{SETTINGS}DATABASE_URL={ADDRESS}x\nTOKEN={MARK}\n")
    staged.environment |= two_machines.keys
    inputs = [word for name, value in two_machines.inputs.items() for word in (f"--{name.replace('_', '-')}", value)]
    families = ("--families", "redis,nginx,cron,settings")
    code, said = staged.run("check", "config-parity", *inputs, *families)
    for words in ("settings.TOKEN only on staging", "values.DATABASE_URL differs", "not read: nginx on production"):
        assert (code, words in said) == (1, True), said
    key = two_machines.production.door.key.splitlines()[2]
    assert key not in said

    door = two_machines.production.door
    login = ("--host", door.host, "--host-keys", door.pins, "--env-files", str(two_machines.production.env_file))
    staged.repository.write(
        "settings.json",
        '{"options": {"sensitive": false, "delimiter": "", "ignore_empty": false, "none": null}, "fields": ['
        '{"names": ["port"], "above": [], "required": true, "shape": {"type": "integer"}},'
        '{"names": ["database_url"], "above": [], "required": true, "shape": {"type": "string", "pattern": "^x"}}]}',
    )
    code, said = staged.run("check", "env-valid", *login, "--schema", "settings.json")
    assert (code, "PORT is not a whole number" in said) == (1, True), said
    # A line that is none, in the middle of a secret.
    two_machines.production.env_file.write_text(f"A=1\n{MARK} {ADDRESS}\n")
    code, said = staged.run("check", "env-valid", *login, "--schema", "settings.json")
    assert (code, "line 2 is not NAME=value" in said) == (3, True), said
    # What breaks there, with a traceback that quotes the secret.
    two_machines.production.program("python3", f"cat > /dev/null; echo 'ValueError: {MARK} {ADDRESS}' >&2; exit 1")
    code, said = staged.run("check", "env-valid", *login, "--schema", "settings.json")
    assert (code, "ValueError" in said) == (3, True), said


def test_the_settings_class_sees_no_secret(staged: Stage) -> None:
    """It is the repository's code: whatever it prints or raises can hold none, since it is handed none."""
    staged.environment |= {"DATABASE_URL": ADDRESS, "TELEGRAM_BOT_TOKEN": MARK}
    look = "import os\nsaid = str(dict(os.environ))\nopen('seen', 'w').write(said)\nprint(said)\nraise RuntimeError(said)\n"
    staged.repository.write("shop.py", look)
    words = ("--model", "shop:Settings", "--file", "out.json", "--python", pairs.interpreter())
    code, said = staged.run("do", "settings-schema", *words)
    assert (code, "RuntimeError" in said) == (3, True), said
    seen = (staged.repository.path / "seen").read_bytes()
    assert (b"PATH" in seen, [one for one in MARKS if one in seen]) == (True, [])
