"""Monitors and rules of prometheus-operator, compiled to configurations of Prometheus without the operator."""
