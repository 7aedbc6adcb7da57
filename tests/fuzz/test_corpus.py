"""What fuzzing found is replayed: every such file, and the intact ones that fuzzing starts from."""

import tracemalloc
from pathlib import Path

import pytest

from cupynn.checks import InputError
from fuzz import seeds
from fuzz.targets import BUILD, TARGETS

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
FOUND = sorted(path.relative_to(CORPUS).as_posix() for path in CORPUS.rglob("*") if path.is_file())
LARGEST = 64 << 20  # bytes of memory for one file


@pytest.mark.usefixtures("read_here")
@pytest.mark.parametrize("target", TARGETS)
def test_seeds_are_read(target, tmp_path):
    """Else the fuzzer would begin outside of the reader's doors."""
    for content in seeds.seeds(target):
        TARGETS[target](content, tmp_path)
    assert all(seeds.words(target))


@pytest.mark.usefixtures("read_here")  # none of these makes HDF5 hang
@pytest.mark.parametrize("target", TARGETS)
def test_cut_seeds_are_read_or_refused(target, tmp_path):
    for content in seeds.seeds(target):
        for part in range(1, 16):
            with_error(target, content[: len(content) * part // 16], tmp_path)


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_read_or_refused(name, tmp_path):
    with_error(Path(name).parts[0], (CORPUS / name).read_bytes(), tmp_path)


def with_error(target, content, folder):
    """Read, or be refused by one error, within bounded memory."""
    tracemalloc.start()
    try:
        TARGETS[target](content, folder)
    except InputError as error:
        assert str(error).strip()  # noqa: PT017
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert target in BUILD or peak < LARGEST


def test_the_corpus_is_small():
    assert all(Path(name).parts[0] in TARGETS for name in FOUND)
    assert sum((CORPUS / name).stat().st_size for name in FOUND) < 40_000
