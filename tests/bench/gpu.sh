#!/usr/bin/env bash
# Everything that only a GPU can show, in one go: tests, memory checker, benchmarks, trainings. It goes on where a step fails.
#
#   CUPYNN_DATA=... tests/bench/gpu.sh RESULTS [PYTHON]
#
# RESULTS is a new folder for logs and result files; PYTHON (python3) has cupy, numba, matplotlib, pytest, hypothesis, tqdm,
# pooch, scikit-learn and tomli-w. Some ten minutes on an H100.
set -uo pipefail
cd "$(dirname "$0")/../.."
results=$(mkdir -p "$1" && cd "$1" && pwd) python=${2:-python3}

step() {
    local name=$1 limit=$2
    shift 2
    printf '\n== %s: %s\n' "$name" "$*"
    timeout "$limit" "$@" 2>&1 | tee "$results/$name.log" | tail -n 40
    echo "== $name: exit ${PIPESTATUS[0]}" | tee -a "$results/$name.log"
}

step devices 60 "$python" -m cupynn devices
step tests 300 "$python" -m pytest -q -m gpu -p no:cacheprovider
step bench 240 "$python" tests/bench/bench_cuda.py
cp tests/bench/results/cuda.jsonl "$results/" 2>/dev/null
for net in mlp cnn; do
    "$python" -c "import torch" 2>/dev/null && step "peers-$net" 200 "$python" tests/bench/bench_step.py "$net" --device cuda
done
step mnist 240 "$python" -m cupynn train mnist --epochs 20 --batch-size 128 --device cuda --out "$results/mnist" --quiet
step mnist-cnn 400 "$python" -m cupynn train mnist-cnn --epochs 10 --batch-size 64 --device cuda --out "$results/mnist-cnn" --quiet
for run in mnist mnist-cnn; do cp "$results/$run/result.json" "$results/$run.json" 2>/dev/null; done
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
        step "$tool" 300 compute-sanitizer --tool "$tool" --error-exitcode 9 "$python" -m pytest -q -m gpu -p no:cacheprovider tests/test_cuda.py
    done
fi
