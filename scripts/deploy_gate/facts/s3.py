"""A bucket that is listed, with a small number of requests and never more (Amazon S3, ListObjectsV2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from deploy_gate.facts.deadline import within
from deploy_gate.facts.s3_trouble import WRONG_REGION, explained, wrong_region
from deploy_gate.problems import Misconfigured
from deploy_gate.result import CouldNotTell, brief

MAX_REQUESTS = 3
PAGE = 1000
CONNECT, READ = 5.0, 10.0
"""Seconds; a request is tried at most twice."""
WHOLE = 40.0
"""Seconds for one request with all that belongs to it: credentials, look-ups, the second try."""
SECRETS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
READS = (
    *("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_PROFILE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_EC2_METADATA_DISABLED"),
    *("AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_ENDPOINT_URL_STS"),
)
"""Where credentials come from and which; no secrets themselves."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: key, size in bytes, and when it was last written (UTC, the server's word)."""

    key: str
    size: int
    modified: datetime


class Bucket:
    """A bucket and its budget of list requests; whatever goes wrong on the way is a CouldNotTell.

    `server_time` and `drift` (seconds that the server is ahead of this machine) are those of the last answer. `owner`
    is the account it must belong to, if that matters: the server refuses what belongs to another.
    """

    def __init__(self, name: str, region: str = "", endpoint: str = "", owner: str = "") -> None:
        self.name, self.region, self.endpoint, self.owner = name, region, endpoint, owner
        self.left, self.requests = MAX_REQUESTS, 0
        self.server_time = datetime.now(UTC)
        self.drift = 0.0
        self._client: Any = None
        if endpoint and not _legal(endpoint):
            raise Misconfigured(["input 'endpoint-url' expects an address such as https://s3.example, and no more"])

    @property
    def where(self) -> str:
        """The endpoint, for people."""
        return self.endpoint or "the S3 endpoint of AWS"

    def objects(self, prefix: str, after: str = "") -> tuple[list[Stored], bool]:
        """Objects whose keys begin with `prefix` and sort after `after`, and whether that is all of them.

        Reads on as long as there is budget. Markers of folders (empty, with a slash at the end) are left out.
        """
        found: list[Stored] = []
        mark, more = "", True
        while more and self.left:
            page = self.page(prefix, after, mark)
            found += [one for one in map(_stored, page.get("Contents", [])) if one.size or not one.key.endswith("/")]
            mark = str(page.get("NextContinuationToken", ""))
            more = bool(page["IsTruncated"]) and mark != ""
            if page["IsTruncated"] and not mark:
                return found, False
        return found, not more

    def page(self, prefix: str, after: str, mark: str) -> dict[str, Any]:
        """One request."""
        self.left -= 1
        self.requests += 1
        given = {"Prefix": prefix, "StartAfter": after, "ContinuationToken": mark}
        try:
            page: dict[str, Any] = within(WHOLE, lambda: self.ask({name: text for name, text in given.items() if text}))
        except CouldNotTell:
            raise
        except TimeoutError:
            found = f"{brief(self.where, 160)} did not answer in full within {WHOLE:g} s"
            raise CouldNotTell(found, "see whether the server is well, then run again") from None
        except Exception as fault:  # noqa: BLE001 - the library raises some hundred kinds, told apart by name
            raise explained(fault, self.name, self.where, self.owner) from None
        if "IsTruncated" not in page or "Name" not in page:
            raise CouldNotTell(f"{brief(self.where, 160)} does not answer as an S3 server does", "correct endpoint-url")
        self.set_clock(page)
        return page

    def ask(self, given: dict[str, str]) -> dict[str, Any]:
        given |= {"ExpectedBucketOwner": self.owner} if self.owner else {}
        answer: dict[str, Any] = self.client.list_objects_v2(Bucket=self.name, MaxKeys=PAGE, **given)
        return answer

    @property
    def client(self) -> Any:
        """The library's client, made when it is first needed."""
        self._client = self._client or self.open()
        return self._client

    def open(self) -> Any:
        import boto3
        from botocore.config import Config

        # Servers other than AWS seldom have a name for each bucket.
        style = {"addressing_style": "path"} if self.endpoint else {}
        tries = {"total_max_attempts": 2, "mode": "standard"}
        config = Config(connect_timeout=CONNECT, read_timeout=READ, retries=tries, s3=style)
        made = boto3.session.Session().client(
            "s3", region_name=self.region or None, endpoint_url=self.endpoint or None, config=config
        )
        self.region = made.meta.region_name
        # Before the library's own handler, which would look for the bucket in other regions with requests of its own.
        made.meta.events.register_first("needs-retry.s3.ListObjectsV2", self.refuse_detour)
        return made

    def refuse_detour(self, response: tuple[Any, dict[str, Any]] | None = None, **_: Any) -> None:
        """Raise instead of following the bucket into another region."""
        if response and str(response[1].get("Error", {}).get("Code", "")) in WRONG_REGION:
            raise wrong_region(response[1], self.name, self.region)

    def set_clock(self, page: dict[str, Any]) -> None:
        """Read the server's clock (Date, one second exact)."""
        text = str(page["ResponseMetadata"]["HTTPHeaders"].get("date", ""))
        try:
            told = parsedate_to_datetime(text).astimezone(UTC)
        except ValueError:
            found = f"{brief(self.where, 160)} does not tell its time (no legal Date header)"
            raise CouldNotTell(found, "use an S3 server that sends Date; the age is measured by its clock") from None
        # Cut to the second: its end, so that nothing is called younger than it is.
        self.server_time = told + timedelta(seconds=1)
        self.drift = (told - datetime.now(UTC)).total_seconds() + 0.5


def _legal(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        plain = parts.port != 0 and parts.path in {"", "/"} and not parts.query and not parts.fragment
    except ValueError:
        return False
    right = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
    return right and plain and endpoint.isprintable() and " " not in endpoint


def _stored(entry: dict[str, Any]) -> Stored:
    modified = entry["LastModified"]
    return Stored(str(entry["Key"]), int(entry.get("Size", 0)), modified.astimezone(UTC))
