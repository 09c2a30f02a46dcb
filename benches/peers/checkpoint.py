"""What the converters read: a HuggingFace GPT-2 directory as NumPy arrays."""

import json
import pathlib

from safetensors.numpy import load_file


class Checkpoint:
    def __init__(self, directory):
        directory = pathlib.Path(directory)
        self.config = json.loads((directory / "config.json").read_text())
        if self.config["activation_function"] != "gelu_new":
            raise ValueError(f"activation {self.config['activation_function']}, expected gelu_new")
        tensors = load_file(directory / "model.safetensors")
        self.tensors = {name.removeprefix("transformer."): x for name, x in tensors.items()}
        self.n_layer = self.config["n_layer"]
        self.n_head = self.config["n_head"]
        self.n_embd = self.config["n_embd"]
        self.n_inner = self.config["n_inner"] or 4 * self.n_embd
        self.n_positions = self.config["n_positions"]
        self.vocab_size = self.config["vocab_size"]
        self.epsilon = self.config["layer_norm_epsilon"]

    def __getitem__(self, name):
        return self.tensors[name]
