"""config-parity on two real ssh servers: each difference by its name, no value, and nothing unread taken for equal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from pairs import PROGRAMS, SETTINGS, Pair

from deploy_gate.catalog import Catalog
from deploy_gate.facts import parity
from deploy_gate.facts.parity import FAMILIES, Difference, Side
from deploy_gate.problems import Misconfigured
from deploy_gate.result import Result, Status

Look = Callable[..., Result]
OWN = "values.SECRET_KEY: each side signs with its own"


@pytest.fixture
def look(ask: Callable[..., Result], pair: Pair) -> Look:
    return lambda **given: ask("config-parity", **{**pair.inputs, **given})


def told(result: Result) -> list[str]:
    return [str(one["message"]) for one in result.evidence if one.get("rule") == "differs"]


def test_two_that_are_alike(look: Look) -> None:
    result = look()
    assert (result.status, result.measured) == (Status.PASSED, 0), result
    assert result.found.endswith("facts compared, 0 differ")
    assert int(result.found.split()[0]) > 25


def test_each_difference_by_its_name(look: Look, pair: Pair) -> None:
    staging = pair.staging
    staging.program("redis-server", "echo 'Redis server v=6.2.16'")
    staging.program("nginx", PROGRAMS["nginx"].replace("--with-http_ssl_module", "--with-http_v2_module"))
    staging.program("crontab", "printf '0 4 * * * backup --token c0ffee\\n'")
    staging.program("systemctl", "echo 'backup.timer disabled enabled'")
    staging.program("docker", PROGRAMS["docker"].replace('"backend"', '"worker"'))
    result = look()
    assert (result.status, result.measured) == (Status.FAILED, 9), result
    assert told(result) == [
        "cron.crontab differs",
        "image.backend only on production",
        "image.worker only on staging",
        "nginx.module.http_ssl_module only on production",
        "nginx.module.http_v2_module only on staging",
        "redis is 7.0.15 on production, 6.2.16 on staging",
        "service.backend only on production",
        "service.worker only on staging",
        "timer.backup.timer is enabled on production, disabled on staging",
    ]
    assert "c0ffee" not in str(result)


def test_a_table_of_cron_and_a_program_on_one_side_only(look: Look, pair: Pair) -> None:
    pair.staging.program("crontab", "echo 'no crontab for root' >&2; exit 1")
    pair.production.program("redis-server", "echo 'Redis server v=0.0.7'")
    (pair.staging.home / "bin" / "redis-server").unlink()
    first, second = told(look(families="cron,redis"))
    assert first == "cron.crontab only on production"
    # This machine may have one of its own.
    assert re.fullmatch(r"redis is 0\.0\.7 on production, (not installed|[0-9.]+) on staging", second)


def test_settings_by_name_and_values_only_as_different(look: Look, pair: Pair) -> None:
    pair.staging.env_file.write_text(
        SETTINGS.replace("DEBUG=false\n", "").replace("of one side", "of another side").replace("EMPTY=", "EMPTY=x")
        + "ONLY_HERE=1\n"
    )
    result = look(families="settings")
    assert told(result) == [
        "settings.DEBUG only on production",
        "settings.EMPTY is empty on production, set on staging",
        "settings.ONLY_HERE only on staging",
        "values.SECRET_KEY differs",
    ]
    assert [one for one in ("of one side", "of another side") if one in str(result)] == []


def test_what_may_differ_is_shown_with_its_reason(look: Look, pair: Pair) -> None:
    pair.staging.env_file.write_text(SETTINGS.replace("of one side", "of another side"))
    assert look(families="settings").status is Status.FAILED
    result = look(families="settings", allow=f"{OWN}\nkernel: moved next week, on Monday")
    assert result.status is Status.PASSED, result
    assert result.found.endswith("0 differ; 1 difference allowed by 2 lines")
    assert [one["message"] for one in result.evidence] == [
        "allowed: values.SECRET_KEY (each side signs with its own): values.SECRET_KEY differs",
        "allowed: kernel (moved next week, on Monday): nothing differs there",
    ]
    # That a value may differ does not say that it may be missing.
    pair.staging.env_file.write_text(SETTINGS.replace("SECRET_KEY='of one side'\n", ""))
    assert told(look(families="settings", allow=OWN)) == ["settings.SECRET_KEY only on production"]


def test_what_cannot_be_read_is_not_equal(look: Look, pair: Pair) -> None:
    for machine in (pair.production, pair.staging):
        machine.program("docker", "echo '27.3.1 permission denied'; case $* in --version) exit 0;; esac; exit 1")
        machine.program("redis-server", "echo nothing")
        machine.program("psql", "head -c 3000000 /dev/zero")
        machine.program("nginx", "echo nginx/1.22.1")
        machine.program("systemctl", "exit 1")
        machine.program("crontab", "echo 'not allowed'; exit 1")
    result = look()
    assert (result.status, "docker of production could not be read" in result.found) == (Status.ERROR, True), result
    for words in [
        "docker of production was not read: the docker daemon does not answer, or not to this user (exit code 1)",
        "compose of staging was not read: docker ps does not tell the containers (exit code 1)",
        "redis of staging was not read: redis tells no version (exit code 0)",
        "postgresql of staging was not read: ",
        "nginx of staging was not read: nginx -V tells no modules (exit code 0)",
        "timers of staging was not read: systemctl does not tell its timers (exit code 1)",
        "cron of production was not read: crontab -l ended with exit code 1",
    ]:
        assert [one for one in result.evidence if str(one["message"]).startswith(words)], words


def test_settings_that_cannot_be_read(look: Look, pair: Pair) -> None:
    pair.staging.env_file.write_text("A=1\nthis is the secret hunter2hunter2\n")
    result = look(families="settings")
    assert (result.status, "line 2 is not NAME=value" in result.found) == (Status.ERROR, True), result
    assert "hunter2" not in str(result)
    pair.staging.env_file.unlink()
    result = look(families="settings,redis")
    assert (result.status, "No such file" in result.found) == (Status.ERROR, True), result
    # What is known to differ is told first, and what was not read beside it.
    pair.staging.program("redis-server", "echo 'Redis server v=6.2.16'")
    result = look(families="settings,redis")
    assert (result.status, "not read: settings on staging" in result.found) == (Status.FAILED, True), result


def test_no_python_there(look: Look, pair: Pair) -> None:
    pair.staging.program("python3", "exit 127")
    result = look(families="os")
    assert (result.status, "there is no python3 on" in result.found) == (Status.ERROR, True), result
    pair.staging.program("python3", "echo '[]'")
    assert look(families="os").status is Status.ERROR


@pytest.mark.parametrize(
    "given",
    [
        {"families": "os,nothing"},
        {"allow": "kernel"},
        {"allow": "*: all is well"},
        {"env_files": "app.env"},
        {"staging_host": "deploy@127.0.0.1:1", "host": "deploy@127.0.0.1:1"},
        {"host": "-oProxyCommand=x"},
    ],
)
def test_what_is_known_wrong_before(given: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "host": "a@b",
        "staging_host": "a@c",
        "env_files": ["/a"],
        "staging_env_files": [],
        "allow": "",
        "families": list(FAMILIES),
    }
    validate = Catalog().get("config-parity").module.validate
    validate(**good)
    texts = {name: value.split(",") if isinstance(good[name], list) else value for name, value in given.items()}
    with pytest.raises(Misconfigured):
        validate(**{**good, **texts})


def test_differences_are_told_by_family_and_side() -> None:
    left = Side("production", {"os": "debian 12", "redis": "7"}, {"values.A": "1"}, {"settings": "denied"})
    right = Side("staging", {"os": "debian 11", "redis": "7"}, {"values.A": "2"}, {})
    found = [Difference("os", "os is debian 12 on production, debian 11 on staging")]
    assert parity.differences(left, right) == found
    assert parity.compared(left, right) == 3
