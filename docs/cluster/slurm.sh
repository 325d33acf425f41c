#!/bin/sh
# sbatch docs/cluster/slurm.sh run --all     One task for the run itself, the others measure.
#SBATCH --job-name=sharpbound
#SBATCH --ntasks=32
#SBATCH --cpus-per-task=1
#SBATCH --mem-per-cpu=6G
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120

set -eu
. .venv/bin/activate
export OMP_NUM_THREADS=1
address="tcp://$(hostname):${PORT:-8786}"

dask scheduler --port "${PORT:-8786}" --no-dashboard >scheduler.log 2>&1 &
scheduler=$!
srun --overlap dask worker "$address" --nworkers 1 --nthreads 1 --no-dashboard --death-timeout 600 >workers.log 2>&1 &
workers=$!

# The job's time limit ends the run as Ctrl-C would: what is done is kept, and the same job again goes on.
sharpbound "$@" --executor dask --scheduler "$address" --cache "${SHARPBOUND_CACHE:-.sharpbound-cache}" &
run=$!
trap 'kill -TERM $run' TERM INT
status=0
wait $run || status=$?
if [ $status -gt 128 ]; then wait $run || status=$?; fi
kill $workers $scheduler 2>/dev/null || true
exit $status
