-- What ran. Both tables are partitioned by run id: run ids are UUID v7, so a range of ids is a
-- range of acceptance times, a run and its results lie in partitions of the same day, and the
-- primary key alone keeps results single. Retention drops whole partitions. The default
-- partitions catch what no day covers, so that a late maintenance never loses a result.
CREATE TABLE run (
    run_id       uuid        NOT NULL,
    project_id   uuid        NOT NULL,
    workflow_id  uuid        NOT NULL,
    version_id   uuid        NOT NULL,
    user_id      text,
    trigger      smallint    NOT NULL,
    mode         smallint    NOT NULL,
    status       smallint    NOT NULL,
    input        bytea,
    input_blob   bytea,
    replay_of    uuid,
    crashes      integer     NOT NULL,
    accepted_at  timestamptz NOT NULL,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    -- JSON text as bytes: user text may hold U+0000, which PostgreSQL text and jsonb refuse.
    error        bytea,
    PRIMARY KEY (run_id)
) PARTITION BY RANGE (run_id);
CREATE TABLE run_default PARTITION OF run DEFAULT;
CREATE INDEX run_by_project ON run (project_id, run_id);
CREATE INDEX run_by_user ON run (project_id, user_id, run_id) WHERE user_id IS NOT NULL;
CREATE INDEX run_not_well ON run (project_id, status, run_id) WHERE status <> 3;

CREATE TABLE step_result (
    run_id       uuid        NOT NULL,
    project_id   uuid        NOT NULL,
    step         text        NOT NULL,
    -- Positions in the fan-outs around it, four bytes each, big-endian: sorts as numbers.
    iteration    bytea       NOT NULL,
    attempt      integer     NOT NULL,
    seq          bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind         text        NOT NULL,
    status       smallint    NOT NULL,
    started_at   timestamptz NOT NULL,
    duration_us  bigint      NOT NULL,
    input        bytea,
    input_blob   bytea,
    output       bytea,
    output_blob  bytea,
    error        bytea,
    retry_at     timestamptz,
    logs         bytea,
    logs_dropped integer     NOT NULL,
    PRIMARY KEY (run_id, step, iteration, attempt)
) PARTITION BY RANGE (run_id);
CREATE TABLE step_result_default PARTITION OF step_result DEFAULT;
