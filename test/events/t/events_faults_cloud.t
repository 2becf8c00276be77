# Brokers that are there and do not do what they should, while events keep coming: too small, silent, frozen, full, with an old
# certificate, behind a name that nobody resolves. Each time: nothing is lost, nothing spins, the state says what it is, nobody else waits,
# and when it is mended publishing goes on in the same process.
#
# In make check-long each fault lasts a minute, and comes three times.
use CloudFlux::Test;
use CloudFlux::Kafka;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(time);

my $long = $ENV{CF_LONG};
my $kafka = broker(secure => 1);
my $c = cluster('faults', { start => 0 }, 'cloudflux.migration_workers' => 0, 'cloudflux.kafka_timeout' => '3s', 'cloudflux.kafka_transaction_timeout' => '10s');

# The server asks a resolver of ours.
{
	my $shim = $c->place('tools') . '/blackhole.so';
	system('gcc', '-shared', '-fPIC', '-o', $shim, 'test/events/data/blackhole.c', '-ldl') == 0 or die 'gcc failed';
	chmod 0755, $shim;
	local $ENV{LD_PRELOAD} = $shim;
	local $ENV{CF_BLACKHOLE_SECONDS} = 8;
	$c->start;
}
$c->sql('CREATE EXTENSION cloudflux');
CloudFlux::Servers::open_clouds($c);
my $ca = $c->write('ca.pem', CloudFlux::Test::Cluster->_slurp("$kafka->{dir}/ca.pem"));
$c->set('cloudflux.kafka_brokers' => $kafka->{endpoint});
$c->sql("SELECT count(*) FROM cloudflux.create_topics(ARRAY['analytics', 'metrics.raw'], 3)");

