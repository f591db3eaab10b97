"""test_activations.py: encodings, their gradients, where prepare() puts them, and what is written as ONNX."""

import json
import math

import pytest

torch = pytest.importorskip("torch", reason="no torch here (Debian: python3-torch)")
from torch import nn  # noqa: E402

from networks import branched  # noqa: E402
from shiftwise import (  # noqa: E402
    INQ,
    ActivationQuantizer,
    LevelsEncoding,
    Linear,
    LinearEncoding,
    LogQuant,
    ShiftwiseError,
    calibrate,
    export_onnx,
    prepare,
)
from shiftwise.activations import Histogram, fit, log_encoding  # noqa: E402


def histogram_of(values):
    made = Histogram()
    made.add(values, "values")
    return made


@pytest.mark.parametrize("bits", range(1, 9))
def test_linear_ranges_lose_least(bits):
    values = torch.randn(20000, generator=torch.Generator().manual_seed(bits)).abs() ** 1.5
    made = fit(histogram_of(values), Linear(bits), "x")
    assert made.zero == 0 and made.max == 2**bits - 1

    def error(scale):
        return float(((torch.round(values / scale).clamp(0, made.max) * scale - values) ** 2).mean())

    assert error(made.scale) <= 1.02 * min(error(float(values.max()) / made.max * 2 ** (-i / 7)) for i in range(28))
    ends = fit(histogram_of(values), Linear(bits, "minmax"), "x")
    assert ends.scale == pytest.approx(float(values.max()) / made.max, rel=1e-6)


def test_negative_values_get_a_zero_point_even_with_logquant():
    values = torch.linspace(-1, 3, 1000)
    made = fit(histogram_of(values), LogQuant(4), "x")
    assert isinstance(made, LinearEncoding) and 0 < made.zero < made.max == 15


def test_logquant_levels_are_powers_and_the_search_finds_them():
    made = log_encoding(-48, 16, LogQuant(3, 255))
    assert made.levels == (0, 1, 2, 4, 8, 16, 32, 64)
    assert made.scale == 2.0**-3
    exact = torch.tensor([0.0, *(2.0**k for k in range(-3, 4))]).repeat(50)
    found = fit(histogram_of(exact), LogQuant(3, 255), "x")
    quantizer = ActivationQuantizer(LogQuant(3, 255))
    quantizer.set(found)
    assert float((quantizer(exact) - exact).abs().max()) < 0.02 * 8
    assert torch.equal(quantizer(torch.tensor([-1.0, 1e9])), torch.tensor([0.0, found.levels[-1] * found.scale]))


def test_rounding_is_half_to_even_and_gradients_pass_in_range():
    quantizer = ActivationQuantizer()
    quantizer.set(LinearEncoding(0.5, 2, 15))
    x = torch.tensor([-2.0, -1.0, 0.25, 0.75, 1.25, 6.5, 7.0], requires_grad=True)
    y = quantizer(x)
    assert y.tolist() == [-1.0, -1.0, 0.0, 1.0, 1.0, 6.5, 6.5]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 1, 0]
    quantizer.set(LevelsEncoding(0.5, (0, 1, 4), (0.7, 2.0)))
    x = torch.tensor([-1.0, 0.3, 0.5, 1.0, 2.0, 2.5], requires_grad=True)
    y = quantizer(x)
    assert y.tolist() == [0, 0, 0.5, 2, 2, 2]
    y.sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 1, 1, 0]


def test_encodings_are_in_the_state_dict():
    for encoding in (LinearEncoding(0.25, 3, 31), LevelsEncoding(0.5, (0, 1, 3, 7), (0.5, 2.0, 5.0))):
        a, b = ActivationQuantizer(LogQuant(4)), ActivationQuantizer(LogQuant(4))
        a.set(encoding)
        x = torch.linspace(-2, 9, 99)
        assert b.encoding is None and torch.equal(b(x), x)
        b.load_state_dict(a.state_dict())
        assert b.encoding == encoding and torch.equal(a(x), b(x))


