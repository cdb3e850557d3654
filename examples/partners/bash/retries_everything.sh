#!/usr/bin/env bash
# Defect: repeats whatever failed, ten times, once a second. Fails: no-retry-on-400 and nine more.
source "$(dirname "$0")/good.sh"

options+=(--fail-with-body --retry 10 --retry-delay 1)

job
