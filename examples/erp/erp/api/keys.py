"""API keys for programs."""

from fastapi import APIRouter, status
from sqlalchemy import select

from erp.api.dependencies import Address, Admin, GoodKey, SessionDep
from erp.errors import NotFoundError
from erp.models import ApiKey
from erp.schemas.access import ApiKeyChecked, ApiKeyCreated, ApiKeyIn, ApiKeyOut
from erp.schemas.common import Identity
from erp.services import api_keys, audit

router = APIRouter(prefix="/api/api-keys", tags=["api keys"])


@router.post("", status_code=status.HTTP_201_CREATED)
def create_key(session: SessionDep, admin: Admin, address: Address, body: ApiKeyIn) -> ApiKeyCreated:
    """Make a key; its full text is in this answer and nowhere else."""
    key, text = api_keys.create(session, admin, body.name)
    audit.record(session, admin.email, "api_key.created", f"api_key:{key.id}", address=address, name=key.name)
    session.commit()
    return ApiKeyCreated(**ApiKeyOut.model_validate(key).model_dump(), key=text)


@router.get("")
def list_keys(session: SessionDep, _admin: Admin) -> list[ApiKeyOut]:
    """List the keys, newest first, at most 100."""
    keys = session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(100))
    return [ApiKeyOut.model_validate(key) for key in keys]


@router.get("/check")
def check_key(key: GoodKey) -> ApiKeyChecked:
    """Say whose key this is; 401 for a missing, wrong or revoked one."""
    return ApiKeyChecked.model_validate(key)


@router.delete("/{key_id}")
def revoke_key(session: SessionDep, admin: Admin, address: Address, key_id: Identity) -> ApiKeyOut:
    """Revoke a key; it stays in the list."""
    key = session.get(ApiKey, key_id)
    if key is None:
        raise NotFoundError(f"there is no API key {key_id}")
    api_keys.revoke(key)
    audit.record(session, admin.email, "api_key.revoked", f"api_key:{key.id}", address=address, name=key.name)
    session.commit()
    return ApiKeyOut.model_validate(key)
