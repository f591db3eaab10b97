"""grid.py: the weights of one layer, part of them on its grid for good, as a parametrization of the layer's weight."""

from __future__ import annotations

from typing import Optional

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .errors import ShiftwiseError
from .layers import Weighted, rows_of, weight_of
from .levels import (
    TWO_TERM,
    choose_exponent,
    fit_scales,
    largest_magnitude,
    level_table,
    power_levels,
    powers_of_two,
    round_to_powers,
    round_to_table,
)


class Grid(nn.Module):
    """Weights that are frozen have their levels, the others the values that the optimizer gives them.

    The frozen ones get no gradient, and what an optimizer makes of the numbers behind them, by weight decay or momentum, is not
    read any more. All that a resumed run needs is in the buffers, so in the model's ``state_dict``.
    """

    mask: Tensor
    levels: Tensor
    scale: Tensor
    table: Tensor
    n1: Tensor
    portion: Tensor
    made: Tensor

    def __init__(self, weight: Tensor, outputs: int, bits: int, kind: str, scaled: bool, rule: Optional[str]) -> None:
        super().__init__()
        self.bits = bits
        self.kind = kind
        self.scaled = scaled
        self.rule = rule
        device = weight.device
        #: 1 where a weight is on the grid; bytes, since gloo broadcasts no booleans.
        self.register_buffer("mask", torch.zeros(weight.shape, dtype=torch.uint8, device=device))
        self.register_buffer("levels", torch.zeros(weight.shape, device=device))
        self.register_buffer("scale", torch.ones(outputs, device=device))
        self.register_buffer("table", torch.zeros(outputs, dtype=torch.long, device=device))
        self.register_buffer("n1", torch.zeros((), dtype=torch.long, device=device))
        #: What the levels are, so that a state_dict of others is refused.
        made = [bits, int(kind == "two-term"), int(scaled)]
        self.register_buffer("made", torch.tensor(made, dtype=torch.long, device=device))
        #: How many portions have been rounded.
        self.register_buffer("portion", torch.zeros((), dtype=torch.long, device=device))

    @property
    def frozen(self) -> Tensor:
        """Which weights are on the grid for good."""
        return self.mask.bool()

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args: object, **kwargs: object) -> None:
        made = state_dict.get(f"{prefix}made")
        if made is not None and made.tolist() != self.made.tolist():
            raise ShiftwiseError(
                "BAD_MODEL",
                "a state_dict of other levels",
                where=prefix.split(".parametrizations.")[0],
                expected=_levels_text(self.made.tolist()),
                found=_levels_text(made.tolist()),
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def forward(self, weight: Tensor) -> Tensor:
        """Returns the weights that the layer computes with."""
        return torch.where(self.frozen, self.levels, weight)

    @torch.no_grad()
    def start(self, weight: Tensor, module: Weighted, name: str) -> None:
        """Chooses exponent, scales and tables from all weights, before the first portion."""
        largest_magnitude(weight, name)
        if self.kind == "two-term":
            scales, of = fit_scales(rows_of(weight, module), [level_table(one) for one in TWO_TERM[self.bits]])
            self.scale.copy_(_positive(scales.float()))
            self.table.copy_(of)
            return
        n1 = choose_exponent(weight, self.bits, self.rule, name)
        if self.scaled:
            scales, _ = fit_scales(rows_of(weight, module), [level_table(power_levels(self.bits, 0))])
            self.scale.copy_(_positive(scales.float()))
            n1 = 0
        self.n1.fill_(n1)

    @torch.no_grad()
    def rounded(self, weight: Tensor, module: Weighted) -> Tensor:
        """Returns every weight's nearest level, to the bit: a scale times a level, rounded to float32."""
        rows = rows_of(weight, module)
        return weight_of(self.round_units(rows.double(), slice(None)).float(), module, weight.shape)

    def round_units(self, rows: Tensor, part: slice) -> Tensor:
        """Returns the nearest levels of some channels' float64 weights, times their scales."""
        scale = self.scale[part].double()[:, None]
        units = rows / scale
        if self.kind == "powers":
            return scale * round_to_powers(units, powers_of_two(self.bits, int(self.n1)))
        levels = torch.zeros_like(units)
        for t, own in enumerate(TWO_TERM[self.bits]):
            mine = self.table[part] == t
            levels[mine] = round_to_table(units[mine], level_table(own))
        return scale * levels

    @torch.no_grad()
    def freeze(self, chosen: Tensor, values: Tensor) -> None:
        """Puts the chosen weights, flat indices, on their levels for good."""
        self.levels.view(-1)[chosen] = values.reshape(-1)[chosen]
        self.mask.view(-1)[chosen] = 1

    def describe(self) -> dict[str, object]:
        """Says in plain values what the grid is: its kind, width, exponent and scales, and the table of each channel."""
        if self.kind == "powers":
            scale = self.scale.tolist() if self.scaled else None
            return {"kind": "powers", "bits": self.bits, "n1": int(self.n1), "scale": scale}
        tables = [list(table) for table in TWO_TERM[self.bits]]
        return {"kind": "two-term", "bits": self.bits, "tables": tables, "of": self.table.tolist(), "scale": self.scale.tolist()}

    def check(self, name: str) -> None:
        """Raises BAD_MODEL unless all weights are on the grid."""
        if not bool(self.frozen.all()):
            share = float(self.frozen.float().mean())
            raise ShiftwiseError(
                "BAD_MODEL", "not all weights are on the grid yet", where=name, expected="step() until inq.done", found=f"{share:.1%}"
            )


def _levels_text(made: list[int]) -> str:
    bits, two, scaled = made
    return f"{bits} bits, {'two-term levels' if two else 'powers'}, {'a scale a channel' if scaled else 'no scale'}"


def _positive(scale: Tensor) -> Tensor:
    return torch.where(scale > 0, scale, torch.ones_like(scale))


@torch.no_grad()
def plain_weights(model: nn.Module) -> None:
    """Gives every module with parametrizations the values that they make, as plain parameters.

    A copy of a module shares its class, on which torch's own remove_parametrizations takes away what the original still needs.
    """
    for module in model.modules():
        if not parametrize.is_parametrized(module):
            continue
        made = {name: getattr(module, name).detach().clone() for name in module.parametrizations}  # type: ignore[union-attr]
        module.__class__ = type(module).__bases__[0]
        del module._modules["parametrizations"]
        for name, value in made.items():
            module.register_parameter(name, nn.Parameter(value))
