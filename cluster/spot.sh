#!/usr/bin/env bash
# Watches for the word of AWS or Google that they take this machine away, and tells launcher's agents
# here, so that jobs save and go on elsewhere.
#
#   spot.sh           start it in the background; does nothing where it runs already
#   spot.sh --watch   in the foreground, until the word comes
#
# AWS says so two minutes before the end, Google half a minute. It takes curl, and no launcher.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
metadata=${SPOT_METADATA:-http://169.254.169.254}
pause_s=${SPOT_PAUSE_S:-5}

ask() { curl --fail --silent --max-time 2 --noproxy '*' "$@"; }

aws_says_so() { # 404 as long as nobody takes it away
  local token
  token=$(ask -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$metadata/latest/api/token") &&
    ask -H "X-aws-ec2-metadata-token: $token" "$metadata/latest/meta-data/spot/instance-action" > /dev/null
}

google_says_so() {
  [[ $(ask -H 'Metadata-Flavor: Google' "$metadata/computeMetadata/v1/instance/preempted") == TRUE ]]
}

case ${1-} in
  --watch)
    exec 9> "$here/spot.lock"
    flock --nonblock 9 || exit 0
    until aws_says_so || google_says_so; do sleep "$pause_s"; done
    base=${LAUNCHER_SPOOL_ROOT:-${TMPDIR:-/tmp}/launcher-$(id -u)}
    mkdir -p -m 700 "$base"
    echo "the cloud takes machine $(hostname) away" > "$base/leaving"
    ;;
  *) setsid --fork bash "$here/spot.sh" --watch > /dev/null 2>&1 < /dev/null ;;
esac
