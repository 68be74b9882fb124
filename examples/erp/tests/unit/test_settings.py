import pytest
from pydantic import ValidationError

from erp.database import connect_arguments
from erp.settings import Settings
from tests.world import make_settings

POSTGRESQL = "postgresql://user@host/db"


def test_driver_is_named_for_every_spelling_of_postgresql() -> None:
    for url in (POSTGRESQL, POSTGRESQL.replace("postgresql", "postgres"), POSTGRESQL.replace(":", "+psycopg:", 1)):
        assert make_settings(database_url=url).database_url == "postgresql+psycopg://user@host/db"


def test_short_secret_is_refused_and_not_shown() -> None:
    with pytest.raises(ValidationError, match="SECRET_KEY needs 32 bytes") as refused:
        make_settings(database_url="sqlite://", secret_key="too-short")
    assert "too-short" not in str(refused.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"redis_url": ""}, "REDIS_URL is required in production"),
        ({"database_url": "sqlite://"}, "must be PostgreSQL"),
        ({"debug": True}, "DEBUG must be off"),
    ],
)
def test_production_refuses_what_only_a_laptop_may_do(values: dict[str, object], text: str) -> None:
    good = {"environment": "production", "database_url": POSTGRESQL, "redis_url": "redis://host/0"}
    assert make_settings(**good).environment == "production"
    with pytest.raises(ValidationError, match=text):
        make_settings(**good | values)


def test_environment_is_where_settings_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("SECRET_KEY", "k" * 32)
    monkeypatch.setenv("ENVIRONMENT", "test")
    monkeypatch.setenv("RETAIL_TAX_PERCENT", "7")
    monkeypatch.setenv("CORS_ORIGINS", " https://a.example ,,https://b.example")
    settings = Settings()
    assert settings.retail_tax_percent == 7
    assert settings.allowed_origins == ["https://a.example", "https://b.example"]


def test_options_of_the_url_are_the_callers() -> None:
    assert "statement_timeout" in connect_arguments(POSTGRESQL)["options"]
    assert "options" not in connect_arguments(POSTGRESQL + "?options=-csearch_path%3Dx")
