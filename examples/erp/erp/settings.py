"""Settings, read from the environment and from nowhere else; `.env.example` documents every name."""

from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from erp import faults

DEPLOYED = ("staging", "production")


class DatabaseSettings(BaseSettings):
    """The part that migrations need: they must run without the application's secrets."""

    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    database_url: str
    db_pool_size: int = Field(default=5, ge=1, le=100)

    @field_validator("database_url")
    @classmethod
    def _name_the_driver(cls, url: str) -> str:
        for scheme in ("postgresql://", "postgres://"):
            if url.startswith(scheme):
                return "postgresql+psycopg://" + url.removeprefix(scheme)
        return url


class Settings(DatabaseSettings):
    """All settings of the ERP. Amounts of money are whole dinars; durations name their unit."""

    environment: Literal["development", "test", "staging", "production"] = "development"
    debug: bool = False
    commit: str = Field(default="unknown", max_length=64)
    release: str = Field(default="unknown", max_length=200)

    secret_key: SecretStr
    access_token_minutes: int = Field(default=15, ge=1, le=120)
    refresh_token_days: int = Field(default=7, ge=1, le=90)
    login_rate_limit: int = Field(default=10, ge=1, le=1000)
    login_rate_window_seconds: int = Field(default=60, ge=1, le=3600)
    cors_origins: str = ""

    redis_url: str = ""
    redis_prefix: str = Field(default="erp", min_length=1, max_length=60)

    retail_tax_percent: int = Field(default=5, ge=0, le=100)
    webhook_timeout_seconds: float = Field(default=5.0, gt=0, le=30)
    webhook_allow_private: bool = False
    sync_max_age_minutes: int = Field(default=60, ge=1)

    erp_faults: str = Field(default="", max_length=1000)
    erp_faults_file: str = Field(default="", max_length=300)
    erp_faults_allowed: bool = False

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, key: SecretStr) -> SecretStr:
        if len(key.get_secret_value().encode()) < 32:
            raise ValueError(
                'SECRET_KEY needs 32 bytes or more: python3 -c "import secrets; print(secrets.token_hex(32))"'
            )
        return key

    @field_validator("erp_faults")
    @classmethod
    def _known_faults(cls, names: str) -> str:
        faults.parse(names)
        return names

    @model_validator(mode="after")
    def _fit_for_deployment(self) -> Self:
        if self.environment not in DEPLOYED:
            return self
        if not self.redis_url:
            raise ValueError(
                f"REDIS_URL is required in {self.environment}: two slots share events and rate limits by it"
            )
        if not self.database_url.startswith("postgresql"):
            raise ValueError(f"DATABASE_URL must be PostgreSQL in {self.environment}")
        if self.environment == "production" and self.debug:
            raise ValueError("DEBUG must be off in production")
        self._refuse_faults()
        return self

    def _refuse_faults(self) -> None:
        asked = self.erp_faults or self.erp_faults_file
        if self.environment == "production" and asked and not self.erp_faults_allowed:
            raise ValueError(
                "ERP_FAULTS and ERP_FAULTS_FILE break the application on purpose: take them out of production "
                "(a bench that only calls itself production sets ERP_FAULTS_ALLOWED=true)"
            )

    @property
    def allowed_origins(self) -> list[str]:
        """CORS_ORIGINS as a list; empty means that no foreign origin is let in."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]
