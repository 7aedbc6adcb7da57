"""Put contents, style sheet and scripts together into one HTML file that loads nothing."""

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

# In this order, within one function, so that they share names among themselves and with nothing else.
SCRIPTS = (
    "decode.js",
    "names.js",
    "replay.js",
    "why.js",
    "state.js",
    "raster.js",
    "pictures.js",
    "layers.js",
    "time.js",
    "film.js",
    "samples.js",
    "epochs.js",
    "whatif.js",
    "trace.js",
    "compare.js",
    "neuron.js",
    "field.js",
    "channels.js",
    "export.js",
    "keys.js",
    "main.js",
)


def document(table: dict[str, Any], content: bytes) -> str:
    """Return the page as text.

    Parameters
    ----------
    table : dict
        Samples, layers and the places of their arrays, for JSON.
    content : bytes
        The arrays.
    """
    style, script = _asset("page.css"), _script()
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'; form-action 'none'"
    )
    parts = {
        "policy": policy,
        "title": escape(table["title"]),
        "style": style,
        "script": script,
        "table": _json(table),
        "bytes": b64encode(content).decode("ascii"),
    }
    first, *rest = _asset("page.html").split("<!--put ")
    pieces = [first]
    for piece in rest:  # not str.replace, which would also find the marks within the parts
        name, _, text = piece.partition("-->")
        pieces += [parts[name], text]
    return "".join(pieces)


@cache
def _asset(name: str) -> str:
    return files("cupynn.plot.page").joinpath(name).read_text(encoding="utf-8")


@cache
def _script() -> str:
    return "\n".join(['(() => {\n"use strict";', *map(_asset, SCRIPTS), "})();\n"])


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode('ascii')}"


def _json(table: dict[str, Any]) -> str:
    """Return JSON that cannot end its script element, for any names in it."""
    return json.dumps(table, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
