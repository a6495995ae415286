"""The tables of the job database, as one step from each version to the next.

A new database takes all steps, an older one those it has not taken yet, so both end up the same.
What is here is in somebody's database: a change is a step more. Foreign keys are not enforced
meanwhile: a table that others refer to can be replaced by one of the same name.
"""

from __future__ import annotations

APPLICATION_ID = 0x6D79646A  # "mydj", in the file's header

_FIRST = (
    """
    CREATE TABLE meta (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        revision INTEGER NOT NULL,  -- the change counter of all jobs
        secret BLOB NOT NULL        -- keys the digests of requests and the page tokens
    )
    """,
    """
    CREATE TABLE job_status (
        job_id TEXT PRIMARY KEY,
        status TEXT NOT NULL CHECK (status IN ('WORKING', 'DONE', 'FAILED')),
        msg TEXT NOT NULL DEFAULT '',
        job_start_time INTEGER NOT NULL DEFAULT 0,
        job_end_time INTEGER NOT NULL DEFAULT 0,
        phase TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        revision INTEGER NOT NULL UNIQUE,
        submit_revision INTEGER NOT NULL UNIQUE,
        submit_time INTEGER NOT NULL,
        bytes_total INTEGER NOT NULL DEFAULT 0,
        bytes_read INTEGER NOT NULL DEFAULT 0,
        records INTEGER NOT NULL DEFAULT 0,
        rows INTEGER NOT NULL DEFAULT 0,
        files_total INTEGER NOT NULL,
        files_done INTEGER NOT NULL DEFAULT 0,
        eta_seconds REAL NOT NULL DEFAULT -1,
        engine TEXT NOT NULL DEFAULT '',
        file_names TEXT NOT NULL,           -- JSON, as the caller wrote them
        output_file_name TEXT NOT NULL,
        merge INTEGER NOT NULL,
        csv_profile TEXT NOT NULL,
        layout TEXT NOT NULL,               -- as requested, later as found
        record_path TEXT NOT NULL,
        id_field TEXT NOT NULL,
        overwrite INTEGER NOT NULL,
        request_id TEXT UNIQUE,
        request_digest BLOB,
        staging_device INTEGER,             -- which directory is being published
        staging_inode INTEGER,
        staging_modified_ns INTEGER
    )
    """,
    """
    -- Two working jobs on one output set cannot be, whatever the code does.
    CREATE UNIQUE INDEX one_writer_for_an_output
        ON job_status (output_file_name) WHERE status = 'WORKING'
    """,
    """
    -- The rows each part of a job holds; kept after the end, as Job.tables.
    CREATE TABLE csv_rows (
        job_id TEXT NOT NULL REFERENCES job_status (job_id) ON DELETE CASCADE,
        file_name TEXT NOT NULL,
        table_name TEXT NOT NULL,
        position INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (job_id, file_name)
    ) WITHOUT ROWID
    """,
)

_CHECKPOINTS = (
    """
    -- JSON: the settings at the time of the request, as far as they decide what comes out, and
    -- the layout as requested.
    ALTER TABLE job_status ADD COLUMN terms TEXT
    """,
    """
    -- Whether it came with a key, which is not kept. Of the jobs before this column, any may have.
    ALTER TABLE job_status ADD COLUMN encrypted INTEGER NOT NULL DEFAULT 1
    """,
    """
    -- Since when (epoch seconds) it waits to be handed its key again; 0 while it does not.
    ALTER TABLE job_status ADD COLUMN waiting_since INTEGER NOT NULL DEFAULT 0
    """,
    """
    -- From where a working job goes on after a crash. Apart, as it is long and changes often.
    CREATE TABLE job_checkpoint (
        job_id TEXT PRIMARY KEY REFERENCES job_status (job_id) ON DELETE CASCADE,
        state TEXT NOT NULL
    ) WITHOUT ROWID
    """,
)

# The directory of a part, with its last slash: what is left when all that is no slash is taken off
# the end.
_SET = "rtrim(file_name, replace(file_name, '/', ''))"

