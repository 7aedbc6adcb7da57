"""TOML of unknown origin: what is legal is read, and no key makes tomllib take memory that grows with its square."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cupynn import toml

DEEP = ".".join("a" * 17)
LEGAL = [
    "a.b.c = 1.5\n[a.d]\nx = 2020-01-01T00:00:00.5Z\n",
    f"# {DEEP}\nx = '{DEEP}'\ny = \"{DEEP}\"\n",
    f'x = """\n{DEEP} \\""" {DEEP}\\\\""""" # {DEEP}\n[b]\ny = 1\n',
    f"x = '''\n''\n{DEEP}'''''\ny = [1.5, '''{DEEP}''']",
    f"x = [ # don't\n {', '.join(['0.5'] * 50)}, ]",
    'a . \'b\' . "c\\"" = 1',
    ".".join("a" * 16) + " = 1",
]
DEEP_KEYS = [
    f"{DEEP} = 1",
    f"[{DEEP}]",
    f"x = {{ {DEEP} = 1 }}",
    f"[[ {DEEP.replace('.', ' . ')} ]]",
    ".".join(["'a b'"] * 17) + " = 1",
    ".".join(['"\\""'] * 17) + " = 1",
    f'x = ["""\n\'""", {{ {DEEP} = 1 }}]',
    f"x = ['''\n\\''', {{ {DEEP} = 1 }}]",
    f'x = ["""a""""", {{ {DEEP} = 1 }}]',
    f"# it's\n{DEEP} = 1",
    f"x = 'a' # it's\n{DEEP} = 1",
]


@pytest.mark.parametrize("text", LEGAL)
def test_reads_what_is_legal(text):
    assert toml.loads(text) == tomllib.loads(text)


@pytest.mark.parametrize("text", DEEP_KEYS)
def test_deep_keys_are_refused_unparsed(text, monkeypatch):
    tomllib.loads(text)
    monkeypatch.setattr(tomllib, "loads", lambda _: pytest.fail("parsed"))
    with pytest.raises(ValueError, match="a key has more than 16 parts, around "):
        toml.loads(text)


@given(st.text("a.'\"\\#\n =[]{}", max_size=80))
def test_nothing_deep_comes_through(text):
    try:
        tables = toml.loads(text)
    except ValueError:
        return
    assert tables == tomllib.loads(text)


@pytest.mark.parametrize(
    "piece", ["'", '"', '"""', '\\"', "\\", "a", "a.", '"a', " ", "''", '"\\', "#", "\n", "a\n.", "'''\\"]
)
def test_the_time_grows_with_the_length(piece):
    """A twentieth of a second; minutes, were it quadratic."""
    with pytest.raises(ValueError, match=r"."):
        toml.loads("x = " + piece * (300_000 // len(piece)))
