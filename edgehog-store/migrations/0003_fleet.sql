-- What a fleet is described with: tags, groups, hardware types and system models with their part numbers.
--
-- Foreign keys without a word on deletion forbid it at the end of the statement, not at once. Every table refers to its
-- tenant by itself, so that a tenant's rows are gone from all of them before the first of these looks: in whatever order
-- PostgreSQL goes through the tables, the deletion of a tenant is never refused.
CREATE TABLE edgehog.tags (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT tags_name_key UNIQUE (tenant_id, name)
);

CREATE TABLE edgehog.devices_tags (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    tag_id bigint NOT NULL,
    device_id bigint NOT NULL,
    PRIMARY KEY (tenant_id, tag_id, device_id),
    FOREIGN KEY (tenant_id, tag_id) REFERENCES edgehog.tags,
    FOREIGN KEY (tenant_id, device_id) REFERENCES edgehog.devices ON DELETE CASCADE
);
CREATE INDEX devices_tags_device_id_idx ON edgehog.devices_tags (tenant_id, device_id, tag_id);

-- The predicate says the same as the selector, in a form that the server turns into SQL.
CREATE TABLE edgehog.device_groups (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    handle text NOT NULL,
    selector text NOT NULL,
    predicate jsonb NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    -- Of two values that are taken, the one of the constraint that was made first is told.
    CONSTRAINT device_groups_handle_key UNIQUE (tenant_id, handle),
    CONSTRAINT device_groups_name_key UNIQUE (tenant_id, name)
);

CREATE TABLE edgehog.hardware_types (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    handle text NOT NULL,
    name text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT hardware_types_handle_key UNIQUE (tenant_id, handle),
    CONSTRAINT hardware_types_name_key UNIQUE (tenant_id, name)
);

CREATE TABLE edgehog.hardware_type_part_numbers (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    part_number text NOT NULL,
    hardware_type_id bigint,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT hardware_type_part_numbers_part_number_key UNIQUE (tenant_id, part_number),
    FOREIGN KEY (tenant_id, hardware_type_id) REFERENCES edgehog.hardware_types ON DELETE CASCADE
);
CREATE INDEX hardware_type_part_numbers_hardware_type_id_idx
    ON edgehog.hardware_type_part_numbers (tenant_id, hardware_type_id);

CREATE TABLE edgehog.system_models (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    handle text NOT NULL,
    name text NOT NULL,
    picture_url text,
    -- Texts by their language tags.
    description jsonb NOT NULL DEFAULT '{}',
    hardware_type_id bigint NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT system_models_handle_key UNIQUE (tenant_id, handle),
    CONSTRAINT system_models_name_key UNIQUE (tenant_id, name),
    FOREIGN KEY (tenant_id, hardware_type_id) REFERENCES edgehog.hardware_types
);
CREATE INDEX system_models_hardware_type_id_idx ON edgehog.system_models (tenant_id, hardware_type_id);
CREATE INDEX system_models_picture_url_idx ON edgehog.system_models (tenant_id, picture_url);

CREATE TABLE edgehog.system_model_part_numbers (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    part_number text NOT NULL,
    system_model_id bigint,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT system_model_part_numbers_part_number_key UNIQUE (tenant_id, part_number),
    FOREIGN KEY (tenant_id, system_model_id) REFERENCES edgehog.system_models ON DELETE CASCADE
);
CREATE INDEX system_model_part_numbers_system_model_id_idx
    ON edgehog.system_model_part_numbers (tenant_id, system_model_id);

-- Clients know when a device connected to the second; what is older than the newest word is told by connectivity_at.
-- The devices of all tenants at once: who owns the table may do that for a moment.
ALTER TABLE edgehog.devices NO FORCE ROW LEVEL SECURITY;
UPDATE edgehog.devices SET
    last_connection = date_trunc('second', last_connection),
    last_disconnection = date_trunc('second', last_disconnection);
ALTER TABLE edgehog.devices FORCE ROW LEVEL SECURITY;

-- Whether the newest event about the device changed anything that clients see: only then are they told.
ALTER TABLE edgehog.devices ADD COLUMN changed boolean NOT NULL DEFAULT true;

DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY[
        'tags', 'devices_tags', 'device_groups', 'hardware_types', 'hardware_type_part_numbers', 'system_models',
        'system_model_part_numbers'
    ] LOOP
        EXECUTE format('ALTER TABLE edgehog.%I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format('ALTER TABLE edgehog.%I FORCE ROW LEVEL SECURITY', owned);
        EXECUTE format(
            'CREATE POLICY tenant_only ON edgehog.%I TO edgehog_app USING (tenant_id = edgehog.current_tenant())', owned
        );
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON edgehog.%I TO edgehog_app', owned);
    END LOOP;
END
$$;
