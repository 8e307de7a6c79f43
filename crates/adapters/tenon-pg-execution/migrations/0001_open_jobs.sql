-- Accepted work that has not ended. Why a table of its own: it stays small, so the
-- reconciliation sweep reads all of it, and ending a run is one DELETE ... RETURNING that moves
-- it to `run`, which can succeed only once. Only intake inserts; only the recorder deletes.
CREATE TABLE job (
    run_id        uuid        NOT NULL PRIMARY KEY,
    project_id    uuid        NOT NULL,
    workflow_id   uuid        NOT NULL,
    version_id    uuid        NOT NULL,
    user_id       text,
    trigger       smallint    NOT NULL,
    mode          smallint    NOT NULL,
    input         bytea,
    input_blob    bytea,
    reply_to      text,
    replay_of     uuid,
    accepted_at   timestamptz NOT NULL,
    -- Results may exist: read them before going on.
    has_progress  boolean     NOT NULL DEFAULT false,
    -- Crashes in a row: a result recorded since the last one starts the count again.
    crashes       integer     NOT NULL DEFAULT 0,
    crashed_at    timestamptz,
    -- When a suspended run goes on; null while it is ready.
    due_at        timestamptz,
    CHECK ((input IS NULL) <> (input_blob IS NULL))
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

-- Work accepted at most once under a key of the caller's, and what it was.
CREATE TABLE once_key (
    project_id  uuid        NOT NULL,
    key         text        NOT NULL,
    digest      bytea       NOT NULL,
    run_id      uuid        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, key)
);
CREATE INDEX once_key_age ON once_key USING brin (created_at);

-- The last tick of each schedule; moving it on and accepting its job are one transaction.
CREATE TABLE schedule (
    workflow_id uuid        NOT NULL,
    rule        text        NOT NULL,
    last_tick   timestamptz NOT NULL,
    PRIMARY KEY (workflow_id, rule)
);

-- How often the queues were found empty-handed; one row.
CREATE TABLE queue_generation (
    only_row    boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (only_row),
    generation  integer NOT NULL
);
INSERT INTO queue_generation (generation) VALUES (1);
