# As process 1, GNU tail ignores SIGTERM. With --pid, it reads its files once more after that process has ended, and
# then exits. The process is a sleep, which this script kills to stop tail.
[ "$MESSAGES" = true ] || exec 2>/dev/null
sleep infinity &
life=$!
draining=
drain() {
  trap '' TERM INT
  draining=yes
  wait_for_quiet
  # A process that is just starting would lose any signal that it can handle.
  kill -KILL "$life"
}
trap drain TERM INT
[ -z "$early" ] || drain
# Without any file at its start, tail would scan only once a second, and miss files that are rotated in between.
# The sleep interval is for symbolic links, which tail has to poll.
stream() {
  until exists "$@"; do
    kill -0 "$life" 2>/dev/null || break
    sleep 0.1
  done
  tail --quiet --lines=+1 --follow=name --retry --sleep-interval=0.1 --max-unchanged-stats=2 --pid="$life" "$@"
}
exists() {
  for file; do
    [ -e "$file" ] && return 0
  done
  return 1
}
follow
while kill -0 "$life" 2>/dev/null; do wait "$life" 2>/dev/null; done
wait
# If tail exits by itself, the container fails, and the kubelet restarts it.
[ -n "$draining" ] || exit 1
