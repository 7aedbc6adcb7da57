"""The result of a comparison of two networks on labelled data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Comparison:
    """What differs between two networks of the same shape, on the same encoded samples.

    Attributes
    ----------
    accuracy, other_accuracy : float
        Accuracy of each network.
    changed : int
        Number of samples whose prediction differs.
    samples : int
        Number of samples.
    spikes, other_spikes : dict of str to int
        Number of spikes of each layer.
    mismatched : dict of str to int
        Number of places (sample, step, neuron) of each layer where only one of the two networks has a spike.

    Examples
    --------
    >>> from cupynn import Sequential, datasets
    >>> net = Sequential.pretrained("digits", device="cpu")
    >>> print(net.compare(net.quantise(bits=16), datasets.load("digits")[1][:50]).changed)
    0
    """

    accuracy: float
    other_accuracy: float
    changed: int
    samples: int
    spikes: dict[str, int]
    other_spikes: dict[str, int]
    mismatched: dict[str, int]

    def __repr__(self) -> str:
        layers = (
            f"  {name}: {self.spikes[name]:,} spikes become {self.other_spikes[name]:,}; {count:,} are in one network only"
            for name, count in self.mismatched.items()
        )
        accuracy = f"accuracy {self.accuracy:.2%} becomes {self.other_accuracy:.2%}"
        changed = f"{self.changed:,} of {self.samples:,} predictions change"
        return "\n".join([f"Comparison: {accuracy}, {changed}", *layers])