sub status { return $c->value("SELECT state || ': ' || COALESCE(detail, '') || ' ' || COALESCE(hint, '') FROM cloudflux.kafka_status") }
sub publisher { return $c->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'") }
sub emit { $c->sql("SELECT cloudflux.emit_events('analytics', 'test.fault', ARRAY['s'], ARRAY['" . ($_[0] // '{}') . "'::jsonb])") }

# used tells how much CPU a process has used, all its threads together, in seconds.
sub used
{
	my @stat = split / /, CloudFlux::Test::Cluster->_slurp("/proc/$_[0]/stat") =~ s/^.*\) //sr;
	return ($stat[11] + $stat[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
}

# published is a test: what was written until now arrives.
sub published
{
	my ($title) = @_;
	emit();
	my $last = $c->value("SELECT max(id) FROM cloudflux.events WHERE topic = 'analytics'");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($c->poll("SELECT p.state = 'publishing' AND u.n = 0 FROM cloudflux.event_positions p, LATERAL (SELECT count(*) AS n FROM cloudflux.unpublished_events() WHERE topic = 'analytics') u WHERE p.reader = 'kafka'", 120), $title)
		or diag(status() . "\n" . $c->log_tail);
}

published('a broker that does what it should');
my $pid = publisher();
my $stream = $c->session(timeout => 3600);
$stream->send("CALL cloudflux.generate_events(100, '1 day', 'sensors', 4711)");

# fault lets something go wrong, looks at what is told and what it costs, and mends it. An event more for Kafka is written by `wrong`, or here.
sub fault
{
	my ($what, %how) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	foreach my $round (1 .. ($long ? 3 : 1))
	{
		$how{wrong}->();
		emit() unless $how{emits};
		my ($said, $until) = ('', time + 90);
		until (($said = status()) =~ /^waiting: .*$how{like}/s || time > $until) { $c->poll('SELECT false', 0.2) }
		like($said, qr/^waiting: .*$how{like}/s, "$what: it waits, and tells why") or diag($c->log_tail);
		my ($cpu, $failures, $begin) = (used($pid), $c->value('SELECT failures FROM cloudflux.kafka_status'), time);
		$c->poll('SELECT false', $long ? 60 : 4);
		my $seconds = time - $begin;
		cmp_ok(used($pid) - $cpu, '<=', 0.1 * $seconds + 0.3, "$what: waiting takes next to no CPU");
		cmp_ok($c->value('SELECT failures FROM cloudflux.kafka_status') - $failures, '<=', $seconds, "$what: nothing spins");
		cmp_ok($c->value("SELECT untold_events FROM cloudflux.event_lag WHERE topic = 'analytics' AND reader = 'kafka'"), '>', 0, "$what: event_lag counts what waits");
		is($c->value("SELECT status FROM cloudflux.health() WHERE component = 'kafka'"), 'degraded', "$what: health() raises the alarm after a minute") if $long;
		$c->sql('CREATE DATABASE other');
		$begin = time;
		$c->sql('DROP DATABASE other');
		cmp_ok(time - $begin, '<=', 5, "$what: DROP DATABASE of another database does not wait for it");
		$how{right}->();
		published("$what: when it is mended all goes on");
		is(publisher(), $pid, "$what: in the same process");
	}
}

# A broker whose limit is smaller than the event
sub of_brokers { $kafka->tool('kafka.admin.ConfigCommand', '--alter', '--entity-type', 'brokers', '--entity-name', '1', @_) }
fault('a broker that takes short messages only', emits => 1, like => 'event \d+.*max\.message\.bytes',
	wrong => sub { of_brokers('--add-config', 'message.max.bytes=20000'); emit('{"x": "' . ('y' x 50000) . '"}') },
	right => sub { of_brokers('--delete-config', 'message.max.bytes') });

# A frozen process
fault('a frozen broker', like => "no answer from Kafka( at $kafka->{endpoint} .*ports answer|: \\S)", wrong => sub { $kafka->pause }, right => sub { $kafka->resume });

# Names and addresses
my $port = (split /:/, $kafka->{endpoint})[1];
sub brokers { my $to = shift; return sub { $c->set('cloudflux.kafka_brokers' => $to) } }
fault('a resolver that does not answer', like => 'no answer from Kafka( at silent.invalid:9092 .*must resolve|: \S)', wrong => brokers('silent.invalid:9092'), right => brokers("broker.invalid:$port"));
my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1', Proto => 'tcp') or die $!;
# Once its queue is full, packets to it are dropped: connecting never ends.
my @waiting = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Proto => 'tcp', Blocking => 0) } 1 .. 4;
fault('an address that drops everything', like => 'no answer from Kafka( at drops.invalid:\d+ .*ports answer|: \S)', wrong => brokers('drops.invalid:' . $full->sockport), right => brokers($kafka->{endpoint}));

# A full disk: no file of the broker may grow any more. Its only log is lost to it, and so it ends, as Kafka does then; when there is
# room somebody starts it again.
fault('a broker whose disk is full', like => 'no answer from Kafka|KAFKA_STORAGE_ERROR',
	wrong => sub {
		my $broker = $kafka->pid;
		$c->sql("INSERT INTO cloudflux.events (topic, event_type, subject, data) SELECT 'analytics', 'test.fault', 's', jsonb_build_object('fill', repeat('x', 1000)) FROM generate_series(1, 200)");
		system('prlimit', '--pid', $broker, '--fsize=65536') == 0 or die 'prlimit failed';
	},
	right => sub {
		my $broker = $kafka->pid;
		ok($c->gone(60, $broker), 'a broker that cannot write ends by itself') or $kafka->kill9;
		$kafka->start;
	});

# A certificate that has expired, and is renewed at the broker: nothing is changed here
$c->sql("CREATE SERVER kafka FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers '$kafka->{env}{CF_STALE}', ca_file '$ca')");
my ($dir, $rounds) = ($kafka->{dir}, 0);
sub certify
{
	my ($days) = @_;
	my ($good, undef, $err) = $kafka->run('bash', '-c', qq(cd "\$1" && openssl x509 -req -in stale.csr -CA ca.pem -CAkey ca.key -days $days )
		. q(-extfile <(echo subjectAltName=IP:127.0.0.1) -out stale.pem && cat stale.key stale.pem > stale.both), 'bash', $dir);
	die $err unless $good;
	of_brokers('--add-config', "listener.name.stale.ssl.keystore.location=$dir/stale.both,listener.name.stale.ssl.keystore.type=PEM");
}
fault('a certificate that has expired', like => 'SSL handshake failed: certificate has expired',
	wrong => sub {
		$c->set('cloudflux.kafka_server' => 'kafka');
		return unless $rounds++;
		# A connection that stands is not asked again.
		certify(0);
		$kafka->kill9;
		$kafka->start;
	},
	right => sub { certify(30) });

# All of it is there
kill 'INT', $stream->pid;
$stream->finish;
like($stream->{error}, qr/canceling/, 'events kept coming all the time');
ok($c->poll('SELECT count(*) = 0 FROM cloudflux.unpublished_events()', 120), 'all is published') or diag(status() . $c->log_tail);
foreach my $topic ('analytics', 'metrics.raw')
{
	my %of;
	foreach ($kafka->lines($topic)) { push @{ $of{$2} }, $1 if /"id":"(\d+)".*?"subject":"([^"]+)"/ }
	my @wrong = grep { my @ids = @{ $of{$_} }; grep { $ids[$_] <= $ids[ $_ - 1 ] } 1 .. $#ids } keys %of;
	is_deeply(\@wrong, [], "$topic: each subject's events are in their order, none twice");
	is(join(' ', sort { $a <=> $b } map { @$_ } values %of), $c->value("SELECT string_agg(id::text, ' ' ORDER BY id) FROM cloudflux.events WHERE topic = '$topic'"), "$topic: and all that were committed");
}
unlike($c->log_since, qr/PANIC|terminated by signal/, 'no process of the server died');
done_testing;
