# fluentd stops reading at SIGTERM, so a shell stands before it: the application's last lines are delivered first.
mkdir -p "$STATE_DIR"
# A pod that has no ConfigMap of this chart.
if [ -n "${CONFIG_DATA:-}" ]; then
  CONFIG=$STATE_DIR/fluentd.yaml
  printf '%s\n' "$CONFIG_DATA" >"$CONFIG" || exit 1
fi
export TMPDIR="$STATE_DIR" FLUENTD_DISABLE_BUNDLER_INJECTION=1
drain() {
  trap '' TERM INT
  wait_for_quiet
  sleep "$DRAIN_SECONDS"
  kill -TERM "$!" 2>/dev/null
  wait "$!"
  exit $?
}
"$AGENT" --no-supervisor --config "$CONFIG" &
trap drain TERM INT
[ -z "$early" ] || drain
wait "$!"
# fluentd ended by itself: the kubelet starts the container again.
code=$?
[ "$code" -ne 0 ] || code=1
exit "$code"
