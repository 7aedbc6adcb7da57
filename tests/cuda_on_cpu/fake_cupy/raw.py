"""`cupy.RawModule` and `cupy.RawKernel`, run by the shim."""

from functools import cached_property

from cuda_on_cpu.build import CompileError, build
from cuda_on_cpu.fake_cupy.array import ndarray
from cuda_on_cpu.fake_cupy.machine import machine
from cuda_on_cpu.launch import STATIC_SHARED, Kernel, LaunchError

_allowed_shared: dict[tuple, int] = {}  # CUDA keeps this per function and device, not per Python object


class CompileException(Exception):
    """`cupy.cuda.compiler.CompileException`."""


class CUDADriverError(RuntimeError):
    """`cupy.cuda.driver.CUDADriverError`."""


class RawKernel:
    """A kernel; compiled at its first launch."""

    def __init__(self, code: str, name: str, options: tuple = (), **_options):
        if not isinstance(options, tuple):
            raise TypeError(f"Expected tuple, got {type(options).__name__}")
        self.code, self.name, self.options = code, name, options

    @cached_property
    def kernel(self) -> Kernel:
        try:
            library, names = build(self.code, self.options)
        except CompileError as error:
            raise CompileException(str(error)) from None
        if self.name not in names:
            known = ", ".join(names) or "none"
            raise CUDADriverError(f'CUDA_ERROR_NOT_FOUND: {self.name}: named symbol not found; extern "C" kernels: {known}')
        return Kernel(library, self.name)

    def __call__(self, grid: tuple, block: tuple, args: tuple, *, shared_mem: int = 0, stream=None) -> None:
        for i, value in enumerate(args):
            if isinstance(value, ndarray) and value._allocation.device != machine.device:
                where = f"device {value._allocation.device}, the current one is {machine.device}"
                raise LaunchError(f"{self.name}: argument {i} is an array of {where}")
        machine.launches += 1
        self.kernel(grid, block, args, shared_mem, self.max_dynamic_shared_size_bytes)

    def compile(self, log_stream=None) -> None:
        """Compile now."""
        self.kernel  # noqa: B018

    @property
    def _key(self) -> tuple:
        return self.code, self.options, self.name, machine.device

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        return _allowed_shared.get(self._key, STATIC_SHARED - self.kernel.static_shared)

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        if not 0 <= size <= self.kernel.most_shared:
            raise CUDADriverError(f"CUDA_ERROR_INVALID_VALUE: invalid argument: {size} bytes of shared memory")
        _allowed_shared[self._key] = int(size)

    @property
    def max_threads_per_block(self) -> int:
        return self.kernel.max_threads

    @property
    def shared_size_bytes(self) -> int:
        return self.kernel.static_shared


class RawModule:
    """CUDA C++ text and the kernels in it."""

    def __init__(self, *, code: str | None = None, path: str | None = None, options: tuple = (), **_options):
        if (code is None) == (path is None):
            raise TypeError("Exactly one of `code` and `path` keyword arguments must be given.")
        if not isinstance(options, tuple):
            raise TypeError(f"Expected tuple, got {type(options).__name__}")
        self.code, self.options = code, options

    def get_function(self, name: str) -> RawKernel:
        """A kernel by its name; the module is compiled at the first one."""
        kernel = RawKernel(self.code, name, self.options)
        kernel.compile()
        return kernel

    def compile(self, log_stream=None) -> None:
        """Compile now."""
        try:
            build(self.code, self.options)
        except CompileError as error:
            raise CompileException(str(error)) from None
