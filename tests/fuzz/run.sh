#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Usage: run.sh TARGET CORPUS RUNS: a fixed number of inputs, the same ones each time.
set -eu

corpus=$(dirname "$0")/corpus/$2
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
"$1" -runs="$3" -seed=1 -max_len=2048 -artifact_prefix="$found-" "$found" "$corpus"
