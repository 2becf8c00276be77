# A transfer that stalls does not hold its session: Ctrl-C, a statement timeout and the end of the session end it wherever it hangs, and
# what it held is free. Nothing is timed here; the figure is in test/bench/bench_limits.
use CloudFlux::Test;
use CloudFlux::Servers;
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;

my $c = cluster('stalled', fsync => 'off', 'cloudflux.migration_workers' => 0);
my $s3 = server('peer-s3');
open_clouds($c);
$s3->place($c, 's3');
my $root = $c->place('here');
$c->sql("SELECT cloudflux.add_storage('here', 'LOCAL', '$root')");
$c->sql("SELECT cloudflux.store_object('s3', 'there', convert_to(repeat('x', 5000), 'UTF8'), 'text/plain')");
$c->sql("SELECT cloudflux.check_storage('s3')");

sub stall
{
	my ($method) = @_;
	my $rules = defined $method ? [ { match => { method => $method }, fault => { kind => 'dribble', pieces => 400, pause_ms => 1000 }, times => 0 } ] : [];
	my $answer = HTTP::Tiny->new->post("$s3->{endpoint}/_peer/rules", { content => encode_json({ rules => $rules }) });
	die $answer->{content} unless $answer->{success};
}

sub in_flight { my ($place, $n) = @_; return $c->poll("SELECT coalesce(sum(in_flight), 0) = $n FROM cloudflux.network_status WHERE place = '$place'", 60) }

# interrupted is a test: the statement hangs, is cancelled, says so, and holds nothing any more.
sub interrupted
{
	my ($place, $statement, $title) = @_;
	my $s = $c->session;
	my $pid = $s->pid;
	$s->send($statement);
	ok(in_flight($place, 1), "$title: it hangs");
	$c->sql("SELECT pg_cancel_backend($pid)");
	$s->finish;
	like($s->{error}, qr/cancell?ing statement due to user request|57014/, "$title: it is cancelled");
	ok(in_flight($place, 0), "$title: it holds no connection");
	is($s->query('SELECT 1'), 1, "$title: the session goes on");
	$s->quit;
}

stall('GET');
interrupted('s3', "SELECT cloudflux.fetch_object('s3', 'there')", 'reading');
stall('PUT');
interrupted('s3', "SELECT cloudflux.store_object('s3', 'new', 'bytes', 'text/plain')", 'writing');
stall();

# A peer that takes the connection and never says a word; and one that is not even reached.
my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
$s3->place($c, 'mute', options => { endpoint => 'http://127.0.0.1:' . $mute->sockport, prefix => 'mute/' });
interrupted('mute', "SELECT cloudflux.fetch_object('mute', 'there')", 'waiting for an answer');

# A move in the foreground that stalls in the middle; afterwards it arrives.
$c->write('here/big', 'z' x 3_000_000);
$c->sql("CALL cloudflux.import_inventory('here')");
my $job = $c->value("SELECT cloudflux.migrate(file_id, 's3') FROM cloudflux.data_objects WHERE object_key = 'big'");
stall('PUT');
my $s = $c->session;
my $pid = $s->pid;
$s->send('CALL cloudflux.run_migrations()');
ok(in_flight('s3', 1), 'a move hangs');
$c->sql("SELECT pg_cancel_backend($pid)");
$s->finish;
like($s->{error}, qr/cancell?ing statement due to user request|57014/, 'it is cancelled');
ok(in_flight('s3', 0), 'it holds no connection');
$s->quit;
stall();
$c->sql('CALL cloudflux.run_migrations()');
ok($c->poll("SELECT status = 'completed' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), 'and the job is done when somebody goes on with it')
	or diag($c->sql('SELECT status, phase, error_message FROM cloudflux.migration_jobs'));
is(length($s3->read('big') // ''), 3_000_000, 'with all its bytes');

# A statement's own limit works as well.
stall('GET');
throws($c, "SET statement_timeout = '300ms'; SELECT cloudflux.fetch_object('s3', 'there')", '57014', undef, 'a statement timeout ends a stalled call');
ok(in_flight('s3', 0), 'and it holds nothing');
stall();
done_testing;
