# The same as migration_kill.t with what users install: the release build, which has no fault points, killed at random.
use CloudFlux::Test;
use CloudFlux::KillLoop;

CloudFlux::KillLoop->new(flavour => 'release', cycles => $ENV{CF_LONG} ? 50 : 5)->run;
done_testing;
