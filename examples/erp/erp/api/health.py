"""Is it alive, and is it ready."""

from fastapi import APIRouter, Response, status

from erp import __version__, faults
from erp.api.dependencies import StateDep
from erp.faults import Fault
from erp.schemas.outside import AliveOut, ComponentOut, HealthOut
from erp.services import health
from erp.settings import Settings

router = APIRouter(prefix="/health", tags=["health"])


def alive(settings: Settings) -> AliveOut:
    """Return which release this process is."""
    return AliveOut(
        status="ok",
        environment=settings.environment,
        debug=settings.debug or faults.on(Fault.DEBUG_ON),
        version=__version__,
        commit=settings.commit,
        release=settings.release,
    )


@router.get("/live")
def read_liveness(state: StateDep) -> AliveOut:
    """Say that the process answers, and which release it is; asks no component."""
    return alive(state.settings)


@router.get("", responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": HealthOut}})
def read_health(state: StateDep, response: Response) -> HealthOut:
    """Ask every component; 503 as soon as one is down."""
    found = {name: ComponentOut.model_validate(part) for name, part in health.components(state).items()}
    answer = HealthOut(**alive(state.settings).model_dump(), components=found)
    if any(part.status == "down" for part in found.values()):
        answer.status = "down"
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return answer
