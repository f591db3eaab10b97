"""activations.py: encodings of activations, linear and LogQuant, fitted to what tensors hold, with straight-through gradients.

The arithmetic is the runtime's: z = x * (1 / scale) + zero, each step rounded to float32, then half to even or thresholds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Optional, Union

import torch
from torch import Tensor, nn

from .errors import ShiftwiseError
from .ranks import counted_by_all


@dataclass(frozen=True)
class Linear:
    """Integers 0..2^bits - 1, evenly spaced; where the range ends is by least squared error ("mse") or at the extremes ("minmax")."""

    bits: int = 8
    clip: str = "mse"

    def __post_init__(self) -> None:
        if self.bits not in range(1, 9):
            raise ShiftwiseError("BAD_OPTION", "unsupported bit width", where="activations.bits", expected="1 to 8", found=self.bits)
        if self.clip not in ("mse", "minmax"):
            raise ShiftwiseError("BAD_OPTION", "no such rule", where="activations.clip", expected="mse or minmax", found=self.clip)


@dataclass(frozen=True)
class LogQuant:
    """2^bits levels, zero and powers of 2^(step / 16), as integers up to ``largest``; tensors with negative values are linear."""

    bits: int = 4
    largest: int = 31

    def __post_init__(self) -> None:
        if self.bits not in range(2, 7):
            raise ShiftwiseError("BAD_OPTION", "unsupported bit width", where="activations.bits", expected="2 to 6", found=self.bits)
        if self.largest not in (31, 255):
            raise ShiftwiseError("BAD_OPTION", "no such table", where="activations.largest", expected="31 or 255", found=self.largest)


Scheme = Union[Linear, LogQuant]


@dataclass(frozen=True)
class LinearEncoding:
    """real = scale * (q - zero), q an integer in 0..max."""

    scale: float
    zero: int
    max: int


@dataclass(frozen=True)
class LevelsEncoding:
    """real = scale * levels[k]; z = real / scale takes level k from thresholds[k - 1] on."""

    scale: float
    levels: tuple[int, ...]
    thresholds: tuple[float, ...]


Encoding = Union[LinearEncoding, LevelsEncoding]

#: Bins to an octave: as many as eight bits of the mantissa tell apart.
_SHIFT = 15
_LOWEST_OCTAVE = -32
_STEPS_PER_OCTAVE = 16
_OCTAVES = 4
_TOP_SEARCH = 96
_FLOAT32_MAX = (2 - 2.0**-23) * 2.0**127


def _float32(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float32))


def _half_up(value: Tensor) -> Tensor:
    return torch.floor(value + 0.5)


class Histogram:
    """Counts of values by sign and the top bits of their magnitudes."""

    def __init__(self) -> None:
        self.counts = torch.zeros(2 ** (32 - _SHIFT), dtype=torch.float64)
        self.low = math.inf
        self.high = -math.inf

    def add(self, values: Tensor, where: str) -> None:
        """Counts values in. Raises BAD_MODEL for one that is not finite."""
        values = values.detach().float().flatten()
        if not bool(torch.isfinite(values).all()):
            raise ShiftwiseError("BAD_MODEL", "an activation is not finite", where=where)
        bits = values.contiguous().view(torch.int32).long() & 0xFFFFFFFF
        self.counts += torch.bincount(bits >> _SHIFT, minlength=self.counts.numel()).cpu().double()
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))

    @property
    def empty(self) -> bool:
        """Whether there were no values."""
        return self.high < self.low

    def bins(self) -> tuple[Tensor, Tensor]:
        """Returns the middles of occupied bins and their shares of the values; what is next to nothing counts as 0."""
        index = torch.nonzero(self.counts).flatten()
        word = (index & 0xFFFF) << _SHIFT
        low = word.int().view(torch.float32).double()
        high = (word + (1 << _SHIFT)).int().view(torch.float32).double()
        sign = torch.where(index >= 1 << (31 - _SHIFT), -1.0, 1.0).double()
        value = sign * (low + high) / 2
        value[low < 2.0**_LOWEST_OCTAVE] = 0.0
        return value, self.counts[index] / self.counts.sum()


def fit_linear(histogram: Histogram, scheme: Linear) -> LinearEncoding:
    """Fits a linear encoding; zero is always a level, the lowest one of a tensor without negative values."""
    top = 2**scheme.bits - 1
    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    best = _over_range(low, high, top)
    if scheme.clip == "minmax":
        return best
    values, shares = histogram.bins()
    least = _linear_error(values, shares, best)
    ends = [[end * 2.0 ** (-i / _STEPS_PER_OCTAVE) for i in range(_STEPS_PER_OCTAVE * _OCTAVES + 1)] if end else [0.0] for end in (low, high)]
    for start in ends[0]:
        for end in ends[1]:
            encoding = _over_range(start, end, top)
            error = _linear_error(values, shares, encoding)
            if error < least:
                best, least = encoding, error
    return best


def _linear_error(values: Tensor, shares: Tensor, encoding: LinearEncoding) -> float:
    q = _half_up(values / encoding.scale + encoding.zero).clamp(0, encoding.max)
    return float((((values - encoding.scale * (q - encoding.zero)) ** 2) * shares).sum())


def _over_range(low: float, high: float, top: int) -> LinearEncoding:
    step = _float32((high - low) / top)
    if step == 0 or _float32(1 / step) == math.inf:
        return LinearEncoding(1.0, 0, top)
    zero = min(max(math.floor(-low / step + 0.5), 0), top)
    return LinearEncoding(_usable(step, max(zero, top - zero)), zero, top)


def _usable(scale: float, farthest: int) -> float:
    rounded = _float32(scale)
    if rounded == 0 or _float32(1 / rounded) == math.inf:
        return 1.0
    return min(rounded, _float32(_FLOAT32_MAX / farthest * (1 - 2.0**-22)))


def log_encoding(fsr: int, step: int, scheme: LogQuant) -> LevelsEncoding:
    """Makes LogQuant's levels 0 and 2^((fsr + step (i - 1)) / 16) as integers times one scale; boundaries lie in the log domain."""
    return _placed(_integer_table(step, scheme), fsr)


