"""The table of a network's layers: as text, and in notebooks."""

from html import escape

from cupynn.network.network import Network

NUMBERS = 3  # columns of the table before the numbers


def _table(network: Network) -> list[tuple[str, ...]]:
    """Header, input and layers of a network; the last column, of the last forward pass, is there if there was one."""
    header = ("layer", "kind", "shape", "v_th", "tau_m", "tau_s", "t_ref", "parameters")
    table = [header, ("input", str(network.encoder or "spike trains"), str(network.input_shape), *[""] * 5)]
    for layer in network.layers:
        constants = (f"{value:g}" for value in (layer.v_th, layer.tau_m, layer.tau_s, layer.t_ref))
        shape, parameters = str(layer.output_shape), f"{layer.parameter_count:,}"
        table.append((layer.name, type(layer).__name__, shape, *constants, parameters))
    if network.trains:
        spikes = [f"{int(trains.total) / max(1, len(trains)):,.1f}" for trains in network.trains]
        table = [(*row, cell) for row, cell in zip(table, ["spikes a sample", *spikes], strict=True)]
    return table


def _total(network: Network) -> str:
    """One line on a network as a whole."""
    total = sum(layer.parameter_count for layer in network.layers)
    return f"{total:,} parameters, {network.steps} steps, {network.device.describe()}"


def as_text(network: Network) -> str:
    """Return a network's table with aligned columns, and a line on the whole."""
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
    """Return a network's table for a notebook."""
    header, *rows = _table(network)
    lines = [f"<tr>{_cells('th', header)}</tr>", *(f"<tr>{_cells('td', row)}</tr>" for row in rows)]
    return f"<table><caption>{escape(_total(network))}</caption>{''.join(lines)}</table>"


def _cells(tag: str, row: tuple[str, ...]) -> str:
    sides = ("left" if column < NUMBERS else "right" for column in range(len(row)))
    return "".join(
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(sides, row, strict=True)
    )
