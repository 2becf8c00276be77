# Whatever is wrong with a place, check_storage() answers with a row that says what it is, and never with an error. The stores are the
# scripted peers, which are as strict as the providers.
use CloudFlux::Test;
use CloudFlux::Servers;
use HTTP::Tiny;
use JSON::PP;

my $c = cluster('failing', fsync => 'off');
my %peer = map { $_ => server("peer-$_") } qw(s3 azure gcs);
open_clouds($c);

# control tells a peer how to behave.
sub control
{
	my ($name, $path, $what) = @_;
	my ($base) = $peer{$name}{endpoint} =~ m{^(http://[^/]+)} or die;
	my $answer = HTTP::Tiny->new->post("$base/_peer/$path", { content => encode_json($what) });
	die "$path: $answer->{status} $answer->{content}" unless $answer->{success};
}

# rows gives what check_storage() found: name => [ ok, detail, hint ].
sub rows
{
	my ($place) = @_;
	my $text = $c->value("SELECT jsonb_object_agg(check_name, jsonb_build_array(ok, coalesce(detail, ''), coalesce(hint, ''))) FROM cloudflux.check_storage('$place')");
	return decode_json($text);
}

# told is one check: the row is there, it is bad, and detail and hint say this.
sub told
{
	my ($place, $check, $detail, $hint, $title) = @_;
	my $rows = rows($place);
	my ($ok, @texts) = @{ $rows->{$check} // [ 'no row', '', '' ] };
	ok(ref $ok && !$ok && $texts[0] =~ $detail && $texts[1] =~ $hint, $title) or diag(explain($rows));
	return $rows;
}

my %wrong = (
	s3 => { %{ decode_json($peer{s3}{env}{CF_CREDENTIALS}) }, secret_access_key => 'wrong' x 8 },
	azure => { account_key => 'd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbmcgd3Jvbg==' },
	gcs => { access_token => 'wrong' });
my %known = (s3 => qr/HTTP 403 SignatureDoesNotMatch/, azure => qr/AuthenticationFailed/, gcs => qr/401/);
my %helps = (s3 => qr/set_credentials/, azure => qr/account_key/, gcs => qr/credentials/);
my %bucket = (s3 => qr/NoSuchBucket/, azure => qr/ContainerNotFound/, gcs => qr/404/);

# Identities of the server that are not there: a file, a token service that refuses, a token service that nobody runs.
my %own = (
	file => [ { credential_source => 'file', credentials_file => '/no/such/file' }, qr/no such file|\/no\/such\/file/i ],
	refused => [ { credential_source => 'web_identity', role_arn => 'arn:aws:iam::123456789012:role/nobody', web_identity_token_file => $c->write('token', 'not.a.token'),
		sts_endpoint => $peer{s3}{endpoint} }, qr/./ ],
	nobody => [ { credential_source => 'web_identity', role_arn => 'arn:aws:iam::123456789012:role/nobody', web_identity_token_file => $c->write('token2', 'not.a.token'),
		sts_endpoint => 'http://127.0.0.1:1' }, qr/connect/ ]);
foreach my $kind (sort keys %own)
{
	my ($options, $says) = @{ $own{$kind} };
	$peer{s3}->place($c, "own_$kind", bucket => 'objects-two', credentials => {}, options => { prefix => "own-$kind/", %$options });
	my $rows = rows("own_$kind");
	my @bad = grep { !$rows->{$_}[0] } keys %$rows;
	ok(@bad == 1 && ($bad[0] eq 'authenticated' || $bad[0] eq 'reachable') && $rows->{ $bad[0] }[1] =~ $says, "an identity that is not there ($kind) is told as such")
	  or diag(explain($rows));
}

$peer{s3}->place($c, 'nobodys', bucket => 'objects-two', credentials => {}, options => { prefix => 'nobodys/' });
told('nobodys', 'authenticated', qr/has no credentials/, qr/set_credentials/, 'nobody is taken for somebody whom the store accepts: without credentials that is told');

foreach my $name (sort keys %peer)
{
	my $p = $peer{$name};
	$p->place($c, $name);
	my $rows = rows($name);
	is_deeply([ grep { !$rows->{$_}[0] } sort keys %$rows ], [], "$name: all is well at first") or diag(explain($rows));

	$p->place($c, "${name}_secret", bucket => 'objects-two', credentials => $wrong{$name});
	$rows = told("${name}_secret", 'authenticated', $known{$name}, $helps{$name}, "$name: a wrong secret is told as such");
	ok($rows->{reachable}[0] && !exists $rows->{write}, "$name: the store was reached, and asked nothing more");
	unlike(join(' ', map { @$_ } values %$rows), qr/wrongwrong|d3Jvbm/, "$name: the secret is not told");

	$p->place($c, "${name}_bucket", bucket => 'not-there');
	told("${name}_bucket", 'reachable', $bucket{$name}, qr/bucket|container/i, "$name: a bucket that does not exist is told as such");

	# A store whose clock is off is worked with, and its clock told.
	control($name, 'clock', { skew_s => 3600 });
	$rows = told($name, 'clock', qr/^The store's clock is 3[56]\d{5} ms/, qr/clock/i, "$name: a clock that is off by an hour is told");
	ok($rows->{write}[0], "$name: and worked with");
	control($name, 'clock', { skew_s => 0 });

	# Who is known and may not list may still do the rest.
	my %listing = (s3 => [ 'list-type=2', 'AccessDenied' ], azure => [ 'comp=list', 'AuthorizationPermissionMismatch' ], gcs => [ 'fields=', 'forbidden' ]);
	my $match = $name eq 'gcs' ? { method => 'GET', path => '/o$' } : { method => 'GET', query => $listing{$name}[0] };
	control($name, 'rules', { rules => [ { match => $match, fault => { kind => 'status', status => 403, code => $listing{$name}[1] }, times => 0 } ] });
	$rows = told($name, 'list', qr/403/, qr/./, "$name: a right that is missing is told where it is missing");
	ok($rows->{authenticated}[0] && $rows->{write}[0], "$name: the credentials are accepted all the same");
	control($name, 'rules', { rules => [] });

	# Addresses that are not allowed, and nobody at all.
	my %options = %{ decode_json($p->{env}{CF_OPTIONS}) };
	(my $private = $options{endpoint}) =~ s/127\.0\.0\.1:\d+/10.255.255.1:9/;
	$p->place($c, "${name}_private", bucket => 'private-place', options => { endpoint => $private });
	told("${name}_private", 'reachable', qr/10\.255\.255\.1/, qr/net_allow/, "$name: an address that is not allowed is told as such");
	$p->stop;
	$c->set('cloudflux.net_attempts' => 1);
	$c->poll("SELECT current_setting('cloudflux.net_attempts') = '1'");
	told($name, 'reachable', qr/connect/, qr//, "$name: nobody at the address is told as such");
}
done_testing;
