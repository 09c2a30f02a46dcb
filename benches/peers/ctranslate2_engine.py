"""CTranslate2's generator in f32. Its cache is its own: a decode is timed between the tokens that
it reports, the first of which ends the prompt."""

import pathlib
import time

from protocol import Engine, serve


def load(directory, threads):
    import ctranslate2
    import numpy as np

    path = str(pathlib.Path(directory) / "ctranslate2")
    generator = ctranslate2.Generator(path, compute_type="float32", intra_threads=threads)

    class CTranslate2(Engine):
        def generate(self, tokens, n):
            times, generated = [], []

            def on_token(step):
                times.append(time.perf_counter())
                generated.append(step.token_id)
                return False

            begin = time.perf_counter()
            generator.generate_batch(
                [[str(token) for token in tokens]],
                max_length=n,
                include_prompt_in_result=False,
                end_token=[],
                callback=on_token,
            )
            if len(generated) != n:
                raise RuntimeError(f"{len(generated)} tokens, expected {n}")
            return [t - begin for t in times], generated

        def prefill(self, tokens):
            times, generated = self.generate(tokens, 1)
            return {"seconds": times[0], "token": generated[0]}

        def decode(self, tokens, n):
            times, generated = self.generate(tokens, n + 1)
            return {"seconds": times[-1] - times[0], "tokens": generated}

        def logits(self, tokens):
            out = generator.forward_batch([[str(t) for t in tokens]], return_log_probs=False)
            return {"logits": np.asarray(out)[0, -1].tolist()}

    return ctranslate2.__version__, CTranslate2()


if __name__ == "__main__":
    serve("CTranslate2", load)
