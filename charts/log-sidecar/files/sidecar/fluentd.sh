# fluentd stops reading at SIGTERM. This script delays the signal until the last lines of the application are read.
mkdir -p "$STATE_DIR"
# Pods without a ConfigMap of this chart have the configuration here.
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
# If fluentd exits by itself, the container fails, and the kubelet restarts it.
code=$?
[ "$code" -ne 0 ] || code=1
exit "$code"
