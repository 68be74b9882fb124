"""The TDS dashboard: how the synchronisation with the other system stands, for people and for programs."""

from datetime import timedelta
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from erp.api.dependencies import SessionDep, StateDep
from erp.schemas.trade import SyncStatusOut
from erp.services.sync_status import sync_status

router = APIRouter(prefix="/tds", tags=["tds"])


def page(name: str) -> str:
    """Return the text of a file that comes with the package."""
    return files("erp.pages").joinpath(name).read_text(encoding="utf-8")


@router.get("", response_class=HTMLResponse)
def read_dashboard() -> str:
    """Return the dashboard's page."""
    return page("tds.html")


@router.get("/dashboard.js", include_in_schema=False)
def read_script() -> Response:
    """Return the dashboard's script; a file of its own, so that the page needs no inline script."""
    return Response(page("tds.js"), media_type="text/javascript")


@router.get("/status")
def read_status(state: StateDep, session: SessionDep) -> SyncStatusOut:
    """Return the last success and the queue's length."""
    max_age = timedelta(minutes=state.settings.sync_max_age_minutes)
    return SyncStatusOut.model_validate(sync_status(session, max_age))
