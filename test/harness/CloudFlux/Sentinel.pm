# CloudFlux::Sentinel: looks for secrets wherever a cluster may have left them.
#
#	my $sentinel = CloudFlux::Sentinel->new($c, { key => 'the secret', … }, control => 'a name that is no secret',
#		sealed => qr/cf1:k2:/);		# what a dump has of a secret; qr/cf1:/ unless told
#	$sentinel->log_everything;		# all that the server can log, from now on
#	…
#	$sentinel->judge;			# tests: log, WAL, data files, dumps, pg_stat_activity, pg_stat_statements have none of them
#
# A secret counts as found in clear, in base64, in hex and percent-encoded, and what it is the base64 of counts too; so does anything
# that looks like an authorisation: bearer tokens, signatures of requests, shared access signatures. The control must be found in the
# log, in the WAL and in data files, or the search proves nothing.
package CloudFlux::Sentinel;
use strict;
use warnings;
use CloudFlux::Test;
use File::Find;
use IPC::Run ();
use MIME::Base64;

my %forms = (
	'a bearer token' => qr/Bearer [A-Za-z0-9._~+\/-]{8}/,
	'a signature of S3' => qr/Signature=[0-9a-f]{16}/,
	'a signature of Azure' => qr/SharedKey \w+:[A-Za-z0-9+\/]{16}/,
	'a shared access signature' => qr/[?&]sig=[A-Za-z0-9+\/%]{16}/,
);

sub new
{
	my ($class, $c, $secrets, %how) = @_;
	my $self = bless { c => $c, control => $how{control}, sealed => $how{sealed} // qr/cf1:/, seen => {}, where => {} }, $class;
	foreach my $name (sort keys %$secrets)
	{
		my $secret = $secrets->{$name};
		my $inside = $secret =~ /^[A-Za-z0-9+\/]{16,}=*$/ ? decode_base64($secret) : '';
		my %form = (base64 => encode_base64($secret, '') =~ s/.{3}=*$//r, hex => unpack('H*', $secret),
			encoded => $secret =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger, raw => $inside);
		# In another form, what is short or not random would be found everywhere.
		$self->{secret}{$name} = [ $secret, grep { length $_ >= 12 } map { $form{$_} } sort keys %form ];
	}
	return $self;
}

sub log_everything
{
	my ($self) = @_;
	$self->{c}->set('auto_explain.log_min_duration' => 0, 'auto_explain.log_nested_statements' => 'on', 'auto_explain.log_verbose' => 'on',
		log_statement => 'all', log_min_duration_statement => 0, debug_print_parse => 'on', debug_print_plan => 'on', log_min_messages => 'debug5');
	$self->{c}->poll("SELECT current_setting('log_min_messages') = 'debug5'") or die 'the settings do not arrive';
}

sub look
{
	my ($self, $where, $bytes) = @_;
	foreach my $name (sort keys %{ $self->{secret} })
	{
		push @{ $self->{seen}{$name} }, $where if grep { index($bytes, $_) >= 0 } @{ $self->{secret}{$name} };
	}
	foreach my $form (sort keys %forms) { push @{ $self->{seen}{$form} }, "$where ($&)" if $bytes =~ $forms{$form} }
	$self->{where}{ $where =~ /log$/ ? 'log' : $where =~ /pg_wal/ ? 'WAL' : 'other' } = 1 if index($bytes, $self->{control}) >= 0;
}

sub look_into
{
	my ($self, $file) = @_;
	open my $from, '<:raw', $file or return;
	my ($bytes, $tail) = ('', '');
	while (read($from, $bytes, 1 << 20))
	{
		$self->look($file, $tail . $bytes);
		$tail = substr $bytes, -4096;
	}
}

sub judge
{
	my ($self) = @_;
	my $c = $self->{c};
	my ($files, $dump, $said) = (0, '', '');
	$c->sql('CHECKPOINT');
	find({ no_chdir => 1, wanted => sub { if (-f $_) { $files++; $self->look_into($_) } } }, $c->data);
	$self->look_into($c->log_path);
	ok(-s $c->log_path > 100_000, 'the log tells a lot');
	ok($files > 500, "the data directory has $files files");
	foreach my $program ([ 'pg_dumpall' ], [ 'pg_dump', 'postgres' ])
	{
		my ($name, @of) = @$program;
		ok(IPC::Run::run([ $c->bin . "/$name", '-h', $c->socket, '-U', 'postgres', @of ], '>', \$dump, '2>', \$said), $name) or diag $said;
		like($dump, qr/USER MAPPING .*$self->{sealed}/s, "$name has what is sealed") if @of;
		$self->look($name, $dump);
	}
	foreach my $view (qw(pg_stat_activity pg_stat_statements)) { $self->look($view, $c->value("SELECT string_agg(query, E'\n') FROM $view")) }
	is(join(' ', sort keys %{ $self->{where} }), 'WAL log other', 'what is no secret is found where it must be');
	foreach (sort keys %{ $self->{secret} }, sort keys %forms) { is(join(', ', @{ $self->{seen}{$_} // [] }), '', "no trace of: $_") }
}

1;
