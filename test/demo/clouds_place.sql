SELECT cloudflux.add_storage(:'name', :'provider', :'bucket', :'options'::jsonb || :'more'::jsonb);
SELECT cloudflux.set_credentials(:'name', :'secret'::jsonb);
