"""The harness that proves the charts: it renders, validates and installs them, and counts log lines."""
