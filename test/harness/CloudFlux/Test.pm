# CloudFlux::Test: throw-away clusters for TAP tests, on top of test/harness/{tree,cluster}; core Perl and IPC::Run.
#
#	use CloudFlux::Test;				# brings Test::More, strict and warnings along
#	my $c = cluster('mover', 'cloudflux.migration_workers' => 4);	# initdb, start preloaded, CREATE EXTENSION in postgres
#	$c->sql('CREATE TABLE …');			# dies with the server's words on an error
#	is($c->value('SELECT count(*) …'), 3, 'title');	# one value; rows are lines, columns are joined by |
#	my $fast = $c->place('fast');			# an empty folder that the server may write: …/places/fast
#	$c->write('fast/a/b.txt', 'bytes');		# a file in it that the server owns; $c->read('fast/a/b.txt') gives the bytes
#	my $e = $c->error('SELECT 1/0');		# {sqlstate message detail hint}; undef when it worked
#	throws($c, 'SELECT 1/0', '22012', qr/zero/, 'title');
#	$c->poll("SELECT status = 'completed' FROM …", 60) or diag $c->log_tail;	# until it says t; false after the deadline
#	await { -e $file } 30, 'file appears';		# a test of its own; polls every 50 ms
#	my $s = $c->session(user => 'alice');		# a psql that stays: $s->query(sql) gives rows,
#	$s->send('SELECT pg_sleep(9)'); … $s->finish;	# send does not wait; finish gives what send's statement said
#	$s->pid; $s->quit;				# backend pid; end it
#	$c->kill9; $c->start;				# SIGKILL postmaster and all children, wait until they are gone; recover
#	$c->falls('POINT:1:kill', sub { … }, 'title');	# a fault kills a process, and the server with it (restart_after_crash off); $c->start
#	$c->stop('immediate'); $c->restart; $c->set('work_mem' => '8MB');	# set: ALTER SYSTEM + reload
#	my $s = $c->standby('standby');			# a streaming replica of it, started; $s->sql('SELECT pg_promote()')
#	$c->psql(sql, user =>, db =>)			# (exit code, stdout, stderr) and never dies
#	done_testing;
#
# cluster() options, before the settings, in a hash: { preload => 0, flavour => 'release', extension => 0, start => 0 }.
# Every wait has a deadline, nothing sleeps a fixed time. Clusters are stopped when the test ends; the folder of a failed
# test stays under CF_TMP with its server log. Databases other than postgres: pass db => 'name'.
package CloudFlux::Test;
use strict;
use warnings;
use Carp ();
use Exporter ();
use Cwd qw(abs_path);
use File::Basename;
use File::Path qw(make_path remove_tree);
use IPC::Run ();
use Test::More;
use Time::HiRes qw(time sleep);

our @ISA = ('Exporter');
our @EXPORT = (qw(cluster throws await), @Test::More::EXPORT);
my $harness = abs_path(dirname(__FILE__) . '/..');
my $tmp = $ENV{CF_TMP} // abs_path("$harness/../..") . '/build/tap';
my %living;
# A psql that ended before it read its input must not end the test without a word.
$SIG{PIPE} = sub { };

sub import
{
	strict->import;
	warnings->import;
	__PACKAGE__->export_to_level(1, @_);
}

# tree_of names the private server of a flavour; the runner made them, by hand they are made at first use.
sub tree_of
{
	my ($flavour) = @_;
	my $given = $flavour eq 'release' ? $ENV{CF_TREE_RELEASE} : $ENV{CF_TREE};
	return $given if defined $given;
	my $tree = abs_path("$harness/../..") . "/build/check/tree-$flavour";
	system("$harness/tree", $tree, $flavour) == 0 or die "could not make $tree";
	return $tree;
}

sub cluster
{
	my $name = shift;
	my %option = (preload => 1, flavour => 'test', extension => 1, start => 1, ref $_[0] ? %{ shift() } : ());
	my %setting = @_;
	my $script = basename($0, '.t');
	my $self = bless {
		name => $name,
		tree => tree_of($option{flavour}),
		dir => "$tmp/$script/$name",
		setting => { ($option{preload} ? (shared_preload_libraries => 'cloudflux') : ()), %setting },
	}, 'CloudFlux::Test::Cluster';
	make_path(dirname($self->{dir}));
	$self->_forget if -d $self->{dir};
	$living{ $self->{dir} } = $self;
	$self->start if $option{start};
	$self->sql('CREATE EXTENSION cloudflux') if $option{start} && $option{extension};
	return $self;
}