def _integer_table(step: int, scheme: LogQuant) -> tuple[float, tuple[int, ...], tuple[float, ...]]:
    ideal = torch.tensor([2.0 ** (step * i / 16) for i in range(2**scheme.bits - 1)], dtype=torch.float64)
    top = float(ideal[-1])
    units = torch.tensor([top * 16 / t for t in range(16, 16 * scheme.largest + 1)], dtype=torch.float64)
    errors = ((_half_up(ideal / units[:, None]) * (units[:, None] / ideal) - 1) ** 2).sum(dim=1).tolist()
    unit, least = top, math.inf
    for candidate, error in zip(units.tolist(), errors):
        if error < least - 1e-12:
            unit, least = candidate, error
    levels, thresholds = [0], []
    for level in ideal.tolist():
        integer = math.floor(level / unit + 0.5)
        if integer == levels[-1]:
            continue
        levels.append(integer)
        thresholds.append(level * 2.0 ** (-step / 32) / unit)
    return unit, tuple(levels), tuple(thresholds)


def _placed(table: tuple[float, tuple[int, ...], tuple[float, ...]], fsr: int) -> LevelsEncoding:
    unit, levels, thresholds = table
    return LevelsEncoding(_usable(unit * 2.0 ** (fsr / 16), levels[-1]), levels, tuple(_float32(t) for t in thresholds))


def fit_log(histogram: Histogram, scheme: LogQuant) -> LevelsEncoding:
    """Searches fsr and step together for the least squared error, each with the integer table that would run."""
    values, shares = histogram.bins()
    top = math.ceil(16 * math.log2(histogram.high)) if histogram.high > 0 else 0
    best: Optional[LevelsEncoding] = None
    least = math.inf
    for step in range(2, 33, 2):
        table = _integer_table(step, scheme)
        span = step * (2**scheme.bits - 2)
        levels = torch.tensor(table[1], dtype=torch.float64)
        thresholds = torch.tensor([_float32(t) for t in table[2]], dtype=torch.float64)
        for down in range(_TOP_SEARCH + 1):
            encoding = _placed(table, top - down - span)
            real = encoding.scale * levels[torch.bucketize(values / encoding.scale, thresholds, right=True)]
            error = float((((values - real) ** 2) * shares).sum())
            if best is None or error < least:
                best, least = encoding, error
    assert best is not None
    return best


def fit(histogram: Histogram, scheme: Scheme, where: str) -> Encoding:
    """Fits the encoding of a tensor. Raises BAD_OPTION where nothing was seen of it."""
    if histogram.empty:
        raise ShiftwiseError("BAD_OPTION", "no activations to calibrate on", where=where, expected="a sample that reaches the tensor")
    if isinstance(scheme, LogQuant):
        return fit_linear(histogram, Linear(scheme.bits)) if histogram.low < 0 else fit_log(histogram, scheme)
    return fit_linear(histogram, scheme)


