-- What changed, written with the change itself, so that every server can tell those who watch. Kept for minutes.
--
-- Without a foreign key to the tenant: the check would cost more than the row. The registry cleans up instead.
CREATE TABLE edgehog.changes (
    tenant_id bigint NOT NULL,
    id bigint GENERATED ALWAYS AS IDENTITY,
    -- The transaction. A reader that remembers the oldest one that was running when it last looked misses nothing,
    -- although transactions end in another order than they begin and number their rows.
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    resource text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('created', 'updated', 'destroyed')),
    key text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
)
-- Rows are only added and, in the same order, deleted.
WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 50000);
CREATE INDEX changes_xid_idx ON edgehog.changes (tenant_id, xid);

ALTER TABLE edgehog.changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE edgehog.changes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON edgehog.changes TO edgehog_app
    USING (tenant_id = edgehog.current_tenant());
CREATE POLICY registry ON edgehog.changes FOR DELETE TO edgehog_registry USING (true);
CREATE POLICY registry_finds ON edgehog.changes FOR SELECT TO edgehog_registry USING (true);
GRANT SELECT, INSERT, DELETE ON edgehog.changes TO edgehog_app;
-- To delete a tenant's rows, the registry must be able to tell whose they are, and nothing else of them.
GRANT SELECT (tenant_id), DELETE ON edgehog.changes TO edgehog_registry;
