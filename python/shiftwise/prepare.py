"""prepare.py: puts activation quantizers where the runtime holds integer tensors, by the chain rules of src/graph.

A chain is a layer of the runtime: a convolution or linear layer, its batch norm, an addition, a ReLU. Nothing is rounded inside a
chain. What only moves values, as max pooling and concatenation, is no chain; what only functions read stays float32.
"""

from __future__ import annotations

import operator
from typing import Any, Iterable, Union

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from .activations import ActivationQuantizer, Linear, LogQuant, Scheme
from .errors import ShiftwiseError
from .given import given_batches, given_model
from .layers import WEIGHTED, bare, layers_of

_MODULES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("product", WEIGHTED),
    ("norm", (nn.BatchNorm1d, nn.BatchNorm2d)),
    ("clamp", (nn.ReLU, nn.ReLU6, nn.Hardtanh)),
    ("mean", (nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)),
    ("pass", (nn.Dropout, nn.Dropout2d, nn.Identity)),
    ("move", (nn.MaxPool1d, nn.MaxPool2d, nn.Flatten, nn.Unflatten, nn.ZeroPad2d, nn.PixelShuffle, nn.ChannelShuffle)),
)
_FUNCTIONS: dict[Any, str] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add), "sum"),
    **dict.fromkeys((F.relu, torch.relu, F.relu6, F.hardtanh, torch.clamp), "clamp"),
    **dict.fromkeys((F.avg_pool2d, F.adaptive_avg_pool2d, F.adaptive_avg_pool1d, torch.mean), "mean"),
    F.dropout: "pass",
    **dict.fromkeys(
        (F.max_pool2d, F.max_pool1d, torch.flatten, torch.cat, torch.reshape, torch.permute, torch.transpose, F.pad, operator.getitem),
        "move",
    ),
    **dict.fromkeys((torch.matmul, operator.matmul, torch.bmm), "matrix"),
}
_METHODS: dict[str, str] = {
    **dict.fromkeys(("add", "add_"), "sum"),
    **dict.fromkeys(("relu", "relu_", "clamp", "clamp_"), "clamp"),
    "mean": "mean",
    "contiguous": "pass",
    **dict.fromkeys(("view", "reshape", "flatten", "permute", "transpose", "squeeze", "unsqueeze", "chunk", "split"), "move"),
    **dict.fromkeys(("matmul", "bmm"), "matrix"),
}
#: Roles whose chains end in an epilogue: an addition may be in it, and a clamp.
_EPILOGUE = ("product", "mean", "norm", "sum", "clamp")
_HANDS_ON = ("move", "pass")
#: What computes with real values whatever it is given, and what takes integers for nothing but speed.
_REAL = ("float", "matrix")
_EITHER = ("sum", "mean")


def prepare(model: nn.Module, sample: Union[Tensor, Iterable[Any]], activations: Scheme = Linear()) -> fx.GraphModule:
    """Puts an ActivationQuantizer behind every tensor that the runtime holds as integers, and calibrates all on a sample.

    The input is always linear with 8 bits, since it holds pixels. Tensors that a concatenation joins share one quantizer.

    :param model: what torch.fx can trace; the model's own modules go on in the result, so INQ may come before or after.
    :param sample: a batch, or several in a list; ``calibrate`` does the same again on others.
    :returns: a GraphModule that trains and exports as the model did.
    """
    model = bare(given_model(model))
    if not isinstance(activations, (Linear, LogQuant)):
        raise ShiftwiseError(
            "BAD_OPTION", "no scheme", where="activations", expected="Linear(8) or LogQuant(4)", found=repr(activations)[:60]
        )
    if isinstance(model, fx.GraphModule) and any(isinstance(one, ActivationQuantizer) for one in model.modules()):
        raise ShiftwiseError("BAD_MODEL", "the model is prepared already", expected="calibrate() to fit its encodings anew")
    layers_of(model)
    batches = given_batches(sample, "sample")
    try:
        traced = fx.symbolic_trace(model)
    except Exception as cause:
        raise ShiftwiseError(
            "UNSUPPORTED",
            "torch.fx cannot trace the model",
            expected="no control flow that depends on values; or ActivationQuantizer modules put into the model by hand",
            found=str(cause).splitlines()[0] if str(cause) else type(cause).__name__,
        ) from cause
    points = _points(traced)
    for number, group in enumerate(_groups(traced, points)):
        isinput = any(node.op == "placeholder" for node in group)
        quantizer = ActivationQuantizer(Linear() if isinput else activations)
        name = f"quantizer{number}"
        traced.add_submodule(name, quantizer)
        for node in group:
            readers = list(node.users)
            with traced.graph.inserting_after(node):
                rounded = traced.graph.call_module(name, (node,))
            for reader in readers:
                reader.replace_input_with(node, rounded)
    traced.graph.lint()
    traced.recompile()
    traced.train(model.training)
    calibrate(traced, batches)
    return traced


