# A store that asks for less again and again: an attempt of a job sends a bounded number of requests and says that its budget is spent, and the
# job is tried again later. As many attempts of a request are allowed here as can be, so that nothing else ends it; and each call makes one attempt of one job.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $budget = 20;
my $lines = 4;
my $c = cluster('budget', fsync => 'off', 'cloudflux.migration_workers' => 0, 'cloudflux.migration_retry_delay' => '10ms', 'cloudflux.net_attempts' => 20);
open_clouds($c);
my %peer = map { $_ => server("peer-$_") } qw(s3 azure);
my $root = $c->place('local');
$c->sql("SELECT cloudflux.add_storage('local', 'LOCAL', '$root')");
my %part = (s3 => { method => 'PUT', query => 'partNumber=' }, azure => { method => 'PUT', query => 'comp=block(&|$)' });
my %busy = (s3 => { status => 503, code => 'SlowDown' }, azure => { status => 408, code => 'OperationTimedOut' });

# refuse makes the store refuse so many requests for parts from now on, 0 = all.
sub refuse
{
	my ($kind, $times) = @_;
	$peer{$kind}->log;
	$peer{$kind}->post('/_peer/rules', { rules => [ { match => $part{$kind}, times => $times, fault => { kind => 'status', %{ $busy{$kind} } } } ] });
}

# submit makes a job of several parts, and the store refuse so many requests.
sub submit
{
	my ($kind, $key, $times) = @_;
	refuse($kind, $times);
	$c->write("local/$key", 'x' x (40 * $MiB));
	$c->sql("CALL cloudflux.import_inventory('local', '$key')");
	return $c->value("SELECT cloudflux.migrate(file_id, '$kind') FROM cloudflux.data_objects WHERE place = 'local' AND object_key = '$key'");
}

# refused counts requests for parts that were refused.
sub refused { my ($kind) = @_; return scalar grep { $_->{method} eq 'PUT' && $_->{status} == $busy{$kind}{status} } $peer{$kind}->log }

foreach my $kind (sort keys %peer)
{
	$peer{$kind}->place($c, $kind);
	$c->sql("SELECT count(*) FROM cloudflux.check_storage('$kind')");

	my $job = submit($kind, "$kind-never", 0);
	$c->sql('CALL cloudflux.run_migrations(1)');
	my $sent = refused($kind);
	ok($sent > $lines && $sent <= $lines + $budget, "$kind: an attempt that is refused for ever sends its parts and their repetitions, and no more") or diag("it sent $sent");
	my ($status, $attempts, $sqlstate, $message, $detail) = split /\|/, $c->value("SELECT status, attempts, error_sqlstate, error_message, error_detail FROM cloudflux.migration_jobs WHERE job_id = '$job'"), -1;
	is("$status $attempts $sqlstate", 'pending 1 58030', "$kind: then it has failed, and the job waits for the next one");
	like($message, qr/HTTP $busy{$kind}{status} $busy{$kind}{code}/, "$kind: the store's word is told");
	like($detail, qr/budget of repetitions of this attempt of the job is spent/, "$kind: and that the budget is spent");

	ok($c->poll("SELECT not_before <= now() FROM cloudflux.job_queue WHERE job_id = '$job'", 60), "$kind: its delay goes by");
	refuse($kind, 6);
	$c->sql('CALL cloudflux.run_migrations(1)');
	is(refused($kind), 6, "$kind: of the next attempt six requests are refused");
	is($c->value("SELECT status || ' ' || attempts || COALESCE(error_detail, '') FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed 2', "$kind: which is well within a budget of its own");

	$job = submit($kind, "$kind-soon", 6);
	$c->sql('CALL cloudflux.run_migrations(1)');
	is(refused($kind), 6, "$kind: six requests of another job are refused");
	is($c->value("SELECT status || ' ' || attempts FROM cloudflux.migration_jobs WHERE job_id = '$job'"), 'completed 1', "$kind: which is completed at its first attempt");
}
done_testing;
