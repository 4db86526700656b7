"""`alerts`: what is wrong now, who looks after it, and what the firm wants to be told of."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer

from prisma_assets.command.output import AsJson, answer, say, table
from prisma_assets.domain.errors import InputError
from prisma_assets.settings import Settings

Answer = TypeVar("Answer")

alerts = typer.Typer(help="What is wrong now, and who looks after it.", no_args_is_help=True)

AlertId = Annotated[str, typer.Argument(metavar="ALERT", help="Its id, as `alerts list` shows it.")]
By = Annotated[str, typer.Option("--as", help="Who does it.")]
Reason = Annotated[str, typer.Option(help="Why; kept with it.")]
_STATUSES = ("active", "open", "acknowledged", "suppressed", "resolved")
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(alerts, name="alerts")


@alerts.command("list")
def list_alerts(
    status: Annotated[
        str,
        typer.Option(help="active (not over), open, acknowledged, suppressed, resolved or all."),
    ] = "active",
    agent: Annotated[str | None, typer.Option(help="Only about this agent.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first."""
    from prisma_assets.store.alert import AlertStore

    if status not in (*_STATUSES, "all"):
        raise InputError(f"--status is {', '.join(_STATUSES)} or all, not '{status}'")
    wanted = None if status == "all" else status
    found = _ask(lambda d: AlertStore(source=d).recent(limit, status=wanted, agent_id=agent))
    if as_json:
        answer({"alerts": found})
    elif not found:
        say("No alert is open." if status == "active" else "There is none.")
    else:
        table(["alert", "since", "severity", "state", "about", "what"], [_line(r) for r in found])


@alerts.command("show")
def show_alert(alert_id: AlertId, as_json: AsJson = False) -> None:
    """Show one alert with its figures and what became of it."""
    from prisma_assets.learning.alert_act import known_alert
    from prisma_assets.store.alert import AlertStore

    row = _ask(lambda d: known_alert(AlertStore(source=d), alert_id))
    if as_json:
        answer(row)
        return
    say(*(f"{name.replace('_', ' ')}: {_plain(value)}" for name, value in row.items() if value))


@alerts.command("ack")
def acknowledge(alert_id: AlertId, by: By, as_json: AsJson = False) -> None:
    """Say that you look after an alert: it is not escalated, and stays open until the trouble is over."""
    from prisma_assets.learning import alert_act

    _said(by)
    _ask(lambda d: alert_act.acknowledge(d, alert_id, by=by))
    _done(alert_id, "acknowledged", as_json=as_json)


@alerts.command("resolve")
def resolve(alert_id: AlertId, by: By, reason: Reason, as_json: AsJson = False) -> None:
    """End an alert by hand; should the trouble go on, it is told anew. For quiet, use `silence`."""
    from prisma_assets.learning import alert_act

    _said(by, reason)
    _ask(lambda d: alert_act.resolve_by_hand(d, alert_id, by=by, reason=reason))
    _done(alert_id, "resolved", as_json=as_json)


@alerts.command("silence")
def silence(
    by: By,
    reason: Reason,
    for_: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long: 30m, 8h or 5d.")
    ] = "8h",
    rule: Annotated[str | None, typer.Option(help="Only alerts of this rule.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only alerts about this agent.")] = None,
    as_json: AsJson = False,
) -> None:
    """Be told nothing for a while about a rule, an agent or both; alerts are kept, and told if they outlast it."""
    from prisma_assets.command.connection import firm
    from prisma_assets.learning import alert_act
    from prisma_assets.store.alert import NewSilence

    now = datetime.now(UTC)
    until = now + _time(for_)
    new = NewSilence(rule_id=rule, agent_id=agent, until=until, reason=reason, by=by)
    number = _ask(lambda d: alert_act.silence(d, new, agents=firm().ids, now=now))
    if as_json:
        answer({"silence_id": number, "until": until})
    else:
        say(f"Silence {number} lasts until {until:%Y-%m-%d %H:%M} UTC.")


@alerts.command("unsilence")
def unsilence(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="Of the silence.")],
    as_json: AsJson = False,
) -> None:
    """End a silence now."""
    from prisma_assets.store.alert import AlertStore

    if not _ask(lambda d: AlertStore(source=d).end_silence(number)):
        raise InputError(f"no silence {number} is in force")
    _done(str(number), "ended", as_json=as_json)


