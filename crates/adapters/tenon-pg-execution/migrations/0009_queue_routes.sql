-- Who leads, and how queues are routed. The term of the leader grows with each election; what a
-- leader decides is noted only in its own term. A route says whether a queue (a project's) has
-- workers of its own and who decides about that, and whether it is paused; a queue without a row is
-- automatic, shared and not paused. Small tables: one row, and one row a queue that was ever
-- routed in a way of its own. Old code does not know them and keeps working.
CREATE TABLE leader (
    only_row bigint PRIMARY KEY DEFAULT 1 CHECK (only_row = 1),
    term     bigint NOT NULL
);
INSERT INTO leader (term) VALUES (0);

CREATE TABLE queue_route (
    queue        text        PRIMARY KEY,
    mode         text        NOT NULL DEFAULT 'automatic'
                 CHECK (mode IN ('automatic', 'dedicated', 'shared')),
    is_dedicated boolean     NOT NULL DEFAULT false,
    is_paused    boolean     NOT NULL DEFAULT false,
    workers      smallint    CHECK (workers > 0),
    decided_by   text        NOT NULL CHECK (decided_by IN ('operator', 'leader')),
    since        timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE queue_route ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_route FORCE ROW LEVEL SECURITY;
CREATE POLICY queue_route_of_system ON queue_route USING (
    current_setting('tenon.scope', true) = 'system'
);
