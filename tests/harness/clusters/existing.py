"""An existing cluster, which the harness uses but never creates or removes."""

from collections.abc import Iterable
from pathlib import Path

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from harness.clusters.base import Cluster
from harness.errors import HarnessError


class ExistingCluster(Cluster):
    """A running cluster.

    Args:
        kubeconfig: kubeconfig of the cluster; its current context is used.
    """

    type = "existing"

    def __init__(self, kubeconfig: Path) -> None:
        self.name = "existing"
        self.kubeconfig = kubeconfig

    def up(self) -> None:
        """Check that the cluster answers.

        Raises:
            HarnessError: the cluster does not answer.
        """
        if not self.kubeconfig.is_file():
            raise HarnessError(f"kubeconfig {self.kubeconfig} does not exist; set KUBECONFIG to an existing file")
        if not self.is_up():
            raise HarnessError(f"the cluster of {self.kubeconfig} does not answer; check the current context")

    def down(self) -> None:
        """Do nothing: the harness does not own the cluster."""

    def is_up(self) -> bool:
        """See ``Cluster.is_up``."""
        try:
            with config.new_client_from_config(str(self.kubeconfig)) as api:
                client.VersionApi(api).get_code(_request_timeout=10)
        except (ApiException, HTTPError, OSError, config.ConfigException):
            return False
        return True

    def load_images(self, names: Iterable[str]) -> None:
        """Do nothing: the cluster pulls its images."""

    def kill_container(self, container_id: str) -> None:
        """Fail: the nodes of an existing cluster are not accessible.

        Raises:
            HarnessError: always.
        """
        raise HarnessError(
            f"container {container_id} cannot be killed: the nodes of an existing cluster are not accessible"
        )
