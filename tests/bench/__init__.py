"""The loss matrix: what readers of a log file lose and double, case by case, and what they cost.

cases.py    the rows: how lines are written, and what happens to the reader meanwhile
readers.py  the columns: commands and environments, those of the articles and those that the charts render
outage.py   the row whose lines go to a backend that fails
volumes.py  small volumes, and a mount namespace for them
report.py   the tables, and what got worse since they were last written
plots.py    the pictures

injection.py is a benchmark of its own: what the admission policy costs when a pod is created.
"""
