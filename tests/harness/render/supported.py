"""The one file that says which versions the charts support; tests, schemas and workflows follow it."""

# Amazon EKS in standard support, November 2026.
KUBERNETES = ("1.34", "1.35", "1.36", "1.37")
HELM = (3, 4)
