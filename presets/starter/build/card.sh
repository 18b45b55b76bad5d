#!/usr/bin/env bash
# Everything after the speech on a machine with a graphics card, in about nine minutes: restores the state, trains, judges, and
# writes the state anew. Seconds of each stage can be given: card.sh [DVAE [DECODER [GPT [ENCODER
# [LATENTS]]]]].
set -eu
cd "$(dirname "$0")/../../.."
export STARTER_WORK="${STARTER_WORK:-/tmp/starter}"
run() { echo "== $*"; "${PYTHON:-python}" -m "presets.starter.build.$@"; }
run state restore
run speech flite
run dvae "${1:-1720}" # seconds in all: what is restored has had these, and its codes are what the GPT knows
run decoder "${2:-600}"
run codes
run gpt "${3:-5500}" # in all: 3,424 were had
run encoder "${4:-30}"
run latents "${5:-2050}" # in all: 1,462 were had
run judge codec
run judge gpt
run pack "$STARTER_WORK"
run state save
