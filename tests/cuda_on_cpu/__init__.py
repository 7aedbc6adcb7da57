"""Runs the project's CUDA C++ on the CPU, and a stand-in for CuPy around it. For tests only; never shipped.

build.py    CUDA C++ text -> shared library, by g++ and the headers in shim/
launch.py   one kernel of such a library: checks a launch as CUDA would, and more, then runs it
fake_cupy/  a module that takes CuPy's place, with arrays in host memory that behave as if they were not
nvrtc.py    compiles the same text for real GPUs, without one
sanitize.py runs marked tests under the address and the thread sanitizer
"""
