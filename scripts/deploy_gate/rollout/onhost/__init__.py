"""Programs that are sent to a server and run there: standard library only, Python 3.9."""
