"""Finds the programs that the harness uses, and builds missing ones into a cache, with a progress display."""

from harness.tools.programs import LOCAL_CLUSTER, Tool, ensure, find, install_debian, names, path

__all__ = ["LOCAL_CLUSTER", "Tool", "ensure", "find", "install_debian", "names", "path"]
