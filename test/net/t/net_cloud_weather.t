# Moves through bad networks: a toxiproxy between us and a real store delays, slows, cuts and resets connections. What was moved is
# whole, and what failed was tried again. (An upload whose beginning was never answered is nobody's, and for the sweep.)
use CloudFlux::Test;
use CloudFlux::Servers;
use Digest::SHA qw(sha256_hex);

my $c = cluster('weather', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_part_size' => '8MB',
	'cloudflux.migration_retry_delay' => '100ms', 'cloudflux.net_attempts' => 4);
my $proxy = server('toxiproxy');
my $store = server('versitygw');
open_clouds($c);
my $s3 = $store->through($proxy, 'store');
$s3->place($c, 's3');
my $root = $c->place('here');
$c->sql("SELECT cloudflux.add_storage('here', 'LOCAL', '$root')");
is($c->value("SELECT count(*) FROM cloudflux.check_storage('s3') WHERE check_name = 'write' AND ok"), 1, 'the store is reached through the proxy');

my $n = 0;

# moved makes an object of 20 MB, so of several parts, puts the toxics on the way, and has it moved; arrived is a test: it is whole.
sub moved
{
	my ($title, @toxics) = @_;
	my $key = 'o' . ++$n;
	my $bytes = join '', map { sha256_hex("$key $_") } 1 .. 312_500;
	$c->write("here/$key", $bytes);
	$c->sql("CALL cloudflux.import_inventory('here')");
	$s3->toxic(@$_) foreach @toxics;
	my $job = $c->value("SELECT cloudflux.migrate(file_id, 's3') FROM cloudflux.data_objects WHERE object_key = '$key'");
	return ($title, $key, $bytes, $job);
}

sub arrived
{
	my ($title, $key, $bytes, $job) = @_;
	ok($c->poll("SELECT status IN ('completed', 'failed') FROM cloudflux.migration_jobs WHERE job_id = '$job'", 180), "$title: it ends")
	  or diag($c->sql('TABLE cloudflux.migration_progress'));
	$s3->clear;
	is($c->value("SELECT status FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed', "$title: the object is moved")
	  or diag($c->sql("SELECT phase, error_message FROM cloudflux.migration_jobs WHERE job_id = '$job'"));
	is($store->digest($key) // '', sha256_hex($bytes), "$title: whole");
}

arrived(moved('latency of 80 ms', [ 'latency', latency => 80, jitter => 40 ]));
arrived(moved('a line of 4 MB/s', [ 'bandwidth', rate => 4000, stream => 'upstream' ]));
arrived(moved('answers in crumbs', [ 'slicer', average_size => 40, size_variation => 20, delay => 500 ]));

# Every connection is cut after 3 MB, in the middle of a part: no part gets through until that ends.
my @cut = moved('connections that are cut after 3 MB', [ 'limit_data', bytes => 3_000_000, stream => 'upstream' ]);
ok($c->poll("SELECT attempts >= 2 FROM cloudflux.migration_jobs WHERE job_id = '$cut[3]'", 120), 'are noticed: the job is begun again')
  or diag($c->sql("SELECT phase, attempts, error_message FROM cloudflux.migration_jobs WHERE job_id = '$cut[3]'"));
$s3->clear;
arrived(@cut);

# Connections are reset while they are used.
my @reset = moved('connections that are reset', [ 'reset_peer', timeout => 300 ]);
ok($c->poll("SELECT attempts >= 2 FROM cloudflux.migration_jobs WHERE job_id = '$reset[3]'", 120), 'are noticed: the job is begun again');
$s3->clear;
arrived(@reset);

# Nobody answers at all, for more rounds than a job has attempts: once nothing is sent any more, waiting is no attempt.
$c->set('cloudflux.migration_attempts' => 3);
$proxy->post('/proxies/store', { enabled => JSON::PP::false });
my @outage = moved('a store that is out of order');
ok($c->poll("SELECT attempts >= 6 FROM cloudflux.migration_jobs WHERE job_id = '$outage[3]'", 120), 'it is looked for six times, with three attempts')
  or diag($c->sql("SELECT phase, attempts, error_message FROM cloudflux.migration_jobs WHERE job_id = '$outage[3]'"));
is($c->value("SELECT phase FROM cloudflux.migration_jobs WHERE job_id = '$outage[3]' AND error_message <> ''"), 'pending', 'the job waits, and says why');
is($c->value("SELECT count(*) FROM cloudflux.check_storage('s3') WHERE ok"), 0, 'whoever looks what is wrong is told that all is');
is($c->value("SELECT capabilities ->> 'conditional write' FROM cloudflux.places WHERE place = 's3'"), 'true', 'which does not disprove what was proven');
$proxy->post('/proxies/store', { enabled => JSON::PP::true });
arrived(@outage);

# A store that takes bytes and does not answer: a cancel does not wait for it.
$s3->toxic('timeout', timeout => 0);
my $s = $c->session;
my $pid = $s->pid;
$s->send("SELECT cloudflux.fetch_object('s3', 'o1')");
ok($c->poll("SELECT sum(in_flight) >= 1 FROM cloudflux.network_status WHERE place = 's3'", 60), 'a call that nobody answers hangs');
$c->sql("SELECT pg_cancel_backend($pid)");
$s->finish;
like($s->{error}, qr/cancell?ing statement due to user request/, 'and is cancelled');
$s3->clear;
is($c->value("SELECT length(cloudflux.fetch_object('s3', 'o1'))"), 20_000_000, 'the next one is answered');
is($c->value('SELECT count(*) FROM cloudflux.job_queue'), 0, 'no job is left');
done_testing;
