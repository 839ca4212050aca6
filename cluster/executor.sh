#!/usr/bin/env bash
# Keeps one executor of launcher running on the head of a `ray up` cluster.
#
#   executor.sh OPTIONS   start it in the background; what OPTIONS are, `launcher executor --help` says
#   executor.sh --stop    end it
#
# An executor that ends is started again 2 s later. A further call replaces the one that runs, so that
# `ray up` brings new options, a new token and a new version into effect. What it says is in
# executor.log beside this file. No systemd, no root: the machines may be anybody's.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
pid_file=$here/executor.pid
log=$here/executor.log
max_log_bytes=50000000

is_ours() { # PID: a pid may belong to another process by now
  tr '\0' ' ' < "/proc/$1/cmdline" 2> /dev/null | grep -qF "executor.sh --keep"
}

stop() {
  local pid
  pid=$(cat "$pid_file" 2> /dev/null) || return 0
  for signal in TERM KILL; do
    if is_ours "$pid"; then kill -s "$signal" -- "-$pid" 2> /dev/null || true; fi
    for _ in {1..50}; do
      kill -s 0 -- "-$pid" 2> /dev/null || break 2
      sleep 0.1
    done
  done
  rm -f "$pid_file"
}

keep() { # leads a process group of its own, which `stop` ends
  echo $$ > "$pid_file"
  while true; do
    launcher executor "$@" || echo "the executor ended with exit code $?: again in 2 s"
    sleep 2
  done
}

case ${1-} in
  --keep) keep "${@:2}" ;;
  --stop) stop ;;
  *)
    stop
    if [[ -f $log && $(stat -c %s "$log") -gt $max_log_bytes ]]; then mv "$log" "$log.1"; fi
    setsid --fork bash "$here/executor.sh" --keep "$@" >> "$log" 2>&1 < /dev/null
    ;;
esac
