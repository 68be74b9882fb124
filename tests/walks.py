"""The real ERP for tests of journeys: it keeps which mark each request bore, and can lose an answer."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import ROOT

from deploy_gate.catalog import Catalog
from deploy_gate.result import CouldNotTell, Result, Status
from deploy_gate.workbench import erp
from deploy_gate.workbench.erp import Erp

FILES = ROOT / "examples" / "erp" / "journeys"
# The item that each journey proves.
ITEMS = {
    "auth-smoke": "log-in",
    "products": "products",
    "customer-login": "customer-login",
    "order": "order",
    "inventory": "inventory",
    "notifications": "notifications",
    "wholesale": "wholesale",
    "retail": "retail",
    "inventory-sync": "inventory-sync",
    "gps": "gps",
    "whatsapp": "whatsapp",
}
TOKEN = "token-of-this-deployment"
SECRETS = ["JOURNEY_PASSWORD", "JOURNEY_CUSTOMER_PASSWORD"]
# Keeps the mark of every request; loses the answers to the path that the file `lose` names.
_WRAPPED = """
from pathlib import Path
from erp.app import create_app as make

HERE = Path(__file__).parent

def create_app():
    inner = make()

    async def app(scope, receive, send):
        if scope["type"] == "lifespan":
            return await inner(scope, receive, send)
        mark = dict(scope["headers"]).get(b"x-deploy-gate-probe", b"none").decode()
        with (HERE / "marks").open("a") as stream:
            stream.write(f"{scope['type']} {scope['path']} {mark}\\n")
        lost = HERE / "lose"
        if scope["type"] == "http" and lost.exists() and lost.read_text() == f"{scope['method']} {scope['path']}":
            async def nowhere(message):
                return None
            return await inner(scope, receive, nowhere)
        return await inner(scope, receive, send)

    return app
"""


@dataclass(frozen=True)
class Shop:
    """The running ERP and the folder in which it keeps what it saw."""

    erp: Erp
    folder: Path

    def walk(self, journey: str, **inputs: str | list[str]) -> Result:
        """Walk one journey by the check, as an item would."""
        return walk(FILES / f"{journey}.yml", self.erp.url, **inputs)

    def hurried(self, journey: str) -> Result:
        """The same, waiting a second at most for what is known not to come."""
        file = self.folder / f"{journey}.yml"
        file.write_text(re.sub(r"within: \d+s", "within: 1s", (FILES / file.name).read_text()))
        return walk(file, self.erp.url)

    def red(self, *faults: str, hurried: str = "") -> set[str]:
        """The items that are not passed with these faults on, all journeys walked side by side."""
        self.erp.set_faults(*faults)
        ways = {name: self.hurried if name == hurried else self.walk for name in ITEMS}
        with ThreadPoolExecutor(4) as pool:
            results = dict(zip(ITEMS, pool.map(lambda one: ways[one](ITEMS[one]), ITEMS), strict=True))
        self.erp.set_faults()
        return {name for name, one in results.items() if one.status is not Status.PASSED}

    def marks(self) -> list[list[str]]:
        """Kind, path and mark of every request so far."""
        return [line.split() for line in (self.folder / "marks").read_text().splitlines()]

    def ask(self, query: str) -> list[str]:
        """The lines that the database answers."""
        return self.erp.database.run("psql", "-Atc", query, database="erp").out.split()

    @contextmanager
    def losing(self, request: str) -> Iterator[None]:
        """The application does what it is asked, and its answer to this request is lost."""
        (self.folder / "lose").write_text(request)
        try:
            yield
        finally:
            (self.folder / "lose").unlink()


def walk(file: Path, url: str, **inputs: str | list[str]) -> Result:
    """One journey against any address."""
    values = {"secrets": SECRETS, "read": "", "write": "", "search": "", "health": "", **inputs}
    try:
        return Catalog().get("journey").function(file=file, url=url, **values)
    except CouldNotTell as fault:
        return fault.result()


@contextmanager
def serving() -> Iterator[Shop]:
    """A shop of this module's own, outside of pytest's folder, since its database is an unprivileged user's."""
    with tempfile.TemporaryDirectory(prefix="dg-erp-") as name:
        folder = Path(name)
        (folder / "wrapped.py").write_text(_WRAPPED)
        with erp.serving(folder, "wrapped:create_app") as found:
            yield Shop(found, folder)
