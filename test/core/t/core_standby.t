# What reads works on a hot standby, what writes says why not; workers start at the promotion.
use CloudFlux::Test;

my $c = cluster('primary');
ok($c->poll("SELECT count(*) > 0 AND bool_and(due_at > now()) FROM cloudflux.chore_schedule", 60), 'the primary has done its chores');
my $s = $c->standby('standby');
ok($s->poll('SELECT pg_is_in_recovery()'), 'it follows');
is($s->value("SELECT status || ': ' || detail FROM cloudflux.health() WHERE component = 'workers'"), 'ok: This is a standby: workers start when it is promoted.', 'health works there');
is($s->value("SELECT count(*) FROM cloudflux.health() WHERE detail LIKE 'The check itself failed%'"), 0, 'no check fails');
like($s->value('SELECT cloudflux.version()'), qr/^cloudflux /, 'version() too');
is($s->value('SELECT count(*) FROM cloudflux.event_lag'), 1, 'and event_lag');
throws($s, 'CALL cloudflux.run_chores()', '25006', undef, 'run_chores says that it cannot write');
throws($s, "SELECT cloudflux.emit_events('analytics', 'x.y', ARRAY['a'], NULL)", '25006', undef, 'nor can an event be emitted');
$s->sql('SELECT pg_promote()');
ok($s->poll("SELECT count(*) = 1 FROM cloudflux.workers WHERE worker = 'keeper' AND pid IS NOT NULL", 60), 'after the promotion the keeper starts');
my $listener = $s->session;
$listener->query('LISTEN cloudflux_events');
$s->sql("SELECT cloudflux.emit_events('analytics', 'test.promoted', ARRAY['a'], NULL)");
ok($s->poll('SELECT untold_events = 0 AND events > 0 FROM cloudflux.event_lag JOIN cloudflux.event_positions USING (reader)'), 'and events are told on the new timeline');
like($listener->query('SELECT 1'), qr/cloudflux_events/, '… to listeners');
done_testing();
