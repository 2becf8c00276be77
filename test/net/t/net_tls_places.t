# Whom a place trusts, and whom it shows itself to: the strict S3 peer behind TLS, with certificates made for the test. What the engine
# does with them byte by byte is in test/net/unit/net_tls.c.
use CloudFlux::Test;
use CloudFlux::Servers;
use File::Basename;
use File::Path qw(make_path remove_tree);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;

plan(skip_all => 'there is no openssl command') if system('openssl version > /dev/null 2>&1') != 0;
my $c = cluster('tls', fsync => 'off');
my $s3 = server('peer-s3');
open_clouds($c);
# The name of the certificates is also that of an address of IPv6.
$c->set('cloudflux.net_allow' => '127.0.0.0/8, [::1]/128');
$c->poll("SELECT current_setting('cloudflux.net_allow') LIKE '%::1%'");
my $dir = "$c->{dir}/../certificates";
remove_tree($dir);
make_path($dir);
my $front = dirname(__FILE__) . '/../../storage/peer/tls_front.py';

sub openssl
{
	my $good = IPC::Run::run([ 'openssl', @_ ], '<', \undef, '>', \my $out, '2>', \my $err);
	die "openssl @_: $err" unless $good;
}

# authority makes one; certificate makes a certificate of it, for so many days: 0 has expired a second later.
sub authority
{
	my ($name) = @_;
	openssl(qw(req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj), "/CN=$name", '-keyout', "$dir/$name.key", '-out', "$dir/$name.pem");
}

sub certificate
{
	my ($name, $by, $days) = @_;
	openssl(qw(req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj), "/CN=$name", qw(-addext subjectAltName=DNS:localhost),
		'-keyout', "$dir/$name.key", '-out', "$dir/$name.csr");
	openssl(qw(x509 -req -copy_extensions copy -in), "$dir/$name.csr", '-CA', "$dir/$by.pem", '-CAkey', "$dir/$by.key", '-days', $days, '-out', "$dir/$name.pem");
}

authority($_) foreach qw(ours theirs);
certificate('server', 'ours', 2);
certificate('expired', 'ours', 0);
certificate('client', 'theirs', 2);
# Files that the server reads are its own.
my %file = map { my $f = $_; open my $in, '<', "$dir/$f" or die $!; local $/; ($f => $c->write($f, scalar <$in>)) } map { ("$_.pem", "$_.key") } qw(ours theirs client);
chmod 0600, $file{'client.key'};

my @running;
my $fronts = 0;

# front starts TLS in front of the peer; port, and what it logged.
sub front
{
	my ($certificate, @more) = @_;
	my ($to) = $s3->{endpoint} =~ /:(\d+)$/;
	my %f = (dir => "$dir/front" . ++$fronts);
	make_path($f{dir});
	open $f{hold}, '|-', 'python3', $front, '--to', $to, '--dir', $f{dir}, '--cert', "$dir/$certificate.pem", '--key', "$dir/$certificate.key", @more
	  or die "python3: $!";
	push @running, \%f;
	my $deadline = time + 30;
	until (-s "$f{dir}/port") { die 'the TLS front does not start' if time > $deadline; select undef, undef, undef, 0.02 }
	open my $in, '<', "$f{dir}/port" or die $!;
	chomp($f{port} = <$in>);
	HTTP::Tiny->new->post("$s3->{endpoint}/_peer/hosts", { content => encode_json({ name => "localhost:$f{port}" }) })->{success} or die;
	return \%f;
}

