# Fluent Bit stops reading immediately at SIGTERM. This script delays the signal until the last lines of the
# application are read.
mkdir -p "$STATE_DIR"
# Pods without a ConfigMap of this chart, for example with an injected sidecar, have the configuration here.
if [ -n "${CONFIG_DATA:-}" ]; then
  CONFIG=$STATE_DIR/fluent-bit.yaml
  printf '%s\n' "$CONFIG_DATA" >"$CONFIG" || exit 1
fi
# Split URLs from Secrets into the parts that Fluent Bit requires. URL_OUTPUTS contains the prefixes of the variables of
# these outputs.
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
# Reset the traps, so that a signal stops the agent even before it handles signals itself.
start() { (trap - TERM INT && exec "$AGENT" --quiet --config "$CONFIG") & }
# End a line that Fluent Bit was writing when it was killed.
start_again() {
  echo
  start
}
# The files that Fluent Bit has open read-only, each with its inode, descriptor and unread bytes. Its own files are open
# for writing, too.
files() {
  ls -linL "/proc/$!/fd" 2>/dev/null | while read -r inode mode _ _ _ size rest; do
    { read -r _ position && read -r _ flags; } <"/proc/$!/fdinfo/${rest##* }" || continue
    case $mode$flags in
      -*0) echo "$inode ${rest##* } $((size > position ? size - position : 0))" ;;
    esac
  done 2>/dev/null
}
# Fluent Bit looks up a file by name, then opens it by name. If a rotation renames files in between, it reads one file
# twice instead of another one, which is lost.
report_mistakes() {
  files | sort | {
    before=
    while read -r inode descriptor _; do
      [ "$inode" != "$before" ] ||
        echo "$(readlink "/proc/$!/fd/$descriptor") was read twice, and a file that was renamed at the same time is lost" >&2
      before=$inode
    done
  }
}
# Wait until new files are discovered, then until all files are read, unless there is no progress five times.
read_on() {
  left=0
  stuck=0
  while
    before=$left
    sleep "$DRAIN_SECONDS"
    left=$(files | { sum=0; while read -r _ _ bytes; do sum=$((sum + bytes)); done; echo "$sum"; })
    [ "$left" -gt 0 ] && [ "$stuck" -lt 5 ]
  do
    [ "$left" -lt "$before" ] && stuck=0 || stuck=$((stuck + 1))
  done
}
# $! instead of a variable, as the signal can arrive right after the start. If Fluent Bit is killed while it drains,
# it is restarted to deliver the rest.
drain() {
  trap '' TERM INT
  wait_for_quiet
  for _ in 1 2 3; do
    [ -n "${!:-}" ] || start
    kill -0 "$!" 2>/dev/null || start_again
    read_on
    report_mistakes
    kill -TERM "$!" 2>/dev/null
    wait "$!" && exit 0
    code=$?
  done
  exit "$code"
}
trap drain TERM INT
[ -z "$early" ] || drain
# Restart Fluent Bit after a crash: the kubelet would delay the restart of the container, and omit it once the
# application has ended. After three crashes within seconds, exit, so that the pod shows the failure.
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
