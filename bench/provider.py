"""The provider that every contender stands in front of: provider.c, compiled on the spot, plain or over TLS."""

import http.client
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench.processes import stop

SOURCE = Path(__file__).with_name("provider.c")


class Missing(Exception):
    """Something is not installed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate for 127.0.0.1 and the authority that signed it."""

    authority: Path
    certificate: Path
    key: Path


class Provider:
    """The running provider."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, certificate: Certificate | None) -> None:
        self._process = process
        self.port = port
        self.certificate = certificate

    @property
    def url(self) -> str:
        """The base URL, without a version."""
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}"

    @classmethod
    def start(cls, folder: Path, *, tls: bool) -> "Provider":
        """Compile and start it. Raises Missing."""
        certificate = make_certificate(folder) if tls else None
        port = free_port()
        words = [str(compiled(folder, tls=tls)), str(port)]
        if certificate:
            words += [str(certificate.certificate), str(certificate.key)]
        provider = cls(subprocess.Popen(words, process_group=0), port, certificate)
        for _ in range(50):
            try:
                provider.set_interval_ms(0)
            except OSError:
                time.sleep(0.1)
                continue
            return provider
        provider.stop()
        raise Missing("the provider does not answer")

    def set_interval_ms(self, interval_ms: int) -> None:
        """Set the time between two events of the streams that follow."""
        if self.certificate:
            context = ssl.create_default_context(cafile=str(self.certificate.authority))
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, context=context
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection.request("POST", f"/-/interval/{interval_ms}")
        connection.getresponse().read()
        connection.close()

    def stop(self) -> None:
        """End it."""
        stop(self._process)


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def compiled(folder: Path, *, tls: bool) -> Path:
    """Compile provider.c into `folder`. Raises Missing."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise Missing("no C compiler: apt-get install gcc libc6-dev")
    binary = folder / ("provider-tls" if tls else "provider")
    extra = ["-DTLS", "-lssl", "-lcrypto"] if tls else []
    done = subprocess.run(
        [compiler, "-O2", "-o", str(binary), str(SOURCE), *extra], capture_output=True, text=True, check=False
    )
    if done.returncode:
        hint = "\nFor TLS: apt-get install libssl-dev" if tls else ""
        raise Missing(f"{SOURCE.name} does not compile:\n{done.stderr}{hint}")
    return binary


def make_certificate(folder: Path) -> Certificate:
    """Make an authority, and a certificate of it for 127.0.0.1, with the openssl command. Raises Missing."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise Missing("no openssl command: apt-get install openssl")
    made = Certificate(folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    authority = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    leaf = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"]
    signed_by = ["-CA", str(made.authority), "-CAkey", str(folder / "ca-key.pem")]
    commands = (
        [
            *curve,
            *authority,
            "-subj",
            "/CN=bench CA",
            "-keyout",
            str(folder / "ca-key.pem"),
            "-out",
            str(made.authority),
        ],
        [*curve, *leaf, *signed_by, "-subj", "/CN=127.0.0.1", "-keyout", str(made.key), "-out", str(made.certificate)],
    )
    for words in commands:
        done = subprocess.run([openssl, "req", "-x509", *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"openssl could not make a certificate:\n{done.stderr}")
    return made
