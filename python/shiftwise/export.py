"""export.py: a trained model as ONNX: weights exactly on their grids, batch norm apart, activations between QuantizeLinear and back."""

from __future__ import annotations

import copy
import io
import json
import os
import warnings
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence, Union

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .activations import ActivationQuantizer
from .errors import ShiftwiseError
from .given import given_model, given_normalization
from .grid import Grid, plain_weights
from .layers import bare, check_type

OPSET = 15
#: The first version of the format in which models have functions of their own.
IR_VERSION = 8
_FLOAT = 1


def export_onnx(
    model: nn.Module,
    path: Union[str, "os.PathLike[str]"],
    sample: Union[Tensor, Sequence[Tensor]],
    *,
    normalization: Optional[tuple[Sequence[float], Sequence[float]]] = None,
    input_names: Sequence[str] = ("input",),
    output_names: Sequence[str] = ("output",),
) -> None:
    """Writes a model as ONNX, opset 15, which ``shiftwise quantize model.onnx`` takes without images and without changing a weight.

    Weights are float32 numbers that lie exactly on their grids. Batch norm stays apart, since folding it would move them. Tensors
    that ``prepare`` rounds are uint8 between QuantizeLinear and DequantizeLinear; LogQuant levels are a function of the model's
    own, "shiftwise.Levels". The metadata has the grids. The model itself is not changed.

    :param model: with all portions of INQ done; a model without INQ is written as it is.
    :param sample: a batch of inputs; the batch is open in the file.
    :param normalization: mean and deviation of pixel / 255, if inputs are pixels: then the model takes pixels 0..255 in JavaScript.
    """
    model = bare(given_model(model))
    args = (sample,) if isinstance(sample, Tensor) else tuple(sample) if isinstance(sample, (tuple, list)) else ()
    if not args or not all(isinstance(one, Tensor) for one in args):
        raise ShiftwiseError("BAD_OPTION", "no sample", where="sample", expected="a batch of inputs", found=type(sample).__name__)
    for name, value in model.named_parameters():
        check_type(value, name)
    if normalization is not None:
        normalization = given_normalization(normalization, args[0].shape[1] if args[0].dim() > 1 else None)
    grids: dict[str, Any] = {}
    for name, module in model.named_modules():
        if parametrize.is_parametrized(module, "weight"):
            for grid in module.parametrizations.weight:  # type: ignore[union-attr]
                if isinstance(grid, Grid):
                    grid.check(name)
                    grids[name] = grid.describe()
        if isinstance(module, ActivationQuantizer) and module.encoding is None:
            raise ShiftwiseError(
                "BAD_MODEL", "a quantizer that was never calibrated", where=name, expected="prepare() or calibrate() on a sample"
            )
    plain = copy.deepcopy(model).eval()
    plain_weights(plain)
    if len(input_names) != len(args):
        raise ShiftwiseError("BAD_OPTION", "as many names as inputs", where="input_names", expected=str(len(args)), found=len(input_names))
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # that a model in eval mode is preserved as it is, and that custom operators have no shapes
        warnings.simplefilter("ignore")
        torch.onnx.export(
            plain,
            args,
            buffer,
            opset_version=OPSET,
            # EVAL would fold batch norm into the weights
            training=torch.onnx.TrainingMode.PRESERVE,
            do_constant_folding=False,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: {0: "batch"} for name in (*input_names, *output_names)},
            custom_opsets={"shiftwise": 1} if _uses_levels(model) else None,
        )
    metadata = {"shiftwise.grids": json.dumps(grids)} if grids else {}
    if normalization is not None:
        mean, std = normalization
        metadata[f"{input_names[0]}.normalization"] = json.dumps({"mean": mean, "std": std})
    content = buffer.getvalue() + _varint_field(1, IR_VERSION)
    for key, value in metadata.items():
        content += _bytes_field(14, _bytes_field(1, key.encode()) + _bytes_field(2, value.encode()))
    if _uses_levels(model):
        content += _bytes_field(25, _levels_function())
    _write_whole(Path(path), content)


def _uses_levels(model: nn.Module) -> bool:
    return any(isinstance(one, ActivationQuantizer) and bool(torch.isfinite(one.thresholds).any()) for one in model.modules())


def _write_whole(path: Path, content: bytes) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


# Protocol buffers by hand: the fields of a message may come in any order, so what the exporter does not write stands behind it.


def _varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes((*made, value))


def _varint_field(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes_field(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _texts(field: int, values: Iterable[str]) -> bytes:
    return b"".join(_bytes_field(field, value.encode()) for value in values)


def _taken(name: str, kind: int, source: str) -> bytes:
    """An attribute that a function's call gives."""
    return _bytes_field(5, _texts(1, [name]) + _varint_field(20, kind) + _texts(21, [source]))


def _integer(name: str, value: int) -> bytes:
    return _bytes_field(5, _texts(1, [name]) + _varint_field(3, value) + _varint_field(20, 2))


def _node(op: str, inputs: Sequence[str], output: str, *attributes: bytes) -> bytes:
    return _bytes_field(7, _texts(1, inputs) + _texts(2, [output]) + _texts(3, [output]) + _texts(4, [op]) + b"".join(attributes))


def _levels_function() -> bytes:
    """The body of shiftwise.Levels: the sum of the steps between levels whose thresholds x / scale reaches, times the scale."""
    last = _bytes_field(5, _texts(1, ["value_ints"]) + _varint_field(8, 2**64 - 1) + _varint_field(20, 7))
    nodes = [
        _node("Constant", [], "inverse", _taken("value_float", 1, "inverse")),
        _node("Constant", [], "scale", _taken("value_float", 1, "scale")),
        _node("Constant", [], "thresholds", _taken("value_floats", 6, "thresholds")),
        _node("Constant", [], "steps", _taken("value_floats", 6, "steps")),
        _node("Constant", [], "axes", last),
        _node("Mul", ["x", "inverse"], "z"),
        _node("Unsqueeze", ["z", "axes"], "column"),
        _node("GreaterOrEqual", ["column", "thresholds"], "reached"),
        _node("Cast", ["reached"], "taken", _integer("to", _FLOAT)),
        _node("Mul", ["taken", "steps"], "parts"),
        _node("ReduceSum", ["parts", "axes"], "level", _integer("keepdims", 0)),
        _node("Mul", ["level", "scale"], "y"),
    ]
    opset = _bytes_field(9, _texts(1, [""]) + _varint_field(2, OPSET))
    return (
        _texts(1, ["Levels"])
        + _texts(4, ["x"])
        + _texts(5, ["y"])
        + _texts(6, ["scale", "inverse", "steps", "thresholds"])
        + b"".join(nodes)
        + opset
        + _texts(10, ["shiftwise"])
    )
