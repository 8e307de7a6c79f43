-- Why: heads and envelopes of secrets. A head is what may be known without opening anything; an
-- envelope is ciphertext. No key is ever in this database.
-- Old code: none, this is the first migration.
--
-- Isolation: each transaction says what it may see: `tenon.project_id` for one project, or
-- `tenon.scope` = 'system'. Row-level security is FORCED, so it binds the owner of the tables too,
-- which is the role that Tenon connects as. Connections that only read are 'system' from their
-- start and cannot write: opening a value is one statement by primary key then, and what binds it
-- to its project is the encryption.

-- Both databases of the vault have these two functions, word for word: the tool that checks the
-- queries applies both schemas to one scratch database.
CREATE OR REPLACE FUNCTION scope_project() RETURNS uuid
    LANGUAGE sql STABLE
    AS $$ SELECT NULLIF(current_setting('tenon.project_id', true), '')::uuid $$;

CREATE OR REPLACE FUNCTION is_system_scope() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ SELECT COALESCE(current_setting('tenon.scope', true), '') = 'system' $$;

-- Numbers the changes of heads. CACHE must stay 1: numbers are given out in the order of time.
CREATE SEQUENCE change_sequence AS bigint CACHE 1;

CREATE TABLE secret (
    project_id       uuid        NOT NULL,
    -- Unique over all projects; the sweep knows a secret by it only.
    id               uuid        NOT NULL UNIQUE,
    -- What it belongs to: 1 credential, 2 app, 3 session, 4 project.
    subject          smallint    NOT NULL CHECK (subject BETWEEN 1 AND 4),
    credential_id    uuid,
    user_id          text,
    version          bigint      NOT NULL CHECK (version BETWEEN 1 AND 4294967295),
    -- 1 valid, 2 invalid, 3 expired.
    state            smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
    state_code       text,
    state_reason     text,
    state_at         timestamptz NOT NULL,
    expires_at       timestamptz,
    written_at       timestamptz NOT NULL,
    refresh_failures bigint      NOT NULL DEFAULT 0 CHECK (refresh_failures >= 0),
    -- The highest fence that was handed out, and the highest that has written.
    fence            bigint      NOT NULL DEFAULT 0,
    fence_written    bigint      NOT NULL DEFAULT 0 CHECK (fence_written <= fence),
    -- The claim that holds, which is the latest: until then at the latest. A claim that lapses
    -- keeps its fence here, until another one takes over. A write of an older claim takes the
    -- fence of a newer one away, but not its time: what it then brings is still welcome.
    claim_fence      bigint      CHECK (claim_fence = fence),
    claim_until      timestamptz,
    -- A tombstone: an id is never used again, and the names of people are gone.
    deleted_at       timestamptz,
    sequence         bigint      NOT NULL UNIQUE,
    -- Of the current version only: the keys of older ones are shredded, so their bytes open
    -- nothing. In the row of the head, because a read is most of what happens here and a second
    -- table costs it a tenth; a claim writes it again, which happens once a refresh.
    envelope         bytea,
    PRIMARY KEY (project_id, id),
    CHECK (deleted_at IS NOT NULL
           OR (subject = 1) = (credential_id IS NOT NULL AND user_id IS NOT NULL)),
    CHECK ((envelope IS NULL) = (deleted_at IS NOT NULL)),
    CHECK (claim_fence IS NULL OR claim_until IS NOT NULL),
    CHECK ((state = 2) = (state_code IS NOT NULL AND state_reason IS NOT NULL))
) WITH (fillfactor = 80);

-- Ciphertext does not compress; do not try.
ALTER TABLE secret ALTER COLUMN envelope SET STORAGE EXTERNAL;

ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON secret USING (is_system_scope() OR project_id = scope_project());

-- Nobody but the owner, and whom the operator names, so much as connects.
DO $$ BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;
