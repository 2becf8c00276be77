# A session that keeps a transaction open holds up no chore but the one that needs its lock.
use CloudFlux::Test;

my $c = cluster('chores');
ok($c->poll("SELECT count(*) = 0 FROM cloudflux.chore_schedule WHERE last_status IS DISTINCT FROM 'ok'"), 'the keeper has run every chore');
my $user = $c->session;
$user->query('BEGIN; SELECT cloudflux.classify_objects()');
$c->sql("INSERT INTO cloudflux.chore_settings (chore_name, every) VALUES ('classify_objects', '1 second'), ('fold_accesses', '1 second')");
ok($c->poll("SELECT count(*) > 0 FROM cloudflux.chore_runs WHERE chore_name = 'classify_objects' AND status = 'failed'"), 'a chore that cannot have its lock gives up');
is($c->value("SELECT sqlstate FROM cloudflux.chore_runs WHERE chore_name = 'classify_objects' AND status = 'failed' ORDER BY id DESC LIMIT 1"), '55P03', 'and its ledger says why');
ok($c->poll("SELECT count(*) > 0 FROM cloudflux.chore_runs WHERE chore_name = 'fold_accesses' AND started_at > '" . $c->value('SELECT clock_timestamp()') . "'"), 'other chores go on');
$user->query('ROLLBACK');
ok($c->poll("SELECT last_status = 'ok' FROM cloudflux.chore_schedule WHERE chore_name = 'classify_objects'"), 'it works again when the transaction is over');
done_testing();