class _Rounded(torch.autograd.Function):
    """Integers between a quantizer and its way back; gradients pass as they come where a value is in range."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float, zero: int, top: int) -> Tensor:  # type: ignore[override]
        z = x * _float32(1 / scale)
        # the exporter of torch 1.13 stumbles over sums with 0 in here
        z = z.add_(zero) if zero else z
        ctx.save_for_backward((z >= 0) & (z <= top))
        q = z.clamp_(0, top).round_()
        return (q.sub_(zero) if zero else q).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None, None

    @staticmethod
    def symbolic(g: Any, x: Any, scale: float, zero: int, top: int) -> Any:
        kind = x.type()
        if top < 255:
            ends = [g.op("Constant", value_t=torch.tensor(_float32((end - zero) * scale))) for end in (0, top)]
            x = g.op("Clip", x, *ends).setType(kind)
        s = g.op("Constant", value_t=torch.tensor(scale, dtype=torch.float32))
        z = g.op("Constant", value_t=torch.tensor(zero, dtype=torch.uint8))
        return g.op("DequantizeLinear", g.op("QuantizeLinear", x, s, z), s, z).setType(kind)


class _Levelled(torch.autograd.Function):
    """The nearest of some levels; gradients pass as they come up to the highest level."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float, levels: list[int], thresholds: list[float]) -> Tensor:  # type: ignore[override]
        z = x * _float32(1 / scale)
        ctx.save_for_backward((z >= 0) & (z <= levels[-1]))
        edges = torch.tensor(thresholds, dtype=z.dtype, device=z.device)
        table = torch.tensor(levels, dtype=z.dtype, device=z.device)
        return table[torch.bucketize(z, edges, right=True)] * scale

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (inside,) = ctx.saved_tensors
        return grads[0] * inside, None, None, None

    @staticmethod
    def symbolic(g: Any, x: Any, scale: float, levels: list[int], thresholds: list[float]) -> Any:
        steps = [float(b - a) for a, b in zip(levels, levels[1:])]
        made = g.op(
            "shiftwise::Levels",
            x,
            scale_f=scale,
            inverse_f=_float32(1 / scale),
            steps_f=steps,
            thresholds_f=thresholds,
        )
        return made.setType(x.type())


class ActivationQuantizer(nn.Module):
    """Rounds a tensor as the runtime holds it. Before it is calibrated it hands values on as they are.

    ``observe()`` starts counting, and ``fit()`` chooses the encoding. Encodings are in the ``state_dict``.
    """

    scale: Tensor
    zero: Tensor
    top: Tensor
    levels: Tensor
    thresholds: Tensor
    ready: Tensor

    def __init__(self, scheme: Scheme = Linear()) -> None:
        super().__init__()
        self.scheme = scheme
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("zero", torch.zeros((), dtype=torch.long))
        self.register_buffer("top", torch.zeros((), dtype=torch.long))
        size = 2**scheme.bits
        self.register_buffer("levels", torch.zeros(size, dtype=torch.long))
        self.register_buffer("thresholds", torch.full((size,), math.inf))
        self.register_buffer("ready", torch.zeros((), dtype=torch.uint8))
        self._seen: Optional[Histogram] = None
        self._known: Optional[Encoding] = None

    def observe(self) -> None:
        """Starts to count what the tensor holds."""
        self._seen = Histogram()

    def fit(self, where: str = "activation") -> Encoding:
        """Chooses the encoding from what was counted, on all ranks together, and rounds from now on."""
        seen, self._seen = self._seen or Histogram(), None
        seen.counts, seen.low, seen.high = counted_by_all(seen.counts, seen.low, seen.high, self.scale.device)
        encoding = fit(seen, self.scheme, where)
        self.set(encoding)
        return encoding

    def set(self, encoding: Encoding) -> None:
        """Rounds with this encoding from now on."""
        self.scale.fill_(encoding.scale)
        if isinstance(encoding, LinearEncoding):
            self.zero.fill_(encoding.zero)
            self.top.fill_(encoding.max)
            self.thresholds.fill_(math.inf)
        else:
            count = len(encoding.levels)
            self.top.fill_(0)
            self.levels[:count] = torch.tensor(encoding.levels)
            self.thresholds.fill_(math.inf)
            self.thresholds[: count - 1] = torch.tensor(encoding.thresholds)
        self.ready.fill_(1)
        self._known = encoding

    @property
    def encoding(self) -> Optional[Encoding]:
        """The encoding, or None before it is calibrated."""
        if self._known is None and bool(self.ready):
            scale = float(self.scale)
            if int(self.top) > 0:
                self._known = LinearEncoding(scale, int(self.zero), int(self.top))
            else:
                count = int(torch.isfinite(self.thresholds).sum())
                levels = tuple(self.levels[: count + 1].tolist())
                self._known = LevelsEncoding(scale, levels, tuple(self.thresholds[:count].tolist()))
        return self._known

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._known = None

    def forward(self, x: Tensor) -> Tensor:
        """Returns the values that the runtime's integers stand for."""
        if self._seen is not None:
            self._seen.add(x, "activation")
            return x
        encoding = self.encoding
        if encoding is None:
            return x
        values = x if x.dtype == torch.float32 else x.float()
        if isinstance(encoding, LinearEncoding):
            rounded = _Rounded.apply(values, encoding.scale, encoding.zero, encoding.max)
        else:
            rounded = _Levelled.apply(values, encoding.scale, list(encoding.levels), list(encoding.thresholds))
        return rounded if x.dtype == torch.float32 else rounded.to(x.dtype)
