# CloudFlux::Servers: real object stores for TAP tests, on top of test/harness/servers.
#
#	use CloudFlux::Test;
#	use CloudFlux::Servers;
#	my $s3 = server('versitygw');			# installs if need be, starts, stops it when the test ends
#	my $c = cluster('clouds');
#	open_clouds($c);				# a key for credentials, and requests to loopback are allowed
#	$s3->place($c, 'aws');				# add_storage + set_credentials on its bucket `objects`
#	$s3->place($c, 'more', bucket => 'objects-two', options => { prefix => 'x/' }, credentials => { … });
#	$s3->write('a key', 'bytes');			# as somebody else would write it, without any condition
#	$s3->write('a key', 'bytes', 'objects', { 'x-amz-meta-colour' => 'blue' });
#	$s3->read('a key');				# the bytes, undef when it is not there
#	$s3->describe('a key');				# { headers => { … }, tags => { … } }; S3 and Azure
#	$s3->digest('a key');				# the SHA-256 of its bytes, in hex; $s3->list gives all keys
#	$s3->stop; $s3->{endpoint}; $s3->{provider}; $s3->{env}{CF_SECRET_KEY}
#	my $slow = $s3->through($proxy, 'aws');		# a toxiproxy in front: $slow->toxic(type => 'latency', latency => 100)
#
# The programs are found in CF_CACHE (see test/harness/servers). Folders of servers are below CF_TMP and go with the test.
package CloudFlux::Servers;
use strict;
use warnings;
use Cwd qw(abs_path);
use Digest::SHA;
use Exporter ();
use File::Basename;
use File::Path qw(make_path remove_tree);
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use MIME::Base64;

our @ISA = ('Exporter');
our @EXPORT = qw(server open_clouds);
my $harness = abs_path(dirname(__FILE__) . '/..');
my $tmp = $ENV{CF_TMP} // abs_path("$harness/../..") . '/build/tap';
my %living;

sub run
{
	my ($self, @command) = @_;
	my ($out, $err) = ('', '');
	local @ENV{ keys %{ $self->{env} } } = values %{ $self->{env} } if ref $self;
	my $good = IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err);
	return ($good, $out, $err);
}

sub server
{
	my ($name) = @_;
	my $n = 1 + grep { $_->{name} eq $name } values %living;
	my $dir = "$tmp/" . basename($0, '.t') . "/server-$name-$n";
	remove_tree($dir);
	make_path($dir);
	my ($good, $out, $err) = run(undef, "$harness/servers", 'start', $name, $dir);
	die "could not start $name: $err" unless $good;
	my $self = described($dir);
	$self->{name} = $name;
	return $living{$dir} = $self;
}

# described reads what test/harness/servers says of a server that runs.
sub described
{
	my ($dir) = @_;
	my $self = bless { dir => $dir }, __PACKAGE__;
	open my $in, '<', "$dir/env" or die "$dir/env: $!";
	while (my $line = <$in>) { $self->{env}{$1} = $2 if $line =~ /^export (\w+)='(.*)'$/ }
	@$self{qw(endpoint provider bucket)} = @{ $self->{env} }{qw(CF_ENDPOINT CF_PROVIDER CF_BUCKET)};
	return $self;
}

sub stop
{
	my ($self) = @_;
	run(undef, "$harness/servers", 'stop', $self->{dir});
	delete $living{ $self->{dir} };
}

