"""Fuzzing of everything that reads files: `python tests/fuzz/fuzz.py TARGET`; what was found is replayed by the tests."""
