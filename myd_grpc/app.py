"""The server as a whole: what it is made of, and in which order that is made.

Settings, directories and their locks, the store, recovery of what the last server left, the purge;
then `lifecycle` serves calls until a signal. What was made last ends first.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from myd_grpc import announcements, directories, logs, tls
from myd_grpc.addresses import is_loopback
from myd_grpc.api.endpoint import AddressTakenError, tls_files
from myd_grpc.api.messages import watch_bytes
from myd_grpc.api.requests import conversion_of
from myd_grpc.api.service import Backend
from myd_grpc.audit import AuditFile
from myd_grpc.bounded_files import SettingsFileError
from myd_grpc.callers.access import Access
from myd_grpc.callers.quota import Quota
from myd_grpc.config import Settings
from myd_grpc.convert.engines.available import ENGINES
from myd_grpc.convert.errors import why
from myd_grpc.environ_reader import EnvironReader, SettingsError
from myd_grpc.jobs.model import Change
from myd_grpc.jobs.publish.opening import opened_output
from myd_grpc.jobs.publish.place import OutputPlace
from myd_grpc.jobs.run.context import AttemptContext
from myd_grpc.jobs.run.purge import Purger
from myd_grpc.jobs.run.queue import JobQueue
from myd_grpc.jobs.run.recovery import Recovery
from myd_grpc.jobs.run.runner import Runner
from myd_grpc.jobs.run.summaries import Summaries
from myd_grpc.jobs.store.clock import TrustedClock, TrustedTime
from myd_grpc.jobs.store.database import DatabaseRefusedError
from myd_grpc.jobs.store.store import Announce, JobStore
from myd_grpc.jobs.watch.hub import Hub
from myd_grpc.jobs.worker.executor import Executor
from myd_grpc.jobs.worker.hardening import forbid_core_dumps
from myd_grpc.jobs.worker.places import Places
from myd_grpc.jobs.worker.pool import WorkerPool
from myd_grpc.lifecycle import serve_calls
from myd_grpc.objectstore import client
from myd_grpc.objectstore.location import Location
from myd_grpc.presets.registry import Presets
from myd_grpc.rest import GatewayError, GatewaySettingsError, find_gateway
from myd_grpc.tracebacks import describe

if TYPE_CHECKING:
    from myd_grpc.callers.registry import Registry

logger = logging.getLogger(__name__)


MakeExecutor: TypeAlias = Callable[[Settings], Executor]


def main(
    environ: Mapping[str, str] = os.environ,
    *,
    rest: bool = False,
    executor: MakeExecutor | None = None,
) -> int:
    """Serve until a signal, also REST if asked to.

    Conversions run where `executor` has them run; without one, where the settings say.
    The exit status: 0, 1 when it cannot serve (any more), 2 for bad settings.
    """
    try:
        gateway = find_gateway() if rest else None
        settings, registry, presets = _checked(environ, rest=rest)
        # For the worker processes and the gateway, too, which inherit it.
        os.umask(settings.umask)
        directories.prepare(settings)
        access = Access(registry, settings.caller_calls)
        audit = _audit_file(settings)
    except (SettingsError, GatewayError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - how to log is not settled yet
        return 2
    logs.configure(settings.log_format, settings.log_level)
    announcements.tell_all(settings, environ, registry, rest=rest)
    forbid_core_dumps()
    try:
        asyncio.run(_serve(settings, access, presets, audit, gateway, executor))
    except (GatewaySettingsError, SettingsError) as error:
        logger.critical("%s", error)
        return 2
    except (
        directories.InUseError,
        DatabaseRefusedError,
        AddressTakenError,
        GatewayError,
        tls.TlsFileError,
    ) as error:
        logger.critical("%s", error)
        return 1
    except Exception as error:  # noqa: BLE001 - a traceback would show its text
        logger.critical("unexpected error: %s", describe(error))
        return 1
    return 0


def _checked(
    environ: Mapping[str, str], *, rest: bool
) -> tuple[Settings, Registry | None, Presets]:
    """The settings, and what their files hold; changes nothing on the disk.

    Raises SettingsError that names all that is wrong, so that nobody has to start again for each.
    """
    source = EnvironReader(environ)
    settings = Settings.read(source)
    for check in (
        lambda: _require_engine(settings.engine),
        lambda: _require_ray(settings.executor),
        lambda: _require_object_storage(settings),
        lambda: _require_encryption(settings, rest=rest),
        lambda: _require_certificates(settings),
        lambda: _require_gateways_pairs(settings) if rest else None,
        lambda: _require_place_of_address(settings.address_file),
    ):
        source.collect(check, None)
    registry = source.collect(lambda: _registry(settings.callers), None)
    presets = source.collect(lambda: _presets(settings.presets), None)
    if presets:
        source.collect(lambda: _require_presets(presets, registry), None)
    source.raise_problems()
    return settings, registry, presets or Presets()


def _require_engine(name: str) -> None:
    """Raises SettingsError when the engine that is set is not installed."""
    if name != "auto" and name not in ENGINES:
        raise SettingsError(
            f"MYD_ENGINE={name} cannot be used: that engine is not installed. Install Rust (cargo) "
            "and run make setup to build it, or set MYD_ENGINE=auto for the best there is"
        )


def _registry(path: Path | None) -> Registry | None:
    """The callers there are; none where everybody may call. Raises SettingsError."""
    if path is None:
        return None
    from myd_grpc.callers.registry import Registry  # noqa: PLC0415 - many servers have none

    try:
        return Registry(path)
    except SettingsFileError as error:
        raise _named("MYD_CALLERS", error) from None


def _named(variable: str, error: SettingsFileError) -> SettingsError:
    """The same with the name of the variable, which those who change the file need not be told."""
    lines = str(error).splitlines()
    return SettingsError("\n".join(f"{variable}: {line}" for line in lines))


def _presets(directory: Path | None) -> Presets | None:
    """The presets there are. Raises SettingsError."""
    try:
        return Presets(directory)
    except SettingsFileError as error:
        raise _named("MYD_PRESETS", error) from None


def _require_presets(presets: Presets, registry: Registry | None) -> None:
    """Raises SettingsError where callers are bound to others than there are."""
    callers = registry.known.file.callers if registry else {}
    problems = [
        f"MYD_CALLERS: [callers.{name}] presets: there is no preset {preset} in MYD_PRESETS"
        for name, caller in callers.items()
        for preset in caller.presets
        if preset not in presets.known
    ]
    if problems:
        raise SettingsError("\n".join(problems))


def _require_ray(executor: str) -> None:
    """Raises SettingsError when the executor that is set is not installed."""
    if executor == "ray" and importlib.util.find_spec("ray") is None:
        raise SettingsError(
            "MYD_EXECUTOR=ray needs Ray, which is not installed: pip install 'myd-grpc[ray]', or "
            "set MYD_EXECUTOR=local"
        )


def _require_object_storage(settings: Settings) -> None:
    """Raises SettingsError when a place in object storage cannot be reached from here."""
    for variable, location in settings.locations.items():
        if not client.is_installed():
            raise SettingsError(
                f"{variable} is in object storage, and what reaches that is not installed: "
                "pip install 'myd-grpc[object-storage]'"
            )
        if endpoint := client.bad_endpoint(location.scheme):
            raise SettingsError(
                f"{endpoint} cannot be used: it must begin with https://, or with http:// where "
                "nothing is to be encrypted; unset it where there is none to be named"
            )
        try:
            client.open_store(location)
        except OSError:
            raise SettingsError(
                f"{variable} is in object storage, and the environment does not say how to reach "
                "it: endpoint, account and credentials are in variables such as AWS_ENDPOINT_URL, "
                "AWS_ACCESS_KEY_ID, GOOGLE_SERVICE_ACCOUNT or AZURE_STORAGE_ACCOUNT_NAME"
            ) from None


def _require_encryption(settings: Settings, *, rest: bool) -> None:
    """Raises SettingsError where keys and data would go over a network for all to read."""
    served = [("GRPC", settings.grpc_address, "MYD_TLS_CERT and MYD_TLS_KEY", settings.tls_cert)]
    if rest:
        pair = "MYD_REST_TLS_CERT and MYD_REST_TLS_KEY"
        served.append(("REST", settings.rest_address, pair, settings.rest_tls_cert))
    problems = [
        f"MYD_{kind}_ADDRESS={address} is reachable from other hosts, and is not encrypted: set "
        f"{pair}, or take a loopback address such as 127.0.0.1:{address.rpartition(':')[2]}; in "
        "a network that nobody else can listen to, MYD_PLAINTEXT=true allows it"
        for kind, address, pair, certificate in served
        if not certificate and not is_loopback(address)
    ]
    if problems and not settings.plaintext:
        raise SettingsError("\n".join(problems))


def _audit_file(settings: Settings) -> AuditFile | None:
    """The file in which calls are written down, if there is to be one. Raises SettingsError."""
    if settings.audit_file is None:
        return None
    try:
        return AuditFile(settings.audit_file)
    except OSError as error:
        raise SettingsError(
            f"MYD_AUDIT_FILE={settings.audit_file} cannot be written: {why(error)}; name a file in "
            "a directory that is there and that this process may write to"
        ) from None


def _require_place_of_address(file: Path | None) -> None:
    """Raises SettingsError when the address in use cannot be written where it is wanted."""
    if file and not _may_be_written(file):
        raise SettingsError(
            f"MYD_ADDRESS_FILE={file} cannot be written: name a file in a directory that is there "
            "and that this process may write to"
        )


def _may_be_written(file: Path) -> bool:
    try:
        return not file.is_dir() and os.access(file.parent, os.W_OK | os.X_OK)
    except OSError:  # a directory that may not be entered, or too long a name
        return False


@asynccontextmanager
async def _rotating(audit: AuditFile | None) -> AsyncIterator[None]:
    """Goes on in a new audit file at SIGHUP, and closes the last one."""
    if audit is None:
        yield
        return
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, audit.reopen)
    try:
        yield
    finally:
        await audit.close()


def _require_certificates(settings: Settings) -> None:
    """Raises SettingsError when the server's certificate or key cannot be used."""
    with _naming_files_of_tls(settings):
        if files := tls_files(settings):
            files.load()


