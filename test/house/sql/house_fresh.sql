-- Every regression test starts in a fresh database that has the extension.
SELECT extname, extversion FROM pg_extension WHERE extname = 'cloudflux';
