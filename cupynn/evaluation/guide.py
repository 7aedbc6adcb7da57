"""References from messages to the guide page docs/it-does-not-learn.md."""


def see(row: str) -> str:
    """Return the end of a message that names a row of the guide."""
    return f' (guide "It does not learn": {row})'
