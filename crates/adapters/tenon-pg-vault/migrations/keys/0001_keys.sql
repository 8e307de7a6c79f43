-- Why: wrapped keys: rings of the tenants, wrapped by the root, and data keys, wrapped by a ring.
-- No value is ever in this database.
-- Old code: none, this is the first migration.
--
-- Isolation: as in the database of the values: `tenon.project_id`, or `tenon.scope` = 'system'
-- for batches of the audit and for connections that only read. FORCED, so it binds the owner too.

CREATE OR REPLACE FUNCTION scope_project() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$ SELECT NULLIF(current_setting('tenon.project_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION is_system_scope() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ SELECT COALESCE(current_setting('tenon.scope', true), '') = 'system' $$;

CREATE TABLE ring_key (
    project_id uuid        NOT NULL,
    id         uuid        NOT NULL,
    -- Counted from 1; the highest wraps new data keys.
    number     bigint      NOT NULL CHECK (number BETWEEN 1 AND 4294967295),
    -- The root that wraps it.
    root       text        NOT NULL,
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, number)
);
-- Root rotation walks all rings by id.
CREATE INDEX ring_key_id ON ring_key (id);

-- Rotation writes `ring_key` and `wrapped` of every row. Neither is in an index and a quarter of
-- each page is free, so that those updates stay in their page and touch no index. What needs the
-- keys of one ring key (removing it) reads the tenant's range of the primary key.
CREATE TABLE data_key (
    project_id uuid        NOT NULL,
    id         uuid        NOT NULL,
    secret_id  uuid        NOT NULL,
    version    bigint      NOT NULL CHECK (version BETWEEN 1 AND 4294967295),
    ring_key   uuid        NOT NULL,
    wrapped    bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, id),
    -- A process may still wrap under a ring key that another one has just removed: refuse that.
    FOREIGN KEY (project_id, ring_key) REFERENCES ring_key (project_id, id)
) WITH (fillfactor = 75);
CREATE INDEX data_key_secret ON data_key (project_id, secret_id);
-- The sweep walks all keys by id.
CREATE INDEX data_key_id ON data_key (id);

ALTER TABLE ring_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE ring_key FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON ring_key USING (is_system_scope() OR project_id = scope_project());

ALTER TABLE data_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE data_key FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON data_key USING (is_system_scope() OR project_id = scope_project());

-- Nobody but the owner, and whom the operator names, so much as connects.
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;
