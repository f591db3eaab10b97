"""test_distributed.py: two processes train to what one does, end when one is killed, and resume to the same weights."""

import os
import re
import runpy
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="no torch here (Debian: python3-torch)")
import torch.distributed as dist  # noqa: E402
import torch.multiprocessing as mp  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from shiftwise import INQ, ShiftwiseError, prepare  # noqa: E402

if not dist.is_available():
    pytest.skip("this torch has nothing distributed", allow_module_level=True)

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "train_cifar.py"
COMMON = "--data synthetic --limit 96 --batch 32 --float-epochs 1 --epochs 1 --portions 0.5 0.75 1 --compensate 16".split()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def start(folder, ranks, *args):
    """Starts the ranks of the example, as torchrun does."""
    port = str(free_port())
    made = []
    for rank in range(ranks):
        env = {**os.environ, "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        env.update(RANK=str(rank), WORLD_SIZE=str(ranks), LOCAL_RANK=str(rank))
        command = [sys.executable, str(EXAMPLE), *COMMON, "--float", "float.pt", *args]
        made.append(subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
    return made


def finish(processes):
    outputs = [process.communicate(timeout=600)[0] for process in processes]
    for process, output in zip(processes, outputs):
        assert process.returncode == 0, output
    return [float(loss) for loss in re.findall(r"^epoch \d+: loss (\S+)", outputs[0], re.M)]


@pytest.mark.parametrize(
    "wrong",
    ["--norms -1", "--compensate -5", "--portions 0.5 0.3 1", "--portions 0.5 0.9", "--bits 1", "--bits 6", "--teach 1.5", "--epochs 1 1"],
)
def test_the_example_refuses_wrong_options_before_it_trains(monkeypatch, capsys, wrong):
    monkeypatch.setattr(sys, "argv", [EXAMPLE.name, "--data", "synthetic", *wrong.split()])
    with pytest.raises(SystemExit):
        runpy.run_path(str(EXAMPLE))["parse"]()
    assert wrong.split()[0] in capsys.readouterr().err.splitlines()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the float network, and the loss and the result of one process and of two."""
    made = tmp_path_factory.mktemp("distributed")
    one = finish(start(made, 1, "--out", "one.onnx"))
    two = finish(start(made, 2, "--out", "two.onnx"))
    return made, one, two


def test_two_processes_have_the_loss_curve_of_one(folder):
    made, one, two = folder
    assert len(one) == 2 and two == pytest.approx(one, rel=2e-3)
    assert (made / "one.onnx").stat().st_size == (made / "two.onnx").stat().st_size


def test_two_processes_have_the_levels_of_one(folder):
    """Without compensation, which hands a tie that float error has decided otherwise on to all that follow."""
    made, _, _ = folder
    for ranks in (1, 2):
        finish(start(made, ranks, "--compensate", "0", "--out", f"plain{ranks}.onnx"))
    a, b = (torch.load(made / f"plain{ranks}.pt") for ranks in (1, 2))
    for name, value in a.items():
        if name.endswith("parametrizations.weight.0.levels"):
            assert float((value == b[name]).float().mean()) > 0.9, name


def test_a_killed_rank_ends_the_run_which_resumes_to_the_same_weights(folder):
    made, _, _ = folder
    processes = start(made, 2, "--checkpoint", "killed.pt", "--out", "killed.onnx")
    end = time.monotonic() + 300
    while not (made / "killed.pt").exists():
        assert time.monotonic() < end and processes[0].poll() is None, processes[0].communicate()[0]
        time.sleep(0.02)
    processes[1].send_signal(signal.SIGKILL)
    output = processes[0].communicate(timeout=300)[0]
    processes[1].communicate()
    assert processes[0].returncode not in (0, None)
    assert "Error" in output and not (made / "killed.onnx").exists()
    finish(start(made, 2, "--checkpoint", "killed.pt", "--resume", "--out", "resumed.onnx"))
    whole, resumed = (torch.load(made / f"{name}.pt") for name in ("two", "resumed"))
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_torchrun_starts_the_example(folder):
    """Debian's torchrun of torch 1.13 knows no stream but 1 and 2 under Python 3.11, whose flags leave out 0 and 3."""
    made, _, two = folder
    launch = [sys.executable, "-m", "torch.distributed.run", "--redirects", "2", "--tee", "2", "--nproc_per_node", "2"]
    command = [*launch, "--master_port", str(free_port()), str(EXAMPLE), *COMMON, "--float", "float.pt"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, cwd=made, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert run.returncode == 0, run.stdout
    assert [float(loss) for loss in re.findall(r"^epoch \d+: loss (\S+)", run.stdout, re.M)] == pytest.approx(two, rel=1e-5)


def alone(rank, port, folder, case):
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    torch.manual_seed(rank if case == "disagree" else 0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(288, 4))
    if case == "disagree":
        try:
            INQ(model).step()
            result = "nothing"
        except ShiftwiseError as error:
            result = f"{error.code} {error}"
        torch.save(result, f"{folder}/{rank}.pt")
        return
    # every rank calibrates on other images, and all get one range
    prepared = prepare(model, torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(rank)))
    inq = INQ(prepared, bits=4, scale="channel", partition=case, compensate=[torch.randn(8, 3, 8, 8)])
    trained = DistributedDataParallel(prepared)
    optimizer = torch.optim.SGD(trained.parameters(), 0.1, momentum=0.9)
    states = []
    while not inq.done:
        inq.step()
        states.append({name: value.clone() for name, value in prepared.state_dict().items()})
        for _ in range(3):
            optimizer.zero_grad()
            trained(torch.randn(8, 3, 8, 8)).square().mean().backward()
            optimizer.step()
    refused = ""
    try:
        INQ(DistributedDataParallel(nn.Linear(2, 2)))
    except ShiftwiseError as error:
        refused = str(error)
    torch.save((states, refused), f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.mark.parametrize("case", ["magnitude", "random"])
def test_every_rank_has_the_same_masks_levels_and_ranges(tmp_path, case):
    mp.spawn(alone, (free_port(), str(tmp_path), case), nprocs=2)
    (first, refused), (second, _) = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert len(first) == 4
    for a, b in zip(first, second):
        for name, value in a.items():
            # running statistics are each rank's own, as DistributedDataParallel has it, until its next forward pass
            if "running" not in name and "num_batches" not in name:
                assert torch.equal(value, b[name]), name
    assert "before DistributedDataParallel" in refused


def test_ranks_that_disagree_are_told_so(tmp_path):
    mp.spawn(alone, (free_port(), str(tmp_path), "disagree"), nprocs=2)
    for rank in range(2):
        assert "DISAGREE" in torch.load(tmp_path / f"{rank}.pt")


def test_fsdp_is_refused():
    class FullyShardedDataParallel(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 2)

    with pytest.raises(ShiftwiseError) as caught:
        INQ(FullyShardedDataParallel())
    assert caught.value.code == "UNSUPPORTED" and "DistributedDataParallel" in str(caught.value)
