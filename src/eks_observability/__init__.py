"""The command line for users of the charts: costs, dashboards, monitors and the allow-list of metrics."""
