# CloudFlux::CloudLoop: the kill loop of KillLoop.pm between real servers and a directory.
#
#	CloudFlux::CloudLoop->new(flavour => 'test', cycles => 16, places => [ qw(local s3 azure gcs) ])->run;
#
# Objects go round: from each place of the list to the next one, from the last to the first, so that a list of four are four
# pairs. With scatter => 1 each goes to any other place of the list instead. The places are of versitygw (s3), Azurite
# (azure), the scripted peer of GCS (gcs; no other server of GCS honours generations), SeaweedFS (weed) and a directory (local);
# a name that ends in _two is another bucket, or folder, of the same. Herds:
#
#	d/		large objects (64 MiB) at each place, some of parts, many small ones: moved with delete_source, again and again
#	steered/	cancelled in the middle, or rolled back in their grace period
#	blocked/	their address at the next place is taken by somebody else's object, which nobody may touch
#	foreign/	nobody's business
#
# What lies at a server is asked of it without cloudflux (servers_api.py).
package CloudFlux::CloudLoop;
use CloudFlux::KillLoop;
use CloudFlux::Servers;
use CloudFlux::Test;
use Digest::SHA qw(sha256_hex);

our @ISA = ('CloudFlux::KillLoop');
my $MB = 1024 * 1024;
my %program = (s3 => 'versitygw', azure => 'azurite', gcs => 'peer-gcs', weed => 'seaweedfs');

sub new
{
	my ($class, %how) = @_;
	my $self = CloudFlux::KillLoop::new($class, %how, name => 'clouds');
	@$self{qw(places scatter submitted)} = ($how{places}, $how{scatter}, 0);
	return $self;
}

# Those of the file driver alone belong to the loop of directories; a move does not change a class in place.
sub passed_points { return grep { /^(migration|remote)_/ && $_ ne 'remote_class_changed' } CloudFlux::KillLoop::fault_points() }
# What is somebody else's stays unknown, or nothing would be sent to its address.
sub importable { my ($self) = @_; return map { "'$_', 'd'" } @{ $self->{places} } }
sub patience { return 300 }
sub slowness { return 2 }

