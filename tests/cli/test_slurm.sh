#!/usr/bin/env bash
# examples/cluster/drape.slurm on a cluster of one machine, which is made for this and thrown away: two ranks train as one with
# their photos does, and a job that is interrupted waits for another turn and goes on.
#   test_slurm.sh DRAPE
set -euo pipefail
drape=$(realpath "${1:?usage: $0 DRAPE}")
PATH=$PATH:/usr/sbin
for tool in munged slurmctld slurmd sbatch; do
    if ! command -v $tool >/dev/null || [ "$(id -u)" != 0 ] || [ ! -e "$(dirname "$drape")/drape-mpi.so" ]; then
        echo "slurm: skipped, wants root, an MPI and Debian's slurmctld, slurmd, slurm-client and munge (no $tool?)"
        exit 77
    fi
done
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
host=$(hostname -s)
pids=()
end() {
    [ ${#pids[@]} = 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap end EXIT
cd "$dir"
fail() {
    echo "slurm: $*" >&2
    tail -n 5 munged.log slurmctld.log slurmd.log job.log 2>/dev/null >&2 || true
    exit 1
}

mkdir images masks spool state
(umask 077 && head -c 1024 /dev/urandom >munge.key)
port=$((20000 + $$ % 20000))
cat >slurm.conf <<END
ClusterName=throwaway
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthInfo=socket=$dir/munge.socket
CredType=cred/munge
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=0
MinJobAge=300
SlurmdParameters=config_overrides # two cores, however many there are
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
touch cgroup.conf
export SLURM_CONF=$dir/slurm.conf
munged --foreground --force --socket="$dir/munge.socket" --key-file="$dir/munge.key" --log-file="$dir/munged.log" \
    --pid-file="$dir/munged.pid" --seed-file="$dir/munged.seed" >munged.out 2>&1 &
pids+=($!)
for _ in $(seq 50); do [ ! -S munge.socket ] || break; sleep 0.1; done
slurmctld -D -f slurm.conf -L "$dir/slurmctld.log" >slurmctld.out 2>&1 &
pids+=($!)
slurmd -D -f slurm.conf -N "$host" -L "$dir/slurmd.log" >slurmd.out 2>&1 &
pids+=($!)
up=
for _ in $(seq 100); do
    up=$(sinfo -h -o %T 2>/dev/null || true)
    [ "$up" != idle ] || break
    sleep 0.2
done
[ "$up" = idle ] || fail "the cluster does not come up: '$up'"

for n in 1 2 3 4; do
    photo=$([ $((n % 2)) = 1 ] && echo astronaut || echo grace_hopper)
    cp "$root/examples/$photo.jpg" "images/suit ($n).jpg"
    cp "$root/examples/${photo}_mask.png" "masks/suit ($n).png"
done
flags=(--pretrained_model_name_or_path="$root/tests/golden/nano" --instance_data_dir="$dir/images"
    --instance_masks_data_dir="$dir/masks" --resolution=32 --lr_warmup_steps=0 --learning_rate=1e-3 --adam_epsilon=1e-4 --seed=3
    --threads=1 --quiet)
export DRAPE=$drape DRAPE_CACHE_DIR=$dir/cache ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 # an MPI's own
submit() { # FLAGS...: the job's number
    local few=(--nodes=1 --ntasks-per-node=2 --cpus-per-task=1 --time=10 --output="$dir/job.log")
    sbatch --parsable "${few[@]}" "$root/examples/cluster/drape.slurm" "${flags[@]}" "$@"
}
state() { scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p'; }
ends() { # JOB STATE
    local s=
    for _ in $(seq 300); do
        s=$(state "$1")
        case $s in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) break ;; esac
        sleep 0.2
    done
    [ "$s" = "$2" ] || fail "job $1 is $s, not $2"
}
losses() { sed -n 's/.*"loss":\([-0-9.e]*\).*/\1/p' "$1/logs/train.jsonl"; }

like() { # A B STEPS
    [ "$(losses "$2" | wc -l)" = "$3" ] || fail "$(losses "$2" | wc -l) steps, not $3"
    paste <(losses "$1") <(losses "$2") | awk '{d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5 * $1) exit 1}' ||
        fail "two ranks learn something else: $(paste <(losses "$1") <(losses "$2") | head -5)"
}

"$drape" train "${flags[@]}" --output_dir=one --max_train_steps=20 --train_batch_size=4 >out 2>err || fail "one: $(cat err)"
job=$(submit --output_dir="$dir/two" --max_train_steps=20 --train_batch_size=2)
ends "$job" COMPLETED
like one two 20

# What Slurm sends before a job's time is up; the job's other turn is made short.
job=$(submit --output_dir="$dir/long" --max_train_steps=100000 --checkpointing_steps=20 --train_batch_size=2)
for _ in $(seq 300); do [ ! -e long/checkpoint-20 ] || break; sleep 0.1; done
scancel --signal=INT "$job"
turns=
for _ in $(seq 100); do
    turns=$(scontrol show job "$job" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')
    [ "$turns" != 1 ] || break
    sleep 0.2
done
[ "$turns" = 1 ] || fail "an interrupted job does not wait for another turn"
grep -q "checkpoint written" job.log || fail "no checkpoint was written when it was interrupted"
scancel "$job"
if [ -e "$(dirname "$drape")/drape-mpi-mpich.so" ]; then
    export SLURM_MPI_TYPE=pmi2
    job=$(submit --output_dir="$dir/three" --max_train_steps=20 --train_batch_size=2)
    ends "$job" COMPLETED
    like one three 20
fi
echo "slurm: works"
