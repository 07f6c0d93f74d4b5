"""The bare pass-through as a Faust agent, with Faust's own defaults: `python -m bench.forward_faust PAIRS PROCESSES`."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import Any

import faust

from bench.forwarding import Forwarding, say_ready


def make(forwarding: Forwarding) -> Any:
    """An app with one agent, which only forwards."""
    names, pairs = forwarding.names, itertools.cycle(forwarding.pairs)
    app = faust.App(
        forwarding.group,
        broker=f"kafka://{forwarding.config.bootstrap}",
        web_enabled=False,
        topic_partitions=forwarding.settings.topic.partitions,
        datadir=str(Path(sys.argv[1]).parent / "faust"),
    )
    raw: dict[str, Any] = {
        "key_type": bytes,
        "value_type": bytes,
        "key_serializer": "raw",
        "value_serializer": "raw",
    }
    requests = app.topic(names.requests, **raw)
    decisions: Any = app.topic(names.decisions, **raw)
    records: Any = app.topic(names.records, **raw)

    async def forward(stream: Any) -> None:
        async for event in stream.events():
            pair = next(pairs)
            await decisions.send(key=event.key, value=pair.decision, headers=pair.decision_headers)
            if pair.record is not None:
                await records.send(key=event.key, value=pair.record, headers=pair.record_headers)

    app.agent(requests)(forward)

    def ready(*_: Any, **__: Any) -> None:
        say_ready([at.partition for at in app.consumer.assignment() if at.topic == names.requests])

    app.on_rebalance_complete.connect(ready, weak=False)
    return app


if __name__ == "__main__":
    forwards = make(Forwarding.from_arguments(sys.argv[1:]))
    faust.Worker(forwards, loglevel="WARNING").execute_from_commandline()
