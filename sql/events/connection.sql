/*
 * where Kafka is: cloudflux.kafka_brokers (in clear), or a foreign server with TLS, SASL and sealed credentials (cloudflux.kafka_server).
 *
 * Nobody but superusers may make such servers, unless a superuser grants USAGE on the wrapper; the publisher uses only those of superusers.
 */

CREATE FUNCTION cloudflux.kafka_validator(p_options text[], p_catalog oid) RETURNS void
LANGUAGE c VOLATILE STRICT
AS 'MODULE_PATHNAME', 'cloudflux_kafka_validator';

CREATE FOREIGN DATA WRAPPER cloudflux_kafka NO HANDLER VALIDATOR cloudflux.kafka_validator;

COMMENT ON FOREIGN DATA WRAPPER cloudflux_kafka IS
'A foreign server of this wrapper is a Kafka cluster; cloudflux.kafka_server names the one that events are sent to. Options: brokers, sasl_mechanism, tls, token_file, ca_file, client_cert_file, client_key_file. It has no foreign tables.';
COMMENT ON FUNCTION cloudflux.kafka_validator(text[], oid) IS
'Judges the options of a Kafka server when they are written. It looks at options only, never at a file or the network. An unknown option is HV00D, a missing one HV002, a wrong value or two that do not go together 22023, each with a hint. A user mapping holds sealed credentials only, as set_credentials() makes them.';

CREATE FUNCTION cloudflux.kafka_is_set() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN COALESCE(pg_catalog.current_setting('cloudflux.kafka_server', true), '') <> '' OR COALESCE(pg_catalog.current_setting('cloudflux.kafka_brokers', true), '') <> '';

COMMENT ON FUNCTION cloudflux.kafka_is_set() IS 'Whether cloudflux.kafka_server or cloudflux.kafka_brokers says where Kafka is.';

REVOKE ALL ON FUNCTION cloudflux.kafka_validator(text[], oid), cloudflux.kafka_is_set() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.kafka_is_set() TO cloudflux_viewer, cloudflux_worker;
