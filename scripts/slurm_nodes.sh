#!/bin/bash
# Train on several nodes with eight GPUs each, one process a GPU:
#
#     sbatch --nodes=8 scripts/slurm_nodes.sh --config=configs/super_resolution.py:scale=4 --workdir=runs/4x
#
# Everything after the script's name goes to train.py. The run's directory and the data must lie where all nodes see
# them. The batch size in the config is that of all GPUs together and has to be a multiple of their number.
# The job goes back into the queue when it is preempted, near its time limit or after the loss of a node; the same
# command then resumes from the latest checkpoint.

#SBATCH --job-name=deeper_jax
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gres=gpu:8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@300
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%j.log

set -u
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
PYTHON=${PYTHON:-.venv/bin/python}

# Proxies of the cluster would catch the processes' talk with each other.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY

# The compiler puts work between an exchange's start and its end, where there is some: accumulated parts, split state.
export XLA_FLAGS="--xla_gpu_enable_latency_hiding_scheduler=true ${XLA_FLAGS:-}"

# --kill-on-bad-exit: a task that fails takes the others with it at once, before the heartbeat notices.
srun --kill-on-bad-exit=1 "$PYTHON" train.py --distributed=slurm "$@"
status=$?

# 143: asked to stop, and saved (preemption, or --signal above); 75, 137: a process or a node was lost.
restarts=${SLURM_RESTART_COUNT:-0}
if [[ "$status" =~ ^(75|137|143)$ ]] && [ "$restarts" -lt "${MAX_RESTARTS:-10}" ]; then
    echo "train.py ended with $status; back into the queue (restart $((restarts + 1)))."
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
