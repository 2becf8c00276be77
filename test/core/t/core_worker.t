# Life of the workers: they come with the extension, come back, get out of the way, and leave.
use CloudFlux::Test;
use Time::HiRes qw(time);

my $c = cluster('life');
my $keeper = "SELECT pid FROM cloudflux.workers WHERE worker = 'keeper' AND database = current_database() AND state IN ('idle', 'busy')";
my $up = "SELECT count(*) = 1 FROM cloudflux.workers WHERE worker = 'keeper' AND database = current_database() AND state IN ('idle', 'busy')";

ok($c->poll($up), 'CREATE EXTENSION starts the keeper');
is($c->value("SELECT backend_type || ', ' || application_name FROM pg_stat_activity WHERE pid = ($keeper)"),
	'cloudflux keeper, cloudflux keeper', 'it can be told by its name');
ok($c->poll("SELECT status = 'ok' FROM cloudflux.health() WHERE component = 'workers'"), 'health says that the workers run');

my $pid = $c->value($keeper);
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT pid <> $pid FROM cloudflux.workers WHERE worker = 'keeper' AND state IN ('idle', 'busy')"), 'a keeper that was terminated comes back');
$pid = $c->value("SELECT pid FROM cloudflux.workers WHERE worker = 'launcher'");
$c->sql("SELECT pg_terminate_backend($pid)");
ok($c->poll("SELECT pid <> $pid FROM cloudflux.workers WHERE worker = 'launcher' AND pid IS NOT NULL"), 'so does the launcher');
ok($c->poll($up), 'the keeper outlives the launcher');
is($c->value("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cloudflux keeper'"), 1, 'and is not started twice');

# A second database.
$c->sql('CREATE DATABASE second');
$c->sql('CREATE EXTENSION cloudflux', db => 'second');
ok($c->poll($up, 30, 't', db => 'second'), 'a second database gets a keeper of its own');
# PostgreSQL waits 5 seconds for who is connected, then it refuses.
$c->sql('CREATE DATABASE copy TEMPLATE second');
is($c->value("SELECT count(*) FROM pg_database WHERE datname = 'copy'"), 1, 'it can be the template of another one meanwhile');
ok($c->poll($up, 30, 't', db => 'second'), 'its keeper is back afterwards');
ok($c->poll($up, 30, 't', db => 'copy'), 'the copy gets a keeper, since it has the extension');
$c->sql('ALTER DATABASE copy RENAME TO renamed');
ok($c->poll($up, 30, 't', db => 'renamed'), 'a database can be renamed');
$c->sql('DROP DATABASE renamed');
$c->sql('DROP DATABASE second');
is($c->value("SELECT count(*) FROM pg_database WHERE datname IN ('renamed', 'second')"), 0, 'databases with a keeper can be dropped');
is($c->value("SELECT count(*) FROM cloudflux.workers WHERE database IS NULL AND worker <> 'launcher'"), 0, 'no worker is left for a database that is gone');
$c->sql('CREATE DATABASE foreign_template');
$c->sql('CREATE EXTENSION cloudflux', db => 'foreign_template');
ok($c->poll($up, 30, 't', db => 'foreign_template'), 'another database with a keeper');
$c->sql('CREATE ROLE nobody LOGIN');
$pid = $c->value($keeper, db => 'foreign_template');
throws($c, 'DROP DATABASE foreign_template', '42501', undef, 'who may not drop a database', user => 'nobody');
is($c->value($keeper, db => 'foreign_template'), $pid, '… cannot end its workers either');

# An ERROR in a step.
my $log = $c->log_size;
$c->sql('ALTER FUNCTION cloudflux.next_chore_at() RENAME TO away');
ok($c->poll("SELECT failures > 0 FROM cloudflux.workers WHERE worker = 'keeper' AND database = 'postgres'", 60), 'a failing step is counted')
	or diag $c->log_tail;
$c->sql('ALTER FUNCTION cloudflux.away() RENAME TO next_chore_at');
ok($c->poll($up, 60), 'and the worker goes on');

# cloudflux.databases
$c->set('cloudflux.databases' => 'elsewhere');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux keeper'"), 'cloudflux.databases ends workers elsewhere');
like($c->value("SELECT detail FROM cloudflux.health() WHERE component = 'workers'"), qr/no worker to this database/, 'health says so');
$c->set('cloudflux.databases' => '');
ok($c->poll($up), 'an empty list is all databases');
throws($c, "SET cloudflux.databases = 'a'", '55P02', undef, 'no session can set it');

throws($c, "SET cloudflux.fault = 'point:0:kill'", '22023', qr/name:n:kill/, 'a test build says how fault points are named');

# DROP EXTENSION with a worker, and again.
my $begin = time;
$c->sql('DROP EXTENSION cloudflux');
cmp_ok(time - $begin, '<', 10, 'DROP EXTENSION does not wait for the workers');
ok($c->poll("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'cloudflux keeper' AND datname = 'postgres'"), 'the keeper leaves when the extension is gone');
$c->sql("BEGIN;\nCREATE EXTENSION cloudflux;\nROLLBACK");
$c->sql('CREATE EXTENSION cloudflux');
ok($c->poll($up), 'it comes again with the extension');
my $s = $c->session;
$s->query('BEGIN; DROP EXTENSION cloudflux');
$s->query('ROLLBACK');
ok($c->poll($up), 'a DROP EXTENSION that is rolled back leaves it running');
$s->quit;

$begin = time;
$c->stop('fast');
cmp_ok(time - $begin, '<', 10, 'fast shutdown does not wait for workers');
$c->start;
ok($c->poll($up), 'after a restart the probe finds the database again');
$c->kill9;
$c->start;
ok($c->poll($up), 'and after a crash');
unlike($c->log_since($log), qr/PANIC|terminated by signal 11|TRAP/, 'nothing crashed by itself');
done_testing();
