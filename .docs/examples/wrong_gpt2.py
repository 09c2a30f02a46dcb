"""A GPT-2 in NumPy with mistakes in it, to see them found: python wrong_gpt2.py MODEL_DIR OUT.npz 1,2,3"""

import sys

import numpy as np
from safetensors.numpy import load_file

EPSILON = 1e-5


def layer_norm(x, gain, bias):
    # The first mistake: ddof=1 divides by N - 1.
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True, ddof=1) + EPSILON) * gain + bias


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def forward(w, ids, n_head, taps):
    def linear(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def norm(x, name):
        taps[name] = layer_norm(x, w[f"{name}.weight"], w[f"{name}.bias"])
        return taps[name]

    t = len(ids)
    x = taps["embed"] = w["wte.weight"][ids] + w["wpe.weight"][:t]
    n_layer = 1 + max(int(name.split(".")[1]) for name in w if name.startswith("h."))
    for h in (f"h.{i}" for i in range(n_layer)):
        q, k, v = (part.reshape(t, n_head, -1) for part in np.split(linear(norm(x, f"{h}.ln_1"), f"{h}.attn.c_attn"), 3, -1))
        taps[f"{h}.attn.q"], taps[f"{h}.attn.k"], taps[f"{h}.attn.v"] = q, k, v
        # The second mistake: the scale is 1 / head_dim, not 1 / sqrt(head_dim).
        scores = np.einsum("thd,shd->hts", q, k) / q.shape[-1]
        scores = taps[f"{h}.attn.scores"] = np.where(np.tri(t, dtype=bool), scores, -np.inf)
        weights = taps[f"{h}.attn.weights"] = softmax(scores)
        merged = np.einsum("hts,shd->thd", weights, v).reshape(t, -1)
        attn = taps[f"{h}.attn"] = linear(merged, f"{h}.attn.c_proj")
        x = x + attn
        mlp = taps[f"{h}.mlp"] = linear(gelu(linear(norm(x, f"{h}.ln_2"), f"{h}.mlp.c_fc")), f"{h}.mlp.c_proj")
        x = taps[h] = x + mlp
    taps["logits"] = norm(x, "ln_f") @ w["wte.weight"].T


if __name__ == "__main__":
    directory, out, ids = sys.argv[1], sys.argv[2], [int(i) for i in sys.argv[3].split(",")]
    weights = {name.removeprefix("transformer."): w for name, w in load_file(f"{directory}/model.safetensors").items()}
    taps = {"ids": np.array(ids)}
    forward(weights, ids, 4, taps)
    np.savez_compressed(out, **taps)
