-- Why: how a project's portal looks, and where it may send users back to; and links with which a
-- builder's server sends a user to the portal's page without the SDK. Of links, sessions and tokens
-- only SHA-256 is kept: each has 256 random bits.
-- Old code: keeps working, the tables are new.

CREATE TABLE project_portal (
    project_id      uuid        PRIMARY KEY REFERENCES project (id),
    -- What users read as the name of the builder's app; the project's name where it is not set.
    name            text        CHECK (char_length(name) BETWEEN 1 AND 100),
    accent_color    text        CHECK (accent_color ~ '^#[0-9a-fA-F]{6}$'),
    logo_url        text        CHECK (char_length(logo_url) BETWEEN 1 AND 2048),
    logo_media_type text        CHECK (logo_media_type IN ('image/svg+xml', 'image/png')),
    logo_sha256     bytea       CHECK (octet_length(logo_sha256) = 32),
    logo_bytes      bytea       CHECK (octet_length(logo_bytes) <= 1048576),
    return_origins  text[]      NOT NULL DEFAULT '{}',
    updated_at      timestamptz NOT NULL,
    -- One logo at most: an address, or a file.
    CHECK (logo_url IS NULL OR logo_bytes IS NULL),
    CHECK ((logo_bytes IS NULL) = (logo_sha256 IS NULL)),
    CHECK ((logo_bytes IS NULL) = (logo_media_type IS NULL))
);

ALTER TABLE project_portal ENABLE ROW LEVEL SECURITY;
ALTER TABLE project_portal FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON project_portal USING (project_id = scope_project() OR is_system_scope());

CREATE TABLE portal_link (
    project_id         uuid        NOT NULL,
    link_sha256        bytea       NOT NULL CHECK (octet_length(link_sha256) = 32),
    user_id            text        COLLATE "C" NOT NULL,
    -- The only integration that it opens; any without one.
    integration_id     uuid,
    redirect_url       text        CHECK (char_length(redirect_url) BETWEEN 1 AND 2048),
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    -- Since when it is used up; what follows is of the session that it became.
    used_at            timestamptz,
    session_expires_at timestamptz,
    -- In the cookie of the browser: with it the page gets a new token after a reload.
    resume_sha256      bytea       CHECK (octet_length(resume_sha256) = 32),
    token_sha256       bytea       CHECK (octet_length(token_sha256) = 32),
    PRIMARY KEY (project_id, link_sha256),
    FOREIGN KEY (project_id, user_id) REFERENCES connected_user (project_id, id),
    FOREIGN KEY (project_id, integration_id) REFERENCES integration (project_id, id)
        ON DELETE CASCADE,
    CHECK ((used_at IS NULL) = (session_expires_at IS NULL)),
    CHECK ((used_at IS NULL) = (resume_sha256 IS NULL)),
    CHECK ((used_at IS NULL) = (token_sha256 IS NULL))
);

CREATE UNIQUE INDEX portal_link_token ON portal_link (project_id, token_sha256);
CREATE UNIQUE INDEX portal_link_resume ON portal_link (project_id, resume_sha256);
CREATE INDEX portal_link_ends ON portal_link (COALESCE(session_expires_at, expires_at));

ALTER TABLE portal_link ENABLE ROW LEVEL SECURITY;
ALTER TABLE portal_link FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON portal_link USING (project_id = scope_project() OR is_system_scope());
