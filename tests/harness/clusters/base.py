"""The interface of all cluster providers."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Self


class Cluster(ABC):
    """A Kubernetes cluster that tests and the demo install charts on.

    Attributes:
        type: the provider's name: ``local``, ``kind`` or ``existing``.
        name: name of the cluster; clusters of different names are independent.
        kubeconfig: file with administrator access; exists once the cluster is up.
        pod_logs: the node's ``/var/log/pods`` as a folder of this machine; ``None`` with several nodes, or if
            their disks are not accessible.
    """

    type: str
    name: str
    kubeconfig: Path
    pod_logs: Path | None = None

    @abstractmethod
    def up(self) -> None:
        """Create the cluster and wait until its nodes are Ready.

        Raises:
            HarnessError: the cluster cannot be created; nothing is left running.
        """

    @abstractmethod
    def down(self) -> None:
        """Remove the cluster and all its resources. Does nothing if it is not up."""

    @abstractmethod
    def is_up(self) -> bool:
        """Return whether the cluster is running."""

    @abstractmethod
    def load_images(self, names: Iterable[str]) -> None:
        """Load images with exactly these names into the nodes, if they cannot pull.

        Args:
            names: full image names as in the charts, including the tag.

        Raises:
            HarnessError: an image cannot be assembled here.
        """

    def host_address(self) -> str | None:
        """Return the address at which pods reach this machine; ``None`` if they cannot."""
        return None

    @abstractmethod
    def kill_container(self, container_id: str) -> None:
        """Send SIGKILL to a container's first process, as the kernel does on out-of-memory.

        Args:
            container_id: ``status.containerStatuses[].containerID`` of its pod, ``containerd://...``.

        Raises:
            HarnessError: the node is not accessible, or has no such container.
        """

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
