"""Runs Helm, remembers what it renders, and checks the objects against the schemas of Kubernetes."""
