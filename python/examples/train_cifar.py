"""train_cifar.py: a trained network retrained with INQ, on one process or many, and written as ONNX.

    python3 examples/train_cifar.py --data cifar-10-batches-bin --float float.pt --bits 5 --out model.onnx
    torchrun --nproc_per_node 2 examples/train_cifar.py ...the same...

``--data`` is the binary version of CIFAR-10, a folder with Fashion-MNIST's four files, or the word synthetic. Without ``--float`` a float
network is trained first. After every epoch rank 0 writes a checkpoint, from which ``--resume`` goes on to the same weights. The
batch is that of all ranks together. Batch norm keeps its running statistics while weights are quantized, so that the number of ranks changes
nothing but the last bits. Behind the last portion they are measured anew.
"""

from __future__ import annotations

import argparse
import copy
import gzip
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Optional

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from shiftwise import INQ, ActivationQuantizer, Linear, export_onnx, prepare  # noqa: E402

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Shrunk(nn.Module):
    """A shortcut without weights: every other pixel, and channels of zeros on both sides."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.more = (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))


class Block(nn.Module):
    """Two convolutions and a shortcut, which slicing and padding bring to the right size."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.downsample = Shrunk(inputs, outputs) if stride > 1 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(y)) + self.downsample(x))


class ResNet20(nn.Module):
    """The residual network of 20 layers for pictures of 32 pixels."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        widths = (16, 16, 32, 64)
        for k in (1, 2, 3):
            blocks = [Block(widths[k - 1] if i == 0 else widths[k], widths[k], 2 if i == 0 and k > 1 else 1) for i in range(3)]
            setattr(self, f"layer{k}", nn.Sequential(*blocks))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer3(self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x))))))
        return self.fc(torch.flatten(self.pool(x), 1))


def small(channels: int, classes: int = 10) -> nn.Module:
    """Makes a network of three convolutions, for Fashion-MNIST."""

    def part(inputs: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(
        *part(channels, 16), nn.MaxPool2d(2), *part(16, 32), nn.MaxPool2d(2), *part(32, 64),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes),
    )  # fmt: skip


def read_cifar(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] if train else ["test_batch.bin"]
    rows = torch.cat([torch.frombuffer(bytearray((folder / name).read_bytes()), dtype=torch.uint8).view(-1, 3073) for name in names])
    return rows[:, 1:].reshape(-1, 3, 32, 32), rows[:, 0].long()


def read_idx(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    kind = "train" if train else "t10k"
    images, labels = (gzip.decompress((folder / f"{kind}-{part}-ubyte.gz").read_bytes()) for part in ("images-idx3", "labels-idx1"))
    pixels = torch.frombuffer(bytearray(images[16:]), dtype=torch.uint8).reshape(-1, 1, 28, 28)
    return pixels, torch.frombuffer(bytearray(labels[8:]), dtype=torch.uint8).long()


def synthetic(train: bool) -> tuple[Tensor, Tensor]:
    """Makes pictures of coloured stripes, whose class is their direction and colour."""
    rng = torch.Generator().manual_seed(1 if train else 2)
    labels = torch.randint(10, (512 if train else 128,), generator=rng)
    wave = torch.sin(torch.arange(32.0) * (1 + labels[:, None] % 5))
    pictures = wave[:, None, None, :].expand(-1, 3, 32, 32).clone()
    pictures[labels > 4] = pictures[labels > 4].transpose(2, 3)
    noise = torch.randn(pictures.shape, generator=rng)
    return ((pictures * 60 + noise * 40 + 128).clamp(0, 255)).to(torch.uint8), labels


def open_data(name: str, train: bool) -> tuple[Tensor, Tensor]:
    if name == "synthetic":
        return synthetic(train)
    folder = Path(name)
    return read_cifar(folder, train) if (folder / "test_batch.bin").exists() else read_idx(folder, train)


def normalized(pixels: Tensor) -> Tensor:
    count = pixels.shape[1]
    mean, std = (torch.tensor(one[:count]).view(-1, 1, 1) for one in (MEAN, STD))
    return (pixels.float() / 255 - mean) / std


def augmented(images: Tensor, reach: int, rng: torch.Generator) -> Tensor:
    """Shifts normalized pictures by up to ``reach`` pixels, with the mean grey behind, and flips half of them."""
    count, channels, height, width = images.shape
    padded = F.pad(images, (reach, reach, reach, reach))
    rows = torch.arange(height) + torch.randint(2 * reach + 1, (count, 1), generator=rng)
    columns = torch.arange(width) + torch.randint(2 * reach + 1, (count, 1), generator=rng)
    mirrored = torch.rand(count, 1, generator=rng) < 0.5
    columns = torch.where(mirrored, columns.flip(1), columns)
    picture = torch.arange(count)[:, None, None, None]
    return padded[picture, torch.arange(channels)[:, None, None], rows[:, None, :, None], columns[:, None, None, :]]


def read_state(path: Path) -> dict[str, Tensor]:
    """Reads a state_dict in the format safetensors, float32 only."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    body = bytearray(content[8 + size :])
    state = {}
    for name, entry in json.loads(content[8 : 8 + size]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            state[name] = torch.frombuffer(body[first:end], dtype=torch.float32).reshape(entry["shape"])
    return state


def distilled(found: Tensor, taught: Tensor, temperature: float = 2.0) -> Tensor:
    """The divergence from a teacher's answers (Hinton et al. 2015)."""
    soft = F.log_softmax(found / temperature, 1)
    return temperature**2 * F.kl_div(soft, F.softmax(taught / temperature, 1), reduction="batchmean")


def answers(model: nn.Module, pixels: Tensor) -> Tensor:
    """What the model says to pictures, without gradients."""
    model.eval()
    with torch.no_grad():
        return torch.cat([model(normalized(x)) for x in pixels.split(256)])


def integers(model: nn.Module, pixels: Tensor) -> dict[str, Tensor]:
    """The integers of every rounded tensor, in the order of the forward pass."""
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, _: object, made: Tensor) -> None:
            found[f"{len(found)} {name}"] = torch.round(made / module.scale) + module.zero

        return hook

    named = [(name, one) for name, one in model.named_modules() if isinstance(one, ActivationQuantizer)]
    handles = [one.register_forward_hook(keep(name)) for name, one in named]
    model.eval()
    with torch.no_grad():
        model(normalized(pixels))
    for handle in handles:
        handle.remove()
    return found


