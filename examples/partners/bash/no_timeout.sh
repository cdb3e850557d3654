#!/usr/bin/env bash
# Defect: waits for an answer for ever. Fails: has-timeout.
source "$(dirname "$0")/good.sh"

options+=(--max-time 0)

job
