"""The loss matrix: lines that readers of a log file lose and duplicate, case by case, and their CPU and memory.

cases.py    the rows: how lines are written, and what happens to the reader in the meantime
readers.py  the columns: commands and environments of the articles and of the charts
outage.py   the case of a failing backend
volumes.py  small volumes in a separate mount namespace
report.py   the tables, and regressions since they were last written
plots.py    the pictures

injection.py is a separate benchmark: the time that the admission policies add to the creation of a pod.
"""
