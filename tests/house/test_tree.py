"""The tree: what is packaged, who may import whom, what `import cupynn` costs. Read from the sources, with `ast`."""

import ast
import re
import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from factories import ROOT

import cupynn

FOLDERS = {"cupynn": "cupynn", "layers": "cupynn.layers", "datasets": "cupynn.datasets"}
SOURCES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

# Where Numba may be imported: kernels, and a module that asks for the number of threads.
NUMBA = ("cupynn/kernels/*.py", "layers/*_cpu.py", "cupynn/device/device.py")

NIR = ("nir", "nirtorch", "torch", "norse", "snntorch", "spikingjelly")  # the library, and frameworks that run its files


def sources(*patterns, but=()):
    """Sources that match one of the patterns, and none of `but`; never none at all."""
    matching = [source for source in SOURCES if any(fnmatch(source, pattern) for pattern in patterns)]
    left = [source for source in matching if not any(fnmatch(source, pattern) for pattern in but)]
    assert left
    return left


@cache
def tree(source):
    """The syntax tree of a source, which each lint walks."""
    return ast.parse((ROOT / source).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def setup():
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def words(text):
    return [line.strip() for line in text.strip().splitlines()]


def package_of(folder):
    """Dotted name under which a folder of sources is imported."""
    top, *rest = Path(folder).parts
    return ".".join([FOLDERS[top], *rest])


def imported(node, package):
    """Modules, and names from modules, of one statement of a source in a package."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if not isinstance(node, ast.ImportFrom):
        return set()
    parent = package[: len(package) + 1 - node.level] if node.level else []
    module = ".".join([*parent, *([node.module] if node.module else [])])
    return {module, *(f"{module}.{alias.name}" for alias in node.names)}


@cache
def imports(source, everywhere=True):
    """Modules, and names from modules, that a source imports; only while it is itself imported unless `everywhere`."""
    found, package = set(), package_of(Path(source).parent).split(".")

    def visit(node):
        found.update(imported(node, package))
        typing_only = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if not typing_only and (everywhere or not deferred):
            for child in ast.iter_child_nodes(node):
                visit(child)

    visit(tree(source))
    return frozenset(found)


def within(module, package):
    return module == package or module.startswith(package + ".")


def importers(chosen, *packages, everywhere=True):
    """Each import of one of the packages by one of the chosen sources."""
    return [
        f"{source} imports {module}"
        for source in chosen
        for module in sorted(imports(source, everywhere))
        if any(within(module, package) for package in packages)
    ]


def test_the_walk_sees_imports():
    assert {"cupynn.kernels.inline", "numba.uint32"} <= imports("cupynn/kernels/philox.py")
    assert within("cupynn.datasets.dataset.Dataset", "cupynn.datasets.dataset")
    assert "cupynn.datasets.dataset" in imports("datasets/digits.py")  # a relative one
    assert "sklearn.datasets" in imports("datasets/digits.py")
    assert "sklearn.datasets" not in imports("datasets/digits.py", everywhere=False)  # deferred


class TestPackaging:
    def test_every_folder_of_sources_is_a_package(self, setup):
        """One that is forgotten works in a checkout and is missing from the wheel."""
        folders = {package_of(Path(source).parent) for source in SOURCES}
        assert sorted(words(setup["options"]["packages"])) == sorted(folders)

    def test_folders_beside_the_package_are_mapped_into_it(self, setup):
        mapped = dict(re.split(r"\s*=\s*", line) for line in words(setup["options"]["package_dir"]))
        assert mapped == {package: folder for folder, package in FOLDERS.items() if folder != package}

    def test_every_other_file_is_package_data(self, setup):
        patterns = re.split(r",\s*", setup["options.package_data"]["*"])
        for folder in FOLDERS:
            for path in (ROOT / folder).rglob("*"):
                if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts:
                    own = path.is_relative_to(ROOT / "cupynn" / "pretrained")  # whose folders are package data as a whole
                    assert own or any(fnmatch(path.name, pattern) for pattern in patterns), path

    def test_every_package_has_an_init(self):
        for folder in {Path(source).parent for source in SOURCES}:
            assert (ROOT / folder / "__init__.py").is_file(), folder

    def test_one_version(self, setup):
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [cupynn.__version__]
        assert setup["metadata"]["version"] == "attr: cupynn.__version__"


class TestSources:
    def test_length(self):
        lengths = {source: len((ROOT / source).read_text(encoding="utf-8").splitlines()) for source in sources("*")}
        assert {source: length for source, length in lengths.items() if length > 350} == {}

    def test_no_globals(self):
        found = [
            f"{source}:{node.lineno}: {ast.unparse(node)}"
            for source in sources("*")
            for node in ast.walk(tree(source))
            if isinstance(node, ast.Global | ast.Nonlocal)
        ]
        assert found == []

    def test_cupy_stays_behind_the_device(self):
        assert importers(sources("*", but=["cupynn/device/device.py"]), "cupy", everywhere=False) == []

    def test_numba_stays_in_the_kernels(self):
        assert importers(sources("*", but=NUMBA), "numba") == []

    def test_nir_stays_in_its_room(self):
        assert importers(sources("*", but=["cupynn/nir/*"]), *NIR) == []

    def test_nir_is_imported_when_it_is_needed(self):
        """It is optional, as are the frameworks, which take seconds; they run files in one module alone."""
        library, *frameworks = NIR
        room, alone = "cupynn/nir/*", "cupynn/nir/frameworks.py"
        assert importers(sources(room), *NIR, everywhere=False) == []
        assert importers(sources(room, but=[alone]), *frameworks) == []
        assert importers(sources(room, but=["cupynn/nir/library.py", "*frameworks*"]), library) == []

    def test_offenders_are_found(self):
        assert importers(["cupynn/device/device.py"], "cupy") == ["cupynn/device/device.py imports cupy"]
        assert importers(["cupynn/device/device.py"], "cupy", everywhere=False) == []  # deferred
        assert "cupynn/kernels/philox.py imports numba.uint32" in importers(sources("*"), "numba")


# The rooms of the house and the flat files, in order: each imports only what stands before it; those of one line do not
# import each other. Imports for typing and within functions count.
ORDER = (
    ("checks",),
    ("elsewhere",),
    ("cached", "config", "console", "intensities", "interrupt", "ragged", "thumbnails", "toml"),
    ("files", "hdf5"),
    ("kernels",),
    ("datasets",),
    ("spikes",),
    ("device",),
    ("encoders",),
    ("layers",),
    ("augment", "losses"),
    ("results",),
    ("network",),
    ("optimizers",),
    ("parallel",),
    ("plot",),
    ("evaluation",),
    ("pretrained", "training"),
    ("sequential",),
    ("checkpoint",),
    ("presets",),
    ("run",),
    ("estimator", "nir", "reference"),
    ("commands",),
    ("cli",),
    ("__main__",),
)
FLOORS = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}
UPWARD = {("cupynn/results/history.py", "plot")}  # a history draws its curves in a notebook
HOMES = {"Sequential": "sequential", "SpikeTrains": "spikes", "InputError": "checks"}  # names that `cupynn` itself offers


def room_of(module):
    """Room of a dotted name within the package; None for the package itself."""
    name = module.split(".")[1] if "." in module else None
    return HOMES.get(name, name)


def upward(source):
    """Imports of a source that point to its own floor or above, each with its line."""
    own = room_of(f"{package_of(Path(source).parent)}.{Path(source).stem}")
    for node in ast.walk(tree(source)):
        for module in imported(node, package_of(Path(source).parent).split(".")):
            room = room_of(module) if within(module, "cupynn") else None
            if room in (None, own, "__version__") or (source, room) in UPWARD:
                continue
            if room not in FLOORS or FLOORS[room] >= FLOORS[own]:
                yield f"{source}:{node.lineno} imports {module}"


class TestRooms:
    def test_imports_point_down(self):
        assert [found for source in sources("*", but=["cupynn/__init__.py"]) for found in upward(source)] == []

    def test_every_room_has_its_place(self):
        rooms = {room_of(f"{package_of(Path(source).parent)}.{Path(source).stem}") for source in SOURCES} - {"__init__"}
        assert rooms == set(FLOORS)

    def test_rooms_have_no_circles_within(self):
        graph = {}
        for source in SOURCES:
            package = package_of(Path(source).parent)
            module = package if Path(source).stem == "__init__" else f"{package}.{Path(source).stem}"
            found = {each for node in ast.walk(tree(source)) for each in imported(node, package.split("."))}
            graph[module] = found - {module}
        assert circle(graph) == []


def circle(graph):
    """Modules that import each other in a circle, if there is one; a package's face, which hands names on, is none."""
    left = {module: {each for each in found if each in graph} for module, found in graph.items()}
    left = {module: found for module, found in left.items() if not any(each.startswith(f"{module}.") for each in left)}
    left.pop("cupynn", None)
    while True:
        free = [module for module, found in left.items() if not found & left.keys()]
        if not free:
            return sorted(left)
        for module in free:
            del left[module]


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


class TestImport:
    def test_the_package_alone_is_light(self):
        """`cupynn --version` and an import in a script must not wait for libraries that they may never need."""
        heavy = ("numba", "numpy", "matplotlib", "sklearn", "platformdirs", "tqdm", "cupy")
        done = python(f"import sys, cupynn; print(*sorted(set({heavy}) & set(sys.modules)))")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    def test_a_network_needs_no_figures(self):
        """Nor what reads and fetches data: 0.35 s instead of 1.2."""
        heavy = ("matplotlib", "sklearn", "PIL", "requests", "cupy", "joblib", "cupynn.datasets", "cupynn.hdf5")
        done = python(f"import sys; from cupynn import Sequential, layers; print(*sorted(set({heavy}) & set(sys.modules)))")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    def test_everything_comes_from_the_tree(self):
        """In this process and in those that tests start, even where another copy is installed: what is edited is tested."""
        assert Path(cupynn.__file__) == ROOT / "cupynn" / "__init__.py"
        done = subprocess.run(
            [sys.executable, "-P", "-c", "import cupynn; print(cupynn.__file__)"], capture_output=True, text=True, timeout=60
        )
        assert done.stdout.strip() == cupynn.__file__

    def test_there_is_no_second_copy_of_the_package(self):
        """`cupynn.layers` is found through the root of the tree, which holds the package itself, too."""
        with pytest.raises(ImportError, match="then import cupynn"):
            import_module("cupynn.cupynn")

    @pytest.mark.parametrize("name", ["layers", "datasets"])
    def test_a_folder_beside_the_package_is_no_module(self, name):
        done = python(f"import {name}")
        assert done.returncode == 1
        assert re.search(rf"^ImportError: .*import cupynn\.{name}$", done.stderr, re.MULTILINE)

    def test_public_names(self):
        for name in cupynn.__all__:
            assert getattr(cupynn, name) is not None
        assert set(cupynn.__all__) <= set(dir(cupynn))
        with pytest.raises(AttributeError, match="has no attribute 'Sequentail'"):
            cupynn.Sequentail  # noqa: B018
