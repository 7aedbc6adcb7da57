"""Which copy of the package Python imports after an installation: beside the clone, in its root, and elsewhere.

Real installations into fresh environments, which find the dependencies in the environment that runs the tests.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import pytest
from factories import ROOT

pytestmark = pytest.mark.process
NEEDED = ("cupynn", "layers", "datasets", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
PLACES = ("beside the clone", "in the clone", "elsewhere")
INSTALL = ("install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed")

# Print the files of all modules that using the package imports.
PROBE = """
import sys
import cupynn.layers.dense
from cupynn import Sequential, datasets, layers, presets
Sequential([layers.SpikingDense(10, v_th=5.0)], (8, 8), steps=9)
assert presets.names() and cupynn.layers is layers
assert Sequential.pretrained("digits").output_shape == (10,)
print(*{module.__file__ for name, module in sys.modules.items() if (name + ".").startswith("cupynn.")}, sep="\\n")
"""
NOTEBOOK = """
import sys, nbclient, nbformat
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(sys.argv[1])])
nbclient.NotebookClient(notebook).execute(cwd=".")
print(notebook.cells[0].outputs[0].text)
"""


def can_build():
    try:
        return find_spec("pip") is not None and int(version("setuptools").split(".")[0]) >= 77
    except PackageNotFoundError:
        return False


class Installed:
    """A clone, a fresh environment in which it is installed, and three folders to start Python in."""

    def __init__(self, folder, *options):
        self.clone, self.environment = folder / "cupynn", folder / "environment"
        self.folders = dict(zip(PLACES, (folder, self.clone, folder / "elsewhere"), strict=True))
        self.folders["elsewhere"].mkdir()
        self.clone.mkdir()
        for name in NEEDED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, self.clone / name)
        venv.create(self.environment, symlinks=os.name != "nt")
        scheme = {"base": str(self.environment), "platbase": str(self.environment)}
        self.scripts = Path(sysconfig.get_path("scripts", "venv", scheme))
        dependencies = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        site = Path(sysconfig.get_path("purelib", "venv", scheme))
        (site / "zz_dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")  # after an editable install's
        stale = self.clone / "build" / "lib" / "cupynn" / "stale.py"  # left by the build of an earlier version
        stale.parent.mkdir(parents=True)
        stale.touch()
        self.run("elsewhere", "-m", "pip", *INSTALL, *options, self.clone)

    def run(self, place, *arguments, program="python"):
        variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        variables["JUPYTER_DATA_DIR"] = str(self.environment)  # no kernel of the user's
        command = [self.scripts / program, *arguments]
        done = subprocess.run(command, cwd=self.folders[place], env=variables, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module", params=["regular", "editable"])
def installed(request, tmp_path_factory):
    if not can_build():
        pytest.skip('pip and setuptools 77 or later are not in this environment: pip install -e ".[test]"')
    editable = request.param == "editable"
    installed = Installed(tmp_path_factory.mktemp(request.param), *["--editable"] * editable)
    installed.editable = editable
    return installed


def in_script(installed, place):
    script = installed.folders[place] / "probe.py"
    script.write_text(PROBE, encoding="utf-8")
    return installed.run(place, script)


def in_command(installed, place):
    return installed.run(place, "-c", PROBE)


def in_notebook(installed, place):
    if not (find_spec("nbclient") and find_spec("ipykernel")):
        pytest.skip('no Jupyter: pip install -e ".[notebooks]"')
    return installed.run(place, "-c", NOTEBOOK, PROBE)


@pytest.mark.parametrize("place", PLACES)
class TestPlaces:
    @pytest.mark.parametrize("probe", [in_script, in_command, in_notebook])
    def test_all_modules_come_from_one_copy(self, installed, place, probe):
        tree = installed.editable or place == "in the clone"
        home = installed.clone if tree else installed.environment
        files = [Path(line).resolve() for line in probe(installed, place).split("\n") if line]
        assert len(files) > 20
        assert all(file.is_relative_to(home.resolve()) for file in files), files

    def test_the_command_line(self, installed, place):
        assert installed.run(place, "-m", "cupynn", "--version") == installed.run(place, "--version", program="cupynn")


def test_a_module_that_no_longer_exists_is_not_installed(installed):
    assert list(installed.environment.rglob("stale.py")) == []
