"""Encoders turn data into `SpikeTrains`.

Import them from here. `base` defines the interface, `intensity` the base of encoders of intensities.
"""

from cupynn.config import Registry
from cupynn.encoders.base import Encoder
from cupynn.encoders.bsa import BSA
from cupynn.encoders.current import Current
from cupynn.encoders.events import Events
from cupynn.encoders.latency import Latency
from cupynn.encoders.poisson import Poisson
from cupynn.encoders.regular import Regular

ENCODERS = Registry(Encoder, "encoders.register", BSA, Current, Events, Latency, Poisson, Regular)


def register(kind: type[Encoder]) -> type[Encoder]:
    """Register an encoder class of your own, as `cupynn.layers.register` does for a layer.

    Parameters
    ----------
    kind : type
        Class derived from `Encoder`, with a name of its own.

    Returns
    -------
    type
        The class itself.

    Raises
    ------
    InputError
        If it is not an encoder class, it lacks one of the methods, or another class has its name.

    Examples
    --------
    >>> from cupynn import encoders
    >>> @encoders.register                                             # doctest: +SKIP
    ... class Inverted(encoders.Poisson):
    ...     pass
    """
    return ENCODERS.add(kind)


__all__ = ["BSA", "ENCODERS", "Current", "Encoder", "Events", "Latency", "Poisson", "Regular", "register"]
