-- Why: the id of the installation is bound into every encryption, so that a value of one
-- installation opens in no other. It is made once, with the database, and never changes.
-- Old code: keeps working, the table is new.

CREATE TABLE installation (
    -- One row only.
    is_this bool PRIMARY KEY DEFAULT true CHECK (is_this),
    id      uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

CREATE FUNCTION refuse_installation_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the id of an installation never changes'; END $$;

CREATE TRIGGER installation_is_fixed BEFORE UPDATE OR DELETE ON installation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_installation_change();

-- It is no tenant's: readable in every scope, written by nobody.
ALTER TABLE installation ENABLE ROW LEVEL SECURITY;
ALTER TABLE installation FORCE ROW LEVEL SECURITY;
CREATE POLICY readable ON installation FOR SELECT USING (true);
