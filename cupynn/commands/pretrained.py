"""`cupynn pretrained`: list the trained networks that come with cupynn, or describe one."""

import argparse

from cupynn.commands import shared

HELP = "list the trained networks that come with cupynn"
DESCRIPTION = """\
List the trained networks that come with cupynn, or print the card of one: its task, recipe, test accuracy, limits and the
licence of its data.

`cupynn evaluate`, `predict`, `explore`, `raster` and `export` take them with --pretrained."""
EXAMPLES = """\
  cupynn pretrained                           all networks, with their test accuracy
  cupynn pretrained digits                    what one can do, and what it is not good for
  cupynn explore digits --pretrained          the spikes of a trained network, without training
  cupynn evaluate digits --pretrained         on its test data
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="network to describe (default: list all)")
    shared.add_json(parser, "the card, or a list of all cards,")


def execute(options: argparse.Namespace) -> None:
    """Print the list, or a card."""
    from dataclasses import asdict

    from cupynn import pretrained

    names = pretrained.names() if options.name is None else [options.name]
    cards = [pretrained.card(name) for name in names]
    if options.json:
        tables = [asdict(card) | {"confusion": card.confusion.tolist()} for card in cards]
        shared.print_json(tables if options.name is None else tables[0])
    elif options.name is None:
        width, columns = max(map(len, names)), max(len(card.network) for card in cards)
        for card in cards:
            print(f"{card.name:{width}}  {card.accuracy:7.2%}  {card.network:{columns}}  {card.task}")
    else:
        print(cards[0])
