# What a plan says of a move between clouds is what the move does: which requests it sends, what the destination cannot hold, which
# class changes are made in place, and what goes on being billed.
use CloudFlux::Test;
use CloudFlux::Servers;

my $MiB = 1024 * 1024;
my $c = cluster('clouds', fsync => 'off', 'cloudflux.migration_workers' => 1, 'cloudflux.migration_attempts' => 1, 'cloudflux.migration_lease_sec' => 3600);
open_clouds($c);
my %server = map { $_ => server("peer-$_") } qw(s3 azure gcs);
my %region = (s3 => 'us-east-1', azure => 'eastus', gcs => 'us-central1');
my %class = (s3 => 'STANDARD', azure => 'HOT_LRS', gcs => 'STANDARD');
foreach my $kind (sort keys %server)
{
	my %options = (price_region => $region{$kind}, storage_class => $class{$kind});
	$server{$kind}->place($c, $kind, options => \%options);
	$server{$kind}->place($c, "${kind}_two", bucket => 'objects-two', options => \%options);
	foreach my $place ($kind, "${kind}_two") { note($c->sql("SELECT '$place', check_name, ok, detail FROM cloudflux.check_storage('$place')")) }
}

# requests counts what was sent since the last call, by place and verb. Tokens are nobody's bill; DELETE is free everywhere.
sub requests
{
	$c->sql('SELECT cloudflux.flush_request_metrics()');
	my $rows = $c->sql("DELETE FROM cloudflux.request_metrics WHERE verb !~* 'token|delete' RETURNING place || ' ' || verb, requests");
	$c->sql('DELETE FROM cloudflux.request_metrics');
	my %sent;
	foreach (split /\n/, $rows) { my ($what, $n) = split /\|/; $sent{$what} += $n }
	return %sent;
}

sub settle { my ($plan) = @_; $c->poll("SELECT live = 0 FROM cloudflux.migration_plans WHERE plan_id = $plan", 120) or diag($c->log_tail) }

foreach my $size (10, 20 * $MiB)
{
	foreach my $from (sort keys %server)
	{
		foreach my $to (sort keys %server)
		{
			my $dest = $from eq $to ? "${to}_two" : $to;
			my $key = "$size-$from-$to";
			$server{$from}->write($key, 'x' x $size);
			$c->sql("CALL cloudflux.import_inventory('$from', '$key')");
			my $plan = $c->value("SELECT cloudflux.plan_migration('$dest', prefix => '$key', must_pay => false, look => false)");
			my ($route, $planned) = split /\|/, $c->sql("SELECT route, requests FROM cloudflux.plan_items WHERE plan_id = $plan");
			is($route, $from eq $to ? 'by the store' : 'through the server', "$from to $dest: who copies");
			requests();
			$c->sql("SELECT cloudflux.execute_plan($plan)");
			settle($plan);
			is($c->sql("SELECT status, error_message FROM cloudflux.migration_jobs WHERE plan_id = $plan"), 'completed|', "$from to $dest: $size bytes arrive");
			my %sent = requests();
			my $sent = 0;
			$sent += $_ foreach values %sent;
			is($sent, $planned, "$from to $dest: $size bytes take the requests that the plan said") or diag(explain(\%sent));
		}
	}
}

# A change of class is planned where the object lies. On S3 it is a copy of the object onto itself.
foreach my $kind (sort keys %server)
{
	my %cold = (s3 => 'STANDARD_IA', azure => 'Cool', gcs => 'NEARLINE');
	$c->sql("SELECT cloudflux.put_object('$kind', 'class', convert_to('some bytes', 'UTF8'))");
	my $plan = $c->value("SELECT cloudflux.plan_migration('$kind', 'WARM', source_place => '$kind', prefix => 'class', must_pay => false)");
	my ($route, $planned) = split /\|/, $c->sql("SELECT route, requests FROM cloudflux.plan_items WHERE plan_id = $plan");
	is($route, 'in place', "$kind: another class is a change in place");
	requests();
	$c->sql("SELECT cloudflux.execute_plan($plan)");
	settle($plan);
	is($c->sql("SELECT kind, status, error_message FROM cloudflux.migration_jobs WHERE plan_id = $plan"), 'change|completed|', "$kind: it is made");
	my %sent = requests();
	my $sent = 0;
	$sent += $_ foreach values %sent;
	is($sent, $planned, "$kind: with the requests that the plan said") or diag(explain(\%sent));
	is($c->value("SELECT storage_class FROM cloudflux.data_objects WHERE place = '$kind' AND object_key = 'class'"), $cold{$kind}, "$kind: the catalogue has the store's name of the class");
	is($c->value("SELECT cloudflux.object_metadata(file_id) ->> 'storage_class' FROM cloudflux.data_objects WHERE place = '$kind' AND object_key = 'class'"), $cold{$kind}, "$kind: which the store tells");
	is($c->value("SELECT p.price_class IS NOT NULL AND cloudflux.object_monthly_cost(p.price_provider, p.price_region, p.price_class, 1000000000) > 0 FROM cloudflux.object_prices AS p JOIN cloudflux.data_objects AS o USING (file_id) WHERE o.place = '$kind' AND o.object_key = 'class'"),
		't', "$kind: and which has a price");
	is($c->value("SELECT count(*) FROM cloudflux.plan_items WHERE plan_id = cloudflux.plan_migration('$kind', 'WARM', source_place => '$kind', prefix => 'class', must_pay => false)"), 0, "$kind: what has the class already is not planned");
}

