"""env-documented: every name that code, compose, Dockerfiles and workflows read, against what is documented."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
from support import ROOT, Repository

from deploy_gate.catalog import Catalog
from deploy_gate.facts import envdocs, envfiles, envpython
from deploy_gate.facts.envuse import Found
from deploy_gate.inputs import bind
from deploy_gate.result import CouldNotTell, Result, Status


def python(**files: str) -> Found:
    """What these modules read."""
    return envpython.read({f"{name}.py": textwrap.dedent(text).encode() for name, text in files.items()})


def names(found: Found) -> list[str]:
    return sorted({use.names[0] for use in found.uses})


# --- Python ---


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('import os\nos.environ["A"]', ["A"]),
        ('import os\nos.environ.get("A", "x")\nos.getenv("B")\nos.environ.pop("C", 0)\nos.environ.setdefault("D", "")', ["A", "B", "C", "D"]),
        ('import os as o\no.environ["A"]\no.getenv(key="B")', ["A", "B"]),
        ('from os import environ as env, getenv as get\nenv["A"]\nget("B")\n"C" in env\nif "D" not in env: ...', ["A", "B", "C", "D"]),
        ('import os\nKEY = "A"\nP: str = "X_"\nos.environ[KEY]\nos.environ[P + "B"]\nos.getenv(f"{P}C")', ["A", "X_B", "X_C"]),
        ('import os\ndef f():\n    class C:\n        x = lambda: os.environ["A"]', ["A"]),
        ('@click.option("--x", envvar="A")\n@click.option("--y", envvar=["B", "C"])\ndef f(): ...', ["A", "B"]),
        # What is only written, or only looks like it, is no read.
        ('import os\nos.environ["A"] = "1"\ndel os.environ["B"]', []),
        ('environ["A"]\ngetenv("B")\nother.environ["C"]\n"D" in text', []),
        ('# os.environ["A"]\n"os.environ[\'B\']"', []),
        ('import os\nos.environ["not a name"]', []),
    ],
)  # fmt: skip
def test_reads_of_python(code: str, expected: list[str]) -> None:
    assert names(python(app=code)) == expected


def test_a_name_made_up_at_run_time_is_noted() -> None:
    found = python(app='import os\ndef f(n):\n    return os.environ[n] + os.getenv(f"X_{n}")')
    assert (found.uses, found.unclear) == ([], [("app.py", 3), ("app.py", 3)])


SETTINGS = "from pydantic_settings import BaseSettings, SettingsConfigDict\nfrom pydantic import *\n"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("class S(BaseSettings):\n    a: str\n    b: int = 3\n    _c: str = ''\n    D: ClassVar[int] = 1\n    def e(self): ...", ["A", "B"]),
        ("class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='shop_')\n    a: str", ["SHOP_A"]),
        ("class S(BaseSettings, env_prefix='shop_'):\n    a: str", ["SHOP_A"]),
        ("P = 'shop_'\nclass S(BaseSettings):\n    model_config = {'env_prefix': P}\n    a: str", ["SHOP_A"]),
        ("class S(BaseSettings):\n    a: str\n    class Config:\n        env_prefix = 'shop_'", ["SHOP_A"]),
        ("class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='shop_', case_sensitive=True)\n    aB: str", ["shop_aB"]),
        # An alias takes no prefix.
        ("class S(BaseSettings):\n    model_config = SettingsConfigDict(env_prefix='shop_')\n    a: str = Field(alias='other')", ["OTHER"]),
        ("class S(BaseSettings):\n    a: str = Field(validation_alias='X', alias='Y')\n    b: Annotated[str, Field(alias='Z')] = ''", ["X", "Z"]),
        ("class S(BaseSettings):\n    a: str = Field(validation_alias=AliasChoices('X', 'Y', AliasPath('Z', 0)))", ["X"]),
        ("class S(BaseSettings):\n    a: str = Field('d', env='OLD')\n    b: str = Field('d', env=['ONE', 'TWO'])", ["OLD", "ONE"]),
        # The prefix of the class counts for what it inherits.
        ("class B(BaseSettings):\n    a: str\nclass S(B):\n    model_config = SettingsConfigDict(env_prefix='s_')\n    b: str", ["A", "S_A", "S_B"]),
        ("class M(BaseModel):\n    a: str\nclass Plain:\n    b: str", []),
        ("class M(BaseModel):\n    host: str\n    port: int\nclass S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__')\n    db: M | None = None", ["DB__HOST", "DB__PORT"]),
        ("class I(BaseModel):\n    x: int\nclass M(BaseModel):\n    i: I\nclass S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__', env_prefix='s_')\n    m: Optional[M]", ["S_M__I__X"]),
        ("class M(BaseModel):\n    x: int\nclass S(BaseSettings):\n    m: M\n    many: list[M] = []", ["M", "MANY"]),
        ("class D(BaseSettings):\n    url: str\nclass S(BaseSettings):\n    d: D = D()", ["URL"]),
        ("class S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__')\n    s: 'S'\n    a: int", ["A", "S"]),
        ("class S(S, BaseSettings):\n    a: int\nclass T(U): b: int\nclass U(T): c: int", ["A"]),
    ],
)  # fmt: skip
def test_settings_of_pydantic(code: str, expected: list[str]) -> None:
    assert names(python(app=SETTINGS + code)) == expected


def test_what_pydantic_itself_reads_is_what_was_found() -> None:
    """The real library as the judge: each name found sets its field, and nothing else is needed."""
    code = SETTINGS + textwrap.dedent("""
        from typing import Annotated
        class Part(BaseModel):
            host: str
            port: int = Field(alias="PORT_NUMBER")
        class Base(BaseSettings):
            model_config = SettingsConfigDict(env_prefix="shop_", env_nested_delimiter="__")
            name: str
        class S(Base):
            part: Part
            key: str = Field(alias="plain_key")
            mode: Annotated[str, Field(validation_alias=AliasChoices("MODE_A", "MODE_B"))]
        """)
    found = {use.names[0] for use in python(app=code).uses}
    assert found == {"SHOP_NAME", "SHOP_PART__HOST", "SHOP_PART__PORT_NUMBER", "PLAIN_KEY", "MODE_A"}
    # One child tries them all: everything set, then each left out.
    tried = code + textwrap.dedent("""
        import json, os, sys
        names = json.loads(sys.argv[1])
        def made(left_out=""):
            for name in names:
                os.environ[name] = "7"
            os.environ.pop(left_out, "")
            try:
                return S().model_dump()
            except ValidationError:
                return "lacking"
        print(json.dumps([made(), *map(made, names)]))
        """)
    done = subprocess.run(
        [sys.executable, "-c", tried, json.dumps(sorted(found))], capture_output=True, text=True, timeout=300
    )
    whole, *lacking = json.loads(done.stdout)
    assert whole == {"name": "7", "part": {"host": "7", "port": 7}, "key": "7", "mode": "7"}
    assert lacking == ["lacking"] * 5


def test_settings_inherit_across_files() -> None:
    found = python(
        one="from pydantic_settings import BaseSettings\nclass Base(BaseSettings):\n    a: str",
        two="from one import Base\nclass S(Base):\n    b: str",
    )
    assert names(found) == ["A", "B"]


@pytest.mark.parametrize("code", ["def f(:", "x = 1\0", "(" * 5000])
def test_python_that_cannot_be_read_is_an_error(code: str) -> None:
    with pytest.raises(CouldNotTell, match=r"app\.py:1 is no Python"):
        python(app=code)


# --- other files ---


def test_compose() -> None:
    text = """
    x-shared: &shared
      SHARED:
    x-base: &base
      image: "shop:${TAG:-latest}"  # ${COMMENT}
    services:
      app:
        <<: *base
        command: ["$$HOME", "$PLAIN", "${OUTER:-${INNER}}"]
        environment:
          GIVEN: "x"
          THROUGH:
          ALSO: ~
          EMPTY: ""
      shared:
        environment: *shared
      other:
        <<: *base
        environment:
          - LISTED
          - SET=${FROM:?needed}
    """
    found = envfiles.compose({"compose.yaml": textwrap.dedent(text).encode()})
    assert names(found) == ["ALSO", "FROM", "INNER", "LISTED", "OUTER", "PLAIN", "SHARED", "TAG", "THROUGH"]
    assert found.given == {"GIVEN", "EMPTY", "SET"}
    assert next(use.line for use in found.uses if use.names == ("LISTED",)) == 20


def test_dockerfile() -> None:
    text = "# ARG NO\nARG ONE\nARG TWO=2 \\\n    THREE\nFROM x:${ONE}\nENV A=1 B=${TWO} \\\n  # note\n  C=3\nenv D the value\nRUN echo ARG NOT\n"
    found = envfiles.dockerfiles({"Dockerfile": text.encode()})
    assert names(found) == ["ONE", "THREE", "TWO"]
    assert found.given == {"A", "B", "C", "D"}


def test_workflows() -> None:
    text = """
    on:
      workflow_call:
        secrets:
          HANDED: {required: true}
    env: {TOP: "1"}
    jobs:
      one:
        if: vars.SWITCH == 'on'
        env:
          LOCAL: ${{ vars.REGION || secrets['KEY'] }}
        steps:
          - run: echo "${{ env.TOP }} ${{ env.LOCAL }} ${{ env.OUTSIDE }}"
            env: {TOKEN: "${{ secrets.GITHUB_TOKEN }}"}
          - run: echo vars.NOT_ONE ${{ github.event.vars.NO }} ${{ secrets.HANDED }}
    """
    found = envfiles.workflows({".github/workflows/x.yml": textwrap.dedent(text).encode()})
    assert names(found) == ["GITHUB_TOKEN", "KEY", "NO", "OUTSIDE", "REGION", "SWITCH"]
    assert {"TOP", "LOCAL", "TOKEN", "HANDED"} <= found.given


@pytest.mark.parametrize("raw", [b"a: [", b"\x00", b"[" * 100_000, b"a: !!x", b""])
def test_yaml_that_cannot_be_read_is_an_error(raw: bytes) -> None:
    if raw in (b"", b"a: !!x"):
        assert envfiles.compose({"compose.yml": raw}).uses == []
        return
    with pytest.raises(CouldNotTell, match="is no YAML"):
        envfiles.compose({"compose.yml": raw})


def test_aliases_of_aliases_end() -> None:
    bomb = "a0: &a0 ['$X']\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    assert names(envfiles.compose({"compose.yml": bomb.encode()})) == ["X"]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (".env.example", "A=1\nexport B=\n# C=3\n#D=\n  E = x\nF\n", ["A", "B", "C", "D", "E", "F"]),
        (".env.example", "# prose = not a name\n# Words\nno-name=1\n=x\n", []),
        (".env.example", 'KEY="first\nA=1\nlast"\nB=2\nC="whole"\nD=\'x\n', ["KEY", "B", "C", "D"]),
        ("x.md", "| Variable | What |\n|---|---|\n| `A` | x |\n| B | `C` |\n| `d`, `E` | y |\n\ntext `F`\n", ["A", "B", "d", "E"]),
        ("x.md", "| Route | What |\n|---|---|\n| GET | x |\n\n| Name |\n| :-- |\n| ONE |\n", ["ONE"]),
    ],
)  # fmt: skip
def test_documents(path: str, text: str, expected: list[str]) -> None:
    assert list(envdocs.names(path, text)) == expected


# --- the check ---


@pytest.fixture
def shop(repository: Repository) -> Repository:
    """A repository whose three variables are documented, as it is live."""
    repository.write("shop/app.py", 'import os\nURL = os.environ["DATABASE_URL"]\nPATH = os.environ["PATH"]\n')
    repository.write("compose.yaml", "services: {app: {image: 'shop:${TAG}'}}\n")
    repository.write("Dockerfile", "ARG BASE\nFROM $BASE\nENV PORT=80\n")
    repository.write("tests/test_app.py", 'import os\nos.environ["ONLY_IN_TESTS"]\n')
    repository.write(".env.example", "DATABASE_URL=\nTAG=latest\nBASE=python\nPORT=80\n")
    repository.commit("live")
    repository.git("tag", "live")
    return repository


@pytest.fixture
def check(ask: Callable[..., Result]) -> Callable[..., Result]:
    return lambda **given: ask("env-documented", **{"since": "live", **given})


def test_documented_then_a_new_one(shop: Repository, check: Callable[..., Result]) -> None:
    good = check()
    assert (good.status, good.found) == (Status.PASSED, "3 variables in 3 files, 0 not documented in .env.example")
    shop.write("shop/mail.py", 'import os\n\nHOST = os.environ["MAIL_HOST"]\n')
    result = check()
    since = shop.git("rev-parse", "live")[:7]
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert result.found == (
        f"1 of 4 variables not documented in .env.example, the limit is 0: MAIL_HOST (new since {since}, shop/mail.py:3)"
    )
    assert (result.evidence[0]["path"], result.evidence[0]["line"]) == ("shop/mail.py", 3)
    with (shop.path / ".env.example").open("a") as stream:
        stream.write("# MAIL_HOST=mail.shop.example\n")
    assert check().status is Status.PASSED


def test_new_ones_come_first(shop: Repository, check: Callable[..., Result]) -> None:
    shop.write(".env.example", "TAG=\nBASE=\nPORT=80\n")
    shop.write("shop/zone.py", 'import os\nos.getenv("ZONE")\n')
    result = check()
    assert [str(one["message"]).split()[0] for one in result.evidence] == ["ZONE", "DATABASE_URL"]
    assert "new since" not in str(result.evidence[1]["message"])


def test_a_read_that_was_only_moved_is_not_new(shop: Repository, check: Callable[..., Result]) -> None:
    shop.write(".env.example", "TAG=\nBASE=\nPORT=80\n")
    shop.git("mv", "shop/app.py", "shop/main.py")
    assert "DATABASE_URL (shop/main.py:2)" in check().found


def test_documented_and_read_nowhere(shop: Repository, check: Callable[..., Result]) -> None:
    with (shop.path / ".env.example").open("a") as stream:
        stream.write("OLD_NAME=1\n")
    result = check()
    assert (result.status, result.measured) == (Status.WARNED, 1)
    assert result.found == "1 documented name read nowhere, the limit is 0: OLD_NAME"
    assert (result.evidence[0]["path"], result.evidence[0]["line"]) == (".env.example", 5)
    assert check(unused="fail").status is Status.FAILED
    assert check(unused="ignore").status is Status.PASSED
    assert check(ignore="OLD_*").status is Status.PASSED


def test_any_of_several_names_will_do(shop: Repository, check: Callable[..., Result]) -> None:
    code = (
        SETTINGS
        + "class M(BaseModel):\n    host: str\nclass S(BaseSettings):\n    model_config = SettingsConfigDict(env_nested_delimiter='__')\n    db: M\n    key: str = Field(validation_alias=AliasChoices('KEY_A', 'KEY_B'))\n"
    )
    shop.write("shop/settings.py", code)
    assert check().status is Status.FAILED
    example = "DATABASE_URL=\nTAG=latest\nBASE=python\nPORT=80\nKEY_B=\n"
    shop.write(".env.example", example + "db__host=\n")
    assert check().status is Status.PASSED
    shop.write(".env.example", example + "DB='{}'\n")
    assert check().status is Status.PASSED


def test_a_table_counts_as_well(shop: Repository, check: Callable[..., Result]) -> None:
    shop.write(".env.example", "DATABASE_URL=\n")
    shop.write(
        "docs/variables.md", "| Variable | For |\n|---|---|\n| `TAG` | image |\n| `BASE` | image |\n| `PORT` | app |\n"
    )
    assert check(documents=".env.example\ndocs/variables.md").status is Status.PASSED


def test_what_is_looked_at_can_be_chosen(shop: Repository, check: Callable[..., Result]) -> None:
    assert check(exclude="docs").found.endswith("ONLY_IN_TESTS (tests/test_app.py:2)")
    assert "DATABASE_URL" not in check(sources="dockerfile, compose", unused="ignore").found
    shop.write("shop/deep/gen/x.py", 'import os\nos.environ["GENERATED"]\n')
    assert check(exclude="tests\nshop/**/gen").status is Status.PASSED
    assert check().status is Status.FAILED


def test_without_documents(shop: Repository, check: Callable[..., Result]) -> None:
    shop.git("rm", "-q", ".env.example")
    result = check()
    assert (result.status, result.found) == (
        Status.FAILED,
        "there is no .env.example, and the repository reads 3 variables",
    )


def test_what_cannot_be_read_is_an_error(shop: Repository, check: Callable[..., Result]) -> None:
    shop.write("shop/broken.py", "def f(:\n")
    result = check()
    assert result.status is Status.ERROR
    assert "shop/broken.py:1 is no Python" in result.found
    assert check(exclude="tests\nshop/broken.py").status is Status.PASSED
    assert check(paths="docs").status is Status.ERROR
    shop.write("docs/x.txt", "x")
    assert "no file of python" in check(paths="docs").found
    os.mkfifo(shop.path / "pipe.py")
    assert check(exclude="tests\nshop/broken.py").status is Status.PASSED


def test_a_base_that_could_not_be_read_then_is_no_hindrance(shop: Repository, check: Callable[..., Result]) -> None:
    shop.write("shop/broken.py", "def f(:\n")
    shop.commit("broken")
    shop.git("tag", "-f", "live")
    shop.write("shop/broken.py", 'import os\nos.environ["LATER"]\n')
    assert "LATER (new since" in check().found


def test_wrong_inputs_are_told() -> None:
    capability = Catalog().get("env-documented")
    bound = bind(capability.manifest.inputs, capability.hints, {"sources": "pyton"})
    assert capability.faults(bound.values) == ["input 'sources' has 'pyton'; did you mean 'python'?"]
    assert not capability.about.runs_code


def test_the_erp_is_documented_and_a_new_name_is_not(repository: Repository, check: Callable[..., Result]) -> None:
    erp = ROOT / "examples" / "erp"
    shutil.copytree(erp, repository.path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".venv"))
    repository.commit("live")
    repository.git("tag", "live")
    documents = ".env.example\ndocs/variables.md"
    whole = check(documents=documents)
    assert whole.status is Status.PASSED, whole
    settings = repository.path / "erp" / "settings.py"
    settings.write_text(
        settings.read_text().replace('    redis_url: str = ""', '    redis_url: str = ""\n    mail_host: str = ""')
    )
    result = check(documents=documents)
    assert (result.status, result.measured) == (Status.FAILED, 1)
    assert "MAIL_HOST (new since" in result.found
