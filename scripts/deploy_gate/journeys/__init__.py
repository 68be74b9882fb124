"""Journeys: what a user does, written down as a few requests in a small YAML file, walked on the real thing."""
