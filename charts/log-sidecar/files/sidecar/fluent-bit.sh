# Fluent Bit stops reading the moment it gets SIGTERM, so a shell stands before it: the application's
# last lines get through first, then Fluent Bit may end.
set -u
mkdir -p "$STATE_DIR"
"$AGENT" --quiet --config "$CONFIG" &
agent=$!
drain() {
  trap '' TERM INT
  wait_for_quiet
  sleep "$DRAIN_SECONDS"
  kill -TERM "$agent"
}
trap drain TERM INT
while :; do
  wait "$agent"
  code=$?
  kill -0 "$agent" 2>/dev/null || exit "$code"
done
