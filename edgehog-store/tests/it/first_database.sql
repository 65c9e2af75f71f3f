-- What pg_dump said of a database that the first version with a database made, and used a little.


CREATE SCHEMA edgehog;

CREATE FUNCTION edgehog.current_tenant() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (current_setting('edgehog.tenant'::text))::bigint;

CREATE TABLE edgehog.clusters (
    id bigint NOT NULL,
    base_api_url text NOT NULL,
    name text,
    inserted_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE edgehog.clusters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME edgehog.clusters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE edgehog.devices (
    tenant_id bigint NOT NULL,
    id bigint NOT NULL,
    realm_id bigint NOT NULL,
    device_id text NOT NULL,
    name text NOT NULL,
    connected boolean DEFAULT false NOT NULL,
    connectivity_at timestamp with time zone,
    heard_at timestamp with time zone,
    online boolean GENERATED ALWAYS AS ((connected OR COALESCE((heard_at > COALESCE(connectivity_at, '-infinity'::timestamp with time zone)), false))) STORED NOT NULL,
    last_connection timestamp with time zone,
    last_disconnection timestamp with time zone,
    last_seen_ip text,
    serial_number text,
    serial_number_at timestamp with time zone,
    part_number text,
    part_number_at timestamp with time zone,
    status_read_at timestamp with time zone,
    inserted_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
)
WITH (fillfactor='80');

ALTER TABLE ONLY edgehog.devices FORCE ROW LEVEL SECURITY;

ALTER TABLE edgehog.devices ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME edgehog.devices_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE edgehog.migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);

CREATE TABLE edgehog.realms (
    tenant_id bigint NOT NULL,
    id bigint NOT NULL,
    cluster_id bigint NOT NULL,
    name text NOT NULL,
    private_key text NOT NULL,
    inserted_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT realms_name_check CHECK ((name ~ '^[a-z][a-z0-9]{0,47}$'::text))
);

ALTER TABLE ONLY edgehog.realms FORCE ROW LEVEL SECURITY;

ALTER TABLE edgehog.realms ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME edgehog.realms_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE edgehog.tenants (
    tenant_id bigint NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    default_locale text DEFAULT 'en-US'::text NOT NULL,
    public_key text NOT NULL,
    inserted_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tenants_default_locale_check CHECK ((default_locale ~ '^[a-z]{2,3}-[A-Z]{2}$'::text)),
    CONSTRAINT tenants_slug_check CHECK ((slug ~ '^[a-z0-9-]+$'::text))
);

ALTER TABLE ONLY edgehog.tenants FORCE ROW LEVEL SECURITY;

ALTER TABLE edgehog.tenants ALTER COLUMN tenant_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME edgehog.tenants_tenant_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

INSERT INTO edgehog.clusters OVERRIDING SYSTEM VALUE VALUES (1, 'https://api.astarte.example', NULL, '2026-11-24 03:21:00+00', '2026-11-24 03:21:00+00');

