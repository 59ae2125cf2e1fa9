"""Compiles how Prometheus connects: TLS, logins from Secrets, proxies."""

import re
from collections.abc import Mapping
from typing import Any

from eks_observability.monitors.fields import Fields, Invalid, given
from eks_observability.monitors.objects import NAME

# Where Prometheus' container has the files of Secrets and ConfigMaps.
FOLDER = "/etc/monitors"
_FOLDERS = {"Secret": "secrets", "ConfigMap": "configmaps"}
_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_TLS_VERSIONS = ("TLS10", "TLS11", "TLS12", "TLS13")


class Files:
    """The files of Secrets and ConfigMaps that one monitor uses.

    Args:
        namespace: namespace of the monitor.
        data: values of the Secrets and ConfigMaps in the input, see `Objects`.

    Attributes:
        used: kind, namespace, name and key of each file.
    """

    def __init__(self, namespace: str, data: Mapping[tuple[str, str, str, str], str]) -> None:
        self._namespace, self._data = namespace, data
        self.used: set[tuple[str, str, str, str]] = set()

    def path(self, fields: Fields, kind: str = "Secret") -> str:
        """Return the file with a key of a Secret or ConfigMap.

        Args:
            fields: a reference with `name` and `key`.
            kind: Secret or ConfigMap.
        """
        reference = self._reference(fields, kind)
        self.used.add(reference)
        return "/".join((FOLDER, _FOLDERS[kind], *reference[1:]))

    def either(self, fields: Fields | None) -> str | None:
        """Return the file of a reference with `secret` or `configMap`; None: it has neither."""
        found = self._choose(fields)
        return self.path(*found) if found else None

    def inline(self, fields: Fields | None, place: str) -> str:
        """Return the value of a reference with `secret` or `configMap`, for options that cannot be files.

        Args:
            fields: the reference.
            place: the field that contains it.

        Raises:
            Invalid: the input does not have it.
        """
        found = self._choose(fields)
        if found is None:
            raise Invalid(f"{place} is missing: refer to a key of a Secret or ConfigMap")
        kind, namespace, name, key = reference = self._reference(*found)
        if reference not in self._data:
            raise Invalid(
                f"{place} is the key {key} of {kind} {namespace}/{name}, which Prometheus cannot read from a file: "
                f"add this {kind} to the input"
            )
        return self._data[reference]

    def _choose(self, fields: Fields | None) -> tuple[Fields, str] | None:
        if fields is None:
            return None
        secret, config = fields.fields("secret"), fields.fields("configMap")
        fields.done()
        if secret and config:
            raise Invalid(f"{fields.path} has both secret and configMap: remove one")
        if secret:
            return secret, "Secret"
        return (config, "ConfigMap") if config else None

    def _reference(self, fields: Fields, kind: str) -> tuple[str, str, str, str]:
        name, key = fields.required("name"), fields.required("key")
        fields.ignore("optional")
        fields.done()
        if not NAME.fullmatch(name):
            raise fields.invalid("name", f"which is no name of a {kind}: use lowercase letters, digits, `-` and `.`")
        if not _KEY.fullmatch(key) or key.startswith(".."):
            raise fields.invalid("key", f"which is no key of a {kind}: use letters, digits, `-`, `_` and `.`")
        return kind, self._namespace, name, key


def tls(fields: Fields | None, files: Files) -> dict[str, Any] | None:
    """Compile `tlsConfig`.

    Args:
        fields: the field, or None.
        files: collects the files of Secrets and ConfigMaps.
    """
    if fields is None:
        return None
    ca, cert, key = (files.either(fields.fields("ca")), files.either(fields.fields("cert")), fields.fields("keySecret"))
    options = {
        "insecure_skip_verify": fields.flag("insecureSkipVerify"),
        "ca_file": _one(fields, "ca", ca, "caFile"),
        "cert_file": _one(fields, "cert", cert, "certFile"),
        "key_file": _one(fields, "keySecret", files.path(key) if key else None, "keyFile"),
        "server_name": fields.text("serverName") or None,
        "min_version": fields.text("minVersion", *_TLS_VERSIONS),
        "max_version": fields.text("maxVersion", *_TLS_VERSIONS),
    }
    fields.done()
    if (options["cert_file"] is None) != (options["key_file"] is None):
        missing = "cert" if options["cert_file"] is None else "keySecret"
        raise Invalid(f"{fields.place(missing)} is missing: a client certificate requires both cert and keySecret")
    versions = [_TLS_VERSIONS.index(options[name] or default) for name, default in _BOUNDS]
    if versions[0] > versions[1]:
        raise fields.invalid("maxVersion", f"which is lower than minVersion ({options['min_version']}): raise it")
    return given(options)


