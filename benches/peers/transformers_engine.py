"""HuggingFace transformers on PyTorch, as it comes: SDPA attention, a dynamic cache."""

from protocol import Engine, serve


def load(directory, threads):
    import torch
    import transformers

    torch.set_num_threads(threads)
    model = transformers.GPT2LMHeadModel.from_pretrained(directory, dtype=torch.float32).eval()

    class Transformers(Engine):
        @torch.inference_mode()
        def start(self, tokens):
            self.past = None
            return self.forward(tokens)

        @torch.inference_mode()
        def step(self, token):
            return self.forward([token])

        def forward(self, tokens):
            ids = torch.tensor([tokens])
            out = model(ids, past_key_values=self.past, use_cache=True, logits_to_keep=1)
            self.past = out.past_key_values
            return out.logits[0, -1]

    return f"{transformers.__version__} / torch {torch.__version__}", Transformers()


if __name__ == "__main__":
    serve("transformers", load)
