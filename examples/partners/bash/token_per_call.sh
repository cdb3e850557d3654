#!/usr/bin/env bash
# Defect: asks for a token before each request. Fails: token-reused.
source "$(dirname "$0")/good.sh"

ensure_token() { new_token; }

job
