"""compensate.py: a portion rounded so that the weights still free make up for the errors of those that are rounded.

A layer is to give what it gave before the portion, when its inputs y come from layers that are rounded already: the error of new
weights v is the mean of (w x - v y)^2 over its inputs x before and y now. With H the mean of y y^T and C that of y x^T its slope is
2 (v H - w C^T). Weights are met in the order of falling H_kk; the error of each one that is rounded is handed on to those behind it
through the Cholesky factor of H^-1. Then each goes to its best level beside all others, and the free ones to their best value.
src/rounding does the same for whole networks, with more care.
"""

from __future__ import annotations

import copy
from typing import Any, Iterable, Optional

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .grid import Grid
from .layers import TRANSPOSED, Layer, Weighted, rows_of, weight_of

#: Share of the mean of H's diagonal that is added to it.
DAMPING = 0.01
#: Rounds of coordinate descent behind the errors' way through a row.
SWEEPS = 2
#: Output positions of a batch that are taken for each of a layer's inputs, and in any case.
ROWS = 32
FEWEST_ROWS = 4096


class _Enough(Exception):
    """Ends a forward pass at the layer whose inputs are wanted."""


class Compensation:
    """Rounds with compensation on some batches of inputs."""

    def __init__(self, batches: Iterable[Any]) -> None:
        self._batches = list(batches)
        self._before: Optional[nn.Module] = None

    def begin(self, model: nn.Module) -> None:
        """Keeps the model as it is before a portion."""
        self._before = copy.deepcopy(model)

    def end(self) -> None:
        self._before = None

    @torch.no_grad()
    def round(self, model: nn.Module, layer: Layer, grid: Grid, weight: Tensor, chosen: Tensor) -> Tensor:
        """Returns the weights with the chosen on their levels and the errors taken up by the free ones."""
        mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
        mask[chosen] = True
        if isinstance(layer.module, TRANSPOSED):
            return torch.where(mask.reshape(weight.shape), grid.rounded(weight, layer.module), weight)
        rows = rows_of(weight, layer.module).double()
        now = rows_of(mask.reshape(weight.shape), layer.module)
        before = rows_of(grid.frozen, layer.module)
        moments, crossed = self._moments(model, layer, rows.shape[1])
        each = rows.shape[0] // moments.shape[0]
        parts = [slice(g * each, (g + 1) * each) for g in range(moments.shape[0])]
        found = torch.cat(
            [_round_rows(rows[p], now[p], before[p], moments[g], crossed[g], grid, p) for g, p in enumerate(parts)]
        )
        return weight_of(found.float(), layer.module, weight.shape)

    def _moments(self, model: nn.Module, layer: Layer, depth: int) -> tuple[Tensor, Tensor]:
        """Returns H and C of each group of channels, which read ``depth`` inputs."""
        module = layer.module
        groups = 1 if isinstance(module, nn.Linear) else module.groups
        assert self._before is not None
        before = self._before.get_submodule(layer.name)
        total: Optional[tuple[Tensor, Tensor]] = None
        for batch in self._batches:
            args = batch if isinstance(batch, (tuple, list)) else (batch,)
            y, x = (
                _drawn(_patches(_input(one, at, args).float(), module), groups).double().reshape(-1, groups, depth).transpose(0, 1)
                for one, at in ((model, module), (self._before, before))
            )
            found = (y.transpose(1, 2) @ y, y.transpose(1, 2) @ x)
            total = found if total is None else (total[0] + found[0], total[1] + found[1])
        assert total is not None
        return total


def _input(model: nn.Module, module: nn.Module, args: tuple[Any, ...]) -> Tensor:
    """Returns the input of a module when the model runs."""
    found: list[Tensor] = []

    def listen(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found.append(inputs[0].detach())
        raise _Enough

    training = model.training
    model.eval()
    handle = module.register_forward_pre_hook(listen)
    try:
        model(*args)
    except _Enough:
        pass
    finally:
        handle.remove()
        model.train(training)
    return found[0]


def _drawn(x: Tensor, groups: int) -> Tensor:
    """Returns some of the rows, always the same: many more than inputs tell nothing more of them."""
    wanted = max(ROWS * x.shape[1] // groups, FEWEST_ROWS)
    if x.shape[0] <= wanted:
        return x
    order = torch.randperm(x.shape[0], generator=torch.Generator().manual_seed(0))
    return x[order[:wanted].to(x.device)]


def _patches(x: Tensor, module: Weighted) -> Tensor:
    """Returns the inputs of every output position, (positions, inputs)."""
    if isinstance(module, nn.Linear):
        return x.reshape(-1, x.shape[-1])
    if isinstance(module, nn.Conv1d):
        x = x[:, :, None]
    kernel = (1, *module.kernel_size)[-2:]
    stride, padding, dilation = ((one,) if isinstance(one, int) else one for one in (module.stride, module.padding, module.dilation))
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip((1, *dilation)[-2:], kernel)] if padding == "same" else [0, 0]
        x = F.pad(x, (reach[1] // 2, reach[1] - reach[1] // 2, reach[0] // 2, reach[0] - reach[0] // 2))
        padding = (0, 0)
    sides = (0, *padding)[-2:]
    unfolded = F.unfold(x, kernel, dilation=(1, *dilation)[-2:], padding=sides, stride=(1, *stride)[-2:])
    return unfolded.transpose(1, 2).reshape(-1, unfolded.shape[1])


def _round_rows(
    rows: Tensor, now: Tensor, before: Tensor, moment: Tensor, crossed: Tensor, grid: Grid, part: slice
) -> Tensor:
    depth = rows.shape[1]
    mean = float(moment.diagonal().mean())
    damping = torch.eye(depth, dtype=moment.dtype, device=moment.device) * (DAMPING * mean if mean > 0 else 1.0)
    damped = moment + damping
    order = damped.diagonal().argsort(descending=True)
    damped = damped[order][:, order]
    aim = rows[:, order] @ (crossed + damping)[order][:, order].T
    factor = torch.linalg.cholesky(torch.cholesky_inverse(torch.linalg.cholesky(damped)), upper=True)
    now, before = now[:, order], before[:, order]
    nothing = torch.zeros_like(now)
    w = _descended(aim, rows[:, order], nothing, before, damped, grid, part)
    values = torch.zeros_like(w)
    for k in range(depth):
        full = grid.round_units(w[:, k : k + 1], part)[:, 0]
        values[:, k] = torch.where(now[:, k], full, w[:, k])
        error = torch.where(now[:, k], (w[:, k] - full) / factor[k, k], torch.zeros_like(full))
        # what is on the grid already does not move: nothing is handed on to it
        w[:, k + 1 :] -= (error[:, None] * factor[k, k + 1 :]) * ~before[:, k + 1 :]
    w = _descended(aim, values, now, before, damped, grid, part)
    return w[:, order.argsort()]


def _descended(
    aim: Tensor, start: Tensor, now: Tensor, before: Tensor, moment: Tensor, grid: Grid, part: slice
) -> Tensor:
    """Returns weights with a smaller error: one after the other goes to its best value, or level, beside all others."""
    w = start.clone()
    slope = aim - w @ moment
    for _ in range(SWEEPS):
        for k in range(w.shape[1]):
            best = w[:, k] + slope[:, k] / moment[k, k]
            if now[:, k].any():
                best = torch.where(now[:, k], grid.round_units(best[:, None], part)[:, 0], best)
            moved = torch.where(before[:, k], w[:, k], best)
            slope -= (moved - w[:, k])[:, None] * moment[k]
            w[:, k] = moved
    return w
