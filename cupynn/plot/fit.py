"""Fit the text of a figure into its room: break, shorten or leave out what would cover other text."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import pairwise

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure, FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FixedLocator, MaxNLocator

GAP = 6.0  # least distance of two texts, in points
NEAR = 2.0  # of two tick labels
SHORT = 45.0  # length of an axis label that any panel has room for, in points


class FittedLayout(ConstrainedLayoutEngine):
    """The constrained layout, which also fits the text of a figure when it is drawn for the first time."""

    def __init__(self, compress: bool) -> None:
        super().__init__(compress=compress)
        self.fitted = False

    def execute(self, fig: Figure) -> None:
        """Place the panels."""
        super().execute(fig)
        if not self.fitted:
            self.fitted = True
            text(fig)


def text(figure: FigureBase) -> None:
    """Fit the text of panels that have been laid out, and lay them out again if that changes anything."""
    if axes(figure.axes):
        lay_out(figure)
    for _ in range(6):  # shorter titles may leave more room for the panels, whose neighbours then move
        if not titles(figure.axes):
            break
        lay_out(figure)
    for panel in figure.axes:
        _names_of_points(panel)


def lay_out(figure: FigureBase) -> None:
    """Place the panels as they will be drawn."""
    engine = figure.figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure.figure)


def heading(figure: FigureBase, words: str, handles: Sequence[Artist] = (), above: bool = True) -> None:
    """Write the title of a figure at its left, on as many lines as it needs, and the legend of some handles.

    A legend `above` is placed at the right of the title if both fit into a line, or else below the panels unless a label of
    the whole figure is there.
    """
    title = figure.suptitle("", x=0.01, ha="left") if words else None
    room = 0.98 * figure.bbox.width
    if handles:
        needed = _width(title, words) if title else 0
        made = figure.legend(handles=handles, loc="outside upper right", ncols=len(handles))
        left = room - made.get_window_extent().width
        if not above or (needed > left and not figure.get_supxlabel()):
            made.remove()
            _legend_below(figure, handles)
        elif title:
            room = left
    if title:
        title.set_text(_broken(title, words, room))


def _broken(text: Text, words: str, room: float) -> str:
    """Return words on as many lines as they need."""
    lines = [""]
    for word in words.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and _width(text, longer) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return "\n".join(lines)


def _legend_below(figure: FigureBase, handles: Sequence[Artist]) -> None:
    """Write a legend below the panels, in as many columns as fit."""
    for columns in range(len(handles), 0, -1):
        made = figure.legend(handles=handles, loc="outside lower left", ncols=columns)
        if columns == 1 or made.get_window_extent().width < 0.97 * figure.bbox.width:
            return
        made.remove()


def axes(panels: Sequence[Axes]) -> bool:
    """Fit tick labels and axis labels of panels that have been laid out; return whether any label was changed."""
    before = [axis.label.get_text() for panel in panels for axis in (panel.xaxis, panel.yaxis)]
    for panel in panels:
        if panel.axison:
            _ticks(panel.xaxis, 0)
            _ticks(panel.yaxis, 1)
            _axis_label(panel.xaxis, panel, 0)
            _axis_label(panel.yaxis, panel, 1)
    return before != [axis.label.get_text() for panel in panels for axis in (panel.xaxis, panel.yaxis)]


def titles(panels: Sequence[Axes]) -> bool:
    """Fit the titles of panels that have been laid out; return whether any title was changed."""
    changed = [_titles(panel, _room(panel, panels)) for panel in panels]
    return any(changed)


def _names_of_points(axes: Axes) -> None:
    """Write the names of points that would leave the figure at the left of the points or above them, or cut them."""
    edge = axes.figure.bbox.x1
    for name in axes.texts:
        if isinstance(name, Annotation) and "\n" not in name.get_text() and name.get_window_extent().x1 > edge:
            fits = partial(_between, name, axes.get_window_extent().x0, edge)
            right, up = name.xyann
            for side, offset in (("right", (-right, up)), ("center", (0, abs(right) + up))):
                name.set_horizontalalignment(side)
                name.xyann = offset
                if fits():
                    break
            _first_that_fits(name, _cuts(name.get_text()), fits)


def _between(text: Text, low: float, high: float) -> bool:
    box = text.get_window_extent()
    return low <= box.x0 and box.x1 <= high


def left_title(axes: Axes) -> Text:
    """Return the text at the left above a panel."""
    return _three_titles(axes)["left"]


def _three_titles(axes: Axes) -> dict[str, Text]:
    texts = [child for child in axes.get_children() if isinstance(child, Text) and child not in axes.texts]
    return {text.get_horizontalalignment(): text for text in texts}


def _titles(axes: Axes, room: float) -> bool:
    """Drop parts of the remark at the right that the name at the left leaves no room for; then cut the name.

    Return whether a text was changed.
    """
    left, middle, right = texts = [_three_titles(axes)[side] for side in ("left", "center", "right")]
    before = [text.get_text() for text in texts]
    gap = GAP * axes.figure.dpi / 72
    box = axes.get_window_extent()
    start = left.get_window_extent().x1 + gap if left.get_text() else box.x0
    _first_that_fits(right, _parts(right.get_text()), lambda: right.get_window_extent().x0 >= start)
    _first_that_fits(left, _cuts(left.get_text()), lambda: left.get_window_extent().x1 <= room)
    _first_that_fits(middle, _cuts(middle.get_text()), lambda: middle.get_window_extent().width <= 1.05 * box.width)
    return before != [text.get_text() for text in texts]


def _room(axes: Axes, others: Sequence[Axes]) -> float:
    """Return the right end of the room for a panel's title, in pixels: the next panel, or the edge of the figure."""
    box, starts = axes.get_window_extent(), [axes.figure.bbox.x1]
    for other in others:
        beside = other.get_window_extent()
        titled = any(text.get_text() for text in _three_titles(other).values())
        above = beside.y0 < box.y1 + 1 and beside.y1 > box.y1 + (-1 if titled else 1)
        if beside.x0 > box.x0 + 1 and above:
            starts.append(beside.x0)
    return min(starts) - NEAR


