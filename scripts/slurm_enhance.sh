#!/bin/bash
# Enhance many files as an array job, each task a share of a list with one path a line:
#
#     ls scans/*.wdf > files.txt
#     sbatch --array=0-7 scripts/slurm_enhance.sh files.txt out --no-page
#
# Everything after the folder goes to deeper-jax enhance. Files whose result exists are skipped, so that the same
# command goes on where a job was stopped. Each task writes a table of its own, out/summary_TASK.csv and .html; for
# one of all files, run deeper-jax enhance on them once more with --resume.

#SBATCH --job-name=enhance
#SBATCH --array=0-3
#SBATCH --cpus-per-task=8
#SBATCH --time=4:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=%x-%A_%a.log

set -u
cd "${SLURM_SUBMIT_DIR:-.}" || exit 2
DEEPER_JAX=${DEEPER_JAX:-.venv/bin/deeper-jax}
if [ $# -lt 2 ] || [ ! -r "$1" ]; then
    echo "usage: sbatch --array=0-N $0 FILES.txt FOLDER [options of enhance]; FILES.txt has one path a line." >&2
    exit 2
fi
list=$1 folder=$2
shift 2

first=${SLURM_ARRAY_TASK_MIN:-0}
task=$((${SLURM_ARRAY_TASK_ID:-0} - first))
tasks=${SLURM_ARRAY_TASK_COUNT:-1}
mapfile -t files < <(grep -v '^[[:space:]]*$' "$list" | awk -v n="$tasks" -v i="$task" '(NR - 1) % n == i')
if [ ${#files[@]} -eq 0 ]; then
    echo "Task $task of $tasks has no file to do."
    exit 0
fi

exec "$DEEPER_JAX" enhance "$@" --output-dir="$folder" --resume --summary="summary_$task" -- "${files[@]}"
