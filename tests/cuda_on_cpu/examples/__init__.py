"""CUDA sources for the harness's own tests."""

from pathlib import Path


def source(stem: str) -> str:
    """Text of an example, whose lines messages name as `<stem>.cu:<line>`."""
    path = Path(__file__).parent / f"{stem}.cu"
    return f'#line 1 "{path.name}"\n' + path.read_text(encoding="utf-8")


def kernels(parameters: str, bodies: list[str]) -> str:
    """Kernels k0, k1, ... of the same parameters, in one text, so that they are built at once."""
    return "\n".join(f'extern "C" __global__ void k{i}({parameters}) {{ {body} }}' for i, body in enumerate(bodies))
