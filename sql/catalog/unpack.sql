/*
 * catalog/unpack: the content of bytes that may be gzip, for whatever reads files that somebody put into a place.
 */
CREATE FUNCTION cloudflux.unpacked(p_data bytea) RETURNS TABLE (no bigint, piece bytea)
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'cloudflux_unpacked';

REVOKE ALL ON FUNCTION cloudflux.unpacked(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudflux.unpacked(bytea) TO cloudflux_viewer, cloudflux_worker;
COMMENT ON FUNCTION cloudflux.unpacked(bytea) IS 'The content of bytes in pieces of 1 MB, unpacked where they are gzip (also several streams in a row). 22023 for a damaged stream, 54000 for content of more than 16 GB';
