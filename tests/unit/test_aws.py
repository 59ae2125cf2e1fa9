"""The stand-in for CloudWatch Logs."""

from pathlib import Path

from harness.backends.aws import CloudWatchLogs


def test_one_stand_in_does_not_see_what_another_was_sent(tmp_path: Path) -> None:
    """Groups are there while it runs, and gone for the next one of the same process."""
    with CloudWatchLogs(tmp_path / "first") as api:
        api.client("logs").create_log_group(logGroupName="first")
        assert api.groups() == {"first"}
    with CloudWatchLogs(tmp_path / "second") as api:
        assert api.groups() == set()
