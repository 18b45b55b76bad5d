#!/usr/bin/env bash
# Everything after the speech on a machine with a graphics card, in about nine minutes: restores the state, trains, judges, and
# writes the state anew. Seconds of each stage can be given: card.sh [DVAE [DECODER [GPT [LATENTS
# [PERCEIVER [ENCODER]]]]]].
set -eu
cd "$(dirname "$0")/../../.."
export STARTER_WORK="${STARTER_WORK:-/tmp/starter}"
run() { echo "== $*"; "${PYTHON:-python}" -m "presets.starter.build.$@"; }
run state restore
run dvae "${1:-60}"
run decoder "${2:-110}"
run codes
run gpt "${3:-180}"
run latents "${4:-60}"
run listen perceiver "${5:-20}"
run listen encoder "${6:-20}"
run judge codec
run judge gpt
run pack "$STARTER_WORK"
run state save
