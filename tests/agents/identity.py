"""Sources of AWS credentials for pods, as servers on this machine: keys, IRSA and EKS Pod Identity."""

import contextlib
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from harness.backends.aws import CREDENTIALS, REGION
from harness.backends.pki import Authority
from harness.backends.receivers import HOST

# Address of the agent of EKS Pod Identity on each node.
POD_IDENTITY = "169.254.170.23"
STS = f"sts.{REGION}.amazonaws.com"
_TOKEN = "token-of-the-service-account"
_ROLE = "arn:aws:iam::111122223333:role/agent"
# The stand-ins of AWS verify signatures with these keys.
_KEYS = {
    "AccessKeyId": CREDENTIALS["AWS_ACCESS_KEY_ID"],
    "SecretAccessKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    "Expiration": "2099-01-01T00:00:00Z",
}


@dataclass
class Source:
    """Where the credentials of a pod come from.

    Attributes:
        environment: variables that EKS adds to the pod.
        routes: hosts that the source requires of a proxy, as of `Proxy`.
        ca: certificate of the CA that signed the certificate of AWS STS, if it is used.
        requests: requests for credentials, in order of arrival.
    """

    environment: dict[str, str] = field(default_factory=lambda: dict(CREDENTIALS))
    routes: dict[str, tuple[str, int]] = field(default_factory=dict)
    ca: Path | None = None
    requests: list[str] = field(default_factory=list)

    def bundle(self, folder: Path, *authorities: Path | None) -> Path:
        """Write a file with the CA certificates of the source and of others, and return its path."""
        path = folder / "bundle.crt"
        files = [file for file in (self.ca, *authorities) if file]
        path.write_text("".join(file.read_text(encoding="ascii") for file in files), encoding="ascii")
        return path


@contextlib.contextmanager
def source(kind: str, folder: Path) -> Iterator[Source]:
    """Run what a pod with these credentials requires.

    Args:
        kind: `keys`, `irsa` or `pod-identity`; the last requires that this machine has the address `POD_IDENTITY`.
        folder: folder for the token of the service account.
    """
    token = folder / "token"
    token.write_text(_TOKEN, encoding="ascii")
    if kind == "irsa":
        with _sts(folder / "sts") as made:
            made.environment |= {"AWS_ROLE_ARN": _ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(token)}
            yield made
    elif kind == "pod-identity":
        with _pod_identity() as made:
            url = f"http://{POD_IDENTITY}/v1/credentials"
            made.environment |= {"AWS_CONTAINER_CREDENTIALS_FULL_URI": url}
            made.environment |= {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
            yield made
    else:
        yield Source()


@contextlib.contextmanager
def _sts(folder: Path) -> Iterator[Source]:
    Authority(folder).issue("server", "sts", hosts=(STS,))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    made = Source({"AWS_REGION": REGION, "AWS_STS_REGIONAL_ENDPOINTS": "regional"}, ca=folder / "ca.crt")

    def answer(request: Request) -> Response:
        asked = parse_qs(request.query_string.decode() or request.get_data(as_text=True))
        if asked.get("WebIdentityToken") != [_TOKEN] or asked.get("RoleArn") != [_ROLE]:
            return Response(status=403)
        made.requests += asked["Action"]
        keys = {**_KEYS, "SessionToken": "session"}
        listed = "".join(f"<{name}>{text}</{name}>" for name, text in keys.items())
        action = "AssumeRoleWithWebIdentity"
        role = f"<Arn>{_ROLE}</Arn><AssumedRoleId>A:agent</AssumedRoleId>"
        result = f"<Credentials>{listed}</Credentials><AssumedRoleUser>{role}</AssumedRoleUser>"
        space = "https://sts.amazonaws.com/doc/2011-06-15/"
        text = f'<{action}Response xmlns="{space}"><{action}Result>{result}</{action}Result></{action}Response>'
        return Response(text, content_type="text/xml")

    with HTTPServer(HOST, 0, context, threaded=True) as server:
        server.expect_request("/").respond_with_handler(answer)
        made.routes[STS] = (HOST, server.port)
        yield made


@contextlib.contextmanager
def _pod_identity() -> Iterator[Source]:
    made = Source({"AWS_REGION": REGION})

    def answer(request: Request) -> Response:
        if request.headers.get("Authorization") != _TOKEN:
            return Response(status=403)
        made.requests.append(request.path)
        keys = {**_KEYS, "Token": "session", "AccountId": "111122223333"}
        return Response(json.dumps(keys), content_type="application/json")

    with HTTPServer(POD_IDENTITY, 80, threaded=True) as server:
        server.expect_request("/v1/credentials").respond_with_handler(answer)
        yield made
