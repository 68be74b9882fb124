"""Passwords: hashed with Argon2id, compared in time that does not tell whether the account exists."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

MAX_LENGTH = 200


@cache
def hasher() -> PasswordHasher:
    """Return the hasher with the library's recommended cost."""
    return PasswordHasher()


@cache
def decoy() -> str:
    """Return a hash that no password matches, for accounts that do not exist."""
    return hasher().hash("no such account")


def hash_password(password: str) -> str:
    """Return the password's hash with its salt and cost."""
    return hasher().hash(password)


def matches(password_hash: str | None, password: str) -> bool:
    """Say whether the password is right; without a hash the same work is done and the answer is no."""
    try:
        hasher().verify(password_hash or decoy(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return password_hash is not None
