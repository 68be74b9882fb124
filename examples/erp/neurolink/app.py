"""The service: `uvicorn --factory neurolink.app:create_app`."""

from typing import Annotated

from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from neurolink.forecast import expected_demand, reorder_quantity

router = APIRouter()
Demand = Annotated[int, Field(ge=0, le=1_000_000)]


class NeurolinkSettings(BaseSettings):
    """Which release this is; shared with the ERP, for both come from one image."""

    model_config = SettingsConfigDict(extra="ignore")

    environment: str = "development"
    commit: str = "unknown"
    release: str = "unknown"


class Health(BaseModel):
    """The service needs no component, so an answer is good news."""

    status: str
    environment: str
    commit: str
    release: str


class ForecastRequest(BaseModel):
    """Past demand, oldest first; the present stock; how many periods it should last."""

    model_config = ConfigDict(extra="forbid")

    history: Annotated[list[Demand], Field(min_length=1, max_length=520)]
    stock: Demand = 0
    periods: Annotated[int, Field(ge=1, le=52)] = 1


class Forecast(BaseModel):
    """Expected demand a period, and what to order."""

    expected: float
    reorder: int


@router.get("/health")
def read_health(request: Request) -> Health:
    """Say that the service answers, and which release it is."""
    settings: NeurolinkSettings = request.app.state.settings
    return Health(status="ok", **settings.model_dump())


@router.post("/forecast")
def make_forecast(body: ForecastRequest) -> Forecast:
    """Estimate the next period's demand."""
    return Forecast(
        expected=expected_demand(body.history), reorder=reorder_quantity(body.history, body.stock, body.periods)
    )


def create_app(settings: NeurolinkSettings | None = None) -> FastAPI:
    """Return the service, with settings from the environment unless they are given."""
    app = FastAPI(title="NeuroLink", version="1.0.0")
    app.state.settings = settings or NeurolinkSettings()
    app.include_router(router)
    return app
