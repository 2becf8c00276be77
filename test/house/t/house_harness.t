# The harness keeps its word: what other rooms' TAP tests lean on.
use CloudFlux::Test;

my $c = cluster('main', { preload => 0, extension => 0 });
is($c->value('SELECT 1, 2'), '1|2', 'value gives columns joined by a bar');
my $e = $c->error("DO \$\$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '22023', DETAIL = 'Full.', HINT = 'Wait.'; END \$\$");
is_deeply($e, { sqlstate => '22023', message => 'no room', detail => 'Full.', hint => 'Wait.' }, 'error tells what the server said');
throws($c, 'SELECT 1/0', '22012', qr/zero/, 'throws compares SQLSTATE and text');
is($c->error('SELECT 1'), undef, 'error is undef when it worked');

my $place = $c->place('fast');
my $path = $c->write('fast/a/b.txt', "bytes\0\n");
is($c->value("SELECT length(pg_read_binary_file('$path'))"), 7, 'the server reads what write wrote');
is($c->read('fast/a/b.txt'), "bytes\0\n", 'read gives the bytes');

my $s = $c->session;
is($s->query('SELECT 1; SELECT 2'), "1\n2", 'a session gives rows');
$s->query('BEGIN; CREATE TABLE t (a int); LOCK t');
my $waiter = $c->session;
$waiter->send('SELECT pg_advisory_lock(1)');
is($waiter->finish, '', 'send and finish');
$s->send('SELECT pg_sleep(60)');
ok($c->poll('SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = ' . $s->pid . q( AND query ~ 'pg_sleep')), 'poll sees the sleeper');
$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
$s->finish;
like($s->{error}, qr/57014/, 'a cancelled statement leaves its error');
$s->query('ROLLBACK');
is($s->query('SELECT 3'), 3, 'the session goes on after an error');

$c->sql('CREATE TABLE kept AS SELECT 1 AS a');
$c->kill9;
ok($c->error('SELECT 1'), 'nobody answers after kill9');
$c->start;
is($c->value('SELECT a FROM kept'), 1, 'the server recovers');
$c->set(work_mem => '7MB');
ok($c->poll(q(SELECT current_setting('work_mem') = '7MB')), 'set changes a setting of the running server');
await { $c->log_since(0) =~ /database system was not properly shut down/ } 10, 'the log can be read';
done_testing;
