# The collector scans its files every two seconds, and exits immediately at SIGTERM. This script delays the signal.
SUMO_SOURCES_JSON=$CONFIG
# Pods without a ConfigMap of this chart have the sources here.
if [ -n "${CONFIG_DATA:-}" ]; then
  SUMO_SOURCES_JSON=/tmp/sources.json
  printf '%s\n' "$CONFIG_DATA" >"$SUMO_SOURCES_JSON" || exit 1
fi
export SUMO_SOURCES_JSON
drain() {
  trap '' TERM INT
  wait_for_quiet
  sleep "$DRAIN_SECONDS"
  kill -TERM "$!" 2>/dev/null
  wait "$!"
  exit 0
}
/bin/bash "$AGENT" &
trap drain TERM INT
[ -z "$early" ] || drain
wait "$!"
# If the collector exits by itself, the container fails, and the kubelet restarts it.
exit 1
