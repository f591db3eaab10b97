"""inq.py: incremental network quantization (Zhou et al. 2017) in a training loop of one's own, on one machine or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .compensate import Compensation
from .errors import ShiftwiseError
from .given import given_batches, given_model
from .grid import Grid, plain_weights
from .layers import Layer, bare, check_type, layers_of, rows_of
from .levels import TWO_TERM, check_bits
from .partition import Random, check_portions, frozen_count, select_largest, select_random
from .ranks import broadcast_from_first, check_agreement, is_first, world_size


@dataclass(frozen=True)
class Levels:
    """The levels of one layer: bits of a weight, "powers" or "two-term", and what has a scale, the "layer" or each "channel"."""

    bits: int
    levels: str = "powers"
    scale: str = "layer"


#: Levels of a layer; a number stands for as many bits, and None leaves the layer as it is.
LayerLevels = Union[Levels, int, None]
_SAME: Any = object()


@dataclass(frozen=True)
class StepReport:
    """What a step did: which portion it was, from 0, and the share of the weights that are on their grids now."""

    portion: int
    share: float


class INQ:
    """Puts the weights of a model on powers of two, portion by portion, while the model is trained in between.

    ``inq.step()`` rounds and freezes the next portion; the training loop runs a few epochs, and calls it again until ``inq.done``.
    Parameters stay the same objects, so an optimizer may be made before or after. Make INQ before DistributedDataParallel wraps the
    model. To resume, make the model and INQ as before and load the model's ``state_dict``.

    :param model: float32 weights; under torch.autocast they may be used in half precision.
    :param bits: 2 to 5 for powers, 2 to 6 for two-term levels.
    :param portions: rising shares of the weights of each layer, the last 1.
    :param partition: "magnitude" takes the largest first, "random" any.
    :param scale: "layer": plain powers of two with one largest exponent (INQ); "channel": times a real scale for each channel.
    :param levels: "powers", or "two-term": sums of two powers, which have a scale for each channel.
    :param compensate: batches of inputs for the model; with them each portion is rounded so that the weights that are still
        free make up for the errors of those that are rounded, and None rounds each weight by itself.
    :param rule: "max" (Eq. 3) or "mse" for the largest exponent; None: "max" at 4 bits and more.
    :param first: levels of the first layer, if they differ; None leaves it float. So ``last`` and ``depthwise``.
    :param layers: levels of single layers by name, whatever else is said.
    :param seed: of the partition "random".
    """

    def __init__(
        self,
        model: nn.Module,
        bits: int = 5,
        portions: Sequence[float] = (0.5, 0.75, 0.875, 1),
        partition: str = "magnitude",
        scale: str = "layer",
        levels: str = "powers",
        compensate: Optional[Iterable[Any]] = None,
        *,
        rule: Optional[str] = None,
        first: LayerLevels = _SAME,
        last: LayerLevels = _SAME,
        depthwise: LayerLevels = _SAME,
        layers: Optional[Mapping[str, LayerLevels]] = None,
        seed: int = 0,
    ) -> None:
        model = given_model(model)
        self.portions = check_portions(portions)
        self.partition = _one_of("partition", partition, ("magnitude", "random"))
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise ShiftwiseError("BAD_OPTION", "no seed", where="seed", expected="an integer from 0", found=seed)
        self.seed = seed
        self.rule = rule
        self.model = bare(model)
        if model is not self.model and not _is_prepared(self.model):
            raise ShiftwiseError(
                "BAD_OPTION",
                "the model is wrapped already, and its reducer does not know the new buffers",
                where="model",
                expected="INQ(model) before DistributedDataParallel(model)",
            )
        self._compensation = Compensation(given_batches(compensate, "compensate")) if compensate is not None else None
        both = {"levels": levels, "scale": "channel" if levels == "two-term" and scale == "layer" else scale}
        usual = Levels(bits, **both)
        found = layers_of(self.model)
        if layers is not None and not isinstance(layers, Mapping):
            raise ShiftwiseError(
                "BAD_OPTION", "no levels by name", where="layers", expected="a dict, such as {'conv1': 5}", found=type(layers).__name__
            )
        _check_names(layers or {}, found)
        self._layers: list[tuple[Layer, Grid]] = []
        for layer in found:
            wanted: LayerLevels = usual
            for applies, own in ((layer.depthwise, depthwise), (layer.last, last), (layer.first, first)):
                if applies and own is not _SAME:
                    wanted = own
            if layers and layer.name in layers:
                wanted = layers[layer.name]
            if wanted is None:
                continue
            chosen = wanted if isinstance(wanted, Levels) else Levels(wanted, **both)
            self._layers.append((layer, self._attach(layer, _checked(chosen, layer.name))))
        if not self._layers:
            raise ShiftwiseError("BAD_OPTION", "every layer is left as it is", where="layers", expected="at least one to quantize")

    def _attach(self, layer: Layer, levels: Levels) -> Grid:
        module = layer.module
        if parametrize.is_parametrized(module, "weight"):
            raise ShiftwiseError(
                "BAD_MODEL",
                "the weight has a parametrization already",
                where=layer.name,
                expected="weights of their own: torch.nn.utils.parametrize.remove_parametrizations, or one INQ a model",
            )
        weight = module.weight
        grid = Grid(
            weight, rows_of(weight, module).shape[0], levels.bits, levels.levels, levels.scale == "channel", self.rule
        )
        parametrize.register_parametrization(module, "weight", grid, unsafe=True)
        return grid

    @property
    def portion(self) -> int:
        """The number of portions that have been rounded; after ``load_state_dict`` that of the run before."""
        counts = {int(grid.portion) for _, grid in self._layers}
        if len(counts) > 1:
            raise ShiftwiseError("BAD_MODEL", "layers of different portions", expected="a state_dict of one run", found=sorted(counts))
        return counts.pop()

    @property
    def done(self) -> bool:
        """Whether all portions have been rounded."""
        return self.portion == len(self.portions)

    @property
    def share(self) -> float:
        """The share of the weights that are on their grids."""
        frozen = sum(int(grid.frozen.sum()) for _, grid in self._layers)
        return frozen / sum(grid.frozen.numel() for _, grid in self._layers)

    def grids(self) -> dict[str, dict[str, object]]:
        """Says in plain values on which grid each layer's weights are, by the layers' names."""
        return {layer.name: grid.describe() for layer, grid in self._layers}

    @torch.no_grad()
    def step(self) -> StepReport:
        """Rounds the next portion of every layer and freezes it.

        In a distributed run every rank calls it: the first rank decides, and the others get the same weights from it.

        Raises DONE after the last portion, and DISAGREE where ranks come with other weights or portions.
        """
        at = self.portion
        if at == len(self.portions):
            raise ShiftwiseError(
                "DONE", "step() after the last portion", expected="`while not inq.done`", found=f"{at} portions rounded"
            )
        for layer, grid in self._layers:
            if not parametrize.is_parametrized(layer.module, "weight") or layer.module.parametrizations.weight[0] is not grid:
                raise ShiftwiseError(
                    "BAD_MODEL",
                    "the weight has lost its parametrization",
                    where=layer.name,
                    expected="the model as INQ left it; inq.finish() takes the parametrizations away when all portions are done",
                )
            check_type(self._original(layer), layer.name)
        if world_size() > 1:
            weights = [self._original(layer) for layer, _ in self._layers]
            check_agreement([*weights, *(grid.levels for _, grid in self._layers)], at)
        if is_first():
            self._advance(at)
        if world_size() > 1:
            for _, grid in self._layers:
                broadcast_from_first([grid.mask, grid.levels, grid.scale, grid.table, grid.n1])
            broadcast_from_first([self._original(layer) for layer, _ in self._layers])
        for _, grid in self._layers:
            grid.portion.fill_(at + 1)
        return StepReport(at, self.share)

    def _original(self, layer: Layer) -> Tensor:
        return layer.module.parametrizations.weight.original.data  # type: ignore[union-attr, return-value]

    def _advance(self, at: int) -> None:
        """Chooses and rounds a portion, as advancePortion of src/quantize/inq.ts does."""
        random = Random(self.seed)
        if self._compensation is not None:
            self._compensation.begin(self.model)
        for layer, grid in self._layers:
            weight = grid(self._original(layer))
            if at == 0:
                grid.start(weight, layer.module, layer.name)
            count = frozen_count(weight.numel(), self.portions[at]) - int(grid.frozen.sum())
            if self.partition == "magnitude":
                chosen = select_largest(weight, grid.frozen, count)
            else:
                chosen = select_random(grid.frozen, count, random)
            if self._compensation is None:
                grid.freeze(chosen, grid.rounded(weight, layer.module))
            else:
                made = self._compensation.round(self.model, layer, grid, weight, chosen)
                self._original(layer).copy_(made)
                grid.freeze(chosen, made)
        if self._compensation is not None:
            self._compensation.end()

    def finish(self) -> nn.Module:
        """Returns the model with plain weights on their grids, new parameters without a parametrization.

        Raises BAD_MODEL before the last portion.
        """
        for layer, grid in self._layers:
            grid.check(layer.name)
        plain_weights(self.model)
        return self.model


def _is_prepared(model: nn.Module) -> bool:
    return any(isinstance(module, Grid) for module in model.modules())


def _one_of(where: str, value: str, choices: tuple[str, ...]) -> str:
    if value in choices:
        return value
    raise ShiftwiseError("BAD_OPTION", "no such choice", where=where, expected=" or ".join(choices), found=value)


def _check_names(wanted: Mapping[str, LayerLevels], found: list[Layer]) -> None:
    names = {layer.name for layer in found}
    for name in wanted:
        if name not in names:
            raise ShiftwiseError(
                "BAD_OPTION", "levels for a layer that there is not", where="layers", expected=", ".join(sorted(names)), found=name
            )


def _checked(wanted: Levels, name: str) -> Levels:
    _one_of(f"levels of {name}", wanted.levels, ("powers", "two-term"))
    _one_of(f"scale of {name}", wanted.scale, ("layer", "channel"))
    if wanted.levels == "powers":
        check_bits(wanted.bits, f"bits of {name}")
    elif not isinstance(wanted.bits, int) or isinstance(wanted.bits, bool) or wanted.bits not in TWO_TERM:
        expected = ", ".join(str(bits) for bits in TWO_TERM)
        raise ShiftwiseError("BAD_OPTION", "unsupported bit width", where=f"bits of {name}", expected=expected, found=wanted.bits)
    return wanted
