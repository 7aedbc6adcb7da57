"""Every CUDA source compiles for real GPUs, with no warning and within what they have; no GPU is needed."""

import pytest
from cuda_on_cpu import nvrtc
from factories import ROOT

EXAMPLES = ROOT / "tests" / "cuda_on_cpu" / "examples"
FOLDERS = {"cupynn.kernels": ROOT / "cupynn" / "kernels", "cupynn.layers": ROOT / "layers", "examples": EXAMPLES}
SOURCES = [(package, path.stem) for package, folder in FOLDERS.items() for path in sorted(folder.glob("*.cu"))]
ARCHITECTURES = (75, 80, 90, 100, 120)

pytestmark = pytest.mark.skipif(not nvrtc.installed(), reason='no NVRTC: pip install -e ".[cuda-check]"')


def example(stem):
    return (EXAMPLES / f"{stem}.cu").read_text(encoding="utf-8")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("package", "stem"), SOURCES)
def test_source(package, stem, architecture):
    if package == "examples":
        assert nvrtc.complaints(example(stem), architecture) == []
    else:
        from cupynn.kernels.cuda import OPTIONS, CudaSource

        assert nvrtc.complaints(CudaSource.of(package, stem).source, architecture, OPTIONS, f"{stem}.cu") == []


def test_usage():
    used, _ = nvrtc.usage(example("sums"), 90)
    assert sorted(used) == ["column_sums", "row_scan", "total_f4", "total_i4"]
    assert used["column_sums"].static_shared == 8 * 32 * 4
    assert 0 < used["row_scan"].registers <= 64


def test_launch_bounds():
    assert nvrtc.launch_bounds(example("sums")) == {"total_f4": 256, "total_i4": 256, "column_sums": 256, "row_scan": 1024}


# More values alive at once than __launch_bounds__ leaves registers for.
LOOP = "\n#pragma unroll\nfor (int i = 0; i < 99; ++i) "
MANY = f"float x[99]; {LOOP} x[i] = y[i * n]; {LOOP} y[i] = x[i] * x[98 - i];"


@pytest.mark.parametrize(
    ("head", "body", "complaint"),
    [
        ("", "int unused;", "declared but never referenced"),
        ("__launch_bounds__(1024, 2)", MANY, "bytes of registers spilled"),
        ("", MANY, "registers for each of 1024 threads, a block has 65536"),
    ],
)
def test_complaints(head, body, complaint):
    found = nvrtc.complaints(f'extern "C" __global__ void {head} k(float* y, int n) {{ {body} }}', 90)
    assert any(complaint in line for line in found), found


def test_too_much_static_shared_memory_does_not_compile():
    body = "__shared__ float x[12289]; x[n] = n; __syncthreads(); y[n] = x[n + 1];"
    with pytest.raises(nvrtc.CompileError, match="49156 bytes smem"):
        nvrtc.complaints(f'extern "C" __global__ void k(float* y, int n) {{ {body} }}', 90)


def test_kernels_without_a_plain_name_are_noticed():
    assert nvrtc.complaints("template <class T> __global__ void k(T* y) { y[0] = 0; }", 90) != []


def test_what_does_not_compile_names_the_line():
    with pytest.raises(nvrtc.CompileError, match=r"k\.cu\(2\): error: identifier \"y\" is undefined"):
        nvrtc.usage('extern "C" __global__ void k(float* x) {\n    x[0] = y;\n}', 90, file="k.cu")
