"""Interrupt the library at random moments, once or twice, and check that nothing is broken afterwards.

    python tests/reliability/signals.py --count 1000

Interrupts are tested in groups of ten. Each group runs in a fork of this process, which has loaded and compiled everything,
so a crash or hang affects only the fork. The conditions that must hold after an interrupt are in `Trial.run` and in the
kinds of work in `reliability/work.py`. Requires a system with fork.
"""

import argparse
import faulthandler
import os
import random
import signal
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

import cupynn

sys.path.append(str(Path(__file__).parents[1]))  # the parent of this folder, which pytest has on the path already
from reliability.work import KINDS, Fault, Raised, Work

GROUP = 10  # interrupts per fork
LONGEST = 60  # time limit for one interrupt, in seconds
LATEST = 0.9  # latest moment, as a fraction of the duration of undisturbed work
GAP = 0.006  # longest time between two signals, in seconds
LEVELS = 8  # more than two signals and the exceptions that follow from them can use up
MESSAGE = struct.Struct("ddii")


class Signaller:
    """A process that sends signals to this one, so no thread here has to wait for the interpreter's lock."""

    def __init__(self) -> None:
        (orders, self.orders), (self.answers, answers) = os.pipe(), os.pipe()
        receiver = os.getpid()
        if os.fork() == 0:
            try:
                os.close(self.orders)
                while message := os.read(orders, MESSAGE.size):
                    delay, gap, number, times = MESSAGE.unpack(message)
                    for pause in [delay, gap][:times]:
                        time.sleep(pause)
                        if os.getppid() == receiver:
                            os.kill(receiver, number)
                    os.write(answers, b".")
            finally:
                os._exit(0)
        os.close(orders)
        os.close(answers)

    def order(self, delay: float, gap: float, number: int, times: int) -> None:
        os.write(self.orders, MESSAGE.pack(delay, gap, number, times))

    def wait(self) -> None:
        """Wait until all signals have been sent."""
        os.read(self.answers, 1)


