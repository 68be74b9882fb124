"""The one error of the bootstrap. Standard library only."""


class SetupError(Exception):
    """deploy-gate's own environment could not be made; nothing was judged yet.

    ``found`` says what happened, ``fix`` what to do, one line each, both safe to print.
    """

    def __init__(self, found: str, fix: str) -> None:
        super().__init__(f"{found} → {fix}")
        self.found = found
        self.fix = fix
