-- Parameters: the tenant, then one array for each column, sorted by realm and device. Of two words on the same thing
-- the newer one stands; of two equally new ones the one recorded later.
INSERT INTO devices AS d (
    tenant_id, realm_id, device_id, name, connected, connectivity_at, last_connection, last_disconnection,
    heard_at, last_seen_ip, serial_number, serial_number_at, part_number, part_number_at, status_read_at
)
SELECT
    $1, realm_id, device_id, device_id, coalesce(connected, false), connectivity_at, last_connection,
    last_disconnection, heard_at, last_seen_ip, serial_number, serial_number_at, part_number, part_number_at,
    status_read_at
FROM unnest(
    $2::bigint[], $3::text[], $4::boolean[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[],
    $8::timestamptz[], $9::text[], $10::text[], $11::timestamptz[], $12::text[], $13::timestamptz[],
    $14::timestamptz[]
) AS seen (
    realm_id, device_id, connected, connectivity_at, last_connection, last_disconnection,
    heard_at, last_seen_ip, serial_number, serial_number_at, part_number, part_number_at,
    status_read_at
)
ON CONFLICT (tenant_id, realm_id, device_id) DO UPDATE SET
    (
        connected, connectivity_at, last_connection, last_disconnection, heard_at, last_seen_ip, serial_number,
        serial_number_at, part_number, part_number_at, status_read_at, changed
    ) = (
        SELECT
            new.*,
            (
                new.connected OR coalesce(new.heard_at > coalesce(new.connectivity_at, '-infinity'), false),
                new.last_connection, new.last_disconnection, new.last_seen_ip, new.serial_number, new.part_number
            ) IS DISTINCT FROM (
                d.online, d.last_connection, d.last_disconnection, d.last_seen_ip, d.serial_number, d.part_number
            )
        FROM (
            SELECT
                CASE
                    WHEN excluded.connectivity_at >= coalesce(d.connectivity_at, '-infinity')
                        THEN excluded.connected
                    ELSE d.connected
                END AS connected,
                greatest(d.connectivity_at, excluded.connectivity_at) AS connectivity_at,
                greatest(d.last_connection, excluded.last_connection) AS last_connection,
                greatest(d.last_disconnection, excluded.last_disconnection) AS last_disconnection,
                greatest(d.heard_at, excluded.heard_at) AS heard_at,
                CASE
                    WHEN excluded.last_connection >= coalesce(d.last_connection, '-infinity')
                        THEN coalesce(excluded.last_seen_ip, d.last_seen_ip)
                    ELSE d.last_seen_ip
                END AS last_seen_ip,
                CASE
                    WHEN excluded.serial_number_at >= coalesce(d.serial_number_at, '-infinity')
                        THEN excluded.serial_number
                    ELSE d.serial_number
                END AS serial_number,
                greatest(d.serial_number_at, excluded.serial_number_at) AS serial_number_at,
                CASE
                    WHEN excluded.part_number_at >= coalesce(d.part_number_at, '-infinity')
                        THEN excluded.part_number
                    ELSE d.part_number
                END AS part_number,
                greatest(d.part_number_at, excluded.part_number_at) AS part_number_at,
                greatest(d.status_read_at, excluded.status_read_at) AS status_read_at
        ) AS new
    ),
    updated_at = now()
RETURNING d.id, d.device_id, d.status_read_at IS NULL AS unread, d.xmax = 0 AS created, d.changed
