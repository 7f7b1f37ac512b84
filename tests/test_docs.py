"""The documents are true: what can be set, called, counted or refused is described, and links lead somewhere."""

import re
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest
import typer
from pydantic import BaseModel

from gateway.cli.main import app
from gateway.config.budgets import compile_budgets
from gateway.config.compile import snapshot
from gateway.config.idle import idle
from gateway.config.load import parse
from gateway.config.model import Budget, Company, PriceKind, Team
from gateway.config.values import NotBuilt
from gateway.core.errors import REFUSALS
from gateway.core.record import JOB_STATES, OUTCOMES, PRICE_SOURCES, USAGE_SOURCES, Attempt, Hold, Job, Record
from gateway.core.usage import TOKEN_TYPES, Usage
from gateway.metrics.catalogue import CATALOGUE, COUNTER

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
COMPANY_EXAMPLE = ROOT / "config.example.toml"
TEAM_EXAMPLE = ROOT / "team.example.toml"
TEXTS = [
    *DOCUMENTS,
    COMPANY_EXAMPLE,
    TEAM_EXAMPLE,
    ROOT / "Makefile",
    *sorted((ROOT / "gateway").rglob("*.py")),
    *sorted((ROOT / "bench").glob("*.[pcl]*")),
]

# Traces of a workplace, not of the project. Written so that this file does not hold them itself.
FORBIDDEN = [
    re.compile(text)
    for text in (
        r"/wor[k]/",
        r"shared/desig[n]",
        r"\b(?:wir[e]|reliabilit[y]|feasibilit[y]|desig[n])\.md\b",
        r"/tmp/pla[n]",
    )
]
# Settings that have a document of their own, besides configuration.md.
IN_BUDGETS = ("budgets.", "limits.", "models.NAME.")
# What a team's file says holds for that team alone: there these are errors.
COMPANY_ONLY = {"budgets.scope.team", "limits.scope.team"}
NO_DEFAULT = {"admin_token", "metrics_token", "tls_cert", "tls_key"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def document(name: str) -> str:
    """Return the text of a document below docs/."""
    return (DOCS / name).read_text()


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, annotation) of every setting, nested tables included; lists and names become one level."""
    for name, field in model.model_fields.items():
        inner = next(nested_models(field.annotation), None)
        if inner is None:
            yield prefix + name, (field.annotation, *field.metadata)
        else:
            yield from settings(inner, f"{prefix}{name}.")
    for inner in nested_models(get_type_hints(model, include_extras=True).get("__pydantic_extra__")):
        yield from settings(inner, f"{prefix}NAME.")


def nested_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the tables inside an annotation such as dict[Name, Provider]."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, dict, Union, UnionType) or hasattr(annotation, "__metadata__"):
        for argument in get_args(annotation):
            yield from nested_models(argument)


def is_built(annotation: Any) -> bool:
    """Tell whether a setting works in this version."""
    (_, marker) = get_args(NotBuilt)
    return marker not in annotation


def built(model: type[BaseModel]) -> list[str]:
    """Return the names of the settings that work."""
    return [name for name, annotation in settings(model) if is_built(annotation)]


def commands(group: Any, words: str = "tollway") -> Iterator[str]:
    """Yield every command that --help shows."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield f"{words} {name}"
            yield from commands(command, f"{words} {name}")
        elif not command.hidden:
            yield f"{words} {name}"


def quoted_words(text: str) -> set[str]:
    """Return the words that stand between backticks."""
    return {word for quoted in re.findall(r"`([^`]*)`", text) for word in re.findall(r"\w+", quoted)}


def uncommented(example: Path) -> str:
    """Return an example with every setting switched on: `#name = …` is one, `# text` is prose."""
    return re.sub(r"(?m)^#(?=[\w\[])", "", example.read_text())


def is_in_example(name: str, example: Path) -> bool:
    """Tell whether a setting stands in an example, on a line of its own or inside a table on one line."""
    last = name.rpartition(".")[2]
    return re.search(rf"(?m)^\s*#?{last} = |[{{ ,]{last} = ", example.read_text()) is not None