def _require_gateways_pairs(settings: Settings) -> None:
    """Raises SettingsError when what the gateway shows cannot be used."""
    with _naming_files_of_tls(settings):
        if settings.rest_tls_cert and settings.rest_tls_key:
            tls.server_pair(settings.rest_tls_cert, settings.rest_tls_key)
    if settings.rest_client_cert and settings.rest_client_key:
        if not settings.tls_cert:
            raise SettingsError("MYD_REST_CLIENT_CERT needs MYD_TLS_CERT: it is shown over TLS")
        with _naming_files_of_tls(settings):
            tls.client_pair(settings.rest_client_cert, settings.rest_client_key)


@contextmanager
def _naming_files_of_tls(settings: Settings) -> Iterator[None]:
    """Raises SettingsError with the names of the settings for TlsFileError."""
    try:
        yield
    except tls.TlsFileError as error:
        paths = {f"MYD_{name.upper()}": getattr(settings, name) for name in _FILES_OF_TLS}
        said = str(error)
        named = [name for name, path in paths.items() if path and str(path) in said]
        what = " and ".join(named) or "the settings of TLS"
        raise SettingsError(f"{what} cannot be used: {said}") from None


_FILES_OF_TLS = (
    "tls_cert",
    "tls_key",
    "tls_client_ca",
    "rest_tls_cert",
    "rest_tls_key",
    "rest_client_cert",
    "rest_client_key",
)


