-- Why: one attempt of a connected user to link an account in a browser. State and nonce are kept
-- as SHA-256 only, the PKCE verifier is in the vault; so the table opens nothing.
-- Old code: keeps working, the table is new.

CREATE TABLE connect_session (
    project_id     uuid        NOT NULL,
    id             uuid        NOT NULL,
    user_id        text        COLLATE "C" NOT NULL,
    integration_id uuid        NOT NULL,
    auth_method    text        NOT NULL,
    -- Of the latest start; the one before it is not taken any more.
    state_sha256   bytea       UNIQUE CHECK (octet_length(state_sha256) = 32),
    nonce_sha256   bytea       CHECK (octet_length(nonce_sha256) = 32),
    -- In the vault: the PKCE verifier, and what the provider gave before the user was sent there.
    secret_id      uuid,
    redirect_uri   text        NOT NULL,
    -- Who may be told by the page at the end.
    return_origin  text,
    options        jsonb       NOT NULL CHECK (jsonb_typeof(options) = 'object'),
    -- The credential to connect again.
    credential_id  uuid,
    -- How it ended.
    outcome        jsonb       CHECK (jsonb_typeof(outcome) = 'object'),
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    -- Since when the state is used up.
    used_at        timestamptz,
    PRIMARY KEY (project_id, id),
    FOREIGN KEY (project_id, integration_id) REFERENCES integration (project_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (project_id, user_id) REFERENCES connected_user (project_id, id)
);

CREATE INDEX connect_session_expires ON connect_session (expires_at);

ALTER TABLE connect_session ENABLE ROW LEVEL SECURITY;
ALTER TABLE connect_session FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON connect_session USING (project_id = scope_project() OR is_system_scope());
