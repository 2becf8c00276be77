-- Credentials: sealed at once, bound to where they belong, in the hands of who may use the place.
\getenv places CF_PLACES
\set root :places '/storage_credentials'
\set keys :root '/keys'
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
\set cmd 'rm -rf ' :root ' && mkdir -p ' :root ' && umask 077 && cat > ' :keys
COPY (SELECT 'k1 ' || encode(sha256('one'), 'base64')) TO PROGRAM :'cmd';
CREATE ROLE regress_cred_owner;
CREATE ROLE regress_cred_reader;
GRANT cloudflux_admin TO regress_cred_owner;
GRANT cloudflux_user TO regress_cred_reader;

-- without a key there is nothing to seal with
SELECT cloudflux.add_storage('photos', 'GCP', 'some-bucket');
SELECT * FROM cloudflux.credential_keys();
SELECT cloudflux.set_credentials('photos', '{"access_token": "hidden"}');
SET cloudflux.key_command = 'exit 3';
SELECT * FROM cloudflux.credential_keys();
SELECT set_config('cloudflux.key_file', :'keys', false) IS NOT NULL;
SELECT * FROM cloudflux.credential_keys();
RESET cloudflux.key_command;
SELECT * FROM cloudflux.credential_keys();

-- a key file that others can read is not used, nor one that is none
\set cmd 'chmod 0640 ' :keys
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
DO $$ BEGIN PERFORM cloudflux.credential_keys(); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, regexp_replace(SQLERRM, '"/.*"', 'FILE'); END $$;
\set cmd 'chmod 0600 ' :keys
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.credential_keys();

\set cmd 'mv ' :keys ' ' :keys '.away'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
DO $$ BEGIN PERFORM cloudflux.credential_keys(); EXCEPTION WHEN OTHERS THEN RAISE NOTICE '% %', SQLSTATE, regexp_replace(SQLERRM, '"/.*"', 'FILE'); END $$;
\set cmd 'mv ' :keys '.away ' :keys
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.credential_keys();

-- what set_credentials() refuses: neither a value nor the statement that holds it reaches the log
SELECT cloudflux.set_credentials('nowhere', '{"access_token": "hidden"}');
SELECT cloudflux.set_credentials(NULL, '{}');
SELECT cloudflux.set_credentials('photos', NULL);
SELECT cloudflux.set_credentials('photos', '"hidden"');
SELECT cloudflux.set_credentials('photos', '{}');
SELECT cloudflux.set_credentials('photos', '{"secret_key": "hidden"}');
SELECT cloudflux.set_credentials('photos', '{"AKIAHIDDEN": "hidden"}');
SELECT cloudflux.set_credentials('photos', '{"access_token": ""}');
SELECT cloudflux.set_credentials('photos', '{"access_token": 42}');
SELECT cloudflux.set_credentials('photos', '{"access_token": null}');
SELECT cloudflux.set_credentials('photos', '{"access_token": ["hidden"]}');
SELECT cloudflux.set_credentials('photos', '{"access_token": {"file": "/no/such/file"}}');
SELECT cloudflux.set_credentials('photos', '{"access_token": "hidden\n"}');
SELECT cloudflux.set_credentials('photos', '{"access_token": "hidden"}', 'no_such_role');
\set cmd 'mkdir -p ' :root '/local'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.add_storage('files', 'LOCAL', :'root' || '/local');
SELECT cloudflux.set_credentials('files', '{"access_token": "hidden"}');
SELECT * FROM cloudflux.credentials;

