"""Pieces that many schemas share."""

from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

MAX_MONEY = 10**12
MAX_PIECES = 1_000_000
MAX_ID = 2**31 - 1

Money = Annotated[int, Field(gt=0, le=MAX_MONEY, description="Whole dinars, without tax.")]
Pieces = Annotated[int, Field(ge=1, le=MAX_PIECES)]
Identity = Annotated[int, Field(ge=1, le=MAX_ID)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


Item = TypeVar("Item")


class Incoming(BaseModel):
    """A request's body: unknown keys are refused, so that a typing error is not ignored."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Outgoing(BaseModel):
    """An answer's body, read from a row."""

    model_config = ConfigDict(from_attributes=True)


class Page(BaseModel, Generic[Item]):
    """One page of a list; `total` counts all pages."""

    items: list[Item]
    total: int
    page: int
    size: int
