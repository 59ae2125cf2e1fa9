"""Finds the programs that the harness drives, builds missing ones into a cache, and shows progress meanwhile."""

from harness.tools.programs import LOCAL_CLUSTER, Tool, ensure, find, install_debian, names, path

__all__ = ["LOCAL_CLUSTER", "Tool", "ensure", "find", "install_debian", "names", "path"]
