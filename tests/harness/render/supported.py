"""The versions that the charts support; tests, schemas and workflows follow this file."""

# In standard support on Amazon EKS, November 2026.
KUBERNETES = ("1.34", "1.35", "1.36", "1.37")
HELM = (3, 4)
