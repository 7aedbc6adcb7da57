"""Which device runs a network."""

import numba

from cupynn.checks import InputError


def resolve(device: str) -> str:
    """Return the name of the device that `device` ("auto" or "cpu") stands for.

    Raises
    ------
    InputError
        If the device is unknown, or is a GPU: its kernels are not part of this version.
    """
    if device in ("auto", "cpu"):
        return "cpu"
    if isinstance(device, str) and device.split(":")[0] == "cuda":
        raise InputError(f"device={device!r}: this version runs on the CPU only; pass 'auto' or 'cpu'")
    raise InputError(f"device={device!r}: pass 'auto' or 'cpu'")


def describe(device: str) -> str:
    """One line about the device for logs and result files."""
    threads = numba.get_num_threads()
    return f"{device}, {threads} thread{'s' if threads > 1 else ''}"
