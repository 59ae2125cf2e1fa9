"""The stand-in for CloudWatch Logs."""

from pathlib import Path

import boto3

from harness.aws import CREDENTIALS, REGION, CloudWatchLogs


def test_one_stand_in_does_not_see_what_another_was_sent(tmp_path: Path) -> None:
    """Groups are there while it runs, and gone for the next one of the same process."""
    with CloudWatchLogs(tmp_path / "first") as api:
        client = boto3.client(
            "logs",
            region_name=REGION,
            endpoint_url=f"https://{api.host}:{api.port}",
            verify=str(api.ca),
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_log_group(logGroupName="first")
        client.close()
        assert api.groups() == {"first"}
    with CloudWatchLogs(tmp_path / "second") as api:
        assert api.groups() == set()
