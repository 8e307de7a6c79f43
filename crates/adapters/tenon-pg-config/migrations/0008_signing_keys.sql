-- Why: keys that sign the tokens of connected users. Only the public half is kept.
-- Old code: keeps working, the table is new.

CREATE TABLE signing_key (
    project_id uuid        NOT NULL REFERENCES project (id),
    -- The `kid` of its tokens.
    id         text        COLLATE "C" NOT NULL CHECK (char_length(id) BETWEEN 1 AND 64),
    public_pem text        NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (project_id, id)
);

ALTER TABLE signing_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE signing_key FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON signing_key USING (project_id = scope_project() OR is_system_scope());
