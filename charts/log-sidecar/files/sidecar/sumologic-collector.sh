# The collector looks at its files every two seconds and ends at once at SIGTERM, so a shell stands before it.
SUMO_SOURCES_JSON=$CONFIG
# A pod that has no ConfigMap of this chart.
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
# A collector that ended by itself is a fault: the kubelet starts the container again.
exit 1
