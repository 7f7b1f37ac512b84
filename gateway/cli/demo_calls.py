"""What an agent does: completions through the gateway with the real openai and anthropic SDKs, printed as they come.

Runs in a process of its own, as an agent would: `python -m gateway.cli.demo_calls`, told where by the environment.
"""

import os
import sys
from collections.abc import Callable, Iterator

from anthropic import Anthropic, AnthropicError
from openai import OpenAI, OpenAIError
from rich.console import Console

QUESTION = "In one sentence: what is a toll road?"
SYSTEM = "You answer briefly."
MAX_OUTPUT_TOKENS = 40
SESSION = {"x-tollway-session": "first-steps"}
URL_VARIABLE = "TOLLWAY_DEMO_URL"
KEY_VARIABLE = "TOLLWAY_DEMO_KEY"
MODEL_VARIABLE = "TOLLWAY_DEMO_MODEL"


class Agent:
    """Two SDK clients whose base_url is the gateway. They say which session they are of; nothing else is special."""

    def __init__(self, url: str, key: str, model: str) -> None:
        # A person's own environment must not reach the demo: headers, organisations, log-ins.
        self.model = model
        self.openai = OpenAI(base_url=f"{url}/v1", api_key=key, default_headers=SESSION, max_retries=0, timeout=120)
        self.anthropic = Anthropic(base_url=url, api_key=key, default_headers=SESSION, max_retries=0, timeout=120)

    def chat(self) -> Iterator[str]:
        """Ask with the Chat Completions API, in one answer."""
        answer = self.openai.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
            max_tokens=MAX_OUTPUT_TOKENS,
        )
        yield answer.choices[0].message.content or ""

    def chat_streamed(self) -> Iterator[str]:
        """Ask with the Chat Completions API, streamed."""
        stream = self.openai.chat.completions.create(
            model=self.model,
            messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}],
            max_tokens=MAX_OUTPUT_TOKENS,
            stream=True,
        )
        for chunk in stream:
            for choice in chunk.choices:
                yield choice.delta.content or ""

    def responses_streamed(self) -> Iterator[str]:
        """Ask with the Responses API, streamed."""
        stream = self.openai.responses.create(
            model=self.model, instructions=SYSTEM, input=QUESTION, max_output_tokens=MAX_OUTPUT_TOKENS, stream=True
        )
        for event in stream:
            if event.type == "response.output_text.delta":
                yield event.delta

    def messages(self) -> Iterator[str]:
        """Ask with the Messages API, in one answer."""
        answer = self.anthropic.messages.create(
            model=self.model,
            system=SYSTEM,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=MAX_OUTPUT_TOKENS,
        )
        yield from (block.text for block in answer.content if block.type == "text")

    def messages_streamed(self) -> Iterator[str]:
        """Ask with the Messages API, streamed."""
        with self.anthropic.messages.stream(
            model=self.model,
            system=SYSTEM,
            messages=[{"role": "user", "content": QUESTION}],
            max_tokens=MAX_OUTPUT_TOKENS,
        ) as stream:
            yield from stream.text_stream


CALLS: tuple[tuple[str, Callable[[Agent], Iterator[str]]], ...] = (
    ("openai     chat.completions", Agent.chat),
    ("openai     chat.completions, streamed", Agent.chat_streamed),
    ("openai     responses, streamed", Agent.responses_streamed),
    ("anthropic  messages", Agent.messages),
    ("anthropic  messages, streamed", Agent.messages_streamed),
)


def run(agent: Agent, console: Console) -> list[str]:
    """Make every call, printing its pieces as they come; return what went wrong, one line each."""
    failures = []
    for title, call in CALLS:
        console.print(f"  [cyan]{title}[/]")
        console.print("    ", end="")
        pieces = 0
        try:
            for piece in call(agent):
                console.print(piece.replace("\n", " "), end="", markup=False, highlight=False, soft_wrap=True)
                pieces += bool(piece)
        except (OpenAIError, AnthropicError) as error:
            failures.append(f"{' '.join(title.split())}: {error}")
        console.print(f"  [dim]({pieces} piece{'s' * (pieces != 1)})[/]")
        if not pieces and not failures:
            failures.append(f"{' '.join(title.split())}: the answer was empty")
    return failures


def main() -> None:
    """Make the calls that the environment describes; exit 1 with the reasons when one failed."""
    agent = Agent(os.environ[URL_VARIABLE], os.environ[KEY_VARIABLE], os.environ[MODEL_VARIABLE])
    failures = run(agent, Console())
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
