"""Benchmarks of a training step: what it costs here, against the floor and against other frameworks, in one run.

`python tests/bench/steps --help` shows the command. `contest` runs the contestants one after the other, each in a process of
its own (`job`), so that none sees the threads, the memory or the warm caches of another. `protocol` is the benchmark of Open
Neuromorphic, `startup` times the first step of a new process. Scripts and tests beside this folder import it as `steps`.
"""

TAU_M, TAU_S = 64.0, 8.0  # of the networks of the paper, in steps
