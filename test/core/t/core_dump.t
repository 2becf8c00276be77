# Dump and restore: users' rows, partitions and sequences come back, and the keeper of the new database stays out of the way.
use CloudFlux::Test;

my $c = cluster('dump');
ok($c->poll("SELECT count(*) > 0 AND bool_and(due_at > now()) FROM cloudflux.chore_schedule", 60), 'partitions are there');
$c->sql(q{
	SELECT cloudflux.emit_events('analytics', 'test.happened', ARRAY['a', 'b'], NULL);
	INSERT INTO cloudflux.events (topic, event_type, subject, occurred_at) VALUES ('analytics', 'test.late', 'c', now() - interval '1 year');
	INSERT INTO cloudflux.chores VALUES ('mine', 'test', 'version', '1 day');
	INSERT INTO cloudflux.chore_settings VALUES ('ensure_partitions', '2 hours', NULL);
	INSERT INTO cloudflux.partition_settings VALUES ('events', 5, '30 days', true);});
ok($c->poll('SELECT untold_events = 0 FROM cloudflux.event_lag'), 'all events are told');
my $what = q{SELECT (SELECT string_agg(e::text, E'\n' ORDER BY e.id) FROM (SELECT id, topic, event_type, subject, data, actor, occurred_at FROM cloudflux.events) AS e),
	(SELECT string_agg(t::text, ',' ORDER BY t.chore_name) FROM cloudflux.chores AS t), (SELECT string_agg(t::text, ',') FROM cloudflux.chore_settings AS t),
	(SELECT string_agg(t::text, ',') FROM cloudflux.partition_settings AS t), (SELECT string_agg(t::text, ',' ORDER BY t.table_name) FROM cloudflux.partitioned_tables AS t)};
my $before = $c->value($what);
my $bin = $c->bin;
my @to = ('-h', $c->socket, '-U', 'postgres');

foreach my $format ('p', 'c')
{
	my $file = "$c->{dir}/dump.$format";
	my $db = "restored_$format";
	my ($out, $err) = ('', '');
	ok(IPC::Run::run([ "$bin/pg_dump", @to, "-F$format", '-f', $file, 'postgres' ], '>', \$out, '2>', \$err), "pg_dump -F$format") or diag $err;
	$c->sql("CREATE DATABASE $db TEMPLATE template0");
	my @command = $format eq 'p' ? ("$bin/psql", @to, '-Xq', '-v', 'ON_ERROR_STOP=1', '-d', $db, '-f', $file)
		: ("$bin/pg_restore", @to, '--exit-on-error', '-d', $db, $file);
	ok(IPC::Run::run(\@command, '>', \$out, '2>', \$err), "restore -F$format without an error") or diag $err;
	is($c->value($what, db => $db), $before, 'the rows are the same');
	ok($c->poll("SELECT count(*) = 1 FROM cloudflux.workers WHERE worker = 'keeper' AND database = '$db' AND pid IS NOT NULL"), 'its keeper starts when the restore is over');
	ok($c->poll("SELECT count(*) > 0 AND bool_and(due_at > now()) FROM cloudflux.chore_schedule", 60, 't', db => $db), 'and does its chores');
	is($c->value("SELECT count(*) FROM cloudflux.chore_runs WHERE status = 'failed' AND chore_name <> 'mine'", db => $db), 0, 'without a failure');
	is($c->value("SELECT cloudflux.emit_events('analytics', 'test.again', ARRAY['d'], NULL) FROM generate_series(1, 2)", db => $db), "1\n1", 'new events find a free id');
	is($c->value("SELECT count(*) = count(DISTINCT id) FROM cloudflux.events", db => $db), 't', 'no id is used twice');
	ok($c->poll('SELECT untold_events = 0 FROM cloudflux.event_lag', 30, 't', db => $db), 'they are told');
}
done_testing();
