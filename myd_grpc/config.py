"""The settings of the server: every one an environment variable, a bad value refused at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from myd_grpc.callers.model import CallerLimits
from myd_grpc.convert.engines import processors
from myd_grpc.convert.model import SECTION_NAMES, Limits
from myd_grpc.environ_reader import EnvironReader
from myd_grpc.objectstore.location import Location
from myd_grpc.shopping import DATE_FIELDS, OWNER_FIELDS

FILE_SEP_SIZE = 1000
"""Records converted and written at a time (`MYD_FILE_SEP_SIZE`)."""

MAX_CSV_ROW = 300_000
"""Data rows in one CSV file (`MYD_MAX_CSV_ROW`)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How this server runs. Directories are absolute."""

    data_dir: Path | Location
    """MYD_DATA_DIR: input files are read from here (default ./data)."""
    output_dir: Path | Location
    """MYD_OUTPUT_DIR: output sets are published here (default <data>/output)."""
    state_dir: Path
    """MYD_STATE_DIR: the job database lives here (default <data>/state; of data in object storage
    ./data/state)."""
    work_dir: Path
    """MYD_WORK_DIR: sets that go to object storage are made here first (default <state>/work)."""
    grpc_address: str
    """MYD_GRPC_ADDRESS: host:port to listen on, port 0 takes a free one (127.0.0.1:50051)."""
    rest_address: str
    """MYD_REST_ADDRESS: host:port of the REST gateway, a process of its own (127.0.0.1:9090)."""
    audit_file: Path | None
    """MYD_AUDIT_FILE: a line of JSON for each call that changes something or gives data out."""
    callers: Path | None
    """MYD_CALLERS: a TOML file of those who may call, and what; without, everybody may (none)."""
    presets: Path | None
    """MYD_PRESETS: a directory of TOML files of which columns stay, and how they are masked, for
    requests that name one (none)."""
    plaintext: bool
    """MYD_PLAINTEXT: whether other hosts may be served without encryption (false)."""
    tls_cert: Path | None
    """MYD_TLS_CERT: certificate of the gRPC server in PEM; with it, gRPC is over TLS."""
    tls_key: Path | None
    """MYD_TLS_KEY: its key."""
    tls_client_ca: Path | None
    """MYD_TLS_CLIENT_CA: callers have to show a certificate that one of these has signed."""
    connection_age_s: int
    """MYD_CONNECTION_AGE_SECONDS: a connection this old is ended, 0: never (1800 with TLS)."""
    rest_tls_cert: Path | None
    """MYD_REST_TLS_CERT: certificate of the REST gateway in PEM; with it, REST is over TLS."""
    rest_tls_key: Path | None
    """MYD_REST_TLS_KEY: its key."""
    rest_client_cert: Path | None
    """MYD_REST_CLIENT_CERT: certificate that the REST gateway shows to the gRPC server."""
    rest_client_key: Path | None
    """MYD_REST_CLIENT_KEY: its key."""
    address_file: Path | None
    """MYD_ADDRESS_FILE: written with the gRPC address in use once the server is ready."""
    executor: str
    """MYD_EXECUTOR: where conversions run: "local", beside the server, or "ray" (local)."""
    ray_address: str
    """MYD_RAY_ADDRESS: the Ray cluster, "auto": the one this machine is a node of (auto)."""
    workers: int
    """MYD_WORKERS: conversions at once (default: the processors this process may use, or as many
    as the cluster has slots for)."""
    max_queued: int
    """MYD_MAX_QUEUED: conversions that may wait for a worker (1000)."""
    max_files: int
    """MYD_MAX_FILES: files that one request may name (100000)."""
    max_connections: int
    """MYD_MAX_CONNECTIONS: callers connected at once, if open files suffice (10000)."""
    max_streams: int
    """MYD_MAX_STREAMS: calls at once on one connection (250)."""
    max_request_bytes: int
    """MYD_MAX_REQUEST_BYTES: of a request, without the names of its files (1048576)."""
    max_metadata_bytes: int
    """MYD_MAX_METADATA_BYTES: of what comes in headers with a call (16384)."""
    max_watches: int
    """MYD_MAX_WATCHES: watches at once (10000)."""
    summaries: int
    """MYD_SUMMARIES: shopping summaries at once; more callers wait (2)."""
    caller_limits: CallerLimits
    """MYD_CALLER_RUNNING, MYD_CALLER_QUEUED, MYD_CALLER_WATCHES, MYD_CALLER_SUMMARIES: how many of
    each a caller may have for whom MYD_CALLERS does not say (all workers, 200, 1000, 20)."""
    owner_fields: tuple[str, ...]
    """MYD_OWNER_FIELDS: comma-separated members that name whose a record or order line is."""
    date_fields: tuple[str, ...]
    """MYD_DATE_FIELDS: comma-separated members an order line's time is looked for in."""
    stall_s: float
    """MYD_STALL_SECONDS: a worker that does nothing for so long is ended (300)."""
    caller_calls: int
    """MYD_CALLER_CALLS: calls of one caller that are taken up in a second; 0: all (200)."""
    max_job_s: int
    """MYD_MAX_JOB_SECONDS: a job that works for longer is ended; 0: none is (0)."""
    checkpoint_s: float
    """MYD_CHECKPOINT_SECONDS: a running job notes this often from where it could go on (1)."""
    resume_window_s: int
    """MYD_RESUME_WINDOW: seconds an interrupted job waits to be handed its key again (86400)."""
    space_percent: int
    """MYD_SPACE_PERCENT: share of the input's size that must be free for the output (25)."""
    umask: int
    """MYD_OUTPUT_ACCESS: owner, group or all: who else than the server's user may read output sets
    (group). The modes that new files and directories do not get, whatever this process inherits."""
    overwrite: bool
    """MYD_OVERWRITE: whether an output set is replaced when the request does not say (true; with
    MYD_CALLERS false, as a set may be another caller's)."""
    engine: str
    """MYD_ENGINE: auto, native or python: what converts (auto)."""
    threads: int
    """MYD_THREADS: threads a conversion's engine works on; 0: one for each core, at most 64 (0)."""
    limits: Limits
    """MYD_FILE_SEP_SIZE, MYD_MAX_CSV_ROW, MYD_MAX_DEPTH (at most 1000), MYD_MAX_RECORD_BYTES,
    MYD_MAX_COLUMNS, MYD_MAX_TABLES, MYD_MAX_NAME_BYTES, MYD_MAX_GROWTH, MYD_MAX_INPUT_BYTES,
    MYD_MAX_EXPANDED_BYTES: bounds of a conversion."""
    section_names: frozenset[str]
    """MYD_SECTION_NAMES: comma-separated keys that name parts of one document, not records."""
    dictionary: str
    """MYD_DICTIONARY: the text of a CSV file of what columns mean; it counts before what comes with
    the program ("", for none)."""
    reflection: bool
    """MYD_REFLECTION: whether gRPC reflection is served (false)."""
    log_format: str
    """MYD_LOG_FORMAT: text or json (text)."""
    log_level: str
    """MYD_LOG_LEVEL: DEBUG, INFO, WARNING or ERROR (INFO)."""
    heartbeat_s: float
    """MYD_HEARTBEAT_SECONDS: a quiet watch repeats its last message this often (10)."""
    watch_write_timeout_s: float
    """MYD_WATCH_WRITE_TIMEOUT_SECONDS: a watch that is not read for so long is ended (30)."""
    shutdown_grace_s: float
    """MYD_SHUTDOWN_GRACE_SECONDS: calls under way at a stop may take this long to end (2)."""
    keepalive_s: float
    """MYD_KEEPALIVE_SECONDS: a silent connection is probed this often (30)."""

    @property
    def locations(self) -> dict[str, Location]:
        """The places that are in object storage, by the variable that names each."""
        places = {"MYD_DATA_DIR": self.data_dir, "MYD_OUTPUT_DIR": self.output_dir}
        return {name: place for name, place in places.items() if isinstance(place, Location)}

    @property
    def excluded_dirs(self) -> tuple[str, ...]:
        """Directories whose files are no inputs."""
        places = [self.state_dir, self.output_dir]
        if isinstance(self.output_dir, Location) and not _lies_in(self.work_dir, self.state_dir):
            places.append(self.work_dir)
        return tuple(map(str, places))

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read all settings; raises SettingsError that names every bad one."""
        source = EnvironReader(environ)
        settings = cls.read(source)
        source.raise_problems()
        return settings

    @classmethod
    def read(cls, source: EnvironReader) -> Settings:
        """All settings, the defaults in place of bad ones, which `source` has as problems."""
        data_dir = source.place("MYD_DATA_DIR", Path("data"))
        beside = Path("data") if isinstance(data_dir, Location) else data_dir
        state_dir = source.directory("MYD_STATE_DIR", beside / "state")
        settings = cls(
            data_dir=data_dir,
            output_dir=source.place("MYD_OUTPUT_DIR", data_dir / "output"),
            state_dir=state_dir,
            work_dir=source.directory("MYD_WORK_DIR", state_dir / "work"),
            grpc_address=source.address("MYD_GRPC_ADDRESS", "127.0.0.1:50051"),
            rest_address=source.address("MYD_REST_ADDRESS", "127.0.0.1:9090"),
            audit_file=source.file("MYD_AUDIT_FILE"),
            callers=source.file("MYD_CALLERS"),
            presets=source.file("MYD_PRESETS"),
            plaintext=source.boolean("MYD_PLAINTEXT", False),
            tls_cert=source.file("MYD_TLS_CERT"),
            tls_key=source.file("MYD_TLS_KEY"),
            tls_client_ca=source.file("MYD_TLS_CLIENT_CA"),
            connection_age_s=source.integer("MYD_CONNECTION_AGE_SECONDS", 1800, 0, 31_536_000),
            rest_tls_cert=source.file("MYD_REST_TLS_CERT"),
            rest_tls_key=source.file("MYD_REST_TLS_KEY"),
            rest_client_cert=source.file("MYD_REST_CLIENT_CERT"),
            rest_client_key=source.file("MYD_REST_CLIENT_KEY"),
            address_file=source.file("MYD_ADDRESS_FILE"),
            executor=source.choice("MYD_EXECUTOR", "local", "ray"),
            ray_address=source.cluster("MYD_RAY_ADDRESS"),
            workers=source.integer("MYD_WORKERS", _workers(source), 1, _MOST_WORKERS),
            max_queued=source.integer("MYD_MAX_QUEUED", 1000, 0, 1_000_000),
            max_files=source.integer("MYD_MAX_FILES", 100_000, 1, 1_000_000),
            max_connections=source.integer("MYD_MAX_CONNECTIONS", 10_000, 1, 1_000_000),
            max_streams=source.integer("MYD_MAX_STREAMS", 250, 100, 100_000),
            max_request_bytes=source.integer("MYD_MAX_REQUEST_BYTES", 1 << 20, 1 << 16, 1 << 30),
            max_metadata_bytes=source.integer("MYD_MAX_METADATA_BYTES", 1 << 14, 1 << 13, 1 << 20),
            max_watches=source.integer("MYD_MAX_WATCHES", 10_000, 1, 1_000_000),
            summaries=source.integer("MYD_SUMMARIES", 2, 1, 256),
            caller_limits=_caller_limits(source),
            owner_fields=source.names("MYD_OWNER_FIELDS", OWNER_FIELDS),
            date_fields=source.names("MYD_DATE_FIELDS", DATE_FIELDS),
            stall_s=source.seconds("MYD_STALL_SECONDS", 300, 86_400),
            caller_calls=source.integer("MYD_CALLER_CALLS", 200, 0, 1_000_000),
            max_job_s=source.integer("MYD_MAX_JOB_SECONDS", 0, 0, 31_536_000),
            checkpoint_s=source.seconds("MYD_CHECKPOINT_SECONDS", 1, 3600),
            resume_window_s=source.integer("MYD_RESUME_WINDOW", 86_400, 0, 31_536_000),
            space_percent=source.integer("MYD_SPACE_PERCENT", 25, 0, 1000),
            umask=_UMASKS[source.choice("MYD_OUTPUT_ACCESS", "group", "owner", "all")],
            overwrite=source.boolean("MYD_OVERWRITE", source.file("MYD_CALLERS") is None),
            engine=source.choice("MYD_ENGINE", "auto", "native", "python"),
            threads=source.integer("MYD_THREADS", 0, 0, processors.MOST_THREADS),
            limits=_limits(source),
            section_names=frozenset(source.names("MYD_SECTION_NAMES", SECTION_NAMES)),
            dictionary=source.dictionary("MYD_DICTIONARY"),
            reflection=source.boolean("MYD_REFLECTION", False),
            log_format=source.choice("MYD_LOG_FORMAT", "text", "json"),
            log_level=source.choice("MYD_LOG_LEVEL", "INFO", "DEBUG", "WARNING", "ERROR"),
            heartbeat_s=source.seconds("MYD_HEARTBEAT_SECONDS", 10, 15),
            watch_write_timeout_s=source.seconds("MYD_WATCH_WRITE_TIMEOUT_SECONDS", 30, 3600),
            shutdown_grace_s=source.seconds("MYD_SHUTDOWN_GRACE_SECONDS", 2, 600),
            keepalive_s=source.seconds("MYD_KEEPALIVE_SECONDS", 30, 3600),
        )
        if not source.problems:  # or else a place may be another than was meant
            _check_places(source, settings)
        source.check(not _may_be_read(settings), _AUDIT_FILE_IS_OPEN)
        _check_tls(source, settings)
        return settings


_MOST_WORKERS = 1000


def _workers(source: EnvironReader) -> int:
    """How many conversions there are at once unless it is set: a cluster tells its slots."""
    executor = source.choice("MYD_EXECUTOR", "local", "ray")
    return processors.usable() if executor == "local" else _MOST_WORKERS


def variables() -> frozenset[str]:
    """Every variable that this server reads."""
    source = EnvironReader({})
    Settings.read(source)
    return frozenset(source.asked)


_UMASKS = {"owner": 0o077, "group": 0o027, "all": 0o022}
_OVERLAP = "MYD_STATE_DIR and MYD_OUTPUT_DIR must not be the same or lie in one another"
_NO_INPUTS = (
    "MYD_DATA_DIR must not be, nor lie in, MYD_STATE_DIR or MYD_OUTPUT_DIR, which hold no inputs"
)
_WORK = (
    "MYD_WORK_DIR, in which workers write, must not be nor hold MYD_STATE_DIR or MYD_DATA_DIR, nor "
    "lie in MYD_OUTPUT_DIR"
)


def _check_places(source: EnvironReader, settings: Settings) -> None:
    data_dir, work_dir = settings.data_dir, settings.work_dir
    state_dir, output_dir = settings.state_dir, settings.output_dir
    overlap = _lies_in(state_dir, output_dir) or _lies_in(output_dir, state_dir)
    source.check(not overlap, _OVERLAP)
    excluded = _lies_in(data_dir, state_dir) or _lies_in(data_dir, output_dir)
    source.check(not excluded, _NO_INPUTS)
    in_work = _lies_in(state_dir, work_dir) or _lies_in(data_dir, work_dir)
    source.check(not in_work and not _lies_in(work_dir, output_dir), _WORK)


def _check_tls(source: EnvironReader, settings: Settings) -> None:
    source.pair("MYD_TLS_CERT", settings.tls_cert, "MYD_TLS_KEY", settings.tls_key)
    source.pair(
        "MYD_REST_TLS_CERT", settings.rest_tls_cert, "MYD_REST_TLS_KEY", settings.rest_tls_key
    )
    source.pair(
        "MYD_REST_CLIENT_CERT",
        settings.rest_client_cert,
        "MYD_REST_CLIENT_KEY",
        settings.rest_client_key,
    )
    source.check(
        settings.tls_cert is not None or settings.tls_client_ca is None,
        "MYD_TLS_CLIENT_CA needs MYD_TLS_CERT and MYD_TLS_KEY: certificates are shown over TLS",
    )


_AUDIT_FILE_IS_OPEN = (
    "MYD_AUDIT_FILE must not lie in MYD_DATA_DIR or MYD_OUTPUT_DIR, from where callers read"
)


def _may_be_read(settings: Settings) -> bool:
    """Whether the audit file is where callers' inputs or outputs are."""
    file = settings.audit_file
    if file is None or file.is_relative_to(settings.state_dir):
        return False
    return _lies_in(file, settings.data_dir) or _lies_in(file, settings.output_dir)


