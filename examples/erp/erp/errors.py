"""Errors of the domain, each with the status it is answered with."""

from fastapi import Request
from fastapi.responses import JSONResponse


class DomainError(Exception):
    """Something the caller asked for cannot be done; the text is meant for the caller."""

    status = 400


class NotFoundError(DomainError):
    """There is no such thing, or it is not for the caller's eyes."""

    status = 404


class ConflictError(DomainError):
    """The request is sound but the present state does not allow it."""

    status = 409


class RefusedError(DomainError):
    """The request can never work as it stands."""

    status = 422


async def answer_domain_error(_request: Request, error: Exception) -> JSONResponse:
    """Turn a domain error into `{"detail": text}` with its status."""
    status = error.status if isinstance(error, DomainError) else 500
    return JSONResponse({"detail": str(error)}, status_code=status)
