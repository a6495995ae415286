"""The commands: each makes its calls, shows the results and answers the exit code."""

from __future__ import annotations

import os
import uuid
from argparse import Namespace
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from myd.analysis.v1.analysis_pb2 import Job
from myd_grpc.cli import column_arguments, keys, mask_profile, terms, wording
from myd_grpc.cli.arguments import follow_up_command
from myd_grpc.cli.output import Output, View
from myd_grpc.client import CallError, Client, InvalidKeyError, NotFoundError
from myd_grpc.client.errors import NON_RETRYABLE_CODES
from myd_grpc.client.tokens import TokenSource, from_environment
from myd_grpc.options import CHOICES, LISTS, ConvertOptions, ReadOptions

OK, NOT_DONE, INTERRUPTED = 0, 1, 130


class Session(NamedTuple):
    """What a command works with."""

    client: Client
    output: Output
    arguments: Namespace


class WatchEndedError(Exception):
    """A job is watched no more, though it may go on. Its text says why."""

    def __init__(self, job_id: str, why: str, exit_code: int) -> None:
        super().__init__(why)
        self.job_id = job_id
        self.exit_code = exit_code


class UnansweredError(Exception):
    """Whether a job was started is not known. The text says so, and how to find out."""


class UnknownJobError(Exception):
    """The command was about a job that the server does not know."""


def token(arguments: Namespace) -> TokenSource | None:
    """Whence the token comes that says who calls. Raises InvalidTokenError."""
    if not arguments.token_file:
        value = from_environment(os.environ)
        keys.require_no_token(arguments, value)
        return value
    path = Path(arguments.token_file)
    if path.is_file():  # a pipe can be read only once, which the call does
        keys.require_no_token(arguments, path)
    # The file, not what is in it: the token may be renewed while a job is watched.
    return path


def run(session: Session) -> int:
    """Runs the command of the command line."""
    return _COMMANDS[session.arguments.command](session)


def _convert(session: Session) -> int:
    arguments = session.arguments
    request_id = arguments.request_id or str(uuid.uuid4())
    submit = partial(
        session.client.convert,
        arguments.file,
        arguments.output,
        key=keys.file_key(arguments),
        # Where nothing is made with it, it is nobody's business.
        masking_key=(
            keys.masking_key(arguments) if column_arguments.takes_masking_key(arguments) else None
        ),
        request_id=request_id,
        masking=column_arguments.masking(arguments),
        **_options(arguments, ConvertOptions),
    )
    job_id = _submitted(submit, request_id)
    if arguments.detach:
        session.output.submitted(job_id)
        return OK
    return _follow(session, job_id, hand_key_over=submit)


def _submitted(submit: Callable[[], str], request_id: str) -> str:
    try:
        return submit()
    except CallError as error:
        if error.reason or error.code in NON_RETRYABLE_CODES:  # it was refused: no job was started
            raise
        raise UnansweredError(
            f"{terms.refusal(error)}\nif a job was started all the same, this command finds it "
            f"with --request-id {request_id}"
        ) from None


def _status(session: Session) -> int:
    return _show(session, session.client.status(session.arguments.job))


def _watch(session: Session) -> int:
    if session.arguments.all:
        return _watch_all(session)
    return _follow(session, session.arguments.job, session.arguments.from_revision)


def _list(session: Session) -> int:
    arguments = session.arguments
    session.output.jobs(session.client.list_jobs(_statuses(arguments), arguments.page_size))
    return OK


def _cancel(session: Session) -> int:
    job = session.client.cancel(session.arguments.job)
    if job.status == Job.DONE or (job.status == Job.FAILED and job.reason != "CANCELLED"):
        session.output.nothing_cancelled(job)
        return OK
    return _show(session, job)


def _resume(session: Session) -> int:
    arguments = session.arguments
    key, masking_key = keys.file_key(arguments), keys.masking_key(arguments)
    if not key and not masking_key:
        raise InvalidKeyError(
            "a job waits for its key: give it with --key-file, --ask-key or --masking-key-file"
        )
    hand_over = partial(session.client.resume, arguments.job, key, masking_key=masking_key)
    # Asked before: the answer does not tell whether the key was looked at.
    before = session.client.status(arguments.job)
    job = hand_over()
    if not wording.waits(before) and before.status != Job.NOTFOUND:
        session.output.remark(wording.key_not_needed(before))
    if arguments.detach:
        return _show(session, job)
    return _follow(session, arguments.job, hand_key_over=hand_over)


def _forget(session: Session) -> int:
    client, job_id = session.client, session.arguments.job
    # Asked before: the answer is the same for a job that was never there.
    was_there = client.status(job_id).status != Job.NOTFOUND
    show = session.output.forgotten if was_there else session.output.nothing_forgotten
    show(client.forget(job_id))
    return OK


