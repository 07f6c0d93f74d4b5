"""Settings come from variables, strictly: what is unknown, empty or not allowed is refused in words."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sekisho.settings import Settings, SettingsError
from sekisho.settings.source import group_model, variables

KEY = "0123456789abcdef0123456789abcdef"
SASL = {
    "SEKISHO_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "SEKISHO_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "SEKISHO_KAFKA_SASL_USERNAME": "gate",
    "SEKISHO_KAFKA_SASL_PASSWORD": "open sesame",
}


def refusal(environment: dict[str, str]) -> str:
    """The text of the refusal of these variables."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(environment)
    return str(caught.value)


def test_runtime_limits_are_the_defaults() -> None:
    """With nothing given, every limit is the one that runtime.md and the contract state."""
    settings = Settings.from_environment({})
    gate, kafka = settings.gate, settings.kafka
    assert gate.max_value_bytes == 256 * 1024
    assert (gate.max_events_per_subject, gate.duplicate_window_days) == (1000, 7)
    assert (gate.freshness_seconds, gate.turn_seconds, gate.lane_loss_seconds, gate.clock_skew_seconds) == (
        5,
        2,
        2,
        5,
    )
    assert (kafka.transaction_seconds, kafka.fetch_wait_ms, kafka.transaction_backoff_ms) == (10, 100, 3)
    assert 6 <= kafka.session_seconds <= 10
    assert 512 * 1024 <= kafka.max_batch_bytes <= 1024 * 1024
    assert (settings.topic.prefix, settings.topic.partitions, settings.audit.retention_years) == (
        "sekisho-",
        4,
        10,
    )


def test_each_variable_sets_its_field() -> None:
    """A variable's name is the prefix, the group and the field."""
    settings = Settings.from_environment(
        {
            "SEKISHO_KAFKA_BOOTSTRAP": "one:9092,[::1]:9093",
            "SEKISHO_TOPIC_PARTITIONS": "12",
            "SEKISHO_GATE_TURN_SECONDS": "1.5",
            "SEKISHO_RULEBOOK": "deploy/rulebook",
            "SEKISHO_LOG_LEVEL": "DEBUG",
        }
    )
    assert settings.kafka.bootstrap == "one:9092,[::1]:9093"
    assert settings.topic.partitions == 12
    assert settings.gate.turn_seconds == 1.5
    assert settings.rulebook == Path("deploy/rulebook")
    assert settings.log.level == "DEBUG"


@pytest.mark.parametrize(
    ("misspelt", "nearest"),
    [
        ("SEKISHO_KAFKA_BOOTSTRP", "SEKISHO_KAFKA_BOOTSTRAP"),
        ("SEKISHO_GATE_MAX_VALUE_BYTE", "SEKISHO_GATE_MAX_VALUE_BYTES"),
        ("SEKISHO_RULE_BOOK", "SEKISHO_RULEBOOK"),
        ("sekisho_http_port", "SEKISHO_HTTP_PORT"),
    ],
)
def test_a_misspelt_variable_is_refused_and_the_nearest_named(misspelt: str, nearest: str) -> None:
    """An unknown variable with our prefix is an error that names the nearest known one."""
    assert f"{misspelt} is not a setting; did you mean {nearest}?" in refusal({misspelt: "1"})


def test_a_variable_like_no_other_is_refused_too() -> None:
    """An unknown variable near nothing is refused with where to look."""
    assert "SEKISHO_QQQQ is not a setting; docs/settings.md" in refusal({"SEKISHO_QQQQ": "1"})


def test_variables_of_tests_and_of_others_are_passed_over() -> None:
    """SEKISHO_TEST_* and what has another prefix is none of the settings' business."""
    settings = Settings.from_environment({"SEKISHO_TEST_KAFKA_BOOTSTRAP": "a:1", "PATH": "/bin"})
    assert settings.kafka.bootstrap is None


def test_an_empty_variable_is_refused() -> None:
    """A variable that is given but empty does not fall back to the default."""
    assert "SEKISHO_KAFKA_SECURITY_PROTOCOL is given but empty" in refusal(
        {"SEKISHO_KAFKA_SECURITY_PROTOCOL": " "}
    )


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("SEKISHO_KAFKA_BOOTSTRAP", "broker", "it must be `host:port`"),
        ("SEKISHO_KAFKA_SESSION_SECONDS", "60", "less than or equal to 10"),
        ("SEKISHO_KAFKA_FETCH_WAIT_MS", "500", "less than or equal to 100"),
        ("SEKISHO_GATE_TURN_SECONDS", "nan", "finite number"),
        ("SEKISHO_GATE_TURN_SECONDS", "0", "greater than 0"),
        ("SEKISHO_GATE_TURN_REQUESTS", "many", "valid integer"),
        ("SEKISHO_LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("SEKISHO_TOPIC_PREFIX", "Sekisho/", "small letters"),
        ("SEKISHO_INSTANCE", "../gate", "letters, digits"),
        ("SEKISHO_LOCAL_HEAP", "lots", "-Xmx"),
    ],
)
def test_a_wrong_value_is_told_with_what_is_allowed(name: str, value: str, told: str) -> None:
    """A refusal names the variable, the value and what is allowed."""
    text = refusal({name: value})
    assert f"{name}: '{value}' is not allowed" in text
    assert told in text