@alerts.command("rules")
def list_rules(as_json: AsJson = False) -> None:
    """List the rules in force, with how many subjects stand how by each."""
    found = _ask(_rules)
    if as_json:
        answer({"rules": found})
    else:
        heads = ["rule", "kind", "metric", "condition", "threshold", "severity", "about", "state"]
        table(heads, [_rule_line(row) for row in found])


@alerts.command("add-rule")
def add_rule(
    metric: Annotated[str, typer.Option(help="Such as error_rate, p95_ms, cost_usd, accuracy.")],
    threshold: Annotated[
        float, typer.Option(help="In the unit of the metric; 50 is +50 % for pct_change.")
    ],
    by: By,
    condition: Annotated[
        str, typer.Option(help="greater_than, less_than, pct_change or zscore.")
    ] = "greater_than",
    agent: Annotated[str | None, typer.Option(help="One agent; without it each.")] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Set a rule about one agent or each."""
    from prisma_assets.command.connection import firm
    from prisma_assets.learning import alert_act

    _said(by)
    new = alert_act.NewRule(
        agent_id=agent, metric=metric, threshold=threshold, condition=condition, by=by, reason=reason
    )  # fmt: skip
    rule = _ask(lambda d: alert_act.set_rule(d, new, agents=firm().ids))
    if as_json:
        answer(rule.model_dump(mode="json"))
    else:
        say(f"Rule {rule.id} holds from now on.")


@alerts.command("end-rule")
def end_rule(
    rule_id: Annotated[str, typer.Argument(metavar="RULE", help="Its id.")],
    by: By,
    as_json: AsJson = False,
) -> None:
    """Have a rule somebody set hold no more; those that ship can be silenced."""
    from prisma_assets.learning import alert_act

    _said(by)
    _ask(lambda d: alert_act.end_rule(d, rule_id, by=by))
    _done(rule_id, "ended", as_json=as_json)


@alerts.command("check")
def check(as_json: AsJson = False) -> None:
    """Look at every rule now, as the product does each minute; sensors are watched only while the product runs."""
    from dataclasses import asdict

    from prisma_assets.command.connection import firm
    from prisma_assets.learning.alert import look

    looked = asdict(_ask(lambda d: look(d, agents=firm().ids, at=datetime.now(UTC))))
    if as_json:
        answer(looked)
    else:
        say(", ".join(f"{name} {count}" for name, count in looked.items()))


async def _rules(database: Any) -> list[dict[str, Any]]:
    from prisma_assets.store.alert_rule import AlertRuleStore

    store = AlertRuleStore(source=database)
    known = await store.known()
    return [
        {**rule.model_dump(mode="json"), "states": _counts(k.state.status for k in known if k.rule_id == rule.id)}
        for rule in await store.rules()
    ]  # fmt: skip


def _counts(statuses: Any) -> dict[str, int]:
    from collections import Counter

    return dict(sorted(Counter(str(status) for status in statuses).items()))


def _rule_line(rule: dict[str, Any]) -> list[Any]:
    states = ", ".join(f"{count} {status}" for status, count in rule["states"].items())
    return [
        rule["id"], rule["kind"], rule["metric"], rule["condition"], rule["threshold"], rule["severity"],
        rule["agent_id"] or rule["about"], states or "not looked at yet",
    ]  # fmt: skip


def _line(row: dict[str, Any]) -> list[Any]:
    return [
        row["alert_id"], f"{row['first_seen_at']:%Y-%m-%d %H:%M}", row["severity"], row["status"],
        row["subject_title"], row["message"],
    ]  # fmt: skip


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _time(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if (
        not number.isascii()
        or not number.isdigit()
        or unit not in _UNITS
        or not 0 < int(number) < 10_000
    ):
        raise InputError(f"--for is a time such as 30m, 8h or 5d, not '{text}'")
    return timedelta(seconds=int(number) * _UNITS[unit])


def _said(*texts: str) -> None:
    if not all(text.strip() for text in texts):
        raise InputError(
            "this is somebody's decision; give --as, and a --reason where it asks for one"
        )


def _done(what: str, how: str, *, as_json: bool) -> None:
    if as_json:
        answer({"id": what, "state": how})
    else:
        say(f"{what} is {how}.")


def _ask(question: Callable[[Any], Awaitable[Answer]]) -> Answer:
    from prisma_assets.command.connection import ask, migrated_server

    with migrated_server(Settings.from_environ()) as urls:
        return ask(urls, lambda store: question(store.database))