def is_documented(name: str) -> bool:
    """Tell whether a setting stands in its document."""
    last = name.rpartition(".")[2]
    return last in quoted_words(document("budgets.md" if name.startswith(IN_BUDGETS) else "configuration.md"))


@pytest.mark.parametrize("name", built(Company))
def test_company_setting_is_in_example_and_documents(name: str) -> None:
    """Whoever looks for a setting of config.toml finds it in the example and in its document."""
    assert is_in_example(name, COMPANY_EXAMPLE)
    assert is_documented(name)


@pytest.mark.parametrize("name", sorted({*built(Team)} - COMPANY_ONLY))
def test_team_setting_is_in_example_and_documents(name: str) -> None:
    """The same for a team's file."""
    assert is_in_example(name, TEAM_EXAMPLE)
    assert is_documented(name)


def test_every_kind_of_price_is_documented() -> None:
    """What can be priced is not a setting of its own, and is looked for all the same."""
    assert set(get_args(PriceKind)) <= quoted_words(document("configuration.md"))


def test_example_key_opens_nothing() -> None:
    """People copy the example as it is: its hash must not be one of a text that somebody can guess."""
    (key,) = tomllib.loads(TEAM_EXAMPLE.read_text())["keys"]

    assert "0" * 64 == key["sha256"]


def test_walk_over_settings_sees_nested_ones() -> None:
    """A setting inside a list, a table of tables or a default must not slip through the tests above."""
    company, team = built(Company), built(Team)

    assert {"server.listen", "providers.dialect", "routes.targets.weight", "prices.default_price.input"} <= set(company)
    assert {"keys.sha256", "logging.max_body"} <= set(team)
    assert {"budgets.scope.model", "limits.per", "models.NAME.context_window", "models.scope.team"} <= set(company)
    assert {"budgets.window", *COMPANY_ONLY} <= set(team)


@pytest.mark.parametrize("change", [Path.read_text, uncommented], ids=["as it stands", "everything switched on"])
def test_examples_are_valid(change: Any) -> None:
    """The example files pass the check that serve makes, as they are and with every line switched on."""
    sources = {"config.toml": change(COMPANY_EXAMPLE), "teams/search.toml": change(TEAM_EXAMPLE)}

    config = parse(sources, {})

    assert ["search"] == list(config.teams)


def test_defaults_in_the_example_are_the_real_ones() -> None:
    """A commented-out setting of [server] shows its default: switching it on changes nothing."""
    shown = tomllib.loads(uncommented(COMPANY_EXAMPLE))
    shown_server = {name: value for name, value in shown["server"].items() if name not in NO_DEFAULT}
    default = parse({}, {}).company
    parsed = parse({"config.toml": uncommented(COMPANY_EXAMPLE)}, {}).company

    assert {name: getattr(default.server, name) for name in shown_server} == {
        name: getattr(parsed.server, name) for name in shown_server
    }
    assert default.prices == parsed.prices.model_copy(update={"source": None})


@pytest.mark.parametrize("example", [COMPANY_EXAMPLE, TEAM_EXAMPLE], ids=["config.toml", "teams/search.toml"])
def test_defaults_of_budgets_in_the_examples_are_the_real_ones(example: Path) -> None:
    """The first budget of an example shows the defaults of everything that it need not say."""
    shown, *_ = tomllib.loads(uncommented(example))["budgets"]
    needed = {name: shown[name] for name in ("name", "window", "limit_usd", "limit_requests")}
    as_shown, at_defaults = (compile_budgets([Budget.model_validate(each)], {}).all for each in (shown, needed))

    assert {*Budget.model_fields} - {*shown} <= {"scope", "per", "max_balances"}
    assert as_shown == at_defaults


def test_examples_say_nothing_in_vain() -> None:
    """With every line switched on, and one budget strict, nothing in the examples is without effect."""
    # Files that are not there.
    company = re.sub(
        r"(?m)^(tls_cert|tls_key|ca_file|admin_token|metrics_token) = .*$", "", uncommented(COMPANY_EXAMPLE)
    )
    team = uncommented(TEAM_EXAMPLE).replace('mode = "soft"', 'mode = "strict"', 1)
    config = parse({"config.toml": company, "teams/search.toml": team, "teams/ads-1.toml": ""}, {})

    assert [] == list(idle(config, snapshot(config, {}, 1), time.time()))


