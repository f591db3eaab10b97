"""write_models.py: ONNX files and outputs for the tests of the TypeScript side: python3 python/tests/write_models.py writes them."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch  # noqa: E402
from networks import branched  # noqa: E402

from shiftwise import INQ, Linear, LogQuant, export_onnx, prepare  # noqa: E402

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "python"

#: Settings of INQ and the scheme of activations, by the file's name.
CASES = {
    "powers-a8": ({"bits": 5}, Linear(8)),
    "channel-a4": ({"bits": 3, "scale": "channel"}, Linear(4)),
    "two-term-log": ({"bits": 4, "levels": "two-term"}, LogQuant(4, 31)),
}


def write(folder=FOLDER):
    """Writes each case: the model, eight inputs, and what PyTorch's rounded forward pass makes of them."""
    for name, (settings, activations) in CASES.items():
        model = prepare(branched(), torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(1)), activations)
        inq = INQ(model, portions=(0.5, 1), **settings)
        while not inq.done:
            inq.step()
        x = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(2))
        model.eval()
        with torch.no_grad():
            y = model(x)
        weights = {
            layer: module.weight.detach().flatten().tolist()
            for layer, module in model.named_modules()
            if hasattr(module, "parametrizations")
        }
        export_onnx(model, folder / f"{name}.onnx", x[:1])
        content = {"grids": inq.grids(), "weights": weights, "x": x.flatten().tolist(), "y": y.flatten().tolist()}
        (folder / f"{name}.txt").write_text(json.dumps(content) + "\n")


if __name__ == "__main__":
    write()
