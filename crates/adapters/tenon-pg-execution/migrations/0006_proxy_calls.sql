-- The log of proxy calls, partitioned by the day they ended, as their ids (UUID v7) say. Retention
-- drops whole partitions; the default partition catches what no day covers. New and used by the
-- proxy and the API of this version on; old code does not know it and keeps working. A proxy in a
-- process of its own may have a database role with no right but INSERT on this table.
CREATE TABLE proxy_call (
    call_id        uuid        NOT NULL,
    project_id     uuid        NOT NULL,
    user_id        text,
    integration_id uuid,
    credential_id  uuid,
    method         text        NOT NULL,
    host           text        NOT NULL,
    path           text        NOT NULL,
    status         smallint    NOT NULL,
    problem        text,
    started_at     timestamptz NOT NULL,
    duration_us    bigint      NOT NULL,
    request_bytes  bigint      NOT NULL,
    response_bytes bigint      NOT NULL,
    is_complete    boolean     NOT NULL,
    attempts       integer     NOT NULL,
    PRIMARY KEY (call_id)
) PARTITION BY RANGE (call_id);
CREATE TABLE proxy_call_default PARTITION OF proxy_call DEFAULT;
CREATE INDEX proxy_call_by_project ON proxy_call (project_id, call_id);
CREATE INDEX proxy_call_by_user ON proxy_call (project_id, user_id, call_id)
    WHERE user_id IS NOT NULL;
CREATE INDEX proxy_call_not_well ON proxy_call (project_id, call_id) WHERE status >= 400;
ALTER TABLE proxy_call ENABLE ROW LEVEL SECURITY;
ALTER TABLE proxy_call FORCE ROW LEVEL SECURITY;
CREATE POLICY proxy_call_of_project ON proxy_call USING (
    current_setting('tenon.scope', true) = 'system'
    OR project_id = nullif(current_setting('tenon.project_id', true), '')::uuid
);
