"""What takes long to compute from data files is kept in the user's cache."""

from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import files
from cupynn.checks import InputError


def user_cache() -> Path:
    """The folder in which this user's programs keep what can be made again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("cupynn"))


def cached(
    name: str, key: Any, sources: tuple[str, ...], make: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return what `make` returns, from the cache where it lies there already; a damaged file is made anew.

    Parameters
    ----------
    name : str
        Begins the name of the file.
    key : any
        Everything that the result depends on, as ``repr`` writes it.
    sources : tuple of str
        Modules whose code the result depends on, such as "cupynn.kernels.cochlea".
    make : callable
        Returns the arrays by name.

    Raises
    ------
    InputError
        If the cache cannot be written.
    """
    digest = sha256(repr(key).encode())
    for source in sources:
        package, _, module = source.rpartition(".")
        digest.update((resources.files(package) / f"{module}.py").read_bytes())
    path = user_cache() / f"{name}-{digest.hexdigest()[:16]}.npz"
    if path.is_file():
        try:
            return files.read_arrays(path, compressed=False)
        except Exception:  # the archive readers raise about anything on a damaged file, and none of it matters here
            path.unlink(missing_ok=True)
    arrays = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as file:
            files.put_arrays(file, arrays)
    except OSError as error:
        raise InputError(f"{path.parent} is the cache and cannot be written ({error}): make it writable") from None
    return arrays