@torch.no_grad()
def calibrate(model: nn.Module, sample: Union[Tensor, Iterable[Any]]) -> None:
    """Fits the encoding of every ActivationQuantizer to what the model makes of some batches. Every rank has to call it."""
    quantizers = [(name, one) for name, one in given_model(model).named_modules() if isinstance(one, ActivationQuantizer)]
    if not quantizers:
        raise ShiftwiseError("BAD_MODEL", "no quantizers to calibrate", expected="the model that prepare() returns")
    batches = given_batches(sample, "sample")
    training = model.training
    model.eval()
    for _, one in quantizers:
        one.observe()
    try:
        for batch in batches:
            model(*(batch if isinstance(batch, (tuple, list)) else (batch,)))
        for name, one in quantizers:
            one.fit(name)
    finally:
        model.train(training)


def _role(node: fx.Node, modules: dict[str, nn.Module]) -> str:
    if node.op == "placeholder":
        return "input"
    if node.op == "call_module":
        module = modules[str(node.target)]
        found = next((role for role, types in _MODULES if isinstance(module, types)), "float")
        if found == "mean" and isinstance(module, (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d)):
            sizes = module.output_size if isinstance(module.output_size, tuple) else (module.output_size,)
            return "mean" if all(size == 1 for size in sizes) else "float"
        return found
    if node.op == "call_function":
        found = _FUNCTIONS.get(node.target, "float")
    elif node.op == "call_method":
        found = _METHODS.get(str(node.target), "float")
    else:
        return "constant" if node.op == "get_attr" else "output"
    # the sum of a tensor and a number is a function
    return "float" if found == "sum" and len(node.all_input_nodes) < 2 and not _doubles(node) else found


def _doubles(node: fx.Node) -> bool:
    return len(node.args) == 2 and all(isinstance(arg, fx.Node) for arg in node.args)


def _points(traced: fx.GraphModule) -> list[fx.Node]:
    """Lists the nodes that are rounded: the input, and the ends of chains that something reads."""
    modules = dict(traced.named_modules())
    nodes = [node for node in traced.graph.nodes if node.op != "output"]
    role = {node: _role(node, modules) for node in nodes}
    outputs = {arg for node in traced.graph.nodes if node.op == "output" for arg in node.all_input_nodes}
    place = {node: i for i, node in enumerate(nodes)}

    def sole(node: fx.Node) -> Any:
        readers = list(node.users)
        return readers[0] if len(readers) == 1 and node not in outputs else None

    def takes(node: fx.Node) -> bool:
        head = node.all_input_nodes[0] if role[node] == "norm" else None
        head = head if head is not None and role[head] == "product" and sole(head) is not None else node
        return role[head] == "norm" or (role[head] == "product" and not _is_linear(head, modules))

    def takes_add(node: fx.Node, other: fx.Node) -> bool:
        return takes(node) and not (takes(other) and sole(other) is not None and place[other] > place[node])

    within = _behind(nodes, role, set())
    behind = _behind(nodes, role, outputs)
    taken: set[fx.Node] = set()
    points = []
    for head in nodes:
        if head in taken or role[head] in ("constant", *_HANDS_ON):
            continue
        tail, last = head, head
        while role[head] in _EPILOGUE:
            following = sole(tail)
            if following is None or following not in role:
                break
            kind = role[following]
            operands = following.all_input_nodes
            joins = (
                (kind == "norm" and tail is head and role[head] == "product")
                or kind == "clamp"
                or kind == "pass"
                or (kind == "sum" and len(operands) == 2 and takes_add(tail, operands[1] if operands[0] is tail else operands[0]))
            )
            if not joins:
                break
            tail = following
            taken.add(tail)
            last = tail if kind != "pass" else last
        if not within[tail]:
            continue
        roles = behind[tail]
        real = any(one in _REAL for one in roles) and all(one in (*_REAL, *_EITHER) for one in roles)
        if role[head] == "input" or not real:
            points.append(last)
    return points


def _is_linear(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(modules[str(node.target)], nn.Linear)


def _behind(nodes: list[fx.Node], role: dict[fx.Node, str], outputs: set[fx.Node]) -> dict[fx.Node, set[str]]:
    found: dict[fx.Node, set[str]] = {node: {"product"} if node in outputs else set() for node in nodes}
    for node in reversed(nodes):
        roles = found[node] if role[node] in _HANDS_ON else {role[node]}
        for source in node.all_input_nodes:
            found[source] |= roles
    return found


def _groups(traced: fx.GraphModule, points: list[fx.Node]) -> list[list[fx.Node]]:
    """Joins the points whose values meet, directly or moved, in a concatenation."""
    modules = dict(traced.named_modules())
    group = {node: [node] for node in points}
    sources: dict[fx.Node, list[fx.Node]] = {}
    for node in traced.graph.nodes:
        if node in group:
            sources[node] = [node]
            continue
        moves = node.op != "output" and _role(node, modules) in _HANDS_ON
        sources[node] = [one for source in node.all_input_nodes for one in sources[source]] if moves else []
        for other in sources[node][1:]:
            into, out = group[sources[node][0]], group[other]
            if into is not out:
                into.extend(out)
                for one in out:
                    group[one] = into
    seen: list[list[fx.Node]] = []
    for node in points:
        if not any(group[node] is one for one in seen):
            seen.append(group[node])
    return seen