def test_all_that_is_wrong_is_told_at_once() -> None:
    """An operator mends several variables in one go."""
    text = refusal({"SEKISHO_HTTP_PORT": "x", "SEKISHO_LOG_FORMAT": "xml"})
    assert "SEKISHO_HTTP_PORT" in text
    assert "SEKISHO_LOG_FORMAT" in text


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        (
            {"SEKISHO_GATE_MAX_OUTPUT_BYTES": "1000000"},
            "MAX_OUTPUT_BYTES must be below SEKISHO_KAFKA_MAX_BATCH_BYTES",
        ),
        ({"SEKISHO_KAFKA_MAX_BATCH_BYTES": "2000000"}, "not be above SEKISHO_TOPIC_MAX_MESSAGE_BYTES"),
        ({"SEKISHO_GATE_MAX_VALUE_BYTES": "2000000"}, "not be above SEKISHO_KAFKA_FETCH_BYTES"),
        ({"SEKISHO_GATE_TURN_SECONDS": "10"}, "below SEKISHO_KAFKA_TRANSACTION_SECONDS"),
        ({"SEKISHO_GATE_LANE_LOSS_SECONDS": "10"}, "below SEKISHO_KAFKA_REBALANCE_SECONDS"),
        (
            {"SEKISHO_GATE_LANE_LOSS_SECONDS": "3", "SEKISHO_GATE_STOP_SECONDS": "2"},
            "SEKISHO_GATE_STOP_SECONDS",
        ),
        ({"SEKISHO_GATE_LANE_BACKOFF_SECONDS": "20"}, "SEKISHO_GATE_LANE_BACKOFF_MAX_SECONDS"),
        ({"SEKISHO_KAFKA_HEARTBEAT_SECONDS": "5"}, "a third of SEKISHO_KAFKA_SESSION_SECONDS"),
        ({"SEKISHO_KAFKA_REQUEST_SECONDS": "10"}, "below SEKISHO_KAFKA_SESSION_SECONDS"),
        ({"SEKISHO_KAFKA_CALL_SECONDS": "1"}, "must not be below SEKISHO_KAFKA_REQUEST_SECONDS"),
        ({"SEKISHO_KAFKA_COMMIT_SECONDS": "1"}, "must not be below SEKISHO_KAFKA_REQUEST_SECONDS"),
        ({"SEKISHO_TOPIC_MIN_INSYNC_REPLICAS": "2"}, "not be above SEKISHO_TOPIC_REPLICATION"),
        ({"SEKISHO_LOG_PSEUDONYMS": "true"}, "SEKISHO_LOG_PSEUDONYMS needs SEKISHO_PAYLOAD_HMAC_KEY"),
        ({"SEKISHO_KAFKA_SSL_CA_FILE": "/ca.pem"}, "PLAINTEXT: it does not use SEKISHO_KAFKA_SSL_CA_FILE"),
        ({"SEKISHO_KAFKA_SASL_USERNAME": "gate"}, "it does not use SEKISHO_KAFKA_SASL_USERNAME"),
        (
            {"SEKISHO_KAFKA_SECURITY_PROTOCOL": "SSL", "SEKISHO_KAFKA_SSL_KEY_FILE": "/k.pem"},
            "SEKISHO_KAFKA_SSL_CERTIFICATE_FILE and SEKISHO_KAFKA_SSL_KEY_FILE belong together",
        ),
        (
            {"SEKISHO_KAFKA_SECURITY_PROTOCOL": "SASL_SSL"},
            "it needs SEKISHO_KAFKA_SASL_MECHANISM, SEKISHO_KAFKA_SASL_USERNAME, SEKISHO_KAFKA_SASL_PASSWORD",
        ),
    ],
)
def test_limits_that_contradict_each_other_are_refused(environment: dict[str, str], told: str) -> None:
    """Values that are fine by themselves and not together are refused, naming the variables."""
    assert told in refusal(environment)


def test_transport_security_is_passed_through() -> None:
    """TLS and SASL settings reach the clients as they were given."""
    kafka = Settings.from_environment({**SASL, "SEKISHO_KAFKA_SSL_CA_FILE": "/ca.pem"}).kafka
    assert (kafka.security_protocol, kafka.sasl_mechanism, kafka.sasl_username) == (
        "SASL_SSL",
        "SCRAM-SHA-512",
        "gate",
    )
    assert kafka.sasl_password is not None
    assert kafka.sasl_password.get_secret_value() == "open sesame"
    assert kafka.ssl_ca_file == Path("/ca.pem")


