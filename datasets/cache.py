"""Cache arrays that take long to compute from data files."""

from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import files
from cupynn.checks import InputError


def user_cache() -> Path:
    """Return the user's cache folder, for files that can be computed or downloaded again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("cupynn"))


def load_or_compute(
    name: str, key: Any, modules: tuple[str, ...], compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
    """Return the arrays of `compute()`, from the cache if possible; recompute them if the cached file is damaged.

    The name of the file consists of `name` and a digest of everything that the result depends on: the ``repr`` of `key`, and
    the source code of `modules`, such as "cupynn.kernels.cochlea". InputError is raised if the cache cannot be written.
    """
    digest = sha256(repr(key).encode())
    for module in modules:
        package, _, stem = module.rpartition(".")
        digest.update((resources.files(package) / f"{stem}.py").read_bytes())
    path = user_cache() / f"{name}-{digest.hexdigest()[:16]}.npz"
    if path.is_file():
        try:
            return files.read_arrays(path, compressed=False)
        except Exception:  # the archive readers can raise almost anything on a damaged file
            path.unlink(missing_ok=True)
    arrays = compute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as file:
            files.put_arrays(file, arrays)
    except OSError as error:
        raise InputError(f"{path.parent} is the cache and cannot be written ({error}): make it writable") from None
    return arrays
