-- Why: what happened to accounts, in order, for the builder; and how far the vault's changes were
-- taken over into it.
-- Old code: keeps working, a column has a default and the tables are new.

-- The number of the project's last event. Raising it locks the row, so events become visible in
-- the order of their numbers and a reader misses none.
ALTER TABLE project ADD COLUMN event_sequence bigint NOT NULL DEFAULT 0;

CREATE TABLE event (
    project_id     uuid        NOT NULL REFERENCES project (id),
    sequence       bigint      NOT NULL CHECK (sequence > 0),
    at             timestamptz NOT NULL,
    type           text        NOT NULL CHECK (char_length(type) BETWEEN 1 AND 63),
    user_id        text        COLLATE "C",
    integration_id uuid,
    credential_id  uuid,
    payload        jsonb       NOT NULL CHECK (jsonb_typeof(payload) = 'object'),
    PRIMARY KEY (project_id, sequence)
);

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON event USING (project_id = scope_project() OR is_system_scope());

CREATE INDEX event_at ON event (at);

-- One row: changes of the vault up to this number were taken over.
CREATE TABLE vault_cursor (
    is_only  boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    sequence bigint  NOT NULL DEFAULT 0
);

INSERT INTO vault_cursor DEFAULT VALUES;

ALTER TABLE vault_cursor ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault_cursor FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON vault_cursor USING (is_system_scope());
