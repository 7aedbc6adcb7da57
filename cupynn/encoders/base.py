"""The base class of encoders."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from cupynn.config import Configured
from cupynn.spikes.trains import Data, SpikeTrains


class Encoder(Configured, ABC):
    """Turns a batch of data into spike trains; its random numbers depend on (seed, draw, sample) only.

    Examples
    --------
    >>> from cupynn.encoders import Poisson
    >>> images = np.full((2, 4), 255, np.uint8)
    >>> both = Poisson().encode(images, steps=50, seed=0, draw=1, samples=np.array([7, 8]))
    >>> alone = Poisson().encode(images[1:], steps=50, seed=0, draw=1, samples=np.array([8]))
    >>> both[1] == alone
    True
    """

    on_device: ClassVar[bool] = False  # whether `encode` also takes GPU arrays and encodes them there
    strength: ClassVar[str | None] = None  # argument whose larger values make more spikes; messages name it

    @abstractmethod
    def check(self, x: Data) -> None:
        """Raise InputError if `encode` cannot encode the data (B, *shape)."""

    def notice(self, x: Data, steps: int) -> str | None:
        """Return advice before training on data that passed `check`, or None.

        Parameters
        ----------
        x : ndarray or Ragged, shape (B, *shape)
        steps : int
            Number of time steps T.
        """

    @abstractmethod
    def encode(self, x: Data, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode data (B, *shape).

        Parameters
        ----------
        x : ndarray or Ragged, shape (B, *shape)
            Data that passed `check`.
        steps : int
            Number of time steps T, at most 2^24.
        seed, draw : int
            Network's seed, and epoch or another count of draws below 2^32: with the sample, they fix the random numbers.
        samples : ndarray of int, shape (B,)
            Number of each sample, below 2^32.
        """
