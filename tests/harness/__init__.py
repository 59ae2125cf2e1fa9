"""The harness that proves the charts: renders, validates, installs them on clusters and counts log lines."""
