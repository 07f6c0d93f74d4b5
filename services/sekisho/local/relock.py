"""Writes the lock of the Kafka jars anew: `python -m sekisho.local.relock` (`make relock-kafka`). Needs the network.

For a maintainer who moves to another Kafka; nobody else needs it. runtime.md names the traps: log4j's SLF4J binding drags in a
BOM that mixes Kafka versions, and Kafka 4.4.0 resolves incompletely.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from jgo.maven import MavenContext, PythonResolver
from jgo.parse import Coordinate

from sekisho.local.lock import LOCK_NAME

VERSION = "4.3.1"
COORDINATES = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.slf4j:slf4j-simple:1.7.36")


def _entry(artifact: Any) -> dict[str, object]:
    content = Path(artifact.resolve()).read_bytes()
    coordinate = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
    return {"coordinate": coordinate, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}


def resolve(repository: Path) -> dict[str, object]:
    """The lock's content, resolved and downloaded into the empty folder `repository`."""
    context = MavenContext(resolver=PythonResolver(), repo_cache=repository)
    asked = [
        context.create_dependency(replace(Coordinate.parse(coordinate), scope="compile"))
        for coordinate in COORDINATES
    ]
    inputs, transitive = context.resolver.resolve(asked)
    wanted = [*inputs, *(found for found in transitive if found.scope in ("compile", "runtime"))]
    jars = [_entry(found.artifact) for found in wanted]
    return {"endpoint": "+".join(COORDINATES), "version": VERSION, "jars": jars}


def main() -> int:
    """Resolve, download, and write the lock beside this module."""
    with tempfile.TemporaryDirectory(prefix="sekisho-relock-") as folder:
        content = resolve(Path(folder))
    target = Path(__file__).with_name(LOCK_NAME)
    target.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"wrote {target.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
