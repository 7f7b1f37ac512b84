"""Holders on a real socket, books in a real file, and peers that do what they must not."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.ledger import server as ledger_server
from gateway.ledger.account import Terms
from gateway.ledger.desk import GRACE_S, LeaseState, SeriesState
from gateway.ledger.file import By, LedgerFile, LedgerRefused, Passed
from gateway.ledger.holds import Held, Short
from gateway.ledger.interface import SOCKET, VERSION, Barred, Hello, Message, Recall, Room
from gateway.ledger.lease import MOST, Ask, Grant, Place
from gateway.ledger.peer import Frames, frame
from gateway.ledger.server import GONE_KEPT_S, Server
from tests.http.uv import on_uvloop, until
from tests.ledger.parts import held, holder, is_connected, on_disk, serving, terms

DAILY = terms()
ANN = By("ann", "a good reason")
FAR_S = 1 << 40


class Wire:
    """The bare end of a holder's connection."""

    def __init__(self, folder: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.setblocking(False)
        self.socket.connect(str(folder / SOCKET))
        self._frames = Frames()
        self._came: list[Message] = []

    def say(self, *messages: Message | bytes) -> None:
        """Send."""
        self.socket.sendall(b"".join(one if isinstance(one, bytes) else frame(one) for one in messages))

    async def hear(self) -> Message | None:
        """Receive the next message, but for the one that no model is barred; None: cut off."""
        loop = asyncio.get_running_loop()
        while not (came := [one for one in self._came if one != Barred(())]):
            try:
                data = await loop.sock_recv(self.socket, 65536)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self._came += self._frames.feed(data)
        self._came = came[1:]
        return came[0]


@contextlib.contextmanager
def wires(folder: Path, many: int) -> Iterator[list[Wire]]:
    """Connect so many."""
    with contextlib.ExitStack() as stack:
        made = [Wire(folder) for _ in range(many)]
        for each in made:
            stack.enter_context(each.socket)
        yield made


def ask(name: str, number: int = 1, need: int = 0, **more: int) -> Ask:
    """Make an ask about DAILY."""
    series, start_s = DAILY.place
    return msgspec.structs.replace(Ask(series, start_s, 0, name, number, 0, 0, need, need, DAILY.limit), **more)


def without_leases(state: SeriesState) -> SeriesState:
    """Leave out who has what."""
    return msgspec.structs.replace(state, leases={})


async def must(holding: Awaitable[Held | Short]) -> Held:
    """Wait for what can be held."""
    found = await holding
    assert isinstance(found, Held)
    return found


# ==== granting ========================================================================================================


@on_uvloop
async def test_a_holder_gets_money_that_is_on_the_disk(tmp_path: Path) -> None:
    """And the next authority goes on from there, with the same holders."""
    async with serving(tmp_path) as (_, [one]):
        await must(held(one, (DAILY, 700)))
        name = one.name
    assert 700 == on_disk(tmp_path)[DAILY.place].leases[name].granted

    server = await Server.open(tmp_path)
    assert {name} == server.holders()
    other = holder(tmp_path)
    await until(lambda: is_connected(other))
    assert isinstance(await held(other, (DAILY, 301)), Short)
    assert isinstance(await held(other, (DAILY, 300)), Held)
    other.stop()
    await server.stop()


async def test_it_serves_on_any_event_loop(tmp_path: Path) -> None:
    """The recorder's is asyncio's own."""
    async with serving(tmp_path) as (_, [one]):
        assert isinstance(await held(one, (DAILY, 700)), Held)


@on_uvloop
async def test_a_holder_goes_on_after_the_authority_came_back(tmp_path: Path) -> None:
    """It settles what it has meanwhile, and tells it then."""
    server = await Server.open(tmp_path)
    one = holder(tmp_path)
    await until(lambda: is_connected(one))
    kept = await must(held(one, (DAILY, 500)))
    await server.stop()
    await until(lambda: not is_connected(one))
    one.settle(kept, [650])
    assert isinstance(one.hold([(DAILY, 1)]), Short)

    server = await Server.open(tmp_path)
    await until(lambda: server.state()["search/daily"].charged == 650)
    assert isinstance(await held(one, (DAILY, 350)), Held)
    one.stop()
    await server.stop()


@on_uvloop
async def test_money_of_others_comes_within_the_wait(tmp_path: Path) -> None:
    """All of it is with one holder, and the other needs half."""
    async with serving(tmp_path, 2) as (server, [one, other]):
        one.settle(await must(held(one, (DAILY, 1000))), [100])
        assert isinstance(await held(other, (DAILY, 450)), Held)

        assert {one.name: LeaseState(100, 100), other.name: LeaseState(450, 0)} == server.state()["search/daily"].leases


@on_uvloop
async def test_the_last_connection_of_a_holder_counts(tmp_path: Path) -> None:
    """The one before may be half dead."""
    async with serving(tmp_path, 0):
        with wires(tmp_path, 2) as (first, second):
            first.say(Hello("w1"), ask("w1", need=5))
            assert isinstance(await first.hear(), Grant)

            second.say(Hello("w1"), ask("w1", need=5))
            assert Grant("search/daily", 0, 1, 5, 5, 995) == await second.hear()
            assert await first.hear() is None
            second.say(ask("w1", 2, need=5))
            assert Grant("search/daily", 0, 2, 10, 5, 990) == await second.hear()


@on_uvloop
async def test_nothing_overtakes_what_was_said_before(tmp_path: Path) -> None:
    """A recall follows the grant whose money it is about, though that waits for the disk."""
    async with serving(tmp_path, 0):
        with wires(tmp_path, 2) as (one, other):
            for wire, name in ((one, "w1"), (other, "w2")):
                wire.say(Hello(name))
            one.say(ask("w1", need=1000))
            other.say(ask("w2", need=5))

            assert isinstance(await one.hear(), Grant)
            assert isinstance(await one.hear(), Recall)


# ==== people and the recorder =========================================================================================


@on_uvloop
async def test_a_raise_is_in_force_at_once_and_survives(tmp_path: Path) -> None:
    """It stands in the trail, with who and why."""
    async with serving(tmp_path) as (server, [one]):
        await must(held(one, (DAILY, 1000)))
        assert isinstance(await held(one, (DAILY, 200)), Short)
        deed = await server.raise_limit("search/daily", 200, ANN)
        assert isinstance(await held(one, (DAILY, 200)), Held)

        assert ("ann", "a good reason", "raise", "search/daily", None, 200, MOST) == (
            deed.who, deed.why, deed.what, deed.series, deed.start_s, deed.amount, deed.until_s,
        )  # fmt: skip
        assert 1200 == server.state()["search/daily"].limit
    server = await Server.open(tmp_path)
    one = holder(tmp_path)
    await until(lambda: is_connected(one))
    assert isinstance(await held(one, (DAILY, 1)), Short)
    assert 1200 == server.state()["search/daily"].limit
    again = await server.raise_limit("search/daily", -100, ANN, until_s=5)
    assert [again, deed] == await server.trail(10)
    assert deed.id < again.id
    one.stop()
    await server.stop()


@on_uvloop
async def test_a_raise_serves_who_waits(tmp_path: Path) -> None:
    """In the moment that it is made."""
    async with serving(tmp_path, 0) as (server, _):
        with wires(tmp_path, 2) as (stubborn, poor):
            stubborn.say(Hello("w1"), ask("w1", need=1000))
            assert isinstance(await stubborn.hear(), Grant)
            poor.say(Hello("w2"), ask("w2", need=5))
            assert isinstance(await stubborn.hear(), Recall)

            await server.raise_limit("search/daily", 5, ANN)
            assert Grant("search/daily", 0, 1, 5, 5, 0, raised=5) == await poor.hear()


@on_uvloop
async def test_corrections_and_resets_count_at_once(tmp_path: Path) -> None:
    """A reset takes off what was spent, not what can still be."""
    async with serving(tmp_path) as (server, [one]):
        one.settle(await must(held(one, (DAILY, 600))), [600])
        await server.correct(DAILY.place, 400, ANN)
        assert isinstance(await held(one, (DAILY, 1)), Short)
        expected = SeriesState(1000, 1000, 600, 400, {one.name: LeaseState(600, 600)}, is_refused=True)
        assert expected == server.state()["search/daily"]

        [deed] = await server.reset("search/daily", 0, ANN)
        assert ("reset", -1000) == (deed.what, deed.amount)
        assert isinstance(await held(one, (DAILY, 1000)), Held)
    assert -600 == on_disk(tmp_path)[DAILY.place].corrected


@on_uvloop
async def test_a_reset_takes_off_what_nobody_has_told_yet(tmp_path: Path) -> None:
    """Holders are asked first; one that says nothing holds up nobody, and keeps what it has."""
    async with serving(tmp_path) as (server, [one]):
        with wires(tmp_path, 1) as [deaf]:
            deaf.say(Hello("deaf"), ask("deaf", need=100))
            assert isinstance(await deaf.hear(), Grant)
            one.settle(await must(held(one, (DAILY, 900))), [800])
            [deed] = await server.reset("search/daily", 0, ANN)

            assert -800 == deed.amount
            assert SeriesState(1000, 100, 800, -800) == without_leases(server.standing("search/daily", 0))


@on_uvloop
async def test_all_that_are_parted_from_a_budget_are_reset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those alone; in several turns where they are many, each with its deed."""
    monkeypatch.setattr(ledger_server, "AT_ONCE", 2)
    names = ["a/loop?user=ann", "a/loop?user=bob", "a/loop?user=eve", "a/loop#requests?user=ann", "a/loop2?user=ann"]
    async with serving(tmp_path, 0) as (server, _):
        await server.close("gone", {Place(name, 0): 5 for name in names})
        deeds = await server.reset("a/loop?", 0, ANN)

        assert [-10, -5] == [deed.amount for deed in deeds]
        assert [0, 0, 0, 5, 5] == [server.standing(name, 0).charged for name in names]
        assert [0] == [deed.amount for deed in await server.reset("b/loop?", 0, ANN)]
        assert [("b/loop?", 0), ("a/loop?", -5), ("a/loop?", -10)] == [
            (deed.series, deed.amount) for deed in await server.trail(9)
        ]


@on_uvloop
async def test_a_raise_is_ended_once_and_for_good(tmp_path: Path) -> None:
    """What it gave and nobody spent is taken back; the next authority knows nothing of it."""
    async with serving(tmp_path) as (server, [one]):
        kept = await server.raise_limit("search/daily", 500, ANN)
        assert [kept.id] == [each.id for each in server.raises()]
        one.settle(await must(held(one, (DAILY, 1400))), [0])
        deed = await server.end_raise(kept.id, ANN)
        assert deed is not None
        assert ("end", "search/daily", -500) == (deed.what, deed.series, deed.amount)
        await until(lambda: server.standing("search/daily", 0).charged == 0)
        assert isinstance(await held(one, (DAILY, 1001)), Short)
        assert await server.end_raise(kept.id, ANN) is None
        assert {kept.id: kept, deed.id: deed} == await server.deeds([kept.id, deed.id, 99])
    server = await Server.open(tmp_path)

    assert [] == server.raises()
    await server.stop()


@on_uvloop
async def test_a_series_stands_as_of_any_window(tmp_path: Path) -> None:
    """Whoever looks says which balances count, whatever was asked about last."""
    async with serving(tmp_path, 0) as (server, _):
        await server.close("gone", {Place("x", FAR_S): 5, Place("x", FAR_S + 10): 7})

        assert [12, 7, 0] == [server.standing("x", FAR_S + later_s).spent for later_s in (0, 10, 11)]
        assert SeriesState(None) == server.standing("unknown", 0)
        assert ["x"] == server.series()


@on_uvloop
async def test_who_is_here_is_known(tmp_path: Path) -> None:
    """A lease of somebody who is not may be a dead one's."""
    async with serving(tmp_path) as (server, [one]):
        await must(held(one, (DAILY, 1)))

        assert (True, False) == (server.is_here(one.name), server.is_here("other"))


@pytest.mark.parametrize(("amount", "by"), [(MOST + 1, ANN), (-MOST - 1, ANN), (1, By("ann", "\ud800"))])
@on_uvloop
async def test_what_no_file_can_hold_is_refused(amount: int, by: By, tmp_path: Path) -> None:
    """And nothing of it stays."""
    async with serving(tmp_path, 0) as (server, _):
        with pytest.raises(ValueError, match=r"amount|surrogates"):
            await server.correct(DAILY.place, amount, by)
        await server.close("gone", {DAILY.place: 5})
        if by != ANN:
            with pytest.raises(ValueError, match="surrogates"):
                await server.reset("search/daily", 0, by)

        assert 5 == server.state()["search/daily"].charged
        assert [] == await server.trail(5)


@on_uvloop
async def test_a_dead_holder_is_closed_once(tmp_path: Path) -> None:
    """What it really spent replaces what it had; what it still says is not heard, in this life or the next."""
    async with serving(tmp_path) as (server, [one]):
        with wires(tmp_path, 2) as (dead, late):
            dead.say(Hello("dead"), ask("dead", need=1000))
            assert isinstance(await dead.hear(), Grant)
            await server.close("dead", {DAILY.place: 300, Place("other", 0): 7})
            assert await dead.hear() is None
            await server.close("dead", {DAILY.place: 300})

            assert isinstance(await held(one, (DAILY, 700)), Held)
            assert {"search/daily": 300, "other": 7} == {name: state.spent for name, state in server.state().items()}
            late.say(Hello("dead"))
            assert await late.hear() is None
    server = await Server.open(tmp_path)
    with wires(tmp_path, 1) as [late]:
        late.say(Hello("dead"))
        assert await late.hear() is None
    await server.stop()


@on_uvloop
async def test_what_becomes_known_late_counts_at_once_and_survives(tmp_path: Path) -> None:
    """Of who is here and who is gone; what is told again changes nothing."""
    async with serving(tmp_path) as (server, [one]):
        one.settle(await must(held(one, (DAILY, 600))), [600])
        await server.close("gone", {DAILY.place: 100})
        server.late("gone", DAILY.place, 250)
        for _ in range(2):
            server.late(one.name, DAILY.place, -100)
        assert isinstance(await held(one, (DAILY, 151)), Short)
        assert isinstance(await held(one, (DAILY, 150)), Held)
        assert {"gone": 250, one.name: -100} == server._books.balance(DAILY.place).late
    assert {"gone": 250, one.name: -100} == on_disk(tmp_path)[DAILY.place].late


@on_uvloop
async def test_money_that_turns_out_unspent_serves_who_was_refused(tmp_path: Path) -> None:
    """Work cost less than was held for it."""
    async with serving(tmp_path, 0) as (server, _):
        with wires(tmp_path, 1) as [poor]:
            server.late("gone", DAILY.place, 1000)
            poor.say(Hello("w1"), ask("w1", need=5))
            assert Grant("search/daily", 0, 1, 0, 0, 0) == await poor.hear()

            server.late("gone", DAILY.place, 400)
            assert Room("search/daily", 0, 600) == await poor.hear()


@on_uvloop
async def test_a_late_cost_of_a_window_that_is_over_is_not_kept(tmp_path: Path) -> None:
    """But of one that nobody has asked about since it is not."""
    server = await Server.open(tmp_path, now=lambda: 1000.0, over=lambda place: place.start_s + 100)
    server.late("gone", Place("search/daily", 900), 5)
    server.late("gone", Place("search/daily", 901), 5)
    await server.stop()

    assert [Place("search/daily", 901)] == list(on_disk(tmp_path))


@on_uvloop
async def test_a_series_stands_as_far_as_it_reaches(tmp_path: Path) -> None:
    """Raised or not, and whether somebody was refused lately."""
    async with serving(tmp_path) as (server, [one]):
        before, now = terms(start_s=60), terms(start_s=120)
        await must(held(one, (before, 300)))
        one.settle(await must(held(one, (now, 1000))), [900])
        assert (1300, False) == (server.standing("search/daily", 60).charged, False)
        assert isinstance(await held(one, (now, 500)), Short)

        state = server.standing("search/daily", 120)
        assert (0, True) == (state.raised, state.is_refused)
        await server.raise_limit("search/daily", 700, ANN)
        state = server.standing("search/daily", 120)
        assert (700, False) == (state.raised, state.is_refused)
        assert (0, False) == (server.standing("other", 0).charged, server.standing("other", 0).is_refused)


@on_uvloop
async def test_what_may_have_changed_is_told_once(tmp_path: Path) -> None:
    """By asks, and by what people and the recorder do; after a restart everything."""
    async with serving(tmp_path) as (server, [one]):
        assert set() == server.touched()
        await must(held(one, (DAILY, 10)))
        assert [{"search/daily"}, set()] == [server.touched(), server.touched()]
        server.late("gone", Place("late", 0), 5)
        await server.close("gone", {Place("closed", 0): 5})
        await server.correct(Place("corrected", 0), 5, ANN)
        assert {"late", "closed", "corrected"} == server.touched()
        assert (1, 1, 0) == (server.grants, server.open_holders(), server.written[1])
    server = await Server.open(tmp_path)

    assert {"search/daily", "late", "closed", "corrected"} == server.touched()
    await server.stop()


@on_uvloop
async def test_a_threshold_is_noted_with_its_line_of_the_trail(tmp_path: Path) -> None:
    """In one commit: a restart neither repeats nor loses it. When its window is over it is forgotten."""
    clock = [100.0]
    server = await Server.open(tmp_path, now=lambda: clock[0])
    await server.note_passed(DAILY.place, Passed((50, 80), 200), 41, ["50 % of $5", "80 % of $5"])
    await server.stop()
    server = await Server.open(tmp_path, now=lambda: clock[0])

    assert (50, 80) == server.passing.percents(DAILY.place)
    assert [("threshold", "tollway", "80 % of $5", 41), ("threshold", "tollway", "50 % of $5", 41)] == [
        (deed.what, deed.who, deed.why, deed.amount) for deed in await server.trail(9)
    ]
    clock[0] = 200.0
    server._tidy()
    await server.stop()
    file = LedgerFile(tmp_path / "ledger.db")
    assert {} == file.load().passed
    file.close()


@on_uvloop
async def test_absent_is_who_may_be_gone(tmp_path: Path) -> None:
    """Not connected and not closed: of this life and the one before."""
    async with serving(tmp_path, 2) as (server, [one, other]):
        await must(held(one, (DAILY, 10)))
        assert frozenset() == server.absent
        other.stop()
        await until(lambda: server.absent == {other.name})
        await server.close(other.name, {})
        assert frozenset() == server.absent
        await must(held(one, (DAILY, 10)))
    server = await Server.open(tmp_path)

    assert {one.name} == server.absent
    again = holder(tmp_path, name=one.name)
    await until(lambda: not server.absent)
    again.stop()
    await server.stop()


@on_uvloop
async def test_a_closed_holder_frees_money_for_who_waits(tmp_path: Path) -> None:
    """At once."""
    async with serving(tmp_path, 0) as (server, _):
        with wires(tmp_path, 2) as (dead, poor):
            dead.say(Hello("dead"), ask("dead", need=1000))
            assert isinstance(await dead.hear(), Grant)
            poor.say(Hello("w2"), ask("w2", need=5))
            assert isinstance(await dead.hear(), Recall)

            await server.close("dead", {})
            assert Grant("search/daily", 0, 1, 5, 5, 995) == await poor.hear()


@on_uvloop
async def test_what_is_over_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Balances of past windows, and holders that are long gone; not what somebody holds."""
    monkeypatch.setattr(ledger_server, "TIDY_S", 0.01)
    clock = [1000.0]
    server = await Server.open(tmp_path, now=lambda: clock[0], over=lambda _: 1100)
    one = holder(tmp_path)
    await until(lambda: is_connected(one))
    spent, kept = (Terms(Place(name, 0), 0, 1100, 1000) for name in ("spent", "kept"))
    one.settle(await must(held(one, (spent, 10))), [10])
    await must(held(one, (kept, 10)))
    await server.close("gone", {Place("unasked", 0): 5})
    await until(lambda: server.state()["spent"].leases[one.name] == LeaseState(10, 10))
    clock[0] = 1100.0 + GRACE_S - 1
    await asyncio.sleep(0.03)
    assert {"spent", "kept", "unasked"} == server.state().keys()

    clock[0] += 1
    await until(lambda: server.state().keys() == {"kept"})
    await server.close("late", {Place("unasked", 0): 5})
    assert {"kept"} == server.state().keys()
    clock[0] += GONE_KEPT_S
    await until(lambda: not server._books.is_gone("gone"))
    clock[0] += 1
    await until(lambda: not server._books.is_gone("late"))
    one.stop()
    await server.stop()
    assert [kept.place] == list(on_disk(tmp_path))
    file = LedgerFile(tmp_path / "ledger.db")
    assert {} == file.load().gone
    file.close()


@on_uvloop
async def test_an_unasked_balance_is_kept_longer_than_any_window(tmp_path: Path) -> None:
    """Where nobody says when it is over."""
    now_s = 1_000_000_000
    server = await Server.open(tmp_path, now=lambda: now_s)
    await server.close("a", {Place("x", now_s - 366 * 86_400): 5, Place("x", now_s - 500 * 86_400): 5})
    await server.close("b", {Place("total", 0): 7})

    assert {"x": 5, "total": 7} == {name: state.spent for name, state in server.state().items()}
    await server.stop()


# ==== hostile and broken peers ========================================================================================


@pytest.mark.parametrize(
    "said",
    [
        pytest.param([b"GET / HTTP/1.1\r\n\r\n"], id="another protocol"),
        pytest.param([ask("w1", need=5)], id="no hello"),
        pytest.param([Hello("w1"), Hello("w1")], id="two hellos"),
        pytest.param([Hello("w1", VERSION + 1)], id="another version"),
        pytest.param([Hello("w1"), ask("w2", need=5)], id="in another's name"),
        pytest.param([Hello("w1"), Recall("x", 0, 1)], id="a word of the authority's"),
        pytest.param([Hello("w1"), ask("w1", debt=MOST), ask("w1", 2, debt=MOST)], id="more than there is"),
    ],
)
@on_uvloop
async def test_who_says_what_must_not_be_said_is_cut_off(
    said: list[Message | bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and others notice nothing."""
    async with serving(tmp_path) as (_, [one]):
        with wires(tmp_path, 1) as [wire]:
            wire.say(*said)
            heard = await wire.hear()
            while isinstance(heard, Grant):
                heard = await wire.hear()

            assert heard is None
        assert "a connection to the ledger is cut off" in caplog.text
        assert isinstance(await held(one, (terms("other"), 5)), Held)


@on_uvloop
async def test_who_does_not_read_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Its answers do not pile up, and others do not wait for it."""
    async with serving(tmp_path) as (server, [one]):
        with wires(tmp_path, 1) as [deaf]:
            deaf.say(Hello("deaf"))
            number = 0
            while len(server._connections) < 2 or "unread" not in caplog.text:
                with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
                    deaf.say(b"".join(frame(ask("deaf", number + at)) for at in range(1, 201)))
                    number += 200
                await asyncio.sleep(0)

            await until(lambda: len(server._connections) == 1)
        assert isinstance(await held(one, (DAILY, 5)), Held)


@on_uvloop
async def test_other_users_are_not_let_in(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the socket's permissions are; and those are for its owner alone."""
    server = await Server.open(tmp_path, uid=os.getuid() + 1)
    with wires(tmp_path, 1) as [wire]:
        wire.say(Hello("w1"), ask("w1", need=5))
        assert await wire.hear() is None

    assert f"it belongs to user {os.getuid()}" in caplog.text
    assert 0o600 == (tmp_path / SOCKET).stat().st_mode & 0o777
    assert {} == server.state()
    await server.stop()


@on_uvloop
async def test_connections_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is closed; when another has gone there is a place again."""
    monkeypatch.setattr(ledger_server, "CONNECTIONS_MOST", 2)
    async with serving(tmp_path, 0) as (server, _):
        with wires(tmp_path, 2) as (first, _):
            await until(lambda: len(server._connections) == 2)
            with wires(tmp_path, 1) as [surplus]:
                assert await surplus.hear() is None
            first.socket.close()
            await until(lambda: len(server._connections) == 1)

            with wires(tmp_path, 1) as [late]:
                late.say(Hello("w1"), ask("w1", need=5))
                assert isinstance(await late.hear(), Grant)


# ==== beginning =======================================================================================================


@on_uvloop
async def test_what_a_killed_authority_left_is_replaced(tmp_path: Path) -> None:
    """Its socket, and one that it was just making."""
    for name in (SOCKET, f"{SOCKET}.new"):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(tmp_path / name))

    async with serving(tmp_path) as (_, [one]):
        assert isinstance(await held(one, (DAILY, 5)), Held)


@on_uvloop
async def test_a_socket_whose_name_is_too_long_says_what_to_do(tmp_path: Path) -> None:
    """Names of Unix sockets end after about a hundred characters."""
    folder = tmp_path / ("x" * 100)
    folder.mkdir()

    with pytest.raises(LedgerRefused, match="give data_dir a shorter one"):
        await Server.open(folder)


@on_uvloop
async def test_an_authority_that_cannot_begin_leaves_nothing_open(tmp_path: Path) -> None:
    """Neither without a folder nor with a file that it must not read."""
    with pytest.raises(FileNotFoundError):
        await Server.open(tmp_path / "nowhere")
    (tmp_path / "ledger.db").write_bytes(b"nonsense" * 1000)
    with pytest.raises(LedgerRefused):
        await Server.open(tmp_path)
