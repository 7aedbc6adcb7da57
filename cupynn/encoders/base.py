"""The contract that every encoder keeps."""

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from cupynn.config import Configured
from cupynn.spikes.trains import Data, SpikeTrains


class Encoder(Configured, ABC):
    """Turns a batch of data into spike trains; what it draws depends on (seed, draw, sample) alone.

    Examples
    --------
    >>> from cupynn.encoders import Poisson
    >>> images = np.full((2, 4), 255, np.uint8)
    >>> both = Poisson().encode(images, steps=50, seed=0, draw=1, samples=np.array([7, 8]))
    >>> alone = Poisson().encode(images[1:], steps=50, seed=0, draw=1, samples=np.array([8]))
    >>> both[1] == alone
    True
    """

    on_device: ClassVar[bool] = False  # whether `encode` also takes arrays of a GPU, to draw their trains there

    @abstractmethod
    def check(self, x: Data) -> None:
        """Raise InputError if there is data (B, *shape) that `encode` would refuse."""

    def notice(self, x: Data, steps: int) -> str | None:
        """What a user should know before training on data that `check` has let pass; None if there is nothing.

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
            What `check` has let pass.
        steps : int
            Number of time steps T, at most 2^24.
        seed, draw : int
            Two numbers that together with each sample's own fix the random numbers: the network's seed, and the epoch or
            another count of draws, below 2^32.
        samples : ndarray of int, shape (B,)
            Number of each sample, below 2^32.
        """