_BOUNDED_MESSAGES = (
    # A page of tables begins at a part's position.
    "CREATE INDEX parts_in_order ON csv_rows (job_id, position)",
    """
    -- Of all tables, however many of them a message has room for.
    ALTER TABLE job_status ADD COLUMN tables_total INTEGER NOT NULL DEFAULT 0
    """,
    f"""
    UPDATE job_status SET tables_total = (
        SELECT count(*) FROM (
            SELECT DISTINCT table_name, {_SET} FROM csv_rows
            WHERE csv_rows.job_id = job_status.job_id
        )
    )
    WHERE status = 'DONE' OR phase = 'PUBLISHING'
    """,  # noqa: S608 - nothing comes from outside
    """
    -- All file names of a working job that has more of them than job_status.file_names, which
    -- holds those that are shown. Apart, so that nobody reads them but who needs them.
    CREATE TABLE job_files (
        job_id TEXT PRIMARY KEY REFERENCES job_status (job_id) ON DELETE CASCADE,
        file_names TEXT NOT NULL            -- JSON, as the caller wrote them
    )
    """,
    """
    INSERT INTO job_files SELECT job_id, file_names FROM job_status
    WHERE status = 'WORKING' AND length(file_names) > 65536
    """,
    # Their sizes as sizes.first_names counts them, or a little more.
    """
    UPDATE job_status SET file_names = (
        SELECT json_group_array(value) FROM (
            SELECT value, sum(length(CAST(value AS BLOB)) + 6) OVER (ORDER BY key) AS size
            FROM json_each(job_status.file_names)
        )
        WHERE size <= 262144
    )
    WHERE length(file_names) > 65536
    """,
    """
    -- Jobs that were deleted, for watchers who come back; those of old times go with the purge.
    CREATE TABLE job_deleted (
        revision INTEGER PRIMARY KEY,       -- the change counter at that
        job_id TEXT NOT NULL,
        time INTEGER NOT NULL               -- epoch seconds
    )
    """,
)

_OUTPUT_KEYS = (
    """
    -- The output set's name as far as it tells sets apart: in NFC, without regard to case.
    ALTER TABLE job_status ADD COLUMN output_key TEXT
    """,
    "UPDATE job_status SET output_key = folded(output_file_name)",
    """
    -- Jobs that work on sets which were still told apart may both go on: no name holds a slash.
    UPDATE job_status SET output_key = output_key || '/' || job_id
    WHERE status = 'WORKING' AND submit_revision > (
        SELECT min(submit_revision) FROM job_status AS first
        WHERE first.status = 'WORKING' AND first.output_key = job_status.output_key
    )
    """,
    """
    CREATE UNIQUE INDEX one_writer_for_an_output_key
        ON job_status (output_key) WHERE status = 'WORKING'
    """,
)

_CLOCK = (
    """
    -- The time that was believed last (epoch seconds), and how long a clock ahead of it has stood.
    CREATE TABLE clock (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        believed REAL NOT NULL,
        stood_s REAL NOT NULL
    )
    """,
)

_KEYS = (
    """
    -- Keyed, of key and iv, to tell the job's key from others when it is handed over again.
    ALTER TABLE job_status ADD COLUMN key_digest BLOB
    """,
)

_OPTIONS = (
    """
    -- JSON: what was asked for, besides the files and the name; see options.ConvertOptions.
    ALTER TABLE job_status ADD COLUMN options TEXT NOT NULL DEFAULT '{}'
    """,
    """
    UPDATE job_status SET options = json_object(
        'layout', coalesce(json_extract(terms, '$.layout'), layout),
        'record_path', record_path,
        'id_field', id_field,
        'merge', json(iif(merge, 'true', 'false')),
        'csv_profile', csv_profile,
        'overwrite', json(iif(overwrite, 'true', 'false'))
    )
    """,
    *(
        f"ALTER TABLE job_status DROP COLUMN {name}"
        for name in ("record_path", "id_field", "merge", "csv_profile", "overwrite")
    ),
)