INSERT INTO edgehog.devices OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, '2TBn-jNESuuHamE2Zo1anA', 'board', true, '2026-11-24 03:22:01.5+00', NULL, DEFAULT, '2026-11-24 03:22:01.5+00', NULL, NULL, 's-1', '2026-11-24 03:22:02+00', NULL, NULL, NULL, '2026-11-24 03:22:00+00', '2026-11-24 03:22:00+00');
INSERT INTO edgehog.devices OVERRIDING SYSTEM VALUE VALUES (2, 2, 2, '2TBn-jNESuuHamE2Zo1anA', 'other board', false, NULL, NULL, DEFAULT, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-24 03:22:00+00', '2026-11-24 03:22:00+00');

INSERT INTO edgehog.migrations VALUES (1, 'tenants', '2026-11-24 03:20:00+00', true, '\x159bfb90dd8a0b49bca7358ae76e3fa4ccf17baa27ebdd3b810f9ce5f398cfc84863482d0b1564bc3594f06dd1a78e35', 1000);
INSERT INTO edgehog.migrations VALUES (2, 'devices', '2026-11-24 03:20:00+00', true, '\x84ade27bd7429bc29000af4766b27545b4cfa13df065902065bdc885dedc10b79970f6250675d9664531020bfeb0f9da', 1000);

INSERT INTO edgehog.realms OVERRIDING SYSTEM VALUE VALUES (1, 1, 1, 'plantone', 'the key of plant one', '2026-11-24 03:21:00+00', '2026-11-24 03:21:00+00');
INSERT INTO edgehog.realms OVERRIDING SYSTEM VALUE VALUES (2, 2, 1, 'planttwo', 'the key of plant two', '2026-11-24 03:21:00+00', '2026-11-24 03:21:00+00');

INSERT INTO edgehog.tenants OVERRIDING SYSTEM VALUE VALUES (1, 'Plant One', 'plant-one', 'en-US', 'public key', '2026-11-24 03:21:00+00', '2026-11-24 03:21:00+00');
INSERT INTO edgehog.tenants OVERRIDING SYSTEM VALUE VALUES (2, 'Plant Two', 'plant-two', 'en-US', 'public key', '2026-11-24 03:21:00+00', '2026-11-24 03:21:00+00');

SELECT pg_catalog.setval('edgehog.clusters_id_seq', 1, true);

SELECT pg_catalog.setval('edgehog.devices_id_seq', 2, true);

SELECT pg_catalog.setval('edgehog.realms_id_seq', 2, true);

SELECT pg_catalog.setval('edgehog.tenants_tenant_id_seq', 2, true);

ALTER TABLE ONLY edgehog.clusters
    ADD CONSTRAINT clusters_base_api_url_key UNIQUE (base_api_url);

ALTER TABLE ONLY edgehog.clusters
    ADD CONSTRAINT clusters_pkey PRIMARY KEY (id);

ALTER TABLE ONLY edgehog.devices
    ADD CONSTRAINT devices_device_id_key UNIQUE (tenant_id, realm_id, device_id);

ALTER TABLE ONLY edgehog.devices
    ADD CONSTRAINT devices_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY edgehog.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY edgehog.realms
    ADD CONSTRAINT realms_name_cluster_key UNIQUE (name, cluster_id);

ALTER TABLE ONLY edgehog.realms
    ADD CONSTRAINT realms_one_per_tenant UNIQUE (tenant_id);

ALTER TABLE ONLY edgehog.realms
    ADD CONSTRAINT realms_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY edgehog.tenants
    ADD CONSTRAINT tenants_name_key UNIQUE (name);

ALTER TABLE ONLY edgehog.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id);

ALTER TABLE ONLY edgehog.tenants
    ADD CONSTRAINT tenants_slug_key UNIQUE (slug);

CREATE INDEX devices_part_number_idx ON edgehog.devices USING btree (tenant_id, part_number);

CREATE INDEX realms_cluster_id_idx ON edgehog.realms USING btree (cluster_id);

ALTER TABLE ONLY edgehog.devices
    ADD CONSTRAINT devices_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES edgehog.tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY edgehog.devices
    ADD CONSTRAINT devices_tenant_id_realm_id_fkey FOREIGN KEY (tenant_id, realm_id) REFERENCES edgehog.realms(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY edgehog.realms
    ADD CONSTRAINT realms_cluster_id_fkey FOREIGN KEY (cluster_id) REFERENCES edgehog.clusters(id);

ALTER TABLE ONLY edgehog.realms
    ADD CONSTRAINT realms_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES edgehog.tenants(tenant_id) ON DELETE CASCADE;

ALTER TABLE edgehog.devices ENABLE ROW LEVEL SECURITY;

ALTER TABLE edgehog.realms ENABLE ROW LEVEL SECURITY;

CREATE POLICY registry ON edgehog.realms TO edgehog_registry USING (true);

CREATE POLICY registry ON edgehog.tenants TO edgehog_registry USING (true);

CREATE POLICY tenant_only ON edgehog.devices TO edgehog_app USING ((tenant_id = edgehog.current_tenant()));

CREATE POLICY tenant_only ON edgehog.realms TO edgehog_app USING ((tenant_id = edgehog.current_tenant()));

CREATE POLICY tenant_only ON edgehog.tenants TO edgehog_app USING ((tenant_id = edgehog.current_tenant()));

ALTER TABLE edgehog.tenants ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA edgehog TO edgehog_app;
GRANT USAGE ON SCHEMA edgehog TO edgehog_registry;

GRANT SELECT ON TABLE edgehog.clusters TO edgehog_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE edgehog.clusters TO edgehog_registry;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE edgehog.devices TO edgehog_app;

GRANT SELECT ON TABLE edgehog.realms TO edgehog_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE edgehog.realms TO edgehog_registry;

GRANT SELECT ON TABLE edgehog.tenants TO edgehog_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE edgehog.tenants TO edgehog_registry;


