# A stream of made-up events commits as it goes, shows how far it is, keeps nobody waiting, and ends when somebody says so.
use CloudFlux::Test;

my $c = cluster('generate', 'cloudflux.migration_workers' => 0);
sub progress { return $c->value("SELECT state || ' ' || total FROM cloudflux.generate_progress ORDER BY id DESC LIMIT 1") }

my $s = $c->session;
$s->send("CALL cloudflux.generate_events(200, '1 hour', 'sensors', 5)");
ok($c->poll("SELECT events > 50 FROM cloudflux.generate_progress"), 'events come while it runs');
is(progress(), 'running 720000', 'and its progress can be seen');
is($c->value('SELECT events = (SELECT count(*) FROM cloudflux.events) FROM cloudflux.generate_progress'), 't', 'progress and events are one transaction');
ok($c->poll('SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = ' . $s->pid . ' AND (backend_xmin IS NOT NULL OR backend_xid IS NOT NULL)'), 'between two batches it holds no snapshot');
is($c->value('SELECT pg_cancel_backend(' . $s->pid . ')'), 't', 'it is cancelled');
$s->finish;
like($s->{error}, qr/canceling statement/, 'and ends');
is(progress(), 'cut off 720000', 'which its progress tells');
is($s->query('SELECT count(*) FROM pg_locks WHERE locktype = \'advisory\' AND pid = pg_backend_pid()'), 0, 'it leaves no lock');
my ($written, $told) = split /\|/, $c->value('SELECT (SELECT count(*) FROM cloudflux.events), events FROM cloudflux.generate_progress');
is($written, $told, 'what was written stays');
cmp_ok($written, '>', 50, 'all of it');

$s->send("CALL cloudflux.generate_events(1000, '1 hour')");
ok($c->poll("SELECT events > 100 FROM cloudflux.generate_progress WHERE kind = 'objects'"), 'another one');
my $pid = $s->pid;
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT state = 'cut off' FROM cloudflux.generate_progress WHERE kind = 'objects'"), 'ends with its session');

my @all = map { $c->session } 1 .. 2;
$_->send("CALL cloudflux.generate_events(1000, '0.3 s', seed => 9)") foreach @all;
$_->finish foreach @all;
is($c->value("SELECT string_agg(state || ' ' || events, ', ') FROM cloudflux.generate_progress WHERE seed = 9"), 'finished 300, finished 300', 'two may run at once');
done_testing;
