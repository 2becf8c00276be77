/*
 * migration/actions: what messages may ask of migrations: rows of ingest_actions. They are done with the rights of the role that the topic
 * is mapped to, which is also the one that asked for the job.
 */

INSERT INTO cloudflux.ingest_actions (action, function_name, builtin) VALUES
	('migrate', 'cloudflux.migrate(text,text,text,boolean,integer,timestamp with time zone,text,interval)', true),
	('cancel_migration', 'cloudflux.cancel_migration(text)', true),
	('pause_migration', 'cloudflux.pause_migration(text)', true),
	('resume_migration', 'cloudflux.resume_migration(text)', true),
	('retry_migration', 'cloudflux.retry_migration(text)', true),
	('rollback_migration', 'cloudflux.rollback_migration(text)', true);