def _tables(session: Session) -> int:
    arguments = session.arguments
    tables = session.client.tables(arguments.job, arguments.page_size)
    try:
        first = next(tables, None)
    except NotFoundError:
        raise _unknown(arguments.job) from None
    if first is None:
        session.output.remark(wording.no_tables(session.client.status(arguments.job)))
    else:
        session.output.tables(chain([first], tables))
    return OK


def _preprocess(session: Session) -> int:
    arguments = session.arguments
    summary = session.client.preprocess(
        arguments.user,
        arguments.proposal,
        arguments.file,
        key=keys.file_key(arguments),
        **_options(arguments, ReadOptions),
    )
    session.output.summary(summary)
    return OK


def _mask_profile(session: Session) -> int:
    mask_profile.show(session.arguments)
    return OK


def _follow(
    session: Session,
    job_id: str,
    from_revision: int = 0,
    hand_key_over: Callable[[], object] | None = None,
) -> int:
    """Shows a job until it ends.

    A restarted server has forgotten the key of the job: `hand_key_over` sends it again. Without,
    it is said what would do.
    """
    job = Job(job_id=job_id)
    try:
        with session.output.follow() as view:
            for job in session.client.watch(job_id, from_revision, _noting(view)):
                view.show(job)
                if hand_key_over and wording.waits(job):
                    hand_key_over()
                elif wording.waits(job):
                    view.note(wording.waiting(job, _how_to_resume(session, job)))
    except KeyboardInterrupt:
        raise WatchEndedError(job_id, wording.left(job), INTERRUPTED) from None
    except CallError as error:
        why = f"error: {terms.refusal(error)}\nthe job may go on all the same"
        raise WatchEndedError(job_id, why, NOT_DONE) from None
    except OSError as error:
        why = f"{wording.why_unwritten(error)}, the job goes on"
        raise WatchEndedError(job_id, why, NOT_DONE) from None
    _require_known(job)
    session.output.outcome(_with_all_tables(session, job))
    _warn(session, job)
    return OK if job.status == Job.DONE else NOT_DONE


def _show(session: Session, job: Job) -> int:
    session.output.job(_with_all_tables(session, job))
    _warn(session, job)
    if wording.waits(job):
        session.output.waiting(job, _how_to_resume(session, job))
    _require_known(job)
    return OK


def _warn(session: Session, job: Job) -> None:
    for text in wording.warnings(job):
        session.output.remark(text)


def _with_all_tables(session: Session, job: Job) -> Job:
    """The job with its tables also where a message has no room for them, as a person sees it.

    If they are not to be had, the first ones have to do: how the job ended is known.
    """
    if len(job.tables) < job.tables_total and not session.arguments.json:
        try:
            tables = list(session.client.tables(job.job_id))
        except CallError:
            return job
        del job.tables[:]
        job.tables.extend(tables)
    return job


def _how_to_resume(session: Session, job: Job) -> str:
    job_id = wording.printable(job.job_id)
    keys_wanted = " ".join(f"{argument} F" for argument in wording.keys_wanted(job))
    return follow_up_command(session.arguments, f"resume {job_id} {keys_wanted}")


def _require_known(job: Job) -> None:
    if job.status == Job.NOTFOUND:
        raise _unknown(job.job_id)


def _unknown(job_id: str) -> UnknownJobError:
    named = wording.printable(job_id)
    return UnknownJobError(f"there is no job {named}, or its record was deleted (JOB_NOT_FOUND)")


def _watch_all(session: Session) -> int:
    arguments = session.arguments
    with session.output.follow_all() as view:
        watch = session.client.watch_all(
            _statuses(arguments),
            _noting(view),
            from_revision=arguments.from_revision,
            ended_limit=arguments.ended_limit,
        )
        for job in watch:
            view.show(job)
    return OK


def _noting(view: View) -> Callable[[CallError], None]:
    return lambda error: view.lost(wording.broken_off(str(error)))


def _options(arguments: Namespace, kind: type[ReadOptions]) -> dict[str, Any]:
    """The options as keyword arguments; the names of enums' values are typed in small letters.

    Those that several arguments make up are not among them.
    """
    names = (one.name for one in fields(kind) if one.name in arguments)
    values = {name: getattr(arguments, name) for name in names}
    return {
        name: [_chosen(name, one) for one in value] if name in LISTS else _chosen(name, value)
        for name, value in values.items()
    }


def _chosen(name: str, value: Any) -> Any:
    return CHOICES[name](value.upper().replace("-", "_")) if name in CHOICES else value


def _statuses(arguments: Namespace) -> list[str]:
    return [status.upper() for status in arguments.status]


_COMMANDS: dict[str, Callable[[Session], int]] = {
    "convert": _convert,
    "status": _status,
    "watch": _watch,
    "list": _list,
    "cancel": _cancel,
    "resume": _resume,
    "forget": _forget,
    "tables": _tables,
    "preprocess": _preprocess,
    "mask-profile": _mask_profile,
}
