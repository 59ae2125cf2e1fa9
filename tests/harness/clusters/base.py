"""What every cluster offers, wherever it runs."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Self


class Cluster(ABC):
    """A Kubernetes cluster that tests and the demo install charts on.

    Attributes:
        type: the provider's name: ``local``, ``kind`` or ``existing``.
        name: the cluster's own name; two clusters of different names never meet.
        kubeconfig: file with administrator access; it exists once the cluster is up.
        pod_logs: folder of this machine that is the node's ``/var/log/pods``, or ``None`` when there are
            several nodes, or their disks cannot be reached from here.
    """

    type: str
    name: str
    kubeconfig: Path
    pod_logs: Path | None = None

    @abstractmethod
    def up(self) -> None:
        """Create the cluster and wait until its nodes are Ready.

        Raises:
            HarnessError: it cannot be created; nothing of it is left running.
        """

    @abstractmethod
    def down(self) -> None:
        """Remove the cluster and everything it made. A cluster that is not up is no error."""

    @abstractmethod
    def is_up(self) -> bool:
        """Say whether the cluster is running now."""

    @abstractmethod
    def load_images(self, names: Iterable[str]) -> None:
        """Make images available to the nodes under exactly these names, where the provider has to.

        Args:
            names: full image names as the charts write them, tag included.

        Raises:
            HarnessError: an image cannot be assembled here.
        """

    def host_address(self) -> str | None:
        """Return the address at which pods reach this machine, or ``None`` when they cannot."""
        return None

    @abstractmethod
    def kill_container(self, container_id: str) -> None:
        """Kill a container's first process with SIGKILL from outside, as the kernel does when memory runs out.

        Args:
            container_id: ``status.containerStatuses[].containerID`` of its pod, ``containerd://...``.

        Raises:
            HarnessError: the node cannot be reached, or has no such container.
        """

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        self.down()
