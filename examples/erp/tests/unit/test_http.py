from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from erp.headers import DOCS
from neurolink import app as neurolink
from tests.world import World


@pytest.mark.parametrize("path", ["/health", "/docs", "/tds", "/api/products", "/no/such/path"])
def test_every_answer_has_the_security_headers(world: World, path: str) -> None:
    headers = world.client.get(path).headers
    assert "max-age=31536000" in headers["Strict-Transport-Security"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert ("unsafe-inline" in headers["Content-Security-Policy"]) == (path == "/docs")


def test_docs_load_only_from_what_the_policy_allows(world: World) -> None:
    page = world.client.get("/docs").text
    hosts = {part.split("/")[0] for part in page.split("https://")[1:]}
    assert hosts
    assert all(f"https://{host}" in DOCS for host in hosts)


def test_answers_of_the_api_are_not_cached(world: World) -> None:
    assert world.client.get("/api/products").headers["Cache-Control"] == "no-store"


def preflight(world: World, origin: str) -> str | None:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    return world.client.options("/api/orders", headers=headers).headers.get("Access-Control-Allow-Origin")


def test_only_listed_origins_are_let_in(build: Callable[..., World]) -> None:
    world = build(cors_origins="https://shop.example, https://staff.example")
    assert preflight(world, "https://staff.example") == "https://staff.example"
    assert preflight(world, "https://evil.example") is None
    plain = world.client.get("/api/products", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in plain.headers


def test_tds_page_and_its_script_are_served(world: World) -> None:
    page = world.client.get("/tds")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "TDS Dashboard" in page.text
    assert "<script>" not in page.text
    script = world.client.get("/tds/dashboard.js")
    assert (script.status_code, script.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")


def test_neurolink_is_healthy_and_estimates() -> None:
    settings = neurolink.NeurolinkSettings(environment="test", commit="abc", release="1")
    client = TestClient(neurolink.create_app(settings))
    assert client.get("/health").json() == {"status": "ok", "environment": "test", "commit": "abc", "release": "1"}
    body = {"history": [10, 20], "stock": 5, "periods": 2}
    assert client.post("/forecast", json=body).json() == {"expected": 14.0, "reorder": 23}
    assert client.post("/forecast", json={"history": []}).status_code == 422
