#!/usr/bin/env bash
# Defect: accepts every certificate. Fails: certificate-verified.
source "$(dirname "$0")/good.sh"

options+=(--insecure)

job