async def _serve(
    settings: Settings,
    access: Access,
    presets: Presets,
    audit: AuditFile | None,
    gateway: Path | None,
    make_executor: MakeExecutor | None,
) -> None:
    """Make all the parts, and serve with them; raises what keeps the server from serving."""
    presets.tell()
    stop = _stop_on_signals()
    asyncio.get_running_loop().set_exception_handler(_log_stray)
    directories.try_inputs(settings)
    with directories.locked(settings.state_dir), opened_output(settings) as output:
        hub = Hub(watch_bytes)
        with _opened_store(settings, hub) as store:
            resumed = await _recovery(settings, store, output).run()
            workers = WorkerPool(
                stall_s=settings.stall_s, places=_places(settings), slots=settings.workers
            )
            executor = make_executor(settings) if make_executor else _executor(settings, workers)
            context = AttemptContext(
                store,
                output,
                executor,
                partial(conversion_of, settings=settings),
                settings.checkpoint_s,
                settings.space_percent,
                settings.max_job_s,
            )
            limits_of = partial(access.limits_of, settings.caller_limits)
            queue = JobQueue(lambda: executor.slots, settings.max_queued, limits_of)
            runner = Runner(context, queue)
            summaries = Summaries(workers, settings.summaries, settings.max_queued, limits_of)
            watches = Quota(
                "watches",
                settings.max_watches,
                "MYD_MAX_WATCHES",
                lambda one: limits_of(one).watches,
            )
            async with _purging(store, output), _closed_at_the_end(workers):
                backend = Backend(settings, store, output, runner, summaries, hub, watches, presets)
                async with _rotating(audit):
                    await serve_calls(backend, access, audit, resumed, gateway, stop)


