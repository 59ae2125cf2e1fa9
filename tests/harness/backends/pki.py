"""Certificates for tests: a private CA and the certificates that it signs."""

import datetime
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import trustme

# A test cluster lives for minutes; a week covers one that is kept.
_LIFETIME = datetime.timedelta(days=7)


class Authority:
    """A CA that writes the certificates of one cluster or stand-in into one folder.

    Args:
        folder: folder for certificates and keys, as ``<name>.crt`` and ``<name>.key``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, mode=0o700)
        self._ca = trustme.CA()
        self._ca.cert_pem.write_to_path(folder / "ca.crt")

    def issue(
        self, name: str, common_name: str, *, group: str = "", hosts: tuple[str | IPv4Address | IPv6Address, ...] = ()
    ) -> None:
        """Write a certificate for both server and client authentication.

        Args:
            name: file name without extension.
            common_name: common name; Kubernetes' user name.
            group: organization; Kubernetes' group.
            hosts: DNS names and addresses of the server.
        """
        issued = self._ca.issue_cert(
            # Go rejects a certificate without names.
            *map(str, hosts or (name,)),
            common_name=common_name,
            organization_name=group or None,
            not_after=datetime.datetime.now(datetime.UTC) + _LIFETIME,
        )
        issued.cert_chain_pems[0].write_to_path(self.folder / f"{name}.crt")
        (self.folder / f"{name}.key").touch(mode=0o600)
        issued.private_key_pem.write_to_path(self.folder / f"{name}.key")
