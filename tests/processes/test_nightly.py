"""The command of every night: it continues after a finding, counts, and prints how to repeat what was found."""

import sys
from types import SimpleNamespace

from reliability import nightly


def say(text, code=0):
    return lambda seed: ["-c", f"import sys; print({text!r}); sys.exit({code})"]


def test_it_continues_after_a_finding(monkeypatch, capsys):
    jobs = {"bad": say("seed 3: wrong", 1), "good": say("12 networks, 3 ties, error 1.2e-05, 0 faults")}
    monkeypatch.setattr(nightly, "JOBS", jobs)
    clock = iter(range(9))  # a second later each time it is looked at, and twice within the 2.4 that it has
    monkeypatch.setattr(nightly, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(sys, "argv", ["nightly.py", "--minutes", "0.04", "--seed", "5"])
    assert nightly.main() == 1
    told = capsys.readouterr().out
    assert "seed 3: wrong" in told
    assert "good: 1 runs, 12 networks, 3 ties, 0 faults" in told
    assert "repeat with: python -c import sys; print('seed 3: wrong')" in told
