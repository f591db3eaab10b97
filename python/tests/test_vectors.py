"""test_vectors.py: portions are rounded as the TypeScript side rounds them, to the bit."""

import base64
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="no torch here (Debian: python3-torch)")
from torch import nn  # noqa: E402

from shiftwise import INQ  # noqa: E402

VECTORS = json.loads((Path(__file__).parent / "vectors.txt").read_text())


def floats(text):
    return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32)


def same_bits(a, b):
    return torch.equal(a.flatten().view(torch.int32), b.flatten().view(torch.int32))


def model_of(before):
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(64, 3))
    with torch.no_grad():
        for layer, text, shape in zip((model[0], model[2]), before, VECTORS["shapes"]):
            layer.weight.copy_(floats(text).reshape(shape))
    return model


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: "-".join(f"{v}" for v in case["settings"].values()))
def test_portions(case):
    model = model_of(case["before"])
    inq = INQ(model, portions=VECTORS["portions"], seed=7, **case["settings"])
    layers = (model[0], model[2])
    for step in case["steps"]:
        inq.step()
        for layer, weights, frozen in zip(layers, step["weights"], step["frozen"]):
            grid = layer.parametrizations.weight[0]
            mask = torch.frombuffer(bytearray(base64.b64decode(frozen)), dtype=torch.uint8).bool()
            assert torch.equal(grid.frozen.flatten(), mask)
            # a zero's sign is nothing that a model keeps
            assert same_bits(layer.weight.detach() + 0.0, floats(weights) + 0.0)
            with torch.no_grad():
                layer.parametrizations.weight.original.mul_(1.0625)
    for layer, expected in zip(layers, case["grids"]):
        grid = layer.parametrizations.weight[0]
        if expected["kind"] == "powers":
            assert (grid.bits, int(grid.n1)) == (expected["bits"], expected["n1"])
        else:
            assert grid.table.tolist() == expected["of"]
        if expected["scale"]:
            assert same_bits(grid.scale, floats(expected["scale"]))
