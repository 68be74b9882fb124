import pytest

from erp.services.rate_limit import MemoryLimiter


def test_window_ends_and_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("erp.services.rate_limit.monotonic", lambda: clock[0])
    limiter = MemoryLimiter(limit=2, window=60)
    assert [limiter.hit("a") for _ in range(3)] == [0, 0, 60]
    assert limiter.hit("b") == 0
    clock[0] += 45
    assert limiter.hit("a") == 15
    clock[0] += 15
    assert limiter.hit("a") == 0


def test_forgiven_attempt_does_not_count() -> None:
    limiter = MemoryLimiter(limit=1, window=60)
    for _ in range(3):
        assert limiter.hit("a") == 0
        limiter.forgive("a")
    limiter.forgive("never seen")
    assert limiter.hit("a") == 0
    assert limiter.hit("a") > 0
