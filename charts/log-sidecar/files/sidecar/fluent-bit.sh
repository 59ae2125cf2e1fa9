# Fluent Bit stops reading the moment it gets SIGTERM, so a shell stands before it: the application's
# last lines are delivered first, then Fluent Bit may end.
mkdir -p "$STATE_DIR"
# A pod that has no ConfigMap of this chart, such as one that the sidecar is injected into.
if [ -n "${CONFIG_DATA:-}" ]; then
  CONFIG=$STATE_DIR/fluent-bit.yaml
  printf '%s\n' "$CONFIG_DATA" >"$CONFIG" || exit 1
fi
# The URL of a backend can be a secret as a whole, and Fluent Bit needs its parts. URL_OUTPUTS has what the variables of such
# outputs begin with.
for output in ${URL_OUTPUTS:-}; do
  eval 'url=$'"${output}URL"
  tls=on port=443 uri=/
  case $url in http://*) tls=off port=80 ;; esac
  url=$(printf '%s' "${url#*://}" | tr -d '\r\n ')
  host=${url%%/*}
  case $url in */*) uri=/${url#*/} ;; esac
  case $host in *]) ;; *:*) port=${host##*:} host=${host%:*} ;; esac
  export "${output}HOST=$host" "${output}PORT=$port" "${output}URI=$uri" "${output}TLS=$tls"
done
# Also while this shell ignores signals, it must be possible to end the agent before it handles them itself.
start() { (trap - TERM INT && exec "$AGENT" --quiet --config "$CONFIG") & }
# The line in the middle of which Fluent Bit was killed must not run into the next one.
start_again() {
  echo
  start
}
# What Fluent Bit has not read of the files that it has open, in bytes. Unlike the logs, it also writes its own files.
unread() {
  ls -lnL "/proc/$!/fd" 2>/dev/null | {
    bytes=0
    while read -r mode _ _ _ size rest; do
      { read -r _ position && read -r _ flags; } <"/proc/$!/fdinfo/${rest##* }" || continue
      case $mode$flags in
        -*0) [ "$position" -ge "$size" ] || bytes=$((bytes + size - position)) ;;
      esac
    done 2>/dev/null
    echo "$bytes"
  }
}
# Long enough for a file that is not known yet to be found, then as long as there is more and it gets on.
read_on() {
  left=0
  stuck=0
  while
    before=$left
    sleep "$DRAIN_SECONDS"
    left=$(unread)
    [ "$left" -gt 0 ] && [ "$stuck" -lt 5 ]
  do
    [ "$left" -lt "$before" ] && stuck=0 || stuck=$((stuck + 1))
  done
}
# $! and no variable of our own: the signal may come right after the start. A Fluent Bit that is killed now is
# started once more, for what it had not delivered.
drain() {
  trap '' TERM INT
  wait_for_quiet
  for _ in 1 2 3; do
    [ -n "${!:-}" ] || start
    kill -0 "$!" 2>/dev/null || start_again
    read_on
    kill -TERM "$!" 2>/dev/null
    wait "$!" && exit 0
    code=$?
  done
  exit "$code"
}
trap drain TERM INT
[ -z "$early" ] || drain
# The kubelet lets a crashed container wait, and does not start it again once the application has ended: Fluent Bit is
# started again here. When it ends three times within seconds, that is for the kubelet to show.
ends=0
start
while :; do
  since=$(date +%s)
  wait "$!"
  code=$?
  [ $(($(date +%s) - since)) -lt 10 ] || ends=0
  ends=$((ends + 1))
  [ "$ends" -lt 3 ] || exit "$code"
  echo "fluent-bit ended with status $code and is started again" >&2
  start_again
done
