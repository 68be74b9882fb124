from sqlalchemy import select

from erp.models import ApiKey, Role
from tests.world import World

CHECK = "/api/api-keys/check"


def test_key_works_until_it_is_revoked(world: World) -> None:
    admin = world.sign_in(Role.ADMIN)
    created = world.client.post("/api/api-keys", json={"name": "partner"}, headers=admin).json()
    header = {"X-API-Key": created["key"]}
    assert world.client.get(CHECK, headers=header).json()["name"] == "partner"
    revoked = world.client.delete(f"/api/api-keys/{created['id']}", headers=admin).json()
    assert revoked["revoked_at"]
    assert world.client.get(CHECK, headers=header).status_code == 401
    assert [key["name"] for key in world.client.get("/api/api-keys", headers=admin).json()] == ["partner"]


def test_missing_wrong_and_mangled_keys_are_refused(world: World) -> None:
    good = world.key()["X-API-Key"]
    scheme, key_id, secret = good.split("_")
    other = f"{scheme}_{key_id}_{secret[::-1]}"
    for text in ("", "nonsense", f"xyz_{key_id}_{secret}", f"{scheme}_unknown_{secret}", other, good + "_more"):
        assert world.client.get(CHECK, headers={"X-API-Key": text}).status_code == 401, text
    assert world.client.get(CHECK).status_code == 401
    assert world.client.get(CHECK, headers={"X-API-Key": good}).status_code == 200


def test_only_a_hash_of_the_secret_is_stored(world: World) -> None:
    secret = world.key()["X-API-Key"].split("_")[2]
    with world.state.sessions() as session:
        row = session.scalars(select(ApiKey)).one()
    assert secret not in str(vars(row))
    assert len(row.secret_sha256) == 64


def test_unknown_key_cannot_be_revoked(world: World) -> None:
    assert world.client.delete("/api/api-keys/99", headers=world.sign_in(Role.ADMIN)).status_code == 404
