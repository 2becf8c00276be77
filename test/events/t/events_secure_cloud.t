# Events reach brokers that ask who we are: TLS, certificates, passwords, tokens. What is wrong is told, nothing spins, and when it is
# mended publishing goes on in the same process. No secret is in a log, a view or a setting.
use CloudFlux::Test;
use CloudFlux::Kafka;
use MIME::Base64;

my $kafka = broker(secure => 1);
my $c = cluster('secure', 'cloudflux.migration_workers' => 0, 'cloudflux.kafka_timeout' => '3s', log_min_messages => 'debug1', log_statement => 'none');
CloudFlux::Servers::open_clouds($c);
my ($sasl, $tls, $stale) = @{ $kafka->{env} }{qw(CF_SASL CF_TLS CF_STALE)};
my %file = map { my $f = $_; ($f => $c->write($f, CloudFlux::Test::Cluster->_slurp("$kafka->{dir}/$f"))) } qw(ca.pem alice.pem alice.key mallory.pem mallory.key);
my $sent = 0;

sub status { return $c->value("SELECT state || ': ' || COALESCE(detail, '') || ' ' || COALESCE(hint, '') FROM cloudflux.kafka_status") }

# alter gives the server other options; undef drops one.
sub alter
{
	my (%option) = @_;
	my %has = map { /^(\w+)=/ ? ($1 => 1) : () } split /\n/, $c->sql("SELECT unnest(srvoptions) FROM pg_foreign_server WHERE srvname = 'kafka'");
	my @changes = map { defined $option{$_} ? ($has{$_} ? "SET $_ '$option{$_}'" : "ADD $_ '$option{$_}'") : $has{$_} ? "DROP $_" : () } sort keys %option;
	$c->sql('ALTER SERVER kafka OPTIONS (' . join(', ', @changes) . ')') if @changes;
}

sub credentials { my ($password) = @_; $c->sql(qq(SELECT cloudflux.set_credentials('kafka', '{"username": "alice", "password": "$password"}'))) }

# published is a test: an event that is written now arrives.
sub published
{
	my ($title) = @_;
	$sent++;
	$c->sql("SELECT cloudflux.emit_events('analytics', 'test.secure', ARRAY['s$sent'], NULL)");
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($c->poll("SELECT state = 'publishing' AND unpublished = 0 FROM cloudflux.kafka_status", 90), $title) or diag(status() . "\n" . $c->log_tail);
}

# waits is a test: publishing waits, for a reason that fits.
sub waits
{
	my ($like, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$c->sql("SELECT cloudflux.emit_events('analytics', 'test.secure', ARRAY['s" . ++$sent . "'], NULL)");
	my $said = '';
	my $good = $c->poll("SELECT state = 'waiting' AND unpublished > 0 FROM cloudflux.kafka_status", 60);
	my $until = time + 60;
	$good = ($said = status()) =~ $like until $good && $said =~ $like || time > $until;
	like($said, $like, $title) or diag($c->log_tail);
}

sub publisher { return $c->value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'cloudflux publisher'") }

# What cannot be is refused when it is written
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka", 'HV002', qr/brokers/, 'a server needs brokers');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', password 'x')", 'HV00D', qr/set_credentials/, 'a password is no option');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', sasl_mechanism 'GSSAPI')", '22023', qr/SCRAM-SHA-512/, 'mechanisms that are not known are refused');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', sasl_mechanism 'PLAIN', tls 'off')", '22023', qr/everybody on the way/, 'a password does not go out in clear');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', tls 'perhaps')", '22023', qr/on nor off/, 'tls is on or off');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', sasl_mechanism 'OAUTHBEARER')", '22023', qr/token_file/, 'OAUTHBEARER needs a file');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', client_cert_file '/x')", '22023', qr/client_key_file/, 'a certificate needs its key');
throws($c, "CREATE SERVER k FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers 'b:1', ca_file 'ca.pem')", '22023', qr/absolute path/, 'files are named in full');

$c->sql("CREATE SERVER kafka FOREIGN DATA WRAPPER cloudflux_kafka OPTIONS (brokers '$sasl', sasl_mechanism 'SCRAM-SHA-512', ca_file '$file{'ca.pem'}')");
throws($c, "SELECT cloudflux.set_credentials('kafka', '{\"username\": \"alice\"}')", '22023', qr/username and password/, 'credentials are complete or none');
throws($c, "SELECT cloudflux.set_credentials('kafka', '{\"access_key_id\": \"alice\"}')", '22023', qr/takes no credential/, 'those of a store are not those of a broker');
throws($c, "CREATE USER MAPPING FOR PUBLIC SERVER kafka OPTIONS (password 'alice-secret')", '22023', qr/not sealed/, 'a user mapping holds no clear password');
$c->set('cloudflux.kafka_server' => 'kafka');
waits(qr/has no credentials.*set_credentials/s, 'without credentials it waits, and says what to do');
my $pid = publisher();