# living has a server stopped at the end that was started in some other way.
sub living { my ($self) = @_; $self->{name} //= 'another'; $living{ $self->{dir} } = $self }

# open_clouds lets a running cluster seal credentials and send requests to this machine.
sub open_clouds
{
	my ($c) = @_;
	open my $random, '<:raw', '/dev/urandom' or die $!;
	read $random, my $bytes, 32;
	my $path = $c->write('cloudflux.key', 'k1 ' . encode_base64($bytes, '') . "\n");
	chmod 0600, $path;
	$c->set('cloudflux.key_file' => $path, 'cloudflux.net_allow' => '127.0.0.0/8');
	$c->poll("SELECT current_setting('cloudflux.net_allow') = '127.0.0.0/8'", 30) or die 'the settings do not arrive';
}

sub quote { my ($text) = @_; $text =~ s/'/''/g; return "'$text'" }

# place makes a bucket of the server a place of the cluster; options and credentials are added to those of the server.
sub place
{
	my ($self, $c, $name, %how) = @_;
	my %options = (%{ decode_json($self->{env}{CF_OPTIONS}) }, %{ $how{options} // {} });
	my $credentials = $how{credentials} // decode_json($self->{env}{CF_CREDENTIALS});
	$c->sql("SELECT cloudflux.add_storage('$name', '$self->{provider}', '" . ($how{bucket} // $self->{bucket}) . "', "
		. quote(encode_json(\%options)) . ')', %{ $how{as} // {} });
	$c->sql("SELECT cloudflux.set_credentials('$name', " . quote(encode_json($credentials)) . ')', %{ $how{as} // {} }) if %$credentials;
}

# _api asks the server something of a bucket, without cloudflux; dies if it says no.
sub _api
{
	my ($self, $verb, $bucket, @more) = @_;
	my ($good, $out, $err) = $self->run("$harness/servers_api.py", $verb, $bucket // $self->{bucket}, @more);
	die "$self->{name}: $err" unless $good;
	return $out;
}

# _spool writes what is to be sent into a file, and tells which.
sub _spool
{
	my ($self, $bytes) = @_;
	open my $out, '>:raw', "$self->{dir}/bytes" or die $!;
	print $out $bytes;
	close $out or die $!;
	return "$self->{dir}/bytes";
}

sub write
{
	my ($self, $key, $bytes, $bucket, $headers) = @_;
	$self->_api('put', $bucket, $key, $self->_spool($bytes), encode_json($headers // {}));
}

sub describe
{
	my ($self, $key, $bucket) = @_;
	return decode_json($self->_api('describe', $bucket, $key));
}

sub read
{
	my ($self, $key, $bucket) = @_;
	my ($good) = $self->run("$harness/servers_api.py", 'get', $bucket // $self->{bucket}, $key, "$self->{dir}/bytes");
	return undef unless $good;
	open my $in, '<:raw', "$self->{dir}/bytes" or die $!;
	local $/;
	return scalar(<$in>) // '';
}

sub digest
{
	my ($self, $key, $bucket) = @_;
	my ($good) = $self->run("$harness/servers_api.py", 'get', $bucket // $self->{bucket}, $key, "$self->{dir}/bytes");
	return $good ? Digest::SHA->new(256)->addfile("$self->{dir}/bytes", 'b')->hexdigest : undef;
}

sub list
{
	my ($self, $bucket) = @_;
	return map { s/%([0-9A-F]{2})/chr hex $1/ger } split /\n/, $self->_api('list', $bucket);
}

# begin begins an upload in parts of an S3 server, as somebody else would; with bytes as its first part. Tells its id.
sub begin
{
	my ($self, $key, $bytes, $bucket) = @_;
	chomp(my $id = $self->_api('begin', $bucket, $key, defined $bytes ? $self->_spool($bytes) : ()));
	return $id;
}

# uploads lists the unfinished uploads of an S3 server, sorted, each "key id".
sub uploads
{
	my ($self, $bucket) = @_;
	return sort split /\n/, $self->_api('uploads', $bucket);
}

# through gives this server as it is seen behind a proxy of a toxiproxy. Signed requests are for the proxy's address.
sub through
{
	my ($self, $proxy, $name) = @_;
	my ($upstream) = $self->{endpoint} =~ m{^http://([^/]+)} or die "$self->{endpoint}: no http";
	my $answer = $proxy->post('/proxies', { name => $name, listen => '127.0.0.1:0', upstream => $upstream, enabled => JSON::PP::true });
	my %behind = (%$self, proxy => $proxy, proxy_name => $name, env => { %{ $self->{env} } });
	foreach ($behind{endpoint}, @{ $behind{env} }{qw(CF_ENDPOINT CF_OPTIONS)}) { s/\Q$upstream\E/$answer->{listen}/ }
	return bless \%behind, ref $self;
}

# crossed tells how many bytes went through the proxy: 'upstream' are those that the server was sent.
sub crossed
{
	my ($self, $direction) = @_;
	my $bytes = 0;
	foreach (split /\n/, $self->{proxy}->_http('GET', '/metrics'))
	{
		$bytes += $1 if /^toxiproxy_proxy_received_bytes_total\{(?=.*direction="$direction")(?=.*proxy="$self->{proxy_name}").*\} (\S+)/;
	}
	return $bytes;
}

# toxic puts a fault on the way (attributes of toxiproxy), clear takes all off again.
sub toxic
{
	my ($self, $type, %attributes) = @_;
	my $stream = delete $attributes{stream} // 'downstream';
	$self->{proxy}->post("/proxies/$self->{proxy_name}/toxics", { name => "$type-$stream", type => $type, stream => $stream, attributes => \%attributes });
}

sub clear { my ($self) = @_; $self->{proxy}->post('/reset', {}) }

# log gives what a scripted peer has been asked since the last call: hashes with method, path, query, status, code, fault.
sub log
{
	my ($self) = @_;
	my $log = $self->ask('/_peer/log');
	$self->_http('DELETE', '/_peer/log');
	return @{ $log->{requests} // [] };
}

# post asks something of an HTTP API of the server that takes JSON (toxiproxy, a scripted peer); ask only reads.
sub post
{
	my ($self, $path, $body) = @_;
	my $content = $self->_http('POST', $path, headers => { 'Content-Type' => 'application/json' }, content => encode_json($body));
	return $content =~ /^\s*[\[{]/ ? decode_json($content) : undef;
}

sub ask
{
	my ($self, $path) = @_;
	return decode_json($self->_http('GET', $path));
}

sub _http
{
	my ($self, $method, $path, %how) = @_;
	my ($root) = $self->{endpoint} =~ m{^(http://[^/]+)};
	my $answer = HTTP::Tiny->new(timeout => 10)->request($method, "$root$path", \%how);
	die "$path: $answer->{status} $answer->{content}" unless $answer->{success};
	return $answer->{content};
}

END
{
	my $status = $?;
	foreach my $server (values %living)
	{
		my $dir = $server->{dir};
		eval { $server->stop };
		remove_tree($dir) if $status == 0 && Test::More->builder->is_passing && !$ENV{CF_KEEP};
	}
	$? = $status;
}

1;
