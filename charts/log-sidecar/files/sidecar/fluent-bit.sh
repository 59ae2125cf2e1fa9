# Fluent Bit stops reading the moment it gets SIGTERM, so a shell stands before it: the application's
# last lines get through first, then Fluent Bit may end.
set -u
mkdir -p "$STATE_DIR"
# A pod that has no ConfigMap of this chart, such as one that the sidecar is injected into.
if [ -n "${CONFIG_DATA:-}" ]; then
  CONFIG=$STATE_DIR/fluent-bit.yaml
  printf '%s\n' "$CONFIG_DATA" >"$CONFIG" || exit 1
fi
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
