"""Run all programs of this folder in turn, each time with other seeds, until the time is over.

    python tests/reliability/nightly.py --minutes 60

A finding does not end it. At the end it prints counts of each kind, and a command that repeats each finding; it exits with 1
if there was one.
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
LONGEST = 1800  # seconds for one program, which would hang otherwise
# The arguments of each program for a seed.
JOBS: dict[str, Callable[[int], list[str]]] = {
    "differential": lambda seed: [f"{HERE}/differential.py", "--networks", "500", "--seed", f"{seed}"],
    "corpus": lambda seed: ["-m", "pytest", "-q", "-p", "no:cacheprovider", f"{ROOT}/tests/test_fuzz_corpus.py"],
    "signals": lambda seed: [f"{HERE}/signals.py", "--count", "100", "--seed", f"{seed}"],
    "kill points": lambda seed: [f"{HERE}/kill_points.py", "--again", "--seed", f"{seed}"],
    "kills": lambda seed: [f"{HERE}/kills.py", "--kills", "10", "--epochs", "5", "--seed", f"{seed}"],
    "ends": lambda seed: [f"{HERE}/kills.py", "--kills", "10", "--epochs", "5", "--signal", "TERM", "--seed", f"{seed}"],
}


def run(arguments: list[str]) -> tuple[bool, str]:
    """Run a program; return whether it found nothing, and what it printed."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "CUPYNN_OFFLINE": "1"}
    command = [sys.executable, *arguments]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LONGEST
        )
    except subprocess.TimeoutExpired as error:
        return False, f"{(error.stdout or b'').decode(errors='replace')}\nit has not ended after {LONGEST} s"
    return done.returncode == 0, done.stdout


def counts(text: str) -> Counter:
    """Read numbers of things from the last line that a program printed: "3 networks" or {'kills': 3}."""
    last = text.rstrip().rpartition("\n")[2]
    found = re.findall(r"\b(\d+) ([a-z]{2,})\b", last) + [(n, what) for what, n in re.findall(r"'([a-z ]+)': (\d+)", last)]
    return Counter({what: int(number) for number, what in found})


def rounds(minutes: float, seed: int) -> tuple[dict[str, Counter], list[str]]:
    """Run everything in turn; return counts of each kind, and commands that repeat the findings."""
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
                print(f"{kind}: a finding\n{text[-4000:].rstrip()}")
            print(f"{kind}, seed {seed + 1000 * number}: {'nothing found' if good else findings[-1]}", flush=True)


def main() -> int:
    """Read the command line, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--seed", type=int, help="of the first round; the next has a thousand more (default: by the clock)")
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
