"""test_refusals.py: wrong arguments, weights without values, states of other runs and models that changed meanwhile, by name."""

import copy
import io
import pickle

import pytest

torch = pytest.importorskip("torch", reason="no torch here (Debian: python3-torch)")
from torch import nn  # noqa: E402

from shiftwise import INQ, Levels, calibrate, export_onnx, prepare  # noqa: E402
from refusals import refusal  # noqa: E402

X = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5))


def rounded(**kwargs):
    model = net()
    INQ(model, portions=(1,), **kwargs).step()
    return model


@pytest.mark.parametrize(
    "own, word",
    [
        ({"bits": 4.0}, "bits of 0"),
        ({"bits": "5"}, "bits of 0"),
        ({"bits": True}, "bits of 0"),
        ({"bits": 4.0, "levels": "two-term"}, "bits of 0"),
        ({"portions": 1}, "a list of numbers"),
        ({"portions": ("a", 1)}, "a list of numbers"),
        ({"portions": (float("nan"), 1)}, "portions must rise"),
        ({"layers": ["0"]}, "a dict"),
        ({"layers": {"0": "x"}}, "bits of 0"),
        ({"first": "x"}, "bits of 0"),
        ({"last": Levels(9)}, "bits of 4"),
        ({"compensate": []}, "an empty list"),
        ({"compensate": 5}, "at least one batch"),
        ({"seed": "a"}, "an integer"),
    ],
)
def test_arguments_of_inq(own, word):
    refusal("BAD_OPTION", lambda: INQ(net(), **own), word)


def test_one_tensor_is_one_batch():
    model = net()
    INQ(model, portions=(1,), compensate=X).step()
    other = net()
    INQ(other, portions=(1,), compensate=[X]).step()
    assert torch.equal(model[0].weight, other[0].weight)


def test_weights_without_values():
    refusal("BAD_MODEL", lambda: INQ(nn.Sequential(nn.LazyLinear(3))), "0: ", "lazy", "forward pass")
    refusal("BAD_MODEL", lambda: INQ(nn.Linear(3, 3, device="meta")), "meta")
    refusal("BAD_MODEL", lambda: INQ(nn.Linear(0, 3)), "at least one weight")
    refusal("BAD_MODEL", lambda: INQ(nn.utils.weight_norm(nn.Linear(3, 3))), "made of others", "remove_weight_norm")
    sparse = nn.Linear(3, 3)
    sparse.weight = nn.Parameter(sparse.weight.detach().to_sparse())
    refusal("BAD_MODEL", lambda: INQ(sparse), "to_dense")
    refusal("BAD_MODEL", lambda: INQ(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3))), "parametrization already")


@pytest.mark.parametrize("own", [{"bits": 3}, {"bits": 5, "levels": "two-term"}, {"bits": 5, "scale": "channel"}])
def test_a_state_dict_of_other_levels(own):
    state = rounded(**own).state_dict()
    other = net()
    INQ(other)
    refusal("BAD_MODEL", lambda: other.load_state_dict(state), "0: a state_dict of other levels", "expected 5 bits, powers, no scale")
    same = net()
    INQ(same, portions=(1,), **own)
    same.load_state_dict(state)


def test_a_state_dict_of_another_network():
    other = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(3, 3))
    INQ(other)
    model = net()
    INQ(model)
    with pytest.raises(RuntimeError, match="Missing key|size mismatch"):
        model.load_state_dict(other.state_dict())
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict(net().state_dict())


def test_models_that_changed_meanwhile():
    model = net()
    inq = INQ(model)
    model.half()
    refusal("BAD_MODEL", inq.step, "0: weights of another type", "torch.float16")
    model = net()
    inq = INQ(model)
    nn.utils.parametrize.remove_parametrizations(model[0], "weight")
    refusal("BAD_MODEL", inq.step, "0: the weight has lost its parametrization")


def test_copies_and_pickles():
    model = net()
    inq = INQ(model, portions=(0.5, 1))
    twin = copy.deepcopy(model)
    inq.step()
    assert not twin[0].parametrizations.weight[0].frozen.any()
    # torch's own words: state_dict() is what is saved
    for save in (pickle.dumps, lambda one: torch.save(one, io.BytesIO())):
        with pytest.raises(RuntimeError, match="state_dict"):
            save(model)
    inq.step()
    pickle.dumps(inq.finish())


def test_arguments_of_prepare():
    refusal("BAD_OPTION", lambda: prepare(3, X), "torch.nn.Module")
    refusal("BAD_OPTION", lambda: prepare(net(), X, 8), "activations", "Linear(8)")
    refusal("BAD_OPTION", lambda: prepare(net(), None), "sample", "NoneType")
    refusal("BAD_OPTION", lambda: prepare(net(), []), "sample", "an empty list")
    refusal("BAD_MODEL", lambda: prepare(net().half(), X.half()), "half precision")
    made = prepare(net(), X)
    refusal("BAD_MODEL", lambda: prepare(made, X), "prepared already", "calibrate()")
    refusal("BAD_OPTION", lambda: calibrate(made, []), "an empty list")
    refusal("BAD_OPTION", lambda: calibrate("model", X), "torch.nn.Module")


def test_arguments_of_export(tmp_path):
    path = tmp_path / "model.onnx"
    refusal("BAD_OPTION", lambda: export_onnx(3, path, X), "torch.nn.Module")
    for sample in (None, [], "x", [3]):
        refusal("BAD_OPTION", lambda: export_onnx(rounded(), path, sample), "sample")
    for model in (net().half(), net().double()):
        refusal("BAD_MODEL", lambda: export_onnx(model, path, X), "0.weight", "another type")
    for wrong in ((1, 2), ((0.5,), (0.5,)), ((0.5,) * 3, (0,) * 3), ((float("nan"),) * 3, (1,) * 3), (0.5,), "ab"):
        refusal("BAD_OPTION", lambda: export_onnx(rounded(), path, X, normalization=wrong), "normalization")
    with pytest.raises(FileNotFoundError):
        export_onnx(rounded(), tmp_path / "none" / "model.onnx", X[:1])
    assert list(tmp_path.iterdir()) == []
