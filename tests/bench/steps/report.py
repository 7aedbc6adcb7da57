"""Format results as lines of text."""

from collections.abc import Iterator
from statistics import median
from typing import Any


def machine(about: dict[str, Any], device: str) -> str:
    """Describe the machine."""
    where = about["gpu"] if device.startswith("cuda") else f"{about['processor']}, {about['threads']} threads"
    return f"{where}; {about['system']}, Python {about['python']}, NumPy {about['numpy']}, Numba {about['numba']}"


def work(ours: dict[str, Any]) -> Iterator[str]:
    """Describe the network, its spikes, and the operations of a training step."""
    spikes = ", ".join(f"{name} {count:,.0f}" for name, count in zip(ours["layers"], ours["spikes"], strict=True))
    yield f"{ours['title']}, T = {ours['steps']}, batch {ours['batch']}; spikes per sample: {spikes}"
    line = f"step, per sample: {ours['multiply_adds'] / 1e6:.1f} million multiply-adds, {ours['bytes'] / 1e6:.0f} MB"
    if "floor" in ours:
        line += f"; floor {ours['floor']['step'] * 1e3:.3f} ms, at {ours['bandwidth'] / 1e9:.0f} GB/s from the caches"
    yield line


def heading() -> str:
    """Return the header of the columns of `row`."""
    return f"  {'ms per sample':58}{'forward':>9}{'':8}{'step':>9}{'':8}{'memory':>10}"


def row(result: dict[str, Any], ours: dict[str, Any]) -> str:
    """Format the medians of one framework, and ratios: to cupynn, or for cupynn to the floor."""
    if "error" in result:
        return f"  {result['label']:58}{result['error']}"
    line = f"  {result['label']:58}"
    for kind in ("forward", "step"):
        own, base = (median(each[f"{kind}_seconds"]) for each in (result, ours))
        line += f"{own / ours['batch'] * 1e3:9.3f}" + (f"{own / base:6.1f} x" if result is not ours else " " * 8)
    line += f"{result['memory'] / 1e6:7,.0f} MB" if result["memory"] else f"{'unknown':>10}"
    if result is ours and "floor" in ours:
        ratio = median(ours["step_seconds"]) / ours["batch"] / ours["floor"]["step"]
        line += f"  step {ratio:.1f} x the floor"
    return line


def protocol_row(result: dict[str, Any], ours: dict[str, Any]) -> str:
    """Format the result of one framework in the protocol."""
    if "error" in result:
        return f"  {result['label']:58}{result['error']}"
    line = f"  {result['label']:58}"
    for kind in ("forward_seconds", "step_seconds"):
        line += f"{result[kind] * 1e3:9.1f}"
        line += f"{result[kind] / ours[kind]:6.1f} x" if result is not ours else " " * 8
    line += f"{result['memory'] / 1e6:7,.0f} MB" if result["memory"] else f"{'unknown':>10}"
    return f"{line}  {result['differing']:,} of {ours['output_spikes']:,} spikes differ" if result is not ours else line
