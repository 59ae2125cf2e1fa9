# Fluent Bit stops reading the moment it gets SIGTERM, so a shell stands before it: the application's
# last lines get through first, then Fluent Bit may end.
set -u
mkdir -p "$STATE_DIR"
# A pod that has no ConfigMap of this chart, such as one that the sidecar is injected into.
if [ -n "${CONFIG_DATA:-}" ]; then
  CONFIG=$STATE_DIR/fluent-bit.yaml
  printf '%s\n' "$CONFIG_DATA" >"$CONFIG" || exit 1
fi
start() { "$AGENT" --quiet --config "$CONFIG" & }
# $! and no variable of our own: the signal may come right after the start. A Fluent Bit that is killed now is
# started once more, for what it had not delivered.
drain() {
  trap '' TERM INT
  wait_for_quiet
  for _ in 1 2 3; do
    kill -0 "${!:-none}" 2>/dev/null || start
    sleep "$DRAIN_SECONDS"
    kill -TERM "$!" 2>/dev/null
    wait "$!" && exit 0
    code=$?
  done
  exit "$code"
}
trap drain TERM INT
# The kubelet lets a crashed container wait, and does not start it again once the application has ended: Fluent Bit is
# started again here. When it ends three times within seconds, that is for the kubelet to show.
ends=0
while :; do
  since=$(date +%s)
  start
  wait "$!"
  code=$?
  [ $(($(date +%s) - since)) -lt 10 ] || ends=0
  ends=$((ends + 1))
  [ "$ends" -lt 3 ] || exit "$code"
  echo "fluent-bit ended with status $code and is started again" >&2
done