_KEPT = """
    job_id, status, msg, job_start_time, job_end_time, phase, reason, revision, submit_revision,
    submit_time, bytes_total, bytes_read, records, rows, files_total, files_done, eta_seconds,
    engine, layout, file_names, output_file_name, output_key, options, terms, encrypted,
    waiting_since, tables_total, request_id, request_digest, key_digest, staging_device,
    staging_inode, staging_modified_ns
"""

# A request_id was unique among all jobs, and an output's name among those that work. SQLite takes
# neither from a table that is there: it is made anew, as sqlite.org/lang_altertable.html#otheralter
# has it, and its indices with it.
_OWNERS = (
    """
    CREATE TABLE job_status_with_owner (
        job_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL DEFAULT '',     -- the caller; of none when none were configured
        status TEXT NOT NULL CHECK (status IN ('WORKING', 'DONE', 'FAILED')),
        msg TEXT NOT NULL DEFAULT '',
        job_start_time INTEGER NOT NULL DEFAULT 0,
        job_end_time INTEGER NOT NULL DEFAULT 0,
        phase TEXT NOT NULL,
        reason TEXT NOT NULL DEFAULT '',
        revision INTEGER NOT NULL UNIQUE,
        submit_revision INTEGER NOT NULL UNIQUE,
        submit_time INTEGER NOT NULL,
        bytes_total INTEGER NOT NULL DEFAULT 0,
        bytes_read INTEGER NOT NULL DEFAULT 0,
        records INTEGER NOT NULL DEFAULT 0,
        rows INTEGER NOT NULL DEFAULT 0,
        files_total INTEGER NOT NULL,
        files_done INTEGER NOT NULL DEFAULT 0,
        eta_seconds REAL NOT NULL DEFAULT -1,
        engine TEXT NOT NULL DEFAULT '',
        layout TEXT NOT NULL,               -- as requested, later as found
        data_dir TEXT NOT NULL DEFAULT '',  -- in which its files are, in the data directory
        file_names TEXT NOT NULL,           -- JSON, as the caller wrote them: those that are shown
        output_dir TEXT NOT NULL DEFAULT '',  -- in which its set is to be, in the output directory
        output_file_name TEXT NOT NULL,
        output_key TEXT,                    -- the set's place as far as it tells sets apart
        options TEXT NOT NULL DEFAULT '{}',
        terms TEXT,
        encrypted INTEGER NOT NULL DEFAULT 1,
        waiting_since INTEGER NOT NULL DEFAULT 0,
        tables_total INTEGER NOT NULL DEFAULT 0,
        request_id TEXT,
        request_digest BLOB,
        key_digest BLOB,
        staging_device INTEGER,             -- which directory is being published
        staging_inode INTEGER,
        staging_modified_ns INTEGER
    )
    """,
    f"INSERT INTO job_status_with_owner ({_KEPT}) SELECT {_KEPT} FROM job_status",  # noqa: S608
    "DROP TABLE job_status",
    "ALTER TABLE job_status_with_owner RENAME TO job_status",
    """
    CREATE UNIQUE INDEX one_writer_for_an_output_key
        ON job_status (output_key) WHERE status = 'WORKING'
    """,
    """
    CREATE UNIQUE INDEX one_job_for_a_request
        ON job_status (request_id, owner) WHERE request_id IS NOT NULL
    """,
    # Of jobs with an owner alone: where there are no callers, nobody has to keep these.
    "CREATE INDEX submissions_of_an_owner ON job_status (owner, submit_revision) WHERE owner <> ''",
    "CREATE INDEX changes_of_an_owner ON job_status (owner, revision) WHERE owner <> ''",
    """
    -- Directories that hold sets of callers, for good: no set may take the place of one.
    CREATE TABLE output_directory (
        path TEXT PRIMARY KEY,              -- relative to the output directory
        key TEXT NOT NULL                   -- as job_status.output_key
    ) WITHOUT ROWID
    """,
    "CREATE INDEX places_of_directories ON output_directory (key)",
    "ALTER TABLE job_deleted ADD COLUMN owner TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX deletions_of_an_owner ON job_deleted (owner, revision) WHERE owner <> ''",
)

