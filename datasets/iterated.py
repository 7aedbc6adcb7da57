"""Iterate over samples that a user passes: a list, an array, a generator or a map dataset."""

from collections.abc import Iterable, Iterator
from typing import Any

from cupynn import checks
from cupynn.checks import InputError


def iterated(name: str, samples: Iterable[Any], remedy: str) -> Iterator[Any]:
    """Return the samples one by one; the error ends in "pass" and the remedy.

    Those of a map dataset are taken by its length, because iteration would need an IndexError at the end.
    """
    if checks.is_indexed(samples):
        return map(samples.__getitem__, range(len(samples)))
    try:
        return iter(samples)
    except TypeError:
        raise InputError(f"{name} is {checks.described(samples)}: pass {remedy}") from None
