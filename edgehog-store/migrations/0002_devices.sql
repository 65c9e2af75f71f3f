-- Devices, as the events and the status of Astarte tell of them.
CREATE TABLE edgehog.devices (
    tenant_id bigint NOT NULL REFERENCES edgehog.tenants ON DELETE CASCADE,
    id bigint GENERATED ALWAYS AS IDENTITY,
    realm_id bigint NOT NULL,
    device_id text NOT NULL,
    name text NOT NULL,
    -- The newest word of Astarte on the connection, and when it was true.
    connected boolean NOT NULL DEFAULT false,
    connectivity_at timestamptz,
    -- When the device was last known to send something: one that sends is online, whatever word got lost.
    heard_at timestamptz,
    online boolean NOT NULL GENERATED ALWAYS AS (
        connected OR coalesce(heard_at > coalesce(connectivity_at, '-infinity'), false)
    ) STORED,
    last_connection timestamptz,
    last_disconnection timestamptz,
    last_seen_ip text,
    serial_number text,
    serial_number_at timestamptz,
    part_number text,
    part_number_at timestamptz,
    -- When Astarte's own word about the device was last read; null until that has worked once.
    status_read_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT devices_device_id_key UNIQUE (tenant_id, realm_id, device_id),
    FOREIGN KEY (tenant_id, realm_id) REFERENCES edgehog.realms ON DELETE CASCADE
)
-- Events update the same few columns again and again; room on the page keeps such updates out of the indexes.
WITH (fillfactor = 80);
CREATE INDEX devices_part_number_idx ON edgehog.devices (tenant_id, part_number);

ALTER TABLE edgehog.devices ENABLE ROW LEVEL SECURITY;
ALTER TABLE edgehog.devices FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON edgehog.devices TO edgehog_app
    USING (tenant_id = edgehog.current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON edgehog.devices TO edgehog_app;
