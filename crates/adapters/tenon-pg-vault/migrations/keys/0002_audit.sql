-- Why: every decryption leaves a record first. Records of a tenant are a chain: each holds the
-- hash of the one before it, so a changed or missing row is found. The triggers keep honest code
-- honest; the chain is for those who get around them.
-- Old code: none.

CREATE TABLE audit (
    project_id uuid        NOT NULL,
    -- Counted from 1 without gaps.
    number     bigint      NOT NULL CHECK (number > 0),
    previous   bytea       NOT NULL CHECK (octet_length(previous) = 32),
    hash       bytea       NOT NULL CHECK (octet_length(hash) = 32),
    at         timestamptz NOT NULL,
    caller     text        NOT NULL,
    secret_id  uuid        NOT NULL,
    version    bigint      NOT NULL,
    -- 1 step, 2 proxy, 3 refresh, 4 connect, 5 webhook.
    purpose    smallint    NOT NULL CHECK (purpose BETWEEN 1 AND 5),
    run_id     uuid,
    step_id    text,
    reference  text,
    is_granted boolean     NOT NULL,
    PRIMARY KEY (project_id, number)
);

ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY scope ON audit USING (is_system_scope() OR project_id = scope_project());

CREATE FUNCTION refuse_audit_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the audit is append-only'; END $$;

CREATE TRIGGER append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE
    ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

-- Locks the chains of some tenants until the transaction ends and gives the last link of each.
-- Locks are taken in one order, so two batches never wait for each other. The links are read by
-- a statement of its own, so that it sees what was committed while this one waited.
CREATE FUNCTION lock_audit(p_projects uuid[])
    RETURNS TABLE (project_id uuid, number bigint, hash bytea)
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    chain bigint;
BEGIN
    FOR chain IN
        SELECT DISTINCT hashtextextended(asked.id::text, 8118) AS key
        FROM unnest(p_projects) AS asked (id) ORDER BY key
    LOOP
        PERFORM pg_advisory_xact_lock(chain);
    END LOOP;
    RETURN QUERY
        SELECT last.project_id, last.number, last.hash
        FROM unnest(p_projects) AS asked (id)
        CROSS JOIN LATERAL (
            SELECT a.project_id, a.number, a.hash FROM audit a
            WHERE a.project_id = asked.id ORDER BY a.number DESC LIMIT 1
        ) AS last;
END $$;
