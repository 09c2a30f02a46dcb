"""The protocol of every engine, on standard input and output, one JSON object per line.

    ENGINE --model DIR --threads N

    <- {"ready": true, "engine": ..., "version": ...}
    -> {"task": "prefill", "tokens": [...]}
    <- {"seconds": ..., "token": ...}          the prompt in, the most likely next token out
    -> {"task": "decode", "tokens": [...], "n": N}
    <- {"seconds": ..., "tokens": [...]}       N greedy steps after the prompt, which is not timed;
                                               the tokens are N + 1, the prompt's own first
    -> {"task": "logits", "tokens": [...]}
    <- {"logits": [...]}                       of the last position
"""

import argparse
import json
import sys
import time


class Engine:
    """An engine says how a sequence starts and how it goes on. Both give the logits of the last
    position in whatever form the engine has them, of which `argmax` gives a token."""

    def start(self, tokens):
        """Forget what came before, take a prompt."""
        raise NotImplementedError

    def step(self, token):
        """Take one more token."""
        raise NotImplementedError

    def argmax(self, logits):
        return int(logits.argmax())

    def prefill(self, tokens):
        begin = time.perf_counter()
        token = self.argmax(self.start(tokens))
        return {"seconds": time.perf_counter() - begin, "token": token}

    def decode(self, tokens, n):
        generated = [self.argmax(self.start(tokens))]
        begin = time.perf_counter()
        for _ in range(n):
            generated.append(self.argmax(self.step(generated[-1])))
        return {"seconds": time.perf_counter() - begin, "tokens": generated}

    def logits(self, tokens):
        return {"logits": [float(x) for x in self.start(tokens)]}


def serve(name, load):
    """`load(directory, threads)` gives the version and the engine; it also does the imports, which
    are part of the time to the first token."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    args = parser.parse_args()
    version, engine = load(args.model, args.threads)
    reply = {"ready": True, "engine": name, "version": version}
    while True:
        print(json.dumps(reply), flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        request = json.loads(line)
        task = getattr(engine, request.pop("task"))
        reply = task(**request)
