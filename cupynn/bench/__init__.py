"""Benchmarks: what a training step costs here, against the floor and against other frameworks, in one run.

`contest` runs the contestants one after the other, each in a process of its own, so that none sees the threads, the memory
or the warm caches of another; `python -m cupynn.bench JOB` is such a process. `protocol` is the benchmark of Open
Neuromorphic, `startup` times the first step of a new process.
"""

TAU_M, TAU_S = 64.0, 8.0  # of the networks of the paper, in steps
