# GNU tail as process 1 ignores SIGTERM. With --pid it makes one more pass over its files after that process
# has ended, then ends itself.
set -u
[ "$MESSAGES" = true ] || exec 2>/dev/null
sleep infinity &
life=$!
drain() {
  trap '' TERM INT
  wait_for_quiet
  kill "$life"
}
trap drain TERM INT
exists() { for file; do [ ! -e "$file" ] || return 0; done; return 1; }
stream() {
  # tail is told of changes by the kernel only when one of its files exists as it starts. Otherwise it looks once a
  # second for as long as it runs, and misses rotations in between.
  until exists "$@" || ! kill -0 "$life" 2>/dev/null; do sleep 0.1; done
  tail --quiet --lines=+1 --follow=name --retry --pid="$life" "$@"
}
follow &
reader=$!
while :; do
  wait "$reader"
  code=$?
  kill -0 "$reader" 2>/dev/null || exit "$code"
done
