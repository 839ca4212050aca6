import sys
from types import SimpleNamespace

import pytest

from launcher.clusters import _gpus
from launcher.clusters._gpus import Gpu

A, B, C = "GPU-aaaa1111", "GPU-aabb2222", "GPU-cccc3333"
GPUS = [Gpu(0, A, 81559), Gpu(1, B, 81559), Gpu(2, C, 81559)]


def test_nvidia_smi_list_of_gpus_is_read():
    text = f"0, {A}, 81559\n1, {B}, 81559\n2, {C}, 81559\n"
    assert _gpus.parse_gpus(text) == GPUS


def test_a_gpu_that_has_fallen_off_the_bus_is_left_out():
    text = f"0, {A}, 81559\nUnable to determine the device handle for GPU1: Unknown Error\n"
    assert _gpus.parse_gpus(text) == [GPUS[0]]


def test_a_gpu_that_does_not_tell_its_memory_is_kept():
    assert _gpus.parse_gpus(f"0, {A}, [N/A]\n") == [Gpu(0, A, 0)]


def test_nvidia_smi_list_of_processes_is_read_by_gpu():
    text = f"{A}, 4242\n{A}, 4243\n{C}, 17\n"
    assert _gpus.parse_holders(text) == {A: {4242, 4243}, C: {17}}


@pytest.mark.parametrize("text", ["", "No running processes found\n", f"{A}, [Not Found]\n"])
def test_no_processes_hold_nothing(text):
    assert _gpus.parse_holders(text) == {}


def test_a_gpu_on_which_a_process_holds_memory_is_not_offered():
    assert _gpus.offered(GPUS, {B: {99}}, None) == ("0", "2")
    assert _gpus.offered(GPUS, {A: {1}, B: {2}, C: {3}}, None) == ()
    assert _gpus.offered([], {}, None) == ()


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("2,0", ("2", "0")),
        (" 1 , 2 ", ("1", "2")),
        ("", ()),
        ("-1", ()),
        ("0,-1,2", ("0",)),  # CUDA ignores what follows an unknown id
        ("7,0", ()),
        (C, ("2",)),
        ("GPU-aab", ("1",)),
        ("GPU-aa", ()),  # begins two uuids
        ("1,1", ("1",)),
        ("MIG-5c1e", ("MIG-5c1e",)),
    ],
)
def test_an_outer_cuda_visible_devices_is_honoured(visible, expected):
    assert _gpus.offered(GPUS, {}, visible) == expected


def test_a_held_gpu_is_not_offered_even_when_named():
    assert _gpus.offered(GPUS, {C: {99}}, "2,0") == ("0",)


def test_nvml_is_asked_where_it_is_installed(monkeypatch):
    uuids = [A, B.encode()]  # bytes in old versions
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda device: uuids[device],
        nvmlDeviceGetMemoryInfo=lambda _device: SimpleNamespace(total=81559 * 2**20),
        nvmlDeviceGetComputeRunningProcesses=lambda device: [SimpleNamespace(pid=7)][:device],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert _gpus.query() == (GPUS[:2], {A: set(), B: {7}})


def test_a_machine_without_a_driver_has_no_gpus(monkeypatch):
    def no_driver():
        raise RuntimeError("NVML Shared Library Not Found")

    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(nvmlInit=no_driver))
    assert _gpus.query() == ([], {})


def test_nvidia_smi_is_asked_where_nvml_is_absent(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f"#!/bin/sh\ncase $1 in --query-gpu=*) echo '1, {B}, 81559' ;; *) echo '{B}, 7' ;; esac\n"
    )
    program.chmod(0o755)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert _gpus.query() == ([GPUS[1]], {B: {7}})
    program.write_text("#!/bin/sh\nexit 9\n")
    assert _gpus.query() == ([], {})
    monkeypatch.setenv("PATH", "/nowhere")
    assert _gpus.query() == ([], {})
