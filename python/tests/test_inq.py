"""test_inq.py: frozen weights stay whatever trains, runs resume to the same weights, wrong use is refused."""

import copy

import pytest

torch = pytest.importorskip("torch", reason="no torch here (Debian: python3-torch)")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from shiftwise import INQ, Levels  # noqa: E402
from refusals import refusal  # noqa: E402


def small(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=8),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 6, 2, stride=2, groups=2),
        nn.Flatten(),
        nn.Linear(6 * 12 * 12, 10),
    )


def batch(seed):
    random = torch.Generator().manual_seed(seed)
    return torch.randn(16, 3, 8, 8, generator=random), torch.randint(10, (16,), generator=random)


def train(model, optimizer, steps, start=0, amp=False, every=1):
    for i in range(start, start + steps):
        x, y = batch(i)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            loss = F.cross_entropy(model(x).float(), y)
        (loss / every).backward()
        if (i + 1) % every:
            continue
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=i % 2 == 0)
    return float(loss)


OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=1e-2, nesterov=True),
    "adam": lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 1e-2, momentum=0.9),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("amp", [False, True])
@pytest.mark.parametrize("every", [1, 3])
def test_frozen_weights_stay(name, amp, every):
    model = small()
    optimizer = OPTIMIZERS[name](model.parameters())
    train(model, optimizer, 3)
    inq = INQ(model, bits=4, portions=(0.5, 1))
    inq.step()
    weights = [m for m in model.modules() if hasattr(m, "parametrizations")]
    assert len(weights) == 4
    before = [m.weight.detach().clone() for m in weights]
    train(model, optimizer, 6, 3, amp, every)
    for module, was in zip(weights, before):
        frozen = module.parametrizations.weight[0].frozen
        now = module.weight.detach()
        assert torch.equal(now[frozen], was[frozen])
        assert not torch.equal(now[~frozen], was[~frozen])
        assert float(frozen.float().mean()) == pytest.approx(0.5, abs=0.01)
        # what is frozen gets no gradient
        model.zero_grad()
        x, y = batch(99)
        F.cross_entropy(model(x), y).backward()
        assert not module.parametrizations.weight.original.grad[frozen].any()


def test_training_gets_better_and_ends_on_the_grid():
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9)
    inq = INQ(model, bits=5)
    shares = []
    while not inq.done:
        shares.append(inq.step().share)
        train(model, optimizer, 5)
    assert shares == pytest.approx([0.5, 0.75, 0.875, 1], abs=0.01)
    grids = inq.grids()
    plain = inq.finish()
    assert plain is model and not any(hasattr(m, "parametrizations") for m in model.modules())
    for name, module in model.named_modules():
        if name not in grids:
            continue
        values = module.weight.detach().abs()
        exponents = torch.log2(values[values > 0])
        assert torch.equal(exponents, exponents.round())
        n1 = grids[name]["n1"]
        assert exponents.max() <= n1 and exponents.min() >= n1 - 7


@pytest.mark.parametrize("kwargs", [{}, {"scale": "channel"}, {"levels": "two-term"}, {"partition": "random", "seed": 3}])
def test_a_run_resumes_from_its_state_dict(kwargs):
    def run(stop):
        model = small()
        optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-3)
        inq = INQ(model, bits=3, portions=(0.3, 0.6, 1), **kwargs)
        for k in range(3):
            if k == stop:
                saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
                model = small(5)
                optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, weight_decay=1e-3)
                inq = INQ(model, bits=3, portions=(0.3, 0.6, 1), **kwargs)
                model.load_state_dict(saved[0])
                optimizer.load_state_dict(saved[1])
                assert inq.portion == k and inq.done is False
            inq.step()
            train(model, optimizer, 4, 4 * k)
        assert inq.done
        return inq.finish()

    whole, resumed = run(None), run(2)
    for a, b in zip(whole.state_dict().values(), resumed.state_dict().values()):
        assert torch.equal(a, b)


def test_a_copy_and_its_original_do_not_meet():
    model = small()
    inq = INQ(model, portions=(1,))
    inq.step()
    x, _ = batch(0)
    model.eval()
    expected = model(x)
    twin = copy.deepcopy(model)
    inq.finish()
    assert torch.equal(twin(x), expected) and torch.equal(model(x), expected)
    assert hasattr(twin[0], "parametrizations") and type(model[0]) is nn.Conv2d


def test_layers_are_told_apart():
    model = small()
    inq = INQ(model, bits=4, first=None, depthwise=Levels(6, "two-term"), last=5, layers={"5": Levels(2, scale="channel")})
    grids = {name: (grid["kind"], grid["bits"]) for name, grid in inq.grids().items()}
    assert grids == {"3": ("two-term", 6), "5": ("powers", 2), "7": ("powers", 5)}
    assert not hasattr(model[0], "parametrizations")


