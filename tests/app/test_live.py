"""Live: a better config replaces the one in force, a worse one does not."""

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from gateway.app.live import Live
from gateway.config.problems import ConfigError
from gateway.policies.snapshot import Address

LOCAL = '[providers.local]\ndialect = "openai"\nbase_url = "http://127.0.0.1:9"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text(LOCAL)
    return tmp_path / "config.toml"


def live_of(file: Path, *, required: bool = True) -> Live:
    return Live(file, {}, required=required)


def test_first_config_must_be_sound(file: Path) -> None:
    """There is nothing to fall back to."""
    file.write_text("[server]\nworkers = 0")

    with pytest.raises(ConfigError):
        live_of(file)


def test_change_is_taken_over_and_counted(file: Path) -> None:
    """Each sound change is a generation; children get the texts, not the path."""
    live = live_of(file)
    file.write_text(LOCAL + "[models]\nallow = ['m']\n")

    assert live.reload()
    assert 2 == live.generation == live.snapshot.generation == live.message().generation
    assert {"config.toml": file.read_text()} == live.message().sources
    assert str(file.parent) == live.message().root
    assert not live.reload()
    assert 2 == live.generation


def test_broken_change_keeps_the_config_and_says_everything(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Every problem is logged and kept for the metric; mending the file clears them."""
    live = live_of(file)
    before = live.message()
    file.write_text("[server]\nworkers = 0\nx = 1\n")

    assert live.reload()
    assert before == live.message()
    assert ["config.toml: server"] * 2 == [problem[:19] for problem in live.problems]
    for problem in live.problems:
        assert any(problem in record.message and record.levelno == logging.ERROR for record in caplog.records)

    file.write_text(LOCAL)
    assert live.reload()
    assert [] == list(live.problems)
    assert 2 == live.generation


def test_what_a_snapshot_needs_is_checked_too(file: Path) -> None:
    """A text may be sound while a file that it names is missing."""
    live = live_of(file)
    file.write_text(LOCAL + 'ca_file = "absent.pem"\n')

    assert live.reload()
    assert 1 == live.generation
    assert "there is no file" in live.problems[0]


def test_deleted_config_is_a_mistake_and_not_the_defaults(file: Path) -> None:
    """Defaults would open what the file had closed."""
    live = live_of(file, required=False)
    file.unlink()

    assert live.reload()
    assert 1 == live.generation
    assert "no such file" in live.problems[0]


def test_config_may_come_later(tmp_path: Path) -> None:
    """Started with built-in defaults, a new config.toml and new teams are taken over."""
    live = live_of(tmp_path / "config.toml", required=False)
    (tmp_path / "teams").mkdir()
    (tmp_path / "teams" / "a.toml").write_text("")

    assert live.reload()
    assert ["a"] == list(live.config.teams)

    (tmp_path / "config.toml").write_text(LOCAL)
    assert live.reload()
    assert ["local"] == list(live.config.company.providers)
    assert 3 == live.generation


class MeddlingEnvironment(dict[str, str]):
    """An environment in which a look changes a file, once: the other half of it arrives while we read."""

    arrives: Callable[[], object] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        if self.arrives is not None:
            self.arrives()
            self.arrives = None
        return super().get(name, default)


def test_half_written_config_is_not_taken(file: Path) -> None:
    """Half a file may be sound, and mean something else: what changed while it was read is looked at again."""
    half = LOCAL + 'api_keys = ["env:KEY"]\n'
    file.write_text(half)
    environment = MeddlingEnvironment(KEY="secret")
    live = Live(file, environment, required=True)
    file.write_text(half + "# a change\n")
    environment.arrives = lambda: file.write_text(half + "[models]\nallow = ['m']\n")

    assert not live.reload()
    assert (1, {"config.toml": half}) == (live.generation, live.sources)
    assert live.reload()
    assert (2, {"config.toml": file.read_text()}) == (live.generation, live.sources)


def test_forced_reload_reads_secrets_again(file: Path) -> None:
    """A rotated key file changes no text of the config: SIGHUP takes it over."""
    (file.parent / "key").write_text("one")
    file.write_text(LOCAL + 'api_keys = ["file:key"]\n')
    live = live_of(file)
    (file.parent / "key").write_text("two")

    assert not live.reload()
    assert live.reload(force=True)
    assert 2 == live.generation
    assert (b"two",) == live.snapshot.routing.providers()[0].api_keys


def test_setting_that_needs_a_restart_is_named(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody should wonder why a new port does not answer."""
    live = live_of(file)
    caplog.set_level(logging.WARNING)
    file.write_text("[server]\nworkers = 2\nidle_timeout = 5\n" + LOCAL)
    live.reload()

    said = [record.message for record in caplog.records if "next start" in record.message]
    assert ["config: a changed workers takes effect at the next start"] == said


PRICED = LOCAL + '[prices]\nsource = "prices.json"\n'


def test_new_prices_are_a_generation(file: Path) -> None:
    """The kept list lies in data_dir; what changes in it, comes or goes makes every process look again."""
    (file.parent / "data").mkdir()
    kept = file.parent / "data" / "prices.json"
    kept.write_text("1")
    file.write_text(PRICED)
    live = live_of(file)
    assert not live.reload()

    for change in (lambda: kept.write_text("22"), kept.unlink, lambda: kept.write_text("3")):
        change()
        assert live.reload()
        assert not live.reload()
    assert 4 == live.generation


def test_prices_count_only_where_config_names_a_source(file: Path) -> None:
    """A list that is left over from yesterday's config is nobody's business."""
    (file.parent / "data").mkdir()
    kept = file.parent / "data" / "prices.json"
    live = live_of(file)
    kept.write_text("1")
    assert not live.reload()

    file.write_text(PRICED)
    assert live.reload()
    kept.write_text("22")
    assert live.reload()
    file.write_text(LOCAL)
    assert live.reload()
    kept.write_text("333")
    assert not live.reload()
    assert 4 == live.generation


def test_new_prices_reach_everybody_while_a_broken_config_waits(file: Path) -> None:
    """The texts stay those that were sound."""
    (file.parent / "data").mkdir()
    file.write_text(PRICED)
    live = live_of(file)
    file.write_text("[")
    assert live.reload()
    assert 1 == live.generation
    (file.parent / "data" / "prices.json").write_text("1")

    assert live.reload()
    assert (2, {"config.toml": PRICED}) == (live.message().generation, live.message().sources)
    assert not live.reload()


@pytest.mark.parametrize("change", ["write", "replace", "team", "remove", "link"])
async def test_every_way_of_changing_files_is_noticed(change: str, tmp_path: Path) -> None:
    """In place, by rename, a team that comes or goes, a swapped link as Kubernetes mounts have: within a second."""
    for number in (1, 2):
        (tmp_path / f"v{number}").mkdir()
        (tmp_path / f"v{number}" / "config.toml").write_text(f"# {number}\n{LOCAL}")
    root = tmp_path / "root"
    (root / "teams").mkdir(parents=True)
    (root / "teams" / "old.toml").write_text("")
    (root / "data").symlink_to(tmp_path / "v1")
    (root / "config.toml").symlink_to("data/config.toml")
    live = live_of(root / "config.toml")
    stop = asyncio.Event()

    async def noticed() -> None:
        async for _ in live.changes(stop):
            if live.reload():
                stop.set()

    watching = asyncio.create_task(noticed())
    await asyncio.sleep(0.3)  # the watch stands
    loop = asyncio.get_running_loop()
    began = loop.time()
    match change:
        case "write":
            (tmp_path / "v1" / "config.toml").write_text(f"# changed\n{LOCAL}")
        case "replace":
            (root / "new").write_text(f"# changed\n{LOCAL}")
            (root / "new").replace(root / "config.toml")
        case "team":
            (root / "teams" / "new.toml").write_text("")
        case "remove":
            (root / "teams" / "old.toml").unlink()
        case "link":
            (root / "next").symlink_to(tmp_path / "v2")
            (root / "next").replace(root / "data")
    await asyncio.wait_for(watching, 5)

    assert loop.time() - began < 1
    assert 2 == live.generation


async def test_new_prices_are_noticed(tmp_path: Path) -> None:
    """The folder that they are kept in is watched, too."""
    (tmp_path / "root" / "data").mkdir(parents=True)
    (tmp_path / "root" / "config.toml").write_text(PRICED)
    live = live_of(tmp_path / "root" / "config.toml")
    stop = asyncio.Event()

    async def noticed() -> None:
        async for _ in live.changes(stop):
            if live.reload():
                stop.set()

    watching = asyncio.create_task(noticed())
    await asyncio.sleep(0.3)  # the watch stands
    began = asyncio.get_running_loop().time()
    (tmp_path / "new").write_text("1")
    (tmp_path / "new").replace(tmp_path / "root" / "data" / "prices.json")
    await asyncio.wait_for(watching, 5)

    assert asyncio.get_running_loop().time() - began < 1


async def test_folder_of_teams_may_come_later(tmp_path: Path) -> None:
    """The first team of all is noticed like any other, and the one after it too."""
    live = live_of(tmp_path / "config.toml", required=False)
    stop = asyncio.Event()
    seen = asyncio.Queue[list[str]]()

    async def follow() -> None:
        async for _ in live.changes(stop):
            if live.reload():
                seen.put_nowait(list(live.config.teams))

    following = asyncio.create_task(follow())
    (tmp_path / "teams").mkdir()
    for name in ("a", "b"):
        (tmp_path / "teams" / f"{name}.toml").write_text("")
        while name not in await asyncio.wait_for(seen.get(), 5):
            pass
    stop.set()
    await following


def test_judges_get_keys_and_workers_their_hashes(file: Path) -> None:
    """The evaluator is told the keys, all other children only what they are known by."""
    judged = '[[evaluators]]\nname = "helpful"\nuse = "llm_judge"\njudge = "local/m"\nparams = { rubric = "r" }\n'
    file.write_text(LOCAL + "free = true\n" + judged)
    (file.parent / "teams").mkdir()
    (file.parent / "teams" / "search.toml").write_text('[evaluation]\nevaluators = ["helpful"]\n')
    live = live_of(file)
    told = live.judges(Address("0.0.0.0", 8080))

    assert "http://127.0.0.1:8080" == told.url
    assert {"helpful": sha256(told.keys["helpful"].encode()).hexdigest()} == live.message().judge_keys
