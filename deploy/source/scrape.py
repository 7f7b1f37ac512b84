"""How does Prometheus find Tollway, and what does it refuse to take?"""

from collections.abc import Sequence

JOB = "tollway"

# A value beyond one of these fails the whole scrape. Tollway's own bounds on series lie below: they fold into `other`.
GUARDS = {
    "sample_limit": "20000",
    "label_limit": "20",
    "label_name_length_limit": "64",
    "label_value_length_limit": "200",
    "body_size_limit": "10MB",
}

_TEXT = """\
# Prometheus for Tollway. Written by `python -m deploy.generate`; what you change is where your hosts are.
#   prometheus --config.file=deploy/prometheus/prometheus.yml --enable-feature=exemplar-storage
# The feature keeps the id of one exchange for each bucket of a histogram: it leads from a graph to an exchange.

global:
  scrape_interval: {interval}
  evaluation_interval: {interval}

rule_files:
{rule_files}

# alerting:
#   alertmanagers:
#     - static_configs: [{{targets: ["127.0.0.1:9093"]}}]

scrape_configs:
  - job_name: {job}  # rules and dashboards ask for this name
    static_configs:
      - targets:  # the admin port of every host, never a load balancer before them
{targets}
          # - "gateway-2.internal:8081"
    # With [server] admin_token or metrics_token in config.toml:
    # authorization:
    #   credentials_file: /etc/prometheus/tollway-token
{guards}
"""


def configuration(targets: Sequence[str], rule_files: Sequence[str], interval: str = "15s") -> str:
    """Write prometheus.yml."""
    return _TEXT.format(
        interval=interval,
        job=JOB,
        rule_files="\n".join(f"  - {path}" for path in rule_files),
        targets="\n".join(f'          - "{target}"' for target in targets),
        guards="\n".join(f"    {name}: {limit}" for name, limit in GUARDS.items()),
    )
