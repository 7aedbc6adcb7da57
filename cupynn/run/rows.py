"""Rows of the accuracy tables: commands of `cupynn train`, and the test accuracies that were reached with them."""

from dataclasses import dataclass
from importlib.resources import files
from statistics import mean, stdev

from cupynn import toml


@dataclass(frozen=True)
class Row:
    """A row of the accuracy tables.

    Attributes
    ----------
    task : str
        What is learned.
    arguments : str
        Arguments of `cupynn train`, without the seed.
    seeds : tuple of int
        A training each.
    accuracies : tuple of float
        Test accuracy of each seed.
    seconds : int
        Mean training time of a seed, on the machine of the results.
    paper, others : str
        Test accuracy that the paper, and other authors, report.
    """

    task: str
    arguments: str
    seeds: tuple[int, ...]
    accuracies: tuple[float, ...]
    seconds: int
    paper: str = ""
    others: str = ""


def rows() -> dict[str, Row]:
    """Return the rows by name.

    Examples
    --------
    >>> rows()["digits"].arguments
    'digits'
    """
    tables = toml.loads((files(__package__) / "rows.toml").read_text(encoding="utf-8"))
    lists = ("seeds", "accuracies")
    return {name: Row(**row | {key: tuple(row[key]) for key in lists}) for name, row in tables.items()}


def summary(accuracies: list[float] | tuple[float, ...]) -> str:
    """Return the mean of accuracies in percent, with their standard deviation if there are several.

    Examples
    --------
    >>> summary([0.97, 0.98])
    '97.50 ± 0.71 %'
    """
    percent = [100 * accuracy for accuracy in accuracies]
    spread = f" ± {stdev(percent):.2f}" if len(percent) > 1 else ""
    return f"{mean(percent):.2f}{spread} %"
