"""What several test files share: above all the devices, so that the same test runs on each."""

import gc
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryFile
from threading import Thread
from types import SimpleNamespace

import numpy as np
import platformdirs
import pytest
from factories import ROOT, SMALL, OnDevice, leave_figures_out
from hypothesis import settings
from numba.core import event

from cupynn import cli, datasets, hdf5
from cupynn.device import diagnosis
from cupynn.device.device import resolve
from cupynn.layers import SpikingDense

# A shell starts commands in the background with SIGINT ignored, and processes inherit that: tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests import the source tree (pythonpath in setup.cfg), and so do the processes that they start.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])

# No deadline: the first example may have to compile a kernel. Each run has the same examples; --hypothesis-profile=explore
# draws others, and many more: tests/reliability/nightly.py passes it with a seed.
settings.register_profile("cupynn", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("cupynn")

# Only a computer that fails needs what was written on the disk, and no test makes it fail. Waiting for the disk, for 6,000
# saves of trainings alone, took more time than their computations. Like fsync, fstat refuses a closed file.
os.fsync = os.fstat

# "auto" is the CPU in these tests: those of a GPU ask for it by the fixture below.
_usable_gpus = diagnosis.usable_gpus
diagnosis.usable_gpus = lambda: 0

LEFT_OUT = ("slow", "process", "emulated")  # of a run without -m, by addopts in setup.cfg
LONGEST = 5  # seconds of CPU time of a test that is not left out


def pytest_report_header(config):
    """Say how the examples of this run are drawn; Hypothesis itself says so of a test that fails."""
    profile = config.getoption("--hypothesis-profile") or "cupynn"
    seed = config.getoption("--hypothesis-seed")
    seed = "that of each test" if settings.default.derandomize else "random" if seed is None else seed
    return f"Hypothesis: profile {profile}, at most {settings.default.max_examples} examples per test, seed: {seed}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark tests by their folder, and those of a GPU where there is none."""
    no_gpu = not _usable_gpus()
    for item in items:
        room = item.path.parent.name
        if room == "processes":
            item.add_marker("process")
        on_gpu = item.get_closest_marker("gpu") is not None
        if (on_gpu and no_gpu) or (room == "emulator" and not on_gpu):
            item.add_marker("emulated")


def pytest_collection_finish():
    """Keep what was collected out of every later garbage collection."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser):
    text = f"fail tests that take over {LONGEST} s of CPU time, compilation aside, unless they are marked: {LEFT_OUT}"
    parser.addoption("--strict-durations", action="store_true", default=bool(os.environ.get("CI")), help=text)


class Compilation(event.Listener):
    """Seconds of CPU time in which Numba compiled."""

    def __init__(self):
        self.seconds, self.depth, self.begun = 0.0, 0, 0.0

    def on_start(self, event):
        if self.depth == 0:
            self.begun = time.thread_time()
        self.depth += 1

    def on_end(self, event):
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.thread_time() - self.begun


compilation = Compilation()
event.register("numba:compile", compilation)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Measure in CPU time of this process, which does not depend on what else the computer does."""
    begun = time.process_time() - compilation.seconds
    result = yield
    taken = time.process_time() - compilation.seconds - begun
    if item.config.option.strict_durations and taken > LONGEST and not any(map(item.get_closest_marker, LEFT_OUT)):
        pytest.fail(f"took {taken:.1f} s of CPU time, over {LONGEST}: make it cheaper, or mark it as slow", pytrace=False)
    return result


@pytest.fixture(scope="session", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """The CPU; and a GPU if there is one, or else the same CUDA sources executed on the CPU."""
    if request.param == "cpu":
        return resolve("cpu")
    with pytest.MonkeyPatch.context() as patch:
        if not _usable_gpus():
            if shutil.which("g++") is None:
                pytest.skip("neither a GPU nor g++ to execute CUDA sources on the CPU: apt-get install g++")
            from cuda_on_cpu.fake_cupy import install

            install()
        patch.setattr(diagnosis, "usable_gpus", lambda: 2)
        return resolve("cuda")


@pytest.fixture
def emulated(device):
    """The stand-in for CuPy, which counts what a real GPU does not tell, and whose memory can be set."""
    if not device.on_cuda or not hasattr(device.xp, "_is_the_stand_in"):
        pytest.skip("this asks the stand-in for CuPy")
    from cuda_on_cpu import fake_cupy

    yield fake_cupy
    gc.collect()
    fake_cupy.reset()


@pytest.fixture(scope="session")
def on_device(device):
    """A function that makes a built layer compute on each device in turn."""
    return lambda layer: OnDevice(layer, device)


@pytest.fixture(scope="session")
def dense(on_device):
    """A function that makes a built `SpikingDense` with weights of one's own: dense(weight, v_th, **options)."""

    def make(weight, v_th, **options):
        layer = SpikingDense(len(weight), v_th, **options)
        layer.build(weight.shape[1:], np.random.default_rng(0))
        layer.params["weight"][:] = weight
        return on_device(layer)

    return make


@pytest.fixture
def no_figures(monkeypatch):
    """Let a run write files in place of its figures."""
    leave_figures_out(monkeypatch)


@pytest.fixture
def read_here(monkeypatch):
    """Read HDF5 files in this process, which takes 0.2 s less for each, where HDF5 does not have to be stopped."""

    @contextmanager
    def apart(path, largest, *job):
        with TemporaryFile() as found:
            with redirect_stdout(SimpleNamespace(buffer=found)):
                hdf5._main(str(path), largest, 0, 0, *job)
            found.seek(0)
            yield found

    monkeypatch.setattr(hdf5, "_apart", apart)
    monkeypatch.setattr(hdf5, "_bound_this_process", lambda seconds, memory: None)


@pytest.fixture
def definition(tmp_path):
    """A file with the definition `SMALL`."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """The folder that `cupynn train` leaves of `SMALL`; tests that change it take a copy."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "small.toml").write_text(SMALL, encoding="utf-8")
    assert cli.main(["train", str(folder / "small.toml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


@pytest.fixture
def folder(small_run, tmp_path):
    """A copy of `small_run`, which the test may change."""
    return shutil.copytree(small_run, tmp_path / "run")


@pytest.fixture
def begin():
    """Start processes that wait for their input: begin(code, *arguments, said=...) waits for their first line."""
    processes = []

    def start(code, *arguments, said):
        command = [sys.executable, "-c", code, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline() == f"{said}\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def dead_mirror():
    """The address of a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def empty_cache(monkeypatch, tmp_path, dead_mirror):
    """The user's cache, empty; no test sees the real one, nor the real mirrors."""
    for variable in ("CUPYNN_DATA", "CUPYNN_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda project: str(tmp_path / "cache" / project))
    for module in (datasets.cifar10, datasets.emnist, datasets.fashion_mnist, datasets.heidelberg, datasets.mnist):
        monkeypatch.setattr(module, "MIRRORS", (dead_mirror,))
    return tmp_path / "cache" / "cupynn"


class Mirror:
    """What a local server of files has seen, and how it is to behave.

    Attributes
    ----------
    requests : list of (str, str or None)
        Path and Range header of each.
    ranges : bool
        Whether it answers a Range header with a part.
    breaks : list of int
        The next answers end after so many bytes.
    """

    def __init__(self):
        self.requests, self.ranges, self.breaks = [], True, []


@pytest.fixture
def serve():
    """Start local mirrors: serve({file: content}) returns an address and its `Mirror`."""
    servers = []

    def start(files):
        mirror = Mirror()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                wanted = self.headers["Range"]
                mirror.requests.append((self.path, wanted))
                content, status, header = files.get(self.path.lstrip("/")), 200, None
                if content is None:
                    content, status = b"", 404
                elif wanted and mirror.ranges:
                    first = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
                    if first >= len(content):
                        content, status = b"", 416
                    else:
                        status, header = 206, f"bytes {first}-{len(content) - 1}/{len(content)}"
                        content = content[first:]
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                if header:
                    self.send_header("Content-Range", header)
                self.end_headers()
                self.wfile.write(content[: mirror.breaks.pop(0)] if mirror.breaks else content)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/", mirror

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def own_data(empty_cache, monkeypatch, tmp_path):
    """The folder of the data files, chosen by the user; there are no others, and nothing can be downloaded."""
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def nmnist_folder(monkeypatch, tmp_path, dead_mirror):
    """The data folder of N-MNIST, still to be made; the test sees neither the user's cache nor the real addresses."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda project: str(tmp_path / "cache" / project))
    official = datasets.nmnist.OFFICIAL
    monkeypatch.setattr(datasets.nmnist, "OFFICIAL", {name: (md5, dead_mirror) for name, (md5, _) in official.items()})
    return tmp_path / "data" / "n-mnist"
