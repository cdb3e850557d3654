#!/usr/bin/env bash
# A client of the parking API that survives what happens in a year. It needs bash 5, curl 7.82 or newer, and jq.
#
# It lists zones, creates one, renames it and deletes it. curl itself repeats what failed for a moment: it waits as long as
# Retry-After says, a number or a date, and without it 1, 2 and 4 seconds. Each curl has a connection of its own.
set -euo pipefail

user_agent='curbside/1.4 (+https://curbside.example/contact)'
# The secret and the token go to curl through files that only this user can read: arguments are visible to all.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
renew_at=0

# What all requests have in common. Whoever asks for a wait that ends after 60 s is not waited for.
options=(--silent --show-error --user-agent "$user_agent" --max-time 5 --retry 3 --retry-all-errors --retry-max-time 60)

fail() {
  echo "$1" >&2
  exit 1
}

now_ms() { echo $((${EPOCHREALTIME/[.,]/} / 1000)); }

# Sends one request, up to four times: `transfer METHOD URL [OPTIONS OF CURL]`. It sets $status; the body is in a file.
transfer() {
  local method=$1 url=$2
  shift 2
  rm -f "$folder/fields"
  status=$(curl "${options[@]}" --request "$method" \
    --dump-header "$folder/fields" --output "$folder/body" --write-out '%{http_code}' "$@" "$url" 2> "$folder/errors") ||
    fail "$method ${url%%\?*}: $(grep '^curl: ([0-9]*)' "$folder/errors" | tail -n 1)"
}

# A field of the last answer.
field() { sed -n "s/^$1: *\([^\r]*\)\r*$/\1/Ip" "$folder/fields" | tail -n 1; }

# What the answer says, as one line for a log. It has no secret.
reason() {
  local what id
  what=$(jq -r '.error_description // .detail // .title // .error // empty' "$folder/body" 2> "$folder/errors") || what='not JSON'
  id=$(field x-request-id)
  echo "$status $what (request ${id:-without an id})"
}

# Sets what `jq` finds in the body as $value.
member() { value=$(jq -er "$1" "$folder/body" 2> "$folder/errors") || fail "the answer has no $1: $(reason)"; }

new_token() {
  local asked_at
  asked_at=$(now_ms)
  (umask 077 && printf 'user = "%s:%s"\n' "$BOOMGATE_CLIENT_ID" "$BOOMGATE_CLIENT_SECRET" > "$folder/credentials")
  transfer POST "$BOOMGATE_TOKEN_URL" --config "$folder/credentials" \
    --data grant_type=client_credentials --data-urlencode "audience=$BOOMGATE_AUDIENCE"
  [ "$status" = 200 ] || fail "no token: $(reason)"
  member .access_token
  (umask 077 && printf 'Authorization: Bearer %s\n' "$value" > "$folder/authorization")
  renew_at=$((asked_at + $(useful_life_ms)))
}

# For how long the token is used: until 20 % of its life before its end, at most 30 s. A server need not say how long it lives;
# then it is used until it is refused.
useful_life_ms() { jq '(.expires_in // 1e9) | (. - ([30, . / 5] | min)) * 1000 | floor' "$folder/body"; }

ensure_token() {
  if (($(now_ms) >= renew_at)); then new_token; fi
}

# Sends a request with a token: `request METHOD PATH [OPTIONS OF CURL]`. If the token is refused, once more with a new one.
request() {
  local method=$1 path=$2
  shift 2
  ensure_token
  transfer "$method" "$BOOMGATE_URL$path" --header @"$folder/authorization" "$@"
  if [ "$status" = 401 ]; then
    new_token
    transfer "$method" "$BOOMGATE_URL$path" --header @"$folder/authorization" "$@"
  fi
  case $status in
    2*) ;;
    *) fail "$method ${path%%\?*}: $(reason)" ;;
  esac
}

# Counts the zones of an operator, page by page.
count_zones() {
  local cursor=''
  zones=0
  while true; do
    request GET "/parking/zones?operator_id=$1&limit=5${cursor:+&cursor=$cursor}"
    member '.data | length'
    zones=$((zones + value))
    member '.next_cursor // ""'
    cursor=$value
    [ -n "$cursor" ] || return 0
  done
}

# One key for all tries of this request: whatever is lost on the way, there is one zone.
create_zone() {
  request POST /parking/zones --header "Idempotency-Key: $(new_key)" --json "$1"
  member .id
}

new_key() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

job() {
  local number id etag
  count_zones marwick-council
  echo "$zones zones"
  number=curbside-$(new_key | head -c 8)
  create_zone '{"number": "'"$number"'", "name": "Quay 9", "operator_id": "marwick-council", "session_type": "vehicle",
    "location": {"latitude": 34.7181, "longitude": -76.6527}}'
  id=$value
  echo "created $id"
  request GET "/parking/zones/$id"
  etag=$(field etag)
  request PATCH "/parking/zones/$id" --header "If-Match: $etag" --json '{"name": "Quay 9, north side"}'
  etag=$(field etag)
  echo 'renamed it'
  request DELETE "/parking/zones/$id" --header "If-Match: $etag"
  echo 'deleted it'
}

# A file that sources this one changes a function, and calls `job` itself.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then job; fi