# throws is a test: sql fails with this SQLSTATE and, if given, a text (message, detail and hint) that matches.
sub throws
{
	my ($c, $sql, $sqlstate, $like, $title, %how) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $e = $c->error($sql, %how);
	return ok(0, $title) || diag('no error') unless $e;
	my $text = join "\n", grep { defined } @$e{qw(message detail hint)};
	my $good = $e->{sqlstate} eq $sqlstate && (!defined $like || $text =~ $like);
	ok($good, $title) or diag("got $e->{sqlstate}: $text\nwant $sqlstate " . ($like // ''));
	return $good;
}

# await is a test: the block becomes true before the deadline (seconds).
sub await(&$$)
{
	my ($block, $seconds, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $until = time + $seconds;
	my $good;
	sleep 0.05 until ($good = $block->()) || time > $until;
	return ok($good, $title);
}

END
{
	my $status = $?;
	foreach my $c (values %living)
	{
		eval { $c->stop('immediate') };
		$c->_forget if $status == 0 && Test::More->builder->is_passing && !$ENV{CF_KEEP};
	}
	$? = $status;
}

package CloudFlux::Test::Cluster;
use strict;
use warnings;
use File::Basename;
use File::Path qw(make_path remove_tree);
use Time::HiRes qw(time sleep);

sub _call
{
	my ($self, @args) = @_;
	my ($verb, @rest) = @args;
	my $out = '';
	my $ok = IPC::Run::run([ "$harness/cluster", $verb, $self->{tree}, $self->{dir}, @rest ],
		'<', \undef, '>', \$out, '2>', \my $err);
	die "cluster $verb: $err" unless $ok;
	return $out;
}

# _environment learns once where the server listens and where its files are.
sub _environment
{
	my ($self) = @_;
	return $self->{env} if $self->{env};
	my %env;
	foreach (split /\s+/, $self->_call('env'))
	{
		$env{$1} = $2 if /^([A-Z_]+)='?([^':]*)'?/;
	}
	return $self->{env} = \%env;
}

sub start
{
	my ($self) = @_;
	$self->_call('start', map { "$_=$self->{setting}{$_}" } sort keys %{ $self->{setting} });
	$self->_environment;
}

sub stop
{
	my ($self, $mode) = @_;
	$self->_call('stop', $mode // 'fast') if -d $self->{dir};
}

sub restart
{
	my ($self, %setting) = @_;
	$self->stop;
	$self->{setting} = { %{ $self->{setting} }, %setting };
	$self->start;
}

# set changes settings of the running server and waits until a new session sees the last of them.
sub set
{
	my ($self, %setting) = @_;
	$self->sql("ALTER SYSTEM SET $_ = '$setting{$_}'") foreach sort keys %setting;
	$self->sql('SELECT pg_catalog.pg_reload_conf()');
}

# standby makes another cluster out of a base backup, which follows this one. It has the same settings unless told otherwise.
sub standby
{
	my ($self, $name, %setting) = @_;
	my $s = CloudFlux::Test::cluster($name, { start => 0, preload => 0 }, %{ $self->{setting} }, %setting);
	$s->_environment;
	my (undef, undef, $uid, $gid) = getpwnam('postgres');
	chown $uid, $gid, dirname($s->data) if $> == 0;
	my @as = $> == 0 ? qw(setpriv --reuid=postgres --regid=postgres --init-groups) : ();
	my ($out, $err) = ('', '');
	IPC::Run::run([ @as, $self->bin . '/pg_basebackup', '-h', $self->socket, '-U', 'postgres', '-D', $s->data, '-R', '-c', 'fast' ], '<', \undef, '>', \$out, '2>', \$err)
		or die "pg_basebackup: $err";
	open my $conf, '>>', $s->data . '/postgresql.conf' or die $!;
	print $conf "unix_socket_directories = '" . $s->socket . "'\n";
	close $conf;
	$s->start;
	return $s;
}

# top is the checkout.
sub top { return Cwd::abs_path("$harness/../..") }
sub data { return $_[0]->_environment->{PGDATA} }
sub socket { return $_[0]->_environment->{PGHOST} }
sub bin { my ($b) = grep { -x "$_/psql" } glob "$_[0]{tree}/usr/lib/postgresql/*/bin"; return $b }
sub postmaster_pid { my $p = $_[0]->_slurp($_[0]->data . '/postmaster.pid'); return $p =~ /^(\d+)/ ? $1 : undef }

# kill9 is a power cut for the processes: SIGKILL to the postmaster, then to all its children, and waits for their end.
sub kill9
{
	my ($self) = @_;
	my $postmaster = $self->postmaster_pid or die 'not running';
	kill 'STOP', $postmaster;
	my @all = $self->processes;
	kill 'KILL', @all;
	die 'server processes survive SIGKILL' unless $self->gone(30, @all);
	$self->buried if -d "/proc/$postmaster";
}

# arm puts a fault in force until the next start, which writes that file anew; what ALTER SYSTEM sets would outlast the server's fall.
sub arm
{
	my ($self, $fault) = @_;
	open my $out, '>>', $self->data . '/cloudflux.conf' or die $!;
	print $out "cloudflux.fault = '$fault'\n";
	close $out;
	kill 'HUP', $self->postmaster_pid;
}

# falls is a test: with a fault that kills one of its processes, the server does not outlive what is done to it.
sub falls
{
	my ($self, $fault, $do, $title) = @_;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	$self->arm($fault);
	$self->poll("SELECT current_setting('cloudflux.fault') <> ''", 10);
	my @all = $self->processes;
	$do->();
	my $good = $self->gone(60, @all);
	$self->buried if $good;
	return Test::More::ok($good, $title);
}

sub processes { my ($self) = @_; my $pid = $self->postmaster_pid // return (); return ($pid, $self->_children($pid)) }

# gone waits for the end of processes; a zombie that nobody reaps has ended.
sub gone
{
	my ($self, $seconds, @pids) = @_;
	my $until = time + $seconds;
	while (grep { -d "/proc/$_" && $self->_slurp("/proc/$_/stat") =~ /^\d+ \(.*\) [^ZX]/ } @pids)
	{
		return 0 if time > $until;
		sleep 0.02;
	}
	return 1;
}

# buried removes what a dead postmaster left: where orphans are reaped late (a container's init) it is a zombie for a while, and its lock
# files would count.
sub buried
{
	my ($self) = @_;
	unlink $self->data . '/postmaster.pid', glob($self->socket . '/.s.PGSQL.*.lock');
}

sub _children
{
	my ($self, $parent) = @_;
	my @found;
	foreach my $stat (glob '/proc/[0-9]*/stat')
	{
		push @found, $1 if ($self->_slurp($stat) // '') =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $parent;
	}
	return @found;
}

sub _slurp
{
	my (undef, $path) = @_;
	open my $in, '<:raw', $path or return '';
	local $/;
	return scalar(<$in>) // '';
}

sub _psql_command
{
	my ($self, %how) = @_;
	my $env = $self->_environment;
	return ($self->bin . '/psql', '-XAtq', '-h', $env->{PGHOST}, '-p', $env->{PGPORT},
		'-U', $how{user} // 'postgres', '-d', $how{db} // 'postgres', '-v', "places=$env->{CF_PLACES}", @{ $how{options} // [] });
}

# psql runs sql in a session of its own; (exit code, stdout, stderr). timeout => seconds (180).
sub psql
{
	my ($self, $sql, %how) = @_;
	my ($out, $err) = ('', '');
	my @command = $self->_psql_command(%how, options => [ '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose', '-f', '-' ]);
	# A file, not a pipe: where nobody answers, psql ends without reading, and writing to it would end the test.
	open my $in, '+>', undef or die "temporary file: $!";
	binmode $in, ':utf8' if utf8::is_utf8($sql);
	print $in $sql;
	seek $in, 0, 0 or die "temporary file: $!";
	my $h = IPC::Run::start(\@command, '<', $in, '>', \$out, '2>', \$err, IPC::Run::timeout($how{timeout} // 180));
	eval { $h->finish; 1 } or do { my $why = $@; eval { $h->kill_kill }; die "psql: $why" };
	chomp $out;
	return ($h->full_result(0) >> 8, $out, $err);
}

sub sql
{
	my ($self, $sql, %how) = @_;
	my ($code, $out, $err) = $self->psql($sql, %how);
	Carp::confess("psql failed: $err\nstatement: $sql") if $code != 0;
	return $out;
}

*value = \&sql;

# error gives what the server said as {sqlstate, message, detail, hint}, or undef when sql worked.
sub error
{
	my ($self, $sql, %how) = @_;
	my ($code, $out, $err) = $self->psql($sql, %how);
	return undef if $code == 0;
	my %e = (sqlstate => '', message => $err);
	@e{qw(sqlstate message)} = ($1, $2) if $err =~ /(?:ERROR|FATAL):  ([0-9A-Z]{5}): (.*)/;
	$e{detail} = $1 if $err =~ /^DETAIL:  (.*)/m;
	$e{hint} = $1 if $err =~ /^HINT:  (.*)/m;
	return \%e;
}

# poll runs sql until it says want ("t"); false after seconds (30). An error while the server restarts counts as not yet.
sub poll
{
	my ($self, $sql, $seconds, $want, %how) = @_;
	my $until = time + ($seconds // 30);
	do
	{
		my ($code, $out) = $self->psql($sql, %how);
		return 1 if $code == 0 && $out eq ($want // 't');
		sleep 0.1;
	} while (time < $until);
	return 0;
}

# place makes an empty folder that the server owns and gives its path.
sub place
{
	my ($self, $name) = @_;
	my $path = $self->_environment->{CF_PLACES} . "/$name";
	make_path($path);
	$self->_give($path);
	return $path;
}

sub _give
{
	my ($self, $path) = @_;
	return if $> != 0;
	my (undef, undef, $uid, $gid) = getpwnam('postgres');
	chown $uid, $gid, $path;
}

# write makes a file under places/, folders included, owned by the server; read gives the bytes, undef if it is not there.
sub write
{
	my ($self, $name, $bytes) = @_;
	my $root = $self->_environment->{CF_PLACES};
	my $path = "$root/$name";
	my @new;
	for (my $d = dirname($path); !-d $d; $d = dirname($d)) { unshift @new, $d }
	foreach (@new) { mkdir $_ or die "$_: $!"; $self->_give($_) }
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $bytes;
	close $out or die "$path: $!";
	$self->_give($path);
	return $path;
}

sub read
{
	my ($self, $name) = @_;
	my $path = $self->_environment->{CF_PLACES} . "/$name";
	return -e $path ? $self->_slurp($path) : undef;
}

sub log_path { return dirname($_[0]->data) . '/log' }
sub log_size { return -s $_[0]->log_path }
sub log_since { return substr $_[0]->_slurp($_[0]->log_path), $_[1] // 0 }
sub log_tail { my @l = split /^/, $_[0]->log_since; return join '', @l > 40 ? @l[ -40 .. -1 ] : @l }

sub session
{
	my ($self, %how) = @_;
	my $s = bless { out => '', err => '', in => '', n => 0, timeout => $how{timeout} // 180 }, 'CloudFlux::Test::Session';
	$s->{run} = IPC::Run::start([ $self->_psql_command(%how, options => [ '-v', 'VERBOSITY=verbose', '-f', '-' ]) ],
		'<', \$s->{in}, '>', \$s->{out}, '2>', \$s->{err});
	$s->{pid} = $s->query('SELECT pg_catalog.pg_backend_pid()');
	return $s;
}

# _forget removes the folder of a cluster that is not needed any more.
sub _forget
{
	my ($self) = @_;
	my $where = "$self->{dir}/where";
	if (-f $where && $self->_slurp($where) =~ m{^(/\S+/cloudflux\.\w+)$}) { remove_tree($1) }
	remove_tree($self->{dir});
}

package CloudFlux::Test::Session;
use strict;
use warnings;
use Time::HiRes qw(time);

sub pid { return $_[0]{pid} }

# send gives a statement to the session and does not wait for it.
sub send
{
	my ($s, $sql) = @_;
	$s->{n}++;
	$s->{in} .= "$sql\n;\n\\echo =done $s->{n}=\n\\warn =done $s->{n}=\n";
	$s->{run}->pump_nb;
}

# finish waits for what send started: its rows; an error's text is in $s->{error} afterwards.
sub finish
{
	my ($s) = @_;
	my $mark = "=done $s->{n}=\n";
	my $until = time + $s->{timeout};
	until (index($s->{out}, $mark) >= 0 && index($s->{err}, $mark) >= 0)
	{
		die "session: no answer within $s->{timeout} s; it said $s->{out}$s->{err}" if time > $until;
		if (!$s->{run}->pumpable)
		{
			$s->{error} = $s->{err};
			die "session ended: $s->{err}";
		}
		eval { IPC::Run::pump($s->{run}); 1 } or $s->{run}->pump_nb;
	}
	my ($out, $err) = ($s->{out}, $s->{err});
	s/=done \d+=\n//g foreach $out, $err;
	$s->{out} = $s->{err} = '';
	chomp $out;
	$s->{error} = $err;
	return $out;
}

# query runs a statement to its end and dies if it fails; try_query gives undef instead, with the text in $s->{error}.
sub query
{
	my ($s, $sql) = @_;
	$s->send($sql);
	my $out = $s->finish;
	die "session: $s->{error}" if $s->{error} =~ /^(psql:<stdin>:\d+: )?(ERROR|FATAL):/m;
	return $out;
}

sub try_query
{
	my ($s, $sql) = @_;
	my $out = eval { $s->query($sql) };
	$s->{error} ||= $@ unless defined $out;
	return $out;
}

sub quit
{
	my ($s) = @_;
	$s->{in} .= "\\q\n";
	eval { $s->{run}->finish };
}

1;
