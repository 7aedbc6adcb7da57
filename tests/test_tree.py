"""The tree: what is packaged, who may import whom, what `import cupynn` costs. Read from the sources, with `ast`."""

import ast
import re
import subprocess
import sys
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path

import pytest

import cupynn

ROOT = Path(__file__).parents[1]
FOLDERS = {"cupynn": "cupynn", "layers": "cupynn.layers", "datasets": "cupynn.datasets"}
SOURCES = sorted(path.relative_to(ROOT).as_posix() for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))

# Where Numba may be imported: kernels, and a module that asks for the number of threads.
NUMBA = ("cupynn/kernels/*.py", "layers/*_cpu.py", "cupynn/device/device.py")

NIR = ("nir", "nirtorch", "torch", "norse", "snntorch", "spikingjelly")  # the library, and frameworks that run its files


def each_source(*patterns, but=()):
    """Parametrize a test over the sources that match one of the patterns, and none of `but`."""
    matching = [source for source in SOURCES if any(fnmatch(source, pattern) for pattern in patterns)]
    assert matching
    left = [source for source in matching if not any(fnmatch(source, pattern) for pattern in but)]
    return pytest.mark.parametrize("source", left)


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

    visit(ast.parse((ROOT / source).read_text(encoding="utf-8")))
    return found


def within(module, package):
    return module == package or module.startswith(package + ".")


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
                    assert any(fnmatch(path.name, pattern) for pattern in patterns), path

    def test_every_package_has_an_init(self):
        for folder in {Path(source).parent for source in SOURCES}:
            assert (ROOT / folder / "__init__.py").is_file(), folder

    def test_one_version(self, setup):
        citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
        assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [cupynn.__version__]
        assert setup["metadata"]["version"] == "attr: cupynn.__version__"


class TestSources:
    @each_source("*")
    def test_length(self, source):
        assert len((ROOT / source).read_text(encoding="utf-8").splitlines()) <= 350

    @each_source("*")
    def test_no_globals(self, source):
        tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
        assert not any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(tree))

    @each_source("*", but=["cupynn/device/device.py"])
    def test_cupy_stays_behind_the_device(self, source):
        assert not any(within(module, "cupy") for module in imports(source, everywhere=False))

    @each_source("*", but=NUMBA)
    def test_numba_stays_in_the_kernels(self, source):
        assert not any(within(module, "numba") for module in imports(source))

    @each_source("*", but=["cupynn/nir/*"])
    def test_nir_stays_in_its_room(self, source):
        assert not any(within(module, name) for module in imports(source) for name in NIR)

    @each_source("cupynn/nir/*")
    def test_nir_is_imported_when_it_is_needed(self, source):
        """It is optional, as are the frameworks, which take seconds; they run files in one module alone."""
        everywhere, first, *others = imports(source), *NIR
        assert not any(within(module, name) for module in imports(source, everywhere=False) for name in NIR)
        assert source == "cupynn/nir/frameworks.py" or not any(within(each, name) for each in everywhere for name in others)
        assert (
            source == "cupynn/nir/library.py"
            or "frameworks" in source
            or not any(within(each, first) for each in everywhere)
        )


# The rooms of the house and the flat files, in order: each imports only what stands before it; those of one line do not
# import each other. Imports for typing and within functions count.
ORDER = (
    ("checks",),
    ("cached", "config", "console", "interrupt", "ragged", "toml"),
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
    ("training",),
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
    for node in ast.walk(ast.parse((ROOT / source).read_text(encoding="utf-8"))):
        for module in imported(node, package_of(Path(source).parent).split(".")):
            room = room_of(module) if within(module, "cupynn") else None
            if room in (None, own, "__version__") or (source, room) in UPWARD:
                continue
            if room not in FLOORS or FLOORS[room] >= FLOORS[own]:
                yield f"{source}:{node.lineno} imports {module}"


class TestRooms:
    def test_imports_point_down(self):
        sources = [source for source in SOURCES if source != "cupynn/__init__.py"]
        assert [found for source in sources for found in upward(source)] == []

    def test_every_room_has_its_place(self):
        rooms = {room_of(f"{package_of(Path(source).parent)}.{Path(source).stem}") for source in SOURCES} - {"__init__"}
        assert rooms == set(FLOORS)

    def test_rooms_have_no_circles_within(self):
        graph = {}
        for source in SOURCES:
            package = package_of(Path(source).parent)
            module = package if Path(source).stem == "__init__" else f"{package}.{Path(source).stem}"
            tree = ast.parse((ROOT / source).read_text(encoding="utf-8"))
            graph[module] = {each for node in ast.walk(tree) for each in imported(node, package.split("."))} - {module}
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


def python(code, cwd=ROOT):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60)


class TestImport:
    def test_the_package_alone_is_light(self):
        """`cupynn --version` and an import in a script must not wait for libraries that they may never need."""
        heavy = ("numba", "numpy", "matplotlib", "sklearn", "platformdirs", "tqdm", "cupy")
        done = python(f"import sys, cupynn; print(*sorted(set({heavy}) & set(sys.modules)))")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    def test_a_network_needs_no_figures(self):
        """Nor what reads and fetches data: 0.35 s instead of 1.2."""
        heavy = ("matplotlib", "sklearn", "PIL", "requests", "cupy", "joblib")
        done = python(f"import sys; from cupynn import Sequential, layers; print(*sorted(set({heavy}) & set(sys.modules)))")
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == []

    @pytest.mark.parametrize("name", ["layers", "datasets"])
    def test_a_folder_beside_the_package_is_no_module(self, name):
        done = python(f"import {name}")
        assert done.returncode == 1
        assert re.search(rf"^ImportError: .*import cupynn\.{name}$", done.stderr, re.MULTILINE)

    def test_a_checkout_works_from_its_root_and_from_elsewhere(self, tmp_path):
        for cwd in (ROOT, tmp_path):
            done = python("from cupynn import datasets, layers; print(layers.__file__, datasets.__file__)", cwd)
            assert done.stdout.split() == [str(ROOT / name / "__init__.py") for name in ("layers", "datasets")], done.stderr

    def test_public_names(self):
        for name in cupynn.__all__:
            assert getattr(cupynn, name) is not None
        assert set(cupynn.__all__) <= set(dir(cupynn))
        with pytest.raises(AttributeError, match="has no attribute 'Sequentail'"):
            cupynn.Sequentail  # noqa: B018
