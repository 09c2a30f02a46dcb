"""A HuggingFace GPT-2 as an ONNX graph in f32: `onnxruntime_convert.py DIR`.

Written with ONNX Runtime's own fused operators, GroupQueryAttention (whose cache stays where it is)
and FastGelu, because an exported graph concatenates the cache at every step.
"""

import pathlib
import sys

import numpy as np
import onnx
from checkpoint import Checkpoint
from onnx import TensorProto, helper, numpy_helper

MS = "com.microsoft"


class Graph:
    def __init__(self, model):
        self.model, self.nodes, self.weights = model, [], []

    def weight(self, name):
        self.weights.append(numpy_helper.from_array(self.model[name], name))
        return name

    def add(self, op, inputs, outputs=1, **attributes):
        stem = f"{op}_{len(self.nodes)}"
        outputs = [stem] if outputs == 1 else outputs
        self.nodes.append(helper.make_node(op, inputs, outputs, name=stem, **attributes))
        return outputs[0]

    def norm(self, x, module):
        inputs = [x, self.weight(f"{module}.weight"), self.weight(f"{module}.bias")]
        return self.add("LayerNormalization", inputs, axis=-1, epsilon=self.model.epsilon)

    def linear(self, x, module, bias=True):
        y = self.add("MatMul", [x, self.weight(f"{module}.weight")])
        return self.add("Add", [y, self.weight(f"{module}.bias")]) if bias else y

    def block(self, x, i):
        qkv = self.linear(self.norm(x, f"h.{i}.ln_1"), f"h.{i}.attn.c_attn")
        heads = self.model.n_head
        attended = self.add(
            "GroupQueryAttention",
            [qkv, "", "", f"past_k.{i}", f"past_v.{i}", "last", "total"],
            [f"attended.{i}", f"present_k.{i}", f"present_v.{i}"],
            domain=MS, num_heads=heads, kv_num_heads=heads,
        )
        x = self.add("Add", [x, self.linear(attended, f"h.{i}.attn.c_proj")])
        hidden = self.linear(self.norm(x, f"h.{i}.ln_2"), f"h.{i}.mlp.c_fc", bias=False)
        bias = self.weight(f"h.{i}.mlp.c_fc.bias")
        hidden = self.add("FastGelu", [hidden, bias], domain=MS)
        return self.add("Add", [x, self.linear(hidden, f"h.{i}.mlp.c_proj")])

    def logits(self, x):
        self.weights.append(numpy_helper.from_array(np.array([-1]), "end"))
        last = self.add("Gather", [self.norm(x, "ln_f"), "end"], axis=1)
        self.weights.append(numpy_helper.from_array(np.array([1, -1]), "row"))
        self.add("Gemm", [self.add("Reshape", [last, "row"]), "wte.weight"], ["logits"], transB=1)


def main(directory):
    model = Checkpoint(directory)
    graph = Graph(model)
    tokens = graph.add("Gather", [graph.weight("wte.weight"), "ids"])
    positions = graph.add("Gather", [graph.weight("wpe.weight"), "positions"])
    x = graph.add("Add", [tokens, positions])
    for i in range(model.n_layer):
        x = graph.block(x, i)
    graph.logits(x)

    value, f32 = helper.make_tensor_value_info, TensorProto.FLOAT
    shape = [1, model.n_head, model.n_positions, model.n_embd // model.n_head]
    stores = [f"{kind}.{i}" for i in range(model.n_layer) for kind in ("k", "v")]
    inputs = [value(name, TensorProto.INT64, [1, "T"]) for name in ("ids", "positions")]
    # GroupQueryAttention counts from the last position, and wants the total beside it.
    inputs += [value("last", TensorProto.INT32, [1]), value("total", TensorProto.INT32, [])]
    inputs += [value(f"past_{store}", f32, shape) for store in stores]
    outputs = [value("logits", f32, [1, model.vocab_size])]
    outputs += [value(f"present_{store}", f32, shape) for store in stores]
    made = helper.make_graph(graph.nodes, "gpt2", inputs, outputs, graph.weights)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)]
    path = pathlib.Path(directory) / "model.onnx"
    (path.parent / "model.onnx.data").unlink(missing_ok=True)
    onnx.save(
        helper.make_model(made, opset_imports=opsets, ir_version=10),
        path, save_as_external_data=True, location="model.onnx.data",
    )


if __name__ == "__main__":
    main(sys.argv[1])
