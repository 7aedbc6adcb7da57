"""The page of `cupynn.plot.explore`: one HTML file with the spikes of a network, which replays each neuron in the browser.

`build` simulates the samples, `contents` packs trains and weights into one block of bytes, and `document` puts them into
`page.html` with the style sheet and the scripts of this folder. The scripts draw on canvases of their own instead of using a
plotting library: a canvas draws 230,000 spikes within a frame, and a library would add a megabyte to each file and need a
weaker security policy.
"""

from cupynn.plot.page.build import Page, explore

__all__ = ["Page", "explore"]
