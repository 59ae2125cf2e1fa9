# GNU tail as process 1 ignores SIGTERM. With --pid it makes one more pass over its files after that process has
# ended, then ends itself: the process is a sleep, whose end is the end of all.
[ "$MESSAGES" = true ] || exec 2>/dev/null
sleep infinity &
life=$!
draining=
drain() {
  trap '' TERM INT
  draining=yes
  wait_for_quiet
  # A signal that can be handled would be lost while the process is being started.
  kill -KILL "$life"
}
trap drain TERM INT
[ -z "$early" ] || drain
# Started before any of its files is there, tail looks once a second, and misses what is rotated in between.
# The interval is for links, which tail can only look at again and again.
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
# A tail that ended by itself is a fault: the kubelet starts the container again.
[ -n "$draining" ] || exit 1