def write_state(state: dict[str, Tensor], path: Path) -> None:
    """Writes float32 tensors in the format safetensors."""
    head, body = {}, b""
    for name, value in state.items():
        content = value.detach().float().contiguous().numpy().tobytes()
        head[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [len(body), len(body) + len(content)]}
        body += content
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(len(text).to_bytes(8, "little") + text + body)


def share_right(found: Tensor, labels: Tensor) -> float:
    return float((found.argmax(1) == labels).float().mean())


def optimizer_of(model: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
    """Weight decay for weights alone, not for biases and batch norm."""
    flat = [one for one in model.parameters() if one.dim() < 2]
    groups = [{"params": [one for one in model.parameters() if one.dim() > 1], "weight_decay": decay}, {"params": flat}]
    return torch.optim.SGD(groups, rate, momentum=0.9)


def within(kind: Any, low: float, high: float = math.inf) -> Any:
    """Returns the type of an option that is a number in low..high."""

    def number(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:
            expected = f"{low} or more" if high == math.inf else f"{low}..{high}"
            raise argparse.ArgumentTypeError(f"expected {expected}, not {text}")
        return value

    number.__name__ = kind.__name__
    return number


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--start", type=Path, help="safetensors of a state_dict that the float network starts from")
    parser.add_argument("--float", type=Path, help="state_dict of the float network; written where there is none")
    parser.add_argument("--float-epochs", type=within(int, 0), default=4)
    parser.add_argument("--float-lr", type=within(float, 0), default=0.1)
    parser.add_argument("--bits", type=within(int, 0, 5), default=5, help="0: the float network alone")
    parser.add_argument("--scale", default="layer", choices=("layer", "channel"))
    parser.add_argument("--rule", choices=("max", "mse"))
    parser.add_argument("--activations", type=within(int, 1, 8), default=8)
    parser.add_argument("--epochs", type=within(int, 0), nargs="+", default=[2], help="after each portion; of one number the last has none")
    parser.add_argument("--portions", type=within(float, 0, 1), nargs="+", default=[0.5, 0.75, 0.875, 1])
    parser.add_argument("--compensate", type=within(int, 0), default=256, help="training images that portions are rounded on; 0: none")
    parser.add_argument("--teach", type=within(float, 0, 1), default=0, help="share of the loss from the float network's answers, 0 to 1")
    parser.add_argument("--batch", type=within(int, 1), default=128, help="of all ranks together")
    parser.add_argument("--lr", type=within(float, 0), default=0.01)
    parser.add_argument("--decay", type=within(float, 0), default=5e-4)
    parser.add_argument("--norms", type=within(int, 0), default=40, help="batches that batch norm is measured anew on at the end; 0: none")
    parser.add_argument("--shift", type=within(int, 0), default=2, help="pixels by which pictures are moved at most")
    parser.add_argument("--limit", type=within(int, 1), help="training images that are used")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--answers", type=Path, help="safetensors of what the rounded network says to the test pictures")
    parser.add_argument("--integers", type=within(int, 0), default=16, help="test pictures whose integer tensors are in --answers")
    options = parser.parse_args()
    if len(options.epochs) == 1:
        options.epochs = [*(options.epochs * (len(options.portions) - 1)), 0]
    if len(options.epochs) != len(options.portions):
        parser.error(f"--epochs has {len(options.epochs)} numbers, --portions {len(options.portions)}")
    if options.portions != sorted(set(options.portions)) or options.portions[0] <= 0 or options.portions[-1] != 1:
        parser.error(f"--portions: expected shares that rise to 1, not {' '.join(map(str, options.portions))}")
    if options.bits == 1:
        parser.error("--bits: expected 2 to 5, or 0 for the float network alone, not 1")
    return options


class Trainer:
    """Epochs over the training pictures, in which every rank takes its part of each batch."""

    def __init__(self, options: argparse.Namespace, rank: int, ranks: int) -> None:
        self.options, self.rank, self.ranks = options, rank, ranks
        pixels, labels = open_data(options.data, True)
        order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(options.seed))[: options.limit]
        self.pixels, self.labels = pixels[order], labels[order]

    def pictures(self, chosen: Tensor, number: int, step: int) -> Tensor:
        """The pictures of a step of an epoch, augmented and normalized."""
        rng = torch.Generator().manual_seed((self.options.seed * 1000 + number) * 100000 + step)
        return augmented(normalized(self.pixels[chosen]), self.options.shift, rng)

    def measure_norms(self, model: nn.Module, number: int) -> None:
        """Measures batch norm statistics anew, as the plain mean over some batches. The first rank does, whatever the number of ranks."""
        norms = [one for one in model.modules() if isinstance(one, nn.BatchNorm2d)]
        if self.rank == 0:
            model.eval()
            momenta = [norm.momentum for norm in norms]
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None
                norm.train()
            order = torch.randperm(len(self.pixels), generator=torch.Generator().manual_seed(1000 * self.options.seed + number))
            with torch.no_grad():
                for step, chosen in enumerate(order.split(self.options.batch)[: self.options.norms]):
                    model(self.pictures(chosen, number, step))
            for norm, momentum in zip(norms, momenta):
                norm.momentum = momentum
            model.eval()
        if self.ranks > 1:
            for norm in norms:
                for tensor in norm.buffers():
                    dist.broadcast(tensor, 0)

    def epoch(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, rate: float, number: int, done: tuple[int, int],
        frozen: bool = False, teacher: Optional[nn.Module] = None,
    ) -> float:  # fmt: skip
        """Trains an epoch and returns its mean loss. ``done`` says how many of how many epochs of the schedule came before."""
        options = self.options
        model.train()
        for module in model.modules():
            if frozen and isinstance(module, nn.BatchNorm2d):
                module.eval()
        order = torch.randperm(len(self.pixels), generator=torch.Generator().manual_seed(1000 * options.seed + number))
        total, steps = 0.0, len(self.pixels) // options.batch
        for step in range(steps):
            now = rate * 0.5 * (1 + math.cos(math.pi * (done[0] + step / steps) / done[1]))
            for group in optimizer.param_groups:
                group["lr"] = now
            mine = order[step * options.batch : (step + 1) * options.batch]
            x = self.pictures(mine, number, step).chunk(self.ranks)[self.rank]
            # channels last is what convolutions on the CPU are fastest with
            x = x.contiguous(memory_format=torch.channels_last)
            labels = self.labels[mine].chunk(self.ranks)[self.rank]
            found = model(x)
            loss = F.cross_entropy(found, labels) if teacher is None or options.teach < 1 else found.new_zeros(())
            if teacher is not None:
                with torch.no_grad():
                    taught = teacher(x)
                loss = (1 - options.teach) * loss + options.teach * distilled(found, taught)
            optimizer.zero_grad()
            loss.backward()
            # with frozen statistics the steps behind a coarse portion can outgrow each other
            nn.utils.clip_grad_norm_(model.parameters(), 2.0 if frozen else math.inf)
            optimizer.step()
            mean = loss.detach().clone()
            if self.ranks > 1:
                dist.all_reduce(mean)
            total += float(mean) / self.ranks
        return total / max(steps, 1)


def float_network(model: nn.Module, trainer: Trainer, say: Callable[..., None]) -> None:
    """Trains the float network, or takes it from the file where it is."""
    options, many = trainer.options, trainer.ranks > 1
    if options.float and options.float.exists():
        model.load_state_dict(torch.load(options.float))
        return
    if options.start:
        model.load_state_dict(read_state(options.start), strict=False)
    optimizer = optimizer_of(model, options.float_lr, options.decay)
    trained = DistributedDataParallel(model) if many else model
    for number in range(options.float_epochs):
        began = time.monotonic()
        loss = trainer.epoch(trained, optimizer, options.float_lr, number, (number, options.float_epochs))
        say(f"float epoch {number}: loss {loss:.4f}, {time.monotonic() - began:.0f} s", flush=True)
    if many:
        # running statistics are each rank's own: those of the first count
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)
    if options.float and trainer.rank == 0:
        write(model.state_dict(), options.float)