# What is right
# (Not by SCRAM where librdkafka is older than 2.6.1: brokers of Kafka 4 do not let it in, and that is told.)
my ($old) = map { /librdkafka (\d+)\.(\d+)\.(\d+)/ ? $1 * 10000 + $2 * 100 + $3 < 20601 : () } ($kafka->run('kcat', '-V'))[1];
credentials('alice-secret');
$c->sql("SELECT count(*) FROM cloudflux.create_topics(ARRAY['analytics'])");
$old ? waits(qr/SASL authentication error.*before 2\.6\.1/s, 'SCRAM-SHA-512: an old library is told') : published('SCRAM-SHA-512 over TLS');
alter(sasl_mechanism => 'SCRAM-SHA-256');
waits(qr/cannot be opened/, 'credentials are bound to the mechanism');
credentials('alice-secret');
$old ? waits(qr/SASL authentication error.*before 2\.6\.1/s, 'SCRAM-SHA-256: an old library is told') : published('SCRAM-SHA-256');
alter(sasl_mechanism => 'PLAIN');
credentials('alice-secret');
published('PLAIN');

# What is wrong, until it is mended
credentials('wrong-secret');
waits(qr/SASL authentication error.*set_credentials/s, 'a wrong password is told');
my $failures = $c->value('SELECT failures FROM cloudflux.kafka_status');
my $begin = time;
$c->poll('SELECT false', 5);
cmp_ok($c->value('SELECT failures FROM cloudflux.kafka_status') - $failures, '<=', time - $begin, 'and nothing spins');
credentials('alice-secret');
published('with the right one it goes on');

$kafka->tool('AclCommand', qw(--add --deny-principal User:alice --operation Write --topic analytics));
waits(qr/TOPIC_AUTHORIZATION_FAILED/, 'a right that was taken away is told');
$kafka->tool('AclCommand', qw(--remove --force --deny-principal User:alice --operation Write --topic analytics));
published('when it is given back it goes on');

alter(ca_file => $file{'mallory.pem'});
waits(qr/SSL handshake failed: unable to get local issuer certificate.*ca_file/s, 'a broker that nobody trusts is told');
alter(ca_file => '/nowhere/ca.pem');
waits(qr/could not configure Kafka: ssl\.ca\.location.*must be able to read/s, 'so is a file that cannot be read');
alter(ca_file => $file{'ca.pem'});
published('with its authority it goes on');

# A certificate that has expired: at a listener that asks for none of ours
alter(brokers => $stale, sasl_mechanism => undef);
waits(qr/SSL handshake failed: certificate has expired/, 'a certificate that has expired is told');
alter(brokers => $tls, client_cert_file => $file{'alice.pem'}, client_key_file => $file{'alice.key'});
published('a certificate of our own');
throws($c, "SELECT cloudflux.set_credentials('kafka', '{\"username\": \"alice\", \"password\": \"x\"}')", '22023', qr/takes no credentials/, 'where nobody asks for a password none is kept');
alter(client_cert_file => undef, client_key_file => undef);
waits(qr/certificate|handshake|SSL/i, 'without one it waits');

# Tokens, from a file that somebody renews
sub token
{
	my ($seconds) = @_;
	my $exp = time + $seconds;
	my ($head, $body) = map { my $t = encode_base64($_, ''); $t =~ tr{+/=}{-_}d; $t } '{"alg":"none"}', sprintf('{"sub":"alice","iat":%d,"exp":%d}', $exp - 4000, $exp);
	$file{token} = $c->write('token', "$head.$body.\n");
	return "$head.$body.";
}
my @tokens = token(-60);
alter(brokers => $sasl, sasl_mechanism => 'OAUTHBEARER', token_file => $file{token});
waits(qr/token.*token_file/s, 'a token that has expired is told');
push @tokens, token(3600);
published('with a new one it goes on');

is(publisher(), $pid, 'all that in one process');
is($c->value("SELECT count(*) FROM cloudflux.event_lag WHERE reader = 'kafka' AND topic = 'analytics' AND state = 'publishing'"), 1, 'event_lag tells it');
my @subjects = map { /"subject":"(\w+)"/ } $kafka->lines('analytics');
is(join(',', @subjects), join(',', map { "s$_" } 1 .. $sent), 'each event arrived, once and in its order');

# Who owns the server decides where events go
$c->sql('CREATE ROLE mallory LOGIN; GRANT USAGE ON FOREIGN DATA WRAPPER cloudflux_kafka TO mallory; ALTER SERVER kafka OWNER TO mallory');
waits(qr/does not belong to a superuser/, 'a server of somebody else is not used');
$c->sql('ALTER SERVER kafka OWNER TO postgres');
published('that of a superuser is');

# Nothing tells a secret
my $told = $c->log_since . $c->sql('SELECT * FROM pg_stat_activity; SHOW ALL; SELECT * FROM cloudflux.event_positions; SELECT * FROM cloudflux.event_lag; SELECT * FROM pg_foreign_server; SELECT * FROM pg_user_mapping; SELECT * FROM cloudflux.credentials');
foreach my $secret ('alice-secret', 'wrong-secret', @tokens) { unlike($told, qr/\Q$secret\E/, 'a secret is in no log, view or setting') }
like($told, qr/librdkafka/, 'the log was asked for all that librdkafka says');
done_testing;
