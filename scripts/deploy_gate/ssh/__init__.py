"""A server over the OpenSSH client: one connection, pinned host keys, a key that is never in a file.

`client.connection(host, pins)` opens it, `hostprogram.HostProgram` runs the host program through it.
"""
