"""layers.py: the layers of a model that can be quantized, what each of them is, and models that cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

import torch
from torch import Tensor, nn

from .errors import ShiftwiseError

Weighted = Union[nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear]
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.Linear)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d)


@dataclass(frozen=True)
class Layer:
    """A layer with weights: its name in the model, the module, and whether it is the first, the last or a depthwise one."""

    name: str
    module: Weighted
    first: bool
    last: bool
    depthwise: bool


def bare(model: nn.Module) -> nn.Module:
    """Returns the model inside DistributedDataParallel or DataParallel. Raises UNSUPPORTED for FSDP."""
    for module in model.modules():
        if "FullyShardedDataParallel" in type(module).__name__:
            raise ShiftwiseError(
                "UNSUPPORTED",
                "FullyShardedDataParallel cuts the weights of a layer into pieces, and levels are chosen from whole layers",
                expected="DistributedDataParallel",
            )
    while isinstance(model, (nn.parallel.DistributedDataParallel, nn.DataParallel)):
        model = model.module
    return model


def layers_of(model: nn.Module) -> list[Layer]:
    """Lists the layers of a model in the order of its modules. Raises BAD_MODEL for what cannot be quantized."""
    _refuse_quantized(model)
    names: dict[int, str] = {}
    owners: dict[int, str] = {}
    found: list[tuple[str, Weighted]] = []
    for name, module in model.named_modules(remove_duplicate=False):
        if not isinstance(module, WEIGHTED):
            continue
        if id(module) in names:
            raise _shared(name, names[id(module)])
        names[id(module)] = name
        weight = _parameter(module, name)
        if id(weight) in owners:
            raise _shared(name, owners[id(weight)])
        owners[id(weight)] = name
        _check_kind(weight, name)
        check_type(weight, name)
        found.append((name, module))
    if not found:
        raise ShiftwiseError("BAD_MODEL", "no layer to quantize", expected="Conv1d, Conv2d, ConvTranspose or Linear")
    last = len(found) - 1
    return [
        Layer(name, module, i == 0, i == last, _is_depthwise(module)) for i, (name, module) in enumerate(found)
    ]


def _shared(name: str, other: str) -> ShiftwiseError:
    return ShiftwiseError(
        "BAD_MODEL",
        "a layer that is shared under two names has one set of levels, and would be rounded twice",
        where=name,
        expected="a module of its own for each name",
        found=f"the weights of {other}",
    )


def _parameter(module: nn.Module, name: str) -> Tensor:
    if nn.utils.parametrize.is_parametrized(module, "weight"):
        held = module.parametrizations.weight  # type: ignore[union-attr]
        # a parametrization of several tensors has no single original
        return getattr(held, "original", None) if hasattr(held, "original") else held.original0  # type: ignore[return-value]
    if isinstance(module._parameters.get("weight"), nn.Parameter):
        return module.weight  # type: ignore[return-value]
    raise ShiftwiseError(
        "BAD_MODEL",
        "the weight is no parameter, but made of others",
        where=name,
        expected="torch.nn.utils.remove_weight_norm or the like before",
    )


def _check_kind(weight: Tensor, name: str) -> None:
    if isinstance(weight, nn.parameter.UninitializedParameter):
        found, expected = "a lazy layer", "a forward pass first, which gives it its shape"
    elif weight.is_meta:
        found, expected = "weights on the device meta", "weights with values"
    elif weight.layout != torch.strided:
        found, expected = f"weights of layout {weight.layout}", "dense weights: weight.to_dense()"
    elif weight.numel() == 0:
        found, expected = f"weights of shape {tuple(weight.shape)}", "at least one weight"
    else:
        return
    raise ShiftwiseError("BAD_MODEL", "weights without values of their own", where=name, expected=expected, found=found)


def check_type(weight: Tensor, name: str) -> None:
    """Raises BAD_MODEL unless the weights are float32."""
    if weight.dtype == torch.float32:
        return
    if weight.is_complex():
        expected = "float32: complex weights have no powers of two"
    elif weight.dtype in (torch.float16, torch.bfloat16):
        expected = "float32; for half precision train float32 weights under torch.autocast"
        if weight.device.type == "cpu":
            expected = "float32: on the CPU half precision does not train"
    else:
        expected = "float32: model.float() makes it so"
    raise ShiftwiseError("BAD_MODEL", "weights of another type", where=name, expected=expected, found=weight.dtype)


def _refuse_quantized(model: nn.Module) -> None:
    for name, module in model.named_modules():
        path = type(module).__module__
        if path.startswith(("torch.ao.nn", "torch.nn.quantized", "torch.nn.qat", "torch.nn.intrinsic")):
            raise ShiftwiseError(
                "BAD_MODEL",
                "a quantized module has no float weights any more",
                where=name or "model",
                expected="the model before torch.ao.quantization",
                found=f"{path}.{type(module).__name__}",
            )


def _is_depthwise(module: Weighted) -> bool:
    return not isinstance(module, nn.Linear) and module.groups > 1 and module.groups == module.in_channels


def rows_of(weight: Tensor, module: Weighted) -> Tensor:
    """Returns the weights as (output channels, inputs of each)."""
    if isinstance(module, TRANSPOSED):
        groups = module.groups
        inputs, outputs = weight.shape[:2]
        split = weight.reshape(groups, inputs // groups, outputs, -1)
        return split.transpose(1, 2).reshape(groups * outputs, -1)
    return weight.reshape(weight.shape[0], -1)


def weight_of(rows: Tensor, module: Weighted, shape: torch.Size) -> Tensor:
    """Returns the weights of rows in the shape that the module has."""
    if isinstance(module, TRANSPOSED):
        groups = module.groups
        inputs, outputs = shape[:2]
        split = rows.reshape(groups, outputs, inputs // groups, -1)
        return split.transpose(1, 2).reshape(shape)
    return rows.reshape(shape)