class Trial:
    """One interrupt of one kind of work."""

    def __init__(self, work: Work, signaller: Signaller, rng: random.Random) -> None:
        self.work, self.signaller = work, signaller
        self.raised: list[Raised] = []
        self.canaries: list[np.ndarray] = []
        self.handlers: dict[int, object] = {}
        self.stages = [self._be_quiet, self._allocate, self._disturbed]  # in reverse order
        self.times = rng.choice([1, 2])
        self.delay, self.gap = rng.uniform(0, LATEST * work.seconds), rng.uniform(0, GAP)
        self.number = rng.choice(work.numbers)
        if self.number == signal.SIGTERM:  # a signal after the training would end the process
            self.times, self.delay = 1, 0.6 * self.delay

    def run(self) -> None:
        """Run the work, interrupt it, and check the conditions."""
        self.work.prepare()
        self._go_through(LEVELS)
        self.signaller.wait()
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        held = self.work.held()
        _be_idle(self.work.kernel_seconds)
        if not all((canary == 7).all() for canary in self.canaries):
            raise Fault("memory that was allocated after the interrupt has been written to")
        if any(not np.array_equal(one, other) for one, other in zip(held, self.work.held(), strict=True)):
            raise Fault("arrays still change after the interrupt")
        for error in self.raised:
            if not issubclass(error.kind, KeyboardInterrupt):
                raise Fault(f"{error.kind.__name__} was raised: {error.text}\n{error.where}")
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if self.handlers[number] is not usual:
                raise Fault(f"the handler of {signal.Signals(number).name} has changed after the interrupt")
        self.work.check(self.raised, self.times)

    def _disturbed(self) -> None:
        self.stages.pop()
        if self.number == signal.SIGALRM and self.times == 1:  # by a timer of the operating system, without a second process
            self.signaller.order(0, 0, 0, 0)
            signal.setitimer(signal.ITIMER_REAL, self.delay)
            self.work.run()
        else:
            self.signaller.order(self.delay, self.gap, self.number, self.times)
            self.work.run()

    def _allocate(self) -> None:
        """Allocate the memory that the work has freed, in case a helper thread still writes to it."""
        self.stages.pop()
        for size in (2, 2, 2, 2, 5, 64, 801, 4096):
            self.canaries += [np.full(size, 7) for _ in range(30)]

    def _be_quiet(self) -> None:
        """Store the signal handlers that the work has left, and ignore all further signals."""
        numbers = (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)
        self.handlers = self.handlers or {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.stages.pop()

    def _go_through(self, levels: int) -> None:
        """Run all stages and store exceptions, including those raised while another one is being stored."""
        try:
            if levels:
                self._go_through(levels - 1)
            while self.stages:
                self.stages[-1]()
        except BaseException as error:
            self.raised.append(Raised(error))


def _be_idle(kernel_seconds: float) -> None:
    """Give helper threads time to finish, and check that none keeps computing."""
    time.sleep(1.5 * kernel_seconds)
    for _ in range(500):
        before = time.process_time()
        time.sleep(0.004)
        if time.process_time() - before < 0.002:
            return
    raise Fault("a thread still computes seconds after the interrupt")


def group(kind: str, work: Work, seed: int, log: Path) -> tuple[Counter, str]:
    """Run a group of interrupts in a fork; return counts of their outcomes, and the fault, if any."""
    child = os.fork()
    if child == 0:
        with log.open("w", encoding="utf-8") as file:
            _in_child(kind, work, seed, file)
    met, until, told = Counter(), time.monotonic() + LONGEST, ""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        text = log.read_text(encoding="utf-8") if log.exists() else ""
        if ended:
            break
        if text != told:
            told, until = text, time.monotonic() + LONGEST
        if time.monotonic() > until:
            os.kill(child, signal.SIGABRT)  # makes the child print the stacks of its threads
            os.waitpid(child, 0)
            return met, f"hangs: {log.read_text(encoding='utf-8')[-2000:]}"
        time.sleep(0.005)
    met.update(line.removeprefix("met ") for line in text.splitlines() if line.startswith("met "))
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGTERM and signal.SIGTERM in work.numbers:
        met["ended by SIGTERM before or after the training"] += 1
        return met, ""
    if code == 0:
        return met, ""
    rest = "\n".join(line for line in text.splitlines() if not line.startswith("met "))
    how = f"died of {signal.Signals(-code).name}: " if code < 0 else ""
    return met, f"{how}after {sum(met.values())} interrupts: {rest}"


def _in_child(kind: str, work: Work, seed: int, file) -> None:
    code = 1
    try:
        faulthandler.enable(file)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signaller, rng = Signaller(), random.Random(f"{kind} {seed}")
        cupynn.set_num_threads(2)
        for _ in range(GROUP):
            trial = Trial(work, signaller, rng)
            trial.run()
            what = trial.raised[-1].kind.__name__ if trial.raised else "no exception"
            print(f"met {what}", file=file, flush=True)
        code = 0
    except Fault as fault:
        print(f"{fault}\n{signal.Signals(trial.number).name} {trial.times} x at {trial.delay:.4f} s", file=file)
    except BaseException:
        traceback.print_exc(file=file)
    finally:
        file.flush()
        os._exit(code)


def main() -> int:
    """Test all kinds of work; return 1 if there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="interrupts per kind, rounded up to tens (default: 100)")
    parser.add_argument("--kind", choices=KINDS, help="test only this kind of work")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first group of ten; each group adds 1 (default: 0)")
    options = parser.parse_args()
    cupynn.set_num_threads(1)  # a fork would lose other threads
    faults = interrupts = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in [options.kind] if options.kind else KINDS:
            work, met, wrong = KINDS[kind](Path(folder)), Counter(), 0
            for seed in range(options.seed, options.seed + -(-options.count // GROUP)):
                seen, fault = group(kind, work, seed, Path(folder) / "log")
                met += seen
                if fault:
                    wrong += 1
                    print(f"{kind}, seed {seed}: {fault.strip()}")
                    command = f"python tests/reliability/signals.py --kind {kind} --count {GROUP} --seed {seed}"
                    print(f"  repeat with: {command}", flush=True)
            faults, interrupts = faults + wrong, interrupts + sum(met.values())
            counts = ", ".join(f"{number} x {what}" for what, number in sorted(met.items()))
            print(f"{kind}: {sum(met.values())} interrupts ({counts}), {wrong} faults", flush=True)
    print(f"{interrupts} interrupts, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
