"""Fuzzing of all file readers: `python tests/fuzz/fuzz.py TARGET`. The tests replay the inputs in `corpus`."""
