-- Tenants, the Astarte clusters they use, and their realms.
--
-- Two roles share the work, and neither can log in or bypass row security:
--   edgehog_app       reads and writes the rows of one tenant, the one named by the setting edgehog.tenant
--   edgehog_registry  finds, creates and deletes tenants; it has no right on anything that tenants own but the realm
-- The login that the server uses is a member of both and always acts as one of them.
DO $$
DECLARE
    wanted text;
    omnipotent boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);
BEGIN
    FOREACH wanted IN ARRAY ARRAY['edgehog_app', 'edgehog_registry'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', wanted);
            EXCEPTION
                -- Roles belong to the whole cluster: another database of it may have made them, even at this moment.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        IF NOT omnipotent THEN
            BEGIN
                EXECUTE format('GRANT %I TO %I', wanted, current_user);
            EXCEPTION
                -- Somebody else made the role, and decides who is a member of it. The server looks at its start.
                WHEN insufficient_privilege OR invalid_grant_operation THEN NULL;
            END;
        END IF;
    END LOOP;
END
$$;

GRANT USAGE ON SCHEMA edgehog TO edgehog_app, edgehog_registry;

-- The tenant of this transaction. Fails where none was named: one argument of current_setting means "must exist",
-- and an emptied setting is no number. A plain expression, so that PostgreSQL inlines it and uses it for index scans.
CREATE FUNCTION edgehog.current_tenant() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('edgehog.tenant')::bigint;

CREATE TABLE edgehog.tenants (
    tenant_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CONSTRAINT tenants_name_key UNIQUE,
    slug text NOT NULL CONSTRAINT tenants_slug_key UNIQUE CHECK (slug ~ '^[a-z0-9-]+$'),
    default_locale text NOT NULL DEFAULT 'en-US' CHECK (default_locale ~ '^[a-z]{2,3}-[A-Z]{2}$'),
    public_key text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- Clusters are shared: several tenants may have a realm on the same one.
CREATE TABLE edgehog.clusters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    base_api_url text NOT NULL CONSTRAINT clusters_base_api_url_key UNIQUE,
    name text,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE edgehog.realms (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    cluster_id bigint NOT NULL REFERENCES edgehog.clusters,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9]{0,47}$'),
    private_key text NOT NULL,
    -- When the last reconciliation that succeeded began; until when somebody who began another one is given time.
    reconciled_at timestamptz,
    reconciled_until timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT realms_one_per_tenant UNIQUE (tenant_id),
    CONSTRAINT realms_name_cluster_key UNIQUE (name, cluster_id)
);
CREATE INDEX realms_cluster_id_idx ON edgehog.realms (cluster_id);

ALTER TABLE edgehog.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE edgehog.tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE edgehog.realms ENABLE ROW LEVEL SECURITY;
ALTER TABLE edgehog.realms FORCE ROW LEVEL SECURITY;

CREATE POLICY tenant_only ON edgehog.tenants TO edgehog_app
    USING (tenant_id = edgehog.current_tenant());
CREATE POLICY tenant_only ON edgehog.realms TO edgehog_app
    USING (tenant_id = edgehog.current_tenant());
CREATE POLICY registry ON edgehog.tenants TO edgehog_registry USING (true);
CREATE POLICY registry ON edgehog.realms TO edgehog_registry USING (true);

GRANT SELECT ON edgehog.tenants, edgehog.clusters, edgehog.realms TO edgehog_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON edgehog.tenants, edgehog.clusters, edgehog.realms TO edgehog_registry;
