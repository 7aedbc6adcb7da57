"""Where the text of a figure is drawn, and what of it covers other text or leaves the figure."""

from itertools import combinations

from matplotlib.text import Text


def seen(figure):
    """Texts that are drawn, with their boxes in pixels."""
    figure.draw_without_rendering()
    return [
        (text, text.get_window_extent()) for text in figure.findobj(Text) if _drawn(text) and not _tick_outside(text, figure)
    ]


def _drawn(text):
    if not text.get_visible() or not text.get_text().strip():
        return False
    return text.axes is None or text.axes.get_visible()


def _tick_outside(text, figure):
    """Whether it is the label of a tick outside the limits of its axis, or of axes without labels."""
    for axes in [each for panel in figure.axes for each in (panel, *panel.child_axes)]:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if text in (tick.label1, tick.label2):
                    shift = 1e-6 * (high - low)
                    return not axes.axison or not low - shift <= tick.get_loc() <= high + shift
    return False


def collisions(figure):
    """Pairs of texts that cover each other, and texts that leave the figure by more than a pixel."""
    boxes = seen(figure)
    width, height = figure.bbox.size
    outside = [
        text.get_text() for text, box in boxes if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]
    covered = [
        (one.get_text(), other.get_text())
        for (one, first), (other, second) in combinations(boxes, 2)
        if min(first.x1, second.x1) - max(first.x0, second.x0) > 1
        and min(first.y1, second.y1) - max(first.y0, second.y0) > 1.5
    ]
    return outside + covered
