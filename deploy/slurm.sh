#!/bin/bash
# A training under SLURM: `sbatch deploy/slurm.sh`. To go on with it: `sbatch deploy/slurm.sh RUN`, where RUN is the name of
# its folder under projects/PROJECT/runs. TERM comes two minutes before the limit: the run saves and ends. Adapt what is
# above "exec"; see docs/scale.md.
#SBATCH --job-name=voice --gres=gpu:2 --ntasks=1 --cpus-per-task=8 --mem=32G --time=04:00:00
#SBATCH --signal=TERM@120
set -euo pipefail
project=ana
cd ~/voicewright-app
source .venv/bin/activate
export VOICEWRIGHT_WORKSPACE=/scratch/$USER/voicewright  # on storage that the node sees
if [ $# -gt 0 ]; then what=(--resume "$1"); else what=(--config run.yaml); fi
exec srun torchrun --standalone --nproc-per-node=2 -m core.train --project "$project" "${what[@]}"
