"""The test harness for the charts: renders, validates and installs them, and counts log lines."""
