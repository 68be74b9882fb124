"""Alembic trees as files: what they say of themselves, read without running a line of them."""
