"""What counts as a credential, and what only looks like one. None of these is one: they are made up here."""

from __future__ import annotations

import pytest

from deploy_gate.facts import secret_patterns
from deploy_gate.facts.secret_patterns import BEHIND, matching, rules, telling

KNOWN = rules()
BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7" * 2
DASHES = "-" * 5


def found(text: str) -> list[str]:
    raw = text.encode()
    return list(matching(raw, KNOWN, len(raw)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("private-key", f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{BODY}"),
        ("private-key", f"{DASHES}BEGIN PRIVATE KEY{DASHES}\\n{BODY}"),
        ("private-key", f"{DASHES}BEGIN EC PRIVATE KEY{DASHES}\nProc-Type: 4,ENCRYPTED\nDEK-Info: A\n\n{BODY}"),
        ("putty-key", "PuTTY-User-Key-File-2: ssh-rsa\nPublic-Lines: 1\nx\nPrivate-Lines: 1\n"),
        ("aws-access-key", "id = AKIA" + "Q" * 16),
        ("aws-secret-key", "AWS_SECRET_ACCESS_KEY=" + "aB3/" * 10),
        ("aws-secret-key", '"SecretAccessKey": "' + "aB3/" * 10),
        ("github-token", "x ghp_" + "a1B2" * 9),
        ("github-token", "github_pat_" + "a1_B" * 20),
        ("gitlab-token", "glpat-" + "a1-B" * 5),
        ("slack-token", "xoxb-" + "1" * 11 + "-" + "a1B2" * 6),
        ("slack-webhook", "https://hooks.slack.com/services/T0000000/B0000000/" + "a1B2" * 6),
        ("stripe-key", "sk_live_" + "a1B2" * 6),
        ("google-key", "AIza" + "a1B2c" * 7),
        ("telegram-token", "bot 123456789:AA" + "a1B" * 11),
        ("telegram-token", "https://api.telegram.org/bot123456789:AA" + "a1B" * 11 + "/getMe"),
        ("npm-token", "npm_" + "a1B2" * 9),
        ("pypi-token", "pypi-AgE" + "a1B2" * 20),
        ("sendgrid-key", "SG." + "a" * 22 + "." + "b" * 43),
        ("openai-key", "sk-proj-" + "a1B2" * 12),
        ("json-web-token", "eyJ" + "a" * 20 + ".eyJ" + "b" * 20 + "." + "c" * 43),
        ("registry-login", '{"auths": {"r.example": {"auth": "dXNlcjp3b3Jk"}}}'),
        ("signing-key", "SECRET_KEY = 'a8f3-k2x9_Qm7p4zLw'"),
        ("signing-key", '"jwt_secret": "a8f3k2x9Qm7p4zLw"'),
        ("database-url", "postgresql+psycopg://shop:Xk29s-lp@db:5432/shop"),
        ("database-url", "redis://:Xk29s-lp@cache:6379/0"),
    ],
)
def test_a_credential_is_found(rule: str, text: str) -> None:
    assert found(f"before\n{text}\nbehind") == [rule]
    # Alone, at the very beginning and the very end.
    assert found(text) == [rule]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a bot 123456789:AA" + "a1B" * 11 + " here", "a bot *** here"),
        ("ghp_" + "a1B2" * 9 + ", glpat-" + "a1-B" * 5, "***, ***"),
        ("SECRET_KEY = 'a8f3-k2x9_Qm7p4zLw'", "SECRET_KEY = '***'"),
        (
            f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{BODY}\n{BODY}\n{DASHES}END",
            f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}***{DASHES}END",
        ),
        (f"{DASHES}BEGIN PRIVATE KEY{DASHES}\\n{BODY}…", f"{DASHES}BEGIN PRIVATE KEY{DASHES}***…"),
        ("PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\nAAAA", "PuTTY-User-Key-File-2: ***"),
        # Where a limit has cut one.
        ("a bot 123456789:AAa1Ba1B…", "a bot ***…"),
        ("ghp_a1B2…", "***…"),
        # What only speaks of one, and what is nobody's text.
        (f"does not begin with {DASHES}BEGIN OPENSSH PRIVATE KEY{DASHES}: set it", None),
        ("AKIAIOSFODNN7EXAMPLE", None),
        ("\ud800 \udcff nothing", None),
        ("\ud800 ghp_" + "a1B2" * 9, "\ud800 ***"),
    ],
)
def test_credentials_are_masked_in_any_text(text: str, shown: str | None) -> None:
    assert secret_patterns.masked(text) == (text if shown is None else shown)


@pytest.mark.parametrize(
    "text",
    [
        f"begins with {DASHES}BEGIN PRIVATE KEY{DASHES} and then",
        "AKIAIOSFODNN7EXAMPLE",
        "postgresql://scott:tiger@localhost/test",
        "postgresql://erp:${POSTGRES_PASSWORD}@postgres/erp",
        "postgresql://user:password@host/db",
        "postgresql://user@host/db",
        "redis://cache:6379/0",
        "redis://[[username]:[password]]@localhost:6379/0",
        "https://shop.example:8443/a@b",
        "ghp_short",
        "SECRET_KEY = 'django-insecure-example'",
        "SECRET_KEY = os.environ['SECRET_KEY_2024_1_1_1']",
        "secret_key: str",
        "12:30:AAnot a token",
        "{auths}",
    ],
)
def test_what_only_looks_like_one_is_not(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("name", "value", "is_one"),
    [
        ("POSTGRES_PASSWORD", "hunter2", True),
        ("SECRET_KEY", "x9", True),
        ("api-key", "x9", True),
        ("DATABASE_URL", "postgresql://shop:password@db/shop", True),
        ("DATABASE_URL", "postgresql://shop@db/shop", False),
        ("POSTGRES_PASSWORD_FILE", "/run/secrets/db", False),
        ("POSTGRES_PASSWORD", "/run/secrets/db", False),
        ("POSTGRES_PASSWORD", "", False),
        ("POSTGRES_PASSWORD", "${POSTGRES_PASSWORD}", False),
        ("GPG_KEY", "A035C8C19219BA821ECEA86B64E628F8D684696D", False),
        ("PYTHON_SHA256", "a" * 64, False),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "30", False),
        ("PASSWORD", "true", False),
    ],
)
def test_a_setting_tells_by_its_name(name: str, value: str, is_one: bool) -> None:
    assert telling(name, value) is is_one


def test_a_word_behind_the_border_belongs_to_the_next_piece() -> None:
    token = b"ghp_" + b"a1B2" * 9
    data = b"." * 100 + token
    assert list(matching(data, KNOWN, 100)) == []
    assert list(matching(data, KNOWN, 101)) == ["github-token"]
    assert max(len(word) for rule in KNOWN for word in rule.words) < secret_patterns.BEFORE < BEHIND


def test_a_false_word_before_hides_no_true_one() -> None:
    assert found("ghp_no " * 2000 + "ghp_" + "a1B2" * 9) == ["github-token"]
    assert found("postgresql://scott:tiger@localhost\n" * 300 + "postgresql://a:Xk29s-lp@db/x") == ["database-url"]
