"""What does importing a plugin take and touch? Run as a process of its own: `python -m … MODULE-OR-FILE`."""

import importlib
import importlib.util
import sys
import time
from typing import Any, Final

import msgspec

import gateway.evaluation.api

# Python tells of these before they happen, whoever asks for them.
TOUCHED: Final = {
    "socket.connect": "opens a connection",
    "socket.bind": "opens a port",
    "socket.sendto": "sends to the network",
    "socket.getaddrinfo": "looks a name up in the network",
    "subprocess.Popen": "starts a program",
    "os.system": "starts a program",
    "os.posix_spawn": "starts a program",
    "os.exec": "starts a program",
    "os.fork": "makes a process",
}
NETWORK: Final = frozenset(name for name in TOUCHED if name.startswith("socket."))


class Imported(msgspec.Struct):
    """What was seen: seconds of CPU, and what of TOUCHED."""

    cpu_s: float
    touched: list[str]


def main(module: str) -> None:
    """Import it and print what was seen. What every plugin imports anyway does not count."""
    touched: set[str] = set()

    def see(event: str, _: tuple[Any, ...]) -> None:
        if event in TOUCHED:
            touched.add(event)

    sys.addaudithook(see)
    start = time.process_time()
    if module.endswith(".py"):
        spec = importlib.util.spec_from_file_location("probed_plugin", module)
        assert spec is not None and spec.loader is not None  # noqa: S101 - of a path that ends in .py
        sys.modules["probed_plugin"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["probed_plugin"])
    else:
        importlib.import_module(module)
    took = time.process_time() - start
    print("\n" + msgspec.json.encode(Imported(took, sorted(touched))).decode())


if __name__ == "__main__":
    assert gateway.evaluation.api.API_VERSION  # noqa: S101 - imported before, so that its time does not count
    main(sys.argv[1])
