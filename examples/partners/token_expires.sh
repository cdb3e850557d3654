#!/usr/bin/env bash
# A client's test that starts a sandbox of its own. It needs bash, curl, and `boomgate` on the path.
set -euo pipefail
boomgate=${BOOMGATE:-boomgate}

# The sandbox stops when its standard input ends, which also happens if this process is killed.
pipes=$(mktemp -d)
trap 'rm -r "$pipes"' EXIT
mkfifo "$pipes/in" "$pipes/out"
"$boomgate" sandbox --in-memory --listen 127.0.0.1:0 --ready-json --exit-with-stdin < "$pipes/in" > "$pipes/out" &
exec 3> "$pipes/in"
read -r ready < "$pipes/out"

member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" <<< "$ready"; }
url=$(member url)
ca=$(member ca_file)
folder=$(member data_dir)

zones_status() { curl -sS -o "$pipes/answer" -w '%{http_code}' --cacert "$ca" -H "Authorization: Bearer $1" "$url/parking/zones?limit=1"; }
assert_equal() { [ "$1" = "$2" ] || { echo "expected $2, got $1" >&2; exit 1; }; }

token=$("$boomgate" token get --client demo-writer --data-dir "$folder")
assert_equal "$(zones_status "$token")" 200

"$boomgate" trouble token-expires --client demo-writer --data-dir "$folder" > "$pipes/trouble"
assert_equal "$(zones_status "$token")" 401
grep -q '"error":"invalid_token"' "$pipes/answer"

token=$("$boomgate" token get --client demo-writer --data-dir "$folder")
assert_equal "$(zones_status "$token")" 200

exec 3>&-
wait $!
echo 'The token expired, and the next one was accepted.'