sub kind { my ($place) = @_; return $place =~ s/_two$//r }
sub bucket { my ($place) = @_; return $place =~ /_two$/ ? 'objects-two' : 'objects' }
sub after { my ($self, $i) = @_; return $self->{places}[ ($i + 1) % @{ $self->{places} } ] }

# next_of is the SQL of where an object goes next.
sub next_of
{
	my ($self, $column) = @_;
	my @places = @{ $self->{places} };
	return "(SELECT p FROM unnest(ARRAY['" . join("', '", @places) . "']) p WHERE p <> $column ORDER BY random() + length($column) * 0 LIMIT 1)" if $self->{scatter};
	return "CASE $column " . join(' ', map { "WHEN '$places[$_]' THEN '" . $self->after($_) . "'" } 0 .. $#places) . ' END';
}

sub put
{
	my ($self, $place, $key, $bytes) = @_;
	if (kind($place) eq 'local') { $self->{c}->write("$place/$key", $bytes) }
	else { $self->{server}{ kind($place) }->write($key, $bytes, bucket($place)) }
}

sub digest
{
	my ($self, $place, $key) = @_;
	return $self->{server}{ kind($place) }->digest($key, bucket($place)) if kind($place) ne 'local';
	my $path = "$self->{root}{$place}/$key";
	return -e $path ? Digest::SHA->new(256)->addfile($path, 'b')->hexdigest : undef;
}

sub keys_of
{
	my ($self, $place) = @_;
	return $self->{server}{ kind($place) }->list(bucket($place)) if kind($place) ne 'local';
	my $root = $self->{root}{$place};
	my @found;
	File::Find::find({ no_chdir => 1, wanted => sub { push @found, substr $_, length($root) + 1 if -f $_ } }, $root);
	return @found;
}

# bytes makes printable ones (the peer takes text), cheaply: no two stretches of 64 KiB alike.
my $block = join '', map { chr(33 + int rand 90) } 1 .. 65536;
sub bytes
{
	my ($size) = @_;
	my $salt = int rand 1e9;
	return substr join('', map { sprintf('%010d.%09d/', $_, $salt) . substr $block, 21 } 0 .. $size / 65536), 0, $size;
}

sub populate
{
	my ($self) = @_;
	my $c = $self->{c};
	my %kinds = map { kind($_) => 1 } @{ $self->{places} };
	open_clouds($c);
	$self->{server}{$_} = server($program{$_}) foreach grep { $_ ne 'local' } sort keys %kinds;
	my $i = 0;
	my @wanted;
	foreach my $place (@{ $self->{places} })
	{
		if (kind($place) eq 'local')
		{
			$self->{root}{$place} = $c->place($place);
			$c->sql("SELECT cloudflux.add_storage('$place', 'LOCAL', '$self->{root}{$place}')");
		}
		else { $self->{server}{ kind($place) }->place($c, $place, bucket => bucket($place)) }
		# Deletes are refused where nobody has proven that the store honours their condition.
		$c->sql("SELECT count(*) FROM cloudflux.check_storage('$place')");
		my @sizes = (64 * $MB, 18 * $MB + int rand $MB, 0, map { int rand 20_000 } 1 .. 8);
		push @wanted, map { [ $place, sprintf('d%d/o%04d.bin', $_ % 3, $i++), $sizes[$_] ] } 0 .. $#sizes;
		push @wanted, [ $place, "steered/$place", 18 * $MB ];
		push @wanted, map { [ $place, "blocked/$place-$_", $_ ? 9 * $MB : 100 ] } 0, 1;
	}
	foreach (@wanted)
	{
		my ($place, $key, $size) = @$_;
		my $bytes = bytes($size);
		$self->put($place, $key, $bytes);
		$self->{sha}{$key} = sha256_hex($bytes);
		$self->{bytes} += $size;
	}
	$c->sql("CALL cloudflux.import_inventory('$_')") foreach @{ $self->{places} };
	# Whatever the catalog does not know is somebody else's.
	foreach my $p (0 .. $#{ $self->{places} })
	{
		my $place = $self->{places}[$p];
		my @theirs = map { "foreign/$_" } 1 .. 3;
		foreach my $from (grep { $_ ne $place } @{ $self->{places} })
		{
			push @theirs, "blocked/$from-0", "blocked/$from-1" if $self->{scatter} || $self->after_of($from) eq $place;
		}
		foreach my $key (@theirs)
		{
			my $bytes = bytes(3000);
			$self->put($place, $key, $bytes);
			$self->{foreign}{$place}{$key} = sha256_hex($bytes);
		}
	}
	$c->stop;
}

sub after_of
{
	my ($self, $place) = @_;
	my ($i) = grep { $self->{places}[$_] eq $place } 0 .. $#{ $self->{places} };
	return $self->after($i);
}

sub top_up
{
	my ($self) = @_;
	my $next = $self->next_of('o.place');
	my ($code, $out, $err) = $self->{c}->psql(qq{
		SELECT count(cloudflux.migrate(f.file_id, f.dest, delete_source => true))
		  FROM (SELECT o.file_id, $next AS dest
				  FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
				 WHERE q.file_id IS NULL AND o.object_key !~ '^(steered|blocked|foreign)' ORDER BY random()) f;
		SELECT cloudflux.migrate(f.file_id, f.dest, delete_source => true, priority => 1) IS NULL
		  FROM (SELECT o.file_id, $next AS dest
				  FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
				 WHERE q.file_id IS NULL AND o.object_key LIKE 'blocked/' || o.place || '-%' ORDER BY random() LIMIT 1) f});
	ok(0, 'jobs can be submitted') || diag($err) if $code != 0 && $err !~ /terminat|connection|closed|shutting|starting|recovery|could not connect/;
	$self->{submitted} += $out =~ /(\d+)/ ? $1 : 0;
}

sub steered
{
	my ($self, $how) = @_;
	my $next = $self->next_of('o.place');
	return "SELECT cloudflux.migrate(f.file_id, f.dest, $how, priority => 10) FROM (SELECT o.file_id, $next AS dest
		FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
		WHERE q.file_id IS NULL AND o.object_key LIKE 'steered%' LIMIT 4) f";
}

# throttle outlives a crash: it is lifted when a cycle begins, too.
sub throttle
{
	my ($self, $slow) = @_;
	$self->{c}->psql('ALTER SYSTEM ' . ($slow ? q(SET cloudflux.migration_bandwidth = '8MB') : 'RESET cloudflux.migration_bandwidth'), timeout => 40);
	$self->{c}->psql('SELECT pg_reload_conf()', timeout => 40);
}

# settle also does what the hint of a job says that was in the hands of too many dying movers. Where every cycle kills, that
# can be anybody's fault; a job that fails again is a failure.
sub settle
{
	my ($self) = @_;
	my $good = $self->SUPER::settle;
	my @tired = split /\n/, $self->{c}->sql(q{SELECT job_id FROM (SELECT job_id, cloudflux.retry_migration(job_id) AS phase
		FROM cloudflux.migration_jobs WHERE status = 'failed' AND error_message LIKE '%movers died or lost their lease%') j WHERE phase IS NOT NULL});
	return $good if !@tired;
	diag(@tired . ' jobs had lost too many movers, and are tried again');
	push @{ $self->{tried_again} }, @tired;
	return $self->SUPER::settle;
}

# verify asks every store what it holds, and holds that against the catalog and against what was put there.
sub verify
{
	my ($self, $when) = @_;
	my ($c, %at, @wrong) = ($self->{c});
	diag("$self->{submitted} jobs submitted so far");
	diag($_) foreach split /\n/, $c->sql("SELECT source_place, dest_place, status, count(*), pg_size_pretty(sum(bytes_copied)), string_agg(DISTINCT verified, ' ') FROM cloudflux.migration_jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
	foreach (split /\n/, $c->sql(q{SELECT a.place, a.object_key, o.size_bytes, encode(o.sha256, 'hex') FROM cloudflux.data_objects o JOIN cloudflux.addresses a USING (file_id)
		WHERE o.object_key !~ '^foreign/'}))
	{
		my ($place, $key, $size, $sha) = split /\|/, $_, -1;
		$at{$place}{$key} = $sha;
	}
	my $known = 0;
	foreach my $place (@{ $self->{places} })
	{
		my %there = map { $_ => 1 } $self->keys_of($place);
		foreach my $key (sort keys %there)
		{
			my $real = $self->digest($place, $key) // 'none';
			if (my $theirs = $self->{foreign}{$place}{$key})
			{
				push @wrong, "$place: somebody else's object $key was touched" if $real ne $theirs;
				next;
			}
			push @wrong, "$place: $key is not in the catalog" if !exists $at{$place}{$key};
			push @wrong, "$place: $key does not have its bytes" if $real ne ($self->{sha}{$key} // '');
			push @wrong, "$place: the catalog's SHA-256 of $key is wrong" if ($at{$place}{$key} // '') !~ /^(|$real)$/;
			$known++ if delete $at{$place}{$key};
		}
		push @wrong, map { "$place: somebody else's $_ is gone" } grep { !$there{$_} } sort keys %{ $self->{foreign}{$place} };
		push @wrong, map { "$place: $_ is missing" } sort keys %{ $at{$place} };
	}
	is_deeply(\@wrong, [], "$when: every object is where the catalog says, once, with its bytes; nothing else is there, and what is others' is untouched");
	# An import made rows of what is somebody else's: rows alone.
	is($c->value("SELECT count(*) FROM cloudflux.data_objects o WHERE o.object_key !~ '^foreign/'"
		. ' AND (o.place, o.object_key) NOT IN (' . join(', ', map { my $p = $_; map { "('$p', '$_')" } keys %{ $self->{foreign}{$p} } } @{ $self->{places} }) . ')'),
		scalar keys %{ $self->{sha} }, "$when: every object is in the catalog, once");
	$self->none(q{SELECT source_place, dest_place, source_key, status, error_message FROM cloudflux.migration_jobs
		 WHERE status NOT IN ('completed', 'cancelled', 'rolled_back') AND NOT (source_key LIKE 'blocked/%' AND error_sqlstate = '42710')}, "$when: no job failed but those whose place is taken");
	$self->none(q{SELECT source_place, dest_place, source_key, status, phase, source_kept FROM cloudflux.migration_jobs j
		 WHERE j.source_key LIKE 'd%' AND (j.status <> 'completed' OR j.phase <> 'done') OR j.source_kept IS NOT NULL}, "$when: every job that nobody meddled with completed, and every source that was to go is gone");
	$self->verify_catalog($when);
	# Parts may arrive after their upload was aborted; nobody is left to finish what the sweep finds.
	my $left = 0;
	foreach my $place (@{ $self->{places} })
	{
		$left += () = split /\n/, $c->sql("SELECT cloudflux.abort_upload('$place', u.handle) FROM cloudflux.stale_uploads('$place', '0') AS u");
		is($c->value("SELECT count(*) FROM cloudflux.stale_uploads('$place', '0')"), 0, "$when: no upload is left at $place that the sweep cannot remove");
	}
	diag("$left uploads were left for the sweep");
}

1;
