"""Runs Helm, caches its renders, and validates objects against the schemas of Kubernetes."""