def _places(settings: Settings) -> Places:
    data_dir, hidden = str(settings.data_dir), settings.excluded_dirs
    if isinstance(settings.output_dir, Location):
        return Places(data_dir, str(settings.work_dir), hidden, str(settings.output_dir))
    return Places(data_dir, str(settings.output_dir), hidden)


def _executor(settings: Settings, workers: WorkerPool) -> Executor:
    return workers if settings.executor == "local" else _cluster(settings)


def _cluster(settings: Settings) -> Executor:
    # Not needed without a cluster.
    from myd_grpc.jobs.worker.cluster.executor import ClusterExecutor  # noqa: PLC0415
    from myd_grpc.jobs.worker.cluster.frames import Setup  # noqa: PLC0415

    setup = Setup(_places(settings), settings.stall_s, settings.umask)
    return ClusterExecutor(settings.ray_address, setup, settings.workers)


def _recovery(settings: Settings, store: JobStore, output: OutputPlace) -> Recovery:
    return Recovery(store, output, settings.resume_window_s, int(time.time()))


@asynccontextmanager
async def _purging(store: JobStore, output: OutputPlace) -> AsyncIterator[None]:
    """Purges the store, and what no set needs, from a thread of its own while the server serves."""
    loop = asyncio.get_running_loop()
    stopping = threading.Event()

    def purge(ended_before: int) -> int:
        forgotten = asyncio.run_coroutine_threadsafe(store.purge(ended_before), loop).result()
        left = asyncio.run_coroutine_threadsafe(store.unfinished(), loop).result()
        under_way = {one.job_id for one in left}
        output.tidy(under_way, lambda: not stopping.is_set())
        return forgotten

    def keep(seen: TrustedTime) -> None:
        asyncio.run_coroutine_threadsafe(store.keep_trusted_time(seen), loop).result()

    clock = TrustedClock(await store.trusted_time(), keep)
    purger = Purger(purge, clock)
    purger.start()
    try:
        yield
    finally:
        stopping.set()
        # In a thread: the purge at hand needs this loop to end.
        await asyncio.to_thread(purger.stop)


@asynccontextmanager
async def _closed_at_the_end(workers: WorkerPool) -> AsyncIterator[None]:
    """With another executor, nobody but summaries has used them."""
    try:
        yield
    finally:
        await workers.close()


@contextmanager
def _opened_store(settings: Settings, hub: Hub) -> Iterator[JobStore]:
    store = JobStore(settings.state_dir, _tell(hub))
    try:
        yield store
    finally:
        store.close()


def _tell(hub: Hub) -> Announce:
    loop = asyncio.get_running_loop()

    def announce(changes: Sequence[Change]) -> None:
        loop.call_soon_threadsafe(hub.publish, changes)

    return announce


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    numbers = [signal.SIGTERM, signal.SIGINT]
    # What a terminal sends that is closed; with an audit file it gets another meaning.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as `nohup` has it
        numbers.append(signal.SIGHUP)
    for number in numbers:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log errors in callbacks and forgotten tasks; asyncio itself would log their texts."""
    error = context.get("exception")
    trace = describe(error) if isinstance(error, BaseException) else "no exception"
    logger.error("unexpected error outside of calls: %s", trace)
