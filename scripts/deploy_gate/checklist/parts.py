"""What the parts of a checklist file share, and how a line is looked at again and again after the switch."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from deploy_gate.checklist.values import DurationText


class Part(BaseModel):
    """Common ground: an unknown key is a fault, a value keeps its type."""

    model_config = ConfigDict(extra="forbid", strict=True, use_attribute_docstrings=True)


class Watching(Part):
    """How the watch looks at a line, and when a bad look counts."""

    every: DurationText = "30s"
    """How long from one look to the next."""
    delay: DurationText | None = None
    """How long after the watch began the first look is taken."""
    failure_limit: int = Field(default=3, ge=1, le=1000, alias="failure-limit")
    """So many bad looks, no good one in between, and it is failing."""
    error_limit: int = Field(default=5, ge=1, le=1000, alias="error-limit")
    """So many looks in a row that could not tell, and there is no data."""
    min_looks: int = Field(default=1, ge=1, le=1000, alias="min-looks")
    """Fewer looks that could tell leave it open."""
    on_no_data: Literal["fail", "inconclusive", "pass"] = Field(default="inconclusive", alias="on-no-data")
    """What it means when there is no data."""
