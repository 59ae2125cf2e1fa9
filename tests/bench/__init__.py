"""The loss matrix: lines that readers of a log file lose and duplicate, case by case, and their CPU and memory.

cases.py    the rows: how lines are written, and what happens to the reader in the meantime
readers.py  the columns: commands and environments of the articles and of the charts
outage.py   the case of a failing backend
volumes.py  small volumes and disks in a separate mount namespace
report.py   the tables, and regressions since they were last written
plots.py    the pictures

Node agents have modules of their own: node_agents.py and node_agents.yaml (the columns), node_cases.py (the rows),
node_load.py (costs at a steady load) and node_report.py (the page). nodes.py measures the ends of nodes.

injection.py is a separate benchmark: the time that the admission policies add to the creation of a pod.
"""
