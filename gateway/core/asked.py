"""What a request may make a provider do: all that its body tells about its price, in no dialect's words."""

import msgspec


class Asked(msgspec.Struct, kw_only=True):
    """What was read of a request body by its dialect's reader, for an upper bound of what the answer can cost.

    `body_bytes`: the body; `text_bytes`: of it what can become text, which is all but pictures that stand in it.
    `framed`: messages and functions, each of which the provider frames. `kits`: tools that the provider describes to
    the model itself. `images`: pictures in the body.
    `elsewhere`: names what the model reads and the body does not hold ("" where there is nothing).
    `max_output_tokens`: for each of `choices`. `least_output_tokens`: a smaller maximum makes no valid request.
    `steps`: how often the model may read everything, as it calls `searches` and `file_searches` at most.
    `cache`: how long what is read may be cached at the caller's wish: "" | 5m | 1h.
    `service_tier`, `speed`, `geo`: what the request says of its price class. `text_only_answer`: no sound or pictures
    can come back. `writes`: the model writes something at all.
    `free`: such a call costs nothing. `unbounded`: why no bound can be given, "" where one can.
    """

    dialect: str
    endpoint: str
    body_bytes: int
    text_bytes: int
    framed: int = 0
    kits: int = 0
    images: int = 0
    elsewhere: str = ""
    max_output_tokens: int | None = None
    least_output_tokens: int = 1
    choices: int = 1
    steps: int = 1
    searches: int = 0
    file_searches: int = 0
    cache: str = ""
    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None
    text_only_answer: bool = True
    writes: bool = True
    free: bool = False
    unbounded: str = ""

    @property
    def text_only(self) -> bool:
        """Whether all that the model reads is text that stands in the body."""
        return not self.images and not self.elsewhere and self.steps == 1
