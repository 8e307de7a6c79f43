-- Why: those who follow changes ask for what is behind the last number that they saw, so a number
-- must never appear behind a higher one that was already given out. A plain sequence does not
-- promise that: the lower number may be of the transaction that commits later.
-- Old code: none.
--
-- A writer holds a shared lock from before it draws its number until its transaction has ended.
-- A reader takes the same lock alone for the length of one statement, and then knows that every
-- number drawn so far has ended, one way or the other. Writers do not wait for each other, so
-- their commits still share a flush; they wait for a reader at most as long as that one waits for
-- the writers before it. The other ways: one lock held until commit makes writers queue for the
-- disk, and a guard on transaction ids is upset by a dump and restore and by long transactions of
-- other databases of the server.

CREATE FUNCTION stamp_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(8117, 1);
    NEW.sequence := nextval('change_sequence');
    RETURN NEW;
END $$;

CREATE TRIGGER stamp_insert BEFORE INSERT ON secret
    FOR EACH ROW EXECUTE FUNCTION stamp_change();

-- Only what is in a head; a claim is not.
CREATE TRIGGER stamp_update BEFORE UPDATE ON secret
    FOR EACH ROW
    WHEN ((OLD.version, OLD.state, OLD.state_code, OLD.state_reason, OLD.state_at, OLD.expires_at,
           OLD.written_at, OLD.refresh_failures, OLD.deleted_at)
          IS DISTINCT FROM
          (NEW.version, NEW.state, NEW.state_code, NEW.state_reason, NEW.state_at, NEW.expires_at,
           NEW.written_at, NEW.refresh_failures, NEW.deleted_at))
    EXECUTE FUNCTION stamp_change();

-- The highest number up to which no transaction is under way.
CREATE FUNCTION settled_change() RETURNS bigint
    LANGUAGE plpgsql
    SET lock_timeout = '1s'
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(8117, 1);
    RETURN (SELECT last_value FROM change_sequence);
END $$;
