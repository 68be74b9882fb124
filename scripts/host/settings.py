"""What the configuration file holds: one class for each section, defaults here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Commands:
    """Programs as lists, never shell strings; `{slot}`, `{port}` and `{release}` are filled in each word."""

    start: Argv = ()  # returns when the slot was started, does not wait until it is healthy
    stop: Argv = ()  # stops it gracefully; also right when it does not run
    logs: Argv = ()  # prints the slot's last log lines
    migrate: Argv = ()  # a one-off container of the new release
    smoke: Argv = ()  # a quick look at what matters, on the slot's own port
    docker: Argv = ()  # the client: only missing layers are sent, digests looked up, old images removed
    receive: Argv = ()  # brings a release here: `docker load` (reads standard input), `docker pull`, a build
    digests: Argv = ()  # prints one `service digest` a line of what was received
    forget: Argv = ()  # removes a release's images
    revision: Argv = ()  # prints the live schema revision
    psql: Argv = ()  # psql with its connection, as `psql -d service=erp`
    alert: Argv = ()  # tells a person; gets `{message}`


@dataclass(frozen=True)
class Health:
    """Where a slot tells how it is."""

    alive: str = "/health/live"
    ready: str = "/health"
    release_field: str = "release"
    slot_field: str = "slot"
    timeout: float = 1.0


@dataclass(frozen=True)
class Front:
    """The front door, as users reach it; `connect` (host:port) goes there without the name server."""

    url: str = ""
    connect: str = ""
    ca: str = ""
    looks: int = 5
    seconds: float = 10.0


@dataclass(frozen=True)
class Nginx:
    """How nginx is told: by a flag file (no reload), or by a reload."""

    mode: str = "flag"
    command: Argv = ("nginx",)
    snippets: str = ""
    flags: str = ""
    pid: str = "/run/nginx.pid"


@dataclass(frozen=True)
class Access:
    """Where nginx writes what it answered, in the format of `slots nginx show`; empty where it is not counted."""

    log: str = ""


@dataclass(frozen=True)
class Limits:
    """How long things may take, in seconds."""

    start: float = 120.0
    ready: float = 60.0
    stop: float = 60.0
    command: float = 900.0
    lock: float = 5.0
    lock_timeout: float = 5.0
    drain: float = 3.0
    drain_most: float = 60.0
    sla: float = 120.0
    lease: float = 900.0


@dataclass(frozen=True)
class Guarding:
    """The guard's rhythm: three bad double looks in a row, half a second apart."""

    interval: float = 0.5
    looks: int = 3
    guard_for: float = 3600.0
    beat: float = 5.0
    sample: float = 5.0  # seconds between two lines of the samples; 0: none


@dataclass(frozen=True)
class Needs:
    """What a second slot needs; 0 leaves a line out."""

    memory_mb: int = 0
    disk_mb: int = 1024
    connections_per_worker: int = 0
    workers: int = 1


@dataclass(frozen=True)
class Retention:
    """How many releases are kept, the live and the warm one not counted."""

    releases: int = 5


@dataclass(frozen=True)
class Settings:
    """The whole file."""

    application: str = ""
    home: str = ""
    slots: dict[str, int] = field(default_factory=dict)
    commands: Commands = field(default_factory=Commands)
    health: Health = field(default_factory=Health)
    front: Front = field(default_factory=Front)
    nginx: Nginx = field(default_factory=Nginx)
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)
    guard: Guarding = field(default_factory=Guarding)
    needs: Needs = field(default_factory=Needs)
    retention: Retention = field(default_factory=Retention)

    @property
    def first(self) -> str:
        """The slot that nginx takes while the flag is not there."""
        return next(iter(self.slots))

    @property
    def second(self) -> str:
        """The slot that the flag stands for."""
        return list(self.slots)[1]

    def other(self, slot: str) -> str:
        """The slot that is not this one."""
        return self.second if slot == self.first else self.first
