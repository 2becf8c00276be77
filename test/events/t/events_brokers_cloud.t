# Three brokers: one of them dies, or sleeps, again and again, who leads a partition and who coordinates the transactions is somebody else each time,
# and publisher and server die, too. Every committed event is there exactly once, in order. What is done stands in EventLoop.pm.
use CloudFlux::Test;
use CloudFlux::EventLoop;

plan skip_all => 'three brokers: in make check-long' unless $ENV{CF_LONG};
CloudFlux::EventLoop->new(brokers => 3, partitions => 6, events => 300_000, publisher => 20, broker => 40, postmaster => 5, pause => 6, batch => 5000)->run;
done_testing;
