# Precedes the script of every engine: SIGTERM before the agent runs, and the wait for the end of the application.
set -u
# A signal that arrives before the agent runs, also while its configuration is written, counts afterwards.
early=
trap early=yes TERM INT
# A native sidecar gets SIGTERM when the application has ended. A plain container gets it at the same time as
# the application, and takes it for ended when its files have not changed for a while.
wait_for_quiet() {
  [ "$NATIVE" = false ] || return 0
  left=$LONGEST_SECONDS
  still=0
  before=
  while [ "$still" -lt "$QUIET_SECONDS" ] && [ "$left" -gt 0 ]; do
    # Not quoted: the shell expands the globs, again in each pass.
    # shellcheck disable=SC2086
    now=$(ls -lnL --full-time $WATCH 2>/dev/null)
    [ "$now" = "$before" ] && still=$((still + 1)) || still=0
    before=$now
    left=$((left - 1))
    sleep 1
  done
}
