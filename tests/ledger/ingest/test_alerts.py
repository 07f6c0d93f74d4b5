"""The alerts on the ledger name metrics that it serves, and labels that those have."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from sekisho.telemetry.definitions import UNREADY_CAUSES, Definition, all_definitions

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "ledger.rules.yaml"
METRICS = {each.name: each for each in all_definitions("ledger")}
SELECTOR = re.compile(r"(sekisho_[a-z_]+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r'([a-z_]+)\s*(?:=~|!~|!=|=)\s*"([^"]*)"')
GIVEN_BY_PROMETHEUS = {"job"}


def alerts() -> list[dict[str, Any]]:
    """Every rule of the file."""
    document = YAML(typ="safe").load(RULES)
    return [rule for group in document["groups"] for rule in group["rules"]]


def declared(name: str) -> Definition | None:
    """The metric that a series' name belongs to."""
    return METRICS.get(name) or METRICS.get(re.sub(r"_(bucket|sum|count)$", "", name))


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is(rule: dict[str, Any]) -> None:
    """Each metric is served by the ledger, each label is one of its, each cause is one that it tells."""
    found = SELECTOR.findall(rule["expr"])
    assert found
    for name, matchers in found:
        metric = declared(name)
        assert metric is not None, name
        labels = {label.name: label for label in metric.labels}
        for label, values in MATCHER.findall(matchers):
            if label in GIVEN_BY_PROMETHEUS:
                continue
            known = labels[label].values
            assert isinstance(known, tuple)
            assert set(values.split("|")) <= set(known), values


def test_every_alert_says_what_is_wrong_and_what_to_look_at() -> None:
    """A summary, a description, a severity; names are unique."""
    rules = alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert rule["annotations"]["summary"].strip()
        assert rule["annotations"]["description"].strip()


def test_what_the_issue_asks_to_be_told_is_told() -> None:
    """Lag, the age of checkpoints, refusals, unreadable messages, what is due and not deleted, and a ledger that stands still."""
    asked = {name for rule in alerts() for name, _ in SELECTOR.findall(rule["expr"])}
    assert asked >= {
        "sekisho_ledger_lag_seconds", "sekisho_checkpoint_age_seconds", "sekisho_purge_refusals_total",
        "sekisho_ledger_unreadable_total", "sekisho_retention_due", "sekisho_unready",
    }  # fmt: skip
    causes = " ".join(rule["expr"] for rule in alerts())
    assert all(
        cause in UNREADY_CAUSES and cause in causes for cause in ("topic_changed", "offset_lost", "disk_full")
    )


def test_prometheus_takes_the_rules() -> None:
    """Prometheus's own tool reads them, where it is installed."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: Prometheus's own check of the rules did not run")
    done = subprocess.run(
        [promtool, "check", "rules", str(RULES)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
