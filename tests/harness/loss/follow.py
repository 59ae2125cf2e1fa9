"""The followers: of a container's files on the node, of the API's log stream, of a plain process."""

from harness.loss._api import ApiFollower
from harness.loss._directory import DirectoryFollower, container_directory
from harness.loss._follower import Follower
from harness.loss._process import ProcessFollower

__all__ = ["ApiFollower", "DirectoryFollower", "Follower", "ProcessFollower", "container_directory"]
