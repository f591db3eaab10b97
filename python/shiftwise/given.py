"""given.py: what callers hand over, checked before it is used, so that errors name the argument and not a line of PyTorch."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, Iterable, Optional, Sequence

from torch import Tensor, nn

from .errors import ShiftwiseError


def given_model(model: object) -> nn.Module:
    """Returns a model. Raises BAD_OPTION for anything else."""
    if isinstance(model, nn.Module):
        return model
    raise ShiftwiseError("BAD_OPTION", "no model", where="model", expected="a torch.nn.Module", found=type(model).__name__)


def given_batches(batches: object, where: str) -> list[Any]:
    """Returns batches of inputs; one tensor is one batch. Raises BAD_OPTION for what holds none."""
    if isinstance(batches, Tensor):
        return [batches]
    made = list(batches) if isinstance(batches, Iterable) and not isinstance(batches, (str, bytes)) else []
    if made and all(isinstance(one, (Tensor, tuple, list)) for one in made):
        return made
    found = "an empty list" if isinstance(batches, (list, tuple)) and not made else type(batches).__name__
    raise ShiftwiseError("BAD_OPTION", "no batches", where=where, expected="a tensor, or a list of at least one batch", found=found)


def given_numbers(values: object, where: str) -> list[float]:
    """Returns finite numbers of a list. Raises BAD_OPTION for anything else."""
    if isinstance(values, Sequence) and not isinstance(values, (str, bytes)):
        if all(isinstance(one, Real) and not isinstance(one, bool) for one in values):
            return [float(one) for one in values]
    raise ShiftwiseError("BAD_OPTION", "no numbers", where=where, expected="a list of numbers", found=repr(values)[:60])


def given_normalization(values: object, channels: Optional[int]) -> tuple[list[float], list[float]]:
    """Returns the mean and the deviation of each channel. Raises BAD_OPTION for what does not fit the input's channels."""
    if not isinstance(values, (tuple, list)) or len(values) != 2:
        raise ShiftwiseError(
            "BAD_OPTION", "no normalization", where="normalization", expected="a pair: means and deviations", found=repr(values)[:60]
        )
    mean, std = given_numbers(values[0], "normalization[0]"), given_numbers(values[1], "normalization[1]")
    count = len(mean) if channels is None else channels
    for where, one in (("normalization[0]", mean), ("normalization[1]", std)):
        if len(one) != count:
            raise ShiftwiseError("BAD_OPTION", "not one number a channel", where=where, expected=str(count), found=len(one))
    if not all(math.isfinite(one) for one in mean) or not all(0 < one < math.inf for one in std):
        raise ShiftwiseError(
            "BAD_OPTION", "no normalization", where="normalization", expected="finite means, and deviations above 0", found=(mean, std)
        )
    return mean, std