def test_no_secret_is_ever_shown() -> None:
    """Neither the settings' own text, nor what a gate needs, nor a refusal shows a secret."""
    given = {
        **SASL,
        "SEKISHO_PAYLOAD_HMAC_KEY": KEY,
        "SEKISHO_KAFKA_BOOTSTRAP": "a:1",
        "SEKISHO_RULEBOOK": "r",
    }
    settings = Settings.from_environment(given)
    shown = f"{settings!r} {settings.model_dump()} {settings.model_dump_json()} {settings.for_gate()!r}"
    assert KEY not in shown
    assert "open sesame" not in shown
    assert "hunter2" not in refusal({"SEKISHO_PAYLOAD_HMAC_KEY": "hunter2"})


@pytest.mark.parametrize("password", ["hun@ter2", "hun%zzter2", "hun/t@r2", "hun?ter2"])
def test_a_password_that_the_driver_would_quote_in_an_error_is_refused(password: str) -> None:
    """Such a URL is cut in another place than meant, and what the driver says of it holds a part of the password."""
    told = refusal({"SEKISHO_DATABASE_URL": f"postgresql://ledger:{password}@db:5432/sekisho"})
    assert "percent sign" in told
    assert "ter2" not in told
    escaped = password.replace("%", "%25").replace("@", "%40").replace("/", "%2F").replace("?", "%3F")
    for url in (f"postgresql://ledger:{escaped}@db,other/sekisho", "postgresql://postgres@/x?host=%2Ftmp"):
        assert Settings.from_environment({"SEKISHO_DATABASE_URL": url}).database_url is not None


def test_every_secret_is_known_as_one() -> None:
    """A field whose value is a secret is marked, however its type is wrapped: refusals rely on it."""
    secrets = {one.name for one in variables(Settings) if one.secret}
    assert secrets == {
        "SEKISHO_DATABASE_URL",
        "SEKISHO_PAYLOAD_HMAC_KEY",
        "SEKISHO_KAFKA_SASL_PASSWORD",
        "SEKISHO_KAFKA_SSL_KEY_PASSWORD",
    }


def test_a_gate_without_what_it_needs_is_refused() -> None:
    """A gate starts only with a broker, a rulebook and a key; what is missing is named."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"SEKISHO_KAFKA_BOOTSTRAP": "a:1"}).for_gate()
    assert caught.value.problems == (
        "SEKISHO_RULEBOOK is not given; a gate cannot run without it",
        "SEKISHO_PAYLOAD_HMAC_KEY is not given; a gate cannot run without it",
    )


def test_a_gate_gets_its_key_as_bytes() -> None:
    """What a gate needs is handed over in the form that it uses."""
    given = {"SEKISHO_KAFKA_BOOTSTRAP": "a:1", "SEKISHO_RULEBOOK": "r", "SEKISHO_PAYLOAD_HMAC_KEY": KEY}
    assert Settings.from_environment(given).for_gate().payload_hmac_key == KEY.encode()


def test_base_folders_follow_the_xdg_specification() -> None:
    """State and cache lie in the user's base folders; relative ones are ignored, our own variable wins."""
    assert Settings.from_environment({"XDG_STATE_HOME": "/x"}).state.directory == Path("/x/sekisho")
    assert (
        Settings.from_environment({"XDG_CACHE_HOME": "x"}).local.cache == Path.home() / ".cache" / "sekisho"
    )
    both = {"XDG_STATE_HOME": "/x", "SEKISHO_STATE_DIRECTORY": "/y"}
    assert Settings.from_environment(both).state.directory == Path("/y")


def test_settings_made_without_the_environment_do_not_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only from_environment reads variables: neither the constructor nor an import does."""
    monkeypatch.setenv("SEKISHO_HTTP_PORT", "9000")
    assert Settings().http.port == 0
    assert Settings.from_environment().http.port == 9000


def test_importing_reads_no_environment() -> None:
    """A broken environment does not keep the module from being imported."""
    code = "import os; os.environ['SEKISHO_HTTP_PORT'] = 'x'; import sekisho.settings"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_cannot_be_changed() -> None:
    """Settings are read once; nobody changes them afterwards."""
    settings = Settings.from_environment({})
    with pytest.raises(ValueError, match="frozen"):
        settings.http.port = 1  # type: ignore[misc]


def test_every_setting_is_explained() -> None:
    """Each has a description that ends as a sentence, and each group has a heading's text."""
    for one in variables(Settings):
        assert one.info.description, one.name
        assert one.info.description.endswith("."), one.name
    for info in Settings.model_fields.values():
        model = group_model(info)
        assert model is None or model.__doc__


def test_a_group_request_outlasts_a_rebalance() -> None:
    """A join is answered only when the rebalance has ended; its time-out must be longer."""
    kafka = Settings.from_environment({"SEKISHO_KAFKA_REBALANCE_SECONDS": "20"}).kafka
    assert kafka.group_request_seconds > kafka.rebalance_seconds == 20
