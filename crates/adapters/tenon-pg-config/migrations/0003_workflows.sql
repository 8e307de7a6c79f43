-- Why: workflows and their immutable versions. A version is added and never changed; runs name
-- the version they use, so they go on unchanged while a new one is deployed.
-- Old code: keeps working, the tables are new.

CREATE TABLE workflow (
    project_id          uuid        NOT NULL REFERENCES project (id),
    id                  uuid        NOT NULL,
    name                text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 63),
    deployed_version_id uuid,
    archived_at         timestamptz,
    created_at          timestamptz NOT NULL,
    updated_at          timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, name),
    CHECK (archived_at IS NULL OR deployed_version_id IS NULL)
);

CREATE TABLE workflow_version (
    project_id  uuid        NOT NULL,
    id          uuid        NOT NULL,
    workflow_id uuid        NOT NULL,
    -- Counted from 1 in its workflow; 0 for a draft, of which there can be many.
    number      integer     NOT NULL CHECK (number >= 0),
    -- SHA-256 of what the document means: equal for documents that differ in form only.
    fingerprint bytea       NOT NULL CHECK (octet_length(fingerprint) = 32),
    -- json and not jsonb: the order of names is the author's.
    document    json        NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, workflow_id, id),
    FOREIGN KEY (project_id, workflow_id) REFERENCES workflow (project_id, id)
);

-- Execution asks for a version by its id alone.
CREATE UNIQUE INDEX workflow_version_id ON workflow_version (id);

CREATE UNIQUE INDEX workflow_version_number
    ON workflow_version (project_id, workflow_id, number) WHERE number > 0;

CREATE UNIQUE INDEX workflow_version_draft
    ON workflow_version (project_id, workflow_id, fingerprint) WHERE number = 0;

-- What is deployed is a version of the same workflow in the same project.
ALTER TABLE workflow ADD CONSTRAINT workflow_deployed_version
    FOREIGN KEY (project_id, id, deployed_version_id)
    REFERENCES workflow_version (project_id, workflow_id, id);

ALTER TABLE workflow ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON workflow USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE workflow_version ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_version FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON workflow_version
    USING (project_id = scope_project() OR is_system_scope());

-- Versions are immutable: whoever reads one may keep it for ever.
CREATE FUNCTION refuse_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'a workflow version is immutable'; END $$;

CREATE TRIGGER workflow_version_immutable BEFORE UPDATE ON workflow_version
    FOR EACH ROW EXECUTE FUNCTION refuse_update();