def test_transposed_convolutions_have_scales_of_their_outputs():
    module = nn.ConvTranspose2d(4, 6, 3, groups=2)
    with torch.no_grad():
        # output channel 4 is the second of the second group
        module.weight[2:, 1] = 0.3
    INQ(nn.Sequential(module), bits=2, scale="channel", portions=(1,)).step()
    grid = module.parametrizations.weight[0]
    assert grid.scale.shape == (6,)
    assert torch.equal(module.weight[2:, 1], torch.full_like(module.weight[2:, 1], float(grid.scale[4])))
    assert float(grid.scale[4]) == pytest.approx(0.3, rel=0.06)


@pytest.mark.parametrize("model", ["conv", "linear", "one"])
def test_compensation_loses_less(model):
    torch.manual_seed(1)
    layer = {
        "conv": lambda: nn.Conv2d(4, 8, 3, padding=1, stride=2, groups=2),
        "linear": lambda: nn.Linear(8, 20),
        "one": lambda: nn.Conv1d(4, 8, 3, padding="same"),
    }[model]()
    shape = {"conv": (64, 4, 8, 8), "linear": (256, 8), "one": (64, 4, 12)}[model]
    x = torch.randn(shape) @ (torch.eye(shape[-1]) + 0.8) + 1
    float_out = layer(x).detach()

    def error(**kwargs):
        own = nn.Sequential(copy.deepcopy(layer))
        inq = INQ(own, bits=3, scale="channel", portions=(0.5, 1), **kwargs)
        while not inq.done:
            inq.step()
        for _, grid in inq._layers:
            grid.check("layer")
        return float(((own(x) - float_out) ** 2).mean())

    assert error(compensate=[x]) < 0.85 * error()


def test_wrong_use_is_refused():
    shared = nn.Linear(4, 4)
    refusal("BAD_MODEL", lambda: INQ(nn.Sequential(shared, shared)), "1: a layer that is shared", "weights of 0")
    tied = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    tied[1].weight = tied[0].weight
    refusal("BAD_MODEL", lambda: INQ(tied), "shared under two names")
    refusal("BAD_MODEL", lambda: INQ(nn.Sequential(nn.Linear(4, 4, dtype=torch.complex64))), "complex", "0: weights of another type")
    refusal("BAD_MODEL", lambda: INQ(nn.Linear(4, 4).half()), "on the CPU half precision does not train", "torch.float16")
    refusal("BAD_MODEL", lambda: INQ(nn.Linear(4, 4).double()), "model.float()")
    quantized = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    refusal("BAD_MODEL", lambda: INQ(quantized), "quantized module", "0: ")
    refusal("BAD_MODEL", lambda: INQ(nn.ReLU()), "no layer to quantize")
    refusal("BAD_OPTION", lambda: INQ("model"), "torch.nn.Module")
    refusal("BAD_OPTION", lambda: INQ(small(), bits=6), "bits of 0", "2, 3, 4 or 5", "6")
    refusal("BAD_OPTION", lambda: INQ(small(), bits=7, levels="two-term"), "2, 3, 4, 5, 6")
    refusal("BAD_OPTION", lambda: INQ(small(), portions=(0.5, 0.5, 1)), "portions[1]", "above 0.5")
    refusal("BAD_OPTION", lambda: INQ(small(), portions=(0.5,)), "last portion must be 1")
    refusal("BAD_OPTION", lambda: INQ(small(), partition="size"), "magnitude or random")
    refusal("BAD_OPTION", lambda: INQ(small(), layers={"9": 4}), "found 9")
    refusal("BAD_OPTION", lambda: INQ(nn.Linear(3, 3), first=None, last=None), "every layer is left")
    refusal("BAD_OPTION", lambda: INQ(small(), rule="best").step(), "max or mse")
    model = small()
    inq = INQ(model, portions=(1,))
    refusal("BAD_MODEL", lambda: INQ(model), "parametrization already")
    refusal("BAD_MODEL", inq.finish, "not all weights are on the grid yet", "0.0%")
    inq.step()
    refusal("DONE", inq.step, "after the last portion")
    broken = nn.Linear(2, 2)
    broken.weight.data[0, 0] = float("nan")
    refusal("BAD_MODEL", lambda: INQ(broken).step(), "not finite")
    tiny = nn.Linear(2, 2)
    tiny.weight.data.fill_(2.0**-120)
    refusal("BAD_MODEL", lambda: INQ(tiny).step(), "too small")
