"""What keeps a GPU from being used, told with what mends it."""

import json
import sys

import pytest

from cupynn import cli
from cupynn.checks import InputError
from cupynn.device import device, diagnosis
from cupynn.device.diagnosis import Driver


@pytest.fixture
def machine(monkeypatch):
    """A function that sets up a machine: its driver, CuPy's wheels, whether CuPy can be imported, and NVRTC's error."""

    def make(driver=None, wheels=(), importable=False, compiler="", usable=0):
        monkeypatch.setattr(diagnosis, "driver", lambda: driver)
        monkeypatch.setattr(diagnosis, "wheels", lambda: wheels)
        monkeypatch.setattr(diagnosis, "find_spec", lambda name: object() if importable else None)
        monkeypatch.setattr(diagnosis, "_compiler_error", lambda: compiler)
        monkeypatch.setattr(diagnosis, "usable_gpus", lambda: usable)

    return make


H100 = Driver(13, ("NVIDIA H100",))
MACHINES = {
    "no driver": ({}, "no NVIDIA driver"),
    "no GPU": ({"driver": Driver(13, ())}, "finds no GPU.*nvidia-smi"),
    "old driver": (
        {"driver": Driver(11, ("Tesla K80",))},
        "supports CUDA 11, but CuPy needs 12 or later: update the driver",
    ),
    "no CuPy": ({"driver": H100}, r'^CuPy is not installed: pip install "cupy-cuda13x\[ctk\]"$'),
    "no CuPy, CUDA 12": ({"driver": Driver(12, ("T4",))}, r'pip install "cupy-cuda12x\[ctk\]"$'),
    "a driver of the future": ({"driver": Driver(14, ("X",))}, r'pip install "cupy-cuda13x\[ctk\]"$'),
    "two wheels": (
        {"driver": H100, "wheels": ("cupy-cuda12x 14.0", "cupy-cuda13x 14.0"), "importable": True},
        r'overwrite each other: pip uninstall -y cupy-cuda12x cupy-cuda13x && pip install "cupy-cuda13x\[ctk\]"$',
    ),
    "too new a wheel": (
        {"driver": Driver(12, ("T4",)), "wheels": ("cupy-cuda13x 14.0",), "importable": True},
        r'newer driver than CUDA 12: pip uninstall -y cupy-cuda13x && pip install "cupy-cuda12x\[ctk\]"$',
    ),
    "no NVRTC": (
        {"driver": H100, "wheels": ("cupy-cuda13x 14.0",), "importable": True, "compiler": "libnvrtc.so.13 not found"},
        r'its compiler NVRTC cannot be used \(libnvrtc.so.13 not found\): pip install "cupy-cuda13x\[ctk\]"$',
    ),
    "an old GPU with a new driver": ({"driver": Driver(13, ("Tesla V100",), 70)}, r'pip install "cupy-cuda12x\[ctk\]"$'),
    "too new a wheel for an old GPU": (
        {"driver": Driver(13, ("Tesla V100",), 70), "wheels": ("cupy-cuda13x 14.0",), "importable": True},
        r'newer GPU than compute capability 70: pip uninstall -y cupy-cuda13x && pip install "cupy-cuda12x\[ctk\]"$',
    ),
    "something else": ({"driver": H100, "wheels": ("cupy-cuda13x 14.0",), "importable": True}, "CuPy cannot use the GPU"),
}


@pytest.mark.parametrize(("state", "message"), MACHINES.values(), ids=MACHINES)
def test_a_gpu_that_cannot_be_used_says_why(machine, state, message, capsys):
    machine(**state)
    with pytest.raises(InputError, match=rf"device='cuda': .*{message.removeprefix('^')}"):
        device.resolve("cuda")
    assert str(device.resolve("auto")) == "cpu"
    told = "the GPU is not used" in device.resolve("auto").describe()
    assert told == bool(state.get("driver") and state["driver"].gpus)  # who has no GPU need not hear of it
    assert cli.main(["devices"]) == 0
    assert "no GPU" in capsys.readouterr().out
    assert cli.main(["devices", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["usable"], told["problem"]) == (0, diagnosis.problem())


def test_a_gpu_that_can_be_used(machine, monkeypatch, capsys):
    machine(driver=H100, wheels=("cupy-cuda13x 14.2.0",), importable=True, usable=1)
    monkeypatch.setattr(diagnosis, "versions", lambda: {"cupy": "14.2.0", "cuda": "13.2", "driver": "13.0"})
    assert diagnosis.problem() == diagnosis.why_no_gpu() == ""
    assert cli.main(["devices"]) == 0
    shown = capsys.readouterr().out
    assert "cuda:0   NVIDIA H100" in shown
    assert "device='auto' uses cuda" in shown
    with pytest.raises(InputError, match="device='cuda:1': the number of usable GPUs is 1: pass a lower number"):
        device.resolve("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "", None, 0])
def test_names_that_cannot_be_used(name):
    with pytest.raises(InputError, match="pass 'auto', 'cpu', 'cuda'"):
        device.resolve(name)


def test_a_cupy_that_cannot_be_imported_leaves_the_cpu(monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('libcudart.so.13: no such file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    assert "libcudart.so.13" in diagnosis._compiler_error()


def test_this_machine_is_looked_at_without_harm():
    """Whatever it has: the driver's library and the wheels are asked for real."""
    assert diagnosis.driver() is None or diagnosis.driver().cuda > 0
    assert isinstance(diagnosis.wheels(), tuple)
