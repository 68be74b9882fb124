"""What goes wrong on the way to a bucket, told to people: what happened, and what to do."""

from __future__ import annotations

from typing import Any

from deploy_gate.result import CouldNotTell, brief

WRONG_REGION = (
    *("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "IncorrectEndpoint"),
    *("TemporaryRedirect", "301", "307"),
)
_LOGIN_FIX = "log in again right before this check (aws-actions/configure-aws-credentials), so that the token is fresh"
_KEY_FIX = "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; they belong to one another and to this endpoint"
_ACCESS_FIX = "allow s3:ListBucket on this bucket and prefix to these credentials"
# What the operations other than listing are called, and the right that each needs.
_OPERATIONS = {
    "HeadObject": ("read the newest backup of", "s3:GetObject"),
    "GetObject": ("read the newest backup of", "s3:GetObject"),
    "GetBucketVersioning": ("ask for the versioning of", "s3:GetBucketVersioning"),
}
# Error codes of the S3 and STS interfaces: what they mean, what to do.
_BY_CODE = {
    "NoSuchBucket": ("there is no bucket {bucket}", "correct the bucket's name, its account or the endpoint-url"),
    "InvalidBucketName": ("{bucket} is no legal bucket name", "correct the bucket's name"),
    "AccessDenied": ("no access to list {bucket}", _ACCESS_FIX),
    "403": ("no access to list {bucket}", _ACCESS_FIX),
    "404": (
        "what answers there does not speak S3, or has no {bucket}",
        "correct the endpoint-url or the bucket's name",
    ),
    "AllAccessDisabled": ("all access to {bucket} is disabled", "ask the bucket's owner to enable it"),
    "ExpiredToken": ("the session token has expired", _LOGIN_FIX),
    "ExpiredTokenException": ("the session or identity token has expired", _LOGIN_FIX),
    "RequestExpired": ("the credentials have expired", _LOGIN_FIX),
    "TokenRefreshRequired": ("the session token must be renewed", _LOGIN_FIX),
    "InvalidToken": ("the session token is not valid", "give AWS_SESSION_TOKEN as it was issued with the key"),
    "InvalidClientTokenId": ("the access key is not known", _KEY_FIX),
    "InvalidAccessKeyId": ("the access key is not known", _KEY_FIX),
    "SignatureDoesNotMatch": ("the secret key is not that of the access key", _KEY_FIX),
    "RequestTimeTooSkewed": (
        "this machine's clock is too far from the server's",
        "set the clock (NTP)",
    ),
    "SlowDown": ("the server asks to slow down", "run again in a minute"),
    "ServiceUnavailable": ("the server is not available (503)", "run again in a minute"),
    "InternalError": ("the server has an internal error (500)", "run again in a minute"),
    "500": ("the server has an error (500), or does not answer as an S3 server does", "correct endpoint-url"),
    "502": ("a proxy before the server does not reach it (502)", "see whether the server is up"),
    "503": ("the server is not available (503)", "run again in a minute"),
    "504": ("a proxy before the server waits in vain (504)", "see whether the server is up"),
    "InvalidIdentityToken": (
        "the OIDC token is not accepted",
        "correct the role's trust policy, or the token's audience",
    ),
    "IDPCommunicationError": ("AWS could not check the OIDC token", "run again in a minute"),
    "NotImplemented": ("the server does not know ListObjectsV2", "use a server that speaks the S3 interface in full"),
}
# Exceptions of the library, by name: the most telling ones first, since some derive from others.
_BY_NAME = {
    "NoCredentialsError": (
        "there are no credentials in the environment",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in by OIDC before this check",
    ),
    "PartialCredentialsError": (
        "the credentials are incomplete",
        "set the key's id and its secret, both",
    ),
    "CredentialRetrievalError": (
        "the credentials could not be fetched",
        "see why the profile gives none",
    ),
    "TokenRetrievalError": ("the login has expired", _LOGIN_FIX),
    "ProfileNotFound": ("the profile that AWS_PROFILE names does not exist", "correct AWS_PROFILE, or unset it"),
    "ConfigParseError": ("the AWS configuration file cannot be read", "correct the file that AWS_CONFIG_FILE names"),
    "ConnectTimeoutError": ("{endpoint} did not accept a connection in time", "correct endpoint-url or the firewall"),
    "ReadTimeoutError": ("{endpoint} did not answer in time", "see whether the server is well, then run again"),
    "ProxyConnectionError": ("the proxy is not reachable", "correct HTTPS_PROXY, or add the endpoint to NO_PROXY"),
    "SSLError": ("no TLS connection to {endpoint}", "see with the tls-certificate check what is wrong with it"),
    "EndpointConnectionError": (
        "{endpoint} is not reachable (refused, or an unknown name)",
        "start the server, or correct endpoint-url, region or the firewall",
    ),
    "ConnectionClosedError": ("{endpoint} hung up without an answer", "see whether this is an S3 server, and its log"),
    "ParamValidationError": ("{bucket} is no legal bucket name", "correct the bucket's name"),
    "InvalidRegionError": ("that is no region", "correct the region, such as eu-central-1"),
    "ResponseParserError": ("{endpoint} does not answer as an S3 server does", "correct endpoint-url"),
    "ValueError": ("bucket, region or endpoint-url cannot be used together", "correct them"),
    "HTTPClientError": ("the connection to {endpoint} broke", "see whether this is an S3 server, and its log"),
}


def explained(fault: Exception, bucket: str, endpoint: str, owner: str = "") -> CouldNotTell:
    """The error to show for what the library raised; of the server's own words only its code is taken over."""
    names = {"bucket": brief(bucket), "endpoint": brief(endpoint, 160)}
    response: dict[str, Any] = getattr(fault, "response", None) or {}
    code = str(response.get("Error", {}).get("Code", ""))
    if not code:
        kinds = [kind.__name__ for kind in type(fault).__mro__]
        found, fix = next((_BY_NAME[kind] for kind in kinds if kind in _BY_NAME), (f"S3: {kinds[0]}", "report this"))
        return CouldNotTell(found.format(**names), fix)
    operation = str(getattr(fault, "operation_name", ""))
    if code in WRONG_REGION:
        return wrong_region(response, bucket, "")
    if special := _special(operation, code, names["bucket"], owner):
        return special
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", "no status")
    if code in _BY_CODE:
        found, fix = _BY_CODE[code]
        return CouldNotTell(found.format(**names), fix)
    found = f"the server refused to list {names['bucket']}: {brief(code, 60)} ({status})"
    return CouldNotTell(found, "look this code up in the server's documentation")


def _special(operation: str, code: str, bucket: str, owner: str) -> CouldNotTell | None:
    """What a code means for one operation alone."""
    denied = code in {"AccessDenied", "403"}
    if denied and operation.startswith("AssumeRole"):
        return CouldNotTell("the role of AWS_ROLE_ARN may not be assumed", "correct the role's trust policy")
    if denied and owner:
        found = f"{bucket} does not belong to account {brief(owner)}, or there is no access to it"
        return CouldNotTell(found, "correct the bucket's name or `account`, or allow these credentials to read it")
    return _of_object(operation, code, bucket) if operation in _OPERATIONS else None


def _of_object(operation: str, code: str, bucket: str) -> CouldNotTell | None:
    doing, right = _OPERATIONS[operation]
    if code in {"AccessDenied", "403"}:
        return CouldNotTell(f"no access to {doing} {bucket}", f"allow {right} on this bucket to these credentials")
    if code in {"NoSuchKey", "404", "PreconditionFailed", "412"}:
        found = f"the newest backup of {bucket} was replaced or removed while it was looked at"
        return CouldNotTell(found, "run again when the backup job has ended")
    if code in _BY_CODE:
        return None
    found = f"the server refused to {doing} {bucket}: {brief(code, 60)}"
    return CouldNotTell(found, "look this code up in the server's documentation")


def wrong_region(response: dict[str, Any], bucket: str, asked: str) -> CouldNotTell:
    """The error for a bucket that lies elsewhere, with the region it lies in where the server says so."""
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    there = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region") or ""
    here, where = f"region {brief(asked)}" if asked else "this region", brief(str(there), 40)
    found = f"the bucket {brief(bucket)} is not in {here}" + (f" but in {where}" if where else "")
    return CouldNotTell(found, f"set region to {where or 'that of the bucket'}")
