"""Run all programs of this folder repeatedly, with new seeds each time, until the time is up.

    python tests/reliability/nightly.py --minutes 60

It continues after a failure. At the end it prints the counts of each program, and a command that repeats each failure. The
exit code is 1 if there was a failure.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from itertools import count
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LONGEST = 1800  # time limit for one program, in seconds
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
# The arguments of each program, given a seed. Keep what "properties" finds: add it to its test, as an @example.
JOBS: dict[str, Callable[[int], list[str]]] = {
    "differential": lambda seed: [f"{HERE}/differential.py", "--networks", "500", "--seed", f"{seed}"],
    "corpus": lambda seed: [*PYTEST, "-m", "", f"{ROOT}/tests/fuzz/test_corpus.py"],
    "properties": lambda seed: [*PYTEST, "-m", "hypothesis", "--hypothesis-profile=explore", f"--hypothesis-seed={seed}"],
    "signals": lambda seed: [f"{HERE}/signals.py", "--count", "100", "--seed", f"{seed}"],
    "kill points": lambda seed: [f"{HERE}/kill_points.py", "--again", "--seed", f"{seed}"],
    "kills": lambda seed: [f"{HERE}/kills.py", "--kills", "10", "--epochs", "5", "--seed", f"{seed}"],
    "ends": lambda seed: [f"{HERE}/kills.py", "--kills", "10", "--epochs", "5", "--signal", "TERM", "--seed", f"{seed}"],
}


def run(arguments: list[str]) -> tuple[bool, str]:
    """Run a program; return whether it succeeded, and its output."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUPYNN_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as error:
        return False, f"{(error.stdout or b'').decode(errors='replace')}\nnot finished after {LONGEST} s"
    return done.returncode == 0, done.stdout


def counts(text: str) -> Counter:
    """Read the counts in the last line of a program's output: "3 networks" or {'kills': 3}."""
    last = text.rstrip().rpartition("\n")[2]
    found = re.findall(r"\b(\d+) ([a-z]{2,})\b", last) + [(n, what) for what, n in re.findall(r"'([a-z ]+)': (\d+)", last)]
    return Counter({what: int(number) for number, what in found})


def rounds(minutes: float, seed: int) -> tuple[dict[str, Counter], list[str]]:
    """Run all programs repeatedly; return their counts, and commands that repeat the failures."""
    until, seen, findings = time.monotonic() + 60 * minutes, {kind: Counter() for kind in JOBS}, []
    for number in count():
        for kind, arguments in JOBS.items():
            if time.monotonic() >= until:
                return seen, findings
            job = arguments(seed + 1000 * number)
            good, text = run(job)
            seen[kind].update(runs=1)
            seen[kind].update(counts(text))
            if not good:
                seen[kind].update(findings=1)
                findings.append(f"python {' '.join(job)}".replace(f"{ROOT}/", ""))
                print(f"{kind}: failed\n{text[-4000:].rstrip()}")
            print(f"{kind}, seed {seed + 1000 * number}: {'passed' if good else findings[-1]}", flush=True)


def main() -> int:
    """Run the programs, print the summary; return 1 if there was a failure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="duration (default: 60)")
    parser.add_argument("--seed", type=int, help="seed of the first round; each round adds 1000 (default: from the clock)")
    options = parser.parse_args()
    seed = int(time.time()) % 10**8 * 10 if options.seed is None else options.seed
    seen, findings = rounds(options.minutes, seed)
    print()
    for kind, found in seen.items():
        print(f"{kind}: {', '.join(f'{number} {what}' for what, number in found.items()) or 'not run'}")
    for command in findings:
        print(f"repeat with: {command}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
