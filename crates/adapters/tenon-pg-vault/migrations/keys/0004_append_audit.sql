-- Why: an opening waits for its audit record, and most of that wait were round trips: begin, lock,
-- insert, commit. This is one. The caller says how it knows the chains to end; where one ends
-- otherwise nothing is written, and the caller asks again the long way.
-- Old code: goes on with lock_audit. The locks are the same.

CREATE FUNCTION append_audit(
    p_known_projects uuid[],
    p_known_numbers  bigint[],
    p_known_hashes   bytea[],
    p_projects       uuid[],
    p_numbers        bigint[],
    p_previous       bytea[],
    p_hashes         bytea[],
    p_at             timestamptz[],
    p_callers        text[],
    p_secrets        uuid[],
    p_versions       bigint[],
    p_purposes       smallint[],
    p_runs           uuid[],
    p_steps          text[],
    p_references     text[],
    p_granted        boolean[]
)
    RETURNS boolean
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    appended bigint;
BEGIN
    PERFORM set_config('tenon.scope', 'system', true);
    IF EXISTS (
        SELECT
        FROM unnest(p_known_projects, p_known_numbers, p_known_hashes)
             AS known (project_id, number, hash)
        LEFT JOIN lock_audit(p_known_projects) AS last ON last.project_id = known.project_id
        WHERE last.number IS DISTINCT FROM known.number OR last.hash IS DISTINCT FROM known.hash
    ) THEN
        RETURN false;
    END IF;
    INSERT INTO audit (project_id, number, previous, hash, at, caller, secret_id, version,
                       purpose, run_id, step_id, reference, is_granted)
        SELECT * FROM unnest(p_projects, p_numbers, p_previous, p_hashes, p_at, p_callers,
                             p_secrets, p_versions, p_purposes, p_runs, p_steps, p_references,
                             p_granted);
    GET DIAGNOSTICS appended = ROW_COUNT;
    IF appended <> cardinality(p_projects) THEN
        RAISE EXCEPTION 'fewer records were written than there are';
    END IF;
    RETURN true;
END $$;
