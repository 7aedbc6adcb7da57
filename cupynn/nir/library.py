"""The library `nir`, imported when it is first needed."""

from types import ModuleType

from cupynn.checks import InputError


def nir_library() -> ModuleType:
    """Return the library `nir`, or raise InputError if it is missing or too old."""
    try:
        import nir
    except ImportError:
        raise InputError('NIR needs the library nir: pip install "cupynn[nir]"') from None
    if not hasattr(nir, "NIRGraphData"):  # since 1.0.7
        raise InputError(f"nir {getattr(nir, 'version', '')} is too old: pip install --upgrade nir")
    return nir
