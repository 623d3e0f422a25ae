"""The settings: environment variables ``CALLSCORE_*``, then a TOML file, then the defaults.

The file is ``callscore.toml`` in the working directory, or the one that ``CALLSCORE_CONFIG`` names.
Its keys are the field names below; relative paths are relative to the working directory.
"""

import os
import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as UnreadableSetting

from pipeline.errors import SettingsError
from pipeline.records import KINDS, Kind, Metadata

ENV_PREFIX = "CALLSCORE_"
CONFIG_VARIABLE = "CALLSCORE_CONFIG"
DEFAULT_CONFIG = Path("callscore.toml")

# A database address may hold a password: its value is never repeated in a message.
SECRET_KEYS = frozenset(
    {"db_url", "encryption_key", "oidc_client_secret", "second_opinion_key", "site_secret"}
)

# A hundred years. Longer ages reach back before the calendar of our dates begins.
LONGEST_KEPT_DAYS = 36_500

# Codes and secrets go there: over HTTPS, or no further than this machine.
OIDC_ISSUER = r"^(https://[^/?#@\s]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^?#\s]*)?$"


class Settings(BaseSettings):
    """Everything that can be chosen. Build it with :func:`load_settings`: it explains mistakes."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True
    )

    data_dir: Path = Path("callscore-data")
    """Folder for the database, the reports and whatever else is kept."""

    db_url: str | None = None
    """SQLAlchemy address of the database; None: the SQLite file ``callscore.db`` in data_dir."""

    rubric: str = "leap"
    """Name of a rubric that ships with callscore, or the path of a rubric file."""

    queue_rubrics: dict[str, str] = {}
    """Rubrics of queues that have their own, such as ``{returns = "returns.yaml"}``."""

    whisper_model: str = "bundled"
    """Speech recogniser: ``bundled``, a name such as ``large-v3-turbo``, or a model folder."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where models run; ``auto`` takes the GPU when one truly works."""

    compute_type: Literal[
        "auto", "int8", "int8_float16", "int8_float32", "int16", "float16", "bfloat16", "float32"
    ] = "auto"
    """Precision of the recogniser; ``auto``: float16 on a GPU, int8 on a CPU."""

    cpu_threads: int = Field(0, ge=0)
    """Threads that the models may use; 0: as many as there are cores."""

    parallel_calls: int = Field(2, ge=1, le=64)
    """Calls that a nightly batch works on at once, each in a process with models of its own (about
    2 GB); the cores are shared out among them."""

    calls_per_process: int = Field(100, ge=1)
    """After so many calls a process of a nightly batch is replaced by a new one."""

    call_timeout_s: float = Field(4 * 3600.0, gt=0)
    """A process that scores one call for longer is ended, as if it had crashed."""

    quarantine_after: int = Field(3, ge=1)
    """A recording over which so many processes died is left alone from then on."""

    patience_s: float = Field(600.0, ge=0)
    """So long a nightly batch waits for a database that is away or locked."""

    settle_s: float = Field(20.0, ge=0)
    """A recording must have stayed as it is for so long: younger ones may still be written."""

    diarization_model: str = "bundled"
    """Speaker separation of mono recordings: ``bundled``, or a name or path of a pyannote pipeline
    such as ``pyannote/speaker-diarization-community-1``."""

    diarization_segmentation_step: float = Field(0.15, gt=0, le=1)
    """Step between windows of the speaker separation, as a share of the window (10 s). pyannote's
    own is 0.1, which takes a tenth more of a mono call's time and errs hardly less (DER 8.0 %
    against 8.1 % on 17 calls; 0.25: 8.3 %)."""

    language: str | None = Field(None, pattern=r"^[a-z]{2,3}$")
    """Language of calls whose metadata does not say, such as ``en``; None: detected per call."""

    agent_channel: Literal["auto", "left", "right"] = "auto"
    """Where the agent is in stereo recordings whose metadata does not say."""

    second_opinion_url: str | None = Field(None, pattern=r"^https?://")
    """Address of a language model that speaks the OpenAI chat protocol, up to and without
    ``/chat/completions``, such as ``http://localhost:11434/v1``; None: nothing is ever sent. The
    words of every call are sent there."""

    second_opinion_model: str = "default"
    """Name of the model to ask for at that address."""

    second_opinion_key: SecretStr | None = None
    """Key for that address, if it wants one."""

    second_opinion_timeout_s: float = Field(120.0, gt=0)
    """So long an answer is waited for, twice."""

    site_url: str | None = Field(None, pattern=r"^https?://[^/?#@]+$")
    """Address under which people reach the review site, such as ``https://calls.example.com``;
    None: the host and port that it listens on."""

    site_secret: SecretStr | None = Field(None, min_length=32)
    """What signs the cookies of the review site; None: made once and kept in data_dir."""

    oidc_client_id: str | None = Field(None, min_length=1)
    """Name under which the OpenID provider knows the review site. There, allow the redirect address
    ``<site_url>/sign-in/oidc/callback``."""

    oidc_client_secret: SecretStr | None = None
    """The secret that goes with it, if the provider gave one."""

    oidc_issuer: str | None = Field(None, pattern=OIDC_ISSUER)
    """Address of an OpenID provider through which people may sign in, such as
    ``https://login.example.com/realms/staff``; None: nothing is asked of any."""

    oidc_name: str = Field("single sign-on", min_length=1, max_length=40)
    """What people call that provider: the button says "Sign in with …"."""

    oidc_name_claim: str = Field("email", pattern=r"^[A-Za-z_]{1,40}$")
    """Which of the provider's claims is the name of the account, at the first sign-in; later ones
    go by the provider's own number of the person. An ``email`` must be verified. Name another, such
    as ``preferred_username``, only where people cannot choose theirs at the provider."""

    dispute_days: int = Field(7, ge=0, le=365)
    """So long after it was scored an agent may dispute an answer. Averages count a call when that
    time is over; 0: at once."""

    coaching_rules: Path | None = None
    """File of rules that say which calls coaching talks about; None: those that ship
    (``rubrics/coaching/rules.yaml``)."""

    redact: Annotated[tuple[Kind, ...], NoDecode] = KINDS
    """Personal data that is hidden in transcripts and sound before anything is stored. An empty
    list (``[]``) hides nothing. In the environment with commas: ``card,cvv``."""

    keep_originals: bool = False
    """Whether the words that redaction hides are kept, apart from the rest, for administrators and
    QA to look at. Each look is noted."""

    encryption_key: SecretStr | None = None
    """Key with which stored words and clips are encrypted (``callscore encrypt --new-key`` makes
    one). Several, with commas between: the first encrypts, the others still open what is there."""

    encryption_key_file: Path | None = None
    """The same, as a file with one key a line."""

    keep_audio_days: int | None = Field(None, ge=1, le=LONGEST_KEPT_DAYS)
    """Recordings, and sound cut from them, older than so many days are deleted by ``purge``; None:
    never."""

    keep_transcripts_days: int | None = Field(None, ge=1, le=LONGEST_KEPT_DAYS)
    """The words of older calls are deleted; their scores stay."""

    keep_scores_days: int | None = Field(None, ge=1, le=LONGEST_KEPT_DAYS)
    """Older calls are deleted whole."""

    filename_pattern: str | None = None
    """Regular expression with named groups (``(?P<agent_id>...)``) that reads metadata from file
    names, for recordings with neither sidecar nor manifest."""

    max_duration_s: float = Field(4 * 3600.0, gt=0)
    """Longer recordings are refused: nearly always a line left open or a damaged header."""

    @field_validator("redact", mode="before")
    @classmethod
    def _with_commas(cls, kinds: object) -> object:
        if not isinstance(kinds, str):
            return kinds
        parts = (kind.strip(" \"'") for kind in kinds.strip("[] ").split(","))
        return [kind for kind in parts if kind]

    @field_validator("oidc_issuer")
    @classmethod
    def _knows_its_client(cls, issuer: str | None, info: ValidationInfo) -> str | None:
        if issuer is not None and info.data.get("oidc_client_id") is None:
            raise ValueError("give oidc_client_id too")
        return issuer

    @field_validator("filename_pattern")
    @classmethod
    def _names_metadata(cls, pattern: str | None) -> str | None:
        if pattern is None:
            return None
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression ({error})") from None
        known = {field.name for field in fields(Metadata)}
        if not groups:
            raise ValueError("no named group such as (?P<agent_id>[^_]+)")
        if groups - known:
            unknown, expected = sorted(groups - known), ", ".join(sorted(known))
            raise ValueError(f"unknown group {unknown[0]!r}; known are {expected}")
        return pattern

    @property
    def database_url(self) -> str:
        """The address of the database in force."""
        if self.db_url is not None:
            return self.db_url
        return f"sqlite:///{self.data_dir.absolute() / 'callscore.db'}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - passed by name
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - passed by name
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = config_file()
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def config_file() -> Path | None:
    """The settings file in force, or None."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    return DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else None


def load_settings(**overrides: Any) -> Settings:
    """Reads all sources; ``overrides`` (from the command line; None = not given) come first."""
    given = {key: value for key, value in overrides.items() if value is not None}
    file = config_file()
    if file is not None and not file.is_file():
        raise SettingsError(
            f"{CONFIG_VARIABLE} names {file}, which is no file; correct or unset it"
        )
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise SettingsError(_explain(error, given, file)) from None
    except UnreadableSetting as error:  # its own text names the field and the source
        raise SettingsError(f'{error}; expected JSON such as {{"returns": "r.yaml"}}') from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file}: cannot be read: {error}") from None
    if "rubric" in given:  # one that was asked for judges all calls
        settings = settings.model_copy(update={"queue_rubrics": {}})
    return settings


def _explain(error: ValidationError, given: dict[str, Any], file: Path | None) -> str:
    """The first complaint in one line: source, key, found, expected."""
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else "?"
    variable = ENV_PREFIX + key.upper()
    in_environment = {name.upper() for name, value in os.environ.items() if value}
    if key in given:
        source = "--db" if key == "db_url" else f"--{key.replace('_', '-')}"
    elif variable in in_environment:
        source = f"environment variable {variable}"
    else:
        source = f"{file}, key {key}"
    if first["type"] == "extra_forbidden":
        known = ", ".join(Settings.model_fields)
        return f"{source}: unknown setting; known are {known}"
    expected = str(first["msg"]).removeprefix("Value error, ")
    expected = expected.replace("Input should be ", "expected ", 1)
    if key in SECRET_KEYS:
        return f"{source}: {expected}"
    return f"{source}: found {first['input']!r}; {expected}"