_ATTEMPTS = (
    """
    -- The attempt that saved it, in whose staging directory the files are; '' where all share one.
    ALTER TABLE job_checkpoint ADD COLUMN attempt TEXT NOT NULL DEFAULT ''
    """,
)

_TOKENS = (
    """
    -- By which the set that is being published is recognised: a text of the place where it is.
    ALTER TABLE job_status ADD COLUMN staged TEXT
    """,
    """
    UPDATE job_status SET staged =
        staging_device || ':' || staging_inode || ':' || staging_modified_ns
    """,
    *(
        f"ALTER TABLE job_status DROP COLUMN {name}"
        for name in ("staging_device", "staging_inode", "staging_modified_ns")
    ),
)

_DICTIONARIES = (
    """
    -- What columns mean by the operator's word (MYD_DICTIONARY), as jobs that work were given it.
    CREATE TABLE dictionary (
        digest TEXT PRIMARY KEY,            -- SHA-256 of the text
        text TEXT NOT NULL
    )
    """,
    """
    -- The digest of the job's dictionary; NULL where it has none.
    ALTER TABLE job_status ADD COLUMN dictionary TEXT
    """,
)

_SHARED_FILES = (
    """
    -- A file may have rows of several tables, and is a part of each. SQLite does not change a key.
    CREATE TABLE csv_rows_by_table (
        job_id TEXT NOT NULL REFERENCES job_status (job_id) ON DELETE CASCADE,
        file_name TEXT NOT NULL,
        table_name TEXT NOT NULL,
        position INTEGER NOT NULL,
        rows INTEGER NOT NULL,              -- of the table
        bytes INTEGER NOT NULL,             -- of the file
        PRIMARY KEY (job_id, file_name, table_name)
    ) WITHOUT ROWID
    """,
    """
    INSERT INTO csv_rows_by_table
        SELECT job_id, file_name, table_name, position, rows, bytes FROM csv_rows
    """,
    "DROP TABLE csv_rows",
    "ALTER TABLE csv_rows_by_table RENAME TO csv_rows",
    "CREATE INDEX parts_in_order ON csv_rows (job_id, position)",
)

_WORK_DONE = (
    """
    -- As many bytes of the files as the part of the work that is done.
    ALTER TABLE job_status ADD COLUMN bytes_done INTEGER NOT NULL DEFAULT 0
    """,
    "UPDATE job_status SET bytes_done = bytes_read",
)

_MASKING = (
    """
    -- Whether it needs the key of pseudonyms, which is not kept.
    ALTER TABLE job_status ADD COLUMN needs_masking_key INTEGER NOT NULL DEFAULT 0
    """,
    """
    -- Records that were left out as they are broken; `records` counts them, too.
    ALTER TABLE job_status ADD COLUMN rejects INTEGER NOT NULL DEFAULT 0
    """,
    """
    -- What jobs that work do with columns, as JSON: it may be long, and many have it in common.
    CREATE TABLE column_choice (
        digest TEXT PRIMARY KEY,            -- SHA-256 of the text
        text TEXT NOT NULL
    )
    """,
    """
    -- The digest of what the job does with columns; NULL where it does nothing with any.
    ALTER TABLE job_status ADD COLUMN column_choice TEXT
    """,
)

STEPS = (
    _FIRST,
    _CHECKPOINTS,
    _BOUNDED_MESSAGES,
    _OUTPUT_KEYS,
    _CLOCK,
    _KEYS,
    _OPTIONS,
    _OWNERS,
    _ATTEMPTS,
    _TOKENS,
    _DICTIONARIES,
    _SHARED_FILES,
    _WORK_DONE,
    _MASKING,
)
SCHEMA_VERSION = len(STEPS)
