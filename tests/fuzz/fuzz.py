"""Fuzz a reader, guided by coverage: `python tests/fuzz/fuzz.py TARGET [--seconds 240]`; needs `pip install -e ".[fuzz]"`.

Each input must be read, or be refused by an InputError, in limited time and memory. The program stops at the first input
that violates this, and writes it to build/fuzz/TARGET. After the fix, move it to tests/fuzz/corpus/TARGET. Inputs that
reached new code are stored beside it, for the next run. Requires Linux.
"""

import argparse
import random
import re
import resource
import sys
import warnings
from contextlib import suppress
from pathlib import Path

import atheris
import scipy.signal  # noqa: F401  imported before memory is limited, because the import needs some

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SLOWEST = 10  # time limit for one input, in seconds
# Bytes that one input may add to the peak memory of the process; the seed files have at most 64 kB.
LARGEST = 256 << 20
ADDRESSES = 2 << 30  # bytes of address space beyond that at the start; larger allocations fail
WORD = re.compile(rb"[^\s=;\[\]{},\"]+|.", re.DOTALL)


def load():
    """Import the readers with coverage counters, and make all checksums valid, so mutated files pass them."""
    for name in ("gzip", "zipfile", "tarfile", "json", "json.decoder", "json.scanner"):
        sys.modules.pop(name, None)
    sys.path[0] = str(HERE.parent)  # so that `fuzz` is this folder, not this file
    # Numba compiles the functions of the kernels and layers, and cannot compile coverage counters.
    compiled = [f"cupynn.kernels.{path.stem}" for path in (ROOT / "cupynn" / "kernels").glob("*.py")]
    compiled += [f"cupynn.layers.{path.stem}" for path in (ROOT / "layers").glob("*.py")]
    with atheris.instrument_imports(
        include=["cupynn", "fuzz", "gzip", "json", "tarfile", "tomllib", "zipfile"],
        exclude=["cupynn.kernels", "cupynn.layers", *compiled],
    ):
        import tarfile
        import zipfile

        from fuzz import seeds, targets
    zipfile.ZipExtFile._update_crc = lambda self, data: None
    sums = tarfile.calc_chksums
    tarfile.calc_chksums = lambda header: _Any(sums(header))
    return seeds, targets


class _Any(tuple):
    """Checksums that contain every value."""

    def __contains__(self, value):
        return True


def watched(read, refusal, folder, bounded):
    """Return the function that is called with each input."""

    def once(content: bytes) -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with suppress(refusal):
            read(content, folder)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        if bounded and grown > LARGEST:
            raise MemoryError(f"{len(content)} bytes took {grown >> 20} MiB")

    return once


def swapped_words(words):
    """Return a function that mutates text by words, and sometimes by bytes."""

    def mutate(content: bytes, largest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        if rng.random() < 0.4:
            return atheris.Mutate(content, largest)
        parts = WORD.findall(content) or [b" "]
        for _ in range(rng.choice((1, 1, 1, 2, 4))):
            at, other = rng.randrange(len(parts)), rng.randrange(len(parts))
            kind = rng.randrange(5)
            if kind == 0:
                parts[at] = rng.choice(words)
            elif kind == 1:
                parts.insert(at, rng.choice(words))
            elif kind == 2:
                parts[at] = parts[other]
            elif kind == 3:
                parts[at : at + rng.randrange(1, 20)] = [b" "]
            else:
                parts[at:at] = parts[other : other + rng.randrange(1, 40)] * rng.choice((1, 1, 3, 300))
        return b"".join(parts)[:largest]

    return mutate


def main() -> None:
    """Fuzz a target for the given time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", help="reader to fuzz, a name in targets.TARGETS")
    parser.add_argument("--seconds", type=int, default=60, help="duration (default: 60)")
    arguments = parser.parse_args()
    seeds, targets = load()
    if arguments.target not in targets.TARGETS:
        parser.error(f"target {arguments.target!r}: pass one of {', '.join(targets.TARGETS)}")
    place = ROOT / "build" / "fuzz" / arguments.target
    for folder in ("inputs", "work"):
        (place / folder).mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(seeds.seeds(arguments.target)):
        (place / "inputs" / f"seed-{number}").write_bytes(content)
    words = seeds.words(arguments.target)
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in words if len(word) <= 64)
    (place / "words.dict").write_text("".join(f'"{word}"\n' for word in escaped))
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ADDRESSES, resource.RLIM_INFINITY))
    warnings.simplefilter("error")
    options = {"custom_mutator": swapped_words(words)} if arguments.target in seeds.TEXT else {}
    kept = [str(folder) for folder in (place / "inputs", HERE / "corpus" / arguments.target) if folder.is_dir()]
    settings = {
        "artifact_prefix": f"{place}/",
        "dict": place / "words.dict",
        "max_total_time": arguments.seconds,
        "print_final_stats": 1,
        "rss_limit_mb": 4096,
        "timeout": SLOWEST,
    }
    read = watched(
        targets.TARGETS[arguments.target], targets.InputError, place / "work", arguments.target not in targets.BUILD
    )
    atheris.Setup([sys.argv[0], *(f"-{key}={value}" for key, value in settings.items()), *kept], read, **options)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