_BOUNDS = (("min_version", "TLS10"), ("max_version", "TLS13"))


def login(fields: Fields, files: Files) -> dict[str, Any]:
    """Compile basicAuth, authorization, oauth2 and bearer tokens; at most one of them can be set.

    Args:
        fields: the map that contains them.
        files: collects the files of Secrets.
    """
    bearer = fields.fields("bearerTokenSecret")
    # Older API servers and charts write a reference without a name instead of none.
    token = files.path(bearer) if bearer and bearer.text("name") else None
    found: dict[str, dict[str, Any]] = {
        "basicAuth": {"basic_auth": _basic(fields.fields("basicAuth"), files)},
        "authorization": {"authorization": _authorization(fields.fields("authorization"), files)},
        "oauth2": {"oauth2": _oauth2(fields.fields("oauth2"), files)},
        "bearerTokenSecret": {"bearer_token_file": token},
        "bearerTokenFile": {"bearer_token_file": fields.text("bearerTokenFile") or None},
    }
    chosen = {name: given(options) for name, options in found.items() if given(options)}
    if len(chosen) > 1:
        raise Invalid(f"{fields.path} has {' and '.join(chosen)}, but Prometheus accepts one login: remove the others")
    return {name: value for options in chosen.values() for name, value in options.items()}


def proxy(fields: Fields) -> dict[str, Any]:
    """Compile the options of a proxy.

    Args:
        fields: the map that contains them.
    """
    if fields.value("proxyConnectHeader"):
        raise Invalid(f"{fields.place('proxyConnectHeader')} cannot be read from files: remove it")
    options = {
        "proxy_url": fields.url("proxyUrl"),
        "no_proxy": fields.text("noProxy") or None,
        "proxy_from_environment": fields.flag("proxyFromEnvironment"),
    }
    if options["proxy_from_environment"] and (options["proxy_url"] or options["no_proxy"]):
        raise Invalid(f"{fields.place('proxyFromEnvironment')} is true, so proxyUrl and noProxy must not be set")
    if options["no_proxy"] and not options["proxy_url"]:
        raise fields.invalid("noProxy", "but there is no proxy: set proxyUrl, too")
    return given(options)


def connection(fields: Fields, files: Files) -> dict[str, Any]:
    """Compile all options of a client: TLS, login and proxy.

    Args:
        fields: the map that contains them.
        files: collects the files of Secrets and ConfigMaps.
    """
    secured = given({"tls_config": tls(fields.fields("tlsConfig"), files)})
    return {**secured, **login(fields, files), **proxy(fields)}


def _one(fields: Fields, name: str, path: str | None, file: str) -> str | None:
    other = fields.text(file) or None
    if path and other:
        raise Invalid(f"{fields.path} has both {name} and {file}: remove one")
    return path or other


def _basic(fields: Fields | None, files: Files) -> dict[str, Any] | None:
    if fields is None:
        return None
    parts = {name: fields.fields(name) for name in ("username", "password")}
    fields.done()
    missing = [name for name, part in parts.items() if part is None]
    if missing:
        raise Invalid(f"{fields.place(missing[0])} is missing: refer to a key of a Secret")
    return {f"{name}_file": files.path(part) for name, part in parts.items() if part}


def _authorization(fields: Fields | None, files: Files) -> dict[str, Any] | None:
    if fields is None or fields.empty:
        return None
    kind, credentials = (fields.text("type") or "Bearer").strip(), fields.fields("credentials")
    path = _one(fields, "credentials", files.path(credentials) if credentials else None, "credentialsFile")
    fields.done()
    if kind.lower() == "basic":
        raise fields.invalid("type", "but a password requires basicAuth: use it instead of authorization")
    return given({"type": kind, "credentials_file": path})


def _oauth2(fields: Fields | None, files: Files) -> dict[str, Any] | None:
    if fields is None:
        return None
    secret = fields.fields("clientSecret")
    options = {
        "client_id": files.inline(fields.fields("clientId"), fields.place("clientId")),
        "client_secret_file": files.path(secret) if secret else None,
        "token_url": fields.url("tokenUrl") or fields.required("tokenUrl"),
        "scopes": fields.texts("scopes") or None,
        "endpoint_params": fields.labels("endpointParams") or None,
        "tls_config": tls(fields.fields("tlsConfig"), files),
        **proxy(fields),
    }
    fields.done()
    if secret is None:
        raise Invalid(f"{fields.place('clientSecret')} is missing: refer to a key of a Secret")
    return given(options)
