from pathlib import Path

import pytest
from sqlalchemy import func, select

from erp import seed as seeding
from erp.database import make_engine
from erp.models import Base, Product, User
from tests.world import PASSWORD, World, make_settings


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/seed.db"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SEED_PASSWORD", PASSWORD)
    monkeypatch.setenv("ENVIRONMENT", "staging")
    return url


def test_command_fills_an_empty_database(environment: str, capsys: pytest.CaptureFixture[str]) -> None:
    engine = make_engine(make_settings(database_url=environment))
    Base.metadata.create_all(engine)
    assert seeding.main() == 0
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(User)) == 4
    engine.dispose()
    assert PASSWORD not in capsys.readouterr().out


def test_second_run_changes_nothing(world: World) -> None:
    with world.state.sessions() as session:
        seeding.seed(session, PASSWORD)
        session.commit()
        assert session.scalar(select(func.count()).select_from(Product)) == 32


@pytest.mark.parametrize(
    ("name", "value", "code", "text"),
    [
        ("ENVIRONMENT", "production", 2, "no place in a production database"),
        ("SEED_PASSWORD", "short", 2, "SEED_PASSWORD"),
        ("DATABASE_URL", None, 2, "DATABASE_URL"),
        ("SEED_PASSWORD", PASSWORD, 1, "migrated"),
    ],
)
@pytest.mark.usefixtures("environment")
def test_what_is_wrong_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str | None,
    code: int,
    text: str,
) -> None:
    monkeypatch.delenv(name) if value is None else monkeypatch.setenv(name, value)
    assert seeding.main() == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
