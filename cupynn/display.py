"""How networks, trains and histories show themselves: as text, and in notebooks."""

import struct
import zlib
from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from cupynn.network import Sequential
    from cupynn.progress import History
    from cupynn.spikes import SpikeTrains

INK = (0, 114, 178)  # of spikes: blue of Okabe and Ito's palette, seen on light ground and on dark
RASTER = (96, 480)  # most rows and columns of a raster, pixels: a million spikes take 21 ms and 51 KB
NUMBERS = 3  # columns of a network's table before the numbers


def network_table(network: "Sequential") -> list[tuple[str, ...]]:
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


def network_total(network: "Sequential") -> str:
    """One line on a network as a whole."""
    total = sum(layer.parameter_count for layer in network.layers)
    return f"{total:,} parameters, {network.steps} steps, {network.device.describe()}"


def network_text(network: "Sequential") -> str:
    """Return a network's table with aligned columns, and a line on the whole."""
    table = network_table(network)
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if column < NUMBERS else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, network_total(network)])


def network_html(network: "Sequential") -> str:
    """Return a network's table for a notebook."""
    header, *rows = network_table(network)
    lines = [f"<tr>{_cells('th', header)}</tr>", *(f"<tr>{_cells('td', row)}</tr>" for row in rows)]
    return f"<table><caption>{escape(network_total(network))}</caption>{''.join(lines)}</table>"


def _cells(tag: str, row: tuple[str, ...]) -> str:
    sides = ("left" if column < NUMBERS else "right" for column in range(len(row)))
    return "".join(
        f'<{tag} style="text-align: {side}">{escape(cell)}</{tag}>' for side, cell in zip(sides, row, strict=True)
    )


def trains_html(trains: "SpikeTrains") -> str:
    """Return a small raster of the first sample, time to the right, the first neuron below, and a line on the batch."""
    words = escape(repr(trains))
    if not len(trains):
        return words
    image = raster(trains)
    source = b64encode(_png(image)).decode()
    width, height = max(240, image.shape[1]), max(24, image.shape[0])
    style = f"width: {width}px; height: {height}px; image-rendering: pixelated; border: 1px solid #7f7f7f"
    picture = f'<img src="data:image/png;base64,{source}" style="{style}" alt="raster of the first sample">'
    return f"<div>{picture}<br>{words}: sample 0 of {len(trains)}</div>"


def raster(trains: "SpikeTrains") -> np.ndarray:
    """Opacity, uint8 (rows, columns), of the spikes of the first sample; neurons and steps that share a pixel are summed."""
    first = trains[:1].to_host()
    rows, columns = min(RASTER[0], first.size), min(RASTER[1], first.steps)
    steps = np.repeat(np.arange(first.steps), np.diff(first.offsets))
    pixels = (first.neurons.astype(np.int64) * rows // first.size) * columns + steps * columns // first.steps
    counts = np.bincount(pixels, minlength=rows * columns).reshape(rows, columns)[::-1]
    return np.where(counts > 0, 55 + 200 * counts // max(1, counts.max()), 0).astype(np.uint8)


def _png(opacity: np.ndarray) -> bytes:
    """Return a PNG in the colour of spikes: a signature, and chunks of a size, a name, a body and a checksum."""
    pixels = np.empty((*opacity.shape, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = INK, opacity
    lines = np.insert(pixels.reshape(len(pixels), -1), 0, 0, axis=1)  # each begins with the number of its filter: none
    header = struct.pack(">IIBBBBB", opacity.shape[1], opacity.shape[0], 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def history_text(history: "History") -> str:
    """One line on a training."""
    if not len(history):
        return "History: no epochs"
    last, best = history.epochs[-1], history.best
    epochs = f"{len(history)} epoch{'s' if len(history) > 1 else ''}"
    line = f"History: {epochs}, loss {last.loss:.2f}, accuracy {last.accuracy:.2%}"
    if last.validation_accuracy is None:
        return line
    return f"{line}, validation {last.validation_accuracy:.2%} (best {best.validation_accuracy:.2%}, epoch {best.number})"
