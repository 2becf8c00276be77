/*
 * tiering: HOT, WARM or COLD by rules that a person can read. What classify() thinks lives in object_classes,
 * a narrow table: the class of the bytes themselves is data_objects.current_tier.
 */

CREATE TABLE cloudflux.object_classes (
	file_id      text PRIMARY KEY,
	access_class text NOT NULL CHECK (access_class IN ('HOT', 'WARM', 'COLD')),
	reason       text NOT NULL,
	since        timestamptz NOT NULL DEFAULT pg_catalog.now(),
	recheck_on   date                                                 -- first UTC day on which time alone may change the verdict; NULL = never
) WITH (fillfactor = 80);
