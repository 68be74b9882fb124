"""Real things to try the product on: a runner, an S3 server, a database, a Redis, a consumer's repository.

Used by `demo` and by the end-to-end tests; nothing of it is needed by a gate.
"""
