"""What several test files share: above all the devices, so that the same test runs on each."""

import gc
import re
import shutil
import signal
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import platformdirs
import pytest
from hypothesis import settings

from cupynn import datasets
from cupynn.device import diagnosis
from cupynn.device.device import resolve
from cupynn.layers import SpikingDense
from cupynn.layers.base import Run

# A shell starts commands in the background with SIGINT ignored, and processes inherit that: tests of interrupts need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("cupynn", deadline=None)  # the first example may have to compile a kernel
settings.load_profile("cupynn")

# "auto" is the CPU in these tests: those of a GPU ask for it by the fixture below.
_usable_gpus = diagnosis.usable_gpus
diagnosis.usable_gpus = lambda: 0


@pytest.fixture(scope="session", params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request):
    """The CPU; and a GPU if there is one, or else the same CUDA sources executed on the CPU."""
    if request.param == "cpu":
        return resolve("cpu")
    with pytest.MonkeyPatch.context() as patch:
        if not _usable_gpus():
            if shutil.which("g++") is None:
                pytest.skip("neither a GPU nor g++ to execute CUDA sources on the CPU")
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


class OnDevice:
    """A layer that computes on a device, used as if all its arrays lay on the host."""

    def __init__(self, layer, device):
        self.layer, self.device = layer, device

    def __getattr__(self, name):
        return getattr(self.layer, name)

    def _run(self, function, *arguments, **options):
        layer, held = self.layer, {}
        for home in ("params", "grads", "buffers"):
            held[home] = getattr(layer, home)
            setattr(layer, home, {name: self.device.put(array) for name, array in held[home].items()})
        with self.device:
            result = function(*arguments, **options)
        for home, arrays in held.items():
            for name, array in getattr(layer, home).items():
                arrays[name][...] = self.device.get(array)
            setattr(layer, home, arrays)
        return result

    def forward(self, inputs, record=False):
        spikes, *states = self._run(self.layer.forward, self.device.trains(inputs), record=record)
        return Run(spikes.to_host(), *(state if state is None else self.device.get(state) for state in states))

    def backward(self, inputs, outputs, delta, input_error=True, batch_sum=None):
        trains = self.device.trains(inputs), self.device.trains(outputs)
        below = self._run(self.layer.backward, *trains, self.device.put(delta), input_error, batch_sum)
        return below if below is None else self.device.get(below)


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
    for module in (datasets.cifar10, datasets.emnist, datasets.fashion_mnist, datasets.mnist):
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
def nmnist_folder(monkeypatch, tmp_path, dead_mirror):
    """The data folder of N-MNIST, still to be made; the test sees neither the user's cache nor the real addresses."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("CUPYNN_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda project: str(tmp_path / "cache" / project))
    official = datasets.nmnist.OFFICIAL
    monkeypatch.setattr(datasets.nmnist, "OFFICIAL", {name: (md5, dead_mirror) for name, (md5, _) in official.items()})
    return tmp_path / "data" / "n-mnist"