def write(value: object, path: Path) -> None:
    """Writes a file that is there whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(value, part)
    os.replace(part, path)


def main() -> None:
    options = parse()
    if "WORLD_SIZE" in os.environ and int(os.environ["WORLD_SIZE"]) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    many = dist.is_initialized()
    rank, ranks = (dist.get_rank(), dist.get_world_size()) if many else (0, 1)
    say = print if rank == 0 else lambda *_, **__: None
    if options.batch % ranks:
        raise SystemExit(f"--batch {options.batch} is no multiple of {ranks} ranks")
    torch.manual_seed(options.seed)

    trainer = Trainer(options, rank, ranks)
    pixels, labels = open_data(options.data, False)
    channels = pixels.shape[1]
    model: nn.Module = ResNet20() if channels == 3 else small(channels)
    known = options.float is not None and options.float.exists()
    float_network(model, trainer, say)
    if rank == 0 and not known:
        print(f"float: {share_right(answers(model, pixels), labels):.4f}", flush=True)
    if options.bits == 0:
        if rank == 0 and options.out:
            export_onnx(model, options.out, normalized(pixels[:1]), normalization=(MEAN[:channels], STD[:channels]))
        end(many)
        return
    teacher = copy.deepcopy(model).eval() if options.teach else None

    prepared = prepare(model, normalized(trainer.pixels[:512]), Linear(options.activations))
    samples = [normalized(trainer.pixels[: options.compensate])] if options.compensate else None
    inq = INQ(prepared, options.bits, options.portions, scale=options.scale, rule=options.rule, compensate=samples)
    optimizer = optimizer_of(prepared, options.lr, options.decay)
    trained = DistributedDataParallel(prepared) if many else prepared
    start = 0
    if options.resume:
        saved = torch.load(options.checkpoint)
        prepared.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["epoch"]
    number, epochs = 0, sum(options.epochs)
    for portion, count in enumerate(options.epochs):
        for k in range(count):
            if number >= start:
                if k == 0:
                    # momentum would go on towards where the weights were
                    optimizer.state.clear()
                    advance(inq, portion, say)
                began = time.monotonic()
                loss = trainer.epoch(trained, optimizer, options.lr, 100 + number, (number, epochs), True, teacher)
                say(f"epoch {number}: loss {loss:.6f}", flush=True)
                say(f"{time.monotonic() - began:.0f} s", flush=True)
                if rank == 0 and options.checkpoint:
                    state = {"model": prepared.state_dict(), "optimizer": optimizer.state_dict(), "epoch": number + 1}
                    write(state, options.checkpoint)
            number += 1
    advance(inq, len(options.portions) - 1, say)
    if options.norms:
        trainer.measure_norms(prepared, 100 + number)
    if rank == 0:
        found = answers(prepared, pixels)
        print(f"quantized: {share_right(found, labels):.4f}", flush=True)
        if options.out:
            mean, std = MEAN[:channels], STD[:channels]
            export_onnx(prepared, options.out, normalized(pixels[:1]), normalization=(mean, std))
            torch.save(prepared.state_dict(), options.out.with_suffix(".pt"))
        if options.answers:
            weights = {name: one.weight for name, one in prepared.named_modules() if hasattr(one, "parametrizations")}
            write_state({"answers": found, **weights, **integers(prepared, pixels[: options.integers])}, options.answers)
    end(many)


def end(many: bool) -> None:
    """Waits for the first rank, which measures and writes, before the ranks part."""
    if many:
        dist.barrier()
        sys.stdout.flush()
        # gloo of torch 1.13 can wait for ever for a rank that is gone when it is taken down, and so would the interpreter
        os._exit(0)


def advance(inq: INQ, portion: int, say: Callable[..., None]) -> None:
    """Rounds up to a portion, those without epochs of their own besides."""
    while inq.portion <= portion:
        report = inq.step()
        say(f"portion {report.portion}: {report.share:.4f} of the weights on their grids", flush=True)


if __name__ == "__main__":
    main()
