-- A job database of schema version 1, as the program of that time left it when it was killed.
PRAGMA application_id = 1836672106;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE csv_rows (
        job_id TEXT NOT NULL REFERENCES job_status (job_id) ON DELETE CASCADE,
        file_name TEXT NOT NULL,
        table_name TEXT NOT NULL,
        position INTEGER NOT NULL,
        rows INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        PRIMARY KEY (job_id, file_name)
    ) WITHOUT ROWID
    ;
INSERT INTO "csv_rows" VALUES('done','done_1.csv','done',0,2,30);
INSERT INTO "csv_rows" VALUES('running','running_1.csv','running',0,9,90);
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
    );
INSERT INTO "job_status" VALUES('done','DONE','',1700000001,1700000005,'ENDED','',7,1,1700000000,50,50,2,2,1,1,0.0,'python','["done.json"]','done',1,'EXCEL','ARRAY','','',0,NULL,NULL,1,2,3);
INSERT INTO "job_status" VALUES('failed','FAILED','cancelled by the caller',0,1700000006,'ENDED','CANCELLED',8,2,1700000000,0,0,0,0,1,0,0.0,'','["failed.json"]','failed',1,'EXCEL','AUTO','','',0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "job_status" VALUES('running','WORKING','',1700000007,0,'CONVERTING','',10,3,1700000000,100,60,6,9,1,0,4.0,'python','["running.json"]','running',1,'EXCEL','ARRAY','','',0,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "job_status" VALUES('marked','WORKING','',1700000008,0,'CONVERTING','',11,4,1700000000,0,0,0,0,1,0,-1.0,'','["marked.json"]','marked',1,'EXCEL','AUTO','','',0,'3f2504e0-4f89-41d3-9a0c-0305e82c3301',X'646967657374',NULL,NULL,NULL);
CREATE TABLE meta (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        revision INTEGER NOT NULL,  -- the change counter of all jobs
        secret BLOB NOT NULL        -- keys the digests of requests and the page tokens
    );
INSERT INTO "meta" VALUES(1,11,X'1DDEA3520095C85A80F117E6F882380DFBADA61863C959BAE5165DCADD2E4F6D');
CREATE UNIQUE INDEX one_writer_for_an_output
        ON job_status (output_file_name) WHERE status = 'WORKING'
    ;
COMMIT;
