# access_counts is exact while writers write, folders fold and counters count; nothing is lost or doubled after a crash.
use strict;
use warnings;
use CloudFlux::Test;

my $c = cluster('counts', 'cloudflux.migration_workers' => 0);
my $seed = $ENV{CF_SEED} // int(rand(1 << 30));
note "seed $seed (CF_SEED)";
$c->sql(q{INSERT INTO cloudflux.data_objects (file_id) SELECT 'f' || i FROM generate_series(0, 49) i});

# One snapshot sees both sides, so they agree at any moment.
my $differences = q{
	SELECT count(*) FROM (
	  SELECT file_id, count(*) FILTER (WHERE access_type = 'read') AS r, count(*) FILTER (WHERE access_type = 'write') AS w,
	         count(*) FILTER (WHERE access_type = 'delete') AS d, COALESCE(sum(bytes) FILTER (WHERE access_type = 'read' AND day > today - 30 AND day <= today), 0)::bigint AS b,
	         count(*) FILTER (WHERE day > today - 30 AND day <= today) AS c30, count(*) FILTER (WHERE day > today - 90 AND day <= today) AS c90
	    FROM (SELECT l.*, (l.accessed_at AT TIME ZONE 'UTC')::date AS day, (now() AT TIME ZONE 'UTC')::date AS today FROM cloudflux.access_logs l) l
	   GROUP BY 1) n
	FULL JOIN cloudflux.access_counts a USING (file_id)
	WHERE (n.r, n.w, n.d, n.b, n.c30, n.c90) IS DISTINCT FROM (a.reads_total, a.writes_total, a.deletes_total, a.bytes_30d, a.accesses_30d, a.accesses_90d)
	  AND NOT (n.r IS NULL AND a.reads_total = 0 AND a.writes_total = 0 AND a.deletes_total = 0)};

my $writer = q{DO $$ BEGIN PERFORM setseed(%s); FOR i IN 1 .. 150 LOOP
	INSERT INTO cloudflux.access_logs (file_id, accessed_at, access_type, bytes)
	SELECT 'f' || floor(random() * 60), now() - random() * interval '110 days', (ARRAY['read', 'write', 'delete'])[1 + floor(random() * 3)], floor(random() * 1000)
	  FROM generate_series(1, 1 + floor(random() * 20)::int);
	IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
	IF random() < 0.1 THEN DELETE FROM cloudflux.access_logs WHERE file_id = 'f' || floor(random() * 60) AND random() < 0.2; COMMIT; END IF;
	END LOOP; END $$};
my $folder = q{DO $$ BEGIN FOR i IN 1 .. 60 LOOP PERFORM cloudflux.fold_accesses(); COMMIT; PERFORM cloudflux.refresh_access_counts(); COMMIT; END LOOP; END $$};

my @s = map { $c->session } 1 .. 5;
$s[$_]->send(sprintf $writer, (($seed + $_) % 1000) / 1000) foreach 0 .. 2;
$s[$_]->send($folder) foreach 3, 4;
my ($looks, $wrong) = (0, 0);
my $busy = q{SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'DO %' AND backend_type = 'client backend'};
my $deadline = time + 240;
do
{
	$wrong += $c->value($differences);
	$looks++;
} while ($c->value($busy) > 0 && time < $deadline);
$_->finish foreach @s;
note "looked $looks times";
is($wrong, 0, 'access_counts agrees with a naive recount while writers and folders work');
is($c->value($differences), 0, 'and when they are done');

# Settle: the last ones may have been skipped because somebody else was at it.
$c->poll(q{SELECT cloudflux.fold_accesses() IS NULL AND cloudflux.refresh_access_counts() IS NULL}, 60);
is($c->value('SELECT count(*) FROM cloudflux.access_deltas'), 0, 'all deltas are folded');
my $settled = q{SELECT count(*) FROM cloudflux.data_objects o JOIN cloudflux.access_counts a USING (file_id)
	WHERE (o.access_count_30d, o.access_count_90d) IS DISTINCT FROM (a.accesses_30d, a.accesses_90d)};
is($c->value($settled), 0, 'the counts in data_objects are those of today');

# A locked object is counted later, not waited for.
{
	my $s = $c->session;
	$s->query('BEGIN');
	$s->query(q{UPDATE cloudflux.data_objects SET file_name = 'mine' WHERE file_id = 'f1'});
	$c->sql(q{INSERT INTO cloudflux.access_logs (file_id) VALUES ('f1'), ('f2')});
	$c->sql('SET statement_timeout = 60000; SELECT cloudflux.fold_accesses(); SELECT cloudflux.refresh_access_counts()');
	ok($c->poll(q{SELECT o.access_count_30d = a.accesses_30d FROM cloudflux.data_objects o JOIN cloudflux.access_counts a USING (file_id) WHERE file_id = 'f2'}, 60),
		'the others are counted while one is locked');
	$s->query('COMMIT');
	$c->poll(q{SELECT cloudflux.refresh_access_counts() IS NULL AND NOT EXISTS (SELECT FROM cloudflux.access_recount)}, 60);
	is($c->value($settled), 0, 'and that one afterwards');
}

# A crash between folding and counting loses nothing.
my $s = $c->session;
$s->send(sprintf $writer, ($seed % 997) / 1000);
$c->poll('SELECT count(*) > 100 FROM cloudflux.access_deltas', 30);
$c->kill9;
$c->start;
is($c->value($differences), 0, 'after a crash access_counts agrees');
$c->poll(q{SELECT cloudflux.fold_accesses() IS NULL AND cloudflux.refresh_access_counts() IS NULL}, 60);
is($c->value($differences), 0, 'also folded');
is($c->value($settled), 0, 'and counted');

done_testing;
