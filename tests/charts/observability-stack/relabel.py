"""Prometheus' relabeling, as far as this chart uses it."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any


def relabel(steps: Iterable[Mapping[str, Any]], labels: Mapping[str, str]) -> dict[str, str] | None:
    """Apply relabeling steps to labels, as specified in https://prometheus.io/docs/prometheus/latest/configuration.

    Args:
        steps: entries of ``relabel_configs``, ``metric_relabel_configs`` or ``write_relabel_configs``.
        labels: labels before relabeling; a missing label is an empty string.

    Returns:
        The labels after relabeling, without empty ones; ``None`` if a step drops the series.

    Raises:
        NotImplementedError: a step has an action that no template of the chart uses.
    """
    now = dict(labels)
    for step in steps:
        text = step.get("separator", ";").join(now.get(name, "") for name in step.get("source_labels", []))
        # Python refers to a group by \1, Go by $1 or ${1}.
        match = re.fullmatch(step.get("regex", "(.*)"), text)
        action = step.get("action", "replace")
        if action in ("keep", "drop"):
            if bool(match) != (action == "keep"):
                return None
        elif action == "hashmod":
            # The last eight bytes of the MD5 sum, as a number.
            digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
            now[step["target_label"]] = str(int.from_bytes(digest[8:], "big") % step["modulus"])
        elif action == "labelmap":
            replacement = re.sub(r"\$\{?(\d)\}?", r"\\\1", step["replacement"])
            found = {re.fullmatch(step["regex"], name): value for name, value in now.items()}
            now |= {match.expand(replacement): value for match, value in found.items() if match}
        elif action == "labeldrop":
            now = {name: value for name, value in now.items() if not re.fullmatch(step["regex"], name)}
        elif action == "replace":
            if match:
                replacement = re.sub(r"\$\{?(\d)\}?", r"\\\1", step.get("replacement", "$1"))
                now[step["target_label"]] = match.expand(replacement)
        else:
            raise NotImplementedError(action)
        now = {name: value for name, value in now.items() if value}
    return now


def sent(config: dict[str, Any], series: dict[str, str]) -> bool:
    """Return whether a scraped series reaches the remote."""
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    name = series["__name__"]
    of_scrape = jobs.get(series.get("job", ""), {}).get("metric_relabel_configs", [])
    # Metrics of the scrape itself and recorded series bypass the job's relabeling.
    if name != "up" and not name.startswith("scrape_") and ":" not in name and relabel(of_scrape, series) is None:
        return False
    [remote] = config["remote_write"]
    return relabel(remote.get("write_relabel_configs", []), series) is not None
