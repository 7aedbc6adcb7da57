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
NUMBA = ("cupynn/kernels/*.py", "layers/*_cpu.py", "cupynn/device.py")

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


def imports(source, everywhere=True):
    """Modules, and names from modules, that a source imports; only while it is itself imported unless `everywhere`."""
    found, package = set(), package_of(Path(source).parent).split(".")

    def visit(node):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*parent, *([node.module] if node.module else [])])
            found.update((module, *(f"{module}.{alias.name}" for alias in node.names)))
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
    assert {"cupynn.kernels.inline", "numba.uint32"} <= imports("cupynn/kernels/poisson.py")
    assert within("cupynn.datasets.dataset.Dataset", "cupynn.datasets.dataset")
    assert "cupynn.datasets.dataset" in imports("datasets/digits.py")  # a relative one
    assert "sklearn.datasets" in imports("datasets/digits.py")
    assert "sklearn.datasets" not in imports("datasets/digits.py", everywhere=False)  # deferred
    assert "cupynn.network" not in imports("cupynn/training.py")  # for type checkers only


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

    @each_source("*", but=["cupynn/device.py"])
    def test_cupy_stays_behind_the_device(self, source):
        assert not any(within(module, "cupy") for module in imports(source, everywhere=False))

    @each_source("*", but=NUMBA)
    def test_numba_stays_in_the_kernels(self, source):
        assert not any(within(module, "numba") for module in imports(source))

    @each_source("*", but=["cupynn/nir/*", "cupynn/bench/*"])
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

    @each_source("cupynn/*", "layers/*", "datasets/*", but=["cupynn/nir/*", "cupynn/commands/*"])
    def test_nothing_needs_nir(self, source):
        assert not any(within(module, "cupynn.nir") for module in imports(source))

    @each_source("layers/*")
    def test_layers_know_nothing_above_them(self, source):
        self.imports_of_ours(source, "checks", "config", "kernels", "layers", "spikes", "spikes_cuda")

    @each_source("cupynn/kernels/*")
    def test_kernels_know_trains_and_each_other(self, source):
        self.imports_of_ours(source, "checks", "interrupt", "kernels", "spikes")

    @each_source("datasets/*")
    def test_datasets_stand_alone(self, source):
        self.imports_of_ours(source, "atomic", "cached", "checks", "console", "datasets", "hdf5", "kernels", "npz", "ragged")

    @staticmethod
    def imports_of_ours(source, *allowed):
        ours = {module for module in imports(source) if module.startswith("cupynn.")}
        assert not [module for module in ours if not any(within(module, f"cupynn.{name}") for name in allowed)]


def python(code, cwd=ROOT):
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, timeout=60)


class TestImport:
    def test_the_package_alone_is_light(self):
        """`cupynn --version` and an import in a script must not wait for libraries that they may never need."""
        heavy = ("numba", "numpy", "matplotlib", "sklearn", "platformdirs", "tqdm", "cupy")
        done = python(f"import sys, cupynn; print(*sorted(set({heavy}) & set(sys.modules)))")
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