@pytest.mark.parametrize("command", sorted(commands(typer.main.get_command(app))))
def test_command_is_documented(command: str) -> None:
    """Every command that --help shows stands in docs/cli.md."""
    assert re.search(rf"`{command}[ `]", document("cli.md"))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_metric_is_documented(name: str) -> None:
    """Every metric stands in docs/metrics.md under its exported name, with its kind and labels."""
    metric = CATALOGUE[name]
    exported = name + "_total" * (metric.kind == COUNTER)
    labels = f"`{', '.join(metric.labels)}`" if metric.labels else ""

    assert f"| `{exported}` | {metric.kind} | {labels} |".replace("|  |", "| |") in document("metrics.md")


@pytest.mark.parametrize("kind", sorted(REFUSALS))
def test_refusal_is_documented(kind: str) -> None:
    """Every kind of refusal stands in docs/errors.md with the status and outcome that it really has."""
    refusal = REFUSALS[kind]

    assert f"| `{kind}` | {refusal.status} | `{refusal.outcome}` |" in document("errors.md")


@pytest.mark.parametrize(
    "name",
    sorted({name for each in (Record, Attempt, Job, Hold, Usage) for name in each.__struct_fields__}),
)
def test_record_field_is_documented(name: str) -> None:
    """Every field of the record, its attempts, its job, its holds and its usage stands in docs/record.md."""
    assert f"`{name}`" in document("record.md")


@pytest.mark.parametrize("word", [*OUTCOMES, *USAGE_SOURCES, *PRICE_SOURCES, *JOB_STATES, *TOKEN_TYPES])
def test_closed_lists_are_documented(word: str) -> None:
    """Every value that a closed list allows is explained in docs/record.md."""
    assert f"`{word}`" in document("record.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    """A link from one document to another file of the project resolves."""
    targets = [link.partition("#")[0] for link in LINK.findall(path.read_text()) if "://" not in link]

    assert [] == [target for target in targets if target and not (path.parent / target).exists()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_document_can_be_reached(path: Path) -> None:
    """Every document is linked from another one."""
    if path.name == "README.md":
        return
    linked = {
        (other.parent / link.partition("#")[0]).resolve()
        for other in DOCUMENTS
        if other != path
        for link in LINK.findall(other.read_text())
        if "://" not in link
    }

    assert path.resolve() in linked


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_text_is_about_the_project_only(path: Path) -> None:
    """Nothing that ships names the place where it was written, or papers that do not ship with it."""
    text = path.read_text()

    assert [] == [pattern.pattern for pattern in FORBIDDEN if pattern.search(text)]


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "lock"])
def test_make_targets_in_documents_exist(target: str) -> None:
    """What README and CONTRIBUTING tell people to run is there."""
    makefile = (ROOT / "Makefile").read_text()

    assert re.search(rf"(?m)^{target}:", makefile)
    assert any(f"make {target}" in path.read_text() for path in DOCUMENTS)


def test_lock_file_names_no_index_and_hashes_everything() -> None:
    """The lock installs from whatever index a machine uses, and nothing unhashed."""
    text = (ROOT / "constraints.txt").read_text()
    pinned = re.findall(r"(?m)^([\w.-]+)==\S+", text)

    assert "://" not in text
    assert "--index" not in text
    assert len(pinned) > 40
    assert [] == [block for block in re.split(r"\n(?=\w)", text) if "==" in block and "--hash=sha256:" not in block]


def test_lock_file_holds_every_requirement() -> None:
    """What pyproject.toml asks for is in the lock: a new dependency cannot be forgotten there."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *project["optional-dependencies"]["demo"],
        *project["optional-dependencies"]["test"],
    ]
    names = {re.match(r"[\w.-]+", each).group().lower() for each in wanted}  # type: ignore[union-attr]
    pinned = set(re.findall(r"(?m)^([\w.-]+)==", (ROOT / "constraints.txt").read_text()))

    assert set() == names - pinned
