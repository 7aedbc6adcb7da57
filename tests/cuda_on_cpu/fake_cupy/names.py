"""Which of NumPy's names CuPy has, and which functions make the host wait."""

import numpy as np

# NumPy's functions that CuPy 14.2 lacks; a test compares the list with CuPy where that is installed.
_ABSENT = """
    asmatrix block bmat busday_count busday_offset datetime_as_string datetime_data einsum_path frompyfunc fromregex
    geomspace get_include getbufsize geterr geterrcall histogram_bin_edges info insert is_busday isnat matvec nanpercentile
    nanquantile nested_iters polyder polydiv polyint setbufsize seterr seterrcall show_runtime spacing test unstack vecdot
    vecmat
"""
ABSENT = frozenset(_ABSENT.split())

# The size of the result, or of a table, depends on values.
_WAITING = """
    argwhere bincount compress extract flatnonzero histogram nonzero setdiff1d setxor1d intersect1d union1d trim_zeros unique
    unique_all unique_counts unique_inverse unique_values
"""
WAITING = frozenset(_WAITING.split())

# NumPy answers with a bool, CuPy with an array.
VERDICTS = frozenset(["allclose", "array_equal", "array_equiv"])


def in_cupy(name: str) -> bool:
    """Whether CuPy has a function, type or constant that NumPy has under this name."""
    return not name.startswith("_") and hasattr(np, name) and name not in ABSENT
