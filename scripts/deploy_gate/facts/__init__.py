"""Facts about the world that several checks gather: git, files, interpreters, HTTP, TLS, S3. Nothing here judges."""
