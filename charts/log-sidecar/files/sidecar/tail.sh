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
stream() { tail --quiet --lines=+1 --follow=name --retry --pid="$life" "$@"; }
follow &
reader=$!
while :; do
  wait "$reader"
  code=$?
  kill -0 "$reader" 2>/dev/null || exit "$code"
done
