# Requests of a session and of the movers to a scripted S3: settings at a reload, the guard, cancelling, counting.
use CloudFlux::Test;
use FindBin;
use HTTP::Tiny;
use IO::Socket::INET;
use IPC::Run ();
use JSON::PP;
use MIME::Base64;
use Time::HiRes qw(time);

my $c = cluster('requests', 'cloudflux.net_attempts' => 3);

# The peer; it ends when its standard input does.
my ($in, $out, $log) = ('', '', '');
my $folder = $c->place('peer');
my $peer = IPC::Run::start([ 'python3', '-B', "$FindBin::Bin/../../storage/peer/peer.py", 's3', '--dir', $folder, '--bucket', 'bucket', '--follow' ], '<pipe', \*PEER, '>', \$out, '2>', \$log);
await { $peer->pump_nb; $out =~ /\n/ } 30, 'the peer is ready';
my $info = decode_json($out);
my ($port) = $info->{endpoint} =~ /:(\d+)$/;
sub control
{
	my ($name, $what) = @_;
	my $answer = HTTP::Tiny->new->post("http://127.0.0.1:$port/_peer/$name", { content => encode_json($what) });
	die "$name: $answer->{content}" unless $answer->{success};
	return decode_json($answer->{content});
}
sub requests { return decode_json(HTTP::Tiny->new->get("http://127.0.0.1:$port/_peer/log")->{content})->{requests} }

# Credentials are sealed under a key of this server.
$c->write('peer/key', 'k1 ' . encode_base64('k' x 32, '') . "\n");
chmod 0600, "$folder/key";
$c->set('cloudflux.key_file' => "$folder/key");
$c->sql(qq{SELECT cloudflux.add_storage('s', 'S3', 'bucket', '{"endpoint": "http://127.0.0.1:$port", "region": "us-east-1"}')});
$c->sql(qq{SELECT cloudflux.set_credentials('s', '{"access_key_id": "$info->{access_key_id}", "secret_access_key": "$info->{secret_access_key}"}')});

my $e = $c->error(q{SELECT cloudflux.store_object('s', 'a/b c', 'hello')});
is($e->{sqlstate}, '42501', 'a place on loopback is out of reach at first') or diag(explain($e));
like($e->{message}, qr/place "s".*"127\.0\.0\.1" is a loopback address/, 'the error tells why');
like($e->{hint}, qr/cloudflux\.net_allow/, 'and what helps');
is(scalar @{ requests() }, 0, 'nothing was sent');
$c->set('cloudflux.net_allow' => "127.0.0.1:$port");
ok($c->poll(q{SELECT size_bytes = 5 FROM cloudflux.store_object('s', 'a/b c', 'hello')}, 10), 'a superuser opens it by a reload');
is($c->value(q{SELECT convert_from(cloudflux.fetch_object('s', 'a/b c'), 'UTF8')}), 'hello', 'what was stored is read');

