"""Read the pages of `explore`."""

import json
import re
from base64 import b64decode

import numpy as np

TYPES = {"u1": np.uint8, "u2": np.uint16, "u4": np.uint32, "f2": np.float16, "f4": np.float32}


def table_of(page):
    """The table in the page, and a function that reads its arrays."""
    table = json.loads(re.search(r'<script type="application/json" id="table">(.*?)</script>', page.html, re.DOTALL)[1])
    block = b64decode(re.search(r'id="bytes">(.*?)</script>', page.html, re.DOTALL)[1])
    return table, lambda place: np.frombuffer(block, TYPES[place["type"]], place["n"], place["at"])
