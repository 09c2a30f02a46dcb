"""ONNX Runtime on the graph of `onnxruntime_convert.py`, its cache bound in place."""

import json
import pathlib

from protocol import Engine, serve


def load(directory, threads):
    import numpy as np
    import onnxruntime as ort

    directory = pathlib.Path(directory)
    config = json.loads((directory / "config.json").read_text())
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    providers = ["CPUExecutionProvider"]
    session = ort.InferenceSession(directory / "model.onnx", options, providers=providers)
    n_head, n_positions = config["n_head"], config["n_positions"]
    shape = (1, n_head, n_positions, config["n_embd"] // n_head)
    stores = {
        f"{kind}.{i}": ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        for i in range(config["n_layer"])
        for kind in ("k", "v")
    }

    class OnnxRuntime(Engine):
        def start(self, tokens):
            self.past = 0
            return self.forward(tokens)

        def step(self, token):
            return self.forward([token])

        def forward(self, tokens):
            total = self.past + len(tokens)
            run = session.io_binding()
            run.bind_cpu_input("ids", np.array([tokens]))
            run.bind_cpu_input("positions", np.arange(self.past, total)[None])
            run.bind_cpu_input("last", np.array([total - 1], np.int32))
            run.bind_cpu_input("total", np.array(total, np.int32))
            for name, store in stores.items():
                run.bind_ortvalue_input(f"past_{name}", store)
                run.bind_ortvalue_output(f"present_{name}", store)
            run.bind_output("logits")
            session.run_with_iobinding(run)
            self.past = total
            return run.get_outputs()[-1].numpy()[0]

    return ort.__version__, OnnxRuntime()


if __name__ == "__main__":
    serve("ONNX Runtime", load)
