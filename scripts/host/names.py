"""Names to addresses, bounded in time: the C library's resolver waits as long as it likes, and a look must not."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

_FRESH = 60.0


class Unresolved(TimeoutError):
    """The name server did not answer in time."""


class Names:
    """What names stand for, kept for a minute, and longer while the name server does not answer."""

    def __init__(self) -> None:
        """Nothing is known yet."""
        self._known: dict[str, tuple[float, list[str]]] = {}
        self._asked: dict[str, threading.Thread] = {}
        self._faults: dict[str, OSError] = {}
        self._lock = threading.Lock()

    def addresses(self, host: str, seconds: float) -> list[str]:
        """Of a host, after so long at most; OSError when there is none."""
        if _is_address(host):
            return [host]
        with self._lock:
            since, found = self._known.get(host, (0.0, []))
            if found and time.monotonic() - since < _FRESH:
                return found
            asked = self._asked.get(host)
            if asked is None or not asked.is_alive():
                # One for each name at most, however often it is asked for. It holds nothing up: it is a daemon.
                asked = self._asked[host] = threading.Thread(target=self._ask, args=(host,), daemon=True)
                asked.start()
        asked.join(max(0.0, seconds))
        with self._lock:
            found = self._known.get(host, (0.0, []))[1]
            fault = None if asked.is_alive() else self._faults.get(host)
        if found:
            return found  # those of before are better than none
        if fault is not None:
            raise fault
        raise Unresolved(f"the name {host} was not resolved in time")

    def _ask(self, host: str) -> None:
        try:
            found = lookup(host)
        except (OSError, UnicodeError) as fault:
            with self._lock:
                self._faults[host] = fault if isinstance(fault, OSError) else OSError(0, f"{host} is no name")
            return
        with self._lock:
            self._known[host] = (time.monotonic(), found)
            self._faults.pop(host, None)


def lookup(host: str) -> list[str]:
    """The resolver's answer, whenever it comes."""
    return list(dict.fromkeys(str(one[4][0]) for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


NAMES = Names()
