"""The shape of a checklist file. Everything a file may say is declared here; the JSON Schema is generated from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from deploy_gate.checklist.parts import Part, Watching
from deploy_gate.checklist.values import Day, DurationText, Event, Slug, Text, Texts, Value
from deploy_gate.result import Severity


class Phase(StrEnum):
    """When an item is looked at."""

    PULL_REQUEST = "pull-request"
    PRE_DEPLOY = "pre-deploy"
    IDLE_SLOT = "idle-slot"
    VERIFY = "verify"
    MONITOR = "monitor"
    CLOSE = "close"


class When(Part):
    """An item is looked at only when all of these hold; otherwise it is skipped, and the report says which did not."""

    environment: Texts | None = None
    """Names of environments."""
    event: list[Event] | None = Field(default=None, min_length=1)
    """Names of GitHub events, such as `pull_request`."""
    branch: Texts | None = None
    """Shell patterns for the branch's name, such as `release/*`."""
    changed: Texts | None = None
    """Shell patterns for paths; at least one file that changed since the base must match."""
    exists: Texts | None = None
    """Paths in the repository, of which at least one must exist."""


class Waiver(Part):
    """A finding somebody answers for, until a date."""

    why: Text
    """The reason, for the reader of the report."""
    by: Text
    """Who answers for it."""
    until: Day
    """The last day on which it counts (YYYY-MM-DD, UTC)."""


class Item(Part):
    """One line of the checklist."""

    section: Slug
    """The section it stands in."""
    title: Text
    """Its wording; `${name}` is filled from the environment's block."""
    check: Slug
    """The check that proves it: a folder under `actions/`."""
    phases: list[Annotated[Phase, Field(strict=False)]] = Field(min_length=1)
    """When it is looked at."""
    with_: dict[str, Value] = Field(default_factory=dict, alias="with")
    """Inputs of the check, laid over its own defaults."""
    severity: Annotated[Severity, Field(strict=False)] = Severity.BLOCK
    """What a finding may do."""
    planned: bool = False
    """Its check is not built yet: shown as pending, never deciding."""
    needs: list[str] = Field(default_factory=list)
    """Names that the environment's block must define for this item to make sense."""
    when: When | None = None
    """Conditions under which it is looked at."""
    waived: Waiver | None = None
    """A waiver, with an end."""
    not_applicable: Text | None = Field(default=None, alias="not-applicable")
    """Why this line does not apply to this product; the item is skipped for good."""
    timeout: DurationText | None = None
    """How long the check may take, such as `90s`."""
    secrets: list[str] = Field(default_factory=list)
    """Names of further environment variables this item may see."""
    runs_code: bool = Field(default=False, alias="runs-code")
    """It runs the repository's own code, and so must not meet secrets."""
    watch: Watching | None = None
    """How the watch after the switch looks at it; without this it does not."""


class Section(Part):
    """A heading with its items."""

    part: Text
    """The heading above it."""
    title: Text
    """Its own heading."""
    environment: str | None = None
    """Its items belong to this environment alone."""


class Environment(Part):
    """One place that is deployed to. Further keys are free; items name them as `${key}`."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, str] = Field(init=False)

    branch: str | None = None
    """The branch it is deployed from."""
    url: str | None = None
    """Its front door, such as `https://shop.example`."""
    host: str | None = None
    """Where it runs: `user@address`."""
    protected: bool = False
    """Code and secrets are never mixed here."""

    def variables(self) -> dict[str, str]:
        """Every key that has a value, for `${key}`; `address` is the host without its user."""
        address = self.host.rpartition("@")[2] if self.host else None
        own = {"branch": self.branch, "url": self.url, "host": self.host, "address": address}
        pairs = {**own, **(self.__pydantic_extra__ or {})}
        return {name: value for name, value in pairs.items() if value}


class Trigger(Part):
    """A reason to take a release out again."""

    title: Text
    """Its wording."""
    rule: Text
    """What is measured, exactly."""
    band: Literal["immediate", "consider"]
    """Roll back at once, or hold and ask a person."""
    check: Slug
    """The check that sees it."""
    with_: dict[str, Value] = Field(default_factory=dict, alias="with")
    """Inputs of the check, laid over its own defaults."""
    of: list[Slug] = Field(default_factory=list)
    """Items whose looks it goes by: when one of them fails, so does this. The check is then not run for it again."""
    witness: Slug | None = None
    """An item that must fail at the same time: what only one side sees decides nothing."""
    planned: bool = False
    """Its check is not built yet."""
    needs: list[str] = Field(default_factory=list)
    """Names that the environment's block must define for it to make sense."""
    not_applicable: Text | None = Field(default=None, alias="not-applicable")
    """Why it does not apply to this product."""
    watch: Watching = Field(default_factory=Watching)
    """How the watch looks at it."""


class Band(Part):
    """Three limits of one measure, such as `100ms` or `85%`."""

    title: Text
    """What is measured."""
    target: Text
    """Below it all is well."""
    warning: Text
    """Above it the value is a warning."""
    critical: Text
    """Above it the value is critical."""


class Thresholds(Part):
    """One table of limits."""

    title: Text
    """Its heading."""
    columns: list[Text] = Field(min_length=4, max_length=4)
    """The headings of its four columns."""
    rows: dict[Slug, Band]
    """Its rows, in order; a row's limits are known as `${thresholds.TABLE.ROW.target}` and so on."""


class Metric(Part):
    """One figure of the deployment record and its target."""

    title: Text
    """Its name."""
    target: Text
    """What is aimed at."""


class Checklist(Part):
    """The whole file."""

    version: Literal[1]
    """The version of this format."""
    extends: Literal["default"] | None = None
    """`default`: lay this file over the bundled checklist."""
    title: Text = "Deployment quality checklist"
    """The heading of the report."""
    environments: dict[Slug, Environment] = Field(default_factory=dict)
    """The places that are deployed to."""
    roles: dict[Slug, list[str]] = Field(default_factory=dict)
    """Who holds which role: GitHub login names."""
    sections: dict[Slug, Section] = Field(default_factory=dict)
    """The headings, in order."""
    items: dict[Slug, Item] = Field(default_factory=dict)
    """The lines, in order."""
    triggers: dict[Slug, Trigger] = Field(default_factory=dict)
    """Reasons to roll back."""
    thresholds: dict[Slug, Thresholds] = Field(default_factory=dict)
    """The tables of limits."""
    metrics: dict[Slug, Metric] = Field(default_factory=dict)
    """The figures of the deployment record."""
    improvement: list[Text] = Field(default_factory=list)
    """What is reviewed, and when."""
    review: list[Text] = Field(default_factory=list)
    """The fields of the review after a deployment."""
    document: str = ""
    """The checklist as a document: Markdown, in which `${part.…}`, `${thresholds}` and the like are filled in."""

    def variables(self) -> dict[str, str]:
        """`${thresholds.TABLE.ROW.LIMIT}`, `${thresholds.TABLE.ROW}` (all three), `${roles}` (`role: names` lines)."""
        found = {"roles": "\n".join(f"{role}: {' '.join(people)}" for role, people in self.roles.items())}
        for table, rows in self.thresholds.items():
            for row, band in rows.rows.items():
                limits: dict[str, Any] = {"target": band.target, "warning": band.warning, "critical": band.critical}
                found |= {f"thresholds.{table}.{row}.{name}": text for name, text in limits.items()}
                found[f"thresholds.{table}.{row}"] = " ".join(limits.values())
        return found
