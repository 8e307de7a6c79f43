-- Why: environment secrets of a project. Values are in the vault; here are keys and ids only.
-- Old code: keeps working, the table is new.

CREATE TABLE project_secret (
    project_id uuid        NOT NULL REFERENCES project (id),
    -- Where its value is in the vault.
    id         uuid        NOT NULL,
    -- What templates call it.
    key        text        COLLATE "C" NOT NULL CHECK (key ~ '^[A-Z][A-Z0-9_]{0,127}$'),
    created_at timestamptz NOT NULL,
    -- When its value was last set.
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, key)
);

ALTER TABLE project_secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_secret FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON project_secret USING (project_id = scope_project() OR is_system_scope());
