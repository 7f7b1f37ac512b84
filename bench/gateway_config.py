"""Write a config directory for measuring Tollway with everything that is built switched on.

    python bench/gateway_config.py DIR [--upstream URL] [--ca-file PEM] [--workers N] ...

One team with one key; usage metered, metrics counted, full bodies recorded, three budgets and two limits on every
request: nothing is off for the figure's sake.
"""

import argparse
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

KEY = "sk-bench"
MODEL = "gpt-4o-mini"

SERVER = """\
[server]
listen = "{listen}"
admin = "{admin}"
workers = {workers}
data_dir = "{data_dir}"

[providers.bench]
dialect = "openai"
base_url = "{upstream}"
api_keys = ["file:{key_file}"]
models = ["{model}"]
"""

TEAM = """\
name = "bench"

[[keys]]
name = "load"
sha256 = "{digest}"

[logging]
bodies = "full"

[[budgets]]
name = "daily"
limit_usd = "100000"
window = "day"
timezone = "Europe/Paris"

[[budgets]]
name = "month"
limit_usd = "1000000"
window = "month"
per = ["key"]

[[budgets]]
name = "loop"
limit_requests = 1_000_000_000
window = "rolling:5h"

[[limits]]
requests_per_minute = 1_000_000_000

[[limits]]
tokens_per_minute = 100_000_000_000
"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What differs between two measured gateways; the defaults suit a provider on port 9001."""

    upstream: str = "http://127.0.0.1:9001/v1"
    listen: str = "127.0.0.1:8080"
    admin: str = "127.0.0.1:8081"
    workers: int = 1
    ca_file: Path | None = None


def write(folder: Path, setup: Setup) -> Path:
    """Write config.toml, teams/bench.toml and the provider's key into `folder`; return the path of config.toml."""
    folder = folder.resolve()
    (folder / "teams").mkdir(parents=True, exist_ok=True)
    key_file = folder / "provider.key"
    key_file.write_text("sk-upstream\n")
    text = SERVER.format(
        listen=setup.listen,
        admin=setup.admin,
        workers=setup.workers,
        data_dir=folder / "data",
        upstream=setup.upstream,
        key_file=key_file,
        model=MODEL,
    )
    if setup.ca_file is not None:
        text += f'ca_file = "{setup.ca_file.resolve()}"\n'
    config = folder / "config.toml"
    config.write_text(text)
    (folder / "teams" / "bench.toml").write_text(TEAM.format(digest=sha256(KEY.encode()).hexdigest()))
    return config


def main() -> None:
    """Write the directory and print how to use it."""
    usual = Setup()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--upstream", default=usual.upstream, help="base_url of the provider (default: %(default)s)")
    parser.add_argument("--listen", default=usual.listen)
    parser.add_argument("--admin", default=usual.admin)
    parser.add_argument("--workers", type=int, default=usual.workers)
    parser.add_argument("--ca-file", type=Path, help="PEM file that an https upstream is verified against")
    arguments = parser.parse_args()
    setup = Setup(arguments.upstream, arguments.listen, arguments.admin, arguments.workers, arguments.ca_file)
    config = write(arguments.folder, setup)
    print(f"python -m gateway serve --config {config}   # key {KEY}, model {MODEL}")


if __name__ == "__main__":
    main()
