# CloudFlux::KillLoop: objects move between two places while their server dies again and again.
#
#	my $loop = CloudFlux::KillLoop->new(flavour => 'test', cycles => 30);
#				# setting => { name => value } adds to the server's configuration
#	$loop->run;			# populate, kill, recover, …; then every promise of docs/migration.md is checked
#
# 1,000 objects of 0 B to 64 MiB, log-uniform up to a constant, 1 GiB in all, go back and forth with delete_source. Small
# herds beside them go the other ways: `steered` is cancelled in the middle and rolled back in its grace period, `copied` gets
# replicas that are deleted or rolled back to, `gone` is deleted bit by bit.
# A cycle starts the server (crash recovery), tops the queue up, and ends it in one of these ways:
#	point		a mover, or whoever imports, kills itself at the n-th time that it comes to a named fault point (test builds); the
#			postmaster takes the others down and, restart_after_crash being off, goes too
#	all		SIGKILL to the postmaster and all its children at a random moment
#	postmaster	SIGKILL to the postmaster alone: its children have to notice
#	mover		SIGKILL to one mover
# In every other cycle that ends at a random moment, inventories are imported meanwhile.
# The fault points are read from the sources: a new one joins by itself, and the test fails if it was never reached. Those called
# remote_* are passed by places that are reached over the network only, those called events_* by the publisher (EventLoop.pm), ingest_* by the ingester.
#
# CF_SEED repeats a run as far as the scheduler allows; CF_KILL_CYCLES sets the number of cycles, CF_KILL_OBJECTS
# and CF_KILL_MB the herd (for those who work on this file).
package CloudFlux::KillLoop;
use CloudFlux::Test;
use Cwd qw(abs_path);
use Digest::SHA;
use File::Basename;
use File::Find;
use File::Path qw(make_path);
use Time::HiRes qw(time sleep);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $MB = 1024 * 1024;
my $LARGEST = 64 * $MB;
# What is needed to get to a point, beside moves.
my %way = (migration_cleaned => 'cancel', migration_pointed_back => 'roll back');
sub way { my ($point) = @_; return $way{$point} // ($point =~ /^catalog_/ ? 'import' : '') }

sub new
{
	my ($class, %how) = @_;
	my $seed = $ENV{CF_SEED} // time ^ $$ << 8;
	$seed &= 0x7fffffff;
	srand $seed;
	diag("seed $seed (CF_SEED repeats it)");
	my $self = bless {
		seed => $seed, name => $how{name}, setting => $how{setting} // {}, flavour => $how{flavour}, cycles => $ENV{CF_KILL_CYCLES} // $how{cycles},
		count => $ENV{CF_KILL_OBJECTS} // 1000, total => ($ENV{CF_KILL_MB} // 1024) * $MB,
		reached => {}, ends => {}, sha => {}, tried_again => [],
	}, $class;
	$self->{points} = [ $how{flavour} eq 'test' ? $self->passed_points : () ];
	return $self;
}

# What a loop between other places does otherwise (CloudLoop.pm): the fault points that its objects pass, the
# inventories that are imported meanwhile, how long all that waits may take at the end, where the steered go, what slows them.
sub passed_points { return grep { !/^(remote|events|ingest)_/ } fault_points() }
sub importable { return ("'a'", "'b'") }
sub patience { return 120 }
sub slowness { return 1 }

# move_points lists those that a plain move with delete_source passes.
sub move_points { return grep { /^(migration|storage)_/ && !way($_) } fault_points() }

# fault_points lists the names that stand in CF_FAULT("…") and TRIP("…") of all sources.
sub fault_points
{
	my %found;
	find({ no_chdir => 1, wanted => sub {
		return unless /\.c$/;
		open my $in, '<', $_ or die "$_: $!";
		while (my $line = <$in>) { $found{$1}++ while $line =~ /\b(?:CF_FAULT|TRIP)\s*\(\s*"(\w+)"/g }
	} }, "$top/src");
	return sort keys %found;
}

sub run
{
	my ($self) = @_;
	my $begin = time;
	my $c = $self->{c} = cluster(($self->{name} // 'kill') . "_$self->{flavour}", { flavour => $self->{flavour} },
		restart_after_crash => 'off', fsync => 'off', log_checkpoints => 'off', max_wal_size => '512MB',
		'cloudflux.migration_workers' => 2, 'cloudflux.migration_lease_sec' => 5,
		'cloudflux.migration_part_size' => '1MB', 'cloudflux.migration_retry_delay' => '50ms',
		'cloudflux.migration_batch' => 64, %{ $self->{setting} });
	$self->populate;
	diag(sprintf '%d objects, %.1f MB, made in %.1f s', scalar keys %{ $self->{sha} }, $self->{bytes} / $MB, time - $begin);
	$begin = time;
	my @todo = $self->schedule;
	my $cycle = 0;
	while (@todo)
	{
		my $end = shift @todo;
		my $reached = $self->cycle($end);
		$cycle++;
		# A point that no cycle has come to yet is tried again, at its first hit.
		push @todo, { %$end, at => 1, tries => ($end->{tries} // 0) + 1 }
		  if !$reached && !$self->{reached}{ $end->{point} } && ($end->{tries} // 0) < 3;
		if ($cycle % 50 == 0 && @todo)
		{
			$c->start;
			$self->settle or last;
			$self->verify("after $cycle cycles");
			$c->stop('immediate');
		}
	}
	my $seconds = time - $begin;
	diag(sprintf '%d cycles in %.0f s (%s)', $cycle, $seconds, join ', ', map { "$self->{ends}{$_} $_" } sort keys %{ $self->{ends} });
	cmp_ok($cycle, '>=', $self->{cycles}, 'as many cycles as were asked for');
	is_deeply([ grep { !$self->{reached}{$_} } @{ $self->{points} } ], [], 'every fault point killed a process') if @{ $self->{points} };
	$c->start;
	$self->verify('at the end') if $self->settle;
	$c->stop;
}

# schedule gives every point its cycle, fills up with points and random moments, and shuffles.
sub schedule
{
	my ($self) = @_;
	my @ends = map { { point => $_, at => 1 + int rand 4 } } @{ $self->{points} };
	while (@ends < $self->{cycles})
	{
		my @points = @{ $self->{points} };
		push @ends, @points && rand() < 0.3 ? { point => $points[ rand @points ], at => 1 + int rand 30 }
		  : { kind => (qw(all all postmaster mover))[ rand 4 ], after => 0.2 + rand 2 };
	}
	for (my $i = $#ends; $i > 0; $i--) { my $j = int rand($i + 1); @ends[ $i, $j ] = @ends[ $j, $i ] }
	return @ends;
}

# populate makes the objects, their places and their rows; contents are slices of one random block behind their number.
sub populate
{
	my ($self) = @_;
	my $c = $self->{c};
	my @sizes = sizes($self->{count}, $self->{total});
	open my $random, '<:raw', '/dev/urandom' or die $!;
	read $random, my $block, 8 * $MB;
	$self->{root}{$_} = $c->place($_) foreach qw(a b);
	my (@rows, @who);
	@who = getpwnam('postgres') if $> == 0;
	my @herds = ((map { [ ('d', 'deep/er/d', 'x y/é')[ rand 3 ], $_ ] } @sizes), (map { [ steered => 3 * $MB ] } 1 .. 12),
		(map { [ copied => int rand 2 * $MB ] } 1 .. 12), map { [ gone => int rand 10000 ] } 1 .. 10 * $self->{cycles});
	for my $i (0 .. $#herds)
	{
		my ($herd, $size) = @{ $herds[$i] };
		my $place = (qw(a b))[ rand 2 ];
		my $key = sprintf '%s%02d/o%04d.bin', $herd, $i % 40, $i;
		make_path("$self->{root}{$place}/" . dirname($key), @who ? { owner => 'postgres', group => 'postgres' } : ());
		open my $out, '>:raw', "$self->{root}{$place}/$key" or die "$key: $!";
		my $digest = Digest::SHA->new(256);
		my $left = $size;
		my $bytes = substr(sprintf("object %d of seed %d\n", $i, $self->{seed}), 0, $left);
		while ($left > 0)
		{
			print $out $bytes or die "$key: $!";
			$digest->add($bytes);
			$left -= length $bytes;
			my $at = int rand(4 * $MB);
			$bytes = substr $block, $at, $left < 4 * $MB ? $left : 4 * $MB;
		}
		close $out or die "$key: $!";
		chown @who[ 2, 3 ], "$self->{root}{$place}/$key" if @who;
		$self->{sha}{$key} = $digest->hexdigest;
		$self->{bytes} += $size;
		push @rows, "('$place', '$key', $size)";
	}
	$c->sql("SELECT cloudflux.add_storage('$_', 'LOCAL', '$self->{root}{$_}')") foreach qw(a b);
	$c->sql('INSERT INTO cloudflux.data_objects (place, object_key, size_bytes) VALUES ' . join ', ', @rows);
	$c->stop;
}

# sizes gives count sizes from 0 to 64 MiB whose logarithms are spread evenly, curved so that they add up to total.
sub sizes
{
	my ($count, $total) = @_;
	my ($low, $high) = (0.05, 20);
	my @sizes;
	for (1 .. 60)
	{
		my ($curve, $sum) = (($low + $high) / 2, 0);
		@sizes = map { int(($LARGEST + 1)**(($_ / ($count - 1))**$curve)) - 1 } 0 .. $count - 1;
		$sum += $_ foreach @sizes;
		if ($sum > $total) { $low = $curve } else { $high = $curve }
	}
	return @sizes;
}

# cycle starts the server, gives it work, and ends it; false when the fault point was not reached.
sub cycle
{
	my ($self, $end) = @_;
	my $c = $self->{c};
	my $reached = 1;
	$c->start;
	my $log = $c->log_size;
	$self->throttle(0);
	my $way = defined $end->{point} ? way($end->{point}) : '';
	$self->top_up;
	if (defined $end->{point})
	{
		$c->arm("$end->{point}:" . ($way ? 1 : $end->{at}) . ':kill');
		my @all = $c->processes;
		$self->steer($way) if $way;
		push @all, $c->processes;
		$reached = $c->gone(($end->{at} > 1 ? 4 : 10) * $self->slowness, @all);
		$self->{ends}{ $reached ? 'at a point' : 'missed a point' }++;
		if ($reached)
		{
			like($c->log_since($log), qr/(cloudflux mover|server process).* was terminated by signal 9/, "a process died at $end->{point}")
			  unless $self->{reached}{ $end->{point} }++;
			$c->buried;
		}
		else { $c->kill9 }
		return $reached;
	}
	# Every other time somebody imports what the movers are moving.
	my $import = rand() < 0.5 ? $c->session : undef;
	$import->send(join "\n;\n", map { "CALL cloudflux.import_inventory($_)" } $self->importable) if $import;
	sleep $end->{after};
	my @all = $c->processes;
	$self->{ends}{ $end->{kind} }++;
	if ($end->{kind} eq 'postmaster')
	{
		kill 'KILL', $all[0];
		ok($c->gone(10, @all), 'children follow their postmaster') or $c->kill9;
		$c->buried;
	}
	elsif ($end->{kind} eq 'mover' && (my @movers = $self->movers))
	{
		kill 'KILL', $movers[ rand @movers ];
		ok($c->gone(20, @all), 'the server ends after the death of a mover') or $c->kill9;
		$c->buried;
	}
	else { $c->kill9 }
	return 1;
}

sub movers
{
	my ($self) = @_;
	return grep { ($self->{c}->_slurp("/proc/$_/cmdline") // '') =~ /cloudflux mover/ } $self->{c}->processes;
}

# top_up sends objects that rest to the other place, so that there is always work.
sub top_up
{
	my ($self) = @_;
	my ($code, $out, $err) = $self->{c}->psql(q{
		SELECT count(*) FROM (SELECT o.place, array_agg(o.file_id ORDER BY random()) AS ids
			FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
			WHERE q.file_id IS NULL AND o.object_key !~ '^(steered|copied|gone)' GROUP BY o.place) i,
			LATERAL cloudflux.migrate_bulk(i.ids, CASE i.place WHEN 'a' THEN 'b' ELSE 'a' END, delete_source => true) j
		 WHERE (SELECT count(*) FROM cloudflux.job_queue) < 600;
		SELECT CASE WHEN r.file_id IS NULL THEN cloudflux.migrate(o.file_id, CASE o.place WHEN 'a' THEN 'b' ELSE 'a' END, priority => 1)
			WHEN random() < 0.5 OR j.job_id IS NULL THEN cloudflux.delete_replica(o.file_id, r.place)
			ELSE cloudflux.rollback_migration(j.job_id) END IS NULL
		  FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
		  LEFT JOIN cloudflux.addresses r ON r.file_id = o.file_id AND r.state = 'replica'
		  LEFT JOIN LATERAL (SELECT m.job_id FROM cloudflux.migration_jobs m WHERE m.file_id = o.file_id AND m.kind = 'move' AND m.status = 'completed'
			AND m.dest_place = o.place ORDER BY m.id DESC LIMIT 1) j ON true
		 WHERE q.file_id IS NULL AND o.object_key LIKE 'copied%' ORDER BY random() LIMIT 4;
		SELECT cloudflux.delete_object(o.file_id) IS NULL FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
		 WHERE q.file_id IS NULL AND o.object_key LIKE 'gone%' ORDER BY random() LIMIT 10;});
	# The server may die while we ask; nothing else may go wrong.
	ok(0, 'jobs can be submitted') || diag($err) if $code != 0 && $err !~ /terminat|connection|closed|shutting|starting|recovery|could not connect/;
	$self->{submitted} += $out =~ /(\d+)/ ? $1 : 0;
}

# steer brings the small herd to the points of cancelling and of rolling back. Jobs of it that a crash interrupted go on by themselves.
sub steer
{
	my ($self, $way) = @_;
	my $c = $self->{c};
	my @quiet = (timeout => 20 * $self->slowness);
	if ($way eq 'import')
	{
		eval { $c->psql("CALL cloudflux.import_inventory($_)", @quiet) } foreach $self->importable;
		return;
	}
	if ($way eq 'cancel')
	{
		$self->throttle(1);
		$c->psql($self->steered('delete_source => true'), @quiet);
		$c->poll("SELECT count(*) > 0 FROM cloudflux.migration_progress WHERE phase = 'copying' AND priority = 10 AND bytes_done > 0", 10 * $self->slowness);
		$self->throttle(0);
		$c->psql("SELECT cloudflux.cancel_migration(job_id) FROM cloudflux.job_queue WHERE priority = 10 AND phase IN ('pending', 'copying')", @quiet);
		return;
	}
	$c->psql($self->steered("delete_source => true, grace => '1 hour'"), @quiet);
	$c->poll("SELECT count(*) > 0 FROM cloudflux.job_queue WHERE phase = 'grace'", 10 * $self->slowness);
	$c->psql("SELECT cloudflux.rollback_migration(job_id) FROM cloudflux.job_queue WHERE phase = 'grace'", @quiet);
}

# steered is the statement that sends some of the small herd on their way.
sub steered
{
	my ($self, $how) = @_;
	return qq{SELECT cloudflux.migrate(o.file_id, CASE o.place WHEN 'a' THEN 'b' ELSE 'a' END, $how, priority => 10)
		FROM cloudflux.data_objects o LEFT JOIN cloudflux.job_queue q USING (file_id)
		WHERE q.file_id IS NULL AND o.object_key LIKE 'steered%' LIMIT 4};
}

# throttle slows place a down or lets it go. It is durable where commits are not: a limit that outlived its cycle would strand the jobs.
sub throttle
{
	my ($self, $slow) = @_;
	my $sql = sprintf q{ALTER SERVER a OPTIONS (%s)}, $slow ? q{ADD bandwidth_limit '2000000'} : 'DROP bandwidth_limit';
	my $has = $slow ? 'NOT' : '';
	$self->{c}->psql(qq{SET synchronous_commit = on; DO \$\$ BEGIN
		IF $has EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'a' AND srvoptions::text LIKE '%bandwidth_limit%') THEN $sql; END IF; END \$\$}, timeout => 20);
}

# settle lets the movers finish, without faults; it is a test that they do.
sub settle
{
	my ($self) = @_;
	my $c = $self->{c};
	$self->throttle(0);
	# What comes to its grace period, now or later, is rolled back: nothing has to wait for an hour.
	my $good = $c->poll(q{WITH back AS MATERIALIZED (SELECT cloudflux.rollback_migration(job_id) FROM cloudflux.job_queue WHERE phase = 'grace')
		SELECT (SELECT count(*) FROM back) = 0 AND NOT EXISTS (SELECT FROM cloudflux.job_queue)}, $self->patience);
	ok($good, 'no job is stranded: the queue is empty') or diag($c->sql('SELECT job_id, kind, phase, state, attempt, crashes, claimed_by, not_before, error_message FROM cloudflux.migration_progress LIMIT 20'));
	return $good;
}

sub empty
{
	my (undef, $folder) = @_;
	opendir my $dir, $folder or die "$folder: $!";
	return !grep { !/^\.\.?$/ } readdir $dir;
}

# none is a test that a query finds nothing.
sub none
{
	my ($self, $sql, $title) = @_;
	my $found = $self->{c}->sql("$sql LIMIT 10");
	is($found, '', $title);
}

# verify holds the catalog and the two directories against what was put there.
sub verify
{
	my ($self, $when) = @_;
	my ($c, %at, @wrong) = ($self->{c});
	diag("$self->{submitted} jobs submitted so far");
	diag($_) foreach split /\n/, $c->sql('SELECT kind, status, count(*) FROM cloudflux.migration_jobs GROUP BY 1, 2 ORDER BY 1, 2');
	# Deleted objects are gone; what has not been deleted yet of their herd is there.
	delete @{ $self->{sha} }{ split /\n/, $c->sql("SELECT source_key FROM cloudflux.migration_jobs WHERE kind = 'delete'") };
	is($c->value('SELECT count(*) FROM cloudflux.data_objects'), scalar keys %{ $self->{sha} }, "$when: every object is in the catalog, once");
	foreach (split /\n/, $c->sql(q{SELECT a.place, a.object_key, o.size_bytes, encode(o.sha256, 'hex') FROM cloudflux.data_objects o JOIN cloudflux.addresses a USING (file_id)}))
	{
		my ($place, $key, $size, $sha) = split /\|/, $_, -1;
		$at{"$self->{root}{$place}/$key"} = [ $key, $size, $sha ];
	}
	find({ no_chdir => 1, wanted => sub {
		my $path = $_;
		return if $path =~ m{^\Q$self->{root}{a}\E$|^\Q$self->{root}{b}\E$|/\.cloudflux(/uploads|/trash|/lost)?$};
		if (-d $path) { push @wrong, "$path is an empty folder" if $self->empty($path); return }
		my $row = delete $at{$path} or return push @wrong, "$path is not in the catalog (" . (-s $path) . ' bytes)';
		my ($key, $size, $sha) = @$row;
		my $real = Digest::SHA->new(256)->addfile($path, 'b')->hexdigest;
		push @wrong, "$path does not have its bytes" if $real ne ($self->{sha}{$key} // '');
		push @wrong, "$path: size or SHA-256 in the catalog is wrong" if -s $path != $size || $sha ne '' && $sha ne $real;
	} }, values %{ $self->{root} });
	push @wrong, map { "$_ is missing" } sort keys %at;
	is_deeply(\@wrong, [], "$when: every object is where the catalog says, once, with its bytes; nothing else is there");
	$self->none(q{SELECT file_id, status, error_message FROM cloudflux.migration_jobs WHERE status NOT IN ('completed', 'cancelled', 'rolled_back')}, "$when: no job failed");
	$self->none(q{SELECT j.status, j.phase FROM cloudflux.migration_jobs j WHERE j.source_key !~ '^(steered|copied)' AND (j.status <> 'completed' OR j.phase <> 'done') OR j.source_kept IS NOT NULL}, "$when: every job that nobody meddled with completed, and every source that was to go is gone");
	$self->verify_catalog($when);
}

# verify_catalog holds the tables against each other.
sub verify_catalog
{
	my ($self, $when) = @_;
	$self->none(q{SELECT a.file_id, a.place, a.state FROM cloudflux.data_objects o FULL JOIN cloudflux.addresses a USING (file_id)
		 WHERE a.state IS NULL OR o.file_id IS NULL OR CASE a.state WHEN 'primary' THEN (a.place, a.object_key) IS DISTINCT FROM (o.place, o.object_key)
			WHEN 'replica' THEN o.object_key NOT LIKE 'copied%' OR a.place = o.place ELSE true END}, "$when: an object's addresses are the primary one and the replica that was asked for");
	$self->none(q{SELECT file_id, count(*) FROM cloudflux.addresses WHERE state = 'primary' GROUP BY file_id HAVING count(*) <> 1}, "$when: one primary address per object");
	$self->none(q{SELECT a.file_id, a.place, a.state, v.role, v.version, a.version FROM cloudflux.addresses a FULL JOIN (SELECT * FROM cloudflux.object_versions WHERE valid_to IS NULL) v
			ON v.file_id = a.file_id AND v.place = a.place AND v.object_key = a.object_key
		 WHERE a.state IS DISTINCT FROM v.role OR v.version IS DISTINCT FROM a.version}, "$when: the open versions of an object are its addresses");
	$self->none(q{SELECT file_id, place, vanished_at FROM cloudflux.data_objects WHERE vanished_at IS NOT NULL}, "$when: no import took a moving object for vanished");
	$self->none(q{SELECT * FROM cloudflux.job_parts}, "$when: no checkpoint is left behind");
	$self->none(q{WITH told AS (SELECT e.data->>'job_id' AS job_id, e.event_type, count(*) AS n FROM cloudflux.events e WHERE e.topic = 'migration-events' GROUP BY 1, 2),
		wanted AS (SELECT j.job_id, w.event_type FROM cloudflux.migration_jobs j, LATERAL (VALUES ('migration.submitted'), ('migration.' || j.status),
			(CASE WHEN j.switched_at IS NOT NULL THEN 'migration.switched' END)) w(event_type) WHERE w.event_type IS NOT NULL)
		SELECT job_id, event_type, t.n FROM told t FULL JOIN wanted w USING (job_id, event_type)
		  LEFT JOIN cloudflux.migration_jobs j USING (job_id)
		 WHERE (t.n IS DISTINCT FROM 1 OR w.job_id IS NULL AND (j.status, event_type) IS DISTINCT FROM ('rolled_back', 'migration.completed'))
		   AND NOT (job_id = ANY (string_to_array('} . join(',', @{ $self->{tried_again} }) . q{', ',')) AND event_type IN ('migration.submitted', 'migration.failed') AND t.n <= 2)},
		"$when: each job told once that it was submitted, switched and ended");
	$self->none(q{SELECT j.job_id, j.status FROM cloudflux.migration_jobs j WHERE j.switched_at IS NULL AND j.status <> 'cancelled' AND j.kind = 'move' AND j.source_key NOT LIKE 'blocked/%' OR j.completed_at IS NULL}, "$when: ended jobs say when");
}

1;
