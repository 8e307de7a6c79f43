-- Why: connected users, known by the builder's own ids, and which workflows each of them switched
-- on or off. A user without a choice has the workflow's default.
-- Old code: keeps working, the tables are new.

CREATE TABLE connected_user (
    project_id  uuid        NOT NULL REFERENCES project (id),
    -- Compared byte by byte: the order of pages must not depend on the server's locale.
    id          text        COLLATE "C" NOT NULL CHECK (octet_length(id) BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL,
    disabled_at timestamptz,
    PRIMARY KEY (project_id, id)
);

CREATE INDEX connected_user_disabled
    ON connected_user (project_id) WHERE disabled_at IS NOT NULL;

CREATE TABLE workflow_choice (
    project_id  uuid        NOT NULL,
    user_id     text        COLLATE "C" NOT NULL,
    workflow_id uuid        NOT NULL,
    is_enabled  boolean     NOT NULL,
    PRIMARY KEY (project_id, user_id, workflow_id),
    FOREIGN KEY (project_id, user_id) REFERENCES connected_user (project_id, id),
    FOREIGN KEY (project_id, workflow_id) REFERENCES workflow (project_id, id)
);

ALTER TABLE connected_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE connected_user FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON connected_user
    USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE workflow_choice ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow_choice FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON workflow_choice
    USING (project_id = scope_project() OR is_system_scope());
