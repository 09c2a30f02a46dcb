"""llama.cpp by its C interface: weights and cache in f32, the rest as it comes."""

import ctypes
import pathlib

from protocol import Engine, serve


def load(directory, threads):
    import llama_cpp as llama
    import numpy as np

    silent = llama.llama_log_callback(lambda level, text, data: None)
    llama.llama_log_set(silent, ctypes.c_void_p(0))
    llama.llama_backend_init()
    path = str(pathlib.Path(directory) / "model.gguf").encode()
    model = llama.llama_model_load_from_file(path, llama.llama_model_default_params())
    if not model:
        raise RuntimeError("llama.cpp refuses the model")
    n_positions = llama.llama_model_n_ctx_train(model)
    vocab_size = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    params = llama.llama_context_default_params()
    params.n_ctx = n_positions
    params.n_batch = n_positions
    params.n_threads = params.n_threads_batch = threads
    params.type_k = params.type_v = llama.GGML_TYPE_F32
    context = llama.llama_init_from_model(model, params)
    if not context:
        raise RuntimeError("llama.cpp makes no context")

    class LlamaCpp(Engine):
        keep = silent

        def start(self, tokens):
            llama.llama_memory_clear(llama.llama_get_memory(context), False)
            return self.forward(tokens)

        def step(self, token):
            return self.forward([token])

        def forward(self, tokens):
            ids = (llama.llama_token * len(tokens))(*tokens)
            status = llama.llama_decode(context, llama.llama_batch_get_one(ids, len(tokens)))
            if status != 0:
                raise RuntimeError(f"llama_decode: {status}")
            logits = llama.llama_get_logits_ith(context, -1)
            return np.ctypeslib.as_array(logits, (vocab_size,))

    return f"llama-cpp-python {llama.__version__}", LlamaCpp()


if __name__ == "__main__":
    serve("llama.cpp", load)
