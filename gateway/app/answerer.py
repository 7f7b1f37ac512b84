"""The answerer: `python -m gateway.app.answerer FD` finds answers in the log, when nobody else wants a processor.

It holds nothing but the files it reads and ends with whoever asks it.
"""

import signal
import socket
import sys
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

from gateway.app.apart import Question, Reply, framed, taken
from gateway.app.collector import freeze
from gateway.evaluation.priority import yield_to_others
from gateway.store.opening import Deadline
from gateway.store.reader import THREADS

_READ_BYTES: Final = 64 << 10


class Answerer:
    """Takes questions from a socket and lets threads answer them, each within its deadline."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._writing = threading.Lock()
        self._under_way: dict[int, Deadline] = {}
        self._threads = ThreadPoolExecutor(THREADS, "answers")

    def run(self) -> None:
        """Answer until nobody can ask any more."""
        heard = bytearray()
        with suppress(ConnectionResetError):
            while data := self._line.recv(_READ_BYTES):
                heard += data
                while (message := taken(heard)) is not None:
                    self._take(*message)
        for deadline in list(self._under_way.values()):
            deadline.call_off()

    def _take(self, number: int, question: Question[Any] | None) -> None:
        if question is not None:
            deadline = self._under_way[number] = Deadline(question.allowed_s)
            self._threads.submit(self._answer, number, question, deadline)
        elif (called_off := self._under_way.get(number)) is not None:
            called_off.call_off()

    def _answer(self, number: int, question: Question[Any], deadline: Deadline) -> None:
        found, error = None, None
        try:
            found = question.find(question.folder, deadline, *question.given)
        except Exception as raised:
            error = raised
            error.add_note("".join(traceback.format_exception(raised)))  # a traceback stays here, notes go along
        del self._under_way[number]
        with self._writing:
            self._line.sendall(_written(Reply(number, found, error)))


def _written(reply: Reply) -> bytes:
    try:
        data = framed(reply)
        if reply.error is not None:
            taken(bytearray(data))  # not every error can be made again
    except Exception as error:
        what = type(reply.found).__name__ if reply.error is None else f"{reply.error!r}"
        return framed(Reply(reply.number, None, RuntimeError(f"{what} cannot be told: {error!r}")))
    return data


def main() -> None:
    """Answer whoever has the other end of the socket."""
    yield_to_others()
    # Ctrl-C reaches every process of the terminal; whoever asks decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    freeze()
    Answerer(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
