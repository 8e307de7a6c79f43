-- Why: API keys speak for a project. Only the SHA-256 of a key is kept: it has 256 random bits,
-- so there is nothing to guess and no slow hash is needed.
-- Old code: keeps working, the table is new.

CREATE TABLE api_key (
    project_id uuid        NOT NULL REFERENCES project (id),
    id         uuid        NOT NULL,
    name       text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    hint       text        NOT NULL CHECK (char_length(hint) = 4),
    sha256     bytea       NOT NULL CHECK (octet_length(sha256) = 32),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    PRIMARY KEY (project_id, id)
);

ALTER TABLE api_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_key FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON api_key USING (project_id = scope_project() OR is_system_scope());