def test_prepare_rounds_where_the_runtime_has_integers():
    model = branched()
    sample = torch.randn(32, 3, 8, 8)
    made = prepare(model, sample, Linear(4))
    calls = [str(node.target) for node in made.graph.nodes if node.op == "call_module"]
    behind = {calls[i]: calls[i + 1] for i in range(len(calls) - 1) if calls[i + 1].startswith("quantizer")}
    # nothing between a convolution, its batch norm, an addition and a ReLU; one quantizer for what is concatenated
    assert set(behind) == {"relu", "block.relu", "mean"}
    shared = [node for node in made.graph.nodes if str(node.target) == "quantizer1"]
    assert len(shared) == 2
    tops = {name: one.encoding.max for name, one in made.named_modules() if isinstance(one, ActivationQuantizer)}
    assert tops["quantizer0"] == 255 and set(list(tops.values())[1:]) == {15}
    # modules and parameters go on
    assert dict(made.named_parameters())["first.weight"] is model.first.weight
    made.train()
    made(sample).sum().backward()
    assert model.first.weight.grad.abs().sum() > 0


def test_prepare_refuses_what_it_cannot_trace():
    class Loop(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)

        def forward(self, x):
            return self.linear(x) if x.sum() > 0 else x

    with pytest.raises(ShiftwiseError) as caught:
        prepare(Loop(), torch.zeros(1, 2))
    assert caught.value.code == "UNSUPPORTED"
    with pytest.raises(ShiftwiseError) as caught:
        calibrate(branched(), torch.zeros(1, 3, 8, 8))
    assert caught.value.code == "BAD_MODEL"
    with pytest.raises(ShiftwiseError):
        prepare(branched(), torch.full((1, 3, 8, 8), math.inf))
    for wrong in (lambda: Linear(9), lambda: Linear(8, "max"), lambda: LogQuant(1), lambda: LogQuant(4, 63)):
        with pytest.raises(ShiftwiseError) as caught:
            wrong()
        assert caught.value.code == "BAD_OPTION"


@pytest.mark.parametrize("scheme", [Linear(8), Linear(3), LogQuant(4)])
def test_a_written_file_has_weights_batch_norm_ranges_and_grids(tmp_path, scheme):
    onnx = pytest.importorskip("onnx", reason="no onnx here (Debian: python3-onnx)")
    model = prepare(branched(), torch.randn(32, 3, 8, 8), scheme)
    inq = INQ(model, bits=4, portions=(1,))
    inq.step()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    path = tmp_path / "model.onnx"
    export_onnx(model, path, torch.randn(1, 3, 8, 8), normalization=((0.5,) * 3, (0.25,) * 3))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    made = onnx.load(str(path))
    onnx.checker.check_model(made)
    operators = [node.op_type for node in made.graph.node]
    assert operators.count("BatchNormalization") == 3 and "Where" not in operators
    rounds = operators.count("QuantizeLinear") + operators.count("Levels")
    assert rounds == len([n for n in model.graph.nodes if str(n.target).startswith("quantizer")])
    from onnx import numpy_helper

    stored = {one.name: numpy_helper.to_array(one) for one in made.graph.initializer}
    for layer, module in model.named_modules():
        if hasattr(module, "parametrizations"):
            assert (torch.from_numpy(stored[f"{layer}.weight"].copy()) == module.weight).all()
    metadata = {one.key: json.loads(one.value) for one in made.metadata_props}
    assert metadata["input.normalization"] == {"mean": [0.5] * 3, "std": [0.25] * 3}
    assert metadata["shiftwise.grids"] == inq.grids()
    assert list(tmp_path.iterdir()) == [path]


def test_export_refuses_what_is_not_done(tmp_path):
    model = branched()
    inq = INQ(model, portions=(0.5, 1))
    inq.step()
    for broken, word in ((model, "not all weights"), (nn.Sequential(nn.Linear(2, 2), ActivationQuantizer()), "never calibrated")):
        with pytest.raises(ShiftwiseError) as caught:
            export_onnx(broken, tmp_path / "x.onnx", torch.zeros(1, 3, 8, 8))
        assert caught.value.code == "BAD_MODEL" and word in str(caught.value)
    with pytest.raises(ShiftwiseError):
        export_onnx(nn.Linear(2, 2), tmp_path / "x.onnx", torch.zeros(1, 2), input_names=("a", "b"))
    assert list(tmp_path.iterdir()) == []
