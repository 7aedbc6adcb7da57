"""The table of a network's layers, as text and as HTML."""

from html import escape

from cupynn.layers.constants import shown
from cupynn.layers.linear_pool import LinearPool2D
from cupynn.network.network import Network

NUMBERS = 3  # columns of the table before the numbers


def _table(network: Network) -> list[tuple[str, ...]]:
    """Return header, input and layers as rows, with the spikes of the last forward pass in the last column, if any."""
    header = ("layer", "kind", "shape", "v_th", "tau_m", "tau_s", "t_ref", "parameters")
    table = [header, ("input", str(network.encoder or "spike trains"), str(network.input_shape), *[""] * 5)]
    for layer in network.layers:
        layer.check_kinds()
        values = (layer.v_th, layer.tau_m, layer.tau_s, layer.t_ref) if layer.has_neurons else ()
        constants = [shown(value) for value in values] or [""] * 4
        parameters = f"{layer.frozen_count:,} frozen" if layer.frozen_count else f"{layer.parameter_count:,}"
        shape = str(layer.pooled_shape if isinstance(layer, LinearPool2D) else layer.output_shape)
        table.append((layer.name, type(layer).__name__, shape, *constants, parameters))
    if network.trains:
        spikes = [f"{int(trains.total) / max(1, len(trains)):,.1f}" for trains in network.trains]
        neurons = [True, *(layer.has_neurons for layer in network.layers)]
        spikes = [cell if own else "" for cell, own in zip(spikes, neurons, strict=True)]
        table = [(*row, cell) for row, cell in zip(table, ["spikes per sample", *spikes], strict=True)]
    return table


def _total(network: Network) -> str:
    """Return the summary line of a network."""
    total = sum(layer.parameter_count for layer in network.layers)
    frozen = sum(layer.frozen_count for layer in network.layers)
    fixed = f" and {frozen:,} frozen" if frozen else ""
    return f"{total:,} parameters{fixed}, {network.steps} steps, {network.device.describe()}"


def as_text(network: Network) -> str:
    """Return the table with aligned columns, followed by the summary line."""
    table = _table(network)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if column < NUMBERS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, _total(network)])


def as_html(network: Network) -> str:
    """Return the table as HTML for notebooks."""
    header, *rows = _table(network)
    lines = [f"<tr>{_cells('th', header)}</tr>", *(f"<tr>{_cells('td', row)}</tr>" for row in rows)]
    return f"<table><caption>{escape(_total(network))}</caption>{''.join(lines)}</table>"


def _cells(tag: str, row: tuple[str, ...]) -> str:
    sides = ("left" if column < NUMBERS else "right" for column in range(len(row)))
    return "".join(
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(sides, row, strict=True)
    )
