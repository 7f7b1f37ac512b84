"""The demo's agent, with the real SDKs: here straight at the model, which speaks all three APIs itself."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from gateway.cli import demo, demo_calls
from gateway.cli.demo_calls import Agent, run
from gateway.cli.demo_model import MODEL, LocalModel


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    """A running model."""
    running = LocalModel.start(tmp_path_factory.mktemp("model") / "model.log")
    yield running
    running.stop()


@pytest.fixture
def agent(model: LocalModel) -> Iterator[Agent]:
    """An agent whose base_url is the model itself."""
    made = Agent(model.url, "any", MODEL)
    yield made
    made.openai.close()
    made.anthropic.close()


def test_every_call_gets_an_answer(agent: Agent) -> None:
    """Both SDKs, streamed and not, print what the model says and report no failure."""
    screen = io.StringIO()

    assert [] == run(agent, Console(file=screen, width=200))
    text = screen.getvalue()
    assert len(demo_calls.CALLS) == text.count(" piece")
    assert "(0 pieces)" not in text


def test_streams_come_in_pieces(agent: Agent) -> None:
    """A streamed answer is shown as it comes, not at its end."""
    assert len(list(agent.chat_streamed())) > 3
    assert len(list(agent.messages_streamed())) > 3
    assert len(list(agent.responses_streamed())) > 3


def test_failures_are_reported_by_call() -> None:
    """What an SDK raises becomes one line that names the call; the others are still tried."""
    nobody = Agent("http://127.0.0.1:9", "any", MODEL)

    failures = run(nobody, Console(file=io.StringIO()))

    nobody.openai.close()
    nobody.anthropic.close()
    assert len(demo_calls.CALLS) == len(failures)
    assert failures[0].startswith("openai chat.completions: ")


def test_demo_expects_as_many_rows_as_calls_are_made() -> None:
    """The check of the log counts with the number of calls; the two lists live in different processes."""
    assert demo.CALL_COUNT == len(demo_calls.CALLS)
