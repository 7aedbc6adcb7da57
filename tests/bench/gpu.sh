#!/usr/bin/env bash
# Everything that only a GPU can show, the most telling first: tests, benchmarks, trainings, other frameworks, memory checker. It
# goes on where a step fails. The first five take some eight minutes on an H200; ONLY="tests bench" leaves out all other steps.
#
#   CUPYNN_DATA=... tests/bench/gpu.sh RESULTS [PYTHON]
#
# RESULTS is a new folder for logs and result files; PYTHON (python3) has cupy, numba, matplotlib, and what setup.cfg's [test]
# extra brings. With SHORT=1 all is tiny, and the stand-in for CuPy takes the place of a GPU: to try the script without one.
set -uo pipefail
cd "$(dirname "$0")/../.."
results=$(mkdir -p "$1" && cd "$1" && pwd) python=${2:-python3}
short=${SHORT:+--short} run=("$python") suite=(-m gpu)
if "$python" -c "import xdist" 2>/dev/null; then suite+=(-n 12 -p no:benchmark); fi # 47 s in place of minutes
if [ -n "$short" ]; then
    export PYTHONPATH=tests
    run=("$python" -m cuda_on_cpu) suite=(-m cuda_small tests/test_cuda.py)
fi

step() {
    local name=$1 limit=$2
    shift 2
    if [ -n "${ONLY:-}" ] && [[ " $ONLY " != *" $name "* ]]; then return; fi
    printf '\n== %s: %s\n' "$name" "$*"
    timeout "$limit" "$@" 2>&1 | tee "$results/$name.log" | tail -n 40
    echo "== $name: exit ${PIPESTATUS[0]}" | tee -a "$results/$name.log"
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
    exit
fi
train mnist-augmented 120 --batch-size 128
train fashion-mnist-augmented 150 --batch-size 64 --lr 3e-3
train mnist-cnn-augmented 200 --batch-size 64 --lr 3e-3
train fashion-mnist-cnn-augmented 300 --batch-size 64
for net in mlp mlp-25 cnn cnn-25; do # other frameworks take part where PyTorch is at hand
    step "peers-$net" 200 "$python" tests/bench/steps "$net" --device cuda --out "$results/bench.jsonl"
done
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
        step "$tool" 300 compute-sanitizer --tool "$tool" --error-exitcode 9 "$python" -m pytest -q -m cuda_small -p no:cacheprovider
    done
fi