# No answer of a store, and no spelling of a name, leads to an address that the guard keeps: neither the link-local ones of machines'
# metadata, nor another one of this machine. The peer's own address is open all the while.
my $trap = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.2', Proto => 'tcp') or die "no trap: $!";
foreach my $location ('http://169.254.169.254/latest/meta-data/', 'http://[fd00:ec2::254]/latest/', 'http://127.0.0.2:' . $trap->sockport . '/')
{
	control(rules => { rules => [ { match => { method => 'GET', path => 'a/b' }, fault => { kind => 'redirect', location => $location }, times => 0 } ] });
	my $e = $c->error(q{SELECT cloudflux.fetch_object('s', 'a/b c')});
	ok($e && $e->{sqlstate} ne '00000', "a redirect to $location is not followed") or diag(explain($e));
	diag("$e->{sqlstate} $e->{message}");
}
control(rules => { rules => [] });
my $names = 0;
foreach my $host ('169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '[fe80::1]', '[::ffff:169.254.169.254]', '[fd00:ec2::254]')
{
	$names++;
	$c->sql(qq{SELECT cloudflux.add_storage('n$names', 'S3', 'bucket', '{"endpoint": "http://$host", "region": "us-east-1"}')});
	my $e = $c->error(qq{SELECT cloudflux.fetch_object('n$names', 'k')});
	ok($e && $e->{sqlstate} eq '42501' && $e->{message} =~ /is (a link-local|a metadata|a private|an IPv4|.*address)/ && $e->{hint} =~ /net_allow/, "a place at $host is kept by the guard") or diag(explain($e));
}
$trap->blocking(0);
ok(!$trap->accept, 'nobody has come to the trap');

# Failures that pass are repeated; all of it is counted.
control(rules => { rules => [ { match => { method => 'GET', path => 'a/b' }, fault => { kind => 'status', status => 500, code => 'InternalError' }, times => 2 } ] });
is($c->value(q{SELECT convert_from(cloudflux.fetch_object('s', 'a/b c'), 'UTF8')}), 'hello', 'two failures in a row are not seen');
$c->sql(q{CALL cloudflux.run_chores('flush_request_metrics')});
is($c->value(q{SELECT sum(requests), sum(repeated) FROM cloudflux.request_metrics WHERE place = 's' AND verb = 'GetObject' AND status_class = '5xx'}), '2|1',
	'both are counted, the second as a repetition');
is($c->value(q{SELECT sum(requests) FROM cloudflux.request_metrics WHERE place = 's'}), scalar @{ requests() }, 'as many requests are counted as the store got');
is($c->value(q{SELECT bool_and(sent_bytes > 0 AND received_bytes > 0 AND duration_ms >= 0) FROM cloudflux.request_metrics WHERE place = 's'}), 't', 'with their bytes');

# A transaction that aborts hides nothing; a chore that fails loses nothing.
my $before = $c->value(q{SELECT sum(requests) FROM cloudflux.request_metrics WHERE place = 's'});
my $sent = @{ requests() };
$c->sql(q{BEGIN READ ONLY; SELECT cloudflux.fetch_object('s', 'a/b c'); ROLLBACK});
$sent = @{ requests() } - $sent;
$c->sql(q{BEGIN; SELECT cloudflux.flush_request_metrics(); ROLLBACK});
$c->sql(q{BEGIN; SAVEPOINT x; SELECT cloudflux.flush_request_metrics(); ROLLBACK TO x; COMMIT});
$c->sql(q{BEGIN; SAVEPOINT x; SELECT cloudflux.flush_request_metrics(); RELEASE x; SAVEPOINT y; ROLLBACK TO y; COMMIT});
is($c->value(q{SELECT sum(requests) FROM cloudflux.request_metrics WHERE place = 's'}), $before + $sent, 'requests of a transaction that rolled back are counted, once');
$c->sql(q{CALL cloudflux.run_chores('flush_request_metrics')});
is($c->value(q{SELECT sum(requests) FROM cloudflux.request_metrics WHERE place = 's'}), $before + $sent, 'and not again');

# A call that hangs is cancelled at once, and what it held is free.
control(rules => { rules => [ { match => { method => 'GET', path => 'a/b' }, fault => { kind => 'dribble', pieces => 60, pause_ms => 1000 }, times => 0 } ] });
my $s = $c->session;
$s->send(q{SELECT cloudflux.fetch_object('s', 'a/b c')});
ok($c->poll(q{SELECT in_flight = 1 FROM cloudflux.network_status WHERE place = 's'}, 30), 'a call that hangs is under way');
my $begin = time;
$c->sql('SELECT pg_cancel_backend(' . $s->pid . ')');
my ($rows, $said) = $s->finish;
cmp_ok(time - $begin, '<', 10, 'it is cancelled');
ok($c->poll(q{SELECT in_flight = 0 FROM cloudflux.network_status WHERE place = 's'}, 10), 'and holds nothing any more');
$s->send(q{SELECT cloudflux.fetch_object('s', 'a/b c')});
ok($c->poll(q{SELECT in_flight = 1 FROM cloudflux.network_status WHERE place = 's'}, 30), 'another one');
$c->sql('SELECT pg_terminate_backend(' . $s->pid . ')');
ok($c->poll(q{SELECT in_flight = 0 FROM cloudflux.network_status WHERE place = 's'}, 10), 'gives back what it held when its session ends');

# A store that is down is left alone after a while, and found again.
control(rules => { rules => [ { match => {}, fault => { kind => 'status', status => 500, code => 'InternalError' }, times => 0 } ] });
$c->error(q{SELECT cloudflux.fetch_object('s', 'a/b c')}) foreach 1 .. 4;
isnt($c->value(q{SELECT breaker FROM cloudflux.network_status WHERE place = 's'}), 'closed', 'ten failures in a row open the breaker');
like($c->value(q{SELECT concat_ws('|', status, since <= clock_timestamp(), detail, hint) FROM cloudflux.health() WHERE component = 'net'}),
	qr/^degraded\|t\|place "s" does not answer: .*\|.*check_storage/, 'which the health check tells, with what helps');
control(rules => { rules => [] });
ok($c->poll(q{SELECT cloudflux.fetch_object('s', 'a/b c') = 'hello'}, 30), 'it is tried again by itself');
is($c->value(q{SELECT breaker, until IS NULL, failing_since IS NULL FROM cloudflux.network_status WHERE place = 's'}), 'closed|t|t', 'and used as before');
is($c->value(q{SELECT status FROM cloudflux.health() WHERE component = 'net'}), 'ok', 'and the health check is content');
control(rules => { rules => [ { match => {}, fault => { kind => 'status', status => 501, code => 'NotImplemented' }, times => 0 } ] });
$c->error(q{SELECT cloudflux.fetch_object('s', 'a/b c')}) foreach 1 .. 11;
is($c->value(q{SELECT breaker FROM cloudflux.network_status WHERE place = 's'}), 'closed', 'a call that the store does not know opens no breaker');
control(rules => { rules => [] });

# A mover takes in the changed limits of a place while it works. Nothing else opens the place meanwhile.
control(object => { bucket => 'bucket', key => 'large', size => 64 * 1024 * 1024 });
my $here = $c->place('here');
$c->sql("SELECT cloudflux.add_storage('here', 'LOCAL', '$here')");
$c->sql("CALL cloudflux.import_inventory('s', 'large')");
$c->set('cloudflux.migration_bandwidth' => '2MB', 'cloudflux.migration_part_size' => '1MB');
my $job = $c->value("SELECT cloudflux.migrate(file_id, 'here') FROM cloudflux.data_objects WHERE object_key = 'large'");
ok($c->poll("SELECT bytes_done > 0 AND claimed_by IS NOT NULL FROM cloudflux.migration_progress WHERE job_id = '$job'", 60), 'a mover copies a large object');
$c->sql(q{ALTER SERVER s OPTIONS (ADD max_connections '3', ADD requests_per_second '500')});
ok($c->poll(q{SELECT max_connections = 3 FROM cloudflux.network_status WHERE place = 's'}, 60), 'other limits of its place hold for what it still sends') or diag($c->log_tail);
$c->sql("SELECT cloudflux.cancel_migration('$job')");
$c->set('cloudflux.migration_bandwidth' => '0');
ok($c->poll("SELECT status = 'cancelled' FROM cloudflux.migration_jobs WHERE job_id = '$job'", 60), 'it is cancelled');

# Settings are checked when they are written.
throws($c, q{ALTER SYSTEM SET cloudflux.net_allow = '10.0.0.1/8'}, '22023', qr/net_allow/, 'a network with bits beyond its mask is refused');
throws($c, q{ALTER SYSTEM SET cloudflux.net_proxy = 'socks5://p'}, '22023', qr/net_proxy/, 'a proxy of another kind is refused');
throws($c, q{ALTER SYSTEM SET cloudflux.net_ca_file = 'ca.pem'}, '22023', qr/net_ca_file/, 'a file without its full path is refused');

# Nothing that is secret is in the log, however much is logged.
$c->set('log_min_messages' => 'debug2');
$c->sql(q{SELECT cloudflux.fetch_object('s', 'a/b c')});
my $told = $c->log_since;
like($told, qr{cloudflux net: GET http://127\.0\.0\.1:$port/bucket/a/b%20c}, 'the log tells of requests');
unlike($told, qr/Signature=[0-9a-f]{8}|\Q$info->{secret_access_key}\E/, 'without signatures and keys');
close PEER;
$peer->finish;
done_testing;
