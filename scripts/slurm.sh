#!/usr/bin/env bash
#SBATCH --job-name=padl
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=B:USR1@180
#
# Train under SLURM, through preemptions and time limits: a run or a sweep that is stopped saves its state, the job is
# queued again, and goes on to the same bits.
#
#   sbatch --time=4:00:00 scripts/slurm.sh task=digits steps=1000000
#   sbatch scripts/slurm.sh -m optimizer=adam,sgd 'seed=range(0,8)'
#   sbatch --array=0-3 scripts/slurm.sh -m optimizer=adam,sgd seed=%a       # %a is the number in the array
#
# The words are those of `padl train`. Three minutes before the end, and where it is preempted, the job gets a signal;
# make that time longer than one compiled call and one saving of the state. PADL_RUNS says where runs are kept: runs.
set -uo pipefail

job=${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:?this script is for sbatch}}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}
place=${PADL_RUNS:-runs}/slurm-$job
words=("${@//%a/${SLURM_ARRAY_TASK_ID:-0}}")

# What this job began before, if anything can go on; a run without a snapshot begins anew.
begun=
for folder in "$place"/*/; do
  if [ -e "$folder/requests.json" ] || compgen -G "$folder/snapshots/?????????" > /dev/null; then
    begun=${folder%/}
  fi
done

todays=() # what a folder does not say, but who runs it
for word in "${words[@]}"; do
  case $word in progress=* | wandb.mode=*) todays+=("$word") ;; esac
done

if [ -n "$begun" ]; then
  padl resume "$begun" "${todays[@]}" &
else
  padl train "${words[@]}" "run.dir=$place" &
fi
trained=$!
trap 'kill -USR1 $trained' USR1
trap 'kill -TERM $trained' TERM
code=143
while [ "$code" -gt 128 ] && kill -0 $trained 2> /dev/null; do # a trapped signal ends `wait`, not what it waits for
  wait $trained
  code=$?
done
wait $trained 2> /dev/null
ended=$?
[ "$ended" -ne 127 ] && code=$ended

if [ "$code" -eq 75 ]; then # stopped by a signal, with its state saved
  scontrol requeue "${SLURM_JOB_ID}"
  exit 0
fi
exit "$code"
