"""Read untrusted TOML in time and memory proportional to its length."""

import re
import tomllib
from typing import Any

DEEPEST = 16  # parts of a dotted key; definitions have four. Memory in tomllib grows with their square: 25,000 take 2.6 GB
_TOKEN = re.compile(
    r'''
    \#[^\n]*                                            # a comment
    | """(?:[^"\\]+|\\.|"(?!""))*"{0,5}                 # a multi-line string, which may end with two more quotes
    | \'\'\'(?:[^']+|'(?!\'\'))*'{0,5}
    | (?:"(?:[^"\\\n]+|\\[^\n])*"?|'[^'\n]*'?|[\w-]+)   # a string, or a word: a part of a key, if a dot follows
      [ \t]*(?P<dot>\.?)[ \t]*
    ''',
    re.VERBOSE | re.DOTALL,
)


def loads(text: str) -> dict[str, Any]:
    """Return the tables of a text.

    Raises ValueError if the text is not valid TOML (`tomllib.TOMLDecodeError`), a key has too many parts, tables are nested
    too deeply or a number is too long.
    """
    parts, end = 1, -1
    for token in _TOKEN.finditer(text):
        parts = parts + 1 if token.start() == end else 1
        if parts > DEEPEST:
            raise ValueError(f"a key has more than {DEEPEST} parts, around {text[token.start() - 10 : token.end()]!r:.30}")
        end = token.end() if token["dot"] else -1
    try:
        tables = tomllib.loads(text)
        repr(tables)  # fails here, rather than in an error message, for deep nesting and long numbers
    except RecursionError as error:
        raise ValueError(f"it is nested too deeply ({error})") from None
    return tables