-- a clear value is refused wherever it is written
CREATE USER MAPPING FOR PUBLIC SERVER photos OPTIONS (access_token 'hidden');
CREATE USER MAPPING FOR PUBLIC SERVER photos OPTIONS (password 'hidden');
CREATE USER MAPPING FOR PUBLIC SERVER photos OPTIONS (access_token 'cf1:k1:hidden');
-- before PostgreSQL itself refuses the statement, with all of it in the log
CREATE USER MAPPING FOR regress_cred_nobody SERVER photos OPTIONS (access_token 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS (access_token 'hidden');
CREATE USER MAPPING FOR CURRENT_USER SERVER nowhere OPTIONS ("user" 'of another wrapper');
ALTER USER MAPPING FOR CURRENT_USER SERVER photos OPTIONS (ADD access_token 'hidden');
ALTER USER MAPPING FOR CURRENT_USER SERVER photos OPTIONS (DROP access_token);
SET ROLE regress_cred_reader;
CREATE USER MAPPING FOR CURRENT_USER SERVER photos OPTIONS (access_token 'hidden');
RESET ROLE;
CREATE SERVER s FOREIGN DATA WRAPPER cloudflux OPTIONS (provider 'GCP', bucket 'some-bucket', access_token 'hidden');

-- what is set is sealed; setting again replaces all of it
SELECT cloudflux.set_credentials('photos', '{"access_token": "hidden"}');
SELECT count(*) FILTER (WHERE o.option_value LIKE 'cf1:k1:%'), count(*) FILTER (WHERE o.option_value LIKE '%hidden%'), count(*)
  FROM pg_user_mappings AS m CROSS JOIN LATERAL pg_options_to_table(m.umoptions) AS o;
SELECT place, role_name = current_user AS mine, credential, key_id FROM cloudflux.credentials;
SELECT * FROM cloudflux.place_problem('photos', false);
\set cmd 'umask 077 && cat > ' :root '/account.json'
COPY (SELECT '{"client_email": "a@b", "private_key": "hidden"}') TO PROGRAM :'cmd';
SELECT cloudflux.set_credentials('photos', jsonb_build_object('service_account_key', jsonb_build_object('file', :'root' || '/account.json')), 'public');
SELECT cloudflux.set_credentials('photos', '{"service_account_key": "hidden"}');
SELECT cloudflux.add_storage('blue', 'Azure', 'box', '{"account": "one"}'), cloudflux.add_storage('warm', 'AWS', 'bucket', '{"region": "eu-west-1"}');
SELECT cloudflux.set_credentials('blue', '{"account_key": "hidden!"}');
SELECT cloudflux.set_credentials('blue', '{"client_id": "a", "client_secret": "hidden"}');
SELECT cloudflux.set_credentials('warm', '{"secret_access_key": "hidden"}');
SELECT cloudflux.set_credentials('warm', '{"access_key_id": "a", "secret_access_key": "hidden", "sse_customer_key": "aGlkZGVu"}');
SELECT cloudflux.drop_storage('blue'), cloudflux.drop_storage('warm');
-- the key of an account goes in by file, or as it is
\set cmd 'umask 077 && { printf "{\\"client_email\\": \\"a@b\\", \\"private_key\\": \\""; openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 2> /dev/null | sed "s/$/\\\\\\\\n/" | tr -d "\\n"; printf "\\"}"; } > ' :root '/account.json'
COPY (SELECT 1 WHERE false) TO PROGRAM :'cmd';
SELECT cloudflux.set_credentials('photos', jsonb_build_object('service_account_key', jsonb_build_object('file', :'root' || '/account.json')), 'public');
SELECT cloudflux.set_credentials('photos', jsonb_build_object('service_account_key', pg_read_file(:'root' || '/account.json')::jsonb));
SELECT credential, role_name = 'public' AS public FROM cloudflux.credentials ORDER BY role_name <> 'public';

-- it is worth something only where it was set: under its name, at its address, for its role
SELECT cloudflux.forget_credentials('photos', 'public');
SELECT cloudflux.forget_credentials('nowhere');
SELECT cloudflux.forget_credentials(NULL);
-- another wrapper's server is none of cloudflux, whatever it is called
CREATE FOREIGN DATA WRAPPER cloudflux_other;
CREATE SERVER other FOREIGN DATA WRAPPER cloudflux_other;
CREATE USER MAPPING FOR PUBLIC SERVER other OPTIONS (access_token 'kept');
SELECT cloudflux.forget_credentials('other', 'public');
SELECT count(*) AS told FROM cloudflux.credentials WHERE place = 'other';
DROP FOREIGN DATA WRAPPER cloudflux_other CASCADE;
ALTER SERVER photos OPTIONS (ADD endpoint 'https://elsewhere.example.org');
SELECT cloudflux.adopt_storage('photos');
SELECT * FROM cloudflux.place_problem('photos', false);
ALTER SERVER photos OPTIONS (DROP endpoint);
SELECT cloudflux.adopt_storage('photos');
SELECT * FROM cloudflux.place_problem('photos', false);
ALTER SERVER photos RENAME TO pictures;
SELECT cloudflux.adopt_storage('pictures');
SELECT * FROM cloudflux.place_problem('pictures', false);
ALTER SERVER pictures RENAME TO photos;
SELECT cloudflux.adopt_storage('photos');
SELECT format('CREATE USER MAPPING FOR PUBLIC SERVER photos OPTIONS (%I %L)', o.option_name, o.option_value) AS stolen,
       format('CREATE USER MAPPING FOR CURRENT_USER SERVER photos OPTIONS (%I %L)', o.option_name, o.option_value) AS restored
  FROM pg_user_mappings AS m CROSS JOIN LATERAL pg_options_to_table(m.umoptions) AS o \gset
SELECT cloudflux.forget_credentials('photos');
:stolen;
SELECT * FROM cloudflux.place_problem('photos', false);
SELECT cloudflux.forget_credentials('photos', 'public');
:restored;
SELECT * FROM cloudflux.place_problem('photos', false);

-- keys rotate: what is sealed under an older one is sealed anew
\set cmd 'cat >> ' :keys
COPY (SELECT 'k2 ' || encode(sha256('two'), 'base64')) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.credential_keys();
SELECT * FROM cloudflux.place_problem('photos', false);
SELECT place, role_name = current_user AS mine, credential, old_key_id, key_id FROM cloudflux.rotate_credentials();
SELECT count(*) FROM cloudflux.rotate_credentials();
\set cmd 'umask 077 && cat > ' :keys
COPY (SELECT 'k2 ' || encode(sha256('two'), 'base64')) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.place_problem('photos', false);
COPY (SELECT 'k2 ' || encode(sha256('three'), 'base64')) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.place_problem('photos', false);
COPY (SELECT 'k3 ' || encode(sha256('two'), 'base64')) TO PROGRAM :'cmd';
SELECT * FROM cloudflux.place_problem('photos', false);
\set VERBOSITY terse
SELECT place, credential FROM cloudflux.rotate_credentials();
\set VERBOSITY default
COPY (SELECT 'nonsense') TO PROGRAM :'cmd';
SELECT * FROM cloudflux.place_problem('photos', false);
SELECT cloudflux.forget_credentials('photos');

-- who may: a role for itself where it has USAGE, the owner of the server for all; files are for those who may read them
COPY (SELECT 'k1 ' || encode(sha256('one'), 'base64')) TO PROGRAM :'cmd';
SET ROLE regress_cred_owner;
SELECT cloudflux.add_storage('shared', 'GCP', 'other-bucket');
SELECT cloudflux.set_credentials('photos', '{"access_token": "hidden"}');
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}', 'regress_cred_reader');
SELECT cloudflux.set_credentials('shared', '{"access_token": {"file": "/etc/passwd"}}');
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}', 'public');
SET ROLE regress_cred_reader;
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}');
RESET ROLE;
GRANT USAGE ON FOREIGN SERVER shared TO regress_cred_reader;
SET ROLE regress_cred_reader;
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}');
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}', 'regress_cred_owner');
SELECT cloudflux.set_credentials('shared', '{"access_token": "hidden"}', 'public');
SELECT * FROM cloudflux.credentials;
SELECT * FROM cloudflux.credential_keys();
SELECT cloudflux.forget_credentials('shared');
\set VERBOSITY sqlstate
SHOW cloudflux.key_file;
\set VERBOSITY default
RESET ROLE;

-- what makes the server use its own files or identity is a superuser's
SET ROLE regress_cred_owner;
ALTER SERVER shared OPTIONS (ADD ca_file '/etc/ssl/ca.pem');
ALTER SERVER shared OPTIONS (ADD credential_source 'metadata_server');
RESET ROLE;
ALTER SERVER shared OPTIONS (ADD credential_source 'anywhere');
ALTER SERVER shared OPTIONS (ADD ca_file 'ca.pem');
ALTER SERVER shared OPTIONS (ADD ca_file '/etc/ssl/ca.pem');
SELECT * FROM cloudflux.place_problem('shared', false);
SET ROLE regress_cred_owner;
ALTER SERVER shared OPTIONS (ADD user_project 'mine');
ALTER SERVER shared OPTIONS (DROP ca_file, ADD user_project 'mine');
RESET ROLE;
SELECT * FROM cloudflux.place_problem('shared', false);

SELECT cloudflux.drop_storage(place) FROM cloudflux.storage_places ORDER BY place;
DROP OWNED BY regress_cred_owner, regress_cred_reader;
DROP ROLE regress_cred_owner;
DROP ROLE regress_cred_reader;
