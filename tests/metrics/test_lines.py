"""Lines are what prometheus-client itself would write, and what it reads back."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from gateway.metrics import catalogue
from gateway.metrics.lines import Pen

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)


@given(TEXT, TEXT, st.integers(0, 2**53))
def test_any_label_is_read_back(budget: str, percent: str, value: int) -> None:
    """Quotes, backslashes, line ends and every script."""
    for pen, parse, end in ((Pen(openmetrics=False), plain, ""), (Pen(openmetrics=True), openmetrics, "# EOF\n")):
        metric, labels = catalogue.THRESHOLDS, (budget, percent)
        text = pen.head(metric) + pen.total(metric, labels, {"": value}, lambda _: None) + end
        (family,) = parse(text)
        (sample,) = family.samples

        assert (metric.exported, {"budget": budget, "percent": percent}) == (sample.name, sample.labels)
        assert value == sample.value


def test_a_histogram_without_labels() -> None:
    """Buckets hold what is below them; seconds come from microseconds."""
    pen = Pen(openmetrics=False)
    parts = {"0.05": 2, "1.0": 1, "sum": 1_500_000}
    lines = pen.total(catalogue.APPLY, (), parts, lambda _: None).splitlines()

    assert 'tollway_recorder_apply_seconds_bucket{le="0.05"} 2.0' == lines[0]
    assert 'tollway_recorder_apply_seconds_bucket{le="+Inf"} 3.0' == lines[-3]
    assert ["tollway_recorder_apply_seconds_count 3.0", "tollway_recorder_apply_seconds_sum 1.5"] == lines[-2:]


def test_heads_differ_by_format() -> None:
    """OpenMetrics names a counter's family without its suffix."""
    heads = [Pen(openmetrics=flag).head(catalogue.JOBS).splitlines()[1] for flag in (False, True)]

    assert ["# TYPE tollway_jobs_total counter", "# TYPE tollway_jobs counter"] == heads
