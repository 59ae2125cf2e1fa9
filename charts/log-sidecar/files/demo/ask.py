"""Requests /healthz and /log from the demo application, and fails if a response is wrong."""

import sys
import time
import urllib.error
import urllib.request

ATTEMPTS = 20


def ask(url: str) -> str:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except (urllib.error.URLError, TimeoutError) as error:
            # A Service has endpoints only a moment after its pods are ready.
            print(f"{url}: {error} ({attempt} of {ATTEMPTS})", flush=True)
            time.sleep(1)
    sys.exit(f"{url} did not answer")


def main(base: str) -> None:
    health = ask(f"{base}/healthz")
    if health != "ok\n":
        sys.exit(f"{base}/healthz answered {health!r}")
    lines = ask(f"{base}/log?lines=3").splitlines()
    if len(lines) != 3 or not all(" id=" in line for line in lines):
        sys.exit(f"{base}/log?lines=3 answered {lines!r}")
    print("\n".join(lines))


main(sys.argv[1])