def _lies_in(one: Path | Location, other: Path | Location) -> bool:
    """Whether a place is the other one or beneath it: none of a disk is in object storage."""
    if isinstance(one, Location):
        return isinstance(other, Location) and one.is_relative_to(other)
    return isinstance(other, Path) and one.is_relative_to(other)


def _caller_limits(source: EnvironReader) -> CallerLimits:
    return CallerLimits(
        running=source.integer("MYD_CALLER_RUNNING", _MOST_WORKERS, 1, _MOST_WORKERS),
        queued=source.integer("MYD_CALLER_QUEUED", 200, 0, 1_000_000),
        watches=source.integer("MYD_CALLER_WATCHES", 1000, 0, 1_000_000),
        summaries=source.integer("MYD_CALLER_SUMMARIES", 20, 0, 1_000_000),
    )


def _limits(source: EnvironReader) -> Limits:
    limits = Limits()
    return Limits(
        batch_records=source.integer("MYD_FILE_SEP_SIZE", FILE_SEP_SIZE, 1, 10_000_000),
        rows_per_part=source.integer("MYD_MAX_CSV_ROW", MAX_CSV_ROW, 1, 1 << 40),
        max_depth=source.integer("MYD_MAX_DEPTH", limits.max_depth, 1, 1000),
        max_record_bytes=source.integer(
            "MYD_MAX_RECORD_BYTES", limits.max_record_bytes, 1, 1 << 34
        ),
        max_columns=source.integer("MYD_MAX_COLUMNS", limits.max_columns, 1, 1 << 20),
        max_tables=source.integer("MYD_MAX_TABLES", limits.max_tables, 1, 1 << 20),
        max_name_bytes=source.integer("MYD_MAX_NAME_BYTES", limits.max_name_bytes, 1, 1 << 16),
        max_growth=source.integer("MYD_MAX_GROWTH", limits.max_growth, 1, 1_000_000),
        max_input_bytes=source.integer("MYD_MAX_INPUT_BYTES", limits.max_input_bytes, 1, 1 << 50),
        max_expanded_bytes=source.integer(
            "MYD_MAX_EXPANDED_BYTES", limits.max_expanded_bytes, 1, 1 << 50
        ),
    )
