-- Why: the accounts that connected users linked, their configurations, and the revision of each
-- user's plan. Secrets are in the vault; a row holds the id of its secret and nothing that opens
-- anything.
-- Old code: keeps working, the tables are new.

CREATE TABLE credential (
    project_id     uuid        NOT NULL,
    id             uuid        NOT NULL,
    integration_id uuid        NOT NULL,
    user_id        text        COLLATE "C" NOT NULL,
    -- The builder's own name for it.
    external_id    text        COLLATE "C" CHECK (octet_length(external_id) BETWEEN 1 AND 255),
    auth_method    text        NOT NULL CHECK (char_length(auth_method) BETWEEN 1 AND 63),
    secret_id      uuid        NOT NULL,
    -- The account at the provider, as far as the connector asks for it.
    provider_id    text,
    provider_name  text,
    -- Values that are no secret.
    fields         jsonb       NOT NULL CHECK (jsonb_typeof(fields) = 'object'),
    -- Scopes that were granted, as the provider wrote them.
    scopes         text,
    status         text        NOT NULL CHECK (status IN ('pending', 'valid', 'invalid', 'expired')),
    status_code    text,
    status_reason  text,
    status_at      timestamptz NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    -- Since when it is unlinked; the row stays for the history.
    deleted_at     timestamptz,
    PRIMARY KEY (project_id, id),
    FOREIGN KEY (project_id, integration_id) REFERENCES integration (project_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (project_id, user_id) REFERENCES connected_user (project_id, id)
);

CREATE UNIQUE INDEX credential_external_id
    ON credential (project_id, integration_id, user_id, external_id)
    WHERE external_id IS NOT NULL AND deleted_at IS NULL;

CREATE INDEX credential_user ON credential (project_id, user_id, created_at, id)
    WHERE deleted_at IS NULL;

CREATE INDEX credential_integration ON credential (project_id, integration_id)
    WHERE deleted_at IS NULL;

-- Finds the credential of a head that changed in the vault.
CREATE UNIQUE INDEX credential_secret ON credential (project_id, secret_id);

CREATE TABLE configuration (
    project_id    uuid        NOT NULL,
    id            uuid        NOT NULL,
    credential_id uuid        NOT NULL,
    external_id   text        COLLATE "C" CHECK (octet_length(external_id) BETWEEN 1 AND 255),
    is_default    boolean     NOT NULL,
    -- {"shared": {...}, "workflows": {"<id>": {"enabled": true, "settings": {...}}}}
    settings      jsonb       NOT NULL CHECK (jsonb_typeof(settings) = 'object'),
    meta          jsonb       NOT NULL CHECK (jsonb_typeof(meta) = 'object'),
    -- Strictly increasing in its credential: clients take the latest for the one they just made.
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, credential_id, created_at),
    FOREIGN KEY (project_id, credential_id) REFERENCES credential (project_id, id)
        ON DELETE CASCADE
);

CREATE UNIQUE INDEX configuration_default
    ON configuration (project_id, credential_id) WHERE is_default;

CREATE UNIQUE INDEX configuration_external_id
    ON configuration (project_id, credential_id, external_id) WHERE external_id IS NOT NULL;

-- A user who ever had an account has a plan; its revision grows with every change of them.
CREATE TABLE user_revision (
    project_id         uuid   NOT NULL,
    user_id            text   COLLATE "C" NOT NULL,
    revision           bigint NOT NULL CHECK (revision > 0),
    -- The revision of the last plan that reached the plan cache.
    published_revision bigint NOT NULL DEFAULT 0 CHECK (published_revision <= revision),
    PRIMARY KEY (project_id, user_id),
    FOREIGN KEY (project_id, user_id) REFERENCES connected_user (project_id, id)
);

-- Finds changes whose publishing failed; nearly always empty.
CREATE INDEX user_revision_unpublished
    ON user_revision (project_id, user_id) WHERE published_revision < revision;

ALTER TABLE credential ENABLE ROW LEVEL SECURITY;
ALTER TABLE credential FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON credential USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE configuration ENABLE ROW LEVEL SECURITY;
ALTER TABLE configuration FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON configuration USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE user_revision ENABLE ROW LEVEL SECURITY;
ALTER TABLE user_revision FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON user_revision USING (project_id = scope_project() OR is_system_scope());
