-- Why: workflows of an integration are switched on for configurations of accounts. Kept here: what
-- the builder's app says of a user; the applied document of an integration; which workflow was
-- switched on for which configuration before, since the first time is special; what execution has
-- yet to be told of it (an outbox); and a revision of who a scheduled workflow runs for, since that
-- is a plan of its own.
-- Old code: keeps working, columns have defaults and the tables are new.

ALTER TABLE connected_user
    ADD COLUMN meta jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(meta) = 'object');

-- json and not jsonb: the order of names is the author's.
ALTER TABLE integration ADD COLUMN document json;

ALTER TABLE workflow
    ADD COLUMN installations_revision  bigint NOT NULL DEFAULT 0,
    ADD COLUMN installations_published bigint NOT NULL DEFAULT 0;

-- Finds changes whose publishing failed; nearly always empty.
CREATE INDEX workflow_installations_unpublished
    ON workflow (project_id, id) WHERE installations_published < installations_revision;

-- A configuration is deleted with its account's row or by the builder's app; the note goes with it.
CREATE TABLE installation_started (
    project_id       uuid        NOT NULL,
    configuration_id uuid        NOT NULL,
    workflow_id      uuid        NOT NULL,
    since            timestamptz NOT NULL,
    PRIMARY KEY (project_id, configuration_id, workflow_id),
    FOREIGN KEY (project_id, configuration_id) REFERENCES configuration (project_id, id)
        ON DELETE CASCADE,
    FOREIGN KEY (project_id, workflow_id) REFERENCES workflow (project_id, id)
);

-- Nothing is referenced: a signal is handed over also when what it speaks of is gone by then.
CREATE TABLE installation_signal (
    project_id       uuid        NOT NULL REFERENCES project (id),
    sequence         bigint      NOT NULL GENERATED ALWAYS AS IDENTITY,
    kind             text        NOT NULL CHECK (kind IN
        ('first_enabled', 'workflow_off', 'configuration_ended', 'account_ended')),
    user_id          text        COLLATE "C" NOT NULL,
    credential_id    uuid        NOT NULL,
    configuration_id uuid,
    workflow_id      uuid,
    -- The user's plan shows what happened from this revision on.
    user_revision    bigint      NOT NULL,
    at               timestamptz NOT NULL,
    PRIMARY KEY (project_id, sequence),
    CHECK ((configuration_id IS NULL) = (kind = 'account_ended')),
    CHECK ((workflow_id IS NOT NULL) = (kind IN ('first_enabled', 'workflow_off')))
);

CREATE UNIQUE INDEX installation_signal_sequence ON installation_signal (sequence);

ALTER TABLE installation_started ENABLE ROW LEVEL SECURITY;
ALTER TABLE installation_started FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON installation_started
    USING (project_id = scope_project() OR is_system_scope());

ALTER TABLE installation_signal ENABLE ROW LEVEL SECURITY;
ALTER TABLE installation_signal FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON installation_signal
    USING (project_id = scope_project() OR is_system_scope());
