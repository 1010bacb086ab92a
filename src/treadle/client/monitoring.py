"""SDK: monitors, the alerts they raise, and the channels that are told."""

from __future__ import annotations

from datetime import datetime
from types import NoneType

from treadle.client.calls import Call, Send, only
from treadle.core.types import Page
from treadle.monitoring.abuse.types import AbuseFilter, AbuseFinding, AbusePolicy, KeptAbusePolicy
from treadle.monitoring.channels.types import (
    Channel,
    ChannelChange,
    CreatedChannel,
    Delivery,
    Email,
    NewChannel,
    RemovedChannel,
    SecretRotation,
    Slack,
    Webhook,
)
from treadle.monitoring.dashboards.types import Chart, ChartData, ChartQuery, Dashboard, SavedChart
from treadle.monitoring.readings.types import DriftReading
from treadle.monitoring.rules.types import NewRule, OnlineRule
from treadle.monitoring.types import (
    Alert,
    AlertFilter,
    Condition,
    Monitor,
    NewMonitor,
    RuleKind,
    Silence,
    WindowSeen,
)
from treadle.monitoring.usage.types import EngineUsage


class Monitors:
    """`client.monitors`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, new: NewMonitor) -> Monitor:
        """Watch a signal from the present window on. Raises Conflict for a name in use."""
        return self._send(Call("POST", "/monitors", Monitor, body=new))

    def change(self, wanted: NewMonitor, *, if_revision: str | None = None) -> Monitor:
        """Make a monitor as stated; another signal, rule or window starts it anew.

        if_revision: what was read, so that nothing that others changed meanwhile is lost. Raises NotFound, Outdated.
        """
        return self._send(Call("PUT", f"/monitors/{wanted.name}", Monitor, body=wanted, headers=only(if_revision)))

    def get(self, name: str) -> Monitor:
        """Return a monitor by name or id. Raises NotFound."""
        return self._send(Call("GET", f"/monitors/{name}", Monitor))

    def list_(
        self,
        *,
        q: str | None = None,
        condition: Condition | None = None,
        rule: RuleKind | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Monitor]:
        """Return monitors by name. `q`: part of the name."""
        query = {"q": q, "condition": condition, "rule": rule, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/monitors", Page[Monitor], query=query))

    def remove(self, name: str) -> None:
        """Forget a monitor and its windows; its alerts stay. Raises NotFound."""
        self._send(Call("DELETE", f"/monitors/{name}", NoneType))

    def silence(self, name: str, until: datetime | None, *, reason: str = "") -> Monitor:
        """Tell nobody of its alerts until then; None ends a silence. Raises NotFound."""
        return self._send(Call("POST", f"/monitors/{name}/silence", Monitor, body=Silence(until=until, reason=reason)))

    def list_windows(
        self,
        name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[WindowSeen]:
        """Return what a monitor saw, newest first; of windows that began within a time where one is named. Raises NotFound."""
        told = {name: None if at is None else at.isoformat() for name, at in (("since", since), ("until", until))}
        query = told | {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/monitors/{name}/windows", Page[WindowSeen], query=query))

    def list_readings(self, name: str, *, limit: int = 50, cursor: str | None = None) -> Page[DriftReading]:
        """Return what a drift monitor read from its windows, newest first. Raises NotFound; InvalidInput for another monitor."""
        query = {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", f"/monitors/{name}/readings", Page[DriftReading], query=query))


class Alerts:
    """`client.alerts`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self, wanted: AlertFilter | None = None, *, limit: int = 50, cursor: str | None = None) -> Page[Alert]:
        """Return alerts that match, newest first."""
        query = (wanted or AlertFilter()).model_dump(mode="json") | {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/alerts", Page[Alert], query=query))

    def get(self, alert_id: str) -> Alert:
        """Return an alert. Raises NotFound."""
        return self._send(Call("GET", f"/alerts/{alert_id}", Alert))


class Channels:
    """`client.channels`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, name: str, destination: Webhook | Slack | Email, *, private: bool = False) -> CreatedChannel:
        """Make a channel; a webhook's signing secret is in the answer, this once. Raises Conflict for a name in use."""
        new = NewChannel(name=name, destination=destination, private=private)
        return self._send(Call("POST", "/channels", CreatedChannel, body=new))

    def list_(self, *, q: str | None = None, limit: int = 50, cursor: str | None = None) -> Page[Channel]:
        """Return channels by name. `q`: part of the name."""
        return self._send(Call("GET", "/channels", Page[Channel], query={"q": q, "limit": limit, "cursor": cursor}))

    def change(
        self,
        name: str,
        *,
        rename: str | None = None,
        destination: Webhook | Slack | Email | None = None,
        private: bool | None = None,
        if_revision: str | None = None,
    ) -> Channel:
        """Rename a channel or send elsewhere; monitors and messages that wait follow. Raises NotFound, Conflict, Outdated."""
        change = ChannelChange(name=rename, destination=destination, private=private)
        return self._send(Call("PATCH", f"/channels/{name}", Channel, body=change, headers=only(if_revision)))

    def rotate(self, name: str, *, overlap_hours: int = 24) -> CreatedChannel:
        """Give a webhook a fresh secret, in the answer this once; until the overlap ends messages carry both signatures."""
        rotation = SecretRotation(overlap_hours=overlap_hours)
        return self._send(Call("POST", f"/channels/{name}/rotate", CreatedChannel, body=rotation))

    def remove(self, name: str, *, give_up: bool = False) -> RemovedChannel:
        """Forget a channel and its secret. Raises NotFound; Conflict while it is in use, unless that is given up."""
        query = {"give_up": str(give_up).lower()}
        return self._send(Call("DELETE", f"/channels/{name}", RemovedChannel, query=query))

    def test(self, name: str) -> Delivery:
        """Send a message now and return what came of it. Raises NotFound."""
        return self._send(Call("POST", f"/channels/{name}/test", Delivery))

    def list_deliveries(
        self, *, channel: str | None = None, alert_id: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[Delivery]:
        """Return messages that were sent or wait to be, newest first."""
        query = {"channel": channel, "alert_id": alert_id, "limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/deliveries", Page[Delivery], query=query))


class Rules:
    """`client.rules`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def create(self, new: NewRule) -> OnlineRule:
        """Judge live answers from now on. Raises Conflict for a name in use."""
        return self._send(Call("POST", "/rules", OnlineRule, body=new))

    def change(self, wanted: NewRule, *, if_revision: str | None = None) -> OnlineRule:
        """Make a rule as stated; what it has judged stays. Raises NotFound; Outdated unless it is as it was read."""
        return self._send(Call("PUT", f"/rules/{wanted.name}", OnlineRule, body=wanted, headers=only(if_revision)))

    def list_(self, *, limit: int = 50, cursor: str | None = None) -> Page[OnlineRule]:
        """Return rules by name."""
        return self._send(Call("GET", "/rules", Page[OnlineRule], query={"limit": limit, "cursor": cursor}))

    def remove(self, name: str) -> None:
        """Judge by a rule no longer; its scores stay. Raises NotFound."""
        self._send(Call("DELETE", f"/rules/{name}", NoneType))


class Abuse:
    """`client.abuse`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(
        self, wanted: AbuseFilter | None = None, *, limit: int = 50, cursor: str | None = None
    ) -> Page[AbuseFinding]:
        """Return callers that stood out, newest first."""
        query = (wanted or AbuseFilter()).model_dump(mode="json") | {"limit": limit, "cursor": cursor}
        return self._send(Call("GET", "/abuse/findings", Page[AbuseFinding], query=query))

    def dismiss(self, finding_id: str) -> AbuseFinding:
        """Say that a finding is none and undo what was done. Raises NotFound."""
        return self._send(Call("POST", f"/abuse/findings/{finding_id}/dismiss", AbuseFinding))

    def get_policy(self) -> KeptAbusePolicy:
        """Return what is done about callers, by their score."""
        return self._send(Call("GET", "/abuse/policy", KeptAbusePolicy))

    def set_policy(self, policy: AbusePolicy, *, if_revision: str | None = None) -> KeptAbusePolicy:
        """Say what is done about callers from now on. Raises Outdated unless the policy is as it was read."""
        return self._send(Call("PUT", "/abuse/policy", KeptAbusePolicy, body=policy, headers=only(if_revision)))


class Dashboards:
    """`client.dashboards`"""

    def __init__(self, send: Send) -> None:
        self._send = send

    def list_(self) -> list[Dashboard]:
        """Return the built-in dashboards, and the charts that people keep as one more."""
        return self._send(Call("GET", "/dashboards", list[Dashboard]))

    def read(self, query: ChartQuery) -> ChartData:
        """Return the lines of a chart."""
        return self._send(Call("POST", "/charts/data", ChartData, body=query))

    def list_engine_usage(
        self, since: datetime, until: datetime, *, model_version_id: str | None = None, limit: int = 50, cursor: str | None = None
    ) -> Page[EngineUsage]:  # fmt: skip
        """Return processors, memory and GPU of engines, minute by minute, oldest first."""
        query = {
            "since": since.isoformat(), "until": until.isoformat(), "model_version_id": model_version_id, "limit": limit,
            "cursor": cursor,
        }  # fmt: skip
        return self._send(Call("GET", "/engines/usage", Page[EngineUsage], query=query))

    def save(self, chart: Chart, *, if_revision: str | None = None, if_new: bool = False) -> SavedChart:
        """Keep a chart, or change the one of this name. Raises Outdated unless that is as it was read, or `if_new` is not there."""
        headers = only(if_revision, if_new=if_new)
        return self._send(Call("PUT", f"/charts/{chart.name}", SavedChart, body=chart, headers=headers))

    def list_charts(self, *, limit: int = 50, cursor: str | None = None) -> Page[SavedChart]:
        """Return charts that people keep, by name."""
        return self._send(Call("GET", "/charts", Page[SavedChart], query={"limit": limit, "cursor": cursor}))

    def remove(self, name: str) -> None:
        """Keep a chart no longer. Raises NotFound."""
        self._send(Call("DELETE", f"/charts/{name}", NoneType))
