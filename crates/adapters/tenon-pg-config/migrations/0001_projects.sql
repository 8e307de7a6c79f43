-- Why: organisations own teams, teams own projects; a project is the tenant of everything else.
-- Old code: none, this is the first migration.
--
-- Isolation: each transaction says what it may see, with set_config(..., true), which ends with
-- the transaction: `tenon.project_id` for one project, or `tenon.scope` = 'system' for bootstrap
-- and publishing. Row-level security is FORCED, so it binds the owner of the tables too, which is
-- the role that Tenon connects as. A transaction that says nothing sees nothing.

-- The project of this transaction. A setting that ended with an earlier transaction of the same
-- connection reads as '' and not as NULL.
CREATE FUNCTION scope_project() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$ SELECT NULLIF(current_setting('tenon.project_id', true), '')::uuid $$;

CREATE FUNCTION is_system_scope() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ SELECT COALESCE(current_setting('tenon.scope', true), '') = 'system' $$;

CREATE TABLE organisation (
    id         uuid        PRIMARY KEY,
    name       text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL
);

CREATE TABLE team (
    id              uuid        NOT NULL UNIQUE,
    organisation_id uuid        NOT NULL REFERENCES organisation (id),
    name            text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organisation_id, id),
    UNIQUE (organisation_id, name)
);

CREATE TABLE project (
    id                 uuid        PRIMARY KEY,
    team_id            uuid        NOT NULL REFERENCES team (id),
    name               text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    -- Grows with every change that the plan shows; in the same transaction as the change.
    revision           bigint      NOT NULL DEFAULT 1 CHECK (revision > 0),
    -- The revision of the last plan that reached the plan cache.
    published_revision bigint      NOT NULL DEFAULT 0 CHECK (published_revision <= revision),
    created_at         timestamptz NOT NULL,
    UNIQUE (team_id, name)
);

-- Finds changes whose publishing failed; nearly always empty.
CREATE INDEX project_unpublished ON project (id) WHERE published_revision < revision;

ALTER TABLE organisation ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisation FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON organisation USING (is_system_scope());

ALTER TABLE team ENABLE ROW LEVEL SECURITY;
ALTER TABLE team FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON team USING (is_system_scope());

ALTER TABLE project ENABLE ROW LEVEL SECURITY;
ALTER TABLE project FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON project USING (id = scope_project() OR is_system_scope());
