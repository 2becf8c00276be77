# A server without a free slot for a worker, and one that does not preload the library.
use CloudFlux::Test;

my $c = cluster('full', max_worker_processes => 3);
ok($c->poll("SELECT status = 'degraded' FROM cloudflux.health() WHERE component = 'workers'"), 'a worker without a slot shows in health');
ok($c->poll("SELECT detail LIKE 'The server has no free slot for%' FROM cloudflux.health() WHERE component = 'workers'"), '… in words');
like($c->value("SELECT hint FROM cloudflux.health() WHERE component = 'workers'"), qr/max_worker_processes/, '… with the setting that helps');
my $warnings = () = $c->log_since(0) =~ /WARNING:  the server has no free slot/g;
is($warnings, 1, 'the log has one WARNING');
$c->sql('CALL cloudflux.run_chores()');
is($c->value("SELECT count(*) FROM cloudflux.chore_runs WHERE status <> 'ok'"), 0, 'chores can be run in the foreground meanwhile');
$c->restart(max_worker_processes => 16);
ok($c->poll("SELECT status = 'ok' FROM cloudflux.health() WHERE component = 'workers'"), 'with room for them they run');

my $p = cluster('plain', { preload => 0 });
like($p->value("SELECT status || ': ' || detail FROM cloudflux.health() WHERE component = 'workers'"),
	qr/^degraded: The library is not preloaded/, 'without preload health says what does not work');
is($p->value('SELECT count(*) FROM cloudflux.workers'), 0, 'there are no workers');
$p->sql('CALL cloudflux.run_chores()');
ok($p->value("SELECT bool_and(status = 'ok') FROM cloudflux.chore_runs"), 'run_chores works');
is($p->value("SELECT cloudflux.emit_events('analytics', 'test.happened', ARRAY['a'], NULL)"), 1, 'events are written');
ok($p->value("SELECT untold_events = 1 FROM cloudflux.event_lag"), 'and wait for a keeper');
throws($p, "SELECT cloudflux.new_id(); SET cloudflux.databases = ''", '55P02', undef, 'a setting for the server is known, and refused in a session');
done_testing();
