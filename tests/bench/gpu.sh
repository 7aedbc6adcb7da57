#!/usr/bin/env bash
# Run everything that needs a GPU, the most important first: tests, benchmarks, trainings, other frameworks, memory checker. If
# a step fails, the next one still runs. The first five take about eight minutes on an H200. ONLY="tests bench" runs only these.
#
#   CUPYNN_DATA=... tests/bench/gpu.sh RESULTS [PYTHON]
#
# RESULTS is a new folder for logs and result files. PYTHON (default: python3) needs cupy, numba, matplotlib and the [test] extra
# of setup.cfg. With SHORT=1 everything is tiny and runs on the stand-in for CuPy: use it to try the script without a GPU.
set -uo pipefail
cd "$(dirname "$0")/../.."
results=$(mkdir -p "$1" && cd "$1" && pwd) python=${2:-python3}
short=${SHORT:+--short} run=("$python") suite=(-m gpu)
if "$python" -c "import xdist" 2>/dev/null; then suite+=(-n 12 -p no:benchmark); fi # 47 s instead of minutes
if [ -n "$short" ]; then
    export PYTHONPATH=tests
    run=("$python" -m cuda_on_cpu) suite=(-m cuda_small tests/emulator/test_cuda.py)
fi

left=() failed=0 # what this run does not show

step() {
    local name=$1 limit=$2 status
    shift 2
    if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then left+=("$name: not in ONLY"); return; fi
    printf '\n== %s: %s\n' "$name" "$*"
    timeout "$limit" "$@" 2>&1 | tee "$results/$name.log" | tail -n 40
    status=${PIPESTATUS[0]}
    echo "== $name: exit $status" | tee -a "$results/$name.log"
    if [ "$status" != 0 ]; then left+=("$name: exit $status, see $results/$name.log"); failed=1; fi
}

finish() {
    printf '\n== not shown by this run: %s\n' "${#left[@]}"
    for each in "${left[@]}"; do echo "   $each"; done
    exit "$failed"
}

step devices 30 "${run[@]}" -m cupynn devices
step tests 240 "${run[@]}" -m pytest -q "${suite[@]}" -p no:cacheprovider
step bench 150 "${run[@]}" tests/bench/bench_cuda.py $short
cp tests/bench/results/cuda.jsonl "$results/" 2>/dev/null
train() {
    step "$1" "$2" "${run[@]}" -m cupynn train "$1" --device cuda --quiet --out "$results/$1" "${@:3}"
    if [ -f "$results/$1/result.json" ]; then cp "$results/$1/result.json" "$results/$1.json"; fi
}
if [ -n "$short" ]; then
    train digits 240 --epochs 1 --validation 1400
    left+=("everything on a real GPU: SHORT=1 runs on the stand-in for CuPy")
    finish
fi
train mnist-augmented 120 --batch-size 128
train fashion-mnist-augmented 150 --batch-size 64 --lr 3e-3
train mnist-cnn-augmented 200 --batch-size 64 --lr 3e-3
train fashion-mnist-cnn-augmented 300 --batch-size 64
"$python" -c "import torch" 2>/dev/null || left+=("other frameworks: PyTorch is missing, pip install -e \".[bench]\"")
for net in mlp mlp-25 cnn cnn-25; do # other frameworks are measured if PyTorch is installed
    step "peers-$net" 200 "$python" tests/bench/steps "$net" --device cuda --out "$results/bench.jsonl"
done
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
        step "$tool" 300 compute-sanitizer --tool "$tool" --error-exitcode 9 "$python" -m pytest -q -m cuda_small -p no:cacheprovider
    done
else
    left+=("memcheck, racecheck: compute-sanitizer is missing, install the CUDA toolkit")
fi
finish