def _ticks(axis: Axis, direction: int) -> None:
    """Choose fewer ticks, turn class names, or hide labels until no two tick labels overlap."""
    if not _crowded(_labels(axis), direction):
        return
    locator = axis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        for ticks in range(8, 0, -1):
            locator.set_params(nbins=ticks)
            if not _crowded(_labels(axis), direction):
                return
    if isinstance(locator, FixedLocator) and direction == 0:
        axis.set_tick_params(rotation=90)
    kept: list[Text] = []
    for label in sorted(_labels(axis), key=lambda each: each.get_fontweight() != "bold"):  # the emphasized one first
        if any(_crowded(sorted([label, other], key=_start(direction)), direction) for other in kept):
            label.set_visible(False)
        else:
            kept.append(label)


def _labels(axis: Axis) -> list[Text]:
    """Return the tick labels that are seen, in order."""
    low, high = sorted(axis.get_view_interval())
    places, labels = axis.get_majorticklocs(), axis.get_majorticklabels()
    seen = [label for place, label in zip(places, labels, strict=False) if low <= place <= high]
    direction = 0 if axis.axis_name == "x" else 1
    return sorted((label for label in seen if label.get_visible() and label.get_text()), key=_start(direction))


def _start(direction: int) -> Callable[[Text], float]:
    return lambda label: label.get_window_extent().min[direction]


def _crowded(labels: Sequence[Text], direction: int) -> bool:
    """Return whether a label comes too near to the next one."""
    boxes = [label.get_window_extent() for label in labels]
    gap = (NEAR if direction == 0 else 0) * labels[0].figure.dpi / 72 if labels else 0
    return any(second.min[direction] < first.max[direction] + gap for first, second in pairwise(boxes))


def _axis_label(axis: Axis, axes: Axes, direction: int) -> None:
    """Break an axis label that is longer than its panel before a bracket, or cut it."""
    label, box = axis.label, axes.get_window_extent()
    words, room = label.get_text(), max(1.15 * box.size[direction], SHORT * axes.figure.dpi / 72)
    choices = [words, words.replace(" (", "\n(", 1), *_cuts(words)]
    _first_that_fits(label, choices, lambda: (label.get_window_extent().size[direction]) <= room)


def _first_that_fits(text: Text, choices: Iterable[str], fits: Callable[[], bool]) -> None:
    """Set the first of the choices that fits; empty text always does."""
    for words in choices:
        text.set_text(words)
        if not words or fits():
            return


def _parts(words: str) -> list[str]:
    """Return text without its first parts, down to none: "a, b, c", "b, c", "c", ""."""
    parts = words.split(", ")
    return [", ".join(parts[first:]) for first in range(len(parts) + 1)]


def _cuts(words: str) -> list[str]:
    """Return text cut at its end, ever shorter, down to none."""
    whole = words.removesuffix("…")
    return [words, *(f"{whole[:length].rstrip()}…" for length in range(len(whole) - 1, 0, -1)), ""]


def _width(text: Text, words: str) -> float:
    text.set_text(words)
    return text.get_window_extent().width
