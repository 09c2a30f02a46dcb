"""A HuggingFace GPT-2 as GGUF in f32, without a tokenizer: `llama_cpp_convert.py DIR`."""

import pathlib
import sys

import gguf
import numpy as np
from checkpoint import Checkpoint


def main(directory):
    model = Checkpoint(directory)
    out = gguf.GGUFWriter(pathlib.Path(directory) / "model.gguf", "gpt2")
    out.add_context_length(model.n_positions)
    out.add_embedding_length(model.n_embd)
    out.add_feed_forward_length(model.n_inner)
    out.add_block_count(model.n_layer)
    out.add_head_count(model.n_head)
    out.add_layer_norm_eps(model.epsilon)
    out.add_file_type(gguf.LlamaFileType.ALL_F32)
    out.add_tokenizer_model("no_vocab")
    out.add_vocab_size(model.vocab_size)

    def copy(to, name, transpose=False):
        x = model[name]
        # Conv1D is [in, out]; GGML multiplies by rows of outputs.
        out.add_tensor(to, np.ascontiguousarray(x.T) if transpose else x)

    copy("token_embd.weight", "wte.weight")
    copy("position_embd.weight", "wpe.weight")
    for i in range(model.n_layer):
        for to, module, projection in [
            ("attn_norm", "ln_1", False),
            ("attn_qkv", "attn.c_attn", True),
            ("attn_output", "attn.c_proj", True),
            ("ffn_norm", "ln_2", False),
            ("ffn_up", "mlp.c_fc", True),
            ("ffn_down", "mlp.c_proj", True),
        ]:
            copy(f"blk.{i}.{to}.weight", f"h.{i}.{module}.weight", projection)
            copy(f"blk.{i}.{to}.bias", f"h.{i}.{module}.bias")
    copy("output_norm.weight", "ln_f.weight")
    copy("output_norm.bias", "ln_f.bias")
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if __name__ == "__main__":
    main(sys.argv[1])
