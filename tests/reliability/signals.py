"""Interrupt the library at random moments, once or twice, and check that nothing is broken afterwards.

    python tests/reliability/signals.py --count 1000

Ten interrupts at a time come in a fork of this process, which has loaded and compiled everything: one that crashes or hangs
ends its fork alone. What must hold after an interrupt is in `Trial.check` and in the kinds of work, `reliability/work.py`.
For systems that have fork.
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

sys.path.append(str(Path(__file__).parents[1]))  # of this folder, which pytest has already
from reliability.work import KINDS, Fault, Raised, Work

GROUP = 10  # interrupts in one fork
LONGEST = 60  # seconds for one of them
LATEST = 0.9  # of the time that the work takes undisturbed
GAP = 0.006  # seconds at most between two signals
LEVELS = 8  # more than two signals and what the work makes of them can use up
MESSAGE = struct.Struct("ddii")


class Signaller:
    """A process that sends signals to this one, so that no thread here has to wait for the interpreter's lock."""

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
        self.stages = [self._be_quiet, self._allocate, self._disturbed]  # the last is the first
        self.times = rng.choice([1, 2])
        self.delay, self.gap = rng.uniform(0, LATEST * work.seconds), rng.uniform(0, GAP)
        self.number = rng.choice(work.numbers)
        if self.number == signal.SIGTERM:  # one that comes after the training ends the process
            self.times, self.delay = 1, 0.6 * self.delay

    def run(self) -> None:
        """Work, be interrupted, and check."""
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
                raise Fault(f"{error.kind.__name__} came out: {error.text}\n{error.where}")
        for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
            if self.handlers[number] is not usual:
                raise Fault(f"the handler of {signal.Signals(number).name} is another after the interrupt")
        self.work.check(self.raised, self.times)

    def _disturbed(self) -> None:
        self.stages.pop()
        if self.number == signal.SIGALRM and self.times == 1:  # by the kernel's timer, without a second process
            self.signaller.order(0, 0, 0, 0)
            signal.setitimer(signal.ITIMER_REAL, self.delay)
            self.work.run()
        else:
            self.signaller.order(self.delay, self.gap, self.number, self.times)
            self.work.run()

    def _allocate(self) -> None:
        """Take the memory that the work has let go of, such as a helper might still write to."""
        self.stages.pop()
        for size in (2, 2, 2, 2, 5, 64, 801, 4096):
            self.canaries += [np.full(size, 7) for _ in range(30)]

    def _be_quiet(self) -> None:
        """Note which handlers the work has left, and have no signal raise any more."""
        numbers = (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)
        self.handlers = self.handlers or {number: signal.getsignal(number) for number in numbers}
        for number in numbers:
            signal.signal(number, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0)
        self.stages.pop()

    def _go_through(self, levels: int) -> None:
        """Do all stages, and note what is raised: in a stage, between two, and, one level further out, while it is noted."""
        try:
            if levels:
                self._go_through(levels - 1)
            while self.stages:
                self.stages[-1]()
        except BaseException as error:
            self.raised.append(Raised(error))


def _be_idle(kernel_seconds: float) -> None:
    """Give a helper the time to end what it does, and see that none computes for ever."""
    time.sleep(1.5 * kernel_seconds)
    for _ in range(500):
        before = time.process_time()
        time.sleep(0.004)
        if time.process_time() - before < 0.002:
            return
    raise Fault("a thread still computes seconds after the interrupt")


def group(kind: str, work: Work, seed: int, log: Path) -> tuple[Counter, str]:
    """Run a group of interrupts in a fork; return what they met, and what is wrong, if anything."""
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
            os.kill(child, signal.SIGABRT)  # which has the child's threads print where they are
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
            what = trial.raised[-1].kind.__name__ if trial.raised else "none came out"
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
    """Read the command line, and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="interrupts of each kind, in tens")
    parser.add_argument("--kind", choices=KINDS, help="this kind alone")
    parser.add_argument("--seed", type=int, default=0, help="of the first ten; the next ten have the next number")
    options = parser.parse_args()
    cupynn.set_num_threads(1)  # so that no thread is lost in a fork
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
