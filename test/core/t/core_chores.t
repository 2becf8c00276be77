# Chores in time: run by the keeper, caught up, one runner at a time, and what a crash leaves.
use CloudFlux::Test;

my $c = cluster('chores');
ok($c->poll("SELECT count(*) > 0 AND bool_and(due_at > now()) FROM cloudflux.chore_schedule", 60), 'all chores are run once at the start');
is($c->value("SELECT count(*) FROM cloudflux.chore_runs WHERE status <> 'ok'"), 0, 'and do not fail');

$c->sql(q{
	CREATE FUNCTION cloudflux.tick() RETURNS text LANGUAGE sql AS $$ SELECT 'tick as ' || CURRENT_USER $$;
	INSERT INTO cloudflux.chores VALUES ('tick', 'test', 'tick', '1 second')});
ok($c->poll("SELECT count(*) >= 2 FROM cloudflux.chore_runs WHERE chore_name = 'tick' AND status = 'ok'"), 'a new chore is found and run again and again');
is($c->value("SELECT DISTINCT detail FROM cloudflux.chore_runs WHERE chore_name = 'tick' AND status = 'ok'"), 'tick as cloudflux_worker', 'by the role of the workers');
$c->sql("INSERT INTO cloudflux.chore_settings VALUES ('tick', NULL, false)");
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.chore_schedule WHERE chore_name = 'tick' AND due_at IS NULL AND last_status = 'ok'"), 'a user can switch it off');
$c->sql("UPDATE cloudflux.chore_runs SET started_at = started_at - interval '5 days' WHERE chore_name = 'drop_old_partitions'");
ok($c->poll("SELECT count(*) = 2 FROM cloudflux.chore_runs WHERE chore_name = 'drop_old_partitions'", 60), 'a run that was missed is caught up, once');

# One round at a time.
$c->sql(q{
	CREATE FUNCTION cloudflux.linger() RETURNS text LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
		$$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN 'done'; END $$;
	INSERT INTO cloudflux.chores VALUES ('linger', 'test', 'linger', '1 year', false)});
my $holder = $c->session;
$holder->query('SELECT pg_advisory_lock(4711)');
my $runner = $c->session;
$runner->send("CALL cloudflux.run_chores('linger')");
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.chore_runs WHERE chore_name = 'linger' AND status = 'running'"), 'the ledger shows a chore while it runs');
my ($code, $out, $err) = $c->psql('CALL cloudflux.run_chores()');
is($code, 0, 'a second runner does not wait');
like($err, qr/NOTICE:.*being run by another session/, 'it says why');
$c->sql('SELECT pg_cancel_backend(' . $runner->pid . ')');
$runner->finish;
like($runner->{error}, qr/57014/, 'a chore can be cancelled');
$holder->query('SELECT pg_advisory_unlock(4711)');
$runner->query("CALL cloudflux.run_chores('linger')");
is($c->value("SELECT string_agg(status || ' ' || COALESCE(sqlstate, '-'), ', ' ORDER BY id) FROM cloudflux.chore_runs WHERE chore_name = 'linger'"),
	'failed 57P01, ok -', 'a run that was cut short is told apart, and the lock is free again');
$_->quit foreach $holder, $runner;

# A crash in the middle.
$holder = $c->session;
$holder->query('SELECT pg_advisory_lock(4711)');
$runner = $c->session;
$runner->send("CALL cloudflux.run_chores('linger')");
ok($c->poll("SELECT count(*) = 1 FROM cloudflux.chore_runs WHERE chore_name = 'linger' AND status = 'running'"), 'a chore runs');
$c->kill9;
$c->start;
$c->sql('CALL cloudflux.run_chores()');
ok($c->poll("SELECT count(*) = 0 FROM cloudflux.chore_runs WHERE chore_name = 'linger' AND status = 'running'"), 'what a crash left running is recorded as failed');
done_testing();
