"""Read TOML of unknown origin, in memory and time that grow with its length alone."""

import re
import tomllib
from typing import Any

DEEPEST = 16  # parts of a dotted key; definitions have four. What tomllib takes grows with their square: 25,000 take 2.6 GB
_TOKEN = re.compile(
    r'''
    \#[^\n]*                                            # a comment
    | """(?:[^"\\]+|\\.|"(?!""))*"{0,5}                 # a string of several lines, which may end with two quotes more
    | \'\'\'(?:[^']+|'(?!\'\'))*'{0,5}
    | (?:"(?:[^"\\\n]+|\\[^\n])*"?|'[^'\n]*'?|[\w-]+)   # a string, or a word: a part of a key, if a dot follows
      [ \t]*(?P<dot>\.?)[ \t]*
    ''',
    re.VERBOSE | re.DOTALL,
)


def loads(text: str) -> dict[str, Any]:
    """Return the tables of a text.

    Raises
    ------
    ValueError
        If it is no TOML (`tomllib.TOMLDecodeError`), or has keys of too many parts, too deep nesting or too long numbers.
    """
    parts, end = 1, -1
    for token in _TOKEN.finditer(text):
        parts = parts + 1 if token.start() == end else 1
        if parts > DEEPEST:
            raise ValueError(f"a key has more than {DEEPEST} parts, around {text[token.start() - 10 : token.end()]!r:.30}")
        end = token.end() if token["dot"] else -1
    try:
        tables = tomllib.loads(text)
        repr(tables)  # what is nested too deep, or a number too long, to be shown in an error
    except RecursionError as error:
        raise ValueError(f"it is nested too deeply ({error})") from None
    return tables
