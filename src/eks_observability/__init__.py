"""The command line for users of the charts: costs, dashboards and the allow-list of metrics."""
