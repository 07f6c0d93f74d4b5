"""On a Kafka that asks who one is: the same settings take both client libraries in, and the wrong ones are told."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from kafka_settings import PLAINTEXT, kafka_config
from local_kafka import MakeBroker
from log.bench import numbered, send_all
from sekisho.local.ports import LOOPBACK, free_ports
from sekisho.log.kafka import KafkaLog, KafkaSecurity
from sekisho.log.port import Partition, UnavailableError

pytestmark = pytest.mark.own_broker
GATE = replace(
    PLAINTEXT, protocol="SASL_PLAINTEXT", sasl_mechanism="PLAIN", username="gate", password="open-sesame"
)


def guarded(make_broker: MakeBroker, protocol: str, more: dict[str, str]) -> str:
    """The address of a listener that asks who one is (beside the plain one that tells when the broker is ready)."""
    port, controller_port = free_ports(2)
    properties = {
        "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,GUARDED:{protocol}",
        **{f"listener.name.guarded.{name}": value for name, value in more.items()},
    }
    kafka = make_broker(properties=properties)
    kafka.start()
    listeners = f"PLAINTEXT://{kafka.bootstrap},GUARDED://{LOOPBACK}:{port}"
    kafka.kill()
    # its own port is known only now: the second start adds the guarded listener beside it
    kafka._properties.update(
        {
            "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": listeners,
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        }
    )
    kafka.start()
    return f"{LOOPBACK}:{port}"


async def use(bootstrap: str, security: KafkaSecurity) -> None:
    """Administers, writes in a transaction and reads back."""
    log = KafkaLog(replace(kafka_config(bootstrap), security=security, call_timeout_s=10, admin_timeout_s=5))
    at = Partition("guarded", 0)
    try:
        await log.create(at.topic, 1, 1, {})
        writer = log.transactional_writer("guarded")
        await writer.start()
        await writer.begin()
        await send_all(writer, at, numbered(0, 1))
        await writer.commit()
        await writer.stop()
        assert await log.partition_reader().high_watermark(at) >= 1
    finally:
        await log.close()


async def is_told(bootstrap: str, wrong: KafkaSecurity) -> None:
    """Neither library gets in; both say with which protocol, and which settings to look at."""
    log = KafkaLog(replace(kafka_config(bootstrap), security=wrong, call_timeout_s=5, admin_timeout_s=3))
    with pytest.raises(UnavailableError, match=f"{wrong.protocol}.*TLS and SASL settings"):
        await log.writer().start()
    with pytest.raises(UnavailableError, match="TLS and SASL settings"):
        await log.describe(["guarded"])
    await log.close()


async def test_the_right_user_gets_in_and_the_wrong_one_is_told(make_broker: MakeBroker) -> None:
    """With the password both libraries work; with another, or without SASL, the message says what to look at."""
    module = "org.apache.kafka.common.security.plain.PlainLoginModule"
    asks = {
        "sasl.enabled.mechanisms": "PLAIN",
        "plain.sasl.jaas.config": f'{module} required user_gate="open-sesame";',
    }
    bootstrap = await asyncio.to_thread(guarded, make_broker, "SASL_PLAINTEXT", asks)
    await use(bootstrap, GATE)
    await is_told(bootstrap, replace(GATE, password="wrong"))
    await is_told(bootstrap, PLAINTEXT)


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)


def certificate(folder: Path, name: str, more: str = "") -> None:
    """`name`.key and `name`.pem, signed by the CA of the folder, whose keys end with the test."""
    (folder / "ext").write_text(f"subjectAltName=IP:{LOOPBACK}\n{more}", "utf-8")
    subject = ["-subj", f"/CN={name}", "-newkey", "rsa:2048", "-noenc"]
    openssl(folder, "req", *subject, "-keyout", f"{name}.key", "-out", f"{name}.csr")
    signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "1", "-extfile", "ext"]
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make certificates of a day")
async def test_certificates_of_both_sides_are_checked(make_broker: MakeBroker, tmp_path: Path) -> None:
    """Mutual TLS with files as the settings name them; without the client's, or with another CA, it is refused."""
    for authority in ("ca", "other"):
        subject = ["-subj", f"/CN={authority}", "-newkey", "rsa:2048", "-noenc", "-days", "1"]
        openssl(tmp_path, "req", "-x509", *subject, "-keyout", f"{authority}.key", "-out", f"{authority}.pem")
    certificate(tmp_path, "broker")
    certificate(tmp_path, "gate")
    broker_key = (tmp_path / "broker.key").read_text("utf-8") + (tmp_path / "broker.pem").read_text("utf-8")
    (tmp_path / "broker-both.pem").write_text(broker_key, "utf-8")
    asks = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(tmp_path / "broker-both.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(tmp_path / "ca.pem"),
        "ssl.client.auth": "required",
    }
    bootstrap = await asyncio.to_thread(guarded, make_broker, "SSL", asks)
    right = replace(
        PLAINTEXT,
        protocol="SSL",
        ca_file=str(tmp_path / "ca.pem"),
        certificate_file=str(tmp_path / "gate.pem"),
        key_file=str(tmp_path / "gate.key"),
    )
    await use(bootstrap, right)
    await is_told(bootstrap, replace(right, certificate_file=None, key_file=None))
    await is_told(bootstrap, replace(right, ca_file=str(tmp_path / "other.pem")))
