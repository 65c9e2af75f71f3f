-- When each tenant's realm is to be reconciled next, who is at it, and what came of it last.
CREATE TABLE edgehog.reconciliations (
    tenant_id bigint PRIMARY KEY REFERENCES edgehog.tenants ON DELETE CASCADE,
    due_at timestamptz NOT NULL DEFAULT now(),
    -- The newest wish for one: it is not met by one that began before.
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- The process that is at it. It says so again and again; what is held until a time that is over is nobody's.
    held_by uuid,
    held_until timestamptz,
    began_at timestamptz,
    -- The newest one that ended: how it went, and what had to be mended in the realm.
    ended_at timestamptz,
    succeeded boolean,
    succeeded_at timestamptz,
    error text,
    mended jsonb NOT NULL DEFAULT '[]',
    -- Those that failed since one succeeded.
    failures integer NOT NULL DEFAULT 0,
    -- What the server was set to when one succeeded last: realms must be looked at anew when that changes.
    settings text,
    CHECK ((held_by IS NULL) = (held_until IS NULL))
)
-- Rows are few, and updated every few seconds while somebody is at it.
WITH (fillfactor = 50);

-- All tenants at once: who owns the table may do that for a moment.
ALTER TABLE edgehog.tenants NO FORCE ROW LEVEL SECURITY;
INSERT INTO edgehog.reconciliations (tenant_id) SELECT tenant_id FROM edgehog.tenants;
ALTER TABLE edgehog.tenants FORCE ROW LEVEL SECURITY;

ALTER TABLE edgehog.reconciliations ENABLE ROW LEVEL SECURITY;
ALTER TABLE edgehog.reconciliations FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON edgehog.reconciliations TO edgehog_app
    USING (tenant_id = edgehog.current_tenant());
CREATE POLICY registry ON edgehog.reconciliations TO edgehog_registry USING (true);
GRANT SELECT ON edgehog.reconciliations TO edgehog_app;
GRANT SELECT, INSERT, UPDATE ON edgehog.reconciliations TO edgehog_registry;

-- The lease of a realm was kept here before.
ALTER TABLE edgehog.realms DROP COLUMN IF EXISTS reconciled_at, DROP COLUMN IF EXISTS reconciled_until;

-- What Astarte shows with the events of a realm, sealed like the private key; null where it is not asked for. It is
-- asked for once the realm's triggers have it: of a new realm at once, as nobody else's triggers are wanted there.
ALTER TABLE edgehog.realms
    ADD COLUMN trigger_secret text,
    ADD COLUMN trigger_secret_required boolean NOT NULL DEFAULT false,
    ADD CHECK (trigger_secret IS NOT NULL OR NOT trigger_secret_required);

-- Who works with the rows of one tenant needs no secret of its realm.
REVOKE SELECT ON edgehog.realms FROM edgehog_app;
GRANT SELECT (tenant_id, id, cluster_id, name) ON edgehog.realms TO edgehog_app;

-- Databases of the first days lack this one.
DO $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_constraint
        WHERE conrelid = 'edgehog.devices_tags'::regclass AND confrelid = 'edgehog.tenants'::regclass
    ) THEN
        ALTER TABLE edgehog.devices_tags
            ADD FOREIGN KEY (tenant_id) REFERENCES edgehog.tenants ON DELETE CASCADE;
    END IF;
END
$$;
