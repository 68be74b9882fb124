"""The shop's own journeys on the real shop: all green, and for each fault exactly those red that it concerns."""

from __future__ import annotations

import time
from collections.abc import Iterator

import declared
import pytest
from databases import Cluster
from walks import ITEMS, SECRETS, TOKEN, Shop, serving

from deploy_gate.result import Status

# Every fault of the ERP that a journey can meet, with the items that turn red.
RED = declared.turning(ITEMS, "erp")
# What waits for something that will not come.
WAITS = {"notification-lost": "notifications", "message-undelivered": "whatsapp", "sync-drift": "inventory-sync"}
# Faults that other checks find: a journey that turned red here would point at the wrong thing. Where six in a hundred
# requests fail, any of them may; the leak has a test of its own below.
OTHERS = sorted(declared.switches() - set(RED) - {"connection-leak", "errors-6-percent"})
# Rows that are a record of what was done; everything else is as it was before.
APPEND_ONLY = {"audit_entries", "messages", "order_lines", "orders", "positions", "stock_movements"}


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Iterator[Shop]:
    with serving(cluster.server) as found:
        yield found


@pytest.fixture(autouse=True)
def secrets(no_runner: None, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, shop.erp.password)
    monkeypatch.setenv("DEPLOY_GATE_PROBE", TOKEN)


def counted(shop: Shop) -> dict[str, int]:
    tables = shop.ask("select tablename from pg_tables where schemaname = 'public'")
    return {name: int(shop.ask(f"select count(*) from {name}")[0]) for name in tables}


def state(shop: Shop) -> list[str]:
    return shop.ask("select product_id, quantity from stock_levels order by 1")


def test_all_are_green_marked_and_leave_nothing_behind(shop: Shop) -> None:
    before, stock, seen = counted(shop), state(shop), len(shop.marks()) if (shop.folder / "marks").exists() else 0
    assert shop.red() == set()
    after = counted(shop)
    assert {name for name, count in after.items() if count != before[name]} == APPEND_ONLY
    assert state(shop) == stock
    assert shop.ask("select count(*) from orders where status <> 'cancelled'") == ["0"]
    marks = shop.marks()[seen:]
    assert {mark for _, _, mark in marks} == {TOKEN}
    assert {kind for kind, _, _ in marks} == {"http", "websocket"}
    assert len(marks) > 50


@pytest.mark.parametrize("fault", list(RED))
def test_each_fault_turns_exactly_its_items_red(shop: Shop, fault: str) -> None:
    stock = state(shop)
    assert shop.red(fault, hurried=WAITS.get(fault, "")) == RED[fault]
    # Half-way or not, the orders are cancelled and the stock is back.
    assert state(shop) == stock
    assert shop.ask("select count(*) from orders where status <> 'cancelled'") == ["0"]
    assert shop.ask("select count(*) from refresh_tokens") == ["0"]


@pytest.mark.long
@pytest.mark.parametrize("fault", OTHERS)
def test_faults_of_others_are_not_theirs(shop: Shop, fault: str) -> None:
    assert shop.red(fault) == set()


def test_order_whose_number_was_lost_is_cancelled(shop: Shop) -> None:
    stock = state(shop)
    with shop.losing("POST /api/orders"):
        result = shop.walk("order")
    assert result.status is Status.FAILED
    assert "step 3 of 5 'place the order': POST /api/orders: answered 500, expected 201" in result.found
    assert state(shop) == stock
    assert shop.ask("select count(*) from orders where status <> 'cancelled'") == ["0"]


def test_an_order_that_was_never_placed_is_not_missed_by_the_clean_up(shop: Shop) -> None:
    shop.erp.set_faults("order-500")
    results = [shop.walk(name) for name in ("order", "inventory", "notifications", "wholesale", "retail")]
    shop.erp.set_faults()
    assert {one.status for one in results} == {Status.FAILED}
    assert [one.found for one in results if "clean-up" in one.found] == []


def leaked(shop: Shop) -> int:
    query = "select count(*) from pg_stat_activity where datname = 'erp' and application_name = ''"
    return int(shop.ask(query)[0])


def test_leak_grows_with_every_request_and_ends_with_the_fault(shop: Shop) -> None:
    shop.erp.set_faults("connection-leak")
    for number in (1, 2):
        assert shop.walk("products").status is Status.PASSED
        assert leaked(shop) == 4 * number
    shop.erp.set_faults()
    assert shop.walk("products").status is Status.PASSED
    # A server's process ends a moment after its client has gone.
    ends = time.monotonic() + 60
    while leaked(shop) and time.monotonic() < ends:
        time.sleep(0.05)
    assert leaked(shop) == 0


def test_messages_say_what_differs(shop: Shop) -> None:
    shop.erp.set_faults("order-total-wrong")
    result = shop.walk("wholesale")
    shop.erp.set_faults()
    assert result.status is Status.FAILED
    assert result.found == (
        "wholesale: step 5 of 6 'place the order': POST /api/orders: subtotal is 1033000, expected 1032000; "
        "total is 1033000, expected 1032000"
    )


def test_no_secret_and_no_token_in_what_is_told(shop: Shop) -> None:
    results = [shop.walk(name) for name in ITEMS.values()]
    told = str([one.as_json() for one in results])
    assert shop.erp.password not in told
    assert "eyJ" not in told


def test_latency_is_judged_by_class(shop: Shop) -> None:
    generous, tight = "60s 70s 80s", "1ms 2ms 3ms"
    # By itself a fast machine answers in less than the tightest limit that is told in whole milliseconds.
    shop.erp.set_faults("slow-5x")
    slow = shop.walk("products", search=tight, read=generous)
    warned = shop.walk("products", search="1ms 2ms 60s")
    watched = shop.walk("products", search="1ms 60s 70s")
    shop.erp.set_faults()
    assert (slow.status, slow.target) == (Status.FAILED, 0.003)
    assert slow.found.startswith("products: search step 'search for the first one' (GET /api/products) took ")
    assert slow.found.endswith(", the limit is 3 ms")
    bands = {str(one["step"]): one["band"] for one in slow.evidence}
    assert bands["list the products"] == "target"
    assert bands["search for the first one"] == "critical"
    assert (warned.status, warned.target) == (Status.WARNED, 0.002)
    assert watched.status is Status.PASSED
    assert "over the target of 1 ms" in watched.found
