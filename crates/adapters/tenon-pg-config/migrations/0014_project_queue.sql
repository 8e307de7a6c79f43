-- Why: how a project's queue is served. A project without a row has the defaults.
-- Old code: keeps working, the table is new.

CREATE TABLE project_queue (
    project_id              uuid             PRIMARY KEY REFERENCES project (id),
    weight                  smallint         NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    -- Null is without limit in all that follow, but for the last: there it is the installation's.
    running_max             integer          CHECK (running_max > 0),
    starts_per_second       double precision CHECK (starts_per_second > 0),
    calls_per_connector_max integer          CHECK (calls_per_connector_max > 0),
    updated_at              timestamptz      NOT NULL
);

ALTER TABLE project_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_queue FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON project_queue USING (project_id = scope_project() OR is_system_scope());
