# Begins the script of every engine: handles a SIGTERM before the agent runs, and waits for the end of the application.
set -u
# Remember a signal that arrives before the agent runs, for example while its configuration is written.
early=
trap early=yes TERM INT
# A native sidecar receives SIGTERM after the application has ended. A plain container receives it at the same time
# as the application, so it waits until the files have not changed for QUIET_SECONDS.
wait_for_quiet() {
  [ "$NATIVE" = false ] || return 0
  left=$LONGEST_SECONDS
  still=0
  before=
  while [ "$still" -lt "$QUIET_SECONDS" ] && [ "$left" -gt 0 ]; do
    # Unquoted, so that the shell expands the globs in each iteration.
    # shellcheck disable=SC2086
    now=$(ls -lnL --full-time $WATCH 2>/dev/null)
    [ "$now" = "$before" ] && still=$((still + 1)) || still=0
    before=$now
    left=$((left - 1))
    sleep 1
  done
}
