"""Configs of the original program: `KEY = value;` lines, `#` comments, and one `[ ... ]` block per layer."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from os import PathLike
from typing import Any, NamedTuple

from cupynn import checks
from cupynn.checks import InputError
from cupynn.reference.text import TextFile

INPUT_KIND = "DATASPIKING"
KINDS = (INPUT_KIND, "CONVSPIKING", "POOLINGSPIKING", "SPIKING", "SOFTMAXSPIKING")

_COMMENT = re.compile(r"#[^#]*#?")  # to the next `#`, or to the end of the line
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
        First line of the block.
    place : str
        Description of the block, for errors.

    Attributes
    ----------
    repeated : dict of str to list of str
        Second and later values of repeated keys `ref...`; the mapping holds the first.
    read : set of str
        Keys whose values a method below has returned.
    """

    def __init__(self, file: TextFile, line: int, place: str) -> None:
        self.file = file
        self.line = line
        self.place = place
        self.repeated: dict[str, list[str]] = {}
        self.read: set[str] = set()
        self._entries: dict[str, _Entry] = {}

    def add(self, key: str, text: str, line: int) -> None:
        """Add a statement of the file; refuse a key that is set already."""
        if not text:
            raise self.file.error(line, f"{key}: expected a value before `;`")
        if key not in self._entries:
            self._entries[key] = _Entry(text, line)
        elif key.startswith("ref"):
            self.repeated.setdefault(key, []).append(text)
        else:
            raise self.file.error(line, f"{key} is already set in line {self._entries[key].line}: expected it once")

    def __getitem__(self, key: str) -> str:
        return self._entries[key].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Block({dict(self)!r})"

    def error(self, key: str, problem: str) -> InputError:
        """Return an error that names the line of a key."""
        return self.file.error(self._entries[key].line, f"{key} = {self[key]}: {problem}")

    def text(self, key: str) -> str:
        """Return the value of a required key."""
        if key not in self._entries:
            raise self.file.error(self.line, f"{key} is missing {self.place}: expected `{key} = value;`")
        self.read.add(key)
        return self[key]

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """Return the value of a key, which must be one of the options."""
        text = default if default is not None and key not in self else self.text(key)
        if text not in options:
            raise self.error(key, f"expected one of {', '.join(options)}")
        return text

    def flag(self, key: str, default: bool = False) -> bool:
        """Return the value of a key as a bool."""
        return self.choice(key, ("true", "false"), str(default).lower()) == "true"

    def integer(self, key: str, minimum: int = 0, default: int | None = None, maximum: int | None = None) -> int:
        """Return the value of a key as a whole number within [minimum, maximum]."""
        return self._number(key, int, default, lambda value: checks.integer(key, value, minimum, maximum))

    def number(self, key: str, default: float | None = None) -> float:
        """Return the value of a key as a finite number."""
        return self._number(key, float, default, lambda value: checks.number(key, value))

    def _number(self, key: str, kind: type, default: float | None, check: Callable[[Any], Any]) -> Any:
        if default is not None and key not in self:
            return default
        text = self.text(key)
        try:
            return check(kind(text))
        except InputError as error:
            raise self.file.error(self._entries[key].line, str(error)) from None
        except ValueError:
            raise self.error(key, f"expected a {'whole ' if kind is int else ''}number") from None

    def make(self, kind: Callable[..., Any], *values: Any, **arguments: Any) -> Any:
        """Call `kind` with values from this block; errors name the file and the line of the block."""
        try:
            return kind(*values, **arguments)
        except InputError as error:
            raise self.file.error(self.line, str(error)) from None


class Config(NamedTuple):
    """The global keys, and one block per layer from the input to the output."""

    globals: Block
    layers: tuple[Block, ...]


def read_config(path: str | PathLike) -> Config:
    """Read a config; raise InputError unless its text is well-formed and its layers are a chain of spiking layers."""
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
                found = "`]` without `[`" if block is outside else f"`[` inside the block that begins in line {block.line}"
                raise file.error(number, f"{found}: expected one `[ ... ]` per layer")
            elif block is outside:
                block = Block(file, number, "in the block that begins here")
            else:
                layers.append(block)
                block = outside
    if block is not outside:
        raise file.error(block.line, "the block that begins here is not closed: expected `]`")
    return Config(outside, tuple(layers))


def _check_place(block: Block, before: tuple[Block, ...]) -> None:
    """Refuse a layer that cannot follow the layers before it."""
    kind = block.text("LAYER")
    if kind not in KINDS:
        raise block.error("LAYER", f"only spiking layers can be imported: {', '.join(KINDS)}")
    if (kind == INPUT_KIND) != (not before):
        raise block.error("LAYER", f"expected {INPUT_KIND} as the first layer, and nowhere else")
    names = [other["NAME"] for other in before]
    if block.text("NAME") in names:
        raise block.error("NAME", "an earlier layer has this name: choose another")
    if before and block.text("INPUT") != names[-1]:
        raise block.error("INPUT", f"layers must form a chain: expected the previous layer, {names[-1]}")
