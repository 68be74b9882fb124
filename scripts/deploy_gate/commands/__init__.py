"""The commands of `python3 scripts`: one module each, with `run(argv) -> exit code`."""