# What the destination cannot hold is in the plan, before anything moves.
$server{s3}->post('/_peer/object', { bucket => 'objects', key => 'tagged', text => 'bytes', tags => { project => 'one' } });
$c->sql("CALL cloudflux.import_inventory('s3', 'tagged')");
my $plan = $c->value("SELECT cloudflux.plan_migration('gcs', prefix => 'tagged', must_pay => false)");
is($c->sql("SELECT lost, refused FROM cloudflux.plan_items WHERE plan_id = $plan"), 'tags (1, as "project")|the destination cannot hold its tags (1, as "project")', 'a plan refuses what would be lost');
$c->sql("ALTER SERVER gcs OPTIONS (ADD accept_loss 'tags')");
$plan = $c->value("SELECT cloudflux.plan_migration('gcs', prefix => 'tagged', must_pay => false)");
is($c->sql("SELECT lost, refused, risk ~ 'loses tags' FROM cloudflux.plan_items WHERE plan_id = $plan"), 'tags (1, as "project")||t', 'where the place accepts it, it is a risk');
$plan = $c->value("SELECT cloudflux.plan_migration('gcs', prefix => 'tagged', must_pay => false, look => false)");
is($c->sql("SELECT lost, refused, risk ~ 'not looked at' FROM cloudflux.plan_items WHERE plan_id = $plan"), '||t', 'what nobody has looked at is a risk too');

# Where versions are kept, what is replaced or deleted goes on being billed, and the plan says so.
$server{s3}->post('/_peer/buckets', { name => 'versioned', versioned => JSON::PP::true });
$server{s3}->place($c, 'versioned', bucket => 'versioned', options => { price_region => 'us-east-1', storage_class => 'STANDARD' });
is($c->sql("SELECT check_name, ok, detail ~ 'billed' FROM cloudflux.check_storage('versioned') WHERE check_name = 'versions'"), 'versions|t|t', 'check_storage() sees it');
$c->sql("SELECT cloudflux.put_object('versioned', 'old', convert_to(repeat('x', 1000000), 'UTF8'))");
foreach my $how ([ 'versioned', 'WARM' ], [ 'azure', 'HOT' ])
{
	my ($to, $tier) = @$how;
	$plan = $c->value("SELECT cloudflux.plan_migration('$to', '$tier', file_ids => array_agg(file_id), must_pay => false, delete_source => true) FROM cloudflux.data_objects WHERE object_key = 'old'");
	is($c->sql("SELECT risk ~ 'older version stays and is billed', monthly_after > monthly_before FROM cloudflux.plan_items WHERE plan_id = $plan"), 't|t',
		"to $to, $tier: the older version is a risk and in the bill");
}

# A move without delete leaves a replica: a row, and billed.
$c->sql("SELECT cloudflux.put_object('s3', 'kept', convert_to(repeat('x', 1000000), 'UTF8'))");
$plan = $c->value("SELECT cloudflux.plan_migration('azure', prefix => 'kept', must_pay => false, delete_source => false)");
is($c->value("SELECT monthly_after > monthly_before FROM cloudflux.plan_items WHERE plan_id = $plan"), 't', 'a copy that is kept costs more than one');
$c->sql("SELECT cloudflux.execute_plan($plan)");
settle($plan);
is($c->sql("SELECT place, state FROM cloudflux.addresses WHERE object_key = 'kept' ORDER BY 1"), "azure|primary\ns3|replica", 'the source is a row: a replica');
is($c->sql("SELECT cloud, num_objects FROM cloudflux.cost_day(CURRENT_DATE) WHERE cloud = 'AWS' AND tier = 'HOT'"),
	$c->sql("SELECT 'AWS', count(*) FROM cloudflux.addresses AS a JOIN cloudflux.places AS p USING (place) WHERE p.provider = 'AWS' AND (a.state = 'replica' OR a.object_key <> 'class')"), 'and it is billed');
done_testing;
