-- Why: connectors that a project has switched on, with the builder's own apps at the providers;
-- custom connectors, which are manifests that a project uploaded. No secret is in here: `apps`
-- names secrets of the vault by their ids.
-- Old code: keeps working, the tables are new.

CREATE TABLE connector (
    project_id uuid        NOT NULL REFERENCES project (id),
    -- Known as `custom.<slug>`.
    slug       text        COLLATE "C" NOT NULL CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    version    text        NOT NULL CHECK (char_length(version) BETWEEN 1 AND 50),
    -- json and not jsonb: the order of names is the author's.
    manifest   json        NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, slug)
);

CREATE TABLE integration (
    project_id uuid        NOT NULL REFERENCES project (id),
    id         uuid        NOT NULL,
    connector  text        COLLATE "C" NOT NULL CHECK (char_length(connector) BETWEEN 1 AND 80),
    is_active  boolean     NOT NULL,
    -- By the id of the auth method: {"values": {...}, "secret": "<id in the vault>", "scopes": []}.
    apps       jsonb       NOT NULL CHECK (jsonb_typeof(apps) = 'object'),
    -- How it looks in the portal.
    portal     jsonb       NOT NULL CHECK (jsonb_typeof(portal) = 'object'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (project_id, id),
    UNIQUE (project_id, connector)
);

ALTER TABLE connector ENABLE ROW LEVEL SECURITY;
ALTER TABLE connector FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON connector USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE integration ENABLE ROW LEVEL SECURITY;
ALTER TABLE integration FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON integration USING (project_id = scope_project() OR is_system_scope());
