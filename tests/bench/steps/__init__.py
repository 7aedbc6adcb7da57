"""Benchmark of a training step: cupynn, its floor, and other frameworks, in one run.

`python tests/bench/steps --help` shows the command. `contest` measures the frameworks one after the other, each in a
separate process (`job`), so none shares threads, memory or warm caches with another. `protocol` is the benchmark of Open
Neuromorphic, `startup` times the first step of a new process. Other scripts and tests import this package as `steps`.
"""

TAU_M, TAU_S = 64.0, 8.0  # of the networks of the paper, in steps
