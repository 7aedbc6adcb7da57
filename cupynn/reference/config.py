"""Configs of the original program: `KEY = value;` lines, `#` comments, and one `[ ... ]` block a layer."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from os import PathLike
from typing import Any, NamedTuple

from cupynn import checks
from cupynn.checks import InputError
from cupynn.reference.text import TextFile

INPUT_KIND = "DATASPIKING"
KINDS = (INPUT_KIND, "CONVSPIKING", "POOLINGSPIKING", "SPIKING", "SOFTMAXSPIKING")

_COMMENT = re.compile(r"#[^#]*#?")  # to the next sign, or to the end of the line
_STATEMENT = re.compile(r"\s*(?:(?P<bracket>[\[\]])|(?P<key>[^\s\[\];=]+)\s*=(?P<value>[^;=]*);)")


class _Entry(NamedTuple):
    text: str
    line: int


class Block(Mapping[str, str]):
    """Keys and values of a layer, or the global ones.

    Parameters
    ----------
    file : TextFile
    line : int
        Where the block begins.
    place : str
        Where its keys stand, for the errors.

    Attributes
    ----------
    repeated : dict of str to list of str
        Further values of the keys `ref...` that stand there more than once; the mapping holds the first.
    """

    def __init__(self, file: TextFile, line: int, place: str) -> None:
        self.file = file
        self.line = line
        self.place = place
        self.repeated: dict[str, list[str]] = {}
        self._entries: dict[str, _Entry] = {}

    def add(self, key: str, text: str, line: int) -> None:
        """Take a statement of the file; refuse a key that is there already."""
        if not text:
            raise self.file.error(line, f"{key}: expected a value before `;`")
        if key not in self._entries:
            self._entries[key] = _Entry(text, line)
        elif key.startswith("ref"):
            self.repeated.setdefault(key, []).append(text)
        else:
            raise self.file.error(line, f"{key} stands in line {self._entries[key].line} already: expected it once")

    def __getitem__(self, key: str) -> str:
        return self._entries[key].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Block({dict(self)!r})"

    def error(self, key: str, problem: str) -> InputError:
        """An error at the line of a key."""
        return self.file.error(self._entries[key].line, f"{key} = {self[key]}: {problem}")

    def text(self, key: str) -> str:
        """Value of a key that must be there."""
        if key not in self._entries:
            raise self.file.error(self.line, f"{key} is missing {self.place}: expected `{key} = value;`")
        return self[key]

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """Value of a key as one of some words."""
        text = self.text(key) if default is None else self.get(key, default)
        if text not in options:
            raise self.error(key, f"expected one of {', '.join(options)}")
        return text

    def flag(self, key: str, default: bool = False) -> bool:
        """Value of a key as true or false."""
        return self.choice(key, ("true", "false"), str(default).lower()) == "true"

    def integer(self, key: str, minimum: int = 0, default: int | None = None, maximum: int | None = None) -> int:
        """Value of a key as a whole number within [minimum, maximum]."""
        if default is not None and key not in self:
            return default
        return self._number(key, int, lambda value: checks.integer(key, value, minimum, maximum))

    def number(self, key: str, default: float | None = None) -> float:
        """Value of a key as a finite number."""
        if default is not None and key not in self:
            return default
        return self._number(key, float, lambda value: checks.number(key, value))

    def _number(self, key: str, kind: type, check: Callable[[Any], Any]) -> Any:
        text = self.text(key)
        try:
            return check(kind(text))
        except InputError as error:
            raise self.file.error(self._entries[key].line, str(error)) from None
        except ValueError:
            raise self.error(key, f"expected a {'whole ' if kind is int else ''}number") from None

    def make(self, kind: Callable[..., Any], *values: Any, **arguments: Any) -> Any:
        """What `kind` makes of values from this block; its errors name the file, and the line of the block."""
        try:
            return kind(*values, **arguments)
        except InputError as error:
            raise self.file.error(self.line, str(error)) from None


class Config(NamedTuple):
    """What a config says: the global keys, and a block for each layer, from the input to the output."""

    globals: Block
    layers: tuple[Block, ...]


def read_config(path: str | PathLike) -> Config:
    """Read a config, and check that its layers form a chain of spiking layers.

    Raises
    ------
    InputError
        If the text is not of this form, a key stands twice, a layer is of an unknown kind, or its input is not the layer
        before it.
    """
    file = TextFile(path, "a config of the original program")
    config = _parse(file)
    if len(config.layers) < 2:
        raise file.error(file.last, f"{len(config.layers)} layers: expected an input and at least one layer after it")
    for index, block in enumerate(config.layers):
        _check_place(block, config.layers[:index])
    return config


def _parse(file: TextFile) -> Config:
    outside = Block(file, 1, "outside the blocks")
    layers: list[Block] = []
    block = outside
    for number, line in enumerate(file.lines, start=1):
        rest = _COMMENT.sub(" ", line).rstrip()
        while rest:
            statement = _STATEMENT.match(rest)
            if statement is None:
                wanted = "`;` after the value" if "=" in rest and ";" not in rest else "`KEY = value;`, `[` or `]`"
                raise file.error(number, f"{rest.strip()[:60]!r}: expected {wanted}")
            rest = rest[statement.end() :]
            if statement["key"]:
                block.add(statement["key"], statement["value"].strip(), number)
            elif (statement["bracket"] == "[") != (block is outside):
                found = "`]` without `[`" if block is outside else f"`[` within the block from line {block.line}"
                raise file.error(number, f"{found}: expected one `[ ... ]` a layer")
            elif block is outside:
                block = Block(file, number, "in the block that begins here")
            else:
                layers.append(block)
                block = outside
    if block is not outside:
        raise file.error(block.line, "the block that begins here is not closed: expected `]`")
    return Config(outside, tuple(layers))


def _check_place(block: Block, before: tuple[Block, ...]) -> None:
    """Refuse a layer that cannot stand after those before it."""
    kind = block.text("LAYER")
    if kind not in KINDS:
        raise block.error("LAYER", f"only layers that spike can be imported: {', '.join(KINDS)}")
    if (kind == INPUT_KIND) != (not before):
        raise block.error("LAYER", f"expected {INPUT_KIND} as the first layer, and nowhere else")
    names = [other["NAME"] for other in before]
    if block.text("NAME") in names:
        raise block.error("NAME", "an earlier layer has this name: expected another")
    if before and block.text("INPUT") != names[-1]:
        known = "an earlier layer, but not the last" if block["INPUT"] in names else "no earlier layer"
        raise block.error("INPUT", f"this is {known}: layers form a chain, so expected {names[-1]}")