sub logged { my ($f) = @_; open my $in, '<', "$f->{dir}/log" or return ''; local $/; return scalar(<$in>) // '' }

# trusting makes a place behind a front; every place is the same bucket, so it has a prefix of its own.
my $places = 0;
sub trusting
{
	my ($f, %options) = @_;
	my $name = 'tls' . ++$places;
	$s3->place($c, $name, options => { endpoint => "https://localhost:$f->{port}", prefix => "$name/", %options });
	return $name;
}

sub refused
{
	my ($place, $sqlstate, $says, $title) = @_;
	my $e = $c->error("SELECT cloudflux.store_object('$place', 'a', 'x', 'text/plain')");
	ok($e && $e->{sqlstate} eq $sqlstate && join(' ', map { $e->{$_} // '' } qw(message detail hint)) =~ $says, $title) or diag(explain($e));
}

$c->set('cloudflux.net_attempts' => 2);
$c->poll("SELECT current_setting('cloudflux.net_attempts') = '2'");
my $usual = front('server');
refused(trusting($usual), '42501', qr/not trusted.*ca_file/s, 'a certificate that no authority of the system signed is refused');
refused(trusting($usual, ca_file => $file{'theirs.pem'}), '42501', qr/not trusted/, 'and so is one that another authority signed');
unlike(logged($usual), qr/^open/m, 'before anything was sent');
my $good = trusting($usual, ca_file => $file{'ours.pem'});
$c->sql("SELECT cloudflux.store_object('$good', 'a', 'x', 'text/plain')");
is($c->value("SELECT convert_from(cloudflux.fetch_object('$good', 'a'), 'UTF8')"), 'x',
	'the authority that the place names is trusted')
  || diag(logged($usual));
like(logged($usual), qr/^open TLSv1\.3$/m, 'TLS 1.3 is spoken where both can');

# One connection serves many requests.
my $before = () = logged($usual) =~ /^open/mg;
$c->sql("SELECT count(cloudflux.fetch_object('$good', 'a')) FROM generate_series(1, 30)");
my $opened = (() = logged($usual) =~ /^open/mg) - $before;
is($opened, 1, 'thirty requests of a session use one connection');

refused(trusting(front('expired'), ca_file => $file{'ours.pem'}), '42501', qr/not trusted/, 'an expired certificate is refused');
my $older = front('server', '--max', '1.2');
my $place = trusting($older, ca_file => $file{'ours.pem'});
is($c->value("SELECT size_bytes FROM cloudflux.store_object('$place', 'a', 'x', 'text/plain')"), 1, 'TLS 1.2 will do');
like(logged($older), qr/^open TLSv1\.2$/m, 'where there is nothing newer');
my $old = front('server', '--min', '1.0', '--max', '1.1');
refused(trusting($old, ca_file => $file{'ours.pem'}), '58030', qr/TLS 1\.2 is the oldest/, 'TLS 1.1 is refused');
unlike(logged($old), qr/^open/m, 'by us');

my $strict = front('server', '--ca', "$dir/theirs.pem");
refused(trusting($strict, ca_file => $file{'ours.pem'}), '58030', qr/./, 'who has no certificate is sent away where one is wanted');
$place = trusting($strict, ca_file => $file{'ours.pem'}, client_cert_file => $file{'client.pem'}, client_key_file => $file{'client.key'});
is($c->value("SELECT size_bytes FROM cloudflux.store_object('$place', 'a', 'x', 'text/plain')"), 1, 'and let in with it');
my $rows = decode_json($c->value("SELECT jsonb_object_agg(check_name, ok) FROM cloudflux.check_storage('$place')"));
ok($rows->{reachable} && $rows->{write}, 'check_storage() works through TLS');

# Whoever has the scheme or the port wrong is told what to look at.
my ($plain) = $s3->{endpoint} =~ m{^http://[^/]*:(\d+)};
refused(trusting({ port => $plain }), '58030', qr{begins with http://}, 'TLS towards a port that speaks plain HTTP: the hint tells what to look at');
$s3->place($c, 'bare', options => { endpoint => "http://localhost:$usual->{port}", prefix => 'bare/' });
refused('bare', '58030', qr{https://}, 'plain HTTP towards a port that speaks TLS: so it does');
$s3->place($c, 'nobody', options => { endpoint => 'http://localhost:1', prefix => 'nobody/' });
refused('nobody', '58030', qr{could not connect.*endpoint}s, 'and where nobody listens');

# The same in the words of check_storage(), and over the setting of the whole server.
like($c->sql("SELECT check_name, detail, hint FROM cloudflux.check_storage('tls1') WHERE NOT ok"), qr/^reachable.*not trusted.*ca_file/s, 'check_storage() tells what is wrong');
$c->set('cloudflux.net_ca_file' => $file{'ours.pem'});
ok($c->poll("SELECT bool_and(ok) FROM cloudflux.check_storage('tls1')", 30), 'the setting net_ca_file is for all places that name none');

close $_->{hold} foreach @running;
done_testing;
