"""The record of all deployments: one hash-chained line each, on a branch of its own, with its evidence beside it."""
