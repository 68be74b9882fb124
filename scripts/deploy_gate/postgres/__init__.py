"""PostgreSQL as the database checks see it: addresses, connections, the catalogs, and scratch servers."""
