"""Certificates for tests: an authority of one's own and what it signs."""

import datetime
from ipaddress import IPv4Address
from pathlib import Path

import trustme

# A cluster of tests lives for minutes; a week covers one that somebody keeps.
_LIFETIME = datetime.timedelta(days=7)


class Authority:
    """Signs the certificates of one cluster, or of one stand-in, into one folder.

    Args:
        folder: where certificates and keys are written as ``<name>.crt`` and ``<name>.key``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, mode=0o700)
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(folder / "ca.crt")

    def issue(self, name: str, common_name: str, *, group: str = "", hosts: tuple[str | IPv4Address, ...] = ()) -> None:
        """Write a certificate that serves both ends of a connection.

        Args:
            name: file name without extension.
            common_name: the user's name, to Kubernetes.
            group: the user's group, to Kubernetes.
            hosts: DNS names and addresses that it is valid for as a server.
        """
        issued = self._ca.issue_cert(
            # Go rejects a certificate that names nobody.
            *map(str, hosts or (name,)),
            common_name=common_name,
            organization_name=group or None,
            not_after=datetime.datetime.now(datetime.UTC) + _LIFETIME,
        )
        issued.cert_chain_pems[0].write_to_path(self.folder / f"{name}.crt")
        (self.folder / f"{name}.key").touch(mode=0o600)
        issued.private_key_pem.write_to_path(self.folder / f"{name}.key")
