"""When must error budgets alarm, and when not?"""

from deploy.source.alerts import PAGE, TICKET
from deploy.source.cases.case import Case, series
from deploy.source.slo import OBJECTIVES


def _requests(ok: str, failed: str, mistaken: str = "0+9x4500") -> tuple[tuple[str, str], ...]:
    name = "tollway_requests_total"
    return (
        (series(name, 'outcome="ok"'), ok),
        (series(name, 'outcome="upstream_error"'), failed),
        (series(name, 'outcome="client_error"'), mistaken),
    )


def _above(name: str, edge: str, within: str, everything: str, labels: str = "") -> tuple[tuple[str, str], ...]:
    split = f"{labels}," if labels else ""
    return ((series(f"{name}_bucket", f'{split}le="{edge}"'), within), (series(f"{name}_count", labels), everything))


def _slo(name: str) -> str:
    return f'job="tollway",slo="{name}"'


_FAILING, _SLOW, _OVERHEAD = (objective.alert for objective in OBJECTIVES)
_SUCCESS_LABELS, _SLOW_LABELS, _OVERHEAD_LABELS = (_slo(objective.name) for objective in OBJECTIVES)

BURN = (
    Case(
        _FAILING,
        "a tenth fails for 90 minutes; mistakes of callers change nothing",
        _requests("0+54x90 4860+60x200", "0+6x90 540+0x200", "0+500x290"),
        (80,),
        (150,),
        _SUCCESS_LABELS,
        PAGE,
    ),
    Case(
        _FAILING,
        "a fiftieth fails: a ticket, and nobody is woken",
        _requests("0+98x400", "0+2x400"),
        (200,),
        (),
        _SUCCESS_LABELS,
        TICKET,
    ),
    Case(_FAILING, "a fiftieth fails", _requests("0+98x400", "0+2x400"), (), (200, 300), severity=PAGE),
    Case(
        _FAILING,
        "an outage long over opens no ticket: the short window is clean",
        _requests("0+54x60 3240+60x400", "0+6x60 360+0x400"),
        (50,),
        (440,),
        _SUCCESS_LABELS,
        TICKET,
    ),
    *(
        Case(
            _FAILING, "only callers are mistaken", _requests("0+10x400", "0x400", "0+500x400"), (), (100, 200), "", each
        )
        for each in (PAGE, TICKET)
    ),
    *(
        Case(
            _FAILING,
            "counters fall to zero with a new data directory",
            _requests("90000+50x100 0+50x300", "700x100 0x300"),
            (),
            (100, 101, 103, 105, 110, 200),
            "",
            each,
        )
        for each in (PAGE, TICKET)
    ),
    *(
        Case(_FAILING, "there is no traffic", _requests("5000x400", "4000x400", "0x400"), (), (50, 150), "", each)
        for each in (PAGE, TICKET)
    ),
    Case(
        _FAILING,
        "one of three fails at night",
        _requests("5000x100 5002x200", "10x100 11x200"),
        (),
        (102, 104, 110, 150),
        severity=PAGE,
    ),
    Case(
        _SLOW,
        "four of five answers begin late",
        _above("tollway_time_to_first_token_seconds", "2.0", "0+20x90 1800+100x200", "0+100x290"),
        (80,),
        (150,),
        _SLOW_LABELS,
        PAGE,
    ),
    Case(
        _SLOW,
        "a quarter begins late",
        _above("tollway_time_to_first_token_seconds", "2.0", "0+75x400", "0+100x400"),
        (200,),
        (),
        _SLOW_LABELS,
        TICKET,
    ),
    Case(
        _OVERHEAD,
        "a fifth waits for the gateway",
        _above("tollway_overhead_seconds", "0.01", "0+80x90 7200+100x200", "0+100x290", 'phase="total"'),
        (80,),
        (150,),
        _OVERHEAD_LABELS,
        PAGE,
    ),
    Case(
        _OVERHEAD,
        "a twentieth waits for the gateway",
        _above("tollway_overhead_seconds", "0.01", "0+95x400", "0+100x400", 'phase="total"'),
        (200,),
        (),
        _OVERHEAD_LABELS,
        TICKET,
    ),
)
